package flow

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func seeded(zone *time.Location) *Quotas {
	q := NewQuotas(zone)
	q.Seeded.Store(true)
	return q
}

// origin.md, defect 17: a quota of 20 let 57 pass.
func TestQuotaOfTwentyLetsTwentyPass(t *testing.T) {
	q := seeded(time.UTC)
	tenant := q.Of("tenant:a")
	var ok atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if tenant.Take(20, noon) {
					ok.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 20, ok.Load())
	require.EqualValues(t, 20, q.Used("tenant:a", noon))
}

func TestWhatOthersTookCountsToo(t *testing.T) {
	q := seeded(time.UTC)
	require.True(t, q.Take("tenant:a", 10, noon))
	q.Others(map[string]uint64{"tenant:a": 8}, "2026-03-01")
	require.True(t, q.Take("tenant:a", 10, noon))
	require.False(t, q.Take("tenant:a", 10, noon))
	q.Others(map[string]uint64{"tenant:a": 3}, "2026-03-01")
	require.EqualValues(t, 5, q.Used("tenant:a", noon))
	q.Others(map[string]uint64{"tenant:a": 99}, "2026-02-28")
	require.EqualValues(t, 5, q.Used("tenant:a", noon), "yesterday's sums are not today's")
}

func TestEmptiedStoreGivesNoQuotaBackUntilSeeded(t *testing.T) {
	q := seeded(time.UTC)
	q.Take("tenant:a", 10, noon)
	q.Others(map[string]uint64{"tenant:a": 8}, "2026-03-01")
	q.Seeded.Store(false)
	q.Others(map[string]uint64{}, "2026-03-01")
	q.Others(map[string]uint64{"tenant:a": 1}, "2026-03-01")
	require.EqualValues(t, 9, q.Used("tenant:a", noon))
	q.Seeded.Store(true)
	q.Others(map[string]uint64{}, "2026-03-01")
	require.EqualValues(t, 1, q.Used("tenant:a", noon))
}

func TestQuotaBeginsAnewAtMidnightOfTheZone(t *testing.T) {
	zone := time.FixedZone("east", 8*3600)
	q := seeded(zone)
	late := time.Date(2026, 3, 1, 23, 59, 59, 0, zone)
	require.True(t, q.Take("a", 1, late))
	require.False(t, q.Take("a", 1, late))
	require.Equal(t, time.Second, q.Reset(late))
	early := late.Add(time.Second)
	require.True(t, q.Take("a", 1, early))
	require.Equal(t, "2026-03-02", q.Day(early))
	require.False(t, q.Take("a", 1, late), "who read the clock before midnight counts today")
	require.False(t, q.Take("a", 1, early))
}

func TestDaylightSavingDayIsAsLongAsItIs(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	q := seeded(zone)
	require.Equal(t, 23*time.Hour, q.Reset(time.Date(2026, 3, 29, 0, 0, 0, 0, zone)))
}

func TestGivenBackQuotaIsNeverNegative(t *testing.T) {
	q := seeded(time.UTC)
	require.True(t, q.Take("a", 1, noon))
	q.GiveBack("a", noon)
	require.True(t, q.Take("a", 1, noon))
	q.GiveBack("a", noon.Add(24*time.Hour))
	require.Zero(t, q.Used("a", noon.Add(24*time.Hour)))
}

func TestAnotherZoneChangesTheDay(t *testing.T) {
	q := seeded(time.UTC)
	require.Equal(t, "2026-03-01", q.Day(noon))
	q.SetZone(time.FixedZone("far", 14*3600))
	require.Equal(t, "2026-03-02", q.Day(noon))
}

func BenchmarkTake(b *testing.B) {
	t := seeded(time.UTC).Of("a")
	b.ReportAllocs()
	for b.Loop() {
		t.Take(1<<60, noon)
	}
}
