package kv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// The steps of counters.
const (
	StepMinute = "minute" // bucket: Unix minutes
	StepHour   = "hour"   // bucket: Unix hours
	StepDay    = "day"    // bucket: 2006-01-02 in the installation's zone
)

const (
	keyIncarnations = "{yumen}:incarnations" // sorted set: incarnation by its last write
	keySeeded       = "{yumen}:seeded"
)

var kept = map[string]time.Duration{
	StepMinute: 48 * time.Hour,
	StepHour:   40 * 24 * time.Hour,
	StepDay:    40 * 24 * time.Hour,
}

func countsKey(incarnation, step, bucket string) string {
	return "y:c:{" + incarnation + "}:" + step + ":" + bucket
}

// Counts are totals of one incarnation in one bucket, by subject.
type Counts struct {
	Step, Bucket string
	Subjects     map[string]string // subject → packed
}

// WriteCounts sets an incarnation's totals of a bucket. They are absolute, so
// writing them again does no harm.
func (s *Store) WriteCounts(ctx context.Context, incarnation, step, bucket string, counts map[string]string) error {
	return s.Flush(ctx, incarnation, "", []Counts{{Step: step, Bucket: bucket, Subjects: counts}})
}

// Flush sets totals in several buckets at once, with a mark that Mark reads:
// all of it or nothing.
func (s *Store) Flush(ctx context.Context, incarnation, mark string, all []Counts) error {
	// First the name, so that no reader misses the counts for want of it.
	err := s.c.ZAdd(ctx, keyIncarnations, redis.Z{Score: float64(time.Now().Unix()), Member: incarnation}).Err()
	if err != nil {
		return fmt.Errorf("redis: counts: %w", err)
	}
	_, err = s.c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		if mark != "" {
			p.Set(ctx, markKey(incarnation), mark, kept[StepDay])
		}
		for _, c := range all {
			if len(c.Subjects) == 0 {
				continue
			}
			key := countsKey(incarnation, c.Step, c.Bucket)
			p.HSet(ctx, key, c.Subjects)
			p.PExpire(ctx, key, kept[c.Step])
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: counts: %w", err)
	}
	return nil
}

// Mark is what the last Flush of incarnation left; another one, or "", says
// that Redis was emptied or restored since, and totals must be written again.
func (s *Store) Mark(ctx context.Context, incarnation string) (string, error) {
	m, err := s.c.Get(ctx, markKey(incarnation)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("redis: mark: %w", err)
	}
	return m, nil
}

func markKey(incarnation string) string { return "y:c:{" + incarnation + "}:mark" }

// Incarnations lists who wrote counts since a time.
func (s *Store) Incarnations(ctx context.Context, since time.Time) ([]string, error) {
	return s.incarnationsOf(ctx, keyIncarnations, since)
}

