package upstream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	resolveEvery   = 10 * time.Second
	resolveTimeout = 5 * time.Second
)

// name is a host name that targets use. What it stood for last is kept while
// it cannot be resolved.
type name struct {
	host string
	log  *slog.Logger

	mu     sync.Mutex // guards what follows
	addrs  []netip.Addr
	reason string // why the last resolution failed
}

func (n *name) every() time.Duration { return resolveEvery }

// known is what the name stands for; reason says why it may be stale or
// nothing.
func (n *name) known() (addrs []netip.Addr, reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.addrs, n.reason
}

// run resolves once and tells whether the answer changed.
func (n *name) run(ctx context.Context, r *Registry) (changed bool) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, err := r.resolve(ctx, n.host)
	if errors.Is(ctx.Err(), context.Canceled) {
		return false
	}
	addrs = usable(addrs)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: n.host, IsNotFound: true}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.reason
	if err != nil {
		n.reason = reasonOf(err)
		if n.reason != was {
			n.log.Warn("name cannot be resolved", "host", n.host, "reason", n.reason, "known", len(n.addrs))
		}
		return n.reason != was
	}
	n.reason = ""
	if slices.Equal(addrs, n.addrs) {
		return was != ""
	}
	n.log.Info("name resolved", "host", n.host, "addresses", addrs)
	n.addrs = addrs
	return true
}

// usable sorts an answer. Of a name with both kinds only the IPv4 addresses
// are used: half of a pool must not hang on whether this machine has IPv6.
func usable(addrs []netip.Addr) []netip.Addr {
	var v4, v6 []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a)
		} else if a.IsValid() {
			v6 = append(v6, a)
		}
	}
	if len(v4) == 0 {
		v4 = v6
	}
	slices.SortFunc(v4, netip.Addr.Compare)
	return slices.Compact(v4)
}
