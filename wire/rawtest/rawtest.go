// Package rawtest is HTTP/1.1 from bytes, on both sides, for tests: a wire that
// owes nothing to net/http and so shows that the exchange does not either. Its
// views alias buffers that are used again. It is small before all else: a
// connection for each request towards targets, no limits, no patience.
package rawtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"yumen/message"
)

var (
	errMalformed = errors.New("malformed message")
	past         = time.Unix(1, 0)
)

// readHead reads up to the empty line, into text from its beginning, and gives
// views of it: the first line, if one is wanted, and the fields after it.
func readHead(r *bufio.Reader, text []byte, fields message.Fields, wanted bool) ([]byte, string, message.Fields, error) {
	text = text[:0]
	for line := []byte(nil); len(line) != 2; text = append(text, line...) {
		var err error
		if line, err = r.ReadSlice('\n'); err != nil {
			return text, "", nil, err
		}
	}
	first, lines, line := "", unsafe.String(unsafe.SliceData(text), len(text)), ""
	if wanted {
		first, lines, _ = strings.Cut(lines, "\r\n")
	}
	for lines != "\r\n" && lines != "" {
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return text, first, fields, errMalformed
		}
		fields = append(fields, message.Field{Name: name, Value: strings.Trim(value, " \t")})
	}
	return text, first, fields, nil
}

// write writes a first line, fields but for framing, more, and the empty line.
func write(w *bufio.Writer, first string, fields message.Fields, more string) error {
	w.WriteString(first + "\r\n")
	for _, f := range fields {
		if !isFraming(f.Name) && !strings.ContainsAny(f.Name+f.Value, "\r\n") {
			w.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
	}
	w.WriteString(more + "\r\n")
	return w.Flush()
}

func isFraming(name string) bool {
	return strings.Contains(" host content-length transfer-encoding expect connection ", " "+strings.ToLower(name)+" ")
}

// framing takes the framing fields out and tells the length they give: −1 for
// chunks, 0 when they say nothing.
func framing(fields *message.Fields, bodiless bool) (length int64, err error) {
	if v := fields.Get("Content-Length"); v != "" {
		if length, err = strconv.ParseInt(v, 10, 64); err != nil || length < 0 || fields.Has("Transfer-Encoding") {
			return 0, errMalformed
		}
	} else if fields.Token("Transfer-Encoding", "chunked") {
		length = -1
	}
	fields.Filter(func(f *message.Field) bool {
		return !isFraming(f.Name) || strings.EqualFold(f.Name, "Connection") || bodiless && strings.EqualFold(f.Name, "Content-Length")
	})
	return length, nil
}

// body reads a message's body off its connection.
type body struct {
	r      *bufio.Reader
	length int64
	before func()      // the first Read
	after  func(error) // the last one
	stop   func()      // ends a Read from outside; may be nil

	mu       sync.Mutex
	rest     int64 // of the body or the chunk
	trailers message.Fields
	over     atomic.Pointer[error] // how it ended, or why it was aborted
}

func (b *body) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if over := b.over.Load(); over != nil {
		return 0, *over
	}
	if b.before != nil {
		b.before()
		b.before, b.rest = nil, max(b.length, 0)
	}
	if n, err = b.read(p); err == io.EOF {
		err = io.ErrUnexpectedEOF
	} else if n < 0 {
		n, err = 0, io.EOF
	}
	if err != nil && b.over.CompareAndSwap(nil, &err) {
		b.after(err)
	}
	return n, err
}

// read gives −1 at the end of a body that says its end.
func (b *body) read(p []byte) (int, error) {
	if b.rest == 0 {
		if b.length >= 0 {
			return -1, nil
		}
		line, err := b.r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if b.rest, err = strconv.ParseInt(strings.TrimSpace(line), 16, 62); err != nil {
			return 0, errMalformed
		}
		if b.rest == 0 {
			_, _, b.trailers, err = readHead(b.r, nil, nil, false)
			return -1, err
		}
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.rest)])
	if b.rest -= int64(n); b.rest == 0 && b.length == -1 && err == nil {
		_, err = b.r.Discard(2)
	}
	return n, err
}

