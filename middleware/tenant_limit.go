package middleware

// tenantLimit bounds a tenant over all services.
func tenantLimit(in Inputs) (Gate, error) {
	if !authenticates(in) {
		return nil, nil
	}
	state := in.State
	return func(c *Call) error {
		limiter := c.Tenant.levels(state).limiter
		if limiter == nil {
			return nil
		}
		ok, retryAfter := limiter.Allow(c.Now)
		if !ok {
			return tooMany("tenant_limit", c.Tenant.limit, retryAfter)
		}
		c.take(limiter)
		return nil
	}, nil
}
