package proxyserver

import (
	"net"
	"net/netip"
	"time"

	"yumen/kv"
)

// Addresses are what is bound: "http", "https", "admin" and "port:NUMBER".
func (s *Server) Addresses() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]string, len(s.bound))
	for name, a := range s.bound {
		out[name] = a.String()
	}
	return out
}

func (s *Server) setBound(name string, a net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a == nil {
		delete(s.bound, name)
		return
	}
	s.bound[name] = a
}

// doors yields every address the process listens on: what a document may not
// have it dial, or it would feed on itself.
func (s *Server) doors(yield func(netip.AddrPort) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.bound {
		if tcp, ok := a.(*net.TCPAddr); ok && !yield(tcp.AddrPort()) {
			return
		}
	}
}

// Ready tells whether a configuration is applied and the process not stopping.
func (s *Server) Ready() bool { return s.gen.Load() != nil && !s.stopping.Load() }

// Reload reads the files again (document, certificates), as SIGHUP asks. It
// also confirms a document that loses most services.
func (s *Server) Reload() {
	s.mu.Lock()
	files := s.certs
	s.mu.Unlock()
	if files != nil {
		if err := files.Reload(); err != nil {
			s.log.Error("certificate not taken over; going on with the one before", "error", err)
		}
	}
	select {
	case s.reload <- struct{}{}:
	default:
	}
}

// acknowledge has a heartbeat sent soon.
func (s *Server) acknowledge() {
	select {
	case s.ack <- struct{}{}:
	default:
	}
}

// waitFor says what a process without a configuration waits for.
func (s *Server) waitFor(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen.Load() == nil && s.waiting != what {
		s.log.Warn("not ready, waiting", "for", what)
	}
	s.waiting = what
}

// known notes that what runs is what is wanted, as of now.
func (s *Server) known(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knownAt = now
}

func (s *Server) stateName() string {
	switch {
	case s.stopping.Load():
		return kv.NodeDraining
	case s.gen.Load() == nil:
		return kv.NodeWaiting
	}
	return kv.NodeReady
}
