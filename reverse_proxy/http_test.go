package reverseproxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo answers with what it received, a line each.
func echo(w http.ResponseWriter, q *http.Request) {
	fmt.Fprintf(w, "%s %s\nHost: %s\n", q.Method, q.RequestURI, q.Host)
	q.Header.Write(w)
}

func TestRequestsPassOverEveryProtocol(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		fmt.Fprintf(w, "%s %s %s %s", q.Method, q.RequestURI, q.Header.Get("X-Forwarded-Proto"), b)
	}), ""))
	for _, c := range []struct{ protocol, url, proto string }{
		{"http/1.1", "http://" + g.http, "http"}, {"h2c", "http://" + g.http, "http"},
		{"https", "https://" + g.https, "https"}, {"h2", "https://" + g.https, "https"},
	} {
		resp, err := client(t, c.protocol).Post(c.url+"/a?b=c", "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, "POST /a?b=c "+c.proto+" hello", string(b))
		o := g.ended()
		require.Equal(t, []any{200, "web", int64(5), int64(len(b)), "", -1}, []any{o.Status, o.service, o.BytesIn, o.BytesOut, o.Reason, o.GRPC})
		require.NoError(t, o.Err)
	}
}

func TestAHostWithoutAPortDoesNoHarm(t *testing.T) { // origin.md, 10
	g := newGateway(t, service("web", "/", backend(t, echo), ""))
	for _, host := range []string{"example.com", "example.com:8080", "example.com.", "[::1]", "EXAMPLE.com"} {
		resp, body := g.get("/", "Host", host)
		require.Equal(t, 200, resp.StatusCode)
		require.Contains(t, body, "\nHost: "+host+"\n", "the host goes on as it came")
	}
	c, err := net.Dial("tcp", g.http)
	require.NoError(t, err)
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.0\r\n\r\n") // not even a Host
	b, _ := io.ReadAll(c)
	require.Contains(t, string(b), "200 OK")
}

func TestRoutesMatchWholeSegmentsAndTheLongestWins(t *testing.T) { // origin.md, 11
	named := func(name string) string {
		return backend(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) })
	}
	g := newGatewayf(t, `
services:
- {name: short, protocol: http, routes: [{path: {prefix: /test}}], upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}}}
- {name: long, protocol: http, routes: [{path: {prefix: /test/more}}], upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}}}
- {name: hosted, protocol: http, routes: [{hosts: [a.example]}], upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}}}
`, named("short"), named("long"), named("hosted"))
	for path, want := range map[string]string{
		"/test": "short", "/test/": "short", "/test/x": "short", "/test/more": "long", "/test/more/x": "long", "/test/moreover": "short",
		"/testing": "no_route", "/": "no_route", "/other": "no_route", "/other/../test": "short", "/./test": "short",
	} {
		_, body := g.get(path)
		require.Equal(t, want, body, path)
	}
	require.Contains(t, g.raw("GET //test HTTP/1.1\r\nHost: a\r\n\r\n"), " 200 ")
	_, body := g.get("/anything", "Host", "A.example:80")
	require.Equal(t, "hosted", body)
}

func TestPathsAreSentInTheFormThatWasMatched(t *testing.T) { // origin.md, 19
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) { io.WriteString(w, q.RequestURI) }), ""))
	for path, want := range map[string]string{
		"/a%2Fb": "/a%2Fb", "/%7euser/%41": "/~user/A", "/a/./b/../c": "/a/c", "/a//b": "/a/b", "/a%2fb": "/a%2Fb", "/a?x=/../%2e": "/a?x=/../%2e", "/a?": "/a?",
		"/%e4%bd%a0": "/%E4%BD%A0",
	} {
		resp, body := g.get(path)
		require.Equal(t, 200, resp.StatusCode, path)
		require.Equal(t, want, body, path)
	}
}

