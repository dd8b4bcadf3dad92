package dao

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

func goList(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// modernc.org/sqlite is generated for one version of libc and breaks in odd
// ways with another.
func TestLibcIsTheOneThatSQLiteWasMadeFor(t *testing.T) {
	mod, err := os.ReadFile(goList(t, "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite"))
	require.NoError(t, err)
	require.Contains(t, string(mod), "modernc.org/libc "+goList(t, "-m", "-f", "{{.Version}}", "modernc.org/libc")+"\n")
}

func TestNoSQLiteInCIsLinked(t *testing.T) {
	deps := goList(t, "-deps", ".")
	require.Contains(t, deps, "modernc.org/sqlite")
	for _, other := range []string{"mattn/go-sqlite3", "gorm.io/driver/sqlite", "glebarez"} {
		require.NotContains(t, deps, other)
	}
}

func TestReadingMakesNoFile(t *testing.T) {
	c := Config{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "none.db"), ReadOnly: true}
	s := open(t, c)
	_, err := s.Head(t.Context())
	require.Error(t, err)
	require.NoFileExists(t, c.DSN)
}

func TestWhatIsPublishedIsThereAfterAKill(t *testing.T) {
	c := Config{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "yumen.db")}
	_, err := Migrate(t.Context(), c)
	require.NoError(t, err)
	put(t, open(t, c), spec.KindService, "a", service("a"))
	// The files as a killed process leaves them: the change is in the log only.
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(c.DSN + suffix)
		require.NoError(t, err)
		require.NotEmpty(t, b)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "copy.db"+suffix), b, 0o600))
	}
	after := open(t, Config{Driver: "sqlite", DSN: filepath.Join(dir, "copy.db")})
	require.Len(t, load(t, after, NewCache()).Document.Services, 1)
}
