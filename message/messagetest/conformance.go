// Package messagetest tries wires: Conformance is what every one of them must
// do, Fake is one without any wire in it.
package messagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/message"
)

// Wire is a way from a client to a handler: a back wire whose target is a
// front wire.
type Wire struct {
	Back   message.Back
	Target *message.Target

	Ordered   bool // keeps the order of fields and the case of names
	NoUpgrade bool // HTTP/2
	NoExpect  bool // does not tell that a client holds its body back
	Proxy     bool // a gateway stands between: fields come and go, failures become answers
}

// New makes a wire whose exchanges go to handle and which is gone when the test
// ends.
type New func(t testing.TB, handle func(*message.Exchange)) Wire

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// Conformance tries everything that the pipeline relies on.
func Conformance(t *testing.T, wire New) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, New)
	}{
		{"a request arrives as it was sent", requestArrives},
		{"an answer arrives as it was given", answerArrives},
		{"values of one name keep their order", valuesKeepOrder},
		{"an answer without body has none and may say its length", bodiless},
		{"a request's body streams", requestStreams},
		{"an answer's head does not wait for its body and its body streams", answerStreams},
		{"both directions run at the same time", fullDuplex},
		{"three MiB pass both ways unchanged", large},
		{"trailers follow a request", requestTrailers},
		{"trailers follow an answer", answerTrailers},
		{"interim answers come before the final one", interims},
		{"a body that the client holds back is asked for by reading it", continues},
		{"a refused body is never asked for", refusedContinue},
		{"an early answer arrives before the upload ends", earlyAnswer},
		{"an answer broken midway never looks whole", brokenAnswer},
		{"an answer shorter than its length never looks whole", shortAnswer},
		{"a request broken midway never looks whole", brokenRequest},
		{"the handler learns that the client left while it waits", clientLeavesWaiting},
		{"the handler learns that the client left amid the answer", clientLeavesReading},
		{"a second answer is refused", secondAnswer},
		{"the end is told once, also after a panic", endsOnce},
		{"an exchange without an answer fails", noAnswer},
		{"a clone outlives the exchange", clonesLive},
		{"a connection serves one exchange after another", keepsAlive},
		{"an unread body does not harm the next exchange", unreadBody},
		{"many exchanges run at once", concurrent},
		{"an upgrade hands over both directions", upgrade},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, wire) })
	}
}

func get(path string) *message.Request {
	return &message.Request{Major: 1, Minor: 1, Method: "GET", Scheme: "http", Authority: "example.com", Path: path, Body: message.Empty}
}

func post(b message.Body) *message.Request {
	r := get("/")
	r.Method, r.Body = "POST", b
	return r
}

func ok(b message.Body) *message.Response { return &message.Response{Status: 200, Body: b} }

// carry sends r and wants an answer.
func (w Wire) carry(t testing.TB, r *message.Request) *message.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	resp, err := w.Back.Carry(ctx, r, w.Target, nil)
	require.NoError(t, err)
	return resp
}

func all(t testing.TB, b message.Body) string {
	t.Helper()
	s, err := io.ReadAll(b)
	require.NoError(t, err)
	return string(s)
}

// discard gives up an answer, if there is one.
func discard(r *message.Response) {
	if r != nil {
		r.Body.Abort(nil)
	}
}

// within fails when f takes too long.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		require.FailNow(t, "waited too long for "+what)
	}
}

func next(t testing.TB, b message.Body, n int) string {
	t.Helper()
	buf := make([]byte, n)
	within(t, "bytes", func() { io.ReadFull(b, buf) })
	return string(buf)
}

