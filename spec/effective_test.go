package spec

import (
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEffectiveFillsEveryDefault(t *testing.T) {
	s := Effective(Service{Name: "a", Protocol: "http", Upstream: &Upstream{Targets: []Target{{Address: "h:1"}}}, Limits: &Limits{Service: &RateLimit{Rate: ptr(2.5)}}}, "http")
	text, err := json.MarshalIndent(s, "", " ")
	require.NoError(t, err)
	require.JSONEq(t, `{
		"name":"a","protocol":"http","enabled":true,
		"rewrite":{"strip_prefix":false},
		"upstream":{
			"scheme":"http",
			"targets":[{"address":"h:1","weight":1,"state":"active"}],
			"balance":{"policy":"round_robin"},
			"health":{"active":{"kind":"tcp","interval":"5s","timeout":"2s","rise":2,"fall":3}},
			"timeouts":{"connect":"2s","tls_handshake":"10s","response_header":"30s","body_idle":"1m","stream_idle":"1h","request":"0s"},
			"pool":{"max_idle_per_target":128,"max_per_target":0,"idle":"1m"}},
		"access":{"auth":"none"},
		"limits":{"service":{"rate":2.5,"per":"1s","burst":3},"client_ip":{"rate":0,"per":"1s","burst":1}}
	}`, string(text))
	require.JSONEq(t, `{
		"time_zone":"UTC",
		"token":{"enabled":true,"path":"/oauth/tokens","issuer":"yumen","audience":"yumen","algorithm":"EdDSA","ttl":"1h","allow_http":false},
		"client":{"header":"10s","idle":"1m15s","body_idle":"30s","max_header":"64KiB","max_connections":0,"max_connections_per_client":0}
	}`, text1(t, Effective((*Settings)(nil), "")))
	require.JSONEq(t, `{"app_id":"a","enabled":true,"limits":{"qps":0,"burst":1,"qpd":0}}`, text1(t, Effective(&Tenant{AppID: "a"}, "")))
}

func text1(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func ptr[T any](v T) *T { return &v }

func TestDefaultsDifferByProtocol(t *testing.T) {
	for protocol, want := range map[string][2]any{"http": {"http", 30 * time.Second}, "grpc": {"h2c", time.Duration(0)}, "tcp": {"tcp", 30 * time.Second}} {
		s := Effective(Service{Protocol: protocol}, protocol)
		require.Equal(t, want, [2]any{*s.Upstream.Scheme, time.Duration(*s.Upstream.Timeouts.ResponseHeader)}, protocol)
		d := Effective(Document{Services: []Service{{Protocol: protocol}}}, "")
		require.Equal(t, s, d.Services[0], "in a document each service has its own")
	}
}

func TestEffectiveKeepsWhatIsThereAndWhatIsAbsent(t *testing.T) {
	d := wholeDocument(t)
	e := Effective(d, "")
	require.Nil(t, e.Services[0].Listen)
	require.Nil(t, e.Services[2].Routes[0].Hosts)
	require.Nil(t, e.Services[1].Access.Allow, "an absent list is anyone")
	require.Nil(t, e.Services[1].Headers)
	require.Equal(t, []string{"app_a"}, e.Services[0].Access.Tenants)
	changes := DiffObject(Key{KindService, "orders"}, d.Services[0], e.Services[0])
	for _, f := range changes.Fields {
		require.Nil(t, f.Before, "changed what was there: %v", f)
	}
	require.Equal(t, e, Effective(e, ""), "filling twice changes nothing")
	empty := Effective(Access{Allow: []string{}}, "")
	require.Equal(t, []string{}, empty.Allow, "an empty list is nobody")
}

func TestEffectiveSharesNothingWithItsArgument(t *testing.T) {
	d := wholeDocument(t)
	before := text1(t, d)
	e := Effective(d, "")
	spoil(reflect.ValueOf(e).Elem())
	require.Equal(t, before, text1(t, d))
}

// spoil writes into everything a value refers to.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Map:
		v.Clear()
	case reflect.Struct:
		if v.Type() == typeTime || v.Type() == typeSecret {
			v.SetZero()
			return
		}
		for i := range v.NumField() {
			spoil(v.Field(i))
		}
	default:
		v.SetZero()
	}
}

func TestBurstIsOnePeriodsRateAtLeastOne(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		burst *int
		want  int
	}{{0, nil, 1}, {0.1, nil, 1}, {10, nil, 10}, {10.2, nil, 11}, {10, ptr(0), 10}, {10, ptr(3), 3}, {1e300, nil, 1e9}} {
		require.Equal(t, c.want, *Effective(RateLimit{Rate: &c.rate, Burst: c.burst}, "").Burst)
		require.Equal(t, c.want, *Effective(TenantLimits{QPS: &c.rate, Burst: c.burst}, "").Burst)
	}
}

