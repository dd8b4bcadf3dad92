package dao

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"yumen/spec"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// taking is the change that imports a document.
func taking(doc *spec.Document, how Import) func(*Draft) error {
	return func(d *Draft) error {
		_, err := d.Import(doc, how, noon)
		return err
	}
}

func tenant(appID string, credentials ...string) *spec.Tenant {
	t := &spec.Tenant{AppID: appID, Name: "Tenant " + appID}
	for _, id := range credentials {
		t.Credentials = append(t.Credentials, spec.Credential{ID: id, SecretHash: hashOf(id), CreatedAt: ptr(noon)})
	}
	return t
}

// hashOf is the hash of the secret of a credential; hashes of one secret differ.
func hashOf(id string) string {
	hash, _ := hashes.LoadOrStore(id, spec.HashSecret("secret of "+id))
	return hash.(string)
}

var hashes sync.Map

// everyKind is a document with something of every kind.
func everyKind() *spec.Document {
	return &spec.Document{
		Services:  []spec.Service{*service("a"), *service("b")},
		Tenants:   []spec.Tenant{*tenant("t", "c1", "c2")},
		Blacklist: []spec.BlacklistRule{{CIDR: "203.0.113.0/24", Reason: "abuse"}},
		Settings:  &spec.Settings{TimeZone: ptr("Asia/Kolkata")},
	}
}

// said lists what a plan changes.
func said(t *testing.T, s *Store, change func(*Draft) error) []string {
	t.Helper()
	p, err := s.Plan(t.Context(), change)
	require.NoError(t, err)
	return actions(p)
}

func actions(p Plan) []string {
	all := []string{}
	for _, c := range p.Changes {
		all = append(all, c.Action+" "+string(c.Kind)+"/"+c.Name)
	}
	return all
}

func TestImportOfADocumentMakesWhatItNames(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		want := []string{"added blacklist/203.0.113.0/24", "added credential/t/c1", "added credential/t/c2", "added service/a",
			"added service/b", "added settings/settings", "added tenant/t"}
		require.Equal(t, want, said(t, s, taking(everyKind(), AddAndChange)))
		h, err := s.Head(t.Context())
		require.NoError(t, err)
		require.Zero(t, h.Number, "a plan keeps nothing")
		r := publish(t, s, taking(everyKind(), AddAndChange))
		require.Equal(t, 7, r.Added)
		for _, how := range []Import{AddMissing, AddAndChange, MakeEqual} {
			require.Empty(t, said(t, s, taking(everyKind(), how)))
			require.Equal(t, r.Number, publish(t, s, taking(everyKind(), how)).Number)
		}
	})
}

func TestImportSaysNothingOfWhatIsOnlyWrittenInAnotherWay(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		doc := everyKind()
		doc.Services[0].Access = &spec.Access{}
		publish(t, s, taking(doc, AddAndChange))
		other := everyKind()
		slices.Reverse(other.Services)
		other.Services[0].Limits = &spec.Limits{}
		other.Blacklist[0].CIDR = "203.0.113.77/24"
		require.Empty(t, said(t, s, taking(other, MakeEqual)))
	})
}

func TestImportDeletesOnlyWhenToldTo(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, taking(everyKind(), AddAndChange))
		put(t, s, spec.KindKey, "k1", &spec.SigningKey{ID: "k1", Algorithm: "EdDSA", Private: spec.NewSecret("x"), CreatedAt: noon})
		less := &spec.Document{Services: []spec.Service{*service("a")}, Tenants: []spec.Tenant{*tenant("t")}}
		require.Empty(t, said(t, s, taking(less, AddAndChange)))
		require.Equal(t, []string{"removed blacklist/203.0.113.0/24", "removed credential/t/c1", "removed credential/t/c2", "removed service/b",
			"removed settings/settings"}, said(t, s, taking(less, MakeEqual)), "signing keys are no part of it")
		require.Equal(t, []string{"removed blacklist/203.0.113.0/24", "removed credential/t/c1", "removed credential/t/c2", "removed service/a",
			"removed service/b", "removed settings/settings", "removed tenant/t"}, said(t, s, taking(&spec.Document{}, MakeEqual)))
	})
}

