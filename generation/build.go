package generation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"yumen/flow"
	grpcproxy "yumen/grpc_proxy"
	"yumen/middleware"
	reverseproxy "yumen/reverse_proxy"
	"yumen/route"
	"yumen/spec"
	tcpproxy "yumen/tcp_proxy"
	"yumen/upstream"
)

// LossError refuses a document that lost most services at once, as an empty or
// torn one would. Options.Loss permits it.
type LossError struct{ Had, Left int }

func (e *LossError) Error() string {
	return fmt.Sprintf("of %d services only %d are left: refused until it is confirmed", e.Had, e.Left)
}

// Build compiles src. A service that cannot be built keeps its previous form,
// or stays absent, and harms no other; what did not change is reused as it is.
// The error is for a document that is of no use at all: the previous
// generation then goes on.
func Build(src Source, kept Kept, opt Options) (*Generation, error) {
	if src.Document == nil {
		return nil, errors.New("no document")
	}
	prev := kept.Previous
	if prev != nil && !opt.Loss && 2*(len(src.Document.Services)+unreadableServices(src)) < prev.Wanted {
		return nil, &LossError{Had: prev.Wanted, Left: len(src.Document.Services)}
	}
	if prev == nil {
		prev = &Generation{Document: new(spec.Document)}
	}
	b := &builder{
		src: src, kept: kept, opt: opt, prev: prev,
		g: &Generation{
			Head: src.Head, Wanted: len(src.Document.Services) + unreadableServices(src),
			Document: new(spec.Document), Digests: make(map[spec.Key]string, len(src.Digests)),
			Services: make(map[string]*Service, len(src.Document.Services)), Ports: map[uint16]*Service{},
			TCP: map[uint16]*tcpproxy.Service{},
		},
		unreadable: map[spec.Key]bool{},
	}
	for _, f := range src.Faults {
		b.g.Faults = append(b.g.Faults, f)
		b.unreadable[spec.Key{Kind: f.Kind, Name: f.Name}] = true
	}
	if err := b.shared(); err != nil {
		return nil, err
	}
	b.services()
	if err := b.site(); err != nil {
		return nil, err
	}
	return b.g, nil
}

func unreadableServices(src Source) int {
	n := 0
	for _, f := range src.Faults {
		if f.Kind == spec.KindService {
			n++
		}
	}
	return n
}

type builder struct {
	src        Source
	kept       Kept
	opt        Options
	prev       *Generation
	g          *Generation
	unreadable map[spec.Key]bool
	last       []*Service // previous forms, to go on in the place of what failed
}

// fault notes why an object could not be taken over, each field on its own.
func (b *builder) fault(kind spec.Kind, name string, err error) {
	b.g.Faults = append(b.g.Faults, faults(kind, name, err)...)
}

func faults(kind spec.Kind, name string, err error) []Fault {
	var list spec.Errors
	var one *spec.Invalid
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = spec.Errors{one}
	default:
		return []Fault{{Kind: kind, Name: name, Code: CodeCannotBuild, Message: err.Error()}}
	}
	var out []Fault
	for _, e := range list {
		out = append(out, Fault{Kind: kind, Name: name, Field: e.Field, Code: e.Code, Message: e.Message})
	}
	return out
}

// services compiles what changed and keeps the rest.
func (b *builder) services() {
	doc := b.src.Document
	claimed := map[uint16]string{}
	for i := range doc.Services {
		want := &doc.Services[i]
		key := spec.Key{Kind: spec.KindService, Name: want.Name}
		digest := b.src.Digests[key]
		if old := b.prev.Services[want.Name]; old != nil && digest != "" && old.Digest == digest {
			b.add(old, claimed)
			continue
		}
		if f, ok := b.opt.Refused[want.Name]; ok {
			b.g.Faults = append(b.g.Faults, f)
			b.keep(want.Name)
			continue
		}
		if errs := want.Validate(b.opt.Ports); len(errs) > 0 {
			b.fault(spec.KindService, want.Name, errs)
			b.keep(want.Name)
			continue
		}
		if !want.IsEnabled() {
			b.record(*want, digest)
			continue
		}
		s, err := b.compile(want, digest)
		if err != nil {
			b.fault(spec.KindService, want.Name, err)
			b.keep(want.Name)
			continue
		}
		b.add(s, claimed)
	}
	for key := range b.unreadable {
		if key.Kind == spec.KindService {
			b.keep(key.Name)
		}
	}
	slices.SortFunc(b.last, func(x, y *Service) int { return cmp.Compare(x.Name, y.Name) })
	for _, s := range b.last {
		b.add(s, claimed)
	}
}

