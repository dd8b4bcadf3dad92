package spec

import "time"

// Warnings are what is odd in a valid document, but allowed.
func (d *Document) Warnings() []*Invalid {
	c := new(checker)
	all := newClaims(d)
	now := time.Now()
	each(c, "services", maxServices, d.Services, func(s *Service) { c.oddService(s, all) })
	each(c, "tenants", maxTenants, d.Tenants, func(t *Tenant) {
		each(c, "credentials", maxSecrets, t.Credentials, func(k *Credential) {
			if k.Secret != nil && len(k.Secret.Reveal()) < minSecret {
				c.badIn("secret", CodeWeakSecret, params{"min": minSecret}, "is shorter than %d characters", minSecret)
			}
			c.expired(k.ExpiresAt, now)
		})
	})
	each(c, "blacklist", maxBlacklist, d.Blacklist, func(b *BlacklistRule) {
		if p, err := CanonicalPrefix(b.CIDR); err == nil && p.Bits() == 0 {
			c.badIn("cidr", CodeShutsAll, nil, "shuts out every address of its family")
		}
		c.expired(b.ExpiresAt, now)
	})
	return c.errs
}

func (c *checker) expired(at *time.Time, now time.Time) {
	if at != nil && at.Before(now) {
		c.badIn("expires_at", CodeExpired, nil, "is over")
	}
}

func (c *checker) oddService(s *Service, all claims) {
	if !s.IsEnabled() {
		before := len(c.errs)
		c.claimed(all, s)
		for _, one := range c.errs[before:] {
			one.Code = CodeTakenIfEnabled
		}
	}
	if s.Rewrite != nil && s.Rewrite.StripPrefix != nil && *s.Rewrite.StripPrefix && !hasPathRoute(s) {
		c.in("rewrite")
		c.badIn("strip_prefix", CodeStripsNothing, nil, "no route has a path to strip")
		c.out()
	}
	if s.Upstream == nil {
		return
	}
	c.in("upstream")
	defer c.out()
	policy := ""
	if s.Upstream.Balance != nil && s.Upstream.Balance.Policy != nil {
		policy = *s.Upstream.Balance.Policy
	}
	live, weighted := false, false
	for _, t := range s.Upstream.Targets {
		live = live || (t.State == nil || *t.State == "active") && (t.Weight == nil || *t.Weight > 0)
		weighted = weighted || t.Weight != nil && *t.Weight > 1
	}
	if !live && len(s.Upstream.Targets) > 0 {
		c.badIn("targets", CodeNoLiveTarget, nil, "none of them takes new requests")
	}
	if weighted && policy != "weighted_round_robin" {
		c.badIn("targets", CodeWeightIgnored, params{"policy": policy}, "weights count with weighted_round_robin only")
	}
}

func hasPathRoute(s *Service) bool {
	for _, r := range s.Routes {
		if r.Path != nil && len(r.Path.Prefix+r.Path.Exact) > 1 {
			return true
		}
	}
	return false
}
