package cli

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/kv"
	"yumen/spec"
)

// furnish gives an installation services, a signing key and an account.
func furnish(t *testing.T, s *site) {
	t.Helper()
	d := services("a", "b")
	d.Settings = &spec.Settings{Token: &spec.TokenSettings{Algorithm: ptr("HS256")}}
	s.ok(t, "config", "apply", s.document(t, d))
	s.ok(t, "admin", "create", "alice")
	enter(t, s, "alice", "s1")
}

func (s *site) keyID(t *testing.T) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s.key)
	require.NoError(t, err)
	return spec.KeyID(b)
}

func TestAnInstallationMovesToTheOtherDatabaseByItsBackup(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		furnish(t, s)
		file := filepath.Join(s.dir, "yumen.gz")
		out := s.ok(t, "backup", file)
		require.Contains(t, out, "holds revision 1 of ")
		require.Contains(t, out, "master key "+s.keyID(t))
		require.Contains(t, s.fails(t, "backup", file), "there already")
		exported := s.ok(t, "config", "export")

		target := configSite(t)
		if s.redis != nil {
			target = upSite(t)
			require.NoError(t, os.Remove(target.dc.DSN)) // a folder with nothing but a key
		}
		r := target.run(t, "restore", file)
		require.Zero(t, r.status, r.err)
		require.Contains(t, r.out, "Restored: ")
		require.Contains(t, r.err, "the settings lack the master key "+s.keyID(t))
		require.Equal(t, exported, target.ok(t, "config", "export"))
		require.NotEqual(t, s.head(t).Lineage, target.head(t).Lineage)
		require.Zero(t, sessions(t, target, "alice"), "everybody logs in again")
		if target.redis != nil {
			store := kv.Open(kv.Config{Addrs: []string{target.redis.Addr}}, nil)
			defer store.Close()
			told, _, err := store.Head(t.Context())
			require.NoError(t, err)
			require.Equal(t, kv.Head(target.head(t)), told)
		}
		require.Contains(t, target.fails(t, "config", "apply", s.document(t, services("c"))), "the key is not this installation's")
		require.Contains(t, target.fails(t, "restore", file), "the database is not empty")
		require.Contains(t, target.fails(t, "restore", file), "--force")
	})
}

func TestARestoreByForceGoesBackToTheBackup(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		furnish(t, s)
		file := filepath.Join(s.dir, "yumen.gz")
		m := unmarshal[dao.Manifest](t, s.ok(t, "backup", file, "-o", "json"))
		require.Equal(t, []string{s.keyID(t)}, m.MasterKeys)
		before := s.head(t)
		s.ok(t, "config", "apply", s.document(t, services("c")))
		s.ok(t, "restore", "--force", file)
		after := s.head(t)
		require.Equal(t, []any{before.Number, before.Digest}, []any{after.Number, after.Digest})
		require.NotEqual(t, before.Lineage, after.Lineage)
		rows, _, err := s.store(t).Audit(t.Context(), dao.AuditQuery{Page: 1, Size: 10, Action: "restore"})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, operator().Account, rows[0].Account)
		s.ok(t, "config", "apply", s.document(t, services("c")))
	})
}

func TestARestoreOfADamagedFileMakesNothing(t *testing.T) {
	s := upSite(t)
	furnish(t, s)
	file := filepath.Join(s.dir, "yumen.gz")
	s.ok(t, "backup", file)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	torn := s.write(t, "torn.gz", string(b[:len(b)-9]))
	fresh := filepath.Join(s.dir, "fresh")
	r := run(t, "", "restore", torn, "--data", fresh)
	require.Equal(t, 1, r.status)
	require.Contains(t, r.err, "damaged")
	require.NoDirExists(t, fresh)
	require.Contains(t, s.fails(t, "restore", "--force", filepath.Join(s.dir, "document.yaml")), "no archive of `yumen backup`")
	require.Equal(t, uint64(1), s.head(t).Number)
}

func TestARestoreWaitsForNoRunningUp(t *testing.T) {
	s := upSite(t)
	furnish(t, s)
	file := filepath.Join(s.dir, "yumen.gz")
	s.ok(t, "backup", file)
	release, err := claim(filepath.Join(s.dir, "data"))
	require.NoError(t, err)
	defer release()
	require.Contains(t, s.fails(t, "restore", "--force", file), "belongs to a running process")
	s.ok(t, "backup", file+".2")
	s.ok(t, "config", "apply", s.document(t, services("c")))
}
