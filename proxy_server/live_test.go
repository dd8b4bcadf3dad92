package proxyserver

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/generation"
	"yumen/spec"
	"yumen/testenv"
)

// Origin 16: balancers, limiters and counters were changed by requests and by
// the configuration at once, without order. Run with -race, this is its test
// too.
func TestAHundredChangesUnderLoadFailNoRequestAndCutNoStreamOfAnUntouchedService(t *testing.T) {
	s := newStores(t)
	ports := []int{testenv.FreePort(t), testenv.FreePort(t), testenv.FreePort(t)}
	steady, tcp := backend(t, "steady"), echo(t)
	events := handler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := 0; r.Context().Err() == nil; i++ {
			fmt.Fprintf(w, "data: %d\n\n", i)
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	s.put(services(httpService("steady", steady, "limits: {client_ip: {rate: 1000000}}"), httpService("events", events), tcpService("pipe", ports[0], tcp)))
	g := s.gateway(Config{}).ready()
	g.eventually("the port", func() bool { return g.Addresses()[portName(uint16(ports[0]))] != "" })

	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var requests, seen, echoes atomic.Int64
	var failures sync.Map
	fail := func(format string, args ...any) { failures.LoadOrStore(fmt.Sprintf(format, args...), true) }
	for worker := range 4 {
		c := client(t, worker%2 == 0) // half of them on connections that stay, half on new ones
		load.Go(func() {
			for ctx.Err() == nil {
				r, err := c.Get(g.url("/steady/x"))
				if err != nil {
					fail("request: %v", err)
					return
				}
				b, err := io.ReadAll(r.Body)
				r.Body.Close()
				if err != nil || r.StatusCode != 200 || string(b) != "steady /steady/x" {
					fail("answer: %d %q %v", r.StatusCode, b, err)
				}
				requests.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	stream, err := client(t, false).Get(g.url("/events"))
	require.NoError(t, err)
	load.Go(func() {
		defer stream.Body.Close()
		lines := bufio.NewScanner(stream.Body)
		for next := 0; ctx.Err() == nil; {
			if !lines.Scan() {
				fail("the event stream was cut: %v", lines.Err())
				return
			}
			if lines.Text() == "" {
				continue
			}
			if lines.Text() != fmt.Sprintf("data: %d", next) {
				fail("event %d came as %q", next, lines.Text())
				return
			}
			next++
			seen.Add(1)
		}
	})
	tunnel := dial(t, ports[0])
	load.Go(func() {
		for ctx.Err() == nil {
			if err := roundTrip(tunnel, "ping"); err != nil {
				fail("the TCP stream was cut: %v", err)
				return
			}
			echoes.Add(1)
			time.Sleep(time.Millisecond)
		}
	})

	other := backend(t, "other")
	var last dao.Revision
	for i := range 100 {
		name := fmt.Sprintf("busy%d", i%7)
		switch i % 5 {
		case 0:
			last = s.put(services(httpService(name, other, fmt.Sprintf("limits: {service: {rate: %d}}", 100+i))))
		case 1:
			last = s.put(services(tcpService(name+"-tcp", ports[1], tcp)))
		case 2:
			s.delete(spec.KindService, fmt.Sprintf("busy%d-tcp", (i-1)%7))
			last = s.put(services(tcpService(name+"-tcp", ports[2], tcp)))
		case 3:
			s.delete(spec.KindService, fmt.Sprintf("busy%d-tcp", (i-1)%7))
			last = s.put(fmt.Sprintf("tenants: [{app_id: t%d, limits: {qps: %d}}]", i%3, i+1))
		case 4:
			last = s.put(fmt.Sprintf("blacklist: [{cidr: 198.51.100.%d}]\nsettings: {time_zone: %q}", i, []string{"UTC", "Asia/Shanghai"}[i/5%2]))
		}
		time.Sleep(5 * time.Millisecond)
	}
	g.eventually("the last revision runs", func() bool { return g.gen.Load().Head.Number == last.Number })
	require.Empty(t, g.gen.Load().Faults)
	cancel()
	load.Wait()
	failures.Range(func(what, _ any) bool { t.Error(what); return true })
	require.Greater(t, requests.Load(), int64(100))
	require.Greater(t, seen.Load(), int64(20))
	require.Greater(t, echoes.Load(), int64(20))
	require.Zero(t, g.panicked())
}

func TestAChangeIsLiveWithinTwoSecondsAndAcknowledged(t *testing.T) {
	s := newStores(t)
	g := s.gateway(Config{}).ready()
	status, _ := g.get("/a/x")
	require.Equal(t, 404, status)

	says := ""
	testenv.Within(t, 2*time.Second, func() {
		says += "first"
		r := s.put(services(httpService("a", backend(t, says))))
		g.eventually("live", g.says("/a/x", says+" /a/x"))
		g.eventually("acknowledged", func() bool { return s.nodeOf(g).Revision.Number == r.Number })
	})
	node := s.nodeOf(g)
	require.Equal(t, "ready", node.State)
	require.Empty(t, node.Faults)
	require.NotEmpty(t, node.Listeners)
}

func TestAWantedRevisionIsFoundWithoutRedis(t *testing.T) {
	s, redis := realStores(t)
	g := s.gateway(Config{}).ready()
	redis.Stop()
	s.put(services(httpService("a", backend(t, "first"))))
	// The database is asked every 15 s; SIGHUP need not wait for that.
	g.Reload()
	g.eventually("live", g.says("/a/x", "first /a/x"))
}

func TestAServiceWhosePortIsTakenSaysWhyAndAllOthersApply(t *testing.T) {
	s := newStores(t)
	squatter, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer squatter.Close()
	taken, free := squatter.Addr().(*net.TCPAddr).Port, testenv.FreePort(t)
	tcp := echo(t)
	s.put(services(tcpService("blocked", taken, tcp), tcpService("fine", free, tcp), httpService("web", backend(t, "web"))))
	g := s.gateway(Config{}).ready()

	require.NoError(t, roundTrip(dial(t, free), "hello"))
	require.True(t, g.says("/web/", "web /web/")())
	g.eventually("reported", func() bool { return len(s.nodeOf(g).Faults) == 1 })
	f := s.nodeOf(g).Faults[0]
	require.Equal(t, "service blocked /listen/port port_taken", fmt.Sprintf("%s %s %s %s", f.Kind, f.Name, f.Field, f.Code))
	require.Contains(t, f.Message, fmt.Sprint(taken))

	require.NoError(t, squatter.Close()) // it is tried again by itself
	g.eventually("opened", func() bool { return len(g.gen.Load().Faults) == 0 })
	require.NoError(t, roundTrip(dial(t, taken), "hello"))
}

func TestAServiceThatMovesToATakenPortGoesOnOnItsOldOne(t *testing.T) {
	s := newStores(t)
	squatter, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer squatter.Close()
	port := testenv.FreePort(t)
	tcp := echo(t)
	s.put(services(tcpService("db", port, tcp)))
	g := s.gateway(Config{}).ready()
	r := s.put(services(tcpService("db", squatter.Addr().(*net.TCPAddr).Port, tcp)))
	g.eventually("tried", func() bool { return g.gen.Load().Head.Number == r.Number })
	require.Len(t, g.gen.Load().Faults, 1)
	require.NoError(t, roundTrip(dial(t, port), "still here"))
}

// Origin 22: deleted names and ports were never freed.
func TestTheNameAndPortOfADeletedServiceAreFree(t *testing.T) {
	s := newStores(t)
	port, tcp := testenv.FreePort(t), echo(t)
	s.put(services(tcpService("db", port, tcp)))
	g := s.gateway(Config{}).ready()
	require.NoError(t, roundTrip(dial(t, port), "hello"))

	s.delete(spec.KindService, "db")
	g.eventually("closed", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	again, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err, "anybody may have the port")
	require.NoError(t, again.Close())

	s.put(services(fmt.Sprintf("- {name: db, protocol: http, listen: {port: %d}, upstream: {targets: [{address: %q}]}}\n", port, backend(t, "web"))))
	g.eventually("another service of that name and port", func() bool {
		_, body := get(t, fmt.Sprintf("http://127.0.0.1:%d/x", port))
		return body == "web /x"
	})
}

func TestAPortPassesFromOneServiceAndProtocolToAnotherWithoutBeingClosed(t *testing.T) {
	s := newStores(t)
	port, tcp := testenv.FreePort(t), echo(t)
	s.put(services(tcpService("db", port, tcp)))
	g := s.gateway(Config{}).ready()
	old := dial(t, port)
	require.NoError(t, roundTrip(old, "hello"))
	before := g.own[uint16(port)]

	s.publish(func(d *dao.Draft) error {
		if err := d.Delete(spec.KindService, "db"); err != nil {
			return err
		}
		web := document(t, services(fmt.Sprintf("- {name: web, protocol: http, listen: {port: %d}, upstream: {targets: [{address: %q}]}}\n", port, backend(t, "web"))))
		return d.Put(spec.KindService, "web", &web.Services[0])
	})
	g.eventually("HTTP on the port", func() bool {
		_, body := get(t, fmt.Sprintf("http://127.0.0.1:%d/x", port))
		return body == "web /x"
	})
	require.Same(t, before, g.own[uint16(port)])
	require.NoError(t, roundTrip(old, "a running stream finishes on its form"))
	require.Empty(t, g.gen.Load().Faults)
}

func TestConnectionsToADeletedServicesOwnPortDoNotReachTheSharedRoutes(t *testing.T) {
	s := newStores(t)
	port := testenv.FreePort(t)
	s.put(services(httpService("shared", backend(t, "shared")),
		fmt.Sprintf("- {name: own, protocol: http, listen: {port: %d}, upstream: {targets: [{address: %q}]}}\n", port, backend(t, "own"))))
	g := s.gateway(Config{}).ready()
	c := dial(t, port)
	ask := func() (int, string) {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(c, "GET /shared/x HTTP/1.1\r\nHost: h\r\n\r\n")
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, ""
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(b)
	}
	status, body := ask()
	require.Equal(t, 200, status)
	require.Equal(t, "own /shared/x", body)
	s.delete(spec.KindService, "own")
	g.eventually("gone", func() bool { return g.gen.Load().Services["own"] == nil })
	status, body = ask() // refused, or the connection is closed already
	require.NotContains(t, body, "shared /shared/x")
	require.NotEqual(t, 200, status)
}

// Origin 20: limits never changed after they were made.
func TestAChangedLimitHoldsFromTheNextRequestAndItsLevelSurvives(t *testing.T) {
	s := newStores(t)
	address := backend(t, "a")
	s.put(services(httpService("a", address, "limits: {service: {rate: 1, per: 1h, burst: 3}}")))
	g := s.gateway(Config{}).ready()
	statuses := func(n int) (out []int) {
		for range n {
			status, _ := g.get("/a")
			out = append(out, status)
		}
		return out
	}
	require.Equal(t, []int{200, 200, 200, 429}, statuses(4))
	r := s.put(services(httpService("a", address, "limits: {service: {rate: 1, per: 1h, burst: 3}}", "title: a change beside the limit")))
	g.eventually("applied", func() bool { return g.gen.Load().Head.Number == r.Number })
	require.Equal(t, []int{429}, statuses(1), "no save hands out a new burst")
	r = s.put(services(httpService("a", address, "limits: {service: {rate: 1000000}}")))
	g.eventually("applied", func() bool { return g.gen.Load().Head.Number == r.Number })
	g.eventually("tokens come at the new rate", func() bool { return statuses(1)[0] == 200 })
	require.Equal(t, []int{200, 200}, statuses(2))
}

func TestBlacklistedClientsAreShutOutAndTheirStreamsEndWithinFiveSeconds(t *testing.T) {
	s := newStores(t)
	port, tcp := testenv.FreePort(t), echo(t)
	s.put(services(tcpService("db", port, tcp), httpService("a", backend(t, "a"))))
	g := s.gateway(Config{}).ready()
	c := dial(t, port)
	require.NoError(t, roundTrip(c, "hello"))
	kept := client(t, true)
	r, err := kept.Get(g.url("/a"))
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, r.Body)
	r.Body.Close()

	begin := time.Now()
	s.put("blacklist: [{cidr: 127.0.0.0/8, reason: test}]")
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, time.Since(begin), 5*time.Second)

	r, err = kept.Get(g.url("/a")) // on the connection it had
	if err == nil {
		require.Equal(t, 403, r.StatusCode)
		r.Body.Close()
	}
	status, _ := g.get("/a")
	require.Zero(t, status, "a new connection is closed at the door")

	s.delete(spec.KindBlacklist, "127.0.0.0/8")
	g.eventually("let in again", g.says("/a/", "a /a/"))
}

func TestStreamsOfADeletedServiceGetTheirTimeAndThenEnd(t *testing.T) {
	s := newStores(t)
	port, tcp := testenv.FreePort(t), echo(t)
	s.put(services(tcpService("db", port, tcp)))
	g := s.gateway(Config{}).ready()
	c := dial(t, port)
	require.NoError(t, roundTrip(c, "hello"))
	s.delete(spec.KindService, "db")
	g.eventually("gone", func() bool { return g.gen.Load().Services["db"] == nil })
	g.sweep(time.Now().Add(drainTimeout - 2*time.Second))
	require.NoError(t, roundTrip(c, "still within drain_timeout"))
	g.sweep(time.Now().Add(drainTimeout + time.Second))
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestStreamsOfADisabledTenantEndWithinFiveSecondsAndThoseOfOthersGoOn(t *testing.T) {
	s := newStores(t)
	events := handler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			fmt.Fprint(w, "data: x\n\n")
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	s.put(services(httpService("events", events, "access: {auth: jwt}")) + "tenants: [{app_id: bad}, {app_id: good}]\n")
	s.signingKey()
	secrets := map[string]string{"bad": s.credential("bad"), "good": s.credential("good")}
	g := s.gateway(Config{}).ready()
	open := func(appID string) io.ReadCloser {
		req, err := http.NewRequest("GET", g.url("/events"), nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+tokenOf(t, g, appID, secrets[appID]))
		r, err := client(t, false).Do(req)
		require.NoError(t, err)
		require.Equal(t, 200, r.StatusCode)
		return r.Body
	}
	bad, good := open("bad"), open("good")
	defer bad.Close()
	defer good.Close()

	begin := time.Now()
	s.put("tenants: [{app_id: bad, enabled: false}]")
	_, _ = io.Copy(io.Discard, bad)
	require.Less(t, time.Since(begin), 5*time.Second)
	buf := make([]byte, 64)
	for range 50 {
		_, err := good.Read(buf)
		require.NoError(t, err)
	}
}

func TestAPanicOfOneConnectionCostsNoOther(t *testing.T) {
	s := &Server{log: discard()}
	a, b := net.Pipe()
	defer b.Close()
	func() {
		defer s.recovered(a)
		panic("as a bug would")
	}()
	_, err := b.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.EqualValues(t, 1, s.panics.Load())
}

func TestManyServicesApplyFast(t *testing.T) {
	s := newStores(t)
	address := backend(t, "x")
	var all []string
	for i := range 1000 {
		all = append(all, httpService(fmt.Sprintf("s%d", i), address, "limits: {service: {rate: 100}}"))
	}
	s.put(services(all...))
	g := s.gateway(Config{}).ready()
	require.True(t, g.says("/s999/x", "x /s999/x")())
	before := g.gen.Load().Services["s1"]
	r := s.put(services(httpService("s0", address, "title: changed")))
	g.eventually("applied", func() bool { return g.gen.Load().Head.Number == r.Number })
	require.Same(t, before, g.gen.Load().Services["s1"], "what did not change is not built again")
	require.NotContains(t, strings.ToLower(g.logs.String()), "panic")
}

func TestAnEmptyDatabaseOfAnotherInstallationIsRefusedUntilItIsConfirmed(t *testing.T) {
	state := t.TempDir()
	right := newStores(t)
	right.put(services(httpService("a", backend(t, "a")), httpService("b", backend(t, "b"))))
	g := right.gateway(Config{State: state}).ready()
	g.eventually("kept", func() bool { _, err := os.Stat(g.good.path); return err == nil })
	require.NoError(t, g.stop())

	wrong := newStores(t)
	wrong.ring = right.ring
	again := wrong.gateway(Config{State: state}).ready()
	again.eventually("it says so", func() bool { return strings.Contains(again.logs.String(), "refused until it is confirmed") })
	require.True(t, again.says("/a", "a /a")())
	again.eventually("and to the console", func() bool { return strings.Contains(wrong.nodeOf(again).Waiting, "refused until it is confirmed") })
	again.Reload()
	again.eventually("confirmed", func() bool { status, _ := again.get("/a"); return status == 404 })
}

func TestARestoredBackupIsTakenOverAndSaidLoudly(t *testing.T) {
	s := newStores(t)
	address := backend(t, "a")
	first := s.put(services(httpService("a", address), httpService("b", address)))
	head, err := s.db.Head(t.Context())
	require.NoError(t, err)
	s.put(services(httpService("c", address)))
	g := s.gateway(Config{}).ready()
	require.True(t, g.says("/c", "a /c")())

	old, err := s.db.Load(t.Context(), head, nil)
	require.NoError(t, err)
	w := &storeWatch{Server: g.Server, apply: func(src generation.Source, loss bool) error {
		require.True(t, loss, "one installation: somebody confirmed it when it was saved")
		require.Equal(t, first.Number, src.Head.Number)
		return nil
	}}
	w.db = s.db
	require.NoError(t, w.load(t.Context(), old.Head))
	require.Contains(t, g.logs.String(), "a backup was restored?")
}
