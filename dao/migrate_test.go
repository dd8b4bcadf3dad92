package dao

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"yumen/spec"
	schema "yumen/sql"
	"yumen/testenv"
)

func TestMigratingTwiceChangesNothing(t *testing.T) {
	for name, c := range configs(t) {
		t.Run(name, func(t *testing.T) {
			applied, err := Migrate(t.Context(), c)
			require.NoError(t, err)
			require.Len(t, applied, schema.Version)
			s := open(t, c)
			before, err := s.Head(t.Context())
			require.NoError(t, err)
			put(t, s, spec.KindService, "a", service("a"))
			applied, err = Migrate(t.Context(), c)
			require.NoError(t, err)
			require.Empty(t, applied)
			after, err := s.Head(t.Context())
			require.NoError(t, err)
			require.Equal(t, before.Lineage, after.Lineage)
			require.Equal(t, uint64(1), after.Number)
			require.NoError(t, s.CheckSchema(t.Context()))
			require.NoError(t, s.Ping(t.Context()))
		})
	}
}

func TestTwoInstallationsHaveDifferentLineages(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		forEach(t, func(t *testing.T, s *Store) {
			h, err := s.Head(t.Context())
			require.NoError(t, err)
			require.False(t, seen[h.Lineage])
			seen[h.Lineage] = true
		})
	}
}

func TestAWrongSchemaIsSaidWithTheCommandThatHelps(t *testing.T) {
	for name, c := range configs(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, c)
			var wrong *SchemaError
			require.ErrorAs(t, s.CheckSchema(t.Context()), &wrong)
			require.Contains(t, wrong.Error(), "yumen migrate")
			_, err := s.Head(t.Context())
			require.ErrorAs(t, err, &wrong)

			_, err = Migrate(t.Context(), c)
			require.NoError(t, err)
			require.NoError(t, s.CheckSchema(t.Context()))
			_, err = s.pool.Exec("UPDATE head SET schema_version = schema_version - 1")
			require.NoError(t, err)
			require.ErrorAs(t, s.CheckSchema(t.Context()), &wrong)
			require.Contains(t, wrong.Error(), "yumen migrate")
			_, err = s.pool.Exec("UPDATE head SET schema_version = schema_version + 5")
			require.NoError(t, err)
			require.NoError(t, s.CheckSchema(t.Context()), "the schema of the next release serves this one too")
			_, err = s.pool.Exec("UPDATE head SET schema_oldest = schema_version")
			require.NoError(t, err)
			require.ErrorAs(t, s.CheckSchema(t.Context()), &wrong)
			require.Contains(t, wrong.Error(), "newer")
		})
	}
}

func TestMigrateLeavesTheTablesOfANewerProgramAlone(t *testing.T) {
	for name, c := range configs(t) {
		t.Run(name, func(t *testing.T) {
			_, err := Migrate(t.Context(), c)
			require.NoError(t, err)
			s := open(t, c)
			_, err = s.pool.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", schema.Version+1)
			require.NoError(t, err)
			_, err = Migrate(t.Context(), c)
			var wrong *SchemaError
			require.ErrorAs(t, err, &wrong)
		})
	}
}

func TestSeveralMigratesOfOneMySQLDatabaseWaitForEachOther(t *testing.T) {
	c := Config{Driver: "mysql", DSN: testenv.MariaDB(t)}
	var wg sync.WaitGroup
	applied := make([]int, 4)
	for i := range applied {
		wg.Go(func() {
			done, err := Migrate(t.Context(), c)
			if err != nil {
				t.Error(err)
			}
			applied[i] = len(done)
		})
	}
	wg.Wait()
	total := 0
	for _, n := range applied {
		total += n
	}
	require.Equal(t, schema.Version, total)
	require.Equal(t, 1, count(t, open(t, c), "head"))
}

func TestTheSQLiteFileIsPrivateAndCopiedBeforeItIsMigrated(t *testing.T) {
	dir := t.TempDir()
	c := Config{Driver: "sqlite", DSN: filepath.Join(dir, "it's 100% ?a=b#c.db")}
	_, err := Migrate(t.Context(), c)
	require.NoError(t, err)
	s := open(t, c)
	put(t, s, spec.KindService, "a", service("a"))
	copies := func() []string {
		found, err := fs.Glob(os.DirFS(dir), "*.bak")
		require.NoError(t, err)
		return found
	}
	require.Empty(t, copies(), "there was nothing to lose")
	// Back to the schema before.
	for _, step := range []string{"DROP TABLE stats", fmt.Sprint("DELETE FROM goose_db_version WHERE version_id = ", schema.Version)} {
		_, err = s.pool.Exec(step)
		require.NoError(t, err)
	}
	applied, err := Migrate(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, applied, 1)
	require.Len(t, copies(), 1)
	require.Contains(t, copies()[0], fmt.Sprint(".schema-", schema.Version-1, "."))
	dsn, err := sqliteDSN(filepath.Join(dir, copies()[0]), true)
	require.NoError(t, err)
	old, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	defer old.Close()
	var n int
	require.NoError(t, old.QueryRow("SELECT COUNT(*) FROM entries").Scan(&n))
	require.Equal(t, 1, n)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
}

