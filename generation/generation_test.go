package generation

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"yumen/spec"
)

// Build starts nothing: no test of it leaves a goroutine.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source parses a document and names its objects as a store would.
func source(t *testing.T, yaml string) Source {
	t.Helper()
	d := new(spec.Document)
	require.NoError(t, spec.ParseYAML([]byte(yaml), d))
	objects, err := spec.Split(d, nil)
	require.NoError(t, err)
	whole, faults := spec.Assemble(objects, nil)
	require.Empty(t, faults)
	src := Source{Document: whole, Digests: map[spec.Key]string{}, Head: Head{Number: 1, Digest: spec.Digest([]byte(yaml))}}
	for _, o := range objects {
		src.Digests[o.Key()] = o.Digest
	}
	return src
}

// gateway is kept state with the generation that runs.
type gateway struct {
	t    *testing.T
	kept Kept
}

func newGateway(t *testing.T) *gateway { return &gateway{t, throwaway()} }

func (g *gateway) apply(src Source, opt Options) *Generation {
	g.t.Helper()
	gen, err := Build(src, g.kept, opt)
	require.NoError(g.t, err)
	g.kept.State.Use(gen.Tenants, gen.Blacklist)
	g.kept.Nodes.Use(gen.Pools)
	g.kept.Previous = gen
	return gen
}

func says(faults []Fault) []string {
	var out []string
	for _, f := range faults {
		out = append(out, fmt.Sprintf("%s %s %s %s", f.Kind, f.Name, f.Field, f.Code))
	}
	return out
}

func target(port int) string {
	return fmt.Sprintf("upstream: {targets: [{address: \"127.0.0.1:%d\"}]}", port)
}

func TestBuildCompilesEveryProtocol(t *testing.T) {
	gen := newGateway(t).apply(source(t, `
services:
- {name: a, protocol: http, routes: [{path: {prefix: /a}}, {hosts: [a.example.com]}], `+target(1)+`}
- {name: b, protocol: tcp, listen: {port: 8001}, `+target(1)+`}
- {name: c, protocol: grpc, listen: {port: 8002}, `+target(1)+`}
- {name: d, protocol: grpc, routes: [{path: {prefix: /pkg.Service}}], `+target(1)+`}
- {name: e, protocol: http, enabled: false, routes: [{path: {prefix: /e}}], `+target(1)+`}
- {name: f, protocol: http, listen: {port: 8003}, routes: [{path: {prefix: /f}}], `+target(1)+`}
tenants: [{app_id: app}]
blacklist: [{cidr: 192.0.2.1}]
settings: {time_zone: Asia/Shanghai, trusted_proxies: [10.0.0.0/8]}
`), Options{})
	require.Empty(t, gen.Faults)
	require.Equal(t, []string{"a", "b", "c", "d", "f"}, sorted(gen.Services))
	require.Len(t, gen.Pools, 5)
	require.Equal(t, "Asia/Shanghai", gen.Zone.String())
	for path, want := range map[string]string{"/a/x": "a", "/pkg.Service/M": "d", "/e": "", "/f": ""} {
		m, ok := gen.Site.Shared.Match("any.example.com", path)
		require.Equal(t, want != "", ok, path)
		if ok {
			require.Equal(t, want, m.Value.Name)
		}
	}
	m, ok := gen.Site.Shared.Match("a.example.com", "/anything")
	require.True(t, ok)
	require.Equal(t, "a", m.Value.Name)
	m, ok = gen.Site.Ports[8002].Match("x", "/any/path")
	require.True(t, ok, "a service without routes has all of its own port")
	require.Equal(t, "c", m.Value.Name)
	_, ok = gen.Site.Ports[8003].Match("x", "/other")
	require.False(t, ok)
	require.NotNil(t, gen.TCP[8001])
	require.Len(t, gen.Document.Services, 6)
}

func TestWhatDidNotChangeIsReused(t *testing.T) {
	g := newGateway(t)
	a := `{name: a, protocol: http, routes: [{path: {prefix: /a}}], ` + target(1) + `}`
	b := `{name: b, protocol: tcp, listen: {port: 8001}, ` + target(1)
	first := g.apply(source(t, "services:\n- "+a+"\n- "+b+"}\n"), Options{})
	second := g.apply(source(t, "services:\n- "+a+"\n- "+b+", title: changed}\ntenants: [{app_id: x}]\n"), Options{})
	require.Same(t, first.Services["a"], second.Services["a"])
	require.NotSame(t, first.Services["b"], second.Services["b"])
}

