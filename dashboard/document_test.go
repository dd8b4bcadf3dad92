package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/spec"
	"yumen/testenv"
)

func TestAServiceIsCreatedReadListedReplacedPatchedAndDeleted(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		a := b.post("/services?message=first", orders("orders")).is(201)
		require.Equal(t, "/api/v1/services/orders", a.header.Get("Location"))
		require.Equal(t, "2", a.header.Get("X-Yumen-Revision"), "1 made the signing key")
		var made Service
		a.into(201, &made)
		require.Equal(t, made.Meta.ETag, a.header.Get("ETag"))
		require.Equal(t, uint64(2), made.Meta.Revision)
		require.Equal(t, "admin", made.Meta.CreatedBy)
		require.Nil(t, made.Enabled, "what was left out stays so")

		var read Service
		b.get("/services/orders?effective=true").into(200, &read)
		require.Equal(t, "round_robin", *read.Effective.Upstream.Balance.Policy)
		require.Nil(t, read.Upstream.Balance)
		require.Equal(t, "unknown", read.Status.State)

		var list ServiceList
		b.get("/services?q=ORDERS.example&protocol=http&enabled=true&sort=-updated_at").into(200, &list)
		require.Equal(t, int64(1), list.Total)
		require.Equal(t, "orders", list.Items[0].Name)

		body := orders("orders")
		body["title"] = "All orders"
		var replaced Service
		b.send("PUT", "/services/orders", body, "If-Match", made.Meta.ETag).into(200, &replaced)
		require.Equal(t, "All orders", replaced.Title)
		require.Equal(t, uint64(3), replaced.Meta.Revision)
		require.Equal(t, made.Meta.CreatedAt, replaced.Meta.CreatedAt)

		var patched Service
		b.send("PATCH", "/services/orders", `{"title":null,"upstream":{"balance":{"policy":"random"}}}`, "Content-Type", "application/merge-patch+json", "If-Match", replaced.Meta.ETag).into(200, &patched)
		require.Empty(t, patched.Title)
		require.Equal(t, "random", *patched.Upstream.Balance.Policy)
		require.Len(t, patched.Upstream.Targets, 1)

		b.send("DELETE", "/services/orders", nil, "If-Match", patched.Meta.ETag).is(204)
		b.get("/services/orders").problem(404, "not_found")
		b.send("DELETE", "/services/orders", nil, "If-Match", "*").problem(404, "not_found")

		var revisions RevisionList
		b.get("/revisions").into(200, &revisions)
		require.Equal(t, int64(5), revisions.Total)
		require.Equal(t, "delete service orders", revisions.Items[0].Message)
		require.Equal(t, "first", revisions.Items[3].Message)
		require.Equal(t, []ChangeRef{{Kind: "service", Name: "orders", Action: "added"}}, revisions.Items[3].Changes)
	})
}

func TestADeletedNameAndItsPortAreFreeAgain(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		tcp := map[string]any{"name": "redis", "protocol": "tcp", "listen": map[string]any{"port": 8001}, "upstream": map[string]any{"targets": []any{map[string]any{"address": "10.0.0.1:6379"}}}}
		var first, second Service
		b.post("/services", tcp).into(201, &first)
		b.post("/services", tcp).problem(409, "name_taken")
		other := map[string]any{"name": "redis-2", "protocol": "tcp", "listen": map[string]any{"port": 8001}, "upstream": tcp["upstream"]}
		p := b.post("/services", other).problem(409, "port_taken")
		require.Equal(t, "/listen/port", p.Errors[0].Field)
		require.Equal(t, "redis", p.Params["other"])
		b.send("DELETE", "/services/redis", nil, "If-Match", "*").is(204)
		b.post("/services", other).is(201)
		b.send("DELETE", "/services/redis-2", nil, "If-Match", "*").is(204)
		b.post("/services", tcp).into(201, &second)
		require.Greater(t, second.Meta.Revision, first.Meta.Revision)
	})
}

func TestTheSecondPageKnowsTheTotal(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		for i := range 5 {
			b.create(fmt.Sprintf("service-%d", i))
		}
		var page ServiceList
		b.get("/services?page=2&size=2").into(200, &page)
		require.Equal(t, int64(5), page.Total)
		require.Equal(t, 2, page.Page)
		require.Equal(t, []string{"service-2", "service-3"}, []string{page.Items[0].Name, page.Items[1].Name})
		b.get("/services?page=4&size=2").into(200, &page)
		require.Equal(t, int64(5), page.Total)
		require.Empty(t, page.Items)
		require.NotNil(t, page.Items, "[], not null")
	})
}

