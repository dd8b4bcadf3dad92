package std

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"yumen/message"
)

// Limits bound what clients may do; 0 is no limit.
type Limits struct {
	Header   time.Duration // to send a request's head
	Idle     time.Duration // between requests
	BodyIdle time.Duration // without a byte of a body, either way

	MaxHeader         int // bytes of a request's head; 0 is 64 KiB
	MaxConns          int // at once, over all listeners
	MaxConnsPerClient int // at once, of one address
}

// Server is the front wire: HTTP/1.1 and HTTP/2, plain or over TLS.
type Server struct {
	handle func(*message.Exchange)
	limits func() Limits
	tls    *tls.Config
	log    *slog.Logger

	panics atomic.Uint64
	stats  struct {
		open    atomic.Int64
		refused atomic.Uint64
	}

	mu        sync.Mutex
	down      bool
	listeners map[net.Listener]struct{}
	rounds    []*round // the last is the current one
	clients   map[netip.Addr]int
	upgraded  map[*upgraded]struct{}
	running   sync.WaitGroup // the rounds' accept loops
}

// Stats are a server's connections.
type Stats struct {
	Open    int64  // now
	Refused uint64 // for a limit, since the start
}

// NewServer makes a server that gives every exchange to h. limits is asked at
// each connection. With tlsConf every connection is TLS.
func NewServer(h func(*message.Exchange), limits func() Limits, tlsConf *tls.Config, log *slog.Logger) *Server {
	return &Server{
		handle: h, limits: limits, tls: tlsConf, log: log,
		listeners: map[net.Listener]struct{}{},
		clients:   map[netip.Addr]int{},
		upgraded:  map[*upgraded]struct{}{},
	}
}

// Serve accepts connections from l until l is closed or the server shut down,
// and returns nil then. It closes l.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	s.mu.Lock()
	if s.down {
		s.mu.Unlock()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	var wait time.Duration
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			// Out of descriptors, most likely: what is open goes on.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			s.log.Warn("accepting a connection failed", "listener", l.Addr().String(), "wait", wait, "err", err)
			time.Sleep(wait)
			continue
		}
		wait = 0
		s.accept(c)
	}
}

// accept gives a connection to the round of the current limits, or closes it.
func (s *Server) accept(c net.Conn) {
	limits := s.limits()
	client := addrPort(c.RemoteAddr()).Addr()
	s.mu.Lock()
	if s.down || limits.MaxConns > 0 && s.stats.open.Load() >= int64(limits.MaxConns) ||
		limits.MaxConnsPerClient > 0 && s.clients[client] >= limits.MaxConnsPerClient {
		s.mu.Unlock()
		s.stats.refused.Add(1)
		c.Close()
		return
	}
	s.stats.open.Add(1)
	s.clients[client]++
	r := s.round(limits)
	r.open++
	s.mu.Unlock()

	r.accepted(newConn(c, limits.BodyIdle, func() { s.closed(r, client) }))
}

func (s *Server) closed(r *round, client netip.Addr) {
	s.stats.open.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[client]--; s.clients[client] == 0 {
		delete(s.clients, client)
	}
	r.open--
	if r.open == 0 && r != s.rounds[len(s.rounds)-1] {
		r.close()
		s.rounds = slices.DeleteFunc(s.rounds, func(o *round) bool { return o == r })
	}
}

// Shutdown closes the listeners, tells clients to go (Connection: close,
// GOAWAY) and waits for running exchanges, upgraded ones too, till ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	rounds := s.stop()
	errs := make(chan error)
	for _, r := range rounds {
		go func() { errs <- r.http.Shutdown(ctx) }()
	}
	var err error
	for range rounds {
		err = errors.Join(err, <-errs)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for err == nil && s.stats.open.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return err
}

// Close ends everything at once.
func (s *Server) Close() error {
	rounds := s.stop()
	s.mu.Lock()
	streams := make([]*upgraded, 0, len(s.upgraded))
	for u := range s.upgraded {
		streams = append(streams, u)
	}
	s.mu.Unlock()
	for _, u := range streams {
		u.Close()
	}
	var err error
	for _, r := range rounds {
		err = errors.Join(err, r.http.Close())
	}
	s.running.Wait()
	return err
}

// stop ends accepting and gives the rounds that still run.
func (s *Server) stop() []*round {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	for l := range s.listeners {
		l.Close()
	}
	return slices.Clone(s.rounds)
}

// Stats tells how many connections there are.
func (s *Server) Stats() Stats {
	return Stats{Open: s.stats.open.Load(), Refused: s.stats.refused.Load()}
}

// Panics is how many exchanges ended by a panic.
func (s *Server) Panics() uint64 { return s.panics.Load() }

// round is the http.Server of one value of the limits, which it cannot change:
// new limits hold for new connections.
type round struct {
	limits Limits
	http   *http.Server
	conns  chan net.Conn
	done   chan struct{}
	closed sync.Once
	open   int // connections; guarded by Server.mu
}

// round gives the one for limits. Server.mu is held.
func (s *Server) round(limits Limits) *round {
	if n := len(s.rounds); n > 0 && s.rounds[n-1].limits == limits {
		return s.rounds[n-1]
	}
	r := &round{limits: limits, conns: make(chan net.Conn), done: make(chan struct{})}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	if s.tls == nil {
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP2(true)
	}
	maxHeader := limits.MaxHeader
	if maxHeader == 0 {
		maxHeader = 64 << 10
	}
	r.http = &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { s.exchange(r, w, q) }),
		Protocols: protocols,

		DisableGeneralOptionsHandler: true, // OPTIONS * is an exchange like any other

		ReadHeaderTimeout: limits.Header,
		IdleTimeout:       limits.Idle,
		MaxHeaderBytes:    maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          250,
			MaxReceiveBufferPerConnection: 4 << 20,
			MaxReceiveBufferPerStream:     1 << 20,
			SendPingTimeout:               30 * time.Second, // finds peers that vanished
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              limits.BodyIdle,
		},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, bare(c))
		},
	}
	if s.tls != nil {
		r.http.TLSConfig = s.tls.Clone()
	}
	if n := len(s.rounds); n > 0 && s.rounds[n-1].open == 0 {
		s.rounds[n-1].close()
		s.rounds = s.rounds[:n-1]
	}
	s.rounds = append(s.rounds, r)
	s.running.Go(func() {
		defer r.close() // or accept would wait for ever
		serve := r.http.Serve
		if s.tls != nil {
			serve = func(l net.Listener) error { return r.http.ServeTLS(l, "", "") }
		}
		if err := serve(r); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("cannot serve connections", "err", err)
		}
	})
	return r
}

// connKey leads from a request's context to its conn.
type connKey struct{}

// bare takes TLS off.
func bare(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return c.(*conn)
}

// A round is the listener of its http.Server.

func (r *round) accepted(c net.Conn) {
	select {
	case r.conns <- c:
	case <-r.done:
		c.Close()
	}
}

func (r *round) close() { r.closed.Do(func() { close(r.done) }) }

// Accept is net.Listener's.
func (r *round) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.done:
		return nil, net.ErrClosed
	}
}

// Close is net.Listener's.
func (r *round) Close() error {
	r.close()
	return nil
}

// Addr is net.Listener's.
func (r *round) Addr() net.Addr { return &net.TCPAddr{} }
