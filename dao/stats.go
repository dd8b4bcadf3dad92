package dao

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// How long rolled-up statistics stay.
const (
	keepHours = 40 * 24 * time.Hour
	keepDays  = 400 * 24 * time.Hour
)

// statRow is a row of table stats.
type statRow struct {
	Step, Subject, Bucket, Incarnation string
	Size                               uint64 // sum of the counts: what is larger is later
	Counts                             string
}

func (statRow) TableName() string { return "stats" }

// later keeps the row with the larger size. The order of the assignments
// matters to MySQL, which reads what it has just assigned.
var later = map[string]string{
	"sqlite": ` ON CONFLICT (step, subject, bucket, incarnation) DO UPDATE
		SET counts = excluded.counts, size = excluded.size WHERE excluded.size > stats.size`,
	"mysql": ` ON DUPLICATE KEY UPDATE counts = IF(VALUES(size) > size, VALUES(counts), counts),
		size = GREATEST(size, VALUES(size))`,
}

// UpsertStats writes absolute counts. Counts only grow, so what is there stays
// when it is the larger: writing again, late or twice is harmless.
func (s *Store) UpsertStats(ctx context.Context, stats []Stat) error {
	rows := make([]statRow, len(stats))
	for i, n := range stats {
		size, err := sizeOf(n.Counts)
		if err != nil {
			return fmt.Errorf("write statistics of %s: %w", n.Subject, err)
		}
		rows[i] = statRow{n.Step, n.Subject, n.Bucket, n.Incarnation, size, n.Counts}
	}
	// One order for everybody, so that two dashboards do not deadlock.
	slices.SortFunc(rows, func(a, b statRow) int {
		return slices.Compare([]string{a.Step, a.Subject, a.Bucket, a.Incarnation}, []string{b.Step, b.Subject, b.Bucket, b.Incarnation})
	})
	for part := range slices.Chunk(rows, 500) {
		sql := "INSERT INTO stats (step, subject, bucket, incarnation, size, counts) VALUES " +
			strings.Repeat("(?,?,?,?,?,?),", len(part)-1) + "(?,?,?,?,?,?)" + later[s.config.Driver]
		args := make([]any, 0, 6*len(part))
		for _, r := range part {
			args = append(args, r.Step, r.Subject, r.Bucket, r.Incarnation, r.Size, r.Counts)
		}
		err := s.write(ctx, func(tx *gorm.DB) error { return tx.Exec(sql, args...).Error })
		if err != nil {
			return fmt.Errorf("write statistics: %w", err)
		}
	}
	return nil
}

// sizeOf adds up packed counts, "n=10 2=9 in=300".
func sizeOf(counts string) (uint64, error) {
	var sum uint64
	for _, field := range strings.Fields(counts) {
		_, number, _ := strings.Cut(field, "=")
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil {
			return 0, fmt.Errorf("%q is no count", clip(field, 64))
		}
		sum = min(sum+n, math.MaxInt64) // both are under 2^63
	}
	return sum, nil
}

// Stats gives a subject's counts in the buckets from fromBucket to toBucket,
// both included, by bucket and incarnation.
func (s *Store) Stats(ctx context.Context, step, subject, fromBucket, toBucket string) ([]Stat, error) {
	db := s.db.WithContext(ctx).Where("step = ? AND bucket BETWEEN ? AND ?", step, fromBucket, toBucket)
	return readStats(exactly(db, "subject", subject))
}

// StatsOfBucket gives everything counted in one bucket.
func (s *Store) StatsOfBucket(ctx context.Context, step, bucket string) ([]Stat, error) {
	return readStats(s.db.WithContext(ctx).Where("step = ? AND bucket = ?", step, bucket))
}

func readStats(db *gorm.DB) ([]Stat, error) {
	var rows []statRow
	if err := db.Order("bucket, subject, incarnation").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	all := make([]Stat, len(rows))
	for i, r := range rows {
		all[i] = Stat{Incarnation: r.Incarnation, Step: r.Step, Bucket: r.Bucket, Subject: r.Subject, Counts: r.Counts}
	}
	return all, nil
}

// PruneStats forgets hours older than 40 days and days older than 400.
func (s *Store) PruneStats(ctx context.Context, now time.Time) error {
	oldest := map[string]string{
		"hour": strconv.FormatInt(now.Add(-keepHours).Unix()/3600, 10),
		"day":  now.UTC().Add(-keepDays).Format(time.DateOnly),
	}
	for step, bucket := range oldest {
		err := s.write(ctx, func(tx *gorm.DB) error {
			return tx.Where("step = ? AND bucket < ?", step, bucket).Delete(&statRow{}).Error
		})
		if err != nil {
			return fmt.Errorf("prune statistics: %w", err)
		}
	}
	return nil
}