func TestUpdatesOfUnknownNamesLeaveNothingHanging(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		for i := range 60 { // more than any pool of connections holds
			b.send("PUT", "/services/nobody", orders("nobody"), "If-Match", "*").problem(404, "not_found")
			b.send("PATCH", "/tenants/nobody", "{}", "If-Match", "*").problem(404, "not_found")
			b.send("DELETE", "/blacklist/192.0.2.1_32", nil, "If-Match", "*").problem(404, "not_found")
			b.post("/services/nobody/enable", nil).problem(404, "not_found")
			if i%20 == 0 {
				b.create(fmt.Sprint("alive-", i))
			}
		}
	})
}

func TestTwoServicesWithTheSameRouteAreAConflictThatNamesTheOther(t *testing.T) {
	w := start(t)
	b := w.admin()
	b.create("orders")
	body := orders("copy")
	body["routes"] = orders("orders")["routes"]
	p := b.post("/services", body).problem(409, "route_taken")
	require.Equal(t, "orders", p.Params["other"])
	require.NotEmpty(t, p.Errors[0].Field)
	body["enabled"] = false
	b.post("/services", body).is(201)
	b.post("/services/copy/enable", nil).problem(409, "route_taken")
	b.send("PATCH", "/services/copy", `{"enabled":null}`, "If-Match", "*").problem(409, "route_taken")
}

func TestAChangeMustSayWhichVersionItMeans(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		made := b.create("orders")
		b.send("PUT", "/services/orders", orders("orders")).problem(428, "precondition_required")
		b.send("PATCH", "/services/orders", "{}").problem(428, "precondition_required")
		b.send("DELETE", "/services/orders", nil).problem(428, "precondition_required")
		b.send("PATCH", "/services/orders", `{"title":"mine"}`, "If-Match", made.Meta.ETag).is(200)
		b.send("PATCH", "/services/orders", `{"title":"yours"}`, "If-Match", made.Meta.ETag).problem(412, "precondition_failed")
		b.send("PATCH", "/services/orders", `{"title":"yours"}`, "If-Match", `W/`+made.Meta.ETag).problem(412, "precondition_failed")
		b.send("PATCH", "/services/orders", `{"title":"yours"}`, "If-Match", `"x", *`).is(200)
	})
}

func TestOfTwoSavesOfTheSameVersionOneWins(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		made := b.create("orders")
		var wg sync.WaitGroup
		statuses := make(chan int, 8)
		for i := range 8 {
			wg.Go(func() {
				a, err := b.try("PATCH", "/services/orders", map[string]any{"title": fmt.Sprint("title ", i)}, "If-Match", made.Meta.ETag)
				if err == nil {
					statuses <- a.status
				}
			})
		}
		wg.Wait()
		close(statuses)
		count := map[int]int{}
		for st := range statuses {
			count[st]++
		}
		require.Equal(t, map[int]int{200: 1, 412: 7}, count)
	})
}

func TestConcurrentSavesOfDifferentServicesLoseNothing(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				a, err := b.try("POST", "/services", orders(fmt.Sprint("service-", i)))
				require.NoError(t, err)
				require.Equal(t, 201, a.status, a.body)
			})
		}
		wg.Wait()
		var list ServiceList
		b.get("/services").into(200, &list)
		require.Equal(t, int64(16), list.Total)
		snap, err := w.document.current(t.Context())
		require.NoError(t, err)
		require.Len(t, snap.Document.Services, 16)
		require.Equal(t, uint64(17), snap.Head.Number)
	})
}

func TestANameNeverChanges(t *testing.T) {
	w := start(t)
	b := w.admin()
	b.create("orders")
	p := b.send("PUT", "/services/orders", orders("renamed"), "If-Match", "*").problem(422, "name_immutable")
	require.Equal(t, "/name", p.Errors[0].Field)
	b.send("PATCH", "/services/orders", `{"name":"renamed"}`, "If-Match", "*").problem(422, "name_immutable")
	b.send("PATCH", "/services/orders", `{"name":null}`, "If-Match", "*").problem(422, "name_immutable")
	b.post("/tenants", map[string]any{"app_id": "a"}).is(201)
	require.Equal(t, "/app_id", b.send("PUT", "/tenants/a", map[string]any{"app_id": "b"}, "If-Match", "*").problem(422, "name_immutable").Errors[0].Field)
	b.post("/blacklist", map[string]any{"cidr": "192.0.2.0/24"}).is(201)
	b.send("PATCH", "/blacklist/192.0.2.0_24", `{"cidr":"0.0.0.0/0"}`, "If-Match", "*").problem(422, "name_immutable")
}

