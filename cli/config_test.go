package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/kv"
	"yumen/spec"
)

func TestPlanExitsWithTwoWhenThereIsSomethingToChange(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		file := s.document(t, services("orders"))
		r := s.run(t, "config", "plan", file)
		require.Equal(t, 2, r.status, r.err)
		require.Zero(t, s.head(t).Number, "a plan changes nothing")
		s.ok(t, "config", "apply", file)
		require.Equal(t, "Nothing to change: revision 1 says so already.\n", s.ok(t, "config", "plan", file))
		require.Contains(t, s.fails(t, "config", "plan", s.write(t, "bad.yaml", "services: [{nam: x}]")), "bad.yaml:1: /services/0/nam")
		require.Contains(t, s.fails(t, "config", "plan", "nowhere.yaml"), "nowhere.yaml")
	})
}

func TestPlanSaysInWordsWhatWouldChange(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		before := services("orders", "old")
		before.Tenants = []spec.Tenant{{AppID: "shop", Credentials: []spec.Credential{{ID: "c1", SecretHash: spec.HashSecret("a secret of the shop")}}}}
		s.ok(t, "config", "apply", s.document(t, before))
		after := services("orders", "new")
		after.Services[0].Upstream.Timeouts = &spec.Timeouts{Connect: ptr(spec.Duration(5 * time.Second))}
		after.Services[0].Upstream.Targets[0].Weight = ptr(3)
		after.Services[0].Title = "Orders <1>"
		after.Settings = &spec.Settings{TimeZone: ptr("Asia/Kolkata")}
		file := s.document(t, after)
		r := s.run(t, "config", "plan", "--prune", file)
		require.Equal(t, 2, r.status)
		require.Equal(t, `warning: /services/orders/upstream/targets: weights count with weighted_round_robin only
delete credential shop/c1
create service new
    name: "new"
    protocol: "http"
    routes.0: {"path":{"prefix":"/new"}}
    upstream.targets.0: {"address":"10.0.0.1:9000"}
delete service old
change service orders
    title: "Orders <1>"
    upstream.targets.0.weight: 3
    upstream.timeouts.connect: "5s"
create the settings
    time_zone: "Asia/Kolkata"
delete tenant shop

On top of revision 1: 2 to create, 1 to change, 3 to delete.
`, r.out, r.err)

		machine := s.run(t, "config", "plan", file, "-o", "json")
		require.Equal(t, 2, machine.status)
		view := unmarshal[planView](t, machine.out)
		require.Equal(t, uint64(1), view.Revision)
		require.Equal(t, [2]int{2, 3}, view.Services)
		require.Len(t, view.Changes, 3, "without --prune nothing is deleted")
	})
}

func TestApplyPublishesWhatItShowsAsOneRevisionOfTheCommandLine(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		file := s.document(t, services("a", "b", "c"))
		out := s.ok(t, "config", "apply", file, "--message", "three services")
		require.Contains(t, out, "create service a\n")
		require.True(t, strings.HasSuffix(out, "Published as revision 1.\n"), out)
		r, err := s.store(t).Revision(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, 3, r.Added)
		require.Equal(t, "three services", r.Message)
		require.Equal(t, operator().Account, r.Account)
		rows, total, err := s.store(t).Audit(t.Context(), dao.AuditQuery{Page: 1, Size: 10})
		require.NoError(t, err)
		require.Equal(t, int64(3), total)
		for _, row := range rows {
			require.Equal(t, "cli", row.PrincipalKind)
			require.Equal(t, operator().Account, row.Account)
		}
		view := unmarshal[planView](t, s.ok(t, "config", "apply", s.document(t, services("d")), "-o", "json"))
		require.Equal(t, uint64(2), view.Published)
		require.Zero(t, unmarshal[planView](t, s.ok(t, "config", "apply", file, "-o", "json")).Published)
	})
}

func TestADryRunChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		require.Contains(t, s.ok(t, "config", "apply", "--dry-run", s.document(t, services("a"))), "Nothing was done")
		require.Contains(t, s.ok(t, "config", "import", "--dry-run", s.document(t, services("a"))), "Nothing was done")
		require.Zero(t, s.head(t).Number)
	})
}

