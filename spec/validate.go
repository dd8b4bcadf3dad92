package spec

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Ports says which ports services may take.
type Ports struct {
	Min, Max int            // listen_ports of the process; Max 0 is any port
	Taken    map[int]string // the gateway's own, with what for
}

// The bounds of what people may write. Lists are bounded too, so that one
// object stays something a form can show.
const (
	maxName       = 128
	maxTitle      = 200
	maxText       = 2000
	maxTags       = 32
	maxTag        = 64
	maxRoutes     = 200
	maxHosts      = 200
	maxPath       = 1024
	maxTargets    = 1000
	maxRules      = 64
	maxValue      = 4096
	maxAddresses  = 10_000
	maxReferences = 10_000
	maxServices   = 50_000
	maxTenants    = 500_000
	maxBlacklist  = 100_000
	maxSecrets    = 32
	maxSecret     = 512
	minSecret     = 16 // under this it is weak
	maxRate       = 1e9
	maxWeight     = 1000
	maxWait       = Duration(7 * 24 * time.Hour)
	day           = Duration(24 * time.Hour)
)

// Validate checks everything in one document: each object, and names, ports,
// routes and references among them. The error is Errors, with pointers from
// the document's root; Errors.Within gives those of one object.
func (d *Document) Validate(p Ports) error {
	c := &checker{ports: p}
	c.document(d)
	return c.errs.Err()
}

// Validate checks one service by itself; pointers begin at the service.
func (s *Service) Validate(p Ports) Errors {
	c := &checker{ports: p}
	c.service(s)
	return c.errs
}

// Validate checks one tenant by itself.
func (t *Tenant) Validate() Errors {
	c := new(checker)
	c.tenant(t)
	return c.errs
}

// Validate checks one credential by itself.
func (k *Credential) Validate() Errors {
	c := new(checker)
	c.credential(k)
	return c.errs
}

// Validate checks one rule by itself.
func (b *BlacklistRule) Validate() Errors {
	c := new(checker)
	c.blacklistRule(b)
	return c.errs
}

// Validate checks settings by themselves.
func (s *Settings) Validate() Errors {
	c := new(checker)
	c.settings(s)
	return c.errs
}

// checker walks a document. Every method stands where its argument is.
type checker struct {
	finder
	ports    Ports
	protocol string // of the service it is in
}

// each calls check for every element of the list called name.
func each[T any](c *checker, name string, most int, list []T, check func(*T)) {
	if len(list) == 0 {
		return
	}
	c.in(name)
	if len(list) > most {
		c.bad(CodeTooMany, params{"max": most}, "there are %d, at most %d may be", len(list), most)
		list = list[:most]
	}
	for i := range list {
		c.at(i)
		check(&list[i])
		c.out()
	}
	c.out()
}

// sub calls check where the optional struct called name is.
func sub[T any](c *checker, name string, v *T, check func(*T)) {
	if v != nil {
		c.in(name)
		check(v)
		c.out()
	}
}

func (c *checker) document(d *Document) {
	each(c, "services", maxServices, d.Services, c.service)
	each(c, "tenants", maxTenants, d.Tenants, c.tenant)
	each(c, "blacklist", maxBlacklist, d.Blacklist, c.blacklistRule)
	sub(c, "settings", d.Settings, c.settings)
	c.among(d)
}

func (c *checker) service(s *Service) {
	c.name("name", s.Name)
	c.text("title", s.Title, maxTitle)
	c.text("description", s.Description, maxText)
	tags := make(map[string]bool, len(s.Tags))
	each(c, "tags", maxTags, s.Tags, func(tag *string) {
		c.here(*tag, maxTag)
		if *tag == "" {
			c.bad(CodeRequired, nil, "a tag must not be empty")
		}
		c.once(tags, *tag)
	})
	if s.Protocol == "" {
		c.badIn("protocol", CodeRequired, params{"allowed": protocols.now}, "is required: %s", oneOf(protocols.now))
		return
	}
	if !c.choice("protocol", &s.Protocol, protocols) {
		return
	}
	c.protocol = s.Protocol
	defer func() { c.protocol = "" }()

	c.listening(s)
	if c.protocol == "tcp" {
		c.useless("routes", s.Routes != nil)
		c.useless("rewrite", s.Rewrite != nil)
		c.useless("headers", s.Headers != nil)
	} else {
		routes := map[string]bool{}
		each(c, "routes", maxRoutes, s.Routes, func(r *Route) { c.route(r, routes) })
		sub(c, "headers", s.Headers, func(h *Headers) { sub(c, "request", h.Request, c.headerRules) })
	}
	if s.Upstream == nil {
		c.badIn("upstream", CodeRequired, nil, "is required")
	} else {
		sub(c, "upstream", s.Upstream, c.upstream)
	}
	sub(c, "access", s.Access, c.access)
	sub(c, "limits", s.Limits, func(l *Limits) {
		sub(c, "service", l.Service, c.rateLimit)
		sub(c, "client_ip", l.ClientIP, c.rateLimit)
	})
}

