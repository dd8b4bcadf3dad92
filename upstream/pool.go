// Package upstream answers "who is next?": nodes and whether they are alive,
// pools of them, and the ways to choose.
package upstream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"yumen/message"
	"yumen/spec"
)

// ErrNoTarget tells that no target is alive and active.
var ErrNoTarget = errors.New("no live target")

// Pool is the targets of one service. It is made at build; who is alive in it
// follows the registry.
type Pool struct{}

// Node is one address of one service. It outlives generations.
type Node struct{}

// Key is what a balancer may choose by.
type Key struct{ Client netip.Addr }

// Lease is a node chosen for one request or connection.
type Lease struct{}

// NewPool makes the pool of a service from its effective upstream.
func NewPool(service string, u *spec.Upstream, r *Registry) (*Pool, error) { panic("surface") }

// Pick chooses a live, active node; not is avoided while there is another (nil:
// none). The error is ErrNoTarget. Release the lease exactly once.
func (p *Pool) Pick(k Key, not *Node) (Lease, error) { panic("surface") }

// Node is the chosen one, to be avoided when trying again.
func (l Lease) Node() *Node { panic("surface") }

// Target is what to dial.
func (l Lease) Target() *message.Target { panic("surface") }

// Release ends the use; err is what failed on the way to the node, nil when it
// answered.
func (l Lease) Release(err error) {}

// Address is host:port.
func (n *Node) Address() string { panic("surface") }

// InFlight is the number of leases out.
func (n *Node) InFlight() int64 { panic("surface") }

// NodeHealth is how one node stands.
type NodeHealth struct {
	Address     string       `json:"address"`
	State       string       `json:"state"` // up | down | unknown | draining | disabled
	Reason      string       `json:"reason,omitempty"`
	Since       time.Time    `json:"since"`
	InFlight    int64        `json:"in_flight"`
	Weight      int          `json:"weight"`
	Transitions []Transition `json:"transitions,omitempty"`
}

// Transition is one change of state.
type Transition struct {
	At     time.Time `json:"at"`
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"`
}

// Health tells how every node stands, by address.
func (p *Pool) Health() []NodeHealth { panic("surface") }

// Alive is how many nodes take new requests.
func (p *Pool) Alive() int { panic("surface") }

// Drained tells that nothing is in flight.
func (p *Pool) Drained() bool { panic("surface") }

// Registry holds what outlives generations: nodes, checks, resolved names.
type Registry struct{}

// NewRegistry makes one; checks and connections go through dial.
func NewRegistry(dial *Dialer, log *slog.Logger) *Registry { panic("surface") }

// Run checks and resolves what the current pools name, until ctx ends.
func (r *Registry) Run(ctx context.Context) error { panic("surface") }

// Use tells which pools are current; what none of them names is forgotten.
func (r *Registry) Use(pools []*Pool) {}

// Dialer makes every connection that a document asks for.
type Dialer struct {
	Deny      []netip.Prefix
	DenyAddrs []netip.AddrPort // an unspecified address: this port on the whole machine
}

// NewDialer denies prefixes besides what is always denied.
func NewDialer(deny ...netip.Prefix) *Dialer { panic("surface") }

// Dial resolves, checks and connects. A denied address is a *DeniedError.
func (d *Dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	panic("surface")
}

// DeniedError tells that an address may not be dialled.
type DeniedError struct{ Addr netip.AddrPort }

func (e *DeniedError) Error() string { return e.Addr.String() + " may not be dialled" }
