package tcpproxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
	"yumen/spec"
	"yumen/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func to[T any](v T) *T { return &v }

// gateway carries what a listener accepts to one service.
type gateway struct {
	*Service
	Site
	state    *middleware.State
	counters *flow.Counters
	address  string
	stop     context.CancelFunc

	mu       sync.Mutex
	outcomes []message.Outcome
}

// through makes a gateway for s; from, when given, is where every peer seems
// to come from.
func through(t *testing.T, s spec.Service, from string) *gateway {
	t.Helper()
	g := &gateway{counters: flow.NewCounters("test", time.Now)}
	g.state = middleware.NewState(g.counters, flow.NewLimiters(), flow.NewQuotas(time.UTC))
	g.use(t, &spec.Document{})
	s.Name, s.Protocol = "echo", "tcp"
	s = spec.Effective(s, "tcp")

	dialer := upstream.NewDialer()
	registry := upstream.NewRegistry(dialer, slog.New(slog.DiscardHandler))
	pool, err := upstream.NewPool(s.Name, s.Upstream, registry)
	require.NoError(t, err)
	registry.Use([]*upstream.Pool{pool})
	chain, err := middleware.NewChain(middleware.Inputs{Service: &s, State: g.state})
	require.NoError(t, err)
	g.Service, err = New(Config{
		Name: s.Name, Spec: &s, Chain: chain, Pool: pool,
		Meter: g.counters.Subject(flow.ServiceID(s.Name, 0)),
	})
	require.NoError(t, err)
	g.Site = Site{
		Blacklist: g.state.Blacklist, Dial: dialer.Dial, Total: []*flow.Subject{g.counters.Subject(flow.Total)},
		Live: g.counters.Live("tcp"), Enders: middleware.NewLive(), Log: slog.New(slog.DiscardHandler),
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g.address = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	var running sync.WaitGroup
	running.Go(func() { _ = registry.Run(ctx) })
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if from != "" {
				c = seeming{c.(*net.TCPConn), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}
			}
			running.Go(func() {
				g.mu.Lock()
				site := g.Site
				g.mu.Unlock()
				o := g.Serve(ctx, c, &site)
				g.mu.Lock()
				defer g.mu.Unlock()
				g.outcomes = append(g.outcomes, o)
			})
		}
	})
	t.Cleanup(func() { l.Close(); stop(); running.Wait() })
	return g
}

// seeming is a connection that says to come from elsewhere.
type seeming struct {
	*net.TCPConn
	from net.Addr
}

func (s seeming) RemoteAddr() net.Addr { return s.from }

// use makes the tenants and blacklist of d current.
func (g *gateway) use(t *testing.T, d *spec.Document) {
	t.Helper()
	tenants, err := middleware.NewTenants(d, g.state)
	require.NoError(t, err)
	blacklist, err := middleware.NewBlacklist(d.Blacklist)
	require.NoError(t, err)
	g.state.Use(tenants, blacklist)
}

func (g *gateway) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", g.address)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// outcome waits for the next connection's end.
func (g *gateway) outcome(t *testing.T) (o message.Outcome) {
	t.Helper()
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.outcomes) == 0 {
			return false
		}
		o = g.outcomes[0]
		g.outcomes = g.outcomes[1:]
		return true
	}, 20*time.Second, time.Millisecond)
	return o
}

// refused dials and expects the connection to be closed for a reason.
func (g *gateway) refused(t *testing.T, reason string) {
	t.Helper()
	hearClosed(t, g.dial(t))
	require.Equal(t, reason, g.outcome(t).Reason)
}

func hearClosed(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

// target is a server that gives each connection to serve.
func target(t *testing.T, serve func(net.Conn)) spec.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { defer c.Close(); serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return spec.Target{Address: l.Addr().String()}
}

func echoes(c net.Conn) { _, _ = io.Copy(c, c) }

func says(s string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, s); _, _ = io.Copy(io.Discard, c) }
}

// dead is an address nobody listens on.
func dead(t *testing.T) spec.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return spec.Target{Address: l.Addr().String()}
}

// unchecked is an upstream of targets that are believed to be alive.
func unchecked(targets ...spec.Target) *spec.Upstream {
	return &spec.Upstream{Targets: targets, Health: &spec.Health{Active: &spec.ActiveHealth{Kind: to("none")}}}
}

