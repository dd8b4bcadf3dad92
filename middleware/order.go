package middleware

import (
	"errors"

	"yumen/flow"
	"yumen/message"
	"yumen/spec"
)

// Gate lets a call pass (nil) or says why not. The error is a *Denied; any
// other counts as "internal".
type Gate func(*Call) error

// Chain is the gates of one service, in order.
type Chain []Gate

// Inputs is what a chain is made of.
type Inputs struct {
	Service *spec.Service // effective
	State   *State
}

// NewChain makes the chain of a service: only the gates it needs. The chain
// stays right when tenants, keys or the blacklist change (see State.Use); it
// is made again only for another service, or other settings of it.
func NewChain(in Inputs) (Chain, error) { panic("surface") }

// Admit asks each gate in turn. On a refusal, which it returns, what earlier
// gates took is given back and the call ends.
func (c Chain) Admit(call *Call) error {
	for _, gate := range c {
		if err := gate(call); err != nil {
			return refuse(call, err)
		}
	}
	return nil
}

func refuse(call *Call, err error) *Denied {
	d := (*Denied)(nil)
	if !errors.As(err, &d) {
		d = &Denied{Reason: "internal", Status: 500, Err: err}
	}
	call.End(&message.Outcome{Status: d.Status, GRPC: -1, Reason: d.Reason, Err: d.Err})
	return d
}

// State is what the gates of all services share and what changes without a
// service changing: tenants, tokens, the blacklist. One per process; it
// outlives generations, which set it by Use when they are swapped in.
type State struct {
	Counters *flow.Counters
	Limiters *flow.Limiters
	Quotas   *flow.Quotas
}

// NewState makes a state without tenants and with an empty blacklist.
func NewState(c *flow.Counters, l *flow.Limiters, q *flow.Quotas) *State { panic("surface") }

// Use makes tenants and blacklist the current ones, at a swap.
func (s *State) Use(t *Tenants, b *Blacklist) {}
