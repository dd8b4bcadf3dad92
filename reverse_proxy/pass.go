package reverseproxy

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yumen/message"
	"yumen/middleware"
	"yumen/route"
	"yumen/upstream"
)

// pass is one exchange on its way through a site. It lives until the exchange
// ends, and is used again then.
type pass struct {
	site    *Site
	x       *message.Exchange
	service *Service // nil until one is chosen

	call   middleware.Call
	origin middleware.Origin
	path   string // in normal form
	alt    string // as lax upstreams read it; "" when no different
	prefix string // of the route

	stripped string          // the prefix taken off; "" for none
	out      message.Request // what goes to the target
	body     *requestBody    // nil when the request has none
	lease    upstream.Lease
	leased   bool
	target   string
	response answerBody
	open     *atomic.Int64
	remove   func() // from the live streams

	onEnd     func(*message.Outcome)
	onInterim func(int, message.Fields)
	gate      [1]middleware.Gate
}

var passes sync.Pool

func newPass(s *Site, x *message.Exchange) *pass {
	p, ok := passes.Get().(*pass)
	if !ok {
		p = new(pass)
		p.onEnd, p.onInterim = p.end, p.interim
	}
	p.site, p.x = s, x
	p.response.pass = p
	x.OnEnd(p.onEnd)
	return p
}

// end is the end of the exchange, however it came: it is counted, and what it
// held is given back.
func (p *pass) end(o *message.Outcome) {
	if p.remove != nil {
		p.remove()
	}
	if p.body != nil {
		p.body.leave()
		o.BytesIn = max(o.BytesIn, p.body.count())
	}
	p.release(nil)
	if p.open != nil {
		p.open.Add(-1)
	}
	// What a target said was counted as it flowed, what the gateway said is now.
	if p.response.from == nil && o.Status != 101 {
		in := uint64(0)
		if p.body == nil {
			in = uint64(o.BytesIn)
		}
		p.call.Bytes(p.x.Start.Add(o.Duration), in, uint64(o.BytesOut))
	}
	p.call.End(o)
	p.call.Count(p.x.Start.Add(o.Duration), o)
	if p.site.Observe != nil {
		p.site.Observe(p.x, &p.call, p.target, o)
	}
	fields := p.out.Fields
	clear(fields)
	p.call.Reset()
	*p = pass{call: p.call, out: message.Request{Fields: fields[:0]}, onEnd: p.onEnd, onInterim: p.onInterim}
	passes.Put(p)
}

func (p *pass) release(err error) {
	if p.leased {
		p.leased = false
		p.lease.Release(err)
	}
}

// allowed are the methods that any path takes.
var allowed = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// receive finds out who asks and for what, before anything is decided.
func (p *pass) receive() *middleware.Denied {
	x, r := p.x, &p.x.Request
	peer := middleware.Addr(x.Peer.Addr())
	p.origin = p.site.Trusted.Receive(r, peer, x.Local)
	id := r.Fields.Get("X-Request-Id")
	if !isID(id) { // an untrusted peer's is already gone
		id = newID()
		r.Fields.Set("X-Request-Id", id)
	}
	c := &p.call
	c.Peer, c.Client, c.Scheme = peer, p.origin.Client, p.origin.Scheme
	c.Request, c.RequestID, c.Now = r, id, x.Start
	c.Meter(p.site.Total)
	if p.site.Blacklist != nil {
		p.gate[0] = p.site.Blacklist
		if err := middleware.Chain(p.gate[:]).Admit(c); err != nil {
			return denied(err)
		}
	}
	if r.Method == "TRACE" || r.Method == "CONNECT" {
		return &middleware.Denied{Reason: "method", Status: 405, Allow: allowed}
	}
	var err error
	if p.path, p.alt, err = route.Normalise(r.Path); err != nil {
		return &middleware.Denied{Reason: "bad_path", Status: 400, Err: err}
	}
	for i := range len(r.Query) {
		if c := r.Query[i]; c <= ' ' || c == 0x7f || c == '#' {
			return &middleware.Denied{Reason: "bad_request", Status: 400, Err: errors.New("query holds a control character, a space or #")}
		}
	}
	return nil
}

// isID tells whether a request id may be kept.
func isID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// choose makes the exchange the service's.
func (p *pass) choose(s *Service, prefix string) {
	p.service, p.prefix = s, prefix
	p.call.Service = s.Name
	p.call.Meter(s.meter)
	p.open = p.site.Open.HTTP
	if s.grpc {
		p.open = p.site.Open.GRPC
	}
	if p.open != nil {
		p.open.Add(1)
	}
}