func TestAConnectionIsCarriedAndCounted(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(target(t, echoes))}, "")
	c := g.dial(t)
	say(t, c, "hello")
	hear(t, c, "hello")
	require.EqualValues(t, 1, g.Live.Load())
	require.Eventually(t, func() bool { return g.counters.Totals()["service:echo"].Out == 5 }, 20*time.Second, time.Millisecond, "bytes count before the end")
	require.NoError(t, c.CloseWrite())
	hearEnd(t, c)

	o := g.outcome(t)
	require.NoError(t, o.Err)
	require.Empty(t, o.Reason)
	require.EqualValues(t, 5, o.BytesIn)
	require.EqualValues(t, 5, o.BytesOut)
	require.Zero(t, g.Live.Load())
	for _, subject := range []string{"total", "service:echo"} {
		n := g.counters.Totals()[subject]
		require.EqualValues(t, 1, n.Requests, subject)
		require.EqualValues(t, 5, n.In, subject)
		require.EqualValues(t, 5, n.Out, subject)
		require.Empty(t, n.Refused, subject)
	}
}

func TestIPv6PeersAreHeldToTheDenyList(t *testing.T) {
	s := spec.Service{Upstream: unchecked(target(t, echoes)), Access: &spec.Access{Deny: []string{"2001:db8::/32"}}}
	through(t, s, "[2001:db8::7]:1234").refused(t, "denied")

	g := through(t, s, "[2001:db9::7]:1234")
	c := g.dial(t)
	say(t, c, "hello")
	hear(t, c, "hello")
}

func TestIPv6PeersAreHeldToTheAllowList(t *testing.T) {
	s := spec.Service{Upstream: unchecked(target(t, echoes)), Access: &spec.Access{Allow: []string{"10.0.0.0/8", "2001:db8::/32"}}}
	through(t, s, "[2001:db9::7]:1234").refused(t, "denied")
	through(t, s, "[fe80::1%eth0]:1234").refused(t, "denied")
	c := through(t, s, "[2001:db8::7]:1234").dial(t)
	say(t, c, "hello")
	hear(t, c, "hello")
}

func TestIPv6PeersAreHeldToTheBlacklist(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(target(t, echoes))}, "[2001:db8::7]:1234")
	g.use(t, &spec.Document{Blacklist: []spec.BlacklistRule{{CIDR: "2001:db8::/32"}}})
	g.refused(t, "blacklisted")
	require.EqualValues(t, 1, g.counters.Totals()["total"].Refused["blacklisted"])
}

func TestAnIPv4PeerInIPv6ClothesIsHeldToIPv4Lists(t *testing.T) {
	s := spec.Service{Upstream: unchecked(target(t, echoes)), Access: &spec.Access{Deny: []string{"192.0.2.0/24"}}}
	through(t, s, "[::ffff:192.0.2.1]:1234").refused(t, "denied")
}

func TestTheClientLimitRefusesConnections(t *testing.T) {
	g := through(t, spec.Service{
		Upstream: unchecked(target(t, echoes)),
		Limits:   &spec.Limits{ClientIP: &spec.RateLimit{Rate: to(1.0), Per: to(spec.Duration(time.Hour))}},
	}, "")
	c := g.dial(t)
	say(t, c, "hello")
	hear(t, c, "hello")
	g.refused(t, "client_limit")
	require.EqualValues(t, 1, g.counters.Totals()["service:echo"].Refused["client_limit"])
}

func TestWithoutALiveTargetTheConnectionIsClosedAndTheProcessLivesOn(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(dead(t), dead(t))}, "")
	g.refused(t, "upstream_failed")
	g.refused(t, "upstream_failed")

	off := target(t, echoes)
	off.State = to("disabled")
	through(t, spec.Service{Upstream: unchecked(off)}, "").refused(t, "no_target")
}

func TestADeadTargetCostsNoConnectionWhileAnotherLives(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(dead(t), target(t, echoes))}, "")
	for range 4 {
		c := g.dial(t)
		say(t, c, "hello")
		hear(t, c, "hello")
		c.Close()
	}
}

