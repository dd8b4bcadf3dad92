package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"yumen/flow"
	"yumen/kv"
	"yumen/spec"
)

// readStats answers a time series.
//
// @ID       readStats
// @Summary  Traffic over time
// @Tags     traffic
// @Param    of query string false "default total" Enums(total, service, tenant, node)
// @Param    name query string false "of the service, tenant or node"
// @Param    step query string false "default minute; minutes go back 48 hours, hours 40 days, days 400 days" Enums(minute, hour, day)
// @Param    from query string false "RFC 3339; default an hour, a day or thirty days before to"
// @Param    to query string false "RFC 3339; default now"
// @Success  200 {object} Stats
// @Failure  default {object} Problem
// @Router   /stats [get]
func (s *Server) readStats(c *gin.Context) error {
	if err := query(c, "of", "name", "step", "from", "to"); err != nil {
		return err
	}
	snap, err := s.document.current(c.Request.Context())
	if err != nil {
		return err
	}
	out := Stats{Of: cmp.Or(c.Query("of"), "total"), Name: c.Query("name"), Step: cmp.Or(c.Query("step"), kv.StepMinute)}
	subject, err := subjectOf(snap.Document, out.Of, out.Name)
	if err != nil {
		return err
	}
	zone := zoneOf(snap.Document.Settings)
	out.Zone = zone.String()
	starts, err := s.span(c, out.Step, zone)
	if err != nil {
		return err
	}
	counts, err := s.counted(c.Request.Context(), subject, out.Step, starts, zone)
	if err != nil {
		return err
	}
	out.Points = make([]Point, len(starts))
	for i, t := range starts {
		out.Points[i] = pointOf(t, counts[bucketOf(out.Step, t, zone)])
	}
	if out.Of == "total" && len(out.Points) > 0 {
		s.pulse.fill(out.Step, out.Points)
	}
	out.StaleSince = s.away.since()
	c.JSON(http.StatusOK, out)
	return nil
}

// maxPoints bounds a time series.
const maxPoints = 1500

// subjectOf is how what is asked for is called in the counters.
func subjectOf(d *spec.Document, of, name string) (string, error) {
	switch of {
	case "total":
		if name != "" {
			return "", refuse("bad_query", "name", "name")
		}
		return flow.Total, nil
	case "service":
		if svc := serviceOf(d, name); svc != nil {
			return flow.ServiceID(svc.Name, svc.Origin), nil
		}
		return "", refuse("not_found")
	case "tenant":
		if t := tenantOf(d, name); t != nil {
			return flow.TenantID(t.AppID, t.Origin), nil
		}
		return "", refuse("not_found")
	case "node":
		if name == "" || len(name) > 256 {
			return "", refuse("not_found")
		}
		return flow.NodeID(name), nil
	}
	return "", refuse("bad_query", "name", "of")
}

// span lists where the buckets that a request asks for begin.
func (s *Server) span(c *gin.Context, step string, zone *time.Location) ([]time.Time, error) {
	from, err := moment(c, "from")
	if err != nil {
		return nil, err
	}
	to, err := moment(c, "to")
	if err != nil {
		return nil, err
	}
	if to.IsZero() {
		to = s.clock()
	}
	back, ok := map[string]time.Duration{kv.StepMinute: 59 * time.Minute, kv.StepHour: 23 * time.Hour, kv.StepDay: 29 * 24 * time.Hour}[step]
	if !ok {
		return nil, refuse("bad_query", "name", "step")
	}
	if from.IsZero() {
		from = to.Add(-back)
	}
	if from.After(to) {
		return nil, refuse("bad_query", "name", "from")
	}
	var starts []time.Time
	for t := startOf(step, from, zone); !t.After(to); t = after(step, t, zone) {
		if len(starts) == maxPoints {
			return nil, refuse("bad_query", "name", "from", "max", maxPoints)
		}
		starts = append(starts, t.UTC())
	}
	return starts, nil
}

// startOf is where the bucket of a time begins. Days are a zone's, and have 23
// or 25 hours now and then.
func startOf(step string, t time.Time, zone *time.Location) time.Time {
	switch step {
	case kv.StepMinute:
		return t.Truncate(time.Minute)
	case kv.StepHour:
		return t.Truncate(time.Hour)
	}
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

func after(step string, t time.Time, zone *time.Location) time.Time {
	switch step {
	case kv.StepMinute:
		return t.Add(time.Minute)
	case kv.StepHour:
		return t.Add(time.Hour)
	}
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, zone)
}

func bucketOf(step string, t time.Time, zone *time.Location) string {
	switch step {
	case kv.StepMinute:
		return minuteOf(t)
	case kv.StepHour:
		return hourOf(t)
	}
	return dayOf(t, zone)
}

// counted reads a subject's buckets from Redis and, where they are rolled up,
// from the database. Both hold absolute totals of each incarnation, so the
// larger is the later.
func (s *Server) counted(ctx context.Context, subject, step string, starts []time.Time, zone *time.Location) (map[string]*flow.Counts, error) {
	if len(starts) == 0 {
		return nil, nil
	}
	names := make([]string, len(starts))
	for i, t := range starts {
		names[i] = bucketOf(step, t, zone)
	}
	var read map[string]map[string]string
	// Redis forgets minutes after 48 hours, hours and days after 40 days.
	kept := 48 * time.Hour
	if step != kv.StepMinute {
		kept = 40 * 24 * time.Hour
	}
	oldest := s.clock().Add(-kept - time.Hour)
	first := slices.IndexFunc(starts, func(t time.Time) bool { return t.After(oldest) })
	if first >= 0 {
		_ = s.ask(ctx, func(ctx context.Context) (err error) {
			read, err = s.kv.ReadSubject(ctx, subject, step, names[first:])
			return err
		})
	}
	if read == nil {
		read = map[string]map[string]string{}
	}
	if step != kv.StepMinute {
		stats, err := s.store.Stats(ctx, step, subject, names[0], names[len(names)-1])
		if err != nil {
			return nil, err
		}
		for _, st := range stats {
			if read[st.Bucket] == nil {
				read[st.Bucket] = map[string]string{}
			}
			read[st.Bucket][st.Incarnation] = later(read[st.Bucket][st.Incarnation], st.Counts)
		}
	}
	return sums(read), nil
}

