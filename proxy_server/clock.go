package proxyserver

import (
	"sync/atomic"
	"time"
)

// clock is this machine's, corrected by Redis's, so that every node puts an
// event into the same bucket.
type clock struct{ offset atomic.Int64 }

// Now is the corrected time.
func (c *clock) Now() time.Time { return time.Now().Add(c.ahead()) }

// ahead is what to add to this machine's time.
func (c *clock) ahead() time.Duration { return time.Duration(c.offset.Load()) }

// maxRoundTrip is how long asking for the time may take and still say
// something about it.
const maxRoundTrip = 500 * time.Millisecond

// correct takes over a time that was asked for between before and after.
func (c *clock) correct(theirs, before, after time.Time) {
	if trip := after.Sub(before); trip >= 0 && trip <= maxRoundTrip {
		c.offset.Store(int64(theirs.Sub(before.Add(trip / 2))))
	}
}