func TestEachConnectionChoosesItsNodeAnew(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(target(t, says("a")), target(t, says("b")))}, "")
	heard := map[string]int{}
	for range 6 {
		c := g.dial(t)
		b := make([]byte, 1)
		_, err := io.ReadFull(c, b)
		require.NoError(t, err)
		heard[string(b)]++
		c.Close()
	}
	require.Equal(t, map[string]int{"a": 3, "b": 3}, heard)
}

func TestStreamIdleOfTheServiceEndsAQuietStream(t *testing.T) {
	u := unchecked(target(t, echoes))
	u.Timeouts = &spec.Timeouts{StreamIdle: to(spec.Duration(50 * time.Millisecond))}
	g := through(t, spec.Service{Upstream: u}, "")
	hearClosed(t, g.dial(t))
	require.ErrorIs(t, g.outcome(t).Err, errIdle)
}

func TestABlacklistedPeersStreamEnds(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(target(t, echoes))}, "")
	c := g.dial(t)
	say(t, c, "hello")
	hear(t, c, "hello")
	sweep := func() {
		g.Enders.Sweep(time.Now(), func(s middleware.Stream) string { return g.state.Refused(s, time.Now()) })
	}
	sweep()
	say(t, c, "still here")
	hear(t, c, "still here")

	g.use(t, &spec.Document{Blacklist: []spec.BlacklistRule{{CIDR: "127.0.0.1"}}})
	sweep()
	hearClosed(t, c)
	require.Equal(t, "blacklisted", g.outcome(t).Reason)
	require.Zero(t, g.Enders.Len())
}

func TestTheStreamsOfADeletedServiceEndWhenToldTo(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(target(t, echoes))}, "")
	c := g.dial(t)
	say(t, c, "hello")
	hear(t, c, "hello")
	g.Enders.Sweep(time.Now(), func(s middleware.Stream) string {
		if s.Service == "echo" {
			return "service_gone"
		}
		return ""
	})
	hearClosed(t, c)
	require.Equal(t, "service_gone", g.outcome(t).Reason)
}

func TestTheEndOfTheContextEndsStreams(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(target(t, echoes))}, "")
	c := g.dial(t)
	say(t, c, "hello")
	hear(t, c, "hello")
	g.stop()
	hearClosed(t, c)
	require.ErrorIs(t, g.outcome(t).Err, context.Canceled)
}

func TestAPanicCostsOneConnection(t *testing.T) {
	g := through(t, spec.Service{Upstream: unchecked(target(t, echoes))}, "")
	gate := func(f middleware.Gate) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.Site.Blacklist = f
	}
	gate(func(*middleware.Call) error { panic("oops") })
	g.refused(t, "internal")
	gate(nil)
	c := g.dial(t)
	say(t, c, "hello")
	hear(t, c, "hello")
}

func TestATLSTargetHearsTheEndToo(t *testing.T) {
	certificate, roots := selfSigned(t)
	ended := make(chan error, 1)
	at := target(t, func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
		b, err := io.ReadAll(s)
		if err == nil {
			_, err = s.Write(b)
		}
		ended <- errors.Join(err, s.CloseWrite())
	})
	g := through(t, spec.Service{Upstream: unchecked(at)}, "")
	g.Service.tls = true
	node, err := g.Service.dial(t.Context(), &message.Target{
		Address: at.Address, TLS: &tls.Config{RootCAs: roots, ServerName: "target"},
		Connect: 5 * time.Second, TLSHandshake: 5 * time.Second,
	}, &g.Site)
	require.NoError(t, err)

	client, front := pair(t)
	tn := &tunnel{client: front, node: node, moved: func(time.Time, int64, int64) {}}
	over := make(chan error, 1)
	go func() { over <- tn.run(0) }()
	say(t, client, "hello")
	require.NoError(t, client.CloseWrite())
	hear(t, client, "hello")
	hearEnd(t, client)
	require.NoError(t, <-ended)
	require.NoError(t, <-over)
}

func TestATargetThatAnswersNoHandshakeIsGivenUp(t *testing.T) {
	at := target(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	g := through(t, spec.Service{Upstream: unchecked(at)}, "")
	g.Service.tls = true
	_, err := g.Service.dial(t.Context(), &message.Target{
		Address: at.Address, TLS: &tls.Config{ServerName: "target"}, TLSHandshake: 30 * time.Millisecond,
	}, &g.Site)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "upstream_timeout", unreachable(err).Reason)
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "target"}, DNSNames: []string{"target"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
