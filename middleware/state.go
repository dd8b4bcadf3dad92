package middleware

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"yumen/flow"
)

// State is what the gates of all services share and what changes without a
// service changing: tenants, tokens, the blacklist. There is one per process;
// it outlives generations, which Use sets when they are swapped in.
type State struct {
	Counters *flow.Counters
	Limiters *flow.Limiters
	Quotas   *flow.Quotas

	tenants   atomic.Pointer[Tenants]
	blacklist atomic.Pointer[Blacklist]
	tokens    *tokenCache
}

// NewState makes a state that knows no tenant and shuts nobody out.
func NewState(c *flow.Counters, l *flow.Limiters, q *flow.Quotas) *State {
	s := &State{Counters: c, Limiters: l, Quotas: q, tokens: newTokenCache()}
	s.tenants.Store(new(Tenants))
	s.blacklist.Store(new(Blacklist))
	return s
}

// Use makes these the current ones, at a swap.
func (s *State) Use(t *Tenants, b *Blacklist) {
	s.tenants.Store(t)
	s.blacklist.Store(b)
}

// Blacklist is the gate before all others: it refuses the peer, and the client
// it speaks for, by the current list. Ask it when a connection is accepted,
// and again when the client's address is known.
func (s *State) Blacklist(c *Call) error {
	b := s.blacklist.Load()
	if b.Has(c.Peer, c.Now) || c.Client != c.Peer && b.Has(c.Client, c.Now) {
		return deniedBlacklisted
	}
	return nil
}

// Refused says why a live stream may go on no longer, by the current tenants
// and blacklist; "" while it may.
func (s *State) Refused(st Stream, now time.Time) string {
	b := s.blacklist.Load()
	if b.Has(st.Peer, now) || b.Has(st.Client, now) {
		return "blacklisted"
	}
	if st.Tenant == "" {
		return ""
	}
	t := s.tenants.Load().byID[st.Tenant]
	switch {
	case t == nil, !t.hasCredential(st.Credential, now):
		return "token_revoked"
	case !st.Expires.After(now):
		return "token_expired"
	case !t.enabled:
		return "tenant_disabled"
	case !t.mayUse(st.Service):
		return "scope"
	case !t.from.Has(st.Client):
		return "tenant_address"
	}
	return ""
}

// Sweep frees the levels of limits that belong to no subject keep wants (see
// flow.ServiceID, flow.TenantID), and clients that are idle.
func (s *State) Sweep(now time.Time, keep func(subject string) bool) {
	s.Limiters.Sweep(now, func(key string) bool { return strings.HasPrefix(key, endpointLimits) || keep(key) })
	s.tokens.sweep(now)
}

// allows tells whether name is in list, where a nil list holds every name.
func allows(list []string, name string) bool { return list == nil || slices.Contains(list, name) }
