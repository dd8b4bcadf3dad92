// Package proxyserver is the data-plane process: listeners, watching what is
// wanted, applying it, and saying how it goes. It carries traffic by the last
// good generation whatever happens to the stores.
package proxyserver

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yumen/certs"
	"yumen/dao"
	"yumen/flow"
	"yumen/generation"
	"yumen/kv"
	"yumen/middleware"
	"yumen/spec"
	"yumen/upstream"
	"yumen/wire/std"
)

// Config says how a proxy process runs.
type Config struct {
	Name    string // of the node, for people; the host name when empty
	Version string

	HTTP  string // listen address of HTTP/1.1 and h2c; "" for none
	HTTPS string // listen address of HTTP/1.1 and h2 over TLS; "" for none
	Admin string // listen address of /healthz, /readyz, /metrics; "" for none
	Bind  string // address the ports of services are opened on

	ListenPorts [2]int         // the first and last port services may have
	Taken       map[int]string // ports they may not have: what else this host's gateway listens on

	State    string // directory of last good state and spool; "" keeps nothing
	Document string // file mode: the YAML or JSON file; "" for the stores

	TLSCert, TLSKey string // files; a self-made certificate when both are empty

	Deny     []netip.Prefix   // never dialled for a document
	DenyAddr []netip.AddrPort // likewise: the process's own console, admin, database, Redis

	AccessLog io.Writer // nil for none

	MetricsToken string         // opens /metrics beyond loopback by Bearer
	MetricsAllow []netip.Prefix // opens /metrics to addresses beyond loopback
	Pprof        bool           // /debug/pprof on the admin listener, for loopback only

	DrainDelay time.Duration // from SIGTERM till listeners close; 5 s when 0, none when negative
	DrainLimit time.Duration // from then till what still runs is cut; 30 s when 0
}

// Server is one proxy process.
type Server struct {
	conf        Config
	log         *slog.Logger
	db          *dao.Store
	redis       *kv.Store
	ring        *spec.Keyring
	incarnation string
	started     time.Time
	ports       spec.Ports
	clock       clock

	// What outlives generations.
	counters *flow.Counters
	quotas   *flow.Quotas
	dialer   *upstream.Dialer
	nodes    *upstream.Registry
	live     *middleware.Live
	back     *std.Transport
	kept     generation.Kept

	gen    atomic.Pointer[generation.Generation]
	access *accessLog
	good   *lastGood // nil without a state directory
	spool  *spool    // likewise
	lock   *os.File  // likewise: of the state directory
	admin  *adminServer
	shared []*port       // http, https
	reload chan struct{} // SIGHUP
	ack    chan struct{} // asks for a heartbeat now

	working  sync.WaitGroup // serving listeners
	streams  sync.WaitGroup // TCP connections
	ended    atomic.Uint64  // requests and connections
	panics   atomic.Uint64
	rate     gauge       // of them in a second
	cpu      gauge       // percent of one processor
	stopping atomic.Bool // no longer ready
	closing  atomic.Bool // no longer accepting

	closedPanics, closedTroubles atomic.Uint64 // of ports that are no more

	// Of the goroutine that applies.
	own       map[uint16]*port
	fresh     []*port             // bound and not accepting yet
	saved     map[spec.Key]string // digests on disk
	savedHead generation.Head

	mu        sync.Mutex
	certs     *certs.Store // nil for a self-made certificate
	bound     map[string]net.Addr
	appliedAt time.Time
	knownAt   time.Time              // when what runs was last known to be what is wanted
	waiting   string                 // for what, while nothing runs
	trouble   string                 // why the wanted document is not what runs
	gone      map[string]goneService // by name
}

// New makes a server from its settings and stores. In file mode both stores
// may be nil; counters then stay in the process.
func New(c Config, db *dao.Store, redis *kv.Store, ring *spec.Keyring, log *slog.Logger) (*Server, error) {
	if c.Document == "" && db == nil {
		return nil, errors.New("neither a document nor a database")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if c.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("name of this node: %w", err)
		}
		c.Name = name
	}
	if c.Bind == "" {
		c.Bind = "127.0.0.1"
	}
	if c.DrainDelay == 0 {
		c.DrainDelay = 5 * time.Second
	}
	if c.DrainLimit == 0 {
		c.DrainLimit = 30 * time.Second
	}
	if c.Document != "" {
		path, err := filepath.Abs(c.Document)
		if err != nil {
			return nil, err
		}
		c.Document, db = path, nil
	}
	s := &Server{
		conf: c, log: log, db: db, redis: redis, ring: ring, started: time.Now(), incarnation: strings.ToLower(rand.Text()[:16]),
		ports:  spec.Ports{Min: c.ListenPorts[0], Max: c.ListenPorts[1], Taken: taken(c)},
		access: newAccessLog(c.AccessLog), reload: make(chan struct{}, 1), ack: make(chan struct{}, 1),
		waiting: "the configuration", own: map[uint16]*port{}, bound: map[string]net.Addr{}, gone: map[string]goneService{},
	}
	if err := s.openState(); err != nil {
		return nil, err
	}
	dialer := upstream.NewDialer(c.Deny...)
	dialer.DenyAddrs = slices.Clone(c.DenyAddr)
	dialer.Own = s.doors
	s.dialer = dialer
	s.counters = flow.NewCounters(c.Name, time.Now)
	s.quotas = flow.NewQuotas(time.UTC)
	s.nodes = upstream.NewRegistry(dialer, log)
	s.live = middleware.NewLive()
	s.back = std.NewTransport(dialer.Dial)
	state := middleware.NewState(s.counters, flow.NewLimiters(), s.quotas)
	s.kept = generation.Kept{
		Nodes: s.nodes, State: state, Live: s.live, Token: middleware.NewTokenEndpoint(state),
		Back: s.back, Dial: dialer.Dial, Log: log, Observe: s.observe,
	}
	return s, nil
}

