package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/flow"
	"yumen/kv"
	"yumen/testenv"
)

// beats writes what a proxy says of itself, with its revision.
func (w *world) beats(name string, change func(*kv.Node)) kv.Node {
	w.t.Helper()
	head, err := w.store.Head(w.t.Context())
	require.NoError(w.t, err)
	n := kv.Node{
		Incarnation: "inc-" + name, Name: name, Version: "1", State: kv.NodeReady, Started: time.Now().Add(-time.Hour).UTC(), Seen: time.Now().UTC(),
		Revision: kv.Head(head), AppliedAt: time.Now().UTC(), Connections: map[string]int64{"http": 3, "websocket": 1, "tcp": 2, "grpc": 4}, Listeners: []string{"127.0.0.1:8080"},
	}
	if change != nil {
		change(&n)
	}
	require.NoError(w.t, w.kv.Heartbeat(w.t.Context(), n))
	return n
}

// counts writes what an incarnation counted.
func (w *world) counts(incarnation, step, bucket, subject string, c flow.Counts) {
	w.t.Helper()
	require.NoError(w.t, w.kv.WriteCounts(w.t.Context(), incarnation, step, bucket, map[string]string{subject: c.Pack()}))
}

func requests(n, failed uint64) flow.Counts {
	c := flow.Counts{Requests: n, In: 10 * n, Out: 100 * n}
	c.Status[2], c.Status[5] = n-failed, failed
	c.Hist[5] = n
	return c
}

func TestAReleaseIsShownAsItSpreads(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		b.create("orders")
		release := func() (r Release) {
			b.get("/release").into(200, &r)
			return r
		}
		r := release()
		require.Equal(t, "no_nodes", r.State)
		require.Equal(t, uint64(2), r.Revision)
		require.Equal(t, "admin", r.Account)
		require.Equal(t, []ReleaseNode{}, r.NodesDetail)

		w.beats("a", nil)
		w.beats("b", func(n *kv.Node) { n.Revision = kv.Head{Lineage: n.Revision.Lineage, Number: 1, Digest: "old"} })
		r = release()
		require.Equal(t, "spreading", r.State)
		require.Equal(t, []int{1, 2}, []int{r.LiveOn, r.Nodes})
		require.Equal(t, "spreading", r.NodesDetail[1].State)

		w.beats("b", nil)
		require.Equal(t, "live", release().State)

		fault := kv.Fault{Kind: "service", Name: "orders", Field: "/listen/port", Code: "cannot_bind", Message: "port 8001 is taken on this machine"}
		w.beats("b", func(n *kv.Node) { n.Faults = []kv.Fault{fault} })
		r = release()
		require.Equal(t, "refused", r.State)
		require.Equal(t, []int{1, 2}, []int{r.LiveOn, r.Nodes})
		require.Equal(t, "b", r.NodesDetail[1].Faults[0].Node)
		require.Equal(t, "/listen/port", r.NodesDetail[1].Faults[0].Field)

		var s Service
		b.get("/services/orders").into(200, &s)
		require.Equal(t, "not_applied", s.Status.State)
		require.Equal(t, "cannot_bind", s.Status.Faults[0].Code)
		require.Equal(t, []int{1, 2}, []int{s.Status.LiveOn, s.Status.Nodes})
	})
}

