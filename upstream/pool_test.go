package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

// outside is a network of our own: which addresses take connections, what
// names stand for.
type outside struct {
	mu    sync.Mutex
	dead  map[string]bool
	names map[string][]string
	dials map[string]int
}

func newOutside() (*outside, *Registry) {
	o := &outside{dead: map[string]bool{}, names: map[string][]string{}, dials: map[string]int{}}
	r := NewRegistry(NewDialer(), slog.New(slog.DiscardHandler))
	r.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.dials[address]++
		if o.dead[address] {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		c, _ := net.Pipe()
		return c, nil
	}
	r.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		var addrs []netip.Addr
		for _, a := range o.names[host] {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
		if addrs == nil {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return addrs, nil
	}
	return o, r
}

func (o *outside) set(f func(o *outside)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(o)
}

// upstreamOf is an effective upstream.
func upstreamOf(t testing.TB, scheme string, targets ...spec.Target) *spec.Upstream {
	t.Helper()
	u := spec.Effective(spec.Upstream{Scheme: &scheme, Targets: targets}, "http")
	return &u
}

func targets(addresses ...string) (all []spec.Target) {
	for _, a := range addresses {
		all = append(all, spec.Target{Address: a})
	}
	return all
}

func poolOf(t testing.TB, r *Registry, u *spec.Upstream) *Pool {
	t.Helper()
	p, err := NewPool("s", u, r)
	require.NoError(t, err)
	return p
}

func ptr[T any](v T) *T { return &v }

// took picks n times and tells who was picked how often.
func took(t testing.TB, p *Pool, n int, not *Node) map[string]int {
	t.Helper()
	m := map[string]int{}
	for range n {
		l, err := p.Pick(Key{}, not)
		require.NoError(t, err)
		m[l.Target().Address]++
		l.Release(nil)
	}
	return m
}

// run runs the registry in a bubble of time until f is done.
func run(t *testing.T, f func(o *outside, r *Registry)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutside()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		f(o, r)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestPoolWithoutALiveTargetSaysSo(t *testing.T) {
	_, r := newOutside()
	for _, u := range []*spec.Upstream{
		upstreamOf(t, "http"),
		upstreamOf(t, "http", spec.Target{Address: "10.0.0.1:80", State: ptr("disabled")}),
		upstreamOf(t, "http", spec.Target{Address: "10.0.0.1:80", State: ptr("draining")}),
		upstreamOf(t, "http", spec.Target{Address: "10.0.0.1:80", Weight: ptr(0)}),
	} {
		p := poolOf(t, r, u)
		_, err := p.Pick(Key{}, nil)
		require.ErrorIs(t, err, ErrNoTarget)
		require.Zero(t, p.Alive())
	}
}

func TestDrainingDisabledAndWeightlessTargetsGetNoNewRequests(t *testing.T) {
	_, r := newOutside()
	p := poolOf(t, r, upstreamOf(t, "http",
		spec.Target{Address: "10.0.0.1:80"},
		spec.Target{Address: "10.0.0.2:80", State: ptr("draining")},
		spec.Target{Address: "10.0.0.3:80", State: ptr("disabled")},
		spec.Target{Address: "10.0.0.4:80", Weight: ptr(0)},
		spec.Target{Address: "10.0.0.5:80"},
	))
	require.Equal(t, map[string]int{"10.0.0.1:80": 5, "10.0.0.5:80": 5}, took(t, p, 10, nil))
	var states []string
	for _, h := range p.Health() {
		states = append(states, h.State)
	}
	require.Equal(t, []string{Unknown, Draining, Disabled, Unknown, Unknown}, states)
}

func TestAFailedNodeIsAvoidedWhileThereIsAnother(t *testing.T) {
	_, r := newOutside()
	for policy := range balancers {
		u := upstreamOf(t, "http", targets("10.0.0.1:80", "10.0.0.2:80")...)
		u.Balance.Policy = &policy
		p := poolOf(t, r, u)
		l, err := p.Pick(Key{}, nil)
		require.NoError(t, err)
		l.Release(nil)
		require.NotContains(t, took(t, p, 20, l.Node()), l.Node().Address(), policy)
	}
	lone := poolOf(t, r, upstreamOf(t, "http", targets("10.0.0.1:80")...))
	l, _ := lone.Pick(Key{}, nil)
	l.Release(nil)
	require.Equal(t, map[string]int{"10.0.0.1:80": 3}, took(t, lone, 3, l.Node()))
}

// origin.md, defect 15: the node of a gRPC service was chosen once, at start.
func TestEveryCallChoosesItsNodeAnew(t *testing.T) {
	_, r := newOutside()
	p := poolOf(t, r, upstreamOf(t, "h2c", targets("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")...))
	require.Equal(t, map[string]int{"10.0.0.1:80": 4, "10.0.0.2:80": 4, "10.0.0.3:80": 4}, took(t, p, 12, nil))
}

// origin.md, defect 25: load figures were never incremented.
func TestInFlightIsCountedAndOutlivesTheConfiguration(t *testing.T) {
	_, r := newOutside()
	p := poolOf(t, r, upstreamOf(t, "http", targets("10.0.0.1:80")...))
	r.Use([]*Pool{p})
	l, err := p.Pick(Key{}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, l.Node().InFlight())
	require.False(t, p.Drained())
	next := poolOf(t, r, upstreamOf(t, "http", targets("10.0.0.2:80", "10.0.0.1:80")...))
	r.Use([]*Pool{next})
	require.EqualValues(t, 1, next.Health()[1].InFlight)
	l.Release(nil)
	require.Zero(t, next.Health()[1].InFlight)
	require.True(t, next.Drained())
}

func TestTargetCarriesWhatTheWireNeeds(t *testing.T) {
	_, r := newOutside()
	u := upstreamOf(t, "https", targets("10.0.0.1:443", "api.example.com:443")...)
	u.Timeouts.Connect = ptr(spec.Duration(7 * time.Second))
	u.Pool.MaxPerTarget = ptr(9)
	p := poolOf(t, r, u)
	l, err := p.Pick(Key{}, nil)
	require.NoError(t, err)
	defer l.Release(nil)
	got := l.Target()
	require.Equal(t, "https", got.Scheme)
	require.Equal(t, 7*time.Second, got.Connect)
	require.Equal(t, []any{10 * time.Second, 30 * time.Second, time.Minute, time.Hour, time.Minute}, []any{got.TLSHandshake, got.ResponseHeader, got.BodyIdle, got.StreamIdle, got.Idle})
	require.Equal(t, []int{128, 9}, []int{got.MaxIdle, got.Max})
	require.EqualValues(t, 0x0303, got.TLS.MinVersion)
	host, _, _ := net.SplitHostPort(got.Address)
	require.Equal(t, host, got.TLS.ServerName)
}

func TestDigestChangesWithEverythingAConnectionIsMadeWith(t *testing.T) {
	_, r := newOutside()
	digest := func(scheme string, change func(u *spec.Upstream)) string {
		u := upstreamOf(t, scheme, targets("10.0.0.1:80")...)
		change(u)
		l, err := poolOf(t, r, u).Pick(Key{}, nil)
		require.NoError(t, err)
		defer l.Release(nil)
		return l.Target().Digest
	}
	seen := map[string]bool{}
	for _, change := range []func(u *spec.Upstream){
		func(*spec.Upstream) {},
		func(u *spec.Upstream) { u.Targets[0].Address = "10.0.0.1:81" },
		func(u *spec.Upstream) { u.Pool.MaxIdlePerTarget = ptr(1) },
		func(u *spec.Upstream) { u.Pool.MaxPerTarget = ptr(1) },
		func(u *spec.Upstream) { u.Pool.Idle = ptr(spec.Duration(1)) },
		func(u *spec.Upstream) { u.Timeouts.ResponseHeader = ptr(spec.Duration(1)) },
		func(u *spec.Upstream) { u.Scheme = ptr("https") },
		func(u *spec.Upstream) { u.Scheme = ptr("h2c") },
	} {
		d := digest("http", change)
		require.False(t, seen[d])
		seen[d] = true
	}
	require.Equal(t, digest("http", func(*spec.Upstream) {}), digest("http", func(u *spec.Upstream) {
		u.Timeouts.StreamIdle = ptr(spec.Duration(1))
	}), "what is watched per request keeps the connections")
}

func TestBadTargetsNameTheirField(t *testing.T) {
	_, r := newOutside()
	for address, code := range map[string]string{
		"nohost": spec.CodeBadAddress, ":80": spec.CodeBadAddress, "a:0": spec.CodeBadAddress, "a:http": spec.CodeBadAddress,
		"a:99999": spec.CodeBadAddress, "169.254.169.254:80": spec.CodeDeniedAddress, "[::ffff:169.254.1.1]:80": spec.CodeDeniedAddress,
	} {
		_, err := NewPool("s", upstreamOf(t, "http", targets("10.0.0.1:80", address)...), r)
		var invalid *spec.Invalid
		require.ErrorAs(t, err, &invalid, address)
		require.Equal(t, "/upstream/targets/1/address", invalid.Field)
		require.Equal(t, code, invalid.Code, address)
	}
	u := upstreamOf(t, "http", targets("10.0.0.1:80")...)
	u.Balance.Policy = ptr("best")
	_, err := NewPool("s", u, r)
	var invalid *spec.Invalid
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, "/upstream/balance/policy", invalid.Field)
}

func TestDeadNodeIsTakenOutAndComesBack(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		p := poolOf(t, r, upstreamOf(t, "http", targets("10.0.0.1:80", "10.0.0.2:80")...))
		r.Use([]*Pool{p})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, Up, p.Health()[0].State)

		o.set(func(o *outside) { o.dead["10.0.0.1:80"] = true })
		time.Sleep(9 * time.Second) // one failure, at most two
		synctest.Wait()
		require.Equal(t, 2, p.Alive(), "a failure or two take nobody out")
		time.Sleep(8 * time.Second)
		synctest.Wait()
		require.Equal(t, map[string]int{"10.0.0.2:80": 6}, took(t, p, 6, nil))
		h := p.Health()[0]
		require.Equal(t, Down, h.State)
		require.Equal(t, "connection refused", h.Reason)
		require.Len(t, h.Transitions, 2)
		require.Equal(t, h.Since, h.Transitions[1].At)

		o.set(func(o *outside) { delete(o.dead, "10.0.0.1:80") })
		time.Sleep(12 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, p.Alive())
	})
}

