// Package middleware answers "may it pass?": gates, written once for every
// protocol. order.go is the list of them.
package middleware

import (
	"net/netip"
	"time"

	"yumen/flow"
	"yumen/message"
)

// Call is one request or connection on its way through the gates.
type Call struct {
	Service   string
	Peer      netip.Addr       // who connected; see Addr
	Client    netip.Addr       // whom the peer speaks for: itself, unless it is a trusted proxy
	Scheme    string           // http or https, as the client used it; "" for TCP
	Request   *message.Request // nil for TCP
	RequestID string
	Now       time.Time // the clock, read once

	// Authentication sets these:
	Tenant     *Tenant
	Credential string    // the credential the token was issued for
	Expires    time.Time // when the token does; zero without one

	scope  []string // services the token is for; nil for all
	ends   []func(*message.Outcome)
	ended  bool
	took   pocket[flow.Taken]
	meters pocket[*flow.Subject]
}

// pocket is a short list that needs no memory of its own.
type pocket[T any] struct {
	n    int
	held [6]T
}

func (p *pocket[T]) put(v T) {
	if p.n < len(p.held) {
		p.held[p.n] = v
		p.n++
	}
}

func (p *pocket[T]) all() []T { return p.held[:p.n] }

// Addr is an address in the form gates compare: IPv4-mapped IPv6 as IPv4,
// without zone.
func Addr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Reset makes c a new call and keeps its allocations.
func (c *Call) Reset() {
	clear(c.ends)
	*c = Call{ends: c.ends[:0]}
}

// OnEnd registers f to run once, when the call ends or a later gate refuses;
// the last registered runs first.
func (c *Call) OnEnd(f func(*message.Outcome)) { c.ends = append(c.ends, f) }

// End runs what OnEnd registered, once.
func (c *Call) End(o *message.Outcome) {
	if c.ended {
		return
	}
	c.ended = true
	for i := len(c.ends) - 1; i >= 0; i-- {
		c.ends[i](o)
	}
}

// took notes what a gate took, to give it back if a later one refuses.
func (c *Call) take(t flow.Taken) { c.took.put(t) }

func (c *Call) giveBack() {
	all := c.took.all()
	for i := len(all) - 1; i >= 0; i-- {
		all[i].GiveBack(c.Now)
	}
	c.took.n = 0
}

// Meter adds a subject that counts this call. Forwarders add the total and the
// service; the tenant gate adds the tenant and its pair with the service.
func (c *Call) Meter(s *flow.Subject) {
	if s != nil {
		c.meters.put(s)
	}
}

// Count counts the call's outcome on every meter; now is when it ended.
func (c *Call) Count(now time.Time, o *message.Outcome) {
	for _, s := range c.meters.all() {
		s.Count(now, o.Status, o.Reason, o.Duration)
		if o.GRPC >= 0 {
			s.GRPC(now, o.GRPC)
		}
	}
}

// Bytes counts bytes on every meter, as they flow.
func (c *Call) Bytes(now time.Time, in, out uint64) {
	for _, s := range c.meters.all() {
		s.Bytes(now, in, out)
	}
}
