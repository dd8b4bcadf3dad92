package kv_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"yumen/kv"
	"yumen/testenv"
)

func TestMain(m *testing.M) {
	testenv.Main(m, goleak.IgnoreAnyFunction(lateDial))
}

// lateDial is how go-redis looks for a server that went away. It ends within a
// second of Close.
const lateDial = "github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"

// forEach runs a test on the embedded Redis and on a real one.
func forEach(t *testing.T, test func(t *testing.T, s *kv.Store)) {
	t.Run("embedded", func(t *testing.T) {
		e, err := kv.StartEmbedded()
		require.NoError(t, err)
		t.Cleanup(e.Close)
		test(t, open(t, e.Config()))
	})
	t.Run("redis-server", func(t *testing.T) {
		test(t, open(t, kv.Config{Addrs: []string{testenv.Redis(t)}}))
	})
}

func open(t *testing.T, c kv.Config) *kv.Store {
	t.Helper()
	s := kv.Open(c, nil)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestHeadIsAHintThatMayBeAbsent(t *testing.T) {
	forEach(t, func(t *testing.T, s *kv.Store) {
		_, ok, err := s.Head(t.Context())
		require.NoError(t, err)
		require.False(t, ok)

		want := kv.Head{Lineage: "a", Number: 42, Digest: "beef"}
		require.NoError(t, s.SetHead(t.Context(), want))
		got, ok, err := s.Head(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, got)
	})
}

func TestAnotherHeadWakesAndTheSameOneDoesNot(t *testing.T) {
	forEach(t, func(t *testing.T, s *kv.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		wake := s.Wake(ctx)
		n := uint64(0)
		require.Eventually(t, func() bool { // the subscription takes a moment
			n++
			if s.SetHead(ctx, kv.Head{Number: n}) != nil {
				return false
			}
			select {
			case <-wake:
				return true
			case <-time.After(20 * time.Millisecond):
				return false
			}
		}, 5*time.Second, time.Millisecond)

		require.NoError(t, s.SetHead(ctx, kv.Head{Number: n}))
		require.NoError(t, s.SetHead(ctx, kv.Head{Number: n}))
		select {
		case <-wake:
			t.Fatal("woken for a head that did not change")
		case <-time.After(50 * time.Millisecond):
		}

		cancel()
		for range wake { // ends: the channel closes with the context
		}
	})
}

func TestNodesAreListedTillForgotten(t *testing.T) {
	forEach(t, func(t *testing.T, s *kv.Store) {
		now := time.Now().Truncate(time.Second).UTC()
		b := kv.Node{Incarnation: "i2", Name: "b", Seen: now, Started: now, State: kv.NodeReady, Revision: kv.Head{Number: 7}}
		a := kv.Node{Incarnation: "i1", Name: "a", Seen: now.Add(-time.Hour), Started: now.Add(-2 * time.Hour), State: kv.NodeReady,
			Faults:      []kv.Fault{{Kind: "service", Name: "x", Field: "/listen/port", Code: "port_taken", Message: "in use"}},
			Connections: map[string]int64{"http": 3}}
		old := kv.Node{Incarnation: "i0", Name: "old", Seen: now.Add(-25 * time.Hour)}
		for _, n := range []kv.Node{b, a, old} {
			require.NoError(t, s.Heartbeat(t.Context(), n))
		}
		got, err := s.Nodes(t.Context())
		require.NoError(t, err)
		require.Equal(t, []kv.Node{a, b}, got, "lost ones too, but none silent for a day")

		require.NoError(t, s.Forget(t.Context(), "i1"))
		got, err = s.Nodes(t.Context())
		require.NoError(t, err)
		require.Equal(t, []kv.Node{b}, got)
	})
}

func TestHealthIsWhatLivingNodesSay(t *testing.T) {
	forEach(t, func(t *testing.T, s *kv.Store) {
		now := time.Now().Truncate(time.Second).UTC()
		for _, inc := range []string{"i1", "i2"} {
			require.NoError(t, s.Heartbeat(t.Context(), kv.Node{Incarnation: inc, Name: inc, Seen: now}))
		}
		up := kv.Health{Service: "orders", Address: "127.0.0.1:1", State: "up", Since: now}
		down := kv.Health{Service: "orders", Address: "127.0.0.1:1", State: "down", Reason: "refused", Since: now,
			Transitions: []kv.Transition{{At: now, State: "down", Reason: "refused"}}}
		other := kv.Health{Service: "users", Address: "127.0.0.1:2", State: "unknown", Since: now}
		require.NoError(t, s.PutHealth(t.Context(), "i1", map[string][]kv.Health{"orders": {up}, "gone": {up}}))
		require.NoError(t, s.PutHealth(t.Context(), "i1", map[string][]kv.Health{"orders": {up}, "users": {other}}))
		require.NoError(t, s.PutHealth(t.Context(), "i2", map[string][]kv.Health{"orders": {down}}))

		up.Node, other.Node, down.Node = "i1", "i1", "i2"
		got, err := s.Health(t.Context(), "orders")
		require.NoError(t, err)
		require.Equal(t, []kv.Health{up, down}, got)
		got, err = s.Health(t.Context())
		require.NoError(t, err)
		require.Equal(t, []kv.Health{up, down, other}, got)
	})
}

func TestCountsAreAbsoluteSoThatWritingThemAgainDoesNoHarm(t *testing.T) {
	forEach(t, func(t *testing.T, s *kv.Store) {
		minute := bucketNow(time.Minute)
		for range 2 {
			require.NoError(t, s.WriteCounts(t.Context(), "i1", kv.StepMinute, minute, map[string]string{"total": "n=3", "service:a@1": "n=2"}))
		}
		require.NoError(t, s.WriteCounts(t.Context(), "i1", kv.StepMinute, minute, map[string]string{"total": "n=5"}))
		require.NoError(t, s.WriteCounts(t.Context(), "i2", kv.StepMinute, minute, map[string]string{"total": "n=7"}))

		got, err := s.ReadSubject(t.Context(), "total", kv.StepMinute, []string{minute, "1"})
		require.NoError(t, err)
		require.Equal(t, map[string]map[string]string{minute: {"i1": "n=5", "i2": "n=7"}}, got)

		all, err := s.ReadBucket(t.Context(), kv.StepMinute, minute)
		require.NoError(t, err)
		require.Equal(t, map[string]map[string]string{"i1": {"total": "n=5", "service:a@1": "n=2"}, "i2": {"total": "n=7"}}, all)

		some, err := s.ReadSubjects(t.Context(), kv.StepMinute, minute, []string{"service:a@1", "absent"})
		require.NoError(t, err)
		require.Equal(t, map[string]map[string]string{"service:a@1": {"i1": "n=2"}}, some)

		incs, err := s.Incarnations(t.Context(), time.Now().Add(-time.Minute))
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"i1", "i2"}, incs)
	})
}