// later is the larger of two totals of the same bucket.
func later(a, b string) string {
	if size(b) > size(a) {
		return b
	}
	return a
}

func size(text string) uint64 {
	c, err := flow.ParseCounts(text)
	if err != nil {
		return 0
	}
	return c.Requests + c.In + c.Out + c.Quota
}

// pointOf is a bucket as a point; zeros when nothing was counted.
func pointOf(t time.Time, c *flow.Counts) Point {
	p := Point{T: t, Status: map[string]uint64{}, GRPC: map[string]uint64{}, Refused: map[string]uint64{}}
	if c == nil {
		return p
	}
	p.Requests, p.BytesIn, p.BytesOut = c.Requests, c.In, c.Out
	for i, n := range c.Status {
		if n > 0 && i == 0 {
			p.Status["none"] = n
		} else if n > 0 {
			p.Status[strconv.Itoa(i)+"xx"] = n
		}
	}
	for i, n := range c.GRPC {
		if n > 0 {
			p.GRPC[strconv.Itoa(i)] = n
		}
	}
	for r, n := range c.Refused {
		p.Refused[r] = n
	}
	p.P50, p.P95, p.P99 = ms(c.Quantile(0.5)), ms(c.Quantile(0.95)), ms(c.Quantile(0.99))
	return p
}

// readTop answers who leads today.
//
// @ID       readTop
// @Summary  Who leads today
// @Tags     traffic
// @Param    by query string false "default requests" Enums(requests, errors, p95)
// @Param    of query string false "default service" Enums(service, tenant)
// @Param    limit query int false "at most 100, default 10"
// @Success  200 {object} TopList
// @Failure  default {object} Problem
// @Router   /stats/top [get]
func (s *Server) readTop(c *gin.Context) error {
	if err := query(c, "by", "of", "limit"); err != nil {
		return err
	}
	order, ok := map[string]func(Top) float64{
		"requests": func(t Top) float64 { return float64(t.Requests) },
		"errors":   func(t Top) float64 { return float64(t.Errors) },
		"p95":      func(t Top) float64 { return t.P95MS },
	}[cmp.Or(c.Query("by"), "requests")]
	if !ok {
		return refuse("bad_query", "name", "by")
	}
	limit, err := number(c, "limit", 10, 1, 100)
	if err != nil {
		return err
	}
	snap, err := s.document.current(c.Request.Context())
	if err != nil {
		return err
	}
	names := map[string]string{} // by subject
	switch cmp.Or(c.Query("of"), "service") {
	case "service":
		for _, svc := range snap.Document.Services {
			names[flow.ServiceID(svc.Name, svc.Origin)] = svc.Name
		}
	case "tenant":
		for _, t := range snap.Document.Tenants {
			names[flow.TenantID(t.AppID, t.Origin)] = t.AppID
		}
	default:
		return refuse("bad_query", "name", "of")
	}
	out := TopList{Items: []Top{}}
	ids := map[string]string{}
	for id, counts := range s.day(c.Request.Context()) {
		name, ok := names[id]
		if !ok || counts.Requests == 0 {
			continue
		}
		n := failed(counts)
		ids[name] = id
		out.Items = append(out.Items, Top{Name: name, Requests: counts.Requests, Errors: n, ErrorPercent: percent(float64(n), float64(counts.Requests)), P95MS: ms(counts.Quantile(0.95))})
	}
	slices.SortFunc(out.Items, func(a, b Top) int { return cmp.Or(cmp.Compare(order(b), order(a)), cmp.Compare(a.Name, b.Name)) })
	out.Items = out.Items[:min(limit, len(out.Items))]
	subjects := make([]string, len(out.Items))
	for i, t := range out.Items {
		subjects[i] = ids[t.Name]
	}
	before, current, _ := s.recent(c.Request.Context(), subjects)
	for i, id := range subjects {
		out.Items[i].RPS = lastMinute(before[id], current[id], s.clock()).rps
	}
	out.StaleSince = s.away.since()
	c.JSON(http.StatusOK, out)
	return nil
}

// day is everything counted today.
func (s *Server) day(ctx context.Context) map[string]*flow.Counts {
	day := dayOf(s.clock(), s.zone(ctx))
	by := map[string]map[string]string{} // subject, incarnation
	err := s.ask(ctx, func(ctx context.Context) error {
		read, err := s.kv.ReadBucket(ctx, kv.StepDay, day)
		for incarnation, of := range read {
			for subject, text := range of {
				if by[subject] == nil {
					by[subject] = map[string]string{}
				}
				by[subject][incarnation] = text
			}
		}
		return err
	})
	if err != nil {
		stats, err := s.store.StatsOfBucket(ctx, kv.StepDay, day)
		if err != nil {
			s.log.Warn("today is not known", "error", err)
		}
		for _, st := range stats {
			if by[st.Subject] == nil {
				by[st.Subject] = map[string]string{}
			}
			by[st.Subject][st.Incarnation] = st.Counts
		}
	}
	return sums(by)
}
