package dashboard

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/generation"
)

func TestTheConsoleIsServedWithTheRightCaching(t *testing.T) {
	w := start(t)
	b := w.browser()
	index := b.page("GET", "/", "Accept", "text/html").is(200)
	require.Equal(t, "no-cache", index.header.Get("Cache-Control"))
	require.Equal(t, "text/html; charset=utf-8", index.header.Get("Content-Type"))
	require.Equal(t, index.body[:20], b.page("GET", "/index.html", "Accept", "text/html").is(200).body[:20])

	plain := b.page("GET", "/assets/app-1.js", "Accept-Encoding", "identity").is(200)
	require.Equal(t, "public, max-age=31536000, immutable", plain.header.Get("Cache-Control"))
	require.Equal(t, `console.log("yumen")`, plain.body)
	require.Empty(t, plain.header.Get("Content-Encoding"))
	zipped := b.page("GET", "/assets/app-1.js", "Accept-Encoding", "br, gzip").is(200)
	require.Equal(t, "gzip", zipped.header.Get("Content-Encoding"))
	require.Equal(t, "Accept-Encoding", zipped.header.Get("Vary"))
	require.Equal(t, "text/javascript; charset=utf-8", zipped.header.Get("Content-Type"))
	require.Empty(t, b.page("GET", "/assets/app-1.js", "Accept-Encoding", "gzip;q=0").header.Get("Content-Encoding"))
	b.page("GET", "/assets/app-1.js", "If-None-Match", plain.header.Get("ETag")).is(304)
	require.Equal(t, "no-cache", b.page("GET", "/favicon.svg").is(200).header.Get("Cache-Control"))
	b.page("HEAD", "/assets/app-1.js").is(200)
}

func TestThePageHasANonceThatIsAnotherEachTime(t *testing.T) {
	w := start(t)
	b := w.browser()
	nonces := map[string]bool{}
	for range 2 {
		a := b.page("GET", "/", "Accept", "text/html").is(200)
		m := regexp.MustCompile(`style-src 'self' 'nonce-(\w{20,})';`).FindStringSubmatch(a.header.Get("Content-Security-Policy"))
		require.NotNil(t, m, a.header.Get("Content-Security-Policy"))
		require.Contains(t, a.body, `nonce="`+m[1]+`"`)
		require.NotContains(t, a.body, noncePlaceholder)
		nonces[m[1]] = true
	}
	require.Len(t, nonces, 2)
}

func TestOnlyABrowserThatWantsAPageGetsTheConsoleForAnUnknownAddress(t *testing.T) {
	w := start(t)
	b := w.browser()
	require.Contains(t, b.page("GET", "/services/orders?tab=traffic", "Accept", "text/html,*/*;q=0.8").is(200).body, "<!doctype html>")
	b.page("GET", "/services/orders", "Accept", "*/*").problem(404, "not_found")
	b.page("GET", "/services/orders", "Accept", "application/json").problem(404, "not_found")
	b.page("GET", "/assets/gone.js", "Accept", "text/html").problem(404, "not_found")
	for _, path := range []string{"/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/services", "//api/v1/x", "/x/../api/nothing"} {
		a := b.page("GET", path, "Accept", "text/html")
		a.problem(404, "not_found")
	}
	b.page("POST", "/services", "Accept", "text/html").problem(405, "method_not_allowed")
	for _, path := range []string{"/.gitkeep", "/assets/.hidden.html", "/assets/", "/../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd", "/assets/app-1.js.gz", "/assets%00"} {
		a := b.page("GET", path)
		require.Contains(t, []int{400, 404}, a.status, path)
	}
}

func TestAMissingConsoleSaysHowToBuildIt(t *testing.T) {
	built := consoleFiles
	consoleFiles = fstest.MapFS{".gitkeep": &fstest.MapFile{}}
	t.Cleanup(func() { consoleFiles = built })
	w := start(t)
	b := w.browser()
	a := b.page("GET", "/", "Accept", "text/html").is(503)
	require.Contains(t, a.body, "make build")
	b.login("admin", password)
}

func TestTheAdminPortTellsHealthReadinessAndMetrics(t *testing.T) {
	w := start(t)
	b := w.admin()
	b.post("/login", LoginRequest{Account: "admin", Password: "wrong password"}).is(401)
	admin := func(path string, fields ...string) answer {
		b.base = "http://" + w.AdminAddress()
		return b.page("GET", path, fields...)
	}
	require.JSONEq(t, `{"status":"ok"}`, admin("/healthz").is(200).body)
	require.JSONEq(t, `{"status":"ready","redis":true}`, admin("/readyz").is(200).body)
	text := admin("/metrics").is(200).body
	require.Contains(t, text, `gateway_dashboard_logins_total{result="wrong"} 1`)
	require.Contains(t, text, `gateway_dashboard_requests_total{method="POST",route="/api/v1/login",status="4xx"} 1`)
	require.Contains(t, text, "gateway_dashboard_revision 1")
	for _, path := range []string{"/debug/pprof/", "/api/v1/me", "/", "/api/v1/openapi.json"} {
		admin(path).is(404)
	}
	require.NoError(t, w.store.Close())
	require.Equal(t, 503, admin("/readyz").status)
	admin("/healthz").is(200)
}

