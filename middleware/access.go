package middleware

var deniedAccess = &Denied{Reason: "denied", Status: 403}

// access holds the service's own lists against the client's address; deny
// always wins.
func access(in Inputs) (Gate, error) {
	a := in.Service.Access
	if a == nil || a.Allow == nil && len(a.Deny) == 0 {
		return nil, nil
	}
	allow, err := newAddresses(a.Allow, "/access/allow")
	if err != nil {
		return nil, err
	}
	deny, err := newAddresses(append([]string{}, a.Deny...), "/access/deny")
	if err != nil {
		return nil, err
	}
	return func(c *Call) error {
		if deny.Has(c.Client) || !allow.Has(c.Client) {
			return deniedAccess
		}
		return nil
	}, nil
}
