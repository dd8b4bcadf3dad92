package std

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"yumen/message"
)

// ErrBodyIdle is how reading a request's body fails when the client sent none
// of it for Limits.BodyIdle.
var ErrBodyIdle error = idleError("client sent nothing of the body for too long")

// ErrClientStuck is how an answer fails whose client took none of it for
// Limits.BodyIdle.
var ErrClientStuck error = idleError("client took nothing of the answer for too long")

// idleError is a time that ran out.
type idleError string

func (e idleError) Error() string { return string(e) }
func (e idleError) Timeout() bool { return true }
func (e idleError) Is(t error) bool {
	return t == context.DeadlineExceeded || t == os.ErrDeadlineExceeded
}

// requestBody is what a client sends. It outlives its exchange, since a back
// wire may still be reading it then; from then on reading fails.
type requestBody struct {
	request *http.Request
	front   *front // valid while not over
	idle    time.Duration

	mu       sync.Mutex // held while reading
	started  bool
	err      error     // how it ended, io.EOF too
	due      time.Time // the read deadline set
	trailers message.Fields

	reason atomic.Pointer[error]

	deadline sync.Mutex // guards over against setting a deadline
	over     bool
}

func newRequestBody(f *front, idle time.Duration) *requestBody {
	return &requestBody{request: f.r, front: f, idle: idle}
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if reason := b.reason.Load(); reason != nil {
		return 0, *reason
	}
	if b.err == nil && !b.started {
		b.started = true
		b.front.proceed()
	}
	if b.err == nil && b.idle > 0 {
		// Moved on when a quarter is used up, not at each read.
		if now := time.Now(); b.due.Sub(now) < b.idle*3/4 {
			b.due = now.Add(b.idle)
			b.setDeadline(b.due)
		}
	}
	// Again: finish may have set the deadline that ends this Read before ours.
	if reason := b.reason.Load(); reason != nil {
		return 0, *reason
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.request.Body.Read(p)
	if err != nil {
		b.err = err
		switch {
		case err == io.EOF:
			b.trailers = trailers(b.request.Trailer)
			if !b.due.IsZero() {
				b.setDeadline(time.Time{})
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			b.err = ErrBodyIdle
		}
	}
	if reason := b.reason.Load(); reason != nil {
		return 0, *reason
	}
	return n, b.err
}

func (b *requestBody) setDeadline(t time.Time) {
	b.deadline.Lock()
	defer b.deadline.Unlock()
	if !b.over {
		b.front.deadlines().SetReadDeadline(t)
	}
}

func (b *requestBody) Len() int64 { return b.request.ContentLength }

func (b *requestBody) Trailers() message.Fields {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trailers
}

// Abort makes reading fail. A Read that waits for the client is ended with the
// exchange: net/http cannot end it without ending the exchange's context.
func (b *requestBody) Abort(reason error) {
	if reason == nil {
		reason = message.ErrAborted
	}
	b.reason.CompareAndSwap(nil, &reason)
}

// finish is the end of the exchange. It tells whether the whole body was read;
// when not, it reads on to the end, if that is near. A Read that is ended from
// outside leaves net/http's state in doubt, so then the answer is no.
func (b *requestBody) finish(drain bool) (whole bool) {
	b.Abort(message.ErrEnded)
	doubt := !b.mu.TryLock()
	if doubt {
		drain = false
		b.setDeadline(time.Unix(1, 0))
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.err == nil && drain {
		b.setDeadline(time.Now().Add(drainTime))
		n, err := io.CopyN(io.Discard, b.request.Body, drainBytes)
		if b.err = err; n == drainBytes {
			b.err = message.ErrEnded
		}
	}
	b.deadline.Lock()
	b.over = true
	b.deadline.Unlock()
	return b.err == io.EOF && !doubt
}

// done tells whether there is nothing more to read.
func (b *requestBody) done() bool {
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	return b.err != nil
}

// untouched tells whether nobody has begun to read.
func (b *requestBody) untouched() bool {
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	return !b.started
}

const (
	drainTime  = 500 * time.Millisecond
	drainBytes = 64 << 10
)
