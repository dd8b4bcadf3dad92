package dashboard

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"yumen/dao"
	"yumen/flow"
	"yumen/kv"
)

// pulse looks once a second at what happens, for everybody who watches: what
// one page costs the stores, a hundred cost too.
type pulse struct {
	s *Server

	mu     sync.Mutex
	asked  map[string]int // services somebody follows, and how many do
	frame  *frame
	next   chan struct{} // closed when frame is another
	series map[string]*series
	live   map[int64]Connections // by Unix minute, of the last hour

	synced   time.Time    // when the clock was compared
	released dao.Revision // the newest seen
}

// frame is one second.
type frame struct {
	at       time.Time
	now      Now
	today    uint64
	release  Release
	services map[string]TickService
	nodes    []kv.Node
	stale    *time.Time
}

const (
	// window is what "now" means: long enough to be calm, short enough to move.
	window = 10 * time.Second
	// settled is how much of it must be seen before it is used.
	settled = 3 * time.Second
)

func newPulse(s *Server) *pulse {
	return &pulse{s: s, asked: map[string]int{}, series: map[string]*series{}, live: map[int64]Connections{}, next: make(chan struct{})}
}

// run beats until ctx ends.
func (p *pulse) run(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		p.beat(ctx)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// follow asks for services in the frames to come.
func (p *pulse) follow(names []string) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range names {
		p.asked[n]++
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, n := range names {
			if p.asked[n]--; p.asked[n] <= 0 {
				delete(p.asked, n)
			}
		}
	}
}

// latest is the last frame, nil before the first, and a channel that closes
// with the next.
func (p *pulse) latest() (*frame, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frame, p.next
}

func (p *pulse) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s := p.s
	p.sync(ctx)
	now := s.clock()
	f := &frame{at: now, services: map[string]TickService{}}
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		f.nodes, err = s.kv.Nodes(ctx)
		return err
	})
	snap, _ := s.document.current(ctx)
	if snap == nil {
		snap = s.document.known()
	}
	if snap != nil {
		p.count(ctx, f, snap)
		f.release = s.release(p.revision(ctx, snap.Head), snap.Head, f.nodes, now)
	}
	f.stale = s.away.since()
	p.mu.Lock()
	defer p.mu.Unlock()
	if before := p.frame; before != nil && err != nil { // show the last known, said to be old
		f.nodes, f.now, f.today, f.release, f.services = before.nodes, before.now, before.today, before.release, before.services
	}
	f.now.Live = connections(living(f.nodes, now))
	if err == nil {
		minute := now.Unix() / 60
		p.live[minute] = f.now.Live
		maps.DeleteFunc(p.live, func(m int64, _ Connections) bool { return m < minute-60 })
	}
	p.frame = f
	close(p.next)
	p.next = make(chan struct{})
}

// sync compares the clock with Redis's twice a minute.
func (p *pulse) sync(ctx context.Context) {
	if time.Since(p.synced) < 30*time.Second {
		return
	}
	_ = p.s.ask(ctx, func(ctx context.Context) error {
		before := p.s.now()
		at, err := p.s.kv.Now(ctx)
		if err == nil {
			after := p.s.now()
			p.s.offset.Store(int64(at.Sub(before.Add(after.Sub(before) / 2))))
			p.synced = time.Now()
		}
		return err
	})
}

// revision is who made a head, and when.
func (p *pulse) revision(ctx context.Context, h dao.Head) dao.Revision {
	if h.Number > 0 && p.released.Digest != h.Digest {
		if r, err := p.s.store.Revision(ctx, h.Number); err == nil {
			p.released = r
		}
	}
	if p.released.Digest != h.Digest {
		return dao.Revision{}
	}
	return p.released
}