func (b *body) Len() int64 { return b.length }

func (b *body) Trailers() message.Fields {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trailers
}

func (b *body) Abort(reason error) {
	if reason == nil {
		reason = message.ErrAborted
	}
	b.over.CompareAndSwap(nil, &reason)
	if b.stop != nil {
		b.stop()
	}
}

// send writes a body as it comes and flushes each piece.
func send(w *bufio.Writer, b message.Body) error {
	buf, length, total := make([]byte, 4096), b.Len(), int64(0)
	for {
		n, err := b.Read(buf)
		if total += int64(n); n > 0 {
			if length < 0 {
				fmt.Fprintf(w, "%x\r\n%s\r\n", n, buf[:n])
			} else {
				w.Write(buf[:n])
			}
			if err := w.Flush(); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF && length < 0:
			return write(w, "0", b.Trailers(), "")
		case err == io.EOF && total == length:
			return w.Flush()
		case err != nil:
			return fmt.Errorf("body not whole: %w", err)
		}
	}
}

// stream is a connection after 101.
type stream struct {
	*net.TCPConn
	r     *bufio.Reader
	after func()
}

func (s stream) Read(p []byte) (int, error) { return s.r.Read(p) }
func (s stream) Close() error {
	defer s.after()
	return s.TCPConn.Close()
}

// Server is the front wire on one listener.
type Server struct {
	handle  func(*message.Exchange)
	l       net.Listener
	running sync.WaitGroup
	conns   sync.Map
}

// Serve gives every exchange of l to handle until Close.
func Serve(l net.Listener, handle func(*message.Exchange)) *Server {
	s := &Server{handle: handle, l: l}
	s.running.Go(func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			s.conns.Store(c, nil)
			s.running.Go(func() {
				f, x := &front{c: c.(*net.TCPConn), r: bufio.NewReader(c), w: bufio.NewWriter(c)}, new(message.Exchange)
				for s.exchange(f, x) {
				}
				c.Close()
				s.conns.Delete(c)
			})
		}
	})
	return s
}

// Close ends everything.
func (s *Server) Close() {
	s.l.Close()
	s.conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
	s.running.Wait()
}

// front is one exchange; its buffers serve the whole connection.
type front struct {
	c    *net.TCPConn
	r    *bufio.Reader
	text []byte
	mu   sync.Mutex // guards w against the 100 that reading the body sends
	w    *bufio.Writer
	state
}

type state struct {
	x              *message.Exchange
	body           *body // nil when the request has none
	ctx            context.Context
	cancel         context.CancelCauseFunc
	asks           bool // for 100
	answered, last bool
	upgraded       bool
	broken         error
	watching       chan struct{} // closed when watch has ended; nil before it begins
}

