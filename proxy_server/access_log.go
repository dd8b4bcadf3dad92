package proxyserver

import (
	"context"
	"io"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// accessLog writes a line of JSON for each exchange and TCP connection. The
// data path only appends to a buffer: when the writer cannot keep up, lines
// are dropped and counted.
type accessLog struct {
	w       io.Writer
	lines   chan []byte
	pool    sync.Pool
	dropped atomic.Uint64
	failed  atomic.Uint64
}

// entry is what a line says. Its strings are only read before append returns.
type entry struct {
	At                         time.Time
	RequestID                  string
	Protocol                   string // http | grpc | tcp
	Peer, Client               netip.Addr
	Service, Tenant            string
	Method, Scheme, Host, Path string
	Version                    string
	Status, GRPC               int // GRPC −1 for none
	Reason, Error              string
	Target                     string
	In, Out                    int64
	Duration                   time.Duration
}

// accessLines is how many lines may wait for the writer.
const accessLines = 8192

func newAccessLog(w io.Writer) *accessLog {
	if w == nil {
		return nil
	}
	return &accessLog{w: w, lines: make(chan []byte, accessLines)}
}

// append takes a line, or drops it. A nil log takes nothing.
func (a *accessLog) append(e *entry) {
	if a == nil {
		return
	}
	if len(a.lines) == cap(a.lines) {
		a.dropped.Add(1)
		return
	}
	var b []byte
	if p, ok := a.pool.Get().(*[]byte); ok {
		b = (*p)[:0]
	}
	b = e.appendJSON(b)
	select {
	case a.lines <- b:
	default:
		a.dropped.Add(1)
	}
}

// run writes until ctx ends and the buffer is empty.
func (a *accessLog) run(ctx context.Context) {
	if a == nil {
		return
	}
	buf := make([]byte, 0, 64<<10)
	flush := func() {
		if len(buf) > 0 {
			if _, err := a.w.Write(buf); err != nil {
				a.failed.Add(1)
			}
			buf = buf[:0]
		}
	}
	add := func(line []byte) {
		buf = append(buf, line...)
		a.pool.Put(&line)
		if len(buf) >= 32<<10 || len(a.lines) == 0 {
			flush()
		}
	}
	for {
		select {
		case line := <-a.lines:
			add(line)
		case <-ctx.Done():
			for {
				select {
				case line := <-a.lines:
					add(line)
				default:
					flush()
					return
				}
			}
		}
	}
}

func (e *entry) appendJSON(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = e.At.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, '"')
	b = text(b, "request_id", e.RequestID)
	b = text(b, "protocol", e.Protocol)
	b = address(b, "peer", e.Peer)
	b = address(b, "client", e.Client)
	b = text(b, "service", e.Service)
	b = text(b, "tenant", e.Tenant)
	b = text(b, "method", e.Method)
	b = text(b, "scheme", e.Scheme)
	b = text(b, "host", e.Host)
	b = text(b, "path", e.Path)
	b = text(b, "version", e.Version)
	if e.Protocol != "tcp" {
		b = number(b, "status", int64(e.Status))
	}
	if e.GRPC >= 0 && e.Protocol == "grpc" {
		b = number(b, "grpc_status", int64(e.GRPC))
	}
	b = text(b, "refused", e.Reason)
	b = text(b, "error", e.Error)
	b = text(b, "target", e.Target)
	b = number(b, "bytes_in", e.In)
	b = number(b, "bytes_out", e.Out)
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, float64(e.Duration.Microseconds())/1000, 'f', 3, 64)
	return append(b, '}', '\n')
}

// text appends a field; an empty one is left out.
func text(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return quote(b, value)
}

func address(b []byte, name string, a netip.Addr) []byte {
	if !a.IsValid() {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, `":"`...)
	b = a.WithZone("").AppendTo(b) // a zone is text of the peer's
	return append(b, '"')
}

func number(b []byte, name string, n int64) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, n, 10)
}

const (
	hexDigits = "0123456789abcdef"
	// maxText is where a field is cut: a line of a log is not a dump.
	maxText = 1024
)

// quote appends s as a JSON string. Whatever a client sends stays within its
// line and its quotes.
func quote(b []byte, s string) []byte {
	if len(s) > maxText {
		s = s[:maxText]
	}
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20 || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				b = append(b, `\ufffd`...)
			case r == '\u2028' || r == '\u2029' || r >= 0x80 && r < 0xa0: // line ends to some, controls
				b = append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			default:
				b = append(b, s[i:i+n]...)
			}
			i += n
		}
	}
	return append(b, '"')
}
