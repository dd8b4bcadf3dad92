package proxyserver

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

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
	g := fileGateway(t, Config{DrainDelay: 600 * time.Millisecond, DrainLimit: 1500 * time.Millisecond},
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
	require.Less(t, time.Since(begin), 500*time.Millisecond)
	status, _ := g.get("/quick")
	require.Equal(t, 200, status, "balancers need a moment to hear of it")

	g.eventually("listeners closed", func() bool { status, _ := g.get("/quick"); return status == 0 })
	require.GreaterOrEqual(t, time.Since(begin), 550*time.Millisecond)
	close(release)
	require.Equal(t, "done", <-answer, "what ran was finished")
	require.NoError(t, roundTrip(tunnel, "TCP may go on till the limit"))
	require.NoError(t, <-stopped)
	require.Less(t, time.Since(begin), 5*time.Second)
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
