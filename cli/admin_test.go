package cli

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"

	"yumen/dao"
)

// knows tells whether password is the account's.
func knows(t *testing.T, s *site, account, password string) bool {
	t.Helper()
	a, err := s.store(t).AdminByAccount(t.Context(), account)
	require.NoError(t, err)
	parts := strings.Split(a.PasswordHash, "$")
	require.Len(t, parts, 6)
	require.Equal(t, []string{"argon2id", "v=19", "m=19456,t=2,p=1"}, parts[1:4])
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	require.NoError(t, err)
	return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), salt, 2, 19456, 1, 32)) == parts[5]
}

func account(t *testing.T, s *site, name string) dao.Admin {
	t.Helper()
	a, err := s.store(t).AdminByAccount(t.Context(), name)
	require.NoError(t, err)
	return a
}

// enter logs an account in and counts its sessions.
func enter(t *testing.T, s *site, name, id string) {
	t.Helper()
	now := time.Now()
	require.NoError(t, s.store(t).CreateSession(t.Context(), dao.Principal{}, dao.Session{ID: id, AdminID: account(t, s, name).ID, TokenHash: id, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}))
}

func sessions(t *testing.T, s *site, name string) int {
	t.Helper()
	all, err := s.store(t).Sessions(t.Context(), account(t, s, name).ID)
	require.NoError(t, err)
	return len(all)
}

var madePassword = regexp.MustCompile(`(?m)^    ([a-z2-7-]{20,})$`)

func TestAnAccountIsMadeWithAPasswordSaidOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		out := s.ok(t, "admin", "create", "alice", "--role", "operator")
		found := madePassword.FindStringSubmatch(out)
		require.NotNil(t, found, out)
		require.True(t, knows(t, s, "alice", found[1]))
		a := account(t, s, "alice")
		require.Equal(t, "operator", a.Role)
		require.True(t, a.MustChange)
		list := s.ok(t, "admin", "list")
		require.Regexp(t, `alice +operator +must change its password +never`, list)
		require.NotContains(t, list, "argon2")
		require.NotContains(t, s.ok(t, "admin", "list", "-o", "json"), "argon2")
		require.Contains(t, s.fails(t, "admin", "create", "alice"), "there is an account \"alice\" already")
		require.Contains(t, s.fails(t, "admin", "create", "bob", "--role", "root"), "none of admin, operator, viewer")
		view := unmarshal[map[string]string](t, s.ok(t, "admin", "create", "bob", "-o", "json"))
		require.True(t, knows(t, s, "bob", view["password"]))
	})
}

func TestAPasswordIsReadFromStandardInputAndNeverFromAnArgument(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		r := run(t, "correct horse battery staple\nrest\n", append([]string{"admin", "create", "alice", "--password-stdin"}, s.flags...)...)
		require.Zero(t, r.status, r.err)
		require.NotContains(t, r.out, "staple")
		require.True(t, knows(t, s, "alice", "correct horse battery staple"))
		require.False(t, account(t, s, "alice").MustChange)
		for stdin, why := range map[string]string{"short\n": "12 to 256 characters", "": "nothing on standard input", strings.Repeat("x", 300): "12 to 256"} {
			r := run(t, stdin, append([]string{"admin", "create", "bob", "--password-stdin"}, s.flags...)...)
			require.Equal(t, 1, r.status)
			require.Contains(t, r.err, why)
		}
		require.Contains(t, s.fails(t, "admin", "create", "bob", "a long enough password"), "accepts 1 arg")
		require.Contains(t, s.fails(t, "admin", "create", "bob", "--password", "a long enough password"), "unknown flag")
		rows, _, err := s.store(t).Audit(t.Context(), dao.AuditQuery{Page: 1, Size: 10})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, []string{"cli", operator().Account, "create", "admin", "alice"},
			[]string{rows[0].PrincipalKind, rows[0].Account, rows[0].Action, rows[0].ObjectKind, rows[0].ObjectName})
	})
}

func TestAnotherPasswordEndsTheSessions(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.ok(t, "admin", "create", "alice")
		enter(t, s, "alice", "s1")
		require.Equal(t, 1, sessions(t, s, "alice"))
		found := madePassword.FindStringSubmatch(s.ok(t, "admin", "reset-password", "alice"))
		require.NotNil(t, found)
		require.True(t, knows(t, s, "alice", found[1]))
		require.Zero(t, sessions(t, s, "alice"))
		require.Contains(t, s.fails(t, "admin", "reset-password", "nobody"), "there is no account \"nobody\"")
	})
}

func TestADisabledAccountIsUnlockedAndTheLastAdminStays(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.ok(t, "admin", "create", "alice")
		s.ok(t, "admin", "create", "viewer", "--role", "viewer")
		require.Contains(t, s.fails(t, "admin", "disable", "alice"), "the last enabled admin cannot be disabled")
		require.False(t, account(t, s, "alice").Disabled)
		s.ok(t, "admin", "create", "bob")
		enter(t, s, "alice", "s1")
		require.Equal(t, "Account alice is disabled.\n", s.ok(t, "admin", "disable", "alice"))
		require.Zero(t, sessions(t, s, "alice"))
		require.Contains(t, s.ok(t, "admin", "reset-password", "alice"), "`yumen admin unlock`")
		require.Regexp(t, `alice +admin +disabled`, s.ok(t, "admin", "list"))
		require.Equal(t, "Account alice is enabled.\n", s.ok(t, "admin", "unlock", "alice"))
		require.False(t, account(t, s, "alice").Disabled)
		require.Equal(t, "Account alice is enabled already.\n", s.ok(t, "admin", "unlock", "alice"))
		require.Contains(t, s.fails(t, "admin", "unlock", "nobody"), "there is no account")
	})
}
