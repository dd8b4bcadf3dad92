package middleware

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/message"
	"yumen/spec"
)

// front keeps the answer of an exchange.
type front struct {
	message.Front
	status int
	fields message.Fields
	body   string
}

func (f *front) Answer(r *message.Response) error {
	b, err := io.ReadAll(r.Body)
	f.status, f.fields, f.body = r.Status, r.Fields, string(b)
	return err
}

// ask sends a request to the token endpoint, over https from a client.
func (w *world) ask(e *TokenEndpoint, change func(r *message.Request, c *Call)) *front {
	w.t.Helper()
	f := new(front)
	x := message.New(f)
	x.Request = message.Request{
		Method: "POST", Scheme: "https", Authority: "api.example.com:8443", Path: "/oauth/tokens",
		Fields: message.Fields{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}},
		Body:   message.Bytes([]byte("grant_type=client_credentials")),
	}
	client := netip.MustParseAddr("192.0.2.1")
	c := &Call{Peer: client, Client: client, Scheme: "https", Request: &x.Request, Now: w.now}
	if change != nil {
		change(&x.Request, c)
	}
	require.True(w.t, e.Serve(x, c), "not answered")
	return f
}

func basic(id, secret string) func(r *message.Request, _ *Call) {
	return func(r *message.Request, _ *Call) {
		r.Fields.Add("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
	}
}

func form(body string) func(r *message.Request, _ *Call) {
	return func(r *message.Request, _ *Call) { r.Body = message.Bytes([]byte(body)) }
}

func (f *front) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(f.body), &v), f.body)
	return v
}

func TestTokenIsGivenForASecretAndPasses(t *testing.T) {
	w := newWorld(t)
	e := NewTokenEndpoint(w.state)
	f := w.ask(e, basic("a", "secret"))
	require.Equal(t, 200, f.status, f.body)
	v := f.json(t)
	require.Equal(t, "Bearer", v["token_type"])
	require.EqualValues(t, 3600, v["expires_in"])
	require.NotContains(t, v, "scope")
	require.Equal(t, "no-store", f.fields.Get("Cache-Control"))
	require.Equal(t, "application/json", f.fields.Get("Content-Type"))
	c := w.bearer(v["access_token"].(string))
	require.NoError(t, w.chain(service(withAuth)).Admit(c))
	require.Equal(t, "c1", c.Credential)

	f = w.ask(e, form("grant_type=client_credentials&client_id=a&client_secret=secret&scope=orders+shop"))
	require.Equal(t, 200, f.status, f.body)
	require.Equal(t, "orders shop", f.json(t)["scope"])
}

