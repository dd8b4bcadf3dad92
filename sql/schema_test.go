package schema

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func names(t *testing.T, driver string) []string {
	t.Helper()
	fsys, err := Migrations(driver)
	require.NoError(t, err)
	found, err := fs.Glob(fsys, "*.sql")
	require.NoError(t, err)
	return found
}

func TestBothDatabasesHaveTheSameMigrationsWithoutGaps(t *testing.T) {
	require.Equal(t, names(t, "mysql"), names(t, "sqlite"))
	require.Len(t, names(t, "mysql"), Version)
	for i, name := range names(t, "mysql") {
		require.True(t, strings.HasPrefix(name, fmt.Sprintf("%05d_", i+1)), name)
	}
}

func TestEachMySQLMigrationIsOneStatement(t *testing.T) {
	fsys, err := Migrations("mysql")
	require.NoError(t, err)
	for _, name := range names(t, "mysql") {
		b, err := fs.ReadFile(fsys, name)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(b), ";"), name)
		require.NotContains(t, strings.ToUpper(string(b)), "JSON", name)
	}
}

func TestOnlyTheTwoDriversHaveMigrations(t *testing.T) {
	_, err := Migrations("postgres")
	require.Error(t, err)
}
