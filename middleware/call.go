// Package middleware answers "may it pass?": gates, written once for every
// protocol.
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
	Peer      netip.Addr       // who connected, unmapped, without zone
	Client    netip.Addr       // whom the peer speaks for; Peer unless it is a trusted proxy
	Scheme    string           // as the client used it: http, https; "" for TCP
	Request   *message.Request // nil for TCP
	RequestID string
	Now       time.Time // the clock, read once

	// Set by the gates of authentication:
	Tenant     *Tenant
	Credential string    // id of the credential the token was issued for
	Expires    time.Time // the token's; zero without one

	ends    []func(*message.Outcome)
	ended   bool
	took    [4]flow.Taken
	ntook   int
	meters  [4]*flow.Subject
	nmeters int
}

// Addr is an address in the form every gate compares: IPv4-mapped IPv6 as
// IPv4, without zone.
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

// Meter adds a subject that counts this call. The forwarder adds the total and
// the service, the tenant gate the tenant and its pair with the service.
func (c *Call) Meter(s *flow.Subject) {
	if s != nil && c.nmeters < len(c.meters) {
		c.meters[c.nmeters] = s
		c.nmeters++
	}
}

// Count counts the call's outcome on every meter. now is when it ended.
func (c *Call) Count(now time.Time, o *message.Outcome) {
	for _, s := range c.meters[:c.nmeters] {
		s.Count(now, o.Status, o.Reason, o.Duration)
		if o.GRPC >= 0 {
			s.GRPC(now, o.GRPC)
		}
	}
}

// Bytes counts bytes on every meter, as they flow.
func (c *Call) Bytes(now time.Time, in, out uint64) {
	for _, s := range c.meters[:c.nmeters] {
		s.Bytes(now, in, out)
	}
}
