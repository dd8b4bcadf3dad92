package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/spec"
	"yumen/testenv"
)

// sample is the address of a route with its parameters filled in.
func sample(path string) string {
	return regexp.MustCompile(`:\w+`).ReplaceAllString(path, "x")
}

func TestNoRouteButLoginAnswersWithoutASession(t *testing.T) {
	w := start(t)
	b := w.browser()
	for _, r := range w.routes() {
		a := b.send(r.method, sample(r.path), "{}")
		if r.permission == public {
			require.Equal(t, "/login", r.path)
			continue
		}
		p := a.problem(401, "unauthenticated")
		require.NotEmpty(t, p.Title, r.path)
	}
}

func TestAViewerMayChangeNothing(t *testing.T) {
	w := start(t)
	b := w.as("viewer")
	for _, r := range w.routes() {
		own := slices.Contains([]string{"/login", "/logout", "/me/password"}, r.path)
		if r.method == http.MethodGet || own {
			continue
		}
		b.send(r.method, sample(r.path), "{}", "If-Match", "*").problem(403, "forbidden")
	}
	for _, path := range []string{"/services", "/tenants", "/blacklist", "/settings", "/revisions", "/nodes", "/release", "/overview", "/stats", "/meta"} {
		b.get(path).is(200)
	}
	b.get("/audit").problem(403, "forbidden")
}

func TestAnOperatorMayChangeWhatCarriesTrafficButNoSettings(t *testing.T) {
	w := start(t)
	b := w.as("operator")
	b.create("orders")
	b.send("PUT", "/settings", "{}", "If-Match", "*").problem(403, "forbidden")
	b.get("/audit").is(200)
}

func TestEveryRoleKnowsOnlyPermissionsThatARouteAsksFor(t *testing.T) {
	asked := map[permission]bool{}
	for _, r := range start(t).routes() {
		asked[r.permission] = true
	}
	for role, all := range roles {
		for _, p := range all {
			require.True(t, asked[p], "%s: no route asks for %s", role, p)
		}
	}
}

func TestEveryChangeFromAForeignSiteIsRefused(t *testing.T) {
	w := start(t, func(w *world) { w.config.PublicURL = "https://console.example.com" })
	b := w.admin()
	for _, r := range w.routes() {
		if r.method == http.MethodGet {
			continue
		}
		for _, origin := range []string{"https://evil.example", "null", "http://127.0.0.1:1", "https://console.example.com.evil.example"} {
			b.send(r.method, sample(r.path), "{}", "Origin", origin, "If-Match", "*").problem(403, "cross_origin")
		}
		b.send(r.method, sample(r.path), "{}", "Sec-Fetch-Site", "cross-site", "If-Match", "*").problem(403, "cross_origin")
	}
	b.send("POST", "/services", orders("own-origin"), "Origin", b.base).is(201)
	b.send("POST", "/services", orders("public-origin"), "Origin", "https://console.example.com").is(201)
}

func TestEveryChangeAsATextOrAFormIsRefused(t *testing.T) {
	w := start(t)
	b := w.admin()
	for _, r := range w.routes() {
		if r.method == http.MethodGet || r.path == "/logout" {
			continue
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/json; charset=utf-16", "application/jsonx"} {
			b.send(r.method, sample(r.path), "{}", "Content-Type", kind, "If-Match", "*").problem(415, "unsupported_media_type")
		}
		b.send(r.method, sample(r.path), "{}", "Content-Encoding", "gzip", "If-Match", "*").problem(415, "unsupported_media_type")
	}
}

