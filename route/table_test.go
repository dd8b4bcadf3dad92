package route

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func build(t testing.TB, entries ...Entry[string]) *Table[string] {
	t.Helper()
	table, err := Build(entries)
	require.NoError(t, err)
	return table
}

func match(table *Table[string], host, path string) string {
	m, _ := table.Match(host, path)
	return m.Value
}

func TestLongestPrefixWinsWhateverTheOrder(t *testing.T) {
	table := build(t,
		Entry[string]{Prefix: "/test", Value: "short"},
		Entry[string]{Prefix: "/test/deep/er", Value: "long"},
		Entry[string]{Prefix: "/test/deep", Value: "middle"},
	)
	require.Equal(t, "short", match(table, "a", "/test/de"))
	require.Equal(t, "middle", match(table, "a", "/test/deep/e"))
	require.Equal(t, "long", match(table, "a", "/test/deep/er/1"))
}

func TestPrefixMatchesWholeSegmentsOnly(t *testing.T) {
	table := build(t, Entry[string]{Prefix: "/test", Value: "x"})
	require.Equal(t, "x", match(table, "a", "/test"))
	require.Equal(t, "x", match(table, "a", "/test/"))
	require.Equal(t, "x", match(table, "a", "/test/ing"))
	require.Empty(t, match(table, "a", "/testing"))
	require.Empty(t, match(table, "a", "/tes"))
	require.Empty(t, match(table, "a", "/"))
}

func TestEmptyTableMatchesNothing(t *testing.T) {
	table := build(t)
	for _, host := range []string{"", "a", "a.b:80"} {
		for _, path := range []string{"/", "*", "/x"} {
			_, ok := table.Match(host, path)
			require.False(t, ok)
		}
	}
}

func TestExactPathGoesBeforePrefix(t *testing.T) {
	table := build(t,
		Entry[string]{Prefix: "/a/b", Value: "prefix"},
		Entry[string]{Exact: "/a/b", Value: "exact"},
		Entry[string]{Exact: "/a/b/", Value: "slash"},
	)
	require.Equal(t, "exact", match(table, "h", "/a/b"))
	require.Equal(t, "slash", match(table, "h", "/a/b/"))
	require.Equal(t, "prefix", match(table, "h", "/a/b/c"))
}

func TestMostSpecificHostGoesFirst(t *testing.T) {
	table := build(t,
		Entry[string]{Prefix: "/", Value: "any"},
		Entry[string]{Hosts: []string{"*.example.com"}, Value: "wild"},
		Entry[string]{Hosts: []string{"*.api.example.com"}, Value: "wilder"},
		Entry[string]{Hosts: []string{"api.example.com"}, Value: "exact"},
	)
	require.Equal(t, "exact", match(table, "api.example.com", "/"))
	require.Equal(t, "wilder", match(table, "v1.api.example.com", "/"))
	require.Equal(t, "wilder", match(table, "x.v1.api.example.com", "/"))
	require.Equal(t, "wild", match(table, "www.example.com", "/"))
	require.Equal(t, "any", match(table, "example.com", "/"))
	require.Equal(t, "any", match(table, "notexample.com", "/"))
	require.Equal(t, "any", match(table, "", "/"))
}

func TestHostWithoutAMatchingRouteLeavesItToTheNext(t *testing.T) {
	table := build(t,
		Entry[string]{Hosts: []string{"api.example.com"}, Prefix: "/v1", Value: "exact"},
		Entry[string]{Hosts: []string{"*.example.com"}, Prefix: "/v2", Value: "wild"},
		Entry[string]{Prefix: "/v3", Value: "any"},
	)
	require.Equal(t, "exact", match(table, "api.example.com", "/v1"))
	require.Equal(t, "wild", match(table, "api.example.com", "/v2"))
	require.Equal(t, "any", match(table, "api.example.com", "/v3"))
	require.Empty(t, match(table, "api.example.com", "/v4"))
}