// origin.md, defect 13: no healthy node was a panic, or the end of the process.
func TestAllNodesDeadIsNoPanic(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		o.set(func(o *outside) { o.dead["10.0.0.1:80"], o.dead["10.0.0.2:80"] = true, true })
		p := poolOf(t, r, upstreamOf(t, "http", targets("10.0.0.1:80", "10.0.0.2:80")...))
		require.Equal(t, 2, p.Alive(), "unknown is alive until the first verdict")
		r.Use([]*Pool{p})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		_, err := p.Pick(Key{}, nil)
		require.ErrorIs(t, err, ErrNoTarget)
	})
}

func TestUncheckedNodesStayUnknownAndAlive(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		u := upstreamOf(t, "http", targets("10.0.0.1:80")...)
		u.Health.Active.Kind = ptr("none")
		p := poolOf(t, r, u)
		r.Use([]*Pool{p})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, o.dials)
		require.Equal(t, Unknown, p.Health()[0].State)
		require.Equal(t, 1, p.Alive())
	})
}

func TestPoolsThatAskTheSameShareOneCheck(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		var pools []*Pool
		for i := range 50 {
			p, err := NewPool(fmt.Sprint("s", i), upstreamOf(t, "http", targets("10.0.0.1:80")...), r)
			require.NoError(t, err)
			pools = append(pools, p)
		}
		r.Use(pools)
		o.set(func(o *outside) { o.dead["10.0.0.1:80"] = true })
		time.Sleep(50 * time.Second)
		synctest.Wait()
		require.LessOrEqual(t, o.dials["10.0.0.1:80"], 13)
		for _, p := range pools {
			require.Zero(t, p.Alive())
		}
	})
}