func (c *checker) listening(s *Service) {
	switch {
	case s.Listen != nil:
		c.in("listen")
		c.port(s.Listen.Port)
		c.out()
	case c.protocol == "tcp":
		c.badIn("listen", CodeRequired, nil, "a tcp service needs a port of its own")
	case len(s.Routes) == 0:
		c.badIn("routes", CodeRequired, nil, "a route or a port of its own (listen) is required")
	}
}

func (c *checker) port(port int) {
	lowest, highest := c.ports.Min, c.ports.Max
	if highest == 0 {
		lowest, highest = 1, 65535
	}
	if port == 0 {
		c.badIn("port", CodeRequired, params{"min": lowest, "max": highest}, "is required: %d to %d", lowest, highest)
	} else if c.between("port", int64(port), int64(lowest), int64(highest)) {
		if other, ok := c.ports.Taken[port]; ok {
			c.badIn("port", CodePortTaken, params{"port": port, "other": other}, "port %d is the gateway's own: %s", port, other)
		}
	}
}

func (c *checker) route(r *Route, routes map[string]bool) {
	hosts := make(map[string]bool, len(r.Hosts))
	if r.Hosts != nil && len(r.Hosts) == 0 {
		c.badIn("hosts", CodeRequired, nil, "an empty list matches nothing; leave it out for any host")
	}
	each(c, "hosts", maxHosts, r.Hosts, func(h *string) {
		c.host(*h)
		c.once(hosts, *h)
	})
	sub(c, "path", r.Path, func(p *PathMatch) {
		switch {
		case (p.Prefix == "") == (p.Exact == ""):
			c.bad(CodeOneOf, params{"fields": []string{"prefix", "exact"}}, "either prefix or exact must be given")
		case p.Prefix != "":
			c.in("prefix")
			c.path(p.Prefix)
			c.out()
		default:
			c.in("exact")
			c.path(p.Exact)
			c.out()
		}
	})
	for key := range r.keys() {
		if routes[key] {
			c.bad(CodeDuplicate, params{"value": clip(key)}, "the same route (%s) stands here twice", clip(key))
			return
		}
	}
	for key := range r.keys() {
		routes[key] = true
	}
}

// keys names each host and path a route claims, in words that people
// understand: "api.example.com prefix /orders".
func (r *Route) keys() func(yield func(string) bool) {
	path := " prefix /"
	switch {
	case r.Path == nil:
	case r.Path.Exact != "":
		path = " exact " + r.Path.Exact
	case r.Path.Prefix != "":
		path = " prefix /" + strings.Trim(r.Path.Prefix, "/")
	}
	return func(yield func(string) bool) {
		if len(r.Hosts) == 0 {
			yield("*" + path)
			return
		}
		for _, h := range r.Hosts {
			if !yield(h + path) {
				return
			}
		}
	}
}

func (c *checker) headerRules(h *HeaderRules) {
	values := func(name string, rules map[string]string) {
		if len(rules) == 0 {
			return
		}
		c.in(name)
		if len(rules) > maxRules {
			c.bad(CodeTooMany, params{"max": maxRules}, "there are %d, at most %d may be", len(rules), maxRules)
		}
		folded := make(map[string]bool, len(rules))
		for _, field := range sorted(rules) {
			c.in(field)
			c.headerName(field)
			c.headerValue(rules[field])
			c.once(folded, strings.ToLower(field))
			c.out()
		}
		c.out()
	}
	values("set", h.Set)
	values("add", h.Add)
	removed := make(map[string]bool, len(h.Remove))
	each(c, "remove", maxRules, h.Remove, func(field *string) {
		c.headerName(*field)
		c.once(removed, strings.ToLower(*field))
	})
}

