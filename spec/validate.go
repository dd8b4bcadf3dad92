package spec

// Ports says which ports services may take.
type Ports struct {
	Min, Max int            // listen_ports of the process; Max 0 is any port
	Taken    map[int]string // the gateway's own, with what for
}

const maxRate = 1e9

// Validate checks the whole document.
func (d *Document) Validate(p Ports) error { return nil }

// Warnings are odd, but allowed.
func (d *Document) Warnings() []*Invalid { return nil }

// Validate checks one service.
func (s *Service) Validate(p Ports) Errors { return nil }

// Validate checks one tenant.
func (t *Tenant) Validate() Errors { return nil }

// Validate checks one rule.
func (b *BlacklistRule) Validate() Errors { return nil }

// Validate checks settings.
func (s *Settings) Validate() Errors { return nil }