func TestAServiceSaysHowItsTargetsFare(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		body := orders("orders")
		body["upstream"] = map[string]any{"targets": []any{map[string]any{"address": "10.0.0.1:1", "weight": 3}, map[string]any{"address": "10.0.0.2:1"}}}
		b.post("/services", body).is(201)
		n := w.beats("a", nil)
		status := func() ServiceStatus {
			var s Service
			b.get("/services/orders").into(200, &s)
			return s.Status
		}
		require.Equal(t, "unknown", status().State)
		report := func(first, second string) {
			at := time.Now().UTC().Truncate(time.Second)
			require.NoError(t, w.kv.PutHealth(t.Context(), n.Incarnation, map[string][]kv.Health{"orders": {
				{Service: "orders", Address: "10.0.0.1:1", State: first, Since: at, InFlight: 2},
				{Service: "orders", Address: "10.0.0.2:1", State: second, Reason: "connection refused", Since: at, Transitions: []kv.Transition{{At: at, State: second, Reason: "connection refused"}}},
			}}))
		}
		report("up", "up")
		require.Equal(t, "healthy", status().State)
		report("up", "down")
		st := status()
		require.Equal(t, "some_down", st.State)
		require.Equal(t, []int{1, 2}, []int{st.TargetsUp, st.TargetsTotal})
		report("down", "down")
		require.Equal(t, "down", status().State)

		var targets TargetList
		b.get("/services/orders/targets").into(200, &targets)
		require.Len(t, targets.Items, 2)
		require.Equal(t, 3, targets.Items[0].Weight)
		require.Equal(t, "active", targets.Items[1].State)
		require.Equal(t, "connection refused", targets.Items[1].Nodes[0].Transitions[0].Reason)
		require.Equal(t, "a", targets.Items[1].Nodes[0].Node)
		require.Equal(t, int64(2), targets.Items[0].Nodes[0].InFlight)
		var overview Overview
		b.get("/overview").into(200, &overview)
		require.Len(t, overview.Unhealthy, 2)
		require.Equal(t, 1, overview.Services)
		require.Len(t, overview.Spark.RPS, 60)
		require.Len(t, overview.Nodes, 1)
		require.Len(t, overview.Changes, 2)
		require.Nil(t, overview.StaleSince)
		b.post("/services/orders/disable", nil).is(200)
		require.Equal(t, "disabled", status().State)
	})
}

func TestALostNodeStaysVisibleUntilItIsForgotten(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		w.beats("alive", nil)
		w.beats("lost", func(n *kv.Node) { n.Seen = time.Now().Add(-time.Minute) })
		w.beats("leaving", func(n *kv.Node) { n.State = kv.NodeDraining })
		w.beats("new", func(n *kv.Node) { n.State, n.Waiting, n.Revision = kv.NodeWaiting, "the database", kv.Head{} })
		var list NodeList
		b.get("/nodes").into(200, &list)
		states := map[string]string{}
		for _, n := range list.Items {
			states[n.Name] = n.State
		}
		require.Equal(t, map[string]string{"alive": "live", "lost": "lost", "leaving": "draining", "new": "waiting"}, states)
		require.Equal(t, Connections{HTTP: 3, WebSocket: 1, TCP: 2, GRPC: 4}, list.Items[0].Connections)
		require.True(t, list.Items[0].Current)
		b.send("DELETE", "/nodes/inc-lost", nil).is(204)
		b.send("DELETE", "/nodes/inc-lost", nil).problem(404, "not_found")
		b.get("/nodes").into(200, &list)
		require.Equal(t, int64(3), list.Total)
		var trail AuditList
		b.get("/audit?action=forget").into(200, &trail)
		require.Equal(t, "lost", trail.Items[0].ObjectName)
	})
}

