package flow

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Steps of a Bucket.
const (
	Minute = "minute"
	Hour   = "hour"
	Day    = "day"
)

// maxWaiting is how many unconfirmed minutes of subjects are kept. Beyond, the
// oldest minutes go; hours and days stay whole.
const maxWaiting = 200_000

// Counters are all counts of one process start (an incarnation). They survive
// every change of the configuration.
//
// Requests only add to the current minute of their subjects. Hours and days
// are summed up by Flush; all sums are absolute, so storing one twice does no
// harm and storing one late loses nothing.
type Counters struct {
	node   string
	clock  func() time.Time
	offset atomic.Int64

	mu       sync.RWMutex // guards subjects and live
	subjects map[string]*Subject
	live     map[string]*atomic.Int64

	queue   sync.Mutex // guards woken
	woken   []*Subject // counted something since the last flush
	flusher sync.Mutex // guards what follows, and what subjects leave to it
	active  []*Subject
	zone    *time.Location
	latest  int64 // the minute of the last fold
	cutoff  int64 // minutes before are given up
	limit   int   // of unconfirmed minutes
	dropped uint64

	floor atomic.Int64 // what is older counts as latest
}

// Bucket is what one span of time holds: for each subject that changed, its
// packed Counts since this incarnation began.
type Bucket struct {
	Step   string            `json:"step"`   // minute | hour | day
	Name   string            `json:"name"`   // unix minute | unix hour | 2006-01-02
	Counts map[string]string `json:"counts"` // by subject

	marks []mark
}

// mark remembers which version of a tally a bucket holds.
type mark struct {
	tally   *tally
	version uint64
}

// NewCounters makes the counters of a node of that name. clock is the local
// one.
func NewCounters(node string, clock func() time.Time) *Counters {
	return &Counters{
		node: node, clock: clock, zone: time.UTC, limit: maxWaiting,
		subjects: map[string]*Subject{}, live: map[string]*atomic.Int64{},
	}
}

// Correct adds offset to every time given, by what the local clock is wrong.
func (c *Counters) Correct(offset time.Duration) { c.offset.Store(int64(offset)) }

// Subject returns the one subject of that id: Total, or what ServiceID and
// TenantID made. The node's own (NodeID) needs no subject, it is the total.
func (c *Counters) Subject(id string) *Subject { return c.subject(id, false) }

func (c *Counters) subject(id string, dayOnly bool) *Subject {
	c.mu.RLock()
	s := c.subjects[id]
	c.mu.RUnlock()
	if s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s = c.subjects[id]; s == nil {
		s = &Subject{id: id, all: c, dayOnly: dayOnly, width: 1}
		if id == Total {
			s.width = min(8, runtime.GOMAXPROCS(0))
		}
		c.subjects[id] = s
	}
	return s
}

// Live is the gauge of what is open now: http, websocket, tcp, grpc.
func (c *Counters) Live(kind string) *atomic.Int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.live[kind]
	if g == nil {
		g = new(atomic.Int64)
		c.live[kind] = g
	}
	return g
}

// Flush returns the buckets that changed since they were last confirmed. Days
// are those of zone.
func (c *Counters) Flush(zone *time.Location) []Bucket {
	c.flusher.Lock()
	defer c.flusher.Unlock()
	c.zone = zone
	c.fold()

	type name struct{ step, name string }
	at := map[name]int{}
	var buckets []Bucket
	waiting := map[int64]int{}
	c.active = slices.DeleteFunc(c.active, func(s *Subject) bool {
		for _, t := range s.tallies {
			if t.version == t.confirmed {
				continue
			}
			n := name{t.step, t.name()}
			i, ok := at[n]
			if !ok {
				i = len(buckets)
				at[n] = i
				buckets = append(buckets, Bucket{Step: n.step, Name: n.name, Counts: map[string]string{}})
			}
			packed := t.pack()
			buckets[i].Counts[s.id] = packed
			if s.id == Total && c.node != "" {
				buckets[i].Counts[NodeID(c.node)] = packed
			}
			buckets[i].marks = append(buckets[i].marks, mark{t, t.version})
			if t.step == Minute {
				waiting[t.number]++
			}
		}
		return s.rest()
	})
	c.bound(waiting)
	slices.SortFunc(buckets, func(a, b Bucket) int {
		return strings.Compare(a.Step+a.Name, b.Step+b.Name)
	})
	return buckets
}

// Confirm tells that the buckets of a Flush were stored.
func (c *Counters) Confirm(buckets []Bucket) {
	c.flusher.Lock()
	defer c.flusher.Unlock()
	for _, b := range buckets {
		for _, m := range b.marks {
			m.tally.confirmed = max(m.tally.confirmed, m.version)
		}
	}
}