func TestNoChangeGoesByGet(t *testing.T) {
	w := start(t)
	b := w.admin()
	b.create("orders")
	before, err := w.store.Head(t.Context())
	require.NoError(t, err)
	read := map[string]bool{}
	for _, r := range w.routes() {
		read[r.path] = read[r.path] || r.method == http.MethodGet
	}
	for _, r := range w.routes() {
		if path := strings.NewReplacer(":name", "orders").Replace(r.path); !read[r.path] && r.method != http.MethodGet {
			a := b.get(sample(path))
			require.Contains(t, []int{404, 405}, a.status, "%s %s", r.path, a.body)
		}
	}
	after, err := w.store.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestNoForeignOriginIsToldItMayRead(t *testing.T) {
	w := start(t)
	b := w.admin()
	for _, origin := range []string{"https://evil.example", "null", b.base} {
		for _, method := range []string{"GET", "OPTIONS"} {
			a := b.send(method, "/me", nil, "Origin", origin, "Access-Control-Request-Method", "PUT")
			for name := range a.header {
				require.False(t, strings.HasPrefix(name, "Access-Control-"), name)
			}
		}
	}
}

func TestEveryAnswerSaysHowBrowsersAreToTreatIt(t *testing.T) {
	w := start(t)
	b := w.admin()
	html := []string{"Accept", "text/html"}
	for _, a := range []answer{b.get("/me"), b.get("/nothing"), b.page("GET", "/", html...), b.page("GET", "/assets/app-1.js"), b.page("GET", "/api/nothing", html...)} {
		csp := a.header.Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'")
		require.Contains(t, csp, "script-src 'self';")
		require.Contains(t, csp, "frame-ancestors 'none'")
		require.NotContains(t, csp, "unsafe")
		require.NotContains(t, csp, "*")
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"))
		require.Equal(t, "DENY", a.header.Get("X-Frame-Options"))
	}
	require.Equal(t, "no-store", b.get("/me").header.Get("Cache-Control"))
}

func TestExtraFieldsHaveNoEffectButAnError(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		made := b.create("orders")
		for _, field := range []string{"id", "role", "password_hash", "created_at", "origin", "is_delete"} {
			body := orders("other")
			body[field] = "x"
			p := b.post("/services", body).problem(400, "unknown_field")
			require.Equal(t, "/"+field, p.Errors[0].Field)
			b.send("PUT", "/services/orders", body, "If-Match", "*").problem(400, "unknown_field")
			b.send("PATCH", "/services/orders", map[string]any{field: "x"}, "If-Match", "*").problem(400, "unknown_field")
			b.post("/login", map[string]any{"account": "admin", "password": password, field: 1}).problem(400, "unknown_field")
			b.send("PUT", "/me/password", map[string]any{"current": password, "new": "another long password", field: "admin"}).problem(400, "unknown_field")
			b.post("/tenants", map[string]any{"app_id": "a", field: "x"}).problem(400, "unknown_field")
			b.post("/tenants/a/credentials", map[string]any{field: "x"}).problem(400, "unknown_field")
			b.post("/blacklist", map[string]any{"cidr": "192.0.2.1", "password_hash": "x"}).problem(400, "unknown_field")
			b.post("/services/bulk", map[string]any{"action": "delete", "names": []string{"orders"}, field: 1}).problem(400, "unknown_field")
			b.post("/services/orders/enable", map[string]any{field: 1}).problem(400, "unknown_field")
			b.send("PATCH", "/settings", map[string]any{field: "x"}, "If-Match", "*").problem(400, "unknown_field")
		}
		b.send("PATCH", "/tenants/a", map[string]any{"credentials": []any{map[string]any{"id": "c", "secret_hash": "x"}}}, "If-Match", "*").problem(400, "unknown_field")
		p := b.post("/services", map[string]any{"name": "x", "protocol": "http", "websocket": true}).problem(400, "not_supported")
		require.Equal(t, "/websocket", p.Errors[0].Field)
		var same Service
		b.get("/services/orders").into(200, &same)
		require.Equal(t, made.Meta, same.Meta)
	})
}

