package std

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/message"
	"yumen/message/messagetest"
)

func request() *message.Request {
	return &message.Request{Method: "GET", Scheme: "http", Authority: "example.com", Path: "/", Body: message.Empty}
}

// origin serves each connection by hand.
func origin(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { defer c.Close(); serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return l.Addr().String()
}

func readHead(c net.Conn) string {
	q, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return ""
	}
	return q.RequestURI
}

func TestAFailureTellsHowFarTheRequestCame(t *testing.T) {
	tr := transport(t)
	hang := make(chan struct{})
	defer close(hang)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	for name, c := range map[string]struct {
		address string
		scheme  string
		phase   message.Phase
	}{
		"nobody listens":           {closed.Addr().String(), "http", message.Connecting},
		"no TLS there":             {origin(t, func(c net.Conn) { io.WriteString(c, "hello, this is no TLS\r\n\r\n") }), "https", message.Connecting},
		"closed without an answer": {origin(t, func(c net.Conn) { readHead(c) }), "http", message.Sending},
		"no answer in time":        {origin(t, func(c net.Conn) { readHead(c); <-hang }), "http", message.Waiting},
		"not HTTP":                 {origin(t, func(c net.Conn) { readHead(c); io.WriteString(c, "220 smtp ready\r\n\r\n") }), "http", message.Receiving},
		"two lengths": {origin(t, func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
		}), "http", message.Receiving},
		"a status below 100": {origin(t, func(c net.Conn) { readHead(c); io.WriteString(c, "HTTP/1.1 042 Odd\r\nContent-Length: 0\r\n\r\n") }), "http", message.Receiving},
		"a 101 nobody asked for": {origin(t, func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 101 Odd\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		}), "http", message.Receiving},
	} {
		to := target(c.address, c.scheme)
		if c.phase == message.Waiting {
			to.ResponseHeader = 50 * time.Millisecond
		}
		_, err := tr.Carry(context.Background(), request(), to, nil)
		var failed *message.CarryError
		require.ErrorAs(t, err, &failed, name)
		require.Equal(t, c.phase, failed.Phase, "%s: %v", name, err)
	}
}

func TestConnectingIsBounded(t *testing.T) {
	tr := NewTransport(func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	to := target("192.0.2.1:80", "http")
	to.Connect = 30 * time.Millisecond
	_, err := tr.Carry(context.Background(), request(), to, nil)
	var failed *message.CarryError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, message.Connecting, failed.Phase)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestConnectionsAreKeptAndUsedAgain(t *testing.T) {
	var connections atomic.Int32
	tr := NewTransport(func(ctx context.Context, network, address string) (net.Conn, error) {
		connections.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	})
	_, address := server(t, Limits{}, false, answer(200, "fine"))
	carry := func(to *message.Target) {
		resp, err := tr.Carry(context.Background(), request(), to, nil)
		require.NoError(t, err)
		io.ReadAll(resp.Body)
	}
	to := target(address, "http")
	for range 5 {
		carry(to)
	}
	require.EqualValues(t, 1, connections.Load())

	other := target(address, "http")
	other.Digest = "another CA, say"
	carry(other)
	require.EqualValues(t, 2, connections.Load(), "another digest is another pool")

	tr.CloseIdle(func(digest string) bool { return digest == to.Digest })
	carry(to)
	require.EqualValues(t, 2, connections.Load(), "what is kept is kept")
	carry(other)
	require.EqualValues(t, 3, connections.Load(), "the other was closed")

	none := target(address, "http")
	none.Digest, none.MaxIdle = "none", 0
	carry(none)
	carry(none)
	require.EqualValues(t, 5, connections.Load(), "0 keeps none")
	tr.CloseIdle(nil)
}

func TestConnectionsToATargetAreLimited(t *testing.T) {
	var most, now atomic.Int32
	_, address := server(t, Limits{}, false, func(x *message.Exchange) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		answer(200, "")(x)
	})
	tr := transport(t)
	to := target(address, "http")
	to.Max = 2
	var running sync.WaitGroup
	for range 10 {
		running.Go(func() {
			resp, err := tr.Carry(context.Background(), request(), to, nil)
			if err == nil {
				io.ReadAll(resp.Body)
			}
		})
	}
	running.Wait()
	require.EqualValues(t, 2, most.Load())
}

func TestWhatIsDroppedWhileInUseIsClosedAfterwards(t *testing.T) {
	for _, scheme := range []string{"http", "h2c"} {
		goOn := make(chan struct{})
		s, address := server(t, Limits{}, false, func(x *message.Exchange) {
			<-goOn
			answer(200, "fine")(x)
		})
		tr := transport(t)
		done := make(chan error, 1)
		go func() {
			resp, err := tr.Carry(context.Background(), request(), target(address, scheme), nil)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			done <- err
		}()
		require.Eventually(t, func() bool { return s.Stats().Open == 1 }, patience, time.Millisecond)
		tr.CloseIdle(nil)
		close(goOn)
		require.NoError(t, <-done)
		require.Eventually(t, func() bool { return s.Stats().Open == 0 }, patience, 10*time.Millisecond, scheme)
	}
}

func TestATargetThatStopsGivingIsGivenUp(t *testing.T) {
	for _, scheme := range []string{"http", "h2c"} {
		stop := make(chan struct{})
		_, address := server(t, Limits{}, false, func(x *message.Exchange) {
			body := messagetest.NewPipe(-1)
			go func() { body.Write([]byte("half")); <-stop; body.End(nil) }()
			x.Answer(&message.Response{Status: 200, Body: body})
		})
		to := target(address, scheme)
		to.BodyIdle = 50 * time.Millisecond
		resp, err := transport(t).Carry(context.Background(), request(), to, nil)
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, ErrTargetStuck)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(stop)
	}
}

