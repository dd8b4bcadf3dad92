package middleware

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

const (
	tokenShards = 64
	maxGood     = 1024 // tokens a shard
	maxBad      = 128
	badFor      = 10 * time.Second
)

// tokenCache remembers which tokens were verified, so that a signature is
// checked once, and briefly which were not, so that a bad one repeated costs
// nothing. It is bounded; bad tokens cannot push out good ones.
type tokenCache struct {
	seed   maphash.Seed
	shards [tokenShards]tokenShard
}

type tokenShard struct {
	mu   sync.RWMutex
	good map[string]*verified
	bad  map[string]refused
}

// refused is a token found bad by a verifier.
type refused struct {
	by    *verifier
	until time.Time
	why   error
}

func newTokenCache() *tokenCache {
	c := &tokenCache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].good, c.shards[i].bad = map[string]*verified{}, map[string]refused{}
	}
	return c
}

// verify judges a token by v, from memory where it can. The error is a
// *Denied.
func (c *tokenCache) verify(token string, v *verifier, now time.Time) (*verified, error) {
	if len(token) > maxToken {
		return nil, deniedToken
	}
	s := &c.shards[maphash.String(c.seed, token)%tokenShards]
	s.mu.RLock()
	good, bad := s.good[token], refused{}
	if good == nil {
		bad = s.bad[token]
	}
	s.mu.RUnlock()
	switch {
	case good != nil && good.by == v:
		if now.After(good.expires.Add(leeway)) {
			return nil, deniedExpired
		}
		return good, nil
	case bad.why != nil && bad.by == v && now.Before(bad.until):
		return nil, bad.why
	}
	good, err := v.verify(token, now)
	token = strings.Clone(token) // what we were given is a view
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if len(s.bad) >= maxBad {
			clear(s.bad)
		}
		s.bad[token] = refused{v, now.Add(badFor), err}
		return nil, err
	}
	if len(s.good) >= maxGood {
		s.makeRoom(now)
	}
	s.good[token] = good
	delete(s.bad, token)
	return good, nil
}

// makeRoom forgets an expired token among a few, or else any.
func (s *tokenShard) makeRoom(now time.Time) {
	seen := 0
	for token, v := range s.good {
		if seen++; seen == 8 || now.After(v.expires) {
			delete(s.good, token)
			return
		}
	}
}

// sweep forgets what is of no use any more.
func (c *tokenCache) sweep(now time.Time) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for token, v := range s.good {
			if now.After(v.expires.Add(leeway)) {
				delete(s.good, token)
			}
		}
		for token, r := range s.bad {
			if now.After(r.until) {
				delete(s.bad, token)
			}
		}
		s.mu.Unlock()
	}
}

func (c *tokenCache) len() (good, bad int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		good, bad = good+len(s.good), bad+len(s.bad)
		s.mu.RUnlock()
	}
	return good, bad
}
