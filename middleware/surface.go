package middleware

import (
	"net/netip"
	"time"

	"yumen/message"
	"yumen/spec"
)

// Blacklist is the addresses shut out of everything.
type Blacklist struct{}

// NewBlacklist compiles rules.
func NewBlacklist(rules []spec.BlacklistRule) (*Blacklist, error) { panic("surface") }

// Has tells whether a rule that has not expired covers a.
func (b *Blacklist) Has(a netip.Addr, now time.Time) bool { panic("surface") }

// Blacklist is the Gate: it refuses the peer and the client it speaks for by
// the current list.
func (s *State) Blacklist(c *Call) error { panic("surface") }

// Trusted is the proxies whose X-Forwarded fields are believed. The zero value
// believes nobody.
type Trusted struct{}

// NewTrusted compiles addresses and CIDRs.
func NewTrusted(cidrs []string) (Trusted, error) { panic("surface") }

// Has tells whether a is a trusted proxy.
func (t Trusted) Has(a netip.Addr) bool { panic("surface") }

// Client is whom peer speaks for.
func (t Trusted) Client(peer netip.Addr, f message.Fields) netip.Addr { panic("surface") }

// Origin is where a request came from, as the client knows it.
type Origin struct {
	Client  netip.Addr
	Trusted bool   // the peer is a trusted proxy
	Scheme  string // http | https
	Host    string // authority as the client used it
	Port    string
}

// Receive finds the origin of a request and drops every field by which an
// untrusted peer could pretend to one (with their underscore twins).
func (t Trusted) Receive(r *message.Request, peer netip.Addr, local netip.AddrPort) Origin {
	panic("surface")
}

// Forward writes the fields that tell the upstream: X-Forwarded-For (peer
// appended), -Proto, -Host, -Port, X-Real-IP.
func (o Origin) Forward(f *message.Fields, peer netip.Addr) {}

// Tenants is who may call, compiled.
type Tenants struct{}

// Tenant is one of them.
type Tenant struct {
	AppID  string
	Origin uint64
}

// NewTenants compiles the tenants, signing keys and token settings of a
// document. What did not change since the state's current ones is reused.
func NewTenants(d *spec.Document, s *State) (*Tenants, error) { panic("surface") }

// NewSigningKey makes a key for an algorithm: EdDSA, RS256, ES256, HS256.
func NewSigningKey(algorithm string, now time.Time) (spec.SigningKey, error) { panic("surface") }

// TokenEndpoint answers POST /oauth/tokens (where the settings put it) and
// GET /.well-known/jwks.json.
type TokenEndpoint struct{}

// NewTokenEndpoint makes the endpoint of a state; it follows its settings.
func NewTokenEndpoint(s *State) *TokenEndpoint { panic("surface") }

// Serve answers x if it is for the endpoint; otherwise it returns false and
// leaves x alone.
func (e *TokenEndpoint) Serve(x *message.Exchange, call *Call) bool { panic("surface") }

// Live is the streams now open: WebSocket, TCP, gRPC, SSE.
type Live struct{}

// NewLive makes an empty set.
func NewLive() *Live { panic("surface") }

// Stream is what is known about a live stream.
type Stream struct {
	Service      string
	Peer, Client netip.Addr
	Tenant       string // app_id, "" for none
	Credential   string
	Expires      time.Time
	Since        time.Time
}

// Add registers a stream; end is called once, with the reason, when it may no
// longer go on. Call remove when it is over.
func (l *Live) Add(call *Call, end func(reason string)) (remove func()) { panic("surface") }

// Sweep ends every stream for which refused gives a reason.
func (l *Live) Sweep(now time.Time, refused func(Stream) (reason string)) {}

// Len is how many there are.
func (l *Live) Len() int { panic("surface") }

// Refused says why a live stream may not go on by the current tenants and
// blacklist; "" when it may.
func (s *State) Refused(st Stream, now time.Time) string { panic("surface") }
