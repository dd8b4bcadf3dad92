package proxyserver

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/testenv"
)

func TestRefusalsOverHTTPAreProblemsWithCodeAndRequestID(t *testing.T) {
	dead := fmt.Sprintf("127.0.0.1:%d", testenv.FreePort(t))
	g := fileGateway(t, Config{}, services(
		httpService("a", backend(t, "a"), "limits: {service: {rate: 1, per: 1h, burst: 1}}"),
		httpService("dead", dead, "title: x"),
		httpService("shut", backend(t, "shut"), "access: {deny: [127.0.0.0/8]}"),
		httpService("jwt", backend(t, "jwt"), "access: {auth: jwt}"),
	)).ready()
	send(g, "/a", 1)
	for _, c := range []struct {
		path, code string
		status     int
		field      string
	}{
		{"/nowhere", "no_route", 404, ""},
		{"/a", "service_limit", 429, "Retry-After"},
		{"/a", "service_limit", 429, "RateLimit-Policy"},
		{"/a", "service_limit", 429, "RateLimit"},
		{"/shut", "denied", 403, ""},
		{"/jwt", "unauthenticated", 401, "Www-Authenticate"},
		{"/%zz", "", 400, ""},
	} {
		r, err := client(t, false).Do(raw(t, g, c.path))
		require.NoError(t, err, c.path)
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		r.Body.Close()
		require.Equal(t, c.status, r.StatusCode, c.path)
		if c.field != "" {
			require.NotEmpty(t, r.Header.Get(c.field), c.field)
		}
		if c.code == "" { // refused by the wire, before there is an exchange
			continue
		}
		require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
		require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
		var p problem
		require.NoError(t, json.Unmarshal(b, &p), "%s", b)
		require.Equal(t, c.code, p.Code)
		require.Equal(t, c.status, p.Status)
		require.Equal(t, http.StatusText(c.status), p.Title)
		require.NotEmpty(t, p.RequestID)
		require.Equal(t, p.RequestID, r.Header.Get("X-Request-Id"))
		require.NotContains(t, string(b), "127.0.0.1", "no internal address")
	}
	g.eventually("a dead target is refused as such", func() bool { status, _ := g.get("/dead"); return status == 502 || status == 503 })
	_, body := g.get("/dead")
	require.NotContains(t, body, dead)
}

// raw is a request whose path is sent as it is.
func raw(t *testing.T, g *gateway, path string) *http.Request {
	t.Helper()
	req, err := http.NewRequest("GET", g.url("/"), nil)
	require.NoError(t, err)
	req.URL.Opaque = path
	return req
}

