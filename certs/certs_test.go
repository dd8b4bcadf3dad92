package certs

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handshake connects to a listener with config and returns what was agreed.
func handshake(t *testing.T, server *tls.Config, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer b.Close()
		_ = tls.Server(b, server).Handshake()
	}()
	client.InsecureSkipVerify = true
	c := tls.Client(a, client)
	err := c.Handshake()
	a.Close()
	<-done
	return c.ConnectionState(), err
}

func selfSigned(t *testing.T) Pair {
	t.Helper()
	p, err := SelfSigned(t.TempDir())
	require.NoError(t, err)
	return p
}

func serial(s tls.ConnectionState) string { return s.PeerCertificates[0].SerialNumber.String() }

func TestSelfMadeCertificateIsKeptPrivateAndMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	p, err := SelfSigned(dir)
	require.NoError(t, err)
	for _, name := range []string{p.Cert, p.Key} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	before, _ := os.ReadFile(p.Cert)
	again, err := SelfSigned(dir)
	require.NoError(t, err)
	require.Equal(t, p, again)
	after, _ := os.ReadFile(p.Cert)
	require.Equal(t, before, after)
	require.NoError(t, os.WriteFile(p.Key, []byte("torn"), 0o600))
	_, err = SelfSigned(dir)
	require.NoError(t, err)
	_, err = Load(p)
	require.NoError(t, err, "a torn one is made anew")
}

func TestSelfMadeCertificateIsRenewedBeforeItExpires(t *testing.T) {
	dir := t.TempDir()
	p, err := SelfSigned(dir)
	require.NoError(t, err)
	cert, key, err := selfSign(time.Now().Add(-validity + renewal/2))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(p.Cert, cert, 0o600))
	require.NoError(t, os.WriteFile(p.Key, key, 0o600))
	_, err = SelfSigned(dir)
	require.NoError(t, err)
	renewed, _ := os.ReadFile(p.Cert)
	require.NotEqual(t, cert, renewed)
}

func TestOldTLSIsRefusedAndHTTP2Offered(t *testing.T) {
	s, err := Load(selfSigned(t))
	require.NoError(t, err)
	_, err = handshake(t, s.Config(), &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	require.Error(t, err)
	for _, offered := range []string{"h2", "http/1.1"} {
		state, err := handshake(t, s.Config(), &tls.Config{NextProtos: []string{offered}})
		require.NoError(t, err)
		require.Equal(t, offered, state.NegotiatedProtocol)
	}
}

func TestCertificateIsReloadedWithoutARestart(t *testing.T) {
	p, other := selfSigned(t), selfSigned(t)
	s, err := Load(p)
	require.NoError(t, err)
	config := s.Config()
	before, err := handshake(t, config, &tls.Config{})
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(p.Key, []byte("broken"), 0o600))
	require.Error(t, s.Reload())
	still, err := handshake(t, config, &tls.Config{})
	require.NoError(t, err)
	require.Equal(t, serial(before), serial(still), "a broken file changes nothing")

	require.NoError(t, os.Rename(other.Cert, p.Cert))
	require.NoError(t, os.Rename(other.Key, p.Key))
	require.NoError(t, s.Reload())
	after, err := handshake(t, config, &tls.Config{})
	require.NoError(t, err)
	require.NotEqual(t, serial(before), serial(after))
}

func TestNameChoosesTheCertificateAndTheFirstIsForTheRest(t *testing.T) {
	first, second := selfSigned(t), selfSigned(t)
	s, err := Load(first, second)
	require.NoError(t, err)
	only, err := Load(first)
	require.NoError(t, err)
	want, err := handshake(t, only.Config(), &tls.Config{})
	require.NoError(t, err)
	for _, name := range []string{"", "unknown.example.com", "localhost"} {
		got, err := handshake(t, s.Config(), &tls.Config{ServerName: name})
		require.NoError(t, err)
		require.Equal(t, serial(want), serial(got), name)
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	_, err := Load(Pair{Cert: "/nowhere/a.crt", Key: "/nowhere/a.key"})
	require.ErrorContains(t, err, "/nowhere/a.crt")
	_, err = Load()
	require.Error(t, err)
}
