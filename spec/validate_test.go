package spec

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patched is the faults of a valid http service after a merge patch.
func patched(t testing.TB, patch string) []string {
	t.Helper()
	return patchedFrom(t, `{"name":"a","protocol":"http","routes":[{"hosts":["example.com"]}],"upstream":{"targets":[{"address":"10.0.0.1:80"}]}}`, patch)
}

func patchedTCP(t testing.TB, patch string) []string {
	t.Helper()
	return patchedFrom(t, `{"name":"a","protocol":"tcp","listen":{"port":8001},"upstream":{"targets":[{"address":"10.0.0.1:80"}]}}`, patch)
}

func patchedFrom(t testing.TB, from, patch string) []string {
	t.Helper()
	b, err := MergePatch([]byte(from), []byte(patch))
	require.NoError(t, err)
	var s Service
	require.NoError(t, ParseJSON(b, &s), patch)
	return faults(s.Validate(testPorts))
}

func documentFaults(t testing.TB, text string) []string {
	t.Helper()
	var d Document
	require.NoError(t, ParseYAML([]byte(text), &d))
	return faults(d.Validate(testPorts))
}

// facts are a patch and the faults it makes.
type facts map[string][]string

func (f facts) hold(t *testing.T, of func(testing.TB, string) []string) {
	t.Helper()
	for patch, want := range f {
		require.Equal(t, want, of(t, patch), patch)
	}
}

func TestServiceNeedsNameProtocolAndTargets(t *testing.T) {
	facts{
		`{}`:                                   nil,
		`{"name":null}`:                        {"/name required"},
		`{"name":"a/b"}`:                       {"/name bad_name"},
		`{"name":"-a"}`:                        {"/name bad_name"},
		`{"name":"a\u0000"}`:                   {"/name bad_name"},
		`{"name":"é"}`:                         {"/name bad_name"},
		`{"name":"A.b_c-9"}`:                   nil,
		`{"protocol":null}`:                    {"/protocol required"},
		`{"protocol":"udp"}`:                   {"/protocol not_supported"},
		`{"protocol":"HTTP"}`:                  {"/protocol unknown_value"},
		`{"upstream":null}`:                    {"/upstream required"},
		`{"upstream":{"targets":null}}`:        {"/upstream/targets required"},
		`{"upstream":{"targets":[]}}`:          {"/upstream/targets required"},
		`{"upstream":{"scheme":"tcp"}}`:        {"/upstream/scheme unknown_value"},
		`{"upstream":{"scheme":"h2"}}`:         nil,
		`{"routes":null}`:                      {"/routes required"},
		`{"routes":[]}`:                        {"/routes required"},
		`{"routes":[],"listen":{"port":8001}}`: nil,
		`{"tags":["a","a",""]}`:                {"/tags/1 duplicate", "/tags/2 required"},
	}.hold(t, patched)
	require.Equal(t, []string{"/name bad_name"}, patched(t, `{"name":"`+strings.Repeat("a", 129)+`"}`))
	require.Nil(t, patched(t, `{"name":"`+strings.Repeat("a", 128)+`"}`))
}

func TestTCPServiceNeedsAPortAndTakesNothingOfHTTP(t *testing.T) {
	facts{
		`{}`:                                nil,
		`{"listen":null}`:                   {"/listen required"},
		`{"routes":[{}]}`:                   {"/routes not_for_protocol"},
		`{"routes":[]}`:                     {"/routes not_for_protocol"},
		`{"rewrite":{"strip_prefix":true}}`: {"/rewrite not_for_protocol"},
		`{"headers":{}}`:                    {"/headers not_for_protocol"},
		`{"upstream":{"scheme":"tls"}}`:     nil,
		`{"upstream":{"scheme":"http"}}`:    {"/upstream/scheme unknown_value"},
		`{"upstream":{"pool":{}}}`:          {"/upstream/pool not_for_protocol"},
		`{"upstream":{"timeouts":{"connect":"1s","tls_handshake":"1s","stream_idle":"1s"}}}`: nil,
		`{"upstream":{"timeouts":{"request":"1s","body_idle":"1s","response_header":"1s"}}}`: {
			"/upstream/timeouts/response_header not_for_protocol", "/upstream/timeouts/body_idle not_for_protocol", "/upstream/timeouts/request not_for_protocol"},
		`{"access":{"auth":"none","deny":["192.0.2.1"]}}`: nil,
		`{"access":{"auth":"jwt"}}`:                       {"/access/auth not_for_protocol"},
		`{"access":{"tenants":[]}}`:                       {"/access/tenants not_for_protocol"},
	}.hold(t, patchedTCP)
}