// Forget makes all current buckets unconfirmed again, because the store lost
// them.
func (c *Counters) Forget() {
	c.flusher.Lock()
	defer c.flusher.Unlock()
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, s := range c.subjects {
		for _, t := range s.tallies {
			if !s.dayOnly || t.step == Day {
				t.confirmed = 0
			}
		}
		s.mu.Lock()
		if len(s.tallies) > 0 && !s.active {
			s.active = true
			c.activate(s)
		}
		s.mu.Unlock()
	}
}

// Dropped is how many minutes of subjects were given up because they could not
// be stored for too long. Their hours and days were not.
func (c *Counters) Dropped() uint64 {
	c.flusher.Lock()
	defer c.flusher.Unlock()
	return c.dropped
}

// Totals are the counts of the total and of every service since the process
// began.
func (c *Counters) Totals() map[string]Counts {
	c.flusher.Lock()
	defer c.flusher.Unlock()
	c.fold()
	c.mu.RLock()
	defer c.mu.RUnlock()
	totals := map[string]Counts{}
	for id, s := range c.subjects {
		if id == Total || strings.HasPrefix(id, "service:") {
			totals[id] = s.total.counts()
		}
	}
	return totals
}

// Sweep forgets the subjects that keep does not want, once they are idle and
// all of theirs is confirmed. It waits for two days to be over: a subject that
// comes back must not begin a day again that it had begun. Pairs go with their
// tenant.
func (c *Counters) Sweep(keep func(id string) bool) {
	c.flusher.Lock()
	defer c.flusher.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.subjects {
		if id == Total || s.dayOnly || keep(id) || !s.idleSince(c.latest-2*24*60) {
			continue
		}
		delete(c.subjects, id)
		delete(c.subjects, PairID(id, "other"))
		if pairs := s.pairs.Load(); pairs != nil {
			for _, p := range *pairs {
				delete(c.subjects, p.id)
			}
		}
	}
}

// Spool writes the unconfirmed buckets to w: at exit, when the store is away.
func (c *Counters) Spool(w io.Writer, zone *time.Location) error {
	if err := json.NewEncoder(w).Encode(c.Flush(zone)); err != nil {
		return fmt.Errorf("spool counters: %w", err)
	}
	return nil
}

// ReadSpool reads what Spool wrote.
func ReadSpool(r io.Reader) ([]Bucket, error) {
	var b []Bucket
	if err := json.NewDecoder(r).Decode(&b); err != nil {
		return nil, fmt.Errorf("read spooled counters: %w", err)
	}
	for i := range b {
		for _, packed := range b[i].Counts {
			if _, err := ParseCounts(packed); err != nil {
				return nil, fmt.Errorf("read spooled counters: %w", err)
			}
		}
	}
	return b, nil
}

func (c *Counters) minute(t time.Time) int64 {
	return (t.UnixNano() + c.offset.Load()) / int64(time.Minute)
}

func (c *Counters) activate(s *Subject) {
	c.queue.Lock()
	c.woken = append(c.woken, s)
	c.queue.Unlock()
}

// fold adds what was counted since the last fold to its minutes, hours and
// days.
func (c *Counters) fold() {
	c.queue.Lock()
	c.active = append(c.active, c.woken...)
	c.woken = c.woken[:0]
	c.queue.Unlock()
	c.latest = max(c.latest, c.minute(c.clock()))
	c.floor.Store(c.latest - grace)
	f := fold{now: c.latest, cutoff: c.cutoff, zone: c.zone, days: map[int64]string{}}
	for _, s := range c.active {
		c.dropped += s.fold(&f)
	}
}

// bound gives up the oldest minutes when too many wait to be stored.
func (c *Counters) bound(waiting map[int64]int) {
	total := 0
	minutes := make([]int64, 0, len(waiting))
	for m, n := range waiting {
		total += n
		minutes = append(minutes, m)
	}
	slices.Sort(minutes)
	for _, m := range minutes {
		if total <= c.limit {
			return
		}
		total -= waiting[m]
		c.cutoff = m + 1
	}
}

func (t *tally) name() string {
	if t.step == Day {
		return t.day
	}
	return strconv.FormatInt(t.number, 10)
}

// pack is the sum's packed form, made once per change.
func (t *tally) pack() string {
	if t.packedAt != t.version {
		counts := t.sum.counts()
		t.packed, t.packedAt = counts.Pack(), t.version
	}
	return t.packed
}

func (t *tally) add(fresh *[slots]uint64, minute int64) {
	t.sum = t.sum.add(fresh)
	t.last = max(t.last, minute)
	t.version++
}
