package middleware

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/flow"
	"yumen/message"
	"yumen/spec"
)

func TestGatesAreAskedInOrder(t *testing.T) {
	w := newWorld(t)
	one := &spec.RateLimit{Rate: ptr(1.0), Per: ptr(spec.Duration(time.Hour)), Burst: ptr(1)}
	closed := func(s *spec.Service) {
		s.Access = &spec.Access{Auth: ptr("jwt"), Deny: []string{"192.0.2.1"}, Tenants: []string{}}
		s.Limits = &spec.Limits{ClientIP: one, Service: one}
	}
	w.tenant().Limits = &spec.TenantLimits{QPS: ptr(0.001), Burst: ptr(1), QPD: ptr(int64(1))}
	w.apply()
	// Everything is used up once, then each gate is opened in turn.
	everyone := w.chain(service(func(s *spec.Service) { closed(s); s.Access.Deny, s.Access.Tenants = nil, nil }))
	require.NoError(t, everyone.Admit(w.bearer(w.token())))

	s := service(closed)
	next := func(change func()) string { change(); return reason(t, w.chain(s).Admit(w.bearer(w.token()))) }
	require.Equal(t, "denied", next(func() {}))
	require.Equal(t, "client_limit", next(func() { s.Access.Deny = nil }))
	s.Limits.ClientIP = nil
	require.Equal(t, "unauthenticated", reason(t, w.chain(s).Admit(w.call("192.0.2.1"))))
	require.Equal(t, "scope", next(func() {}))
	require.Equal(t, "tenant_limit", next(func() { s.Access.Tenants = nil }))
	require.Equal(t, "service_limit", next(func() { w.tenant().Limits.QPS = nil; w.apply() }))
	require.Equal(t, "quota", next(func() { s.Limits.Service = nil }))
	require.Equal(t, "", next(func() { w.tenant().Limits.QPD = nil; w.apply() }))
}

func TestServiceWithoutRulesHasNoGates(t *testing.T) {
	require.Empty(t, newWorld(t).chain(service(nil)))
}

func TestWhatEarlierGatesTookIsGivenBack(t *testing.T) {
	w := newWorld(t)
	limit := func(n int) *spec.RateLimit {
		return &spec.RateLimit{Rate: ptr(float64(n)), Per: ptr(spec.Duration(time.Hour))}
	}
	w.tenant().Limits = &spec.TenantLimits{QPS: ptr(3.0), QPD: ptr(int64(2))}
	w.apply()
	s := service(func(s *spec.Service) {
		withAuth(s)
		s.Limits = &spec.Limits{ClientIP: limit(3), Service: limit(3)}
	})
	chain := w.chain(s)
	token := w.token()
	for range 2 {
		require.NoError(t, chain.Admit(w.bearer(token)))
	}
	for range 10 {
		require.Equal(t, "quota", reason(t, chain.Admit(w.bearer(token))))
	}
	w.tenant().Limits.QPD = nil
	w.apply()
	require.NoError(t, chain.Admit(w.bearer(token)), "ten refusals by the last gate used up no other limit")
	require.Equal(t, "client_limit", reason(t, chain.Admit(w.bearer(token))))
	require.EqualValues(t, 2, w.state.Quotas.Used("tenant:a@3", noon))
}

func TestRefusalEndsTheCallInReverseOrderOnce(t *testing.T) {
	var said []string
	say := func(what string) Gate {
		return func(c *Call) error {
			c.OnEnd(func(o *message.Outcome) { said = append(said, what+" "+o.Reason) })
			return nil
		}
	}
	chain := Chain{say("first"), say("second"), func(*Call) error { return deniedScope }, say("never")}
	c := new(Call)
	require.Error(t, chain.Admit(c))
	c.End(&message.Outcome{Reason: "again"})
	require.Equal(t, []string{"second scope", "first scope"}, said)
}

func TestFailureOfAGateIsARefusalThatSaysNothing(t *testing.T) {
	cause := errors.New("secret cause")
	err := Chain{func(*Call) error { return cause }}.Admit(new(Call))
	var d *Denied
	require.ErrorAs(t, err, &d)
	require.Equal(t, "internal", d.Reason)
	require.Equal(t, 500, d.Status)
	require.ErrorIs(t, d, cause)
}

