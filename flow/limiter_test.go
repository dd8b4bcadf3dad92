package flow

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// passed asks n times at once.
func passed(l *Limiter, now time.Time, n int) (ok int) {
	for range n {
		if yes, _ := l.Allow(now); yes {
			ok++
		}
	}
	return ok
}

func TestBurstPassesThenTheRate(t *testing.T) {
	l := NewLimiters().Rate("a", 10, time.Second, 20)
	require.Equal(t, 20, passed(l, noon, 100))
	require.Equal(t, 0, passed(l, noon.Add(99*time.Millisecond), 100))
	require.Equal(t, 1, passed(l, noon.Add(100*time.Millisecond), 100))
	require.Equal(t, 20, passed(l, noon.Add(time.Hour), 100))
}

func TestRefusalTellsWhenTheNextTokenComes(t *testing.T) {
	l := NewLimiters().Rate("a", 2, time.Minute, 1)
	ok, after := l.Allow(noon)
	require.True(t, ok)
	require.Zero(t, after)
	ok, after = l.Allow(noon.Add(10 * time.Second))
	require.False(t, ok)
	require.InDelta(t, 20*time.Second, after, float64(time.Millisecond))
	ok, _ = l.Allow(noon.Add(10*time.Second + after))
	require.True(t, ok)
}

func TestAbsentBurstIsOnePeriodAndAtLeastOne(t *testing.T) {
	require.Equal(t, 100, NewLimiters().Rate("a", 100, time.Minute, 0).Burst())
	require.Equal(t, 1, NewLimiters().Rate("a", 0.2, time.Second, 0).Burst())
	require.Equal(t, 3, NewLimiters().Rate("a", 2.5, time.Second, 0).Burst())
}

func TestNoRateIsNoLimit(t *testing.T) {
	l := NewLimiters().Rate("a", 0, time.Second, 5)
	require.Equal(t, 1000, passed(l, noon, 1000))
	c := NewLimiters().Clients("a", 0, time.Second, 5)
	_, ok, _ := c.Allow(netip.MustParseAddr("1.2.3.4"), noon)
	require.True(t, ok)
}

// origin.md, defect 20: limits never changed after they were made.
func TestChangedLimitHoldsFromTheNextCallAndKeepsTheLevel(t *testing.T) {
	all := NewLimiters()
	old := all.Rate("a", 10, time.Second, 10)
	require.Equal(t, 10, passed(old, noon, 100))
	next := all.Rate("a", 100, time.Second, 50)
	require.Equal(t, 0, passed(next, noon, 100), "an emptied bucket does not fill by being changed")
	require.Equal(t, 10, passed(next, noon.Add(100*time.Millisecond), 100))
	require.Equal(t, 50, passed(next, noon.Add(time.Hour), 100))
	lower := all.Rate("a", 10, time.Second, 5)
	require.Equal(t, 5, passed(lower, noon.Add(2*time.Hour), 100))
}

func TestMakingALimiterChangesNothingUntilItIsAsked(t *testing.T) {
	all := NewLimiters()
	running := all.Rate("a", 10, time.Second, 10)
	all.Rate("a", 1, time.Hour, 1) // checked, never swapped in
	require.Equal(t, 10, passed(running, noon, 100))
}

func TestGivenBackTokenIsThereAgain(t *testing.T) {
	l := NewLimiters().Rate("a", 1, time.Second, 2)
	require.Equal(t, 2, passed(l, noon, 5))
	l.GiveBack(noon)
	require.Equal(t, 1, passed(l, noon, 5))
	for range 10 {
		l.GiveBack(noon)
	}
	require.Equal(t, 2, passed(l, noon, 5), "never more than the burst")
}

func TestTimesThatOvertakeEachOtherPayNothingTwice(t *testing.T) {
	l := NewLimiters().Rate("a", 1000, time.Second, 1)
	ok := 0
	for i := range 1000 { // one second, each pair of requests swapped by 10 ms
		at := noon.Add(time.Duration(i) * time.Millisecond)
		ok += passed(l, at.Add(10*time.Millisecond), 1) + passed(l, at, 1)
	}
	require.LessOrEqual(t, ok, 1012)
}

func TestConcurrentCallersNeverExceedTheLimit(t *testing.T) {
	l := NewLimiters().Rate("a", 1, time.Hour, 57)
	var ok atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { ok.Add(int64(passed(l, noon, 100))) })
	}
	wg.Wait()
	require.EqualValues(t, 57, ok.Load())
}

func TestEachClientHasItsOwnLimit(t *testing.T) {
	c := NewLimiters().Clients("a", 1, time.Second, 1)
	allow := func(a string) bool {
		_, ok, _ := c.Allow(netip.MustParseAddr(a), noon)
		return ok
	}
	require.True(t, allow("192.0.2.1"))
	require.False(t, allow("192.0.2.1"))
	require.True(t, allow("192.0.2.2"))
	require.False(t, allow("::ffff:192.0.2.2"), "an IPv4-mapped address is the same client")
	require.True(t, allow("2001:db8:0:1::1"))
	require.False(t, allow("2001:db8:0:1:ffff::9"), "a /64 is one client")
	require.False(t, allow("2001:db8:0:1::1%eth0"))
	require.True(t, allow("2001:db8:0:2::1"))
	taken, _, _ := c.Allow(netip.MustParseAddr("192.0.2.9"), noon)
	taken.GiveBack(noon)
	require.True(t, allow("192.0.2.9"))
}

// origin.md, defect 20: per-client limiters were never freed.
func TestClientsAreForgottenWhenIdleAndBounded(t *testing.T) {
	all := NewLimiters()
	c := all.Clients("a", 1, time.Second, 2)
	for i := range 200_000 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		c.Allow(a, noon)
	}
	require.LessOrEqual(t, c.levels.len(), clientShards*maxPerShard)
	require.EqualValues(t, c.levels.len(), all.known.Load())
	busy := netip.MustParseAddr("192.0.2.1")
	for range 3 {
		c.Allow(busy, noon.Add(time.Minute))
	}
	all.Sweep(noon.Add(time.Minute), func(string) bool { return true })
	require.Equal(t, 1, c.levels.len())
	_, ok, _ := c.Allow(busy, noon.Add(time.Minute))
	require.False(t, ok, "who is not idle is not forgotten")
	all.Sweep(noon.Add(time.Minute), func(string) bool { return false })
	require.Zero(t, all.known.Load())
}

func TestSweptLimiterStartsAgain(t *testing.T) {
	all := NewLimiters()
	for i := range 10 {
		all.Rate(fmt.Sprint(i), 1, time.Second, 1)
	}
	all.Sweep(noon, func(key string) bool { return key == "3" })
	require.Len(t, all.buckets, 1)
}

func BenchmarkAllow(b *testing.B) {
	all := NewLimiters()
	l := all.Rate("a", 1e9, time.Second, 1e9)
	c := all.Clients("a", 1e9, time.Second, 1e9)
	a := netip.MustParseAddr("192.0.2.1")
	b.Run("rate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Allow(noon)
		}
	})
	b.Run("client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Allow(a, noon)
		}
	})
}