func TestVerdictOutlivesAChangeOfTheService(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		o.set(func(o *outside) { o.dead["10.0.0.1:80"] = true })
		p := poolOf(t, r, upstreamOf(t, "http", targets("10.0.0.1:80")...))
		r.Use([]*Pool{p})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		u := upstreamOf(t, "http", targets("10.0.0.1:80", "10.0.0.2:80")...)
		u.Health.Active.Interval = ptr(spec.Duration(time.Minute)) // another check of the same node
		next := poolOf(t, r, u)
		require.Equal(t, Down, next.Health()[0].State)
		require.Equal(t, 1, next.Alive())
		r.Use([]*Pool{next})
		require.Equal(t, 1, next.Alive())
	})
}

func TestWhatNoPoolNamesIsCheckedNoMore(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		o.set(func(o *outside) { o.names["a.internal"] = []string{"10.0.0.9"} })
		p := poolOf(t, r, upstreamOf(t, "http", targets("10.0.0.1:80", "a.internal:80")...))
		r.Use([]*Pool{p})
		time.Sleep(12 * time.Second)
		synctest.Wait()
		r.Use(nil)
		synctest.Wait()
		o.set(func(o *outside) { clear(o.dials) })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, o.dials)
		require.Empty(t, r.nodes)
		require.Empty(t, r.checks)
		require.Empty(t, r.names)
	})
}

