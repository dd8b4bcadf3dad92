// Package spec is the declarative document: what an operator wants of the
// gateway. It is pure data with its validation, defaults, differences and
// storage form; it imports nothing else of the project.
//
// Every optional scalar whose zero means something is a pointer, so that what
// people wrote and what they left out stay apart; an absent list is nil and an
// empty one is []. Tags carry the defaults (see defaults.go):
//
//	default:"2s"        for every protocol
//	default_grpc:"0s"   for one protocol
//	zero:"no limit"     what 0 means
package spec

import "time"

// Document is everything a proxy needs to know.
type Document struct {
	Services  []Service       `json:"services,omitzero"`
	Tenants   []Tenant        `json:"tenants,omitzero"`
	Blacklist []BlacklistRule `json:"blacklist,omitzero"`
	Settings  *Settings       `json:"settings,omitzero"`

	// Keys sign app tokens. They belong to the installation, are made by it,
	// and are no part of what people write.
	Keys []SigningKey `json:"-"`
}

// Service is one thing behind the gateway, with the way to it and its rules.
type Service struct {
	// Name is the identity, for ever: [A-Za-z0-9][A-Za-z0-9_.-]{0,127}.
	Name        string    `json:"name"`
	Protocol    string    `json:"protocol"` // http | tcp | grpc
	Title       string    `json:"title,omitzero"`
	Description string    `json:"description,omitzero"`
	Enabled     *bool     `json:"enabled,omitzero" default:"true"`
	Tags        []string  `json:"tags,omitzero"`
	Routes      []Route   `json:"routes,omitzero"`
	Listen      *Listen   `json:"listen,omitzero"`
	Rewrite     *Rewrite  `json:"rewrite,omitzero"`
	Headers     *Headers  `json:"headers,omitzero"`
	Upstream    *Upstream `json:"upstream,omitzero"`
	Access      *Access   `json:"access,omitzero"`
	Limits      *Limits   `json:"limits,omitzero"`

	// Origin is the number of the revision that created the service, so that
	// one made again under an old name counts from zero. 0 in file mode.
	Origin uint64 `json:"-"`
}

// Route says which requests belong to a service; any of its hosts and its
// path must match. An empty host list is any host, a nil path any path.
type Route struct {
	Hosts []string   `json:"hosts,omitzero"` // example.com | *.example.com
	Path  *PathMatch `json:"path,omitzero"`
}

// PathMatch is exactly one of its fields.
type PathMatch struct {
	Prefix string `json:"prefix,omitzero"` // whole segments
	Exact  string `json:"exact,omitzero"`
}

// Listen gives a service a port of its own.
type Listen struct {
	Port int `json:"port"`
}

// Rewrite changes the path on its way to the target.
type Rewrite struct {
	StripPrefix *bool `json:"strip_prefix,omitzero" default:"false"`
}

// Headers changes fields on their way.
type Headers struct {
	Request *HeaderRules `json:"request,omitzero"`
}

// HeaderRules are applied in the order remove, set, add. Values may use
// ${client_ip} ${request_id} ${tenant} ${host} ${path}.
type HeaderRules struct {
	Set    map[string]string `json:"set,omitzero"`
	Add    map[string]string `json:"add,omitzero"`
	Remove []string          `json:"remove,omitzero"`
}

// Upstream is where requests go.
type Upstream struct {
	Scheme   *string   `json:"scheme,omitzero" default:"http" default_grpc:"h2c" default_tcp:"tcp"` // http | https | h2 | h2c | tcp | tls
	Targets  []Target  `json:"targets,omitzero"`
	Balance  *Balance  `json:"balance,omitzero"`
	Health   *Health   `json:"health,omitzero"`
	Timeouts *Timeouts `json:"timeouts,omitzero"`
	Pool     *Pool     `json:"pool,omitzero"`
}

