package dao

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

func admin(t *testing.T, s *Store, account, role string) Admin {
	t.Helper()
	a, err := s.CreateAdmin(t.Context(), cli, Admin{Account: account, Role: role, PasswordHash: "hash of " + account, MustChange: true})
	require.NoError(t, err)
	return a
}

func session(a Admin, id string) Session {
	at := now()
	return Session{ID: id, AdminID: a.ID, TokenHash: "token " + id, CreatedAt: at, SeenAt: at, ExpiresAt: at.Add(time.Hour), Address: "192.0.2.1", UserAgent: "Browser 🚪"}
}

func login(t *testing.T, s *Store, a Admin, id string) Principal {
	t.Helper()
	by := Principal{Kind: "session", ID: id, Account: a.Account, Role: a.Role, Address: "192.0.2.1"}
	require.NoError(t, s.CreateSession(t.Context(), by, session(a, id)))
	return by
}

func sessions(t *testing.T, s *Store, a Admin) []string {
	t.Helper()
	all, err := s.Sessions(t.Context(), a.ID)
	require.NoError(t, err)
	ids := []string{}
	for _, n := range all {
		ids = append(ids, n.ID)
	}
	slices.Sort(ids)
	return ids
}

// trail lists what the audit trail says, the oldest first.
func trail(t *testing.T, s *Store) []string {
	t.Helper()
	rows, _, err := s.Audit(t.Context(), AuditQuery{Page: 1, Size: 200})
	require.NoError(t, err)
	var all []string
	for _, r := range slices.Backward(rows) {
		all = append(all, fmt.Sprint(r.Account, " ", r.Action, " ", r.ObjectKind, "/", r.ObjectName, " ", r.Result))
	}
	return all
}

func TestAnAdminIsFoundByExactlyItsAccount(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		made := admin(t, s, "Zoë", "operator")
		recently(t, made.CreatedAt)
		got, err := s.AdminByAccount(t.Context(), "Zoë")
		require.NoError(t, err)
		require.Equal(t, Admin{ID: made.ID, Account: "Zoë", Role: "operator", PasswordHash: "hash of Zoë", MustChange: true,
			CreatedAt: made.CreatedAt, UpdatedAt: made.CreatedAt}, got)
		for _, other := range []string{"zoë", "Zoe", "Zoë ", " Zoë", "Zoë\x00", "", "\xff", strings.Repeat("x", 4096)} {
			_, err := s.AdminByAccount(t.Context(), other)
			require.ErrorIs(t, err, ErrNotFound, "%q", other)
		}
		_, err = s.CreateAdmin(t.Context(), cli, Admin{Account: "Zoë", Role: "viewer"})
		require.ErrorIs(t, err, ErrConflict)
		admin(t, s, "zoë", "viewer")
		for _, bad := range []Admin{{Account: "Zoë ", Role: "viewer"}, {Account: "", Role: "viewer"}, {Account: "b", Role: "root"},
			{Account: strings.Repeat("x", 129), Role: "viewer"}, {Account: "\xff", Role: "viewer"}} {
			_, err := s.CreateAdmin(t.Context(), cli, bad)
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrConflict)
		}
		all, err := s.Admins(t.Context())
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, []string{"root create admin/Zoë ok", "root create admin/zoë ok"}, trail(t, s))
	})
}

func TestOnlyOneOfManyFirstAdminsIsMade(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		stores := []*Store{s, open(t, s.config)}
		var wg sync.WaitGroup
		errs := make([]error, 10)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = stores[i%2].CreateAdmin(t.Context(), cli, Admin{Account: "admin", Role: "admin"})
			})
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else {
				require.ErrorIs(t, err, ErrConflict)
			}
		}
		require.Equal(t, 1, made)
	})
}

func TestALoginIsASessionAndAnAuditRowAndATime(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		a := admin(t, s, "admin", "admin")
		login(t, s, a, "s1")
		got, who, err := s.SessionByTokenHash(t.Context(), "token s1")
		require.NoError(t, err)
		want := session(a, "s1")
		want.CreatedAt, want.SeenAt, want.ExpiresAt = got.CreatedAt, got.SeenAt, got.ExpiresAt
		require.Equal(t, want, got)
		recently(t, got.SeenAt)
		require.Equal(t, got.CreatedAt, *who.LastLoginAt)
		require.Equal(t, "admin", who.Account)
		require.Equal(t, []string{"root create admin/admin ok", "admin login admin/admin ok"}, trail(t, s))
		for _, hash := range []string{"", "token s1 ", "TOKEN S1", "\xff"} {
			_, _, err := s.SessionByTokenHash(t.Context(), hash)
			require.ErrorIs(t, err, ErrNotFound)
		}
		require.ErrorIs(t, s.CreateSession(t.Context(), cli, session(a, "s1")), ErrConflict)
		require.ErrorIs(t, s.CreateSession(t.Context(), cli, session(Admin{ID: 99}, "s2")), ErrNotFound)
		require.Equal(t, []string{"s1"}, sessions(t, s, a))
	})
}

