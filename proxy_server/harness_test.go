package proxyserver

import (
	"bytes"
	"context"
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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/flow"
	"yumen/kv"
	"yumen/middleware"
	"yumen/spec"
	"yumen/testenv"
)

// backend answers with its name and the path; /slow waits till release.
func backend(t *testing.T, name string) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", name, r.URL.Path)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// handler serves f on a port of its own.
func handler(t *testing.T, f http.HandlerFunc) (address string) {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// echo is a TCP backend that sends back what it gets.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	}()
	t.Cleanup(func() { l.Close(); <-done; conns.Wait() })
	return l.Addr().String()
}

// logs keeps what a server says.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// gateway is a running server.
type gateway struct {
	*Server
	t    *testing.T
	logs *logs
	stop func() error // ends it and waits
	file string
}

// run starts a server on free ports of loopback and stops it with the test.
func run(t *testing.T, c Config, db *dao.Store, redis *kv.Store, ring *spec.Keyring) *gateway {
	t.Helper()
	c.HTTP, c.Admin, c.Name = "127.0.0.1:0", "127.0.0.1:0", "node-"+t.Name()
	if c.DrainDelay == 0 {
		c.DrainDelay = -1
	}
	if c.DrainLimit == 0 {
		c.DrainLimit = 2 * time.Second
	}
	out := new(logs)
	s, err := New(c, db, redis, ring, slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var once sync.Once
	var result error
	g := &gateway{Server: s, t: t, logs: out}
	g.stop = func() error {
		once.Do(func() {
			cancel()
			select {
			case result = <-ended:
			case <-time.After(30 * time.Second):
				t.Errorf("Run does not end")
			}
		})
		return result
	}
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if t.Failed() {
			t.Logf("the gateway said:\n%s", out)
		}
	})
	g.eventually("it listens", func() bool { return s.Addresses()["admin"] != "" && s.Addresses()["http"] != "" })
	return g
}

// fileGateway runs a document.
func fileGateway(t *testing.T, c Config, yaml string) *gateway {
	t.Helper()
	c.Document = filepath.Join(t.TempDir(), "gateway.yaml")
	require.NoError(t, os.WriteFile(c.Document, []byte(yaml), 0o600))
	g := run(t, c, nil, nil, nil)
	g.file = c.Document
	return g
}

func (g *gateway) eventually(what string, ok func() bool) {
	g.t.Helper()
	require.Eventually(g.t, ok, 15*time.Second, 5*time.Millisecond, what)
}

func (g *gateway) ready() *gateway {
	g.t.Helper()
	g.eventually("ready", g.Ready)
	return g
}

func (g *gateway) write(yaml string) {
	g.t.Helper()
	require.NoError(g.t, os.WriteFile(g.file+".new", []byte(yaml), 0o600))
	require.NoError(g.t, os.Rename(g.file+".new", g.file))
}

func (g *gateway) url(path string) string { return "http://" + g.Addresses()["http"] + path }

// client keeps no connections between requests, unless asked.
func client(t *testing.T, keepAlive bool) *http.Client {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: !keepAlive, MaxIdleConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// get is a GET of the gateway's shared port.
func (g *gateway) get(path string) (status int, body string) {
	g.t.Helper()
	return get(g.t, g.url(path))
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := client(t, false).Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return r.StatusCode, err.Error()
	}
	return r.StatusCode, string(b)
}

func (g *gateway) says(path, want string) func() bool {
	return func() bool {
		_, body := get(g.t, g.url(path))
		return body == want
	}
}

// dial opens a TCP connection to a service's own port.
func dial(t *testing.T, port int) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 5*time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// roundTrip tells whether an echo comes back.
func roundTrip(c net.Conn, text string) error {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != text {
		return fmt.Errorf("%q came back as %q", text, b)
	}
	return nil
}

// stores is a database and a Redis, in this process.
type stores struct {
	t     *testing.T
	db    *dao.Store
	redis *kv.Store
	ring  *spec.Keyring
}

var operator = dao.Principal{Kind: "cli", Account: "test", Role: "admin"}

func newStores(t *testing.T) *stores {
	t.Helper()
	e, err := kv.StartEmbedded()
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return storesWith(t, e.Config())
}

func realStores(t *testing.T) (*stores, *testenv.RedisServer) {
	t.Helper()
	r := testenv.NewRedis(t)
	return storesWith(t, kv.Config{Addrs: []string{r.Addr}}), r
}

