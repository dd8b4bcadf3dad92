package flow

// Reasons are all the reasons for a refusal that are counted; any other counts
// as "other". They are a closed list because they become labels of metrics.
var Reasons = [...]string{
	"other",
	"bad_request", "bad_path", "no_route", "method", "too_large", "header_too_large", "request_timeout", "misdirected",
	"blacklisted", "denied", "client_limit",
	"unauthenticated", "token_invalid", "token_expired", "token_revoked",
	"tenant_disabled", "scope", "tenant_address", "tenant_limit", "service_limit", "quota",
	"no_target", "upstream_failed", "upstream_timeout", "draining", "service_gone", "client_gone", "internal", "connections",
}

var reasonIndex = func() map[string]int {
	m := make(map[string]int, len(Reasons))
	for i, r := range Reasons {
		m[r] = i
	}
	return m
}()
