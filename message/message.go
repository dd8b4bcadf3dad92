// Package message is an HTTP exchange as it is, whatever wire it came by: one
// request, its interim answers and its final one. Front wires make exchanges,
// the pipeline works on them, back wires carry them to a target.
//
// What is read from an exchange — strings, fields, body bytes — is a view into
// the wire's buffers and valid until the exchange ends. Whoever keeps
// something, clones it (strings.Clone, Fields.Clone).
package message

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"time"
)

// Exchange is one request and its answer. It is used by one goroutine, but for
// the request body, which may be read by another while the answer is sent.
type Exchange struct {
	Request Request

	Peer  netip.AddrPort       // who connected, before any X-Forwarded-For
	Local netip.AddrPort       // the listener's address
	TLS   *tls.ConnectionState // nil on a plain connection
	Start time.Time            // when the request's head was complete

	front     Front
	status    int
	length    int64
	committed bool
	ended     bool
	ends      []func(*Outcome)
}

// Request is what the client asks. Scheme is "http" or "https" as the client
// used it; Path is escaped and begins with "/" (or is "*"); Query has no "?".
//
// Framing belongs to the wire and is no field: Host is Authority,
// Content-Length is Body.Len, Expect is Continue, and Transfer-Encoding is
// nowhere. Connection and what it names stand as received; a back wire writes
// Connection and Upgrade by itself, for Upgrade alone.
type Request struct {
	Major     int // HTTP version: 1, 2 or 3
	Minor     int
	Method    string
	Scheme    string
	Authority string // Host, as sent
	Path      string
	Query     string
	HasQuery  bool // "?" was sent, even with nothing after it
	Fields    Fields
	Body      Body   // never nil; Empty when there is none
	Upgrade   string // the protocol the client asks to change to, lower case; "" for none
	Continue  bool   // the client waits for 100, which the first Read of Body sends
}

// Response is an answer: the target's, or one of our own. Framing is the
// wire's, as in Request; but where an answer has no body by rule (to HEAD, 304)
// Content-Length is a field like any other. A 101 names its protocol in the
// field Upgrade.
type Response struct {
	Status int
	Fields Fields
	Body   Body // never nil

	// Stream is what follows a 101 (or a 200 to CONNECT): both directions,
	// beginning with bytes already read. nil otherwise.
	Stream Stream
}

// Body is a stream of bytes that is pulled. Transforms wrap a Body.
type Body interface {
	// Read is io.Reader's, and returns io.EOF only after a complete body.
	Read(p []byte) (int, error)
	// Len is the whole length in bytes, −1 while unknown.
	Len() int64
	// Trailers are valid after Read returned io.EOF; nil for none.
	Trailers() Fields
	// Abort gives up a body before its end and says why. It may be called at
	// any time, by any goroutine, more than once; Read then fails, and one that
	// waits for bytes at the latest when the exchange ends.
	Abort(reason error)
}

// Stream is one end of an upgraded connection. Close ends both directions.
type Stream interface {
	io.ReadWriteCloser
	CloseWrite() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Front is what a front wire does for its exchange.
type Front interface {
	// Interim sends a 1xx answer other than 101.
	Interim(status int, fields Fields) error
	// Answer sends head, body and trailers, reading r.Body to its end. It
	// flushes what it has whenever r.Body has nothing more at once.
	Answer(r *Response) error
	// Upgrade sends r's head (101, or 2xx to CONNECT) and hands the
	// connection over, with bytes already read.
	Upgrade(r *Response) (Stream, error)
	// Context ends when the client is gone or the exchange is over; its cause
	// says why. Made when first asked for.
	Context() context.Context
	// Done is Context().Done() without making a context where the wire can.
	Done() <-chan struct{}
	// Close makes this exchange the connection's last.
	Close()
}

// ErrEnded is the cause of an exchange's context once it is over.
var ErrEnded = errors.New("exchange ended")

// New is called by front wires. The exchange belongs to f until End.
func New(f Front) *Exchange { return &Exchange{front: f} }

// Reset makes x a new exchange of f and keeps its allocations.
func (x *Exchange) Reset(f Front) {
	clear(x.ends)
	*x = Exchange{front: f, ends: x.ends[:0], Request: Request{Fields: x.Request.Fields[:0]}}
}

// Committed tells whether the final answer's head is out (or on its way):
// nothing can be tried again.
func (x *Exchange) Committed() bool { return x.committed }

// Interim sends a 1xx answer; after Answer it does nothing.
func (x *Exchange) Interim(status int, fields Fields) error {
	if x.committed {
		return nil
	}
	return x.front.Interim(status, fields)
}

// Answer sends the final answer and reads r.Body to its end. A second one is
// refused with ErrCommitted.
func (x *Exchange) Answer(r *Response) error {
	if x.committed {
		r.Body.Abort(ErrCommitted)
		return ErrCommitted
	}
	x.committed, x.status = true, r.Status
	if x.Request.Method != "HEAD" {
		x.length = max(r.Body.Len(), 0)
	}
	return x.front.Answer(r)
}

// Status is the final answer's; 0 before there is one.
func (x *Exchange) Status() int { return x.status }

// Length is how many bytes the final answer's body was to have, 0 when that
// was not known beforehand.
func (x *Exchange) Length() int64 { return x.length }

// ErrCommitted is returned for a second final answer.
var ErrCommitted = errors.New("exchange already answered")

// ErrAborted is what reading an aborted body gives when no reason was said.
var ErrAborted = errors.New("body aborted")

// Upgrade answers with r and hands over the client's connection.
func (x *Exchange) Upgrade(r *Response) (Stream, error) {
	if x.committed {
		return nil, ErrCommitted
	}
	x.committed, x.status = true, r.Status
	return x.front.Upgrade(r)
}

// Context ends when the client is gone or the exchange is over. Prefer Done.
func (x *Exchange) Context() context.Context { return x.front.Context() }

// Done is closed when the client is gone or the exchange is over.
func (x *Exchange) Done() <-chan struct{} { return x.front.Done() }

// Close makes this exchange its connection's last.
func (x *Exchange) Close() { x.front.Close() }

// OnEnd registers f to run once, when the exchange ends; the last registered
// runs first.
func (x *Exchange) OnEnd(f func(*Outcome)) { x.ends = append(x.ends, f) }

// End runs what OnEnd registered, once, and is called by whoever serves the
// exchange when all is said.
func (x *Exchange) End(o *Outcome) {
	if x.ended {
		return
	}
	x.ended = true
	for i := len(x.ends) - 1; i >= 0; i-- {
		x.ends[i](o)
	}
}
