package std

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/message"
)

const patience = 10 * time.Second

// dial opens a connection that the test closes at the latest.
func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { c.Close() })
	return c
}

// say writes to a server and gives all that it answers till it closes.
func say(t testing.TB, address, text string) string {
	t.Helper()
	c := dial(t, address)
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
	b, _ := io.ReadAll(c)
	return string(b)
}

func answer(status int, body string) func(*message.Exchange) {
	return func(x *message.Exchange) {
		x.Answer(&message.Response{Status: status, Body: message.Bytes([]byte(body))})
	}
}

func TestMalformedRequestsNeverReachTheHandler(t *testing.T) {
	var reached atomic.Int32
	_, address := server(t, Limits{Header: time.Second}, false, func(x *message.Exchange) {
		reached.Add(1)
		answer(200, "")(x)
	})
	for name, text := range map[string]string{
		"no Host":                  "GET / HTTP/1.1\r\n\r\n",
		"two Hosts":                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"a broken Host":            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
		"two lengths":              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"a negative length":        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
		"an unknown coding":        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"two codings":              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"a space before the colon": "GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n",
		"a control character":      "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\x00\r\n\r\n",
		"a broken version":         "GET / HTTP/1.x\r\nHost: a\r\n\r\n",
		"an unknown expectation":   "GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n",
	} {
		got := say(t, address, text)
		require.Regexp(t, `^HTTP/1\.1 4|^HTTP/1\.1 501`, got, name)
		require.NotContains(t, got, "200 OK", name)
	}
	require.Zero(t, reached.Load())
}

