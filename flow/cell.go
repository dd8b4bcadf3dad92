package flow

import (
	"math/rand/v2"
	"sync/atomic"
)

// Everything counted has a slot. The rare ones stand last and get memory only
// when they are used.
const (
	slotStatus  = 0
	slotIn      = slotStatus + 6
	slotOut     = slotIn + 1
	slotQuota   = slotOut + 1
	slotHist    = slotQuota + 1
	hotSlots    = slotHist + Buckets
	slotGRPC    = hotSlots
	slotRefused = slotGRPC + 17
	slots       = slotRefused + len(Reasons)
)

// cell is what one subject counts within one minute. Adding to it is one
// atomic operation.
type cell struct {
	minute  int64
	stripes []stripe
	sum     *tally // what was read of it so far; by the flusher only
	closing bool   // by the flusher only
}

// stripe is a part of a cell. Subjects that every request counts have several,
// so that processors do not wait for each other.
type stripe struct {
	hot  [hotSlots]atomic.Uint64
	rare atomic.Pointer[[slots - hotSlots]atomic.Uint64]
	_    [64]byte
}

func newCell(minute int64, stripes int) *cell {
	return &cell{minute: minute, stripes: make([]stripe, stripes)}
}

func (c *cell) stripe() *stripe {
	if len(c.stripes) == 1 {
		return &c.stripes[0]
	}
	return &c.stripes[rand.Uint32()%uint32(len(c.stripes))]
}

func (s *stripe) add(slot int, n uint64) {
	if slot < hotSlots {
		s.hot[slot].Add(n)
		return
	}
	rare := s.rare.Load()
	if rare == nil {
		s.rare.CompareAndSwap(nil, new([slots - hotSlots]atomic.Uint64))
		rare = s.rare.Load()
	}
	rare[slot-hotSlots].Add(n)
}

// read adds all stripes up.
func (c *cell) read(into *[slots]uint64) {
	clear(into[:])
	for i := range c.stripes {
		s := &c.stripes[i]
		for slot := range s.hot {
			into[slot] += s.hot[slot].Load()
		}
		if rare := s.rare.Load(); rare != nil {
			for slot := range rare {
				into[hotSlots+slot] += rare[slot].Load()
			}
		}
	}
}

// sparse is counts without the zeros, in the order of slots.
type sparse []entry

type entry struct {
	n    uint64
	slot uint8
}

// add adds dense to s.
func (s sparse) add(dense *[slots]uint64) sparse {
	missing := 0
	at := 0
	for slot, n := range dense {
		if n == 0 {
			continue
		}
		for at < len(s) && int(s[at].slot) < slot {
			at++
		}
		if at < len(s) && int(s[at].slot) == slot {
			s[at].n += n
		} else {
			missing++
		}
	}
	if missing == 0 {
		return s
	}
	merged := make(sparse, 0, len(s)+missing)
	at = 0
	for slot, n := range dense {
		switch {
		case at < len(s) && int(s[at].slot) == slot:
			merged = append(merged, s[at])
			at++
		case n != 0:
			merged = append(merged, entry{n: n, slot: uint8(slot)})
		}
	}
	return merged
}

// take subtracts s from dense and tells whether anything is left.
func (s sparse) take(dense *[slots]uint64) (some bool) {
	for _, e := range s {
		dense[e.slot] -= e.n
	}
	for _, n := range dense {
		if n != 0 {
			return true
		}
	}
	return false
}

// counts is s in the form others read.
func (s sparse) counts() Counts {
	var c Counts
	for _, e := range s {
		switch slot := int(e.slot); {
		case slot < slotIn:
			c.Status[slot-slotStatus] = e.n
			c.Requests += e.n
		case slot == slotIn:
			c.In = e.n
		case slot == slotOut:
			c.Out = e.n
		case slot == slotQuota:
			c.Quota = e.n
		case slot < slotGRPC:
			c.Hist[slot-slotHist] = e.n
		case slot < slotRefused:
			c.GRPC[slot-slotGRPC] = e.n
		default:
			if c.Refused == nil {
				c.Refused = make(map[string]uint64)
			}
			c.Refused[Reasons[slot-slotRefused]] = e.n
		}
	}
	return c
}