func requestArrives(t *testing.T, wire New) {
	type seen struct {
		message.Request
		body string
	}
	got := make(chan seen, 1)
	w := wire(t, func(x *message.Exchange) {
		s := seen{Request: x.Request}
		s.Method, s.Authority, s.Path, s.Query = strings.Clone(s.Method), strings.Clone(s.Authority), strings.Clone(s.Path), strings.Clone(s.Query)
		s.Fields = s.Fields.Clone()
		s.body = all(t, x.Request.Body)
		s.Body = nil
		got <- s
		x.Answer(ok(message.Empty))
	})
	for _, c := range []struct{ path, query string }{
		{"/", ""}, {"/a%2Fb/%E4%BD%A0;v=1", "x=1&y=%20"}, {"/a", "?"}, {"/~u/@:!$&'()*+,;=", "a?b/c"},
	} {
		r := post(message.Bytes([]byte("hello")))
		r.Method, r.Path, r.Query, r.HasQuery = "PUT", c.path, strings.TrimPrefix(c.query, "?"), c.query != ""
		r.Fields = message.Fields{{Name: "X-One", Value: "a  b"}, {Name: "Cookie", Value: "a=1; b=2"}, {Name: "X-Two", Value: ""}}
		w.carry(t, r)
		s := <-got
		require.Equal(t, []string{"PUT", "example.com", c.path, r.Query}, []string{s.Method, s.Authority, s.Path, s.Query})
		require.Equal(t, r.HasQuery, s.HasQuery)
		require.Equal(t, "hello", s.body)
		require.Equal(t, "a  b", s.Fields.Get("x-one"))
		require.Equal(t, "a=1; b=2", s.Fields.Get("Cookie"))
		require.True(t, s.Fields.Has("X-Two"))
		for _, framing := range []string{"Host", "Content-Length", "Transfer-Encoding"} {
			require.False(t, s.Fields.Has(framing), framing)
		}
		if w.Ordered && !w.Proxy {
			require.Equal(t, r.Fields, s.Fields)
		}
	}
}

func answerArrives(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		r := &message.Response{Status: 404, Fields: message.Fields{{Name: "Content-Type", Value: "text/x"}, {Name: "X-A", Value: "1"}}, Body: message.Bytes([]byte("no"))}
		if x.Request.Path == "/unknown" {
			p := NewPipe(-1)
			go func() { p.Write([]byte("no")); p.End(nil) }()
			r.Body = p
		}
		x.Answer(r)
	})
	resp := w.carry(t, get("/known"))
	require.Equal(t, 404, resp.Status)
	require.EqualValues(t, 2, resp.Body.Len())
	require.Equal(t, "text/x", resp.Fields.Get("Content-Type"))
	require.Equal(t, "1", resp.Fields.Get("X-A"))
	require.False(t, resp.Fields.Has("Content-Length"))
	require.False(t, resp.Fields.Has("Transfer-Encoding"))
	require.Equal(t, "no", all(t, resp.Body))

	resp = w.carry(t, get("/unknown"))
	if !w.Proxy { // which may have found it out
		require.EqualValues(t, -1, resp.Body.Len())
	}
	require.Equal(t, "no", all(t, resp.Body))
}

func valuesKeepOrder(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		x.Answer(&message.Response{Status: 200, Fields: message.Fields{
			{Name: "X-Got", Value: strings.Join(x.Request.Fields.Values("X-List"), "|")},
			{Name: "Set-Cookie", Value: "a=1"}, {Name: "X-Other", Value: "1"}, {Name: "Set-Cookie", Value: "b=2, c"},
		}, Body: message.Empty})
	})
	r := get("/")
	r.Fields = message.Fields{{Name: "X-List", Value: "1"}, {Name: "X-Other", Value: "x"}, {Name: "X-List", Value: "2, 3"}, {Name: "X-List", Value: "4"}}
	resp := w.carry(t, r)
	require.Equal(t, "1|2, 3|4", resp.Fields.Get("X-Got"))
	require.Equal(t, []string{"a=1", "b=2, c"}, resp.Fields.Values("Set-Cookie"))
}

