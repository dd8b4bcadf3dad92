package dashboard

import (
	"context"
	"errors"
	"time"
)

// reassertEvery is how often the published head is said again, for who missed
// it and for a Redis that was emptied.
const reassertEvery = 5 * time.Second

// parts is what runs beside the listeners.
func (s *Server) parts() []func(context.Context) {
	return []func(context.Context){
		s.pulse.run,
		func(ctx context.Context) { every(ctx, reassertEvery, s.reassert) },
		func(ctx context.Context) {
			every(ctx, s.cfg.RollupEvery, s.rollup)
			// Once more for what came since: an embedded Redis ends with us.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRollup)
			defer cancel()
			s.rollup(ctx)
		},
	}
}

// lastRollup bounds what an end waits for.
const lastRollup = 3 * time.Second

// every does something at once and then again and again until ctx ends.
func every(ctx context.Context, d time.Duration, do func(context.Context)) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// reassert says the head again and gives an emptied Redis back what the
// database knows of today, before anybody counts quotas by it.
func (s *Server) reassert(ctx context.Context) {
	err := s.sayHead(ctx)
	if ctx.Err() != nil {
		return
	}
	// Told when it changes, not each time: an outage is one event.
	silent := err != nil && !errors.Is(err, errAway)
	if was := s.silent.Swap(silent); silent && !was {
		s.log.Warn("the database does not answer", "error", err)
	} else if was && !silent {
		s.log.Info("the database answers again")
	}
	if silent {
		return
	}
	_ = s.ask(ctx, func(ctx context.Context) error {
		seeded, err := s.kv.Seeded(ctx)
		if err != nil || seeded {
			return err
		}
		return s.reseed(context.WithoutCancel(ctx))
	})
}
