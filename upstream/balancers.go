package upstream

import "net/netip"

// Balancer chooses among the live nodes of a pool. One is made anew whenever
// they change; Pick is called by many at once and takes no lock.
type Balancer interface {
	// Pick returns the index of a choice; there are at least two.
	Pick(k Key) int
}

// Choice is a live node with a weight above 0.
type Choice struct {
	Address string
	Weight  int
}

// Key is what a balancer may choose by.
type Key struct{ Client netip.Addr }

// balancers names every balancer. Add yours here, in its own file.
var balancers = map[string]func([]Choice) Balancer{
	"random":               newRandom,
	"round_robin":          newRoundRobin,
	"weighted_round_robin": newWeightedRoundRobin,
	"ip_hash":              newIPHash,
}
