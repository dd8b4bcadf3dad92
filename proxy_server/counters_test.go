package proxyserver

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"yumen/flow"
	"yumen/kv"
	"yumen/testenv"
)

// counted sums what all incarnations counted today.
func (s *stores) counted(subject string) flow.Counts {
	var sum flow.Counts
	day := time.Now().UTC().Format(time.DateOnly)
	all, err := s.redis.ReadSubject(context.Background(), subject, kv.StepDay, []string{day})
	if err != nil {
		return sum
	}
	for _, text := range all[day] {
		c, err := flow.ParseCounts(text)
		if err != nil {
			panic(err)
		}
		sum.Add(&c)
	}
	return sum
}

func send(g *gateway, path string, n int) {
	c := client(g.t, true)
	for range n {
		r, err := c.Get(g.url(path))
		require.NoError(g.t, err)
		r.Body.Close()
	}
}

func TestCountersReachRedisAndSurviveItsBeingFlushed(t *testing.T) {
	s, redisServer := realStores(t)
	r := s.put(services(httpService("a", backend(t, "a"))))
	subject := flow.ServiceID("a", r.Number)
	g := s.gateway(Config{}).ready()
	send(g, "/a", 7)
	send(g, "/nowhere", 2)
	g.eventually("counted", func() bool { return s.counted(subject).Requests == 7 && s.counted(flow.Total).Requests == 9 })
	require.EqualValues(t, 2, s.counted(flow.Total).Refused["no_route"])
	require.EqualValues(t, 9, s.counted(flow.NodeID(g.conf.Name)).Requests)

	c := redis.NewClient(&redis.Options{Addr: redisServer.Addr})
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.FlushAll(t.Context()).Err())
	require.Zero(t, s.counted(flow.Total).Requests)
	g.eventually("written again, though nothing new happened", func() bool {
		return s.counted(subject).Requests == 7 && s.counted(flow.Total).Requests == 9
	})
	g.eventually("the node is back in the list", func() bool { return s.nodeOf(g).State == kv.NodeReady })
}

// Origin 17: counters were lost on flush errors and at exit.
func TestCountsGatherWhileRedisIsAwayAndNoneIsLostOrDoubled(t *testing.T) {
	s, redisServer := realStores(t)
	r := s.put(services(httpService("a", backend(t, "a"))))
	subject := flow.ServiceID("a", r.Number)
	g := s.gateway(Config{}).ready()
	send(g, "/a", 3)
	g.eventually("counted", func() bool { return s.counted(subject).Requests == 3 })
	redisServer.Stop()
	send(g, "/a", 4)
	g.eventually("noticed", func() bool { return strings.Contains(g.logs.String(), "they are kept") })
	redisServer.Start(t) // empty
	g.eventually("all of them", func() bool { return s.counted(subject).Requests == 7 })
	send(g, "/a", 1)
	g.eventually("and on", func() bool { return s.counted(subject).Requests == 8 })
}

// Origin 17 again.
func TestCountsAtExitAreWritten(t *testing.T) {
	s := newStores(t)
	r := s.put(services(httpService("a", backend(t, "a"))))
	g := s.gateway(Config{}).ready()
	send(g, "/a", 5)
	require.NoError(t, g.stop())
	require.EqualValues(t, 5, s.counted(flow.ServiceID("a", r.Number)).Requests)
	require.Equal(t, kv.NodeStopped, s.nodeOf(g).State)
}

func TestCountsAtExitWithoutRedisAreSpooledAndDeliveredAtTheNextStart(t *testing.T) {
	s, redisServer := realStores(t)
	r := s.put(services(httpService("a", backend(t, "a"))))
	subject := flow.ServiceID("a", r.Number)
	state := t.TempDir()
	g := s.gateway(Config{State: state}).ready()
	send(g, "/a", 2)
	g.eventually("counted", func() bool { return s.counted(subject).Requests == 2 })
	redisServer.Stop()
	send(g, "/a", 4)
	require.NoError(t, g.stop())
	files, err := os.ReadDir(filepath.Join(state, "spool"))
	require.NoError(t, err)
	require.Len(t, files, 1)

	redisServer.Start(t)
	s.gateway(Config{State: state}).ready()
	g.eventually("delivered", func() bool { return s.counted(subject).Requests == 6 })
	g.eventually("and removed", func() bool {
		files, err := os.ReadDir(filepath.Join(state, "spool"))
		return err == nil && len(files) == 0
	})
}

