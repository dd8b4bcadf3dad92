package upstream

import (
	"math/rand/v2"
	"sync/atomic"
)

// roundRobin takes one after the other. It begins anywhere, so that many
// proxies that learn of a change together do not all begin with the same node.
type roundRobin struct {
	n    uint64
	next atomic.Uint64
}

func newRoundRobin(c []Choice) Balancer {
	r := &roundRobin{n: uint64(len(c))}
	r.next.Store(rand.Uint64N(r.n))
	return r
}

func (r *roundRobin) Pick(Key) int { return int((r.next.Add(1) - 1) % r.n) }
