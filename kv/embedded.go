package kv

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Embedded is a Redis inside this process, on a loopback port with a random
// password. It forgets everything at the end.
type Embedded struct {
	m        *miniredis.Miniredis
	password string
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// tick is how often keys of the embedded Redis may expire.
const tick = 250 * time.Millisecond

// StartEmbedded starts one.
func StartEmbedded() (*Embedded, error) {
	e := &Embedded{m: miniredis.NewMiniRedis(), password: rand.Text()}
	e.m.RequireAuth(e.password)
	if err := e.m.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("embedded redis: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.done.Go(func() { e.age(ctx) })
	return e, nil
}

// age lets time pass for keys with an expiry, which miniredis does not do.
func (e *Embedded) age(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			now := time.Now()
			e.m.FastForward(now.Sub(last))
			last = now
		}
	}
}

// Config reaches it.
func (e *Embedded) Config() Config {
	return Config{Addrs: []string{e.m.Addr()}, Password: e.password}
}

// Close ends it.
func (e *Embedded) Close() {
	e.stop()
	e.done.Wait()
	e.m.Close()
}

func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