// exchange serves one and tells whether another may follow.
func (s *Server) exchange(f *front, x *message.Exchange) (again bool) {
	x.Reset(f)
	f.state = state{x: x}
	m := &x.Request
	text, first, fields, err := readHead(f.r, f.text, m.Fields[:0], true)
	parts := strings.Split(first, " ")
	if f.text, m.Fields = text, fields; len(parts) != 3 || parts[2] != "HTTP/1.1" {
		return false
	}
	m.Major, m.Minor, m.Method, m.Scheme, m.Body = 1, 1, parts[0], "http", message.Empty
	m.Authority, m.Continue = m.Fields.Get("Host"), m.Fields.Token("Expect", "100-continue")
	m.Path, m.Query, m.HasQuery = strings.Cut(parts[1], "?")
	if m.Fields.Token("Connection", "upgrade") {
		m.Upgrade = strings.ToLower(m.Fields.Get("Upgrade"))
	}
	length, bad := framing(&m.Fields, false)
	if errors.Join(err, bad) != nil {
		io.WriteString(f.c, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return false
	}
	x.Peer, x.Local = f.c.RemoteAddr().(*net.TCPAddr).AddrPort(), f.c.LocalAddr().(*net.TCPAddr).AddrPort()
	x.Start = time.Now()
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	if length == 0 {
		f.watch(io.EOF)
	} else {
		f.body = &body{r: f.r, length: length, before: func() { f.Interim(100, nil) }, after: f.watch}
		f.asks, m.Body = m.Continue, f.body
	}
	defer func() {
		if p := recover(); p != nil {
			f.broken = fmt.Errorf("panic: %v", p)
		}
		again = f.finish()
	}()
	s.handle(x)
	return
}

func (f *front) finish() (again bool) {
	if !f.answered {
		f.last = true
		f.Answer(&message.Response{Status: 500, Body: message.Empty})
	}
	whole := true
	if f.body != nil && !f.upgraded {
		f.body.Abort(message.ErrEnded)
		f.c.SetReadDeadline(past) // ends a Read that waits
		f.body.mu.Lock()
		whole = *f.body.over.Load() == io.EOF
		f.body.mu.Unlock()
	}
	f.unwatch()
	f.cancel(message.ErrEnded)
	f.x.End(&message.Outcome{Status: f.x.Status(), GRPC: -1, Err: f.broken})
	for i := range f.text {
		f.text[i] = '!'
	}
	if !whole && f.broken == nil {
		f.c.CloseWrite() // and listen on, or the answer is lost
		f.c.SetReadDeadline(time.Now().Add(time.Second))
		io.Copy(io.Discard, f.c)
	}
	return whole && f.broken == nil && !f.last
}

// watch notices that the client leaves when its body has ended by err.
func (f *front) watch(err error) {
	if err != io.EOF {
		f.cancel(err)
		return
	}
	f.watching = make(chan struct{})
	done, r, cancel := f.watching, f.r, f.cancel
	go func() {
		defer close(done)
		if _, err := r.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			cancel(err)
		}
	}()
}

func (f *front) unwatch() {
	if f.watching != nil {
		f.c.SetReadDeadline(past)
		<-f.watching
	}
	f.c.SetReadDeadline(time.Time{})
}

func (f *front) Interim(status int, fields message.Fields) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answered || status == 100 && !f.asks {
		return nil
	}
	f.asks = f.asks && status != 100
	return write(f.w, fmt.Sprintf("HTTP/1.1 %d Interim", status), fields, "")
}

func (f *front) Answer(r *message.Response) (err error) {
	f.mu.Lock()
	f.answered, f.last = true, f.last || f.asks // nobody will send what was not asked for
	f.mu.Unlock()
	defer func() {
		if f.broken = err; err != nil {
			r.Body.Abort(err)
		}
	}()
	length, more := r.Body.Len(), ""
	bodiless := f.x.Request.Method == "HEAD" || r.Status == 204 || r.Status == 304
	if said := r.Fields.Get("Content-Length"); bodiless && said != "" {
		more = "Content-Length: " + said + "\r\n"
	} else if length < 0 && !bodiless {
		more = "Transfer-Encoding: chunked\r\n"
	} else if length > 0 || !bodiless {
		more = "Content-Length: " + strconv.FormatInt(length, 10) + "\r\n"
	}
	if f.last {
		more += "Connection: close\r\n"
	}
	if bodiless {
		r.Body.Abort(nil)
	}
	err = write(f.w, fmt.Sprintf("HTTP/1.1 %d Answer", r.Status), r.Fields, more)
	if err == nil && !bodiless {
		err = send(f.w, r.Body)
	}
	return err
}

func (f *front) Upgrade(r *message.Response) (message.Stream, error) {
	f.answered, f.last, f.upgraded = true, true, true
	f.unwatch()
	return stream{f.c, f.r, func() {}}, write(f.w, "HTTP/1.1 101 Switching Protocols", r.Fields, "Connection: Upgrade\r\n")
}

func (f *front) Context() context.Context { return f.ctx }
func (f *front) Done() <-chan struct{}    { return f.ctx.Done() }
func (f *front) Close()                   { f.last = true }

// Back is the back wire: a connection for each request.
// Wait waits for the end of every upload.
type Back struct{ sync.WaitGroup }

