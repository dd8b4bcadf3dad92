package dashboard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"yumen/dao"
	"yumen/flow"
	"yumen/generation"
	"yumen/kv"
	"yumen/spec"
)

func metaOf(row dao.Row) ObjectMeta {
	return ObjectMeta{
		Revision: row.Revision, ETag: etag(row.Digest), CreatedAt: row.CreatedAt.UTC(), CreatedBy: row.CreatedBy, UpdatedAt: row.UpdatedAt.UTC(), UpdatedBy: row.UpdatedBy,
	}
}

// serviceViews are services with how they fare, for a page of rows.
func (s *Server) serviceViews(ctx context.Context, rows []dao.Row) []Service {
	views := make([]Service, len(rows))
	look := s.look(ctx, rows)
	for i, row := range rows {
		svc := &spec.Service{Name: row.Key.Name}
		v, _, err := spec.Decode(row.Object(), s.keys)
		if err == nil {
			svc = v.(*spec.Service)
		}
		views[i] = Service{Service: *svc, Meta: metaOf(row), Status: look.status(svc, row.Revision)}
		if err != nil { // one that nobody can read must not hide the others
			views[i].Status.State = "not_applied"
			views[i].Status.Faults = append(views[i].Status.Faults, s.unreadable(row, err))
		}
	}
	return views
}

// unreadable says why an object cannot be shown.
func (s *Server) unreadable(row dao.Row, err error) NodeFault {
	s.log.Warn("stored object cannot be read", "object", row.Key.String(), "error", err)
	f := NodeFault{Node: "dashboard", Kind: string(row.Key.Kind), Name: row.Key.Name, Code: generation.CodeUnreadable, Message: "the stored object cannot be read"}
	var needs *spec.NeedsError
	if errors.As(err, &needs) {
		f.Code, f.Message = generation.CodeNeedsNewer, needs.Error()
	}
	return f
}

// look is how services fare, read at once.
type look struct {
	now             time.Time
	nodes           []kv.Node // living
	head            dao.Head
	health          map[string][]kv.Health // by service
	before, current map[string]*flow.Counts
	today           map[string]*flow.Counts
}

func (s *Server) look(ctx context.Context, rows []dao.Row) look {
	names, subjects := make([]string, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		names[i], subjects[i] = row.Key.Name, flow.ServiceID(row.Key.Name, row.Origin)
	}
	l := look{now: s.clock(), health: map[string][]kv.Health{}}
	if len(rows) == 0 {
		return l
	}
	l.head, _ = s.store.Head(ctx)
	_ = s.ask(ctx, func(ctx context.Context) error {
		nodes, err := s.kv.Nodes(ctx)
		if err != nil {
			return err
		}
		l.nodes = living(nodes, l.now)
		health, err := s.kv.Health(ctx, names...)
		for _, h := range health {
			l.health[h.Service] = append(l.health[h.Service], h)
		}
		return err
	})
	l.before, l.current, _ = s.recent(ctx, subjects)
	l.today = s.today(ctx, subjects)
	return l
}

func (l look) status(svc *spec.Service, revision uint64) ServiceStatus {
	id := flow.ServiceID(svc.Name, svc.Origin)
	r := lastMinute(l.before[id], l.current[id], l.now)
	st := ServiceStatus{Nodes: len(l.nodes), Faults: []NodeFault{}, RPS: r.rps, ErrorPercent: r.errorPercent, P95MS: r.p95}
	if c := l.today[id]; c != nil {
		st.Today = c.Requests
	}
	for _, n := range l.nodes {
		faults := faultsOf(n, func(f kv.Fault) bool { return f.Kind == string(spec.KindService) && f.Name == svc.Name })
		st.Faults = append(st.Faults, faults...)
		if len(faults) == 0 && runs(n, l.head, revision) {
			st.LiveOn++
		}
	}
	st.TargetsUp, st.TargetsTotal = targets(svc, l.health[svc.Name], l.nodes)
	st.State = state(svc, st, len(l.health[svc.Name]) > 0)
	return st
}

