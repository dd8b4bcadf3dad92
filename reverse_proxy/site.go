// Package reverseproxy is the way of HTTP through the gateway, written once on
// message.Exchange whatever the wires: match, gates, pick, rewrite, forward.
// gRPC calls, WebSocket and server-sent events go the same way.
package reverseproxy

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
	"yumen/route"
	"yumen/upstream"
)

// TokenEndpoint issues tokens. Serve says whether the exchange was its own and
// is answered.
type TokenEndpoint interface {
	Serve(x *message.Exchange, call *middleware.Call) bool
}

// Site is all HTTP of one generation.
type Site struct {
	Shared *route.Table[*Service]            // on the shared listeners
	Ports  map[uint16]*route.Table[*Service] // on services' own ports

	Blacklist middleware.Gate // nil admits everybody
	Trusted   middleware.Trusted
	Token     TokenEndpoint // nil for none
	Total     *flow.Subject
	Back      message.Back
	Enders    *middleware.Live // ends streams that the new state refuses, or nil
	Open      Open

	// Observe sees every exchange at its end, refused ones too, after it was
	// counted; nil for nobody. Nothing it is given may be kept. target is the
	// address of the node that was asked, "" for none.
	Observe func(x *message.Exchange, call *middleware.Call, target string, o *message.Outcome)
}

// Open counts exchanges on their way, by kind; each may be nil.
type Open struct{ HTTP, GRPC, WebSocket *atomic.Int64 }

// Serve takes an exchange all the way. When it returns nil, the exchange is
// answered (or broken) and ended. Otherwise nothing was sent yet: the caller
// says the refusal in the request's dialect and calls x.End with its status
// and reason.
func (s *Site) Serve(x *message.Exchange) *middleware.Denied {
	p := newPass(s, x)
	if d := p.receive(); d != nil {
		return d
	}
	table := s.Ports[x.Local.Port()]
	shared := table == nil
	if shared {
		table = s.Shared
	}
	var found route.Match[*Service]
	ok := false
	if table != nil {
		found, ok = table.Match(x.Request.Authority, p.path)
	}
	// A route for just this path wins over the token endpoint, a wider one does
	// not.
	if shared && s.Token != nil && !(ok && found.Prefix == p.path) && s.Token.Serve(x, &p.call) {
		x.End(&message.Outcome{
			Status: x.Status(), GRPC: -1, BytesIn: max(x.Request.Body.Len(), 0), BytesOut: x.Length(), Duration: time.Since(x.Start),
		})
		return nil
	}
	if !ok {
		return &middleware.Denied{Reason: "no_route", Status: 404}
	}
	if !table.Agrees(x.Request.Authority, p.alt, found) {
		return &middleware.Denied{Reason: "bad_path", Status: 400, Err: errors.New("the path means another route to some")}
	}
	p.choose(found.Value, found.Prefix)
	if err := p.service.Chain.Admit(&p.call); err != nil {
		return denied(err)
	}
	if d := p.prepare(); d != nil {
		return d
	}
	ctx, cancel := p.context()
	defer cancel()
	resp, d := p.forward(ctx)
	if d != nil {
		return d
	}
	if resp.Status == 101 {
		return p.tunnel(resp)
	}
	p.answer(resp)
	return nil
}

// denied is err as a refusal.
func denied(err error) *middleware.Denied {
	var d *middleware.Denied
	if !errors.As(err, &d) {
		d = &middleware.Denied{Reason: "internal", Status: 500, Err: err}
	}
	return d
}

// context is the exchange's, with the service's limit, and with an end for
// calls that must end when their caller may no longer call.
func (p *pass) context() (context.Context, context.CancelFunc) {
	ctx, cancel := p.x.Context(), context.CancelFunc(func() {})
	if p.service.limit > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, p.service.limit, errRequestTimeout)
	}
	if p.service.grpc && p.site.Enders != nil {
		inner, end := context.WithCancelCause(ctx)
		outer := cancel
		p.register(end)
		return inner, func() { end(nil); outer() }
	}
	return ctx, cancel
}

// forward carries the request to a node; where that one cannot be reached, to
// another once.
func (p *pass) forward(ctx context.Context) (*message.Response, *middleware.Denied) {
	var failed *upstream.Node
	var refusal *middleware.Denied
	for {
		lease, err := p.service.Pool.Pick(upstream.Key{Client: p.call.Client}, failed)
		if err != nil && refusal == nil {
			refusal = &middleware.Denied{Reason: "no_target", Status: 503, Err: err}
		}
		if err != nil {
			return nil, refusal
		}
		if failed != nil && lease.Node() == failed {
			lease.Release(nil)
			return nil, refusal
		}
		p.lease, p.leased = lease, true
		target := lease.Target()
		p.target = target.Address
		if p.out.Authority = p.x.Request.Authority; p.out.Authority == "" {
			p.out.Authority = target.Address // HTTP/1.0 need not say one
		}
		resp, err := p.site.Back.Carry(ctx, &p.out, target, p.onInterim)
		if err == nil {
			return resp, nil
		}
		var blame error
		refusal, blame = p.failure(ctx, err)
		p.release(blame)
		if !again(err) || failed != nil || ctx.Err() != nil || p.body != nil && p.body.touched() {
			return nil, refusal
		}
		failed = lease.Node()
	}
}

// again tells whether a request reached nobody.
func again(err error) bool {
	var c *message.CarryError
	return errors.As(err, &c) && c.Phase == message.Connecting
}

var errRequestTimeout error = timeoutError("request took longer than timeouts.request")

type timeoutError string

func (e timeoutError) Error() string   { return string(e) }
func (e timeoutError) Is(t error) bool { return t == context.DeadlineExceeded }

// failure says what a request's failing means to the client, and what of it is
// the node's.
func (p *pass) failure(ctx context.Context, err error) (d *middleware.Denied, blame error) {
	var sent error
	if p.body != nil {
		sent = p.body.failed()
	}
	ended := cmp.Or(endedBy(err), endedBy(context.Cause(ctx)))
	switch {
	case ended != nil:
		return &middleware.Denied{Reason: ended.reason, Status: ended.status()}, nil
	case sent != nil && errors.Is(sent, context.DeadlineExceeded):
		return &middleware.Denied{Reason: "request_timeout", Status: 408, Err: sent}, nil
	case context.Cause(ctx) == errRequestTimeout:
		return &middleware.Denied{Reason: "upstream_timeout", Status: 504, Err: errRequestTimeout}, nil
	case ctx.Err() != nil:
		return &middleware.Denied{Reason: "client_gone", Status: 499, Err: context.Cause(ctx)}, nil
	case sent != nil:
		return &middleware.Denied{Reason: "bad_request", Status: 400, Err: sent}, nil
	}
	if timedOut(err) {
		return &middleware.Denied{Reason: "upstream_timeout", Status: 504, Err: err}, err
	}
	return &middleware.Denied{Reason: "upstream_failed", Status: 502, Err: err}, err
}

func timedOut(err error) bool {
	var c *message.CarryError
	if errors.As(err, &c) && c.Phase == message.Waiting {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
