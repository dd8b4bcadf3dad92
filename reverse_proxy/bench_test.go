package reverseproxy_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"yumen/flow"
	"yumen/message"

	"yumen/middleware"
	"yumen/upstream"
)

// BenchmarkPipeline is what the pipeline itself costs, without a wire.
func BenchmarkPipeline(b *testing.B) {
	g := &gateway{t: b, outcomes: make(chan outcome, 1)}
	counters := flow.NewCounters("test", time.Now)
	g.state = middleware.NewState(counters, flow.NewLimiters(), flow.NewQuotas(time.UTC))
	g.nodes = upstream.NewRegistry(upstream.NewDialer(), slog.New(slog.DiscardHandler))
	site := g.build(service("all", "/", "127.0.0.1:1", "}\n  limits: {service: {rate: 1e9, burst: 1000000}, client_ip: {rate: 1e9, burst: 1000000}"), counters, still{})
	site.Observe = nil
	r := message.Request{Major: 1, Minor: 1, Method: "GET", Scheme: "http", Authority: "example.com", Path: "/a/b", Body: message.Empty}
	fields := message.Fields{{Name: "User-Agent", Value: "wrk"}, {Name: "Accept", Value: "*/*"}, {Name: "Accept-Encoding", Value: "gzip"}, {Name: "Cookie", Value: "a=1"}}
	b.ReportAllocs()
	f := &stillFront{}
	x := message.New(f)
	for b.Loop() {
		x.Reset(f)
		own := append(x.Request.Fields, fields...)
		x.Request = r
		x.Request.Fields = own
		x.Start = time.Now()
		if d := site.Serve(x); d != nil {
			b.Fatal(d)
		}
	}
}

// BenchmarkGET is a GET through everything, both wires included.
func BenchmarkGET(b *testing.B) {
	body := strings.Repeat("x", 128)
	g := newGateway(b, service("web", "/", backend(b, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }), ""))
	g.site.Observe = nil
	c := client(b, "http/1.1")
	b.ReportAllocs()
	for b.Loop() {
		resp, err := c.Get("http://" + g.http)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// still answers at once.
type still struct{}

func (still) Carry(context.Context, *message.Request, *message.Target, func(int, message.Fields)) (*message.Response, error) {
	return &message.Response{Status: 200, Fields: message.Fields{{Name: "Content-Type", Value: "text/plain"}, {Name: "Server", Value: "x"}}, Body: message.Bytes(nil)}, nil
}

// stillFront takes every answer.
type stillFront struct{}

func (*stillFront) Interim(int, message.Fields) error { return nil }
func (*stillFront) Answer(r *message.Response) error {
	var buf [10]byte
	r.Body.Read(buf[:])
	return nil
}
func (*stillFront) Upgrade(*message.Response) (message.Stream, error) { return nil, nil }
func (*stillFront) Context() context.Context                          { return context.Background() }
func (*stillFront) Done() <-chan struct{}                             { return nil }
func (*stillFront) Close()                                            {}
