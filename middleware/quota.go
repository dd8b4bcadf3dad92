package middleware

import "time"

// quota bounds what a tenant may take in a day. It is the last gate: what it
// lets pass is used up.
func quota(in Inputs) (Gate, error) {
	if !authenticates(in) {
		return nil, nil
	}
	state := in.State
	return func(c *Call) error {
		t := c.Tenant
		if t.qpd <= 0 {
			return nil
		}
		l := t.levels(state)
		if !l.quota.Take(t.qpd, c.Now) {
			day := &Limit{Name: "quota", Quota: t.qpd, Window: 24 * time.Hour}
			return tooMany("quota", day, state.Quotas.Reset(c.Now))
		}
		l.meter.Spend(c.Now)
		c.take(l)
		return nil
	}, nil
}

// GiveBack returns what the quota took.
func (l *levels) GiveBack(now time.Time) {
	l.quota.GiveBack(now)
	l.meter.Unspend(now)
}