func TestImportThatOnlyAddsLeavesWhatIsThere(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, taking(everyKind(), AddAndChange))
		doc := &spec.Document{Services: []spec.Service{*service("b"), *service("c")}, Tenants: []spec.Tenant{*tenant("t", "c3"), *tenant("u", "c1")}}
		doc.Services[0].Title = "Another"
		var left []spec.Key
		plan := said(t, s, func(d *Draft) (err error) {
			left, err = d.Import(doc, AddMissing, noon)
			return err
		})
		require.Equal(t, []string{"added credential/u/c1", "added service/c", "added tenant/u"}, plan)
		require.Equal(t, []spec.Key{key(spec.KindService, "b"), key(spec.KindCredential, "t/c3")}, left)
	})
}

func TestACredentialWrittenWithItsSecretKeepsTheHashItHas(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, taking(everyKind(), AddAndChange))
		for _, text := range []string{"secret of c1", "***01234567"} {
			var secret spec.Secret
			require.NoError(t, secret.UnmarshalText([]byte(text)))
			doc := &spec.Document{Tenants: []spec.Tenant{*tenant("t")}}
			doc.Tenants[0].Credentials = []spec.Credential{{ID: "c1", Secret: &secret}}
			require.Empty(t, said(t, s, taking(doc, AddAndChange)), text)
		}
		other := spec.NewSecret("something else")
		doc := &spec.Document{Tenants: []spec.Tenant{*tenant("t")}}
		doc.Tenants[0].Credentials = []spec.Credential{{ID: "c1", Secret: &other}, {ID: "c9", Secret: &other}}
		require.Equal(t, []string{"changed credential/t/c1", "added credential/t/c9"}, said(t, s, taking(doc, AddAndChange)))
		publish(t, s, taking(doc, AddAndChange))
		v, _, err := spec.Decode(rowOf(t, s, key(spec.KindCredential, "t/c9")).Object(), nil)
		require.NoError(t, err)
		c := v.(*spec.Credential)
		require.True(t, spec.VerifySecret(c.SecretHash, "something else"))
		require.Equal(t, noon, *c.CreatedAt)
		require.Empty(t, said(t, s, taking(doc, AddAndChange)), "the time of creation stays")
	})
}

func rowOf(t *testing.T, s *Store, k spec.Key) Row {
	t.Helper()
	row, err := s.Get(t.Context(), k)
	require.NoError(t, err)
	return row
}

func TestARedactedSecretOfACredentialThatIsNotThereIsRefused(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		var secret spec.Secret
		require.NoError(t, secret.UnmarshalText([]byte("***")))
		doc := &spec.Document{Tenants: []spec.Tenant{*tenant("t")}}
		doc.Tenants[0].Credentials = []spec.Credential{{ID: "c1", Secret: &secret}}
		_, err := s.Plan(t.Context(), taking(doc, AddAndChange))
		require.ErrorContains(t, err, "no secret to keep")
	})
}

func TestARevokedCredentialIsKnownAsDead(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, taking(everyKind(), AddAndChange))
		publish(t, s, func(d *Draft) error { return d.Delete(spec.KindCredential, "t/c1") })
		dead, err := s.Revoked(t.Context(), []string{"t/c1", "t/c2", "t/c3"})
		require.NoError(t, err)
		require.Equal(t, []string{"t/c1"}, dead)
		publish(t, s, func(d *Draft) error { return d.Delete(spec.KindTenant, "t") })
		dead, err = s.Revoked(t.Context(), []string{"t/c2"})
		require.NoError(t, err)
		require.Equal(t, []string{"t/c2"}, dead, "they end with their tenant")
	})
}

