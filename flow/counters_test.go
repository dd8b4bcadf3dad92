package flow

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a set of counters with a clock of its own and a store that sums
// nothing up, as Redis: a later value replaces an earlier.
type world struct {
	t     *testing.T
	now   time.Time
	zone  *time.Location
	all   *Counters
	store map[string]Counts // by step, name, subject
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 3, 1, 10, 0, 30, 0, time.UTC), zone: time.UTC, store: map[string]Counts{}}
	w.all = NewCounters("n1", func() time.Time { return w.now })
	return w
}

// flush stores what there is and returns how many values were written.
func (w *world) flush() (written int) {
	w.t.Helper()
	b := w.all.Flush(w.zone)
	written = w.write(b)
	w.all.Confirm(b)
	return written
}

func (w *world) write(buckets []Bucket) (written int) {
	for _, b := range buckets {
		for subject, packed := range b.Counts {
			c, err := ParseCounts(packed)
			require.NoError(w.t, err)
			w.store[b.Step+" "+b.Name+" "+subject] = c
			written++
		}
	}
	return written
}

func (w *world) stored(step string, at time.Time, subject string) Counts {
	name := strconv.FormatInt(at.Unix()/60, 10)
	switch step {
	case Hour:
		name = strconv.FormatInt(at.Unix()/3600, 10)
	case Day:
		name = at.In(w.zone).Format(time.DateOnly)
	}
	return w.store[step+" "+name+" "+subject]
}

func TestOneRequestIsCountedInItsMinuteHourAndDay(t *testing.T) {
	w := newWorld(t)
	s := w.all.Subject(ServiceID("orders", 12))
	s.Count(w.now, 200, "", 3*time.Millisecond)
	s.GRPC(w.now, 14)
	s.Bytes(w.now, 100, 2000)
	w.all.Subject(Total).Count(w.now, 429, "service_limit", time.Microsecond)
	w.flush()
	want := Counts{Requests: 1, In: 100, Out: 2000}
	want.Status[2] = 1
	want.GRPC[14] = 1
	want.Hist[bucketOf(3*time.Millisecond)] = 1
	for _, step := range []string{Minute, Hour, Day} {
		require.Equal(t, want, w.stored(step, w.now, "service:orders@12"), step)
		require.Equal(t, map[string]uint64{"service_limit": 1}, w.stored(step, w.now, Total).Refused)
		require.Equal(t, w.stored(step, w.now, Total), w.stored(step, w.now, "node:n1"), "the node's count is the total")
	}
}

func TestOnlyWhatChangedIsFlushedAgain(t *testing.T) {
	w := newWorld(t)
	a, b := w.all.Subject("service:a"), w.all.Subject("service:b")
	a.Count(w.now, 200, "", 0)
	b.Count(w.now, 200, "", 0)
	require.Equal(t, 6, w.flush())
	require.Zero(t, w.flush())
	a.Bytes(w.now, 1, 0)
	require.Equal(t, 3, w.flush())
	w.now = w.now.Add(time.Hour)
	require.Zero(t, w.flush())
}

func TestUnconfirmedCountsAreWrittenAgainAndNeverTwice(t *testing.T) {
	w := newWorld(t)
	s := w.all.Subject(Total)
	start := w.now
	for range 180 { // three hours with the store away, every second flush written yet unconfirmed
		s.Count(w.now, 200, "", time.Millisecond)
		b := w.all.Flush(w.zone)
		if w.now.Minute()%2 == 0 {
			w.write(b)
		}
		w.now = w.now.Add(time.Minute)
	}
	w.flush()
	require.Zero(t, w.flush())
	var minutes, hours uint64
	for at := start; at.Before(w.now); at = at.Add(time.Minute) {
		minutes += w.stored(Minute, at, Total).Requests
	}
	for at := start; !at.After(w.now); at = at.Add(time.Hour) {
		hours += w.stored(Hour, at, Total).Requests
	}
	require.EqualValues(t, 180, minutes)
	require.EqualValues(t, 180, hours)
	require.EqualValues(t, 180, w.stored(Day, start, Total).Requests)
}