func TestASessionEndsWithLogoutTimeDisablingAndPasswordChange(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		admin(t, s, "other", "admin")
		a := admin(t, s, "admin", "admin")
		for _, id := range []string{"s1", "s2", "s3", "s4"} {
			login(t, s, a, id)
		}
		by := login(t, s, a, "s5")

		require.NoError(t, s.DeleteSession(t.Context(), by, "s1"))
		require.ErrorIs(t, s.DeleteSession(t.Context(), by, "s1"), ErrNotFound)
		require.Equal(t, []string{"s2", "s3", "s4", "s5"}, sessions(t, s, a))

		seen := now().Add(time.Minute)
		require.NoError(t, s.TouchSession(t.Context(), "s5", seen))
		got, _, err := s.SessionByTokenHash(t.Context(), "token s5")
		require.NoError(t, err)
		require.Equal(t, seen, got.SeenAt)

		_, err = s.pool.Exec("UPDATE sessions SET expires_at = ? WHERE id = 's2'", now().Add(-time.Second))
		require.NoError(t, err)
		_, _, err = s.SessionByTokenHash(t.Context(), "token s2")
		require.ErrorIs(t, err, ErrNotFound)
		require.Equal(t, []string{"s3", "s4", "s5"}, sessions(t, s, a))

		require.NoError(t, s.SetPassword(t.Context(), by, "admin", "new hash", false))
		require.Equal(t, []string{"s5"}, sessions(t, s, a))
		require.NoError(t, s.RenewSession(t.Context(), "s5", session(a, "s6")))
		require.ErrorIs(t, s.RenewSession(t.Context(), "s5", session(a, "s7")), ErrNotFound)
		require.Equal(t, []string{"s6"}, sessions(t, s, a))
		changed, err := s.AdminByAccount(t.Context(), "admin")
		require.NoError(t, err)
		require.Equal(t, "new hash", changed.PasswordHash)
		require.False(t, changed.MustChange)

		login(t, s, a, "s8")
		require.Equal(t, 2, count(t, s, "sessions"), "those past their end are swept")
		require.NoError(t, s.DeleteSessionsOf(t.Context(), by, a.ID, "s8"))
		require.Equal(t, []string{"s8"}, sessions(t, s, a))

		require.NoError(t, s.UpdateAdmin(t.Context(), cli, Admin{Account: "admin", Role: "admin", Disabled: true}))
		_, _, err = s.SessionByTokenHash(t.Context(), "token s8")
		require.ErrorIs(t, err, ErrNotFound)
		require.Empty(t, sessions(t, s, a))
		require.NotContains(t, strings.Join(trail(t, s), "\n"), "hash")
	})
}

func TestAPasswordSetByAnotherEndsEverySession(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		a, b := admin(t, s, "a", "admin"), admin(t, s, "b", "admin")
		login(t, s, a, "a1")
		by := login(t, s, b, "b1")
		require.NoError(t, s.SetPassword(t.Context(), by, "a", "x", true))
		require.Empty(t, sessions(t, s, a))
		require.Equal(t, []string{"b1"}, sessions(t, s, b))
		require.NoError(t, s.SetPassword(t.Context(), cli, "b", "x", true))
		require.Empty(t, sessions(t, s, b))
	})
}

func TestTheLastAdminStays(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		admin(t, s, "a", "admin")
		admin(t, s, "b", "admin")
		admin(t, s, "v", "viewer")
		stores := []*Store{s, open(t, s.config)}
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i, account := range []string{"a", "b"} {
			wg.Go(func() {
				errs[i] = stores[i].UpdateAdmin(t.Context(), cli, Admin{Account: account, Role: "viewer"})
			})
		}
		wg.Wait()
		if errs[0] == nil {
			require.ErrorIs(t, errs[1], ErrLastAdmin)
		} else {
			require.ErrorIs(t, errs[0], ErrLastAdmin)
			require.NoError(t, errs[1])
		}
		require.ErrorIs(t, s.UpdateAdmin(t.Context(), cli, Admin{Account: "nobody", Role: "viewer"}), ErrNotFound)
		require.Error(t, s.UpdateAdmin(t.Context(), cli, Admin{Account: "v", Role: "king"}))
		rows, _, err := s.Audit(t.Context(), AuditQuery{Page: 1, Size: 1, Action: "update"})
		require.NoError(t, err)
		require.Contains(t, rows[0].Diff[0].Fields, spec.FieldChange{Field: "/role", Before: "admin", After: "viewer"})
	})
}

// go_gateway leaked a transaction for each of these, until it hung.
func TestChangesOfWhatIsNotThereLeakNothing(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		for range 50 {
			require.ErrorIs(t, s.SetPassword(t.Context(), cli, "nobody", "x", false), ErrNotFound)
			_, err := s.Publish(t.Context(), cli, "", func(d *Draft) error { return d.Delete(spec.KindService, "nothing") })
			require.ErrorIs(t, err, ErrNotFound)
		}
		require.Zero(t, s.pool.Stats().InUse)
		put(t, s, spec.KindService, "a", service("a"))
	})
}

