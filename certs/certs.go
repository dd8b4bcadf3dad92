// Package certs answers "who are we?": the certificates of our listeners.
package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
)

// Pair is the files of one certificate: the chain and the key, in PEM.
type Pair struct{ Cert, Key string }

// Store holds certificates loaded from files. It chooses by the name a client
// asks for; the first is for names that none of them covers.
type Store struct {
	pairs   []Pair
	current atomic.Pointer[[]*tls.Certificate]
}

// Load reads pairs, at least one.
func Load(pairs ...Pair) (*Store, error) {
	if len(pairs) == 0 {
		return nil, errors.New("no certificate given")
	}
	s := &Store{pairs: pairs}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the files again. If one of them is broken, all stays as it was.
// New connections see the new certificates; old ones go on.
func (s *Store) Reload() error {
	var all []*tls.Certificate
	for _, p := range s.pairs {
		c, err := tls.LoadX509KeyPair(p.Cert, p.Key)
		if err != nil {
			return fmt.Errorf("certificate %s with key %s: %w", p.Cert, p.Key, err)
		}
		all = append(all, &c)
	}
	s.current.Store(&all)
	return nil
}

// Config is for listeners: TLS 1.2 or newer, HTTP/2 and HTTP/1.1.
func (s *Store) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: s.choose,
	}
}

func (s *Store) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	all := *s.current.Load()
	if hello.ServerName != "" {
		for _, c := range all {
			if c.Leaf.VerifyHostname(hello.ServerName) == nil {
				return c, nil
			}
		}
	}
	return all[0], nil
}
