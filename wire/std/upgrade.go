package std

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"yumen/message"
)

// Upgrade is message.Front's.
func (f *front) Upgrade(r *message.Response) (message.Stream, error) {
	if r.Status != 101 || f.r.ProtoMajor != 1 {
		f.err = fmt.Errorf("upgrade with status %d over HTTP/%d: %w", r.Status, f.r.ProtoMajor, http.ErrNotSupported)
		return nil, f.err
	}
	c, buffered, err := http.NewResponseController(f.w).Hijack()
	if err != nil {
		f.err = err
		return nil, err
	}
	f.head, f.status = true, r.Status
	f.upgraded = &upgraded{Conn: c, server: f.server, early: buffered.Reader}
	f.server.keep(f.upgraded)
	if f.body != nil {
		f.body.finish(false)
	}

	var head strings.Builder
	head.WriteString("HTTP/1.1 " + strconv.Itoa(r.Status) + " " + http.StatusText(r.Status) + "\r\nConnection: Upgrade\r\n")
	for _, l := range r.Fields {
		if framing[http.CanonicalHeaderKey(l.Name)] || strings.ContainsAny(l.Name, " \r\n:") || strings.ContainsAny(l.Value, "\r\n\x00") {
			continue
		}
		head.WriteString(l.Name + ": " + l.Value + "\r\n")
	}
	head.WriteString("\r\n")
	// conn still bounds this write; from here on deadlines are the caller's.
	if _, err := c.Write([]byte(head.String())); err != nil {
		f.err = fmt.Errorf("writing to the client: %w", err)
		f.upgraded.Close()
		return nil, f.err
	}
	f.conn.taken.Store(true)
	c.SetWriteDeadline(time.Time{})
	return f.upgraded, nil
}

// upgraded is a client's connection after 101.
type upgraded struct {
	net.Conn
	server *Server
	early  *bufio.Reader // bytes read with the head; nil when used up
	closed sync.Once
}

func (u *upgraded) Read(p []byte) (int, error) {
	if u.early != nil {
		if n := u.early.Buffered(); n > 0 {
			return u.early.Read(p[:min(n, len(p))])
		}
		u.early = nil
	}
	return u.Conn.Read(p)
}

func (u *upgraded) CloseWrite() error { return u.Conn.(interface{ CloseWrite() error }).CloseWrite() }

func (u *upgraded) Close() (err error) {
	u.closed.Do(func() {
		u.server.forget(u)
		err = u.Conn.Close()
	})
	return err
}

func (s *Server) keep(u *upgraded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upgraded[u] = struct{}{}
}

func (s *Server) forget(u *upgraded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.upgraded, u)
}
