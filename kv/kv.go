// Package kv is Redis: what changed and what happens. Nothing in it is the
// truth about the configuration, all of it may be lost, and everything that
// is written here can be written again.
//
// Keys carry a hash tag, so that the same commands work on one server, behind
// sentinels and on a cluster: {yumen} for what the installation shares, the
// incarnation for what one process writes.
package kv

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// Config says how to reach Redis.
type Config struct {
	Addrs    []string // host:port; several are a cluster, or sentinels when Master is set
	Username string
	Password string
	DB       int
	Master   string // the name sentinels know the master by
	TLS      *tls.Config
}

// Store is a Redis, connected lazily. It is safe for many goroutines.
type Store struct {
	c   redis.UniversalClient
	log *slog.Logger
}

// timeout bounds one command; the data path never waits for one.
const timeout = 2 * time.Second

// Open makes a Store. It connects with the first command; ask Ping.
func Open(c Config, log *slog.Logger) *Store {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	redis.SetLogger(quiet{})
	return &Store{log: log, c: redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: c.Addrs, Username: c.Username, Password: c.Password, DB: c.DB, MasterName: c.Master, TLSConfig: c.TLS,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
		DialerRetries: 1, MaxRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		PoolSize:                 8,
		MaintNotificationsConfig: noMaintenance(),
	})}
}

// Close ends every connection.
func (s *Store) Close() error { return s.c.Close() }

// Ping tells whether Redis answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.c.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// Now is Redis's clock, which every node corrects its own by.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	t, err := s.c.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("redis: TIME: %w", err)
	}
	return t, nil
}

// quiet drops what the client library prints: every error also comes back to
// the caller, who logs it once.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
