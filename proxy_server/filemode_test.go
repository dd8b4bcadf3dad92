package proxyserver

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/kv"
	"yumen/testenv"
)

func TestFileModeFollowsItsFile(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	g := fileGateway(t, Config{}, services(httpService("web", a))).ready()
	require.True(t, g.says("/web", "a /web")())
	g.write(services(httpService("web", b)))
	g.eventually("the new target", g.says("/web", "b /web"))
}

func TestFileModeKeepsTheLastGoodDocumentAndNamesTheWrongField(t *testing.T) {
	a := backend(t, "a")
	good := services(httpService("web", a), httpService("second", a))
	g := fileGateway(t, Config{}, good).ready()
	for _, bad := range []struct{ name, yaml, says string }{
		{"a wrong field", strings.ReplaceAll(good, "protocol", "protocoll"), "field=/services/0/protocoll"},
		{"a torn file", good[:len(good)-30], "document refused"},
		{"an empty file", "", "is empty"},
		{"no services", "settings: {time_zone: UTC}\n", "refused until it is confirmed"},
	} {
		g.logs.mu.Lock()
		g.logs.b.Reset()
		g.logs.mu.Unlock()
		g.write(bad.yaml)
		g.eventually(bad.name+" is said", func() bool { return strings.Contains(g.logs.String(), bad.says) })
		require.True(t, g.says("/web", "a /web")(), bad.name)
		require.True(t, g.Ready())
	}
	g.Reload() // somebody means it
	g.eventually("the loss is confirmed", func() bool { status, _ := g.get("/web"); return status == 404 })
}

// Origin 23: started empty and silent when its database was down.
func TestAFirstStartWithABrokenDocumentIsNotReadyAndSaysWhatItWaitsFor(t *testing.T) {
	g := fileGateway(t, Config{}, "services: [{name: a}]")
	g.eventually("it says why", func() bool {
		status, body := get(t, "http://"+g.Addresses()["admin"]+"/readyz")
		return status == 503 && strings.Contains(body, "/services/0/protocol")
	})
	status, _ := get(t, "http://"+g.Addresses()["admin"]+"/healthz")
	require.Equal(t, 200, status)
	status, body := g.get("/")
	require.Equal(t, 503, status)
	require.Contains(t, body, `"status":503`)
	g.write(services(httpService("web", backend(t, "a"))))
	g.eventually("ready", g.Ready)
}

// Origin 23 again, for the stores.
func TestAFirstStartWithUnreachableStoresIsNotReadyAndSaysWhatItWaitsFor(t *testing.T) {
	db := testenv.NewMariaDB(t)
	conf := dao.Config{Driver: "mysql", DSN: db.Database(t)}
	_, err := dao.Migrate(t.Context(), conf)
	require.NoError(t, err)
	redis := testenv.NewRedis(t)
	redis.Stop()
	db.Stop()

	ring := keyring(t)
	store, err := dao.Open(t.Context(), conf, ring, discard())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	news := kv.Open(kv.Config{Addrs: []string{redis.Addr}}, nil)
	t.Cleanup(func() { news.Close() })
	g := run(t, Config{State: t.TempDir()}, store, news, ring)
	g.eventually("it says what it waits for", func() bool {
		status, body := get(t, "http://"+g.Addresses()["admin"]+"/readyz")
		return status == 503 && strings.Contains(body, "the database: ")
	})
	status, _ := g.get("/web")
	require.Equal(t, 503, status)
	require.NotContains(t, g.logs.String(), "password")

	db.Start(t)
	address := backend(t, "web")
	s := &stores{t: t, db: store, redis: news, ring: ring}
	s.put(services(httpService("web", address)))
	g.eventually("ready without Redis", g.Ready)
	g.eventually("it carries traffic", g.says("/web", "web /web"))

	// Both away again: what runs goes on, and so does a new process.
	db.Stop()
	require.True(t, g.says("/web", "web /web")())
	require.NoError(t, g.stop())
	again := run(t, Config{State: g.conf.State}, store, news, ring)
	again.eventually("ready from the last good state", again.Ready)
	require.True(t, again.says("/web", "web /web")())
	again.eventually("it is said", func() bool { return strings.Contains(again.logs.String(), "started from the last good configuration") })
}

func TestADatabaseWithoutTablesStopsTheStartAndNamesTheCommand(t *testing.T) {
	conf := dao.Config{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "empty.db")}
	store, err := dao.Open(t.Context(), conf, nil, discard())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	for _, redis := range []*kv.Store{nil, newStores(t).redis} {
		s, err := New(Config{HTTP: "127.0.0.1:0"}, store, redis, nil, discard())
		require.NoError(t, err)
		require.ErrorContains(t, s.Run(t.Context()), "yumen migrate")
	}
}

