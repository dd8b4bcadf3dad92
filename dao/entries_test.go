package dao

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

// names lists the names of a page of a query.
func names(t *testing.T, s *Store, kind spec.Kind, q Query) []string {
	t.Helper()
	if q.Page == 0 {
		q.Page, q.Size = 1, 200
	}
	rows, total, err := s.List(t.Context(), kind, q)
	require.NoError(t, err)
	require.GreaterOrEqual(t, int(total), len(rows))
	all := []string{}
	for _, row := range rows {
		all = append(all, row.Key.Name)
	}
	return all
}

// One table of cases on both databases: what is found, and in which order.
func TestBothDatabasesFindAndSortAlike(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, func(d *Draft) error {
			return errors.Join(
				d.Put(spec.KindService, "Zeta", &spec.Service{Name: "Zeta", Protocol: "tcp", Title: "Größe 🚪", Listen: &spec.Listen{Port: 8001}, Tags: []string{"shop", "eu"}}),
				d.Put(spec.KindService, "alpha", &spec.Service{Name: "alpha", Protocol: "http", Title: "ÉTÉ  ", Enabled: ptr(false), Tags: []string{"shop-old"},
					Routes: []spec.Route{{Hosts: []string{"Shop.Example.com"}, Path: &spec.PathMatch{Prefix: "/Orders"}}}}),
				d.Put(spec.KindService, "Alpha", &spec.Service{Name: "Alpha", Protocol: "http", Title: "100%_\\'\"", Tags: []string{"SHOP"},
					Upstream: &spec.Upstream{Targets: []spec.Target{{Address: "10.0.0.1:9000"}}}}),
				d.Put(spec.KindService, "alpha.b", &spec.Service{Name: "alpha.b", Protocol: "grpc", Title: "ete\u0301"}),
				d.Put(spec.KindService, "alpha_b", &spec.Service{Name: "alpha_b", Protocol: "http", Title: "İstanbul"}),
			)
		})
		all := []string{"Alpha", "Zeta", "alpha", "alpha.b", "alpha_b"}
		for _, c := range []struct {
			query Query
			want  []string
		}{
			{Query{}, all},
			{Query{Sort: "name"}, all},
			{Query{Sort: "-name"}, []string{"alpha_b", "alpha.b", "alpha", "Zeta", "Alpha"}},
			{Query{Sort: "protocol"}, []string{"alpha.b", "Alpha", "alpha", "alpha_b", "Zeta"}},
			{Query{Sort: "-protocol"}, []string{"Zeta", "alpha_b", "alpha", "Alpha", "alpha.b"}},
			{Query{Sort: "updated_at"}, all}, // all at once: the name decides
			{Query{Sort: "-created_at"}, []string{"alpha_b", "alpha.b", "alpha", "Zeta", "Alpha"}},
			{Query{Q: "ALPHA"}, []string{"Alpha", "alpha", "alpha.b", "alpha_b"}},
			{Query{Q: "alpha_"}, []string{"alpha_b"}},
			{Query{Q: "%"}, []string{"Alpha"}},
			{Query{Q: "_\\'\""}, []string{"Alpha"}},
			{Query{Q: "' OR '1'='1"}, []string{}},
			{Query{Q: "été"}, []string{"alpha"}}, // the decomposed form is another text
			{Query{Q: "ete"}, []string{"alpha.b"}},
			{Query{Q: "été  "}, []string{"alpha"}},
			{Query{Q: "grösse"}, []string{}},
			{Query{Q: "größe 🚪"}, []string{"Zeta"}},
			{Query{Q: "🚪"}, []string{"Zeta"}},
			{Query{Q: "🚫"}, []string{}},
			{Query{Q: "İstanbul"}, []string{"alpha_b"}},
			{Query{Q: "shop.example"}, []string{"alpha"}},
			{Query{Q: "/orders"}, []string{"alpha"}},
			{Query{Q: ":9000"}, []string{"Alpha"}},
			{Query{Q: "8001"}, []string{"Zeta"}},
			{Query{Q: "\x00"}, []string{}},
			{Query{Filter: map[string]string{"protocol": "http"}}, []string{"Alpha", "alpha", "alpha_b"}},
			{Query{Filter: map[string]string{"protocol": "http "}}, []string{}},
			{Query{Filter: map[string]string{"protocol": "HTTP"}}, []string{}},
			{Query{Filter: map[string]string{"enabled": "false"}}, []string{"alpha"}},
			{Query{Filter: map[string]string{"enabled": "true", "protocol": "http"}}, []string{"Alpha", "alpha_b"}},
			{Query{Filter: map[string]string{"port": "8001"}}, []string{"Zeta"}},
			{Query{Filter: map[string]string{"tag": "shop"}}, []string{"Zeta"}},
			{Query{Filter: map[string]string{"tag": "SHOP"}}, []string{"Alpha"}},
			{Query{Filter: map[string]string{"tag": "e"}}, []string{}},
		} {
			require.Equal(t, c.want, names(t, s, spec.KindService, c.query), "%+v", c.query)
		}
	})
}