func TestWhatAGetGaveCanBeSentBackAndChangesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		full := orders("orders")
		full["tags"], full["enabled"] = []any{}, true
		full["access"] = map[string]any{"allow": []any{}, "auth": "none"}
		full["upstream"].(map[string]any)["timeouts"] = map[string]any{"connect": "0s", "request": "1h30m"}
		b.post("/services", full).is(201)
		b.post("/tenants", map[string]any{"app_id": "app_a", "name": "A", "limits": map[string]any{"qps": 1.5}, "services": []any{"orders"}}).is(201)
		b.post("/blacklist", map[string]any{"cidr": "2001:DB8::/32", "reason": "x", "expires_at": "2030-01-02T03:04:05Z"}).is(201)
		b.send("PUT", "/settings", map[string]any{"time_zone": "Asia/Shanghai"}, "If-Match", "*").is(200)
		head, err := w.store.Head(t.Context())
		require.NoError(t, err)
		for _, path := range []string{"/services/orders", "/tenants/app_a", "/blacklist/2001:db8::_32", "/settings"} {
			for _, query := range []string{"", "?effective=true"} {
				a := b.get(path + query).is(200)
				back := b.send("PUT", path, a.body, "If-Match", a.header.Get("ETag")).is(200)
				require.Equal(t, a.header.Get("ETag"), back.header.Get("ETag"), path)
				require.Empty(t, back.header.Get("X-Yumen-Revision"), "nothing was released")
			}
		}
		after, err := w.store.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, head, after)
	})
}

func TestADryRunSaysWhatWouldChangeAndKeepsNothing(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		b.create("orders")
		head, err := w.store.Head(t.Context())
		require.NoError(t, err)
		var plan Plan
		b.send("PATCH", "/services/orders?dry_run=true", `{"title":"New","upstream":{"timeouts":{"connect":"1s"}}}`, "If-Match", "*").into(200, &plan)
		require.Len(t, plan.Changes, 1)
		require.Equal(t, "changed", plan.Changes[0].Action)
		require.Contains(t, plan.Changes[0].Fields, FieldChange{Field: "/title", Before: "Orders", After: "New"})
		b.post("/services?dry_run=true", orders("other")).into(200, &plan)
		require.Equal(t, "added", plan.Changes[0].Action)
		b.send("DELETE", "/services/orders?dry_run=true", nil, "If-Match", "*").into(200, &plan)
		require.Equal(t, "removed", plan.Changes[0].Action)
		b.post("/services?dry_run=true", orders("orders")).problem(409, "name_taken")
		b.post("/services?dry_run=maybe", orders("orders")).problem(400, "bad_query")
		body := orders("lonely")
		body["upstream"] = map[string]any{"targets": []any{map[string]any{"address": "10.0.0.1:1", "state": "disabled"}}}
		b.post("/services?dry_run=true", body).into(200, &plan)
		require.Equal(t, "no_live_target", plan.Warnings[0].Code)
		after, err := w.store.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, head, after)
		b.get("/services/other").problem(404, "not_found")
	})
}

func TestWhatAnotherNamesIsNotDeletedAndTheOtherIsNamed(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		b.create("orders")
		b.post("/tenants", map[string]any{"app_id": "app_a", "services": []any{"orders"}}).is(201)
		p := b.send("DELETE", "/services/orders", nil, "If-Match", "*").problem(409, "in_use")
		require.Equal(t, []any{"app_a"}, p.Params["names"])
		b.send("PATCH", "/services/orders", `{"access":{"auth":"jwt","tenants":["app_a"]}}`, "If-Match", "*").is(200)
		b.send("PATCH", "/tenants/app_a", `{"services":null}`, "If-Match", "*").is(200)
		b.send("DELETE", "/tenants/app_a", nil, "If-Match", "*").problem(409, "in_use")
		b.send("PATCH", "/services/orders", `{"access":null}`, "If-Match", "*").is(200)
		b.send("DELETE", "/tenants/app_a", nil, "If-Match", "*").is(204)
		b.send("DELETE", "/services/orders", nil, "If-Match", "*").is(204)
		b.post("/tenants", map[string]any{"app_id": "app_b", "services": []any{"gone"}}).problem(422, "invalid")
	})
}