// runs tells whether a node runs what a revision made. Numbers count only
// within one lineage.
func runs(n kv.Node, head dao.Head, revision uint64) bool {
	return n.Revision.Lineage == head.Lineage && n.Revision.Number >= revision && n.Revision.Number > 0
}

// state is the one word for how a service fares.
func state(svc *spec.Service, st ServiceStatus, asked bool) string {
	switch {
	case !svc.IsEnabled():
		return "disabled"
	case st.Nodes == 0:
		return "unknown"
	case len(st.Faults) > 0 || st.LiveOn == 0:
		return "not_applied"
	case st.TargetsTotal == 0:
		return "down"
	case !asked:
		return "unknown"
	case st.TargetsUp == 0:
		return "down"
	case st.TargetsUp < st.TargetsTotal:
		return "some_down"
	}
	return "healthy"
}

// targets counts the targets of a service that are to take traffic, and those
// that no living node finds down. Before any node has said something, all of
// them may be up.
func targets(svc *spec.Service, health []kv.Health, nodes []kv.Node) (up, total int) {
	alive := map[string]bool{}
	for _, n := range nodes {
		alive[n.Incarnation] = true
	}
	down := map[string]bool{}
	for _, h := range health {
		if !alive[h.Node] || h.State == "disabled" || h.State == "draining" {
			continue
		}
		down[h.Address] = down[h.Address] || h.State == "down"
	}
	if len(down) == 0 && svc.Upstream != nil {
		for _, t := range svc.Upstream.Targets {
			if t.State == nil || *t.State == "active" {
				down[t.Address] = false
			}
		}
	}
	for _, d := range down {
		if !d {
			up++
		}
	}
	return up, len(down)
}

// targetViews are the targets of a service as its nodes see them. A target
// that is a host name stands for every address it has on a node.
func (s *Server) targetViews(ctx context.Context, svc *spec.Service) []Target {
	out := []Target{}
	if svc.Upstream == nil {
		return out
	}
	var health []kv.Health
	names := map[string]string{}
	_ = s.ask(ctx, func(ctx context.Context) error {
		nodes, err := s.kv.Nodes(ctx)
		if err != nil {
			return err
		}
		for _, n := range living(nodes, s.clock()) {
			names[n.Incarnation] = n.Name
		}
		health, err = s.kv.Health(ctx, svc.Name)
		return err
	})
	whole := spec.Effective(*svc, svc.Protocol)
	for _, t := range whole.Upstream.Targets {
		out = append(out, Target{Address: t.Address, Weight: *t.Weight, State: *t.State, Nodes: []TargetNode{}})
	}
	for _, h := range health {
		name, alive := names[h.Node]
		i := targetOf(out, h.Address)
		if !alive || i < 0 {
			continue
		}
		n := TargetNode{Node: name, Incarnation: h.Node, Address: h.Address, State: h.State, Reason: h.Reason, Since: h.Since, InFlight: h.InFlight, Transitions: []TargetTransition{}}
		for _, tr := range h.Transitions {
			n.Transitions = append(n.Transitions, TargetTransition(tr))
		}
		out[i].Nodes = append(out[i].Nodes, n)
	}
	return out
}