func TestRefusalsOverGRPCAreTrailersOnly(t *testing.T) {
	g := fileGateway(t, Config{}, services(httpService("a", backend(t, "a")))).ready()
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	req, err := http.NewRequest("POST", g.url("/demo.Echo/Unary"), strings.NewReader("\x00\x00\x00\x00\x00"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/grpc+proto")
	req.Header.Set("Te", "trailers")
	r, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Do(req)
	require.NoError(t, err)
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	r.Body.Close()
	require.Equal(t, 2, r.ProtoMajor)
	require.Equal(t, 200, r.StatusCode)
	require.Empty(t, b)
	require.Equal(t, "application/grpc", r.Header.Get("Content-Type"))
	require.Equal(t, "12", r.Header.Get("Grpc-Status"), "no route is UNIMPLEMENTED, in the head")
	require.NotEmpty(t, r.Header.Get("X-Request-Id"))
	require.Empty(t, r.Trailer.Get("Grpc-Status"))
}

func TestMetricsBeyondLoopbackNeedATokenOrAnAllowedAddress(t *testing.T) {
	s := &Server{conf: Config{MetricsAllow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, log: discard()}
	try := func(remote, authorization string) int {
		h := s.mayRead(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
		req := httptest.NewRequest("GET", "/metrics", nil)
		req.RemoteAddr = remote
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w.Code
	}
	require.Equal(t, 200, try("127.0.0.1:1", ""))
	require.Equal(t, 200, try("[::1]:1", ""))
	require.Equal(t, 200, try("192.0.2.7:1", ""))
	require.Equal(t, 200, try("[::ffff:192.0.2.7]:1", ""))
	require.Equal(t, 403, try("198.51.100.7:1", ""))
	require.Equal(t, 403, try("198.51.100.7:1", "Bearer "))
	s.conf.MetricsToken = "canary"
	require.Equal(t, 401, try("198.51.100.7:1", ""))
	require.Equal(t, 401, try("198.51.100.7:1", "Bearer canary2"))
	require.Equal(t, 200, try("198.51.100.7:1", "Bearer canary"))
	require.Equal(t, 200, try("198.51.100.7:1", "bearer canary"))
}

func TestProfilesAreThereOnlyWhenAskedForAndOnLoopback(t *testing.T) {
	for _, asked := range []bool{false, true} {
		s := &Server{conf: Config{Pprof: asked}, log: discard()}
		try := func(remote string) int {
			req := httptest.NewRequest("GET", "/debug/pprof/cmdline", nil)
			req.RemoteAddr = remote
			w := httptest.NewRecorder()
			s.adminRoutes().ServeHTTP(w, req)
			return w.Code
		}
		if !asked {
			require.Equal(t, 404, try("127.0.0.1:1"))
			continue
		}
		require.Equal(t, 200, try("127.0.0.1:1"))
		require.Equal(t, 403, try("192.0.2.1:1"))
	}
}

func TestNoAdminPageIsOnAPublicPort(t *testing.T) {
	g := fileGateway(t, Config{Pprof: true}, services(httpService("a", backend(t, "a")))).ready()
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/api/v1/services"} {
		status, _ := g.get(path)
		require.Equal(t, 404, status, path)
	}
}

func TestMetricsSayWhatHappenedAndNameNoTenant(t *testing.T) {
	g := fileGateway(t, Config{}, services(httpService("a", backend(t, "a")))+"tenants: [{app_id: secret-tenant}]\n").ready()
	send(g, "/a", 3)
	send(g, "/nowhere", 1)
	status, body := get(t, "http://"+g.Addresses()["admin"]+"/metrics")
	require.Equal(t, 200, status)
	node := g.conf.Name
	for _, line := range []string{
		`gateway_requests_total{node="` + node + `",protocol="http",service="a",status="2xx"} 3`,
		`gateway_request_errors_total{node="` + node + `",protocol="http",service="a"} 0`,
		`gateway_refusals_total{node="` + node + `",reason="no_route"} 1`,
		`gateway_request_duration_seconds_count{node="` + node + `",protocol="http",service="a"} 3`,
		`gateway_services{node="` + node + `",protocol="http"} 1`,
		`gateway_healthy_nodes{node="` + node + `",service="a"} 1`,
		`gateway_ready{node="` + node + `"} 1`,
	} {
		require.Contains(t, body, line)
	}
	require.NotContains(t, body, "secret-tenant")
}

func TestTheAccessLogTellsOfEveryRequestAndConnection(t *testing.T) {
	out := new(logs)
	port := testenv.FreePort(t)
	g := fileGateway(t, Config{AccessLog: out}, services(httpService("a", backend(t, "a")), tcpService("pipe", port, echo(t)))).ready()
	send(g, "/a/x?token=canary", 1)
	send(g, "/nowhere", 1)
	c := dial(t, port)
	require.NoError(t, roundTrip(c, "hello"))
	c.Close()
	g.eventually("three lines", func() bool { return strings.Count(out.String(), "\n") == 3 })
	require.NotContains(t, out.String(), "canary", "queries carry secrets")
	byService := map[string]map[string]any{}
	for line := range strings.Lines(out.String()) {
		var e map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		name, _ := e["service"].(string)
		byService[name] = e
	}
	require.Equal(t, "/a/x", byService["a"]["path"])
	require.EqualValues(t, 200, byService["a"]["status"])
	require.NotEmpty(t, byService["a"]["target"])
	require.NotEmpty(t, byService["a"]["request_id"])
	require.Equal(t, "no_route", byService[""]["refused"])
	require.Equal(t, "tcp", byService["pipe"]["protocol"])
	require.EqualValues(t, 5, byService["pipe"]["bytes_in"])
	require.EqualValues(t, 5, byService["pipe"]["bytes_out"])
}

func TestTheGatewaysOwnAdminPortAndLinkLocalAddressesAreNoTargets(t *testing.T) {
	g := fileGateway(t, Config{}, services(httpService("a", backend(t, "a")))).ready()
	_, port, err := net.SplitHostPort(g.Addresses()["admin"])
	require.NoError(t, err)
	g.write(services(httpService("a", backend(t, "a")), httpService("own", "127.0.0.1:"+port),
		httpService("named", "localhost:"+port, "upstream_note: x")))
	g.eventually("an unknown field refuses the whole file", func() bool { return strings.Contains(g.logs.String(), "upstream_note") })
	g.write(services(httpService("a", backend(t, "a")), httpService("own", "127.0.0.1:"+port), httpService("named", "localhost:"+port)))
	g.eventually("taken over but for that", func() bool { return len(g.gen.Load().Faults) == 1 })
	f := g.gen.Load().Faults[0]
	require.Equal(t, "own /upstream/targets/0/address denied_address", f.Name+" "+f.Field+" "+f.Code)
	status, body := g.get("/named/healthz")
	require.Contains(t, []int{502, 503}, status, "a name is judged when it is dialled")
	require.NotContains(t, body, "ok")
}