func TestGRPCServiceTakesRoutesOrAPort(t *testing.T) {
	facts{
		`{"protocol":"grpc"}`:                              nil,
		`{"protocol":"grpc","listen":{"port":8001}}`:       nil,
		`{"protocol":"grpc","routes":null}`:                {"/routes required"},
		`{"protocol":"grpc","upstream":{"scheme":"h2"}}`:   nil,
		`{"protocol":"grpc","upstream":{"scheme":"http"}}`: {"/upstream/scheme unknown_value"},
		`{"protocol":"grpc","access":{"auth":"jwt"}}`:      nil,
	}.hold(t, patched)
}

func TestPortsLieWithinTheRangeAndAreNotTheGatewaysOwn(t *testing.T) {
	facts{
		`{"listen":{"port":8001}}`: nil,
		`{"listen":{"port":8999}}`: nil,
		`{"listen":{"port":8000}}`: {"/listen/port out_of_range"},
		`{"listen":{"port":9000}}`: {"/listen/port out_of_range"},
		`{"listen":{"port":-1}}`:   {"/listen/port out_of_range"},
		`{"listen":{"port":0}}`:    {"/listen/port required"},
		`{"listen":{"port":null}}`: {"/listen/port required"},
		`{"listen":{"port":8890}}`: {"/listen/port port_taken"},
	}.hold(t, patchedTCP)
	s := Service{Name: "a", Protocol: "tcp", Listen: &Listen{Port: 65535}, Upstream: &Upstream{Targets: []Target{{Address: "a:1"}}}}
	require.Nil(t, s.Validate(Ports{}))
	s.Listen.Port++
	require.NotNil(t, s.Validate(Ports{}))
}

func TestHostsAreLowerCaseDNSNames(t *testing.T) {
	for host, ok := range map[string]bool{
		"example.com": true, "*.example.com": true, "localhost": true, "a-b.c_d.e1": true, "xn--bcher-kva.example": true, "10.0.0.1": true,
		"": false, "*": false, "*.": false, "*example.com": false, "a.*.b": false, "*.*.b": false, "Example.com": false, "example.com.": false,
		"example.com:80": false, "-a.com": false, "a-.com": false, "a..b": false, ".a": false, "bücher.example": false, "a b": false,
		"a\r\nb": false, "a\x00": false, "[::1]": false, "::1": false, "http://a": false, "a/b": false,
		strings.Repeat("a", 64) + ".b": false, strings.Repeat("a.", 127) + "ab": false,
	} {
		s, _ := json.Marshal(host)
		got := patched(t, `{"routes":[{"hosts":[`+string(s)+`]}]}`)
		if ok {
			require.Nil(t, got, host)
		} else {
			require.Equal(t, []string{"/routes/0/hosts/0 bad_host"}, got, host)
		}
	}
	require.Equal(t, []string{"/routes/0/hosts required"}, patched(t, `{"routes":[{"hosts":[]}]}`))
	require.Equal(t, []string{"/routes/0/hosts/1 duplicate"}, patched(t, `{"routes":[{"hosts":["a","a"]}]}`))
}

