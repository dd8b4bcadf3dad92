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

// order is the way through, first gate first. Each makes its gate for a
// service, or nil where the service has no use for it. The blacklist comes
// before all of them, before it is even known which service is meant: see
// State.Blacklist. Add yours here, in its own file.
var order = []func(Inputs) (Gate, error){
	access,
	clientLimit,
	auth,
	tenant,
	tenantLimit,
	serviceLimit,
	quota,
}

// Inputs is what a chain is made of.
type Inputs struct {
	Service *spec.Service // effective
	State   *State
}

// id is the service's subject, which also names its limiters.
func (in Inputs) id() string { return flow.ServiceID(in.Service.Name, in.Service.Origin) }

// Chain is the gates of one service, in order.
type Chain []Gate

// NewChain makes the chain of a service, of only the gates it needs. It stays
// right while tenants, keys and the blacklist change (State.Use). Errors are
// *spec.Invalid, their fields relative to the service.
func NewChain(in Inputs) (Chain, error) {
	var chain Chain
	for _, make := range order {
		gate, err := make(in)
		if err != nil {
			return nil, err
		}
		if gate != nil {
			chain = append(chain, gate)
		}
	}
	return chain, nil
}

// Admit asks each gate in turn. On a refusal, a *Denied which it returns, what
// earlier gates took is given back and the call ends.
func (c Chain) Admit(call *Call) error {
	for _, gate := range c {
		if err := gate(call); err != nil {
			return refuse(call, err)
		}
	}
	return nil
}

func refuse(call *Call, err error) *Denied {
	var d *Denied
	if !errors.As(err, &d) {
		d = &Denied{Reason: "internal", Status: 500, Err: err}
	}
	call.giveBack()
	call.End(&message.Outcome{Status: d.Status, GRPC: -1, Reason: d.Reason, Err: d.Err})
	return d
}
