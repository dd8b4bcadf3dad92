// Package certs answers "who are we?": the certificates of our listeners.
package certs

import "crypto/tls"

// Pair is the files of one certificate: PEM chain and key.
type Pair struct{ Cert, Key string }

// Store holds certificates loaded from files, chosen by SNI; the first is for
// names none of them covers.
type Store struct{}

// Load reads the pairs.
func Load(pairs ...Pair) (*Store, error) { panic("surface") }

// Reload reads the files again and keeps what it had if one is broken.
func (s *Store) Reload() error { panic("surface") }

// Config is for listeners: TLS 1.2 and newer, HTTP/2 and HTTP/1.1. It follows
// Reload without a restart.
func (s *Store) Config() *tls.Config { panic("surface") }

// SelfSigned makes a certificate in dir, or finds the one it made there.
func SelfSigned(dir string) (Pair, error) { panic("surface") }
