// Package demo is what `yumen up` shows a newcomer: small backends on
// loopback, one a protocol, and the document that puts them behind the
// gateway. Tests use them too.
package demo

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"yumen/spec"
)

// Backends run until the context given to Start ends.
type Backends struct {
	HTTP, WebSocket, Events, TCP, GRPC string // addresses, host:port

	// TCPPort and GRPCPort are what Document gives demo-tcp and demo-grpc to
	// listen on: 8001 and 8002, or the next free ones. See UsePorts.
	TCPPort, GRPCPort int

	// Moved names the services whose old address was taken by somebody else.
	Moved []string

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// backends are the services that have a backend of their own.
var backends = []struct {
	service string
	address func(*Backends) *string
	serve   func(context.Context, net.Listener)
}{
	{"demo-http", func(b *Backends) *string { return &b.HTTP }, serveHTTP(echo())},
	{"demo-websocket", func(b *Backends) *string { return &b.WebSocket }, serveHTTP(websocketEcho())},
	{"demo-events", func(b *Backends) *string { return &b.Events }, serveHTTP(ticks())},
	{"demo-tcp", func(b *Backends) *string { return &b.TCP }, serveTCP},
	{"demo-grpc", func(b *Backends) *string { return &b.GRPC }, serveGRPC},
}

// Start starts the backends on free ports of loopback.
func Start(ctx context.Context) (*Backends, error) { return StartFor(ctx, nil) }

// StartFor starts the backends at the addresses which doc's demo services
// name, so that those find them again after a restart. What doc does not name,
// or somebody else took, gets a free port.
func StartFor(ctx context.Context, doc *spec.Document) (*Backends, error) {
	b := &Backends{}
	ctx, b.cancel = context.WithCancel(ctx)
	for _, k := range backends {
		l, err := b.listen(ctx, addressOf(doc, k.service), k.service)
		if err != nil {
			b.Close()
			return nil, fmt.Errorf("demo backend of %s: %w", k.service, err)
		}
		*k.address(b) = l.Addr().String()
		b.running.Go(func() { k.serve(ctx, l) })
	}
	b.UsePorts(8001, 8999)
	return b, nil
}

// UsePorts has Document take the first free ports of a range.
func (b *Backends) UsePorts(first, last int) {
	b.TCPPort = freePort(first, last)
	b.GRPCPort = freePort(b.TCPPort+1, last)
}

// Close stops the backends and waits for them.
func (b *Backends) Close() { b.cancel(); b.Wait() }

// Wait returns when every backend has stopped.
func (b *Backends) Wait() { b.running.Wait() }

func (b *Backends) listen(ctx context.Context, address, service string) (net.Listener, error) {
	var lc net.ListenConfig
	if address != "" {
		if l, err := lc.Listen(ctx, "tcp", address); err == nil {
			return l, nil
		}
		b.Moved = append(b.Moved, service)
	}
	return lc.Listen(ctx, "tcp", "127.0.0.1:0")
}

// addressOf is the loopback address of a service's first target, or "".
func addressOf(doc *spec.Document, service string) string {
	if doc == nil {
		return ""
	}
	for i := range doc.Services {
		s := &doc.Services[i]
		if s.Name != service || s.Upstream == nil || len(s.Upstream.Targets) == 0 {
			continue
		}
		a, err := netip.ParseAddrPort(s.Upstream.Targets[0].Address)
		if err == nil && a.Addr().IsLoopback() {
			return a.String()
		}
	}
	return ""
}

func freePort(first, last int) int {
	for port := first; port <= last; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return port
		}
	}
	return first // taken: the proxy says so for that service
}

// Document puts b behind the gateway: a service for each backend, and a tenant
// with a service that wants its token. The tenant's secret is made here and
// can be read from the document this once; what is stored is its hash.
func Document(b *Backends) *spec.Document {
	secret := spec.NewSecret(spec.NewSecretText())
	jwt := "jwt"
	return &spec.Document{
		Services: []spec.Service{
			behind("demo-http", "http", "Answers with what it received", "/demo", b.HTTP),
			behind("demo-websocket", "http", "Echoes WebSocket messages", "/demo/websocket", b.WebSocket),
			behind("demo-events", "http", "Sends an event each second", "/demo/events", b.Events),
			behind("demo-private", "http", "Answers those who bring a token of the tenant demo", "/demo/private", b.HTTP,
				func(s *spec.Service) { s.Access = &spec.Access{Auth: &jwt, Tenants: []string{"demo"}} }),
			behind("demo-tcp", "tcp", "Echoes bytes", "", b.TCP,
				func(s *spec.Service) { s.Listen = &spec.Listen{Port: b.TCPPort} }),
			behind("demo-grpc", "grpc", "yumen.demo.Echo, with reflection", "", b.GRPC,
				func(s *spec.Service) { s.Listen = &spec.Listen{Port: b.GRPCPort} }),
		},
		Tenants: []spec.Tenant{{
			AppID: "demo", Name: "Demo", Description: "Made with the demo services",
			Services:    []string{"demo-private"},
			Credentials: []spec.Credential{{ID: "demo", Secret: &secret}},
		}},
	}
}

func behind(name, protocol, description, prefix, target string, more ...func(*spec.Service)) spec.Service {
	s := spec.Service{
		Name: name, Protocol: protocol, Description: description, Tags: []string{"demo"},
		Upstream: &spec.Upstream{Targets: []spec.Target{{Address: target}}},
	}
	if prefix != "" {
		strip := true
		s.Routes = []spec.Route{{Path: &spec.PathMatch{Prefix: prefix}}}
		s.Rewrite = &spec.Rewrite{StripPrefix: &strip}
	}
	for _, f := range more {
		f(&s)
	}
	return s
}
