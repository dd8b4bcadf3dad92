package std

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"yumen/message"
)

// Poison makes every server lend the text of a request from a buffer of its
// own and overwrite it when the exchange ends, so that a test fails at once
// where something was kept without a copy. Set it before the first server.
// Without it net/http's strings are lent, which nobody overwrites.
var Poison = false

// front is one exchange on its way through net/http.
type front struct {
	x     message.Exchange
	flush *time.Timer // calls flushHead
	mu    sync.Mutex  // guards w and the flags against the first Read of body and flushHead
	state
}

// state is of one exchange.
type state struct {
	server *Server
	conn   *conn
	w      http.ResponseWriter
	r      *http.Request
	body   *requestBody // nil when the request has none
	text   arena

	asks    bool // the client still waits for 100
	head    bool // the final head is with net/http
	waiting bool // for the first bytes of the answer's body
	last    bool // the connection takes no further request

	status   int
	err      error // why the answer is broken
	unbound  bool  // an HTTP/1.0 answer that ends with its connection
	upgraded *upgraded
}

var fronts = sync.Pool{New: func() any {
	f := new(front)
	f.flush = time.AfterFunc(time.Hour, f.flushHead)
	f.flush.Stop()
	return f
}}

// exchange is the handler of every http.Server.
func (s *Server) exchange(r *round, w http.ResponseWriter, q *http.Request) {
	f := fronts.Get().(*front)
	f.server, f.w, f.r = s, w, q
	f.conn = q.Context().Value(connKey{}).(*conn)
	if !f.read(r) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusNotImplemented)
		f.release()
		return
	}
	defer func() { f.finish(recover()) }()
	s.handle(&f.x)
}

// read fills the exchange from net/http's request, and says no to requests no
// exchange can tell: CONNECT, whose target is no path, and the preface of
// HTTP/2 where it has no place.
func (f *front) read(r *round) bool {
	q := f.r
	if q.Method == http.MethodConnect || q.Method == "PRI" {
		return false
	}
	x := &f.x
	x.Reset(f)
	x.Peer, x.Local, x.TLS, x.Start = f.conn.peer, f.conn.local, q.TLS, time.Now()
	m := &x.Request
	m.Major, m.Minor, m.Method, m.Authority = q.ProtoMajor, q.ProtoMinor, q.Method, q.Host
	// What HTTP/1.0 says of chunks net/http drops unseen, so that what follows
	// is in doubt (RFC 9112, 6.1).
	f.last = m.Major == 1 && m.Minor == 0
	m.Scheme = "http"
	if q.TLS != nil {
		m.Scheme = "https"
	}
	m.Path, m.Query, m.HasQuery = splitTarget(q.RequestURI)
	m.Fields = announced(fromHeader(m.Fields, q.Header), q.Trailer)
	if m.Major == 1 && m.Minor == 1 && m.Fields.Token("Connection", "upgrade") {
		m.Upgrade = strings.ToLower(q.Header.Get("Upgrade"))
	}
	m.Body = message.Empty
	if q.Body != nil && q.Body != http.NoBody && q.ContentLength != 0 {
		idle := r.limits.BodyIdle
		if streams(q.Header.Get("Content-Type")) {
			idle = 0 // stream_idle is the back wire's
		}
		f.body = newRequestBody(f, idle)
		m.Body = f.body
		// Of HTTP/2 net/http does not tell; there the body alone asks for itself.
		m.Continue = strings.EqualFold(q.Header.Get("Expect"), "100-continue") && q.ProtoAtLeast(1, 1)
		f.asks = m.Continue
		if q.ProtoMajor == 1 {
			http.NewResponseController(f.w).EnableFullDuplex()
		}
	}
	if Poison {
		f.text.lend(m)
	}
	return true
}

// splitTarget takes a request target apart: a path, "*", or the absolute form, whose
// host net/http has already read.
func splitTarget(uri string) (path, query string, hasQuery bool) {
	if uri != "" && uri[0] != '/' && uri != "*" {
		if _, rest, ok := strings.Cut(uri, "://"); ok {
			uri = ""
			if i := strings.IndexAny(rest, "/?"); i >= 0 {
				uri = rest[i:]
			}
		}
	}
	path, query, hasQuery = strings.Cut(uri, "?")
	if path == "" {
		path = "/"
	}
	return path, query, hasQuery
}

