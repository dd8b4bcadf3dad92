package proxyserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminServer answers /healthz, /readyz and /metrics on a port of its own.
type adminServer struct {
	listener net.Listener // nil without one
	http     *http.Server
	log      *slog.Logger
}

// openAdmin binds the admin listener.
func (s *Server) openAdmin() (*adminServer, error) {
	a := &adminServer{log: s.log}
	if s.conf.Admin == "" {
		return a, nil
	}
	l, err := net.Listen("tcp", s.conf.Admin)
	if err != nil {
		return a, fmt.Errorf("admin: %w", err)
	}
	a.listener = l
	a.http = &http.Server{
		Handler: s.adminRoutes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.setBound("admin", l.Addr())
	s.log.Info("listening", "listener", "admin", "address", l.Addr().String())
	return a, nil
}

func (a *adminServer) serve() {
	if a.http == nil {
		return
	}
	if err := a.http.Serve(a.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		a.log.Error("the admin listener ended", "error", err)
	}
}

func (a *adminServer) shut() {
	if a.http == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if a.http.Shutdown(ctx) != nil {
		_ = a.http.Close()
	}
	_ = a.listener.Close() // in case it never served
}

func (s *Server) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok", "") })
	mux.HandleFunc("GET /readyz", s.readyz)
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{s})
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)})
	mux.Handle("GET /metrics", s.mayRead(metrics))
	if s.conf.Pprof {
		mux.Handle("/debug/pprof/", loopbackOnly(http.HandlerFunc(pprof.Index)))
		mux.Handle("/debug/pprof/profile", loopbackOnly(http.HandlerFunc(pprof.Profile)))
		mux.Handle("/debug/pprof/trace", loopbackOnly(http.HandlerFunc(pprof.Trace)))
		mux.Handle("/debug/pprof/symbol", loopbackOnly(http.HandlerFunc(pprof.Symbol)))
		mux.Handle("/debug/pprof/cmdline", loopbackOnly(http.HandlerFunc(pprof.Cmdline)))
	}
	return mux
}

// readyz says whether traffic should come here, and if not, what is missing.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	waiting := s.waiting
	s.mu.Unlock()
	switch {
	case s.stopping.Load():
		say(w, http.StatusServiceUnavailable, "draining", "")
	case s.gen.Load() == nil:
		say(w, http.StatusServiceUnavailable, "waiting", waiting)
	default:
		say(w, http.StatusOK, "ready", "")
	}
}

func say(w http.ResponseWriter, status int, state, waitingFor string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Status     string `json:"status"`
		WaitingFor string `json:"waiting_for,omitempty"`
	}{state, waitingFor})
}

// mayRead lets loopback in, and from beyond it those who were named or bring
// the token.
func (s *Server) mayRead(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := remote(r)
		allowed := peer.IsLoopback()
		for _, p := range s.conf.MetricsAllow {
			allowed = allowed || p.Contains(peer)
		}
		if allowed || s.hasToken(r) {
			next.ServeHTTP(w, r)
			return
		}
		if s.conf.MetricsToken != "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "a token is needed", http.StatusUnauthorized)
			return
		}
		http.Error(w, "only from loopback", http.StatusForbidden)
	})
}

func (s *Server) hasToken(r *http.Request) bool {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if s.conf.MetricsToken == "" || !ok || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	have, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.conf.MetricsToken))
	return subtle.ConstantTimeCompare(have[:], want[:]) == 1
}

func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !remote(r).IsLoopback() {
			http.Error(w, "only from loopback", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// remote is who connected. There is no proxy before this port whose word
// would count.
func remote(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}
