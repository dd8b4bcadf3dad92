package dashboard

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"yumen/dao"
	"yumen/spec"
)

// firstAccount is who may do everything in a new installation.
const firstAccount = "admin"

// begin makes what a new installation lacks: somebody who may log in, and a
// key to sign tokens with.
func (s *Server) begin(ctx context.Context) error {
	if err := s.store.CheckSchema(ctx); err != nil {
		return err
	}
	if err := s.opens(ctx); err != nil {
		return err
	}
	if err := s.firstAdmin(ctx); err != nil {
		return fmt.Errorf("first admin: %w", err)
	}
	if err := s.firstKey(ctx); err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	return nil
}

// opens refuses a master key that the stored secrets were not sealed with:
// what this process would seal, nobody else could open.
func (s *Server) opens(ctx context.Context) error {
	head, err := s.store.Head(ctx)
	if err != nil {
		return err
	}
	at, err := s.store.Load(ctx, head, nil)
	if err != nil {
		return err
	}
	for _, f := range at.Faults {
		if unknown := (*spec.UnknownKeyError)(nil); errors.As(f.Err, &unknown) {
			return fmt.Errorf("master_key: %s %q is sealed with the key %s, which is not the one given; give that one, as old_master_keys if it was replaced", f.Kind, f.Name, unknown.ID)
		}
	}
	return nil
}

// system acts where nobody asked.
func system() dao.Principal { return dao.Principal{Kind: "cli", Account: "yumen", Role: "admin"} }

// firstAdmin makes the account "admin" where there is none at all, with the
// given password or one that is said once. It never changes a password.
func (s *Server) firstAdmin(ctx context.Context) error {
	admins, err := s.store.Admins(ctx)
	if err != nil || len(admins) > 0 {
		return err
	}
	password := s.cfg.AdminPassword
	made := password == ""
	if made {
		password = NewPassword()
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.store.CreateAdmin(ctx, system(), dao.Admin{Account: firstAccount, Role: "admin", PasswordHash: hash})
	if errors.Is(err, dao.ErrConflict) {
		return nil // another dashboard was faster, and said its password
	}
	if err != nil || !made {
		return err
	}
	if s.cfg.PasswordFile != "" {
		if err := writePrivate(s.cfg.PasswordFile, password+"\n"); err != nil {
			s.log.Warn("the first password is not in its file", "error", err)
		}
	}
	_, err = fmt.Fprintf(s.cfg.Notice, "\n  The console's first account is %s with the password %s\n  It is said only once; change it after logging in.\n\n", firstAccount, password)
	return err
}

// writePrivate writes a file that only its owner reads.
func writePrivate(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.Chmod(0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	return errors.Join(err, f.Close())
}

// firstKey makes a signing key of the wanted algorithm if there is none.
func (s *Server) firstKey(ctx context.Context) error {
	_, err := s.publish(ctx, system(), func(e *edit) error {
		st, _ := e.Get(settings.key(spec.SettingsName))
		wanted, _ := st.(*spec.Settings)
		if wanted == nil {
			wanted = new(spec.Settings)
		}
		return ensureKey(e, wanted, s.now())
	}, "make a signing key")
	return err
}

// ensureKey adds a signing key when the settings want an algorithm that no key
// is of.
func ensureKey(e *edit, st *spec.Settings, now time.Time) error {
	algorithm := *spec.Effective(*st, "").Token.Algorithm
	if slices.ContainsFunc(e.base.Keys, func(k spec.SigningKey) bool { return k.Algorithm == algorithm }) {
		return nil
	}
	key, err := newSigningKey(algorithm, now)
	if err != nil {
		return err
	}
	return e.put(spec.Key{Kind: spec.KindKey, Name: key.ID}, key)
}

// signers make a private key of each algorithm.
var signers = map[string]func() (crypto.PrivateKey, error){
	"EdDSA": func() (crypto.PrivateKey, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	},
	"RS256": func() (crypto.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) },
	"ES256": func() (crypto.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
	"HS256": nil, // 32 random bytes
}

func newSigningKey(algorithm string, now time.Time) (*spec.SigningKey, error) {
	k := &spec.SigningKey{ID: "k_" + strings.ToLower(rand.Text()[:16]), Algorithm: algorithm, CreatedAt: now.UTC().Truncate(time.Second)}
	make, ok := signers[algorithm]
	if !ok {
		return nil, fmt.Errorf("unknown algorithm %q", algorithm)
	}
	if make == nil {
		secret := new([32]byte)
		_, _ = rand.Read(secret[:])
		k.Private = spec.NewSecret(base64.StdEncoding.EncodeToString(secret[:]))
		return k, nil
	}
	key, err := make()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	k.Private = spec.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return k, nil
}
