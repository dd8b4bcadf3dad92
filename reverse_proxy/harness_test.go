package reverseproxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"yumen/flow"
	grpcproxy "yumen/grpc_proxy"
	"yumen/message"
	"yumen/middleware"
	reverseproxy "yumen/reverse_proxy"
	"yumen/route"
	"yumen/spec"
	"yumen/upstream"
	"yumen/wire/std"
)

func TestMain(m *testing.M) {
	std.Poison = true
	// It ends by itself after half a second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

const patience = 10 * time.Second

// gateway is a site with its front wires, put together as the proxy does.
type gateway struct {
	t        testing.TB
	site     *reverseproxy.Site
	state    *middleware.State
	nodes    *upstream.Registry
	http     string // address of HTTP/1.1 and h2c
	https    string // address of HTTP/1.1 and h2 over TLS
	front    *std.Server
	outcomes chan outcome
}

type outcome struct {
	message.Outcome
	service, target, requestID, client string
}

// newGateway runs the services of a document in YAML, which may name the
// settings too.
func newGateway(t testing.TB, yaml string) *gateway {
	t.Helper()
	g := &gateway{t: t, outcomes: make(chan outcome, 1000)}
	counters := flow.NewCounters("test", time.Now)
	g.state = middleware.NewState(counters, flow.NewLimiters(), flow.NewQuotas(time.UTC))
	g.nodes = upstream.NewRegistry(upstream.NewDialer(), slog.New(slog.DiscardHandler))
	back := std.NewTransport(new(net.Dialer).DialContext)
	t.Cleanup(func() { back.CloseIdle(nil) })
	g.site = g.build(yaml, counters, back)
	g.front, g.http = g.listen(nil)
	_, g.https = g.listen(serverTLS())
	return g
}

// newGatewayf is newGateway with the document's gaps filled in.
func newGatewayf(t testing.TB, yaml string, args ...any) *gateway {
	t.Helper()
	return newGateway(t, fmt.Sprintf(yaml, args...))
}

func (g *gateway) build(yaml string, counters *flow.Counters, back message.Back) *reverseproxy.Site {
	t := g.t
	t.Helper()
	var doc spec.Document
	require.NoError(t, spec.ParseYAML([]byte(yaml), &doc))
	var entries []route.Entry[*reverseproxy.Service]
	for _, s := range doc.Services {
		s = spec.Effective(s, s.Protocol)
		chain, err := middleware.NewChain(middleware.Inputs{Service: &s, State: g.state})
		require.NoError(t, err)
		pool, err := upstream.NewPool(s.Name, s.Upstream, g.nodes)
		require.NoError(t, err)
		c := reverseproxy.Config{Name: s.Name, Spec: &s, Chain: chain, Pool: pool, Meter: counters.Subject(flow.ServiceID(s.Name, 0))}
		if s.Protocol == "grpc" {
			c.GRPC, c.Classify = true, grpcproxy.Classify
		}
		service, err := reverseproxy.New(c)
		require.NoError(t, err)
		for _, r := range s.Routes {
			e := route.Entry[*reverseproxy.Service]{Hosts: r.Hosts, Value: service}
			if r.Path != nil {
				e.Prefix, e.Exact = r.Path.Prefix, r.Path.Exact
			}
			entries = append(entries, e)
		}
	}
	table, err := route.Build(entries)
	require.NoError(t, err)
	var trusted middleware.Trusted
	if doc.Settings != nil {
		trusted, err = middleware.NewTrusted(doc.Settings.TrustedProxies)
		require.NoError(t, err)
	}
	blacklist, err := middleware.NewBlacklist(doc.Blacklist)
	require.NoError(t, err)
	tenants, err := middleware.NewTenants(&doc, g.state)
	require.NoError(t, err)
	g.state.Use(tenants, blacklist)
	return &reverseproxy.Site{
		Shared: table, Blacklist: g.state.Blacklist, Trusted: trusted, Total: counters.Subject(flow.Total), Back: back, Enders: middleware.NewLive(),
		Observe: func(x *message.Exchange, call *middleware.Call, target string, o *message.Outcome) {
			g.outcomes <- outcome{*o, call.Service, target, string([]byte(call.RequestID)), call.Client.String()}
		},
	}
}

func (g *gateway) listen(conf *tls.Config) (*std.Server, string) {
	s := std.NewServer(g.serve, func() std.Limits {
		return std.Limits{Header: patience, Idle: patience, BodyIdle: patience}
	}, conf, slog.New(slog.DiscardHandler))
	return s, g.run(s)
}

func (g *gateway) run(s *std.Server) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(g.t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	g.t.Cleanup(func() {
		s.Close()
		require.NoError(g.t, <-done)
	})
	return l.Addr().String()
}

// impatient is the address of another front, whose clients must not be idle
// with a body for long.
func (g *gateway) impatient(idle time.Duration) (address string) {
	return g.run(std.NewServer(g.serve, func() std.Limits { return std.Limits{BodyIdle: idle} }, nil, slog.New(slog.DiscardHandler)))
}

func serverTLS() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{certificate()}} }

