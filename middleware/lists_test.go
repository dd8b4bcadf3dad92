package middleware

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/message"
	"yumen/spec"
)

func TestDenyAlwaysWins(t *testing.T) {
	w := newWorld(t)
	chain := w.chain(service(func(s *spec.Service) {
		s.Access = &spec.Access{Allow: []string{"192.0.2.0/24", "2001:db8::/32"}, Deny: []string{"192.0.2.7", "2001:db8:1::/48"}}
	}))
	for from, want := range map[string]string{
		"192.0.2.1": "", "192.0.2.7": "denied", "::ffff:192.0.2.7": "denied", "198.51.100.1": "denied",
		"2001:db8::1": "", "2001:db8:1::1": "denied", "2001:db8:1::1%eth0": "denied", "::1": "denied",
	} {
		require.Equal(t, want, reason(t, chain.Admit(w.call(from))), from)
	}
}

func TestAbsentListIsAnyoneAndAnEmptyOneNobody(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.chain(service(func(s *spec.Service) { s.Access = &spec.Access{Allow: nil} })).Admit(w.call("192.0.2.1")))
	require.Equal(t, "denied", reason(t, w.chain(service(func(s *spec.Service) {
		s.Access = &spec.Access{Allow: []string{}}
	})).Admit(w.call("192.0.2.1"))))
}

// origin.md, defect 8: lists held only where tokens were asked for, and only
// for addresses written alike.
func TestListsHoldWithoutAuthenticationAndInEverySpelling(t *testing.T) {
	w := newWorld(t)
	chain := w.chain(service(func(s *spec.Service) {
		s.Access = &spec.Access{Deny: []string{"192.0.2.7", "2001:DB8:0:0::7", "::ffff:198.51.100.0/120"}}
	}))
	for _, from := range []string{"192.0.2.7", "::ffff:c000:207", "2001:db8::7", "2001:0db8:0000::0007", "198.51.100.255"} {
		require.Equal(t, "denied", reason(t, chain.Admit(w.call(from))), from)
	}
}

// origin.md, defect 6: IPv6 peers passed every black list of TCP services.
func TestDenyAppliesToIPv6Clients(t *testing.T) {
	w := newWorld(t)
	w.doc.Blacklist = []spec.BlacklistRule{{CIDR: "2001:db8::/32"}, {CIDR: "203.0.113.0/24"}}
	w.apply()
	for from, want := range map[string]string{
		"2001:db8::1": "blacklisted", "2001:db8:ffff::1": "blacklisted", "2001:db9::1": "",
		"203.0.113.9": "blacklisted", "::ffff:203.0.113.9": "blacklisted", "203.0.114.9": "",
	} {
		c := w.call(from)
		c.Request = nil
		require.Equal(t, want, reason(t, w.state.Blacklist(c)), from)
	}
}

func TestBlacklistHoldsForThePeerAndForWhomItSpeaks(t *testing.T) {
	w := newWorld(t)
	w.doc.Blacklist = []spec.BlacklistRule{{CIDR: "203.0.113.9"}}
	w.apply()
	c := w.call("10.0.0.1")
	c.Client = netip.MustParseAddr("203.0.113.9")
	require.Equal(t, "blacklisted", reason(t, w.state.Blacklist(c)))
	c.Peer, c.Client = c.Client, c.Peer
	require.Equal(t, "blacklisted", reason(t, w.state.Blacklist(c)))
}

func TestBlacklistRuleEndsWhenItExpires(t *testing.T) {
	w := newWorld(t)
	w.doc.Blacklist = []spec.BlacklistRule{{CIDR: "203.0.113.0/24", ExpiresAt: ptr(noon.Add(time.Minute))}}
	w.apply()
	c := w.call("203.0.113.9")
	require.Error(t, w.state.Blacklist(c))
	c.Now = noon.Add(time.Minute)
	require.NoError(t, w.state.Blacklist(c))
}

