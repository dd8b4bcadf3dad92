package upstream

import (
	"math/rand/v2"
	"sync/atomic"
)

// maxTurns bounds a weighted round. Weights that need a longer one are
// rounded, each to at least one turn.
const maxTurns = 8192

// weightedRoundRobin gives each node as many turns of a round as it has
// weight, spread evenly ("smooth", as nginx does it). The round is laid out
// beforehand, so that a pick is one step in it.
type weightedRoundRobin struct {
	turns []uint16
	next  atomic.Uint64
}

func newWeightedRoundRobin(c []Choice) Balancer {
	weights := turnsOf(c)
	total := 0
	for _, w := range weights {
		total += w
	}
	b := &weightedRoundRobin{turns: make([]uint16, total)}
	current := make([]int, len(weights))
	for turn := range b.turns {
		best := 0
		for i, w := range weights {
			current[i] += w
			if current[i] > current[best] {
				best = i
			}
		}
		current[best] -= total
		b.turns[turn] = uint16(best)
	}
	b.next.Store(rand.Uint64N(uint64(total)))
	return b
}

func (b *weightedRoundRobin) Pick(Key) int {
	return int(b.turns[(b.next.Add(1)-1)%uint64(len(b.turns))])
}

// turnsOf is the smallest whole numbers in proportion to the weights.
func turnsOf(c []Choice) []int {
	divisor, total := 0, 0
	for _, n := range c {
		divisor = gcd(n.Weight, divisor)
		total += n.Weight
	}
	weights := make([]int, len(c))
	for i, n := range c {
		weights[i] = n.Weight / divisor
		if total/divisor > maxTurns {
			weights[i] = max(1, n.Weight*maxTurns/total)
		}
	}
	return weights
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
