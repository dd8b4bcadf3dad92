package dao

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"gorm.io/gorm"

	"yumen/spec"
)

// Cache keeps what one user of a Store loaded last, so that the next Load
// fetches and reads only what differs. It must not be used by two at a time.
type Cache struct{ last *state }

// NewCache is an empty one.
func NewCache() *Cache { return &Cache{} }

// Load reads the document of a head: the root, the buckets and objects whose
// digests cache does not hold. cache may be nil; then the head that this Store
// read or wrote last serves. An object that cannot be read is a fault, one
// that is missing or damaged is an error, because the document would be torn.
func (s *Store) Load(ctx context.Context, h Head, cache *Cache) (*Snapshot, error) {
	base := s.latest.Load()
	if cache != nil && cache.last != nil {
		base = cache.last
	}
	st, err := s.load(s.db.WithContext(ctx), h.Digest, base)
	if err != nil {
		return nil, fmt.Errorf("load revision %d: %w", h.Number, err)
	}
	if cache != nil {
		cache.last = st
	} else {
		s.latest.Store(st)
	}
	return &Snapshot{Head: h, Document: st.document(), Digests: st.digests(), Faults: st.faults()}, nil
}

// load reads the tree of a root, taking from base what is the same there.
func (s *Store) load(db *gorm.DB, digest string, base *state) (*state, error) {
	if base == nil {
		base = &state{}
	}
	switch digest {
	case base.digest:
		return base, nil
	case "":
		return &state{}, nil
	}
	root, err := fetchRoot(db, digest)
	if err != nil {
		return nil, err
	}
	st := &state{digest: digest, tree: tree{}}
	var missing []string // digests of buckets
	for kind, of := range root {
		st.tree[kind] = new([buckets]*bucket)
		for i, wanted := range of {
			if wanted == "" {
				continue
			}
			if had := base.tree[kind]; had != nil && had[i] != nil && had[i].digest == wanted {
				st.tree[kind][i] = had[i]
				continue
			}
			missing = append(missing, wanted)
		}
	}
	texts, err := fetch(db, missing)
	if err != nil {
		return nil, err
	}
	var fresh []unread
	var keys []spec.Key // that differ from base
	for kind, of := range root {
		had := base.tree[kind]
		for i, wanted := range of {
			var old *bucket
			if had != nil {
				old = had[i]
			}
			b := st.tree[kind][i]
			if b == nil && wanted != "" {
				leaves, err := parseBucket(texts[wanted])
				if err != nil {
					return nil, fmt.Errorf("bucket %s: %w", wanted, err)
				}
				b = &bucket{digest: wanted, leaves: leaves}
				st.tree[kind][i] = b
			}
			if b == old {
				continue
			}
			keys = append(keys, settle(kind, b, old, &fresh)...)
		}
	}
	for kind, had := range base.tree {
		if root[kind] == nil {
			for _, old := range had {
				keys = append(keys, settle(kind, nil, old, &fresh)...)
			}
		}
	}
	if err := s.read(db, fresh); err != nil {
		return nil, err
	}
	// Where most is new, sorting is as cheap as merging.
	if len(keys) < 1000 {
		st.doc = reassemble(base.document(), st.tree, keys)
	}
	return st, nil
}

// unread is a leaf whose object is still to be fetched.
type unread struct {
	kind spec.Kind
	leaf *leaf
}

// settle takes from old what b has the same, adds to fresh what it has not,
// and gives the keys that differ. Either may be nil.
func settle(kind spec.Kind, b, old *bucket, fresh *[]unread) (keys []spec.Key) {
	if b != nil {
		for i := range b.leaves {
			l := &b.leaves[i]
			if at, ok := old.find(l.name); ok && old.leaves[at].digest == l.digest {
				*l = old.leaves[at]
				continue
			}
			*fresh = append(*fresh, unread{kind, l})
			keys = append(keys, spec.Key{Kind: kind, Name: l.name})
		}
	}
	if old != nil {
		for _, l := range old.leaves {
			if _, ok := b.find(l.name); !ok {
				keys = append(keys, spec.Key{Kind: kind, Name: l.name})
			}
		}
	}
	return keys
}

// read fetches and decodes leaves, with every processor there is: a start
// reads 100,000 tenants.
func (s *Store) read(db *gorm.DB, leaves []unread) error {
	for part := range slices.Chunk(leaves, 2000) {
		digests := make([]string, len(part))
		for i, u := range part {
			digests[i] = u.leaf.digest
		}
		texts, err := fetch(db, digests)
		if err != nil {
			return err
		}
		workers := min(runtime.GOMAXPROCS(0), 1+len(part)/500)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < len(part); i += workers {
					u := part[i]
					o := spec.Object{Kind: u.kind, Name: u.leaf.name, Bytes: texts[u.leaf.digest], Digest: u.leaf.digest}
					u.leaf.value, u.leaf.origin, u.leaf.err = spec.Decode(o, s.keyring)
				}
			})
		}
		wg.Wait()
	}
	return nil
}

// objectRow is a row of table objects.
type objectRow struct {
	Digest  string `gorm:"primaryKey"`
	Kind    string
	Name    string
	Bytes   []byte
	Dropped *uint64 // the revision that ceased to name it; nil while head names it
}

func (objectRow) TableName() string { return "objects" }

// fetch reads the bytes of digests; one that is missing or damaged is an
// error.
func fetch(db *gorm.DB, digests []string) (map[string][]byte, error) {
	texts := make(map[string][]byte, len(digests))
	for part := range slices.Chunk(digests, 200) {
		var rows []objectRow
		if err := db.Select("digest", "bytes").Where("digest IN ?", part).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("fetch objects: %w", err)
		}
		for _, row := range rows {
			if spec.Digest(row.Bytes) != row.Digest {
				return nil, fmt.Errorf("object %s is damaged", row.Digest)
			}
			texts[row.Digest] = row.Bytes
		}
	}
	for _, d := range digests {
		if _, ok := texts[d]; !ok {
			return nil, fmt.Errorf("object %s is missing", d)
		}
	}
	return texts, nil
}

func fetchRoot(db *gorm.DB, digest string) (map[spec.Kind]*[buckets]string, error) {
	texts, err := fetch(db, []string{digest})
	if err != nil {
		return nil, err
	}
	root, err := parseRoot(texts[digest])
	if err != nil {
		return nil, fmt.Errorf("root %s: %w", digest, err)
	}
	return root, nil
}
