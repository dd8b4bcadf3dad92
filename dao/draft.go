package dao

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"yumen/spec"
)

// Draft is a document being changed inside Publish. What it gives out belongs
// to everybody: copy before you modify.
type Draft struct {
	head    Head
	keyring *spec.Keyring
	base    *state
	tree    tree
	ours    map[*bucket]bool         // buckets made by this draft, which it may change
	kinds   map[spec.Kind]bool       // kinds whose array of buckets this draft has made
	objects map[spec.Key]spec.Object // what Put made
	touched map[spec.Key]bool
	closed  bool // published or given up

	doc   *spec.Document
	stale []spec.Key // changed since doc was made
}

// errClosed is for a draft used after its Publish.
var errClosed = errors.New("the draft is closed")

func newDraft(h Head, base *state, keyring *spec.Keyring) *Draft {
	d := &Draft{head: h, keyring: keyring, base: base, tree: tree{}, ours: map[*bucket]bool{},
		kinds: map[spec.Kind]bool{}, objects: map[spec.Key]spec.Object{}, touched: map[spec.Key]bool{}}
	for kind, of := range base.tree {
		d.tree[kind] = of
	}
	return d
}

// Head is what the draft started from; publishing makes the next number.
func (d *Draft) Head() Head { return d.head }

// Document is the document with the changes so far. Asking again after a
// change costs a copy of the changed lists: use Get for one object.
func (d *Draft) Document() *spec.Document {
	if d.doc == nil {
		d.doc = d.base.document()
	}
	if len(d.stale) > 0 {
		d.doc = reassemble(d.doc, d.tree, d.stale)
		d.stale = nil
	}
	return d.doc
}

// Get is one object as changed so far: *spec.Service, *spec.Tenant without its
// credentials, *spec.Credential, *spec.BlacklistRule, *spec.Settings or
// *spec.SigningKey. false says there is none, or it cannot be read.
func (d *Draft) Get(k spec.Key) (any, bool) {
	l := d.tree.leaf(k)
	if l == nil || l.value == nil {
		return nil, false
	}
	return l.value, true
}

// Digest is the digest of an object as changed so far, "" when there is none.
func (d *Draft) Digest(k spec.Key) string {
	if l := d.tree.leaf(k); l != nil {
		return l.digest
	}
	return ""
}

// Put creates or replaces an object; v is as in Get, a value or a pointer. A
// tenant's credentials are left as they are, a credential's plain secret is
// hashed. What is created gets the coming revision as its origin, what is
// replaced keeps its own.
func (d *Draft) Put(kind spec.Kind, name string, v any) error {
	k := spec.Key{Kind: kind, Name: name}
	if d.closed {
		return fmt.Errorf("put %s: %w", k, errClosed)
	}
	origin := d.head.Number + 1
	old := d.tree.leaf(k)
	if old != nil {
		origin = old.origin
	}
	o, err := d.encode(k, v, origin)
	if err != nil {
		return err
	}
	if o.Key() != k {
		return fmt.Errorf("put %s: it is named %q", k, o.Name)
	}
	if old != nil && old.digest == o.Digest {
		return nil
	}
	// Read back, so that nothing of v is shared and what is kept is what every
	// proxy will read.
	value, origin, err := spec.Decode(o, d.keyring)
	if err != nil {
		return fmt.Errorf("put %w", err)
	}
	b := d.bucket(k)
	l := leaf{name: name, digest: o.Digest, origin: origin, value: value}
	if i, ok := b.find(name); ok {
		b.leaves[i] = l
	} else {
		b.leaves = slices.Insert(b.leaves, i, l)
	}
	d.objects[k] = o
	d.touch(k)
	return nil
}

func (d *Draft) encode(k spec.Key, v any, origin uint64) (spec.Object, error) {
	if k.Kind != spec.KindCredential {
		return spec.Encode(k.Kind, v, origin, d.keyring)
	}
	var c spec.Credential
	switch v := v.(type) {
	case spec.Credential:
		c = v
	case *spec.Credential:
		c = *v
	default:
		return spec.Object{}, fmt.Errorf("put %s: %T is no credential", k, v)
	}
	appID, _, _ := strings.Cut(k.Name, "/")
	if d.tree.leaf(spec.Key{Kind: spec.KindTenant, Name: appID}) == nil {
		return spec.Object{}, fmt.Errorf("put %s: tenant %q: %w", k, appID, ErrNotFound)
	}
	return spec.EncodeCredential(appID, c, origin)
}

