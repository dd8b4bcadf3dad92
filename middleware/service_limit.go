package middleware

// serviceLimit bounds all calls of a service together.
func serviceLimit(in Inputs) (Gate, error) {
	if in.Service.Limits == nil {
		return nil, nil
	}
	tokens, per, burst := rate(in.Service.Limits.Service)
	limiter := in.State.Limiters.Rate(in.id(), tokens, per, burst)
	if limiter == nil {
		return nil, nil
	}
	limit := newLimit("service", tokens, per)
	return func(c *Call) error {
		ok, retryAfter := limiter.Allow(c.Now)
		if !ok {
			return tooMany("service_limit", limit, retryAfter)
		}
		c.take(limiter)
		return nil
	}, nil
}