// Origin 17: a goroutine and a Redis connection per increment.
func TestCountingTakesNoGoroutineAndNoConnectionPerRequest(t *testing.T) {
	s, redisServer := realStores(t)
	s.put(services(httpService("a", backend(t, "a"))))
	g := s.gateway(Config{}).ready()
	send(g, "/a", 10)
	c := redis.NewClient(&redis.Options{Addr: redisServer.Addr})
	t.Cleanup(func() { c.Close() })
	before := runtime.NumGoroutine()
	send(g, "/a", 500)
	require.Less(t, runtime.NumGoroutine(), before+25)
	list, err := c.ClientList(t.Context()).Result()
	require.NoError(t, err)
	require.Less(t, strings.Count(list, "addr="), 20)
}

// Origin 17: a quota of 20 let 57 pass.
func TestADailyQuotaHoldsOverTwoNodesBesideWhatPassesInTwoSeconds(t *testing.T) {
	s := newStores(t)
	require.NoError(t, s.redis.SetSeeded(t.Context()))
	s.put(services(httpService("a", backend(t, "a"), "access: {auth: jwt}")) +
		"tenants: [{app_id: app, limits: {qpd: 20}}]\n")
	secret := s.credential("app")
	s.signingKey()
	one, two := s.gateway(Config{}).ready(), s.gateway(Config{}).ready()
	token := tokenOf(t, one, "app", secret)
	passed := func(g *gateway, n int) (ok int) {
		c := client(t, true)
		for range n {
			req, err := http.NewRequest("GET", g.url("/a"), nil)
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+token)
			r, err := c.Do(req)
			require.NoError(t, err)
			r.Body.Close()
			if r.StatusCode == 200 {
				ok++
			} else {
				require.Equal(t, 429, r.StatusCode)
			}
		}
		return ok
	}
	require.Equal(t, 15, passed(one, 15))
	one.eventually("the other node knows", func() bool { return two.quotas.Used(s.tenantID("app"), time.Now()) == 15 })
	require.Equal(t, 5, passed(two, 30))
	require.LessOrEqual(t, passed(one, 30), 5, "what one node admits within two seconds")
	one.eventually("both know", func() bool { return one.quotas.Used(s.tenantID("app"), time.Now()) >= 20 })
	require.Zero(t, passed(one, 5))

	// A restart forgets nothing: what earlier incarnations counted still counts.
	require.NoError(t, two.stop())
	three := s.gateway(Config{}).ready()
	three.eventually("learned", func() bool { return three.quotas.Used(s.tenantID("app"), time.Now()) >= 20 })
	require.Zero(t, passed(three, 5))
}

func TestTwoNodesCountTogether(t *testing.T) {
	s := newStores(t)
	r := s.put(services(httpService("a", backend(t, "a"))))
	one, two := s.gateway(Config{}).ready(), s.gateway(Config{}).ready()
	var both sync.WaitGroup
	both.Go(func() { send(one, "/a", 20) })
	both.Go(func() { send(two, "/a", 30) })
	both.Wait()
	one.eventually("the sum", func() bool { return s.counted(flow.ServiceID("a", r.Number)).Requests == 50 })
	nodes, err := s.redis.Nodes(t.Context())
	require.NoError(t, err)
	require.Len(t, nodes, 2)
}

func TestHealthOfTargetsIsReported(t *testing.T) {
	s := newStores(t)
	dead := fmt.Sprintf("127.0.0.1:%d", testenv.FreePort(t))
	s.put(services(fmt.Sprintf("- {name: a, protocol: http, routes: [{path: {prefix: /a}}], upstream: {targets: [{address: %q}, {address: %q}], health: {active: {interval: 100ms, fall: 1, rise: 1}}}}\n",
		backend(t, "a"), dead)))
	g := s.gateway(Config{}).ready()
	g.eventually("one up, one down", func() bool {
		all, err := s.redis.Health(context.Background(), "a")
		if err != nil || len(all) != 2 {
			return false
		}
		states := map[string]string{}
		for _, h := range all {
			states[h.Address] = h.State
		}
		return states[dead] == "down" && len(states) == 2 && states[dead] != "up"
	})
}