func bodiless(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		r := ok(message.Empty)
		switch x.Request.Path {
		case "/204":
			r.Status = 204
		case "/304":
			r.Status = 304
			r.Fields.Add("ETag", `"1"`)
		case "/long":
			r.Fields.Add("Content-Length", "12345")
		case "/bytes":
			r.Body = message.Bytes([]byte("not sent"))
		}
		x.Answer(r)
	})
	for _, path := range []string{"/204", "/304", "/long", "/bytes", "/none"} {
		for _, method := range []string{"GET", "HEAD"} {
			if method == "GET" && (path == "/long" || path == "/bytes") {
				continue
			}
			r := get(path)
			r.Method = method
			resp := w.carry(t, r)
			require.Empty(t, all(t, resp.Body), path)
			require.EqualValues(t, 0, resp.Body.Len(), path)
			switch path {
			case "/long":
				require.Equal(t, "12345", resp.Fields.Get("Content-Length"))
			case "/bytes":
				require.Equal(t, "8", resp.Fields.Get("Content-Length"))
			case "/304":
				require.Equal(t, `"1"`, resp.Fields.Get("ETag"))
			}
		}
	}
}

func requestStreams(t *testing.T, wire New) {
	for _, length := range []int64{-1, 10} {
		first := make(chan struct{})
		w := wire(t, func(x *message.Exchange) {
			require.Equal(t, length, x.Request.Body.Len())
			require.Equal(t, "first", next(t, x.Request.Body, 5))
			close(first)
			x.Answer(ok(message.Bytes([]byte(all(t, x.Request.Body)))))
		})
		body := NewPipe(length)
		go func() {
			body.Write([]byte("first"))
			<-first // the rest waits for the first to have arrived
			body.Write([]byte("again"))
			body.End(nil)
		}()
		within(t, "the answer", func() { require.Equal(t, "again", all(t, w.carry(t, post(body)).Body)) })
	}
}

func answerStreams(t *testing.T, wire New) {
	for _, length := range []int64{-1, 10} {
		body := NewPipe(length)
		w := wire(t, func(x *message.Exchange) { x.Answer(ok(body)) })
		var resp *message.Response
		within(t, "the head before any byte of the body", func() { resp = w.carry(t, get("/")) })
		for _, s := range []string{"first", "again"} {
			go body.Write([]byte(s)) // and nothing more until it has arrived
			require.Equal(t, s, next(t, resp.Body, 5))
		}
		body.End(nil)
		require.Empty(t, all(t, resp.Body))
	}
}

func fullDuplex(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		echo := NewPipe(-1)
		go func() {
			buf := make([]byte, 100)
			for {
				n, err := x.Request.Body.Read(buf)
				if n > 0 {
					echo.Write(buf[:n])
				}
				if err != nil {
					echo.End(nil)
					return
				}
			}
		}()
		x.Answer(ok(echo))
	})
	body := NewPipe(-1)
	resp := w.carry(t, post(body))
	for i := range 5 {
		s := fmt.Sprintf("ping %d", i)
		go body.Write([]byte(s))
		require.Equal(t, s, next(t, resp.Body, len(s)))
	}
	body.End(nil)
	require.Empty(t, all(t, resp.Body))
}

func large(t *testing.T, wire New) {
	data := bytes.Repeat([]byte("0123456789abcde\n"), 3<<20/16)
	w := wire(t, func(x *message.Exchange) {
		got, err := io.ReadAll(x.Request.Body)
		if err != nil || !bytes.Equal(got, data) {
			x.Answer(&message.Response{Status: 400, Body: message.Empty})
			return
		}
		x.Answer(ok(message.Bytes(got)))
	})
	resp := w.carry(t, post(message.Bytes(data)))
	require.Equal(t, 200, resp.Status)
	require.True(t, all(t, resp.Body) == string(data))
}

func requestTrailers(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		require.Nil(t, x.Request.Body.Trailers())
		all(t, x.Request.Body)
		x.Answer(ok(message.Bytes([]byte(x.Request.Body.Trailers().Get("X-Sum")))))
	})
	body := NewPipe(-1)
	r := post(body)
	r.Fields.Add("Trailer", "X-Sum")
	go func() {
		body.Write([]byte("data"))
		body.End(message.Fields{{Name: "X-Sum", Value: "42"}})
	}()
	require.Equal(t, "42", all(t, w.carry(t, r).Body))
}

