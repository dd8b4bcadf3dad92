package middleware

import (
	"net/netip"
	"strconv"
	"strings"

	"yumen/message"
)

// Trusted is the proxies whose word about their clients is taken. The zero
// value trusts nobody.
type Trusted struct{ proxies *addresses }

// NewTrusted compiles addresses and CIDRs. Errors are *spec.Invalid.
func NewTrusted(cidrs []string) (Trusted, error) {
	proxies, err := newAddresses(cidrs, "/settings/trusted_proxies")
	return Trusted{proxies}, err
}

// Has tells whether a is a trusted proxy.
func (t Trusted) Has(a netip.Addr) bool { return t.proxies != nil && t.proxies.Has(a) }

// Client is whom peer speaks for: itself, unless it is trusted. Then the
// X-Forwarded-For lines are walked from the right to the first address that is
// not; what is malformed ends the walk.
func (t Trusted) Client(peer netip.Addr, f message.Fields) netip.Addr {
	client := Addr(peer)
	if !t.Has(client) {
		return client
	}
	for i := len(f) - 1; i >= 0; i-- {
		if !sameName(f[i].Name, "x-forwarded-for") {
			continue
		}
		for rest, more := f[i].Value, true; more; {
			comma := strings.LastIndexByte(rest, ',')
			a, ok := forwardedAddr(rest[comma+1:])
			if !ok {
				return client
			}
			client = a
			if !t.Has(client) {
				return client
			}
			if more = comma >= 0; more {
				rest = rest[:comma]
			}
		}
	}
	return client
}

// forwardedAddr reads an element of X-Forwarded-For: an address, with a port
// or without, IPv6 with a port in brackets. A zone is nothing that another
// machine could mean.
func forwardedAddr(s string) (a netip.Addr, ok bool) {
	s = strings.Trim(s, " \t")
	port := ""
	switch {
	case strings.HasPrefix(s, "["):
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return a, false
		}
		s, port = s[1:end], s[end+1:]
		if strings.IndexByte(s, ':') < 0 {
			return a, false
		}
	case strings.Count(s, ":") == 1:
		i := strings.IndexByte(s, ':')
		s, port = s[:i], s[i:]
	}
	if port != "" && (port[0] != ':' || !isPort(port[1:])) {
		return a, false
	}
	if strings.IndexByte(s, '%') >= 0 {
		return a, false
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}

func isPort(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 5
}

// Origin is where a request came from, as the client sees it.
type Origin struct {
	Client  netip.Addr
	Trusted bool   // the peer is a trusted proxy
	Scheme  string // http or https
	Host    string // the authority the client used
	Port    string
}

// Receive finds the origin of a request. It drops every field by which the
// peer could pretend to another one, and its twin with underscores, which CGI
// takes for the same. Of a trusted proxy's word For, Proto, Host and Port stay,
// and its request id.
func (t Trusted) Receive(r *message.Request, peer netip.Addr, local netip.AddrPort) Origin {
	peer = Addr(peer)
	o := Origin{Client: peer, Scheme: r.Scheme, Host: r.Authority, Port: portText(local.Port())}
	if o.Trusted = t.Has(peer); o.Trusted {
		o.Client = t.Client(peer, r.Fields)
		o.hear(r.Fields)
	}
	trusted := o.Trusted // captured by value: o must not move to the heap
	for i := range r.Fields {
		if pretends(r.Fields[i].Name, trusted) {
			r.Fields.Filter(func(f *message.Field) bool { return !pretends(f.Name, trusted) })
			break
		}
	}
	return o
}

// hear takes what a trusted proxy says about how the client came. Of a list,
// the last is the proxy's own word.
func (o *Origin) hear(f message.Fields) {
	port := ""
	for i := range f {
		value := f[i].Value
		value = strings.Trim(value[strings.LastIndexByte(value, ',')+1:], " \t")
		switch name := f[i].Name; {
		case sameName(name, "x-forwarded-proto"):
			if strings.EqualFold(value, "https") {
				o.Scheme = "https"
			} else if strings.EqualFold(value, "http") {
				o.Scheme = "http"
			}
		case sameName(name, "x-forwarded-host"):
			if isAuthority(value) {
				o.Host = value
			}
		case sameName(name, "x-forwarded-port"):
			if isPort(value) {
				port = value
			}
		}
	}
	if port != "" {
		o.Port = port
	}
}

// isAuthority keeps out what could not have been a Host.
func isAuthority(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`/\?#@,"<>`, c) >= 0 {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 300
}

// pretends tells whether a field says something about its sender that only we,
// or a trusted proxy, may say.
func pretends(name string, trusted bool) bool {
	// Most names go by their first letter.
	if len(name) < 5 || !strings.ContainsRune("xXfFpP", rune(name[0])) {
		return false
	}
	twin := strings.IndexByte(name, '_') >= 0
	switch {
	case sameName(name, "forwarded"), sameName(name, "proxy"), sameName(name, "x-real-ip"), sameName(name, "x-tenant-id"):
		return true
	case sameName(name, "x-request-id"):
		return twin || !trusted
	case len(name) > len("x-forwarded-") && sameName(name[:len("x-forwarded-")], "x-forwarded-"):
		return twin || !trusted
	}
	return false
}

// sameName compares a field's name with one in lower case, "_" being "-".
func sameName(name, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// Forward writes what the upstream is told: X-Forwarded-For with the peer
// appended, X-Real-IP, X-Forwarded-Proto, -Host and -Port.
func (o *Origin) Forward(f *message.Fields, peer netip.Addr) {
	self := peer.String()
	chain, client := self, self
	if before := strings.Join(f.Values("X-Forwarded-For"), ", "); before != "" {
		chain = before + ", " + self
	}
	if o.Client != peer {
		client = o.Client.String()
	}
	f.Set("X-Forwarded-For", chain)
	f.Set("X-Real-IP", client)
	f.Set("X-Forwarded-Proto", o.Scheme)
	if o.Host != "" {
		f.Set("X-Forwarded-Host", o.Host)
	}
	f.Set("X-Forwarded-Port", o.Port)
}

// portText spares the usual ports an allocation.
func portText(port uint16) string {
	switch port {
	case 80:
		return "80"
	case 443:
		return "443"
	case 8080:
		return "8080"
	case 8443:
		return "8443"
	}
	return strconv.Itoa(int(port))
}