func TestATargetThatStopsTakingIsGivenUp(t *testing.T) {
	for _, scheme := range []string{"http", "h2c"} {
		_, address := server(t, Limits{}, false, func(x *message.Exchange) { <-x.Done() })
		if scheme == "http" {
			stop := make(chan struct{})
			defer close(stop)
			address = origin(t, func(c net.Conn) { <-stop })
		}
		to := target(address, scheme)
		to.BodyIdle = 50 * time.Millisecond
		r := request()
		r.Method, r.Body = "POST", endless{}
		_, err := transport(t).Carry(context.Background(), r, to, nil)
		require.ErrorIs(t, err, ErrTargetStuck, scheme)
		var failed *message.CarryError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, message.Waiting, failed.Phase)
	}
}

func TestASlowReaderIsNotTheTargetsFault(t *testing.T) {
	_, address := server(t, Limits{}, false, answer(200, strings.Repeat("x", 100_000)))
	to := target(address, "http")
	to.BodyIdle = 200 * time.Millisecond
	resp, err := transport(t).Carry(context.Background(), request(), to, nil)
	require.NoError(t, err)
	time.Sleep(400 * time.Millisecond)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Len(t, b, 100_000)
}

func TestEventsMayBeSilentForTheStreamsTime(t *testing.T) {
	next := make(chan string)
	_, address := server(t, Limits{}, false, func(x *message.Exchange) {
		x.Answer(&message.Response{Status: 200, Fields: message.Fields{{Name: "Content-Type", Value: "text/event-stream; charset=utf-8"}}, Body: events(next)})
	})
	to := target(address, "http")
	to.BodyIdle, to.StreamIdle = 20*time.Millisecond, 500*time.Millisecond
	resp, err := transport(t).Carry(context.Background(), request(), to, nil)
	require.NoError(t, err)
	time.Sleep(60 * time.Millisecond)
	next <- "event"
	buf := make([]byte, 5)
	_, err = io.ReadFull(resp.Body, buf)
	require.NoError(t, err)
	_, err = resp.Body.Read(buf)
	require.ErrorIs(t, err, ErrTargetStuck)
	close(next)
}

func TestACallThatIsFedIsNotIdle(t *testing.T) {
	_, address := server(t, Limits{}, false, func(x *message.Exchange) {
		body := messagetest.NewPipe(-1)
		go func() { io.Copy(io.Discard, x.Request.Body); body.Write([]byte("done")); body.End(nil) }()
		x.Answer(&message.Response{Status: 200, Fields: message.Fields{{Name: "Content-Type", Value: "application/grpc"}}, Body: body})
	})
	to := target(address, "h2c")
	to.BodyIdle, to.StreamIdle = time.Millisecond, 400*time.Millisecond
	r := request()
	feed := messagetest.NewPipe(-1)
	r.Method, r.Body = "POST", feed
	r.Fields.Add("Content-Type", "application/grpc+proto")
	resp, err := transport(t).Carry(context.Background(), r, to, nil)
	require.NoError(t, err)
	go func() {
		for range 8 {
			feed.Write([]byte("x"))
			time.Sleep(80 * time.Millisecond)
		}
		feed.End(nil)
	}()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "done", string(b))
}

func TestNothingIsAddedToARequest(t *testing.T) {
	got := make(chan http.Header, 1)
	address := origin(t, func(c net.Conn) {
		q, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			got <- q.Header
			io.WriteString(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		}
	})
	r := request()
	r.Fields = message.Fields{{Name: "x-lower", Value: "1"}}
	_, err := transport(t).Carry(context.Background(), r, target(address, "http"), nil)
	require.NoError(t, err)
	require.Equal(t, http.Header{"X-Lower": {"1"}}, <-got)
}

func TestACompressedAnswerIsPassedOnAsItIs(t *testing.T) {
	address := origin(t, func(c net.Conn) {
		readHead(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnot.")
	})
	resp, err := transport(t).Carry(context.Background(), request(), target(address, "http"), nil)
	require.NoError(t, err)
	require.Equal(t, "gzip", resp.Fields.Get("Content-Encoding"))
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "not.", string(b))
}

func TestAFailureToConnectLeavesTheBodyUntouched(t *testing.T) {
	body := messagetest.NewPipe(10)
	r := request()
	r.Method, r.Body = "POST", body
	to := target("127.0.0.1:1", "http")
	tr := NewTransport(func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") })
	_, err := tr.Carry(context.Background(), r, to, nil)
	require.Error(t, err)
	require.Zero(t, body.Reads())
	go body.Write([]byte("x"))
	_, err = body.Read(make([]byte, 1))
	require.NoError(t, err, "it was not aborted either")
}

func TestTheErrorOfTheClientsBodyIsNotTheTargets(t *testing.T) {
	_, address := server(t, Limits{}, false, func(x *message.Exchange) { io.Copy(io.Discard, x.Request.Body) })
	for _, scheme := range []string{"http", "h2c"} {
		r := request()
		r.Method, r.Body = "POST", &failing{text: "half"}
		_, err := transport(t).Carry(context.Background(), r, target(address, scheme), nil)
		var failed *message.CarryError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, message.Canceled, failed.Phase, scheme)
		require.EqualError(t, err, "gone")
	}
}
