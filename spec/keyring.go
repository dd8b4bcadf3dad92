package spec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

const sealPrefix = "enc:v1:"

// ErrNoKey is what storing or reading a secret without a keyring gives.
var ErrNoKey = errors.New("no master key: set YUMEN_MASTER_KEY or YUMEN_MASTER_KEY_FILE")

// UnknownKeyError says that a secret was sealed with a key that is not there.
type UnknownKeyError struct{ ID string }

// Error names the key.
func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("sealed with master key %s, which is not given", e.ID)
}

// Keyring seals secrets with its primary key and opens what any of its keys
// sealed. A nil one can do neither.
type Keyring struct {
	primary string
	keys    map[string]sealer
}

type sealer struct {
	aead  cipher.AEAD
	nonce []byte // the key that nonces are derived with
}

// NewKeyring takes 32-byte keys by their IDs (see KeyID).
func NewKeyring(primaryID string, keys map[string][]byte) (*Keyring, error) {
	r := &Keyring{primary: primaryID, keys: map[string]sealer{}}
	for id, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("master key %s has %d bytes, not %d", id, len(key), KeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		r.keys[id] = sealer{aead: aead, nonce: mac(key, "yumen nonce")}
	}
	if _, ok := r.keys[primaryID]; !ok {
		return nil, fmt.Errorf("the primary master key %s is not given", primaryID)
	}
	return r, nil
}

// PrimaryID names the key that seals.
func (r *Keyring) PrimaryID() string {
	if r == nil {
		return ""
	}
	return r.primary
}

// IDs names all keys, sorted.
func (r *Keyring) IDs() []string {
	if r == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(r.keys))
}

// KeyID names a key by eight hex digits that tell nothing about it.
func KeyID(key []byte) string { return hex.EncodeToString(mac(key, "yumen key id")[:4]) }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// GenerateMasterKey makes a random key in the text form of ParseMasterKey.
func GenerateMasterKey() string {
	var key [KeySize]byte
	_, _ = rand.Read(key[:])
	return base64.StdEncoding.EncodeToString(key[:])
}

// ParseMasterKey reads 32 bytes in base64 (either alphabet, padded or not) or
// hex, with white space around them.
func ParseMasterKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if key, err := hex.DecodeString(text); err == nil && len(key) == KeySize {
		return key, nil
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	if key, err := base64.RawStdEncoding.DecodeString(plain); err == nil && len(key) == KeySize {
		return key, nil
	}
	return nil, fmt.Errorf("a master key is %d bytes in base64 or hex", KeySize)
}

// Seal encrypts plain for one place, named by context: nothing sealed for one
// place opens in another. The same text at the same place seals to the same
// bytes, so that what did not change keeps its digest; the nonce is a MAC of
// place and text for that.
func (r *Keyring) Seal(plain, context string) (string, error) {
	if r == nil {
		return "", ErrNoKey
	}
	s := r.keys[r.primary]
	nonce := mac(s.nonce, context+"\x00"+plain)[:s.aead.NonceSize()]
	sealed := s.aead.Seal(nonce, nonce, []byte(plain), []byte(context))
	return sealPrefix + r.primary + ":" + b64.EncodeToString(sealed), nil
}

// Open decrypts what Seal made for the same context. The error is ErrNoKey,
// an *UnknownKeyError, or says that the text is torn or forged.
func (r *Keyring) Open(text, context string) (string, error) {
	rest, ok := strings.CutPrefix(text, sealPrefix)
	if !ok {
		return "", errors.New("not a sealed secret")
	}
	if r == nil {
		return "", ErrNoKey
	}
	id, body, _ := strings.Cut(rest, ":")
	s, ok := r.keys[id]
	if !ok {
		return "", &UnknownKeyError{ID: clip(id)}
	}
	sealed, err := b64.DecodeString(body)
	if err != nil || len(sealed) < s.aead.NonceSize() {
		return "", errors.New("sealed secret is torn")
	}
	nonce, sealed := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, sealed, []byte(context))
	if err != nil {
		return "", fmt.Errorf("sealed secret does not open with master key %s", id)
	}
	return string(plain), nil
}