// raw gives the status line of a request written by hand.
func (g *gateway) raw(request string) string {
	g.t.Helper()
	c, err := net.Dial("tcp", g.http)
	require.NoError(g.t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, request)
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestPathsThatMeanTwoThingsAreRefused(t *testing.T) {
	hit := make(chan string, 100)
	g := newGatewayf(t, `
services:
- {name: open, protocol: http, routes: [{path: {prefix: /open}}], upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}}}
- {name: admin, protocol: http, routes: [{path: {prefix: /admin}}], upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}}}
`, backend(t, func(w http.ResponseWriter, q *http.Request) { hit <- q.RequestURI }), backend(t, func(http.ResponseWriter, *http.Request) {}))
	for _, path := range []string{
		"/open/%2e%2e%2fadmin", "/open/..%2Fadmin", "/open/..;/admin", "/open/%5c..%5cadmin", "/open\\..\\admin",
		"/open/%00", "/open/%zz", "/open/%", "/../../open", "/open/..%2f..%2f..%2fadmin", "/open/%0d%0aX:1",
	} {
		require.Contains(t, g.raw("GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"), " 400 ", path)
	}
	require.Empty(t, hit)
	require.Contains(t, g.raw("GET /open/a;v=1 HTTP/1.1\r\nHost: a\r\n\r\n"), " 200 ")
}

func TestMethodsThatDescribeTheGatewayAreRefused(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") }), ""))
	require.Contains(t, g.raw("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), " 405 ")
	require.Contains(t, g.raw("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), " 501 ")
}

func TestOPTIONSOfTheWholeServerBelongsToNoPath(t *testing.T) {
	g := newGateway(t, service("web", "/app", backend(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") }), ""))
	require.Contains(t, g.raw("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), " 404 ")
	require.Equal(t, "no_route", g.ended().Reason, "it is seen and counted")
}

func TestPrefixIsStrippedAtTheBeginningOnly(t *testing.T) { // origin.md, 19
	g := newGateway(t, service("web", "/app", backend(t, func(w http.ResponseWriter, q *http.Request) {
		io.WriteString(w, q.RequestURI+" "+q.Header.Get("X-Forwarded-Prefix"))
	}), "}\n  rewrite: {strip_prefix: true"))
	for path, want := range map[string]string{
		"/app": "/ /app", "/app/": "/ /app", "/app/app/x": "/app/x /app", "/app/x/app": "/x/app /app", "/app/a%2Fb?c=/app": "/a%2Fb?c=/app /app", "/app?x": "/?x /app",
	} {
		_, body := g.get(path)
		require.Equal(t, want, body, path)
	}
	_, body := g.get("/app/x", "X-Forwarded-Prefix", "/forged")
	require.Equal(t, "/x /app", body)
}

func TestLocationsAndCookiesGetTheStrippedPrefixBack(t *testing.T) {
	var answer http.Header
	address := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range answer {
			w.Header()[name] = values
		}
		w.WriteHeader(302)
	})
	g := newGateway(t, service("web", "/app", address, "}\n  rewrite: {strip_prefix: true"))
	for location, want := range map[string]string{
		"/login?next=/": "/app/login?next=/", "relative": "relative", "/app/login": "/app/login", "/application": "/app/application",
		"https://elsewhere.example/x": "https://elsewhere.example/x", "//elsewhere.example/x": "//elsewhere.example/x", "?x": "?x",
		"http://" + address + "/x": "http://front.example/app/x", "https://front.example/x": "https://front.example/app/x", "http://front.example": "http://front.example/app/",
	} {
		answer = http.Header{"Location": {location}}
		resp, _ := g.get("/app/x", "Host", "front.example")
		require.Equal(t, want, resp.Header.Get("Location"), location)
	}
	for cookie, want := range map[string]string{
		"a=1; Path=/; Secure": "a=1; Path=/app/; Secure", "a=1; HttpOnly; path=/x": "a=1; HttpOnly; path=/app/x", "a=1": "a=1", "Path=/x": "Path=/x", "a=1; Path=/app/x": "a=1; Path=/app/x",
	} {
		answer = http.Header{"Set-Cookie": {cookie}}
		resp, _ := g.get("/app/x")
		require.Equal(t, want, resp.Header.Get("Set-Cookie"), cookie)
	}
}

func TestConnectionFieldsStopAtTheGateway(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Connection", "X-Private")
		w.Header().Set("X-Private", "1")
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.Header().Set("X-Public", "1")
		echo(w, q)
	}), ""))
	resp, body := g.get("/", "Connection", "X-Hop, keep-alive, X-Forwarded-For, X-Real-IP", "Keep-Alive", "timeout=5", "X-Hop", "1", "Proxy-Authorization", "Basic x",
		"Proxy-Connection", "keep-alive", "TE", "trailers, deflate", "X-End", "1")
	for _, gone := range []string{"X-Hop", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Connection"} {
		require.NotContains(t, body, gone+":", "to the target")
	}
	require.Contains(t, body, "X-End: 1")
	require.Contains(t, body, "Te: trailers\r\n", "and nothing else of TE")
	require.Contains(t, body, "X-Forwarded-For: 127.0.0.1", "nobody may have the gateway's own words dropped")
	for _, gone := range []string{"X-Private", "Keep-Alive", "Proxy-Authenticate", "Connection"} {
		require.Empty(t, resp.Header.Get(gone), gone)
	}
	require.Equal(t, "1", resp.Header.Get("X-Public"))
}

func TestForwardedFieldsAreBelievedFromTrustedPeersOnly(t *testing.T) { // origin.md, 5
	forged := []string{"X-Forwarded-For", "203.0.113.9", "X_Forwarded_For", "203.0.113.9", "X-Real-IP", "203.0.113.9", "Forwarded", "for=203.0.113.9", "X-Forwarded-Proto", "https",
		"X-Forwarded-Host", "evil.example", "X-Tenant-ID", "boss", "X_Tenant_ID", "boss", "Proxy", "http://evil.example", "X-Request-ID", "mine"}
	doc := service("web", "/", backend(t, echo), "}\n  access: {deny: [203.0.113.9]")

	g := newGateway(t, doc)
	resp, body := g.get("/", forged...)
	require.Equal(t, 200, resp.StatusCode, "the deny list sees the peer")
	require.NotContains(t, body, "203.0.113.9")
	require.NotContains(t, body, "evil")
	require.NotContains(t, body, "boss")
	require.NotContains(t, body, "mine")
	for _, want := range []string{"X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Host: " + g.http, "X-Forwarded-Port: "} {
		require.Contains(t, body, want)
	}

	g = newGateway(t, doc+"settings: {trusted_proxies: [127.0.0.0/8]}\n")
	resp, reason := g.get("/", forged...)
	require.Equal(t, 403, resp.StatusCode)
	require.Equal(t, "denied", reason)
	require.Equal(t, "203.0.113.9", g.ended().client)
	_, body = g.get("/", "X-Forwarded-For", "198.51.100.7, 127.0.0.2", "X-Forwarded-Proto", "https", "X-Request-ID", "kept.1")
	for _, want := range []string{"X-Forwarded-For: 198.51.100.7, 127.0.0.2, 127.0.0.1", "X-Real-Ip: 198.51.100.7", "X-Forwarded-Proto: https", "X-Request-Id: kept.1"} {
		require.Contains(t, body, want)
	}
}

func TestEveryAnswerNamesItsRequest(t *testing.T) {
	g := newGateway(t, service("web", "/app", backend(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("X-Request-ID", "the target's")
		io.WriteString(w, q.Header.Get("X-Request-ID"))
	}), "")+"settings: {trusted_proxies: [127.0.0.1]}\n")
	seen := map[string]bool{}
	for _, given := range []string{"", strings.Repeat("x", 65), "with space", "new\tline", "good-1.A_z"} {
		resp, body := g.get("/app", "X-Request-ID", given)
		id := resp.Header.Get("X-Request-ID")
		require.Regexp(t, `^[A-Za-z0-9._-]{1,64}$`, id)
		require.Equal(t, id, body)
		require.Equal(t, id, g.ended().requestID)
		require.Equal(t, given == "good-1.A_z", id == given)
		require.False(t, seen[id])
		seen[id] = true
	}
	resp, _ := g.get("/nowhere", "X-Request-ID", "asked")
	require.Equal(t, "asked", resp.Header.Get("X-Request-ID"), "refusals too")
}

func TestHeaderRulesApplyInTheirOrder(t *testing.T) {
	g := newGateway(t, service("web", "/app", backend(t, echo), `}
  headers: {request: {remove: [Cookie, X-Old], set: {X-Set: "${client_ip} ${request_id} ${host} ${path}|${tenant}", X-Forwarded-Proto: "ours"}, add: {X-Old: new, X-Add: "2"}}`))
	resp, body := g.get("/app/%41", "Cookie", "a=1", "X-Old", "1", "X-Set", "theirs", "X-Add", "1", "Host", "h.example")
	require.NotContains(t, body, "Cookie")
	require.Contains(t, body, "X-Old: new")
	require.Contains(t, body, "X-Set: 127.0.0.1 "+resp.Header.Get("X-Request-ID")+" h.example /app/A|\r\n")
	require.NotContains(t, body, "theirs")
	require.Contains(t, body, "X-Add: 1\r\nX-Add: 2\r\n")
	require.Contains(t, body, "X-Forwarded-Proto: ours")
}

func TestTimeoutsTakeEffect(t *testing.T) { // origin.md, 12
	hang := make(chan struct{})
	defer close(hang)
	slow := backend(t, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/body":
			w.Write([]byte("half"))
			w.(http.Flusher).Flush()
		case "/drip":
			for {
				if _, err := w.Write([]byte("x")); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				select {
				case <-hang:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		}
		select {
		case <-hang:
		case <-q.Context().Done():
		}
	})
	for _, c := range []struct{ timeouts, path, reason string }{
		{"response_header: 50ms", "/", "upstream_timeout"},
		{"request: 50ms", "/", "upstream_timeout"},
	} {
		g := newGateway(t, service("web", "/", slow, ", timeouts: {"+c.timeouts+"}"))
		resp, body := g.get(c.path)
		require.Equal(t, 504, resp.StatusCode)
		require.Equal(t, c.reason, body)
		require.Equal(t, c.reason, g.ended().Reason)
	}
	for timeouts, path := range map[string]string{"body_idle: 50ms": "/body", "request: 100ms": "/drip"} {
		g := newGateway(t, service("web", "/", slow, ", timeouts: {"+timeouts+"}"))
		resp, err := client(t, "http/1.1").Get("http://" + g.http + path)
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		require.Error(t, err, timeouts)
		require.ErrorIs(t, g.ended().Err, context.DeadlineExceeded)
	}
}

func TestConnectionsToTargetsAreUsedAgain(t *testing.T) { // origin.md, 12
	var connections atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &http.Server{Handler: http.HandlerFunc(echo), ConnState: func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			connections.Add(1)
		}
	}}
	go s.Serve(l)
	defer s.Close()
	g := newGateway(t, service("web", "/", l.Addr().String(), ""))
	for range 20 {
		g.get("/")
	}
	require.EqualValues(t, 1, connections.Load())
}

func TestWithoutALiveNodeTheAnswerIs503(t *testing.T) { // origin.md, 13
	g := newGateway(t, `
services:
- {name: web, protocol: http, routes: [{path: {prefix: /}}], upstream: {targets: [{address: "127.0.0.1:1", state: disabled}], health: {active: {kind: none}}}}
`)
	resp, body := g.get("/")
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, "no_target", body)
	require.Equal(t, "no_target", g.ended().Reason)
	resp, _ = g.get("/")
	require.Equal(t, 503, resp.StatusCode, "and the gateway goes on")
}

