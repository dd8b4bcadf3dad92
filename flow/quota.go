package flow

import (
	"sync"
	"sync/atomic"
	"time"
)

// Quotas count what tenants took today: here, plus what other incarnations
// reported. They survive every change of the configuration.
type Quotas struct {
	// Seeded tells that the others' sums are whole. While it is false sums only
	// grow, for the store may have lost some.
	Seeded atomic.Bool

	today  atomic.Pointer[day]
	offset atomic.Int64

	mu      sync.Mutex // guards what follows
	zone    *time.Location
	days    uint64
	tenants map[string]*Quota
}

// day is one day of the zone.
type day struct {
	name   string
	end    int64  // Unix nanoseconds
	number uint64 // of days seen
}

// Quota is what one tenant took today.
type Quota struct {
	all   *Quotas
	taken atomic.Pointer[taken]
}

// taken is what was taken on one day.
type taken struct {
	day    *day
	here   atomic.Int64
	others atomic.Int64
}

// NewQuotas makes quotas whose days are those of zone.
func NewQuotas(zone *time.Location) *Quotas {
	return &Quotas{zone: zone, tenants: map[string]*Quota{}}
}

// SetZone changes whose days count. Another zone begins a new count.
func (q *Quotas) SetZone(zone *time.Location) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if zone.String() != q.zone.String() {
		q.zone = zone
		q.today.Store(nil)
	}
}

// Correct adds offset to every time given, by what the local clock is wrong.
func (q *Quotas) Correct(offset time.Duration) { q.offset.Store(int64(offset)) }

// Of returns the quota of a tenant, by TenantID.
func (q *Quotas) Of(tenant string) *Quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.tenants[tenant]
	if t == nil {
		t = &Quota{all: q}
		q.tenants[tenant] = t
	}
	return t
}

// Take takes one of a tenant's limit for today; false when it is used up.
func (q *Quotas) Take(tenant string, limit int64, now time.Time) bool {
	return q.Of(tenant).Take(limit, now)
}

// GiveBack returns what Take took.
func (q *Quotas) GiveBack(tenant string, now time.Time) { q.Of(tenant).GiveBack(now) }

// Used is what a tenant took today, here and elsewhere.
func (q *Quotas) Used(tenant string, now time.Time) uint64 { return q.Of(tenant).Used(now) }

// Others tells what other incarnations took on a day (2006-01-02): the sums of
// Counts.Quota, by TenantID. Those of another day than today are of no use.
func (q *Quotas) Others(sums map[string]uint64, day string) {
	today := q.today.Load()
	if today == nil || today.name != day {
		return
	}
	for tenant, n := range sums {
		q.Of(tenant).on(today).report(int64(n), q.Seeded.Load())
	}
	if !q.Seeded.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for tenant, t := range q.tenants {
		if _, ok := sums[tenant]; !ok {
			t.on(today).report(0, true)
		}
	}
}

// Day is the name of today, for Others.
func (q *Quotas) Day(now time.Time) string { return q.dayOf(now).name }

// Reset is how long today still lasts.
func (q *Quotas) Reset(now time.Time) time.Duration {
	return time.Duration(q.dayOf(now).end - now.UnixNano() - q.offset.Load())
}

// Take takes one of limit for today; false when they are used up.
func (t *Quota) Take(limit int64, now time.Time) bool {
	on := t.on(t.all.dayOf(now))
	if on.here.Add(1)+on.others.Load() > limit {
		on.here.Add(-1)
		return false
	}
	return true
}

// GiveBack returns what Take took.
func (t *Quota) GiveBack(now time.Time) {
	on := t.on(t.all.dayOf(now))
	if on.here.Add(-1) < 0 {
		on.here.Add(1) // taken before midnight, returned after
	}
}

// Used is what was taken today, here and elsewhere.
func (t *Quota) Used(now time.Time) uint64 {
	on := t.on(t.all.dayOf(now))
	return uint64(on.here.Load() + on.others.Load())
}

// on is what was taken on a day; a later one than the last begins at nothing.
func (t *Quota) on(d *day) *taken {
	for {
		have := t.taken.Load()
		if have != nil && have.day.number >= d.number {
			return have
		}
		fresh := &taken{day: d}
		if t.taken.CompareAndSwap(have, fresh) {
			return fresh
		}
	}
}

func (t *taken) report(n int64, whole bool) {
	if whole || n > t.others.Load() {
		t.others.Store(n)
	}
}

// dayOf is the day of now. It only goes forward, so that a request that comes
// late over midnight does not bring yesterday back.
func (q *Quotas) dayOf(now time.Time) *day {
	at := now.UnixNano() + q.offset.Load()
	if d := q.today.Load(); d != nil && at < d.end {
		return d
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if d := q.today.Load(); d != nil && at < d.end {
		return d
	}
	t := time.Unix(0, at).In(q.zone)
	y, m, d := t.Date()
	q.days++
	today := &day{
		name:   t.Format(time.DateOnly),
		end:    time.Date(y, m, d+1, 0, 0, 0, 0, q.zone).UnixNano(),
		number: q.days,
	}
	q.today.Store(today)
	return today
}
