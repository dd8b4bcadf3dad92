package reverseproxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"yumen/middleware"
	reverseproxy "yumen/reverse_proxy"
)

// sockets echoes every message until the client closes.
func sockets(t testing.TB) (address string) {
	return backend(t, func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{"chat"}})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			kind, m, err := c.Read(q.Context())
			if err != nil {
				return
			}
			if string(m) == "bye" {
				c.Close(4321, "as asked")
				return
			}
			if c.Write(q.Context(), kind, m) != nil {
				return
			}
		}
	})
}

func (g *gateway) socket(url string) *websocket.Conn {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	g.t.Cleanup(cancel)
	c, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client(g.t, "http/1.1"), Subprotocols: []string{"chat"}})
	require.NoError(g.t, err)
	require.Equal(g.t, "chat", resp.Header.Get("Sec-WebSocket-Protocol"))
	require.NotEmpty(g.t, resp.Header.Get("X-Request-ID"))
	c.SetReadLimit(-1)
	g.t.Cleanup(func() { c.CloseNow() })
	return c
}

func roundTrip(t testing.TB, c *websocket.Conn, m string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, c.Write(ctx, websocket.MessageText, []byte(m)))
	_, got, err := c.Read(ctx)
	require.NoError(t, err)
	require.True(t, m == string(got))
}

func TestWebSocketsPassOverPlainAndTLS(t *testing.T) {
	g := newGateway(t, service("ws", "/", sockets(t), ""))
	for _, url := range []string{"ws://" + g.http, "wss://" + g.https} {
		c := g.socket(url + "/chat")
		for _, m := range []string{"hello", strings.Repeat("x", 200), strings.Repeat("y", 1<<20)} {
			roundTrip(t, c, m)
		}
		require.NoError(t, c.Ping(c.CloseRead(context.Background())))
		require.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
		o := g.ended()
		require.Equal(t, 101, o.Status)
		require.NoError(t, o.Err)
		require.Empty(t, o.Reason)
		require.Greater(t, o.BytesIn, int64(1<<20+200))
		require.Greater(t, o.BytesOut, int64(1<<20+200))
	}
}

func TestATargetsCloseReachesTheClient(t *testing.T) {
	g := newGateway(t, service("ws", "/", sockets(t), ""))
	c := g.socket("ws://" + g.http)
	require.NoError(t, c.Write(context.Background(), websocket.MessageText, []byte("bye")))
	_, _, err := c.Read(context.Background())
	require.Equal(t, websocket.StatusCode(4321), websocket.CloseStatus(err))
	require.Equal(t, 101, g.ended().Status)
}

func TestARefusedWebSocketIsAnOrdinaryAnswer(t *testing.T) {
	g := newGateway(t, service("ws", "/", backend(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not here", 404) }), ""))
	_, resp, err := websocket.Dial(context.Background(), "ws://"+g.http, &websocket.DialOptions{HTTPClient: client(t, "http/1.1")})
	require.Error(t, err)
	require.Equal(t, 404, resp.StatusCode)
	require.Equal(t, 404, g.ended().Status)
}

func TestLiveWebSocketsEndWhenTheirCallerMayNoLongerCall(t *testing.T) {
	for reason, code := range map[string]websocket.StatusCode{
		"blacklisted": 1008, "tenant_disabled": 1008, "token_revoked": 1008, "token_expired": 1008, "service_gone": 1001, "draining": 1001,
	} {
		g := newGateway(t, service("ws", "/", sockets(t), ""))
		c := g.socket("ws://" + g.http)
		roundTrip(t, c, "hello")
		require.Equal(t, 1, g.site.Enders.Len())
		g.site.Enders.Sweep(time.Now(), func(s middleware.Stream) string {
			require.Equal(t, "ws", s.Service)
			return reason
		})
		_, _, err := c.Read(context.Background())
		require.Equal(t, code, websocket.CloseStatus(err), "%s: %v", reason, err)
		o := g.ended()
		require.Equal(t, reason, o.Reason)
		require.Error(t, o.Err)
		require.Zero(t, g.site.Enders.Len())
	}
}

func TestAWebSocketMidwayInAFrameIsCutAndNotCorrupted(t *testing.T) {
	half := make(chan struct{})
	g := newGateway(t, service("ws", "/", rawBackend(t, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x82\x05hel")
		close(half)
		io.Copy(io.Discard, c)
	}), ""))
	c := g.upgrade("websocket")
	got := make([]byte, 5)
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	<-half
	g.site.Enders.Sweep(time.Now(), func(middleware.Stream) string { return "blacklisted" })
	rest, _ := io.ReadAll(c)
	require.Empty(t, rest, "a close frame in the middle of another is no close frame")
	require.Equal(t, "blacklisted", g.ended().Reason)
}

// upgrade gives the connection after a 101.
func (g *gateway) upgrade(to string) io.ReadWriteCloser {
	g.t.Helper()
	q, err := http.NewRequest("GET", "http://"+g.http, nil)
	require.NoError(g.t, err)
	q.Header.Set("Connection", "Upgrade")
	q.Header.Set("Upgrade", to)
	resp, err := client(g.t, "http/1.1").Do(q)
	require.NoError(g.t, err)
	require.Equal(g.t, 101, resp.StatusCode)
	c := resp.Body.(io.ReadWriteCloser)
	g.t.Cleanup(func() { c.Close() })
	return c
}

func TestAnIdleTunnelIsClosedAndABusyOneIsNot(t *testing.T) {
	g := newGateway(t, service("ws", "/", sockets(t), ", timeouts: {stream_idle: 500ms}"))
	c := g.socket("ws://" + g.http)
	for range 8 {
		time.Sleep(100 * time.Millisecond)
		roundTrip(t, c, "still here")
	}
	_, _, err := c.Read(context.Background())
	require.Error(t, err)
	o := g.ended()
	require.ErrorIs(t, o.Err, context.DeadlineExceeded)
}

func TestATunnelThatIsBusyOneWayIsNotIdle(t *testing.T) {
	g := newGateway(t, service("ws", "/", rawBackend(t, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ticks\r\n\r\n")
		for range 10 {
			time.Sleep(60 * time.Millisecond)
			io.WriteString(c, ".")
		}
	}), ", timeouts: {stream_idle: 400ms}"))
	b, err := io.ReadAll(g.upgrade("ticks"))
	require.NoError(t, err)
	require.Equal(t, "..........", string(b))
}

func TestAClientThatVanishesEndsTheTunnel(t *testing.T) {
	gone := make(chan struct{})
	g := newGateway(t, service("ws", "/", rawBackend(t, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		io.Copy(io.Discard, c)
		close(gone)
	}), ""))
	g.upgrade("x").Close()
	select {
	case <-gone:
	case <-time.After(patience):
		require.Fail(t, "the target never learned")
	}
	require.Equal(t, 101, g.ended().Status)
}

