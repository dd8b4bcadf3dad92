// Package flow answers "how much?": counters, limiters, quotas.
package flow

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Bounds are the upper ends of the histogram's buckets, here and in /metrics;
// one more bucket holds what took longer.
var Bounds = [...]time.Duration{
	100 * time.Microsecond, 200 * time.Microsecond, 350 * time.Microsecond, 500 * time.Microsecond, 750 * time.Microsecond,
	1 * time.Millisecond, 1500 * time.Microsecond, 2 * time.Millisecond, 3500 * time.Microsecond, 5 * time.Millisecond, 7500 * time.Microsecond,
	10 * time.Millisecond, 15 * time.Millisecond, 20 * time.Millisecond, 35 * time.Millisecond, 50 * time.Millisecond, 75 * time.Millisecond,
	100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, 350 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond,
	1 * time.Second, 1500 * time.Millisecond, 2 * time.Second, 3500 * time.Millisecond, 5 * time.Second, 7500 * time.Millisecond,
	10 * time.Second, 15 * time.Second, 20 * time.Second, 35 * time.Second, 60 * time.Second,
}

// Buckets is how many a histogram has.
const Buckets = len(Bounds) + 1

// bucketOf is the histogram bucket of d.
func bucketOf(d time.Duration) int {
	lo, hi := 0, len(Bounds)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if d <= Bounds[mid] {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// Counts is what happened to one subject in one span of time.
type Counts struct {
	Requests uint64            // requests, connections: whatever ended
	Status   [6]uint64         // by class, 1xx to 5xx; [0] without a status
	GRPC     [17]uint64        // by grpc-status
	Refused  map[string]uint64 // by reason, of those in Requests
	In, Out  uint64            // bytes from and to clients
	Quota    uint64            // what was admitted against a daily quota, counted at admission
	Hist     [Buckets]uint64   // of durations, by Bounds
}

// Add adds o to c.
func (c *Counts) Add(o *Counts) {
	c.Requests += o.Requests
	for i := range c.Status {
		c.Status[i] += o.Status[i]
	}
	for i := range c.GRPC {
		c.GRPC[i] += o.GRPC[i]
	}
	for r, n := range o.Refused {
		if c.Refused == nil {
			c.Refused = make(map[string]uint64, len(o.Refused))
		}
		c.Refused[r] += n
	}
	c.In += o.In
	c.Out += o.Out
	c.Quota += o.Quota
	for i := range c.Hist {
		c.Hist[i] += o.Hist[i]
	}
}

// Pack writes what is not zero: "n=10 2=9 4=1 in=300 r.service_limit=1 h12=9".
// Names: n requests, 0 to 5 status classes, g0 to g16 grpc-status, r.REASON
// refusals, in and out bytes, q quota, h0… histogram.
func (c *Counts) Pack() string {
	b := make([]byte, 0, 96)
	put := func(name string, i int, n uint64) {
		if n == 0 {
			return
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, name...)
		if i >= 0 {
			b = strconv.AppendInt(b, int64(i), 10)
		}
		b = append(b, '=')
		b = strconv.AppendUint(b, n, 10)
	}
	put("n", -1, c.Requests)
	for i, n := range c.Status {
		put("", i, n)
	}
	for i, n := range c.GRPC {
		put("g", i, n)
	}
	put("in", -1, c.In)
	put("out", -1, c.Out)
	put("q", -1, c.Quota)
	if len(c.Refused) > 0 {
		reasons := make([]string, 0, len(c.Refused))
		for r := range c.Refused {
			reasons = append(reasons, r)
		}
		sort.Strings(reasons)
		for _, r := range reasons {
			put("r."+r, -1, c.Refused[r])
		}
	}
	for i, n := range c.Hist {
		put("h", i, n)
	}
	return string(b)
}

// ParseCounts reads what Pack wrote. Names it does not know, which a newer
// version may have written, are left out; what is no pair of name and number
// is an error.
func ParseCounts(s string) (Counts, error) {
	var c Counts
	for pair := range strings.FieldsSeq(s) {
		name, value, ok := strings.Cut(pair, "=")
		n, err := strconv.ParseUint(value, 10, 64)
		if !ok || name == "" || err != nil {
			return Counts{}, fmt.Errorf("counts: %q is not name=number", clip(pair))
		}
		c.set(name, n)
	}
	return c, nil
}

func (c *Counts) set(name string, n uint64) {
	switch name {
	case "n":
		c.Requests = n
		return
	case "in":
		c.In = n
		return
	case "out":
		c.Out = n
		return
	case "q":
		c.Quota = n
		return
	}
	if r, ok := strings.CutPrefix(name, "r."); ok {
		if c.Refused == nil {
			c.Refused = map[string]uint64{}
		}
		c.Refused[r] = n
		return
	}
	switch name[0] {
	case 'g':
		setAt(c.GRPC[:], name[1:], n)
	case 'h':
		setAt(c.Hist[:], name[1:], n)
	default:
		setAt(c.Status[:], name, n)
	}
}

func setAt(to []uint64, index string, n uint64) {
	if i, err := strconv.ParseUint(index, 10, 8); err == nil && int(i) < len(to) {
		to[i] = n
	}
}

// Quantile estimates the duration below which a share q (0…1) of all lie; 0
// when there are none. It interpolates within a bucket.
func (c *Counts) Quantile(q float64) time.Duration {
	var total uint64
	for _, n := range c.Hist {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := q * float64(total)
	var below uint64
	for i, n := range c.Hist {
		if n == 0 || float64(below+n) < rank {
			below += n
			continue
		}
		if i == len(Bounds) {
			break
		}
		var low time.Duration
		if i > 0 {
			low = Bounds[i-1]
		}
		return low + time.Duration((rank-float64(below))/float64(n)*float64(Bounds[i]-low))
	}
	return Bounds[len(Bounds)-1]
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}
