package std

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yumen/message"
)

// Transport is the back wire. It keeps connections per Target.Digest.
type Transport struct {
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	pools sync.Map // Target.Digest → *targetPool
}

// NewTransport makes a back wire that connects by dial.
func NewTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *Transport {
	return &Transport{dial: dial}
}

// CloseIdle closes idle connections to targets whose digest keep refuses, and
// forgets those targets; connections in use go when they become idle. keep nil
// refuses all.
func (t *Transport) CloseIdle(keep func(digest string) bool) {
	t.pools.Range(func(digest, pool any) bool {
		if keep == nil || !keep(digest.(string)) {
			t.pools.Delete(digest)
			p := pool.(*targetPool)
			p.dropped.Store(true)
			p.CloseIdleConnections()
		}
		return true
	})
}

// targetPool is the connections to one target.
type targetPool struct {
	*http.Transport
	dropped atomic.Bool // by CloseIdle: what becomes idle is to be closed
}

// pool gives the connections to a target.
func (t *Transport) pool(to *message.Target) *targetPool {
	if p, ok := t.pools.Load(to.Digest); ok {
		return p.(*targetPool)
	}
	p, _ := t.pools.LoadOrStore(to.Digest, &targetPool{Transport: t.newTransport(to)})
	return p.(*targetPool)
}

// ended is told of the end of each exchange.
func (p *targetPool) ended() {
	if p.dropped.Load() {
		time.AfterFunc(time.Second, p.CloseIdleConnections)
	}
}

// newTransport sets everything, since http.DefaultTransport's settings are not
// ours.
func (t *Transport) newTransport(to *message.Target) *http.Transport {
	protocols := new(http.Protocols)
	switch to.Scheme {
	case "h2":
		protocols.SetHTTP2(true)
	case "h2c":
		protocols.SetUnencryptedHTTP2(true)
	default:
		protocols.SetHTTP1(true)
	}
	idle := to.MaxIdle
	if idle == 0 {
		idle = -1 // 0 would be net/http's default
	}
	return &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if to.Connect > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, to.Connect)
				defer cancel()
			}
			c, err := t.dial(ctx, network, address)
			if err != nil {
				return nil, &dialError{err}
			}
			return c, nil
		},
		TLSClientConfig:        to.TLS.Clone(),
		TLSHandshakeTimeout:    to.TLSHandshake,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idle,
		MaxConnsPerHost:        to.Max,
		IdleConnTimeout:        to.Idle,
		ResponseHeaderTimeout:  to.ResponseHeader,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		Protocols:              protocols,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 4 << 20,
			MaxReceiveBufferPerStream:     1 << 20,
			SendPingTimeout:               30 * time.Second, // finds targets that vanished
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              to.BodyIdle,
		},
	}
}

// dialError is a connection that did not come about.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// ErrTargetStuck is how an exchange fails whose target neither takes nor gives
// a byte for Target.BodyIdle (StreamIdle for streams).
var ErrTargetStuck error = idleError("target took or gave nothing for too long")

// carry is one request on its way.
type carry struct {
	pool    *targetPool
	cancel  context.CancelCauseFunc
	body    *sentBody // nil when the request has none
	interim func(int, message.Fields)

	upload *watch                // of what the target takes
	answer atomic.Pointer[watch] // of what it gives

	mu       sync.Mutex // guards returned, and interim against it
	returned bool

	conn  net.Conn // the one used last
	got   atomic.Bool
	wrote atomic.Bool
	first atomic.Bool
}

// Carry is message.Back's.
func (t *Transport) Carry(ctx context.Context, r *message.Request, to *message.Target, interim func(int, message.Fields)) (*message.Response, error) {
	inner, cancel := context.WithCancelCause(ctx)
	c := &carry{pool: t.pool(to), cancel: cancel, interim: interim}
	limit := to.BodyIdle
	if streams(r.Fields.Get("Content-Type")) {
		limit = to.StreamIdle
		// Both sides may be silent for so long before the answer begins, too.
		c.answer.Store(newWatch(limit, func() { c.cancel(ErrTargetStuck) }))
		c.answer.Load().enter()
	}
	q := c.request(r, to, limit)
	q = q.WithContext(httptrace.WithClientTrace(inner, c.trace()))

	resp, err := c.pool.RoundTrip(q)
	c.mu.Lock()
	c.returned = true
	c.mu.Unlock()
	if err == nil && !answers(r, resp) {
		resp.Body.Close()
		err = fmt.Errorf("target answered with status %d", resp.StatusCode)
		c.first.Store(true)
	}
	if err != nil {
		failed := &message.CarryError{Phase: c.phase(ctx, inner, err), Err: err}
		if cause := context.Cause(inner); cause != nil {
			failed.Err = cause
		}
		if c.body != nil && c.body.failed() != nil {
			failed.Err = c.body.failed()
		}
		c.end(err)
		return nil, failed
	}
	return c.response(r, resp, limit, to), nil
}