func TestAServiceIsSwitchedOffAndOnAsPeopleWouldWriteIt(t *testing.T) {
	w := start(t)
	b := w.admin()
	made := b.create("orders")
	var off, on Service
	b.post("/services/orders/disable", nil).into(200, &off)
	require.False(t, *off.Enabled)
	require.Equal(t, "disabled", off.Status.State)
	b.post("/services/orders/disable", nil).into(200, &off)
	b.send("POST", "/services/orders/enable", "{}").into(200, &on)
	require.Nil(t, on.Enabled)
	require.Equal(t, made.Meta.ETag, on.Meta.ETag)
	b.post("/tenants", map[string]any{"app_id": "a"}).is(201)
	var tenant Tenant
	b.post("/tenants/a/disable", nil).into(200, &tenant)
	require.False(t, *tenant.Enabled)
	b.post("/tenants/a/enable", nil).is(200)
}

func TestACloneIsDisabledAndCountsFromZero(t *testing.T) {
	w := start(t)
	b := w.admin()
	made := b.create("orders")
	var copied Service
	a := b.post("/services/orders/clone", map[string]any{"name": "orders-2", "title": "Second"}).is(201)
	require.Equal(t, "/api/v1/services/orders-2", a.header.Get("Location"))
	a.into(201, &copied)
	require.False(t, *copied.Enabled)
	require.Equal(t, "Second", copied.Title)
	require.Equal(t, made.Routes, copied.Routes)
	b.post("/services/orders/clone", map[string]any{"name": "orders-2"}).problem(409, "name_taken")
	b.post("/services/orders/clone", map[string]any{"name": "no spaces"}).problem(422, "invalid")
	b.post("/services/gone/clone", map[string]any{"name": "x"}).problem(404, "not_found")
	snap, err := w.document.current(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, serviceOf(snap.Document, "orders").Origin, serviceOf(snap.Document, "orders-2").Origin)

	b.post("/tenants", map[string]any{"app_id": "a", "limits": map[string]any{"qpd": 5}}).is(201)
	var tenant Tenant
	b.post("/tenants/a/clone", map[string]any{"app_id": "b", "name": "B"}).into(201, &tenant)
	require.NotEmpty(t, tenant.Credential.Secret)
	require.Equal(t, int64(5), *tenant.Limits.QPD)
	require.Len(t, tenant.Credentials, 1)
}

func TestBulkSaysWhatBecameOfEachInOneRevision(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		for _, name := range []string{"a", "b", "c"} {
			b.create(name)
		}
		b.post("/tenants", map[string]any{"app_id": "app_a", "services": []any{"b"}}).is(201)
		same := orders("a-again")
		same["routes"], same["enabled"] = orders("a")["routes"], false
		b.post("/services", same).is(201)

		before, err := w.store.Head(t.Context())
		require.NoError(t, err)
		var done BulkAnswer
		b.post("/services/bulk", BulkRequest{Action: "disable", Names: []string{"b", "gone", "c"}}).into(200, &done)
		require.Equal(t, []bool{true, false, true}, []bool{done.Results[0].OK, done.Results[1].OK, done.Results[2].OK})
		require.Equal(t, "not_found", done.Results[1].Error.Code)
		require.Equal(t, before.Number+1, done.Revision)

		// One that cannot be switched on does not hold the others up.
		b.post("/services/bulk", BulkRequest{Action: "enable", Names: []string{"b", "a-again", "c"}}).into(200, &done)
		require.Equal(t, []bool{true, false, true}, []bool{done.Results[0].OK, done.Results[1].OK, done.Results[2].OK})
		require.Equal(t, "route_taken", done.Results[1].Error.Code)
		require.Equal(t, before.Number+2, done.Revision)

		b.post("/services/bulk", BulkRequest{Action: "delete", Names: []string{"a", "b", "c"}}).into(200, &done)
		require.Equal(t, []bool{true, false, true}, []bool{done.Results[0].OK, done.Results[1].OK, done.Results[2].OK})
		require.Equal(t, "in_use", done.Results[1].Error.Code)
		var list ServiceList
		b.get("/services").into(200, &list)
		require.Equal(t, int64(2), list.Total)

		b.post("/services/bulk", BulkRequest{Action: "explode", Names: []string{"b"}}).problem(422, "invalid")
		b.post("/blacklist/bulk", BulkRequest{Action: "enable", Names: []string{"x"}}).problem(422, "invalid")
		b.post("/services/bulk", BulkRequest{Action: "delete"}).problem(422, "invalid")
	})
}