func TestTooManyTellsWhichLimitAndWhenToComeBack(t *testing.T) {
	w := newWorld(t)
	s := service(func(s *spec.Service) {
		s.Limits = &spec.Limits{Service: &spec.RateLimit{Rate: ptr(2.0), Per: ptr(spec.Duration(time.Minute)), Burst: ptr(1)}}
	})
	chain := w.chain(s)
	require.NoError(t, chain.Admit(w.call("192.0.2.1")))
	var d *Denied
	require.ErrorAs(t, chain.Admit(w.call("192.0.2.1")), &d)
	require.Equal(t, 429, d.Status)
	require.InDelta(t, 30*time.Second, d.RetryAfter, float64(time.Millisecond))
	require.Equal(t, `"service";q=2;w=60`, d.Limit.Policy())
	require.Equal(t, `"service";r=0;t=30`, d.Limit.State(30*time.Second))
	w.tenant().Limits = &spec.TenantLimits{QPD: ptr(int64(1))}
	w.apply()
	chain = w.chain(service(withAuth))
	require.NoError(t, chain.Admit(w.bearer(w.token())))
	require.ErrorAs(t, chain.Admit(w.bearer(w.token())), &d)
	require.Equal(t, 12*time.Hour, d.RetryAfter, "until midnight")
}

func TestServiceMadeAgainUnderItsNameStartsAnew(t *testing.T) {
	w := newWorld(t)
	limited := func(origin uint64) *spec.Service {
		return service(func(s *spec.Service) {
			s.Origin = origin
			s.Limits = &spec.Limits{Service: &spec.RateLimit{Rate: ptr(1.0), Per: ptr(spec.Duration(time.Hour))}}
		})
	}
	require.NoError(t, w.chain(limited(12)).Admit(w.call("192.0.2.1")))
	require.Error(t, w.chain(limited(12)).Admit(w.call("192.0.2.1")), "a changed service keeps its level")
	require.NoError(t, w.chain(limited(40)).Admit(w.call("192.0.2.1")))
}

// origin.md, defect 20: limits never changed after they were made.
func TestChangedTenantLimitHoldsAtOnceInEveryChain(t *testing.T) {
	w := newWorld(t)
	w.tenant().Limits = &spec.TenantLimits{QPS: ptr(1.0)}
	w.apply()
	chain := w.chain(service(withAuth)) // made once, never again
	token := w.token()
	require.NoError(t, chain.Admit(w.bearer(token)))
	require.Equal(t, "tenant_limit", reason(t, chain.Admit(w.bearer(token))))
	w.tenant().Limits.QPS = ptr(100.0)
	w.apply()
	require.Error(t, chain.Admit(w.bearer(token)), "a change fills no bucket")
	w.now = w.now.Add(time.Second)
	for range 100 {
		require.NoError(t, chain.Admit(w.bearer(token)))
	}
}

func TestRefusedAndAdmittedCallsAreCountedForTheTenant(t *testing.T) {
	w := newWorld(t)
	w.tenant().Limits = &spec.TenantLimits{QPD: ptr(int64(1))}
	w.apply()
	chain := w.chain(service(withAuth))
	for range 3 {
		c := w.bearer(w.token())
		o := &message.Outcome{Status: 200, GRPC: 0, Duration: time.Millisecond}
		if err := chain.Admit(c); err != nil {
			o = &message.Outcome{Status: 429, GRPC: -1, Reason: reason(t, err)}
		}
		c.Count(w.now, o)
		c.Bytes(w.now, 10, 20)
	}
	counts := map[string]flow.Counts{}
	for _, b := range w.state.Counters.Flush(time.UTC) {
		if b.Step == flow.Day {
			for subject, packed := range b.Counts {
				c, err := flow.ParseCounts(packed)
				require.NoError(t, err)
				counts[subject] = c
			}
		}
	}
	for _, subject := range []string{"tenant:a@3", "pair:a@3/orders@12"} {
		c := counts[subject]
		require.EqualValues(t, 3, c.Requests, subject)
		require.Equal(t, map[string]uint64{"quota": 2}, c.Refused)
		require.EqualValues(t, 30, c.In)
		require.EqualValues(t, 1, c.GRPC[0])
	}
	require.EqualValues(t, 1, counts["tenant:a@3"].Quota, "what other nodes count against the quota")
}

