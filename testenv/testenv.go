// Package testenv starts what tests need beside themselves: a MariaDB, a
// Redis, the built binary. Everything listens on loopback, lives in temporary
// folders and ends with the test binary. Nothing is skipped: where a server is
// not installed the test fails and names the package.
//
// A package that uses it hands its TestMain over:
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// packages names the Debian package of each program tests start.
var packages = map[string]string{
	"mariadbd":           "mariadb-server",
	"mariadb-install-db": "mariadb-server",
	"redis-server":       "redis-server",
}

var atExit struct {
	sync.Mutex
	stop []func()
}

// Main runs the tests of a package, stops what they started, fails when they
// left a goroutine behind, and exits.
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	atExit.Lock()
	for i := len(atExit.stop) - 1; i >= 0; i-- {
		atExit.stop[i]()
	}
	atExit.Unlock()
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintf(os.Stderr, "goroutines left behind: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// onExit has Main call stop, the latest first.
func onExit(stop func()) {
	atExit.Lock()
	defer atExit.Unlock()
	atExit.stop = append(atExit.stop, stop)
}

// FreePort gives a TCP port of 127.0.0.1 that nothing listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatalf("free port: %v", err)
	}
	return port
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// program finds the path of a server, in sbin too, or fails the test with the
// package that brings it.
func program(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path := filepath.Join(dir, name); executable(path) {
			return path
		}
	}
	t.Fatalf("%s is not installed; run `make deps`, or: apt-get install %s", name, packages[name])
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// root is the folder of go.mod.
func root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// Within runs f, which must be repeatable, until one of three runs takes less
// than limit. A busy machine is slow now and then; a promise of time that
// holds in none of three tries does not hold.
func Within(t testing.TB, limit time.Duration, f func()) {
	t.Helper()
	var took [3]time.Duration
	for i := range took {
		begin := time.Now()
		f()
		if took[i] = time.Since(begin); took[i] < limit {
			return
		}
	}
	t.Fatalf("took %v, each longer than %v", took, limit)
}
