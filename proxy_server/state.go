package proxyserver

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"yumen/generation"
	"yumen/middleware"
	"yumen/spec"
)

// openState takes the state directory for this process alone. In file mode
// without a master key it makes one there: what is kept is sealed all the
// same.
func (s *Server) openState() error {
	dir := s.conf.State
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return fmt.Errorf("state directory %s: another process uses it", dir)
	}
	s.lock = lock
	if s.ring == nil && s.conf.Document != "" {
		if s.ring, err = ownKey(filepath.Join(dir, "master.key")); err != nil {
			s.closeState()
			return fmt.Errorf("state directory: %w", err)
		}
	}
	s.good = &lastGood{path: filepath.Join(dir, "last-good.json"), ring: s.ring}
	s.spool = &spool{dir: filepath.Join(dir, "spool")}
	return nil
}

func (s *Server) closeState() {
	if s.lock != nil {
		s.lock.Close()
	}
}

// ownKey reads the master key of a state directory, made at first.
func ownKey(path string) (*spec.Keyring, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(spec.GenerateMasterKey() + "\n")
		err = writeFile(path, text)
	}
	if err != nil {
		return nil, err
	}
	key, err := spec.ParseMasterKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	id := spec.KeyID(key)
	return spec.NewKeyring(id, map[string][]byte{id: key})
}

// saveGood keeps on disk what runs, when it is another than what is there.
func (s *Server) saveGood(g *generation.Generation) {
	if s.good == nil || s.saved != nil && maps.Equal(s.saved, g.Digests) && s.savedHead == g.Head {
		return
	}
	left, err := s.good.save(g.Head, g.Document, g.Digests)
	if err != nil {
		s.log.Error("cannot keep the configuration on disk", "error", err)
		return
	}
	if len(left) > 0 {
		s.log.Warn("kept on disk without its signing keys: no master key is given", "keys", len(left))
	}
	s.saved, s.savedHead = g.Digests, g.Head
}

// signingKey is what file mode signs tokens with: the one used before, or a
// new one, of the algorithm the document asks for. With a state directory it
// outlives the process.
func (s *Server) signingKey(d *spec.Document) (spec.SigningKey, error) {
	settings := spec.Settings{}
	if d.Settings != nil {
		settings = *d.Settings
	}
	algorithm := *spec.Effective(settings, "").Token.Algorithm
	var have []spec.SigningKey
	if g := s.gen.Load(); g != nil {
		have = g.Document.Keys
	} else if s.good != nil {
		if src, err := s.good.load(); err == nil && src != nil {
			have = src.Document.Keys
		}
	}
	for _, k := range have {
		if k.Algorithm == algorithm {
			return k, nil
		}
	}
	k, err := middleware.NewSigningKey(algorithm, time.Now())
	if err != nil {
		return k, fmt.Errorf("signing key: %w", err)
	}
	return k, nil
}
