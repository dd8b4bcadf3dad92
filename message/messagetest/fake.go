package messagetest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"yumen/message"
)

// Fake is a front and a back wire without any wire between: exchanges pass
// through memory. It lends views as strictly as any: what a handler or a
// client keeps without a copy is overwritten when the exchange ends.
func Fake(t testing.TB, handle func(*message.Exchange)) Wire {
	b := &fakeBack{handle: handle}
	t.Cleanup(b.running.Wait)
	return Wire{Back: b, Target: &message.Target{Address: "fake:1", Scheme: "http"}, Ordered: true}
}

type fakeBack struct {
	handle  func(*message.Exchange)
	running sync.WaitGroup
}

// Carry is message.Back's.
func (b *fakeBack) Carry(ctx context.Context, r *message.Request, _ *message.Target, interim func(int, message.Fields)) (*message.Response, error) {
	if ctx.Err() != nil {
		return nil, &message.CarryError{Phase: message.Canceled, Err: context.Cause(ctx)}
	}
	inner, cancel := context.WithCancelCause(ctx)
	f := &fakeFront{ctx: inner, cancel: cancel, method: strings.Clone(r.Method), interims: make(chan note), head: make(chan *message.Response)}
	x := message.New(f)
	x.Request = f.lend(r)
	x.Peer, x.Local = netip.MustParseAddrPort("192.0.2.1:1234"), netip.MustParseAddrPort("192.0.2.2:80")
	x.Start = time.Now()
	if r.Body.Len() != 0 {
		x.Request.Body = &fakeBody{from: r.Body, whole: &f.sent}
	}
	b.running.Go(func() {
		defer f.finish(x)
		b.handle(x)
	})
	for {
		select {
		case n := <-f.interims:
			if interim != nil {
				interim(n.status, n.fields)
			}
		case resp := <-f.head:
			if resp == nil {
				return nil, &message.CarryError{Phase: message.Sending, Err: io.ErrUnexpectedEOF}
			}
			return resp, nil
		case <-ctx.Done():
			cancel(context.Cause(ctx))
			return nil, &message.CarryError{Phase: message.Canceled, Err: context.Cause(ctx)}
		}
	}
}

// fakeBody is a request's body on the other side.
type fakeBody struct {
	from  message.Body
	whole *flag
	mu    sync.Mutex
	err   error
}

func (b *fakeBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := b.from.Read(p)
	if err == io.EOF {
		b.whole.set()
	}
	return n, err
}
func (b *fakeBody) Len() int64               { return b.from.Len() }
func (b *fakeBody) Trailers() message.Fields { return b.from.Trailers() }
func (b *fakeBody) Abort(reason error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if reason == nil {
		reason = message.ErrAborted
	}
	if b.err == nil {
		b.err = reason
	}
}

type flag struct {
	mu sync.Mutex
	on bool
}

func (f *flag) set() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = true
}

func (f *flag) get() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.on
}

// note is an interim answer.
type note struct {
	status int
	fields message.Fields
}

type fakeFront struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	method   string
	text     []byte
	sent     flag // the whole request body
	interims chan note
	head     chan *message.Response
	answered bool
	broken   error
	pipe     *Pipe
	stream   message.Stream
}

// lend copies a request into memory that is overwritten at the end.
func (f *fakeFront) lend(r *message.Request) message.Request {
	m := *r
	m.Fields = append(message.Fields(nil), r.Fields...)
	views := []*string{&m.Method, &m.Scheme, &m.Authority, &m.Path, &m.Query, &m.Upgrade}
	for i := range m.Fields {
		views = append(views, &m.Fields[i].Name, &m.Fields[i].Value)
	}
	size := 0
	for _, v := range views {
		size += len(*v)
	}
	f.text = make([]byte, 0, size)
	for _, v := range views {
		at := len(f.text)
		f.text = append(f.text, *v...)
		if len(*v) > 0 {
			*v = unsafe.String(&f.text[at], len(*v))
		}
	}
	return m
}

func (f *fakeFront) Interim(status int, fields message.Fields) error {
	select {
	case f.interims <- note{status, fields.Clone()}:
	case <-f.ctx.Done():
	}
	return nil
}