func TestTheAuditTrailSaysWhoChangedWhatFromWhere(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		by := Principal{Kind: "session", ID: "secret-session-id", Account: "zoë", Role: "operator", Address: "2001:db8::1", RequestID: "req-1"}
		r, err := s.Publish(t.Context(), by, "", func(d *Draft) error { return d.Put(spec.KindService, "a", service("a")) })
		require.NoError(t, err)
		changed := service("a")
		changed.Title = "new"
		_, err = s.Publish(t.Context(), by, "", func(d *Draft) error { return d.Put(spec.KindService, "a", changed) })
		require.NoError(t, err)
		rows, total, err := s.Audit(t.Context(), AuditQuery{Page: 1, Size: 10})
		require.NoError(t, err)
		require.Equal(t, int64(2), total)
		require.Equal(t, AuditRow{ID: rows[0].ID, At: rows[0].At, PrincipalKind: "session", Account: "zoë", Address: "2001:db8::1", RequestID: "req-1",
			Action: "update", ObjectKind: "service", ObjectName: "a", Revision: 2, Result: "ok",
			Diff: []spec.Change{{Kind: spec.KindService, Name: "a", Action: "changed",
				Fields: []spec.FieldChange{{Field: "/title", Before: "Title of a", After: "new"}}}}}, rows[0])
		require.Equal(t, "create", rows[1].Action)
		require.Equal(t, r.At, rows[1].At)
		recently(t, rows[0].At)
	})
}

func TestTheAuditTrailIsSearchedExactly(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		base := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		for i, row := range []AuditRow{
			{Account: "admin", Action: "login", ObjectKind: "admin", ObjectName: "admin", Result: "ok"},
			{Account: "admin ", Action: "login", ObjectKind: "admin", ObjectName: "admin ", Result: "bad_credentials"},
			{Account: "Admin", Action: "update", ObjectKind: "service", ObjectName: "orders", Result: "ok"},
			{Account: "admin", Action: "create", ObjectKind: "credential", ObjectName: "orders/c1", Result: "ok"},
			{Account: "admin", Action: "delete", ObjectKind: "blacklist", ObjectName: "10.0.0.0/8", Result: "ok"},
		} {
			row.At = base.Add(time.Duration(i) * time.Minute)
			require.NoError(t, s.AppendAudit(t.Context(), row))
		}
		for _, c := range []struct {
			query AuditQuery
			want  []string
		}{
			{AuditQuery{Account: "admin"}, []string{"10.0.0.0/8", "orders/c1", "admin"}},
			{AuditQuery{Account: "admin "}, []string{"admin "}},
			{AuditQuery{Account: "ADMIN"}, nil},
			{AuditQuery{Account: "\xff"}, nil},
			{AuditQuery{Action: "login"}, []string{"admin ", "admin"}},
			{AuditQuery{Object: "orders"}, []string{"orders"}},
			{AuditQuery{Object: "service/orders"}, []string{"orders"}},
			{AuditQuery{Object: "tenant/orders"}, nil},
			{AuditQuery{Object: "orders/c1"}, []string{"orders/c1"}},
			{AuditQuery{Object: "credential/orders/c1"}, []string{"orders/c1"}},
			{AuditQuery{Object: "10.0.0.0/8"}, []string{"10.0.0.0/8"}},
			{AuditQuery{Object: "admin/"}, []string{"admin ", "admin"}},
			{AuditQuery{Object: "%"}, nil},
			{AuditQuery{From: base.Add(time.Minute), To: base.Add(3 * time.Minute)}, []string{"orders", "admin "}},
		} {
			c.query.Page, c.query.Size = 1, 10
			rows, total, err := s.Audit(t.Context(), c.query)
			if c.query.Account == "\xff" {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			var got []string
			for _, row := range rows {
				got = append(got, row.ObjectName)
			}
			require.Equal(t, c.want, got, "%+v", c.query)
			require.Equal(t, int64(len(got)), total)
		}
	})
}

func TestWhatStrangersTypeCannotMakeAnAuditRowFail(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		long := strings.Repeat("é🚪", 4000)
		require.NoError(t, s.AppendAudit(t.Context(), AuditRow{PrincipalKind: long, Account: "\xff\x00\r\n" + long, Address: long,
			RequestID: long, Action: long, ObjectKind: long, ObjectName: long, Result: long,
			Diff: []spec.Change{{Kind: "service", Name: "a", Action: "changed", Fields: []spec.FieldChange{{Field: "/title", After: strings.Repeat("x", 1<<20)}}}}}))
		rows, _, err := s.Audit(t.Context(), AuditQuery{Page: 1, Size: 1})
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(rows[0].Account, "�\x00\r\né🚪"), "%q", rows[0].Account)
		require.Equal(t, []spec.Change{{Kind: "service", Name: "a", Action: "changed"}}, rows[0].Diff)
	})
}