// keep lets the previous form of a service go on, once all the others have
// their place.
func (b *builder) keep(name string) {
	if old := b.prev.Services[name]; old != nil {
		b.last = append(b.last, old)
		return
	}
	if i, ok := find(b.prev.Document.Services, name); ok { // it was disabled
		old := b.prev.Document.Services[i]
		b.record(old, b.prev.Digests[spec.Key{Kind: spec.KindService, Name: name}])
	}
}

// add takes a service in, unless another has its name or port.
func (b *builder) add(s *Service, claimed map[uint16]string) {
	if other, taken := claimed[s.Port]; taken && s.Port != 0 {
		b.fault(spec.KindService, s.Name, &spec.Invalid{
			Field: "/listen/port", Code: spec.CodePortTaken, Message: fmt.Sprintf("port %d belongs to %q", s.Port, other),
			Params: map[string]any{"port": int(s.Port), "other": other},
		})
		return
	}
	if b.g.Services[s.Name] != nil {
		b.fault(spec.KindService, s.Name, &spec.Invalid{Field: "/name", Code: spec.CodeNameTaken, Message: "two services have this name"})
		return
	}
	claimed[s.Port] = s.Name
	b.g.Services[s.Name] = s
}

func (b *builder) record(s spec.Service, digest string) {
	b.g.Document.Services = append(b.g.Document.Services, s)
	b.g.Digests[spec.Key{Kind: spec.KindService, Name: s.Name}] = digest
}

// compile makes one service.
func (b *builder) compile(want *spec.Service, digest string) (*Service, error) {
	full := spec.Effective(*want, want.Protocol)
	s := &Service{Name: want.Name, Protocol: want.Protocol, Origin: want.Origin, Digest: digest, source: *want}
	if full.Listen != nil {
		s.Port = uint16(full.Listen.Port)
	}
	var err error
	if s.Pool, err = upstream.NewPool(want.Name, full.Upstream, b.kept.Nodes); err != nil {
		return nil, within("/upstream", err)
	}
	chain, err := middleware.NewChain(middleware.Inputs{Service: &full, State: b.kept.State})
	if err != nil {
		return nil, err
	}
	meter := b.kept.State.Counters.Subject(flow.ServiceID(want.Name, want.Origin))
	switch want.Protocol {
	case "tcp":
		s.TCP, err = tcpproxy.New(tcpproxy.Config{Name: want.Name, Spec: &full, Chain: chain, Pool: s.Pool, Meter: meter})
		return s, err
	case "http", "grpc":
		c := reverseproxy.Config{Name: want.Name, Spec: &full, Chain: chain, Pool: s.Pool, Meter: meter}
		if want.Protocol == "grpc" {
			c.GRPC, c.Classify = true, grpcproxy.Classify
		}
		if s.HTTP, err = reverseproxy.New(c); err != nil {
			return nil, err
		}
		s.routes = routes(&full, s.HTTP)
		// Alone it must make a table, so that it spoils nobody else's.
		if _, err := route.Build(s.routes); err != nil {
			return nil, within("/routes", err)
		}
		return s, nil
	}
	return nil, &spec.Invalid{Field: "/protocol", Code: spec.CodeNotSupported, Message: fmt.Sprintf("protocol %q", want.Protocol)}
}

func routes(s *spec.Service, to *reverseproxy.Service) []route.Entry[*reverseproxy.Service] {
	if len(s.Routes) == 0 {
		if s.Listen == nil {
			return nil
		}
		return []route.Entry[*reverseproxy.Service]{{Value: to}} // all of its own port
	}
	var out []route.Entry[*reverseproxy.Service]
	for _, r := range s.Routes {
		e := route.Entry[*reverseproxy.Service]{Hosts: r.Hosts, Value: to}
		if r.Path != nil {
			e.Prefix, e.Exact = r.Path.Prefix, r.Path.Exact
		}
		out = append(out, e)
	}
	return out
}

