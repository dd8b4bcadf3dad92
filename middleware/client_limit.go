package middleware

// clientLimit bounds each client address by itself.
func clientLimit(in Inputs) (Gate, error) {
	if in.Service.Limits == nil {
		return nil, nil
	}
	tokens, per, burst := rate(in.Service.Limits.ClientIP)
	limiter := in.State.Limiters.Clients(in.id(), tokens, per, burst)
	if limiter == nil {
		return nil, nil
	}
	limit := newLimit("client", tokens, per)
	return func(c *Call) error {
		taken, ok, retryAfter := limiter.Allow(c.Client, c.Now)
		if !ok {
			return tooMany("client_limit", limit, retryAfter)
		}
		c.take(taken)
		return nil
	}, nil
}
