package middleware

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Live is the streams now open: WebSocket, TCP, gRPC, SSE. A change of tenants
// or blacklist must reach them too, not only the next request.
type Live struct {
	seed   maphash.Seed
	shards [16]struct {
		mu      sync.Mutex
		streams map[*liveStream]struct{}
	}
}

// Stream is what is known about a live stream.
type Stream struct {
	Service      string
	Peer, Client netip.Addr
	Tenant       string // app_id; "" for none
	Credential   string
	Expires      time.Time // the token's
	Since        time.Time
	Endless      bool // WebSocket or events: it will not end by itself
}

type liveStream struct {
	Stream
	end func(reason string)
}

// NewLive makes an empty set.
func NewLive() *Live {
	l := &Live{seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].streams = map[*liveStream]struct{}{}
	}
	return l
}

// Add registers a stream; end is called at most once, with the reason, when it
// may go on no longer. Call remove when it is over.
func (l *Live) Add(call *Call, end func(reason string)) (remove func()) {
	s := &liveStream{Stream{
		Service: call.Service, Peer: call.Peer, Client: call.Client,
		Credential: strings.Clone(call.Credential), Expires: call.Expires, Since: call.Now,
	}, end}
	if call.Tenant != nil {
		s.Tenant = call.Tenant.AppID
	}
	if r := call.Request; r != nil {
		s.Endless = r.Upgrade != "" || r.Fields.Token("Accept", "text/event-stream")
	}
	shard := &l.shards[maphash.Comparable(l.seed, s)%uint64(len(l.shards))]
	shard.mu.Lock()
	shard.streams[s] = struct{}{}
	shard.mu.Unlock()
	return func() {
		shard.mu.Lock()
		delete(shard.streams, s)
		shard.mu.Unlock()
	}
}

// Sweep ends every stream for which refused gives a reason.
func (l *Live) Sweep(now time.Time, refused func(Stream) (reason string)) {
	type ending struct {
		stream *liveStream
		reason string
	}
	for i := range l.shards {
		shard := &l.shards[i]
		var over []ending
		shard.mu.Lock()
		for s := range shard.streams {
			if reason := refused(s.Stream); reason != "" {
				over = append(over, ending{s, reason})
				delete(shard.streams, s)
			}
		}
		shard.mu.Unlock()
		for _, e := range over { // outside the lock: an end may remove itself
			e.stream.end(e.reason)
		}
	}
}

// Len is how many there are.
func (l *Live) Len() (n int) {
	for i := range l.shards {
		shard := &l.shards[i]
		shard.mu.Lock()
		n += len(shard.streams)
		shard.mu.Unlock()
	}
	return n
}