func TestADocumentFromStandardInputIsApplied(t *testing.T) {
	s := upSite(t)
	r := run(t, "{\n\t\"services\": [{\"name\": \"a\", \"protocol\": \"tcp\", \"listen\": {\"port\": 8001}, \"upstream\": {\"targets\": [{\"address\": \"10.0.0.1:1\"}]}}]\n}\n",
		append([]string{"config", "apply", "-"}, s.flags...)...)
	require.Zero(t, r.status, r.err)
	require.Equal(t, uint64(1), s.head(t).Number)
}

func TestApplyOfAnExportChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		d := services("orders", "hello")
		d.Services[0].Access = &spec.Access{Auth: ptr("jwt"), Tenants: []string{"shop"}, Deny: []string{"192.0.2.1"}}
		d.Services[0].Enabled = ptr(false)
		d.Services[1].Description = "yes: é # 玉门 🚪"
		secret := spec.NewSecret("canary-4711-canary-4711")
		d.Tenants = []spec.Tenant{{AppID: "shop", Services: []string{"orders"}, AllowIPs: []string{}, Credentials: []spec.Credential{{ID: "c1", Secret: &secret, ExpiresAt: ptr(time.Now().Add(time.Hour))}}}}
		d.Blacklist = []spec.BlacklistRule{{CIDR: "203.0.113.9/24"}}
		d.Settings = &spec.Settings{Token: &spec.TokenSettings{Algorithm: ptr("ES256")}}
		s.ok(t, "config", "apply", s.write(t, "given.yaml", strings.Replace(yaml(t, d), secret.String(), secret.Reveal(), 1)))
		require.Len(t, documentOf(t, s).Keys, 1, "the settings want a key that was not there")

		for _, form := range []string{"yaml", "json"} {
			exported := s.ok(t, "config", "export", "-o", form)
			require.NotContains(t, exported, "canary-4711")
			require.NotContains(t, exported, "PRIVATE KEY")
			require.Contains(t, exported, "hmac-sha256:")
			file := filepath.Join(s.dir, "export."+form)
			s.ok(t, "config", "export", "-o", form, "--file", file)
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, exported, string(b))
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			for _, args := range [][]string{{"plan"}, {"plan", "--prune"}, {"apply"}, {"apply", "--prune"}, {"import"}} {
				out := s.ok(t, append(append([]string{"config"}, args...), file)...)
				require.Equal(t, "Nothing to change: revision 1 says so already.\n", out)
			}
		}
		require.Equal(t, uint64(1), s.head(t).Number)
	})
}

func TestALargeExportIsWrittenAsASmallOne(t *testing.T) {
	d := new(spec.Document)
	for n := range 1201 {
		d.Services = append(d.Services, service(fmt.Sprint("s", n)))
		d.Tenants = append(d.Tenants, spec.Tenant{AppID: fmt.Sprint("t", n)})
		d.Blacklist = append(d.Blacklist, spec.BlacklistRule{CIDR: fmt.Sprintf("10.0.%d.%d", n/256, n%256)})
	}
	for _, one := range []*spec.Document{d, {}, {Settings: &spec.Settings{}}, {Tenants: d.Tenants[:3]}, {Services: d.Services[:500], Settings: &spec.Settings{TimeZone: ptr("UTC")}}} {
		var out strings.Builder
		require.NoError(t, writeYAML(&out, one))
		require.Equal(t, yaml(t, one), out.String())
	}
}

func yaml(t *testing.T, v any) string {
	t.Helper()
	b, err := spec.MarshalYAML(v)
	require.NoError(t, err)
	return string(b)
}

func documentOf(t *testing.T, s *site) *spec.Document {
	t.Helper()
	at, err := s.store(t).Load(t.Context(), s.head(t), nil)
	require.NoError(t, err)
	require.Empty(t, at.Faults)
	return at.Document
}

