package middleware

import (
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"

	"yumen/spec"
)

// addresses is a set of addresses given as CIDRs. A nil one holds every
// address.
type addresses struct{ table bart.Lite }

// Has tells whether a is in the set. What is no address is in none.
func (s *addresses) Has(a netip.Addr) bool { return s == nil || s.table.Lookup(Addr(a)) }

// newAddresses compiles a list; nil for a nil one. field is its JSON pointer.
func newAddresses(list []string, field string) (*addresses, error) {
	if list == nil {
		return nil, nil
	}
	s := new(addresses)
	for i, text := range list {
		p, err := spec.CanonicalPrefix(text)
		if err != nil {
			return nil, &spec.Invalid{
				Field: fmt.Sprintf("%s/%d", field, i), Code: spec.CodeBadCIDR,
				Message: err.Error(), Params: map[string]any{"value": text},
			}
		}
		s.table.Insert(p)
	}
	return s, nil
}