func TestPathsAreInNormalForm(t *testing.T) {
	for path, ok := range map[string]bool{
		"/": true, "/orders": true, "/orders/": true, "/a.b/~c/%C3%A9/x=1,2:3@$&'()*+!": true, "/...": true, "/%3B": true,
		"orders": false, "*": false, "//a": false, "/a//b": false, "/.": false, "/a/../b": false, "/a/.": false,
		"/%": false, "/%4": false, "/%zz": false, "/%c3": false, "/%41": false, "/%2F": false, "/%5C": false, "/%00": false, "/%0D%0A": false, "/%7F": false,
		"/a;b": false, "/a?b": false, "/a#b": false, `/a\b`: false, "/a b": false, "/é": false, "/a\r\nX: y": false, "/\x00": false, "/a\x7f": false,
		"/" + strings.Repeat("a", 1024): false,
	} {
		s, _ := json.Marshal(path)
		for _, kind := range []string{"prefix", "exact"} {
			got := patched(t, `{"routes":[{"path":{"`+kind+`":`+string(s)+`}}]}`)
			if ok {
				require.Nil(t, got, path)
			} else {
				require.Equal(t, []string{"/routes/0/path/" + kind + " bad_path"}, got, path)
			}
		}
	}
	facts{
		`{"routes":[{"path":{}}]}`:                                                                             {"/routes/0/path one_of"},
		`{"routes":[{"path":{"prefix":"/a","exact":"/a"}}]}`:                                                   {"/routes/0/path one_of"},
		`{"routes":[{"path":{"prefix":"/a"}},{"path":{"prefix":"/a/"}}]}`:                                      {"/routes/1 duplicate"},
		`{"routes":[{},{"path":{"prefix":"/"}}]}`:                                                              {"/routes/1 duplicate"},
		`{"routes":[{},{"path":{"exact":"/"}}]}`:                                                               nil,
		`{"routes":[{"path":{"prefix":"/a"}},{"path":{"exact":"/a"}},{"hosts":["b"],"path":{"prefix":"/a"}}]}`: nil,
	}.hold(t, patched)
}

func TestHeaderRulesTakeNoConnectionHeaders(t *testing.T) {
	for _, name := range []string{"Connection", "transfer-encoding", "Content-Length", "UPGRADE", "Host", "TE", "Trailer", "Keep-Alive", "Proxy-Authorization", "proxy-connection", "HTTP2-Settings", "Expect"} {
		for _, kind := range []string{"set", "add"} {
			require.Equal(t, []string{"/headers/request/" + kind + "/" + name + " forbidden_header"}, patched(t, `{"headers":{"request":{"`+kind+`":{"`+name+`":"x"}}}}`))
		}
		require.Equal(t, []string{"/headers/request/remove/0 forbidden_header"}, patched(t, `{"headers":{"request":{"remove":["`+name+`"]}}}`))
	}
	facts{
		`{"headers":{"request":{"set":{"X-A":"1"},"add":{"X-A":"2"},"remove":["X-A"]}}}`:                       nil,
		`{"headers":{"request":{"set":{"X A":"1"}}}}`:                                                          {"/headers/request/set/X A bad_header"},
		`{"headers":{"request":{"set":{":path":"1"}}}}`:                                                        {"/headers/request/set/:path bad_header"},
		`{"headers":{"request":{"remove":["","é"]}}}`:                                                          {"/headers/request/remove/0 bad_header", "/headers/request/remove/1 bad_header"},
		`{"headers":{"request":{"set":{"X-A":"1","x-a":"2"}}}}`:                                                {"/headers/request/set/x-a duplicate"},
		`{"headers":{"request":{"remove":["X-A","x-a"]}}}`:                                                     {"/headers/request/remove/1 duplicate"},
		`{"headers":{"request":{"set":{"X-A":" a"}}}}`:                                                         {"/headers/request/set/X-A bad_header"},
		`{"headers":{"request":{"set":{"X-A":"${client_ip} ${request_id} ${tenant} ${host} ${path} $5 {}"}}}}`: nil,
		`{"headers":{"request":{"set":{"X-A":"${secret}"}}}}`:                                                  {"/headers/request/set/X-A unknown_variable"},
		`{"headers":{"request":{"add":{"X-A":"${host"}}}}`:                                                     {"/headers/request/add/X-A unknown_variable"},
		`{"headers":{"request":{"add":{"X-A":"${}"}}}}`:                                                        {"/headers/request/add/X-A unknown_variable"},
	}.hold(t, patched)
}

