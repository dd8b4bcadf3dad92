package middleware

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"yumen/message"
	"yumen/spec"
	"yumen/testenv"
)

// good are the claims of a token that passes.
func good() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "yumen", "aud": "yumen", "sub": "a", "cid": "c1", "jti": "1",
		"iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
	}
}

// forge signs claims with any key and header.
func forge(t *testing.T, m jwt.SigningMethod, key any, kid string, change func(header map[string]any, c jwt.MapClaims)) string {
	t.Helper()
	c := good()
	token := jwt.NewWithClaims(m, c)
	token.Header["kid"] = kid
	if change != nil {
		change(token.Header, c)
	}
	s, err := token.SignedString(key)
	require.NoError(t, err)
	return s
}

// own is the world's signing key, ready for use.
func (w *world) own() *key { return w.state.tenants.Load().verifier.keys[0] }

func TestOurOwnTokenPasses(t *testing.T) {
	for algorithm := range algorithms {
		w := newWorld(t)
		w.doc.Keys = []spec.SigningKey{w.key(algorithm)}
		w.doc.Settings = &spec.Settings{Token: &spec.TokenSettings{Algorithm: &algorithm}}
		w.apply()
		c := w.bearer(w.token())
		require.NoError(t, w.chain(service(withAuth)).Admit(c), algorithm)
		require.Equal(t, "a", c.Tenant.AppID)
		require.Equal(t, "c1", c.Credential)
		require.Equal(t, noon.Add(time.Hour).Unix(), c.Expires.Unix())
	}
}

