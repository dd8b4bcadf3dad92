package tcpproxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A quiet connection holds two buffers of this size and no more.
	small = 4 << 10
	// What fills a small buffer goes on in large ones, or in the kernel.
	large = 64 << 10
	// A splice ends after so many bytes or so long, so that what flowed is
	// counted while it flows.
	spliceBytes = 4 << 20
	spliceTurn  = 500 * time.Millisecond
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([small]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([large]byte) }}
)

// tunnel is a client's and a node's connection joined together. Each
// direction ends on its own: an end of one is passed on as an end of writing,
// and the other goes on.
type tunnel struct {
	client, node net.Conn
	in, out      atomic.Int64 // bytes from and to the client
	moved        func(now time.Time, in, out int64)

	start time.Time
	last  atomic.Int64 // when bytes moved, as nanoseconds since start

	mu    sync.Mutex
	ended error // why the tunnel was ended before its directions were
}

// errIdle ends a tunnel that moved nothing for its stream_idle.
var errIdle = errors.New("stream idle")

// run pumps until both directions have ended and returns why the first one
// did that did not end well.
func (t *tunnel) run(idle time.Duration) error {
	t.start = time.Now()
	if idle > 0 {
		defer t.watch(idle)()
	}
	down := make(chan error, 1)
	go func() { down <- t.pump(t.client, t.node, idle, t.sent) }()
	up := t.pump(t.node, t.client, idle, t.received)
	err := first(up, <-down)
	t.client.Close()
	t.node.Close()

	if why := t.why(); why != nil {
		return why
	}
	return err
}

// why is what the tunnel was ended for, nil while nobody did.
func (t *tunnel) why() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// first is the error that came first: the other direction then fails on a
// connection closed by ourselves.
func first(a, b error) error {
	if a == nil || errors.Is(a, net.ErrClosed) && b != nil {
		return b
	}
	return a
}

// end closes both connections; both directions then fail.
func (t *tunnel) end(why error) {
	t.mu.Lock()
	if t.ended == nil {
		t.ended = why
	}
	t.mu.Unlock()
	t.client.Close()
	t.node.Close()
}

func (t *tunnel) received(n int64) {
	now := time.Now()
	t.last.Store(int64(now.Sub(t.start)))
	t.in.Add(n)
	t.moved(now, n, 0)
}

func (t *tunnel) sent(n int64) {
	now := time.Now()
	t.last.Store(int64(now.Sub(t.start)))
	t.out.Add(n)
	t.moved(now, 0, n)
}

// watch ends the tunnel when nothing moved for idle. One timer sleeps until
// the moment that could be, so that moving bytes costs no timer.
func (t *tunnel) watch(idle time.Duration) (stop func()) {
	var timer *time.Timer
	var mu sync.Mutex // orders the first firing after the assignment
	mu.Lock()
	timer = time.AfterFunc(idle, func() {
		mu.Lock()
		defer mu.Unlock()
		rest := time.Duration(t.last.Load()) + idle - time.Since(t.start)
		if rest <= 0 {
			t.end(errIdle)
			return
		}
		timer.Reset(rest)
	})
	mu.Unlock()
	return func() { timer.Stop() }
}

// pump moves bytes from src to dst until src ends, and passes the end on.
func (t *tunnel) pump(dst, src net.Conn, idle time.Duration, moved func(int64)) error {
	err := t.move(dst, src, idle, moved)
	var lost *readError
	switch {
	case err == nil:
		return closeWrite(dst)
	case errors.As(err, &lost) && t.why() == nil:
		// What is broken must not look complete to the other side.
		reset(dst)
		src.Close()
	}
	// A dst that takes no more is left to the other direction: what it sent
	// before may still have to be read.
	return err
}

// readError is a failure of the side that sends.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

func (t *tunnel) move(dst, src net.Conn, idle time.Duration, moved func(int64)) error {
	quiet := smallBuffers.Get().(*[small]byte)
	defer smallBuffers.Put(quiet)
	for {
		full, err := step(dst, src, quiet[:], moved)
		if err != nil {
			return done(err)
		}
		if !full {
			continue
		}
		d, ok1 := dst.(*net.TCPConn)
		s, ok2 := src.(*net.TCPConn)
		if ok1 && ok2 {
			err = splice(d, s, min(spliceTurn, turn(idle)), moved)
		} else {
			err = bulk(dst, src, moved)
		}
		if err != nil {
			return done(err)
		}
	}
}

// done turns an end into nil.
func done(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// turn is how long a splice may go on unseen by the idle watch.
func turn(idle time.Duration) time.Duration {
	if idle <= 0 {
		return spliceTurn
	}
	return idle / 4
}

// step moves what one read gives and tells whether it filled b.
func step(dst, src net.Conn, b []byte, moved func(int64)) (full bool, err error) {
	n, rerr := src.Read(b)
	if n > 0 {
		if _, err := dst.Write(b[:n]); err != nil {
			return false, err
		}
		moved(int64(n))
	}
	switch {
	case rerr == nil:
		return n == len(b), nil
	case errors.Is(rerr, io.EOF):
		return false, io.EOF
	}
	return false, &readError{rerr}
}

// bulk moves bytes in large pieces for as long as they come in such.
func bulk(dst, src net.Conn, moved func(int64)) error {
	b := largeBuffers.Get().(*[large]byte)
	defer largeBuffers.Put(b)
	for {
		n, rerr := src.Read(b[:])
		if n > 0 {
			if _, err := dst.Write(b[:n]); err != nil {
				return err
			}
			moved(int64(n))
		}
		switch {
		case errors.Is(rerr, io.EOF):
			return io.EOF
		case rerr != nil:
			return &readError{rerr}
		case n <= small:
			return nil
		}
	}
}

// splice moves bytes in the kernel, where the system can, until none come for
// a turn.
func splice(dst, src *net.TCPConn, turn time.Duration, moved func(int64)) error {
	defer src.SetReadDeadline(time.Time{})
	for {
		src.SetReadDeadline(time.Now().Add(turn))
		n, err := dst.ReadFrom(&io.LimitedReader{R: src, N: spliceBytes})
		if n > 0 {
			moved(n)
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Only reading has a deadline, so nothing is stuck half-way.
			if n == 0 {
				return nil
			}
		case err != nil:
			return spliceError(src, err)
		case n < spliceBytes:
			return io.EOF
		}
	}
}

// spliceError finds out which side failed, since splice does not say: a source
// that is well has a byte or none yet. The byte is of no use any more.
func spliceError(src *net.TCPConn, err error) error {
	src.SetReadDeadline(time.Now().Add(time.Millisecond))
	var b [1]byte
	if _, rerr := src.Read(b[:]); rerr == nil || errors.Is(rerr, os.ErrDeadlineExceeded) {
		return err
	}
	return &readError{err}
}

// closeWrite ends one direction of c.
func closeWrite(c net.Conn) error {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		if err := w.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
	return c.Close()
}

// reset closes c so that the peer sees a broken connection.
func reset(c net.Conn) {
	if n, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = n.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}