func TestStatsAddUpIncarnationsAndFillGapsWithZeros(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		made := b.create("orders")
		subject := flow.ServiceID("orders", made.Meta.Revision)
		now := time.Now().UTC().Truncate(time.Minute)
		refused := requests(5, 1)
		refused.Refused = map[string]uint64{"service_limit": 2}
		w.counts("one", kv.StepMinute, minuteOf(now.Add(-2*time.Minute)), subject, requests(10, 0))
		w.counts("two", kv.StepMinute, minuteOf(now.Add(-2*time.Minute)), subject, refused)
		var st Stats
		query := url.Values{"of": {"service"}, "name": {"orders"}, "from": {now.Add(-4 * time.Minute).Format(time.RFC3339)}, "to": {now.Format(time.RFC3339)}}
		b.get("/stats?"+query.Encode()).into(200, &st)
		require.Equal(t, "minute", st.Step)
		require.Equal(t, "UTC", st.Zone)
		require.Len(t, st.Points, 5)
		var got []uint64
		for i, p := range st.Points {
			require.Equal(t, now.Add(time.Duration(i-4)*time.Minute), p.T)
			got = append(got, p.Requests)
		}
		require.Equal(t, []uint64{0, 0, 15, 0, 0}, got)
		p := st.Points[2]
		require.Equal(t, map[string]uint64{"2xx": 14, "5xx": 1}, p.Status)
		require.Equal(t, map[string]uint64{"service_limit": 2}, p.Refused)
		require.Equal(t, []uint64{150, 1500}, []uint64{p.BytesIn, p.BytesOut})
		require.Greater(t, p.P95, 0.0)
		require.Equal(t, map[string]uint64{}, st.Points[0].Status, "{}, not null")

		b.get("/stats?of=service&name=gone").problem(404, "not_found")
		b.get("/stats?of=total&step=hour").into(200, &st)
		require.Len(t, st.Points, 24)
		b.get("/stats?of=node&name=a&step=day").into(200, &st)
		require.Len(t, st.Points, 30)
		b.get("/stats?step=hour&from=2026-01-01T00:00:00Z&to=2026-03-04T12:00:00Z").problem(400, "bad_query")
		b.get("/stats?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z").problem(400, "bad_query")
		b.get("/stats?step=second").problem(400, "bad_query")

		// A service made again under an old name starts at zero.
		b.send("DELETE", "/services/orders", nil, "If-Match", "*").is(204)
		b.create("orders")
		b.get("/stats?"+query.Encode()).into(200, &st)
		require.Zero(t, st.Points[2].Requests)
	})
}

func TestDaysAreThoseOfTheTimeZoneAlsoWhenClocksChange(t *testing.T) {
	w := start(t)
	b := w.admin()
	b.send("PUT", "/settings", map[string]any{"time_zone": "Europe/Berlin"}, "If-Match", "*").is(200)
	var st Stats
	b.get("/stats?step=day&from=2026-03-28T12:00:00Z&to=2026-03-30T12:00:00Z").into(200, &st)
	require.Equal(t, "Europe/Berlin", st.Zone)
	var days []string
	for _, p := range st.Points {
		days = append(days, p.T.Format(time.RFC3339))
	}
	require.Equal(t, []string{"2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, days)
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	var names []string
	for _, b := range buckets(time.Date(2026, 3, 30, 0, 30, 0, 0, zone), zone, 0, 3) {
		names = append(names, b.name)
	}
	require.Equal(t, []string{"2026-03-30", "2026-03-29", "2026-03-28"}, names)
}

func TestHoursAndDaysOutliveRedisAndAnEmptiedOneIsSeededAgain(t *testing.T) {
	var redis *testenv.RedisServer
	w := start(t, onServers, func(w *world) {
		redis = testenv.NewRedis(w.t)
		w.redis = kv.Config{Addrs: []string{redis.Addr}}
	})
	b := w.admin()
	made := b.create("orders")
	subject, now := flow.ServiceID("orders", made.Meta.Revision), time.Now()
	today := func() (s ServiceStatus) {
		var svc Service
		b.get("/services/orders").into(200, &svc)
		return svc.Status
	}
	for _, inc := range []string{"one", "two"} {
		w.counts(inc, kv.StepHour, hourOf(now), subject, requests(50, 0))
		w.counts(inc, kv.StepDay, dayOf(now, time.UTC), subject, requests(70, 0))
	}
	require.Equal(t, uint64(140), today().Today)
	eventually(t, func() bool {
		stats, err := w.store.StatsOfBucket(t.Context(), kv.StepDay, dayOf(now, time.UTC))
		return err == nil && len(stats) == 2
	}, "counters are not rolled up")

	redis.Stop()
	eventually(t, func() bool { return w.away.since() != nil }, "nobody noticed that Redis is gone")
	begin := time.Now()
	require.Equal(t, uint64(140), today().Today, "from the database")
	var st Stats
	b.get("/stats?of=service&name=orders&step=day").into(200, &st)
	require.Equal(t, uint64(140), st.Points[29].Requests)
	require.NotNil(t, st.StaleSince)
	for _, path := range []string{"/overview", "/nodes", "/release", "/tenants", "/stats/top", "/meta", "/services"} {
		b.get(path).is(200)
	}
	require.Less(t, time.Since(begin), 8*time.Second, "no page waits long")
	b.create("while-redis-is-away")
	b.send("DELETE", "/nodes/x", nil).problem(503, "unavailable")

	redis.Start(t)
	eventually(t, func() bool {
		seeded, err := w.kv.Seeded(t.Context())
		return err == nil && seeded
	}, "Redis is not seeded")
	read, err := w.kv.ReadSubjects(t.Context(), kv.StepDay, dayOf(now, time.UTC), []string{subject})
	require.NoError(t, err)
	require.Equal(t, uint64(140), sums(read)[subject].Requests)
	head, ok, err := w.kv.Head(t.Context())
	require.NoError(t, err)
	require.True(t, ok, "the head is said again")
	require.Equal(t, uint64(3), head.Number)

	// What a living node has written meanwhile is newer and stays.
	w.counts("one", kv.StepDay, dayOf(now, time.UTC), subject, requests(71, 0))
	require.NoError(t, w.reseed(t.Context()))
	eventually(t, func() bool { return w.away.since() == nil }, "nobody noticed that Redis is back")
	require.Equal(t, uint64(141), today().Today)
}

func TestTheLargerOfTwoTotalsOfABucketIsTheLater(t *testing.T) {
	older, newer := requests(5, 0), requests(9, 0)
	require.Equal(t, newer.Pack(), later(older.Pack(), newer.Pack()))
	require.Equal(t, newer.Pack(), later(newer.Pack(), older.Pack()))
	require.Equal(t, newer.Pack(), later("", newer.Pack()))
	require.Equal(t, newer.Pack(), later("torn=", newer.Pack()))
}

func TestTheHeadIsHintedAtOnceAfterASave(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		woken := w.kv.Wake(ctx)
		b := w.admin()
		a := b.post("/services", orders("orders")).is(201)
		head, ok, err := w.kv.Head(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, a.header.Get("X-Yumen-Revision"), fmt.Sprint(head.Number))
		stored, err := w.store.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, kv.Head(stored), head)
		select {
		case <-woken:
		case <-time.After(5 * time.Second):
			t.Fatal("nobody was woken")
		}
	})
}

