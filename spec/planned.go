package spec

import "reflect"

// planned names the fields that docs/design promise and nothing enforces yet.
// They are refused like any unknown one, but with a word that says so. A field
// leaves this table when it joins its type.
var planned = map[reflect.Type][]string{
	reflect.TypeFor[Document]():     {"certificates"},
	reflect.TypeFor[Service]():      {"https", "split", "mirror", "cache", "compression", "block", "cors", "websocket", "merge_slashes", "drain_timeout"},
	reflect.TypeFor[Route]():        {"methods", "headers", "priority"},
	reflect.TypeFor[PathMatch]():    {"regex"},
	reflect.TypeFor[Listen]():       {"tls", "proxy_protocol", "shared"},
	reflect.TypeFor[Rewrite]():      {"rules", "host", "location"},
	reflect.TypeFor[Headers]():      {"response"},
	reflect.TypeFor[Upstream]():     {"discovery", "tls", "retries", "circuit_breaker", "fallback"},
	reflect.TypeFor[Target]():       {"priority", "tags"},
	reflect.TypeFor[Balance]():      {"hash_key", "sticky"},
	reflect.TypeFor[Health]():       {"passive", "slow_start", "panic_threshold"},
	reflect.TypeFor[ActiveHealth](): {"path", "status", "host"},
	reflect.TypeFor[Access]():       {"jwt"},
	reflect.TypeFor[Limits]():       {"concurrency", "on_limit", "wait_max", "queue_max", "max_body"},
	reflect.TypeFor[RateLimit]():    {"scope", "algorithm"},
	reflect.TypeFor[TenantLimits](): {"concurrency", "scope"},
	reflect.TypeFor[Settings]():     {"access_log"},
}

// The values a field takes, and those that are planned.
type choice struct{ now, later []string }

var (
	protocols   = choice{[]string{"http", "tcp", "grpc"}, []string{"udp", "forward"}}
	policies    = choice{[]string{"random", "round_robin", "weighted_round_robin", "ip_hash"}, []string{"least_conn", "p2c", "consistent_hash", "bounded_hash", "maglev"}}
	states      = choice{[]string{"active", "draining", "disabled"}, nil}
	healthKinds = choice{[]string{"tcp", "none"}, []string{"http", "grpc"}}
	auths       = choice{[]string{"none", "jwt"}, []string{"key", "basic", "mtls", "forward"}}
	algorithms  = choice{[]string{"EdDSA", "RS256", "ES256", "HS256"}, nil}

	schemes = map[string][]string{
		"http": {"http", "https", "h2", "h2c"},
		"grpc": {"h2c", "h2"},
		"tcp":  {"tcp", "tls"},
	}
)

// Protocols a service may have.
func Protocols() []string { return append([]string(nil), protocols.now...) }

// Policies a balancer may have.
func Policies() []string { return append([]string(nil), policies.now...) }

// Schemes an upstream of that protocol may have; nil for an unknown one.
func Schemes(protocol string) []string { return append([]string(nil), schemes[protocol]...) }