func TestOneDirectionMayEndBeforeTheOther(t *testing.T) {
	g := newGateway(t, service("ws", "/", rawBackend(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		http.ReadRequest(r)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: sum\r\n\r\n")
		b, _ := io.ReadAll(r) // until the client has said all
		fmt.Fprintf(c, "%d bytes", len(b))
	}), ""))
	c, err := net.Dial("tcp", g.http)
	require.NoError(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: sum\r\n\r\nearly") // with the head, even
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, 101, resp.StatusCode)
	io.WriteString(c, " and late")
	c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "14 bytes", string(b))
}

func TestUpgradesThatAreNoneOfTheTargetsBusinessAreNotPassedOn(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, echo), ""))
	for _, to := range []string{"h2c", "h2", "websocket, h2c"} {
		resp, body := g.get("/", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", to, "HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA")
		require.Equal(t, 200, resp.StatusCode, "served as an ordinary request")
		require.NotContains(t, body, "Upgrade")
		require.NotContains(t, body, "Http2-Settings")
	}
	require.Contains(t, g.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: web\xe2\x80\xaesocket\r\n\r\n"), " 400 ")
}

func TestATargetThatChangesToAnotherProtocolIsCut(t *testing.T) {
	g := newGateway(t, service("web", "/", rawBackend(t, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n")
	}), ""))
	require.Contains(t, g.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), " 502 ")
	require.Equal(t, "upstream_failed", g.ended().Reason)
}

func TestAWebSocketToAnHTTP2TargetIsAskedAsAnOrdinaryRequest(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, echo), ", scheme: h2c"))
	resp, body := g.get("/", "Connection", "Upgrade", "Upgrade", "websocket")
	require.Equal(t, 200, resp.StatusCode)
	require.NotContains(t, body, "Upgrade")
}

func TestWebSocketFramesAreFollowed(t *testing.T) {
	frames := [][]byte{
		{0x81, 5, 'h', 'e', 'l', 'l', 'o'}, {0x89, 0}, append([]byte{0x82, 126, 1, 0}, make([]byte, 256)...),
		append([]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, 65536)...), {0x81, 0x82, 1, 2, 3, 4, 'a', 'b'}, {0x01, 1, 'x'}, {0x80, 0},
	}
	all := bytes.Join(frames, nil)
	ends := map[int]bool{0: true}
	for i, at := 0, 0; i < len(frames); i++ {
		at += len(frames[i])
		ends[at] = true
	}
	for _, size := range []int{1, 3, 7, 1000, len(all)} {
		between := reverseproxy.NewFrames()
		for at := 0; at < len(all); at += size {
			end := min(at+size, len(all))
			require.Equal(t, ends[end], between(all[at:end]), "at %d by %d", end, size)
		}
	}
	require.False(t, reverseproxy.NewFrames()([]byte{0x88, 2, 3, 0xe8}), "nothing follows a close")
}

func FuzzFramesNeverPanic(f *testing.F) {
	f.Add([]byte{0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, bytewise := reverseproxy.NewFrames(), reverseproxy.NewFrames()
		want, got := whole(b), true
		for i := range b {
			got = bytewise(b[i : i+1])
		}
		if want != got {
			t.Error(errors.New("the pieces matter"))
		}
	})
}