func answerTrailers(t *testing.T, wire New) {
	for _, announced := range []bool{true, false} {
		w := wire(t, func(x *message.Exchange) {
			body := NewPipe(-1)
			go func() {
				body.Write([]byte("data"))
				body.End(message.Fields{{Name: "X-Sum", Value: "42"}, {Name: "X-Sum", Value: "43"}})
			}()
			r := ok(body)
			if announced {
				r.Fields.Add("Trailer", "X-Sum")
			}
			x.Answer(r)
		})
		resp := w.carry(t, get("/"))
		require.Nil(t, resp.Body.Trailers())
		require.Equal(t, "data", all(t, resp.Body))
		require.Equal(t, []string{"42", "43"}, resp.Body.Trailers().Values("x-sum"))
	}
}

func interims(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		require.NoError(t, x.Interim(103, message.Fields{{Name: "Link", Value: "</a>"}}))
		require.NoError(t, x.Interim(102, nil))
		x.Answer(&message.Response{Status: 200, Fields: message.Fields{{Name: "X-Final", Value: "1"}}, Body: message.Bytes([]byte("done"))})
		require.NoError(t, x.Interim(103, nil), "too late, and no harm")
	})
	var mu sync.Mutex
	var got []string
	resp, err := w.Back.Carry(context.Background(), get("/"), w.Target, func(status int, f message.Fields) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprint(status, f.Get("Link")))
	})
	require.NoError(t, err)
	mu.Lock()
	require.Equal(t, []string{"103</a>", "102"}, got)
	mu.Unlock()
	require.Equal(t, "1", resp.Fields.Get("X-Final"))
	require.False(t, resp.Fields.Has("Link"))
	require.Equal(t, "done", all(t, resp.Body))

	// And without anybody who listens.
	require.Equal(t, "done", all(t, w.carry(t, get("/")).Body))
}

func continues(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) { x.Answer(ok(message.Bytes([]byte(all(t, x.Request.Body))))) })
	r := post(message.Bytes([]byte("held back")))
	r.Continue = true
	require.Equal(t, "held back", all(t, w.carry(t, r).Body))
}

func refusedContinue(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		x.Answer(&message.Response{Status: 417, Body: message.Bytes([]byte("no"))})
	})
	if w.NoExpect && w.Proxy {
		return // the gateway cannot pass on what it does not know
	}
	body := NewPipe(1 << 30)
	r := post(body)
	r.Continue = true
	resp := w.carry(t, r)
	require.Equal(t, 417, resp.Status)
	require.Equal(t, "no", all(t, resp.Body))
	require.Zero(t, body.Reads())
}

func earlyAnswer(t *testing.T, wire New) {
	ended := make(chan struct{})
	w := wire(t, func(x *message.Exchange) {
		x.OnEnd(func(*message.Outcome) { close(ended) })
		next(t, x.Request.Body, 1)
		x.Answer(&message.Response{Status: 413, Body: message.Bytes([]byte("too much"))})
	})
	for _, length := range []int64{-1, 1 << 40} {
		body := NewPipe(length)
		go body.Write([]byte("x")) // and no end
		within(t, "an early answer", func() {
			resp := w.carry(t, post(body))
			require.Equal(t, 413, resp.Status)
			require.Equal(t, "too much", all(t, resp.Body))
		})
		within(t, "the upload to be given up", func() { body.Failed() })
		within(t, "the exchange to end", func() { <-ended })
		ended = make(chan struct{})
	}
}

func brokenAnswer(t *testing.T, wire New) {
	for _, length := range []int64{-1, 10} {
		failed := make(chan error, 1)
		w := wire(t, func(x *message.Exchange) {
			body := NewPipe(length)
			go func() {
				body.Write([]byte("half"))
				body.Abort(errors.New("gone"))
			}()
			failed <- x.Answer(ok(body))
		})
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		resp, err := w.Back.Carry(ctx, get("/"), w.Target, nil)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
		}
		require.Error(t, err)
		require.NoError(t, ctx.Err(), "it must fail, not hang")
		require.Error(t, <-failed)
	}
}

func shortAnswer(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		body := NewPipe(10)
		go func() { body.Write([]byte("half")); body.End(nil) }()
		x.Answer(ok(body))
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := w.Back.Carry(ctx, get("/"), w.Target, nil)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
	}
	require.Error(t, err)
	require.NoError(t, ctx.Err())
}

