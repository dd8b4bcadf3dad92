package flow

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Total is the subject of everything.
const Total = "total"

// ServiceID, TenantID, NodeID and PairID name subjects: "service:orders@12".
// An origin of 0 is left out.
func ServiceID(name string, origin uint64) string { return "service:" + at(name, origin) }

// TenantID names a tenant's subject: "tenant:app_a@3".
func TenantID(appID string, origin uint64) string { return "tenant:" + at(appID, origin) }

// NodeID names a node's subject: "node:NAME".
func NodeID(name string) string { return "node:" + name }

// PairID names a tenant at a service by the IDs of both:
// "pair:app_a@3/orders@12".
func PairID(tenantID, serviceID string) string {
	return "pair:" + bare(tenantID) + "/" + bare(serviceID)
}

func at(name string, origin uint64) string {
	if origin == 0 {
		return name
	}
	return name + "@" + strconv.FormatUint(origin, 10)
}

func bare(id string) string {
	for i := range len(id) {
		if id[i] == ':' {
			return id[i+1:]
		}
	}
	return id
}

// maxPairs is how many services of a tenant are counted apart.
const maxPairs = 50

// Subject is somebody or something counted. Its methods are called by the data
// path and take no lock, but once a minute. On nil they do nothing.
type Subject struct {
	id      string
	all     *Counters
	dayOnly bool
	width   int // stripes of a cell

	now   atomic.Pointer[cell]
	pairs atomic.Pointer[map[string]*Subject]

	mu     sync.Mutex // guards what follows
	active bool       // whether the flusher looks at it
	cells  []*cell    // minutes that may still be counted in

	// By the flusher only:
	total   sparse   // since the process began
	tallies []*tally // minutes, hours, days that count or wait
}

// tally is the sum of one span of time.
type tally struct {
	step      string
	number    int64  // unix minute or hour
	day       string // of a day
	last      int64  // the last minute in it
	sum       sparse
	version   uint64 // changes with the sum
	confirmed uint64 // the version that was stored
	packed    string // the form of version packedAt
	packedAt  uint64
}

// ID is the subject's name.
func (s *Subject) ID() string { return s.id }

// Count counts one request or connection that ended now. Reason is "" unless
// it was refused; a negative d is no measure and stays out of the histogram.
func (s *Subject) Count(now time.Time, status int, reason string, d time.Duration) {
	if s == nil {
		return
	}
	to := s.at(now)
	class := 0
	if 100 <= status && status < 600 {
		class = status / 100
	}
	to.add(slotStatus+class, 1)
	if d >= 0 {
		to.add(slotHist+bucketOf(d), 1)
	}
	if reason != "" {
		to.add(slotRefused+reasonIndex[reason], 1)
	}
}

// GRPC counts the grpc-status of a request counted by Count.
func (s *Subject) GRPC(now time.Time, code int) {
	if s == nil {
		return
	}
	if code < 0 || code > 16 {
		code = 2 // UNKNOWN
	}
	s.at(now).add(slotGRPC+code, 1)
}

// Bytes counts bytes as they flow.
func (s *Subject) Bytes(now time.Time, in, out uint64) {
	if s == nil {
		return
	}
	to := s.at(now)
	if in > 0 {
		to.add(slotIn, in)
	}
	if out > 0 {
		to.add(slotOut, out)
	}
}

// Spend counts one admission against the daily quota, GiveBack takes it back.
// It is counted when it happens, not when the request ends, for other nodes
// must know.
func (s *Subject) Spend(now time.Time) {
	if s != nil {
		s.at(now).add(slotQuota, 1)
	}
}

// Unspend takes a Spend of the same moment back.
func (s *Subject) Unspend(now time.Time) {
	if s != nil {
		s.at(now).add(slotQuota, ^uint64(0))
	}
}

// Pair returns the subject of tenant s at a service, counted by day only. At
// most 50 services are told apart, the rest is "other". service is a
// ServiceID.
func (s *Subject) Pair(service string) *Subject {
	if s == nil {
		return nil
	}
	if have := s.pairs.Load(); have != nil {
		if p := (*have)[service]; p != nil {
			return p
		}
		if len(*have) >= maxPairs {
			return s.all.subject(PairID(s.id, "other"), true)
		}
	}
	// Found before the lock is taken: who sweeps takes locks the other way
	// round.
	p := s.all.subject(PairID(s.id, service), true)
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]*Subject{}
	if have := s.pairs.Load(); have != nil {
		next = maps.Clone(*have)
	}
	next[service] = p // two at once may make it one more than maxPairs
	s.pairs.Store(&next)
	return p
}

// at is where to count what happens now.
func (s *Subject) at(now time.Time) *stripe {
	minute := s.all.minute(now)
	c := s.now.Load()
	if c == nil || c.minute != minute {
		c = s.turn(minute)
	}
	return c.stripe()
}

// turn makes the cell of a minute the current one.
func (s *Subject) turn(minute int64) *cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	if minute < s.all.floor.Load() {
		// Its minute is closed: better counted in a later one than not at all.
		minute = s.all.floor.Load() + grace
	}
	var c *cell
	for _, have := range s.cells {
		if have.minute == minute {
			c = have
		}
	}
	if c == nil {
		c = newCell(minute, s.width)
		s.cells = append(s.cells, c)
	}
	c.closing = false
	s.now.Store(c)
	if !s.active {
		s.active = true
		s.all.activate(s)
	}
	return c
}