func TestCONNECTAndAStrayPrefaceAreNoExchanges(t *testing.T) {
	_, address := server(t, Limits{}, false, func(x *message.Exchange) { t.Error("reached") })
	require.Contains(t, say(t, address, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"), " 501 ")
	require.Contains(t, say(t, address, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), " 501 ")
}

func TestATargetInAbsoluteFormIsTakenApart(t *testing.T) {
	_, address := server(t, Limits{}, false, func(x *message.Exchange) {
		answer(200, fmt.Sprint(x.Request.Authority, "|", x.Request.Path, "|", x.Request.Query, "|", x.Request.HasQuery))(x)
	})
	for target, want := range map[string]string{
		"http://Example.com/a%2Fb?c=%20": "Example.com|/a%2Fb|c=%20|true",
		"http://example.com":             "example.com|/||false",
		"http://example.com?x":           "example.com|/|x|true",
		"/a?":                            "other|/a||true",
		"*":                              "other|*||false",
		"//a//b":                         "other|//a//b||false",
	} {
		method := "GET"
		if target == "*" {
			method = "OPTIONS"
		}
		got := say(t, address, method+" "+target+" HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n")
		require.True(t, strings.HasSuffix(got, "\r\n\r\n"+want), "%s: %s", target, got)
	}
}

func TestAHostWithoutAPortIsAHost(t *testing.T) {
	_, address := server(t, Limits{}, false, func(x *message.Exchange) { answer(200, x.Request.Authority)(x) })
	for _, host := range []string{"example.com", "example.com:80", "[::1]", "[::1]:80", ""} {
		got := say(t, address, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		require.True(t, strings.HasSuffix(got, "\r\n\r\n"+host), got)
	}
	require.Contains(t, say(t, address, "GET / HTTP/1.0\r\n\r\n"), "200 OK")
}

func TestWhatAHandlerKeepsWithoutACopyIsOverwritten(t *testing.T) {
	var kept, cloned string
	s, address := server(t, Limits{}, false, func(x *message.Exchange) {
		kept, cloned = x.Request.Fields.Get("X-Kept"), strings.Clone(x.Request.Path)
		answer(200, "")(x)
	})
	say(t, address, "GET /path HTTP/1.1\r\nHost: a\r\nX-Kept: value\r\nConnection: close\r\n\r\n")
	require.Eventually(t, func() bool { return s.Stats().Open == 0 }, patience, time.Millisecond)
	require.Equal(t, "!!!!!", strings.Clone(kept))
	require.Equal(t, "/path", cloned)
}

func TestAPanicCostsOneExchangeAndIsCounted(t *testing.T) {
	var log bytes.Buffer
	s := NewServer(func(x *message.Exchange) {
		switch x.Request.Path {
		case "/panic":
			panic("on purpose")
		case "/late":
			body := message.Bytes([]byte("half"))
			x.Answer(&message.Response{Status: 200, Body: panicking{body}})
		case "/end":
			x.OnEnd(func(*message.Outcome) { panic("at the end") })
			answer(200, "fine")(x)
		default:
			answer(200, "fine")(x)
		}
	}, func() Limits { return Limits{} }, nil, slog.New(slog.NewTextHandler(&log, nil)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	get := func(path string) string {
		return say(t, l.Addr().String(), "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	require.Contains(t, get("/panic"), "500 Internal")
	require.NotContains(t, get("/late"), "0\r\n\r\n", "a broken answer must not look whole")
	require.Contains(t, get("/end"), "fine")
	require.Contains(t, get("/"), "fine")
	require.EqualValues(t, 3, s.Panics())
	require.NoError(t, s.Close())
	require.NoError(t, <-done)
	require.Contains(t, log.String(), "on purpose")
	require.Contains(t, log.String(), "server_test.go", "the log holds the stack")
}

// panicking is a body of unknown length that panics after the first bytes.
type panicking struct{ message.Body }

func (p panicking) Len() int64 { return -1 }
func (p panicking) Read(b []byte) (int, error) {
	if n, _ := p.Body.Read(b); n > 0 {
		return n, nil
	}
	panic("midway")
}

func TestAnAbortedAnswerIsNotSwallowed(t *testing.T) {
	handle := func(x *message.Exchange) {
		if x.Request.Path == "/handler" {
			panic(http.ErrAbortHandler)
		}
		x.Answer(&message.Response{Status: 200, Body: &failing{text: "half"}})
	}
	for _, secure := range []bool{false, true} {
		s, address := server(t, Limits{}, secure, handle)
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
			for _, path := range []string{"/", "/handler"} {
				resp, err := client(t, protocol, secure).Get(scheme(secure) + address + path)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				require.Error(t, err, "%s %s %v", protocol, path, secure)
			}
		}
		require.Zero(t, s.Panics(), "an abort is no panic")
	}
}

func TestAnAnswerToHTTP10ThatBreaksResetsTheConnection(t *testing.T) {
	// It ends with its connection: only a reset tells it from a whole one.
	_, address := server(t, Limits{}, false, func(x *message.Exchange) {
		x.Answer(&message.Response{Status: 200, Body: &failing{text: strings.Repeat("half", 1000), whole: x.Request.Path == "/whole"}})
	})
	read := func(path string) error {
		c := dial(t, address)
		io.WriteString(c, "GET "+path+" HTTP/1.0\r\n\r\n")
		_, err := io.ReadAll(c)
		return err
	}
	require.NoError(t, read("/whole"))
	require.Error(t, read("/broken"))
}

// failing is a body of unknown length that fails after its text.
type failing struct {
	text  string
	whole bool
}

func (f *failing) Read(p []byte) (int, error) {
	if f.text == "" && f.whole {
		return 0, io.EOF
	}
	if f.text == "" {
		return 0, errors.New("gone")
	}
	n := copy(p, f.text)
	f.text = f.text[n:]
	return n, nil
}
func (f *failing) Len() int64               { return -1 }
func (f *failing) Trailers() message.Fields { return nil }
func (f *failing) Abort(error)              {}

func scheme(secure bool) string {
	if secure {
		return "https://"
	}
	return "http://"
}

func client(t testing.TB, protocol string, secure bool) *http.Client {
	p := new(http.Protocols)
	p.SetHTTP1(protocol == "HTTP/1.1")
	p.SetHTTP2(protocol == "HTTP/2" && secure)
	p.SetUnencryptedHTTP2(protocol == "HTTP/2" && !secure)
	tr := &http.Transport{Protocols: p, DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // its own certificate
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestAClientThatSendsItsHeadSlowlyIsCutOff(t *testing.T) {
	_, address := server(t, Limits{Header: 50 * time.Millisecond}, false, func(x *message.Exchange) { t.Error("reached") })
	c := dial(t, address)
	start := time.Now()
	go func() {
		for {
			if _, err := io.WriteString(c, "X"); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	io.ReadAll(c)
	require.Less(t, time.Since(start), patience)
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	_, address := server(t, Limits{Idle: 50 * time.Millisecond}, false, answer(200, "fine"))
	require.Contains(t, say(t, address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "fine")
}

func TestABodyThatStopsComingFailsWithATimeout(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		failed := make(chan error, 1)
		_, address := server(t, Limits{BodyIdle: 50 * time.Millisecond}, false, func(x *message.Exchange) {
			_, err := io.ReadAll(x.Request.Body)
			failed <- err
			answer(408, "too slow")(x)
		})
		body, feed := io.Pipe()
		go feed.Write([]byte("some"))
		resp, err := client(t, protocol, false).Post("http://"+address, "", body)
		require.NoError(t, err)
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "too slow", string(b))
		resp.Body.Close()
		feed.Close()
		err = <-failed
		require.ErrorIs(t, err, ErrBodyIdle, protocol)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
}

func TestASlowBodyThatKeepsComingIsNotCutOff(t *testing.T) {
	_, address := server(t, Limits{BodyIdle: 500 * time.Millisecond}, false, func(x *message.Exchange) {
		b, err := io.ReadAll(x.Request.Body)
		answer(200, fmt.Sprint(len(b), err))(x)
	})
	body, feed := io.Pipe()
	go func() {
		for range 8 {
			feed.Write([]byte("x"))
			time.Sleep(100 * time.Millisecond)
		}
		feed.Close()
	}()
	resp, err := client(t, "HTTP/1.1", false).Post("http://"+address, "", body)
	require.NoError(t, err)
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.Equal(t, "8 <nil>", string(b))
}

func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		result := make(chan error, 1)
		_, address := server(t, Limits{BodyIdle: 100 * time.Millisecond}, false, func(x *message.Exchange) {
			result <- x.Answer(&message.Response{Status: 200, Body: endless{}})
		})
		resp, err := client(t, protocol, false).Get("http://" + address)
		require.NoError(t, err)
		select { // the body is not read
		case err := <-result:
			require.Error(t, err, protocol)
		case <-time.After(patience):
			require.Fail(t, "the client holds its answer for ever")
		}
		resp.Body.Close()
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Len() int64                 { return -1 }
func (endless) Trailers() message.Fields   { return nil }
func (endless) Abort(error)                {}

func TestALongSilenceOfAnAnswerIsNoStuckClient(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		next := make(chan string)
		_, address := server(t, Limits{BodyIdle: 150 * time.Millisecond}, false, func(x *message.Exchange) {
			x.Answer(&message.Response{Status: 200, Body: events(next)})
		})
		resp, err := client(t, protocol, false).Get("http://" + address)
		require.NoError(t, err)
		r := bufio.NewReader(resp.Body)
		for _, want := range []string{"one\n", "two\n"} {
			time.Sleep(400 * time.Millisecond) // more than any limit
			next <- want
			got, err := r.ReadString('\n')
			require.NoError(t, err, protocol)
			require.Equal(t, want, got)
		}
		close(next)
		_, err = r.ReadString('\n')
		require.Equal(t, io.EOF, err)
		resp.Body.Close()
	}
}

type events chan string

func (e events) Read(p []byte) (int, error) {
	s, ok := <-e
	if !ok {
		return 0, io.EOF
	}
	return copy(p, s), nil
}
func (e events) Len() int64               { return -1 }
func (e events) Trailers() message.Fields { return nil }
func (e events) Abort(error)              {}

func TestConnectionsAreLimitedInAllAndPerClient(t *testing.T) {
	for _, limits := range []Limits{{MaxConns: 2}, {MaxConnsPerClient: 2}} {
		s, address := server(t, limits, false, answer(200, "fine"))
		ask := func(c net.Conn) error {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			_, err := http.ReadResponse(bufio.NewReader(c), nil)
			return err
		}
		first, second := dial(t, address), dial(t, address)
		require.NoError(t, ask(first))
		require.NoError(t, ask(second))
		require.Error(t, ask(dial(t, address)))
		require.Equal(t, Stats{Open: 2, Refused: 1}, s.Stats())
		first.Close()
		require.Eventually(t, func() bool { return s.Stats().Open == 1 }, patience, time.Millisecond)
		require.NoError(t, ask(dial(t, address)), "a place is free again")
		require.NoError(t, ask(second), "who was in stays in")
	}
}

func TestNewLimitsHoldForNewConnections(t *testing.T) {
	var limits atomic.Pointer[Limits]
	limits.Store(&Limits{MaxHeader: 1 << 10})
	s := NewServer(answer(200, "fine"), func() Limits { return *limits.Load() }, nil, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go s.Serve(l)
	defer s.Close()
	large := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Large: " + strings.Repeat("x", 20<<10) + "\r\n\r\n"
	old := dial(t, l.Addr().String())
	io.WriteString(old, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_, err = http.ReadResponse(bufio.NewReader(old), nil)
	require.NoError(t, err)

	require.Contains(t, say(t, l.Addr().String(), large), " 431 ")
	limits.Store(&Limits{MaxHeader: 64 << 10})
	require.Contains(t, say(t, l.Addr().String(), large), " 200 ")
	require.Eventually(t, func() bool { return s.Stats().Open == 1 }, patience, time.Millisecond, "the old connection is still there")

	limits.Store(&Limits{MaxHeader: 1 << 10})
	require.Contains(t, say(t, l.Addr().String(), large), " 431 ")
}

func TestShutdownLetsRunningExchangesEndAndTellsClientsToGo(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
			started, goOn := make(chan struct{}), make(chan struct{})
			s, address := server(t, Limits{Idle: time.Minute}, secure, func(x *message.Exchange) {
				if x.Request.Path == "/long" {
					close(started)
					<-goOn
				}
				answer(200, "fine")(x)
			})
			c := client(t, protocol, secure)
			get := func(path string) (*http.Response, error) {
				resp, err := c.Get(scheme(secure) + address + path)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				return resp, err
			}
			_, err := get("/") // an idle connection
			require.NoError(t, err)
			result := make(chan error, 1)
			closed := make(chan bool, 1)
			go func() {
				resp, err := get("/long")
				result <- err
				closed <- err == nil && resp.Close
			}()
			<-started
			down := make(chan error, 1)
			go func() { down <- s.Shutdown(context.Background()) }()
			require.Eventually(t, func() bool {
				c, err := net.Dial("tcp", address)
				if err == nil {
					c.Close()
				}
				return err != nil
			}, patience, time.Millisecond, "the listener is closed")
			select {
			case <-down:
				require.Fail(t, "it did not wait")
			case <-time.After(50 * time.Millisecond):
			}
			close(goOn)
			require.NoError(t, <-result)
			if protocol == "HTTP/1.1" {
				require.True(t, <-closed, "Connection: close")
			}
			require.NoError(t, <-down)
			require.Zero(t, s.Stats().Open)
		}
	}
}

func TestShutdownWaitsForUpgradedConnectionsAndCloseEndsThem(t *testing.T) {
	upgraded := make(chan struct{})
	s, address := server(t, Limits{}, false, func(x *message.Exchange) {
		st, err := x.Upgrade(&message.Response{Status: 101, Fields: message.Fields{{Name: "Upgrade", Value: "x"}}})
		require.NoError(t, err)
		close(upgraded)
		io.Copy(io.Discard, st)
	})
	c := dial(t, address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	<-upgraded
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
	require.NoError(t, s.Close())
	_, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.Stats().Open == 0 }, patience, time.Millisecond)
}

func TestASmallUnreadBodyKeepsTheConnection(t *testing.T) {
	_, address := server(t, Limits{}, false, answer(403, "no"))
	c := dial(t, address)
	r := bufio.NewReader(c)
	for range 3 {
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.Equal(t, 403, resp.StatusCode)
		require.False(t, resp.Close)
		io.ReadAll(resp.Body)
	}
}

func TestARefusalReachesAClientThatGoesOnSending(t *testing.T) {
	_, address := server(t, Limits{}, false, answer(413, "too much"))
	c := dial(t, address)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
	go func() {
		for {
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 413, resp.StatusCode)
	require.True(t, resp.Close)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "too much", string(b))
}

func TestTheRestOfAnAbandonedBodyIsNeverTakenForARequest(t *testing.T) {
	var smuggled atomic.Int32
	handle := func(x *message.Exchange) {
		if x.Request.Path == "/smuggled" {
			smuggled.Add(1)
		}
		if x.Request.Path != "/unread" {
			io.ReadFull(x.Request.Body, make([]byte, 8))
		}
		x.Answer(&message.Response{Status: 200, Body: &failing{text: "fine", whole: true}})
	}
	const inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, secure := range []bool{false, true} {
		_, address := server(t, Limits{BodyIdle: 50 * time.Millisecond}, secure, handle)
		for _, path := range []string{"/first", "/unread"} {
			for _, rest := range []string{
				"Content-Length: 100000\r\n\r\n1234" + inner,
				"Content-Length: 1000000000\r\n\r\n12345678" + inner,
				"Content-Length: 1000000000\r\n\r\n" + inner,
				"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n" + inner,
				"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + inner,
				"Transfer-Encoding: chunked\r\n\r\n4\r\nabcdefgh" + inner,
				"Transfer-Encoding: chunked\r\n\r\n0\r\nbroken trailer\r\n\r\n" + inner,
				"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n" + inner,
			} {
				c := dial(t, address)
				if secure {
					c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // its own certificate
				}
				io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: a\r\n"+rest)
				io.ReadAll(c)
				c.Close()
			}
		}
	}
	require.Zero(t, smuggled.Load())
}

func TestTheEndsOfAnExchangeAreToldWhatWasSent(t *testing.T) {
	outcomes := make(chan message.Outcome, 1)
	_, address := server(t, Limits{}, false, func(x *message.Exchange) {
		x.OnEnd(func(o *message.Outcome) { outcomes <- *o })
		if x.Request.Path == "/silent" {
			return
		}
		answer(204, "")(x)
	})
	require.Contains(t, say(t, address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), " 204 ")
	require.Equal(t, 204, (<-outcomes).Status)
	require.Contains(t, say(t, address, "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n"), " 500 ")
	require.Equal(t, 500, (<-outcomes).Status)
}

func FuzzTargetsKeepTheirText(f *testing.F) {
	for _, s := range []string{"/a?b", "*", "http://h/p?q", "http://h", "?", "", "//", "x://?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, query, has := splitTarget(s)
		whole := path
		if has {
			whole += "?" + query
		}
		if path == "" || strings.Contains(path, "?") || !strings.HasSuffix(whole, s) && !strings.HasSuffix(s, whole) && !strings.HasSuffix(s, strings.TrimPrefix(whole, "/")) {
			t.Errorf("%q became %q", s, whole)
		}
	})
}
