package message

import (
	"context"
	"crypto/tls"
	"time"
)

// Target is what a back wire needs to reach a node and how long it may take.
// It is made at build and never changes; connections are pooled by Digest.
type Target struct {
	Address string // host:port
	Scheme  string // http | https | h2 | h2c
	TLS     *tls.Config
	Digest  string // of address, scheme, TLS settings and pool limits

	Connect        time.Duration // 0 is no limit, for each
	TLSHandshake   time.Duration
	ResponseHeader time.Duration
	BodyIdle       time.Duration
	StreamIdle     time.Duration

	MaxIdle int           // idle connections kept
	Max     int           // connections; 0 is no limit
	Idle    time.Duration // how long an idle one is kept; 0 is no limit
}

// Back is a back wire: it carries requests to a target.
type Back interface {
	// Carry sends r to t and returns the head of the final answer; its body
	// streams. Interim answers go to interim when it is not nil. A request
	// body may still be on its way when Carry returns (an early answer), and
	// reading the answer's body to its end, or aborting it, ends both. The
	// error is a *CarryError. r is only read while Carry runs, its body till
	// the answer ends.
	Carry(ctx context.Context, r *Request, t *Target, interim func(status int, fields Fields)) (*Response, error)
}
