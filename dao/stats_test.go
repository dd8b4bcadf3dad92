package dao

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUpsertKeepsTheLargerCount(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		one := Stat{Incarnation: "i1", Step: "hour", Bucket: "500000", Subject: "service:orders@12", Counts: "n=10 2=9 in=300"}
		other := one
		other.Incarnation, other.Counts = "i2", "n=1"
		require.NoError(t, s.UpsertStats(t.Context(), []Stat{one, other}))
		later := one
		later.Counts = "n=11 2=10 in=300"
		require.NoError(t, s.UpsertStats(t.Context(), []Stat{later}))
		require.NoError(t, s.UpsertStats(t.Context(), []Stat{one}), "an older flush comes late")
		require.NoError(t, s.UpsertStats(t.Context(), []Stat{later, other}))
		got, err := s.Stats(t.Context(), "hour", "service:orders@12", "499999", "500000")
		require.NoError(t, err)
		require.Equal(t, []Stat{later, other}, got)
		require.NoError(t, s.UpsertStats(t.Context(), nil))
	})
}

func TestStatsAreReadBySubjectAndByBucket(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		var all []Stat
		for bucket := range 3 {
			for _, subject := range []string{"service:a", "service:A", "service:b", "service:b "} {
				all = append(all, Stat{"i", "day", fmt.Sprintf("2026-11-0%d", bucket+1), subject, fmt.Sprintf("n=%d", bucket+1)})
			}
		}
		require.NoError(t, s.UpsertStats(t.Context(), all))
		got, err := s.Stats(t.Context(), "day", "service:a", "2026-11-02", "2026-11-03")
		require.NoError(t, err)
		require.Equal(t, []Stat{{"i", "day", "2026-11-02", "service:a", "n=2"}, {"i", "day", "2026-11-03", "service:a", "n=3"}}, got)
		got, err = s.StatsOfBucket(t.Context(), "day", "2026-11-01")
		require.NoError(t, err)
		require.Equal(t, "service:A", got[0].Subject)
		got, err = s.Stats(t.Context(), "hour", "service:a", "2026-11-02", "2026-11-03")
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

func TestCountsThatAreNoCountsAreRefused(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		for _, counts := range []string{"n", "n=", "n=-1", "n=1.5", "n=99999999999999999999", "=x"} {
			require.Error(t, s.UpsertStats(t.Context(), []Stat{{Incarnation: "i", Step: "day", Bucket: "2026-11-01", Subject: "total", Counts: counts}}), counts)
		}
		require.Zero(t, count(t, s, "stats"))
	})
}

func TestTwoDashboardsMayRollUpAtOnce(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		stores := []*Store{s, open(t, s.config)}
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for round := range 5 {
					var all []Stat
					for i := range 600 {
						all = append(all, Stat{"i", "hour", "500000", fmt.Sprint("tenant:", (i*7+w)%600), fmt.Sprint("n=", round*4+w)})
					}
					if err := stores[w%2].UpsertStats(t.Context(), all); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		got, err := s.StatsOfBucket(t.Context(), "hour", "500000")
		require.NoError(t, err)
		require.Len(t, got, 600)
		for _, one := range got {
			require.Equal(t, "n=19", one.Counts)
		}
	})
}

func TestPruneForgetsOldHoursAndDays(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		at := time.Date(2026, 11, 1, 12, 30, 0, 0, time.UTC)
		hour := func(age time.Duration) string { return strconv.FormatInt(at.Add(-age).Unix()/3600, 10) }
		day := func(age time.Duration) string { return at.Add(-age).Format(time.DateOnly) }
		const d = 24 * time.Hour
		require.NoError(t, s.UpsertStats(t.Context(), []Stat{
			{"i", "hour", hour(40 * d), "total", "n=1"}, {"i", "hour", hour(40*d + time.Hour), "total", "n=2"},
			{"i", "day", day(400 * d), "total", "n=3"}, {"i", "day", day(401 * d), "total", "n=4"},
		}))
		require.NoError(t, s.PruneStats(t.Context(), at))
		left, err := s.Stats(t.Context(), "hour", "total", "0", "999999")
		require.NoError(t, err)
		require.Equal(t, []Stat{{"i", "hour", hour(40 * d), "total", "n=1"}}, left)
		left, err = s.Stats(t.Context(), "day", "total", "0000-00-00", "9999-99-99")
		require.NoError(t, err)
		require.Equal(t, []Stat{{"i", "day", day(400 * d), "total", "n=3"}}, left)
	})
}