// answers tells whether an answer may be passed on. net/http takes any three
// digits, and a 101 nobody asked for.
func answers(r *message.Request, resp *http.Response) bool {
	if resp.StatusCode == 101 {
		_, writable := resp.Body.(io.ReadWriteCloser)
		return writable && r.Upgrade != ""
	}
	return resp.StatusCode >= 200 && resp.StatusCode <= 999
}

// streams tells whether a body of that type may rightly be silent for long.
func streams(contentType string) bool {
	return len(contentType) >= 16 && strings.EqualFold(contentType[:16], "application/grpc") ||
		len(contentType) >= 17 && strings.EqualFold(contentType[:17], "text/event-stream")
}

// request says r in net/http's words.
func (c *carry) request(r *message.Request, to *message.Target, limit time.Duration) *http.Request {
	h := make(http.Header, len(r.Fields)+4)
	toHeader(h, "", r.Fields)
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // or net/http adds its own
	}
	q := &http.Request{
		Method: strings.Clone(r.Method),
		URL:    &url.URL{Scheme: "http", Host: to.Address},
		Host:   strings.Clone(r.Authority),
		Header: h,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, // or Expect is not obeyed
	}
	if to.Scheme == "https" || to.Scheme == "h2" {
		q.URL.Scheme = "https"
	}
	if strings.HasPrefix(r.Path, "//") {
		// The opaque form cannot tell this one from an authority.
		q.URL.RawPath = strings.Clone(r.Path)
		q.URL.Path, _ = url.PathUnescape(q.URL.RawPath)
	} else {
		q.URL.Opaque = strings.Clone(r.Path) // goes out as it is
	}
	q.URL.RawQuery, q.URL.ForceQuery = strings.Clone(r.Query), r.HasQuery
	if r.Upgrade != "" {
		h["Connection"] = []string{"Upgrade"}
		h["Upgrade"] = []string{strings.Clone(r.Upgrade)}
	}
	n := r.Body.Len()
	if n == 0 {
		return q
	}
	c.upload = newWatch(limit, func() { c.cancel(ErrTargetStuck) })
	c.upload.enter() // from now on the target is to take it
	c.body = &sentBody{carry: c, from: r.Body}
	q.Body, q.ContentLength = c.body, n
	if r.Continue {
		h["Expect"] = []string{"100-continue"}
	}
	if n < 0 || h["Trailer"] != nil {
		q.Trailer = http.Header{}
		for _, v := range h["Trailer"] {
			for name := range strings.SplitSeq(v, ",") {
				if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); name != "" && !framing[name] && name != "Trailer" {
					q.Trailer[name] = nil
				}
			}
		}
		delete(h, "Trailer")
		if len(q.Trailer) > 0 {
			q.ContentLength = -1 // HTTP/1.1 has trailers only behind chunks
		}
		c.body.trailer = q.Trailer
	}
	return q
}

func (c *carry) trace() *httptrace.ClientTrace {
	t := &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			c.conn = i.Conn
			c.got.Store(true)
		},
		WroteHeaders:         func() { c.wrote.Store(true) },
		GotFirstResponseByte: func() { c.first.Store(true) },
	}
	if c.interim != nil {
		t.Got1xxResponse = func(status int, h textproto.MIMEHeader) error {
			c.first.Store(false) // the final answer is still to come
			c.mu.Lock()
			defer c.mu.Unlock()
			if !c.returned && status != 101 {
				c.interim(status, fromHeader(nil, http.Header(h)))
			}
			return nil
		}
	}
	return t
}

// phase tells how far a failed request came.
func (c *carry) phase(ctx, inner context.Context, err error) message.Phase {
	var dial *dialError
	var timeout net.Error
	switch {
	case ctx.Err() != nil, c.body != nil && c.body.failed() != nil:
		return message.Canceled
	case !c.wrote.Load() && (!c.got.Load() || errors.As(err, &dial)):
		return message.Connecting
	case context.Cause(inner) == ErrTargetStuck:
		return message.Waiting
	case c.first.Load():
		return message.Receiving
	case errors.As(err, &timeout) && timeout.Timeout():
		return message.Waiting
	}
	return message.Sending
}

// end releases what the exchange holds.
func (c *carry) end(reason error) {
	c.upload.stop()
	c.answer.Load().stop()
	c.cancel(reason)
	c.pool.ended()
}

// over is end after an answer: what is not sent of the request by then is not
// wanted.
func (c *carry) over(reason error) {
	c.end(reason)
	if c.body != nil {
		c.body.giveUp(reason)
	}
}

