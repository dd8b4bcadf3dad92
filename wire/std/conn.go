package std

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a client's connection. It bounds how long a write may be stuck,
// which net/http can only do for a whole answer, and can be made the last of
// its requests at any moment, which net/http cannot do once a head is out.
type conn struct {
	net.Conn
	peer, local netip.AddrPort
	stuck       time.Duration // a write may take; 0 is no limit
	onClose     func()

	writeBy atomic.Int64 // the write deadline, in UnixNano; 0 when none is set
	taken   atomic.Bool  // upgraded: deadlines are the new owner's
	state   atomic.Int32
	closing sync.Once
}

// The states of a conn.
const (
	open  = iota
	cut   // nothing more is read of it; what was written still arrives
	reset // nothing more is written either, and closing it shows that
)

var errCut = errors.New("connection given up")

func newConn(c net.Conn, stuck time.Duration, onClose func()) *conn {
	return &conn{Conn: c, peer: addrPort(c.RemoteAddr()), local: addrPort(c.LocalAddr()), stuck: stuck, onClose: onClose}
}

func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case nil:
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func (c *conn) Read(p []byte) (int, error) {
	if c.state.Load() != open {
		return 0, errCut
	}
	return c.Conn.Read(p)
}

func (c *conn) Write(p []byte) (int, error) {
	if c.state.Load() == reset {
		return 0, errCut
	}
	if c.stuck > 0 && !c.taken.Load() {
		// Moved on when a quarter is used up, not at each write.
		if now := time.Now(); time.Duration(c.writeBy.Load()-now.UnixNano()) < c.stuck*3/4 {
			if err := c.SetWriteDeadline(now.Add(c.stuck)); err != nil {
				return 0, err
			}
		}
	}
	return c.Conn.Write(p)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	var n int64
	if !t.IsZero() {
		n = t.UnixNano()
	}
	c.writeBy.Store(n)
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Conn.Close()
}

// Close ends the connection. Where the client is still sending, closing at
// once would make its kernel throw away the answer (RFC 9112, 9.6): such a one
// is listened to a little longer.
func (c *conn) Close() (err error) {
	err = net.ErrClosed
	c.closing.Do(func() {
		switch c.state.Load() {
		case cut:
			if c.CloseWrite() == nil {
				c.SetReadDeadline(time.Now().Add(lingerTime))
				_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
			}
		case reset:
			if tcp, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
				tcp.SetLinger(0)
			}
		}
		err = c.Conn.Close()
		c.onClose()
	})
	return err
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 4 << 20
)