// ReadSubject gives a subject's packed counts by bucket and incarnation.
func (s *Store) ReadSubject(ctx context.Context, subject, step string, buckets []string) (map[string]map[string]string, error) {
	out := make(map[string]map[string]string, len(buckets))
	if len(buckets) == 0 {
		return out, nil
	}
	incs, err := s.writers(ctx, step, buckets...)
	if err != nil || len(incs) == 0 {
		return out, err
	}
	cmds, err := s.read(ctx, func(p redis.Pipeliner) {
		for _, b := range buckets {
			for _, inc := range incs {
				p.HGet(ctx, countsKey(inc, step, b), subject)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i, cmd := range cmds {
		if text := cmd.(*redis.StringCmd).Val(); text != "" {
			put(out, buckets[i/len(incs)], incs[i%len(incs)], text)
		}
	}
	return out, nil
}

// ReadBucket gives everything counted in one bucket, by incarnation and
// subject.
func (s *Store) ReadBucket(ctx context.Context, step, bucket string) (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	incs, err := s.writers(ctx, step, bucket)
	if err != nil || len(incs) == 0 {
		return out, err
	}
	cmds, err := s.read(ctx, func(p redis.Pipeliner) {
		for _, inc := range incs {
			p.HGetAll(ctx, countsKey(inc, step, bucket))
		}
	})
	if err != nil {
		return nil, err
	}
	for i, cmd := range cmds {
		if m := cmd.(*redis.MapStringStringCmd).Val(); len(m) > 0 {
			out[incs[i]] = m
		}
	}
	return out, nil
}

// ReadSubjects gives some subjects' counts in one bucket, by subject and
// incarnation.
func (s *Store) ReadSubjects(ctx context.Context, step, bucket string, subjects []string) (map[string]map[string]string, error) {
	out := make(map[string]map[string]string, len(subjects))
	if len(subjects) == 0 {
		return out, nil
	}
	incs, err := s.writers(ctx, step, bucket)
	if err != nil || len(incs) == 0 {
		return out, err
	}
	cmds, err := s.read(ctx, func(p redis.Pipeliner) {
		for _, inc := range incs {
			p.HMGet(ctx, countsKey(inc, step, bucket), subjects...)
		}
	})
	if err != nil {
		return nil, err
	}
	for i, cmd := range cmds {
		for j, v := range cmd.(*redis.SliceCmd).Val() {
			if text, ok := v.(string); ok {
				put(out, subjects[j], incs[i], text)
			}
		}
	}
	return out, nil
}

// Seed puts back totals that Redis lost, from what was rolled up of them.
// What a living incarnation wrote meanwhile stays.
func (s *Store) Seed(ctx context.Context, incarnation, step, bucket string, counts map[string]string) error {
	_, end, err := span(step, bucket)
	if err != nil {
		return err
	}
	err = s.c.ZAddGT(ctx, keyIncarnations, redis.Z{Score: float64(end.Unix()), Member: incarnation}).Err()
	if err != nil {
		return fmt.Errorf("redis: seed: %w", err)
	}
	key := countsKey(incarnation, step, bucket)
	_, err = s.c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for subject, text := range counts {
			p.HSetNX(ctx, key, subject, text)
		}
		p.PExpire(ctx, key, kept[step])
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: seed: %w", err)
	}
	return nil
}

// SetSeeded notes that what the database knew is back in Redis.
func (s *Store) SetSeeded(ctx context.Context) error {
	if err := s.c.Set(ctx, keySeeded, "1", 0).Err(); err != nil {
		return fmt.Errorf("redis: seeded: %w", err)
	}
	return nil
}

// Seeded tells whether SetSeeded was called since Redis was empty. Till then
// sums read from it are too small.
func (s *Store) Seeded(ctx context.Context) (bool, error) {
	n, err := s.c.Exists(ctx, keySeeded).Result()
	if err != nil {
		return false, fmt.Errorf("redis: seeded: %w", err)
	}
	return n == 1, nil
}

// Prune forgets the names of incarnations whose counts have expired.
func (s *Store) Prune(ctx context.Context) error {
	old := time.Now().Add(-kept[StepDay] - 24*time.Hour).Unix()
	if err := s.c.ZRemRangeByScore(ctx, keyIncarnations, "-inf", strconv.FormatInt(old, 10)).Err(); err != nil {
		return fmt.Errorf("redis: prune: %w", err)
	}
	return nil
}

// writers lists the incarnations that may have counts in any of buckets: who
// wrote last before a bucket began has nothing in it.
func (s *Store) writers(ctx context.Context, step string, buckets ...string) ([]string, error) {
	var since time.Time
	for i, b := range buckets {
		begin, _, err := span(step, b)
		if err != nil {
			return nil, err
		}
		if i == 0 || begin.Before(since) {
			since = begin
		}
	}
	return s.Incarnations(ctx, since)
}

// read runs a pipeline whose absent values are no error.
func (s *Store) read(ctx context.Context, ask func(redis.Pipeliner)) ([]redis.Cmder, error) {
	cmds, err := s.c.Pipelined(ctx, func(p redis.Pipeliner) error { ask(p); return nil })
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("redis: read counts: %w", err)
	}
	for _, c := range cmds {
		if err := c.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("redis: read counts: %w", err)
		}
	}
	return cmds, nil
}

func put(m map[string]map[string]string, a, b, v string) {
	if m[a] == nil {
		m[a] = map[string]string{}
	}
	m[a][b] = v
}

// span is the time a bucket may cover, in any zone and with a minute for
// clocks that differ.
func span(step, bucket string) (begin, end time.Time, err error) {
	switch step {
	case StepMinute, StepHour:
		n, err := strconv.ParseInt(bucket, 10, 64)
		if err != nil {
			return begin, end, fmt.Errorf("bucket %q of step %s: %w", bucket, step, err)
		}
		d := time.Minute
		if step == StepHour {
			d = time.Hour
		}
		begin = time.Unix(n*int64(d/time.Second), 0)
		return begin.Add(-time.Minute), begin.Add(d), nil
	case StepDay:
		begin, err = time.Parse(time.DateOnly, bucket)
		if err != nil {
			return begin, end, fmt.Errorf("bucket %q of step %s: %w", bucket, step, err)
		}
		return begin.Add(-15 * time.Hour), begin.Add(38 * time.Hour), nil
	}
	return begin, end, fmt.Errorf("unknown step %q", step)
}
