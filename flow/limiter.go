package flow

import (
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limiters are the levels of all limits. They survive every change of the
// configuration; what changes is the numbers, from the next call on.
type Limiters struct {
	mu      sync.Mutex
	buckets map[string]*bucket
	clients map[string]*clients

	known atomic.Int64 // clients, of all limits
}

// NewLimiters makes an empty set.
func NewLimiters() *Limiters {
	return &Limiters{buckets: map[string]*bucket{}, clients: map[string]*clients{}}
}

// Taken is something that can be given back when it was not used.
type Taken interface{ GiveBack(now time.Time) }

// Limiter is a token bucket with the numbers of one configuration; the level
// is shared with every other Limiter of its key. A nil one never refuses.
type Limiter struct {
	level *bucket
	numbers
}

// numbers are a limit as configured.
type numbers struct {
	limit rate.Limit
	burst int
}

func newNumbers(tokens float64, per time.Duration, burst int) numbers {
	if burst <= 0 {
		burst = max(1, int(math.Min(math.Ceil(tokens), math.MaxInt32)))
	}
	return numbers{rate.Limit(tokens / per.Seconds()), burst}
}

// Rate returns the limiter of key: tokens each per, at most burst at once; a
// burst of 0 is one period's tokens, at least 1. Without tokens or period
// there is no limit, and it returns nil.
func (l *Limiters) Rate(key string, tokens float64, per time.Duration, burst int) *Limiter {
	if tokens <= 0 || per <= 0 {
		return nil
	}
	n := newNumbers(tokens, per, burst)
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		b = newBucket(n)
		l.buckets[key] = b
	}
	return &Limiter{b, n}
}

// Clients returns the limiter of key for each client address by itself.
func (l *Limiters) Clients(key string, tokens float64, per time.Duration, burst int) *ClientLimiter {
	if tokens <= 0 || per <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[key]
	if c == nil {
		c = &clients{known: &l.known}
		l.clients[key] = c
	}
	return &ClientLimiter{c, newNumbers(tokens, per, burst)}
}

// Sweep frees the limiters whose key keep does not name, and those of clients
// whose bucket is full again.
func (l *Limiters) Sweep(now time.Time, keep func(key string) bool) {
	l.mu.Lock()
	var idle []*clients
	for key := range l.buckets {
		if !keep(key) {
			delete(l.buckets, key)
		}
	}
	for key, c := range l.clients {
		if !keep(key) {
			delete(l.clients, key)
			l.known.Add(-int64(c.len()))
		} else {
			idle = append(idle, c)
		}
	}
	l.mu.Unlock()
	for _, c := range idle {
		c.sweep(now)
	}
}

// Allow takes a token. Where there is none, retryAfter is how long until the
// next.
func (l *Limiter) Allow(now time.Time) (ok bool, retryAfter time.Duration) {
	if l == nil {
		return true, 0
	}
	return l.level.allow(now, l.numbers)
}

// GiveBack returns a token that Allow took.
func (l *Limiter) GiveBack(now time.Time) {
	if l != nil {
		l.level.GiveBack(now)
	}
}

// Burst is how many tokens the bucket holds.
func (l *Limiter) Burst() int { return l.burst }

// bucket is the level of one limit.
type bucket struct {
	mu   sync.Mutex
	last time.Time // the latest time it was asked at
	numbers
	tokens rate.Limiter
}

func newBucket(n numbers) *bucket {
	b := &bucket{numbers: n}
	// Set as of the zero time, it is full whenever it is first asked.
	b.tokens.SetLimitAt(time.Time{}, n.limit)
	b.tokens.SetBurstAt(time.Time{}, n.burst)
	return b
}

func (b *bucket) allow(now time.Time, n numbers) (bool, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now = b.advance(now)
	if b.numbers != n {
		b.numbers = n
		b.tokens.SetLimitAt(now, n.limit)
		b.tokens.SetBurstAt(now, n.burst)
	}
	if b.tokens.AllowN(now, 1) {
		return true, 0
	}
	missing := 1 - b.tokens.TokensAt(now)
	return false, time.Duration(math.Ceil(missing / float64(n.limit) * float64(time.Second)))
}

// GiveBack returns a token.
func (b *bucket) GiveBack(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens.AllowN(b.advance(now), -1)
}

// advance makes time go forward only: requests come with the time they read
// at their start, and rate.Limiter pays out the time between twice when two of
// them overtake each other.
func (b *bucket) advance(now time.Time) time.Time {
	if now.Before(b.last) {
		return b.last
	}
	b.last = now
	return now
}

// full tells that the bucket is like a new one.
func (b *bucket) full(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tokens.TokensAt(now) >= float64(b.burst)
}

// ClientLimiter is a limiter for each client. A nil one never refuses.
type ClientLimiter struct {
	levels *clients
	numbers
}

// Allow takes a token of the client's; taken returns it.
func (c *ClientLimiter) Allow(client netip.Addr, now time.Time) (taken Taken, ok bool, retryAfter time.Duration) {
	if c == nil {
		return nil, true, 0
	}
	b := c.levels.bucket(client, now, c.numbers)
	ok, retryAfter = b.allow(now, c.numbers)
	return b, ok, retryAfter
}

// Burst is how many tokens each bucket holds.
func (c *ClientLimiter) Burst() int { return c.burst }

const (
	clientShards = 32
	maxPerShard  = 2048    // clients; beyond, somebody is forgotten
	maxClients   = 500_000 // of all limits, likewise
)

// clients are the levels of one limit, by client. They are bounded: whoever
// commands so many addresses has no need of a second bucket for one of them.
type clients struct {
	known  *atomic.Int64
	shards [clientShards]struct {
		mu      sync.Mutex
		buckets map[netip.Addr]*bucket
	}
}

// who is the client an address stands for: all of an IPv6 /64 is one.
func who(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		b := a.As16()
		clear(b[8:])
		return netip.AddrFrom16(b)
	}
	return a
}

func (c *clients) bucket(a netip.Addr, now time.Time, n numbers) *bucket {
	a = who(a)
	shard := &c.shards[hash(a)%clientShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	b := shard.buckets[a]
	if b != nil {
		return b
	}
	if shard.buckets == nil {
		shard.buckets = map[netip.Addr]*bucket{}
	}
	if len(shard.buckets) >= maxPerShard || c.known.Load() >= maxClients {
		c.forgetOne(shard.buckets, now)
	}
	b = newBucket(n)
	shard.buckets[a] = b
	c.known.Add(1)
	return b
}

// forgetOne makes room: it prefers a client that is idle, among a few.
func (c *clients) forgetOne(buckets map[netip.Addr]*bucket, now time.Time) {
	seen := 0
	for a, b := range buckets {
		if seen++; seen == 8 || b.full(now) {
			delete(buckets, a)
			c.known.Add(-1)
			return
		}
	}
}

func (c *clients) sweep(now time.Time) {
	for i := range c.shards {
		shard := &c.shards[i]
		shard.mu.Lock()
		for a, b := range shard.buckets {
			if b.full(now) {
				delete(shard.buckets, a)
				c.known.Add(-1)
			}
		}
		shard.mu.Unlock()
	}
}

func (c *clients) len() (n int) {
	for i := range c.shards {
		shard := &c.shards[i]
		shard.mu.Lock()
		n += len(shard.buckets)
		shard.mu.Unlock()
	}
	return n
}

// hash spreads addresses over shards (FNV-1a).
func hash(a netip.Addr) uint32 {
	h := uint32(2166136261)
	for _, b := range a.As16() {
		h = (h ^ uint32(b)) * 16777619
	}
	return h
}
