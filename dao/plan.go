package dao

import (
	"context"
	"fmt"
	"slices"

	"yumen/spec"
)

// Plan is what a change of the document does, object by object and field by
// field.
type Plan struct {
	Head          Head           // what it starts from
	Changes       []spec.Change  // by kind and name; secrets redacted; nil when nothing changes
	Before, After *spec.Document // shared, never to be modified
}

// Plan tells what change would do to the head, and keeps nothing. It reads
// only: no lock is taken, so Publish may find another head.
func (s *Store) Plan(ctx context.Context, change func(*Draft) error) (Plan, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return Plan{}, err
	}
	base, err := s.load(s.db.WithContext(ctx), head.Digest, s.latest.Load())
	if err != nil {
		return Plan{}, fmt.Errorf("load revision %d: %w", head.Number, err)
	}
	s.latest.Store(base)
	d := newDraft(head, base, s.keyring)
	defer func() { d.closed = true }()
	if err := change(d); err != nil {
		return Plan{}, err
	}
	return d.Plan(), nil
}

// Plan is what the draft changes so far.
func (d *Draft) Plan() Plan {
	p := Plan{Head: d.head, Before: d.base.document(), After: d.Document()}
	for _, c := range d.changes() {
		if diff := spec.DiffObject(c.key, c.before.content(), c.after.content()); diff != nil {
			diff.Action = c.action() // what could not be read was there all the same
			p.Changes = append(p.Changes, *diff)
		}
	}
	return p
}

// Base is the document the draft started from.
func (d *Draft) Base() *spec.Document { return d.base.document() }

// say is Put unless the object says the same already, in whatever notation:
// what changes nothing makes no revision. What cannot be read is not
// overwritten unseen.
func (d *Draft) say(k spec.Key, v any) error {
	l := d.tree.leaf(k)
	switch {
	case l == nil:
	case l.err != nil:
		return fmt.Errorf("%w: it is not replaced unread; delete it by its name first, if that is meant", l.err)
	case spec.DiffObject(k, l.value, v) == nil:
		return nil
	}
	return d.Put(k.Kind, k.Name, v)
}

// readable is an error when objects of the kinds cannot be read, for changes
// that are about all of them.
func readable(faults []spec.Fault, kinds ...spec.Kind) error {
	for _, f := range faults {
		if slices.Contains(kinds, f.Kind) {
			return fmt.Errorf("an object cannot be read: %w", f.Err)
		}
	}
	return nil
}
