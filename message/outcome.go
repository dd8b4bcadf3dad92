package message

import "time"

// CarryError says how far a request came.
type CarryError struct {
	Phase Phase
	Err   error
}

// Phase is how far a request came before it failed.
type Phase int

// The phases, in order. A request that failed while Connecting reached nobody.
const (
	Connecting Phase = iota // no connection: refused, unreachable, timed out
	Sending                 // reset or closed before any byte of the answer
	Waiting                 // sent, but no head within response_header
	Receiving               // the answer's head was malformed
	Canceled                // the client left or the exchange ended
)

func (e *CarryError) Error() string { return e.Err.Error() }
func (e *CarryError) Unwrap() error { return e.Err }

// Outcome is how an exchange ended.
type Outcome struct {
	Status   int    // the answer's; 0 when none was sent, 101 for an upgrade
	GRPC     int    // the grpc-status; −1 when it is not gRPC
	Reason   string // why the gateway refused; "" when it forwarded
	Err      error  // what failed underneath; nil for a complete exchange
	BytesIn  int64  // body bytes from the client, or an upgraded stream's
	BytesOut int64  // body bytes to the client, or an upgraded stream's
	Duration time.Duration
}
