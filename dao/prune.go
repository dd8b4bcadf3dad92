package dao

import (
	"fmt"
	"time"

	"gorm.io/gorm"
)

// retention says which revisions stay: the last so many, and all that are
// younger than so long.
type retention struct {
	revisions uint64
	time      time.Duration
}

var kept = retention{revisions: 500, time: 90 * 24 * time.Hour}

// prune forgets the oldest revisions that need not stay, and the objects that
// no later one names. It runs in the transaction of the newest revision and
// takes at most a hundred, so that no save pays for a long past.
func prune(tx *gorm.DB, keep retention, newest Revision) error {
	if newest.Number <= keep.revisions {
		return nil
	}
	var oldest []struct {
		Number uint64
		At     time.Time
	}
	if err := tx.Model(&revisionRow{}).Order("number").Limit(100).Find(&oldest).Error; err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	var last uint64
	for _, r := range oldest {
		if r.Number > newest.Number-keep.revisions || !r.At.Before(newest.At.Add(-keep.time)) {
			break
		}
		last = r.Number
	}
	if last == 0 {
		return nil
	}
	if err := tx.Where("number <= ?", last).Delete(&revisionRow{}).Error; err != nil {
		return fmt.Errorf("prune revisions: %w", err)
	}
	if err := tx.Where("dropped <= ?", last+1).Delete(&objectRow{}).Error; err != nil {
		return fmt.Errorf("prune objects: %w", err)
	}
	return nil
}