func (c *checker) upstream(u *Upstream) {
	if u.Scheme != nil {
		c.choice("scheme", u.Scheme, choice{now: schemes[c.protocol]})
	}
	if len(u.Targets) == 0 {
		c.badIn("targets", CodeRequired, nil, "at least one target is required")
	}
	addresses := make(map[string]bool, len(u.Targets))
	each(c, "targets", maxTargets, u.Targets, func(t *Target) {
		c.in("address")
		if canonical, ok := c.address(t.Address); ok {
			c.once(addresses, canonical)
		}
		c.out()
		optional(c, "weight", t.Weight, 0, maxWeight)
		c.choice("state", t.State, states)
	})
	sub(c, "balance", u.Balance, func(b *Balance) { c.choice("policy", b.Policy, policies) })
	sub(c, "health", u.Health, func(h *Health) { sub(c, "active", h.Active, c.activeHealth) })
	sub(c, "timeouts", u.Timeouts, c.timeouts)
	if c.protocol == "tcp" {
		c.useless("pool", u.Pool != nil)
		return
	}
	sub(c, "pool", u.Pool, func(p *Pool) {
		optional(c, "max_idle_per_target", p.MaxIdlePerTarget, 0, 100_000)
		optional(c, "max_per_target", p.MaxPerTarget, 0, 100_000)
		c.duration("idle", p.Idle, 0, maxWait)
	})
}

func (c *checker) activeHealth(h *ActiveHealth) {
	c.choice("kind", h.Kind, healthKinds)
	c.duration("interval", h.Interval, Duration(100*time.Millisecond), Duration(time.Hour))
	c.duration("timeout", h.Timeout, Duration(10*time.Millisecond), Duration(10*time.Minute))
	optional(c, "rise", h.Rise, 1, 100)
	optional(c, "fall", h.Fall, 1, 100)
}

func (c *checker) timeouts(t *Timeouts) {
	c.duration("connect", t.Connect, 0, maxWait)
	c.duration("tls_handshake", t.TLSHandshake, 0, maxWait)
	c.duration("response_header", t.ResponseHeader, 0, maxWait)
	c.duration("body_idle", t.BodyIdle, 0, maxWait)
	c.duration("stream_idle", t.StreamIdle, 0, maxWait)
	c.duration("request", t.Request, 0, maxWait)
	if c.protocol == "tcp" {
		c.useless("response_header", t.ResponseHeader != nil)
		c.useless("body_idle", t.BodyIdle != nil)
		c.useless("request", t.Request != nil)
	}
}

func (c *checker) access(a *Access) {
	c.prefixes("allow", maxAddresses, a.Allow)
	c.prefixes("deny", maxAddresses, a.Deny)
	c.choice("auth", a.Auth, auths)
	jwt := a.Auth != nil && *a.Auth == "jwt"
	c.names("tenants", maxReferences, a.Tenants)
	switch {
	case c.protocol == "tcp":
		c.useless("auth", jwt)
		c.useless("tenants", a.Tenants != nil)
	case a.Tenants != nil && !jwt:
		c.badIn("tenants", CodeNeedsAuth, nil, "has no effect without auth: jwt, as nobody says who they are")
	}
}

func (c *checker) rateLimit(l *RateLimit) {
	c.rate("rate", l.Rate)
	c.duration("per", l.Per, Duration(time.Millisecond), day)
	optional(c, "burst", l.Burst, 0, maxRate)
}

func (c *checker) tenant(t *Tenant) {
	c.name("app_id", t.AppID)
	c.text("name", t.Name, maxTitle)
	c.text("description", t.Description, maxText)
	ids := make(map[string]bool, len(t.Credentials))
	each(c, "credentials", maxSecrets, t.Credentials, func(k *Credential) {
		c.credential(k)
		c.in("id")
		c.once(ids, k.ID)
		c.out()
	})
	c.prefixes("allow_ips", maxAddresses, t.AllowIPs)
	c.names("services", maxReferences, t.Services)
	sub(c, "limits", t.Limits, func(l *TenantLimits) {
		c.rate("qps", l.QPS)
		optional(c, "burst", l.Burst, 0, maxRate)
		optional(c, "qpd", l.QPD, 0, 1_000_000_000_000)
	})
}

