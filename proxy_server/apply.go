package proxyserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"yumen/flow"
	"yumen/generation"
	"yumen/middleware"
	"yumen/spec"
)

// apply makes src what this process carries traffic by: build, bind, swap,
// accept, sweep, acknowledge. On an error nothing has changed. It is called by
// one goroutine at a time; cut is the context of streams.
func (s *Server) apply(cut context.Context, src generation.Source, loss bool) error {
	begin := time.Now()
	old := s.gen.Load()
	opt := generation.Options{Ports: s.ports, Loss: loss, Refused: map[string]generation.Fault{}}
	kept := s.kept
	kept.Previous = old

	var g *generation.Generation
	for {
		var err error
		if g, err = generation.Build(src, kept, opt); err != nil {
			return err
		}
		// A service whose port cannot be opened goes on as it was; so the
		// others may need ports that it does not give up.
		refused := s.bind(cut, g)
		before := len(opt.Refused)
		maps.Copy(opt.Refused, refused)
		if len(opt.Refused) == before {
			break
		}
	}

	s.kept.State.Use(g.Tenants, g.Blacklist)
	s.quotas.SetZone(g.Zone)
	s.gen.Store(g)
	s.acceptFresh()
	s.sweepPorts(cut, g)
	s.nodes.Use(g.Pools)
	s.noteGone(old, g)
	s.sweep(time.Now())

	s.mu.Lock()
	s.appliedAt, s.trouble = s.clock.Now(), ""
	s.mu.Unlock()
	s.acknowledge()
	s.logApplied(old, g, time.Since(begin))
	s.saveGood(g)
	return nil
}

func (s *Server) logApplied(old, g *generation.Generation, took time.Duration) {
	level := slog.LevelInfo
	if old != nil && old.Head == g.Head && slices.Equal(old.Faults, g.Faults) {
		level = slog.LevelDebug // tried again, in vain
	}
	s.log.Log(context.Background(), level, "configuration applied", "revision", g.Head.Number, "digest", g.Head.Digest,
		"services", len(g.Services), "ports", len(g.Ports), "faults", len(g.Faults), "took", took.Round(10*time.Microsecond))
	for _, f := range g.Faults {
		if old == nil || !slices.Contains(old.Faults, f) {
			s.log.Error("not taken over", "kind", f.Kind, "name", f.Name, "field", f.Field, "code", f.Code, "reason", f.Message)
		}
	}
}

// unusable notes that a document was refused as a whole. What ran goes on.
func (s *Server) unusable(what string, err error) {
	text := fmt.Sprintf("%s: %v", what, err)
	s.mu.Lock()
	again := s.trouble == text
	s.trouble = text
	s.mu.Unlock()
	if again {
		return
	}
	var list spec.Errors
	if errors.As(err, &list) {
		for _, e := range list {
			s.log.Error("document refused", "what", what, "field", e.Field, "line", e.Params["line"], "code", e.Code, "reason", e.Message)
		}
	} else {
		s.log.Error("document refused", "what", what, "reason", err)
	}
	s.acknowledge()
}

// goneService is one that ran and is no more.
type goneService struct {
	at      time.Time
	subject string // of its counter
}

// noteGone remembers since when services are gone.
func (s *Server) noteGone(old, g *generation.Generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for name, one := range s.gone {
		if g.Services[name] != nil || now.Sub(one.at) > 2*drainTimeout {
			delete(s.gone, name)
		}
	}
	if old == nil {
		return
	}
	for name, service := range old.Services {
		if g.Services[name] == nil {
			s.gone[name] = goneService{at: now, subject: flow.ServiceID(name, service.Origin)}
		}
	}
}

// sweep ends the live streams that may no longer go on.
func (s *Server) sweep(now time.Time) {
	s.mu.Lock()
	gone := maps.Clone(s.gone)
	s.mu.Unlock()
	s.live.Sweep(now, func(st middleware.Stream) string {
		if st.Endless && s.closing.Load() {
			return "draining" // downloads, gRPC calls and TCP may come to their own end
		}
		if one, ok := gone[st.Service]; ok && st.Since.Before(one.at) && now.Sub(one.at) >= drainTimeout {
			return "service_gone"
		}
		return s.kept.State.Refused(st, now)
	})
}

// sweepUnused frees what nobody names any more: connections to targets that
// are gone, levels of limits, counters. What a service used stays for as long
// as its streams may.
func (s *Server) sweepUnused(now time.Time) {
	g := s.gen.Load()
	if g == nil {
		return
	}
	digests, subjects := g.InUse()
	s.mu.Lock()
	for _, one := range s.gone {
		subjects[one.subject] = true
	}
	s.mu.Unlock()
	s.back.CloseIdle(func(digest string) bool { return digests[digest] })
	keep := func(subject string) bool { return subjects[subject] }
	s.kept.State.Sweep(now, keep)
	s.counters.Sweep(keep)
}
