package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/demo"
	"yumen/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// patience is how long anything may take on a busy machine.
const patience = 30 * time.Second

// soon waits until done is true.
func soon(t *testing.T, done func() bool, what string, args ...any) {
	t.Helper()
	require.Eventually(t, done, patience, 20*time.Millisecond, append([]any{what}, args...)...)
}

// firstPort and lastPort are the ports given out: below those the system gives
// to clients, which could else take one before a process listens on it.
const firstPort, lastPort = 12000, 31999

var lastGiven atomic.Int64

func init() { lastGiven.Store(int64(firstPort + rand.IntN(lastPort-firstPort))) }

// port gives a port that nothing listens on, at any address of loopback.
func port(t testing.TB) int {
	t.Helper()
	for range lastPort - firstPort {
		p := firstPort + int(lastGiven.Add(1))%(lastPort-firstPort)
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", p))
		if err == nil {
			l.Close()
			return p
		}
	}
	t.Fatal("no free port")
	return 0
}

// loopback is an address on 127.0.0.1 that nothing listens on.
func loopback(t testing.TB) string { return fmt.Sprintf("127.0.0.1:%d", port(t)) }

// backends starts the demo backends for a test.
func backends(t *testing.T) *demo.Backends {
	t.Helper()
	b, err := demo.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// write puts text into a file that only we may read.
func write(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
