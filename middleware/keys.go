package middleware

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yumen/spec"
)

// algorithms are the ones we sign and verify with.
var algorithms = map[string]jwt.SigningMethod{
	"EdDSA": jwt.SigningMethodEdDSA,
	"RS256": jwt.SigningMethodRS256,
	"ES256": jwt.SigningMethodES256,
	"HS256": jwt.SigningMethodHS256,
}

// minSecret is the shortest HS256 secret, in bytes: as long as its hash.
const minSecret = 32

// key is a signing key, ready for use. It is good for its own algorithm only.
type key struct {
	id      string
	method  jwt.SigningMethod
	created time.Time
	private any
	public  any
}

func newKey(k *spec.SigningKey) (*key, error) {
	made := &key{id: k.ID, method: algorithms[k.Algorithm], created: k.CreatedAt}
	var err error
	switch {
	case made.method == nil:
		err = errors.New("unknown algorithm")
	case k.ID == "":
		err = errors.New("no id")
	case k.Algorithm == "HS256":
		var secret []byte
		if secret, err = base64.StdEncoding.DecodeString(k.Private.Reveal()); err == nil && len(secret) < minSecret {
			err = fmt.Errorf("shorter than %d bytes", minSecret)
		}
		made.private, made.public = secret, secret
	default:
		err = made.parse(k.Private.Reveal(), k.Algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("signing key %q (%s): %w", k.ID, k.Algorithm, err)
	}
	return made, nil
}

func (k *key) parse(text, algorithm string) error {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return errors.New("no PEM")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return errors.New("no PKCS #8 private key") // the cause might quote it
	}
	switch p := private.(type) {
	case ed25519.PrivateKey:
		k.private, k.public = p, p.Public()
		if algorithm == "EdDSA" {
			return nil
		}
	case *rsa.PrivateKey:
		k.private, k.public = p, &p.PublicKey
		if algorithm == "RS256" && p.N.BitLen() >= 2048 {
			return nil
		}
	case *ecdsa.PrivateKey:
		k.private, k.public = p, &p.PublicKey
		if algorithm == "ES256" && p.Curve == elliptic.P256() {
			return nil
		}
	}
	return errors.New("the key is not one for this algorithm")
}

// NewSigningKey makes a key: EdDSA, RS256, ES256 or HS256.
func NewSigningKey(algorithm string, now time.Time) (spec.SigningKey, error) {
	made := spec.SigningKey{ID: "k_" + strings.ToLower(rand.Text()[:16]), Algorithm: algorithm, CreatedAt: now.UTC().Truncate(time.Second)}
	var private crypto.PrivateKey
	var err error
	switch algorithm {
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "HS256":
		var secret [minSecret]byte
		_, _ = rand.Read(secret[:]) // never fails, see crypto/rand
		made.Private = spec.NewSecret(base64.StdEncoding.EncodeToString(secret[:]))
		return made, nil
	default:
		return spec.SigningKey{}, fmt.Errorf("unknown signing algorithm %q", algorithm)
	}
	if err != nil {
		return spec.SigningKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return spec.SigningKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	made.Private = spec.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return made, nil
}

// jwk is a public key as RFC 7517 writes it.
type jwk struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
}

// keySet is the JWKS of keys: the public ones of those that have one.
func keySet(keys []*key) []byte {
	b64 := base64.RawURLEncoding.EncodeToString
	set := struct {
		Keys []jwk `json:"keys"`
	}{[]jwk{}}
	for _, k := range keys {
		j := jwk{Kid: k.id, Alg: k.method.Alg(), Use: "sig"}
		switch p := k.public.(type) {
		case ed25519.PublicKey:
			j.Kty, j.Crv, j.X = "OKP", "Ed25519", b64(p)
		case *rsa.PublicKey:
			j.Kty, j.N, j.E = "RSA", b64(p.N.Bytes()), b64(big.NewInt(int64(p.E)).Bytes())
		case *ecdsa.PublicKey:
			point, err := p.Bytes() // 4, X, Y
			if err != nil {
				continue
			}
			half := (len(point) - 1) / 2
			j.Kty, j.Crv, j.X, j.Y = "EC", "P-256", b64(point[1:1+half]), b64(point[1+half:])
		default:
			continue // HS256 has no public key
		}
		set.Keys = append(set.Keys, j)
	}
	b, _ := json.Marshal(set) // strings only
	return b
}

// fingerprint tells whether keys and settings are the same as before.
func fingerprint(keys []spec.SigningKey, issuer, audience string) [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", issuer, audience)
	for i := range keys {
		k := &keys[i]
		fmt.Fprintf(h, " %q %q %q %d", k.ID, k.Algorithm, k.Private.Reveal(), k.CreatedAt.UnixNano())
	}
	return [32]byte(h.Sum(nil))
}