// Target is one address: host:port, [v6]:port.
type Target struct {
	Address string  `json:"address"`
	Weight  *int    `json:"weight,omitzero" default:"1" zero:"gets no new requests"` // 0..1000
	State   *string `json:"state,omitzero" default:"active"`                         // active | draining | disabled
}

// Balance chooses among the live targets.
type Balance struct {
	Policy *string `json:"policy,omitzero" default:"round_robin"` // random | round_robin | weighted_round_robin | ip_hash
}

// Health finds out which targets are alive.
type Health struct {
	Active *ActiveHealth `json:"active,omitzero"`
}

// ActiveHealth asks each target from time to time.
type ActiveHealth struct {
	Kind     *string   `json:"kind,omitzero" default:"tcp"` // tcp | none
	Interval *Duration `json:"interval,omitzero" default:"5s"`
	Timeout  *Duration `json:"timeout,omitzero" default:"2s"`
	Rise     *int      `json:"rise,omitzero" default:"2"`
	Fall     *int      `json:"fall,omitzero" default:"3"`
}

// Timeouts bound the way to a target; 0 is none.
type Timeouts struct {
	Connect        *Duration `json:"connect,omitzero" default:"2s" zero:"no limit"`
	TLSHandshake   *Duration `json:"tls_handshake,omitzero" default:"10s" zero:"no limit"`
	ResponseHeader *Duration `json:"response_header,omitzero" default:"30s" default_grpc:"0s" zero:"no limit"`
	BodyIdle       *Duration `json:"body_idle,omitzero" default:"60s" zero:"no limit"`
	StreamIdle     *Duration `json:"stream_idle,omitzero" default:"1h" zero:"no limit"` // tunnels, TCP, SSE, gRPC
	Request        *Duration `json:"request,omitzero" default:"0s" zero:"no limit"`
}

// Pool bounds the connections kept to each target.
type Pool struct {
	MaxIdlePerTarget *int      `json:"max_idle_per_target,omitzero" default:"128" zero:"keep none"`
	MaxPerTarget     *int      `json:"max_per_target,omitzero" default:"0" zero:"no limit"`
	Idle             *Duration `json:"idle,omitzero" default:"60s" zero:"no limit"`
}

// Access says who may use a service.
type Access struct {
	Allow   []string `json:"allow,omitzero"`               // CIDR or address; absent = anyone, [] = nobody
	Deny    []string `json:"deny,omitzero"`                // CIDR or address; always wins
	Auth    *string  `json:"auth,omitzero" default:"none"` // none | jwt
	Tenants []string `json:"tenants,omitzero"`             // app_ids; absent = all known, [] = nobody
}

// Limits bounds how much may pass.
type Limits struct {
	Service  *RateLimit `json:"service,omitzero"`
	ClientIP *RateLimit `json:"client_ip,omitzero"` // IPv6 clients per /64
}

// RateLimit is a token bucket: rate tokens each per, at most burst at once.
type RateLimit struct {
	Rate  *float64  `json:"rate,omitzero" default:"0" zero:"no limit"`
	Per   *Duration `json:"per,omitzero" default:"1s"`
	Burst *int      `json:"burst,omitzero" zero:"one period's rate, at least 1"`
}

// Tenant is somebody who calls services with app tokens.
type Tenant struct {
	// AppID is the identity, for ever; same form as Service.Name.
	AppID       string        `json:"app_id"`
	Name        string        `json:"name,omitzero"`
	Description string        `json:"description,omitzero"`
	Enabled     *bool         `json:"enabled,omitzero" default:"true"`
	Credentials []Credential  `json:"credentials,omitzero"`
	AllowIPs    []string      `json:"allow_ips,omitzero"` // absent = any address, [] = none
	Services    []string      `json:"services,omitzero"`  // absent = all, [] = none
	Limits      *TenantLimits `json:"limits,omitzero"`

	Origin uint64 `json:"-"` // as Service.Origin
}