// prepare makes the request that goes to the target.
func (p *pass) prepare() *middleware.Denied {
	r, s := &p.x.Request, p.service
	fields := append(p.out.Fields[:0], r.Fields...)
	p.out = message.Request{
		Major: r.Major, Minor: r.Minor, Method: r.Method, Scheme: r.Scheme,
		Path: p.path, Query: r.Query, HasQuery: r.HasQuery, Body: r.Body, Continue: r.Continue,
	}
	if r.Upgrade != "" {
		upgrade, ok := s.upgrade(r.Upgrade)
		if !ok {
			return &middleware.Denied{Reason: "bad_request", Status: 400, Err: errors.New("upgrade to what is no protocol's name")}
		}
		p.out.Upgrade = upgrade
	}
	if r.Body.Len() != 0 {
		p.body = &requestBody{from: r.Body, call: &p.call}
		p.out.Body = p.body
	}
	if s.strip && p.prefix != "" && p.prefix != "/" {
		if rest, ok := below(p.path, p.prefix); ok {
			p.out.Path, p.stripped = rest, strings.TrimSuffix(p.prefix, "/")
		}
	}

	trailers := fields.Token("TE", "trailers")
	dropHops(&fields)
	if trailers {
		fields.Add("TE", "trailers")
	}
	fields.Set("X-Request-Id", p.call.RequestID)
	p.origin.Forward(&fields, p.call.Peer)
	if p.stripped != "" {
		fields.Set("X-Forwarded-Prefix", fields.Get("X-Forwarded-Prefix")+p.stripped)
	}
	if t := p.call.Tenant; t != nil {
		fields.Set("X-Tenant-ID", t.AppID) // again: Connection may have named it
	}
	for _, name := range s.remove {
		fields.Del(name)
	}
	for i := range s.set {
		fields.Set(s.set[i].name, s.set[i].value(p))
	}
	for i := range s.add {
		fields.Add(s.add[i].name, s.add[i].value(p))
	}
	p.out.Fields = fields
	return nil
}

// upgrade is the protocol to ask the target for: none where its own protocol
// cannot change, none out of a list, and never h2c, by which a client would get
// past the gates. What is not printable is nothing to pass on at all.
func (s *Service) upgrade(to string) (_ string, ok bool) {
	for i := range len(to) {
		if to[i] < ' ' || to[i] >= 0x7f {
			return "", false
		}
	}
	if !s.upgrades || strings.ContainsAny(to, ", ") || strings.HasPrefix(to, "h2") {
		return "", true
	}
	return to, true
}

// below gives what follows prefix in path, in whole segments.
func below(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(prefix, "/"))
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "/", true
	case rest[0] == '/':
		return rest, true
	}
	return "", false
}

// interim passes an interim answer on.
func (p *pass) interim(status int, fields message.Fields) {
	if status == 101 {
		return
	}
	dropHops(&fields)
	_ = p.x.Interim(status, fields) // whoever is gone is found out by the answer
}

// register makes the exchange one of the live streams; end is called when it
// may no longer go on.
func (p *pass) register(end func(error)) {
	if p.site.Enders == nil || p.remove != nil {
		return
	}
	p.remove = p.site.Enders.Add(&p.call, func(reason string) { end(&endedError{reason}) })
}

// endedError is a stream ended because its caller may no longer call, or
// because the service or the gateway goes.
type endedError struct{ reason string }

func (e *endedError) Error() string { return "stream ended: " + e.reason }

// endedBy finds the end of a stream in an error, nil when it is another.
func endedBy(err error) *endedError {
	if err == nil {
		return nil
	}
	var e *endedError
	errors.As(err, &e)
	return e
}

// status is what HTTP would have said had it been known at the start.
func (e *endedError) status() int {
	switch e.reason {
	case "token_expired", "token_revoked", "token_invalid", "unauthenticated":
		return 401
	case "draining", "service_gone":
		return 503
	}
	return 403
}

// grpc is the grpc-status that says the same.
func (e *endedError) grpc() string {
	switch e.status() {
	case 401:
		return "16" // UNAUTHENTICATED
	case 503:
		return "14" // UNAVAILABLE
	}
	return "7" // PERMISSION_DENIED
}

// elapsed is how long the exchange has taken.
func (p *pass) elapsed() time.Duration { return time.Since(p.x.Start) }
