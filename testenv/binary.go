package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var buildBinary = sync.OnceValues(func() (string, error) {
	source, err := root()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "yumen-binary-")
	if err != nil {
		return "", err
	}
	onExit(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "yumen")
	cmd := exec.Command("go", "build", "-tags", "nomsgpack", "-o", path, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// Binary builds the program once per test binary and gives its path.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Options say how to run the program.
type Options struct {
	Env   []string // added to the tests' environment, as KEY=value
	Dir   string   // working folder; "" is a temporary one
	Ready string   // text of the log line to wait for; "" waits for nothing
}

// Start runs the built program with args until the test ends.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	return StartWith(t, Options{}, args...)
}

// StartWith is Start with a say in how. A failed test shows what the program
// wrote.
func StartWith(t testing.TB, o Options, args ...string) *Process {
	t.Helper()
	cmd := exec.Command(Binary(t), args...)
	cmd.Env = append(os.Environ(), o.Env...)
	if cmd.Dir = o.Dir; cmd.Dir == "" {
		cmd.Dir = t.TempDir()
	}
	p, err := start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("yumen %q wrote:\n%s", args, p.Logs())
		}
	})
	if o.Ready != "" {
		p.WaitFor(t, o.Ready)
	}
	return p
}
