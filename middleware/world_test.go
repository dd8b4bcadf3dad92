package middleware

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"yumen/flow"
	"yumen/message"
	"yumen/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a state with a document in force and a clock that stands still.
type world struct {
	t     testing.TB
	now   time.Time
	state *State
	doc   *spec.Document
}

// newWorld has the tenant "a" with credential "c1", whose secret is "secret",
// and an EdDSA key.
func newWorld(t testing.TB) *world {
	t.Helper()
	counters := flow.NewCounters("n", func() time.Time { return noon })
	w := &world{t: t, now: noon, state: NewState(counters, flow.NewLimiters(), flow.NewQuotas(time.UTC))}
	w.state.Quotas.Seeded.Store(true)
	w.doc = &spec.Document{
		Tenants: []spec.Tenant{{AppID: "a", Origin: 3, Credentials: []spec.Credential{{ID: "c1", SecretHash: spec.HashSecret("secret")}}}},
		Keys:    []spec.SigningKey{w.key("EdDSA")},
	}
	w.apply()
	return w
}

func (w *world) key(algorithm string) spec.SigningKey {
	w.t.Helper()
	k, err := NewSigningKey(algorithm, w.now)
	require.NoError(w.t, err)
	return k
}

// apply puts the document in force.
func (w *world) apply() {
	w.t.Helper()
	tenants, err := NewTenants(w.doc, w.state)
	require.NoError(w.t, err)
	blacklist, err := NewBlacklist(w.doc.Blacklist)
	require.NoError(w.t, err)
	w.state.Use(tenants, blacklist)
}

func (w *world) tenant() *spec.Tenant { return &w.doc.Tenants[0] }

func (w *world) token() string { return w.scoped("") }

func (w *world) scoped(scope string) string {
	w.t.Helper()
	all := w.state.tenants.Load()
	token, _, err := all.Issue(all.Tenant("a"), "c1", scope, w.now)
	require.NoError(w.t, err)
	return token
}

// service is an effective HTTP service.
func service(change func(s *spec.Service)) *spec.Service {
	s := spec.Service{Name: "orders", Protocol: "http", Origin: 12}
	if change != nil {
		change(&s)
	}
	s = spec.Effective(s, s.Protocol)
	return &s
}

func withAuth(s *spec.Service) { s.Access = &spec.Access{Auth: ptr("jwt")} }

func (w *world) chain(s *spec.Service) Chain {
	w.t.Helper()
	c, err := NewChain(Inputs{Service: s, State: w.state})
	require.NoError(w.t, err)
	return c
}

// call is a request from an address, with fields by name and value.
func (w *world) call(from string, fields ...string) *Call {
	a := Addr(netip.MustParseAddr(from))
	r := &message.Request{Method: "GET", Scheme: "http", Authority: "h", Path: "/", Body: message.Empty}
	for i := 0; i < len(fields); i += 2 {
		r.Fields.Add(fields[i], fields[i+1])
	}
	return &Call{Service: "orders", Peer: a, Client: a, Scheme: "http", Request: r, Now: w.now}
}

func (w *world) bearer(token string) *Call {
	return w.call("192.0.2.1", "Authorization", "Bearer "+token)
}

// reason is why an error refuses, "" for none.
func reason(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var d *Denied
	require.True(t, errors.As(err, &d), "%v is no *Denied", err)
	return d.Reason
}

func ptr[T any](v T) *T { return &v }

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