func TestAServiceThatCannotBeBuiltKeepsItsLastFormAndHarmsNoOther(t *testing.T) {
	g := newGateway(t)
	good := func(name, more string) string {
		return fmt.Sprintf("- {name: %s, protocol: http, routes: [{path: {prefix: /%s}}], %s%s}\n", name, name, target(1), more)
	}
	first := g.apply(source(t, "services:\n"+good("a", "")+good("b", "")), Options{})
	src := source(t, "services:\n"+good("a", "")+good("b", ", title: x")+good("c", ""))
	// As an older program would see what a newer one let in.
	broken := &src.Document.Services[1]
	require.Equal(t, "b", broken.Name)
	broken.Upstream.Targets[0].Address = "nonsense\r\n"
	unknown := &src.Document.Services[2]
	unknown.Protocol = "carrier-pigeon"

	second := g.apply(src, Options{})
	require.Same(t, first.Services["b"], second.Services["b"])
	require.Equal(t, []string{"a", "b"}, sorted(second.Services))
	require.Subset(t, strings.Fields(strings.Join(says(second.Faults), " ")), []string{"b", "/upstream/targets/0/address", "c", "/protocol"})
	require.Equal(t, first.Digests[spec.Key{Kind: spec.KindService, Name: "b"}], second.Digests[spec.Key{Kind: spec.KindService, Name: "b"}])

	third := g.apply(source(t, "services:\n"+good("a", "")+good("b", ", title: x")), Options{})
	require.Empty(t, third.Faults)
	require.NotSame(t, first.Services["b"], third.Services["b"])
}

func TestAnObjectThatCannotBeReadKeepsItsLastForm(t *testing.T) {
	g := newGateway(t)
	full := `
services: [{name: a, protocol: http, routes: [{path: {prefix: /a}}], ` + target(1) + `}]
tenants: [{app_id: app, credentials: [{id: c1, secret: a-secret-of-some-length}, {id: c2, secret: another-secret-of-it}]}, {app_id: other}]
blacklist: [{cidr: 192.0.2.0/24}]
settings: {time_zone: Asia/Shanghai}
`
	first := g.apply(source(t, full), Options{})
	src := source(t, "tenants: [{app_id: app, credentials: [{id: c2, secret: another-secret-of-it}]}]\n")
	for _, k := range []spec.Key{
		{Kind: spec.KindService, Name: "a"}, {Kind: spec.KindTenant, Name: "other"}, {Kind: spec.KindCredential, Name: "app/c1"},
		{Kind: spec.KindBlacklist, Name: "192.0.2.0/24"}, {Kind: spec.KindSettings, Name: spec.SettingsName},
	} {
		src.Faults = append(src.Faults, Fault{Kind: k.Kind, Name: k.Name, Code: CodeUnreadable, Message: "torn"})
	}
	second := g.apply(src, Options{})
	require.Len(t, second.Faults, 5)
	require.Same(t, first.Services["a"], second.Services["a"])
	require.Equal(t, "Asia/Shanghai", second.Zone.String())
	require.True(t, second.Blacklist.Has(addr("192.0.2.7"), time.Now()))
	require.Len(t, second.Document.Tenants, 2)
	require.Len(t, second.Document.Tenants[0].Credentials, 2)
}

func TestAPortThatCannotBeOpenedLeavesTheServiceAsItWas(t *testing.T) {
	g := newGateway(t)
	doc := func(port int) Source {
		return source(t, fmt.Sprintf("services:\n- {name: a, protocol: tcp, listen: {port: %d}, %s}\n", port, target(1)))
	}
	first := g.apply(doc(8001), Options{})
	refused := Fault{Kind: spec.KindService, Name: "a", Field: "/listen/port", Code: spec.CodePortTaken}
	second := g.apply(doc(8002), Options{Refused: map[string]Fault{"a": refused}})
	require.Equal(t, []Fault{refused}, second.Faults)
	require.Same(t, first.TCP[8001], second.TCP[8001])

	other := newGateway(t).apply(doc(8002), Options{Refused: map[string]Fault{"a": refused}})
	require.Empty(t, other.Services, "one that never ran stays absent")
}

