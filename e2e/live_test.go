package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"yumen/demo"
	"yumen/testenv"
)

// load is traffic that goes on until it is stopped; nothing of it may fail.
type load struct {
	t    *testing.T
	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup
	done atomic.Int64 // steps that went well

	mu     sync.Mutex
	failed []error
}

func begin(t *testing.T) *load {
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l := &load{t: t, ctx: ctx, stop: stop}
	t.Cleanup(func() { stop(); l.all.Wait() })
	return l
}

// keep repeats step until the load is stopped or step fails.
func (l *load) keep(what string, step func() error) {
	l.all.Go(func() {
		for l.ctx.Err() == nil {
			if err := step(); err != nil {
				l.mu.Lock()
				l.failed = append(l.failed, fmt.Errorf("%s: %w", what, err))
				l.mu.Unlock()
				return
			}
			l.done.Add(1)
			time.Sleep(time.Millisecond) // the machine is shared
		}
	})
}

// end stops the load and expects that nothing failed.
func (l *load) end() {
	l.t.Helper()
	l.stop()
	l.all.Wait()
	require.NoError(l.t, errors.Join(l.failed...))
	require.Positive(l.t, l.done.Load())
	l.t.Logf("%d steps went well", l.done.Load())
}

// requests sends requests one after the other.
func (l *load) requests(c *http.Client, what, url string) {
	l.keep(what, func() error {
		status, _, err := send(c, nil, "", "POST", url, "hello")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
}

// streams opens one stream of every kind, each going on until the end.
func (l *load) streams(p *node, tcpPort int) {
	l.t.Helper()
	ctx := context.WithoutCancel(l.ctx) // the load ends between two steps, not within one
	ws, _, err := websocket.Dial(ctx, "ws://"+p.http+"/sockets", &websocket.DialOptions{HTTPClient: speaking(l.t, "h1")})
	require.NoError(l.t, err)
	l.t.Cleanup(func() { ws.CloseNow() })
	l.keep(p.name+" WebSocket", func() error {
		if err := ws.Write(ctx, websocket.MessageText, []byte("ping")); err != nil {
			return err
		}
		_, _, err := ws.Read(ctx)
		return err
	})

	conn := calling(l.t, newTally(), "", p.http)
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+demo.Echo+"/Chat")
	require.NoError(l.t, err)
	l.keep(p.name+" gRPC stream", func() error {
		if err := s.SendMsg(wrapperspb.String("ping")); err != nil {
			return err
		}
		return s.RecvMsg(new(wrapperspb.StringValue))
	})

	c, err := net.Dial("tcp", p.at(tcpPort))
	require.NoError(l.t, err)
	l.t.Cleanup(func() { c.Close() })
	l.keep(p.name+" TCP", func() error {
		c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("ping")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 4))
		return err
	})

	client := speaking(l.t, "h1")
	client.Timeout = 0
	resp, err := client.Get("http://" + p.http + "/events?every=5ms")
	require.NoError(l.t, err)
	l.t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	l.keep(p.name+" events", func() error {
		_, err := lines.ReadString('\n')
		return err
	})
}

// steady makes services of every kind that nobody changes.
func steady(t *testing.T, i *installation, b *demo.Backends) (tcpPort int) {
	t.Helper()
	tcpPort = port(t)
	i.create("/services", object{"name": "orders", "protocol": "http", "routes": prefixed("/orders"), "upstream": to(b.HTTP)})
	i.create("/services", object{"name": "sockets", "protocol": "http", "routes": prefixed("/sockets"), "upstream": to(b.WebSocket)})
	i.create("/services", object{"name": "events", "protocol": "http", "routes": prefixed("/events"), "upstream": to(b.Events)})
	i.create("/services", object{"name": "calls", "protocol": "grpc", "routes": prefixed("/" + demo.Echo), "upstream": to(b.GRPC)})
	i.create("/services", object{"name": "echo", "protocol": "tcp", "listen": object{"port": tcpPort}, "upstream": to(b.TCP)})
	return tcpPort
}

func TestAHundredChangesUnderLoadFailNoRequestAndCutNoStream(t *testing.T) {
	i := install(t, 2)
	b := backends(t)
	tcpPort := steady(t, i, b)
	i.create("/services", object{"name": "changing", "protocol": "http", "routes": prefixed("/changing"), "upstream": to(b.HTTP)})
	i.live(2)

	l := begin(t)
	for _, p := range i.proxies {
		l.streams(p, tcpPort)
		for _, protocol := range []string{"h1", "h2c"} {
			l.requests(speaking(t, protocol), p.name+" "+protocol, "http://"+p.http+"/orders")
		}
		l.requests(speaking(t, "tls h2"), p.name+" tls h2", "https://"+p.https+"/orders")
		l.requests(speaking(t, "h1"), p.name+" the changing service", "http://"+p.http+"/changing")
	}
	before := i.release().Revision
	extra := port(t)
	for n := range 100 {
		switch n % 10 {
		case 3:
			i.create("/services", object{"name": "extra", "protocol": "tcp", "listen": object{"port": extra}, "upstream": to(b.TCP)})
		case 7:
			i.remove("/services/extra")
		case 5:
			i.create("/blacklist", object{"cidr": fmt.Sprintf("203.0.113.%d", n)})
		case 9:
			i.patch("/settings", object{"client": object{"idle": fmt.Sprintf("%ds", 60+n)}})
		default:
			i.patch("/services/changing", object{
				"headers": object{"request": object{"set": object{"X-Change": fmt.Sprint(n)}}},
				"limits":  object{"service": object{"rate": 100000 + n}},
			})
		}
		if n%25 == 24 {
			i.live(2)
		}
	}
	i.live(2)
	require.EqualValues(t, before+100, i.release().Revision)
	// The last change is what requests meet now.
	for _, p := range i.proxies {
		_, got, err := send(speaking(t, "h1"), nil, "", "GET", "http://"+p.http+"/changing", "")
		require.NoError(t, err)
		require.Contains(t, got, `"98"`)
	}
	l.end()
}