func TestATenantsSecretIsShownOnceAndRotatesWithOverlap(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		var made Tenant
		b.post("/tenants", map[string]any{"app_id": "app_a"}).into(201, &made)
		first := *made.Credential
		require.Len(t, made.Credentials, 1)
		require.NotContains(t, b.get("/tenants/app_a").is(200).body, first.Secret)

		var second NewCredential
		b.post("/tenants/app_a/credentials", map[string]any{"expires_at": "2020-01-01T00:00:00Z"}).is(422)
		a := b.post("/tenants/app_a/credentials", map[string]any{"expires_at": "2040-01-01T00:00:00Z"}).is(201)
		a.into(201, &second)
		require.NotEqual(t, first.ID, second.ID)
		var tenant Tenant
		b.get("/tenants/app_a").into(200, &tenant)
		require.Len(t, tenant.Credentials, 2, "both are good")
		require.Equal(t, made.Meta.ETag, tenant.Meta.ETag, "a form that is open stays good")

		byID := map[string]Credential{}
		for _, c := range tenant.Credentials {
			byID[c.ID] = c
		}
		old := byID[first.ID]
		path := "/tenants/app_a/credentials/" + old.ID
		b.send("PATCH", path, map[string]any{"expires_at": "2020-01-01T00:00:00Z"}).problem(428, "precondition_required")
		var ended Credential
		b.send("PATCH", path, map[string]any{"expires_at": "2020-01-01T00:00:00Z"}, "If-Match", old.ETag).into(200, &ended)
		require.True(t, ended.Expired)
		b.send("PATCH", path, map[string]any{}, "If-Match", "*").into(200, &ended)
		require.True(t, ended.Expired, "{} changes nothing")
		b.send("PATCH", path, `{"expires_at":null}`, "If-Match", ended.ETag).into(200, &ended)
		require.False(t, ended.Expired)

		// PUT and PATCH of the tenant leave them alone.
		b.send("PUT", "/tenants/app_a", map[string]any{"app_id": "app_a", "name": "A"}, "If-Match", "*").is(200)
		b.send("PATCH", "/tenants/app_a", `{"name":null,"credentials":null}`, "If-Match", "*").is(200)
		b.get("/tenants/app_a").into(200, &tenant)
		require.Len(t, tenant.Credentials, 2)

		b.send("DELETE", path, nil, "If-Match", "*").is(204)
		b.send("DELETE", path, nil, "If-Match", "*").problem(404, "not_found")
		b.send("DELETE", "/tenants/app_a/credentials/"+second.ID, nil, "If-Match", `"old"`).problem(412, "precondition_failed")
		snap, err := w.document.current(t.Context())
		require.NoError(t, err)
		have := tenantOf(snap.Document, "app_a").Credentials
		require.Len(t, have, 1)
		require.True(t, spec.VerifySecret(have[0].SecretHash, second.Secret))

		b.post("/tenants?credential=false", map[string]any{"app_id": "app_b"}).into(201, &made)
		require.Empty(t, made.Credentials)
		b.post("/tenants/gone/credentials", nil).problem(404, "not_found")
		b.send("DELETE", "/tenants/app_a", nil, "If-Match", "*").is(204)
		snap, err = w.document.current(t.Context())
		require.NoError(t, err)
		require.Nil(t, tenantOf(snap.Document, "app_a"))
	})
}

