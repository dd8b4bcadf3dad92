// Package tcpproxy carries TCP connections: admitted by the same gates as
// every other protocol, dialled to a node of the service's pool, and pumped in
// both directions until both have ended.
package tcpproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
	"yumen/spec"
	"yumen/upstream"
)

// Config is what a Service is made of.
type Config struct {
	Name  string
	Spec  *spec.Service // effective
	Chain middleware.Chain
	Pool  *upstream.Pool
	Meter *flow.Subject // the service's
}

// Service is a compiled TCP service. It never changes.
type Service struct {
	Name string
	Pool *upstream.Pool

	chain middleware.Chain
	meter *flow.Subject
	tls   bool // towards the target
}

// Site is what all TCP services of one generation share.
type Site struct {
	Blacklist middleware.Gate // nil admits everybody
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Total     []*flow.Subject  // counted beside the service's: total, node
	Live      *atomic.Int64    // open streams, or nil
	Enders    *middleware.Live // ends streams that the new state refuses, or nil
	Log       *slog.Logger
}

// New makes a Service.
func New(c Config) (*Service, error) {
	s := &Service{Name: c.Name, Pool: c.Pool, chain: c.Chain, meter: c.Meter}
	if u := c.Spec.Upstream; u != nil && u.Scheme != nil {
		switch *u.Scheme {
		case "tcp":
		case "tls":
			s.tls = true
		default:
			return nil, &spec.Invalid{
				Field: "/upstream/scheme", Code: "unknown_value",
				Message: fmt.Sprintf("a tcp service cannot speak %q to its targets", *u.Scheme),
			}
		}
	}
	return s, nil
}

// Serve carries c to a node and returns when both directions have ended; c is
// closed then. The end of ctx ends it early. What it returns, for the log, is
// counted already.
func (s *Service) Serve(ctx context.Context, c net.Conn, site *Site) message.Outcome {
	defer c.Close()
	call := &middleware.Call{Service: s.Name, Peer: peer(c), Now: time.Now()}
	call.Client = call.Peer // nobody speaks for others on a bare connection
	for _, m := range site.Total {
		call.Meter(m)
	}
	call.Meter(s.meter)

	o := message.Outcome{GRPC: -1}
	o.Err = s.carry(ctx, c, call, site, &o)
	var d *middleware.Denied
	var e *endedError
	switch {
	case errors.As(o.Err, &d):
		o.Reason, o.Err = d.Reason, d.Err
	case errors.As(o.Err, &e):
		o.Reason = e.reason
	}
	now := time.Now()
	o.Duration = now.Sub(call.Now)
	call.End(&o)
	call.Count(now, &o)
	return o
}

// carry is the way of one connection, hop by hop.
func (s *Service) carry(ctx context.Context, c net.Conn, call *middleware.Call, site *Site, o *message.Outcome) (err error) {
	defer func() {
		if v := recover(); v != nil { // costs this connection and no other
			site.Log.Error("panic while carrying a connection", "service", s.Name, "panic", v, "stack", string(debug.Stack()))
			err = &middleware.Denied{Reason: "internal", Err: fmt.Errorf("panic: %v", v)}
		}
	}()
	if site.Blacklist != nil {
		if err := (middleware.Chain{site.Blacklist}).Admit(call); err != nil {
			return err
		}
	}
	if err := s.chain.Admit(call); err != nil {
		return err
	}
	lease, node, err := s.connect(ctx, call, site)
	if err != nil {
		return err
	}
	defer lease.Release(nil)

	if site.Live != nil {
		site.Live.Add(1)
		defer site.Live.Add(-1)
	}
	t := &tunnel{client: c, node: node, moved: func(now time.Time, in, out int64) {
		call.Bytes(now, uint64(in), uint64(out))
	}}
	if site.Enders != nil {
		remove := site.Enders.Add(call, func(reason string) { t.end(&endedError{reason}) })
		defer remove()
	}
	stop := context.AfterFunc(ctx, func() { t.end(context.Cause(ctx)) })
	defer stop()
	err = t.run(lease.Target().StreamIdle)
	o.BytesIn, o.BytesOut = t.in.Load(), t.out.Load()
	return err
}

// endedError is a stream ended because its caller may no longer call, or
// because the service goes.
type endedError struct{ reason string }

func (e *endedError) Error() string { return "stream ended: " + e.reason }

// connect picks a node and dials it; when that fails, another one once.
func (s *Service) connect(ctx context.Context, call *middleware.Call, site *Site) (upstream.Lease, net.Conn, error) {
	key := upstream.Key{Client: call.Client}
	var failed *upstream.Node
	for {
		lease, err := s.Pool.Pick(key, failed)
		if err != nil {
			return lease, nil, &middleware.Denied{Reason: "no_target", Status: 503, Err: err}
		}
		node, err := s.dial(ctx, lease.Target(), site)
		if err == nil {
			return lease, node, nil
		}
		lease.Release(err)
		if failed != nil || s.Pool.Alive() < 2 || ctx.Err() != nil {
			return lease, nil, unreachable(err)
		}
		failed = lease.Node()
	}
}

func (s *Service) dial(ctx context.Context, t *message.Target, site *Site) (net.Conn, error) {
	c, err := within(ctx, t.Connect, func(ctx context.Context) (net.Conn, error) {
		return site.Dial(ctx, "tcp", t.Address)
	})
	if err != nil || !s.tls {
		return c, err
	}
	secure := tls.Client(c, t.TLS)
	_, err = within(ctx, t.TLSHandshake, func(ctx context.Context) (net.Conn, error) {
		return secure, secure.HandshakeContext(ctx)
	})
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("TLS handshake with %s: %w", t.Address, err)
	}
	return secure, nil
}

// within calls f with a deadline, if there is a limit.
func within(ctx context.Context, limit time.Duration, f func(context.Context) (net.Conn, error)) (net.Conn, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return f(ctx)
}

func unreachable(err error) *middleware.Denied {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return &middleware.Denied{Reason: "upstream_timeout", Status: 504, Err: err}
	}
	return &middleware.Denied{Reason: "upstream_failed", Status: 502, Err: err}
}

// peer is who connected, in the form the gates compare.
func peer(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return middleware.Addr(a.AddrPort().Addr())
	}
	return netip.Addr{}
}
