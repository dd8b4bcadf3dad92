package proxyserver

import (
	"context"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"yumen/flow"
	"yumen/generation"
	"yumen/kv"
)

const (
	heartbeatEvery = 2 * time.Second
	flushEvery     = time.Second
	clockEvery     = 10 * time.Second
	sweepEvery     = 2 * time.Second
	unusedEvery    = 20 * time.Second
	reportLimit    = 3 * time.Second // for one report to Redis
	healthEvery    = 2 * time.Second
	healthAtMost   = 10 * time.Second // between two, however many services
)

// reporter tells Redis how this node is and what it counted, and learns what
// the others counted. Nothing waits for it.
type reporter struct {
	*Server
	mark     string // what the last flush left; another one in Redis means it lost what we wrote
	sequence uint64
	behind   bool // counts wait for Redis
	healthAt time.Time
	stopped  bool
}

// report runs till ctx ends. What is counted afterwards is finish's.
func (r *reporter) report(ctx context.Context) {
	r.setClock(ctx)
	r.beat(ctx)
	beat, flush, clock := time.NewTicker(heartbeatEvery), time.NewTicker(flushEvery), time.NewTicker(clockEvery)
	defer beat.Stop()
	defer flush.Stop()
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			r.beat(ctx)
		case <-r.ack:
			r.beat(ctx)
			r.exchangeQuotas(ctx) // what counts now may be another's
		case <-clock.C:
			r.setClock(ctx)
		case <-flush.C:
			r.flush(ctx)
			r.exchangeQuotas(ctx)
		}
	}
}

// setClock corrects our time by Redis's.
func (r *reporter) setClock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	before := time.Now()
	theirs, err := r.redis.Now(ctx)
	if err != nil {
		return
	}
	r.clock.correct(theirs, before, time.Now())
	r.counters.Correct(r.clock.ahead())
	r.quotas.Correct(r.clock.ahead())
}

// beat writes the heartbeat and, from time to time, the health of targets.
func (r *reporter) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	if err := r.redis.Heartbeat(ctx, r.node()); err != nil {
		return
	}
	g := r.gen.Load()
	if g == nil {
		return
	}
	// Many services are reported less often: it is a page's worth of JSON each.
	every := min(healthAtMost, healthEvery+time.Duration(len(g.Pools))*10*time.Millisecond)
	if time.Since(r.healthAt) < every-heartbeatEvery/2 {
		return
	}
	if r.redis.PutHealth(ctx, r.incarnation, health(g)) == nil {
		r.healthAt = time.Now()
	}
}

// node is what a heartbeat says.
func (r *reporter) node() kv.Node {
	now := r.clock.Now()
	n := kv.Node{
		Incarnation: r.incarnation, Name: r.conf.Name, Version: r.conf.Version, State: r.stateName(),
		Started: r.started.UTC(), Seen: now.UTC(), CountersKept: r.behind,
		Goroutines: runtime.NumGoroutine(), MemoryBytes: residentBytes(),
		Connections: map[string]int64{}, Listeners: r.listening(),
	}
	for _, kind := range liveKinds {
		n.Connections[kind] = r.counters.Live(kind).Load()
	}
	if r.stopped {
		n.State = kv.NodeStopped
	}
	n.RPS, n.CPUPercent = r.rate.load(), r.cpu.load()

	r.mu.Lock()
	n.AppliedAt, n.Waiting = r.appliedAt.UTC(), r.trouble
	if n.Waiting == "" && r.gen.Load() == nil {
		n.Waiting = r.waiting
	}
	if !r.knownAt.IsZero() {
		n.ConfigAge = max(0, now.Sub(r.knownAt))
	}
	r.mu.Unlock()
	if g := r.gen.Load(); g != nil {
		n.Revision = kv.Head(g.Head)
		n.Faults = nodeFaults(g.Faults)
	}
	return n
}

// maxFaults bounds a heartbeat.
const maxFaults = 100

func nodeFaults(faults []generation.Fault) []kv.Fault {
	var out []kv.Fault
	for _, f := range faults[:min(len(faults), maxFaults)] {
		out = append(out, kv.Fault{Kind: string(f.Kind), Name: f.Name, Field: f.Field, Code: f.Code, Message: f.Message})
	}
	return out
}

func health(g *generation.Generation) map[string][]kv.Health {
	out := make(map[string][]kv.Health, len(g.Services))
	for name, s := range g.Services {
		var all []kv.Health
		for _, h := range s.Pool.Health() {
			one := kv.Health{Service: name, Address: h.Address, State: h.State, Reason: h.Reason, Since: h.Since, InFlight: h.InFlight}
			for _, t := range h.Transitions {
				one.Transitions = append(one.Transitions, kv.Transition(t))
			}
			all = append(all, one)
		}
		out[name] = all
	}
	return out
}