func TestOddTextsInSearchSortAndPathsAreAnsweredNeverFailed(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		b.create("orders")
		odd := []string{
			"'", "%", "_", `\`, `\'`, "\x00", "a\x00b", "\xff\xfe", "' OR 1=1 --", "1;DROP TABLE head", strings.Repeat("x", 4096), strings.Repeat("😀", 128), "😀", "\u0000", "a b", "`", `"`,
			"%27", "name", "digest", "-", "--name", "NAME", "(select 1)", "0", "-1", "1e9", "99999999999999999999", "null", "../..", "..", "*",
		}
		lists := map[string][]string{
			"/services": {"q", "sort", "page", "size", "protocol", "enabled", "tag", "nonsense"}, "/tenants": {"q", "sort", "enabled"}, "/blacklist": {"q", "sort"},
			"/audit": {"account", "action", "object", "from", "to"}, "/stats": {"of", "name", "step", "from", "to"}, "/stats/top": {"by", "of", "limit"},
			"/revisions": {"page", "size"}, "/revisions/1/diff": {"against"}, "/services/orders": {"effective"}, "/stats?of=service": {"name"},
		}
		for _, text := range odd {
			for list, names := range lists {
				for _, name := range names {
					join := "?"
					if strings.Contains(list, "?") {
						join = "&"
					}
					a := b.get(list + join + url.Values{name: {text}}.Encode())
					require.Contains(t, []int{200, 400, 404}, a.status, "%s?%s=%q: %s", list, name, text, a.body)
				}
			}
			if len(text) > 200 || strings.Trim(text, ".") == "" || strings.Contains(text, "/") {
				continue
			}
			for _, path := range []string{"/services/%s", "/tenants/%s", "/blacklist/%s", "/revisions/%s", "/services/%s/targets", "/nodes/%s"} {
				method := "GET"
				if path == "/nodes/%s" {
					method = "DELETE"
				}
				a := b.send(method, fmt.Sprintf(path, url.PathEscape(text)), nil)
				require.Contains(t, []int{200, 400, 404}, a.status, "%s %q: %s", path, text, a.body)
			}
		}
		require.NotContains(t, w.logs.String(), `"code":"internal"`)
		var list ServiceList
		b.get("/services?q=%25").into(200, &list)
		require.Zero(t, list.Total, "% is a letter")
		b.get("/services?sort=digest").problem(400, "bad_query")
		b.get("/services?size=201").problem(400, "bad_query")
		b.get("/services?nonsense=1").problem(400, "bad_query")
		b.get("/services?q=a&q=b").problem(400, "bad_query")
	})
}

func TestHugeAndDeepBodiesAreRefusedInUnderASecond(t *testing.T) {
	w := start(t)
	b := w.admin()
	in := func(limit time.Duration, f func() answer) (a answer) {
		testenv.Within(t, limit, func() { a = f() })
		return a
	}
	big := `{"name":"x","protocol":"http","description":"` + strings.Repeat("x", 2<<20) + `"}`
	for _, path := range []string{"/services", "/tenants", "/blacklist", "/services/bulk", "/login"} {
		in(time.Second, func() answer { return b.post(path, big) }).problem(413, "body_too_large")
	}
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	in(time.Second, func() answer { return b.post("/services", deep) }).is(400)
	in(time.Second, func() answer { return b.send("PATCH", "/services/x", deep, "If-Match", "*") }).is(400)
	in(time.Second, func() answer { return b.post("/services", strings.Repeat("[", 900_000)) }).is(400)
	in(time.Second, func() answer { return b.post("/services", `{"routes":[`+strings.Repeat(`{},`, 300_000)+`{}]}`) }).is(422)
	in(time.Second, func() answer {
		return b.post("/services/bulk", BulkRequest{Action: "delete", Names: make([]string, 100_000)})
	}).problem(422, "invalid")
	in(time.Second, func() answer { return b.get("/services?q=" + strings.Repeat("a", 60_000)) }).is(400)
	in(time.Second, func() answer { return b.get("/stats?step=minute&from=1971-01-01T00:00:00Z") }).problem(400, "bad_query")
	in(time.Second, func() answer { return b.get("/services?page=1000000&size=200") }).is(200)
	in(time.Second, func() answer { return b.get("/services?page=1000001") }).problem(400, "bad_query")
}

func TestTornAndWrongJSONNamesTheField(t *testing.T) {
	w := start(t)
	b := w.admin()
	for body, field := range map[string]string{
		`{"name":`:                "",
		`[]`:                      "",
		``:                        "",
		`{"name":1}`:              "/name",
		`{"name":"a","name":"b"}`: "/name",
		`{"listen":{"port":"x"}}`: "/listen/port",
		`{} {}`:                   "",
		"{\"name\":\"\xff\"}":     "",
	} {
		p := b.post("/services", body).problem(400, "bad_json")
		require.NotEmpty(t, p.Errors, body)
		require.Equal(t, field, p.Errors[0].Field, body)
	}
}

func TestAServiceNamedWithMarkupIsRefusedAndItsTitleStaysText(t *testing.T) {
	w := start(t)
	b := w.admin()
	body := orders("x")
	body["name"] = "<img src=x onerror=alert(1)>"
	require.Equal(t, "/name", b.post("/services", body).problem(422, "invalid").Errors[0].Field)
	body["name"], body["title"] = "markup", "<script>alert(1)</script>"
	a := b.post("/services", body).is(201)
	require.Contains(t, a.header.Get("Content-Type"), "application/json")
	require.NotContains(t, a.body, "<script>", "not even as text that something could sniff")
	var s Service
	a.into(201, &s)
	require.Equal(t, "<script>alert(1)</script>", s.Title)
}

