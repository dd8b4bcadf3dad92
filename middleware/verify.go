package middleware

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yumen/spec"
)

const (
	// leeway is for the clocks of others.
	leeway = 30 * time.Second
	// maxToken bounds what is looked at before its signature is known.
	maxToken = 4096
)

// verifier judges tokens by the keys and settings of one configuration.
type verifier struct {
	print    [32]byte
	byID     map[string]*key
	keys     []*key // newest first
	methods  []string
	issuer   string
	audience string
}

// claims are what our tokens say.
type claims struct {
	jwt.RegisteredClaims
	Credential string `json:"cid"`
	Scope      string `json:"scope,omitempty"`
}

// verified is a token found good.
type verified struct {
	by         *verifier
	appID      string
	credential string
	scope      []string // nil for all services
	expires    time.Time
}

// newVerifier returns old if nothing changed: what it verified stays verified.
func newVerifier(keys []spec.SigningKey, s *spec.TokenSettings, old *verifier) (*verifier, error) {
	v := &verifier{
		print: fingerprint(keys, *s.Issuer, *s.Audience),
		byID:  make(map[string]*key, len(keys)), issuer: *s.Issuer, audience: *s.Audience,
	}
	if old != nil && old.print == v.print {
		return old, nil
	}
	methods := map[string]bool{}
	for i := range keys {
		k, err := newKey(&keys[i])
		if err != nil {
			return nil, err
		}
		if v.byID[k.id] != nil {
			return nil, fmt.Errorf("signing key %q is there twice", k.id)
		}
		v.byID[k.id] = k
		v.keys = append(v.keys, k)
		methods[k.method.Alg()] = true
	}
	slices.SortStableFunc(v.keys, func(a, b *key) int { return b.created.Compare(a.created) })
	v.methods = slices.Sorted(maps.Keys(methods))
	return v, nil
}

// signer is the newest key of an algorithm; nil when there is none.
func (v *verifier) signer(algorithm string) *key {
	for _, k := range v.keys {
		if k.method.Alg() == algorithm {
			return k
		}
	}
	return nil
}

// verify judges a token from scratch. The error is a *Denied.
func (v *verifier) verify(token string, now time.Time) (*verified, error) {
	if v == nil || len(v.methods) == 0 {
		return nil, denyToken(errors.New("there are no keys"))
	}
	var c claims
	_, err := jwt.NewParser(
		jwt.WithValidMethods(v.methods),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithIssuer(v.issuer),
		jwt.WithAudience(v.audience),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	).ParseWithClaims(token, &c, v.key)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, deniedExpired
	case err != nil:
		return nil, denyToken(err)
	case c.Subject == "" || c.Credential == "":
		return nil, denyToken(errors.New("it names no tenant or credential"))
	}
	good := &verified{by: v, appID: c.Subject, credential: c.Credential, expires: c.ExpiresAt.Time}
	if c.Scope != "" {
		good.scope = strings.Fields(c.Scope)
	}
	return good, nil
}

// key is the one a token names, if it is one for the token's algorithm. Fields
// that would bring keys along, or that we would have to understand, are
// refused: nobody but us makes these tokens.
func (v *verifier) key(t *jwt.Token) (any, error) {
	for field := range t.Header {
		if field != "alg" && field != "typ" && field != "kid" {
			return nil, fmt.Errorf("header field %q", field)
		}
	}
	id, _ := t.Header["kid"].(string)
	k := v.byID[id]
	if k == nil {
		return nil, errors.New("unknown kid")
	}
	if k.method.Alg() != t.Method.Alg() {
		return nil, errors.New("the key is for another algorithm")
	}
	return k.public, nil
}

func denyToken(err error) *Denied {
	d := *deniedToken
	d.Err = err
	return &d
}
