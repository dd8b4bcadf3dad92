package proxyserver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"yumen/generation"
	"yumen/message"
	"yumen/middleware"
	"yumen/spec"
	"yumen/wire/std"
)

// drainTimeout is how long what runs on a service may go on after the service
// is gone.
const drainTimeout = 30 * time.Second

// port is one listening socket and whoever serves what it accepts: HTTP by a
// wire of its own, or a TCP service of the generation at that moment.
type port struct {
	*listener
	http   *std.Server
	queue  *queue
	closed sync.Once
}

// openShared opens a listener of HTTP; tlsConf makes it HTTPS.
func (s *Server) openShared(name, address string, tlsConf *tls.Config) (*port, error) {
	p := &port{http: std.NewServer(s.serve, s.limits, tlsConf, s.log)}
	l, err := listen(name, address, s.log, func(c net.Conn) {
		if s.admit(c) {
			p.queue.put(c)
		}
	})
	if err != nil {
		return nil, err
	}
	p.listener, p.queue = l, newQueue(l.Addr())
	return p, nil
}

// openOwn opens the port of a service. What it carries is looked up for each
// connection, so that the port may pass to another service or protocol
// without being closed. cut ends its streams.
func (s *Server) openOwn(cut context.Context, number uint16) (*port, error) {
	p := &port{http: std.NewServer(s.serveOwn(number), s.limits, nil, s.log)}
	address := net.JoinHostPort(s.conf.Bind, strconv.Itoa(int(number)))
	l, err := listen(portName(number), address, s.log, func(c net.Conn) {
		if !s.admit(c) {
			return
		}
		g := s.gen.Load()
		if tcp := g.TCP[number]; tcp != nil {
			s.streams.Go(func() {
				defer s.recovered(c)
				s.logTCP(c, tcp.Name, func() message.Outcome { return tcp.Serve(cut, c, g.TCPSite) })
			})
			return
		}
		p.queue.put(c)
	})
	if err != nil {
		return nil, err
	}
	p.listener, p.queue = l, newQueue(l.Addr())
	return p, nil
}

func portName(number uint16) string { return "port:" + strconv.Itoa(int(number)) }

// serving starts to accept and to serve; working ends when all is over.
func (p *port) serving(working *sync.WaitGroup) {
	working.Go(func() { _ = p.http.Serve(p.queue) }) // it ends by Shutdown or Close alone
	p.accept()
}

// shut stops accepting, lets what runs go on till ctx ends, then cuts it.
func (p *port) shut(ctx context.Context) {
	p.closed.Do(func() {
		p.listener.close()
		if p.http.Shutdown(ctx) != nil {
			_ = p.http.Close()
		}
		_ = p.queue.Close()
	})
}

// admit lets a connection in, or closes it when its peer is on the blacklist:
// it learns nothing of us.
func (s *Server) admit(c net.Conn) bool {
	g := s.gen.Load()
	if g == nil || !g.Blacklist.Has(peerOf(c), time.Now()) {
		return true
	}
	c.Close()
	s.countRefusal("blacklisted")
	return false
}

// serve carries one exchange of the shared listeners.
func (s *Server) serve(x *message.Exchange) {
	s.carry(x, func(g *generation.Generation) bool { return true })
}

// serveOwn carries exchanges of a service's own port. When the service is gone
// its connections must not reach the shared routes.
func (s *Server) serveOwn(number uint16) func(*message.Exchange) {
	mine := func(g *generation.Generation) bool { return g.Site.Ports[number] != nil }
	return func(x *message.Exchange) { s.carry(x, mine) }
}

var (
	starting = &middleware.Denied{Reason: "no_target", Status: 503, RetryAfter: time.Second}
	gone     = &middleware.Denied{Reason: "service_gone", Status: 503}
)

func (s *Server) carry(x *message.Exchange, has func(*generation.Generation) bool) {
	g := s.gen.Load()
	switch {
	case g == nil:
		s.observeEarly(x)
		refuse(x, starting)
	case !has(g):
		s.observeEarly(x)
		x.Close()
		refuse(x, gone)
	default:
		if d := g.Site.Serve(x); d != nil {
			refuse(x, d)
		}
	}
}

// limits are those of the current generation.
func (s *Server) limits() std.Limits {
	g := s.gen.Load()
	var c *spec.ClientSettings
	if g != nil {
		c = g.Settings.Client
	} else {
		full := spec.Effective(spec.Settings{}, "")
		c = full.Client
	}
	return std.Limits{
		Header: time.Duration(*c.Header), Idle: time.Duration(*c.Idle), BodyIdle: time.Duration(*c.BodyIdle),
		MaxHeader: int(*c.MaxHeader), MaxConns: *c.MaxConnections, MaxConnsPerClient: *c.MaxConnectionsPerClient,
	}
}

// bind opens the ports that g names and that are not open. What cannot be
// opened is a fault of its service.
func (s *Server) bind(cut context.Context, g *generation.Generation) map[string]generation.Fault {
	refused := map[string]generation.Fault{}
	for number, service := range g.Ports {
		if s.own[number] != nil {
			continue
		}
		p, err := s.openOwn(cut, number)
		if err != nil {
			code := generation.CodeCannotBind
			if errors.Is(err, syscall.EADDRINUSE) {
				code = spec.CodePortTaken
			}
			refused[service.Name] = generation.Fault{
				Kind: spec.KindService, Name: service.Name, Field: "/listen/port", Code: code, Message: bindMessage(number, err),
			}
			continue
		}
		s.mu.Lock()
		s.own[number] = p
		s.mu.Unlock()
		s.fresh = append(s.fresh, p)
	}
	return refused
}

func bindMessage(number uint16, err error) string {
	if errors.Is(err, syscall.EADDRINUSE) {
		return "port " + strconv.Itoa(int(number)) + " is in use by another program on this node"
	}
	var sys syscall.Errno
	if errors.As(err, &sys) {
		return "port " + strconv.Itoa(int(number)) + " cannot be opened: " + sys.Error()
	}
	return "port " + strconv.Itoa(int(number)) + " cannot be opened"
}

// acceptFresh starts the ports that bind opened.
func (s *Server) acceptFresh() {
	for _, p := range s.fresh {
		p.serving(&s.working)
		s.setBound(p.name, p.Addr())
		s.log.Info("listening", "listener", p.name, "address", p.Addr().String())
	}
	s.fresh = nil
}

// sweepPorts closes the ports that g does not name. Their connections get
// drainTimeout.
func (s *Server) sweepPorts(cut context.Context, g *generation.Generation) {
	for number, p := range s.own {
		if g.Ports[number] != nil {
			continue
		}
		s.mu.Lock()
		delete(s.own, number)
		s.mu.Unlock()
		s.setBound(p.name, nil)
		s.log.Info("no longer listening", "listener", p.name)
		p.listener.close()
		s.working.Go(func() {
			ctx, cancel := context.WithTimeout(cut, drainTimeout)
			defer cancel()
			p.shut(ctx)
			s.closedPanics.Add(p.http.Panics())
			s.closedTroubles.Add(p.listener.troubles.Load())
		})
	}
}