func TestExpiredNarrowRuleHidesNoWiderOne(t *testing.T) {
	for _, rules := range [][]spec.BlacklistRule{
		{{CIDR: "203.0.113.9", ExpiresAt: ptr(noon.Add(-time.Minute))}, {CIDR: "203.0.113.0/24"}},
		{{CIDR: "203.0.0.0/16"}, {CIDR: "203.0.113.0/24", ExpiresAt: ptr(noon)}, {CIDR: "203.0.113.9/32", ExpiresAt: ptr(noon)}},
		{{CIDR: "203.0.113.9", ExpiresAt: ptr(noon)}, {CIDR: "203.0.113.9"}},
	} {
		b, err := NewBlacklist(rules)
		require.NoError(t, err)
		require.True(t, b.Has(netip.MustParseAddr("203.0.113.9"), noon))
	}
}

func TestWhatIsNoAddressIsOnNoList(t *testing.T) {
	b, err := NewBlacklist([]spec.BlacklistRule{{CIDR: "0.0.0.0/0"}})
	require.NoError(t, err)
	require.False(t, b.Has(netip.Addr{}, noon))
}

// security.md 18, origin.md defect 5: X-Forwarded-For was believed from
// anybody.
func TestForwardedForIsBelievedFromTrustedProxiesOnly(t *testing.T) {
	trusted, err := NewTrusted([]string{"10.0.0.0/8", "2001:db8:f::/48"})
	require.NoError(t, err)
	for _, c := range []struct {
		peer, want string
		lines      []string
	}{
		{"192.0.2.1", "192.0.2.1", []string{"1.1.1.1"}},
		{"10.0.0.1", "10.0.0.1", nil},
		{"10.0.0.1", "1.1.1.1", []string{"1.1.1.1"}},
		{"10.0.0.1", "1.1.1.1", []string{"6.6.6.6, 1.1.1.1, 10.0.0.2"}},
		{"10.0.0.1", "1.1.1.1", []string{"6.6.6.6", "1.1.1.1", "10.0.0.3,10.0.0.2"}},
		{"10.0.0.1", "10.9.9.9", []string{"10.9.9.9, 10.0.0.2"}}, // all trusted: the left-most
		{"::ffff:10.0.0.1", "1.1.1.1", []string{"1.1.1.1"}},
		{"2001:db8:f::1", "2001:db8::7", []string{"2001:db8::7"}},
		{"10.0.0.1", "1.1.1.1", []string{"1.1.1.1:5000"}},
		{"10.0.0.1", "2001:db8::7", []string{"[2001:db8::7]:5000"}},
		{"10.0.0.1", "2001:db8::7", []string{"[2001:db8::7]"}},
		{"10.0.0.1", "1.1.1.1", []string{"::ffff:1.1.1.1"}},
		{"10.0.0.1", "1.1.1.1", []string{"\t1.1.1.1 "}},
		// What is malformed ends the walk where it stands.
		{"10.0.0.1", "10.0.0.1", []string{"nonsense"}},
		{"10.0.0.1", "10.0.0.2", []string{"1.1.1.1, unknown, 10.0.0.2"}},
		{"10.0.0.1", "10.0.0.2", []string{"1.1.1.1, , 10.0.0.2"}},
		{"10.0.0.1", "10.0.0.1", []string{""}},
		{"10.0.0.1", "10.0.0.1", []string{"010.0.0.2"}},
		{"10.0.0.1", "10.0.0.1", []string{"1.1.1.1%eth0"}},
		{"10.0.0.1", "10.0.0.1", []string{"fe80::1%eth0"}},
		{"10.0.0.1", "10.0.0.1", []string{"[1.1.1.1]:80"}},
		{"10.0.0.1", "10.0.0.1", []string{"1.1.1.1:"}},
		{"10.0.0.1", "10.0.0.1", []string{"1.1.1.1:x"}},
		{"10.0.0.1", "10.0.0.1", []string{"[2001:db8::7"}},
		{"10.0.0.1", "10.0.0.1", []string{"[2001:db8::7]80"}},
		{"10.0.0.1", "10.0.0.1", []string{`"1.1.1.1"`}},
		{"10.0.0.1", "10.0.0.1", []string{"2852039166"}},
		{"10.0.0.1", "10.0.0.1", []string{"1.1.1.1/32"}},
	} {
		var f message.Fields
		for _, l := range c.lines {
			f.Add("x-forwarded-for", l)
		}
		got := trusted.Client(netip.MustParseAddr(c.peer), f)
		require.Equal(t, c.want, got.String(), "%s %v", c.peer, c.lines)
	}
	var nobody Trusted
	require.Equal(t, "10.0.0.1", nobody.Client(netip.MustParseAddr("10.0.0.1"), message.Fields{{Name: "X-Forwarded-For", Value: "1.1.1.1"}}).String())
}