// Carry is message.Back's.
func (b *Back) Carry(ctx context.Context, r *message.Request, to *message.Target, interim func(int, message.Fields)) (*message.Response, error) {
	conn, err := (&net.Dialer{Timeout: to.Connect}).DialContext(ctx, "tcp", to.Address)
	if err != nil {
		return nil, &message.CarryError{Phase: message.Connecting, Err: err}
	}
	c := &carry{TCPConn: conn.(*net.TCPConn), r: bufio.NewReader(conn), request: r, body: r.Body, upload: make(chan error, 1)}
	c.release = context.AfterFunc(ctx, func() { conn.Close() })
	c.proceed = sync.OnceFunc(func() {
		b.Go(func() {
			if err := send(bufio.NewWriter(conn), c.body); err != nil {
				c.upload <- err
				c.CloseWrite() // the target sees that it is not whole
			}
		})
	})
	resp, err := c.exchange(to, interim)
	if err == nil {
		return resp, nil
	}
	phase := message.Sending
	switch {
	case ctx.Err() != nil:
		phase, err = message.Canceled, context.Cause(ctx)
	case len(c.upload) > 0:
		phase, err = message.Canceled, <-c.upload
	case errors.Is(err, os.ErrDeadlineExceeded):
		phase = message.Waiting
	case errors.Is(err, errMalformed):
		phase = message.Receiving
	}
	c.end(err)
	return nil, &message.CarryError{Phase: phase, Err: err}
}

type carry struct {
	*net.TCPConn
	r       *bufio.Reader
	request *message.Request // valid while Carry runs
	body    message.Body     // may outlive it
	proceed func()           // sends the body, once
	upload  chan error       // how that failed
	release func() bool
}

// end closes the connection and gives up the upload.
func (c *carry) end(reason error) {
	c.release()
	c.Close()
	if reason == nil || reason == io.EOF {
		reason = message.ErrEnded
	}
	c.body.Abort(reason)
}

func (c *carry) exchange(to *message.Target, interim func(int, message.Fields)) (*message.Response, error) {
	r, target := c.request, c.request.Path
	if r.HasQuery {
		target += "?" + r.Query
	}
	more := "Host: " + r.Authority + "\r\n"
	if n := r.Body.Len(); n < 0 {
		more += "Transfer-Encoding: chunked\r\n"
	} else if n > 0 || r.Method == "POST" || r.Method == "PUT" {
		more += "Content-Length: " + strconv.FormatInt(n, 10) + "\r\n"
	}
	if r.Continue {
		more += "Expect: 100-continue\r\n"
	}
	if r.Upgrade != "" {
		more += "Connection: Upgrade\r\nUpgrade: " + r.Upgrade + "\r\n"
	}
	if err := write(bufio.NewWriter(c), r.Method+" "+target+" HTTP/1.1", r.Fields, more); err != nil {
		return nil, err
	}
	if r.Body.Len() != 0 && !r.Continue {
		c.proceed()
	}
	if to.ResponseHeader > 0 {
		c.SetReadDeadline(time.Now().Add(to.ResponseHeader))
		defer c.SetReadDeadline(time.Time{})
	}
	for {
		resp := &message.Response{Body: message.Empty}
		_, first, fields, err := readHead(c.r, nil, nil, true)
		if err != nil {
			return nil, err
		}
		resp.Fields = fields
		if _, err := fmt.Sscanf(first, "HTTP/1.1 %3d", &resp.Status); err != nil || resp.Status < 100 {
			return nil, errMalformed
		}
		if resp.Status > 199 || resp.Status == 101 {
			return resp, c.response(resp)
		}
		if resp.Status == 100 && r.Continue {
			c.proceed()
		}
		if interim != nil {
			interim(resp.Status, resp.Fields)
		}
	}
}

// response gives the answer its body or stream.
func (c *carry) response(resp *message.Response) error {
	bodiless := c.request.Method == "HEAD" || resp.Status == 304
	length, err := framing(&resp.Fields, bodiless)
	switch {
	case err != nil:
	case resp.Status == 101:
		resp.Stream = stream{c.TCPConn, c.r, func() { c.end(nil) }}
	case bodiless || resp.Status == 204 || length == 0:
		c.end(nil)
	default:
		resp.Body = &body{r: c.r, length: length, before: func() {}, after: c.end, stop: func() { c.end(message.ErrAborted) }}
	}
	return err
}