func TestAChangeIsLiveOnEveryProxyWithinTwoSeconds(t *testing.T) {
	i := install(t, 2)
	b := backends(t)
	n := 0
	testenv.Within(t, 2*time.Second, func() {
		n++
		name := fmt.Sprint("service-", n)
		i.create("/services", object{"name": name, "protocol": "http", "routes": prefixed("/" + name), "upstream": to(b.HTTP)})
		for _, p := range i.proxies {
			soon(t, func() bool {
				status, _, err := send(speaking(t, "h1"), nil, "", "GET", "http://"+p.http+"/"+name, "")
				return err == nil && status == http.StatusOK
			}, "live on %s", p.name)
		}
	})
}

func TestAServiceRefusedOnOneNodeSaysWhyAndHarmsNoOther(t *testing.T) {
	i := install(t, 2)
	b := backends(t)
	wanted := port(t)
	taken, err := net.Listen("tcp", i.proxies[1].at(wanted)) // by somebody else on that machine
	require.NoError(t, err)
	defer taken.Close()

	i.create("/services", object{"name": "echo", "protocol": "tcp", "listen": object{"port": wanted}, "upstream": to(b.TCP)})
	i.create("/services", object{"name": "orders", "protocol": "http", "routes": prefixed("/orders"), "upstream": to(b.HTTP)})
	var r release
	soon(t, func() bool {
		r = i.release()
		return r.State == "refused" && r.LiveOn == 1
	}, "refused on one node")
	for _, n := range r.Detail {
		if n.Name == "proxy-1" {
			require.Equal(t, "live", n.State)
			require.Empty(t, n.Faults)
			continue
		}
		require.Equal(t, "refused", n.State)
		require.Len(t, n.Faults, 1)
		require.Equal(t, "echo", n.Faults[0].Name)
		require.Equal(t, "/listen/port", n.Faults[0].Field)
		require.Equal(t, "port_taken", n.Faults[0].Code)
		require.Contains(t, n.Faults[0].Message, fmt.Sprint(wanted))
	}
	var s struct {
		Status struct {
			State  string  `json:"state"`
			LiveOn int     `json:"live_on"`
			Faults []fault `json:"faults"`
		} `json:"status"`
	}
	require.Equal(t, http.StatusOK, i.call("GET", "/services/echo", nil, &s))
	require.Equal(t, 1, s.Status.LiveOn)
	require.Len(t, s.Status.Faults, 1)
	require.Equal(t, "proxy-2", s.Status.Faults[0].Node)

	for _, p := range i.proxies {
		status, _, err := send(speaking(t, "h1"), nil, "", "GET", "http://"+p.http+"/orders", "")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	require.NoError(t, echo(newTally(), "echo", i.proxies[0].at(wanted), "hello"))

	require.NoError(t, taken.Close()) // it is tried again by itself
	i.live(2)
	require.NoError(t, echo(newTally(), "echo", i.proxies[1].at(wanted), "hello"))
}

func TestLiveStreamsOfTheBlacklistedEndWithinFiveSeconds(t *testing.T) {
	i := install(t, 1)
	b := backends(t)
	tcpPort := steady(t, i, b)
	i.live(1)
	p := i.proxies[0]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	ws, _, err := websocket.Dial(ctx, "ws://"+p.http+"/sockets", &websocket.DialOptions{HTTPClient: speaking(t, "h1")})
	require.NoError(t, err)
	defer ws.CloseNow()
	c, err := net.Dial("tcp", p.at(tcpPort))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("ping"))
	require.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 4))
	require.NoError(t, err)
	s, err := calling(t, newTally(), "", p.http).NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+demo.Echo+"/Chat")
	require.NoError(t, err)
	require.NoError(t, s.SendMsg(wrapperspb.String("ping")))
	require.NoError(t, s.RecvMsg(new(wrapperspb.StringValue)))

	saved := time.Now()
	i.create("/blacklist", object{"cidr": "127.0.0.0/8", "reason": "test"})
	c.SetReadDeadline(time.Now().Add(patience))
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	_, _, err = ws.Read(ctx)
	require.Equal(t, websocket.StatusPolicyViolation, websocket.CloseStatus(err), "%v", err)
	err = s.RecvMsg(new(wrapperspb.StringValue))
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	require.Less(t, time.Since(saved), 7*time.Second, "two to be applied, five to end")

	// The console is no service: it may still undo this.
	i.remove("/blacklist/" + strings.ReplaceAll("127.0.0.0/8", "/", "_"))
	i.live(1)
	soon(t, func() bool {
		status, _, err := send(speaking(t, "h1"), nil, "", "GET", "http://"+p.http+"/orders", "")
		return err == nil && status == http.StatusOK
	}, "admitted again")
}
