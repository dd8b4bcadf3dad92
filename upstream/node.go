package upstream

import (
	"sync/atomic"
	"time"

	"yumen/message"
)

// Node is one address of one service. It outlives generations, as what it
// counts must.
type Node struct {
	address  string
	inFlight atomic.Int64
}

// Address is host:port.
func (n *Node) Address() string { return n.address }

// InFlight is the number of leases out.
func (n *Node) InFlight() int64 { return n.inFlight.Load() }

// Lease is a node chosen for one request or connection.
type Lease struct{ m *member }

// Node is the chosen one, to be avoided when trying again.
func (l Lease) Node() *Node { return l.m.node }

// Target is what to dial.
func (l Lease) Target() *message.Target { return l.m.target }

// Release ends the use, exactly once. err is what failed on the way to the
// node, nil when it answered.
func (l Lease) Release(err error) {
	l.m.node.inFlight.Add(-1)
	if err != nil && l.m.check != nil {
		l.m.check.doubt()
	}
}

// The states of a node.
const (
	Up       = "up"
	Down     = "down"
	Unknown  = "unknown" // not checked, or not yet: takes requests
	Draining = "draining"
	Disabled = "disabled"
)

// NodeHealth is how one node stands.
type NodeHealth struct {
	Address     string       `json:"address"`
	State       string       `json:"state"`
	Reason      string       `json:"reason,omitempty"`
	Since       time.Time    `json:"since,omitzero"`
	InFlight    int64        `json:"in_flight"`
	Weight      int          `json:"weight"`
	Transitions []Transition `json:"transitions,omitempty"` // newest last
}

// Transition is one change of what a check found.
type Transition struct {
	At     time.Time `json:"at"`
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"`
}