func (f *fakeFront) Answer(r *message.Response) error {
	f.answered = true
	if r.Status < 200 || r.Status > 999 {
		f.broken = errors.New("no final status")
		return f.broken
	}
	bodiless := f.method == "HEAD" || r.Status == 204 || r.Status == 304
	out := &message.Response{Status: r.Status, Fields: r.Fields.Clone(), Body: message.Empty}
	if !bodiless && r.Body.Len() != 0 {
		f.pipe = NewPipe(r.Body.Len())
		out.Body = &fakeAnswer{Pipe: f.pipe, front: f}
	}
	if bodiless && !out.Fields.Has("Content-Length") && r.Body.Len() > 0 && r.Status != 204 {
		out.Fields.Add("Content-Length", itoa(r.Body.Len()))
	}
	select {
	case f.head <- out:
	case <-f.ctx.Done():
		r.Body.Abort(context.Cause(f.ctx))
		return context.Cause(f.ctx)
	}
	if f.pipe == nil {
		r.Body.Abort(nil)
		return nil
	}
	total := int64(0)
	buf := make([]byte, 1000) // odd enough to split what others keep whole
	for {
		n, err := r.Body.Read(buf)
		total += int64(n)
		if n > 0 {
			if _, werr := f.pipe.Write(buf[:n]); werr != nil {
				r.Body.Abort(werr)
				return werr
			}
		}
		if err == io.EOF && (r.Body.Len() < 0 || r.Body.Len() == total) {
			f.pipe.End(r.Body.Trailers().Clone())
			return nil
		}
		if err != nil {
			f.broken = err
			f.pipe.Abort(io.ErrUnexpectedEOF)
			return err
		}
	}
}

// fakeAnswer ends the exchange with its body.
type fakeAnswer struct {
	*Pipe
	front *fakeFront
}

func (a *fakeAnswer) Abort(reason error) {
	if reason == nil {
		reason = message.ErrAborted
	}
	a.Pipe.Abort(reason)
	a.front.cancel(reason)
}

func (f *fakeFront) Upgrade(r *message.Response) (message.Stream, error) {
	up, upEnd := net.Pipe()
	down, downEnd := net.Pipe()
	f.stream = fakeStream{upEnd, down}
	select {
	case f.head <- &message.Response{Status: r.Status, Fields: r.Fields.Clone(), Body: message.Empty, Stream: fakeStream{downEnd, up}}:
		f.answered = true
		return f.stream, nil
	case <-f.ctx.Done():
		return nil, context.Cause(f.ctx)
	}
}

// fakeStream is a pipe for each direction.
type fakeStream struct{ from, to net.Conn }

func (s fakeStream) Read(p []byte) (int, error)         { return s.from.Read(p) }
func (s fakeStream) Write(p []byte) (int, error)        { return s.to.Write(p) }
func (s fakeStream) CloseWrite() error                  { return s.to.Close() }
func (s fakeStream) Close() error                       { return errors.Join(s.from.Close(), s.to.Close()) }
func (s fakeStream) SetReadDeadline(t time.Time) error  { return s.from.SetReadDeadline(t) }
func (s fakeStream) SetWriteDeadline(t time.Time) error { return s.to.SetWriteDeadline(t) }

func (f *fakeFront) Context() context.Context { return f.ctx }
func (f *fakeFront) Done() <-chan struct{}    { return f.ctx.Done() }
func (f *fakeFront) Close()                   {}

func (f *fakeFront) finish(x *message.Exchange) {
	var err error
	if p := recover(); p != nil {
		err = errors.New("panic")
		if f.pipe != nil {
			f.pipe.Abort(io.ErrUnexpectedEOF)
		}
	}
	if !f.sent.get() {
		x.Request.Body.Abort(message.ErrEnded)
		if b, ok := x.Request.Body.(*fakeBody); ok {
			b.from.Abort(message.ErrEnded)
		}
	}
	if !f.answered || f.broken != nil && f.pipe == nil {
		select {
		case f.head <- nil:
		case <-f.ctx.Done():
		}
	}
	if f.stream != nil {
		f.stream.Close()
	}
	f.cancel(message.ErrEnded)
	x.End(&message.Outcome{Status: x.Status(), GRPC: -1, Err: err})
	for i := range f.text {
		f.text[i] = '!'
	}
}
