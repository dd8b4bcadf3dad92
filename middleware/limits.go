package middleware

import (
	"math"
	"time"

	"yumen/spec"
)

// rate is a spec.RateLimit in plain numbers.
func rate(l *spec.RateLimit) (tokens float64, per time.Duration, burst int) {
	if l == nil {
		return 0, 0, 0
	}
	return value(l.Rate, 0), time.Duration(value(l.Per, spec.Duration(time.Second))), value(l.Burst, 0)
}

// value is what p points to, or absent.
func value[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// tooMany refuses for a limit.
func tooMany(reason string, l *Limit, retryAfter time.Duration) *Denied {
	return &Denied{Reason: reason, Status: 429, RetryAfter: retryAfter, Limit: l}
}

func newLimit(name string, tokens float64, per time.Duration) *Limit {
	return &Limit{Name: name, Quota: int64(math.Ceil(tokens)), Window: per}
}
