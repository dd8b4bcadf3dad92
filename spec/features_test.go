package spec

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing is accepted that is not enforced: docs/features.md names a test for
// every field, and the test is there.
func TestEveryFieldHasATestThatShowsItsEffect(t *testing.T) {
	page, err := os.ReadFile("../docs/features.md")
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| [^|]+ \\| `([^`|]+)` \\| ([^|]+) \\|$")
	name := regexp.MustCompile("`(Test\\w+)`")
	there := tests(t)
	var named []string
	for _, cells := range row.FindAllStringSubmatch(string(page), -1) {
		named = append(named, cells[1])
		of := name.FindAllStringSubmatch(cells[2], -1)
		require.NotEmpty(t, of, "%s has no test", cells[1])
		for _, one := range of {
			require.Contains(t, there, one[1], "test of %s", cells[1])
		}
	}
	require.ElementsMatch(t, fields(reflect.TypeFor[Document](), "", nil), named)
}

// fields are the dotted paths of everything that holds a value.
func fields(typ reflect.Type, path string, all []string) []string {
	for _, m := range shapeOf(typ).members {
		inner := m.field.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		at := strings.TrimPrefix(path+"."+m.name, ".")
		if inner.Kind() == reflect.Struct && !leaf(inner) {
			all = fields(inner, at, all)
		} else {
			all = append(all, at)
		}
	}
	return all
}

// tests are the names of all Go tests in the repository.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, one := range declared.FindAllSubmatch(source, -1) {
			found[string(one[1])] = true
		}
		return err
	})
	require.NoError(t, err)
	return found
}
