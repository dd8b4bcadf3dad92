package proxyserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"yumen/testenv"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func tlsClient(t *testing.T, h2 bool) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2}
	if !h2 {
		tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func TestStoppingGoesOnForTheDelayThenFinishesWhatRunsAndCutsTheRestAtTheLimit(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{})
	slow := handler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-release
		}
		fmt.Fprint(w, "done")
	})
	port := testenv.FreePort(t)
	g := fileGateway(t, Config{DrainDelay: 3 * time.Second, DrainLimit: 1500 * time.Millisecond},
		services(fmt.Sprintf("- {name: slow, protocol: http, routes: [{path: {prefix: /}}], upstream: {targets: [{address: %q}]}}\n", slow),
			tcpService("pipe", port, echo(t)))).ready()
	admin := "http://" + g.Addresses()["admin"]
	tunnel := dial(t, port)
	require.NoError(t, roundTrip(tunnel, "hello"))

	answer := make(chan string, 1)
	go func() {
		_, body := get(t, g.url("/slow"))
		answer <- body
	}()
	<-entered

	begin := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	g.eventually("no longer ready", func() bool { status, _ := get(t, admin+"/readyz"); return status == 503 })
	_, body := get(t, admin+"/readyz")
	require.Contains(t, body, "draining")
	require.Less(t, time.Since(begin), 2500*time.Millisecond)
	status, _ := g.get("/quick")
	require.Equal(t, 200, status, "balancers need a moment to hear of it")

	g.eventually("listeners closed", func() bool { status, _ := g.get("/quick"); return status == 0 })
	require.GreaterOrEqual(t, time.Since(begin), 2900*time.Millisecond)
	close(release)
	require.Equal(t, "done", <-answer, "what ran was finished")
	require.NoError(t, roundTrip(tunnel, "TCP may go on till the limit"))
	require.NoError(t, <-stopped)
	require.Less(t, time.Since(begin), 15*time.Second)
	require.Error(t, roundTrip(tunnel, "cut"))
}

func TestKeepAliveConnectionsAreToldToGoWhenStopping(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	g := fileGateway(t, Config{}, services(httpService("a", handler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a/wait" {
			close(entered)
			<-release
		}
		fmt.Fprint(w, "ok")
	})))).ready()
	idle, busy := dialHTTP(t, g), dialHTTP(t, g)
	r := ask(t, idle, "/a")
	require.False(t, r.Close)

	answered := make(chan *http.Response, 1)
	go func() { answered <- ask(t, busy, "/a/wait") }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	_ = idle.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err := idle.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "an idle one is closed")
	close(release)
	r = <-answered
	require.Equal(t, 200, r.StatusCode)
	require.True(t, r.Close, "a busy one hears Connection: close")
	require.NoError(t, <-stopped)
}

func dialHTTP(t *testing.T, g *gateway) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", g.Addresses()["http"])
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func ask(t *testing.T, c net.Conn, path string) *http.Response {
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return &http.Response{}
	}
	_, _ = io.Copy(io.Discard, r.Body)
	r.Body.Close()
	return r
}

func TestStoppingSaysGoodbyeToWebSocketsAtOnceAndLetsDownloadsFinish(t *testing.T) {
	release := make(chan struct{})
	address := handler(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/web/socket":
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer c.CloseNow()
			for {
				kind, b, err := c.Read(r.Context())
				if err != nil {
					return
				}
				if c.Write(r.Context(), kind, b) != nil {
					return
				}
			}
		case "/web/events":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/web/download":
			for i := range 30 { // long enough to count as a stream
				fmt.Fprintf(w, "part %d\n", i)
				_ = http.NewResponseController(w).Flush()
				if i == 25 {
					<-release
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	})
	g := fileGateway(t, Config{DrainLimit: 10 * time.Second}, services(httpService("web", address))).ready()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(g.url("/web/socket"), "http"), nil)
	require.NoError(t, err)
	defer socket.CloseNow()
	require.NoError(t, socket.Write(ctx, websocket.MessageText, []byte("hi")))
	_, b, err := socket.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, "hi", string(b))

	req, err := http.NewRequest("GET", g.url("/web/events"), nil)
	require.NoError(t, err)
	req.Header.Set("Accept", "text/event-stream")
	events, err := client(t, false).Do(req)
	require.NoError(t, err)
	defer events.Body.Close()

	download, err := client(t, false).Get(g.url("/web/download"))
	require.NoError(t, err)
	defer download.Body.Close()
	lines := bufio.NewScanner(download.Body)
	for i := range 26 {
		require.True(t, lines.Scan())
		require.Equal(t, fmt.Sprintf("part %d", i), lines.Text())
	}

	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	_, _, err = socket.Read(ctx)
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	_, _ = io.Copy(io.Discard, events.Body) // ends
	close(release)
	for i := 26; i < 30; i++ {
		require.True(t, lines.Scan(), "%v", lines.Err())
		require.Equal(t, fmt.Sprintf("part %d", i), lines.Text())
	}
	require.False(t, lines.Scan())
	require.NoError(t, lines.Err(), "the download is whole")
	require.NoError(t, <-stopped)
}
