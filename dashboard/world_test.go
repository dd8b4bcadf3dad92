package dashboard

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/kv"
	"yumen/spec"
	"yumen/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const password = "correct horse battery"

// world is a running dashboard with its stores.
type world struct {
	*Server
	t      *testing.T
	config Config
	db     dao.Config
	redis  kv.Config
	keys   *spec.Keyring
	logs   *lines
	notice *lines
	shift  atomic.Int64 // of the clock, for what takes long
	stop   func()
}

// lines is a buffer for two goroutines.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// forEach runs a test on SQLite with an embedded Redis, and on MariaDB with a
// real one.
func forEach(t *testing.T, f func(t *testing.T, w *world)) {
	t.Run("sqlite and embedded Redis", func(t *testing.T) { f(t, start(t, nil)) })
	t.Run("MariaDB and Redis", func(t *testing.T) { f(t, start(t, onServers)) })
}

type option func(*world)

func onServers(w *world) {
	w.db = dao.Config{Driver: "mysql", DSN: testenv.MariaDB(w.t)}
	w.redis = kv.Config{Addrs: []string{testenv.Redis(w.t)}}
}

// start makes a world on SQLite and an embedded Redis, unless options say
// otherwise, and waits until it listens.
func start(t *testing.T, options ...option) *world {
	t.Helper()
	key, err := spec.ParseMasterKey(spec.GenerateMasterKey())
	require.NoError(t, err)
	keys, err := spec.NewKeyring(spec.KeyID(key), map[string][]byte{spec.KeyID(key): key})
	require.NoError(t, err)
	w := &world{t: t, keys: keys, logs: new(lines), notice: new(lines), config: Config{
		Console: "127.0.0.1:0", Admin: "127.0.0.1:0", AdminPassword: password, Version: "test", RollupEvery: 100 * time.Millisecond, Database: "sqlite",
		Ports: spec.Ports{Min: 8001, Max: 8999, Taken: map[int]string{8880: "console"}}, GatewayHTTP: "127.0.0.1:8080",
	}}
	for _, o := range options {
		if o != nil {
			o(w)
		}
	}
	if w.db.Driver == "" {
		w.db = dao.Config{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "yumen.db")}
	}
	if w.redis.Addrs == nil {
		embedded, err := kv.StartEmbedded()
		require.NoError(t, err)
		t.Cleanup(embedded.Close)
		w.redis = embedded.Config()
	}
	_, err = dao.Migrate(t.Context(), w.db)
	require.NoError(t, err)
	w.run()
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			for line := range strings.Lines(w.logs.String()) {
				if !strings.Contains(line, `"level":"DEBUG"`) {
					t.Log(line)
				}
			}
		}
	})
	return w
}

// run starts the dashboard, again after stop.
func (w *world) run() {
	t := w.t
	t.Helper()
	log := slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := dao.Open(t.Context(), w.db, w.keys, log)
	require.NoError(t, err)
	cache := kv.Open(w.redis, log)
	w.config.Notice = w.notice
	w.Server, err = New(w.config, store, cache, w.keys, consoleFiles, log)
	require.NoError(t, err)
	w.Server.now = func() time.Time { return time.Now().Add(time.Duration(w.shift.Load())) }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	select {
	case <-w.Ready():
	case err := <-ended:
		require.NoError(t, err)
		t.FailNow()
	}
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(t, <-ended)
			require.NoError(t, store.Close())
			cache.Close()
		})
	}
}

// consoleFiles are what `npm run build` would make.
var consoleFiles = files(map[string]string{
	"index.html":          `<!doctype html><meta property="csp-nonce" nonce="__CSP_NONCE__"><script src="/assets/app-1.js"></script>`,
	"favicon.svg":         `<svg/>`,
	"assets/app-1.js":     `console.log("yumen")`,
	"assets/app-1.js.gz":  zipped("console.log('zipped')"),
	".gitkeep":            "",
	"assets/plain-2.css":  `a{}`,
	"assets/.hidden.html": "no",
})

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

func files(texts map[string]string) fs.FS {
	all := fstest.MapFS{}
	for name, text := range texts {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

// browser is somebody with cookies.
type browser struct {
	w      *world
	client *http.Client
	base   string
	header http.Header // of every request
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	b := &browser{w: w, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		base: "http://" + w.Address(), header: http.Header{}}
	w.t.Cleanup(b.client.CloseIdleConnections)
	return b
}

// admin is somebody logged in as admin.
func (w *world) admin() *browser {
	w.t.Helper()
	b := w.browser()
	b.login("admin", password)
	return b
}

// as makes an account with a role and logs in.
func (w *world) as(role string) *browser {
	w.t.Helper()
	hash, err := HashPassword(role+"-1", password)
	require.NoError(w.t, err)
	_, err = w.store.CreateAdmin(w.t.Context(), system(), dao.Admin{Account: role + "-1", Role: role, PasswordHash: hash})
	require.NoError(w.t, err)
	b := w.browser()
	b.login(role+"-1", password)
	return b
}

func (b *browser) login(account, password string) answer {
	b.w.t.Helper()
	a := b.post("/login", LoginRequest{Account: account, Password: password})
	require.Equal(b.w.t, 200, a.status, "login: %s", a.body)
	return a
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// send sends a request; body is marshalled unless it is text. Fields are pairs
// of header names and values.
func (b *browser) send(method, path string, body any, fields ...string) answer {
	b.w.t.Helper()
	a, err := b.try(method, path, body, fields...)
	require.NoError(b.w.t, err)
	return a
}

func (b *browser) try(method, path string, body any, fields ...string) (answer, error) {
	var r io.Reader
	switch v := body.(type) {
	case nil:
	case string:
		r = bytes.NewReader([]byte(v))
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return answer{}, err
		}
		r = bytes.NewReader(text)
	}
	if len(path) > 0 && path[0] == '/' {
		path = b.base + "/api/v1" + path
	}
	req, err := http.NewRequest(method, path, r)
	if err != nil {
		return answer{}, err
	}
	req.Header = b.header.Clone()
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] == "" {
			req.Header.Del(fields[i])
		} else {
			req.Header.Set(fields[i], fields[i+1])
		}
	}
	res, err := b.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{b.w.t, res.StatusCode, res.Header, string(text)}, err
}