func TestFailedRequestsHurryTheCheckButNotMoreThanOnceASecond(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		u := upstreamOf(t, "http", targets("10.0.0.1:80")...)
		u.Health.Active.Interval = ptr(spec.Duration(time.Hour))
		p := poolOf(t, r, u)
		r.Use([]*Pool{p})
		time.Sleep(time.Second)
		synctest.Wait()
		o.set(func(o *outside) { o.dead["10.0.0.1:80"] = true; clear(o.dials) })
		for range 25 {
			l, err := p.Pick(Key{}, nil)
			if err == nil {
				l.Release(errors.New("refused"))
			}
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		require.Equal(t, 3, o.dials["10.0.0.1:80"])
		require.Zero(t, p.Alive())
	})
}

func TestNameBecomesOneNodePerAddressAndFollowsChanges(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		o.set(func(o *outside) {
			o.names["a.internal"] = []string{"10.0.0.2", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"}
		})
		p := poolOf(t, r, upstreamOf(t, "http", targets("a.internal:80")...))
		require.Equal(t, map[string]int{"a.internal:80": 2}, took(t, p, 2, nil), "before it is resolved, who dials resolves")
		require.Equal(t, "name not resolved yet", p.Health()[0].Reason)
		r.Use([]*Pool{p})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, map[string]int{"10.0.0.1:80": 5, "10.0.0.2:80": 5}, took(t, p, 10, nil))
		require.Equal(t, Up, p.Health()[0].State)

		o.set(func(o *outside) { o.names["a.internal"] = []string{"10.0.0.2", "10.0.0.3"} })
		time.Sleep(12 * time.Second)
		synctest.Wait()
		require.Equal(t, map[string]int{"10.0.0.2:80": 5, "10.0.0.3:80": 5}, took(t, p, 10, nil))

		o.set(func(o *outside) { delete(o.names, "a.internal") })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, map[string]int{"10.0.0.2:80": 5, "10.0.0.3:80": 5}, took(t, p, 10, nil), "the last good answer is kept")
	})
}

