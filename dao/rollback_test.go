package dao

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

func TestRollbackRestoresServicesAndSettingsAndNothingElse(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		past := publish(t, s, taking(everyKind(), AddAndChange))
		publish(t, s, func(d *Draft) error {
			if err := d.Put(spec.KindKey, "k1", &spec.SigningKey{ID: "k1", Algorithm: "EdDSA", Private: spec.NewSecret("x"), CreatedAt: noon}); err != nil {
				return err
			}
			if err := d.Delete(spec.KindCredential, "t/c1"); err != nil { // revoked: stays so
				return err
			}
			disabled := tenant("t")
			disabled.Enabled = ptr(false)
			now := &spec.Document{Services: []spec.Service{*service("a"), *service("c")}, Tenants: []spec.Tenant{*disabled, *tenant("u", "c1")},
				Blacklist: []spec.BlacklistRule{{CIDR: "198.51.100.1"}}}
			now.Services[0].Title = "Changed"
			if _, err := d.Import(now, AddAndChange, noon); err != nil {
				return err
			}
			for _, k := range []spec.Key{key(spec.KindService, "b"), key(spec.KindSettings, "settings"), key(spec.KindBlacklist, "203.0.113.0/24")} {
				if err := d.Delete(k.Kind, k.Name); err != nil {
					return err
				}
			}
			return nil
		})
		before := load(t, s, nil)

		at, err := s.SnapshotAt(t.Context(), past.Number)
		require.NoError(t, err)
		back := func(d *Draft) error { return d.Rollback(at) }
		require.Equal(t, []string{"changed service/a", "added service/b", "removed service/c", "added settings/settings"}, said(t, s, back))
		r := publish(t, s, back)
		require.Equal(t, uint64(3), r.Number)

		after := load(t, s, nil)
		require.Equal(t, "Title of a", after.Document.Services[0].Title)
		require.Equal(t, []uint64{1, 3}, []uint64{after.Document.Services[0].Origin, after.Document.Services[1].Origin}, "what was deleted counts from zero")
		require.Equal(t, "Asia/Kolkata", *after.Document.Settings.TimeZone)
		require.Equal(t, before.Document.Tenants, after.Document.Tenants)
		require.Equal(t, before.Document.Blacklist, after.Document.Blacklist)
		require.Equal(t, before.Document.Keys, after.Document.Keys)
		require.Empty(t, said(t, s, back))
	})
}

func TestRollbackToTheBeginningLeavesNoService(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, taking(everyKind(), AddAndChange))
		at, err := s.SnapshotAt(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, []string{"removed service/a", "removed service/b", "removed settings/settings"}, said(t, s, func(d *Draft) error { return d.Rollback(at) }))
		_, err = s.SnapshotAt(t.Context(), 9)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestAPlanNeedsNoRightToWrite(t *testing.T) {
	for name, c := range configs(t) {
		t.Run(name, func(t *testing.T) {
			_, err := Migrate(t.Context(), c)
			require.NoError(t, err)
			publish(t, open(t, c), taking(everyKind(), AddAndChange))
			c.ReadOnly = true
			s := open(t, c)
			require.Equal(t, []string{"removed service/b"}, said(t, s, func(d *Draft) error { return d.Delete(spec.KindService, "b") }))
			_, err = s.Publish(t.Context(), cli, "", func(d *Draft) error { return d.Delete(spec.KindService, "b") })
			require.ErrorContains(t, err, "reading only")
		})
	}
}