// Credential is one secret of a tenant. A document file may give Secret
// instead of SecretHash; only the hash is ever stored.
type Credential struct {
	ID         string     `json:"id"`
	Secret     *Secret    `json:"secret,omitzero"`
	SecretHash string     `json:"secret_hash,omitzero"` // see HashSecret
	CreatedAt  *time.Time `json:"created_at,omitzero"`
	ExpiresAt  *time.Time `json:"expires_at,omitzero"`
}

// TenantLimits bound a tenant over all services.
type TenantLimits struct {
	QPS   *float64 `json:"qps,omitzero" default:"0" zero:"no limit"`
	Burst *int     `json:"burst,omitzero" zero:"one second's rate, at least 1"`
	QPD   *int64   `json:"qpd,omitzero" default:"0" zero:"no limit"`
}

// BlacklistRule shuts addresses out of every service, before everything else.
type BlacklistRule struct {
	CIDR      string     `json:"cidr"` // the identity; CIDR or address, stored in canonical form
	Reason    string     `json:"reason,omitzero"`
	ExpiresAt *time.Time `json:"expires_at,omitzero"`
}

// Settings hold for the whole installation.
type Settings struct {
	TimeZone       *string         `json:"time_zone,omitzero" default:"UTC"` // IANA
	TrustedProxies []string        `json:"trusted_proxies,omitzero"`         // CIDR or address
	Token          *TokenSettings  `json:"token,omitzero"`
	Client         *ClientSettings `json:"client,omitzero"`
}

// TokenSettings rule the token endpoint.
type TokenSettings struct {
	Enabled   *bool     `json:"enabled,omitzero" default:"true"`
	Path      *string   `json:"path,omitzero" default:"/oauth/tokens"`
	Hosts     []string  `json:"hosts,omitzero"` // absent = any
	Issuer    *string   `json:"issuer,omitzero" default:"yumen"`
	Audience  *string   `json:"audience,omitzero" default:"yumen"`
	Algorithm *string   `json:"algorithm,omitzero" default:"EdDSA"` // EdDSA | RS256 | ES256 | HS256
	TTL       *Duration `json:"ttl,omitzero" default:"1h"`
	AllowHTTP *bool     `json:"allow_http,omitzero" default:"false"` // issue over plain HTTP to anybody
}

// ClientSettings bound what clients may do on every HTTP listener.
type ClientSettings struct {
	Header                  *Duration `json:"header,omitzero" default:"10s" zero:"no limit"`
	Idle                    *Duration `json:"idle,omitzero" default:"75s" zero:"no limit"`
	BodyIdle                *Duration `json:"body_idle,omitzero" default:"30s" zero:"no limit"`
	MaxHeader               *Size     `json:"max_header,omitzero" default:"64KiB"`
	MaxConnections          *int      `json:"max_connections,omitzero" default:"0" zero:"no limit"`
	MaxConnectionsPerClient *int      `json:"max_connections_per_client,omitzero" default:"0" zero:"no limit"`
}

// SigningKey signs app tokens. All keys verify, the newest of the wanted
// algorithm signs.
type SigningKey struct {
	ID        string    `json:"id"`        // the JWT's kid
	Algorithm string    `json:"algorithm"` // EdDSA | RS256 | ES256 | HS256
	Private   Secret    `json:"private"`   // PKCS #8 in PEM; for HS256 base64 of 32 bytes
	CreatedAt time.Time `json:"created_at"`
}

// Key names one object of a document.
type Key struct {
	Kind Kind
	Name string
}

// Kind is what an object is.
type Kind string

// The kinds. A credential is named "app_id/id", a blacklist rule by its
// canonical CIDR, the settings "settings", a key by its ID.
const (
	KindService    Kind = "service"
	KindTenant     Kind = "tenant"
	KindCredential Kind = "credential"
	KindBlacklist  Kind = "blacklist"
	KindSettings   Kind = "settings"
	KindKey        Kind = "key"
)
