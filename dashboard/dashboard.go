// Package dashboard is the admin process: the API by which operators manage
// the gateway, the console that stands on it, and the work that keeps Redis
// and the database in step.
//
// router.go shows every route with its permission, error.go every error.
package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"yumen/dao"
	"yumen/kv"
	"yumen/spec"
)

// Config is what the process settings say about the dashboard.
type Config struct {
	Console string // listen address of API and console, default 127.0.0.1:8880
	Admin   string // listen address of /healthz, /readyz and /metrics; "" for none

	PublicURL      string         // how browsers reach the console from outside; its origin is trusted
	TrustedProxies []netip.Prefix // whose X-Forwarded-For and -Proto count
	TLSCert        string         // PEM files; both or none
	TLSKey         string

	SessionIdle time.Duration // default 12 h
	SessionMax  time.Duration // default 7 days

	Ports        spec.Ports // the listen ports services may take
	GatewayHTTP  string     // where the gateway listens, for the curl lines that people copy
	GatewayHTTPS string
	Version      string
	Database     string // sqlite | mysql, shown
	Embedded     bool   // Redis is in this process

	AdminPassword string    // of the first admin; "" makes one
	PasswordFile  string    // where a made one is written, too; "" for nowhere
	Notice        io.Writer // where a made password is said once, default standard error

	RollupEvery time.Duration // default 1 m

	MetricsAllow []netip.Prefix // who beside loopback may read /metrics
	MetricsToken string         // or must send as Bearer
}

// Server is the dashboard. Run starts it.
type Server struct {
	cfg    Config
	origin string // of PublicURL
	store  *dao.Store
	kv     *kv.Store
	keys   *spec.Keyring
	log    *slog.Logger

	now      func() time.Time
	hasher   *hasher
	attempts *attempts
	document *documents
	pulse    *pulse
	metrics  *metrics
	streams  *streams

	handler http.Handler
	admin   http.Handler

	origins  *http.CrossOriginProtection
	console  console
	away     away
	offset   atomic.Int64 // of Redis's clock to ours, in nanoseconds
	rolled   rolled
	silent   atomic.Bool   // the database, when last asked
	stopping chan struct{} // closed when streams are to end
	stopOnce sync.Once

	mu         sync.Mutex
	bound      net.Listener
	adminBound net.Listener
	ready      chan struct{} // closed when all listens
}

// New checks cfg and makes a Server; nothing runs and nothing is asked of the
// stores before Run.
func New(cfg Config, store *dao.Store, cache *kv.Store, keys *spec.Keyring, web fs.FS, log *slog.Logger) (*Server, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.Console == "" {
		cfg.Console = "127.0.0.1:8880"
	}
	if cfg.SessionIdle <= 0 {
		cfg.SessionIdle = 12 * time.Hour
	}
	if cfg.SessionMax <= 0 {
		cfg.SessionMax = 7 * 24 * time.Hour
	}
	if cfg.RollupEvery <= 0 {
		cfg.RollupEvery = time.Minute
	}
	if cfg.Notice == nil {
		cfg.Notice = os.Stderr
	}
	if (cfg.TLSCert == "") != (cfg.TLSKey == "") {
		return nil, errors.New("console TLS needs both a certificate and a key")
	}
	s := &Server{
		cfg: cfg, store: store, kv: cache, keys: keys, log: log, now: time.Now,
		hasher: newHasher(), attempts: newAttempts(), metrics: newMetrics(cfg.Version), streams: newStreams(), ready: make(chan struct{}),
		stopping: make(chan struct{}), origins: http.NewCrossOriginProtection(),
	}
	if cfg.PublicURL != "" {
		u, err := url.Parse(cfg.PublicURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("public URL %q is not http(s)://host", cfg.PublicURL)
		}
		s.origin = u.Scheme + "://" + u.Host
		if err := s.origins.AddTrustedOrigin(s.origin); err != nil {
			return nil, fmt.Errorf("public URL: %w", err)
		}
	}
	if cfg.AdminPassword != "" {
		if err := checkPassword("admin", cfg.AdminPassword); err != nil {
			return nil, fmt.Errorf("password of the first admin: %w", err)
		}
	}
	files, err := loadConsole(web)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	s.console = files
	s.document = &documents{store: store, cache: dao.NewCache()}
	s.pulse = newPulse(s)
	s.metrics.watch(s)
	handler, err := s.router()
	if err != nil {
		return nil, err
	}
	s.handler, s.admin = handler, s.adminRouter()
	return s, nil
}

// Run serves until ctx ends, then lets requests finish for up to five seconds.
// The first admin and the first signing key are made before it listens.
func (s *Server) Run(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	console, err := s.listenConsole()
	if err != nil {
		return err
	}
	var admin net.Listener
	if s.cfg.Admin != "" {
		if admin, err = net.Listen("tcp", s.cfg.Admin); err != nil {
			return errors.Join(fmt.Errorf("dashboard admin port: %w", err), console.Close())
		}
		s.log.Info("dashboard admin port listens", "address", admin.Addr().String())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.serve(ctx, console, s.handler) })
	if admin != nil {
		group.Go(func() error { return s.serve(ctx, admin, s.admin) })
	}
	for _, part := range s.parts() {
		group.Go(func() error { part(ctx); return nil })
	}
	s.mu.Lock()
	s.bound, s.adminBound = console, admin
	s.mu.Unlock()
	close(s.ready)
	s.log.Info("console listens", "address", console.Addr().String(), "url", s.url())
	return group.Wait()
}

// Ready is closed once everything listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Address is where the console listens; "" before Run has bound it.
func (s *Server) Address() string { return s.address(func() net.Listener { return s.bound }) }

// AdminAddress is where the admin port listens; "" where there is none.
func (s *Server) AdminAddress() string {
	return s.address(func() net.Listener { return s.adminBound })
}

func (s *Server) address(of func() net.Listener) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := of(); l != nil {
		return l.Addr().String()
	}
	return ""
}

// Handler is the console and its API, for who serves it elsewhere.
func (s *Server) Handler() http.Handler { return s.handler }