func TestWhatIsCountedBetweenFlushAndConfirmIsFlushedNext(t *testing.T) {
	w := newWorld(t)
	s := w.all.Subject("service:a")
	s.Count(w.now, 200, "", 0)
	b := w.all.Flush(w.zone)
	s.Count(w.now, 200, "", 0)
	w.write(b)
	w.all.Confirm(b)
	require.Equal(t, 3, w.flush())
	require.EqualValues(t, 2, w.stored(Day, w.now, "service:a").Requests)
}

func TestForgottenStoreGetsTheCurrentTotalsAgain(t *testing.T) {
	w := newWorld(t)
	s := w.all.Subject(Total)
	s.Count(w.now, 200, "", 0)
	w.flush()
	w.now = w.now.Add(20 * time.Minute)
	s.Count(w.now, 200, "", 0)
	w.flush()
	w.now = w.now.Add(10 * time.Minute)
	w.flush()
	w.flush()
	clear(w.store)
	w.all.Forget()
	w.flush()
	require.EqualValues(t, 2, w.stored(Hour, w.now, Total).Requests)
	require.EqualValues(t, 2, w.stored(Day, w.now, Total).Requests)
}

func TestRequestAtMidnightCountsOnTheDayItEnded(t *testing.T) {
	w := newWorld(t)
	w.zone = time.FixedZone("east", 8*3600)
	s := w.all.Subject(TenantID("a", 3))
	w.now = time.Date(2026, 3, 1, 23, 59, 59, 0, w.zone)
	s.Count(w.now, 200, "", 0)
	before := w.now
	w.now = w.now.Add(2 * time.Second)
	s.Count(w.now, 200, "", 0)
	s.Count(before, 200, "", 0) // comes late
	w.flush()
	require.EqualValues(t, 2, w.store["day 2026-03-01 tenant:a@3"].Requests)
	require.EqualValues(t, 1, w.store["day 2026-03-02 tenant:a@3"].Requests)
}

func TestWhatComesAfterItsMinuteWasClosedIsStillCounted(t *testing.T) {
	w := newWorld(t)
	s := w.all.Subject(Total)
	old := w.now
	s.Count(old, 200, "", 0)
	for range 10 {
		w.now = w.now.Add(time.Minute)
		w.flush()
	}
	s.Count(old, 200, "", 0)
	w.flush()
	require.EqualValues(t, 1, w.stored(Minute, old, Total).Requests, "what was stored is not overwritten by less")
	require.EqualValues(t, 2, w.stored(Hour, old, Total).Requests)
}

func TestIdleSubjectsCostTheFlusherNothing(t *testing.T) {
	w := newWorld(t)
	for i := range 100 {
		w.all.Subject(fmt.Sprint("service:", i)).Count(w.now, 200, "", 0)
	}
	w.flush()
	require.Len(t, w.all.active, 100)
	for range 5 {
		w.now = w.now.Add(time.Minute)
		w.flush()
	}
	require.Empty(t, w.all.active)
	w.all.Subject("service:7").Count(w.now, 200, "", 0)
	w.flush()
	require.EqualValues(t, 2, w.stored(Hour, w.now, "service:7").Requests)
}