func TestFailuresAreFailuresAndNameNoAddress(t *testing.T) { // origin.md, 14
	for name, address := range map[string]string{
		"nobody listens": dead(t),
		"closes":         rawBackend(t, func(net.Conn) {}),
		"is no HTTP":     rawBackend(t, func(c net.Conn) { io.WriteString(c, "SSH-2.0-x\r\n\r\n") }),
		"two lengths": rawBackend(t, func(c net.Conn) {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab")
		}),
	} {
		g := newGateway(t, service("web", "/", address, ""))
		resp, body := g.get("/")
		require.Equal(t, 502, resp.StatusCode, name)
		require.Equal(t, "upstream_failed", body, name)
		host, port, _ := net.SplitHostPort(address)
		require.NotContains(t, fmt.Sprint(resp.Header, body), host)
		require.NotContains(t, fmt.Sprint(resp.Header, body), port)
		o := g.ended()
		require.Equal(t, "upstream_failed", o.Reason)
		require.Error(t, o.Err, "the log may know")
		require.Equal(t, address, o.target)
	}
}

func TestANodeThatCannotBeReachedCostsNoRequest(t *testing.T) {
	g := newGatewayf(t, `
services:
- {name: web, protocol: http, routes: [{path: {prefix: /}}], upstream: {targets: [{address: "%s"}, {address: "%s"}], health: {active: {kind: none}}}}
`, dead(t), backend(t, func(w http.ResponseWriter, q *http.Request) { io.Copy(w, q.Body) }))
	for range 10 {
		resp, err := client(t, "http/1.1").Post("http://"+g.http, "", strings.NewReader("whole"))
		require.NoError(t, err)
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, "whole", string(b))
	}
}