func clientTLS() *tls.Config { return &tls.Config{InsecureSkipVerify: true} } //nolint:gosec // its own certificate

func (g *gateway) serve(x *message.Exchange) { serve(g.site, x) }

// serve says refusals as proxy_server does.
func serve(site *reverseproxy.Site, x *message.Exchange) {
	d := site.Serve(x)
	if d == nil {
		return
	}
	o := message.Outcome{Status: d.Status, GRPC: -1, Reason: d.Reason, Err: d.Err}
	if grpcproxy.IsGRPC(x.Request.Fields.Get("Content-Type")) {
		o.GRPC, _ = grpcproxy.Status(d)
		grpcproxy.Refuse(x, d)
	} else {
		x.Answer(&message.Response{
			Status: d.Status, Fields: message.Fields{{Name: "X-Reason", Value: d.Reason}, {Name: "X-Request-Id", Value: x.Request.Fields.Get("X-Request-Id")}},
			Body: message.Bytes([]byte(d.Reason)),
		})
	}
	x.End(&o)
}

// ended is the outcome of the next exchange to end.
func (g *gateway) ended() outcome {
	g.t.Helper()
	select {
	case o := <-g.outcomes:
		return o
	case <-time.After(patience):
		require.FailNow(g.t, "no exchange ended")
		return outcome{}
	}
}

// backend is a server of net/http on loopback, HTTP/1.1 and h2c.
func backend(t testing.TB, h http.HandlerFunc) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	s := &http.Server{Handler: h, Protocols: p, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

// rawBackend answers each connection by hand.
func rawBackend(t testing.TB, serve func(net.Conn)) (address string) {
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
	return l.Addr().String()
}

// dead is an address where nobody listens.
func dead(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// service is the YAML of one with a target, for the path.
func service(name, path, target, more string) string {
	return fmt.Sprintf(`
services:
- name: %s
  protocol: http
  routes: [{path: {prefix: %s}}]
  upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}%s}
`, name, path, target, more)
}

// client asks over a protocol: http/1.1, h2c, https, h2.
func client(t testing.TB, protocol string) *http.Client {
	p := new(http.Protocols)
	switch protocol {
	case "h2c":
		p.SetUnencryptedHTTP2(true)
	case "h2":
		p.SetHTTP2(true)
	default:
		p.SetHTTP1(true)
	}
	tr := &http.Transport{Protocols: p, DisableCompression: true, TLSClientConfig: clientTLS()}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// get gives the answer with its body read.
func (g *gateway) get(path string, fields ...string) (*http.Response, string) {
	g.t.Helper()
	q, err := http.NewRequestWithContext(context.Background(), "GET", "http://"+g.http, nil)
	require.NoError(g.t, err)
	q.URL.Opaque = path
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == "Host" {
			q.Host = fields[i+1]
		}
		q.Header.Add(fields[i], fields[i+1])
	}
	return g.do(q)
}

func (g *gateway) do(q *http.Request) (*http.Response, string) {
	g.t.Helper()
	resp, err := client(g.t, "http/1.1").Do(q)
	require.NoError(g.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(g.t, err)
	return resp, string(b)
}

// certificate is of 127.0.0.1, self-made.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})