// taken are the ports services may not have: this process's own too.
func taken(c Config) map[int]string {
	out := map[int]string{}
	for number, what := range c.Taken {
		out[number] = what
	}
	for what, address := range map[string]string{"http": c.HTTP, "https": c.HTTPS, "admin": c.Admin} {
		if _, text, err := net.SplitHostPort(address); err == nil {
			if number, err := strconv.Atoi(text); err == nil && number > 0 {
				out[number] = what
			}
		}
	}
	return out
}

// Run carries traffic until ctx ends, then drains. It returns when nothing of
// it runs any more.
func (s *Server) Run(ctx context.Context) error {
	defer s.closeState()
	if err := s.open(); err != nil {
		s.shutAll(ended())
		s.admin.shut()
		return err
	}
	// life is of what carries and tends traffic: it outlasts ctx by the drain.
	// cut is of streams, which may be cut a little earlier.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	cut, cutNow := context.WithCancel(life)
	defer cutNow()
	var tending, reporting sync.WaitGroup
	tending.Go(s.admin.serve)
	tending.Go(func() { _ = s.nodes.Run(life) })
	tending.Go(func() { s.access.run(life) })
	tending.Go(func() { s.tend(life) })
	report, endReport := context.WithCancel(life)
	defer endReport()
	r := &reporter{Server: s}
	if s.redis != nil {
		reporting.Go(func() { r.report(report) })
		reporting.Go(func() { r.deliver(report) })
	}
	for _, p := range s.shared {
		p.serving(&s.working)
	}

	apply := func(src generation.Source, loss bool) error { return s.apply(cut, src, loss) }
	var err error
	if s.conf.Document != "" {
		s.watchDocument(ctx, apply)
	} else {
		err = s.watchStore(ctx, apply)
	}

	s.drain(cutNow)
	endReport()
	reporting.Wait()
	if s.redis != nil {
		r.finish(context.WithoutCancel(ctx))
	}
	s.admin.shut()
	end()
	tending.Wait()
	s.back.CloseIdle(nil)
	s.log.Info("stopped")
	return err
}

// open binds everything the process listens on by its settings.
func (s *Server) open() error {
	var err error
	if s.admin, err = s.openAdmin(); err != nil {
		return err
	}
	conf, err := s.tlsConfig()
	if err != nil {
		return err
	}
	for _, one := range []struct {
		name, address string
		tls           *tls.Config
	}{{"http", s.conf.HTTP, nil}, {"https", s.conf.HTTPS, conf}} {
		if one.address == "" {
			continue
		}
		p, err := s.openShared(one.name, one.address, one.tls)
		if err != nil {
			return err
		}
		s.shared = append(s.shared, p)
		s.setBound(one.name, p.Addr())
		s.log.Info("listening", "listener", one.name, "address", p.Addr().String())
	}
	return nil
}

// tlsConfig is of the HTTPS listener: the given certificate, or one made here.
func (s *Server) tlsConfig() (*tls.Config, error) {
	if s.conf.HTTPS == "" {
		return nil, nil
	}
	pair := certs.Pair{Cert: s.conf.TLSCert, Key: s.conf.TLSKey}
	if pair.Cert == "" {
		dir := s.conf.State
		if dir == "" {
			var err error
			if dir, err = os.MkdirTemp("", "yumen-certificate-"); err != nil {
				return nil, err
			}
			defer os.RemoveAll(dir)
		}
		var err error
		if pair, err = certs.SelfSigned(dir); err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		s.log.Warn("no certificate given: using a self-made one, which no client trusts")
	}
	store, err := certs.Load(pair)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if s.conf.TLSCert != "" {
		s.mu.Lock()
		s.certs = store // only what somebody gave can become another
		s.mu.Unlock()
	}
	return store.Config(), nil
}

// openPorts are the shared ones and the services' own.
func (s *Server) openPorts() []*port {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.AppendSeq(slices.Clone(s.shared), maps.Values(s.own))
}

// tend does what time asks for.
func (s *Server) tend(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	var dropped uint64
	last := s.measure(usage{at: time.Now()})
	swept := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			last = s.measure(last)
			s.sweep(now)
			if now.Sub(swept) >= unusedEvery {
				s.sweepUnused(now)
				swept = now
			}
			if s.redis == nil {
				// Nobody reads the buckets; only the totals are of use.
				s.counters.Confirm(s.counters.Flush(time.UTC))
			}
			if s.access != nil {
				if n := s.access.dropped.Load(); n != dropped {
					s.log.Warn("the access log cannot keep up; lines were dropped", "lines", n-dropped)
					dropped = n
				}
			}
		}
	}
}
