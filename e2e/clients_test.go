package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"yumen/demo"
)

// tally is what clients counted, by service.
type tally struct {
	mu sync.Mutex
	of map[string]*flow
}

func newTally() *tally { return &tally{of: map[string]*flow{}} }

// count adds one request. status is HTTP's, 0 for none; code is gRPC's, −1 for
// none; reason is why the gateway refused.
func (y *tally) count(service string, status, code int, reason string, in, out int64) {
	f := newFlow()
	f.Requests, f.In, f.Out = 1, uint64(in), uint64(out)
	if status == 0 {
		f.Status["none"]++
	} else {
		f.Status[fmt.Sprintf("%dxx", status/100)]++
	}
	if code >= 0 {
		f.GRPC[strconv.Itoa(code)]++
	}
	if reason != "" {
		f.Refused[reason]++
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.of[service] == nil {
		y.of[service] = newFlow()
	}
	y.of[service].add(f)
}

// speaking gives an HTTP client of one protocol: "h1", "h2c", "tls h1", "tls h2".
func speaking(t *testing.T, protocol string) *http.Client {
	t.Helper()
	tr := &http.Transport{
		Protocols:       new(http.Protocols),
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the gateway made its certificate itself
	}
	switch protocol {
	case "h1", "tls h1":
		tr.Protocols.SetHTTP1(true)
	case "h2c":
		tr.Protocols.SetUnencryptedHTTP2(true)
	case "tls h2":
		tr.Protocols.SetHTTP2(true)
	default:
		t.Fatal(protocol)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// send sends a request with a body and counts it.
func send(c *http.Client, y *tally, service, method, url, body string, header ...string) (status int, answer string, err error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", err
	}
	reason := ""
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		_, rest, _ := strings.Cut(string(b), `"code":"`)
		reason, _, _ = strings.Cut(rest, `"`)
	}
	if y != nil {
		y.count(service, resp.StatusCode, -1, reason, int64(len(body)), int64(len(b)))
	}
	return resp.StatusCode, string(b), nil
}

// chat echoes messages over a WebSocket, closes it and counts it.
func chat(ctx context.Context, c *http.Client, y *tally, service, url string, messages ...string) error {
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: c})
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	ws.SetReadLimit(1 << 20)
	var in, out int64
	for _, m := range messages {
		if err := ws.Write(ctx, websocket.MessageText, []byte(m)); err != nil {
			return err
		}
		_, got, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		if string(got) != m {
			return fmt.Errorf("said %q, heard %q", m, got)
		}
		in += frame(len(m)) + 4 // clients mask
		out += frame(len(m))
	}
	if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		return err
	}
	y.count(service, http.StatusSwitchingProtocols, -1, "", in+frame(2)+4, out+frame(2))
	return nil
}

// frame is the size of a WebSocket frame of n bytes from a server.
func frame(n int) int64 {
	switch {
	case n < 126:
		return int64(2 + n)
	case n < 1<<16:
		return int64(4 + n)
	}
	return int64(10 + n)
}

// wire counts the bytes of gRPC messages, each with its prefix of five.
type wire struct{ in, out int64 }

func (w *wire) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (w *wire) HandleConn(context.Context, stats.ConnStats)                     {}
func (w *wire) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}
func (w *wire) HandleRPC(_ context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.OutPayload:
		w.in += int64(s.WireLength)
	case *stats.InPayload:
		w.out += int64(s.WireLength)
	}
}

// caller is a gRPC client that counts. Its calls follow one another.
type caller struct {
	*grpc.ClientConn
	w       *wire
	y       *tally
	service string
}

func calling(t *testing.T, y *tally, service, address string, options ...grpc.DialOption) *caller {
	t.Helper()
	w := &wire{}
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(w)}, options...)
	conn, err := grpc.NewClient(address, options...)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &caller{conn, w, y, service}
}

// ended counts a call that ended with err. reason is why the gateway refused.
func (c *caller) ended(err error, reason string) {
	c.y.count(c.service, http.StatusOK, int(status.Code(err)), reason, c.w.in, c.w.out)
	*c.w = wire{}
}

func (c *caller) say(ctx context.Context, text string) error {
	got := new(wrapperspb.StringValue)
	err := c.Invoke(ctx, "/"+demo.Echo+"/Say", wrapperspb.String(text), got)
	c.ended(err, "")
	if err == nil && got.Value != text {
		return fmt.Errorf("said %q, heard %q", text, got.Value)
	}
	return err
}

func (c *caller) fail(ctx context.Context, code uint32) error {
	err := c.Invoke(ctx, "/"+demo.Echo+"/Fail", wrapperspb.UInt32(code), new(wrapperspb.StringValue))
	c.ended(err, "")
	if got := uint32(status.Code(err)); got != code {
		return fmt.Errorf("asked for status %d, got %v", code, err)
	}
	return nil
}

func (c *caller) count(ctx context.Context, n uint32) error {
	s, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/"+demo.Echo+"/Count")
	if err != nil {
		return err
	}
	if err := errors.Join(s.SendMsg(wrapperspb.UInt32(n)), s.CloseSend()); err != nil {
		return err
	}
	for i := uint32(1); ; i++ {
		m := new(wrapperspb.UInt32Value)
		err := s.RecvMsg(m)
		if errors.Is(err, io.EOF) && i == n+1 {
			break
		}
		if err != nil || m.Value != i {
			return fmt.Errorf("message %d of %d: %d, %w", i, n, m.Value, err)
		}
	}
	if got := s.Trailer().Get("demo-count"); len(got) != 1 || got[0] != fmt.Sprint(n) {
		return fmt.Errorf("trailer: %q", got)
	}
	c.ended(nil, "")
	return nil
}

func (c *caller) chat(ctx context.Context, texts ...string) error {
	s, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+demo.Echo+"/Chat")
	if err != nil {
		return err
	}
	for _, text := range texts {
		if err := s.SendMsg(wrapperspb.String(text)); err != nil {
			return err
		}
		m := new(wrapperspb.StringValue)
		if err := s.RecvMsg(m); err != nil || m.Value != text {
			return fmt.Errorf("said %q, heard %q, %w", text, m.Value, err)
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	if err := s.RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the end: %w", err)
	}
	c.ended(nil, "")
	return nil
}

// echo sends text over a TCP connection, ends its direction, hears it back
// until the end, and counts it.
func echo(y *tally, service, address, text string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, text)
		sent <- errors.Join(err, c.(*net.TCPConn).CloseWrite())
	}()
	got, err := io.ReadAll(c)
	if err := errors.Join(err, <-sent); err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("sent %d bytes, heard %d others", len(text), len(got))
	}
	y.count(service, 0, -1, "", int64(len(text)), int64(len(got)))
	return nil
}