func TestWhatMayHaveReachedANodeIsNotSentAgain(t *testing.T) {
	var reached atomic.Int32
	cut := func() string {
		return rawBackend(t, func(c net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				reached.Add(1)
			}
		})
	}
	g := newGatewayf(t, `
services:
- {name: web, protocol: http, routes: [{path: {prefix: /}}], upstream: {targets: [{address: "%s"}, {address: "%s"}], health: {active: {kind: none}}}}
`, cut(), cut())
	resp, err := client(t, "http/1.1").Post("http://"+g.http, "", strings.NewReader("order"))
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 502, resp.StatusCode)
	require.EqualValues(t, 1, reached.Load())
}

func TestAnAbortedUpstreamIsNotSwallowed(t *testing.T) { // origin.md, 26
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/long" {
			w.Header().Set("Content-Length", "100")
		}
		w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}), ""))
	for _, protocol := range []string{"http/1.1", "h2c"} {
		for _, path := range []string{"/", "/long"} {
			resp, err := client(t, protocol).Get("http://" + g.http + path)
			require.NoError(t, err)
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			require.Error(t, err, "%s %s", protocol, path)
			o := g.ended()
			require.Error(t, o.Err)
			require.Equal(t, 200, o.Status)
		}
	}
}

func TestTheTargetLearnsThatTheClientLeft(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2c", "https", "h2"} {
		for _, path := range []string{"/wait", "/stream"} {
			started, left := make(chan struct{}), make(chan error, 1)
			g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
				if path == "/stream" {
					w.(http.Flusher).Flush()
				}
				close(started)
				select {
				case <-q.Context().Done():
					left <- nil
				case <-time.After(patience):
					left <- errors.New("it never learned")
				}
			}), ""))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			address := "http://" + g.http
			if protocol == "https" || protocol == "h2" {
				address = "https://" + g.https
			}
			q, err := http.NewRequestWithContext(ctx, "GET", address+path, nil)
			require.NoError(t, err)
			if path == "/wait" {
				go func() { <-started; cancel() }()
			}
			resp, err := client(t, protocol).Do(q)
			if err == nil {
				cancel()
				io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			require.NoError(t, <-left, "%s %s", protocol, path)
			o := g.ended()
			require.ErrorIs(t, o.Err, context.Canceled)
			require.Equal(t, path == "/wait", o.Reason == "client_gone", o.Reason)
		}
	}
}

