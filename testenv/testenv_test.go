package testenv

import (
	"database/sql"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

func TestEachCallOfMariaDBGivesAnEmptyDatabase(t *testing.T) {
	first, second := MariaDB(t), MariaDB(t)
	require.NotEqual(t, first, second)
	for _, dsn := range []string{first, second} {
		db, err := sql.Open("mysql", dsn)
		require.NoError(t, err)
		defer db.Close()
		_, err = db.Exec("CREATE TABLE t (a INT)")
		require.NoError(t, err)
	}
}

func TestRedisStartsEmptyAfterAStop(t *testing.T) {
	s := NewRedis(t)
	say := func(command string) string {
		c, err := net.Dial("tcp", s.Addr)
		require.NoError(t, err)
		defer c.Close()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		c.Write([]byte(command + "\r\n"))
		b := make([]byte, 100)
		n, _ := c.Read(b)
		return strings.TrimSpace(string(b[:n]))
	}
	require.Equal(t, "+OK", say("SET a 1"))
	s.Stop()
	require.Error(t, redisPing(s.Addr))
	s.Start(t)
	require.Equal(t, ":0", say("EXISTS a"))
}

func TestEachCallOfRedisGivesAServerOfItsOwn(t *testing.T) {
	require.NotEqual(t, Redis(t), Redis(t))
}

func TestProcessKeepsItsOutputAndExitCode(t *testing.T) {
	p, err := start(exec.Command("sh", "-c", "echo begin; echo it is ready now; exit 3"))
	require.NoError(t, err)
	require.Equal(t, "it is ready now", p.WaitFor(t, "ready"))
	require.Equal(t, 3, p.Wait(t, 10*time.Second))
	require.Equal(t, "begin\nit is ready now\n", p.Logs())
}

func TestStopEndsAProcessBySignal(t *testing.T) {
	p, err := start(exec.Command("sleep", "100"))
	require.NoError(t, err)
	require.Equal(t, -1, p.Stop())
	require.True(t, p.ended())
}

func TestFreePortCanBeListenedOn(t *testing.T) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t))))
	require.NoError(t, err)
	l.Close()
}

func TestTheBinaryIsBuiltOnceAndRuns(t *testing.T) {
	p := Start(t, "version")
	require.Equal(t, 0, p.Wait(t, 30*time.Second), p.Logs())
	require.NotEmpty(t, p.Logs())
	require.Equal(t, Binary(t), Binary(t))
}
