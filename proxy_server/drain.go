package proxyserver

import (
	"context"
	"sync"
	"time"

	"yumen/middleware"
)

// drain stops in order: say no longer ready, go on for a while so that
// balancers hear it, stop accepting, let what runs end, and cut what has not
// after the limit.
func (s *Server) drain(cutNow func()) {
	s.stopping.Store(true)
	s.acknowledge()
	s.log.Info("draining", "delay", max(0, s.conf.DrainDelay), "limit", s.conf.DrainLimit)
	if s.conf.DrainDelay > 0 && s.gen.Load() != nil {
		time.Sleep(s.conf.DrainDelay)
	}
	limit, cancel := context.WithTimeout(context.Background(), s.conf.DrainLimit)
	defer cancel()
	for _, p := range s.openPorts() {
		p.listener.close()
	}
	s.closing.Store(true)
	s.sweep(time.Now()) // and on: a WebSocket may still begin on an open connection
	s.shutAll(limit)
	until(limit, s.streams.Wait)
	if n := s.live.Len(); n > 0 {
		s.log.Warn("cutting what has not ended within the limit", "streams", n)
	}
	s.live.Sweep(time.Now(), func(middleware.Stream) string { return "draining" })
	cutNow()
	s.streams.Wait()
	s.working.Wait()
}

// shutAll ends every listener's work, cutting it when ctx ends.
func (s *Server) shutAll(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range s.openPorts() {
		all.Go(func() { p.shut(ctx) })
	}
	all.Wait()
}

// until waits for done, at most till ctx ends.
func until(ctx context.Context, done func()) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		done()
	}()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
