package dashboard

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
)

// Passwords of people have this many characters.
const (
	minPassword = 12
	maxPassword = 256
)

// Argon2id with what OWASP advises for servers: 19 MiB, two passes.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

// checkPassword tells whether somebody may have that password.
func checkPassword(account, password string) error {
	n := utf8.RuneCountInString(password)
	if !utf8.ValidString(password) || n < minPassword || n > maxPassword || strings.EqualFold(account, password) ||
		strings.ContainsFunc(password, unicode.IsControl) {
		return refuse("weak_password", "min", minPassword, "max", maxPassword)
	}
	return nil
}

// HashPassword checks a person's password and hashes it for the database.
func HashPassword(account, password string) (string, error) {
	if err := checkPassword(account, password); err != nil {
		return "", err
	}
	return hashPassword(password), nil
}

// NewPassword makes one of 128 random bits, to be typed once.
func NewPassword() string {
	text := rand.Text() // 26 letters and digits
	var groups []string
	for len(text) > 6 {
		groups, text = append(groups, text[:6]), text[6:]
	}
	return strings.ToLower(strings.Join(append(groups, text), "-"))
}

var phc = base64.RawStdEncoding.Strict()

func hashPassword(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, phc.EncodeToString(salt), phc.EncodeToString(key))
}

func verifyPassword(hash, password string) (bool, error) {
	var version int
	var memory, passes uint32
	var threads uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, errors.New("password hash is not argon2id")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errors.New("password hash: unknown version")
	}
	// The bounds keep a planted row from taking the memory of the machine.
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil ||
		memory > 1<<16 || passes == 0 || passes > 8 || threads == 0 || threads > 16 {
		return false, errors.New("password hash: bad parameters")
	}
	salt, err1 := phc.DecodeString(parts[4])
	want, err2 := phc.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) < 16 || len(want) > 64 {
		return false, errors.New("password hash is torn")
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// hasher lets only a few passwords be hashed at a time: each takes 19 MiB and
// a processor for a while.
type hasher struct {
	slots *semaphore.Weighted
	dummy string // verified for accounts that are not there, so that it takes as long
}

func newHasher() *hasher {
	return &hasher{slots: semaphore.NewWeighted(2), dummy: hashPassword(NewPassword())}
}

// verify tells whether password is what was hashed; hash "" stands for nobody.
func (h *hasher) verify(ctx context.Context, hash, password string) (bool, error) {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer h.slots.Release(1)
	if utf8.RuneCountInString(password) > maxPassword {
		password = "" // nobody has it, and it takes as long
	}
	if hash == "" {
		_, err := verifyPassword(h.dummy, password)
		return false, err
	}
	return verifyPassword(hash, password)
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer h.slots.Release(1)
	return hashPassword(password), nil
}