func TestHostIsComparedWithoutCasePortAndTrailingDot(t *testing.T) {
	table := build(t,
		Entry[string]{Hosts: []string{"API.example.com."}, Value: "name"},
		Entry[string]{Hosts: []string{"[::1]"}, Value: "v6"},
		Entry[string]{Hosts: []string{"10.0.0.1"}, Value: "v4"},
	)
	for _, host := range []string{"api.example.com", "Api.Example.COM", "api.example.com:8080", "api.example.com.", "api.example.com.:80"} {
		require.Equal(t, "name", match(table, host, "/"), host)
	}
	for _, host := range []string{"[::1]", "[::1]:8080"} {
		require.Equal(t, "v6", match(table, host, "/"), host)
	}
	require.Equal(t, "v4", match(table, "10.0.0.1:80", "/"))
}

func TestStrangeHostsNeverPanic(t *testing.T) {
	table := build(t, Entry[string]{Hosts: []string{"*.a"}, Value: "x"}, Entry[string]{Hosts: []string{"a"}, Value: "y"})
	for _, host := range []string{"", ":", ":80", ".", "..", "[", "[]", "[:", "]", "a:b:c", strings.Repeat("a.", 400), "\x00", "a.."} {
		require.NotPanics(t, func() { table.Match(host, "/") }, host)
	}
	_, ok := table.Match("a:not-a-port", "/")
	require.True(t, ok)
}

func TestOptionsOfTheWholeServerMeetsOnlyCatchAlls(t *testing.T) {
	table := build(t, Entry[string]{Prefix: "/*", Value: "star"}, Entry[string]{Hosts: []string{"a"}, Value: "all"})
	require.Equal(t, "all", match(table, "a", "*"))
	require.Empty(t, match(table, "b", "*"))
}

func TestSameHostAndPathIsAConflictInEverySpelling(t *testing.T) {
	for _, pair := range [][2]Entry[string]{
		{{Prefix: "/a"}, {Prefix: "/a/"}},
		{{Prefix: "/"}, {}},
		{{Exact: "/%7Ea"}, {Exact: "/~a"}},
		{{Hosts: []string{"A.b"}}, {Hosts: []string{"x", "a.B."}}},
		{{Hosts: []string{"*.a"}, Prefix: "/x"}, {Hosts: []string{"*.A"}, Prefix: "//x"}},
	} {
		_, err := Build([]Entry[string]{{Prefix: "/other"}, pair[0], pair[1]})
		var conflict *Conflict
		require.ErrorAs(t, err, &conflict)
		require.Equal(t, []int{1, 2}, []int{conflict.First, conflict.Second})
	}
	build(t, Entry[string]{Prefix: "/a"}, Entry[string]{Exact: "/a"})
	build(t, Entry[string]{Prefix: "/a", Hosts: []string{"h", "H"}})
}

func TestBadEntriesAreRefused(t *testing.T) {
	for _, e := range []Entry[string]{
		{Prefix: "a"}, {Exact: "/%zz"}, {Prefix: "/a", Exact: "/b"}, {Hosts: []string{"*"}}, {Hosts: []string{"*."}},
		{Hosts: []string{"a.*.b"}}, {Hosts: []string{"*a.b"}}, {Hosts: []string{":80"}}, {Prefix: "/../x"},
	} {
		_, err := Build([]Entry[string]{e})
		require.Error(t, err, "%+v", e)
	}
}

func TestMatchTellsWhatItMatched(t *testing.T) {
	table := build(t, Entry[string]{Prefix: "/a/"}, Entry[string]{Exact: "/b/c"}, Entry[string]{Hosts: []string{"h"}})
	for request, want := range map[[2]string]string{{"", "/a/x"}: "/a", {"", "/b/c"}: "/b/c", {"h", "/z"}: ""} {
		m, ok := table.Match(request[0], request[1])
		require.True(t, ok)
		require.Equal(t, want, m.Prefix)
	}
}

func TestSecondReadingMustLeadToTheSameRoute(t *testing.T) {
	table := build(t, Entry[string]{Prefix: "/public", Value: "p"}, Entry[string]{Prefix: "/admin", Value: "a"})
	for path, want := range map[string]bool{
		"/public/a%2Fb":            true,
		"/public/x;v=1":            true,
		"/public":                  true,
		"/public/..;/admin":        false,
		"/public%2F..%2Fadmin":     false,
		"/public/%2e%2e%2Fadmin/x": false,
		"/public/..;/nowhere":      false,
	} {
		normal, alt, err := Normalise(path)
		require.NoError(t, err)
		m, ok := table.Match("h", normal)
		require.Equal(t, want, ok && table.Agrees("h", alt, m), path)
	}
}

