package reverseproxy

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yumen/message"
	"yumen/middleware"
)

// tunnel hands both connections to each other after a 101, and ends the
// exchange when both directions have ended.
func (p *pass) tunnel(resp *message.Response) *middleware.Denied {
	defer resp.Stream.Close()
	if to := resp.Fields.Get("Upgrade"); p.out.Upgrade == "" || !strings.EqualFold(to, p.out.Upgrade) {
		err := errors.New("target changed to a protocol it was not asked for")
		p.release(err)
		return &middleware.Denied{Reason: "upstream_failed", Status: 502, Err: err}
	}
	dropHops(&resp.Fields)
	resp.Fields.Set("Upgrade", p.out.Upgrade)
	resp.Fields.Set("X-Request-Id", p.call.RequestID)
	client, err := p.x.Upgrade(&message.Response{Status: 101, Fields: resp.Fields, Body: message.Empty})
	o := message.Outcome{Status: 101, GRPC: -1}
	if err != nil {
		o.Err = clientGone{err}
	} else {
		if g := p.site.Open.WebSocket; g != nil && p.out.Upgrade == "websocket" {
			p.open.Add(-1) // no longer what it was
			p.open = g
			g.Add(1)
		}
		target := p.lease.Target()
		t := &tunnel{client: client, target: resp.Stream, idle: target.StreamIdle, stuck: target.BodyIdle, call: &p.call}
		if p.out.Upgrade == "websocket" {
			t.frames = new(frames)
		}
		p.register(t.end)
		o.Err = t.run()
		o.BytesIn, o.BytesOut = t.in.Load(), t.out.Load()
		if ended := endedBy(o.Err); ended != nil {
			o.Reason = ended.reason
		}
	}
	o.Duration = p.elapsed()
	p.x.End(&o)
	return nil
}

// tunnel is two pumps between two streams.
type tunnel struct {
	client, target message.Stream
	idle           time.Duration // without a byte either way; 0 is no limit
	stuck          time.Duration // one write may take; 0 is no limit
	call           *middleware.Call
	frames         *frames // of the direction to the client; nil when not WebSocket

	in, out atomic.Int64
	last    atomic.Int64 // when bytes came last, UnixNano

	mu     sync.Mutex
	reason error // why it must end
}

var errStreamIdle error = timeoutError("no bytes either way for too long")

// run pumps until both directions have ended.
func (t *tunnel) run() error {
	t.last.Store(time.Now().UnixNano())
	defer t.client.Close()
	up := make(chan any, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				t.end(errors.New("panic"))
				up <- p
			}
		}()
		up <- t.pump(false)
	}()
	err := t.pump(true)
	switch other := (<-up).(type) {
	case nil:
	case error:
		err = errors.Join(err, other)
	default:
		panic(other) // where it costs this exchange alone
	}
	t.mu.Lock()
	reason := t.reason
	t.mu.Unlock()
	if ended := endedBy(reason); ended != nil {
		t.farewell(ended)
	}
	switch {
	case reason == nil:
		return err
	case errors.Is(reason, net.ErrClosed), errors.Is(reason, io.ErrClosedPipe):
		return nil
	}
	return reason
}

// end ends both directions at once. It may be called at any time.
func (t *tunnel) end(reason error) {
	t.mu.Lock()
	if t.reason == nil {
		t.reason = reason
	}
	t.mu.Unlock()
	past := time.Unix(1, 0)
	for _, s := range []message.Stream{t.client, t.target} {
		s.SetReadDeadline(past)
		s.SetWriteDeadline(past)
	}
}

func (t *tunnel) ending() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reason != nil
}

// deadline sets a deadline, unless the tunnel is to end.
func (t *tunnel) deadline(set func(time.Time) error, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reason == nil {
		_ = set(at) // fails only on what is closed
	}
}

var tunnelBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// pump copies one direction to its end, which it passes on.
func (t *tunnel) pump(down bool) error {
	from, to := t.client, t.target
	if down {
		from, to = to, from
	}
	buf := tunnelBuffers.Get().(*[32 << 10]byte)
	defer tunnelBuffers.Put(buf)
	var readBy, writeBy time.Time
	for {
		// Deadlines are moved on when a quarter is used up, not at each read.
		if now := time.Now(); t.idle > 0 && readBy.Sub(now) < t.idle*3/4 {
			readBy = now.Add(t.idle)
			t.deadline(from.SetReadDeadline, readBy)
		}
		n, err := from.Read(buf[:])
		now := time.Now()
		if n > 0 {
			t.last.Store(now.UnixNano())
			if down {
				t.out.Add(int64(n))
				t.call.Bytes(now, 0, uint64(n))
			} else {
				t.in.Add(int64(n))
				t.call.Bytes(now, uint64(n), 0)
			}
			if t.stuck > 0 && writeBy.Sub(now) < t.stuck*3/4 {
				writeBy = now.Add(t.stuck)
				t.deadline(to.SetWriteDeadline, writeBy)
			}
			written, werr := to.Write(buf[:n])
			if down && t.frames != nil {
				t.frames.pass(buf[:written])
			}
			if werr != nil {
				t.end(werr)
				return werr
			}
		}
		switch {
		case err == nil:
		case err == io.EOF:
			if to.CloseWrite() != nil {
				t.end(net.ErrClosed)
			}
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded) && !t.ending():
			if rest := t.idle - now.Sub(time.Unix(0, t.last.Load())); rest > 0 {
				readBy = now.Add(rest) // the other direction was alive
				t.deadline(from.SetReadDeadline, readBy)
				continue
			}
			t.end(errStreamIdle)
			return errStreamIdle
		default:
			t.end(err)
			return err
		}
	}
}

// farewell tells a WebSocket client why, where a frame may be written.
func (t *tunnel) farewell(e *endedError) {
	if t.frames == nil || !t.frames.between() {
		return
	}
	code := byte(0xf0) // 1008, policy violation
	if e.status() == 503 {
		code = 0xe9 // 1001, going away
	}
	t.client.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = t.client.Write([]byte{0x88, 2, 0x03, code})
}

// frames follows a stream of WebSocket frames (RFC 6455, 5.2) and knows where
// one may be put in.
type frames struct {
	head   [14]byte
	have   int    // bytes of head
	rest   uint64 // bytes of payload to come
	closed bool   // a close frame went by
}

// pass follows bytes that went by.
func (f *frames) pass(p []byte) {
	for len(p) > 0 {
		if f.rest > 0 {
			n := min(f.rest, uint64(len(p)))
			f.rest -= n
			p = p[n:]
			continue
		}
		f.head[f.have] = p[0]
		f.have++
		p = p[1:]
		if size, payload := f.parse(); f.have == size {
			f.closed = f.closed || f.head[0]&0x0f == 8
			f.have, f.rest = 0, payload
		}
	}
}

// parse tells how long the head is, as far as it is known, and the payload.
func (f *frames) parse() (size int, payload uint64) {
	size = 2
	if f.have < 2 {
		return size, 0
	}
	extra := 0
	switch payload = uint64(f.head[1] & 0x7f); payload {
	case 126:
		extra = 2
	case 127:
		extra = 8
	}
	size += extra
	if f.head[1]&0x80 != 0 {
		size += 4 // the mask
	}
	if f.have < size {
		return size, 0
	}
	if extra > 0 {
		payload = 0
		for _, b := range f.head[2 : 2+extra] {
			payload = payload<<8 | uint64(b)
		}
	}
	return size, payload
}

// between tells whether a frame may be written now.
func (f *frames) between() bool { return f.have == 0 && f.rest == 0 && !f.closed }