func TestWaitingMinutesAreBoundedAndDaysStayWhole(t *testing.T) {
	w := newWorld(t)
	w.all.limit = 100
	const subjects, minutes = 10, 30 * 60
	for range minutes {
		for i := range subjects {
			w.all.Subject(fmt.Sprint("service:", i)).Count(w.now, 200, "", 0)
		}
		w.all.Flush(w.zone)
		w.now = w.now.Add(time.Minute)
	}
	require.NotZero(t, w.all.Dropped())
	waiting := 0
	for _, s := range w.all.active {
		for _, tally := range s.tallies {
			if tally.step == Minute {
				waiting++
			}
		}
	}
	require.LessOrEqual(t, waiting, w.all.limit+2*subjects)
	w.flush()
	var hours, days uint64
	for key, c := range w.store {
		switch {
		case strings.HasPrefix(key, "hour ") && strings.HasSuffix(key, " service:0"):
			hours += c.Requests
		case strings.HasPrefix(key, "day ") && strings.HasSuffix(key, " service:0"):
			days += c.Requests
		}
	}
	require.EqualValues(t, minutes, hours)
	require.EqualValues(t, minutes, days)
}

func TestSweepForgetsOnlyWhatIsLongIdleAndStored(t *testing.T) {
	w := newWorld(t)
	tenant := w.all.Subject("tenant:a")
	tenant.Count(w.now, 200, "", 0)
	tenant.Pair("service:x").Count(w.now, 200, "", 0)
	nobody := func(string) bool { return false }
	stays := func(why string) {
		w.all.Sweep(nobody)
		require.Same(t, tenant, w.all.Subject("tenant:a"), why)
	}
	stays("not stored yet")
	for range 5 {
		w.flush()
		w.now = w.now.Add(time.Minute)
	}
	stays("made again today, it would count today from zero")
	w.now = w.now.Add(72 * time.Hour)
	w.flush()
	w.all.Sweep(func(id string) bool { return id == "tenant:a" })
	require.Same(t, tenant, w.all.Subject("tenant:a"), "wanted")
	w.all.Sweep(nobody)
	require.NotSame(t, tenant, w.all.Subject("tenant:a"))
	require.NotContains(t, w.all.subjects, "pair:a/x")
}

func TestSweepingAndCountingPairsDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 2000 {
			w.all.Subject("tenant:a").Pair(fmt.Sprint("service:", i%60)).Count(w.now, 200, "", 0)
		}
	})
	for range 200 {
		w.all.Sweep(func(string) bool { return false })
		w.all.Forget()
	}
	wg.Wait()
}

func TestPairsAreCountedByDayAndBounded(t *testing.T) {
	w := newWorld(t)
	tenant := w.all.Subject(TenantID("a", 3))
	for i := range maxPairs + 20 {
		tenant.Pair(ServiceID(fmt.Sprint("s", i), 1)).Count(w.now, 200, "", 0)
	}
	require.Same(t, tenant.Pair("service:s1@1"), tenant.Pair("service:s1@1"))
	w.flush()
	pairs := 0
	for key := range w.store {
		require.Contains(t, key, "day ")
		pairs++
	}
	require.Equal(t, maxPairs+1, pairs)
	require.EqualValues(t, 1, w.stored(Day, w.now, "pair:a@3/s7@1").Requests)
	require.EqualValues(t, 20, w.stored(Day, w.now, "pair:a@3/other").Requests)
}

func TestSpooledCountsAreReadBack(t *testing.T) {
	w := newWorld(t)
	w.all.Subject(Total).Count(w.now, 503, "no_target", time.Second)
	var b bytes.Buffer
	require.NoError(t, w.all.Spool(&b, w.zone))
	read, err := ReadSpool(&b)
	require.NoError(t, err)
	w.write(read)
	require.EqualValues(t, 1, w.stored(Day, w.now, Total).Refused["no_target"])
	for _, broken := range []string{"", "{", `[{"step":"day","counts":{"total":"n=x"}}]`} {
		_, err = ReadSpool(bytes.NewBufferString(broken))
		require.Error(t, err)
	}
}

func TestClockCorrectionMovesTheBucket(t *testing.T) {
	w := newWorld(t)
	w.all.Correct(2 * time.Minute)
	w.all.Subject(Total).Count(w.now, 200, "", 0)
	w.flush()
	require.EqualValues(t, 1, w.stored(Minute, w.now.Add(2*time.Minute), Total).Requests)
}