func TestABodyThatTheClientStopsSendingIs408(t *testing.T) {
	// The gateway of the harness has patience; this front has none.
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) { io.ReadAll(q.Body) }), ""))
	address := g.impatient(50 * time.Millisecond)
	for _, protocol := range []string{"http/1.1", "h2c"} {
		body, feed := io.Pipe()
		go feed.Write([]byte("some"))
		resp, err := client(t, protocol).Post("http://"+address, "", body)
		require.NoError(t, err)
		resp.Body.Close()
		feed.Close()
		require.Equal(t, 408, resp.StatusCode, protocol)
		require.Equal(t, "request_timeout", g.ended().Reason)
	}
}

func TestAnEarlyAnswerReachesTheClientBeforeItsUploadEnds(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
		io.ReadFull(q.Body, make([]byte, 10))
		w.WriteHeader(413)
		io.WriteString(w, "too much")
	}), ""))
	c, err := net.Dial("tcp", g.http)
	require.NoError(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n0123456789")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil) // nothing more is ever sent
	require.NoError(t, err)
	require.Equal(t, 413, resp.StatusCode)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "too much", string(b))
	require.Equal(t, 413, g.ended().Status)
}

func TestAContinueComesFromTheTarget(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/refuse" {
			w.WriteHeader(417)
			return
		}
		io.Copy(w, q.Body)
	}), ""))
	ask := func(path string) (status int, continued bool, body string) {
		c, err := net.Dial("tcp", g.http)
		require.NoError(t, err)
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		r := bufio.NewReader(c)
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		if resp.StatusCode == 100 {
			continued = true
			io.WriteString(c, "hello")
			resp, err = http.ReadResponse(r, nil)
			require.NoError(t, err)
		}
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, continued, string(b)
	}
	status, continued, body := ask("/")
	require.Equal(t, []any{200, true, "hello"}, []any{status, continued, body})
	status, continued, _ = ask("/refuse")
	require.Equal(t, []any{417, false}, []any{status, continued})
}

