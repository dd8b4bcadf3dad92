package upstream

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Registry holds what outlives generations: nodes with what is in flight to
// them, what checks found out, what names stand for. It checks and resolves
// what the current pools name.
type Registry struct {
	dialer *Dialer
	log    *slog.Logger
	// dial and resolve are the world outside.
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	doubts  chan *check
	changes chan struct{} // the current tasks are others

	mu     sync.Mutex // guards what follows
	pools  []*Pool
	nodes  map[nodeKey]*Node
	checks map[checkKey]*check
	asked  map[string]*check // one of the checks of each address
	names  map[string]*name
	users  map[task][]*Pool // of the current pools
}

type nodeKey struct{ service, address string }

// NewRegistry makes one whose checks go through dial, as all connections do.
func NewRegistry(dial *Dialer, log *slog.Logger) *Registry {
	return &Registry{
		dialer: dial, log: log, dial: dial.Dial,
		resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		doubts: make(chan *check, 64), changes: make(chan struct{}, 1),
		nodes: map[nodeKey]*Node{}, checks: map[checkKey]*check{}, asked: map[string]*check{}, names: map[string]*name{},
	}
}

// Use tells which pools are current. What none of them names is forgotten;
// pools of before go on with what they know.
func (r *Registry) Use(pools []*Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pools = slices.Clone(pools)
	r.sort()
}

// sort brings the registry in line with the current pools.
func (r *Registry) sort() {
	// A pool may have been made long before it is used; what it holds counts.
	for _, p := range r.pools {
		for _, m := range p.view.Load().all {
			if key := (nodeKey{p.service, m.node.address}); r.nodes[key] == nil {
				r.nodes[key] = m.node
			}
			if m.check != nil && r.checks[m.check.key] == nil {
				r.checks[m.check.key] = m.check
				r.asked[m.check.key.address] = m.check
			}
		}
	}
	nodes, checks, names := map[nodeKey]*Node{}, map[checkKey]*check{}, map[string]*name{}
	asked := map[string]*check{}
	users := map[task][]*Pool{}
	for _, p := range r.pools {
		r.refresh(p)
		for _, m := range p.view.Load().all {
			nodes[nodeKey{p.service, m.node.address}] = m.node
			if m.check != nil {
				checks[m.check.key] = m.check
				asked[m.check.key.address] = m.check
				users[m.check] = append(users[m.check], p)
			}
		}
		for _, t := range p.targets {
			if !t.addr.IsValid() {
				n := r.name(t.host)
				names[t.host] = n
				users[n] = append(users[n], p)
			}
		}
	}
	r.nodes, r.checks, r.asked, r.names, r.users = nodes, checks, asked, names, users
	select {
	case r.changes <- struct{}{}:
	default:
	}
}

// tasks are what is to be done from time to time for the current pools.
func (r *Registry) tasks() map[task]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	current := make(map[task]bool, len(r.users))
	for t := range maps.Keys(r.users) {
		current[t] = true
	}
	return current
}

// changed lets the pools know of what tasks found out.
func (r *Registry) changed(news []task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	concerned := map[*Pool]bool{}
	for _, t := range news {
		if _, ok := t.(*name); ok {
			r.sort() // other addresses, so other nodes and checks
			return
		}
		for _, p := range r.users[t] {
			concerned[p] = true
		}
	}
	for p := range concerned {
		r.refresh(p)
	}
}

// refresh gives a pool its view of what the registry knows.
func (r *Registry) refresh(p *Pool) {
	old := p.view.Load()
	if old == nil {
		old = &view{}
	}
	had := make(map[string]*member, len(old.all))
	for _, m := range old.all {
		had[m.node.address] = m
	}
	var all []*member
	seen := map[string]bool{}
	add := func(t *target, address, reason string, checked bool) {
		if seen[address] {
			return
		}
		seen[address] = true
		m := &member{node: r.node(p.service, address), weight: t.weight, state: t.state, reason: reason}
		if checked && p.health.interval > 0 {
			key := p.health
			key.address = address
			m.check = r.check(key)
		}
		if h := had[address]; h != nil {
			if h.node == m.node && h.check == m.check && h.reason == m.reason {
				m = h
			} else {
				m.target = h.target
			}
		}
		if m.target == nil {
			m.target = p.dialled(t, address)
		}
		all = append(all, m)
	}
	for i := range p.targets {
		t := &p.targets[i]
		if t.addr.IsValid() {
			add(t, netip.AddrPortFrom(t.addr, t.port).String(), "", true)
			continue
		}
		addrs, reason := r.name(t.host).known()
		for _, a := range addrs {
			add(t, netip.AddrPortFrom(a, t.port).String(), "", true)
		}
		if len(addrs) == 0 {
			// Not resolved yet: whoever dials resolves, as nobody may wait here.
			if reason == "" {
				reason = "name not resolved yet"
			}
			add(t, t.named(), reason, false)
		}
	}
	if v := p.viewOf(all); !slices.Equal(v.all, old.all) || !slices.Equal(v.live, old.live) || old.all == nil {
		p.view.Store(v)
	}
}

func (r *Registry) node(service, address string) *Node {
	key := nodeKey{service, address}
	n := r.nodes[key]
	if n == nil {
		n = &Node{address: address}
		r.nodes[key] = n
	}
	return n
}

func (r *Registry) check(key checkKey) *check {
	c := r.checks[key]
	if c != nil {
		return c
	}
	c = &check{key: key, log: r.log, doubts: r.doubts, state: Unknown}
	// Asked in another way, a node is still the same node.
	if known := r.asked[key.address]; known != nil {
		c.inherit(known)
	}
	r.asked[key.address] = c
	r.checks[key] = c
	return c
}

func (r *Registry) name(host string) *name {
	n := r.names[host]
	if n == nil {
		n = &name{host: host, log: r.log}
		r.names[host] = n
	}
	return n
}
