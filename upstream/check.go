package upstream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"yumen/spec"
)

// checkKey is what makes a check: pools that ask the same of the same address
// share it.
type checkKey struct {
	address           string
	interval, timeout time.Duration
	rise, fall        int
}

func checkOf(h *spec.ActiveHealth) checkKey {
	if or(h.Kind, "tcp") == "none" {
		return checkKey{}
	}
	return checkKey{
		interval: max(length(h.Interval), 100*time.Millisecond), timeout: length(h.Timeout),
		rise: max(1, or(h.Rise, 1)), fall: max(1, or(h.Fall, 1)),
	}
}

// keptTransitions is how many the history of a check holds.
const keptTransitions = 10

// check asks one address from time to time whether it takes connections.
type check struct {
	key     checkKey
	log     *slog.Logger
	doubts  chan<- *check
	doubted atomic.Int64 // when last, Unix nanoseconds

	mu          sync.Mutex // guards what follows
	state       string     // up | down | unknown
	reason      string
	since       time.Time
	streak      int // verdicts against the state, in a row
	transitions []Transition
}

// inherit takes over what another check found out about the same address.
func (c *check) inherit(from *check) {
	from.mu.Lock()
	defer from.mu.Unlock()
	c.state, c.reason, c.since = from.state, from.reason, from.since
	c.transitions = append([]Transition(nil), from.transitions...)
}

func (c *check) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state != Down
}

func (c *check) report() (state, reason string, since time.Time, history []Transition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.reason, c.since, append([]Transition(nil), c.transitions...)
}

// doubt asks for a check before its time, because a request failed. It neither
// waits nor lets a stream of failures become a stream of checks.
func (c *check) doubt() {
	now, last := time.Now().UnixNano(), c.doubted.Load()
	if now-last < int64(time.Second) || !c.doubted.CompareAndSwap(last, now) {
		return
	}
	select {
	case c.doubts <- c:
	default:
	}
}

func (c *check) every() time.Duration { return c.key.interval }

// run asks once and tells whether the state changed.
func (c *check) run(ctx context.Context, r *Registry) (changed bool) {
	if c.key.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.key.timeout)
		defer cancel()
	}
	conn, err := r.dial(ctx, "tcp", c.key.address)
	if err == nil {
		conn.Close()
	} else if errors.Is(ctx.Err(), context.Canceled) {
		return false // we are going, which says nothing about the node
	}
	return c.verdict(err, time.Now())
}

// verdict counts one answer. Until the first one a node is unknown and takes
// requests: one success makes it up, only fall failures make it down.
func (c *check) verdict(err error, now time.Time) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	agrees := c.state == Up && err == nil || c.state == Down && err != nil
	if agrees {
		c.streak = 0
		return false
	}
	c.streak++
	next, need := Up, c.key.rise
	if err != nil {
		next, need = Down, c.key.fall
	} else if c.state == Unknown {
		need = 1
	}
	if c.streak < need {
		return false
	}
	reason := reasonOf(err)
	level := slog.LevelInfo
	if next == Down {
		level = slog.LevelWarn
	} else if c.state == Unknown {
		level = slog.LevelDebug // as everybody expects
	}
	c.log.LogAttrs(context.Background(), level, "node is "+next,
		slog.String("address", c.key.address), slog.String("was", c.state), slog.String("reason", reason))
	c.state, c.reason, c.since, c.streak = next, reason, now, 0
	if len(c.transitions) == keptTransitions {
		c.transitions = append(c.transitions[:0], c.transitions[1:]...)
	}
	c.transitions = append(c.transitions, Transition{At: now, State: next, Reason: reason})
	return true
}

// reasonOf says in a few words why a check failed.
func reasonOf(err error) string {
	var denied *DeniedError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &denied):
		return "address denied"
	case errors.As(err, &dns):
		return "name not found"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	}
	return "cannot connect"
}