func TestEveryOptionalScalarHasADefault(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || leaf(typ) {
			return
		}
		for _, m := range shapeOf(typ).members {
			f := m.field
			scalar := f.Type.Kind() == reflect.Pointer && (f.Type.Elem().Kind() != reflect.Struct)
			_, has := f.Tag.Lookup("default")
			if scalar && m.name != "burst" {
				require.True(t, has, "%s.%s", typ.Name(), m.name)
				parseDefault(f, f.Tag.Get("default"))
			} else {
				require.False(t, has, "%s.%s", typ.Name(), m.name)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Document]())
}

func TestDefaultsAreValid(t *testing.T) {
	for _, protocol := range Protocols() {
		s := Service{Name: "a", Protocol: protocol, Listen: &Listen{Port: 8001}, Upstream: &Upstream{Targets: []Target{{Address: "h:1"}}}}
		e := Effective(s, protocol)
		if protocol == "tcp" { // what has no effect there is filled all the same
			e.Rewrite, e.Upstream.Pool = nil, nil
			e.Upstream.Timeouts.ResponseHeader, e.Upstream.Timeouts.BodyIdle, e.Upstream.Timeouts.Request = nil, nil, nil
		}
		require.Nil(t, e.Validate(testPorts), protocol)
	}
	settings := Effective(Settings{}, "")
	require.Nil(t, settings.Validate())
}

func TestDefaultsPageIsUpToDate(t *testing.T) {
	cmd := exec.Command("go", "run", "./spec/gendefaults")
	cmd.Dir = ".."
	want, err := cmd.Output()
	require.NoError(t, err)
	got, err := os.ReadFile("../docs/defaults.md")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run: go run ./spec/gendefaults > docs/defaults.md")
	for _, d := range Defaults() {
		require.Contains(t, string(got), "`"+d.Field+"`")
	}
	require.Equal(t, 1, strings.Count(string(got), "`services.upstream.timeouts.response_header` | `30s` (grpc: `0s`) | duration | no limit |"))
}

// changed is what a merge patch changes in the whole document's first service,
// as "pointer before → after".
func changed(t *testing.T, patch string) []FieldChange {
	t.Helper()
	before := wholeDocument(t).Services[0]
	b, err := MergePatch([]byte(text1(t, before)), []byte(patch))
	require.NoError(t, err)
	var after Service
	require.NoError(t, ParseJSON(b, &after))
	c := DiffObject(Key{KindService, before.Name}, &before, &after)
	if c == nil {
		return nil
	}
	require.Equal(t, Changed, c.Action)
	return c.Fields
}

func TestEqualDocumentsDoNotDiffer(t *testing.T) {
	a, b := wholeDocument(t), wholeDocument(t)
	require.Nil(t, Diff(a, b))
	b.Services = []Service{b.Services[2], b.Services[0], b.Services[1]}
	b.Blacklist[0].CIDR = "203.0.113.7/24"
	b.Blacklist[0].ExpiresAt = ptr(b.Blacklist[0].ExpiresAt.In(time.FixedZone("x", 3600)))
	b.Services[0].Limits = &Limits{}
	require.Nil(t, Diff(a, b), "order, notation and empty structs say nothing")
	require.Nil(t, Diff(nil, nil))
	require.Nil(t, Diff(nil, &Document{}))
}