// Defect of every gateway that took rules as text: what breaks a line in one
// field is a line of its own elsewhere. (security.md, 13)
func TestControlCharactersAreRefusedInEveryText(t *testing.T) {
	d := wholeDocument(t)
	text, err := json.Marshal(d)
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal(text, &tree))
	count := 0
	var walk func(v any, path string, set func(any))
	try := func(path, was string, set func(any)) {
		for _, evil := range []string{"\r", "\n", "\x00", "\x1b", "\x7f", "\u0085", "\u2028", "\u202e"} {
			set(was + evil + "x")
			b, err := json.Marshal(tree)
			require.NoError(t, err)
			var bad Document
			if err = ParseJSON(b, &bad); err == nil {
				err = bad.Validate(testPorts)
			}
			require.Error(t, err, "%s takes %q", path, evil)
		}
		set(was)
		count++
	}
	walk = func(v any, path string, set func(any)) {
		switch v := v.(type) {
		case map[string]any:
			for k, child := range v {
				walk(child, path+"/"+k, func(x any) { v[k] = x })
			}
		case []any:
			for i, child := range v {
				walk(child, fmt.Sprint(path, "/", i), func(x any) { v[i] = x })
			}
		case string:
			if !strings.HasSuffix(path, "/secret") { // redacted on its way here
				try(path, v, set)
			}
		}
	}
	walk(tree, "", nil)
	require.Greater(t, count, 60)
	require.Equal(t, []string{"/secret control_character"}, faults((&Credential{ID: "a", Secret: secret("a\nb long enough to be good")}).Validate()))
}

func secret(s string) *Secret { x := NewSecret(s); return &x }

func TestTargetsAreHostAndPort(t *testing.T) {
	for address, code := range map[string]string{
		"10.0.0.1:9000": "", "[2001:db8::1]:9000": "", "app.internal:1": "", "localhost:65535": "", "127.0.0.1:80": "", "[::1]:80": "", "App.Internal:80": "", "a_b:80": "",
		"": "required", "10.0.0.1": "bad_address", "10.0.0.1:0": "bad_address", "10.0.0.1:65536": "bad_address", "10.0.0.1:080": "bad_address", ":80": "bad_address",
		"2001:db8::1:9000": "bad_address", "[10.0.0.1]:80": "bad_address", "[fe80::1%eth0]:80": "bad_address", "http://a:80": "bad_address", "a:http": "bad_address",
		"a b:80": "bad_address", "a\r\n:80": "bad_address", "user@a:80": "bad_address", "a:+80": "bad_address", "10.0.0.256:80": "bad_address",
	} {
		s, _ := json.Marshal(address)
		var want []string
		if code != "" {
			want = []string{"/upstream/targets/0/address " + code}
		}
		require.Equal(t, want, patched(t, `{"upstream":{"targets":[{"address":`+string(s)+`}]}}`), address)
	}
	facts{
		`{"upstream":{"targets":[{"address":"a:1"},{"address":"A:1"}]}}`:                           {"/upstream/targets/1/address duplicate"},
		`{"upstream":{"targets":[{"address":"[::ffff:10.0.0.1]:1"},{"address":"10.0.0.1:1"}]}}`:    {"/upstream/targets/1/address duplicate"},
		`{"upstream":{"targets":[{"address":"a:1","weight":-1},{"address":"a:2","weight":1001}]}}`: {"/upstream/targets/0/weight out_of_range", "/upstream/targets/1/weight out_of_range"},
		`{"upstream":{"targets":[{"address":"a:1","state":"off"}]}}`:                               {"/upstream/targets/0/state unknown_value"},
	}.hold(t, patched)
}

// security.md, 12; the dialer checks again what a name resolves to.
func TestMetadataAddressesAreRefusedAtSaveInEveryNotation(t *testing.T) {
	for _, host := range []string{
		"169.254.169.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::1]", "0.0.0.0", "[::]", "[::ffff:0.0.0.0]", "224.0.0.1", "[ff02::1]", "255.255.255.255",
		"2852039166", "0xa9fea9fe", "0xA9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518", "169.16689662", "169.254.169.254.", "0", "0177.1",
	} {
		got := patched(t, `{"upstream":{"targets":[{"address":"`+host+`:80"}]}}`)
		require.Len(t, got, 1, host)
		require.Contains(t, []string{"/upstream/targets/0/address denied_address", "/upstream/targets/0/address bad_address"}, got[0], host)
	}
}