func TestNameThatCannotBeResolvedSaysWhy(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		p := poolOf(t, r, upstreamOf(t, "http", targets("nowhere.internal:80")...))
		r.Use([]*Pool{p})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "name not found", p.Health()[0].Reason)
	})
}

func TestNodeNamedTwiceIsOneNode(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		o.set(func(o *outside) { o.names["a.internal"] = []string{"10.0.0.1"} })
		p := poolOf(t, r, upstreamOf(t, "http", targets("10.0.0.1:80", "a.internal:80")...))
		r.Use([]*Pool{p})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, p.Health(), 1)
	})
}

func TestThousandsOfChecksAreSpreadAndBounded(t *testing.T) {
	run(t, func(o *outside, r *Registry) {
		running, most := 0, 0
		r.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			o.set(func(*outside) { running++; most = max(most, running) })
			<-ctx.Done() // dead hosts answer nothing
			o.set(func(*outside) { running-- })
			return nil, ctx.Err()
		}
		var all []spec.Target
		for i := range 1500 {
			all = append(all, spec.Target{Address: fmt.Sprintf("10.0.%d.%d:80", i>>8, i&255)})
		}
		p := poolOf(t, r, upstreamOf(t, "http", all...))
		r.Use([]*Pool{p})
		time.Sleep(40 * time.Second)
		synctest.Wait()
		require.LessOrEqual(t, most, maxRunning)
		require.Zero(t, p.Alive())
		require.Equal(t, "timed out", p.Health()[0].Reason)
	})
}

// origin.md, defect 16: data races. Run with -race.
func TestPoolsMayBePickedWhileEverythingChanges(t *testing.T) {
	o, r := newOutside()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	u := upstreamOf(t, "http", targets("10.0.0.1:80", "10.0.0.2:80", "a.internal:80")...)
	u.Health.Active.Interval = ptr(spec.Duration(100 * time.Millisecond))
	p := poolOf(t, r, u)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 2000 {
				if l, err := p.Pick(Key{}, nil); err == nil {
					l.Release(errors.New("failed"))
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 50 {
			o.set(func(o *outside) {
				o.dead["10.0.0.1:80"] = i%2 == 0
				o.names["a.internal"] = []string{fmt.Sprint("10.0.1.", i)}
			})
			r.Use([]*Pool{p, poolOf(t, r, u)})
			p.Health()
		}
	})
	wg.Wait()
	cancel()
	require.NoError(t, <-done)
	require.True(t, p.Drained())
}

func TestRealPortIsFoundUpAndDown(t *testing.T) {
	l := listen(t)
	r := NewRegistry(NewDialer(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	u := upstreamOf(t, "tcp", targets(l.Addr().String())...)
	u.Health.Active.Interval = ptr(spec.Duration(100 * time.Millisecond))
	p := poolOf(t, r, u)
	r.Use([]*Pool{p})
	state := func(want string) func() bool { return func() bool { return p.Health()[0].State == want } }
	require.Eventually(t, state(Up), 5*time.Second, 10*time.Millisecond)
	l.Close()
	require.Eventually(t, state(Down), 5*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

func TestPickDoesNotAllocate(t *testing.T) {
	_, r := newOutside()
	for policy := range balancers {
		u := upstreamOf(t, "http", targets("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")...)
		u.Balance.Policy = &policy
		p := poolOf(t, r, u)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			l, _ := p.Pick(Key{Client: netip.IPv6Loopback()}, nil)
			l.Release(nil)
		}), policy)
	}
}

func BenchmarkPick(b *testing.B) {
	_, r := newOutside()
	for policy := range balancers {
		u := upstreamOf(b, "http", targets("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80")...)
		u.Balance.Policy = &policy
		p := poolOf(b, r, u)
		k := Key{Client: netip.MustParseAddr("192.0.2.1")}
		b.Run(policy, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l, _ := p.Pick(k, nil)
				l.Release(nil)
			}
		})
	}
}
