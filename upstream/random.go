package upstream

import "math/rand/v2"

// random takes any.
type random struct{ n int }

func newRandom(c []Choice) Balancer { return random{len(c)} }

func (r random) Pick(Key) int { return rand.IntN(r.n) }