func TestWrongSettingsAreRefusedWithoutRepeatingThePassword(t *testing.T) {
	for _, c := range []Config{
		{Driver: "postgres", DSN: "x"}, {Driver: "sqlite"}, {Driver: "sqlite", DSN: ":memory:"},
		{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "no/such/folder/x.db")},
		{Driver: "mysql", DSN: "user:hunter2@tcp(127.0.0.1:1"}, {Driver: "mysql", DSN: "user:hunter2@tcp(127.0.0.1:1)/"},
		{Driver: "mysql", DSN: "hunter2"}, {Driver: "mysql", DSN: "user:hunter2@tcp(127.0.0.1:1)/db?loc=Nowhere"},
	} {
		_, err := Open(t.Context(), c, nil, nil)
		require.Error(t, err, "%+v", c)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestOpenSucceedsWhileTheDatabaseIsAway(t *testing.T) {
	server := testenv.NewMariaDB(t)
	c := Config{Driver: "mysql", DSN: server.Database(t)}
	_, err := Migrate(t.Context(), c)
	require.NoError(t, err)
	server.Stop()
	s := open(t, c)
	require.Error(t, s.Ping(t.Context()))
	_, err = s.Head(t.Context())
	require.Error(t, err)
	server.Start(t)
	put(t, s, spec.KindService, "a", service("a"))
	server.Stop()
	server.Start(t)
	put(t, s, spec.KindService, "b", service("b"))
	require.Len(t, load(t, s, NewCache()).Document.Services, 2)
}

// The proxy's database user needs SELECT on three tables, and gets nothing
// else.
func TestAProxyNeedsOnlyToReadHeadRevisionsAndObjects(t *testing.T) {
	dsn := testenv.MariaDB(t)
	c := Config{Driver: "mysql", DSN: dsn}
	_, err := Migrate(t.Context(), c)
	require.NoError(t, err)
	s := open(t, c)
	put(t, s, spec.KindService, "a", service("a"))

	parsed, err := driver.ParseDSN(dsn)
	require.NoError(t, err)
	user := strings.ReplaceAll(parsed.DBName, "yumen", "proxy")
	for _, statement := range []string{
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY 'p w'", user),
		fmt.Sprintf("GRANT SELECT ON %s.head TO '%s'@'%%'", parsed.DBName, user),
		fmt.Sprintf("GRANT SELECT ON %s.revisions TO '%s'@'%%'", parsed.DBName, user),
		fmt.Sprintf("GRANT SELECT ON %s.objects TO '%s'@'%%'", parsed.DBName, user),
	} {
		_, err := s.pool.Exec(statement)
		require.NoError(t, err)
	}
	parsed.User, parsed.Passwd = user, "p w"
	proxy := open(t, Config{Driver: "mysql", DSN: parsed.FormatDSN(), ReadOnly: true})
	require.NoError(t, proxy.Ping(t.Context()))
	require.NoError(t, proxy.CheckSchema(t.Context()))
	cache := NewCache()
	require.Len(t, load(t, proxy, cache).Document.Services, 1)
	put(t, s, spec.KindService, "b", service("b"))
	require.Len(t, load(t, proxy, cache).Document.Services, 2)
	d, err := proxy.DocumentAt(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, d.Services, 1)
	_, err = proxy.Admins(t.Context())
	require.ErrorContains(t, err, "denied")
	_, err = proxy.pool.Exec("UPDATE head SET number = 9")
	require.ErrorContains(t, err, "denied")
}

// A canary in every secret, and then a look into every table.
func TestNoSecretIsStoredInClear(t *testing.T) {
	const canary = "CANARY-7f3a"
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, func(d *Draft) error {
			require.NoError(t, d.Put(spec.KindTenant, "t", &spec.Tenant{AppID: "t"}))
			require.NoError(t, d.Put(spec.KindCredential, "t/c", &spec.Credential{ID: "c", Secret: ptr(spec.NewSecret(canary + "-credential"))}))
			return d.Put(spec.KindKey, "k", &spec.SigningKey{ID: "k", Algorithm: "EdDSA", Private: spec.NewSecret(canary + "-key"), CreatedAt: now()})
		})
		publish(t, s, func(d *Draft) error { return d.Delete(spec.KindKey, "k") })
		for _, table := range []string{"head", "objects", "revisions", "entries", "audit"} {
			var rows []map[string]any
			require.NoError(t, s.db.Table(table).Find(&rows).Error)
			require.NotEmpty(t, rows)
			for _, row := range rows {
				for column, value := range row {
					if b, ok := value.([]byte); ok {
						value = string(b)
					}
					require.NotContains(t, fmt.Sprint(value), canary, "%s.%s", table, column)
				}
			}
		}
	})
}