func (c *checker) credential(k *Credential) {
	c.name("id", k.ID)
	switch {
	case (k.Secret == nil) == (k.SecretHash == ""):
		c.bad(CodeOneOf, params{"fields": []string{"secret", "secret_hash"}}, "either secret or secret_hash must be given")
	case k.Secret != nil && k.Secret.IsRedacted():
		c.badIn("secret", CodeRedacted, nil, "is shown as *** only; give the secret itself, or secret_hash")
	case k.Secret != nil && k.Secret.Reveal() == "":
		c.badIn("secret", CodeRequired, nil, "must not be empty")
	case k.Secret != nil:
		c.text("secret", k.Secret.Reveal(), maxSecret)
	default:
		if _, _, ok := splitHash(k.SecretHash); !ok {
			c.badIn("secret_hash", CodeBadSecretHash, nil, "is not of the form hmac-sha256:<salt>:<mac>")
		}
	}
}

func (c *checker) blacklistRule(b *BlacklistRule) {
	if b.CIDR == "" {
		c.badIn("cidr", CodeRequired, nil, "is required")
	} else {
		c.in("cidr")
		c.prefix(b.CIDR)
		c.out()
	}
	c.text("reason", b.Reason, maxText)
}

func (c *checker) settings(s *Settings) {
	if s.TimeZone != nil {
		// "" and "Local" would be the machine's, which differs from node to node.
		if _, err := time.LoadLocation(*s.TimeZone); err != nil || *s.TimeZone == "" || *s.TimeZone == "Local" {
			c.badIn("time_zone", CodeBadTimeZone, params{"value": clip(*s.TimeZone)}, "%q is no IANA time zone such as UTC or Asia/Shanghai", clip(*s.TimeZone))
		}
	}
	c.prefixes("trusted_proxies", maxAddresses, s.TrustedProxies)
	sub(c, "token", s.Token, func(t *TokenSettings) {
		if t.Path != nil {
			c.in("path")
			c.path(*t.Path)
			c.out()
		}
		hosts := make(map[string]bool, len(t.Hosts))
		if t.Hosts != nil && len(t.Hosts) == 0 {
			c.badIn("hosts", CodeRequired, nil, "an empty list matches nothing; leave it out for any host")
		}
		each(c, "hosts", maxHosts, t.Hosts, func(h *string) {
			c.host(*h)
			c.once(hosts, *h)
		})
		c.optionalText("issuer", t.Issuer, maxTitle)
		c.optionalText("audience", t.Audience, maxTitle)
		c.choice("algorithm", t.Algorithm, algorithms)
		c.duration("ttl", t.TTL, Duration(time.Second), 30*day)
	})
	sub(c, "client", s.Client, func(l *ClientSettings) {
		c.duration("header", l.Header, 0, Duration(time.Hour))
		c.duration("idle", l.Idle, 0, day)
		c.duration("body_idle", l.BodyIdle, 0, day)
		if l.MaxHeader != nil && (*l.MaxHeader < 4<<10 || *l.MaxHeader > 16<<20) {
			c.badIn("max_header", CodeOutOfRange, params{"min": "4KiB", "max": "16MiB"}, "must be 4KiB to 16MiB")
		}
		optional(c, "max_connections", l.MaxConnections, 0, 10_000_000)
		optional(c, "max_connections_per_client", l.MaxConnectionsPerClient, 0, 10_000_000)
	})
}

// among checks what the objects of a document are to each other.
func (c *checker) among(d *Document) {
	services := make(map[string]int, len(d.Services))
	tenants := make(map[string]int, len(d.Tenants))
	c.in("services")
	for i := range d.Services {
		c.unique(services, i, "name", d.Services[i].Name)
	}
	c.out()
	c.in("tenants")
	for i := range d.Tenants {
		c.unique(tenants, i, "app_id", d.Tenants[i].AppID)
	}
	c.out()
	c.in("blacklist")
	rules := make(map[string]int, len(d.Blacklist))
	for i := range d.Blacklist {
		if p, err := CanonicalPrefix(d.Blacklist[i].CIDR); err == nil {
			c.unique(rules, i, "cidr", p.String())
		}
	}
	c.out()
	claims := newClaims(d)
	c.in("services")
	for i := range d.Services {
		s := &d.Services[i]
		c.at(i)
		if s.IsEnabled() {
			c.claimed(claims, s)
		}
		if s.Access != nil {
			c.in("access")
			references(c, "tenants", s.Access.Tenants, tenants, "tenant")
			c.out()
		}
		c.out()
	}
	c.out()
	c.in("tenants")
	for i := range d.Tenants {
		c.at(i)
		references(c, "services", d.Tenants[i].Services, services, "service")
		c.out()
	}
	c.out()
}