// The table must find what a scan by the rules of precedence finds.
func TestTableAgreesWithAScan(t *testing.T) {
	hosts := []string{"", "a.b", "c.a.b", "*.b", "*.a.b", "d"}
	paths := []string{"", "/x", "/x/y", "/xy", "/x/y/z"}
	rapid.Check(t, func(t *rapid.T) {
		seen := map[string]bool{}
		var entries []Entry[string]
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			e := Entry[string]{}
			host := rapid.SampledFrom(hosts).Draw(t, "host")
			if host != "" {
				e.Hosts = []string{host}
			}
			path := rapid.SampledFrom(paths).Draw(t, "path")
			if path != "" && rapid.Bool().Draw(t, "exact") {
				e.Exact = path
			} else {
				e.Prefix = path
			}
			e.Value = fmt.Sprintf("%s|%s|%s", host, e.Prefix, e.Exact)
			if !seen[e.Value] {
				seen[e.Value] = true
				entries = append(entries, e)
			}
		}
		table, err := Build(entries)
		require.NoError(t, err)
		host := rapid.SampledFrom([]string{"a.b", "c.a.b", "e.c.a.b", "b", "d", "x"}).Draw(t, "request host")
		path := rapid.SampledFrom([]string{"/", "/x", "/x/", "/x/y", "/xy", "/x/y/z/w", "/x/q"}).Draw(t, "request path")
		require.Equal(t, scan(entries, host, path), match(table, host, path), "%s %s in %v", host, path, entries)
	})
}

func scan(entries []Entry[string], host, path string) string {
	best, value := -1, ""
	for _, e := range entries {
		score := 0
		if len(e.Hosts) > 0 {
			switch h := e.Hosts[0]; {
			case h == host:
				score = 1000000
			case h[0] == '*' && strings.HasSuffix(host, h[1:]):
				score = 1000 * len(h)
			default:
				continue
			}
		}
		switch {
		case e.Exact != "" && e.Exact == path:
			score += 500
		case e.Exact == "" && (e.Prefix == "" || path == e.Prefix || strings.HasPrefix(path, e.Prefix+"/")):
			score += len(e.Prefix)
		default:
			continue
		}
		if score > best {
			best, value = score, e.Value
		}
	}
	return value
}

func tenThousand() []Entry[string] {
	var entries []Entry[string]
	for i := range 10000 {
		e := Entry[string]{Prefix: fmt.Sprintf("/api/v%d/service-%d", i%7, i), Value: "x"}
		if i%2 == 0 {
			e.Hosts = []string{fmt.Sprintf("host-%d.example.com", i%500)}
		}
		entries = append(entries, e)
	}
	return entries
}

func TestMatchDoesNotAllocate(t *testing.T) {
	table := build(t, tenThousand()...)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		table.Match("Host-42.example.com:8080", "/api/v0/service-42/items/1")
		table.Match("unknown.example.org", "/nowhere")
	}))
}

func BenchmarkMatch(b *testing.B) {
	table := build(b, tenThousand()...)
	b.Run("host", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			table.Match("host-42.example.com:8080", "/api/v0/service-42/items/1")
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			table.Match("host-42.example.com:8080", "/api/v3/service-9999/items/1")
		}
	})
	b.Run("normalise", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = Normalise("/api/v3/service-9999/items/1")
		}
	})
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"a", "[::1]:80", "a.", ":", "A:b:c"} {
		f.Add(s)
	}
	table := build(f, Entry[string]{Hosts: []string{"*.a"}, Value: "x"})
	f.Fuzz(func(t *testing.T, s string) {
		h := Host(s)
		require.False(t, strings.ContainsAny(h, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		require.LessOrEqual(t, len(h), maxHost)
		table.Match(s, "/")
	})
}
