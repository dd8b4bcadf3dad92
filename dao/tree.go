package dao

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"yumen/spec"
)

// A published document is a tree of immutable objects, as in git: a root names
// up to 256 buckets for each kind, a bucket names the objects whose names hash
// to it. One change makes one object, one bucket and one root; whoever has the
// tree before it needs to fetch only those three.
//
//	yumen root 1                     yumen bucket 1
//	service 0a <digest of bucket>    <digest of object> orders
//
// Both are sorted, so that the same document has the same root.
const (
	rootHeading   = "yumen root 1\n"
	bucketHeading = "yumen bucket 1\n"

	kindRoot   spec.Kind = "root" // kinds in table objects only
	kindBucket spec.Kind = "bucket"

	buckets = 256
)

// leaf is one object of a document. It never changes once it is in a bucket.
type leaf struct {
	name   string
	digest string
	origin uint64
	value  any   // *spec.Service … as spec.Decode gives it; nil with err
	err    error // why it cannot be read
}

// content is the leaf's value; nil when there is no leaf.
func (l *leaf) content() any {
	if l == nil {
		return nil
	}
	return l.value
}

// bucket holds the leaves of one kind whose names hash alike, by name.
type bucket struct {
	digest string // "" while a draft works on it
	leaves []leaf
}

// tree is a document by kind and bucket. Trees share buckets; a bucket with a
// digest never changes.
type tree map[spec.Kind]*[buckets]*bucket

// bucketOf says which bucket a name belongs to. The credentials of a tenant
// share one.
func bucketOf(k spec.Key) int {
	name := k.Name
	if k.Kind == spec.KindCredential {
		name, _, _ = strings.Cut(name, "/")
	}
	return int(sha256.Sum256([]byte(name))[0])
}

func (b *bucket) find(name string) (int, bool) {
	if b == nil {
		return 0, false
	}
	return slices.BinarySearchFunc(b.leaves, name, func(l leaf, name string) int { return cmp.Compare(l.name, name) })
}

// leaf gives the leaf of a key, nil when there is none.
func (t tree) leaf(k spec.Key) *leaf {
	of := t[k.Kind]
	if of == nil {
		return nil
	}
	b := of[bucketOf(k)]
	if i, ok := b.find(k.Name); ok {
		return &b.leaves[i]
	}
	return nil
}

// leavesOf runs through all leaves of a kind, bucket by bucket.
func (t tree) leavesOf(kind spec.Kind) iter.Seq[*leaf] {
	return func(yield func(*leaf) bool) {
		of := t[kind]
		if of == nil {
			return
		}
		for _, b := range of {
			if b == nil {
				continue
			}
			for i := range b.leaves {
				if !yield(&b.leaves[i]) {
					return
				}
			}
		}
	}
}

// credentialsOf are the leaves of a tenant's credentials, by name.
func (t tree) credentialsOf(appID string) []leaf {
	of := t[spec.KindCredential]
	if of == nil {
		return nil
	}
	b := of[bucketOf(spec.Key{Kind: spec.KindCredential, Name: appID})]
	if b == nil {
		return nil
	}
	from, _ := b.find(appID + "/")
	to := from
	for to < len(b.leaves) && strings.HasPrefix(b.leaves[to].name, appID+"/") {
		to++
	}
	return b.leaves[from:to]
}

// kinds are those of the tree, sorted.
func (t tree) kinds() []spec.Kind {
	var all []spec.Kind
	for kind := range t {
		all = append(all, kind)
	}
	slices.Sort(all)
	return all
}

// root is the text of the tree's root; every bucket has its digest.
func (t tree) root() []byte {
	b := []byte(rootHeading)
	for _, kind := range t.kinds() {
		for i, one := range t[kind] {
			if one != nil {
				b = fmt.Appendf(b, "%s %02x %s\n", kind, i, one.digest)
			}
		}
	}
	return b
}

// text is what is stored of the bucket.
func (b *bucket) text() []byte {
	text := make([]byte, 0, len(bucketHeading)+len(b.leaves)*96)
	text = append(text, bucketHeading...)
	for _, l := range b.leaves {
		text = append(text, l.digest...)
		text = append(text, ' ')
		text = append(text, l.name...)
		text = append(text, '\n')
	}
	return text
}

// parseRoot reads the digests of the buckets by kind.
func parseRoot(b []byte) (map[spec.Kind]*[buckets]string, error) {
	root := map[spec.Kind]*[buckets]string{}
	var last string
	err := eachLine(b, rootHeading, func(line string) error {
		if line <= last {
			return errors.New("not sorted")
		}
		last = line
		kind, rest, _ := strings.Cut(line, " ")
		index, digest, _ := strings.Cut(rest, " ")
		i, err := strconv.ParseUint(index, 16, 8)
		if err != nil || len(index) != 2 || strings.ToLower(index) != index || kind == "" || !isDigest(digest) {
			return errors.New("not KIND HH DIGEST")
		}
		of := root[spec.Kind(kind)]
		if of == nil {
			of = new([buckets]string)
			root[spec.Kind(kind)] = of
		}
		if of[i] != "" {
			return errors.New("bucket named twice")
		}
		of[i] = digest
		return nil
	})
	return root, err
}

// parseBucket reads the names and digests of a bucket: leaves without values.
func parseBucket(b []byte) ([]leaf, error) {
	var leaves []leaf
	err := eachLine(b, bucketHeading, func(line string) error {
		digest, name, _ := strings.Cut(line, " ")
		if !isDigest(digest) || name == "" {
			return errors.New("not DIGEST NAME")
		}
		if n := len(leaves); n > 0 && leaves[n-1].name >= name {
			return errors.New("not sorted")
		}
		leaves = append(leaves, leaf{name: name, digest: digest})
		return nil
	})
	if err == nil && len(leaves) == 0 {
		err = errors.New("empty bucket")
	}
	return leaves, err
}

// eachLine runs through the lines under a heading; the last must be ended.
func eachLine(b []byte, heading string, do func(line string) error) error {
	text, ok := strings.CutPrefix(string(b), heading)
	if !ok {
		return fmt.Errorf("does not begin with %q", strings.TrimSpace(heading))
	}
	for n := 2; text != ""; n++ {
		line, rest, ended := strings.Cut(text, "\n")
		if !ended {
			return fmt.Errorf("line %d: cut short", n)
		}
		if err := do(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		text = rest
	}
	return nil
}

// isDigest says that s is a SHA-256 in lower-case hex.
func isDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