func (c *checker) unique(seen map[string]int, i int, field, name string) {
	if first, ok := seen[name]; ok && name != "" {
		c.at(i)
		c.badIn(field, CodeNameTaken, params{"value": name}, "%q is there already, as number %d", clip(name), first+1)
		c.out()
		return
	}
	seen[name] = i
}

func references(c *checker, field string, names []string, known map[string]int, what string) {
	for i, name := range names {
		if _, ok := known[name]; !ok {
			c.in(field)
			c.at(i)
			c.bad(CodeUnknownReference, params{"value": clip(name)}, "there is no %s %q", what, clip(name))
			c.out()
			c.out()
		}
	}
}

// claims are the ports and routes of the enabled services, each with the first
// that has it. A disabled service holds none: what it wants is looked at when
// it is enabled.
type claims struct {
	ports  map[int]*Service
	routes map[string]*Service // on the shared listeners
}

func newClaims(d *Document) claims {
	all := claims{make(map[int]*Service), make(map[string]*Service, len(d.Services))}
	for i := range d.Services {
		s := &d.Services[i]
		if !s.IsEnabled() {
			continue
		}
		if s.Listen != nil {
			if all.ports[s.Listen.Port] == nil {
				all.ports[s.Listen.Port] = s
			}
			continue
		}
		for k := range s.Routes {
			for key := range s.Routes[k].keys() {
				if all.routes[key] == nil {
					all.routes[key] = s
				}
			}
		}
	}
	return all
}

func (c *checker) claimed(all claims, s *Service) {
	if s.Listen != nil {
		if other := all.ports[s.Listen.Port]; other != nil && other != s {
			c.in("listen")
			c.badIn("port", CodePortTaken, params{"port": s.Listen.Port, "other": other.Name}, "service %q has port %d", other.Name, s.Listen.Port)
			c.out()
		}
		return
	}
	for i := range s.Routes {
		for key := range s.Routes[i].keys() {
			if other := all.routes[key]; other != nil && other != s {
				c.in("routes")
				c.at(i)
				c.bad(CodeRouteTaken, params{"route": clip(key), "other": other.Name}, "service %q has the same route (%s)", other.Name, clip(key))
				c.out()
				c.out()
				break
			}
		}
	}
}

// useless refuses what would have no effect for this protocol.
func (c *checker) useless(field string, given bool) {
	if given {
		c.badIn(field, CodeNotForProtocol, params{"protocol": c.protocol}, "has no effect for %s", c.protocol)
	}
}

// choice checks a value that is one of a few; nil is the default.
func (c *checker) choice(field string, value *string, of choice) bool {
	switch {
	case value == nil || slices.Contains(of.now, *value):
		return true
	case slices.Contains(of.later, *value):
		c.badIn(field, CodeNotSupported, params{"value": *value, "allowed": of.now}, "%s is not supported yet: %s", *value, oneOf(of.now))
	default:
		c.badIn(field, CodeUnknownValue, params{"value": clip(*value), "allowed": of.now}, "%q is unknown: %s", clip(*value), oneOf(of.now))
	}
	return false
}

func oneOf(names []string) string { return "one of " + strings.Join(names, ", ") }

// between checks a whole number.
func (c *checker) between(field string, n, lowest, highest int64) bool {
	if n < lowest || n > highest {
		c.badIn(field, CodeOutOfRange, params{"min": lowest, "max": highest}, "must be %d to %d", lowest, highest)
		return false
	}
	return true
}

func optional[T int | int64](c *checker, field string, n *T, lowest, highest int64) {
	if n != nil {
		c.between(field, int64(*n), lowest, highest)
	}
}

func (c *checker) duration(field string, d *Duration, lowest, highest Duration) {
	if d != nil && (*d < lowest || *d > highest) {
		c.badIn(field, CodeOutOfRange, params{"min": lowest.String(), "max": highest.String()}, "must be %s to %s", lowest, highest)
	}
}

func (c *checker) rate(field string, r *float64) {
	if r != nil && (math.IsNaN(*r) || *r < 0 || *r > maxRate) {
		c.badIn(field, CodeOutOfRange, params{"min": 0, "max": maxRate}, "must be 0 to %s", fmt.Sprint(maxRate))
	}
}
