package dao

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/spec"
	"yumen/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var cli = Principal{Kind: "cli", Account: "root", Role: "admin", Address: "127.0.0.1", RequestID: "r1"}

// configs are a fresh database of each kind.
func configs(t *testing.T) map[string]Config {
	t.Helper()
	return map[string]Config{
		"sqlite": {Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "yumen.db")},
		"mysql":  {Driver: "mysql", DSN: testenv.MariaDB(t)},
	}
}

// forEach runs test on an empty store of each database.
func forEach(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	for name, c := range configs(t) {
		t.Run(name, func(t *testing.T) {
			_, err := Migrate(t.Context(), c)
			require.NoError(t, err)
			test(t, open(t, c))
		})
	}
}

func open(t *testing.T, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c, keyring(t), slog.New(slog.NewTextHandler(os.Stderr, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func keyring(t *testing.T) *spec.Keyring {
	t.Helper()
	key := make([]byte, spec.KeySize)
	r, err := spec.NewKeyring(spec.KeyID(key), map[string][]byte{spec.KeyID(key): key})
	require.NoError(t, err)
	return r
}

func ptr[T any](v T) *T { return &v }

func service(name string) *spec.Service {
	return &spec.Service{Name: name, Protocol: "http", Title: "Title of " + name,
		Routes:   []spec.Route{{Hosts: []string{name + ".example.com"}, Path: &spec.PathMatch{Prefix: "/" + name}}},
		Upstream: &spec.Upstream{Targets: []spec.Target{{Address: "10.0.0.1:9000"}}}}
}

// publish makes a revision and fails the test when it cannot.
func publish(t *testing.T, s *Store, change func(*Draft) error) Revision {
	t.Helper()
	r, err := s.Publish(t.Context(), cli, "test", change)
	require.NoError(t, err)
	return r
}

func put(t *testing.T, s *Store, kind spec.Kind, name string, v any) Revision {
	t.Helper()
	return publish(t, s, func(d *Draft) error { return d.Put(kind, name, v) })
}

func load(t *testing.T, s *Store, cache *Cache) *Snapshot {
	t.Helper()
	h, err := s.Head(t.Context())
	require.NoError(t, err)
	snapshot, err := s.Load(t.Context(), h, cache)
	require.NoError(t, err)
	return snapshot
}

func key(kind spec.Kind, name string) spec.Key { return spec.Key{Kind: kind, Name: name} }

func count(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	require.NoError(t, s.pool.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

func recently(t *testing.T, at time.Time) {
	t.Helper()
	require.WithinDuration(t, time.Now(), at, time.Minute)
	require.Equal(t, time.UTC, at.Location())
	require.Zero(t, at.Nanosecond()%1e6)
}
