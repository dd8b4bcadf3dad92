package middleware

import (
	"fmt"
	"time"
)

// Denied is a refusal. It is returned, never rendered here: each protocol says
// it in its own words.
type Denied struct {
	Reason     string        // one of flow.Reasons
	Status     int           // HTTP's
	RetryAfter time.Duration // 0: do not say
	Allow      []string      // methods, with 405
	Challenge  string        // WWW-Authenticate, with 401
	Limit      *Limit        // which limit, with 429
	Err        error         // for the log only
}

func (d *Denied) Error() string {
	if d.Err != nil {
		return fmt.Sprintf("%s: %v", d.Reason, d.Err)
	}
	return d.Reason
}

func (d *Denied) Unwrap() error { return d.Err }

// Limit is what a 429 says about itself (draft-ietf-httpapi-ratelimit-headers).
type Limit struct {
	Name   string // client, tenant, service, quota
	Quota  int64
	Window time.Duration
}

// Policy is the value of RateLimit-Policy.
func (l *Limit) Policy() string {
	return fmt.Sprintf("%q;q=%d;w=%d", l.Name, l.Quota, seconds(l.Window))
}

// State is the value of RateLimit when nothing remains for that long.
func (l *Limit) State(retryAfter time.Duration) string {
	return fmt.Sprintf("%q;r=0;t=%d", l.Name, seconds(retryAfter))
}

// seconds rounds up: nobody should come back too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
