package proxyserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"yumen/dao"
	"yumen/generation"
	"yumen/kv"
	"yumen/spec"
)

const (
	hintEvery  = time.Second      // Redis's head
	headEvery  = 15 * time.Second // the database's, whatever Redis says
	storeLimit = 5 * time.Second  // for one question to a store
	loadLimit  = 2 * time.Minute  // for fetching a document
	// retryEvery is how soon what could not be taken over is tried again.
	retryEvery = 5 * time.Second
)

// applier makes a source what runs.
type applier func(src generation.Source, loss bool) error

// storeWatch finds out which revision is wanted and fetches it.
type storeWatch struct {
	*Server
	apply applier
	cache *dao.Cache

	hint      kv.Head   // the last one that was looked into
	nextHead  time.Time // when to ask the database again
	failures  int       // of the database, in a row
	schema    error     // why its tables cannot be used at all
	src       *generation.Source
	retryAt   time.Time
	confirmed bool // somebody asked to take over whatever there is
}

// watchStore runs till ctx ends. The error is a *dao.SchemaError when there is
// nothing to run and the database cannot be used.
func (s *Server) watchStore(ctx context.Context, apply applier) error {
	w := &storeWatch{Server: s, apply: apply, cache: dao.NewCache()}
	wake := make(<-chan struct{})
	if s.redis != nil {
		listening, stop := context.WithCancel(ctx)
		wake = s.redis.Wake(listening)
		defer func() {
			stop()
			for range wake { // till it is closed
			}
		}()
	}
	poll := time.NewTicker(hintEvery)
	defer poll.Stop()
	for first := true; ; first = false {
		w.look(ctx)
		w.confirmed = false // it was meant for what is there now
		if first && s.gen.Load() == nil && ctx.Err() == nil {
			s.startFromLastGood(apply)
		}
		if w.schema != nil && s.gen.Load() == nil {
			return w.schema
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-poll.C:
		case <-s.reload:
			w.nextHead, w.confirmed = time.Time{}, true
		}
	}
}

// look asks what is wanted, and takes it over when it is another.
func (w *storeWatch) look(ctx context.Context) {
	hint, hinted := w.askHint(ctx)
	now := time.Now()
	if hinted || !now.Before(w.nextHead) {
		w.askHead(ctx, hint)
	}
	if w.src != nil && !w.retryAt.IsZero() && !time.Now().Before(w.retryAt) {
		w.take(*w.src)
	}
}

