package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	validity = 365 * 24 * time.Hour
	renewal  = 30 * 24 * time.Hour // before it expires
)

// SelfSigned returns a certificate of our own making in dir, for when nobody
// gave one: the one made there earlier, while it is good for another month.
// Nobody trusts it; it is for a first try.
func SelfSigned(dir string) (Pair, error) {
	p := Pair{Cert: filepath.Join(dir, "self-signed.crt"), Key: filepath.Join(dir, "self-signed.key")}
	if c, err := tls.LoadX509KeyPair(p.Cert, p.Key); err == nil && time.Until(c.Leaf.NotAfter) > renewal {
		return p, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Pair{}, fmt.Errorf("self-signed certificate: %w", err)
	}
	cert, key, err := selfSign(time.Now())
	if err != nil {
		return Pair{}, fmt.Errorf("self-signed certificate: %w", err)
	}
	for name, content := range map[string][]byte{p.Cert: cert, p.Key: key} {
		if err := replace(name, content); err != nil {
			return Pair{}, fmt.Errorf("self-signed certificate: %w", err)
		}
	}
	return p, nil
}

func selfSign(now time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "" && host != "localhost" {
		names = append(names, host)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Yumen, self-signed"},
		DNSNames:     names,
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-time.Hour), // for clocks that are behind
		NotAfter:     now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// replace writes a file that only its owner may read, whole or not at all.
func replace(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // made 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