func TestWhoLeadsTodayIsSortedByWhatIsAsked(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		day := dayOf(time.Now(), time.UTC)
		for i, c := range []flow.Counts{requests(100, 0), requests(50, 40), requests(10, 0)} {
			name := fmt.Sprint("service-", i)
			w.counts("one", kv.StepDay, day, flow.ServiceID(name, b.create(name).Meta.Revision), c)
		}
		w.counts("one", kv.StepDay, day, flow.ServiceID("deleted", 1), requests(1000, 0))
		names := func(query string) (out []string) {
			var top TopList
			b.get("/stats/top"+query).into(200, &top)
			for _, one := range top.Items {
				out = append(out, one.Name)
			}
			return out
		}
		require.Equal(t, []string{"service-0", "service-1", "service-2"}, names(""))
		require.Equal(t, []string{"service-1"}, names("?by=errors&limit=1"))
		require.Empty(t, names("?of=tenant"))
		b.get("/stats/top?by=name").problem(400, "bad_query")
	})
}

func TestTenantsNearTheirQuotaAreShown(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		var made Tenant
		b.post("/tenants", map[string]any{"app_id": "app_a", "limits": map[string]any{"qpd": 100}}).into(201, &made)
		used := requests(95, 0)
		used.Quota = 90
		id := flow.TenantID("app_a", made.Meta.Revision)
		w.counts("one", kv.StepDay, dayOf(time.Now(), time.UTC), id, used)
		w.counts("one", kv.StepHour, hourOf(time.Now()), id, used)
		var tenant Tenant
		b.get("/tenants/app_a").into(200, &tenant)
		require.Equal(t, uint64(95), tenant.Status.Today)
		require.InDelta(t, 90, *tenant.Status.QuotaUsedPercent, 0.001)
		require.WithinDuration(t, time.Now(), *tenant.Status.LastSeen, time.Hour)
		var overview Overview
		b.get("/overview").into(200, &overview)
		require.Equal(t, []QuotaUse{{AppID: "app_a", Used: 90, Limit: 100, Percent: 90}}, overview.NearQuota)
	})
}

