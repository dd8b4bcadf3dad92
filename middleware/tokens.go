package middleware

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yumen/flow"
	"yumen/message"
	"yumen/spec"
)

// issue is the token settings and keys by which tokens are given out.
type issue struct {
	enabled   bool
	path      string
	hosts     []string // nil for any
	issuer    string
	audience  string
	ttl       time.Duration
	allowHTTP bool
	signer    *key // nil: there is no key of the wanted algorithm
	keySet    []byte
}

func newIssue(s *spec.TokenSettings, v *verifier) issue {
	return issue{
		enabled: *s.Enabled, path: *s.Path, hosts: s.Hosts, issuer: *s.Issuer, audience: *s.Audience,
		ttl: time.Duration(*s.TTL), allowHTTP: *s.AllowHTTP, signer: v.signer(*s.Algorithm), keySet: keySet(v.keys),
	}
}

// errNoKey tells that tokens are wanted but nothing to sign them with is there.
var errNoKey = errors.New("no signing key of the wanted algorithm")

// Issue signs a token for one of t's credentials and a scope ("" for all that
// t may use). It ends with the credential at the latest.
func (all *Tenants) Issue(t *Tenant, credential, scope string, now time.Time) (token string, expires time.Time, err error) {
	if all.issue.signer == nil {
		return "", time.Time{}, errNoKey
	}
	expires = now.Add(all.issue.ttl)
	for _, c := range t.credentials {
		if c.id == credential && !c.expires.IsZero() && c.expires.Before(expires) {
			expires = c.expires
		}
	}
	made := jwt.NewWithClaims(all.issue.signer.method, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: all.issue.issuer, Subject: t.AppID, Audience: jwt.ClaimStrings{all.issue.audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires), ID: rand.Text(),
		},
		Credential: credential, Scope: scope,
	})
	made.Header["kid"] = all.issue.signer.id
	token, err = made.SignedString(all.issue.signer.private)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign a token: %w", err)
	}
	return token, expires, nil
}

// Tenant returns a tenant by its app_id, nil for none.
func (all *Tenants) Tenant(appID string) *Tenant { return all.byID[appID] }

const (
	keySetPath = "/.well-known/jwks.json"

	// endpointLimits names the endpoint's limits among the services'.
	endpointLimits = "endpoint:"
	maxForm        = 16 << 10
)

// TokenEndpoint gives out tokens (RFC 6749, 4.4: client credentials), by
// default at POST /oauth/tokens, and the public keys at
// /.well-known/jwks.json. It follows the current settings.
type TokenEndpoint struct {
	state *State
	asked *flow.ClientLimiter // how often a client may ask
	wrong *flow.ClientLimiter // how often it may be wrong
}

// NewTokenEndpoint makes the endpoint of a state.
func NewTokenEndpoint(s *State) *TokenEndpoint {
	return &TokenEndpoint{
		state: s,
		asked: s.Limiters.Clients(endpointLimits+"asked", 20, time.Second, 100),
		wrong: s.Limiters.Clients(endpointLimits+"wrong", 1, time.Second, 10),
	}
}

// Serve answers x if it is for the endpoint; otherwise it returns false and
// leaves x alone. The caller ends x.
func (e *TokenEndpoint) Serve(x *message.Exchange, call *Call) bool {
	tenants := e.state.tenants.Load()
	own := &tenants.issue
	r := &x.Request
	if !own.enabled || r.Path != own.path && r.Path != keySetPath || !own.servesHost(r.Authority) {
		return false
	}
	var a answer
	if r.Path == keySetPath {
		a = own.keys(r.Method)
	} else {
		a = e.token(tenants, r, call)
	}
	answer := a.response()
	if call.RequestID != "" {
		answer.Fields.Add("X-Request-Id", call.RequestID)
	}
	_ = x.Answer(answer) // whoever left needs no token
	return true
}

func (i *issue) servesHost(authority string) bool {
	if i.hosts == nil {
		return true
	}
	host := authority
	if end := strings.LastIndexByte(host, ':'); end > strings.LastIndexByte(host, ']') {
		host = host[:end]
	}
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(i.hosts, func(h string) bool {
		if name, ok := strings.CutPrefix(h, "*"); ok { // ".example.com", and at least a label before it
			return len(host) > len(name) && strings.EqualFold(host[len(host)-len(name):], name)
		}
		return strings.EqualFold(h, host)
	})
}

func (i *issue) keys(method string) answer {
	switch method {
	case "GET", "HEAD":
		return answer{status: 200, body: i.keySet, fields: message.Fields{{Name: "Cache-Control", Value: "max-age=300"}}}
	}
	return answer{status: 405, fields: message.Fields{{Name: "Allow", Value: "GET, HEAD"}}}
}