func brokenRequest(t *testing.T, wire New) {
	for _, length := range []int64{-1, 10} {
		half, failed := make(chan struct{}), make(chan error, 1)
		w := wire(t, func(x *message.Exchange) {
			next(t, x.Request.Body, 4)
			close(half)
			_, err := io.ReadAll(x.Request.Body)
			failed <- err
			x.Answer(&message.Response{Status: 400, Body: message.Empty})
		})
		body := NewPipe(length)
		go func() {
			body.Write([]byte("half"))
			<-half
			body.Abort(errors.New("gone"))
		}()
		resp, err := w.Back.Carry(context.Background(), post(body), w.Target, nil)
		discard(resp)
		require.True(t, err == nil || resp == nil)
		select {
		case err := <-failed:
			require.Error(t, err)
		case <-time.After(patience):
			require.Fail(t, "the handler never learned")
		}
	}
}

func clientLeavesWaiting(t *testing.T, wire New) {
	started, left := make(chan struct{}), make(chan error, 1)
	w := wire(t, func(x *message.Exchange) {
		close(started)
		select {
		case <-x.Done():
			left <- context.Cause(x.Context())
		case <-time.After(patience):
			left <- nil
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-started; cancel() }()
	_, err := w.Back.Carry(ctx, get("/"), w.Target, nil)
	var c *message.CarryError
	require.ErrorAs(t, err, &c)
	require.Equal(t, message.Canceled, c.Phase)
	require.Error(t, <-left)
}

func clientLeavesReading(t *testing.T, wire New) {
	result := make(chan error, 1)
	w := wire(t, func(x *message.Exchange) {
		body := NewPipe(-1)
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for {
				if _, err := body.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}()
		result <- x.Answer(ok(body))
		<-stop // the body is aborted
	})
	resp := w.carry(t, get("/"))
	next(t, resp.Body, 10)
	resp.Body.Abort(errors.New("seen enough"))
	_, err := resp.Body.Read(make([]byte, 1))
	require.Error(t, err)
	select {
	case err := <-result:
		require.Error(t, err)
	case <-time.After(patience):
		require.Fail(t, "the handler never learned")
	}
}

func secondAnswer(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		require.False(t, x.Committed())
		require.NoError(t, x.Answer(ok(message.Bytes([]byte("one")))))
		require.True(t, x.Committed())
		require.ErrorIs(t, x.Answer(ok(message.Bytes([]byte("two")))), message.ErrCommitted)
		_, err := x.Upgrade(&message.Response{Status: 101})
		require.ErrorIs(t, err, message.ErrCommitted)
	})
	require.Equal(t, "one", all(t, w.carry(t, get("/")).Body))
}

func endsOnce(t *testing.T, wire New) {
	for _, how := range []string{"answer", "panic", "end"} {
		ends := make(chan string, 10)
		w := wire(t, func(x *message.Exchange) {
			x.OnEnd(func(o *message.Outcome) { ends <- "first registered" })
			x.OnEnd(func(o *message.Outcome) { ends <- fmt.Sprint(o.Status) })
			if how == "panic" {
				panic("on purpose")
			}
			x.Answer(ok(message.Empty))
			if how == "end" {
				x.End(&message.Outcome{Status: 299})
			}
		})
		resp, err := w.Back.Carry(context.Background(), get("/"), w.Target, nil)
		if how == "panic" {
			require.True(t, err != nil || resp.Status >= 500)
			discard(resp)
		} else {
			require.NoError(t, err)
		}
		want := map[string]string{"answer": "200", "end": "299"}[how]
		if got := <-ends; want != "" {
			require.Equal(t, want, got)
		}
		require.Equal(t, "first registered", <-ends)
		require.Empty(t, ends)
	}
}

func noAnswer(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {})
	resp, err := w.Back.Carry(context.Background(), get("/"), w.Target, nil)
	require.True(t, err != nil || resp.Status >= 500)
	discard(resp)
}

