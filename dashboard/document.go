package dashboard

import (
	"context"
	"sync"
	"time"

	"yumen/dao"
	"yumen/spec"
)

// documents keeps the published document in memory, for what is read often.
type documents struct {
	store *dao.Store
	mu    sync.Mutex
	cache *dao.Cache
	last  *dao.Snapshot
}

// current is what is published now. It is shared: nobody may change it.
func (d *documents) current(ctx context.Context) (*dao.Snapshot, error) {
	head, err := d.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last != nil && d.last.Head == head {
		return d.last, nil
	}
	snap, err := d.store.Load(ctx, head, d.cache)
	if err != nil {
		return nil, err
	}
	d.last = snap
	return snap, nil
}

// known is what was read last, without asking; nil before that.
func (d *documents) known() *dao.Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// zone rules the days. It is the last one known while the database is away.
func (s *Server) zone(ctx context.Context) *time.Location {
	snap, err := s.document.current(ctx)
	if err != nil {
		snap = s.document.known()
	}
	if snap == nil {
		return time.UTC
	}
	return zoneOf(snap.Document.Settings)
}

func zoneOf(st *spec.Settings) *time.Location {
	if st == nil || st.TimeZone == nil {
		return time.UTC
	}
	zone, err := time.LoadLocation(*st.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}
