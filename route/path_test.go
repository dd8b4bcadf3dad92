package route

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPathHasOneNormalForm(t *testing.T) {
	for path, want := range map[string]string{
		"/":                "/",
		"*":                "*",
		"/orders":          "/orders",
		"/orders/":         "/orders/",
		"//orders///1":     "/orders/1",
		"/./orders/./":     "/orders/",
		"/orders/.":        "/orders/",
		"/orders/..":       "/",
		"/orders/../a":     "/a",
		"/a/b/../../c":     "/c",
		"/a//../b":         "/b",
		"/%6frders":        "/orders",
		"/%7Eme":           "/~me",
		"/a%2e%2E/b":       "/a../b",
		"/a/%2e%2E/b":      "/b",
		"/a/%2e/b":         "/a/b",
		"/.hidden/..x/...": "/.hidden/..x/...",
		"/a%2fb":           "/a%2Fb",
		"/a%20b":           "/a%20b",
		"/100%25":          "/100%25",
		"/%e7%8e%89":       "/%E7%8E%89",
		"/玉":               "/%E7%8E%89",
		"/{x}|":            "/%7Bx%7D%7C",
		"/%7bx%7D":         "/%7Bx%7D",
		"/a:b@c!$&'()*+,=": "/a:b@c!$&'()*+,=",
		"/a;v=1":           "/a;v=1",
	} {
		got, _, err := Normalise(path)
		require.NoError(t, err, path)
		require.Equal(t, want, got, path)
	}
}

func TestBrokenPathsAreRefused(t *testing.T) {
	for path, want := range map[string]error{
		"":                   ErrRelative,
		"orders":             ErrRelative,
		"**":                 ErrRelative,
		"/%":                 ErrEscape,
		"/%4":                ErrEscape,
		"/%zz":               ErrEscape,
		"/%u0041":            ErrEscape,
		"/%00":               ErrCharacter,
		"/a\x00":             ErrCharacter,
		"/a\r\nX: y":         ErrCharacter,
		"/%0d%0a":            ErrCharacter,
		"/\x7f":              ErrCharacter,
		`/a\b`:               ErrCharacter,
		"/a%5Cb":             ErrCharacter,
		"/a%5cb":             ErrCharacter,
		"/a b":               ErrCharacter,
		"/a?b":               ErrCharacter,
		"/a#b":               ErrCharacter,
		"/..":                ErrRoot,
		"/a/../..":           ErrRoot,
		"/%2e%2e/etc":        ErrRoot,
		"/a/..;/..;/etc":     ErrRoot,
		"/a%2F..%2F..%2Fetc": ErrRoot,
	} {
		_, _, err := Normalise(path)
		require.ErrorIs(t, err, want, "%q", path)
	}
}

func TestEncodedSlashAndParametersShowASecondReading(t *testing.T) {
	for path, want := range map[string]string{
		"/a/b":                 "",
		"/a%2Fb":               "/a/b",
		"/a%2f%2Fb":            "/a/b",
		"/public%2F..%2Fadmin": "/admin",
		"/a;v=1/b;w":           "/a/b",
		"/a/..;x=y/admin":      "/admin",
		"/a;b%2Fc":             "/a/c",
		"/;/a":                 "/a",
		"/%3B":                 "",
	} {
		_, alt, err := Normalise(path)
		require.NoError(t, err, path)
		require.Equal(t, want, alt, path)
	}
}

func TestNormalPathIsNotCopied(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _, _ = Normalise("/api/v1/orders/1234567890/items")
	}))
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"/", "*", "/a/../b", "/%2e%2e/x", "/a%2Fb;c/..;/d", "//x//", "/玉", "/%5c", "/a/./%2E%2e/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		normal, alt, err := Normalise(path)
		if err != nil {
			require.Empty(t, normal+alt)
			return
		}
		again, altAgain, err := Normalise(normal)
		require.NoError(t, err)
		require.Equal(t, normal, again, "normal form is a fixed point")
		require.Equal(t, alt, altAgain)
		for _, p := range []string{normal, alt} {
			if p == "" || p == "*" {
				continue
			}
			require.Equal(t, byte('/'), p[0])
			require.NotContains(t, p, "//")
			require.NotContains(t, p, `\`)
			for segment := range strings.SplitSeq(p, "/") {
				require.NotContains(t, []string{".", ".."}, segment)
			}
			for i := range len(p) {
				require.True(t, p[i] > 0x20 && p[i] < 0x7f, "%q", p)
			}
		}
		require.NotContains(t, alt, ";")
		require.NotContains(t, alt, "%2F")
	})
}