func TestWhatCannotBeReadIsNeitherReplacedNorPrunedUnseen(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, taking(everyKind(), AddAndChange))
		unreadable(t, s, "b")
		changed := &spec.Document{Services: []spec.Service{*service("b")}}
		_, err := s.Plan(t.Context(), taking(changed, AddAndChange))
		require.ErrorContains(t, err, "needs a newer yumen")
		_, err = s.Plan(t.Context(), taking(everyKind(), MakeEqual))
		require.ErrorContains(t, err, "needs a newer yumen")
		_, err = s.Plan(t.Context(), func(d *Draft) error { return d.Rollback(&Snapshot{Document: everyKind()}) })
		require.ErrorContains(t, err, "needs a newer yumen")
	})
}

// unreadable makes a published service one that a newer program wrote.
func unreadable(t *testing.T, s *Store, name string) {
	t.Helper()
	k := key(spec.KindService, name)
	publish(t, s, func(d *Draft) error {
		if err := d.Put(k.Kind, k.Name, &spec.Service{Name: name, Protocol: "http", Title: "new"}); err != nil {
			return err
		}
		o := d.objects[k]
		o.Bytes = []byte(strings.Replace(string(o.Bytes), `"origin"`, `"needs":["time travel"],"origin"`, 1))
		o.Digest = spec.Digest(o.Bytes)
		d.objects[k] = o
		b := d.bucket(k)
		i, _ := b.find(name)
		b.leaves[i].digest = o.Digest
		return nil
	})
	s.latest.Store(nil)
}

func TestExportAndImportChangeNothing(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		rapid.Check(t, func(rt *rapid.T) {
			doc := anyDocument(rt)
			if _, err := s.Publish(t.Context(), cli, "", taking(doc, MakeEqual)); err != nil {
				rt.Fatal(err)
			}
			head, err := s.Head(t.Context())
			require.NoError(rt, err)
			at, err := s.Load(t.Context(), head, nil)
			require.NoError(rt, err)
			text, err := spec.MarshalYAML(at.Document)
			require.NoError(rt, err)
			var back spec.Document
			require.NoError(rt, spec.ParseYAML(text, &back), string(text))
			for _, how := range []Import{AddMissing, AddAndChange, MakeEqual} {
				p, err := s.Plan(t.Context(), taking(&back, how))
				require.NoError(rt, err)
				require.Empty(rt, p.Changes, string(text))
			}
		})
	})
}

