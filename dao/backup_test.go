package dao

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/spec"
	schema "yumen/sql"
)

// furnish puts something into every table and gives who may log in.
func furnish(t *testing.T, s *Store) {
	t.Helper()
	publish(t, s, taking(everyKind(), AddAndChange))
	put(t, s, spec.KindKey, "k1", &spec.SigningKey{ID: "k1", Algorithm: "EdDSA", Private: spec.NewSecret("canary-4711"), CreatedAt: noon})
	publish(t, s, func(d *Draft) error { return d.Delete(spec.KindService, "b") })
	login(t, s, admin(t, s, "玉门 🚪", "admin"), "s1")
	admin(t, s, "o'neill", "viewer")
	require.NoError(t, s.AppendAudit(t.Context(), AuditRow{Action: "login", Account: "x", Result: strings.Repeat("é", 255)}))
	require.NoError(t, s.UpsertStats(t.Context(), []Stat{{Incarnation: "i", Step: "hour", Bucket: "490000", Subject: "total", Counts: "n=9223372036854775807"}}))
}

// rows are the contents of every table, as an archive has them.
func rows(t *testing.T, s *Store) map[string][]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows")
	_, err := s.Backup(t.Context(), path, "test")
	require.NoError(t, err)
	all := map[string][]string{}
	_, err = readArchive(path, func(h heading, values []any) error {
		b, err := json.Marshal(values)
		all[h.Table] = append(all[h.Table], string(b))
		return err
	})
	require.NoError(t, err)
	for _, lines := range all {
		slices.Sort(lines)
	}
	return all
}

func TestABackupRestoresTheSameInstallationOnEitherDatabase(t *testing.T) {
	for from, source := range configs(t) {
		_, err := Migrate(t.Context(), source)
		require.NoError(t, err)
		s := open(t, source)
		furnish(t, s)
		path := filepath.Join(t.TempDir(), "backup")
		m, err := s.Backup(t.Context(), path, "v1")
		require.NoError(t, err)
		require.Equal(t, keyring(t).IDs(), m.MasterKeys)
		require.Equal(t, uint64(3), m.Head.Number)
		for to, target := range configs(t) {
			t.Run(from+" to "+to, func(t *testing.T) {
				r := open(t, target) // without tables
				by := Principal{Kind: "cli", Account: "somebody"}
				got, err := r.Restore(t.Context(), by, path, false)
				require.NoError(t, err)
				require.Equal(t, m, got)

				want, have := rows(t, s), rows(t, r)
				require.Len(t, have["audit"], len(want["audit"])+1, "the restore itself is on the trail")
				for _, table := range []string{"admins", "entries", "objects", "revisions", "stats"} {
					require.NotEmpty(t, have[table], table)
					require.Equal(t, want[table], have[table], table)
				}
				require.Subset(t, have["audit"], want["audit"])

				before, after := load(t, s, nil), load(t, r, nil)
				require.Equal(t, before.Document, after.Document)
				require.Equal(t, before.Head.Number, after.Head.Number)
				require.Equal(t, before.Head.Digest, after.Head.Digest)
				require.NotEqual(t, before.Head.Lineage, after.Head.Lineage, "proxies notice")
				require.Zero(t, count(t, r, "sessions"), "everybody logs in again")

				// It goes on: new rows find free numbers.
				require.Equal(t, uint64(4), put(t, r, spec.KindService, "z", service("z")).Number)
				admin(t, r, "new", "admin")
				require.NoError(t, r.CheckSchema(t.Context()))
			})
		}
	}
}

func TestAnArchiveIsPrivateAndHoldsNoPlainSecretAndOverwritesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		dir := t.TempDir()
		path := filepath.Join(dir, "backup")
		_, err := s.Backup(t.Context(), path, "v1")
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 1)
		text := unzip(t, path)
		require.NotContains(t, text, "canary-4711")
		require.NotContains(t, text, "token s1")
		for line := range strings.Lines(text) {
			require.True(t, json.Valid([]byte(line)), line)
		}
		_, err = s.Backup(t.Context(), path, "v1")
		require.ErrorContains(t, err, "there already")
	})
}

func unzip(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	z, err := gzip.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(text)
}