func TestWhatAnUntrustedPeerSaysOfItselfIsDropped(t *testing.T) {
	trusted, err := NewTrusted([]string{"10.0.0.1"})
	require.NoError(t, err)
	names := []string{
		"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "x-forwarded-anything",
		"Forwarded", "X-Real-IP", "X-Tenant-ID", "X-Request-ID", "Proxy",
		"X_Forwarded_For", "X_FORWARDED-PROTO", "x_real_ip", "X_Tenant_Id", "X-Tenant_ID", "X_Request_ID",
	}
	receive := func(peer string) (Origin, []string) {
		r := &message.Request{Scheme: "http", Authority: "real.example.com:8080"}
		r.Fields.Add("Accept", "*/*")
		for _, n := range names {
			r.Fields.Add(n, "https")
		}
		r.Fields.Add("X-Forwarded-Thing_", "kept only if plain")
		r.Fields.Add("X-Custom", "1")
		o := trusted.Receive(r, netip.MustParseAddr(peer), netip.MustParseAddrPort("127.0.0.1:8080"))
		var left []string
		for _, f := range r.Fields {
			left = append(left, f.Name)
		}
		return o, left
	}
	o, left := receive("192.0.2.1")
	require.Equal(t, []string{"Accept", "X-Custom"}, left)
	require.Equal(t, Origin{Client: netip.MustParseAddr("192.0.2.1"), Scheme: "http", Host: "real.example.com:8080", Port: "8080"}, o)

	o, left = receive("10.0.0.1")
	require.Equal(t, []string{
		"Accept", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix",
		"x-forwarded-anything", "X-Request-ID", "X-Custom",
	}, left)
	require.True(t, o.Trusted)
	require.Equal(t, "https", o.Scheme)
}

func TestTrustedProxySaysHowTheClientCame(t *testing.T) {
	trusted, err := NewTrusted([]string{"10.0.0.1"})
	require.NoError(t, err)
	receive := func(fields ...string) Origin {
		r := &message.Request{Scheme: "http", Authority: "inner"}
		for i := 0; i < len(fields); i += 2 {
			r.Fields.Add(fields[i], fields[i+1])
		}
		return trusted.Receive(r, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddrPort("127.0.0.1:80"))
	}
	o := receive("X-Forwarded-Proto", "HTTPS", "X-Forwarded-Host", "shop.example.com", "X-Forwarded-Port", "443", "X-Forwarded-For", "1.1.1.1")
	require.Equal(t, Origin{Client: netip.MustParseAddr("1.1.1.1"), Trusted: true, Scheme: "https", Host: "shop.example.com", Port: "443"}, o)
	require.Equal(t, "http", receive("X-Forwarded-Proto", "https, http").Scheme, "the proxy's own word is the last")
	for _, bad := range []string{"gopher", "", "https\r\n"} {
		require.Equal(t, "http", receive("X-Forwarded-Proto", bad).Scheme)
	}
	for _, bad := range []string{"", "a b", "a/b", "a@b", "a\r\nb", `a"b`, "ü"} {
		require.Equal(t, "inner", receive("X-Forwarded-Host", bad).Host, bad)
	}
	require.Equal(t, "80", receive("X-Forwarded-Port", "x").Port)
}

