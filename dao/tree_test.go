package dao

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"yumen/spec"
)

func someDigest(n int) string { return spec.Digest(fmt.Append(nil, n)) }

func TestRootsAndBucketsThatAreTornOrForgedAreRefused(t *testing.T) {
	a, b := someDigest(1), someDigest(2)
	for _, text := range []string{
		"", "yumen root 1", "yumen root 2\n", "yumen bucket 1\n",
		"yumen root 1\nservice 0a " + a,                                          // cut short
		"yumen root 1\nservice 0A " + a + "\n",                                   // not the one way to write it
		"yumen root 1\nservice a " + a + "\n",                                    //
		"yumen root 1\nservice 100 " + a + "\n",                                  // no such bucket
		"yumen root 1\n 0a " + a + "\n",                                          // no kind
		"yumen root 1\nservice 0a " + strings.ToUpper(a) + "\n",                  //
		"yumen root 1\nservice 0b " + a + "\nservice 0a " + b + "\n",             // not sorted
		"yumen root 1\nservice 0a " + someDigest(3) + "\nservice 0a " + b + "\n", // twice
	} {
		_, err := parseRoot([]byte(text))
		require.Error(t, err, "%q", text)
	}
	for _, text := range []string{
		"", "yumen bucket 1\n", "yumen root 1\n",
		"yumen bucket 1\n" + a + "\n", "yumen bucket 1\n" + a + " \n", "yumen bucket 1\n" + a[1:] + " a\n",
		"yumen bucket 1\n" + a + " b\n" + b + " a\n", "yumen bucket 1\n" + a + " a\n" + b + " a\n",
		"yumen bucket 1\n" + a + " a\n" + b + " b",
	} {
		_, err := parseBucket([]byte(text))
		require.Error(t, err, "%q", text)
	}
}

func FuzzParseRoot(f *testing.F) {
	f.Add([]byte("yumen root 1\nservice 0a " + someDigest(1) + "\ntenant ff " + someDigest(2) + "\n"))
	f.Add([]byte("yumen root 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := parseRoot(text)
		if err != nil {
			return
		}
		again := tree{}
		for kind, of := range root {
			again[kind] = new([buckets]*bucket)
			for i, digest := range of {
				if digest != "" {
					again[kind][i] = &bucket{digest: digest}
				}
			}
		}
		if kinds := again.kinds(); len(kinds) > 0 && !bytes.Equal(again.root(), text) {
			t.Fatalf("%q was read as %q", text, again.root())
		}
	})
}

func FuzzParseBucket(f *testing.F) {
	f.Add([]byte("yumen bucket 1\n" + someDigest(1) + " a\n" + someDigest(2) + " b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		leaves, err := parseBucket(text)
		if err == nil && !bytes.Equal((&bucket{leaves: leaves}).text(), text) {
			t.Fatalf("%q was read as %v", text, leaves)
		}
	})
}

// Whatever is put and deleted, in whatever order and whenever somebody looks,
// the document is the one that the tree says from scratch, and the same
// content has the same root.
func TestDocumentsMadeStepByStepAreThoseMadeAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := &state{}
		number := uint64(0)
		for range rapid.IntRange(1, 4).Draw(t, "revisions") {
			d := newDraft(Head{Number: number}, base, nil)
			for range rapid.IntRange(1, 12).Draw(t, "steps") {
				name := rapid.SampledFrom([]string{"a", "b", "c", "app_1", "app_10", "z.9"}).Draw(t, "name")
				var err error
				switch rapid.IntRange(0, 6).Draw(t, "step") {
				case 0:
					err = d.Put(spec.KindService, name, &spec.Service{Name: name, Protocol: "http", Title: rapid.SampledFrom([]string{"", "x"}).Draw(t, "title")})
				case 1:
					err = d.Put(spec.KindTenant, name, &spec.Tenant{AppID: name})
				case 2:
					if _, ok := d.Get(spec.Key{Kind: spec.KindTenant, Name: name}); ok {
						id := rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "id")
						err = d.Put(spec.KindCredential, name+"/"+id, &spec.Credential{ID: id, SecretHash: spec.HashSecret("x")})
					}
				case 3:
					_ = d.Delete(rapid.SampledFrom([]spec.Kind{spec.KindService, spec.KindTenant}).Draw(t, "kind"), name)
				case 4:
					_ = d.Delete(spec.KindCredential, name+"/c1")
				case 5:
					err = d.Put(spec.KindBlacklist, "10.0.0.0/8", &spec.BlacklistRule{CIDR: "10.0.0.0/8"})
				case 6:
					d.Document()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			before := base.tree.root()
			next, _, _ := d.finish(d.changes())
			require.Equal(t, assemble(next.tree), next.doc)
			require.Equal(t, before, base.tree.root(), "the base has changed")
			if len(d.changes()) == 0 && base.digest != "" {
				require.Equal(t, base.digest, next.digest)
			}
			base, number = next, number+1
		}
	})
}