func TestNumbersAndDurationsAreBounded(t *testing.T) {
	facts{
		`{"upstream":{"balance":{"policy":"p2c"}}}`:                                            {"/upstream/balance/policy not_supported"},
		`{"upstream":{"balance":{"policy":"best"}}}`:                                           {"/upstream/balance/policy unknown_value"},
		`{"upstream":{"health":{"active":{"kind":"http"}}}}`:                                   {"/upstream/health/active/kind not_supported"},
		`{"upstream":{"health":{"active":{"interval":"1ms"}}}}`:                                {"/upstream/health/active/interval out_of_range"},
		`{"upstream":{"health":{"active":{"timeout":"0s"}}}}`:                                  {"/upstream/health/active/timeout out_of_range"},
		`{"upstream":{"health":{"active":{"rise":0,"fall":101}}}}`:                             {"/upstream/health/active/rise out_of_range", "/upstream/health/active/fall out_of_range"},
		`{"upstream":{"timeouts":{"request":"0s","connect":"169h"}}}`:                          {"/upstream/timeouts/connect out_of_range"},
		`{"upstream":{"pool":{"max_idle_per_target":-1,"max_per_target":100001,"idle":"0s"}}}`: {"/upstream/pool/max_idle_per_target out_of_range", "/upstream/pool/max_per_target out_of_range"},
		`{"limits":{"service":{"rate":0,"burst":0}}}`:                                          nil,
		`{"limits":{"service":{"rate":-1}}}`:                                                   {"/limits/service/rate out_of_range"},
		`{"limits":{"service":{"rate":1e10}}}`:                                                 {"/limits/service/rate out_of_range"},
		`{"limits":{"client_ip":{"per":"0s","burst":-1}}}`:                                     {"/limits/client_ip/per out_of_range", "/limits/client_ip/burst out_of_range"},
		`{"access":{"auth":"basic"}}`:                                                          {"/access/auth not_supported"},
	}.hold(t, patched)
	inf := math.Inf(1)
	nan := math.NaN()
	for _, r := range []*float64{&inf, &nan} {
		require.Equal(t, []string{"/limits/qps out_of_range"}, faults((&Tenant{AppID: "a", Limits: &TenantLimits{QPS: r}}).Validate()))
	}
}

func TestAddressListsTakeIPv4AndIPv6InOneFormOnly(t *testing.T) {
	facts{
		`{"access":{"allow":["10.0.0.0/8","2001:db8::/32","192.0.2.1"],"deny":[]}}`: nil,
		`{"access":{"allow":["10.0.0.0/33","fe80::1%eth0","010.0.0.1","a",""]}}`: {
			"/access/allow/0 bad_cidr", "/access/allow/1 bad_cidr", "/access/allow/2 bad_cidr", "/access/allow/3 bad_cidr", "/access/allow/4 bad_cidr"},
		`{"access":{"deny":["192.0.2.1","::ffff:192.0.2.1"]}}`: {"/access/deny/1 duplicate"},
	}.hold(t, patched)
}

func TestTenantsListHasNoEffectWithoutAuthAndIsRefused(t *testing.T) {
	facts{
		`{"access":{"auth":"jwt","tenants":[]}}`:           nil,
		`{"access":{"tenants":["app_a"]}}`:                 {"/access/tenants needs_auth"},
		`{"access":{"auth":"none","tenants":[]}}`:          {"/access/tenants needs_auth"},
		`{"access":{"auth":"jwt","tenants":["a","a",""]}}`: {"/access/tenants/1 duplicate", "/access/tenants/2 bad_name"},
	}.hold(t, patched)
}

