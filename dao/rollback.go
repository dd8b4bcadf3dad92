package dao

import (
	"context"
	"fmt"

	"yumen/spec"
)

// SnapshotAt is the document as revision n published it, with what of it
// cannot be read; 0 is the empty one. ErrNotFound is behind the error for a
// revision that never was or is pruned.
func (s *Store) SnapshotAt(ctx context.Context, n uint64) (*Snapshot, error) {
	if n == 0 {
		return &Snapshot{Document: new(spec.Document)}, nil
	}
	db := s.db.WithContext(ctx)
	r, err := readRevision(db, n)
	if err != nil {
		return nil, err
	}
	st, err := s.load(db, r.Digest, s.latest.Load())
	if err != nil {
		return nil, fmt.Errorf("load revision %d: %w", n, err)
	}
	return &Snapshot{Head: Head{Number: n, Digest: r.Digest}, Document: st.document(), Digests: st.digests(), Faults: st.faults()}, nil
}

// Rollback brings services and settings back to what an earlier revision says.
// Tenants, credentials, the blacklist and keys stay: going back must never let
// somebody in again who was shut out. A service that was deleted since counts
// from zero, as any service made again does.
func (d *Draft) Rollback(to *Snapshot) error {
	if err := readable(append(d.base.faults(), to.Faults...), spec.KindService, spec.KindSettings); err != nil {
		return err
	}
	return d.exactly(to.Document, spec.KindService, spec.KindSettings)
}

// exactly makes the objects of the kinds those of doc, no more and no less.
func (d *Draft) exactly(doc *spec.Document, kinds ...spec.Kind) error {
	named := map[spec.Key]bool{}
	for _, kind := range kinds {
		for k, v := range objectsOf(doc, kind) {
			named[k] = true
			if err := d.say(k, v); err != nil {
				return err
			}
		}
	}
	for _, kind := range kinds {
		if err := d.deleteOthers(kind, named); err != nil {
			return err
		}
	}
	return nil
}

// deleteOthers deletes the objects of a kind that are not named.
func (d *Draft) deleteOthers(kind spec.Kind, named map[spec.Key]bool) error {
	var gone []string
	for l := range d.tree.leavesOf(kind) {
		if !named[spec.Key{Kind: kind, Name: l.name}] {
			gone = append(gone, l.name)
		}
	}
	for _, name := range gone {
		if err := d.Delete(kind, name); err != nil {
			return err
		}
	}
	return nil
}
