// Package generation compiles a document: Build makes everything a proxy needs
// to carry traffic by it. It opens nothing, starts nothing, asks nobody and
// knows no time, so that a check before saving and the run itself are one.
package generation

import (
	"context"
	"log/slog"
	"net"
	"time"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
	reverseproxy "yumen/reverse_proxy"
	"yumen/route"
	"yumen/spec"
	tcpproxy "yumen/tcp_proxy"
	"yumen/upstream"
)

// Head names the revision a document is of; in file mode only Digest says
// something.
type Head struct {
	Lineage string
	Number  uint64
	Digest  string
}

// Source is a document with the digests of its objects, by which Build knows
// what did not change.
type Source struct {
	Head     Head
	Document *spec.Document
	Digests  map[spec.Key]string
	Faults   []Fault // objects that could not be read: their last form is kept
}

// Fault is one object that could not be taken over, and why. Its last good
// form goes on when there is one.
type Fault struct {
	Kind    spec.Kind
	Name    string
	Field   string // JSON pointer within the object; "" is the whole
	Code    string // one of spec.Codes or Codes
	Message string
}

// The codes of faults beside those of spec.
const (
	CodeCannotBuild    = "cannot_build"     // it passed validation and still does not compile
	CodeCannotBind     = "cannot_bind"      // its port could not be opened on this node
	CodeUnreadable     = "unreadable"       // the stored object is missing or torn
	CodeNeedsNewer     = "needs_newer"      // written by a newer version
	CodeNeedsMasterKey = "needs_master_key" // its secret is sealed with a key this node does not have
)

// Codes lists them.
var Codes = []string{CodeCannotBuild, CodeCannotBind, CodeUnreadable, CodeNeedsNewer, CodeNeedsMasterKey}

// Options are what Build needs of the process.
type Options struct {
	Ports spec.Ports
	// Loss permits a document with less than half the services of before.
	Loss bool
	// Refused names services whose port could not be opened: their last form
	// is kept.
	Refused map[string]Fault
}

// Kept is what outlives generations, and the one before.
type Kept struct {
	Nodes *upstream.Registry
	State *middleware.State
	Live  *middleware.Live
	Token reverseproxy.TokenEndpoint
	Back  message.Back
	Dial  func(ctx context.Context, network, address string) (net.Conn, error) // for TCP
	Log   *slog.Logger
	// Observe sees every exchange at its end; see reverseproxy.Site.
	Observe func(x *message.Exchange, call *middleware.Call, target string, o *message.Outcome)

	Previous *Generation
}

// Generation is a document compiled. It never changes; a request pins the
// service it uses, not the whole.
type Generation struct {
	Head     Head
	Document *spec.Document      // what runs: kept forms in the place of what could not be taken over
	Digests  map[spec.Key]string // of what runs
	Wanted   int                 // services the source had
	Faults   []Fault

	Settings  *spec.Settings // effective
	Zone      *time.Location
	Tenants   *middleware.Tenants
	Blacklist *middleware.Blacklist

	Services map[string]*Service // enabled ones, by name
	Ports    map[uint16]*Service // those with a port of their own
	Pools    []*upstream.Pool
	Site     *reverseproxy.Site
	TCP      map[uint16]*tcpproxy.Service
	TCPSite  *tcpproxy.Site
}

// Service is one enabled service, compiled.
type Service struct {
	Name     string
	Protocol string
	Origin   uint64
	Port     uint16 // 0 for none of its own
	Digest   string
	Pool     *upstream.Pool

	HTTP *reverseproxy.Service // http, grpc
	TCP  *tcpproxy.Service

	source spec.Service // sparse
	routes []route.Entry[*reverseproxy.Service]
}

// InUse names what g needs of what outlives it: the digests of its targets,
// the subjects of its services and tenants.
func (g *Generation) InUse() (digests, subjects map[string]bool) {
	digests, subjects = make(map[string]bool, len(g.Pools)), make(map[string]bool, len(g.Services))
	for _, s := range g.Services {
		subjects[flow.ServiceID(s.Name, s.Origin)] = true
		for _, d := range s.Pool.Digests() {
			digests[d] = true
		}
	}
	for _, t := range g.Document.Tenants {
		subjects[flow.TenantID(t.AppID, t.Origin)] = true
	}
	return digests, subjects
}
