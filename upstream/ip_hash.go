package upstream

import "encoding/binary"

// ipHash gives a client the same node as long as that lives, on every proxy:
// the node with the highest hash of client and node (rendezvous hashing), so
// that a node that goes or comes moves only its own clients.
type ipHash struct{ seeds []uint64 }

func newIPHash(c []Choice) Balancer {
	b := ipHash{make([]uint64, len(c))}
	for i, n := range c {
		h := uint64(14695981039346656037) // FNV-1a
		for j := range len(n.Address) {
			h = (h ^ uint64(n.Address[j])) * 1099511628211
		}
		b.seeds[i] = mix(h)
	}
	return b
}

func (b ipHash) Pick(k Key) int {
	a := k.Client.As16()
	key := mix(binary.BigEndian.Uint64(a[:8])) ^ binary.BigEndian.Uint64(a[8:])
	best, highest := 0, uint64(0)
	for i, seed := range b.seeds {
		if h := mix(key ^ seed); h >= highest {
			best, highest = i, h
		}
	}
	return best
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
