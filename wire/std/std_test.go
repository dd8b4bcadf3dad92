package std

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"yumen/message"
	"yumen/message/messagetest"
	"yumen/wire/rawtest"
)

func TestMain(m *testing.M) {
	Poison = true
	// It ends by itself after half a second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// certificate is of 127.0.0.1, self-made.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// server serves handle on a loopback port till the test ends.
func server(t testing.TB, limits Limits, secure bool, handle func(*message.Exchange)) (s *Server, address string) {
	t.Helper()
	var conf *tls.Config
	if secure {
		conf = &tls.Config{Certificates: []tls.Certificate{certificate()}}
	}
	s = NewServer(handle, func() Limits { return limits }, conf, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		require.NoError(t, <-done)
	})
	return s, l.Addr().String()
}

// transport is gone when the test ends.
func transport(t testing.TB) *Transport {
	tr := NewTransport(new(net.Dialer).DialContext)
	t.Cleanup(func() { tr.CloseIdle(nil) })
	return tr
}

func target(address, scheme string) *message.Target {
	to := &message.Target{Address: address, Scheme: scheme, Digest: scheme + " " + address, Connect: time.Second, MaxIdle: 8, BodyIdle: time.Minute, StreamIdle: time.Minute}
	if scheme == "https" || scheme == "h2" {
		to.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // its own certificate
	}
	return to
}

func wire(scheme string) messagetest.New {
	return func(t testing.TB, handle func(*message.Exchange)) messagetest.Wire {
		_, address := server(t, Limits{Header: time.Minute, Idle: time.Minute, BodyIdle: time.Minute}, scheme == "https" || scheme == "h2", handle)
		h2 := scheme == "h2" || scheme == "h2c"
		return messagetest.Wire{Back: transport(t), Target: target(address, scheme), NoUpgrade: h2}
	}
}

func TestHTTP1Conforms(t *testing.T)        { messagetest.Conformance(t, wire("http")) }
func TestHTTP1OverTLSConforms(t *testing.T) { messagetest.Conformance(t, wire("https")) }
func TestH2CConforms(t *testing.T)          { messagetest.Conformance(t, wire("h2c")) }
func TestHTTP2OverTLSConforms(t *testing.T) { messagetest.Conformance(t, wire("h2")) }

func TestStandardTargetSideConformsWithRawServer(t *testing.T) {
	messagetest.Conformance(t, func(t testing.TB, handle func(*message.Exchange)) messagetest.Wire {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s := rawtest.Serve(l, handle)
		t.Cleanup(s.Close)
		return messagetest.Wire{Back: transport(t), Target: target(l.Addr().String(), "http")}
	})
}

func TestStandardServerConformsWithRawClient(t *testing.T) {
	messagetest.Conformance(t, func(t testing.TB, handle func(*message.Exchange)) messagetest.Wire {
		_, address := server(t, Limits{Header: time.Minute, Idle: time.Minute, BodyIdle: time.Minute}, false, handle)
		b := new(rawtest.Back)
		t.Cleanup(b.Wait)
		return messagetest.Wire{Back: b, Target: target(address, "http")}
	})
}