func TestApplyRefusesAsAWholeWhatProxiesCouldNotBuild(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.ok(t, "config", "apply", s.document(t, services("orders")))
		d := services("fine", "broken", "also")
		d.Services[1].Upstream.Targets[0].Address = "169.254.169.254:80"
		d.Services[2].Routes[0].Path.Prefix = "/orders"
		said := s.fails(t, "config", "apply", s.document(t, d))
		require.Contains(t, said, "document.yaml: /services/broken/upstream/targets/0/address: ")
		require.Contains(t, said, "/routes/0")
		require.Contains(t, said, "is not valid")
		require.Equal(t, uint64(1), s.head(t).Number)
	})
}

func TestWhatWasWrongBeforeDoesNotStandInTheWay(t *testing.T) {
	s := upSite(t)
	d := services("a")
	d.Services = append(d.Services, spec.Service{Name: "port", Protocol: "tcp", Listen: &spec.Listen{Port: 8500}, Upstream: &spec.Upstream{Targets: []spec.Target{{Address: "10.0.0.1:1"}}}})
	s.ok(t, "config", "apply", s.document(t, d))
	s.ok(t, "config", "apply", "--listen-ports", "9000-9001", s.document(t, services("b")))
	d.Services[1].Name, d.Services[1].Listen.Port = "other", 8501
	require.Contains(t, s.fails(t, "config", "apply", "--listen-ports", "9000-9001", s.document(t, d)), "/services/other/listen/port")
}

func TestLosingMostServicesAsksForYes(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.ok(t, "config", "apply", s.document(t, services("a", "b", "c", "d")))
		s.ok(t, "config", "apply", "--prune", s.document(t, services("a", "b")))
		file := s.document(t, &spec.Document{})
		require.Contains(t, s.fails(t, "config", "apply", "--prune", file), "of 2 services only 0 would be left; say so with --yes")
		require.Contains(t, s.fails(t, "config", "apply", "--prune", "-o", "json", file), "--yes")
		require.Equal(t, uint64(2), s.head(t).Number)
		s.ok(t, "config", "apply", "--prune", "--yes", file)
		require.Empty(t, documentOf(t, s).Services)
	})
}

func TestRollbackRestoresServicesAndSettingsAndSaysThatTheRestStays(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		d := services("a", "b")
		d.Settings = &spec.Settings{TimeZone: ptr("Asia/Kolkata")}
		d.Tenants = []spec.Tenant{{AppID: "shop", Credentials: []spec.Credential{{ID: "c1", SecretHash: spec.HashSecret("a secret of the shop")}}}}
		s.ok(t, "config", "apply", s.document(t, d))
		now := services("a", "c")
		now.Services[0].Title = "Changed"
		now.Tenants = []spec.Tenant{{AppID: "shop", Enabled: ptr(false)}, {AppID: "new"}}
		now.Blacklist = []spec.BlacklistRule{{CIDR: "203.0.113.0/24"}}
		s.ok(t, "config", "apply", "--prune", s.document(t, now))
		before := documentOf(t, s)

		require.Contains(t, s.fails(t, "config", "rollback", "1"), "services and settings would go back to revision 1; say so with --yes")
		out := s.ok(t, "config", "rollback", "1", "--dry-run")
		require.Contains(t, out, "tenants, credentials, revocations, blacklist and signing keys stay as they are")
		require.Equal(t, uint64(2), s.head(t).Number)
		out = s.ok(t, "config", "rollback", "r1", "--yes", "-m", "carts are lost")
		for _, want := range []string{"change service a\n    title: \"Changed\" → not set\n", "create service b\n", "delete service c\n", "create the settings\n", "Published as revision 3."} {
			require.Contains(t, out, want)
		}
		after := documentOf(t, s)
		require.Equal(t, "b", after.Services[1].Name)
		require.Equal(t, before.Tenants, after.Tenants)
		require.Equal(t, before.Blacklist, after.Blacklist)
		require.Contains(t, s.ok(t, "config", "history"), "roll back to revision 1: carts are lost")
		require.Contains(t, s.ok(t, "config", "rollback", "1", "--yes"), "Nothing to change")
		require.Contains(t, s.fails(t, "config", "rollback", "99", "--yes"), "there is no revision 99")
		require.Contains(t, s.fails(t, "config", "rollback", "yesterday", "--yes"), "is no revision")
		require.Contains(t, s.fails(t, "config", "rollback", "0"), "of 2 services only 0 would be left")
	})
}

