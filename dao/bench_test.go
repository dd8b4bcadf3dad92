package dao

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

// BenchmarkPublishAmongMany saves one tenant among 10,000 services and 100,000
// tenants with a credential each, and has another process read it.
func BenchmarkPublishAmongMany(b *testing.B) {
	c := Config{Driver: "sqlite", DSN: filepath.Join(b.TempDir(), "yumen.db")}
	_, err := Migrate(b.Context(), c)
	require.NoError(b, err)
	writer, err := Open(b.Context(), c, nil, nil)
	require.NoError(b, err)
	defer writer.Close()
	reader, err := Open(b.Context(), c, nil, nil)
	require.NoError(b, err)
	defer reader.Close()
	hash := spec.HashSecret("x")
	_, err = writer.Publish(b.Context(), cli, "import", func(d *Draft) error {
		for i := range 10_000 {
			name := fmt.Sprintf("service-%d", i)
			if err := d.Put(spec.KindService, name, service(name)); err != nil {
				return err
			}
		}
		for i := range 100_000 {
			app := fmt.Sprintf("app_%d", i)
			if err := d.Put(spec.KindTenant, app, &spec.Tenant{AppID: app, Name: "Tenant"}); err != nil {
				return err
			}
			if err := d.Put(spec.KindCredential, app+"/c1", &spec.Credential{ID: "c1", SecretHash: hash}); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(b, err)
	cache := NewCache()
	head, err := reader.Head(b.Context())
	require.NoError(b, err)
	_, err = reader.Load(b.Context(), head, cache)
	require.NoError(b, err)

	b.Run("publish", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			_, err := writer.Publish(b.Context(), cli, "save", func(d *Draft) error {
				return d.Put(spec.KindTenant, "app_5", &spec.Tenant{AppID: "app_5", Name: fmt.Sprint(i, b.N)})
			})
			require.NoError(b, err)
		}
	})
	b.Run("publish and load", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			_, err := writer.Publish(b.Context(), cli, "save", func(d *Draft) error {
				return d.Put(spec.KindTenant, "app_5", &spec.Tenant{AppID: "app_5", Name: fmt.Sprint("x", i, b.N)})
			})
			require.NoError(b, err)
			head, err := reader.Head(b.Context())
			require.NoError(b, err)
			snapshot, err := reader.Load(b.Context(), head, cache)
			require.NoError(b, err)
			require.Len(b, snapshot.Document.Tenants, 100_000)
		}
	})
	b.Run("first load", func(b *testing.B) {
		for b.Loop() {
			head, err := reader.Head(b.Context())
			require.NoError(b, err)
			_, err = reader.Load(b.Context(), head, NewCache())
			require.NoError(b, err)
			reader.latest.Store(nil)
		}
	})
	b.Run("search tenants", func(b *testing.B) {
		for b.Loop() {
			rows, _, err := writer.List(b.Context(), spec.KindTenant, Query{Page: 1, Size: 50, Sort: "-updated_at", Q: "P_999"})
			require.NoError(b, err)
			require.NotEmpty(b, rows)
		}
	})
}