func TestControlCharactersInRulesAreRefusedAtSave(t *testing.T) {
	w := start(t)
	b := w.admin()
	for _, bad := range []string{"a\r\nSet-Cookie: x", "a\nb", "a\x00b"} {
		body := orders("crlf")
		body["headers"] = map[string]any{"request": map[string]any{"set": map[string]any{"X-A": bad}}}
		b.post("/services", body).problem(422, "invalid")
		body = orders("crlf")
		body["routes"] = []any{map[string]any{"hosts": []any{bad}}}
		b.post("/services", body).problem(422, "invalid")
		body = orders("crlf")
		body["title"] = bad
		b.post("/services", body).problem(422, "invalid")
		b.post("/blacklist", map[string]any{"cidr": "192.0.2.1", "reason": bad}).problem(422, "invalid")
	}
	b.get("/services?message="+url.QueryEscape("a\nb")).problem(400, "bad_query")
	b.post("/services?message="+url.QueryEscape("a\nb"), orders("message")).problem(400, "bad_query")
}

func TestTheGatewaysOwnPortsAndLinkLocalTargetsAreRefusedAtSave(t *testing.T) {
	w := start(t)
	b := w.admin()
	for _, address := range []string{"169.254.169.254:80", "[::ffff:169.254.169.254]:80", "0.0.0.0:80", "[fe80::1]:80"} {
		body := orders("ssrf")
		body["upstream"] = map[string]any{"targets": []any{map[string]any{"address": address}}}
		p := b.post("/services", body).problem(422, "invalid")
		require.Equal(t, "/upstream/targets/0/address", p.Errors[0].Field, address)
	}
	for _, port := range []int{8880, 80, 0, 70000} {
		body := map[string]any{"name": "tcp", "protocol": "tcp", "listen": map[string]any{"port": port}, "upstream": map[string]any{"targets": []any{map[string]any{"address": "10.0.0.1:1"}}}}
		a := b.post("/services", body)
		require.Contains(t, []int{409, 422}, a.status, a.body)
	}
}

func TestAPanicCostsOneRequestAndShowsNoStack(t *testing.T) {
	w := start(t)
	e := gin.New()
	e.Use(w.observe, w.secure)
	e.GET("/boom", func(*gin.Context) { panic("secret detail") })
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest("GET", "/boom?is_debug=1", nil))
	require.Equal(t, 500, rec.Code)
	require.NotContains(t, rec.Body.String(), "secret detail")
	require.NotContains(t, rec.Body.String(), "goroutine")
	require.Contains(t, w.logs.String(), "secret detail")
}

func TestARequestIDIsKeptOnlyFromTrustedPeersAndNeverAsALogLine(t *testing.T) {
	w := start(t)
	b := w.browser()
	require.NotEqual(t, "mine", b.send("GET", "/me", nil, "X-Request-ID", "mine").header.Get("X-Request-ID"))
	w.Server.cfg.TrustedProxies = append(w.Server.cfg.TrustedProxies, netip.MustParsePrefix("127.0.0.0/8"))
	require.Equal(t, "mine", b.send("GET", "/me", nil, "X-Request-ID", "mine").header.Get("X-Request-ID"))
	require.NotEqual(t, "a b", b.send("GET", "/me", nil, "X-Request-ID", "a b").header.Get("X-Request-ID"))
	b.post("/login", LoginRequest{Account: "x\r\n{\"level\":\"ERROR\",\"msg\":\"forged\"}", Password: "wrong password"}).is(401)
	for line := range strings.Lines(w.logs.String()) {
		require.True(t, json.Valid([]byte(line)), line)
		require.NotContains(t, line, `"msg":"forged"`)
	}
}

func TestForwardedHeadersCountOnlyFromTrustedProxies(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		w := start(t, func(w *world) {
			if trusted {
				w.config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			}
		})
		b := w.browser()
		b.send("POST", "/login", LoginRequest{Account: "admin", Password: "wrong password"}, "X-Forwarded-For", "198.51.100.7, 203.0.113.9", "X-Forwarded-Proto", "https").is(401)
		rows, _, err := w.store.Audit(t.Context(), dao.AuditQuery{Page: 1, Size: 1, Action: "login"})
		require.NoError(t, err)
		a := b.send("POST", "/login", LoginRequest{Account: "admin", Password: password}, "X-Forwarded-Proto", "https").is(200)
		if trusted {
			require.Equal(t, "203.0.113.9", rows[0].Address)
			require.Contains(t, a.header.Get("Set-Cookie"), "__Host-yumen=")
		} else {
			require.Equal(t, "127.0.0.1", rows[0].Address)
			require.NotContains(t, a.header.Get("Set-Cookie"), "__Host-")
		}
	}
}