// targetOf finds the target that an address belongs to: itself or, since nodes
// report what a name resolved to, the only name with that port.
func targetOf(all []Target, address string) int {
	if i := slices.IndexFunc(all, func(t Target) bool { return t.Address == address }); i >= 0 {
		return i
	}
	_, port, _ := net.SplitHostPort(address)
	found := -1
	for i, t := range all {
		host, p, err := net.SplitHostPort(t.Address)
		if _, numeric := netip.ParseAddr(host); err != nil || numeric == nil || p != port {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// tenantViews are tenants with what they use, for a page of rows.
func (s *Server) tenantViews(ctx context.Context, rows []dao.Row) ([]Tenant, error) {
	snap, err := s.document.current(ctx)
	if err != nil {
		return nil, err
	}
	views, subjects := make([]Tenant, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		t := &spec.Tenant{AppID: row.Key.Name}
		if v, _, err := spec.Decode(row.Object(), s.keys); err == nil {
			t = v.(*spec.Tenant)
		} else {
			s.unreadable(row, err)
		}
		subjects[i] = flow.TenantID(row.Key.Name, row.Origin)
		views[i] = Tenant{TenantSettings: tenantSettings(t), Credentials: []Credential{}, Meta: metaOf(row)}
		if with := tenantOf(snap.Document, t.AppID); with != nil {
			for _, c := range with.Credentials {
				views[i].Credentials = append(views[i].Credentials, credentialView(c, snap.Digests[credentialKey(t.AppID, c.ID)], s.now()))
			}
		}
	}
	before, current, _ := s.recent(ctx, subjects)
	today := s.today(ctx, subjects)
	seen := s.lastSeen(ctx, subjects, before, current)
	for i, id := range subjects {
		st := &views[i].Status
		st.QPS = lastMinute(before[id], current[id], s.clock()).rps
		used := new(flow.Counts)
		if today[id] != nil {
			used = today[id]
		}
		st.Today = used.Requests
		if l := views[i].Limits; l != nil && l.QPD != nil && *l.QPD > 0 {
			p := percent(float64(used.Quota), float64(*l.QPD))
			st.QuotaUsedPercent = &p
		}
		st.LastSeen = seen[id]
	}
	return views, nil
}

// lastSeen finds the newest bucket of a day that has something of a subject.
func (s *Server) lastSeen(ctx context.Context, subjects []string, before, current map[string]*flow.Counts) map[string]*time.Time {
	now := s.clock()
	out := map[string]*time.Time{}
	note := func(read map[string]*flow.Counts, at time.Time) {
		at = at.UTC()
		for id, c := range read {
			if c.Requests > 0 && out[id] == nil {
				out[id] = &at
			}
		}
	}
	note(current, now.Truncate(time.Minute))
	note(before, now.Add(-time.Minute).Truncate(time.Minute))
	if len(subjects) == 0 {
		return out
	}
	_ = s.ask(ctx, func(ctx context.Context) error {
		for h := range 24 {
			at := now.Add(-time.Duration(h) * time.Hour).Truncate(time.Hour)
			read, err := s.kv.ReadSubjects(ctx, kv.StepHour, hourOf(at), subjects)
			if err != nil {
				return err
			}
			note(sums(read), at)
			if len(out) == len(subjects) {
				return nil
			}
		}
		return nil
	})
	return out
}

func tenantSettings(t *spec.Tenant) TenantSettings {
	return TenantSettings{AppID: t.AppID, Name: t.Name, Description: t.Description, Enabled: t.Enabled, AllowIPs: t.AllowIPs, Services: t.Services, Limits: t.Limits}
}

func credentialView(c spec.Credential, digest string, now time.Time) Credential {
	return Credential{ID: c.ID, CreatedAt: c.CreatedAt, ExpiresAt: c.ExpiresAt, Expired: c.ExpiresAt != nil && !now.Before(*c.ExpiresAt), ETag: etag(digest)}
}

func (s *Server) ruleView(row dao.Row) BlacklistRule {
	r := &spec.BlacklistRule{CIDR: row.Key.Name}
	if v, _, err := spec.Decode(row.Object(), s.keys); err == nil {
		r = v.(*spec.BlacklistRule)
	} else {
		s.unreadable(row, err)
	}
	return BlacklistRule{
		ID: ruleID(r.CIDR), CIDR: r.CIDR, Reason: r.Reason, ExpiresAt: r.ExpiresAt, Expired: r.ExpiresAt != nil && !s.now().Before(*r.ExpiresAt), Meta: metaOf(row),
	}
}