// Interim is message.Front's.
func (f *front) Interim(status int, fields message.Fields) error {
	if status == 101 || status < 100 || status > 199 {
		return fmt.Errorf("interim answer with status %d", status)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head || !f.r.ProtoAtLeast(1, 1) {
		return nil
	}
	if status == 100 {
		// One is enough, and HTTP/2's body sends it by itself.
		if !f.asks || f.r.ProtoMajor > 1 {
			return nil
		}
		f.asks = false
	}
	h := f.w.Header()
	toHeader(h, "", fields)
	f.w.WriteHeader(status)
	clear(h)
	return nil
}

// proceed sends the 100 the client waits for. HTTP/2's body does so by itself.
func (f *front) proceed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asks && !f.head && f.r.ProtoMajor == 1 {
		f.w.WriteHeader(100)
	}
	f.asks = false
}

var errNoBody = errors.New("an answer without body")

// Answer is message.Front's.
func (f *front) Answer(r *message.Response) error {
	err := f.answer(r)
	if err != nil {
		r.Body.Abort(err)
		f.err = err
	}
	return err
}

func (f *front) answer(r *message.Response) error {
	if r.Status < 200 || r.Status > 999 {
		return fmt.Errorf("answer with status %d", r.Status)
	}
	bodiless := f.x.Request.Method == http.MethodHead || r.Status == 204 || r.Status == 304
	length := r.Body.Len()

	f.mu.Lock()
	h := f.w.Header()
	toHeader(h, "", r.Fields)
	if _, typed := h["Content-Type"]; !typed {
		h["Content-Type"] = nil // or net/http guesses
	}
	switch {
	case bodiless:
		h["Content-Length"] = nil // or net/http says 0
		if v := r.Fields.Get("Content-Length"); v != "" && r.Status != 204 {
			h["Content-Length"] = []string{strings.Clone(v)}
		} else if length > 0 && r.Status != 204 {
			h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
		}
	case length == 0 && f.r.ProtoMajor > 1:
		h["Content-Length"] = nil // the head ends the stream, which says it all
	case length >= 0 && (f.r.ProtoMajor > 1 || h["Trailer"] == nil):
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	default:
		f.unbound = !f.r.ProtoAtLeast(1, 1)
	}
	f.last = f.last || f.body != nil && f.abandoned()
	if f.last {
		h["Connection"] = []string{"close"}
	}
	f.w.WriteHeader(r.Status)
	f.head, f.status = true, r.Status
	f.mu.Unlock()

	if bodiless {
		r.Body.Abort(errNoBody)
		return nil
	}
	return f.copy(r.Body, length)
}