func TestWhatHasNoEndComesFirst(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		later := at.Add(1500 * time.Millisecond)
		publish(t, s, func(d *Draft) error {
			return errors.Join(
				d.Put(spec.KindBlacklist, "10.0.0.0/8", &spec.BlacklistRule{CIDR: "10.0.0.0/8", ExpiresAt: &later}),
				d.Put(spec.KindBlacklist, "11.0.0.0/8", &spec.BlacklistRule{CIDR: "11.0.0.0/8"}),
				d.Put(spec.KindBlacklist, "12.0.0.0/8", &spec.BlacklistRule{CIDR: "12.0.0.0/8", ExpiresAt: &at}),
				d.Put(spec.KindBlacklist, "::/0", &spec.BlacklistRule{CIDR: "::/0", Reason: "Everything"}),
			)
		})
		require.Equal(t, []string{"11.0.0.0/8", "::/0", "12.0.0.0/8", "10.0.0.0/8"}, names(t, s, spec.KindBlacklist, Query{Sort: "expires_at"}))
		require.Equal(t, []string{"10.0.0.0/8", "12.0.0.0/8", "::/0", "11.0.0.0/8"}, names(t, s, spec.KindBlacklist, Query{Sort: "-expires_at"}))
		require.Equal(t, []string{"::/0"}, names(t, s, spec.KindBlacklist, Query{Q: "EVERY"}))
	})
}

func TestEveryPageSaysTheTotal(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, func(d *Draft) error {
			for i := range 5 {
				if err := d.Put(spec.KindTenant, fmt.Sprint("t", i), &spec.Tenant{AppID: fmt.Sprint("t", i)}); err != nil {
					return err
				}
			}
			return nil
		})
		for page, want := range map[int][]string{1: {"t0", "t1"}, 2: {"t2", "t3"}, 3: {"t4"}, 4: {}} {
			rows, total, err := s.List(t.Context(), spec.KindTenant, Query{Page: page, Size: 2})
			require.NoError(t, err)
			require.Equal(t, int64(5), total)
			got := []string{}
			for _, row := range rows {
				got = append(got, row.Key.Name)
			}
			require.Equal(t, want, got)
		}
	})
}

func TestQueriesOutsideTheFixedListAreRefused(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		for _, c := range []struct {
			query Query
			param string
		}{
			{Query{Page: 0, Size: 10}, "page"},
			{Query{Page: 1 << 40, Size: 10}, "page"},
			{Query{Page: 1, Size: 0}, "size"},
			{Query{Page: 1, Size: 201}, "size"},
			{Query{Page: 1, Size: 10, Sort: "search"}, "sort"},
			{Query{Page: 1, Size: 10, Sort: "name;DROP TABLE head"}, "sort"},
			{Query{Page: 1, Size: 10, Sort: "-"}, "sort"},
			{Query{Page: 1, Size: 10, Q: strings.Repeat("x", 129)}, "q"},
			{Query{Page: 1, Size: 10, Q: strings.Repeat("x", 4096)}, "q"},
			{Query{Page: 1, Size: 10, Q: "\xff"}, "q"},
			{Query{Page: 1, Size: 10, Filter: map[string]string{"digest": "x"}}, "digest"},
			{Query{Page: 1, Size: 10, Filter: map[string]string{"enabled": "yes"}}, "enabled"},
			{Query{Page: 1, Size: 10, Filter: map[string]string{"port": "-1"}}, "port"},
			{Query{Page: 1, Size: 10, Filter: map[string]string{"protocol": "\xff"}}, "protocol"},
			{Query{Page: 1, Size: 10, Filter: map[string]string{"tag": "a\nb"}}, "tag"},
		} {
			_, _, err := s.List(t.Context(), spec.KindService, c.query)
			var bad *BadQuery
			require.ErrorAs(t, err, &bad, "%+v", c.query)
			require.Equal(t, c.param, bad.Param)
		}
	})
}

func TestGetFindsExactlyOneObject(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		first := put(t, s, spec.KindService, "Orders", service("Orders"))
		by := Principal{Kind: "session", Account: "zoë"}
		changed := service("Orders")
		changed.Title = "changed"
		second, err := s.Publish(t.Context(), by, "", func(d *Draft) error { return d.Put(spec.KindService, "Orders", changed) })
		require.NoError(t, err)
		row, err := s.Get(t.Context(), key(spec.KindService, "Orders"))
		require.NoError(t, err)
		require.Equal(t, Row{Key: key(spec.KindService, "Orders"), Digest: spec.Digest(row.Bytes), Origin: 1, Revision: 2,
			CreatedAt: first.At, UpdatedAt: second.At, CreatedBy: "root", UpdatedBy: "zoë", Bytes: row.Bytes}, row)
		v, origin, err := spec.Decode(row.Object(), nil)
		require.NoError(t, err)
		require.Equal(t, "changed", v.(*spec.Service).Title)
		require.Equal(t, uint64(1), origin)
		for _, k := range []spec.Key{key(spec.KindTenant, "Orders"), key(spec.KindService, "orders"), key(spec.KindService, "Orders "),
			key(spec.KindService, "Órders"), key(spec.KindService, ""), key(spec.KindService, "\xff"), key("root", "1")} {
			_, err := s.Get(t.Context(), k)
			require.ErrorIs(t, err, ErrNotFound, "%q", k)
		}
	})
}

func TestADeletedNameIsFree(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		put(t, s, spec.KindService, "a", service("a"))
		publish(t, s, func(d *Draft) error { return d.Delete(spec.KindService, "a") })
		require.Empty(t, names(t, s, spec.KindService, Query{}))
		put(t, s, spec.KindService, "a", service("a"))
		require.Equal(t, []string{"a"}, names(t, s, spec.KindService, Query{}))
	})
}
