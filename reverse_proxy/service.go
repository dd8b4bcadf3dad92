package reverseproxy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
	"yumen/spec"
	"yumen/upstream"
)

// Config is what a service is made of.
type Config struct {
	Name  string
	Spec  *spec.Service // effective: defaults filled in
	Chain middleware.Chain
	Pool  *upstream.Pool
	Meter *flow.Subject
	GRPC  bool
	// Classify sets o.GRPC by an answer's fields and trailers; nil for HTTP.
	Classify func(fields, trailers message.Fields, o *message.Outcome)
}

// Service is a compiled HTTP or gRPC service. It never changes.
type Service struct {
	Name  string
	Chain middleware.Chain
	Pool  *upstream.Pool

	meter    *flow.Subject
	grpc     bool
	classify func(fields, trailers message.Fields, o *message.Outcome)
	strip    bool
	upgrades bool // whether the targets' protocol knows Upgrade
	limit    time.Duration
	remove   []string
	set, add []rule
}

// New compiles a service.
func New(c Config) (*Service, error) {
	s := &Service{Name: c.Name, Chain: c.Chain, Pool: c.Pool, meter: c.Meter, grpc: c.GRPC, classify: c.Classify, upgrades: true}
	if r := c.Spec.Rewrite; r != nil && r.StripPrefix != nil {
		s.strip = *r.StripPrefix
	}
	if u := c.Spec.Upstream; u != nil {
		if u.Scheme != nil {
			switch *u.Scheme {
			case "http", "https":
			case "h2", "h2c":
				s.upgrades = false
			default:
				return nil, &spec.Invalid{
					Field: "/upstream/scheme", Code: spec.CodeUnknownValue,
					Message: fmt.Sprintf("a service of HTTP cannot speak %q to its targets", *u.Scheme),
				}
			}
		}
		if u.Timeouts != nil && u.Timeouts.Request != nil {
			s.limit = time.Duration(*u.Timeouts.Request)
		}
	}
	if h := c.Spec.Headers; h != nil && h.Request != nil {
		s.remove = h.Request.Remove
		var err error
		if s.set, err = compile("/headers/request/set/", h.Request.Set); err != nil {
			return nil, err
		}
		if s.add, err = compile("/headers/request/add/", h.Request.Add); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// rule is one header line to be written: its value's parts are text and
// variables in turn.
type rule struct {
	name  string
	fixed string // the whole value when it has no variables
	parts []part
}

type part struct {
	text     string
	variable func(*pass) string
}

// variables are what rules may speak of.
var variables = map[string]func(*pass) string{
	"client_ip":  func(p *pass) string { return p.call.Client.String() },
	"request_id": func(p *pass) string { return p.call.RequestID },
	"host":       func(p *pass) string { return p.origin.Host },
	"path":       func(p *pass) string { return p.path },
	"tenant": func(p *pass) string {
		if p.call.Tenant == nil {
			return ""
		}
		return p.call.Tenant.AppID
	},
}

// compile makes rules in the order of their names.
func compile(field string, lines map[string]string) ([]rule, error) {
	var rules []rule
	for name, value := range lines {
		bad := func(code, text string) error {
			return &spec.Invalid{Field: field + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), Code: code, Message: text}
		}
		if strings.ContainsAny(name+value, "\r\n\x00") {
			return nil, bad(spec.CodeControlCharacter, "CR, LF and NUL are not allowed")
		}
		r := rule{name: name}
		for rest := value; rest != ""; {
			text, after, ok := strings.Cut(rest, "${")
			if text != "" {
				r.parts = append(r.parts, part{text: text})
			}
			if !ok {
				break
			}
			variable, after, _ := strings.Cut(after, "}")
			f := variables[variable]
			if f == nil {
				return nil, bad(spec.CodeUnknownVariable, fmt.Sprintf("${%s} is unknown", variable))
			}
			r.parts = append(r.parts, part{variable: f})
			rest = after
		}
		if len(r.parts) == 1 && r.parts[0].variable == nil {
			r.fixed, r.parts = value, nil
		}
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b rule) int { return cmp.Compare(a.name, b.name) })
	return rules, nil
}

// value is the rule's for one exchange.
func (r *rule) value(p *pass) string {
	if len(r.parts) == 0 {
		return r.fixed
	}
	var b strings.Builder
	for _, part := range r.parts {
		if part.variable != nil {
			b.WriteString(part.variable(p))
		} else {
			b.WriteString(part.text)
		}
	}
	return b.String()
}
