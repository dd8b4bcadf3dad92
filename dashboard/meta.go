package dashboard

import (
	"cmp"
	"embed"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"yumen/spec"
)

// readMeta answers what a console needs to know once.
//
// @ID       readMeta
// @Summary  About this installation
// @Tags     meta
// @Success  200 {object} Installation
// @Failure  default {object} Problem
// @Router   /meta [get]
func (s *Server) readMeta(c *gin.Context) error {
	snap, err := s.document.current(c.Request.Context())
	if err != nil {
		return err
	}
	out := Installation{
		Version: s.cfg.Version, Lineage: snap.Head.Lineage, Revision: snap.Head.Number,
		ListenPorts: PortRange{Min: s.cfg.Ports.Min, Max: s.cfg.Ports.Max}, FreePort: freePort(s.cfg.Ports, snap.Document),
		Gateway: Gateway{HTTP: s.cfg.GatewayHTTP, HTTPS: s.cfg.GatewayHTTPS}, TimeZone: zoneOf(snap.Document.Settings).String(),
		Database: s.cfg.Database, Embedded: s.cfg.Embedded, Warnings: s.warnings(c),
		Policies: spec.Policies(), Protocols: spec.Protocols(), Schemes: map[string][]string{}, Algorithms: slices.Sorted(maps.Keys(signers)), Defaults: []Default{},
	}
	for _, p := range out.Protocols {
		out.Schemes[p] = spec.Schemes(p)
	}
	for _, d := range spec.Defaults() {
		out.Defaults = append(out.Defaults, Default{Field: d.Field, Value: d.Value, Protocols: d.Protocols, Unit: d.Unit, Zero: d.Zero})
	}
	c.JSON(http.StatusOK, out)
	return nil
}

// freePort is the first port that no service, enabled or not, has named.
func freePort(p spec.Ports, d *spec.Document) int {
	taken := map[int]bool{}
	for _, svc := range d.Services {
		if svc.Listen != nil {
			taken[svc.Listen.Port] = true
		}
	}
	for port := max(p.Min, 1); port <= p.Max; port++ {
		if _, own := p.Taken[port]; !own && !taken[port] {
			return port
		}
	}
	return 0
}

// warnings are what an operator should know about this installation, as codes.
func (s *Server) warnings(c *gin.Context) []string {
	out := []string{}
	if !s.https(c.Request) && !isLoopback(hostOf(c.Request.Host)) {
		out = append(out, "insecure_console")
	}
	if s.cfg.PasswordFile != "" {
		if _, err := os.Stat(s.cfg.PasswordFile); err == nil {
			out = append(out, "password_file")
		}
	}
	if s.away.since() != nil {
		out = append(out, "redis_away")
	}
	return out
}

func hostOf(authority string) string {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return host
	}
	return authority
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback() || host == "localhost"
}

// readOpenAPI answers the description of this API.
//
// @ID       readOpenAPI
// @Summary  This description
// @Tags     meta
// @Success  200 {object} map[string]interface{}
// @Failure  default {object} Problem
// @Router   /openapi.json [get]
func (s *Server) readOpenAPI(c *gin.Context) error {
	c.Data(http.StatusOK, "application/json", openAPI)
	return nil
}

// openAPI is made by tools/openapi of this package.
//
//go:embed openapi.json
var openAPI []byte

// docsFiles is the page to try the API.
//
//go:embed docs
var docsFiles embed.FS

// docs is a page to read and try the API.
//
// @ID       docs
// @Summary  A page to read and try this API
// @Tags     meta
// @Produce  html
// @Success  200 {string} string
// @Failure  default {object} Problem
// @Router   /docs [get]
func (s *Server) docs(c *gin.Context) error {
	name := cmp.Or(c.Param("file"), "index.html")
	b, err := docsFiles.ReadFile("docs/" + name)
	if err != nil {
		return refuse("not_found")
	}
	c.Data(http.StatusOK, contentType(name), b)
	return nil
}