// token is the answer to a request for a token.
func (e *TokenEndpoint) token(tenants *Tenants, r *message.Request, call *Call) answer {
	own := &tenants.issue
	if r.Method != "POST" {
		a := refusal(405, "invalid_request", "tokens are asked for by POST")
		a.fields = append(a.fields, message.Field{Name: "Allow", Value: "POST"})
		return a
	}
	if _, ok, retryAfter := e.asked.Allow(call.Client, call.Now); !ok {
		return slowDown(retryAfter)
	}
	if call.Scheme != "https" && !call.Client.IsLoopback() && !own.allowHTTP {
		return refusal(400, "invalid_request", "tokens are given out over https only")
	}
	form, a := readForm(r)
	if form == nil {
		return a
	}
	appID, secret, a := credentials(r.Fields, form)
	if a.status != 0 {
		return a
	}
	wrong, ok, retryAfter := e.wrong.Allow(call.Client, call.Now)
	if !ok {
		return slowDown(retryAfter)
	}
	t, credential := tenants.authenticate(appID, secret, call)
	if t == nil {
		a = refusal(401, "invalid_client", "")
		a.fields = append(a.fields, message.Field{Name: "WWW-Authenticate", Value: `Basic realm="yumen", charset="UTF-8"`})
		return a
	}
	wrong.GiveBack(call.Now)
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
	case "":
		return refusal(400, "invalid_request", "grant_type is missing")
	default:
		return refusal(400, "unsupported_grant_type", "")
	}
	scope := strings.Fields(form.Get("scope"))
	for _, service := range scope {
		if !t.mayUse(service) {
			return refusal(400, "invalid_scope", "")
		}
	}
	token, expires, err := tenants.Issue(t, credential, strings.Join(scope, " "), call.Now)
	if err != nil {
		return refusal(503, "server_error", errNoKey.Error())
	}
	return reply(200, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int64(expires.Sub(call.Now) / time.Second),
	}, "scope", strings.Join(scope, " "))
}

// authenticate finds the enabled tenant and live credential that a secret
// proves, from where the tenant may be. Nobody learns which of these was wrong.
func (all *Tenants) authenticate(appID, secret string, call *Call) (t *Tenant, credential string) {
	t = all.byID[appID]
	if t == nil {
		spec.VerifySecret(nobodysHash, secret) // takes as long as somebody's
		return nil, ""
	}
	for i := range t.credentials {
		if c := &t.credentials[i]; spec.VerifySecret(c.hash, secret) && c.live(call.Now) {
			credential = c.id
		}
	}
	if credential == "" || !t.enabled || !t.from.Has(call.Client) {
		return nil, ""
	}
	return t, credential
}

var nobodysHash = spec.HashSecret(spec.NewSecretText())

// readForm is the body's form, nil with an answer if it is none. A parameter
// given twice is refused (RFC 6749, 3.2).
func readForm(r *message.Request) (url.Values, answer) {
	kind, _, err := mime.ParseMediaType(r.Fields.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refusal(400, "invalid_request", "the body must be application/x-www-form-urlencoded")
	}
	if r.Body.Len() > maxForm {
		return nil, refusal(413, "invalid_request", "the body is too large")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return nil, refusal(400, "invalid_request", "the body is incomplete")
	}
	if len(body) > maxForm {
		return nil, refusal(413, "invalid_request", "the body is too large")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, refusal(400, "invalid_request", "the body is no form")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, refusal(400, "invalid_request", name+" is given twice")
		}
	}
	return form, answer{}
}

// credentials are the client's, by Basic or in the form, not by both.
func credentials(f message.Fields, form url.Values) (id, secret string, a answer) {
	const scheme = "basic "
	given := f.Values("Authorization")
	if len(given) == 0 {
		return form.Get("client_id"), form.Get("client_secret"), answer{}
	}
	if len(given) > 1 || form.Has("client_secret") {
		return "", "", refusal(400, "invalid_request", "credentials are given twice")
	}
	bad := refusal(400, "invalid_request", "Authorization is not Basic")
	if len(given[0]) <= len(scheme) || !strings.EqualFold(given[0][:len(scheme)], scheme) {
		return "", "", bad
	}
	plain, err := base64.StdEncoding.DecodeString(strings.Trim(given[0][len(scheme):], " "))
	if err != nil {
		return "", "", bad
	}
	id, secret, ok := strings.Cut(string(plain), ":")
	id, err1 := url.QueryUnescape(id) // RFC 6749, 2.3.1
	secret, err2 := url.QueryUnescape(secret)
	if !ok || err1 != nil || err2 != nil || form.Has("client_id") && form.Get("client_id") != id {
		return "", "", bad
	}
	return id, secret, answer{}
}

// answer is what the endpoint says.
type answer struct {
	status int
	fields message.Fields
	body   []byte
}

// reply is JSON that nobody may keep; more are names and values, "" left out.
func reply(status int, body map[string]any, more ...string) answer {
	for i := 0; i < len(more); i += 2 {
		if more[i+1] != "" {
			body[more[i]] = more[i+1]
		}
	}
	b, _ := json.Marshal(body) // strings and numbers only
	return answer{status: status, body: b, fields: message.Fields{
		{Name: "Cache-Control", Value: "no-store"}, {Name: "Pragma", Value: "no-cache"},
	}}
}

// refusal is an error of RFC 6749, 5.2.
func refusal(status int, code, description string) answer {
	return reply(status, map[string]any{"error": code}, "error_description", description)
}

func slowDown(retryAfter time.Duration) answer {
	a := refusal(429, "slow_down", "too many requests")
	a.fields = append(a.fields, message.Field{Name: "Retry-After", Value: strconv.FormatInt(max(1, seconds(retryAfter)), 10)})
	return a
}

func (a answer) response() *message.Response {
	r := &message.Response{Status: a.status, Fields: a.fields, Body: message.Empty}
	if a.body != nil {
		r.Fields = append(r.Fields, message.Field{Name: "Content-Type", Value: "application/json"})
		r.Body = message.Bytes(a.body)
	}
	return r
}