func TestMetricsBeyondLoopbackNeedATokenOrAnAllowList(t *testing.T) {
	w := start(t, func(w *world) { w.config.MetricsToken = "metrics token" })
	ask := func(remote, bearer string) bool {
		r, err := http.NewRequest("GET", "/metrics", nil)
		require.NoError(t, err)
		r.RemoteAddr = remote
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		return w.mayScrape(r)
	}
	require.True(t, ask("127.0.0.1:1", ""))
	require.True(t, ask("[::1]:1", ""))
	require.False(t, ask("192.0.2.1:1", ""))
	require.False(t, ask("192.0.2.1:1", "wrong"))
	require.True(t, ask("192.0.2.1:1", "metrics token"))
	w.Server.cfg.MetricsAllow = append(w.Server.cfg.MetricsAllow, mustPrefix(t, "192.0.2.0/24"))
	require.True(t, ask("[::ffff:192.0.2.1]:1", ""))
	w.Server.cfg.MetricsToken = ""
	require.False(t, ask("198.51.100.1:1", ""))
	require.False(t, ask("nonsense", ""))
}

func TestRoutesAndTheOpenAPIDocumentAreTheSame(t *testing.T) {
	w := start(t)
	b := w.admin()
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Tags        []string
			Responses   map[string]any
			Parameters  []struct{ Name, In string }
		}
	}
	b.get("/openapi.json").into(200, &doc)
	require.True(t, strings.HasPrefix(doc.OpenAPI, "3."), doc.OpenAPI)
	var described, served []string
	for path, item := range doc.Paths {
		for method, op := range item {
			described = append(described, strings.ToUpper(method)+" "+path)
			require.NotEmpty(t, op.OperationID, path)
			require.NotEmpty(t, op.Summary, path)
			require.Len(t, op.Tags, 1, path)
			require.Contains(t, op.Responses, "default", path)
			for _, p := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				require.True(t, slices.ContainsFunc(op.Parameters, func(q struct{ Name, In string }) bool { return q.Name == p[1] && q.In == "path" }), path)
			}
		}
	}
	for _, r := range w.routes() {
		if path := regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.path, "{$1}"); path != "/docs/{file}" {
			served = append(served, r.method+" "+path)
		}
	}
	slices.Sort(described)
	slices.Sort(served)
	require.Equal(t, served, described)
}

func TestThePageToTryTheAPINeedsASessionAndNothingFromElsewhere(t *testing.T) {
	w := start(t)
	w.browser().get("/docs").problem(401, "unauthenticated")
	b := w.admin()
	page := b.get("/docs").is(200)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		require.True(t, strings.HasPrefix(m[1], "/api/v1/docs/") || m[1] == "/favicon.svg", m[1])
		b.page("GET", m[1]).is(200)
	}
	require.NotContains(t, page.body, "style=")
	require.NotRegexp(t, `\son\w+=`, page.body)
	b.get("/docs/..%2fdashboard.go").problem(404, "not_found")
	b.get("/docs/gone.js").problem(404, "not_found")
}

func TestTheConsoleHasAWordForEveryCodeInBothLanguages(t *testing.T) {
	for _, language := range []string{"zh", "en"} {
		var words struct{ Errors, Faults map[string]any }
		require.NoError(t, json.Unmarshal([]byte(readFile(t, filepath.Join("..", "web", "src", "locales", language+".json"))), &words))
		for _, code := range Codes {
			text := words.Errors[code]
			if slices.Contains(generation.Codes, code) {
				text = words.Faults[code] // what nodes say has words of its own
			}
			require.NotEmpty(t, text, "%s: no words for %s", language, code)
		}
	}
}

func TestEveryCodeIsSnakeCaseAndUnique(t *testing.T) {
	for i, code := range Codes {
		require.Regexp(t, `^[a-z][a-z0-9_]*$`, code)
		if i > 0 {
			require.Less(t, Codes[i-1], code)
		}
	}
	for code, p := range problems {
		require.NotEmpty(t, http.StatusText(p.status), code)
		require.True(t, strings.HasSuffix(p.title, "."), code)
	}
}

// selfSigned writes a certificate and its key.
func selfSigned(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return cert, key
}

func TestOverTLSTheCookieIsBoundToTheHostAndOldProtocolsAreRefused(t *testing.T) {
	dir := t.TempDir()
	w := start(t, func(w *world) { w.config.TLSCert, w.config.TLSKey = selfSigned(t, dir, "first") })
	insecure := &tls.Config{InsecureSkipVerify: true}
	b := w.browser()
	b.base = "https://" + w.Address()
	tr := &http.Transport{TLSClientConfig: insecure, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	b.client.Transport = tr
	a := b.login("admin", password)
	require.Contains(t, a.header.Get("Set-Cookie"), "__Host-yumen=")
	require.Contains(t, a.header.Get("Set-Cookie"), "; Secure")
	b.get("/me").is(200)

	_, err := tls.Dial("tcp", w.Address(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	require.Error(t, err)
}

func TestARenewedCertificateNeedsNoRestart(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, "first")
	c := &certificate{cert: cert, key: key}
	name := func() string {
		pair, err := c.get(nil)
		require.NoError(t, err)
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		require.NoError(t, err)
		return leaf.Subject.CommonName
	}
	require.Equal(t, "first", name())
	selfSigned(t, dir, "second")
	require.NoError(t, os.Chtimes(cert, time.Now(), time.Now().Add(time.Minute)))
	c.looked = time.Time{}
	require.Equal(t, "second", name())
	require.NoError(t, os.WriteFile(cert, []byte("half writ"), 0o600))
	c.looked = time.Time{}
	require.Equal(t, "second", name(), "a torn file changes nothing")
}

func mustPrefix(t *testing.T, text string) netip.Prefix {
	t.Helper()
	p, err := netip.ParsePrefix(text)
	require.NoError(t, err)
	return p
}