// abandoned tells whether a request's body will not be read and is too much to
// be thrown away.
func (f *front) abandoned() bool {
	n := f.body.Len()
	return f.r.ProtoMajor == 1 && (n < 0 || n > drainBytes || f.asks) && f.body.untouched()
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copy sends a body as it comes.
func (f *front) copy(b message.Body, length int64) error {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	flush := f.w.(http.Flusher).Flush
	var w *watch // of an HTTP/2 stream; conn watches the writes of HTTP/1.1
	if f.r.ProtoMajor > 1 {
		w = newWatch(f.conn.stuck, func() { f.deadlines().SetWriteDeadline(time.Unix(1, 0)) })
		defer w.stop()
	}

	// A head need not wait for a body that has not begun, but most have. The
	// head of an empty body is never flushed: with HTTP/2 it must end the stream
	// itself, or a gRPC client misses the status it carries.
	if length != 0 {
		f.await(true)
	}
	n, err := b.Read(buf[:])
	if length != 0 {
		f.await(false)
	}
	for sent := int64(0); ; n, err = b.Read(buf[:]) {
		sent += int64(n)
		if length >= 0 && (sent > length || err == io.EOF && sent < length) {
			return fmt.Errorf("a body of %d bytes was to have %d: %w", sent, length, io.ErrUnexpectedEOF)
		}
		if n > 0 {
			w.enter()
			if _, err := f.w.Write(buf[:n]); err != nil {
				return fmt.Errorf("writing to the client: %w", err)
			}
			if err == nil {
				flush()
			}
			w.leave()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if t := b.Trailers(); len(t) > 0 {
		if length < 0 {
			flush() // or net/http finds out the length, and has no place for them
		}
		toHeader(f.w.Header(), http.TrailerPrefix, t)
	}
	return nil
}

// headWait is how long a head waits for the first bytes of its body.
const headWait = time.Millisecond

func (f *front) await(on bool) {
	if !on {
		f.flush.Stop()
	}
	f.mu.Lock()
	f.waiting = on
	f.mu.Unlock()
	if on {
		f.flush.Reset(headWait)
	}
}

func (f *front) flushHead() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting {
		f.w.(http.Flusher).Flush()
	}
}

// Context is message.Front's.
func (f *front) Context() context.Context { return f.r.Context() }

// Done is message.Front's.
func (f *front) Done() <-chan struct{} { return f.r.Context().Done() }

// Close is message.Front's.
func (f *front) Close() {
	f.mu.Lock()
	f.last = true
	f.mu.Unlock()
}

// deadlines are those of the connection, or of the HTTP/2 stream.
func (f *front) deadlines() deadlines { return f.w.(deadlines) }

type deadlines interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// finish ends the exchange whatever happened, and never lets an answer that is
// not whole look so.
func (f *front) finish(panicked any) {
	if panicked == http.ErrAbortHandler {
		f.err = http.ErrAbortHandler
	} else if panicked != nil {
		f.err = fmt.Errorf("panic: %v", panicked)
		f.server.panics.Add(1)
		f.server.log.Error("an exchange panicked", "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
	}
	if f.upgraded != nil {
		f.upgraded.Close()
	} else if !f.head && f.err != http.ErrAbortHandler {
		f.fail()
	}
	broken := f.head && f.err != nil || f.err == http.ErrAbortHandler

	if f.body != nil && f.upgraded == nil {
		h1 := f.r.ProtoMajor == 1
		f.mu.Lock()
		// An answer of known length is flushed before the rest of what the client
		// sends is waited for.
		near := h1 && !broken && !f.last && !f.asks && f.body.Len() <= drainBytes && len(f.w.Header()["Content-Length"]) > 0
		f.mu.Unlock()
		if near && !f.body.done() {
			f.w.(http.Flusher).Flush()
		}
		if whole := f.body.finish(near); !whole && h1 {
			f.conn.state.CompareAndSwap(open, cut)
			lastRequest(f.w)
		}
	}
	if broken && f.unbound {
		f.conn.state.Store(reset)
	}
	f.end()
	if broken {
		f.release()
		panic(http.ErrAbortHandler)
	}
	f.release()
}

// lastRequest makes net/http close the connection after this answer, whatever
// of its head is out: what is left of a body, in whatever buffer, must never be
// taken for a request. A limit that is passed is the one way to say so.
func lastRequest(w http.ResponseWriter) {
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

// end runs what is registered for the end, if the handler has not.
func (f *front) end() {
	defer func() {
		if p := recover(); p != nil {
			f.server.panics.Add(1)
			f.server.log.Error("the end of an exchange panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	f.x.End(&message.Outcome{Status: f.status, GRPC: -1, Err: f.err, Duration: time.Since(f.x.Start)})
}

// fail answers an exchange that its handler left unanswered.
func (f *front) fail() {
	if f.err == nil {
		f.server.log.Error("an exchange was left without an answer")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.w.Header()
	clear(h)
	h["Connection"] = []string{"close"}
	h["Content-Length"] = []string{"0"}
	f.w.WriteHeader(http.StatusInternalServerError)
	f.status = http.StatusInternalServerError
}

// release gives f back. With Poison nothing is used again, so that whoever
// still holds the exchange is found.
func (f *front) release() {
	if Poison {
		f.text.poison()
		return
	}
	f.x.Reset(nil)
	f.mu.Lock() // a flushHead that came too late may still look
	f.state = state{}
	f.mu.Unlock()
	fronts.Put(f)
}
