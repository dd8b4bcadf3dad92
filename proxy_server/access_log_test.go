package proxyserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAccessLogLineIsOneLineOfJSON(t *testing.T) {
	e := entry{
		At: time.Date(2026, 11, 20, 12, 0, 0, 1500000, time.UTC), Protocol: "http", RequestID: "r-1", Peer: netip.MustParseAddr("127.0.0.1"), Client: netip.MustParseAddr("203.0.113.9"),
		Service: "orders", Tenant: "app_a", Method: "GET", Scheme: "http", Host: "example.com", Path: "/ä/\"x\"", Version: "1.1",
		Status: 200, GRPC: -1, In: 1, Out: 22, Duration: 1500 * time.Microsecond, Target: "10.0.0.1:80",
	}
	line := string(e.appendJSON(nil))
	require.Equal(t, `{"time":"2026-11-20T12:00:00.001Z","request_id":"r-1","protocol":"http","peer":"127.0.0.1","client":"203.0.113.9",`+
		`"service":"orders","tenant":"app_a","method":"GET","scheme":"http","host":"example.com","path":"/ä/\"x\"","version":"1.1",`+
		`"status":200,"target":"10.0.0.1:80","bytes_in":1,"bytes_out":22,"duration_ms":1.500}`+"\n", line)
}

func TestWhatAClientSendsCannotBreakOutOfItsLogLine(t *testing.T) {
	for _, nasty := range []string{"a\r\n{\"forged\":1}", "\x00\x1b[31m", "\"},{", "\u2028\u2029\u0085", "\xff\xfe", `\u0022`, strings.Repeat("x", 5000)} {
		e := entry{Protocol: "http", Host: nasty, Path: nasty, GRPC: -1}
		line := e.appendJSON(nil)
		require.Equal(t, 1, bytes.Count(line, []byte("\n")))
		for _, c := range line[:len(line)-1] {
			require.GreaterOrEqual(t, c, byte(0x20))
		}
		var back map[string]any
		require.NoError(t, json.Unmarshal(line, &back))
		require.NotContains(t, back, "forged")
	}
}

func FuzzAccessLogLine(f *testing.F) {
	f.Add("/", "host", "GET")
	f.Add("\x00\n\"\\", "\xff", "\u2028")
	f.Fuzz(func(t *testing.T, path, host, method string) {
		e := entry{Protocol: "grpc", Path: path, Host: host, Method: method, GRPC: 3}
		line := e.appendJSON(nil)
		var back map[string]any
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if bytes.Count(line, []byte("\n")) != 1 {
			t.Fatalf("%q is not one line", line)
		}
		if strings.ToValidUTF8(path, "") == path && len(path) <= maxText && path != "" && back["path"] != path {
			t.Fatalf("path %q became %q", path, back["path"])
		}
	})
}

// stuck is a writer that waits.
type stuck struct{ free chan struct{} }

func (s stuck) Write(b []byte) (int, error) {
	<-s.free
	return len(b), nil
}

func TestASlowAccessLogDropsLinesAndNeverWaits(t *testing.T) {
	w := stuck{make(chan struct{})}
	a := newAccessLog(w)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); a.run(ctx) }()
	for range 3 * accessLines { // returns although nothing is ever written
		a.append(&entry{Protocol: "http", GRPC: -1})
	}
	require.Positive(t, a.dropped.Load())
	close(w.free)
	cancel()
	<-done
}

func TestAccessLogWritesWhatItHasBeforeItEnds(t *testing.T) {
	var out bytes.Buffer
	a := newAccessLog(&out)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		a.append(&entry{Protocol: "tcp", Service: "db", GRPC: -1})
	}
	a.run(ctx)
	require.Equal(t, 100, strings.Count(out.String(), "\n"))
}

func BenchmarkAccessLogLine(b *testing.B) {
	a := newAccessLog(io.Discard)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go a.run(ctx)
	e := entry{At: time.Now(), Protocol: "http", RequestID: "0123456789abcdef", Peer: netip.MustParseAddr("127.0.0.1"), Client: netip.MustParseAddr("2001:db8::1"), Service: "orders",
		Method: "GET", Scheme: "http", Host: "example.com", Path: "/orders/1", Version: "1.1", Status: 200, GRPC: -1, Out: 1000, Duration: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		a.append(&e)
	}
}
