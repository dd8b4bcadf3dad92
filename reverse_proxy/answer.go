package reverseproxy

import (
	"context"
	"io"
	"strings"
	"time"

	"yumen/message"
)

// answer passes the target's answer on, and ends the exchange.
func (p *pass) answer(resp *message.Response) {
	dropHops(&resp.Fields)
	resp.Fields.Set("X-Request-Id", p.call.RequestID)
	if p.stripped != "" {
		p.mapBack(resp.Fields)
	}
	b := &p.response
	b.from = resp.Body
	if isEvents(resp.Fields.Get("Content-Type")) {
		p.register(resp.Body.Abort)
	}
	resp.Body = b
	err := p.x.Answer(resp)

	o := &message.Outcome{Status: resp.Status, GRPC: -1, Err: err, BytesOut: b.n, Duration: p.elapsed()}
	switch ended := endedBy(b.err); {
	case ended != nil:
		o.Reason = ended.reason
	case b.err != nil && p.x.Context().Err() == nil:
		p.release(b.err)
	case err != nil && b.err == nil:
		o.Err = clientGone{err}
	}
	if p.service.classify != nil {
		p.service.classify(resp.Fields, b.Trailers(), o)
	}
	p.x.End(o)
}

// clientGone is an answer that failed on the client's side.
type clientGone struct{ error }

func (e clientGone) Unwrap() error   { return e.error }
func (e clientGone) Is(t error) bool { return t == context.Canceled }

func isEvents(contentType string) bool {
	const events = "text/event-stream"
	return len(contentType) >= len(events) && strings.EqualFold(contentType[:len(events)], events)
}

// answerBody counts an answer's bytes as they flow, and makes of a gRPC call
// that may not go on one that ends with a status.
type answerBody struct {
	pass *pass
	from message.Body
	n    int64
	err  error          // how from failed
	last message.Fields // instead of from's trailers
}

// registerAfter is when an answer counts as a stream that must be ended when
// its caller may no longer call.
const registerAfter = time.Second

func (b *answerBody) Read(buf []byte) (int, error) {
	n, err := b.from.Read(buf)
	p := b.pass
	if n > 0 {
		b.n += int64(n)
		now := time.Now()
		p.call.Bytes(now, 0, uint64(n))
		if err == nil && p.remove == nil && now.Sub(p.x.Start) > registerAfter {
			p.register(b.from.Abort)
		}
	}
	if err != nil && err != io.EOF {
		b.err = err
		if ended := endedBy(err); ended != nil && p.service.grpc && b.from.Len() < 0 {
			b.last = message.Fields{
				{Name: "grpc-status", Value: ended.grpc()},
				{Name: "grpc-message", Value: "gateway: " + strings.ReplaceAll(ended.reason, "_", " ")},
			}
			return n, io.EOF
		}
	}
	return n, err
}

func (b *answerBody) Len() int64 { return b.from.Len() }

func (b *answerBody) Trailers() message.Fields {
	if b.last != nil {
		return b.last
	}
	return b.from.Trailers()
}

func (b *answerBody) Abort(reason error) { b.from.Abort(reason) }

// mapBack puts the stripped prefix back where an answer speaks of paths.
func (p *pass) mapBack(f message.Fields) {
	for i := range f {
		switch l := &f[i]; {
		case strings.EqualFold(l.Name, "Location"), strings.EqualFold(l.Name, "Content-Location"):
			l.Value = p.location(l.Value)
		case strings.EqualFold(l.Name, "Set-Cookie"):
			l.Value = p.cookie(l.Value)
		}
	}
}

// location maps a reference to the service back to the client's view of it;
// references to elsewhere, and relative ones, stay.
func (p *pass) location(v string) string {
	origin, path := "", v
	if scheme, rest, ok := strings.Cut(v, "://"); ok && !strings.ContainsAny(scheme, "/?#") {
		origin, path = scheme+"://", rest
	} else if strings.HasPrefix(v, "//") {
		origin, path = "//", v[2:]
	}
	if origin != "" {
		end := strings.IndexAny(path, "/?#")
		if end < 0 {
			end = len(path)
		}
		host := path[:end]
		path = path[end:]
		switch {
		case strings.EqualFold(host, p.target):
			origin = p.origin.Scheme + "://" + p.origin.Host
		case strings.EqualFold(host, p.origin.Host), strings.EqualFold(host, p.x.Request.Authority):
			origin += host
		default:
			return v
		}
		if path == "" || path[0] != '/' {
			path = "/" + path
		}
	}
	if path == "" || path[0] != '/' {
		return v
	}
	return origin + p.client(path)
}

// client is a path as the client sees it. One that has the prefix already was
// made by a service that knows it, from X-Forwarded-Prefix.
func (p *pass) client(path string) string {
	if rest, ok := strings.CutPrefix(path, p.stripped); ok && (rest == "" || strings.IndexByte("/?#", rest[0]) >= 0) {
		return path
	}
	return p.stripped + path
}

// cookie maps the Path of a cookie.
func (p *pass) cookie(v string) string {
	at := 0
	for part := range strings.SplitSeq(v, ";") {
		name, path, ok := strings.Cut(part, "=")
		if at > 0 && ok && strings.EqualFold(strings.TrimSpace(name), "Path") {
			if trimmed := strings.TrimSpace(path); strings.HasPrefix(trimmed, "/") {
				mapped := p.client(trimmed)
				if trimmed == "/" {
					mapped = p.stripped + "/"
				}
				return v[:at] + name + "=" + mapped + v[at+len(part):]
			}
		}
		at += len(part) + 1
	}
	return v
}
