package proxyserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// listener is a socket that accepts for as long as it is open. What it accepts
// it hands over at once; it never waits for a connection's work.
type listener struct {
	name string // "http", "https", "port:8001"
	net.Listener
	log  *slog.Logger
	take func(net.Conn) // must not block

	open     sync.WaitGroup
	troubles atomic.Uint64 // times that accepting failed
}

// listen opens a socket. It queues connections in the kernel till accept.
func listen(name, address string, log *slog.Logger, take func(net.Conn)) (*listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &listener{name: name, Listener: l, log: log, take: take}, nil
}

// accept starts to accept.
func (l *listener) accept() { l.open.Go(l.run) }

// Accepting backs off for so long when it fails: out of file descriptors, it
// would else spin and starve what is running.
const (
	firstBackOff = 5 * time.Millisecond
	lastBackOff  = time.Second
)

func (l *listener) run() {
	var wait time.Duration
	for {
		c, err := l.Accept()
		if err == nil {
			wait = 0
			l.take(c)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		l.troubles.Add(1)
		if wait == 0 {
			l.log.Warn("cannot accept connections, backing off", "listener", l.name, "error", err)
			wait = firstBackOff
		} else {
			wait = min(2*wait, lastBackOff)
		}
		time.Sleep(wait)
	}
}

// close ends accepting. Connections accepted before go on.
func (l *listener) close() {
	l.Listener.Close()
	l.open.Wait()
}

// queue is a net.Listener that is fed with connections accepted elsewhere, so
// that one socket can serve HTTP today and TCP tomorrow.
type queue struct {
	addr  net.Addr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newQueue(addr net.Addr) *queue {
	return &queue{addr: addr, conns: make(chan net.Conn, 16), done: make(chan struct{})}
}

// put hands over c, or closes it when nobody listens any more.
func (q *queue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		c.Close()
	}
}

// Accept gives the next connection.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
	}
	select {
	case c := <-q.conns: // handed over before the end
		return c, nil
	default:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr is the socket's.
func (q *queue) Addr() net.Addr { return q.addr }

// peerOf is who connected, unmapped.
func peerOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
