package flow

import (
	"slices"
	"time"
)

// grace is for how many minutes after its end a minute stays open to what
// comes late.
const grace = 2

// retention is for how many minutes hours and days wait to be stored: as long
// as the store itself would keep them.
const retention = 40 * 24 * 60

// fold is one pass of the flusher over the active subjects.
type fold struct {
	now    int64 // unix minute
	cutoff int64 // minutes before are given up
	zone   *time.Location
	days   map[int64]string // by minute
}

func (f *fold) day(minute int64) string {
	d, ok := f.days[minute]
	if !ok {
		d = time.Unix(minute*60, 0).In(f.zone).Format(time.DateOnly)
		f.days[minute] = d
	}
	return d
}

// fold moves what s counted into its tallies. It returns how many minutes were
// given up.
func (s *Subject) fold(f *fold) (dropped uint64) {
	cells, end := s.close(f)
	var fresh [slots]uint64
	for _, c := range cells {
		c.read(&fresh)
		if c.sum == nil {
			c.sum = s.tally(Minute, c.minute, "")
		}
		if !c.sum.sum.take(&fresh) {
			continue
		}
		s.total = s.total.add(&fresh)
		c.sum.add(&fresh, c.minute)
		if s.dayOnly {
			c.sum.confirmed = c.sum.version // nobody stores it
		} else {
			s.tally(Hour, c.minute/60, "").add(&fresh, c.minute)
		}
		s.tally(Day, 0, f.day(c.minute)).add(&fresh, c.minute)
	}
	s.tallies = slices.DeleteFunc(s.tallies, func(t *tally) bool {
		switch {
		case t.version != t.confirmed:
			late := t.step == Minute && t.number < f.cutoff || t.last < f.now-retention
			if late {
				dropped++
			}
			return late
		case t.last >= end:
			return false
		case t.step == Hour:
			return t.number < end/60
		case t.step == Day:
			return t.day != f.day(end) && t.day != f.day(f.now)
		}
		return true
	})
	return dropped
}

// close ends minutes that are over, in two passes: first nobody finds them any
// more, then whoever had found them has long since counted. It returns all
// cells still to be read, and the first minute that something may still come
// for.
func (s *Subject) close(f *fold) (cells []*cell, end int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cells, end = s.cells, f.now-grace
	var open []*cell
	for _, c := range cells {
		over := c.minute < f.now-grace
		switch {
		case !over:
			open = append(open, c)
		case !c.closing:
			c.closing, end = true, min(end, c.minute)
			s.now.CompareAndSwap(c, nil)
			open = append(open, c)
		}
	}
	if len(open) < len(cells) {
		s.cells = open
	}
	return slices.Clone(cells), end
}

// tally finds or begins the sum of one span.
func (s *Subject) tally(step string, number int64, day string) *tally {
	for _, t := range s.tallies {
		if t.step == step && t.number == number && t.day == day {
			return t
		}
	}
	t := &tally{step: step, number: number, day: day}
	s.tallies = append(s.tallies, t)
	return t
}

// rest takes s out of the flusher's sight when nothing of it is open or
// unconfirmed.
func (s *Subject) rest() bool {
	for _, t := range s.tallies {
		if t.version != t.confirmed {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = len(s.cells) > 0
	return !s.active
}

// idleSince tells whether s has counted nothing since a minute, and all of it
// is stored.
func (s *Subject) idleSince(minute int64) bool {
	s.mu.Lock()
	active := s.active
	s.mu.Unlock()
	return !active && !slices.ContainsFunc(s.tallies, func(t *tally) bool { return t.last >= minute })
}