func TestEarlyHintsPassAndLoseNoRequest(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.Header().Set("Connection", "X-Secret")
		w.Header().Set("X-Secret", "1")
		w.WriteHeader(103)
		w.Header().Del("Link")
		w.WriteHeader(200)
		io.WriteString(w, "done")
	}), ""))
	for _, protocol := range []string{"http/1.1", "h2c"} {
		c := client(t, protocol)
		for range 3 {
			var hints []string
			q, _ := http.NewRequest("GET", "http://"+g.http, nil)
			q = q.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				hints = append(hints, fmt.Sprint(code, h.Get("Link"), h.Get("X-Secret")))
				return nil
			}}))
			resp, err := c.Do(q)
			require.NoError(t, err)
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			require.Equal(t, "done", string(b))
			require.Equal(t, []string{"103</style.css>; rel=preload"}, hints)
			require.Empty(t, resp.Header.Get("Link"))
		}
	}
}

func TestTrailersPassBothWays(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
		io.ReadAll(q.Body)
		w.Header().Set("Trailer", "X-Announced")
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Announced", q.Trailer.Get("X-Sum"))
		w.Header().Set(http.TrailerPrefix+"X-Surprise", "2")
	}), ""))
	for _, protocol := range []string{"http/1.1", "h2c"} {
		q, _ := http.NewRequest("POST", "http://"+g.http, io.NopCloser(strings.NewReader("body")))
		q.Trailer = http.Header{"X-Sum": {"1"}}
		resp, err := client(t, protocol).Do(q)
		require.NoError(t, err)
		_, hasAnnouncement := resp.Trailer["X-Announced"]
		require.True(t, hasAnnouncement)
		io.ReadAll(resp.Body)
		resp.Body.Close()
		require.Equal(t, http.Header{"X-Announced": {"1"}, "X-Surprise": {"2"}}, resp.Trailer, protocol)
	}
}

