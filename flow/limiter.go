package flow

import (
	"net/netip"
	"time"
)

// Limiters are the levels of all limits. They survive every change of the
// configuration; what changes is the numbers, from the next call on.
type Limiters struct{}

// NewLimiters makes an empty set.
func NewLimiters() *Limiters { panic("surface") }

// Limiter is a token bucket with the numbers of one configuration.
type Limiter struct{}

// Rate returns the limiter of key: rate tokens each per, at most burst at
// once; burst 0 is one period's rate, at least 1.
func (l *Limiters) Rate(key string, rate float64, per time.Duration, burst int) *Limiter {
	panic("surface")
}

// Clients returns the limiters of key for each client address (IPv6: /64).
func (l *Limiters) Clients(key string, rate float64, per time.Duration, burst int) *ClientLimiter {
	panic("surface")
}

// Allow takes a token. If there is none, retryAfter is when the next comes.
func (l *Limiter) Allow(now time.Time) (ok bool, retryAfter time.Duration) { panic("surface") }

// GiveBack returns a token that Allow took.
func (l *Limiter) GiveBack(now time.Time) {}

// ClientLimiter is a limiter for each client.
type ClientLimiter struct{}

// Allow takes a token of the client's. Taken gives it back.
func (c *ClientLimiter) Allow(client netip.Addr, now time.Time) (taken Taken, ok bool, retryAfter time.Duration) {
	panic("surface")
}

// Taken is something that can be given back when it was not needed.
type Taken interface{ GiveBack(now time.Time) }

// Sweep frees limiters that keep does not name and clients that are idle.
func (l *Limiters) Sweep(now time.Time, keep func(key string) bool) {}