// events reads a stream of GET /live.
type stream struct {
	t    *testing.T
	body *bufio.Scanner
}

func (b *browser) live(query string) (*stream, func()) {
	b.w.t.Helper()
	ctx, cancel := context.WithTimeout(b.w.t.Context(), 20*time.Second)
	req, err := http.NewRequestWithContext(ctx, "GET", b.base+"/api/v1/live"+query, nil)
	require.NoError(b.w.t, err)
	res, err := b.client.Do(req)
	require.NoError(b.w.t, err)
	require.Equal(b.w.t, 200, res.StatusCode)
	require.Equal(b.w.t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(b.w.t, "no", res.Header.Get("X-Accel-Buffering"))
	s := bufio.NewScanner(res.Body)
	s.Buffer(nil, 1<<20)
	return &stream{b.w.t, s}, func() { cancel(); res.Body.Close() }
}

// next is the next event; "" at the end.
func (s *stream) next(into any) string {
	s.t.Helper()
	var name string
	for s.body.Scan() {
		line := s.body.Text()
		if n, ok := strings.CutPrefix(line, "event: "); ok {
			name = n
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if into != nil {
				require.NoError(s.t, json.Unmarshal([]byte(data), into))
			}
			return name
		}
	}
	return ""
}

func TestTheStreamMovesWithTheTraffic(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		made := b.create("orders")
		w.beats("a", nil)
		events, stop := b.live("?services=orders,gone")
		defer stop()
		subject := flow.ServiceID("orders", made.Meta.Revision)
		var n uint64
		for range 12 {
			n += 100
			for _, id := range []string{flow.Total, subject} {
				w.counts("inc-a", kv.StepMinute, minuteOf(time.Now()), id, requests(n, n/10))
				w.counts("inc-a", kv.StepDay, dayOf(time.Now(), time.UTC), id, requests(n, n/10))
			}
			var tick Tick
			require.Equal(t, "tick", events.next(&tick))
			one := tick.Services["orders"]
			if tick.Now.RPS > 20 && one.RPS > 20 && one.Today >= 300 {
				require.InDelta(t, 10, tick.Now.ErrorPercent, 0.01)
				require.Equal(t, Connections{HTTP: 3, WebSocket: 1, TCP: 2, GRPC: 4}, tick.Now.Live)
				require.Equal(t, "live", tick.Release.State)
				require.Equal(t, "unknown", one.State)
				require.NotContains(t, tick.Services, "gone")
				return
			}
		}
		t.Fatal("the numbers do not move")
	})
}

func TestTheStreamEndsSoonAfterLogout(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		events, stop := b.live("")
		defer stop()
		require.Equal(t, "tick", events.next(nil))
		b.post("/logout", nil).is(204)
		begin := time.Now()
		var bye Bye
		for events.next(&bye) != "bye" {
			require.Less(t, time.Since(begin), 5*time.Second)
		}
		require.Equal(t, "logged_out", bye.Reason)
		require.Less(t, time.Since(begin), 5*time.Second)
		require.Empty(t, events.next(nil))
	})
}

func TestWatchingDoesNotExtendTheSession(t *testing.T) {
	w := start(t)
	b := w.admin()
	w.Server.cfg.SessionIdle = time.Hour
	for range 3 {
		w.shift.Add(int64(25 * time.Minute))
		if w.shift.Load() < int64(time.Hour) {
			events, stop := b.live("")
			require.Equal(t, "tick", events.next(nil))
			stop()
		}
	}
	b.get("/me").problem(401, "unauthenticated")
}

