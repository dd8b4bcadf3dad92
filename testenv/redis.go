package testenv

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisServer is a redis-server of one test. It keeps nothing on disk: after a
// Stop it starts empty.
type RedisServer struct {
	Addr string // 127.0.0.1:port, the same after Stop and Start

	path, dir string
	process   *Process
}

// Redis gives the address of an empty Redis of its own for this test.
func Redis(t testing.TB) string {
	t.Helper()
	return NewRedis(t).Addr
}

// NewRedis starts an empty Redis that the test may stop and start again.
func NewRedis(t testing.TB) *RedisServer {
	t.Helper()
	s := &RedisServer{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t))),
		path: program(t, "redis-server"),
		dir:  t.TempDir(),
	}
	s.Start(t)
	t.Cleanup(s.Stop)
	return s
}

// Start starts the server again, empty, and waits until it answers.
func (s *RedisServer) Start(t testing.TB) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	p, err := start(exec.Command(s.path, "--bind", "127.0.0.1", "--port", port, "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no"))
	if err != nil {
		t.Fatal(err)
	}
	s.process = p
	waitReady(t, p, func() error { return redisPing(s.Addr) })
}

// Stop ends the server; what it held is lost.
func (s *RedisServer) Stop() {
	if s.process != nil {
		s.process.Kill()
	}
}

func redisPing(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "+PONG") {
		return fmt.Errorf("answered %q", line)
	}
	return nil
}

// waitReady asks until the server answers; the test fails when it ends or
// stays silent for a minute.
func waitReady(t testing.TB, p *Process, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := ask()
		if err == nil {
			return
		}
		if p.ended() || time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v; it said:\n%s", p.cmd.Path, err, p.Logs())
		}
		time.Sleep(10 * time.Millisecond)
	}
}