func TestAListenerOfTheProcessThatIsTakenStopsTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	require.NoError(t, os.WriteFile(file, []byte("services: []"), 0o600))
	for _, c := range []Config{
		{HTTP: l.Addr().String(), Admin: "127.0.0.1:0"},
		{HTTP: "127.0.0.1:0", HTTPS: l.Addr().String(), Admin: "127.0.0.1:0"},
		{HTTP: "127.0.0.1:0", Admin: l.Addr().String()},
	} {
		c.Document = file
		s, err := New(c, nil, nil, nil, discard())
		require.NoError(t, err)
		require.ErrorContains(t, s.Run(t.Context()), "address already in use")
	}
}

func TestFileModeIssuesTokensThatOutliveTheProcess(t *testing.T) {
	yaml := services(httpService("web", backend(t, "web"), "access: {auth: jwt}")) +
		"tenants: [{app_id: app, credentials: [{id: c1, secret: a-secret-of-some-length}]}]\n"
	state := t.TempDir()
	g := fileGateway(t, Config{State: state}, yaml).ready()
	token := tokenOf(t, g, "app", "a-secret-of-some-length")
	with := func(g *gateway) int {
		req, err := http.NewRequest("GET", g.url("/web"), nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		r, err := client(t, false).Do(req)
		require.NoError(t, err)
		r.Body.Close()
		return r.StatusCode
	}
	require.Equal(t, 200, with(g))
	status, _ := g.get("/web")
	require.Equal(t, 401, status)
	require.NoError(t, g.stop())

	again := run(t, Config{State: state, Document: g.file}, nil, nil, nil).ready()
	require.Equal(t, 200, with(again))
	for _, name := range []string{"last-good.json", "master.key", "lock"} {
		info, err := os.Stat(filepath.Join(state, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	kept, err := os.ReadFile(filepath.Join(state, "last-good.json"))
	require.NoError(t, err)
	require.NotContains(t, string(kept), "a-secret-of-some-length")
	require.NotContains(t, string(kept), "PRIVATE")
}

func tokenOf(t *testing.T, g *gateway, appID, secret string) string {
	t.Helper()
	req, err := http.NewRequest("POST", g.url("/oauth/tokens"), strings.NewReader("grant_type=client_credentials"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(appID, secret)
	r, err := client(t, false).Do(req)
	require.NoError(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, 200, r.StatusCode, "%s", b)
	_, rest, ok := strings.Cut(string(b), `"access_token":"`)
	require.True(t, ok, "%s", b)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

func TestHTTPSUsesASelfMadeCertificateAndSpeaksHTTP2(t *testing.T) {
	dir := t.TempDir()
	c := Config{HTTPS: "127.0.0.1:0", State: dir}
	g := fileGateway(t, c, services(httpService("web", backend(t, "web")))).ready()
	for _, h2 := range []bool{true, false} {
		r, err := tlsClient(t, h2).Get("https://" + g.Addresses()["https"] + "/web")
		require.NoError(t, err)
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		require.Equal(t, "web /web", string(b))
		require.Equal(t, h2, r.ProtoMajor == 2)
	}
}

func TestASecondProcessOnTheSameStateDirectoryIsRefused(t *testing.T) {
	state := t.TempDir()
	g := fileGateway(t, Config{State: state}, services(httpService("web", backend(t, "web")))).ready()
	_, err := New(Config{State: state, Document: g.file}, nil, nil, nil, discard())
	require.ErrorContains(t, err, "another process")
	require.NoError(t, g.stop())
	s, err := New(Config{State: state, Document: g.file}, nil, nil, nil, discard())
	require.NoError(t, err)
	s.closeState()
}

func TestConnectionFloodsOfOneClientAreHeldOff(t *testing.T) {
	g := fileGateway(t, Config{}, services(httpService("web", backend(t, "web")))+
		"settings: {client: {max_connections_per_client: 5}}\n").ready()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for range 30 {
		c, err := net.Dial("tcp", g.Addresses()["http"])
		require.NoError(t, err)
		open = append(open, c)
	}
	alive := 0
	for _, c := range open {
		_ = c.SetDeadline(time.Now().Add(time.Second))
		fmt.Fprint(c, "GET /web HTTP/1.1\r\nHost: x\r\n\r\n")
		if n, _ := c.Read(make([]byte, 12)); n == 12 {
			alive++
		}
	}
	require.LessOrEqual(t, alive, 5)
	require.Positive(t, alive)
}
