package spec_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	proxyserver "yumen/proxy_server"
)

// Fields whose effect no part shows by itself, shown by a whole proxy in file
// mode.

// patience is how long what should happen at once may take. The defaults of
// the times set here are longer.
const patience = 8 * time.Second

// proxy runs a document and returns its HTTP address.
func proxy(t *testing.T, document string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "document.yaml")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
	s, err := proxyserver.New(proxyserver.Config{
		HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", Document: file, DrainDelay: -1, DrainLimit: time.Second,
	}, nil, nil, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, s.Ready, patience, time.Millisecond)
	return s.Addresses()["http"]
}

// web is a backend that counts its open connections and all it ever had.
type web struct {
	address     string
	open, total atomic.Int32
	hold        chan struct{} // what /hold waits for
}

func backend(t *testing.T) *web {
	t.Helper()
	w := &web{hold: make(chan struct{})}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			<-w.hold
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			w.open.Add(1)
			w.total.Add(1)
		case http.StateClosed, http.StateHijacked:
			w.open.Add(-1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	w.address = s.Listener.Addr().String()
	return w
}

func get(t *testing.T, address, path string, header ...string) int {
	t.Helper()
	r, err := http.NewRequest("GET", "http://"+address+path, nil)
	require.NoError(t, err)
	if len(header) > 0 {
		r.Header.Set(header[0], header[1])
	}
	r.Close = true
	a, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer a.Body.Close()
	_, err = io.Copy(io.Discard, a.Body)
	require.NoError(t, err)
	return a.StatusCode
}

// until is how long a connection on which text was sent stays open.
func until(t *testing.T, address, text string) time.Duration {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer c.Close()
	start := time.Now()
	_, err = io.WriteString(c, text)
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(start.Add(patience+time.Second)))
	_, _ = io.Copy(io.Discard, c)
	return time.Since(start)
}

func TestClientTimesOfTheSettingsAreKept(t *testing.T) {
	address := proxy(t, fmt.Sprintf(`
services: [{name: web, protocol: http, routes: [{}], upstream: {targets: [{address: %q}], health: {active: {kind: none}}}}]
settings: {client: {header: 200ms, idle: 200ms, body_idle: 200ms}}`, backend(t).address))
	require.Less(t, until(t, address, "GET / HTTP/1.1\r\nHo"), patience, "header")
	require.Less(t, until(t, address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), patience, "idle")
	require.Less(t, until(t, address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"), patience, "body_idle")
}

func TestClientBoundsOfTheSettingsAreKept(t *testing.T) {
	address := proxy(t, fmt.Sprintf(`
services: [{name: web, protocol: http, routes: [{}], upstream: {targets: [{address: %q}], health: {active: {kind: none}}}}]
settings: {client: {max_header: 4KiB, max_connections: 3}}`, backend(t).address))
	require.Equal(t, 431, get(t, address, "/", "X-Large", strings.Repeat("x", 16<<10)))

	alive := 0
	for range 10 {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
		if line, err := bufio.NewReader(c).ReadString('\n'); err == nil && strings.Contains(line, "200") {
			alive++
		}
	}
	require.LessOrEqual(t, alive, 3)
	require.Positive(t, alive)
}

func TestPoolBoundsConnectionsToTheTarget(t *testing.T) {
	one, none, brief := backend(t), backend(t), backend(t)
	address := proxy(t, fmt.Sprintf(`
services:
- {name: one, protocol: http, routes: [{hosts: [one]}], upstream: {targets: [{address: %q}], health: {active: {kind: none}}, pool: {max_per_target: 1}}}
- {name: none, protocol: http, routes: [{hosts: [none]}], upstream: {targets: [{address: %q}], health: {active: {kind: none}}, pool: {max_idle_per_target: 0}}}
- {name: brief, protocol: http, routes: [{hosts: [brief]}], upstream: {targets: [{address: %q}], health: {active: {kind: none}}, pool: {idle: 100ms}}}`,
		one.address, none.address, brief.address))
	ask := func(host, path string) {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer c.Close()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host)
		b, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Contains(t, string(b), " 200 ")
	}
	var held sync.WaitGroup
	for range 5 {
		held.Go(func() { ask("one", "/hold") })
	}
	require.Eventually(t, func() bool { return one.open.Load() == 1 }, patience, time.Millisecond)
	close(one.hold)
	held.Wait()
	require.EqualValues(t, 1, one.total.Load(), "max_per_target")

	ask("none", "/")
	require.Eventually(t, func() bool { return none.open.Load() == 0 }, patience, time.Millisecond, "max_idle_per_target")
	ask("brief", "/")
	require.Eventually(t, func() bool { return brief.open.Load() == 0 }, patience, time.Millisecond, "idle")
}

func TestHealthChecksComeAtTheirIntervalAndNotWithoutAKind(t *testing.T) {
	often, never := backend(t), backend(t)
	proxy(t, fmt.Sprintf(`
services:
- {name: often, protocol: http, routes: [{hosts: [often]}], upstream: {targets: [{address: %q}], health: {active: {interval: 100ms}}}}
- {name: never, protocol: http, routes: [{hosts: [never]}], upstream: {targets: [{address: %q}], health: {active: {kind: none}}}}`, often.address, never.address))
	require.Eventually(t, func() bool { return often.total.Load() > 10 }, patience, time.Millisecond, "every 5 s there would be two")
	require.Zero(t, never.total.Load())
}

func TestTokensAreMadeAsTheSettingsSay(t *testing.T) {
	address := proxy(t, fmt.Sprintf(`
services: [{name: web, protocol: http, routes: [{}], access: {auth: jwt}, upstream: {targets: [{address: %q}], health: {active: {kind: none}}}}]
tenants: [{app_id: app, limits: {qps: 0.001, burst: 3}, credentials: [{id: c1, secret: a secret of enough length}]}]
settings: {token: {path: /t, issuer: me, audience: you, algorithm: HS256, ttl: 5m}}`, backend(t).address))
	r, err := http.NewRequest("POST", "http://"+address+"/t", strings.NewReader("grant_type=client_credentials"))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", "a+secret+of+enough+length")
	r.Close = true
	a, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer a.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
		TTL   int    `json:"expires_in"`
	}
	require.NoError(t, json.NewDecoder(a.Body).Decode(&answer))
	require.Equal(t, 300, answer.TTL)
	part := func(i int) (claims map[string]any) {
		b, err := base64.RawURLEncoding.DecodeString(strings.Split(answer.Token, ".")[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, &claims))
		return claims
	}
	require.Equal(t, "HS256", part(0)["alg"])
	claims := part(1)
	require.Equal(t, []any{"app", "me", 300.0}, []any{claims["sub"], claims["iss"], claims["exp"].(float64) - claims["iat"].(float64)})
	require.Contains(t, fmt.Sprint(claims["aud"]), "you")

	var statuses []int
	for range 5 {
		statuses = append(statuses, get(t, address, "/", "Authorization", "Bearer "+answer.Token))
	}
	require.Equal(t, []int{200, 200, 200, 429, 429}, statuses, "the tenant's burst")
}
