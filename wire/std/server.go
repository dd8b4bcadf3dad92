package std

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"yumen/message"
)

// Limits bound what clients may do; 0 is no limit.
type Limits struct {
	Header   time.Duration // to send a request's head
	Idle     time.Duration // between requests
	BodyIdle time.Duration // without a byte of a body, either way

	MaxHeader         int // bytes of a request's head
	MaxConns          int // at once, over all listeners
	MaxConnsPerClient int // at once, of one address
}

// Server is the front wire.
type Server struct{}

// Stats are a server's connections.
type Stats struct {
	Open    int64  // now
	Refused uint64 // for a limit, since the start
}

// NewServer makes a server that gives every exchange to h. limits is asked at
// each connection. With tlsConf every connection is TLS.
func NewServer(h func(*message.Exchange), limits func() Limits, tlsConf *tls.Config, log *slog.Logger) *Server {
	return &Server{}
}

// Serve accepts connections from l until l is closed or the server shut down.
func (s *Server) Serve(l net.Listener) error { return errors.New("not written yet") }

// Shutdown closes the listeners, tells clients to go (Connection: close,
// GOAWAY) and waits for running exchanges.
func (s *Server) Shutdown(ctx context.Context) error { return nil }

// Close ends everything at once.
func (s *Server) Close() error { return nil }

// Stats tells how many connections there are.
func (s *Server) Stats() Stats { return Stats{} }

// Panics is how many exchanges ended by a panic.
func (s *Server) Panics() uint64 { return 0 }
