package dashboard

import (
	"context"
	"hash/maphash"
	"time"

	"yumen/dao"
	"yumen/kv"
)

// rolled remembers what is in the database already, so that a roll-up writes
// only what has grown.
type rolled struct {
	written map[dao.Stat]uint64 // hash of the counts, by all but the counts
	seed    maphash.Seed
	whole   time.Time // when everything Redis keeps was looked at
}

const (
	// wholeEvery is how often old buckets are looked at, too: a node that was
	// away delivers them late.
	wholeEvery = time.Hour
	wholeHours = 72
	wholeDays  = 40
	// reseedDays are the days given back to an emptied Redis; older ones are
	// read from the database.
	reseedDays  = 2
	reseedHours = 3
)

// a span of time that is rolled up.
type bucket struct{ step, name string }

// buckets are the last hours and days, the newest first.
func buckets(now time.Time, zone *time.Location, hours, days int) []bucket {
	var all []bucket
	for h := range hours {
		all = append(all, bucket{kv.StepHour, hourOf(now.Add(-time.Duration(h) * time.Hour))})
	}
	noon := startOf(kv.StepDay, now, zone).Add(12 * time.Hour) // so that days of 23 hours are not skipped
	for d := range days {
		all = append(all, bucket{kv.StepDay, dayOf(noon.AddDate(0, 0, -d), zone)})
	}
	return all
}

// rollup copies hours and days from Redis into the database. Counts are
// absolute, so that doing it twice, or by two dashboards, is harmless.
func (s *Server) rollup(ctx context.Context) {
	result := "done"
	if err := s.rollupOnce(ctx); err != nil && ctx.Err() == nil {
		result = "failed"
		s.log.Warn("counters are not rolled up; it is tried again", "error", err)
	}
	s.metrics.rollups.WithLabelValues(result).Inc()
}

func (s *Server) rollupOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	now, hours, days := s.clock(), 2, 2
	whole := s.rolled.written == nil || time.Since(s.rolled.whole) > wholeEvery
	if whole {
		hours, days = wholeHours, wholeDays
		s.rolled.written, s.rolled.seed = map[dao.Stat]uint64{}, maphash.MakeSeed()
	}
	for _, b := range buckets(now, s.zone(ctx), hours, days) {
		if err := s.rollupBucket(ctx, b); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	s.rolled.whole = time.Now()
	if err := s.kv.Prune(ctx); err != nil {
		return err
	}
	return s.store.PruneStats(ctx, now)
}

func (s *Server) rollupBucket(ctx context.Context, b bucket) error {
	read, err := s.kv.ReadBucket(ctx, b.step, b.name)
	if err != nil {
		return err
	}
	var grown []dao.Stat
	for incarnation, of := range read {
		for subject, counts := range of {
			st := dao.Stat{Incarnation: incarnation, Step: b.step, Bucket: b.name, Subject: subject}
			if s.rolled.written[st] != maphash.String(s.rolled.seed, counts) {
				st.Counts = counts
				grown = append(grown, st)
			}
		}
	}
	if len(grown) == 0 {
		return nil
	}
	if err := s.store.UpsertStats(ctx, grown); err != nil {
		return err
	}
	for _, st := range grown {
		hash := maphash.String(s.rolled.seed, st.Counts)
		st.Counts = ""
		s.rolled.written[st] = hash
	}
	return nil
}

// reseed gives Redis back the totals of incarnations, also of those that are
// gone. What a living one has written meanwhile stays: it is newer.
func (s *Server) reseed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	n := 0
	for _, b := range buckets(s.clock(), s.zone(ctx), reseedHours, reseedDays) {
		stats, err := s.store.StatsOfBucket(ctx, b.step, b.name)
		if err != nil {
			return err
		}
		by := map[string]map[string]string{}
		for _, st := range stats {
			if by[st.Incarnation] == nil {
				by[st.Incarnation] = map[string]string{}
			}
			by[st.Incarnation][st.Subject] = st.Counts
		}
		for incarnation, counts := range by {
			if err := s.kv.Seed(ctx, incarnation, b.step, b.name, counts); err != nil {
				return err
			}
			n += len(counts)
		}
	}
	if n > 0 {
		s.log.Info("redis has its counts of today back", "counts", n)
	}
	return s.kv.SetSeeded(ctx)
}