// subjectsAtOnce bounds one write of counts.
const subjectsAtOnce = 2000

// flush writes the totals of what changed. They are absolute: what failed, or
// what Redis lost since, is simply written again.
func (r *reporter) flush(ctx context.Context) {
	err := r.tryFlush(ctx)
	if behind := err != nil; behind != r.behind {
		r.behind = behind
		if behind {
			r.log.Warn("counts cannot be written; they are kept", "error", err)
		} else {
			r.log.Info("counts are written again")
		}
	}
}

func (r *reporter) tryFlush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	mark, err := r.redis.Mark(ctx, r.incarnation)
	if err != nil {
		return err
	}
	if mark != r.mark {
		if r.mark != "" && !r.behind {
			r.log.Warn("Redis was emptied or restored; writing all counts again")
		}
		r.counters.Forget()
	}
	buckets := r.counters.Flush(r.zone())
	if len(buckets) == 0 && mark == r.mark {
		return nil
	}
	r.sequence++
	next := strconv.FormatUint(r.sequence, 10)
	pieces := pieces(counts(buckets), subjectsAtOnce)
	for i, piece := range pieces {
		m := ""
		if i == len(pieces)-1 {
			m = next
		}
		if err := r.redis.Flush(ctx, r.incarnation, m, piece); err != nil {
			return err
		}
	}
	r.mark = next
	r.counters.Confirm(buckets)
	return nil
}

// pieces cuts counts into writes of at most n subjects; at least one, maybe
// empty.
func pieces(all []kv.Counts, n int) [][]kv.Counts {
	var out [][]kv.Counts
	var piece []kv.Counts
	room := n
	for _, c := range all {
		one := kv.Counts{Step: c.Step, Bucket: c.Bucket, Subjects: map[string]string{}}
		for subject, text := range c.Subjects {
			if room == 0 {
				piece = append(piece, one)
				out, piece, room = append(out, piece), nil, n
				one.Subjects = map[string]string{}
			}
			one.Subjects[subject] = text
			room--
		}
		if len(one.Subjects) > 0 {
			piece = append(piece, one)
		}
	}
	return append(out, piece)
}

// exchangeQuotas learns what the other incarnations admitted today.
func (r *reporter) exchangeQuotas(ctx context.Context) {
	g := r.gen.Load()
	if g == nil {
		return
	}
	var ids []string
	for _, t := range g.Document.Tenants {
		if t.Limits != nil && t.Limits.QPD != nil && *t.Limits.QPD > 0 {
			ids = append(ids, flow.TenantID(t.AppID, t.Origin))
		}
	}
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	seeded, err := r.redis.Seeded(ctx)
	if err != nil {
		return
	}
	day := r.quotas.Day(time.Now())
	sums := make(map[string]uint64, len(ids))
	for some := range slices.Chunk(ids, subjectsAtOnce) {
		read, err := r.redis.ReadSubjects(ctx, kv.StepDay, day, some)
		if err != nil {
			return
		}
		for id, by := range read {
			for incarnation, text := range by {
				if incarnation == r.incarnation {
					continue
				}
				if c, err := flow.ParseCounts(text); err == nil {
					sums[id] += c.Quota
				}
			}
		}
	}
	r.quotas.Seeded.Store(seeded)
	r.quotas.Others(sums, day)
}

// finish writes what is left at the end, or spools it, and says goodbye.
func (r *reporter) finish(ctx context.Context) {
	r.flush(ctx)
	left := []flow.Bucket(nil)
	if r.behind {
		left = r.counters.Flush(r.zone())
	}
	if r.spool != nil {
		if err := r.spool.save(r.incarnation, left); err != nil {
			r.log.Error("counts are lost: they can neither be written nor kept", "error", err)
		} else if len(left) > 0 {
			r.log.Warn("counts kept on disk until the next start", "directory", r.spool.dir)
		}
	} else if len(left) > 0 {
		r.log.Error("counts are lost: Redis does not answer and there is no state directory")
	}
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	r.stopped = true
	_ = r.redis.Heartbeat(ctx, r.node())
}

// deliver hands over what earlier processes kept on disk, once Redis takes it.
func (r *reporter) deliver(ctx context.Context) {
	if r.spool == nil {
		return
	}
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := r.spool.deliver(ctx, r.redis)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.log.Debug("spooled counts wait", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (r *reporter) zone() *time.Location {
	if g := r.gen.Load(); g != nil {
		return g.Zone
	}
	return time.UTC
}

// liveKinds are the gauges of open connections.
var liveKinds = []string{"http", "websocket", "tcp", "grpc"}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// residentBytes is the memory this process holds.
func residentBytes() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	parts := strings.Fields(string(b))
	if len(parts) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// listening names what is open, for the node list.
func (s *Server) listening() []string {
	all := s.Addresses()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, name+" "+all[name])
	}
	return out
}
