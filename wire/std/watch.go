package std

import (
	"sync/atomic"
	"time"
)

// watch finds an operation that is stuck. It needs no deadline per operation:
// two atomic stores mark its beginning and end, and one timer looks from time
// to time.
type watch struct {
	limit time.Duration
	since atomic.Int64 // when the running operation began; 0 while none runs
	over  atomic.Bool
	timer *time.Timer
	stuck func() // called once, by the timer
}

// began is what times are counted from, by the monotonic clock.
var began = time.Now()

func clock() int64 { return int64(time.Since(began)) + 1 }

// newWatch begins to look; limit 0 gives nil, which watches nothing.
func newWatch(limit time.Duration, stuck func()) *watch {
	if limit <= 0 {
		return nil
	}
	w := &watch{limit: limit, stuck: stuck}
	w.timer = time.AfterFunc(limit+time.Hour, w.look)
	w.timer.Reset(limit) // only now that look can see the timer
	return w
}

func (w *watch) look() {
	if w.over.Load() {
		return
	}
	rest := w.limit
	if since := w.since.Load(); since != 0 {
		if rest = w.limit - time.Duration(clock()-since); rest <= 0 {
			w.stuck()
			return
		}
	}
	w.timer.Reset(rest)
}

func (w *watch) enter() {
	if w != nil {
		w.since.Store(clock())
	}
}

func (w *watch) leave() {
	if w != nil {
		w.since.Store(0)
	}
}

// touch begins a running operation anew.
func (w *watch) touch() {
	if w != nil {
		if since := w.since.Load(); since != 0 {
			w.since.CompareAndSwap(since, clock())
		}
	}
}

func (w *watch) stop() {
	if w != nil {
		w.over.Store(true)
		w.timer.Stop()
	}
}