func TestCredentialsOfAnotherTenantAreNotReachedThroughMine(t *testing.T) {
	w := start(t)
	b := w.admin()
	var mine, other Tenant
	b.post("/tenants", map[string]any{"app_id": "mine"}).into(201, &mine)
	b.post("/tenants", map[string]any{"app_id": "other"}).into(201, &other)
	head, err := w.store.Head(t.Context())
	require.NoError(t, err)
	for _, id := range []string{other.Credential.ID, "..%2Fother%2F" + other.Credential.ID, "%2e%2e", other.Credential.ID + "%00"} {
		a := b.send("DELETE", "/tenants/mine/credentials/"+id, nil, "If-Match", "*")
		require.Contains(t, []int{400, 404}, a.status, a.body)
		a = b.send("PATCH", "/tenants/mine/credentials/"+id, "{}", "If-Match", "*")
		require.Contains(t, []int{400, 404}, a.status, a.body)
	}
	after, err := w.store.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, head, after)
}

func TestBlacklistRulesHaveOneFormHoweverTheyAreWritten(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		var rule BlacklistRule
		a := b.post("/blacklist", map[string]any{"cidr": "203.0.113.77/24", "reason": "abuse"}).is(201)
		require.Equal(t, "/api/v1/blacklist/203.0.113.0_24", a.header.Get("Location"))
		a.into(201, &rule)
		require.Equal(t, "203.0.113.0/24", rule.CIDR)
		b.post("/blacklist", map[string]any{"cidr": "203.0.113.0/24"}).problem(409, "name_taken")
		b.post("/blacklist", map[string]any{"cidr": "::ffff:203.0.113.9/120"}).problem(409, "name_taken")
		for _, bad := range []string{"fe80::1%eth0", "010.0.0.1", "1.2.3", "1.2.3.4/33", "", "::ffff:1.2.3.4/90"} {
			p := b.post("/blacklist", map[string]any{"cidr": bad}).problem(422, "invalid")
			require.Equal(t, "/cidr", p.Errors[0].Field, bad)
		}
		b.post("/blacklist", map[string]any{"cidr": "2001:DB8:0:0::1", "expires_at": "2020-01-01T00:00:00Z"}).into(201, &rule)
		require.Equal(t, "2001:db8::1_128", rule.ID)
		require.True(t, rule.Expired)
		b.get("/blacklist/2001:db8::1_128").into(200, &rule)
		b.get("/blacklist/2001:0db8::1").into(200, &rule)
		b.send("PATCH", "/blacklist/2001:db8::1_128", `{"expires_at":null}`, "If-Match", rule.Meta.ETag).into(200, &rule)
		require.False(t, rule.Expired)
		var page BlacklistPage
		b.get("/blacklist?q=abuse").into(200, &page)
		require.Equal(t, int64(1), page.Total)
		var done BulkAnswer
		b.post("/blacklist/bulk", BulkRequest{Action: "delete", Names: []string{"203.0.113.0_24", "2001:db8::1_128", "10.0.0.0_8"}}).into(200, &done)
		require.Equal(t, []bool{true, true, false}, []bool{done.Results[0].OK, done.Results[1].OK, done.Results[2].OK})
	})
}

func TestSettingsStartEmptyAndAnotherAlgorithmGetsAKey(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		var st Settings
		a := b.get("/settings?effective=true").is(200)
		a.into(200, &st)
		require.Nil(t, st.TimeZone)
		require.Equal(t, "UTC", *st.Effective.TimeZone)
		for _, algorithm := range []string{"RS256", "ES256", "HS256", "EdDSA"} {
			a = b.send("PATCH", "/settings", map[string]any{"token": map[string]any{"algorithm": algorithm}}, "If-Match", a.header.Get("ETag")).is(200)
			snap, err := w.document.current(t.Context())
			require.NoError(t, err)
			n := 0
			for _, k := range snap.Document.Keys {
				if k.Algorithm == algorithm {
					n++
					require.NotEmpty(t, k.Private.Reveal())
				}
			}
			require.Equal(t, 1, n, algorithm)
		}
		b.send("PUT", "/settings", map[string]any{"time_zone": "Asia/Shanghai"}, "If-Match", `"stale"`).problem(412, "precondition_failed")
		p := b.send("PUT", "/settings", map[string]any{"time_zone": "Mars/Olympus"}, "If-Match", "*").problem(422, "invalid")
		require.Equal(t, "/time_zone", p.Errors[0].Field)
		b.send("PUT", "/settings", map[string]any{"time_zone": "Asia/Shanghai"}, "If-Match", "*").is(200)
		var about Installation
		b.get("/meta").into(200, &about)
		require.Equal(t, "Asia/Shanghai", about.TimeZone)
	})
}

