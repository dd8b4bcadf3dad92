package upstream

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func choices(weights ...int) (c []Choice) {
	for i, w := range weights {
		c = append(c, Choice{fmt.Sprintf("10.0.0.%d:80", i+1), w})
	}
	return c
}

func picks(b Balancer, n int) []int {
	var p []int
	for i := range n {
		p = append(p, b.Pick(Key{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})}))
	}
	return p
}

func share(p []int) map[int]int {
	m := map[int]int{}
	for _, i := range p {
		m[i]++
	}
	return m
}

func TestRoundRobinTakesOneAfterTheOther(t *testing.T) {
	p := picks(newRoundRobin(choices(1, 1, 1)), 9)
	require.Equal(t, map[int]int{0: 3, 1: 3, 2: 3}, share(p))
	for i := 1; i < len(p); i++ {
		require.Equal(t, (p[i-1]+1)%3, p[i])
	}
}

func TestRandomTakesEachAboutAsOften(t *testing.T) {
	for i, n := range share(picks(newRandom(choices(1, 1, 1, 1)), 4000)) {
		require.InDelta(t, 1000, n, 200, i)
	}
}

func TestWeightedRoundRobinIsSmooth(t *testing.T) {
	b := newWeightedRoundRobin(choices(50, 10, 10)).(*weightedRoundRobin)
	require.Equal(t, []uint16{0, 0, 1, 0, 2, 0, 0}, b.turns, "as nginx: a a b a c a a")
	require.Equal(t, map[int]int{0: 500, 1: 100, 2: 100}, share(picks(b, 700)))
}

func TestWeightsThatNeedALongRoundAreRounded(t *testing.T) {
	c := choices(1, 1000, 999, 997)
	for range 20 {
		c = append(c, Choice{fmt.Sprint(len(c)), 1000})
	}
	b := newWeightedRoundRobin(c).(*weightedRoundRobin)
	require.LessOrEqual(t, len(b.turns), maxTurns+len(c))
	n := share(picks(b, len(b.turns)))
	require.Equal(t, 1, n[0])
	require.InEpsilon(t, 999.0/22997*float64(len(b.turns)), float64(n[2]), 0.01)
}

func TestIPHashGivesAClientTheSameNode(t *testing.T) {
	b := newIPHash(choices(1, 1, 1, 1))
	again := newIPHash(choices(1, 1, 1, 1))
	for i, n := range share(picks(b, 256)) {
		require.InDelta(t, 64, n, 32, i)
	}
	require.Equal(t, picks(b, 256), picks(again, 256), "on every proxy")
	v4, mapped := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1")
	require.Equal(t, b.Pick(Key{v4}), b.Pick(Key{mapped}))
	require.NotPanics(t, func() { b.Pick(Key{}) })
}

func TestIPHashMovesOnlyTheClientsOfANodeThatIsGone(t *testing.T) {
	c := choices(1, 1, 1, 1)
	before := picks(newIPHash(c), 256)
	after := picks(newIPHash(c[:3]), 256)
	for i := range before {
		if before[i] != 3 {
			require.Equal(t, before[i], after[i])
		}
	}
}

// origin.md, defect 16: data races in balancers. Run with -race.
func TestBalancersMayBeUsedByManyAtOnce(t *testing.T) {
	for name, made := range balancers {
		b := made(choices(3, 2, 1))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for _, i := range picks(b, 1000) {
					if i < 0 || i > 2 {
						t.Errorf("%s picked %d", name, i)
					}
				}
			})
		}
		wg.Wait()
	}
}
