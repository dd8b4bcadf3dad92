package middleware

var (
	deniedDisabled = &Denied{Reason: "tenant_disabled", Status: 403}
	deniedScope    = &Denied{Reason: "scope", Status: 403}
	deniedAddress  = &Denied{Reason: "tenant_address", Status: 403}
)

// tenant asks whether the tenant may use this service from where it is.
func tenant(in Inputs) (Gate, error) {
	if !authenticates(in) {
		return nil, nil
	}
	service, id, admitted := in.Service.Name, in.id(), in.Service.Access.Tenants
	state := in.State
	return func(c *Call) error {
		t := c.Tenant
		meter := t.levels(state).meter
		c.Meter(meter)
		c.Meter(meter.Pair(id))
		switch {
		case !t.enabled:
			return deniedDisabled
		case !allows(admitted, t.AppID), !t.mayUse(service), !allows(c.scope, service):
			return deniedScope
		case !t.from.Has(c.Client):
			return deniedAddress
		}
		return nil
	}, nil
}
