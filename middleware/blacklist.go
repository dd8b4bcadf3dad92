package middleware

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"yumen/spec"
)

var deniedBlacklisted = &Denied{Reason: "blacklisted", Status: 403}

// Blacklist is the addresses shut out of everything. It never changes.
type Blacklist struct {
	until bart.Table[int64] // Unix nanoseconds, by CIDR
}

// NewBlacklist compiles rules; expired ones count for nothing from the moment
// they expire. Errors are *spec.Invalid.
func NewBlacklist(rules []spec.BlacklistRule) (*Blacklist, error) {
	type rule struct {
		prefix netip.Prefix
		until  int64
	}
	parsed := make([]rule, 0, len(rules))
	for i, r := range rules {
		p, err := spec.CanonicalPrefix(r.CIDR)
		if err != nil {
			return nil, &spec.Invalid{
				Field: fmt.Sprintf("/blacklist/%d/cidr", i), Code: spec.CodeBadCIDR,
				Message: err.Error(), Params: map[string]any{"value": r.CIDR},
			}
		}
		until := int64(math.MaxInt64)
		if r.ExpiresAt != nil {
			until = r.ExpiresAt.UnixNano()
		}
		parsed = append(parsed, rule{p, until})
	}
	// Wide ones first: a look-up finds the narrowest, which therefore must
	// last as long as any that is wider.
	slices.SortFunc(parsed, func(a, b rule) int { return cmp.Compare(a.prefix.Bits(), b.prefix.Bits()) })
	b := new(Blacklist)
	for _, r := range parsed {
		if wider, ok := b.until.LookupPrefix(r.prefix); ok {
			r.until = max(r.until, wider)
		}
		b.until.Insert(r.prefix, r.until)
	}
	return b, nil
}

// Has tells whether a rule that has not expired covers a.
func (b *Blacklist) Has(a netip.Addr, now time.Time) bool {
	until, ok := b.until.Lookup(Addr(a))
	return ok && now.UnixNano() < until
}