// security.md 17, origin.md defect 1: the key was a public constant, tokens
// without exp were accepted, the algorithm was not pinned.
func TestForgedTokensAreUnauthorized(t *testing.T) {
	w := newWorld(t)
	rsaKey := w.key("RS256")
	w.doc.Keys = append(w.doc.Keys, rsaKey, w.key("HS256"))
	w.apply()
	v := w.state.tenants.Load().verifier
	ed, rs, hs := v.signer("EdDSA"), v.signer("RS256"), v.signer("HS256")
	chain := w.chain(service(withAuth))

	// The same, untouched, passes: what follows fails for its own reason.
	require.NoError(t, chain.Admit(w.bearer(forge(t, ed.method, ed.private, ed.id, nil))))
	require.NoError(t, chain.Admit(w.bearer(forge(t, rs.method, rs.private, rs.id, nil))))

	rsPublic, err := x509.MarshalPKIXPublicKey(rs.public)
	require.NoError(t, err)
	rsPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: rsPublic})
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	strangerRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	with := func(change func(h map[string]any, c jwt.MapClaims)) string {
		return forge(t, ed.method, ed.private, ed.id, change)
	}
	valid := forge(t, ed.method, ed.private, ed.id, nil)
	parts := strings.Split(valid, ".")
	for what, token := range map[string]string{
		"alg none":                     forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ed.id, nil),
		"alg none without a kid":       forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", nil),
		"no signature":                 parts[0] + "." + parts[1] + ".",
		"RS to HS with the public key": forge(t, jwt.SigningMethodHS256, rsPEM, rs.id, nil),
		"RS to HS with the bare DER":   forge(t, jwt.SigningMethodHS256, rsPublic, rs.id, nil),
		"EdDSA to HS":                  forge(t, jwt.SigningMethodHS256, []byte(ed.public.(ed25519.PublicKey)), ed.id, nil),
		"HS key under another's kid":   forge(t, jwt.SigningMethodHS256, hs.private, rs.id, nil),
		"HS512 with the HS256 key":     forge(t, jwt.SigningMethodHS512, hs.private, hs.id, nil),
		"RS512 with the RS256 key":     forge(t, jwt.SigningMethodRS512, rs.private, rs.id, nil),
		"PS256 with the RS256 key":     forge(t, jwt.SigningMethodPS256, rs.private, rs.id, nil),
		"empty secret":                 forge(t, jwt.SigningMethodHS256, []byte{}, hs.id, nil),
		"go_gateway's constant":        forge(t, jwt.SigningMethodHS256, []byte("my_sign_key"), hs.id, nil),
		"another's key, our kid":       forge(t, jwt.SigningMethodEdDSA, stranger, ed.id, nil),
		"another's RSA key, our kid":   forge(t, jwt.SigningMethodRS256, strangerRSA, rs.id, nil),
		"wrong kid":                    forge(t, ed.method, ed.private, "k_other", nil),
		"the kid of another algorithm": forge(t, ed.method, ed.private, rs.id, nil),
		"no kid":                       with(func(h map[string]any, _ jwt.MapClaims) { delete(h, "kid") }),
		"kid that is no text":          with(func(h map[string]any, _ jwt.MapClaims) { h["kid"] = []string{ed.id} }),
		"jku":                          with(func(h map[string]any, _ jwt.MapClaims) { h["jku"] = "https://evil.example/keys" }),
		"x5u":                          with(func(h map[string]any, _ jwt.MapClaims) { h["x5u"] = "https://evil.example/keys" }),
		"jwk":                          with(func(h map[string]any, _ jwt.MapClaims) { h["jwk"] = map[string]string{"kty": "oct", "k": ""} }),
		"x5c":                          with(func(h map[string]any, _ jwt.MapClaims) { h["x5c"] = []string{"MII"} }),
		"crit":                         with(func(h map[string]any, _ jwt.MapClaims) { h["crit"] = []string{"exp"} }),
		"without exp":                  with(func(_ map[string]any, c jwt.MapClaims) { delete(c, "exp") }),
		"exp as text":                  with(func(_ map[string]any, c jwt.MapClaims) { c["exp"] = "tomorrow" }),
		"not before tomorrow":          with(func(_ map[string]any, c jwt.MapClaims) { c["nbf"] = noon.Add(time.Hour).Unix() }),
		"issued in the future":         with(func(_ map[string]any, c jwt.MapClaims) { c["iat"] = noon.Add(time.Hour).Unix() }),
		"another issuer":               with(func(_ map[string]any, c jwt.MapClaims) { c["iss"] = "evil" }),
		"no issuer":                    with(func(_ map[string]any, c jwt.MapClaims) { delete(c, "iss") }),
		"another audience":             with(func(_ map[string]any, c jwt.MapClaims) { c["aud"] = "other" }),
		"no audience":                  with(func(_ map[string]any, c jwt.MapClaims) { delete(c, "aud") }),
		"no subject":                   with(func(_ map[string]any, c jwt.MapClaims) { delete(c, "sub") }),
		"no credential":                with(func(_ map[string]any, c jwt.MapClaims) { delete(c, "cid") }),
		"changed claims":               parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"b"}`)) + "." + parts[2],
		"changed signature":            parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
		"padded base64":                valid + "=",
		"not a token":                  "nonsense",
		"two dots":                     "..",
		"too long":                     strings.Repeat("A", maxToken+1),
	} {
		for range 2 { // fresh, then from the cache of bad ones
			err := chain.Admit(w.bearer(token))
			require.Equal(t, "token_invalid", reason(t, err), what)
			d := err.(*Denied)
			require.Equal(t, 401, d.Status)
			require.Contains(t, d.Challenge, `Bearer realm="yumen"`)
			require.NotContains(t, d.Error(), token[:min(len(token), 8)]+".", "no token in a log")
		}
	}
}

func TestTokenOfATenantThatIsGoneIsRefused(t *testing.T) {
	w := newWorld(t)
	chain, token := w.chain(service(withAuth)), w.token()
	require.NoError(t, chain.Admit(w.bearer(token)))
	w.doc.Tenants = nil
	w.apply()
	require.Equal(t, "token_revoked", reason(t, chain.Admit(w.bearer(token))), "although its signature was just verified")
}

func TestTokenOfARevokedOrExpiredCredentialIsRefused(t *testing.T) {
	w := newWorld(t)
	chain, token := w.chain(service(withAuth)), w.token()
	require.NoError(t, chain.Admit(w.bearer(token)))
	w.tenant().Credentials[0].ExpiresAt = ptr(noon)
	w.apply()
	require.Equal(t, "token_revoked", reason(t, chain.Admit(w.bearer(token))))
	w.tenant().Credentials[0].ExpiresAt = ptr(noon.Add(time.Second))
	w.apply()
	require.NoError(t, chain.Admit(w.bearer(token)))
	w.tenant().Credentials[0].ID = "c2"
	w.apply()
	require.Equal(t, "token_revoked", reason(t, chain.Admit(w.bearer(token))))
}

func TestTokenExpiresAfterALeewayOfThirtySeconds(t *testing.T) {
	w := newWorld(t)
	chain, token := w.chain(service(withAuth)), w.token()
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{time.Hour - time.Second, ""}, {time.Hour + 29*time.Second, ""}, {time.Hour + 31*time.Second, "token_expired"}} {
		after, want := c.after, c.want
		w.now = noon.Add(after)
		require.Equal(t, want, reason(t, chain.Admit(w.bearer(token))), "remembered, %v", after)
		w.state.tokens = newTokenCache()
		require.Equal(t, want, reason(t, w.chain(service(withAuth)).Admit(w.bearer(token))), "fresh, %v", after)
	}
}

func TestMissingAndDoubledTokensAreUnauthorized(t *testing.T) {
	w := newWorld(t)
	chain := w.chain(service(withAuth))
	token := w.token()
	for _, fields := range [][]string{
		nil,
		{"Authorization", ""},
		{"Authorization", token},
		{"Authorization", "Bearer"},
		{"Authorization", "Bearer "},
		{"Authorization", "Basic " + token},
		{"Authorization", "Bearer " + token, "Authorization", "Bearer " + token},
		{"Authorization", "Bearer " + token, "authorization", "Basic x"},
		{"Cookie", "token=" + token},
	} {
		var d *Denied
		require.ErrorAs(t, chain.Admit(w.call("192.0.2.1", fields...)), &d)
		require.Equal(t, "unauthenticated", d.Reason)
		require.Equal(t, `Bearer realm="yumen"`, d.Challenge)
	}
	require.NoError(t, chain.Admit(w.call("192.0.2.1", "AUTHORIZATION", "bEaReR "+token)))
}

// origin.md, defect 7: the tenant's secret went to the backend, and a client
// could claim a tenant by a field.
func TestTokenGoesNoFurtherAndTheTenantIsTold(t *testing.T) {
	w := newWorld(t)
	c := w.call("192.0.2.1", "Accept", "*/*", "Authorization", "Bearer "+w.token(), "X-Tenant-ID", "admin", "x_tenant_id", "admin")
	require.NoError(t, w.chain(service(withAuth)).Admit(c))
	require.Equal(t, message.Fields{{Name: "Accept", Value: "*/*"}, {Name: "X-Tenant-ID", Value: "a"}}, c.Request.Fields)
}

func TestWithoutAuthenticationATokenIsNotTouched(t *testing.T) {
	w := newWorld(t)
	c := w.call("192.0.2.1", "Authorization", "Bearer of anything")
	require.NoError(t, w.chain(service(nil)).Admit(c))
	require.Equal(t, "Bearer of anything", c.Request.Fields.Get("Authorization"))
	require.Nil(t, c.Tenant)
}

func TestKeysRotateWithoutAnOutage(t *testing.T) {
	w := newWorld(t)
	chain, old := w.chain(service(withAuth)), w.token()
	require.NoError(t, chain.Admit(w.bearer(old)))

	w.now = noon.Add(time.Minute)
	w.doc.Keys = append(w.doc.Keys, w.key("EdDSA"))
	w.apply()
	fresh := w.token()
	require.Equal(t, w.doc.Keys[1].ID, w.own().id, "the newest signs")
	require.NoError(t, chain.Admit(w.bearer(old)))
	require.NoError(t, chain.Admit(w.bearer(fresh)))

	w.doc.Keys = w.doc.Keys[1:]
	w.apply()
	require.Equal(t, "token_invalid", reason(t, chain.Admit(w.bearer(old))), "a removed key verifies nothing, remembered or not")
	require.NoError(t, chain.Admit(w.bearer(fresh)))
}

func TestChangedIssuerEndsWhatWasVerifiedBefore(t *testing.T) {
	w := newWorld(t)
	chain, token := w.chain(service(withAuth)), w.token()
	require.NoError(t, chain.Admit(w.bearer(token)))
	w.doc.Settings = &spec.Settings{Token: &spec.TokenSettings{Issuer: ptr("other")}}
	w.apply()
	require.Equal(t, "token_invalid", reason(t, chain.Admit(w.bearer(token))))
}

func TestUnrelatedChangeKeepsVerifiedTokens(t *testing.T) {
	w := newWorld(t)
	before := w.state.tenants.Load().verifier
	w.doc.Tenants = append(w.doc.Tenants, spec.Tenant{AppID: "b"})
	w.apply()
	require.Same(t, before, w.state.tenants.Load().verifier)
}

func TestTokenMayOnlyBeUsedForItsTenantAndScope(t *testing.T) {
	w := newWorld(t)
	chain := w.chain(service(withAuth))
	other := w.chain(service(func(s *spec.Service) { withAuth(s); s.Name = "billing" }))
	token := w.scoped("orders shop")
	require.NoError(t, chain.Admit(w.bearer(token)))
	require.Equal(t, "scope", reason(t, other.Admit(w.bearer(token))))

	all := w.token()
	w.tenant().Services = []string{"billing"}
	w.apply()
	require.Equal(t, "scope", reason(t, chain.Admit(w.bearer(all))))
	require.NoError(t, other.Admit(w.bearer(all)))
	w.tenant().Services = []string{}
	w.apply()
	require.Equal(t, "scope", reason(t, other.Admit(w.bearer(all))), "[] is none")

	w.tenant().Services = nil
	w.apply()
	others := w.chain(service(func(s *spec.Service) { s.Access = &spec.Access{Auth: ptr("jwt"), Tenants: []string{"b"}} }))
	require.Equal(t, "scope", reason(t, others.Admit(w.bearer(all))), "another tenant's service")
	nobody := w.chain(service(func(s *spec.Service) { s.Access = &spec.Access{Auth: ptr("jwt"), Tenants: []string{}} }))
	require.Equal(t, "scope", reason(t, nobody.Admit(w.bearer(all))))
}

func TestDisabledTenantIsForbidden(t *testing.T) {
	w := newWorld(t)
	chain, token := w.chain(service(withAuth)), w.token()
	w.tenant().Enabled = ptr(false)
	w.apply()
	err := chain.Admit(w.bearer(token))
	require.Equal(t, "tenant_disabled", reason(t, err))
	require.Equal(t, 403, err.(*Denied).Status)
}

func TestTenantPassesFromItsAddressesOnly(t *testing.T) {
	w := newWorld(t)
	chain, token := w.chain(service(withAuth)), w.token()
	for _, c := range []struct {
		allow []string
		want  string
	}{{nil, ""}, {[]string{}, "tenant_address"}, {[]string{"192.0.2.0/24"}, ""}, {[]string{"::ffff:192.0.2.1"}, ""}, {[]string{"198.51.100.1"}, "tenant_address"}} {
		w.tenant().AllowIPs = c.allow
		w.apply()
		require.Equal(t, c.want, reason(t, chain.Admit(w.bearer(token))), c.allow)
	}
}

func TestKeysThatAreTooWeakAreRefused(t *testing.T) {
	w := newWorld(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Setenv("GODEBUG", "rsa1024min=0")
		small, err = rsa.GenerateKey(rand.Reader, 1024)
		require.NoError(t, err)
	}
	weak := func(algorithm, private string) spec.SigningKey {
		return spec.SigningKey{ID: "k", Algorithm: algorithm, Private: spec.NewSecret(private)}
	}
	ed := w.key("EdDSA")
	for _, k := range []spec.SigningKey{
		weak("HS256", ""),
		weak("HS256", base64.StdEncoding.EncodeToString([]byte("my_sign_key"))),
		weak("HS256", "not base64"),
		weak("RS256", pkcs8(t, small)),
		weak("RS256", ed.Private.Reveal()),
		weak("ES256", ed.Private.Reveal()),
		weak("EdDSA", "nonsense"),
		weak("none", ""),
		{Algorithm: "EdDSA", Private: ed.Private},
	} {
		_, err := NewTenants(&spec.Document{Keys: []spec.SigningKey{k}}, w.state)
		require.Error(t, err, k.Algorithm)
		if text := k.Private.Reveal(); text != "" {
			require.NotContains(t, err.Error(), text)
		}
	}
	_, err = NewTenants(&spec.Document{Keys: []spec.SigningKey{ed, ed}}, w.state)
	require.ErrorContains(t, err, "twice")
	_, err = NewSigningKey("none", noon)
	require.Error(t, err)
}

func pkcs8(t *testing.T, k crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestWithoutKeysNobodyPasses(t *testing.T) {
	w := newWorld(t)
	token := w.token()
	w.doc.Keys = nil
	w.apply()
	require.Equal(t, "token_invalid", reason(t, w.chain(service(withAuth)).Admit(w.bearer(token))))
	fresh := NewState(w.state.Counters, w.state.Limiters, w.state.Quotas) // before the first generation
	chain, err := NewChain(Inputs{Service: service(withAuth), State: fresh})
	require.NoError(t, err)
	require.Equal(t, "token_invalid", reason(t, chain.Admit(w.bearer(token))))
}

func TestCacheOfTokensIsBoundedAndKeepsGoodOnesFromBadOnes(t *testing.T) {
	w := newWorld(t)
	c := newTokenCache()
	v := w.state.tenants.Load().verifier
	token := w.token()
	_, err := c.verify(token, v, noon)
	require.NoError(t, err)
	for i := range 2 * maxBad * tokenShards {
		_, err := c.verify(fmt.Sprint("bad.", i), v, noon)
		require.Error(t, err)
	}
	goodOnes, bad := c.len()
	require.Equal(t, 1, goodOnes)
	require.LessOrEqual(t, bad, maxBad*tokenShards)
	s := &tokenShard{good: map[string]*verified{}}
	for i := range 3 * maxGood {
		if len(s.good) >= maxGood {
			s.makeRoom(noon)
		}
		s.good[fmt.Sprint(i)] = &verified{expires: noon.Add(time.Hour)}
	}
	require.Len(t, s.good, maxGood)
	c.sweep(noon.Add(2 * time.Hour))
	goodOnes, bad = c.len()
	require.Zero(t, goodOnes+bad)
}

func TestRememberedTokenIsNoViewOfTheWire(t *testing.T) {
	w := newWorld(t)
	chain := w.chain(service(withAuth))
	token := w.token()
	buffer := []byte("Bearer " + token)
	c := w.call("192.0.2.1", "Authorization", unsafe.String(&buffer[0], len(buffer)))
	require.NoError(t, chain.Admit(c))
	clear(buffer) // the exchange is over
	require.Equal(t, "c1", c.Credential)
	for i := range w.state.tokens.shards {
		for remembered := range w.state.tokens.shards[i].good {
			require.Equal(t, token, remembered)
		}
	}
}

func TestTokensAreVerifiedByManyAtOnce(t *testing.T) {
	w := newWorld(t)
	chain := w.chain(service(withAuth))
	tokens := []string{w.token(), w.scoped("orders"), w.scoped("billing"), "bad"}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 200 {
				_ = chain.Admit(w.bearer(tokens[i]))
				if i == 0 {
					w.state.Sweep(noon, func(string) bool { return true })
				}
			}
		})
	}
	w.doc.Tenants = append(w.doc.Tenants, spec.Tenant{AppID: "b"})
	w.apply()
	wg.Wait()
	require.NoError(t, chain.Admit(w.bearer(tokens[0])))
}

func TestHundredThousandTenantsAreCompiledQuickly(t *testing.T) {
	w := newWorld(t)
	hash := spec.HashSecret("x")
	for i := range 100_000 {
		w.doc.Tenants = append(w.doc.Tenants, spec.Tenant{
			AppID: fmt.Sprint("app_", i), AllowIPs: []string{"10.0.0.0/8"}, Limits: &spec.TenantLimits{QPS: ptr(10.0)},
			Credentials: []spec.Credential{{ID: "c", SecretHash: hash}},
		})
	}
	testenv.Within(t, 3*time.Second, func() { w.apply() })
}

func TestPublicKeysAreShownAndSecretsAreNot(t *testing.T) {
	w := newWorld(t)
	w.doc.Keys = []spec.SigningKey{w.key("EdDSA"), w.key("RS256"), w.key("ES256"), w.key("HS256")}
	w.apply()
	var set struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(w.state.tenants.Load().issue.keySet, &set))
	require.Len(t, set.Keys, 3)
	for _, k := range set.Keys {
		require.NotContains(t, k, "d")
		require.NotContains(t, k, "k")
		require.Equal(t, "sig", k["use"])
	}
}

func FuzzBearer(f *testing.F) {
	w := newWorld(f)
	v := w.state.tenants.Load().verifier
	f.Add(w.token())
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		good, err := v.verify(token, noon)
		if err == nil {
			require.Equal(t, "a", good.appID, "only what we signed passes")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	token := w.token()
	v := w.state.tenants.Load().verifier
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = w.state.tokens.verify(token, v, noon)
		}
	})
	b.Run("fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = v.verify(token, noon)
		}
	})
}