// Reasons become labels of metrics, so the list of them is closed.
func TestEveryReasonForARefusalIsCounted(t *testing.T) {
	literal := regexp.MustCompile(`(?:Reason: |tooMany\()"([a-z_]+)"`)
	found := 0
	for _, dir := range []string{".", "../reverse_proxy", "../tcp_proxy", "../grpc_proxy", "../proxy_server"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, m := range literal.FindAllSubmatch(text, -1) {
				found++
				require.True(t, slices.Contains(flow.Reasons[:], string(m[1])), "%s: %s", name, m[1])
			}
		}
	}
	require.Greater(t, found, 20)
}

func TestCallOfTCPIsNeverAuthenticated(t *testing.T) {
	w := newWorld(t)
	c := w.call("192.0.2.1")
	c.Request = nil
	require.Equal(t, "unauthenticated", reason(t, w.chain(service(withAuth)).Admit(c)))
}

func TestBadListsNameTheirField(t *testing.T) {
	w := newWorld(t)
	for field, change := range map[string]func(s *spec.Service){
		"/access/allow/1": func(s *spec.Service) { s.Access = &spec.Access{Allow: []string{"10.0.0.1", "nonsense"}} },
		"/access/deny/0":  func(s *spec.Service) { s.Access = &spec.Access{Deny: []string{"010.0.0.1"}} },
	} {
		_, err := NewChain(Inputs{Service: service(change), State: w.state})
		var invalid *spec.Invalid
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, field, invalid.Field)
	}
	_, err := NewTrusted([]string{"x"})
	require.Error(t, err)
	_, err = NewBlacklist([]spec.BlacklistRule{{CIDR: "10.0.0.0/33"}})
	require.Error(t, err)
	w.tenant().AllowIPs = []string{"fe80::1%eth0"}
	_, err = NewTenants(w.doc, w.state)
	require.ErrorContains(t, err, `"a"`)
}

// fullChain is every gate at once, none of which refuses.
func fullChain(w *world) (Chain, string) {
	w.tenant().AllowIPs = []string{"192.0.2.0/24"}
	w.tenant().Services = []string{"orders"}
	w.tenant().Limits = &spec.TenantLimits{QPS: ptr(1e9), Burst: ptr(1 << 30), QPD: ptr(int64(1) << 60)}
	w.apply()
	lots := &spec.RateLimit{Rate: ptr(1e9), Burst: ptr(1 << 30)}
	s := service(func(s *spec.Service) {
		s.Access = &spec.Access{Auth: ptr("jwt"), Allow: []string{"192.0.2.0/24"}, Deny: []string{"192.0.2.99"}, Tenants: []string{"a"}}
		s.Limits = &spec.Limits{Service: lots, ClientIP: lots}
	})
	return append(Chain{w.state.Blacklist}, w.chain(s)...), w.token()
}

func TestFullChainDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	chain, token := fullChain(w)
	require.Len(t, chain, len(order)+1)
	c := w.bearer(token)
	fields := slices.Clone(c.Request.Fields)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		c.Request.Fields = append(c.Request.Fields[:0], fields...)
		c.took.n, c.meters.n = 0, 0
		if err := chain.Admit(c); err != nil {
			t.Fatal(err)
		}
	}))
}

func BenchmarkAdmit(b *testing.B) {
	w := newWorld(b)
	chain, token := fullChain(w)
	c := w.bearer(token)
	fields := slices.Clone(c.Request.Fields)
	b.ReportAllocs()
	for b.Loop() {
		c.Request.Fields = append(c.Request.Fields[:0], fields...)
		c.took.n, c.meters.n = 0, 0
		if err := chain.Admit(c); err != nil {
			b.Fatal(err)
		}
	}
}