// sentBody is a request's body as net/http reads it. net/http may close it
// while the exchange goes on elsewhere: the message's body stays untouched.
type sentBody struct {
	carry   *carry
	from    message.Body
	trailer http.Header
	closed  atomic.Bool
	whole   atomic.Bool
	err     atomic.Pointer[error]
}

func (b *sentBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	b.carry.upload.leave()
	n, err := b.from.Read(p)
	b.carry.answer.Load().touch() // a stream that is fed is not idle
	if err == nil {
		b.carry.upload.enter()
		return n, nil
	}
	if err != io.EOF {
		b.err.Store(&err)
		return n, err
	}
	b.whole.Store(true)
	if b.trailer != nil {
		if t := b.from.Trailers(); len(t) > 0 {
			clear(b.trailer)
			toHeader(b.trailer, "", t)
		}
	}
	return n, err
}

func (b *sentBody) Close() error {
	b.closed.Store(true)
	return nil
}

// giveUp aborts what is left to be sent.
func (b *sentBody) giveUp(reason error) {
	if !b.whole.Load() {
		if reason == nil || reason == io.EOF {
			reason = message.ErrEnded
		}
		b.from.Abort(reason)
	}
}

// failed gives the error of the side that sends.
func (b *sentBody) failed() error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return nil
}

// response says net/http's answer in ours.
func (c *carry) response(r *message.Request, resp *http.Response, limit time.Duration, to *message.Target) *message.Response {
	m := &message.Response{Status: resp.StatusCode, Body: message.Empty}
	m.Fields = announced(fromHeader(make(message.Fields, 0, len(resp.Header)), resp.Header), resp.Trailer)
	c.answer.Load().stop()
	if resp.StatusCode == 101 {
		c.upload.stop()
		m.Stream = &targetStream{body: resp.Body.(io.ReadWriteCloser), conn: c.conn, carry: c}
		return m
	}
	if r.Method == http.MethodHead || resp.StatusCode == 304 {
		for _, v := range resp.Header["Content-Length"] {
			m.Fields.Add("Content-Length", v)
		}
	}
	if resp.Body == http.NoBody || r.Method == http.MethodHead || resp.ContentLength == 0 {
		resp.Body.Close()
		c.over(nil)
		return m
	}
	if streams(resp.Header.Get("Content-Type")) {
		limit = to.StreamIdle
	}
	c.upload.stop()
	if resp.ProtoMajor > 1 && c.body != nil && !c.body.whole.Load() {
		// Net/http's HTTP/2 does not see the context end while it waits for more of
		// the request.
		context.AfterFunc(resp.Request.Context(), func() { resp.Body.Close() })
	}
	c.answer.Store(newWatch(limit, func() { c.cancel(ErrTargetStuck) }))
	m.Body = &receivedBody{carry: c, resp: resp}
	return m
}

// receivedBody is an answer's body.
type receivedBody struct {
	carry    *carry
	resp     *http.Response
	trailers message.Fields
	reason   atomic.Pointer[error]
	err      error
}

func (b *receivedBody) Read(p []byte) (int, error) {
	if reason := b.reason.Load(); reason != nil {
		return 0, *reason
	}
	if b.err != nil {
		return 0, b.err
	}
	watch := b.carry.answer.Load()
	watch.enter()
	n, err := b.resp.Body.Read(p)
	watch.leave()
	if err == nil {
		return n, nil
	}
	if err == io.EOF {
		b.trailers = trailers(b.resp.Trailer)
	} else if cause := b.cause(); cause != nil {
		err = cause
	}
	if reason := b.reason.Load(); reason != nil {
		n, err = 0, *reason
	}
	b.err = err
	b.carry.over(err)
	b.resp.Body.Close()
	return n, err
}

// cause is why the exchange was given up, if it was.
func (b *receivedBody) cause() error { return context.Cause(b.resp.Request.Context()) }

func (b *receivedBody) Len() int64               { return b.resp.ContentLength }
func (b *receivedBody) Trailers() message.Fields { return b.trailers }

func (b *receivedBody) Abort(reason error) {
	if reason == nil {
		reason = message.ErrAborted
	}
	b.reason.CompareAndSwap(nil, &reason)
	b.carry.over(reason)
}

// targetStream is a target's connection after 101.
type targetStream struct {
	body  io.ReadWriteCloser
	conn  net.Conn
	carry *carry
}

func (s *targetStream) Read(p []byte) (int, error)         { return s.body.Read(p) }
func (s *targetStream) Write(p []byte) (int, error)        { return s.body.Write(p) }
func (s *targetStream) SetReadDeadline(t time.Time) error  { return s.conn.SetReadDeadline(t) }
func (s *targetStream) SetWriteDeadline(t time.Time) error { return s.conn.SetWriteDeadline(t) }

func (s *targetStream) CloseWrite() error {
	if h, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return s.Close()
}

func (s *targetStream) Close() error {
	err := s.body.Close()
	s.carry.over(nil)
	return err
}
