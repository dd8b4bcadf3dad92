package middleware

import (
	"fmt"
	"sync/atomic"
	"time"

	"yumen/flow"
	"yumen/spec"
)

// Tenants are all who may call, with what their tokens are judged by. They
// never change.
type Tenants struct {
	byID     map[string]*Tenant
	verifier *verifier
	issue    issue
}

// Tenant is one of them.
type Tenant struct {
	AppID  string
	Origin uint64

	enabled     bool
	credentials []credential
	from        *addresses
	services    []string // nil for all
	qps         float64
	burst       int
	qpd         int64
	limit       *Limit

	used atomic.Pointer[levels]
}

type credential struct {
	id, hash string
	expires  time.Time // zero for never
}

// levels are a tenant's counters and limits. They are made when it first
// calls, for most of a hundred thousand tenants do not.
type levels struct {
	meter   *flow.Subject
	limiter *flow.Limiter
	quota   *flow.Quota
}

// NewTenants compiles the tenants, signing keys and token settings of a
// document. State's current keys are reused if they did not change, with all
// tokens verified by them. Errors are *spec.Invalid.
func NewTenants(d *spec.Document, s *State) (*Tenants, error) {
	var settings spec.Settings
	if d.Settings != nil {
		settings = *d.Settings
	}
	settings = spec.Effective(settings, "")
	all := &Tenants{byID: make(map[string]*Tenant, len(d.Tenants))}
	var err error
	if all.verifier, err = newVerifier(d.Keys, settings.Token, s.tenants.Load().verifier); err != nil {
		return nil, err
	}
	all.issue = newIssue(settings.Token, all.verifier)
	for i := range d.Tenants {
		t, err := newTenant(&d.Tenants[i])
		if err != nil {
			return nil, fmt.Errorf("tenant %q: %w", d.Tenants[i].AppID, err)
		}
		all.byID[t.AppID] = t
	}
	return all, nil
}

func newTenant(from *spec.Tenant) (*Tenant, error) {
	t := &Tenant{AppID: from.AppID, Origin: from.Origin, enabled: from.IsEnabled(), services: from.Services}
	var err error
	if t.from, err = newAddresses(from.AllowIPs, "/allow_ips"); err != nil {
		return nil, err
	}
	if l := from.Limits; l != nil {
		t.qps, t.burst, t.qpd = value(l.QPS, 0), value(l.Burst, 0), value(l.QPD, 0)
		t.limit = newLimit("tenant", t.qps, time.Second)
	}
	for _, c := range from.Credentials {
		made := credential{id: c.ID, hash: c.SecretHash}
		if made.hash == "" && c.Secret != nil {
			made.hash = spec.HashSecret(c.Secret.Reveal()) // a document file
		}
		if c.ExpiresAt != nil {
			made.expires = *c.ExpiresAt
		}
		t.credentials = append(t.credentials, made)
	}
	return t, nil
}

// hasCredential tells whether the credential is there and not expired.
func (t *Tenant) hasCredential(id string, now time.Time) bool {
	for i := range t.credentials {
		if c := &t.credentials[i]; c.id == id {
			return c.live(now)
		}
	}
	return false
}

func (c *credential) live(now time.Time) bool { return c.expires.IsZero() || now.Before(c.expires) }

func (t *Tenant) mayUse(service string) bool { return allows(t.services, service) }

// levels are the tenant's in this process.
func (t *Tenant) levels(s *State) *levels {
	if l := t.used.Load(); l != nil {
		return l
	}
	id := flow.TenantID(t.AppID, t.Origin)
	l := &levels{
		meter:   s.Counters.Subject(id),
		limiter: s.Limiters.Rate(id, t.qps, time.Second, t.burst),
		quota:   s.Quotas.Of(id),
	}
	t.used.Store(l)
	return l
}