func TestDiffNamesEachChangedField(t *testing.T) {
	for patch, want := range map[string][]FieldChange{
		`{}`:               nil,
		`{"title":"New"}`:  {{"/title", "Orders", "New"}},
		`{"title":null}`:   {{"/title", "Orders", nil}},
		`{"enabled":true}`: {{"/enabled", false, true}},
		`{"enabled":null}`: {{"/enabled", false, nil}},
		`{"upstream":{"timeouts":{"connect":"3000ms"}}}`: nil,
		`{"upstream":{"timeouts":{"connect":"90s"}}}`:    {{"/upstream/timeouts/connect", "3s", "1m30s"}},
		`{"upstream":{"timeouts":null}}`: {{"/upstream/timeouts/connect", "3s", nil}, {"/upstream/timeouts/tls_handshake", "4s", nil}, {"/upstream/timeouts/response_header", "1m", nil},
			{"/upstream/timeouts/body_idle", "1m30s", nil}, {"/upstream/timeouts/stream_idle", "2h", nil}, {"/upstream/timeouts/request", "10m", nil}},
		`{"tags":["shop"]}`:                     {{"/tags", []any{"shop", "eu"}, []any{"shop"}}},
		`{"access":{"allow":[]}}`:               {{"/access/allow", []any{"10.0.0.0/8", "2001:db8::/32"}, []any{}}},
		`{"access":{"allow":null,"deny":null}}`: {{"/access/allow", []any{"10.0.0.0/8", "2001:db8::/32"}, nil}, {"/access/deny", []any{"192.0.2.1"}, nil}},
		`{"headers":{"request":{"set":{"X-New":"1","X-Client":null,"X-Where":"2"}}}}`: {
			{"/headers/request/set/X-Client", "${client_ip}", nil}, {"/headers/request/set/X-New", nil, "1"}, {"/headers/request/set/X-Where", "${host}${path}", "2"}},
		`{"listen":{"port":8005}}`: {{"/listen/port", nil, 8005}},
		`{"routes":[{"path":{"exact":"/new"}},{"hosts":["api.example.com","*.example.org"],"path":{"prefix":"/orders"}},{"path":{"exact":"/orders.json"}}]}`: {
			{"/routes/0", nil, map[string]any{"path": map[string]any{"exact": "/new"}}}},
		`{"routes":[{"path":{"exact":"/orders.json"}}]}`: {
			{"/routes/0", map[string]any{"hosts": []any{"api.example.com", "*.example.org"}, "path": map[string]any{"prefix": "/orders"}}, nil}},
		`{"routes":[{"hosts":["api.example.com","*.example.org"],"path":{"prefix":"/o"}},{"path":{"exact":"/orders.json"}}]}`: {{"/routes/0/path/prefix", "/orders", "/o"}},
		`{"limits":{"service":{"rate":0}}}`: {{"/limits/service/rate", 100.5, 0.0}},
	} {
		require.Equal(t, want, changed(t, patch), patch)
	}
}

func TestDiffFindsTargetsByTheirAddress(t *testing.T) {
	require.Equal(t, []FieldChange{
		{"/upstream/targets/0", nil, map[string]any{"address": "new:1"}},
		{"/upstream/targets/1/weight", 50, 60},
		{"/upstream/targets/1", map[string]any{"address": "[2001:db8::1]:9000", "weight": 0}, nil},
	}, changed(t, `{"upstream":{"targets":[{"address":"new:1"},{"address":"10.0.0.1:9000","weight":60,"state":"draining"},{"address":"app.internal:9000"}]}}`))
	require.Equal(t, []FieldChange{
		{"/upstream/targets", []any{"10.0.0.1:9000", "[2001:db8::1]:9000", "app.internal:9000"}, []any{"app.internal:9000", "10.0.0.1:9000", "[2001:db8::1]:9000"}},
	}, changed(t, `{"upstream":{"targets":[{"address":"app.internal:9000"},{"address":"10.0.0.1:9000","weight":50,"state":"draining"},{"address":"[2001:db8::1]:9000","weight":0}]}}`))
}

func TestDiffNamesWhatCameAndWent(t *testing.T) {
	a, b := wholeDocument(t), wholeDocument(t)
	b.Services = b.Services[1:]
	b.Tenants[0].Credentials = append(b.Tenants[0].Credentials[:1], Credential{ID: "c3", SecretHash: HashSecret("x")})
	b.Blacklist = append(b.Blacklist, BlacklistRule{CIDR: "192.0.2.9", Reason: "x"})
	b.Settings = nil
	var lines []string
	for _, c := range Diff(a, b) {
		lines = append(lines, string(c.Kind)+" "+c.Name+" "+c.Action)
		if c.Name == "192.0.2.9/32" {
			require.Equal(t, []FieldChange{{"/cidr", nil, "192.0.2.9"}, {"/reason", nil, "x"}}, c.Fields)
		}
	}
	require.Equal(t, []string{
		"blacklist 192.0.2.9/32 added", "credential app_a/c2 removed", "credential app_a/c3 added", "service orders removed", "settings settings removed"}, lines)
}

func TestDiffShowsSecretsAsFingerprints(t *testing.T) {
	one, two := HashSecret("a"), HashSecret("b")
	c := DiffObject(Key{KindCredential, "a/c"}, Credential{ID: "c", SecretHash: one}, &Credential{ID: "c", SecretHash: two})
	require.Equal(t, []FieldChange{{"/secret_hash", "***" + fingerprint(one), "***" + fingerprint(two)}}, c.Fields)
	k := DiffObject(Key{KindKey, "k"}, SigningKey{ID: "k", Private: NewSecret("a")}, SigningKey{ID: "k", Private: NewSecret("b")})
	require.Equal(t, []FieldChange{{"/private", NewSecret("a").String(), NewSecret("b").String()}}, k.Fields)
}