func TestEventsArriveOneByOneAndLongStreamsAreNotCut(t *testing.T) { // origin.md, 18
	next := make(chan string)
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for e := range next {
			io.WriteString(w, "data: "+e+"\n\n")
			w.(http.Flusher).Flush()
		}
	}), ", timeouts: {body_idle: 150ms, response_header: 5s}"))
	address := g.impatient(150 * time.Millisecond)
	for _, protocol := range []string{"http/1.1", "h2c"} {
		resp, err := client(t, protocol).Get("http://" + address)
		require.NoError(t, err)
		r := bufio.NewReader(resp.Body)
		for i := range 3 {
			time.Sleep(400 * time.Millisecond) // longer than every limit but the stream's
			next <- fmt.Sprint(i)
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("data: %d\n", i), line)
			r.ReadString('\n')
		}
		resp.Body.Close()
		next <- "gone" // until the target notices
		require.Eventually(t, func() bool {
			select {
			case next <- "gone":
				return false
			case <-g.outcomes:
				return true
			}
		}, patience, time.Millisecond)
		close(next)
		next = make(chan string)
	}
}

func TestBodiesPassWithoutBeingGathered(t *testing.T) { // origin.md, 18
	const size = 256 << 20
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
		n, _ := io.Copy(io.Discard, q.Body)
		w.Header().Set("X-Got", fmt.Sprint(n))
		io.Copy(w, io.LimitReader(zeros{}, size))
	}), ""))
	var most atomic.Uint64
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapAlloc))
			}
		}
	})
	resp, err := client(t, "http/1.1").Post("http://"+g.http, "", io.LimitReader(zeros{}, size))
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	resp.Body.Close()
	close(stop)
	watching.Wait()
	require.EqualValues(t, size, n)
	require.Equal(t, fmt.Sprint(size), resp.Header.Get("X-Got"))
	require.Less(t, most.Load(), uint64(64<<20))
	o := g.ended()
	require.Equal(t, []int64{size, size}, []int64{o.BytesIn, o.BytesOut})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestManyClientsAtOnceDisturbNobody(t *testing.T) { // origin.md, 16
	g := newGatewayf(t, `
services:
- {name: web, protocol: http, routes: [{path: {prefix: /}}], upstream: {targets: [{address: "%s"}, {address: "%s"}], balance: {policy: weighted_round_robin}, health: {active: {kind: none}}}, limits: {service: {rate: 1000000}, client_ip: {rate: 1000000}}}
`, backend(t, echoBody), backend(t, echoBody))
	var running sync.WaitGroup
	for i := range 8 {
		c := client(t, []string{"http/1.1", "h2c"}[i%2])
		running.Go(func() {
			for j := range 50 {
				want := fmt.Sprintf("%d-%d", i, j)
				resp, err := c.Post("http://"+g.http+"/"+want, "", strings.NewReader(want))
				if err != nil {
					t.Error(err)
					return
				}
				b, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if string(b) != "/"+want+" "+want {
					t.Errorf("%s got %q", want, b)
				}
			}
		})
	}
	running.Wait()
	for range 400 {
		require.Equal(t, 200, g.ended().Status)
	}
}

func echoBody(w http.ResponseWriter, q *http.Request) {
	b, _ := io.ReadAll(q.Body)
	fmt.Fprintf(w, "%s %s", q.RequestURI, b)
}
