package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

// Secret is a text that shows itself to nobody who does not ask by Reveal: it
// prints, logs and marshals as "***" and a fingerprint of eight hex digits, by
// which people can tell two apart.
type Secret struct {
	plain string
	form  secretForm
}

type secretForm byte

const (
	secretPlain    secretForm = iota
	secretRedacted            // came in as "***…": the one there already is to stay
	secretSealed              // plain holds the sealed text, on its way to be stored
)

// NewSecret keeps plain.
func NewSecret(plain string) Secret { return Secret{plain: plain} }

// Reveal is the secret itself; "" for one that came in redacted.
func (s Secret) Reveal() string {
	if s.form != secretPlain {
		return ""
	}
	return s.plain
}

// IsRedacted tells that somebody sent "***…" back, which keeps what is there.
func (s Secret) IsRedacted() bool { return s.form == secretRedacted }

// IsZero tells that there is none.
func (s Secret) IsZero() bool { return s == Secret{} }

const redaction = "***"

// String is the redacted form.
func (s Secret) String() string {
	if s.form != secretPlain {
		return redaction
	}
	return redaction + fingerprint(s.plain)
}

func fingerprint(text string) string {
	sum := sha256.Sum256([]byte("yumen fingerprint\x00" + text))
	return hex.EncodeToString(sum[:4])
}

// GoString is the redacted form, for %#v.
func (s Secret) GoString() string { return "spec.Secret(" + s.String() + ")" }

// Format is the redacted form for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue is the redacted form.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the redacted form. What is stored is sealed first (Encode).
func (s Secret) MarshalText() ([]byte, error) {
	if s.form == secretSealed {
		return []byte(s.plain), nil
	}
	return []byte(s.String()), nil
}

// UnmarshalText takes the secret itself, or "***…" for the one there already.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = parseSecret(string(b))
	return nil
}

func parseSecret(text string) Secret {
	if strings.HasPrefix(text, redaction) {
		return Secret{form: secretRedacted}
	}
	return NewSecret(text)
}
