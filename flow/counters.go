package flow

import (
	"io"
	"sync/atomic"
	"time"
)

// Counters are all counts of one process start (an incarnation). They survive
// every change of the configuration.
type Counters struct{ s map[string]*Subject }

// Subject is somebody or something counted. Its methods are called by the data
// path: they take no lock, but once a minute.
type Subject struct{ id string }

// Bucket is what one span of time holds: for each subject that changed, its
// packed Counts since this incarnation began that span (absolute, so that
// writing one twice does no harm).
type Bucket struct {
	Step   string            // minute | hour | day
	Name   string            // unix minute | unix hour | 2006-01-02
	Counts map[string]string // by subject
}

// Total is the subject of everything.
const Total = "total"

// ServiceID, TenantID, NodeID and PairID name subjects. Origin 0 is left out.
func ServiceID(name string, origin uint64) string { return "" }
func TenantID(appID string, origin uint64) string { return "" }
func NodeID(name string) string                   { return "" }
func PairID(tenantID, serviceID string) string    { return "" }

// NewCounters makes counters of the node of that name. Clock is the local one.
func NewCounters(node string, clock func() time.Time) *Counters { panic("surface") }

// Correct adds offset to every time given, by what the local clock is wrong.
func (c *Counters) Correct(offset time.Duration) {}

// Subject returns the one subject of that id.
func (c *Counters) Subject(id string) *Subject { panic("surface") }

// Pair returns the subject for tenant s at a service, by day only; at most 50
// services each, further ones share "other". Service is a ServiceID.
func (s *Subject) Pair(service string) *Subject { panic("surface") }

// ID is the subject's name.
func (s *Subject) ID() string { return s.id }

// Count counts one request that ended now. Reason is "" unless refused. On a
// nil subject it does nothing, as all its methods.
func (s *Subject) Count(now time.Time, status int, reason string, d time.Duration) {}

// GRPC counts the grpc-status of a request already counted by Count.
func (s *Subject) GRPC(now time.Time, code int) {}

// Bytes counts bytes as they flow.
func (s *Subject) Bytes(now time.Time, in, out uint64) {}

// Flush returns the buckets that changed since the last confirmed flush. Days
// are zone's.
func (c *Counters) Flush(zone *time.Location) []Bucket { panic("surface") }

// Confirm tells that the buckets of a Flush were stored.
func (c *Counters) Confirm(b []Bucket) {}

// Forget makes all current buckets unconfirmed again: the store lost them.
func (c *Counters) Forget() {}

// Spool writes the unconfirmed buckets to w, at exit; ReadSpool reads them.
func (c *Counters) Spool(w io.Writer, zone *time.Location) error { panic("surface") }

// ReadSpool reads what Spool wrote.
func ReadSpool(r io.Reader) ([]Bucket, error) { panic("surface") }

// Totals are the counts since the process began, by subject; pairs left out.
func (c *Counters) Totals() map[string]Counts { panic("surface") }

// Live is the gauge of open exchanges or streams of a kind: http, websocket,
// tcp, grpc.
func (c *Counters) Live(kind string) *atomic.Int64 { panic("surface") }

// Sweep forgets subjects nobody keeps, once all of theirs is confirmed.
func (c *Counters) Sweep(keep func(id string) bool) {}