// Delete removes an object, a tenant with its credentials. ErrNotFound is
// behind the error when it is not there.
func (d *Draft) Delete(kind spec.Kind, name string) error {
	k := spec.Key{Kind: kind, Name: name}
	if d.closed {
		return fmt.Errorf("delete %s: %w", k, errClosed)
	}
	if d.tree.leaf(k) == nil {
		return fmt.Errorf("delete %s: %w", k, ErrNotFound)
	}
	if kind == spec.KindTenant {
		for _, c := range slices.Clone(d.tree.credentialsOf(name)) {
			d.remove(spec.Key{Kind: spec.KindCredential, Name: c.name})
		}
	}
	d.remove(k)
	return nil
}

func (d *Draft) remove(k spec.Key) {
	b := d.bucket(k)
	if i, ok := b.find(k.Name); ok {
		b.leaves = slices.Delete(b.leaves, i, i+1)
	}
	delete(d.objects, k)
	d.touch(k)
}

func (d *Draft) touch(k spec.Key) {
	d.touched[k] = true
	d.stale = append(d.stale, k)
}

// bucket gives the bucket of a key to change: a copy of the base's, the first
// time.
func (d *Draft) bucket(k spec.Key) *bucket {
	of := d.tree[k.Kind]
	if !d.kinds[k.Kind] {
		mine := new([buckets]*bucket)
		if of != nil {
			*mine = *of
		}
		of, d.tree[k.Kind], d.kinds[k.Kind] = mine, mine, true
	}
	i := bucketOf(k)
	b := of[i]
	if b == nil || !d.ours[b] {
		mine := new(bucket)
		if b != nil {
			mine.leaves = slices.Clone(b.leaves)
		}
		b, of[i] = mine, mine
		d.ours[mine] = true
	}
	return b
}

// change is one object before and after; nil where it was or is not there.
type change struct {
	key           spec.Key
	before, after *leaf
}

func (c change) action() string {
	switch {
	case c.before == nil:
		return "added"
	case c.after == nil:
		return "removed"
	default:
		return "changed"
	}
}

// changes are the objects that differ from the base, by kind and name.
func (d *Draft) changes() []change {
	var all []change
	for k := range d.touched {
		c := change{k, d.base.tree.leaf(k), d.tree.leaf(k)}
		same := c.before == nil && c.after == nil ||
			c.before != nil && c.after != nil && c.before.digest == c.after.digest
		if !same {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.key.Kind, b.key.Kind), cmp.Compare(a.key.Name, b.key.Name))
	})
	return all
}

// finish makes the state that the changes lead to, the objects it has and the
// base may not have, and the digests that the base names and it does not.
func (d *Draft) finish(changes []change) (next *state, made []objectRow, left []string) {
	before := map[spec.Kind][]string{} // digests of changed leaves
	for _, c := range changes {
		if c.after != nil {
			o := d.objects[c.key]
			made = append(made, objectRow{Digest: o.Digest, Kind: string(o.Kind), Name: o.Name, Bytes: o.Bytes})
		}
		if c.before != nil {
			before[c.key.Kind] = append(before[c.key.Kind], c.before.digest)
		}
		of, i := d.tree[c.key.Kind], bucketOf(c.key)
		b := of[i]
		if b == nil || b.digest != "" {
			continue // another change of the same bucket has been here
		}
		if had := d.base.tree[c.key.Kind]; had != nil && had[i] != nil {
			left = append(left, had[i].digest)
		}
		if len(b.leaves) == 0 {
			of[i] = nil
			continue
		}
		text := b.text()
		b.digest = spec.Digest(text)
		made = append(made, objectRow{Digest: b.digest, Kind: string(kindBucket), Name: fmt.Sprintf("%s/%02x", c.key.Kind, i), Bytes: text})
	}
	for kind, digests := range before {
		left = append(left, unnamed(digests, d.tree.leavesOf(kind))...)
	}
	d.undoIdle()
	root := d.tree.root()
	next = &state{digest: spec.Digest(root), tree: d.tree, doc: d.Document()}
	made = append(made, objectRow{Digest: next.digest, Kind: string(kindRoot), Name: fmt.Sprint(d.head.Number + 1), Bytes: root})
	if d.base.digest != "" {
		left = append(left, d.base.digest)
	}
	return next, made, left
}

// unnamed are the digests that no leaf has: two credentials may be the same
// bytes.
func unnamed(digests []string, leaves iter.Seq[*leaf]) []string {
	gone := make(map[string]bool, len(digests))
	for _, digest := range digests {
		gone[digest] = true
	}
	for l := range leaves {
		delete(gone, l.digest)
	}
	return slices.Collect(maps.Keys(gone))
}

// undoIdle gives back the base's form of buckets that were changed and changed
// back.
func (d *Draft) undoIdle() {
	for kind := range d.kinds {
		for i, b := range d.tree[kind] {
			if b == nil || b.digest != "" {
				continue
			}
			d.tree[kind][i] = nil
			if had := d.base.tree[kind]; had != nil {
				d.tree[kind][i] = had[i]
			}
		}
	}
}