func TestUnknownReasonsCountAsOther(t *testing.T) {
	w := newWorld(t)
	w.all.Subject(Total).Count(w.now, 418, "teapot", -1)
	w.flush()
	c := w.stored(Day, w.now, Total)
	require.Equal(t, map[string]uint64{"other": 1}, c.Refused)
	require.Equal(t, [Buckets]uint64{}, c.Hist, "a negative duration is no measure")
}

func TestNilSubjectCountsNothing(t *testing.T) {
	var s *Subject
	require.NotPanics(t, func() {
		s.Count(time.Now(), 200, "", 0)
		s.Bytes(time.Now(), 1, 1)
		s.GRPC(time.Now(), 1)
		s.Pair("service:a").Count(time.Now(), 200, "", 0)
	})
}

// Counting, flushing and losing flushes at once must neither lose nor double.
func TestConcurrentCountsAreExact(t *testing.T) {
	w := newWorld(t)
	base := w.now
	var clock sync.Mutex
	now := base
	w.all.clock = func() time.Time { clock.Lock(); defer clock.Unlock(); return now }
	const workers, each = 4, 5000
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				at := w.all.clock()
				w.all.Subject(Total).Count(at, 200, "", time.Millisecond)
				w.all.Subject(TenantID("a", 0)).Pair(ServiceID("s", 0)).Count(at, 500, "quota", 0)
				if i%10 == 0 {
					clock.Lock()
					now = now.Add(time.Second)
					clock.Unlock()
				}
			}
		})
	}
	done := make(chan struct{})
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			b := w.all.Flush(w.zone)
			if i%3 != 0 {
				w.write(b)
				w.all.Confirm(b)
			}
			w.all.Totals()
		}
	}()
	wg.Wait()
	close(done)
	<-flushed
	w.flush()
	sums := map[string]uint64{}
	for key, c := range w.store {
		step, _, _ := bytes.Cut([]byte(key), []byte(" "))
		subject := key[bytes.LastIndexByte([]byte(key), ' ')+1:]
		sums[string(step)+" "+subject] += c.Requests
	}
	require.EqualValues(t, workers*each, sums["minute total"])
	require.EqualValues(t, workers*each, sums["hour total"])
	require.EqualValues(t, workers*each, sums["day total"])
	require.EqualValues(t, workers*each, sums["day pair:a/s"])
	require.EqualValues(t, workers*each, w.all.Totals()[Total].Requests)
}

func TestLiveGaugesAreByKind(t *testing.T) {
	w := newWorld(t)
	w.all.Live("tcp").Add(2)
	require.EqualValues(t, 2, w.all.Live("tcp").Load())
	require.Zero(t, w.all.Live("http").Load())
}

func TestCountDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	s := w.all.Subject(Total)
	s.Count(w.now, 429, "quota", 0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s.Count(w.now, 200, "", time.Millisecond)
		s.Count(w.now, 429, "quota", time.Millisecond)
		s.Bytes(w.now, 10, 10)
	}))
}

func BenchmarkCount(b *testing.B) {
	all := NewCounters("n", time.Now)
	for _, id := range []string{Total, "service:a"} {
		s := all.Subject(id)
		now := time.Now()
		b.Run(id, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Count(now, 200, "", 3*time.Millisecond)
			}
		})
		b.Run(id+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					s.Count(now, 200, "", 3*time.Millisecond)
				}
			})
		})
	}
}

func BenchmarkFlush(b *testing.B) {
	now := time.Unix(1_800_000_000, 0)
	all := NewCounters("n", func() time.Time { return now })
	for i := range 10_000 {
		all.Subject(fmt.Sprint("service:", i)).Count(now, 200, "", 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range 100 {
			all.Subject(fmt.Sprint("service:", i)).Count(now, 200, "", 0)
		}
		all.Confirm(all.Flush(time.UTC))
	}
}