func storesWith(t *testing.T, c kv.Config) *stores {
	t.Helper()
	s := &stores{t: t, ring: keyring(t)}
	conf := dao.Config{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "yumen.db")}
	_, err := dao.Migrate(t.Context(), conf)
	require.NoError(t, err)
	s.db, err = dao.Open(t.Context(), conf, s.ring, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { s.db.Close() })
	s.redis = kv.Open(c, nil)
	t.Cleanup(func() { s.redis.Close() })
	return s
}

// publish changes the document as the dashboard does.
func (s *stores) publish(change func(d *dao.Draft) error) dao.Revision {
	s.t.Helper()
	r, err := s.db.Publish(context.Background(), operator, "test", change)
	require.NoError(s.t, err)
	h, err := s.db.Head(context.Background())
	require.NoError(s.t, err)
	_ = s.redis.SetHead(context.Background(), kv.Head(h)) // a hint
	return r
}

// put saves services of a document.
func (s *stores) put(yaml string) dao.Revision {
	s.t.Helper()
	d := document(s.t, yaml)
	return s.publish(func(draft *dao.Draft) error {
		for i := range d.Services {
			if err := draft.Put(spec.KindService, d.Services[i].Name, &d.Services[i]); err != nil {
				return err
			}
		}
		for i := range d.Tenants {
			if err := draft.Put(spec.KindTenant, d.Tenants[i].AppID, &d.Tenants[i]); err != nil {
				return err
			}
		}
		for i := range d.Blacklist {
			key, err := spec.KeyOf(d.Blacklist[i])
			if err != nil {
				return err
			}
			if err := draft.Put(spec.KindBlacklist, key.Name, &d.Blacklist[i]); err != nil {
				return err
			}
		}
		if d.Settings != nil {
			return draft.Put(spec.KindSettings, spec.SettingsName, d.Settings)
		}
		return nil
	})
}

func (s *stores) delete(kind spec.Kind, name string) {
	s.t.Helper()
	s.publish(func(d *dao.Draft) error { return d.Delete(kind, name) })
}

// gateway runs a proxy on the stores.
func (s *stores) gateway(c Config) *gateway {
	s.t.Helper()
	return run(s.t, c, s.db, s.redis, s.ring)
}

// nodeOf is what a gateway's heartbeat says.
func (s *stores) nodeOf(g *gateway) kv.Node {
	nodes, err := s.redis.Nodes(context.Background())
	if err != nil {
		return kv.Node{}
	}
	for _, n := range nodes {
		if n.Incarnation == g.incarnation {
			return n
		}
	}
	return kv.Node{}
}

// http describes an HTTP service by path prefix.
func httpService(name, address string, more ...string) string {
	return fmt.Sprintf("- {name: %s, protocol: http, routes: [{path: {prefix: /%s}}], upstream: {targets: [{address: %q}]}%s}\n",
		name, name, address, join(more))
}

func tcpService(name string, port int, address string, more ...string) string {
	return fmt.Sprintf("- {name: %s, protocol: tcp, listen: {port: %d}, upstream: {targets: [{address: %q}]}%s}\n",
		name, port, address, join(more))
}

func join(more []string) string {
	if len(more) == 0 {
		return ""
	}
	return ", " + strings.Join(more, ", ")
}

func services(all ...string) string { return "services:\n" + strings.Join(all, "") }

// credential gives a tenant one and returns its secret.
func (s *stores) credential(appID string) string {
	s.t.Helper()
	secret := spec.NewSecretText()
	s.publish(func(d *dao.Draft) error {
		return d.Put(spec.KindCredential, spec.CredentialName(appID, "c1"), &spec.Credential{ID: "c1", SecretHash: spec.HashSecret(secret)})
	})
	return secret
}

// signingKey makes what the dashboard makes at its first start.
func (s *stores) signingKey() {
	s.t.Helper()
	k, err := middleware.NewSigningKey("EdDSA", time.Now())
	require.NoError(s.t, err)
	s.publish(func(d *dao.Draft) error { return d.Put(spec.KindKey, k.ID, &k) })
}

// tenantID is what a tenant is counted by.
func (s *stores) tenantID(appID string) string {
	h, err := s.db.Head(context.Background())
	require.NoError(s.t, err)
	snap, err := s.db.Load(context.Background(), h, nil)
	require.NoError(s.t, err)
	for _, t := range snap.Document.Tenants {
		if t.AppID == appID {
			return flow.TenantID(appID, t.Origin)
		}
	}
	s.t.Fatalf("no tenant %q", appID)
	return ""
}