func TestMarkTellsWhetherRedisStillHasWhatWasWritten(t *testing.T) {
	forEach(t, func(t *testing.T, s *kv.Store) {
		got, err := s.Mark(t.Context(), "i1")
		require.NoError(t, err)
		require.Empty(t, got)
		today := time.Now().UTC().Format(time.DateOnly)
		require.NoError(t, s.Flush(t.Context(), "i1", "17", []kv.Counts{
			{Step: kv.StepDay, Bucket: today, Subjects: map[string]string{"total": "n=1"}},
			{Step: kv.StepHour, Bucket: bucketNow(time.Hour), Subjects: map[string]string{"total": "n=1"}},
			{Step: kv.StepHour, Bucket: "1"},
		}))
		got, err = s.Mark(t.Context(), "i1")
		require.NoError(t, err)
		require.Equal(t, "17", got)
	})
}

func TestSeedPutsBackWhatWasLostAndKeepsWhatIsNewer(t *testing.T) {
	forEach(t, func(t *testing.T, s *kv.Store) {
		ok, err := s.Seeded(t.Context())
		require.NoError(t, err)
		require.False(t, ok, "an empty Redis is not seeded")

		today := time.Now().UTC().Format(time.DateOnly)
		require.NoError(t, s.WriteCounts(t.Context(), "alive", kv.StepDay, today, map[string]string{"total": "n=9"}))
		require.NoError(t, s.Seed(t.Context(), "alive", kv.StepDay, today, map[string]string{"total": "n=4", "tenant:a": "n=2"}))
		require.NoError(t, s.Seed(t.Context(), "dead", kv.StepDay, today, map[string]string{"total": "n=1"}))
		require.NoError(t, s.SetSeeded(t.Context()))
		require.Error(t, s.Seed(t.Context(), "dead", "week", today, nil))

		got, err := s.ReadBucket(t.Context(), kv.StepDay, today)
		require.NoError(t, err)
		require.Equal(t, map[string]map[string]string{"alive": {"total": "n=9", "tenant:a": "n=2"}, "dead": {"total": "n=1"}}, got)
		ok, err = s.Seeded(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, s.Prune(t.Context()))
	})
}

func TestClockIsNearOurs(t *testing.T) {
	forEach(t, func(t *testing.T, s *kv.Store) {
		now, err := s.Now(t.Context())
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), now, 5*time.Second)
	})
}

func TestAnAbsentRedisFailsSoonAndOpenDoesNot(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	s := open(t, kv.Config{Addrs: []string{addr}})
	begin := time.Now()
	require.Error(t, s.Ping(t.Context()))
	require.Less(t, time.Since(begin), 5*time.Second)
}

func TestEmbeddedRedisNeedsItsPassword(t *testing.T) {
	e, err := kv.StartEmbedded()
	require.NoError(t, err)
	t.Cleanup(e.Close)
	c := e.Config()
	c.Password = ""
	require.ErrorContains(t, open(t, c).Ping(t.Context()), "NOAUTH")
}

func TestEmbeddedRedisLetsKeysExpire(t *testing.T) {
	e, err := kv.StartEmbedded()
	require.NoError(t, err)
	t.Cleanup(e.Close)
	c := redis.NewClient(&redis.Options{Addr: e.Config().Addrs[0], Password: e.Config().Password})
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.Set(t.Context(), "k", "v", 300*time.Millisecond).Err())
	require.Eventually(t, func() bool { return c.Exists(t.Context(), "k").Val() == 0 }, 5*time.Second, 20*time.Millisecond)
}

func bucketNow(step time.Duration) string {
	return strconv.FormatInt(time.Now().Unix()/int64(step/time.Second), 10)
}
