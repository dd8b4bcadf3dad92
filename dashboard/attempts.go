package dashboard

import (
	"net/netip"
	"sync"
	"time"
)

// attempts slows down who guesses passwords: from the sixth wrong one for an
// account from an address, and from the twentieth from an address, each costs
// a wait that doubles. The right password from elsewhere is not slowed down.
//
// It is kept in memory: a restart forgives, several dashboards count apart.
type attempts struct {
	mu    sync.Mutex
	by    map[string]*failures
	swept time.Time
}

type failures struct {
	wrong int
	until time.Time // no attempt counts before
	last  time.Time
	said  bool // the audit trail has this wait
}

const (
	freePerAccount = 5
	freePerAddress = 19
	firstWait      = 4 * time.Second
	longestWait    = 15 * time.Minute
	forgetAfter    = time.Hour
	mostFailures   = 100_000
)

func newAttempts() *attempts { return &attempts{by: map[string]*failures{}} }

// client is what counts as one address: IPv6 clients have a /64.
func client(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return a.String()
}

// begin counts an attempt as wrong before it is looked at, so that many at
// once are no way round. When it must wait, wait is how long, and first tells
// that nobody was told so before.
func (a *attempts) begin(now time.Time, account, address string) (wait time.Duration, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweep(now)
	both := []struct {
		key  string
		free int
	}{{client(address) + "\x00" + account, freePerAccount}, {client(address), freePerAddress}}
	for _, b := range both {
		if f := a.by[b.key]; f != nil && now.Before(f.until) && f.until.Sub(now) > wait {
			wait, first = f.until.Sub(now), !f.said
			f.said = true
		}
	}
	if wait > 0 {
		return wait, first
	}
	for _, b := range both {
		f := a.by[b.key]
		if f == nil {
			f = new(failures)
			a.by[b.key] = f
		}
		f.wrong++
		f.last, f.said = now, false
		if over := f.wrong - b.free; over >= 0 {
			f.until = now.Add(min(firstWait<<min(over, 20), longestWait))
		}
	}
	return 0, false
}

// right takes back what begin counted, for an attempt that was right, or
// could not be judged. What a right one forgives is its own account only:
// otherwise an own account would be a way to guess others'.
func (a *attempts) right(account, address string, judged bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	own := client(address) + "\x00" + account
	if judged {
		delete(a.by, own)
	} else {
		a.undo(own)
	}
	a.undo(client(address))
}

func (a *attempts) undo(key string) {
	if f := a.by[key]; f != nil {
		f.wrong--
		f.until = time.Time{}
		if f.wrong <= 0 {
			delete(a.by, key)
		}
	}
}

// sweep forgets what is long ago, and everything when there is too much of it.
func (a *attempts) sweep(now time.Time) {
	if now.Sub(a.swept) < time.Minute && len(a.by) < mostFailures {
		return
	}
	a.swept = now
	for k, f := range a.by {
		if now.Sub(f.last) > forgetAfter {
			delete(a.by, k)
		}
	}
	for k := range a.by { // in no order: nobody can choose what is forgotten
		if len(a.by) < mostFailures {
			break
		}
		delete(a.by, k)
	}
}