func TestARollbackThatWouldLeaveATenantWithoutItsServiceIsRefusedWithThePlace(t *testing.T) {
	s := upSite(t)
	s.ok(t, "config", "apply", s.document(t, services("a")))
	d := services("b")
	d.Tenants = []spec.Tenant{{AppID: "shop", Services: []string{"b"}}}
	s.ok(t, "config", "apply", s.document(t, d))
	require.Contains(t, s.fails(t, "config", "rollback", "1", "--yes"), "revision 1: /tenants/shop/services/0: ")
	require.Equal(t, uint64(2), s.head(t).Number)
}

func TestWhatOthersPublishMeanwhileIsNotRunOver(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		db := s.store(t)
		other := func(name string) {
			one := service(name)
			_, err := db.Publish(t.Context(), dao.Principal{}, "", func(d *dao.Draft) error { return d.Put(spec.KindService, name, &one) })
			require.NoError(t, err)
		}
		cmd := configApply()
		require.NoError(t, cmd.ParseFlags(s.flags))
		cmd.SetContext(t.Context())
		cmd.SetOut(new(strings.Builder))
		in, err := openInstallation(cmd, writing)
		require.NoError(t, err)
		defer in.Close()
		planned := 0
		publish := func(title, meanwhile string) error {
			planned = 0
			return release{source: "test", change: func(d *dao.Draft) error {
				if planned++; planned == 1 {
					other(meanwhile)
				}
				one := service("a")
				one.Title = title
				return d.Put(spec.KindService, "a", &one)
			}}.publish(cmd, in)
		}
		require.NoError(t, publish("one", "unrelated"), "it does not matter to the plan")
		require.ErrorContains(t, publish("two", "a"), "look at the plan again")
		require.Equal(t, uint64(3), s.head(t).Number)
	})
}

func TestImportAddsWhatIsMissingAndNamesWhatStays(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.ok(t, "config", "apply", s.document(t, services("a")))
		d := services("a", "b")
		d.Services[0].Title = "Theirs"
		out := s.ok(t, "config", "import", s.document(t, d))
		require.Contains(t, out, "stays as it is here: service a\n")
		require.Contains(t, out, "create service b\n")
		got := documentOf(t, s)
		require.Empty(t, got.Services[0].Title)
		require.Len(t, got.Services, 2)
	})
}

func TestARevokedCredentialDoesNotComeBackFromAnOldFile(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		d := &spec.Document{Tenants: []spec.Tenant{{AppID: "shop", Credentials: []spec.Credential{{ID: "c1", SecretHash: spec.HashSecret("a secret of the shop")}}}}}
		s.ok(t, "config", "apply", s.document(t, d))
		old := s.ok(t, "config", "export")
		s.ok(t, "config", "apply", "--prune", s.document(t, &spec.Document{Tenants: []spec.Tenant{{AppID: "shop"}}}))
		said := s.fails(t, "config", "apply", s.write(t, "old.yaml", old))
		require.Contains(t, said, "dead for ever: credential shop/c1")
		require.Equal(t, uint64(2), s.head(t).Number)
	})
}

