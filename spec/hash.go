package spec

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	hashPrefix = "hmac-sha256:"
	saltSize   = 16
)

var b64 = base64.RawURLEncoding.Strict()

// NewSecretText makes a secret of 256 random bits in base64url, the kind that
// HashSecret is meant for.
func NewSecretText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return b64.EncodeToString(b[:])
}

// HashSecret is the form in which a tenant's secret is stored:
// "hmac-sha256:<salt>:<mac>", both base64url, the MAC keyed by the salt. One
// quick pass is enough for secrets of 256 bits; passwords of people are
// hashed elsewhere, slowly.
func HashSecret(plain string) string {
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:])
	return hashWith(salt[:], plain)
}

func hashWith(salt []byte, plain string) string {
	return hashPrefix + b64.EncodeToString(salt) + ":" + b64.EncodeToString(saltedMAC(salt, plain))
}

func saltedMAC(salt []byte, plain string) []byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(plain))
	return mac.Sum(nil)
}

// VerifySecret tells whether plain is what was hashed, in constant time. A
// hash of another form and an empty secret are never right.
func VerifySecret(hash, plain string) bool {
	salt, mac, ok := splitHash(hash)
	return ok && plain != "" && hmac.Equal(mac, saltedMAC(salt, plain))
}

func splitHash(hash string) (salt, mac []byte, ok bool) {
	rest, ok := strings.CutPrefix(hash, hashPrefix)
	if !ok {
		return nil, nil, false
	}
	first, second, _ := strings.Cut(rest, ":")
	salt, err1 := b64.DecodeString(first)
	mac, err2 := b64.DecodeString(second)
	return salt, mac, err1 == nil && err2 == nil && len(salt) == saltSize && len(mac) == sha256.Size
}