func TestListsAndTextsAreBounded(t *testing.T) {
	many := func(n int, one string) string { return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]" }
	require.Contains(t, patched(t, `{"tags":`+many(33, `"a"`)+`}`), "/tags too_many")
	require.Contains(t, patched(t, `{"routes":`+many(201, `{}`)+`}`), "/routes too_many")
	require.Contains(t, patched(t, `{"upstream":{"targets":`+many(1001, `{"address":"a:1"}`)+`}}`), "/upstream/targets too_many")
	require.Contains(t, patched(t, `{"access":{"allow":`+many(10_001, `"::1"`)+`}}`), "/access/allow too_many")
	require.Equal(t, []string{"/title too_long", "/description too_long", "/tags/0 too_long"},
		patched(t, `{"title":"`+strings.Repeat("é", 201)+`","description":"`+strings.Repeat("a", 2001)+`","tags":["`+strings.Repeat("a", 65)+`"]}`))
	require.Nil(t, patched(t, `{"title":"`+strings.Repeat("门", 200)+`"}`))
}

func TestTenantsAndCredentialsAreChecked(t *testing.T) {
	hash := HashSecret(NewSecretText())
	for text, want := range map[string][]string{
		`{"app_id":"a"}`:                      nil,
		`{"app_id":""}`:                       {"/app_id required"},
		`{"app_id":"a b"}`:                    {"/app_id bad_name"},
		`{"app_id":"a","allow_ips":["x"]}`:    {"/allow_ips/0 bad_cidr"},
		`{"app_id":"a","services":["x","x"]}`: {"/services/1 duplicate"},
		`{"app_id":"a","limits":{"qps":-1,"burst":-1,"qpd":-1}}`:                                         {"/limits/qps out_of_range", "/limits/burst out_of_range", "/limits/qpd out_of_range"},
		`{"app_id":"a","credentials":[{"id":"c"}]}`:                                                      {"/credentials/0 one_of"},
		`{"app_id":"a","credentials":[{"id":"c","secret":"x","secret_hash":"` + hash + `"}]}`:            {"/credentials/0 one_of"},
		`{"app_id":"a","credentials":[{"id":"c","secret":""}]}`:                                          {"/credentials/0/secret required"},
		`{"app_id":"a","credentials":[{"id":"c","secret":"***12345678"}]}`:                               {"/credentials/0/secret redacted"},
		`{"app_id":"a","credentials":[{"id":"c","secret_hash":"md5:x"}]}`:                                {"/credentials/0/secret_hash bad_secret_hash"},
		`{"app_id":"a","credentials":[{"id":"c/d","secret_hash":"` + hash + `"}]}`:                       {"/credentials/0/id bad_name"},
		`{"app_id":"a","credentials":[{"id":"c","secret":"x"},{"id":"c","secret_hash":"` + hash + `"}]}`: {"/credentials/1/id duplicate"},
	} {
		var tenant Tenant
		require.NoError(t, ParseJSON([]byte(text), &tenant))
		require.Equal(t, want, faults(tenant.Validate()), text)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for text, want := range map[string][]string{
		`{}`:                               nil,
		`{"time_zone":"Asia/Shanghai"}`:    nil,
		`{"time_zone":"Local"}`:            {"/time_zone bad_time_zone"},
		`{"time_zone":""}`:                 {"/time_zone bad_time_zone"},
		`{"time_zone":"Mars/Phobos"}`:      {"/time_zone bad_time_zone"},
		`{"time_zone":"../../etc/passwd"}`: {"/time_zone bad_time_zone"},
		`{"trusted_proxies":["x"]}`:        {"/trusted_proxies/0 bad_cidr"},
		`{"token":{"path":"token","hosts":["A"],"issuer":"","audience":"a\nb","algorithm":"none","ttl":"0s"}}`: {
			"/token/path bad_path", "/token/hosts/0 bad_host", "/token/issuer required", "/token/audience control_character", "/token/algorithm unknown_value", "/token/ttl out_of_range"},
		`{"token":{"hosts":[]}}`: {"/token/hosts required"},
		`{"client":{"header":"2h","idle":"25h","body_idle":"25h","max_header":"1KiB","max_connections":-1,"max_connections_per_client":-1}}`: {
			"/client/header out_of_range", "/client/idle out_of_range", "/client/body_idle out_of_range", "/client/max_header out_of_range", "/client/max_connections out_of_range", "/client/max_connections_per_client out_of_range"},
	} {
		var s Settings
		require.NoError(t, ParseJSON([]byte(text), &s))
		require.Equal(t, want, faults(s.Validate()), text)
	}
}

func TestBlacklistRulesAreChecked(t *testing.T) {
	require.Equal(t, []string{"/cidr required"}, faults((&BlacklistRule{}).Validate()))
	require.Equal(t, []string{"/cidr bad_cidr", "/reason control_character"}, faults((&BlacklistRule{CIDR: "1.2.3", Reason: "a\r\nb"}).Validate()))
	require.Nil(t, (&BlacklistRule{CIDR: "192.0.2.77/24"}).Validate())
}

// pair is a document of two services, a with port 8001 and /a, and b.
func pair(b string) string {
	return `
services:
- {name: a, protocol: http, routes: [{hosts: [x.example], path: {prefix: /a}}, {path: {exact: /e}}], upstream: {targets: [{address: "h:1"}]}}
- {name: p, protocol: tcp, listen: {port: 8001}, upstream: {targets: [{address: "h:1"}]}}
- ` + b
}

func TestNamesPortsAndRoutesAreTakenOnce(t *testing.T) {
	for b, want := range map[string][]string{
		`{name: b, protocol: http, routes: [{}], upstream: {targets: [{address: "h:1"}]}}`:                                                       nil,
		`{name: a, protocol: http, routes: [{}], upstream: {targets: [{address: "h:1"}]}}`:                                                       {"/services/2/name name_taken"},
		`{name: A, protocol: http, routes: [{}], upstream: {targets: [{address: "h:1"}]}}`:                                                       nil,
		`{name: b, protocol: grpc, listen: {port: 8001}, upstream: {targets: [{address: "h:1"}]}}`:                                               {"/services/2/listen/port port_taken"},
		`{name: b, protocol: grpc, enabled: false, listen: {port: 8001}, upstream: {targets: [{address: "h:1"}]}}`:                               nil,
		`{name: b, protocol: http, routes: [{}, {hosts: [y.example, x.example], path: {prefix: /a/}}], upstream: {targets: [{address: "h:1"}]}}`: {"/services/2/routes/1 route_taken"},
		`{name: b, protocol: grpc, routes: [{path: {exact: /e}}], upstream: {targets: [{address: "h:1"}]}}`:                                      {"/services/2/routes/0 route_taken"},
		`{name: b, protocol: http, routes: [{path: {exact: /e}}], enabled: false, upstream: {targets: [{address: "h:1"}]}}`:                      nil,
		`{name: b, protocol: http, routes: [{path: {exact: /e}}], listen: {port: 8002}, upstream: {targets: [{address: "h:1"}]}}`:                nil,
		`{name: b, protocol: http, routes: [{path: {prefix: /e}}], upstream: {targets: [{address: "h:1"}]}}`:                                     nil,
	} {
		require.Equal(t, want, documentFaults(t, pair(b)), b)
	}
}

func TestConflictsNameTheOther(t *testing.T) {
	var d Document
	require.NoError(t, ParseYAML([]byte(pair(`{name: b, protocol: http, routes: [{path: {exact: /e}}], upstream: {targets: [{address: "h:1"}]}}`)), &d))
	err := d.Validate(testPorts)
	require.EqualError(t, err, `/services/2/routes/0: service "a" has the same route (* exact /e)`)
	require.Equal(t, map[string]any{"other": "a", "route": "* exact /e"}, asErrors(err)[0].Params)
}

func TestWhatIsNamedMustBeThere(t *testing.T) {
	require.Equal(t, []string{"/services/0/access/tenants/1 unknown_reference", "/tenants/0/services/0 unknown_reference"}, documentFaults(t, `
services:
- {name: a, protocol: http, routes: [{}], upstream: {targets: [{address: "h:1"}]}, access: {auth: jwt, tenants: [t, u]}}
tenants:
- {app_id: t, services: [b, a]}
`))
	require.Equal(t, []string{"/tenants/1/app_id name_taken", "/blacklist/1/cidr name_taken"}, documentFaults(t, `
tenants: [{app_id: t}, {app_id: t}]
blacklist: [{cidr: 192.0.2.0/24}, {cidr: 192.0.2.9/24}]
`))
}

func TestOddButAllowedThingsAreWarnings(t *testing.T) {
	var d Document
	require.NoError(t, ParseYAML([]byte(pair(`{name: b, protocol: http, enabled: false, routes: [{path: {exact: /e}}], upstream: {targets: [{address: "h:1"}]}}
- {name: c, protocol: http, listen: {port: 8003}, rewrite: {strip_prefix: true}, upstream: {targets: [{address: "h:1", weight: 5, state: disabled}]}}
tenants: [{app_id: t, credentials: [{id: c, secret: short, expires_at: 2020-01-01T00:00:00Z}]}]
blacklist: [{cidr: "::/0", expires_at: 2020-01-01T00:00:00Z}]
`)), &d))
	require.NoError(t, d.Validate(testPorts))
	require.Equal(t, []string{
		"/services/2/routes/0 taken_if_enabled",
		"/services/3/rewrite/strip_prefix strips_nothing",
		"/services/3/upstream/targets no_live_target",
		"/services/3/upstream/targets weight_ignored",
		"/tenants/0/credentials/0/secret weak_secret",
		"/tenants/0/credentials/0/expires_at expired",
		"/blacklist/0/cidr shuts_all",
		"/blacklist/0/expires_at expired",
	}, faults(Errors(d.Warnings())))
}

// large is a document of the size that must be quick.
func large(services, tenants int) *Document {
	d := &Document{Settings: new(Settings)}
	strip, qps := true, 10.0
	jwt := "jwt"
	for i := range services {
		d.Services = append(d.Services, Service{
			Name: fmt.Sprintf("service-%06d", i), Protocol: "http", Title: "A service", Tags: []string{"a", "b"},
			Routes:   []Route{{Hosts: []string{fmt.Sprintf("s%d.example.com", i)}, Path: &PathMatch{Prefix: "/v1"}}},
			Rewrite:  &Rewrite{StripPrefix: &strip},
			Upstream: &Upstream{Targets: []Target{{Address: fmt.Sprintf("10.0.%d.%d:80", i>>8&255, i&255)}, {Address: "b.internal:80"}}},
			Access:   &Access{Auth: &jwt, Deny: []string{"192.0.2.0/24"}},
			Limits:   &Limits{Service: &RateLimit{Rate: &qps}},
			Origin:   uint64(i),
		})
	}
	hash := HashSecret("x")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range tenants {
		d.Tenants = append(d.Tenants, Tenant{
			AppID: fmt.Sprintf("app-%06d", i), Name: "A tenant", Limits: &TenantLimits{QPS: &qps},
			Credentials: []Credential{{ID: "c1", SecretHash: hash, CreatedAt: &now}},
			Services:    []string{fmt.Sprintf("service-%06d", i%max(1, services))},
			Origin:      uint64(i),
		})
	}
	return d
}

func BenchmarkLargeDocument(b *testing.B) {
	d := large(10_000, 100_000)
	objects, err := Split(d, nil)
	require.NoError(b, err)
	other, _ := Assemble(objects, nil)
	b.Run("validate", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, d.Validate(testPorts))
		}
	})
	b.Run("effective", func(b *testing.B) {
		for b.Loop() {
			Effective(d, "")
		}
	})
	b.Run("split", func(b *testing.B) {
		for b.Loop() {
			_, err := Split(d, nil)
			require.NoError(b, err)
		}
	})
	b.Run("assemble", func(b *testing.B) {
		for b.Loop() {
			_, faults := Assemble(objects, nil)
			require.Empty(b, faults)
		}
	})
	b.Run("diff", func(b *testing.B) {
		for b.Loop() {
			require.Nil(b, Diff(d, other))
		}
	})
}