func TestErrorsOfTheTokenEndpointAreThoseOfTheRFC(t *testing.T) {
	w := newWorld(t)
	w.doc.Tenants = append(w.doc.Tenants,
		spec.Tenant{AppID: "off", Enabled: ptr(false), Credentials: w.tenant().Credentials},
		spec.Tenant{AppID: "old", Credentials: []spec.Credential{{ID: "c", SecretHash: spec.HashSecret("secret"), ExpiresAt: ptr(noon)}}},
		spec.Tenant{AppID: "away", AllowIPs: []string{"10.0.0.0/8"}, Credentials: w.tenant().Credentials},
		spec.Tenant{AppID: "bare"},
		spec.Tenant{AppID: "narrow", Services: []string{"shop"}, Credentials: w.tenant().Credentials},
		spec.Tenant{AppID: "a b", Credentials: []spec.Credential{{ID: "c", SecretHash: spec.HashSecret("p:%")}}},
	)
	w.apply()
	with := func(all ...func(r *message.Request, c *Call)) func(r *message.Request, c *Call) {
		return func(r *message.Request, c *Call) {
			for _, f := range all {
				f(r, c)
			}
		}
	}
	header := func(name, value string) func(r *message.Request, _ *Call) {
		return func(r *message.Request, _ *Call) { r.Fields.Set(name, value) }
	}
	for what, c := range map[string]struct {
		change func(r *message.Request, c *Call)
		status int
		code   string
	}{
		"wrong secret":          {basic("a", "wrong"), 401, "invalid_client"},
		"empty secret":          {basic("a", ""), 401, "invalid_client"},
		"nobody":                {basic("nobody", "secret"), 401, "invalid_client"},
		"no credentials":        {nil, 401, "invalid_client"},
		"without a credential":  {basic("bare", ""), 401, "invalid_client"},
		"disabled tenant":       {basic("off", "secret"), 401, "invalid_client"},
		"expired credential":    {basic("old", "secret"), 401, "invalid_client"},
		"from elsewhere":        {basic("away", "secret"), 401, "invalid_client"},
		"both ways":             {with(basic("a", "secret"), form("grant_type=client_credentials&client_id=a&client_secret=secret")), 400, "invalid_request"},
		"two names":             {with(basic("a", "secret"), form("grant_type=client_credentials&client_id=b")), 400, "invalid_request"},
		"no colon":              {header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("a"))), 400, "invalid_request"},
		"not base64":            {header("Authorization", "Basic ***"), 400, "invalid_request"},
		"not basic":             {header("Authorization", "Bearer x"), 400, "invalid_request"},
		"broken form escape":    {basic("%zz", "secret"), 400, "invalid_request"},
		"form-decoded parts":    {basic("a+b", "p%3A%25"), 200, ""},
		"no grant type":         {with(basic("a", "secret"), form("scope=orders")), 400, "invalid_request"},
		"another grant type":    {with(basic("a", "secret"), form("grant_type=password")), 400, "unsupported_grant_type"},
		"a parameter twice":     {with(basic("a", "secret"), form("grant_type=client_credentials&grant_type=client_credentials")), 400, "invalid_request"},
		"a broken form":         {with(basic("a", "secret"), form("grant_type=%zz")), 400, "invalid_request"},
		"scope beyond its own":  {with(basic("narrow", "secret"), form("grant_type=client_credentials&scope=shop+orders")), 400, "invalid_scope"},
		"scope of its own":      {with(basic("narrow", "secret"), form("grant_type=client_credentials&scope=shop")), 200, ""},
		"json":                  {with(basic("a", "secret"), header("Content-Type", "application/json")), 400, "invalid_request"},
		"charset":               {with(basic("a", "secret"), header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")), 200, ""},
		"too large":             {with(basic("a", "secret"), form(strings.Repeat("a", maxForm+1))), 413, "invalid_request"},
		"over plain http":       {with(basic("a", "secret"), func(_ *message.Request, c *Call) { c.Scheme = "http" }), 400, "invalid_request"},
		"plain from loopback":   {with(basic("a", "secret"), func(_ *message.Request, c *Call) { c.Scheme = "http"; c.Client = netip.MustParseAddr("127.0.0.1") }), 200, ""},
		"plain behind loopback": {with(basic("a", "secret"), func(_ *message.Request, c *Call) { c.Scheme = "http"; c.Peer = netip.MustParseAddr("127.0.0.1") }), 400, "invalid_request"},
		"get":                   {func(r *message.Request, _ *Call) { r.Method = "GET" }, 405, "invalid_request"},
	} {
		f := w.ask(NewTokenEndpoint(w.state), c.change)
		require.Equal(t, c.status, f.status, "%s: %s", what, f.body)
		if c.code != "" {
			require.Equal(t, c.code, f.json(t)["error"], what)
			require.Equal(t, "no-store", f.fields.Get("Cache-Control"))
		}
		require.Equal(t, c.status == 401, f.fields.Has("WWW-Authenticate"), what)
		require.NotContains(t, f.body, "secret")
		w.state.Sweep(noon.Add(time.Hour), func(string) bool { return true }) // a fresh client
	}
	w.doc.Settings = &spec.Settings{Token: &spec.TokenSettings{AllowHTTP: ptr(true)}}
	w.apply()
	f := w.ask(NewTokenEndpoint(w.state), with(basic("a", "secret"), func(_ *message.Request, c *Call) { c.Scheme = "http" }))
	require.Equal(t, 200, f.status)
}

func TestTokenEndsWithItsCredential(t *testing.T) {
	w := newWorld(t)
	w.tenant().Credentials[0].ExpiresAt = ptr(noon.Add(time.Minute))
	w.apply()
	require.EqualValues(t, 60, w.ask(NewTokenEndpoint(w.state), basic("a", "secret")).json(t)["expires_in"])
}

