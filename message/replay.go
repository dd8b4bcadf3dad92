package message

import (
	"io"
	"sync"
	"sync/atomic"
)

// Replay is a body that remembers what was read of it, up to a bound, so that
// it can be sent a second time. Remembering never holds up the first sending:
// a body that outgrows the bound is forgotten and goes on.
type Replay struct {
	source Body
	limit  int
	turn   atomic.Int64 // which attempt reads
	lost   atomic.Bool  // outgrew limit

	mu   sync.Mutex // an attempt given up may still be reading when the next begins
	kept []byte
	read int   // bytes read of source
	err  error // how source ended
}

// NewReplay wraps a body and remembers at most limit bytes of it. From now on
// source is read only through what Body returns.
func NewReplay(source Body, limit int) *Replay { return &Replay{source: source, limit: limit} }

// Body begins the body anew and makes earlier ones fail. It returns nil when
// the beginning is no longer known.
func (r *Replay) Body() Body {
	if r.lost.Load() {
		return nil
	}
	return &attempt{r: r, turn: r.turn.Add(1)}
}

// attempt is one reading of a Replay from its beginning.
type attempt struct {
	r    *Replay
	turn int64
	at   int
}

func (a *attempt) Read(p []byte) (int, error) {
	r := a.r
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case a.turn != r.turn.Load():
		return 0, ErrAborted
	case a.at < len(r.kept):
		n := copy(p, r.kept[a.at:])
		a.at += n
		return n, nil
	case a.at < r.read: // an attempt given up read on, past the bound
		return 0, ErrAborted
	case r.err != nil:
		return 0, r.err
	}
	n, err := r.source.Read(p)
	r.err = err
	r.read += n
	a.at += n
	if r.read > r.limit {
		r.kept = nil
		r.lost.Store(true)
	} else {
		r.kept = append(r.kept, p[:n]...)
	}
	return n, err
}

func (a *attempt) Len() int64 { return a.r.source.Len() }

func (a *attempt) Trailers() Fields {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	if a.r.err != io.EOF {
		return nil
	}
	return a.r.source.Trailers()
}

// Abort gives up the source, unless a later attempt has taken over.
func (a *attempt) Abort(reason error) {
	if a.turn == a.r.turn.Load() {
		a.r.source.Abort(reason)
	}
}