// canary is a marker that must be nowhere but in the one answer that makes it.
func TestNoSecretIsInListsLogsErrorsMetricsDiffsAuditOrTheDatabase(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		var made Tenant
		b.post("/tenants", map[string]any{"app_id": "app_a", "name": "A"}).into(201, &made)
		secret := made.Credential.Secret
		require.Len(t, secret, 43)
		b.send("PATCH", "/settings", map[string]any{"token": map[string]any{"algorithm": "HS256"}}, "If-Match", "*").is(200)
		snap, err := w.document.current(t.Context())
		require.NoError(t, err)
		secrets := []string{secret, password, b.cookie().Value}
		for _, k := range snap.Document.Keys {
			secrets = append(secrets, k.Private.Reveal())
			if _, der, ok := strings.Cut(k.Private.Reveal(), "-----\n"); ok {
				secrets = append(secrets, strings.TrimSpace(strings.SplitN(der, "\n", 2)[0]))
			}
		}
		require.Len(t, snap.Document.Keys, 2)
		for _, tn := range snap.Document.Tenants {
			secrets = append(secrets, tn.Credentials[0].SecretHash)
		}

		var shown strings.Builder
		for _, path := range []string{
			"/tenants", "/tenants/app_a", "/tenants/app_a?effective=true", "/settings?effective=true", "/revisions", "/revisions/1/diff", "/revisions/2/diff", "/revisions/3/diff",
			"/revisions/3/diff?against=0", "/audit", "/me", "/meta", "/overview", "/nodes", "/openapi.json",
		} {
			shown.WriteString(b.get(path).is(200).body)
		}
		shown.WriteString(b.post("/tenants/app_a/clone?dry_run=true", map[string]any{"app_id": "app_b"}).is(200).body)
		shown.WriteString(b.send("DELETE", "/tenants/app_a?dry_run=true", nil, "If-Match", "*").is(200).body)
		shown.WriteString(b.post("/tenants", map[string]any{"app_id": "app_a", "credentials": []any{map[string]any{"id": "c", "secret": secret}}}).is(400).body)
		for _, text := range secrets {
			require.NotContains(t, shown.String(), text)
			require.NotContains(t, w.logs.String(), text)
			require.NotContains(t, w.notice.String(), text)
		}
		if w.db.Driver == "sqlite" {
			w.stop()
			stored := readFile(t, w.db.DSN)
			if wal, err := os.ReadFile(w.db.DSN + "-wal"); err == nil {
				stored += string(wal)
			}
			for _, text := range secrets {
				if !strings.HasPrefix(text, "hmac-sha256:") { // the hash is what is kept of a secret
					require.NotContains(t, stored, text)
				}
			}
		}
	})
}

func TestTheDefaultSecretOfATenantIsRandom(t *testing.T) {
	w := start(t)
	b := w.admin()
	seen := map[string]bool{}
	for i := range 5 {
		var made Tenant
		b.post("/tenants", map[string]any{"app_id": fmt.Sprint("app_", i)}).into(201, &made)
		require.False(t, seen[made.Credential.Secret])
		seen[made.Credential.Secret] = true
		snap, err := w.document.current(t.Context())
		require.NoError(t, err)
		hash := tenantOf(snap.Document, made.AppID).Credentials[0].SecretHash
		require.True(t, spec.VerifySecret(hash, made.Credential.Secret))
		require.True(t, strings.HasPrefix(hash, "hmac-sha256:"))
	}
}

func TestAuditRowsCannotBeEditedThroughTheAPI(t *testing.T) {
	w := start(t)
	b := w.admin()
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		b.send(method, "/audit", "{}", "If-Match", "*").problem(405, "method_not_allowed")
		require.Contains(t, []int{404, 405}, b.send(method, "/audit/1", "{}", "If-Match", "*").status)
	}
}

func TestThePublicPortHasNoPprofNoMetricsAndNoHealth(t *testing.T) {
	w := start(t)
	b := w.admin()
	for _, path := range []string{"/debug/pprof/", "/metrics", "/healthz", "/readyz", "/debug/vars", "/swagger/index.html"} {
		b.page("GET", path).problem(404, "not_found")
	}
}