func TestHistoryShowAndDiffTellWhatHappened(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		require.Contains(t, s.fails(t, "config", "show"), "nothing was ever published")
		s.ok(t, "config", "apply", s.document(t, services("a")), "-m", "first")
		d := services("a", "b")
		d.Services[0].Title = "A"
		s.ok(t, "config", "apply", s.document(t, d), "-m", "second")

		history := s.ok(t, "config", "history")
		require.Regexp(t, `(?s)^REVISION  TIME .*\n2  .*cli:.*  \+1 ~1 -0  second\n1  .*\+1 ~0 -0  first\n$`, history)
		require.Contains(t, s.ok(t, "config", "history", "--limit", "1"), "1 of 2; --page 2 shows more.")
		list := unmarshal[struct {
			Items []revisionView
			Total int
		}](t, s.ok(t, "config", "history", "-o", "json"))
		require.Equal(t, 2, list.Total)
		require.Equal(t, []string{"second", "first"}, []string{list.Items[0].Message, list.Items[1].Message})
		require.Contains(t, s.fails(t, "config", "history", "--limit", "0"), "between 1 and 200")

		show := s.ok(t, "config", "show")
		require.Contains(t, show, "revision 2, ")
		require.Contains(t, show, "    second\n\nchange service a\n    title: \"A\"\ncreate service b\n")
		require.Len(t, unmarshal[struct{ Changes []spec.Change }](t, s.ok(t, "config", "show", "1", "-o", "json")).Changes, 1)
		require.Contains(t, s.fails(t, "config", "show", "3"), "no revision 3")

		require.Equal(t, "change service a\n    title: \"A\" → not set\ndelete service b\n", s.ok(t, "config", "diff", "2", "1"))
		require.Equal(t, "Revisions 2 and 2 say the same.\n", s.ok(t, "config", "diff", "2"))
		require.Len(t, unmarshal[struct{ Changes []spec.Change }](t, s.ok(t, "config", "diff", "0", "head", "-o", "json")).Changes, 2)
		require.Contains(t, s.ok(t, "config", "export", "--revision", "1"), "name: a\n")
		require.NotContains(t, s.ok(t, "config", "export", "--revision", "1"), "name: b\n")
	})
}

func TestMessagesOfOthersCannotSteerTheTerminal(t *testing.T) {
	s := upSite(t)
	one := service("a")
	_, err := s.store(t).Publish(t.Context(), dao.Principal{Account: "x\x1b[31m"}, "line\nline\u202e", func(d *dao.Draft) error { return d.Put(spec.KindService, "a", &one) })
	require.NoError(t, err)
	for _, out := range []string{s.ok(t, "config", "history"), s.ok(t, "config", "show")} {
		require.Contains(t, out, "line?line?")
		require.NotContains(t, out, "\x1b")
	}
}

func TestTheProxiesAreToldOfWhatIsPublished(t *testing.T) {
	s := configSite(t)
	s.ok(t, "config", "apply", s.document(t, services("a")))
	store := kv.Open(kv.Config{Addrs: []string{s.redis.Addr}}, nil)
	defer store.Close()
	told, ok, err := store.Head(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, kv.Head(s.head(t)), told)

	s.redis.Stop()
	r := s.run(t, "config", "apply", s.document(t, services("b")))
	require.Zero(t, r.status, "it is published all the same")
	require.Contains(t, r.err, "warning: Redis was not told")
	require.Equal(t, uint64(2), s.head(t).Number)
}

func TestAnotherInstallationsMasterKeyIsRefusedForChanges(t *testing.T) {
	s := upSite(t)
	d := services("a")
	d.Settings = &spec.Settings{Token: &spec.TokenSettings{Algorithm: ptr("HS256")}}
	s.ok(t, "config", "apply", s.document(t, d))
	s.write(t, "data/master.key", spec.GenerateMasterKey())
	file := s.document(t, services("b"))
	require.Contains(t, s.fails(t, "config", "apply", file), "the key is not this installation's")
	require.Equal(t, 2, s.run(t, "config", "plan", file).status, "reading needs none")
	require.NoError(t, os.Remove(filepath.Join(s.dir, "data/master.key")))
	require.Contains(t, s.fails(t, "config", "apply", file), "master_key: none is given")
	s.ok(t, "config", "export")
}

func TestAWrongPlaceIsSaidWithWhatToGive(t *testing.T) {
	r := run(t, "", "config", "history", "--data", filepath.Join(t.TempDir(), "nowhere"))
	require.Equal(t, 1, r.status)
	require.Contains(t, r.err, "--data names the folder of `yumen up`")
	s := configSite(t)
	file := s.write(t, "other.yaml", "database: {address: '127.0.0.1:1'}\n")
	r = run(t, "", "config", "history", "--config", file)
	require.Equal(t, 1, r.status)
	require.Contains(t, r.err, "the database does not answer")
	require.Contains(t, s.fails(t, "config", "history", "-o", "xml"), "neither text nor json")
}