// count reads what the second brought, for all traffic and for what is
// followed.
func (p *pulse) count(ctx context.Context, f *frame, snap *dao.Snapshot) {
	s := p.s
	p.mu.Lock()
	names := slices.Sorted(maps.Keys(p.asked))
	p.mu.Unlock()
	subjects, ids := []string{flow.Total}, map[string]string{}
	names = slices.DeleteFunc(names, func(name string) bool {
		svc := serviceOf(snap.Document, name)
		if svc != nil {
			ids[name] = flow.ServiceID(name, svc.Origin)
			subjects = append(subjects, ids[name])
		}
		return svc == nil
	})
	before, current, err := s.recent(ctx, subjects)
	if err != nil {
		return
	}
	minute := f.at.Unix() / 60
	rates := map[string]rate{}
	for _, id := range subjects {
		sr := p.series[id]
		if sr == nil {
			sr = new(series)
			p.series[id] = sr
		}
		rates[id] = sr.add(f.at, minute, before[id], current[id])
	}
	maps.DeleteFunc(p.series, func(id string, _ *series) bool { return !slices.Contains(subjects, id) })
	today := s.today(ctx, subjects)
	r := rates[flow.Total]
	f.now = Now{RPS: r.rps, ErrorPercent: r.errorPercent, P95MS: r.p95}
	if c := today[flow.Total]; c != nil {
		f.today = c.Requests
	}
	if len(names) == 0 {
		return
	}
	l := look{now: f.at, nodes: living(f.nodes, f.at), head: snap.Head, health: map[string][]kv.Health{}, today: today}
	_ = s.ask(ctx, func(ctx context.Context) error {
		health, err := s.kv.Health(ctx, names...)
		for _, h := range health {
			l.health[h.Service] = append(l.health[h.Service], h)
		}
		return err
	})
	for _, name := range names {
		// Revision 1: whether it runs at all; that it runs the last change is
		// what the release says.
		st, r := l.status(serviceOf(snap.Document, name), 1), rates[ids[name]]
		f.services[name] = TickService{
			RPS: r.rps, ErrorPercent: r.errorPercent, P95MS: r.p95, Today: st.Today, State: st.State, TargetsUp: st.TargetsUp, TargetsTotal: st.TargetsTotal,
		}
	}
}

// series is one subject over the window. Buckets hold totals that only grow;
// what counts is by how much.
type series struct {
	minute int64
	last   [2]*flow.Counts // of the minutes minute-1 and minute
	steps  []since
}

type since struct {
	at    time.Time
	grown *flow.Counts
}

// add takes what the minute before and the current one hold by now.
func (sr *series) add(at time.Time, minute int64, before, current *flow.Counts) rate {
	held := [2]*flow.Counts{orZero(before), orZero(current)}
	grown := new(flow.Counts)
	switch first := sr.minute == 0; {
	case first:
	case minute == sr.minute:
		grown.Add(minus(held[0], sr.last[0]))
		grown.Add(minus(held[1], sr.last[1]))
	case minute == sr.minute+1:
		grown.Add(minus(held[0], sr.last[1]))
		grown.Add(held[1])
	default: // it stood still: begin anew
		sr.steps = nil
	}
	sr.minute, sr.last = minute, held
	sr.steps = append(sr.steps, since{at, grown})
	for len(sr.steps) > 1 && at.Sub(sr.steps[1].at) >= window {
		sr.steps = sr.steps[1:]
	}
	span := at.Sub(sr.steps[0].at)
	if span < settled {
		return lastMinute(before, current, at)
	}
	all := new(flow.Counts)
	for _, st := range sr.steps[1:] {
		all.Add(st.grown)
	}
	return rateOf(all, span.Seconds())
}

func orZero(c *flow.Counts) *flow.Counts {
	if c == nil {
		return new(flow.Counts)
	}
	return c
}

// fill says in the points of a time series how many connections there were.
// Minutes are remembered since this process began; of an hour or a day only
// the current one is known.
func (p *pulse) fill(step string, points []Point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if step == kv.StepMinute {
		for i := range points {
			points[i].Live = p.live[points[i].T.Unix()/60].sum()
		}
		return
	}
	if last := &points[len(points)-1]; p.frame != nil && !p.frame.at.Before(last.T) {
		last.Live = p.frame.now.Live.sum()
	}
}

func (c Connections) sum() int64 { return c.HTTP + c.WebSocket + c.TCP + c.GRPC }
