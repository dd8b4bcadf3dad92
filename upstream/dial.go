package upstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Dialer makes every connection that a document asks for. It judges the
// address that is about to be connected to, after all names are resolved, so
// that no spelling and no name server leads round it. Set its fields before
// its first use.
//
// Link-local and unspecified addresses are always denied, also within IPv6
// forms of IPv4 addresses.
type Dialer struct {
	Deny []netip.Prefix
	// DenyAddrs are the process's own doors. An unspecified address denies the
	// port on every address of this machine.
	DenyAddrs []netip.AddrPort
	// Own are more of them, which open and close while the process runs.
	Own iter.Seq[netip.AddrPort]
}

// NewDialer denies prefixes besides what is always denied.
func NewDialer(deny ...netip.Prefix) *Dialer { return &Dialer{Deny: deny} }

// DeniedError tells that an address may not be dialled.
type DeniedError struct{ Addr netip.AddrPort }

func (e *DeniedError) Error() string { return e.Addr.String() + " is denied to upstreams" }

// Dial resolves, checks and connects. The error wraps a *DeniedError when the
// address is denied. Deadlines are ctx's.
func (d *Dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{
		KeepAlive: 30 * time.Second,
		Control: func(network, address string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("judge %s %s: %w", network, address, err)
			}
			return d.Check(addr)
		},
	}
	c, err := dialer.DialContext(ctx, network, address)
	var denied *DeniedError
	if errors.As(err, &denied) {
		return nil, denied
	}
	return c, err
}

var alwaysDenied = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("::/128"),
}

// Check returns a *DeniedError if addr may not be dialled.
func (d *Dialer) Check(addr netip.AddrPort) error {
	whole := addr.Addr().Unmap().WithZone("")
	for _, a := range []netip.Addr{whole, embedded(whole)} {
		if !a.IsValid() {
			continue
		}
		for _, denied := range [][]netip.Prefix{alwaysDenied, d.Deny} {
			for _, p := range denied {
				if contains(p, a) {
					return &DeniedError{addr}
				}
			}
		}
		if opens(slices.Values(d.DenyAddrs), a, addr.Port()) || d.Own != nil && opens(d.Own, a, addr.Port()) {
			return &DeniedError{addr}
		}
	}
	return nil
}

// contains compares a as IPv4 with prefixes given in mapped form too.
func contains(p netip.Prefix, a netip.Addr) bool {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Contains(a)
}

// opens tells whether a and port lead to one of our doors.
func opens(doors iter.Seq[netip.AddrPort], a netip.Addr, port uint16) bool {
	for own := range doors {
		if own.Port() == port && covers(own.Addr().Unmap().WithZone(""), a) {
			return true
		}
	}
	return false
}

// covers tells whether a listener on own is reached by a.
func covers(own, a netip.Addr) bool {
	if own == a {
		return true
	}
	if !own.IsUnspecified() {
		return false
	}
	if a.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true // not knowing ourselves, we had better not knock
	}
	for _, i := range addrs {
		if n, ok := i.(*net.IPNet); ok {
			if mine, ok := netip.AddrFromSlice(n.IP); ok && mine.Unmap() == a {
				return true
			}
		}
	}
	return false
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	compatible = netip.MustParsePrefix("::/96")
)

// embedded is the IPv4 address that a translator or tunnel would make of an
// IPv6 one; not valid if there is none.
func embedded(a netip.Addr) netip.Addr {
	if !a.Is6() || a.IsLoopback() {
		return netip.Addr{}
	}
	b := a.As16()
	switch {
	case nat64.Contains(a), compatible.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return netip.Addr{}
}
