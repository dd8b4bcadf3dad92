// Package upstream answers "who is next?": nodes and whether they are alive,
// pools of them, and the ways to choose.
package upstream

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"yumen/message"
	"yumen/spec"
)

// ErrNoTarget tells that no target is alive and active.
var ErrNoTarget = errors.New("no live target")

// Pool is the targets of one service. It is made at build; who in it is alive
// follows the registry.
type Pool struct {
	service  string
	registry *Registry
	targets  []target
	template message.Target
	health   checkKey // without an address; interval 0: no checks
	balancer func([]Choice) Balancer

	view atomic.Pointer[view]
}

// target is what a document names: an address, or a name that stands for any
// number of them.
type target struct {
	host   string
	port   uint16
	addr   netip.Addr // not valid for a name
	weight int
	state  string
	tls    *tls.Config
}

// view is a pool's nodes at one moment.
type view struct {
	all      []*member
	live     []*member // active, not down, of some weight
	balancer Balancer  // of live, when there are two or more
}

// member is a node in a pool.
type member struct {
	node   *Node
	target *message.Target
	check  *check // nil: not checked
	weight int
	state  string // as configured
	reason string // why a name has no address yet
}

// NewPool makes the pool of a service from its effective upstream. Errors are
// *spec.Invalid, their fields relative to the service.
func NewPool(service string, u *spec.Upstream, r *Registry) (*Pool, error) {
	p := &Pool{service: service, registry: r}
	policy := "round_robin"
	if u.Balance != nil {
		policy = or(u.Balance.Policy, policy)
	}
	if p.balancer = balancers[policy]; p.balancer == nil {
		return nil, &spec.Invalid{
			Field: "/upstream/balance/policy", Code: spec.CodeUnknownValue,
			Message: fmt.Sprintf("unknown policy %q", policy), Params: map[string]any{"value": policy},
		}
	}
	p.template = templateOf(u)
	if u.Health != nil && u.Health.Active != nil {
		p.health = checkOf(u.Health.Active)
	}
	for i, t := range u.Targets {
		made, err := p.parse(t)
		if err == nil && made.addr.IsValid() {
			err = r.dialer.Check(netip.AddrPortFrom(made.addr, made.port))
		}
		if err != nil {
			code := spec.CodeBadAddress
			if denied := (*DeniedError)(nil); errors.As(err, &denied) {
				code = spec.CodeDeniedAddress
			}
			return nil, &spec.Invalid{
				Field: fmt.Sprintf("/upstream/targets/%d/address", i), Code: code,
				Message: err.Error(), Params: map[string]any{"value": t.Address},
			}
		}
		p.targets = append(p.targets, made)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refresh(p)
	return p, nil
}

func (p *Pool) parse(t spec.Target) (target, error) {
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		return target{}, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || host == "" {
		return target{}, fmt.Errorf("%q is not host:port", t.Address)
	}
	made := target{host: host, port: uint16(number), weight: or(t.Weight, 1), state: or(t.State, "active")}
	if addr, err := netip.ParseAddr(host); err == nil {
		made.addr = addr.Unmap()
	}
	made.tls = tlsFor(p.template.Scheme, host)
	return made, nil
}

// named is the address while only the name is known.
func (t *target) named() string { return net.JoinHostPort(t.host, strconv.Itoa(int(t.port))) }

func or[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

func length(d *spec.Duration) time.Duration { return time.Duration(or(d, 0)) }

// templateOf is what all targets of an upstream have in common.
func templateOf(u *spec.Upstream) message.Target {
	t := message.Target{Scheme: or(u.Scheme, "http")}
	if o := u.Timeouts; o != nil {
		t.Connect, t.TLSHandshake = length(o.Connect), length(o.TLSHandshake)
		t.ResponseHeader, t.BodyIdle, t.StreamIdle = length(o.ResponseHeader), length(o.BodyIdle), length(o.StreamIdle)
	}
	if o := u.Pool; o != nil {
		t.MaxIdle, t.Max, t.Idle = or(o.MaxIdlePerTarget, 0), or(o.MaxPerTarget, 0), length(o.Idle)
	}
	return t
}

// tlsFor is nil for schemes without TLS.
func tlsFor(scheme, host string) *tls.Config {
	var protocols []string
	switch scheme {
	case "https":
		protocols = []string{"http/1.1"}
	case "h2":
		protocols = []string{"h2"}
	case "tls":
	default:
		return nil
	}
	return &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: protocols,
		ClientSessionCache: tls.NewLRUClientSessionCache(16),
	}
}

// dialled is the message.Target of one address of t.
func (p *Pool) dialled(t *target, address string) *message.Target {
	d := p.template
	d.Address, d.TLS = address, t.tls
	name := ""
	if t.tls != nil {
		name = t.host
	}
	// Everything a connection, or the transport that keeps it, is made with.
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%d|%d|%d|%d|%d|%d", d.Scheme, d.Address, name,
		d.Connect, d.TLSHandshake, d.ResponseHeader, d.MaxIdle, d.Max, d.Idle))
	d.Digest = hex.EncodeToString(sum[:16])
	return &d
}

// Pick chooses a live, active node; not is avoided while there is another (nil
// avoids none). The error is ErrNoTarget. Release the lease exactly once.
func (p *Pool) Pick(k Key, not *Node) (Lease, error) {
	v := p.view.Load()
	var m *member
	switch len(v.live) {
	case 0:
		return Lease{}, ErrNoTarget
	case 1:
		m = v.live[0]
	default:
		i := v.balancer.Pick(k)
		m = v.live[i]
		if m.node == not {
			m = v.live[(i+1)%len(v.live)]
		}
	}
	m.node.inFlight.Add(1)
	return Lease{m}, nil
}

// Alive is how many nodes take new requests.
func (p *Pool) Alive() int { return len(p.view.Load().live) }

// Drained tells that nothing is in flight.
func (p *Pool) Drained() bool {
	for _, m := range p.view.Load().all {
		if m.node.InFlight() > 0 {
			return false
		}
	}
	return true
}

// Health tells how every node stands, in the order of the document.
func (p *Pool) Health() []NodeHealth {
	v := p.view.Load()
	all := make([]NodeHealth, 0, len(v.all))
	for _, m := range v.all {
		h := NodeHealth{
			Address: m.node.address, State: Unknown, Reason: m.reason,
			InFlight: m.node.InFlight(), Weight: m.weight,
		}
		if m.check != nil {
			h.State, h.Reason, h.Since, h.Transitions = m.check.report()
		}
		if m.state != "active" {
			h.State = m.state
		}
		all = append(all, h)
	}
	return all
}

// viewOf lays out the members of a pool.
func (p *Pool) viewOf(all []*member) *view {
	v := &view{all: all}
	var choices []Choice
	for _, m := range all {
		if m.state == "active" && m.weight > 0 && (m.check == nil || m.check.alive()) {
			v.live = append(v.live, m)
			choices = append(choices, Choice{m.node.address, m.weight})
		}
	}
	if len(choices) > 1 {
		v.balancer = p.balancer(choices)
	}
	return v
}
