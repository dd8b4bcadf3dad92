package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a running program whose output is kept. Its methods may be called
// from any goroutine.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended; err is set before

	mu     sync.Mutex
	output bytes.Buffer
	err    error
}

// start runs cmd with its output kept. The process dies with the test binary,
// also when that is killed: the kernel ties this to the thread that forked, so
// one thread stays with each process.
func start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Write takes the process's output.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

// Logs is everything the process has written so far.
func (p *Process) Logs() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// WaitFor waits until the output contains text and gives the line that does.
// The test fails when the process ends first or 30 s have passed.
func (p *Process) WaitFor(t testing.TB, text string) string {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		ended := p.ended()
		logs := p.Logs()
		if at := strings.Index(logs, text); at >= 0 {
			if end := strings.IndexByte(logs[at:], '\n'); end >= 0 {
				return logs[strings.LastIndexByte(logs[:at], '\n')+1 : at+end]
			}
		}
		switch {
		case ended:
			t.Fatalf("process ended without saying %q; it said:\n%s", text, logs)
		case time.Now().After(deadline):
			t.Fatalf("process did not say %q in 30 s; it said:\n%s", text, logs)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Signal sends s to the process.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the process to end (SIGTERM), kills it after 40 s, and gives its
// exit code (-1 when a signal ended it).
func (p *Process) Stop() int { return p.stop(syscall.SIGTERM, 40*time.Second) }

// Kill ends the process at once, as kill -9 does.
func (p *Process) Kill() { p.stop(syscall.SIGKILL, time.Minute) }

// Wait waits for the process to end by itself and gives its exit code. The
// test fails after limit.
func (p *Process) Wait(t testing.TB, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.code()
	case <-time.After(limit):
		t.Fatalf("process did not end in %v; it said:\n%s", limit, p.Logs())
		return -1
	}
}

func (p *Process) stop(s syscall.Signal, limit time.Duration) int {
	if err := p.cmd.Process.Signal(s); err == nil {
		select {
		case <-p.done:
		case <-time.After(limit):
			p.cmd.Process.Kill()
		}
	}
	<-p.done
	return p.code()
}

func (p *Process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *Process) code() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var exit *exec.ExitError
	switch {
	case p.err == nil:
		return 0
	case errors.As(p.err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}