// within puts an error that names no field at one.
func within(field string, err error) error {
	var list spec.Errors
	var one *spec.Invalid
	if errors.As(err, &list) || errors.As(err, &one) {
		return err
	}
	return &spec.Invalid{Field: field, Code: CodeCannotBuild, Message: err.Error()}
}

// site puts the services together.
func (b *builder) site() error {
	g := b.g
	shared, err := b.table()
	if err != nil {
		return err
	}
	ports := map[uint16]*route.Table[*reverseproxy.Service]{}
	for _, name := range sorted(g.Services) {
		s := g.Services[name]
		g.Pools = append(g.Pools, s.Pool)
		b.record(s.source, s.Digest)
		if s.Port == 0 {
			continue
		}
		g.Ports[s.Port] = s
		if s.TCP != nil {
			g.TCP[s.Port] = s.TCP
			continue
		}
		if ports[s.Port], err = route.Build(s.routes); err != nil {
			return fmt.Errorf("service %q: %w", name, err) // it was built alone before
		}
	}
	slices.SortFunc(g.Document.Services, func(x, y spec.Service) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortStableFunc(g.Faults, func(x, y Fault) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name))
	})
	trusted, err := middleware.NewTrusted(g.Settings.TrustedProxies)
	if err != nil {
		return fmt.Errorf("settings: trusted proxies: %w", err)
	}
	counters := b.kept.State.Counters
	total := counters.Subject(flow.Total)
	g.Site = &reverseproxy.Site{
		Shared: shared, Ports: ports, Blacklist: b.kept.State.Blacklist, Trusted: trusted, Token: b.kept.Token,
		Total: total, Back: b.kept.Back, Enders: b.kept.Live, Observe: b.kept.Observe,
		Open: reverseproxy.Open{HTTP: counters.Live("http"), GRPC: counters.Live("grpc"), WebSocket: counters.Live("websocket")},
	}
	g.TCPSite = &tcpproxy.Site{
		Blacklist: b.kept.State.Blacklist, Dial: b.kept.Dial, Total: []*flow.Subject{total},
		Live: counters.Live("tcp"), Enders: b.kept.Live, Log: b.kept.Log,
	}
	return nil
}

// table is that of the shared listeners. When two services have the same
// route, the one whose form is the wanted one has it, or the first by name.
func (b *builder) table() (*route.Table[*reverseproxy.Service], error) {
	g := b.g
	isLast := map[string]bool{}
	for _, s := range b.last {
		isLast[s.Name] = true
	}
	names := sorted(g.Services)
	slices.SortStableFunc(names, func(x, y string) int {
		switch {
		case isLast[x] == isLast[y]:
			return 0
		case isLast[y]:
			return -1
		}
		return 1
	})
	for {
		var all []route.Entry[*reverseproxy.Service]
		var owner []string
		for _, name := range names {
			s := g.Services[name]
			if s == nil || s.Port != 0 {
				continue
			}
			all = append(all, s.routes...)
			for range s.routes {
				owner = append(owner, name)
			}
		}
		t, err := route.Build(all)
		var c *route.Conflict
		if !errors.As(err, &c) {
			return t, err
		}
		loser, other := owner[c.Second], owner[c.First]
		b.fault(spec.KindService, loser, &spec.Invalid{
			Field: "/routes", Code: spec.CodeRouteTaken, Message: fmt.Sprintf("%v: belongs to %q", c, other),
			Params: map[string]any{"other": other},
		})
		delete(g.Services, loser)
		if old := b.prev.Services[loser]; old != nil && !isLast[loser] && old.Port == 0 {
			// Its previous form may still have a place, behind all the others.
			isLast[loser] = true
			g.Services[loser] = old
			names = append(slices.DeleteFunc(names, func(n string) bool { return n == loser }), loser)
		}
	}
}

func sorted(m map[string]*Service) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func find(services []spec.Service, name string) (int, bool) {
	return slices.BinarySearchFunc(services, name, func(s spec.Service, n string) int { return cmp.Compare(s.Name, n) })
}
