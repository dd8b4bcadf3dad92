package dashboard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// How long clients of the console may take.
const (
	headerLimit = 10 * time.Second
	readLimit   = 30 * time.Second
	idleLimit   = 2 * time.Minute
	drainLimit  = 5 * time.Second
)

// serve answers on l until ctx ends, then lets requests finish.
func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: headerLimit, ReadTimeout: readLimit, IdleTimeout: idleLimit, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("dashboard: %w", err)
	case <-ctx.Done():
	}
	s.stop()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	err := srv.Shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	_ = <-done
	return err
}

// stop tells the streams to say good-bye.
func (s *Server) stop() { s.stopOnce.Do(func() { close(s.stopping) }) }

// listenConsole opens the console's port, with TLS when a certificate is given.
func (s *Server) listenConsole() (net.Listener, error) {
	l, err := net.Listen("tcp", s.cfg.Console)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if s.cfg.TLSCert == "" {
		if host, _, err := net.SplitHostPort(s.cfg.Console); err == nil && !isLoopback(host) && !strings.HasPrefix(s.origin, "https://") {
			s.log.Warn("the console listens beyond this machine without TLS: passwords can be read on the way", "address", l.Addr().String())
		}
		return l, nil
	}
	cert := &certificate{cert: s.cfg.TLSCert, key: s.cfg.TLSKey}
	if _, err := cert.get(nil); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("console certificate: %w", err)
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: cert.get}), nil
}

// certificate is read again when its file has changed, so that a renewed one
// needs no restart.
type certificate struct {
	cert, key string

	mu     sync.Mutex
	looked time.Time
	from   time.Time
	pair   *tls.Certificate
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && time.Since(c.looked) < 10*time.Second {
		return c.pair, nil
	}
	c.looked = time.Now()
	st, err := os.Stat(c.cert)
	if err == nil && c.pair != nil && st.ModTime().Equal(c.from) {
		return c.pair, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.cert, c.key)
	}
	if err != nil {
		if c.pair != nil { // half written: the old one goes on
			return c.pair, nil
		}
		return nil, err
	}
	c.pair, c.from = &pair, st.ModTime()
	return c.pair, nil
}

// url is what people type to reach the console.
func (s *Server) url() string {
	if s.cfg.PublicURL != "" {
		return s.cfg.PublicURL
	}
	scheme := "http"
	if s.cfg.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + s.Address()
}
