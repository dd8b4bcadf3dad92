// Package reverseproxy is the way of HTTP through the gateway, written once on
// message.Exchange whatever the wires: match, gates, pick, rewrite, forward.
// gRPC calls, WebSocket and server-sent events go the same way.
package reverseproxy

import (
	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
	"yumen/route"
	"yumen/spec"
	"yumen/upstream"
)

// Config is what a service is made of.
type Config struct {
	Name  string
	Spec  *spec.Service // effective: defaults filled in
	Chain middleware.Chain
	Pool  *upstream.Pool
	Meter *flow.Subject
	GRPC  bool
	// Classify sets o.GRPC by an answer's fields and trailers; nil for HTTP.
	Classify func(fields, trailers message.Fields, o *message.Outcome)
}

// Service is a compiled HTTP or gRPC service. It never changes.
type Service struct {
	Name  string
	Chain middleware.Chain
	Pool  *upstream.Pool

	conf Config
}

// New compiles a service.
func New(c Config) (*Service, error) {
	return &Service{Name: c.Name, Chain: c.Chain, Pool: c.Pool, conf: c}, nil
}

// TokenEndpoint issues tokens. Serve says whether the exchange was its own and
// is answered.
type TokenEndpoint interface {
	Serve(x *message.Exchange, call *middleware.Call) bool
}

// Site is all HTTP of one generation.
type Site struct {
	Shared *route.Table[*Service]            // on the shared listeners
	Ports  map[uint16]*route.Table[*Service] // on services' own ports

	Blacklist middleware.Gate
	Trusted   middleware.Trusted
	Token     TokenEndpoint // nil for none
	Total     *flow.Subject
	Back      message.Back
	Enders    *middleware.Live
}

// Serve takes an exchange all the way. When it returns nil, the exchange is
// answered (or broken) and ended. Otherwise nothing was sent yet: the caller
// says the refusal in the request's dialect and calls x.End with its status
// and reason.
func (s *Site) Serve(x *message.Exchange) *middleware.Denied { return nil }