func clonesLive(t *testing.T, wire New) {
	var kept message.Fields
	ended := make(chan struct{})
	w := wire(t, func(x *message.Exchange) {
		kept = x.Request.Fields.Clone()
		x.OnEnd(func(*message.Outcome) { close(ended) })
		x.Answer(ok(message.Empty))
	})
	r := get("/")
	r.Fields.Add("X-Kept", "as it was")
	w.carry(t, r)
	<-ended
	require.Equal(t, "as it was", kept.Get("X-Kept"))
}

func keepsAlive(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		if x.Request.Path == "/5" {
			x.Close()
		}
		x.Answer(ok(message.Bytes([]byte(x.Request.Path))))
	})
	for i := range 10 {
		path := fmt.Sprintf("/%d", i)
		require.Equal(t, path, all(t, w.carry(t, get(path)).Body))
	}
}

func unreadBody(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		x.Answer(&message.Response{Status: 403, Body: message.Bytes([]byte(x.Request.Method))})
	})
	for _, size := range []int{1, 4000, 100_000, 1 << 20} {
		for range 3 {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			resp, err := w.Back.Carry(ctx, post(message.Bytes(make([]byte, size))), w.Target, nil)
			if err == nil {
				require.Equal(t, "POST", all(t, resp.Body))
			}
			// A large upload may break where it is refused, but never reach
			// anybody as another request.
			require.NoError(t, ctx.Err())
			require.Equal(t, "GET", all(t, w.carry(t, get("/")).Body))
			cancel()
		}
	}
}

func concurrent(t *testing.T, wire New) {
	w := wire(t, func(x *message.Exchange) {
		b, _ := io.ReadAll(x.Request.Body)
		x.Answer(&message.Response{Status: 200, Fields: message.Fields{{Name: "X-Id", Value: x.Request.Fields.Get("X-Id")}}, Body: message.Bytes(b)})
	})
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for j := range 20 {
				id := fmt.Sprintf("%d-%d", i, j)
				r := post(message.Bytes([]byte("body " + id)))
				r.Fields.Add("X-Id", id)
				resp, err := w.Back.Carry(context.Background(), r, w.Target, nil)
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				if err != nil || string(b) != "body "+id || resp.Fields.Get("X-Id") != id {
					t.Errorf("%s got %q, %q, %v", id, b, resp.Fields.Get("X-Id"), err)
				}
			}
		})
	}
	running.Wait()
}

func upgrade(t *testing.T, wire New) {
	served := make(chan string, 1)
	w := wire(t, func(x *message.Exchange) {
		require.Equal(t, "echo/1", x.Request.Upgrade)
		s, err := x.Upgrade(&message.Response{Status: 101, Fields: message.Fields{{Name: "Upgrade", Value: "echo/1"}, {Name: "X-A", Value: "1"}}, Body: message.Empty})
		if err != nil {
			x.Answer(ok(message.Empty))
			return
		}
		defer s.Close()
		s.Write([]byte("hello ")) // may come with the head
		buf := make([]byte, 4)
		io.ReadFull(s, buf)
		s.Write(buf)
		rest, _ := io.ReadAll(s)
		served <- string(rest)
	})
	if w.NoUpgrade {
		return
	}
	r := get("/")
	r.Upgrade = "echo/1"
	resp := w.carry(t, r)
	require.Equal(t, 101, resp.Status)
	require.Equal(t, "echo/1", resp.Fields.Get("Upgrade"))
	require.Equal(t, "1", resp.Fields.Get("X-A"))
	s := resp.Stream
	require.NoError(t, s.SetReadDeadline(time.Now().Add(patience)))
	require.NoError(t, s.SetWriteDeadline(time.Now().Add(patience)))
	buf := make([]byte, 10)
	within(t, "the stream", func() {
		io.ReadFull(s, buf[:6])
		s.Write([]byte("ping"))
		io.ReadFull(s, buf[6:])
		s.Write([]byte("and the rest"))
		require.NoError(t, s.CloseWrite())
	})
	require.Equal(t, "hello ping", string(buf))
	require.Equal(t, "and the rest", <-served)
	s.Close()
}
