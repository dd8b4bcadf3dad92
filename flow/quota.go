package flow

import (
	"sync/atomic"
	"time"
)

// Quotas count what tenants took today: here, plus what other incarnations
// reported.
type Quotas struct {
	// Seeded tells that the others' sums are whole. While it is false, sums
	// only grow: the store may have been emptied.
	Seeded atomic.Bool
}

// NewQuotas makes quotas whose days are zone's.
func NewQuotas(zone *time.Location) *Quotas { panic("surface") }

// SetZone changes whose days count.
func (q *Quotas) SetZone(zone *time.Location) {}

// Correct adds offset to every time given, by what the local clock is wrong.
func (q *Quotas) Correct(offset time.Duration) {}

// Take takes one of limit for today; false when they are used up. Tenant is a TenantID.
func (q *Quotas) Take(tenant string, limit int64, now time.Time) bool { panic("surface") }

// GiveBack returns what Take took.
func (q *Quotas) GiveBack(tenant string, now time.Time) {}

// Others replaces what other incarnations took on day (2006-01-02): the sums
// of Counts.Quota by TenantID.
func (q *Quotas) Others(sums map[string]uint64, day string) {}

// Used is what a tenant took today, here and elsewhere.
func (q *Quotas) Used(tenant string, now time.Time) uint64 { panic("surface") }

// Reset is how long the day still lasts.
func (q *Quotas) Reset(now time.Time) time.Duration { panic("surface") }
