package spec

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// CanonicalPrefix reads an address or a CIDR into the one form we keep: masked
// to its length, IPv4-mapped IPv6 as IPv4. Zones, leading zeros and mapped
// ranges wider than all of IPv4 are refused, for they mean different things to
// different readers.
func CanonicalPrefix(s string) (netip.Prefix, error) {
	p, err := parsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a CIDR: %w", clip(s), err)
	}
	return p, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	text, _, hasBits := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, errors.New("no IP address")
	}
	if addr.Zone() != "" {
		return netip.Prefix{}, errors.New("zones mean nothing here")
	}
	bits := addr.BitLen()
	if hasBits {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return netip.Prefix{}, errors.New("bad length after the slash")
		}
		bits = p.Bits()
	}
	if addr.Is4In6() {
		if bits < 96 {
			return netip.Prefix{}, errors.New("IPv4-mapped, but wider than IPv4")
		}
		addr, bits = addr.Unmap(), bits-96
	}
	return addr.Prefix(bits)
}
