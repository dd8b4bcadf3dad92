package flow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPackedCountsHoldOnlyWhatIsNotZero(t *testing.T) {
	c := Counts{Requests: 10, In: 300, Refused: map[string]uint64{"quota": 1, "scope": 0}}
	c.Status[2], c.Hist[12] = 9, 4
	require.Equal(t, "n=10 2=9 in=300 r.quota=1 h12=4", c.Pack())
	require.Empty(t, new(Counts).Pack())
}

func TestWhatIsPackedIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.Uint64Range(1, 1<<63)
		c := Counts{Requests: numbers.Draw(t, "n"), In: numbers.Draw(t, "in"), Out: numbers.Draw(t, "out"), Quota: numbers.Draw(t, "q")}
		c.Status[rapid.IntRange(0, 5).Draw(t, "s")] = numbers.Draw(t, "n")
		c.GRPC[rapid.IntRange(0, 16).Draw(t, "g")] = numbers.Draw(t, "n")
		c.Hist[rapid.IntRange(0, Buckets-1).Draw(t, "h")] = numbers.Draw(t, "n")
		c.Refused = map[string]uint64{rapid.SampledFrom(Reasons[:]).Draw(t, "r"): numbers.Draw(t, "n")}
		got, err := ParseCounts(c.Pack())
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

func TestCountsOfANewerVersionAreReadAsFarAsKnown(t *testing.T) {
	c, err := ParseCounts("n=3 zz=9 h99=1 g77=2 9=1 r.future=4")
	require.NoError(t, err)
	require.Equal(t, Counts{Requests: 3, Refused: map[string]uint64{"future": 4}}, c)
}

func TestBrokenCountsAreAnError(t *testing.T) {
	for _, s := range []string{"n", "n=", "=1", "n=-1", "n=1.5", "n=99999999999999999999999"} {
		_, err := ParseCounts(s)
		require.Error(t, err, s)
	}
}

func TestCountsAddUp(t *testing.T) {
	a := Counts{Requests: 1, In: 2, Out: 3, Quota: 4, Refused: map[string]uint64{"quota": 5}}
	var sum Counts
	sum.Add(&a)
	sum.Add(&a)
	require.Equal(t, Counts{Requests: 2, In: 4, Out: 6, Quota: 8, Refused: map[string]uint64{"quota": 10}}, sum)
}

func TestQuantilesLieInTheRightBucket(t *testing.T) {
	var c Counts
	require.Zero(t, c.Quantile(0.5))
	for i := 1; i <= 1000; i++ {
		c.Hist[bucketOf(time.Duration(i)*time.Millisecond)]++
	}
	for q, want := range map[float64]time.Duration{0.5: 500, 0.95: 950, 0.99: 990} {
		require.InEpsilon(t, want*time.Millisecond, c.Quantile(q), 0.1, q)
	}
	c = Counts{}
	c.Hist[Buckets-1] = 1
	require.Equal(t, time.Minute, c.Quantile(0.5), "beyond the last bound nothing is known")
}

func TestDurationsFallIntoTheirBucket(t *testing.T) {
	require.Equal(t, 0, bucketOf(0))
	for i, bound := range Bounds {
		require.Equal(t, i, bucketOf(bound))
		require.Equal(t, i+1, bucketOf(bound+1))
	}
}

func TestSubjectsAreNamedByNameAndOrigin(t *testing.T) {
	require.Equal(t, "service:orders@12", ServiceID("orders", 12))
	require.Equal(t, "service:orders", ServiceID("orders", 0))
	require.Equal(t, "tenant:a@3", TenantID("a", 3))
	require.Equal(t, "node:n1", NodeID("n1"))
	require.Equal(t, "pair:a@3/orders@12", PairID(TenantID("a", 3), ServiceID("orders", 12)))
}

func FuzzParseCounts(f *testing.F) {
	f.Add("n=10 2=9 in=300 r.limit=1 h12=4")
	f.Add("g=1 h= r.=2")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCounts(s)
		if err != nil {
			return
		}
		again, err := ParseCounts(c.Pack())
		require.NoError(t, err)
		require.Equal(t, c.Pack(), again.Pack())
	})
}