func TestARestoreOverSomethingNeedsForce(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		path := filepath.Join(t.TempDir(), "backup")
		_, err := s.Backup(t.Context(), path, "v1")
		require.NoError(t, err)
		put(t, s, spec.KindService, "later", service("later"))
		lost := login(t, s, admin(t, s, "later", "admin"), "s2")
		before := load(t, s, nil).Head

		var full *NotEmptyError
		_, err = s.Restore(t.Context(), cli, path, false)
		require.ErrorAs(t, err, &full)
		require.Equal(t, before, load(t, s, nil).Head)

		_, err = s.Restore(t.Context(), cli, path, true)
		require.NoError(t, err)
		after := load(t, s, nil)
		require.Equal(t, uint64(3), after.Head.Number)
		require.NotEqual(t, before.Lineage, after.Head.Lineage)
		require.Len(t, after.Document.Services, 1)
		_, err = s.AdminByAccount(t.Context(), lost.Account)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestADamagedOrForeignArchiveChangesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		dir := t.TempDir()
		path := filepath.Join(dir, "backup")
		_, err := s.Backup(t.Context(), path, "v1")
		require.NoError(t, err)
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		first, rest, _ := strings.Cut(unzip(t, path), "\n")
		before := rows(t, s)

		flipped := bytes.Clone(good)
		flipped[len(flipped)-40] ^= 1
		for why, b := range map[string][]byte{
			"damaged":      good[:len(good)-100],
			"is damaged":   flipped,
			"manifest say": zipped(t, first+"\n", strings.Replace(rest, "viewer", "admin", 1)),
			"no archive":   []byte("hello"),
			"of `yumen":    zipped(t, "{}\n", rest),
			"schema 99":    zipped(t, strings.Replace(first, `"schema":`, `"schema":99,"was":`, 1)+"\n", rest),
			"format 2":     zipped(t, strings.Replace(first, `"yumen_backup":1`, `"yumen_backup":2`, 1)+"\n", rest),
		} {
			bad := filepath.Join(dir, "bad")
			require.NoError(t, os.WriteFile(bad, b, 0o600))
			_, err := s.Restore(t.Context(), cli, bad, true)
			require.ErrorContains(t, err, why)
		}
		require.Equal(t, before, rows(t, s))
	})
}

func zipped(t *testing.T, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, text := range members {
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, z.Close())
	}
	return b.Bytes()
}

func TestABackupIsOfOneMomentWhileOthersSave(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		stop, stopped := make(chan struct{}), make(chan error, 1)
		go func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					stopped <- nil
					return
				default:
				}
				one := service("busy")
				one.Title = time.Now().String()
				if _, err := s.Publish(t.Context(), cli, "", func(d *Draft) error { return d.Put(spec.KindService, "busy", one) }); err != nil {
					stopped <- err
					return
				}
			}
		}()
		for range 5 {
			path := filepath.Join(t.TempDir(), "backup")
			m, err := s.Backup(t.Context(), path, "v1")
			require.NoError(t, err)
			objects := map[string]bool{}
			var last int64
			_, err = readArchive(path, func(h heading, values []any) error {
				switch h.Table {
				case "objects":
					objects[values[slices.Index(h.Columns, "digest")].(string)] = true
				case "revisions":
					last = max(last, values[slices.Index(h.Columns, "number")].(int64))
				}
				return nil
			})
			require.NoError(t, err)
			require.True(t, objects[m.Head.Digest])
			require.Equal(t, m.Head.Number, uint64(last))
		}
		close(stop)
		require.NoError(t, <-stopped)
	})
}

func TestEveryTableOfTheMigrationsIsInABackup(t *testing.T) {
	for name, c := range configs(t) {
		t.Run(name, func(t *testing.T) {
			_, err := Migrate(t.Context(), c)
			require.NoError(t, err)
			s := open(t, c)
			query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
			if name == "mysql" {
				query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
			}
			var have []string
			require.NoError(t, s.db.Raw(query).Scan(&have).Error)
			have = slices.DeleteFunc(have, func(table string) bool { return table == "goose_db_version" })
			slices.Sort(have)
			want, err := tables(name)
			require.NoError(t, err)
			require.Equal(t, have, want)
		})
	}
}

func FuzzReadArchive(f *testing.F) {
	f.Add([]byte(`{"table":"admins","columns":["id"],"types":["int"]}` + "\n[1]\n"))
	f.Add([]byte(`{"table":"a","columns":["id","b"],"types":["bytes","time"]}` + "\n" + `["AA==",null]` + "\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var b bytes.Buffer
		for _, text := range [][]byte{fmt.Appendf(nil, `{"yumen_backup":1,"schema":%d}`, schema.Version), body} {
			z := gzip.NewWriter(&b)
			_, _ = z.Write(text)
			_ = z.Close()
		}
		path := filepath.Join(t.TempDir(), "a")
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
		_, err := ReadManifest(path)
		require.Error(t, err, "the sum is wrong")
	})
}