func TestANewInstallationHasOneSigningKeyHoweverManyDashboardsStart(t *testing.T) {
	w := start(t, onServers)
	other := &world{t: t, keys: w.keys, db: w.db, redis: w.redis, config: w.config, logs: new(lines), notice: new(lines)}
	other.run()
	defer other.stop()
	snap, err := other.document.current(t.Context())
	require.NoError(t, err)
	require.Len(t, snap.Document.Keys, 1)
	require.Equal(t, "EdDSA", snap.Document.Keys[0].Algorithm)
	admins, err := other.store.Admins(t.Context())
	require.NoError(t, err)
	require.Len(t, admins, 1)
}

func TestRevisionsAreListedShownAndComparedFieldByField(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		b.create("orders")
		b.send("PATCH", "/services/orders", `{"upstream":{"timeouts":{"connect":"1s"}}}`, "If-Match", "*").is(200)
		b.create("other")
		var r Revision
		b.get("/revisions/3").into(200, &r)
		require.Equal(t, uint64(2), r.Parent)
		require.Equal(t, "admin", r.Account)
		require.Equal(t, 1, r.Changed)
		var diff RevisionDiff
		b.get("/revisions/3/diff").into(200, &diff)
		require.Equal(t, uint64(2), diff.From)
		require.Len(t, diff.Changes, 1)
		require.Equal(t, "changed", diff.Changes[0].Action)
		require.NotEmpty(t, diff.Changes[0].Fields)
		b.get("/revisions/4/diff?against=1").into(200, &diff)
		require.Len(t, diff.Changes, 2)
		b.get("/revisions/1/diff?against=4").into(200, &diff)
		require.Equal(t, "removed", diff.Changes[0].Action)
		b.get("/revisions/4/diff?against=4").into(200, &diff)
		require.Empty(t, diff.Changes)
		b.get("/revisions/99").problem(404, "not_found")
		b.get("/revisions/x").problem(404, "not_found")
		b.get("/revisions/4/diff?against=99").problem(404, "not_found")
	})
}

func TestEveryChangeIsInTheAuditTrailWithWhoFromWhereAndWhat(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		a := b.post("/services", orders("orders")).is(201)
		b.send("PATCH", "/services/orders", `{"title":"x"}`, "If-Match", "*").is(200)
		b.send("DELETE", "/services/orders", nil, "If-Match", "*").is(204)
		var trail AuditList
		b.get("/audit?object=service/orders").into(200, &trail)
		require.Equal(t, int64(3), trail.Total)
		require.Equal(t, []string{"delete", "update", "create"}, []string{trail.Items[0].Action, trail.Items[1].Action, trail.Items[2].Action})
		row := trail.Items[2]
		require.Equal(t, "admin", row.Account)
		require.Equal(t, "session", row.Kind)
		require.Equal(t, "127.0.0.1", row.Address)
		require.Equal(t, a.header.Get("X-Request-ID"), row.RequestID)
		require.Equal(t, uint64(2), row.Revision)
		require.Contains(t, trail.Items[1].Changes[0].Fields, FieldChange{Field: "/title", Before: "Orders", After: "x"})
		b.get("/audit?from="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)).into(200, &trail)
		require.Zero(t, trail.Total)
		b.get("/audit?from=yesterday").problem(400, "bad_query")
	})
}

func TestAChangeElsewhereIsNotHeldUpByWhatWasWrongBefore(t *testing.T) {
	w := start(t)
	b := w.admin()
	// The ports of the process were others when this was saved.
	_, err := w.store.Publish(t.Context(), system(), "before", func(d *dao.Draft) error {
		address := spec.Target{Address: "10.0.0.1:1"}
		return d.Put(spec.KindService, "old", &spec.Service{Name: "old", Protocol: "tcp", Listen: &spec.Listen{Port: 700}, Upstream: &spec.Upstream{Targets: []spec.Target{address}}})
	})
	require.NoError(t, err)
	b.create("orders")
	b.send("DELETE", "/services/orders", nil, "If-Match", "*").is(204)
	p := b.send("PATCH", "/services/old", `{"title":"x"}`, "If-Match", "*").problem(422, "invalid")
	require.Equal(t, "/listen/port", p.Errors[0].Field)
}