func TestTheStreamSaysGoodByeWhenTheProcessEnds(t *testing.T) {
	w := start(t)
	b := w.admin()
	w.streams.ping = 50 * time.Millisecond
	events, stop := b.live("")
	defer stop()
	for name := ""; name != "ping"; {
		name = events.next(nil)
		require.NotEmpty(t, name)
	}
	begin := time.Now()
	go w.stop()
	var bye Bye
	for name := ""; name != "bye"; {
		bye = Bye{}
		name = events.next(&bye)
		require.NotEmpty(t, name)
	}
	require.Equal(t, "shutting_down", bye.Reason)
	require.Less(t, time.Since(begin), 4*time.Second)
}

func TestTheStreamTakesNoMoreServicesThanAPageHas(t *testing.T) {
	w := start(t)
	b := w.admin()
	names := make([]string, 201)
	for i := range names {
		names[i] = fmt.Sprint("service-", i)
	}
	b.get("/live?services="+strings.Join(names, ",")).problem(400, "bad_query")
	w.streams.open.Store(maxStreams)
	b.get("/live").problem(503, "busy")
}

func TestRatesComeFromHowTotalsGrow(t *testing.T) {
	sr := new(series)
	at := time.Unix(1_000_000*60+55, 0)
	current, before := new(flow.Counts), new(flow.Counts)
	var r rate
	for second := range 12 { // 100 a second, over the turn of a minute
		if at.Unix()%60 == 0 && second > 0 {
			before, current = current, new(flow.Counts)
		}
		now := requests(current.Requests+100, 0)
		current = &now
		r = sr.add(at, at.Unix()/60, before, current)
		at = at.Add(time.Second)
	}
	require.InDelta(t, 100, r.rps, 1)

	// What starts at zero again, an emptied Redis, is no negative traffic.
	r = sr.add(at, at.Unix()/60, new(flow.Counts), new(flow.Counts))
	require.GreaterOrEqual(t, r.rps, 0.0)
	// And standing still is no burst.
	at = at.Add(5 * time.Minute)
	r = sr.add(at, at.Unix()/60, new(flow.Counts), current)
	require.LessOrEqual(t, r.rps, 20.0)
}

func TestFailuresAreOursNotTheClients(t *testing.T) {
	var c flow.Counts
	c.Requests, c.Status[2], c.Status[4], c.Status[5] = 10, 5, 4, 1
	require.Equal(t, uint64(1), failed(&c))
	c = flow.Counts{Requests: 4}
	c.GRPC[0], c.GRPC[5], c.GRPC[14] = 1, 1, 2
	require.Equal(t, uint64(2), failed(&c))
	c = flow.Counts{Requests: 3, Refused: map[string]uint64{"no_target": 2, "denied": 1}}
	c.Status[0] = 3
	require.Equal(t, uint64(2), failed(&c), "TCP has no status")
}

func TestWhatWasCountedLastIsThereAfterARestart(t *testing.T) {
	w := start(t, func(w *world) { w.config.RollupEvery = time.Hour })
	b := w.admin()
	day := dayOf(time.Now(), time.UTC)
	made := b.create("orders")
	subject := flow.ServiceID("orders", made.Meta.Revision)
	w.counts("one", kv.StepDay, day, subject, requests(7, 0))
	w.stop()
	w.run()
	stats, err := w.store.StatsOfBucket(t.Context(), kv.StepDay, day)
	require.NoError(t, err)
	require.Len(t, stats, 1)
	require.Equal(t, subject, stats[0].Subject)
}

func TestAResolvedAddressBelongsToTheOnlyNameWithItsPort(t *testing.T) {
	all := []Target{{Address: "10.0.0.1:80"}, {Address: "orders.internal:80"}, {Address: "a.internal:81"}, {Address: "b.internal:81"}}
	require.Equal(t, 0, targetOf(all, "10.0.0.1:80"))
	require.Equal(t, 1, targetOf(all, "10.9.9.9:80"))
	require.Equal(t, -1, targetOf(all, "10.9.9.9:81"), "nobody knows which")
	require.Equal(t, -1, targetOf(all, "10.9.9.9:82"))
}