// anyDocument draws documents with texts that YAML is known to misread.
func anyDocument(t *rapid.T) *spec.Document {
	text := rapid.OneOf(rapid.SampledFrom([]string{"yes", "no", "on", "~", "null", "0x10", "1e3", "012", "1_000", "-", "- a", "a: b", "a #b", "#", "'", `"`, `\`, "|", ">", "%", "@", "`",
		"&a", "*a", "!t", "{}", "[]", "<<", "true", ".inf", "2026-01-01", "12:30:45", "玉门", "é", " a", "a ", "a  b", "=", "?", ": ", ","}), rapid.StringMatching(`[ -~é玉🚪]{1,30}`))
	name := func(label string) string {
		return rapid.StringMatching(`([a-c][0-2]?|yes|no|null|1e3|0x1|12|true|1\.5)`).Draw(t, label)
	}
	optional := func(label string, do func()) {
		if rapid.Bool().Draw(t, label) {
			do()
		}
	}
	duration := func(label string) *spec.Duration {
		return ptr(spec.Duration(rapid.Int64Range(0, 1e14).Draw(t, label)))
	}
	when := func(label string) *time.Time {
		return ptr(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, label), rapid.SampledFrom([]int64{0, 1, 5e8}).Draw(t, label+"ns")).UTC())
	}
	list := func(label string) []string {
		return rapid.OneOf(rapid.Just([]string(nil)), rapid.Just([]string{}), rapid.SliceOfN(text, 1, 3)).Draw(t, label)
	}
	d := &spec.Document{}
	seen := map[string]bool{}
	for i := range rapid.IntRange(0, 3).Draw(t, "services") {
		s := spec.Service{Name: name("service"), Protocol: rapid.SampledFrom([]string{"http", "tcp", "grpc"}).Draw(t, "protocol")}
		if seen["s"+s.Name] {
			continue
		}
		seen["s"+s.Name] = true
		optional("title", func() { s.Title, s.Description = text.Draw(t, "t"), text.Draw(t, "d") })
		optional("enabled", func() { s.Enabled = ptr(rapid.Bool().Draw(t, "e")) })
		s.Tags = list("tags")
		optional("routes", func() { s.Routes = []spec.Route{{Hosts: list("hosts")}, {Path: &spec.PathMatch{Prefix: "/" + s.Name}}} })
		optional("listen", func() { s.Listen = &spec.Listen{Port: 8001 + i} })
		optional("headers", func() {
			s.Headers = &spec.Headers{Request: &spec.HeaderRules{Set: rapid.MapOfN(rapid.StringMatching(`X-[A-Z]|on|1`), text, 0, 2).Draw(t, "set"), Remove: list("remove")}}
		})
		optional("upstream", func() {
			s.Upstream = &spec.Upstream{Targets: []spec.Target{{Address: fmt.Sprint("10.0.0.1:", 9000+i)}, {Address: "[2001:db8::1]:1", Weight: ptr(rapid.IntRange(0, 1000).Draw(t, "w"))}}}
			optional("timeouts", func() {
				s.Upstream.Timeouts = &spec.Timeouts{Connect: duration("connect"), Request: duration("request")}
			})
		})
		optional("access", func() { s.Access = &spec.Access{Allow: list("allow"), Deny: list("deny"), Tenants: list("of")} })
		optional("limits", func() {
			s.Limits = &spec.Limits{Service: &spec.RateLimit{Rate: ptr(rapid.Float64Range(0, 1e9).Draw(t, "rate")), Per: duration("per")}, ClientIP: &spec.RateLimit{}}
		})
		d.Services = append(d.Services, s)
	}
	for range rapid.IntRange(0, 2).Draw(t, "tenants") {
		n := spec.Tenant{AppID: name("tenant"), AllowIPs: list("ips"), Services: list("scopes")}
		if seen["t"+n.AppID] {
			continue
		}
		seen["t"+n.AppID] = true
		optional("name", func() { n.Name = text.Draw(t, "n") })
		optional("tenant limits", func() {
			n.Limits = &spec.TenantLimits{QPS: ptr(rapid.Float64Range(0, 1e6).Draw(t, "qps")), QPD: ptr(rapid.Int64Min(0).Draw(t, "qpd"))}
		})
		for i := range rapid.IntRange(0, 2).Draw(t, "credentials") {
			c := spec.Credential{ID: fmt.Sprint(i), SecretHash: "hmac-sha256:AAAAAAAAAAAAAAAAAAAAAA:" + strings.Repeat("A", 43)}
			optional("created", func() { c.CreatedAt = when("created at") })
			optional("expires", func() { c.ExpiresAt = when("expires at") })
			n.Credentials = append(n.Credentials, c)
		}
		d.Tenants = append(d.Tenants, n)
	}
	if rapid.Bool().Draw(t, "rule") {
		d.Blacklist = []spec.BlacklistRule{{CIDR: rapid.SampledFrom([]string{"10.0.0.0/8", "2001:db8::/32", "::ffff:1.2.3.4", "1.2.3.4"}).Draw(t, "cidr"), Reason: text.Draw(t, "reason")}}
	}
	optional("settings", func() {
		d.Settings = &spec.Settings{TrustedProxies: list("trusted")}
		optional("client", func() {
			d.Settings.Client = &spec.ClientSettings{MaxHeader: ptr(spec.Size(rapid.Int64Range(0, 1<<40).Draw(t, "header")))}
		})
	})
	return d
}