// askHint tells whether Redis names a revision that the database has not been
// asked about.
func (w *storeWatch) askHint(ctx context.Context) (kv.Head, bool) {
	if w.redis == nil {
		return kv.Head{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	h, ok, err := w.redis.Head(ctx)
	if err != nil || !ok || h == w.hint {
		return h, false
	}
	if g := w.gen.Load(); g != nil && generation.Head(dao.Head(h)) == g.Head {
		return h, false
	}
	return h, true
}

// askHead asks the database, whose word counts, and loads what it names.
func (w *storeWatch) askHead(ctx context.Context, hint kv.Head) {
	head, err := w.head(ctx)
	if err == nil {
		if g := w.gen.Load(); g == nil || generation.Head(head) != g.Head {
			err = w.load(ctx, head)
		}
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.failures++
		wait := min(time.Second<<min(w.failures-1, 4), headEvery)
		w.nextHead = time.Now().Add(jitter(wait))
		if w.failures == 1 && w.gen.Load() != nil {
			w.log.Warn("the database does not answer; going on with what runs", "error", err)
		}
		w.waitFor(fmt.Sprintf("the database: %v", err))
		return
	}
	if w.failures > 0 {
		w.log.Info("the database answers again", "failures", w.failures)
	}
	w.failures = 0
	w.hint = hint
	w.nextHead = time.Now().Add(jitter(headEvery))
	w.known(w.clock.Now())
}

func (w *storeWatch) head(ctx context.Context) (dao.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	w.schema = nil
	if w.gen.Load() == nil {
		var wrong *dao.SchemaError
		if err := w.db.CheckSchema(ctx); errors.As(err, &wrong) {
			w.schema = err
			return dao.Head{}, err
		}
	}
	return w.db.Head(ctx)
}

// load fetches what head names, as far as it is not at hand, and applies it.
func (w *storeWatch) load(ctx context.Context, head dao.Head) error {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	snap, err := w.db.Load(ctx, head, w.cache)
	if err != nil {
		return fmt.Errorf("revision %d: %w", head.Number, err)
	}
	src := generation.Source{
		Head: generation.Head(snap.Head), Document: snap.Document, Digests: snap.Digests, Faults: unreadable(snap.Faults),
	}
	if g := w.gen.Load(); g != nil {
		switch {
		case g.Head.Lineage != src.Head.Lineage:
			w.log.Warn("the database is of another lineage than what runs", "runs", g.Head.Lineage, "database", src.Head.Lineage)
		case src.Head.Number < g.Head.Number:
			w.log.Warn("the database has gone back: a backup was restored?", "runs", g.Head.Number, "database", src.Head.Number)
		}
	}
	w.take(src)
	return nil
}

// take applies src and says when to try again what failed.
func (w *storeWatch) take(src generation.Source) {
	if w.gen.Load() == nil {
		w.recall(src.Head.Lineage)
	}
	g := w.gen.Load()
	// Within one installation somebody confirmed the loss when they saved it.
	loss := g == nil || g.Head.Lineage == src.Head.Lineage || w.confirmed
	w.src, w.retryAt = &src, time.Time{}
	if err := w.apply(src, loss); err != nil {
		w.unusable(fmt.Sprintf("revision %d", src.Head.Number), err)
		w.retryAt = time.Now().Add(retryEvery)
		return
	}
	if w.needsRetry() {
		w.retryAt = time.Now().Add(retryEvery)
	}
}

// recall starts from the last good state when the database is of another
// installation than that was: an empty one by a wrong address must not pass
// for the wanted one.
func (w *storeWatch) recall(lineage string) {
	if w.good == nil {
		return
	}
	if src, err := w.good.load(); err == nil && src != nil && src.Head.Lineage != lineage {
		w.log.Warn("the database is of another lineage than the last good configuration", "database", lineage, "last_good", src.Head.Lineage)
		w.startFromLastGood(w.apply)
	}
}

// needsRetry tells whether what runs is not all that is wanted.
func (s *Server) needsRetry() bool {
	g := s.gen.Load()
	return g != nil && len(g.Faults) > 0
}

// startFromLastGood starts from what ran before, when no store answers.
func (s *Server) startFromLastGood(apply applier) {
	if s.good == nil {
		return
	}
	src, err := s.good.load()
	switch {
	case err != nil:
		s.log.Error("cannot start from the last good configuration", "error", err)
	case src == nil:
	default:
		if err := apply(*src, true); err != nil {
			s.log.Error("cannot start from the last good configuration", "error", err)
			return
		}
		s.log.Warn("started from the last good configuration on disk", "revision", src.Head.Number)
	}
}

// jitter spreads d by a fifth, so that a fleet does not ask in step.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.4*float64(d))
}

// watchDocument is file mode: it follows one file till ctx ends.
func (s *Server) watchDocument(ctx context.Context, apply applier) {
	w := &fileWatch{path: s.conf.Document, log: s.log, reload: s.reload, retry: s.needsRetry}
	use := func(content []byte, confirmed bool) {
		d, err := readDocument(s.conf.Document, content, s.ports)
		if err == nil {
			var src generation.Source
			if src, err = s.fileSource(d, content); err == nil {
				err = apply(src, confirmed)
			}
		}
		if err != nil {
			s.unusable(s.conf.Document, err)
			s.waitFor(fmt.Sprintf("a document that can be used: %s: %v", s.conf.Document, err))
			if s.gen.Load() == nil {
				s.startFromLastGood(apply)
			}
			return
		}
		s.known(s.clock.Now())
	}
	failed := func(err error) {
		s.log.Error("cannot read the document; going on with what runs", "error", err)
		s.waitFor(fmt.Sprintf("the document: %v", err))
		if s.gen.Load() == nil {
			s.startFromLastGood(apply)
		}
	}
	w.run(ctx, use, failed)
}

// fileSource gives a file's document the form it would have in a store, with
// the signing key that a store would have.
func (s *Server) fileSource(d *spec.Document, content []byte) (generation.Source, error) {
	key, err := s.signingKey(d)
	if err != nil {
		return generation.Source{}, err
	}
	objects, _, err := split(d, s.ring)
	if err != nil {
		return generation.Source{}, err
	}
	src := generation.Source{Head: fileHead(content), Digests: make(map[spec.Key]string, len(objects))}
	for _, o := range objects {
		src.Digests[o.Key()] = o.Digest
	}
	whole, faults := spec.Assemble(objects, s.ring)
	whole.Keys = []spec.SigningKey{key}
	src.Document, src.Faults = whole, unreadable(faults)
	return src, nil
}
