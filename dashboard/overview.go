package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"yumen/flow"
	"yumen/kv"
	"yumen/spec"
)

// readOverview answers the first page of the console at once.
//
// @ID       readOverview
// @Summary  The first page of the console
// @Tags     traffic
// @Success  200 {object} Overview
// @Failure  default {object} Problem
// @Router   /overview [get]
func (s *Server) readOverview(c *gin.Context) error {
	snap, err := s.document.current(c.Request.Context())
	if err != nil {
		return err
	}
	revisions, _, err := s.store.Revisions(c.Request.Context(), 1, 5)
	if err != nil {
		return err
	}
	now, zone := s.clock(), zoneOf(snap.Document.Settings)
	out := Overview{
		Services: len(snap.Document.Services), Tenants: len(snap.Document.Tenants), Changes: revisionViews(revisions),
		Unhealthy: []UnhealthyNode{}, NearQuota: s.nearQuota(c.Request.Context(), snap.Document),
	}
	var nodes []kv.Node
	_ = s.ask(c.Request.Context(), func(ctx context.Context) error {
		if nodes, err = s.kv.Nodes(ctx); err != nil {
			return err
		}
		health, err := s.kv.Health(ctx)
		out.Unhealthy = unhealthy(snap.Document, health, living(nodes, now))
		return err
	})
	if f, _ := s.pulse.latest(); f != nil {
		out.Now, out.Today = f.now, f.today
		if s.away.since() != nil {
			nodes = f.nodes
		}
	}
	out.Nodes = nodeViews(nodes, snap.Head, now)
	if out.Spark, err = s.spark(c.Request.Context(), now); err != nil {
		return err
	}
	yesterday, err := s.counted(c.Request.Context(), flow.Total, kv.StepHour, []time.Time{now.Add(-24 * time.Hour).Truncate(time.Hour)}, zone)
	if err != nil {
		return err
	}
	for _, counts := range yesterday {
		r := rateOf(counts, 3600)
		out.Yesterday = Now{RPS: r.rps, ErrorPercent: r.errorPercent, P95MS: r.p95}
	}
	out.StaleSince = s.away.since()
	c.JSON(http.StatusOK, out)
	return nil
}

// sparkMinutes is how far a spark line goes back.
const sparkMinutes = 60

// spark is the last hour, minute by minute.
func (s *Server) spark(ctx context.Context, now time.Time) (Spark, error) {
	starts := make([]time.Time, sparkMinutes)
	for i := range starts {
		starts[i] = now.Add(time.Duration(i-sparkMinutes+1) * time.Minute).Truncate(time.Minute)
	}
	counts, err := s.counted(ctx, flow.Total, kv.StepMinute, starts, time.UTC)
	if err != nil {
		return Spark{}, err
	}
	out := Spark{RPS: make([]float64, sparkMinutes), ErrorPercent: make([]float64, sparkMinutes), P95MS: make([]float64, sparkMinutes), Live: make([]float64, sparkMinutes)}
	points := make([]Point, sparkMinutes)
	for i, t := range starts {
		points[i].T = t
		seconds := 60.0
		if i == sparkMinutes-1 {
			seconds = max(1, now.Sub(t).Seconds())
		}
		if c := counts[minuteOf(t)]; c != nil {
			r := rateOf(c, seconds)
			out.RPS[i], out.ErrorPercent[i], out.P95MS[i] = r.rps, r.errorPercent, r.p95
		}
	}
	s.pulse.fill(kv.StepMinute, points)
	for i := range points {
		out.Live[i] = float64(points[i].Live)
	}
	return out, nil
}

// unhealthy lists the targets of enabled services that a living node finds
// down, those longest down first, at most a hundred.
func unhealthy(d *spec.Document, health []kv.Health, nodes []kv.Node) []UnhealthyNode {
	names := map[string]string{}
	for _, n := range nodes {
		names[n.Incarnation] = n.Name
	}
	out := []UnhealthyNode{}
	for _, h := range health {
		svc := serviceOf(d, h.Service)
		name, alive := names[h.Node]
		if h.State != "down" || !alive || svc == nil || !svc.IsEnabled() {
			continue
		}
		out = append(out, UnhealthyNode{Service: h.Service, Address: h.Address, Node: name, Reason: h.Reason, Since: h.Since})
	}
	slices.SortStableFunc(out, func(a, b UnhealthyNode) int { return a.Since.Compare(b.Since) })
	return out[:min(len(out), 100)]
}

// nearQuota lists tenants that have used 80 % of their day or more, the
// nearest first, at most twenty.
func (s *Server) nearQuota(ctx context.Context, d *spec.Document) []QuotaUse {
	var subjects []string
	limited := map[string]*spec.Tenant{}
	for i := range d.Tenants {
		t := &d.Tenants[i]
		if t.IsEnabled() && t.Limits != nil && t.Limits.QPD != nil && *t.Limits.QPD > 0 {
			id := flow.TenantID(t.AppID, t.Origin)
			subjects, limited[id] = append(subjects, id), t
		}
	}
	out := []QuotaUse{}
	if len(subjects) == 0 {
		return out
	}
	for id, c := range s.today(ctx, subjects) {
		t := limited[id]
		if p := percent(float64(c.Quota), float64(*t.Limits.QPD)); p >= 80 {
			out = append(out, QuotaUse{AppID: t.AppID, Used: c.Quota, Limit: *t.Limits.QPD, Percent: p})
		}
	}
	slices.SortFunc(out, func(a, b QuotaUse) int {
		return cmp.Or(cmp.Compare(b.Percent, a.Percent), cmp.Compare(a.AppID, b.AppID))
	})
	return out[:min(len(out), 20)]
}