func TestSeveralCredentialsOverlapForRotation(t *testing.T) {
	w := newWorld(t)
	w.tenant().Credentials = append(w.tenant().Credentials, spec.Credential{ID: "c2", Secret: ptr(spec.NewSecret("fresh"))})
	w.apply()
	e := NewTokenEndpoint(w.state)
	for secret, id := range map[string]string{"secret": "c1", "fresh": "c2"} {
		c := w.bearer(w.ask(e, basic("a", secret)).json(t)["access_token"].(string))
		require.NoError(t, w.chain(service(withAuth)).Admit(c))
		require.Equal(t, id, c.Credential)
	}
}

func TestGuessingSecretsIsThrottledAndTheRightOneFromElsewhereStillWorks(t *testing.T) {
	w := newWorld(t)
	e := NewTokenEndpoint(w.state)
	slowed := 0
	for range 50 {
		f := w.ask(e, basic("a", "guess"))
		if f.status == 429 {
			slowed++
			require.NotEmpty(t, f.fields.Get("Retry-After"))
		}
	}
	require.Equal(t, 40, slowed)
	require.Equal(t, 429, w.ask(e, basic("a", "secret")).status)
	elsewhere := func(r *message.Request, c *Call) {
		basic("a", "secret")(r, c)
		c.Client = netip.MustParseAddr("192.0.2.2")
	}
	for range 30 {
		require.Equal(t, 200, w.ask(e, elsewhere).status)
	}
}

// security.md 20: no page of ours stands on a public port but these two.
func TestEndpointAnswersItsOwnPathsAndHostsOnly(t *testing.T) {
	w := newWorld(t)
	e := NewTokenEndpoint(w.state)
	serves := func(host, path string) bool {
		x := message.New(new(front))
		x.Request = message.Request{Method: "GET", Authority: host, Path: path, Body: message.Empty}
		return e.Serve(x, w.call("192.0.2.1"))
	}
	for _, path := range []string{"/", "/metrics", "/debug/pprof/", "/api/v1/services", "/healthz", "/readyz", "/oauth/tokens/", "/oauth", "/.well-known/", "/OAUTH/TOKENS"} {
		require.False(t, serves("h", path), path)
	}
	require.True(t, serves("h", "/oauth/tokens"))
	require.True(t, serves("h", "/.well-known/jwks.json"))

	w.doc.Settings = &spec.Settings{Token: &spec.TokenSettings{Path: ptr("/t"), Hosts: []string{"auth.example.com", "*.apps.example.com"}}}
	w.apply()
	for host, want := range map[string]bool{
		"auth.example.com": true, "AUTH.example.com:8443": true, "auth.example.com.": true, "x.apps.example.com": true,
		"apps.example.com": false, "example.com": false, "": false, "[::1]:80": false,
	} {
		require.Equal(t, want, serves(host, "/t"), host)
	}
	require.False(t, serves("auth.example.com", "/oauth/tokens"))
	w.doc.Settings.Token.Enabled = ptr(false)
	w.apply()
	require.False(t, serves("auth.example.com", "/t"))
}

func TestKeySetIsServedAndFollowsTheKeys(t *testing.T) {
	w := newWorld(t)
	e := NewTokenEndpoint(w.state)
	ask := func(method string) *front {
		return w.ask(e, func(r *message.Request, _ *Call) { r.Path, r.Method = "/.well-known/jwks.json", method })
	}
	f := ask("GET")
	require.Equal(t, 200, f.status)
	require.Contains(t, f.body, w.doc.Keys[0].ID)
	require.Equal(t, 405, ask("POST").status)
	w.doc.Keys = nil
	w.apply()
	require.JSONEq(t, `{"keys":[]}`, ask("GET").body)
}

func TestWithoutAKeyOfTheWantedAlgorithmNoTokenIsMade(t *testing.T) {
	w := newWorld(t)
	w.doc.Settings = &spec.Settings{Token: &spec.TokenSettings{Algorithm: ptr("RS256")}}
	w.apply()
	require.Equal(t, 503, w.ask(NewTokenEndpoint(w.state), basic("a", "secret")).status)
}