func TestALastFormGivesWayToWhoeverWantsItsPortOrRoute(t *testing.T) {
	g := newGateway(t)
	g.apply(source(t, "services:\n- {name: a, protocol: tcp, listen: {port: 8001}, "+target(1)+"}\n"), Options{})
	src := source(t, `
services:
- {name: a, protocol: tcp, listen: {port: 8002}, `+target(1)+`}
- {name: b, protocol: tcp, listen: {port: 8001}, `+target(1)+`}
`)
	gen := g.apply(src, Options{Refused: map[string]Fault{"a": {Kind: spec.KindService, Name: "a", Code: spec.CodePortTaken}}})
	require.Equal(t, []string{"b"}, sorted(gen.Services))
	require.Len(t, gen.Faults, 2)

	g = newGateway(t)
	g.apply(source(t, "services:\n- {name: a, protocol: http, routes: [{path: {prefix: /x}}], "+target(1)+"}\n"), Options{})
	src = source(t, `
services:
- {name: a, protocol: http, listen: {port: 8002}, `+target(1)+`}
- {name: b, protocol: http, routes: [{path: {prefix: /x}}], `+target(1)+`}
`)
	gen = g.apply(src, Options{Refused: map[string]Fault{"a": {Kind: spec.KindService, Name: "a", Code: spec.CodePortTaken}}})
	require.Equal(t, []string{"b"}, sorted(gen.Services))
	require.Contains(t, says(gen.Faults), "service a /routes route_taken")
}

func TestTwoServicesWithOneRouteCostOnlyTheSecond(t *testing.T) {
	gen := newGateway(t).apply(source(t, `
services:
- {name: a, protocol: http, routes: [{path: {prefix: /x}}], `+target(1)+`}
- {name: b, protocol: http, routes: [{path: {prefix: /x}}], `+target(1)+`}
- {name: c, protocol: http, routes: [{path: {prefix: /c}}], `+target(1)+`}
`), Options{})
	require.Equal(t, []string{"a", "c"}, sorted(gen.Services))
	require.Equal(t, []string{"service b /routes route_taken"}, says(gen.Faults))
}

func TestADocumentThatLosesMostServicesIsRefusedUntilItIsConfirmed(t *testing.T) {
	g := newGateway(t)
	var all []string
	for i := range 5 {
		all = append(all, fmt.Sprintf("- {name: s%d, protocol: http, routes: [{path: {prefix: /s%d}}], %s}\n", i, i, target(1)))
	}
	g.apply(source(t, "services:\n"+strings.Join(all, "")), Options{})
	g.apply(source(t, "services:\n"+strings.Join(all[:3], "")), Options{})
	for _, left := range []string{"services:\n" + all[0], "settings: {}\n"} {
		_, err := Build(source(t, left), g.kept, Options{})
		var loss *LossError
		require.ErrorAs(t, err, &loss)
		require.Equal(t, 3, loss.Had)
		_, err = Build(source(t, left), g.kept, Options{Loss: true})
		require.NoError(t, err)
	}
	_, err := Build(Source{}, g.kept, Options{Loss: true})
	require.Error(t, err, "no document is no document")
}

func TestCheckNamesTheFieldInTheDocument(t *testing.T) {
	d := new(spec.Document)
	require.NoError(t, spec.ParseYAML([]byte(`
services:
- {name: a, protocol: http, routes: [{path: {prefix: /a}}], `+target(1)+`}
- {name: b, protocol: http, routes: [{path: {prefix: /b}}], upstream: {targets: [{address: "169.254.169.254:80"}]}}
`), d))
	err := Check(d, Options{})
	var errs spec.Errors
	require.ErrorAs(t, err, &errs)
	require.Equal(t, "/services/1/upstream/targets/0/address", errs[0].Field)
	require.Equal(t, spec.CodeDeniedAddress, errs[0].Code)
	d.Services = d.Services[:1]
	require.NoError(t, Check(d, Options{}))
}

func TestCheckTakesPlainSecretsOfADocumentFile(t *testing.T) {
	d := new(spec.Document)
	require.NoError(t, spec.ParseYAML([]byte("tenants: [{app_id: a, credentials: [{id: c, secret: a-secret-of-some-length}]}]"), d))
	require.NoError(t, Check(d, Options{}))
}

func BenchmarkBuildOfOneChangeInTenThousand(b *testing.B) {
	d := new(spec.Document)
	digests := map[spec.Key]string{}
	for i := range 10_000 {
		name := fmt.Sprintf("s%05d", i)
		d.Services = append(d.Services, spec.Service{
			Name: name, Protocol: "http", Routes: []spec.Route{{Path: &spec.PathMatch{Prefix: "/" + name}}},
			Upstream: &spec.Upstream{Targets: []spec.Target{{Address: "127.0.0.1:9000"}}},
		})
		digests[spec.Key{Kind: spec.KindService, Name: name}] = name
	}
	kept := throwaway()
	gen, err := Build(Source{Document: d, Digests: digests}, kept, Options{})
	require.NoError(b, err)
	kept.Previous = gen
	for i := 0; b.Loop(); i++ {
		digests[spec.Key{Kind: spec.KindService, Name: "s00007"}] = fmt.Sprint(i)
		if _, err := Build(Source{Document: d, Digests: digests}, kept, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
