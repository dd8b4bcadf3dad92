package dashboard

import (
	"context"
	"errors"
	"math"
	"strconv"
	"sync"
	"time"

	"yumen/flow"
	"yumen/kv"
)

// patience is how long a request waits for Redis: pages come without it, too.
const patience = 800 * time.Millisecond

var errAway = errors.New("redis is away")

// away knows since when Redis does not answer, so that no page waits for it
// again and again.
type away struct {
	mu    sync.Mutex
	from  time.Time // zero while it answers
	asked time.Time
}

// since is when it stopped answering; nil while it does.
func (a *away) since() *time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.from.IsZero() {
		return nil
	}
	t := a.from.UTC()
	return &t
}

func (a *away) skip(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.from.IsZero() && now.Sub(a.asked) < time.Second
}

func (a *away) note(now time.Time, err error) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = now
	was := !a.from.IsZero()
	switch {
	case err == nil:
		a.from = time.Time{}
	case !was:
		a.from = now
	}
	return was != (err != nil)
}

// ask does something with Redis that a page can do without.
func (s *Server) ask(ctx context.Context, f func(context.Context) error) error {
	if s.away.skip(time.Now()) {
		return errAway
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := f(ctx)
	if errors.Is(err, context.Canceled) {
		return err // who asked is gone, Redis is not
	}
	if s.away.note(time.Now(), err) {
		if err != nil {
			s.log.Warn("redis is away: what is shown gets old", "error", err)
		} else {
			s.log.Info("redis is back")
		}
	}
	return err
}

// clock is the time by Redis, as all nodes have it.
func (s *Server) clock() time.Time { return s.now().Add(time.Duration(s.offset.Load())) }

func minuteOf(t time.Time) string { return strconv.FormatInt(t.Unix()/60, 10) }
func hourOf(t time.Time) string   { return strconv.FormatInt(t.Unix()/3600, 10) }
func dayOf(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(time.DateOnly)
}

// sums adds up what incarnations counted, by whatever the outer key is.
func sums(read map[string]map[string]string) map[string]*flow.Counts {
	out := make(map[string]*flow.Counts, len(read))
	for key, of := range read {
		c := new(flow.Counts)
		for _, text := range of {
			if one, err := flow.ParseCounts(text); err == nil {
				c.Add(&one)
			}
		}
		out[key] = c
	}
	return out
}

// rate is how traffic goes.
type rate struct{ rps, errorPercent, p95 float64 }

func rateOf(c *flow.Counts, seconds float64) rate {
	r := rate{errorPercent: percent(float64(failed(c)), float64(c.Requests)), p95: ms(c.Quantile(0.95))}
	if seconds > 0 {
		r.rps = round(float64(c.Requests) / seconds)
	}
	return r
}

// lastMinute is the rate over about a minute, of the current one and the one
// before.
func lastMinute(before, current *flow.Counts, now time.Time) rate {
	into := float64(now.Unix()%60) + float64(now.Nanosecond())/1e9
	both := new(flow.Counts)
	for _, c := range []*flow.Counts{before, current} {
		if c != nil {
			both.Add(c)
		}
	}
	r := rateOf(both, 0)
	if current != nil {
		r.rps = float64(current.Requests) / 60
	}
	if before != nil {
		r.rps += float64(before.Requests) * (60 - into) / 60 / 60
	}
	r.rps = round(r.rps)
	return r
}

// grpcFailures are the statuses that are the server's fault: UNKNOWN,
// DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
var grpcFailures = []int{2, 4, 12, 13, 14, 15}

// ownFailures are refusals that are not the client's fault. TCP has no status
// to tell by.
var ownFailures = []string{"no_target", "upstream_failed", "upstream_timeout", "internal"}

// failed counts what went wrong on our side: 5xx, the like of it in gRPC, and
// connections that found no target.
func failed(c *flow.Counts) uint64 {
	n := c.Status[5]
	for _, i := range grpcFailures {
		n += c.GRPC[i]
	}
	var refused uint64
	for _, r := range ownFailures {
		refused += c.Refused[r]
	}
	return min(max(n, refused), c.Requests)
}

// minus is what was counted since; nothing when it counts from zero again.
func minus(c, before *flow.Counts) *flow.Counts {
	out := new(flow.Counts)
	sub := func(a, b uint64) uint64 {
		if b > a {
			return 0
		}
		return a - b
	}
	out.Requests = sub(c.Requests, before.Requests)
	for i := range c.Status {
		out.Status[i] = sub(c.Status[i], before.Status[i])
	}
	for i := range c.GRPC {
		out.GRPC[i] = sub(c.GRPC[i], before.GRPC[i])
	}
	for r, n := range c.Refused {
		if d := sub(n, before.Refused[r]); d > 0 {
			if out.Refused == nil {
				out.Refused = map[string]uint64{}
			}
			out.Refused[r] = d
		}
	}
	for i := range c.Hist {
		out.Hist[i] = sub(c.Hist[i], before.Hist[i])
	}
	return out
}

func ms(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

func percent(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return round(100 * part / whole)
}

// round keeps three digits behind the point: JSON is for people, too.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// recent reads the current and the last minute of subjects.
func (s *Server) recent(ctx context.Context, subjects []string) (before, current map[string]*flow.Counts, err error) {
	now := s.clock()
	err = s.ask(ctx, func(ctx context.Context) error {
		b, err := s.kv.ReadSubjects(ctx, kv.StepMinute, minuteOf(now.Add(-time.Minute)), subjects)
		if err != nil {
			return err
		}
		c, err := s.kv.ReadSubjects(ctx, kv.StepMinute, minuteOf(now), subjects)
		before, current = sums(b), sums(c)
		return err
	})
	return before, current, err
}

// today reads the current day of subjects; what Redis does not say is taken
// from the database.
func (s *Server) today(ctx context.Context, subjects []string) map[string]*flow.Counts {
	day := dayOf(s.clock(), s.zone(ctx))
	var out map[string]*flow.Counts
	err := s.ask(ctx, func(ctx context.Context) error {
		read, err := s.kv.ReadSubjects(ctx, kv.StepDay, day, subjects)
		out = sums(read)
		return err
	})
	if err == nil {
		return out
	}
	out = map[string]*flow.Counts{}
	stats, err := s.store.StatsOfBucket(ctx, kv.StepDay, day)
	if err != nil {
		return out
	}
	wanted := make(map[string]bool, len(subjects))
	for _, id := range subjects {
		wanted[id] = true
	}
	for _, st := range stats {
		if one, err := flow.ParseCounts(st.Counts); err == nil && wanted[st.Subject] {
			if out[st.Subject] == nil {
				out[st.Subject] = new(flow.Counts)
			}
			out[st.Subject].Add(&one)
		}
	}
	return out
}