func TestManyFieldsThatAreWrongAreAllNamed(t *testing.T) {
	w := start(t)
	b := w.admin()
	p := b.post("/services", map[string]any{
		"name": "bad name", "protocol": "http", "upstream": map[string]any{
			"targets": []any{map[string]any{"address": "nowhere"}, map[string]any{"address": "10.0.0.1:1", "weight": -1}}, "balance": map[string]any{"policy": "best"},
		},
	}).problem(422, "invalid")
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
		require.NotEmpty(t, e.Message)
		require.Contains(t, Codes, e.Code)
	}
	for _, f := range []string{"/name", "/upstream/targets/0/address", "/upstream/targets/1/weight", "/upstream/balance/policy"} {
		require.Contains(t, fields, f)
	}
}

func TestATenantFormHasEveryFieldOfATenant(t *testing.T) {
	w := start(t)
	b := w.admin()
	b.create("orders")
	body := map[string]any{
		"app_id": "app_a", "name": "A", "description": "d", "enabled": false, "allow_ips": []any{"10.0.0.0/8"}, "services": []any{"orders"},
		"limits": map[string]any{"qps": 1.0, "burst": 2.0, "qpd": 3.0},
	}
	var names []string
	for _, d := range spec.Defaults() {
		if name, ok := strings.CutPrefix(d.Field, "tenants."); ok {
			names = append(names, strings.Split(name, ".")[0])
		}
	}
	for _, name := range names {
		require.Contains(t, body, name)
	}
	b.post("/tenants", body).is(201)
	var got map[string]any
	b.get("/tenants/app_a").into(200, &got)
	for name, value := range body {
		require.Equal(t, value, got[name], name)
	}
}

func TestTheDashboardStopsOnAWrongSchemaAndSaysTheCommand(t *testing.T) {
	c := dao.Config{Driver: "sqlite", DSN: t.TempDir() + "/empty.db"}
	store, err := dao.Open(t.Context(), c, nil, nil)
	require.NoError(t, err)
	defer store.Close()
	s, err := New(Config{Console: "127.0.0.1:0"}, store, nil, nil, nil, nil)
	require.NoError(t, err)
	require.ErrorContains(t, s.Run(t.Context()), "yumen migrate")
}

func TestANewInstallationHasNoPageOfAnythingButSaysSo(t *testing.T) {
	w := start(t)
	b := w.admin()
	for _, path := range []string{"/services", "/tenants", "/blacklist", "/nodes"} {
		require.Contains(t, b.get(path).is(http.StatusOK).body, `"items":[]`)
	}
}

func TestAnObjectThatCannotBeReadHidesNoOtherAndCanBeReplacedOrDeleted(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		b.create("good")
		b.create("torn")
		w.tear("torn")
		var list ServiceList
		b.get("/services").into(200, &list)
		require.Equal(t, int64(2), list.Total)
		require.Equal(t, "torn", list.Items[1].Name)
		require.Equal(t, "not_applied", list.Items[1].Status.State)
		require.Equal(t, "needs_newer", list.Items[1].Status.Faults[0].Code)
		b.send("PATCH", "/services/torn", `{"title":"x"}`, "If-Match", "*").problem(409, "unreadable")
		b.post("/services/torn/enable", nil).problem(409, "unreadable")
		b.post("/services", orders("torn")).problem(409, "name_taken")
		b.send("PATCH", "/services/good", `{"title":"x"}`, "If-Match", "*").is(200)
		b.send("PUT", "/services/torn", orders("torn"), "If-Match", "*").is(200)
		w.tear("torn")
		b.send("DELETE", "/services/torn", nil, "If-Match", "*").is(204)
	})
}

func TestWhenTheDatabaseIsAwayTheConsoleSaysSoAndComesBack(t *testing.T) {
	var db *testenv.MariaDBServer
	w := start(t, onServers, func(w *world) {
		db = testenv.NewMariaDB(w.t)
		w.db.DSN = db.Database(w.t)
	})
	b := w.admin()
	b.create("orders")
	db.Stop()
	b.get("/services").problem(503, "unavailable")
	b.post("/services", orders("other")).problem(503, "unavailable")
	for range 10 { // which are no wrong passwords
		w.browser().post("/login", LoginRequest{Account: "admin", Password: password}).problem(503, "unavailable")
	}
	require.Contains(t, b.page("GET", "/", "Accept", "text/html").is(200).body, "<!doctype html>")
	db.Start(t)
	eventually(t, func() bool { return b.get("/services/orders").status == 200 }, "the database is back and nobody noticed")
	w.browser().login("admin", password)
}