func TestUpstreamIsToldTheWholeWay(t *testing.T) {
	o := Origin{Client: netip.MustParseAddr("1.1.1.1"), Trusted: true, Scheme: "https", Host: "shop.example.com", Port: "443"}
	f := message.Fields{{Name: "X-Forwarded-For", Value: "1.1.1.1"}, {Name: "x-forwarded-for", Value: "10.0.0.2"}, {Name: "X-Forwarded-Proto", Value: "https"}}
	o.Forward(&f, netip.MustParseAddr("10.0.0.1"))
	require.Equal(t, message.Fields{
		{Name: "X-Forwarded-For", Value: "1.1.1.1, 10.0.0.2, 10.0.0.1"}, {Name: "X-Forwarded-Proto", Value: "https"},
		{Name: "X-Real-IP", Value: "1.1.1.1"}, {Name: "X-Forwarded-Host", Value: "shop.example.com"}, {Name: "X-Forwarded-Port", Value: "443"},
	}, f)
	o = Origin{Client: netip.MustParseAddr("2001:db8::1"), Scheme: "http", Port: "80"}
	f = nil
	o.Forward(&f, o.Client)
	require.Equal(t, "2001:db8::1", f.Get("X-Forwarded-For"))
	require.False(t, f.Has("X-Forwarded-Host"))
}

func TestClientLimitIsNotPassedByForgedFields(t *testing.T) {
	w := newWorld(t)
	chain := w.chain(service(func(s *spec.Service) {
		s.Limits = &spec.Limits{ClientIP: &spec.RateLimit{Rate: ptr(1.0)}}
	}))
	var trusted Trusted
	admitted := 0
	for i := range 20 {
		c := w.call("192.0.2.1", "X-Forwarded-For", fmt.Sprintf("1.1.1.%d", i), "X-Real-IP", fmt.Sprintf("1.1.1.%d", i))
		c.Client = trusted.Receive(c.Request, c.Peer, netip.AddrPort{}).Client
		if chain.Admit(c) == nil {
			admitted++
		}
	}
	require.Equal(t, 1, admitted)
}

func TestReceiveOfAPlainRequestDoesNotAllocate(t *testing.T) {
	trusted, err := NewTrusted([]string{"10.0.0.0/8"})
	require.NoError(t, err)
	r := &message.Request{Scheme: "http", Authority: "h", Fields: message.Fields{{Name: "Accept", Value: "*/*"}, {Name: "User-Agent", Value: "x"}, {Name: "X-Custom", Value: "x"}, {Name: "Pragma", Value: "x"}}}
	peer, local := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddrPort("127.0.0.1:8080")
	require.Zero(t, testing.AllocsPerRun(100, func() { trusted.Receive(r, peer, local) }))
	forwarded := message.Fields{{Name: "X-Forwarded-For", Value: "1.1.1.1, 10.0.0.2"}}
	proxy := netip.MustParseAddr("10.0.0.1")
	require.Zero(t, testing.AllocsPerRun(100, func() { trusted.Client(proxy, forwarded) }))
}

func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"1.1.1.1", "[::1]:80, 10.0.0.2", ",", "::ffff:1.1.1.1", "a, 10.0.0.1"} {
		f.Add(s)
	}
	trusted, err := NewTrusted([]string{"10.0.0.0/8"})
	require.NoError(f, err)
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, line string) {
		got := trusted.Client(peer, message.Fields{{Name: "X-Forwarded-For", Value: line}})
		require.True(t, got.IsValid())
		require.Equal(t, Addr(got), got, "in the form that lists compare")
		// Whatever a client puts in front changes nothing about what a trusted
		// proxy saw.
		seen := trusted.Client(peer, message.Fields{{Name: "X-Forwarded-For", Value: line + ", 192.0.2.1"}})
		require.Equal(t, "192.0.2.1", seen.String())
	})
}