func (b *browser) get(path string) answer { b.w.t.Helper(); return b.send("GET", path, nil) }
func (b *browser) post(path string, body any) answer {
	b.w.t.Helper()
	return b.send("POST", path, body)
}

// page is a request outside the API.
func (b *browser) page(method, path string, fields ...string) answer {
	b.w.t.Helper()
	return b.send(method, b.base+path, nil, fields...)
}

// into reads the answer, which must have that status.
func (a answer) into(status int, v any) {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.body)
	require.NoError(a.t, json.Unmarshal([]byte(a.body), v), a.body)
}

func (a answer) is(status int) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.body)
	return a
}

// problem is the answer as one, of that status and code.
func (a answer) problem(status int, code string) Problem {
	a.t.Helper()
	var p Problem
	a.into(status, &p)
	require.Equal(a.t, code, p.Code, a.body)
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"))
	require.Equal(a.t, "urn:yumen:problem:"+code, p.Type)
	require.Equal(a.t, status, p.Status)
	require.NotEmpty(a.t, p.Title)
	require.Equal(a.t, a.header.Get("X-Request-ID"), p.RequestID)
	require.NotEmpty(a.t, p.RequestID)
	return p
}

// orders is a service people could write.
func orders(name string) map[string]any {
	return map[string]any{
		"name": name, "protocol": "http", "title": "Orders",
		"routes":   []any{map[string]any{"hosts": []any{name + ".example.com"}, "path": map[string]any{"prefix": "/orders"}}},
		"upstream": map[string]any{"targets": []any{map[string]any{"address": "10.0.0.1:9000"}}},
	}
}

// create makes a service.
func (b *browser) create(name string) Service {
	b.w.t.Helper()
	var s Service
	b.post("/services", orders(name)).into(201, &s)
	return s
}

func eventually(t *testing.T, f func() bool, format string, args ...any) {
	t.Helper()
	require.Eventually(t, f, 10*time.Second, 20*time.Millisecond, fmt.Sprintf(format, args...))
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// cookie is the session's.
func (b *browser) cookie() *http.Cookie {
	b.w.t.Helper()
	for _, c := range b.client.Jar.Cookies(mustURL(b.w.t, b.base)) {
		if c.Name == cookiePlain {
			return c
		}
	}
	b.w.t.Fatal("no cookie")
	return nil
}

// with is a browser that has a cookie.
func (w *world) with(c *http.Cookie) *browser {
	b := w.browser()
	b.client.Jar.SetCookies(mustURL(w.t, b.base), []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/"}})
	return b
}

// from is a transport that comes from another address of this machine.
func from(t *testing.T, address string) *http.Transport {
	tr := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// tear makes the stored form of a service one that only a newer version
// understands, all the way up to the head.
func (w *world) tear(name string) {
	w.t.Helper()
	db, err := sql.Open(w.db.Driver, w.db.DSN)
	require.NoError(w.t, err)
	defer db.Close()
	var digest, kind string
	require.NoError(w.t, db.QueryRow("SELECT digest FROM entries WHERE kind = 'service' AND name = ?", name).Scan(&digest))
	// replace stores a copy of an object with a text replaced, and says by
	// which digest it is found.
	replace := func(old string, what, by string) (renewed string) {
		var text []byte
		var object string
		require.NoError(w.t, db.QueryRow("SELECT kind, name, bytes FROM objects WHERE digest = ?", old).Scan(&kind, &object, &text))
		text = bytes.Replace(text, []byte(what), []byte(by), 1)
		renewed = spec.Digest(text)
		_, err := db.Exec("INSERT INTO objects (digest, kind, name, bytes) VALUES (?, ?, ?, ?)", renewed, kind, object, text)
		require.NoError(w.t, err)
		return renewed
	}
	// holder finds the newest object of a kind that names another.
	holder := func(kind, digest string) (found string) {
		rows, err := db.Query("SELECT digest, bytes FROM objects WHERE kind = ?", kind)
		require.NoError(w.t, err)
		defer rows.Close()
		for rows.Next() {
			var d string
			var text []byte
			require.NoError(w.t, rows.Scan(&d, &text))
			if bytes.Contains(text, []byte(digest)) {
				found = d
			}
		}
		require.NoError(w.t, rows.Err())
		return found
	}
	torn := replace(digest, `"spec":`, `"needs":["antigravity"],"spec":`)
	bucket := holder("bucket", digest)
	tornBucket := replace(bucket, digest, torn)
	head, err := w.store.Head(w.t.Context())
	require.NoError(w.t, err)
	root := replace(head.Digest, bucket, tornBucket)
	_, err = db.Exec("UPDATE head SET digest = ?", root)
	require.NoError(w.t, err)
	_, err = db.Exec("UPDATE entries SET digest = ? WHERE kind = 'service' AND name = ?", torn, name)
	require.NoError(w.t, err)
}
