package dao

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"yumen/spec"
)

// refsKept bounds the objects a revision names, for an import of 100,000.
const refsKept = 500

// Publish makes the next revision in one transaction: head is locked, change
// edits a draft of what it names, and objects, list rows, revision, audit rows
// and head are written together. When nothing is different in the end, the
// current revision is given and nothing written. An error of change is
// returned as it is; change may be run again on a fresh draft when another
// writer was faster, and must not use the Store.
func (s *Store) Publish(ctx context.Context, by Principal, message string, change func(*Draft) error) (Revision, error) {
	var published Revision
	var next *state
	err := s.write(ctx, func(tx *gorm.DB) error {
		next = nil
		head, err := s.lockHead(tx)
		if err != nil {
			return err
		}
		base, err := s.load(tx, head.Digest, s.latest.Load())
		if err != nil {
			return fmt.Errorf("load revision %d: %w", head.Number, err)
		}
		s.latest.Store(base) // what was committed is safe to keep, whatever becomes of this
		d := newDraft(head, base, s.keyring)
		defer func() { d.closed = true }()
		if err := change(d); err != nil {
			return &refusal{err}
		}
		changes := d.changes()
		if len(changes) == 0 {
			published, err = currentRevision(tx, head)
			return err
		}
		if published, next, err = commit(tx, by, message, d, changes); err != nil {
			return err
		}
		return prune(tx, s.keep, published)
	})
	var refused *refusal
	if errors.As(err, &refused) {
		return Revision{}, refused.error
	}
	if err != nil {
		return Revision{}, fmt.Errorf("publish: %w", err)
	}
	if next != nil {
		s.latest.Store(next)
	}
	return published, nil
}

// refusal carries an error of the change past the retries.
type refusal struct{ error }

// commit writes everything a revision is made of.
func commit(tx *gorm.DB, by Principal, message string, d *Draft, changes []change) (Revision, *state, error) {
	next, made, left := d.finish(changes)
	r := Revision{Number: d.head.Number + 1, Digest: next.digest, Parent: d.head.Number, At: now(),
		Account: clip(by.Account, 128), Message: clip(message, 1000)}
	for _, c := range changes {
		switch c.action() {
		case "added":
			r.Added++
		case "removed":
			r.Removed++
		default:
			r.Changed++
		}
		if len(r.Changes) < refsKept {
			r.Changes = append(r.Changes, ChangeRef{c.key.Kind, c.key.Name, c.action()})
		}
	}
	if err := dropObjects(tx, r.Number, left); err != nil {
		return r, nil, err
	}
	if err := insertObjects(tx, made); err != nil {
		return r, nil, err
	}
	if err := writeEntries(tx, r, changes); err != nil {
		return r, nil, err
	}
	if err := tx.Create(revisionRowOf(r)).Error; err != nil {
		return r, nil, fmt.Errorf("write revision: %w", err)
	}
	if err := insertAudit(tx, auditOf(by, r, changes)); err != nil {
		return r, nil, err
	}
	moved := tx.Exec("UPDATE head SET number = ?, digest = ? WHERE id = 1 AND number = ?", r.Number, r.Digest, d.head.Number)
	if moved.Error != nil {
		return r, nil, fmt.Errorf("move head: %w", moved.Error)
	}
	if moved.RowsAffected != 1 {
		return r, nil, errors.New("move head: it moved under the lock")
	}
	return r, next, nil
}

// dropObjects writes down since when the tree does not name objects any more.
func dropObjects(tx *gorm.DB, n uint64, digests []string) error {
	for part := range slices.Chunk(digests, 500) {
		if err := tx.Model(&objectRow{}).Where("digest IN ?", part).Update("dropped", n).Error; err != nil {
			return fmt.Errorf("drop objects: %w", err)
		}
	}
	return nil
}

// insertObjects writes objects that the tree names now, a few MiB at a time.
// One may be there, from a revision before: then it is in use again.
func insertObjects(tx *gorm.DB, rows []objectRow) error {
	const most, bytes = 200, 4 << 20
	inUse := clause.OnConflict{Columns: []clause.Column{{Name: "digest"}}, DoUpdates: clause.Assignments(map[string]any{"dropped": nil})}
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && n < most && (n == 0 || size+len(rows[n].Bytes) <= bytes) {
			size += len(rows[n].Bytes)
			n++
		}
		if err := tx.Clauses(inUse).Create(rows[:n]).Error; err != nil {
			return fmt.Errorf("write objects: %w", err)
		}
		rows = rows[n:]
	}
	return nil
}

// auditOf makes an audit row for each changed object.
func auditOf(by Principal, r Revision, changes []change) []AuditRow {
	rows := make([]AuditRow, len(changes))
	for i, c := range changes {
		rows[i] = by.audit(map[string]string{"added": "create", "removed": "delete", "changed": "update"}[c.action()],
			string(c.key.Kind), c.key.Name)
		rows[i].At, rows[i].Revision = r.At, r.Number
		if diff := spec.DiffObject(c.key, c.before.content(), c.after.content()); diff != nil {
			rows[i].Diff = []spec.Change{*diff}
		}
	}
	return rows
}

// revisionRow is a row of table revisions.
type revisionRow struct {
	Number  uint64 `gorm:"primaryKey;autoIncrement:false"`
	Digest  string
	Parent  uint64
	At      time.Time
	Account string
	Message string
	Added   int
	Changed int
	Removed int
	Changes string
}

func (revisionRow) TableName() string { return "revisions" }

func revisionRowOf(r Revision) *revisionRow {
	refs, _ := json.Marshal(r.Changes)
	return &revisionRow{r.Number, r.Digest, r.Parent, r.At, r.Account, r.Message, r.Added, r.Changed, r.Removed, string(refs)}
}

func (row revisionRow) revision() (Revision, error) {
	r := Revision{Number: row.Number, Digest: row.Digest, Parent: row.Parent, At: row.At, Account: row.Account,
		Message: row.Message, Added: row.Added, Changed: row.Changed, Removed: row.Removed}
	if err := json.Unmarshal([]byte(row.Changes), &r.Changes); err != nil {
		return r, fmt.Errorf("revision %d: changes: %w", row.Number, err)
	}
	return r, nil
}

func currentRevision(db *gorm.DB, h Head) (Revision, error) {
	if h.Number == 0 {
		return Revision{}, nil
	}
	return readRevision(db, h.Number)
}

func readRevision(db *gorm.DB, n uint64) (Revision, error) {
	var row revisionRow
	if err := found(db.Where("number = ?", n).Take(&row).Error, "revision %d", n); err != nil {
		return Revision{}, err
	}
	return row.revision()
}

// Revision is one of the revisions kept; ErrNotFound is behind the error for
// one that never was or is pruned.
func (s *Store) Revision(ctx context.Context, n uint64) (Revision, error) {
	return readRevision(s.db.WithContext(ctx), n)
}

// Revisions lists the revisions kept, the newest first, and counts them.
func (s *Store) Revisions(ctx context.Context, pageNumber, size int) ([]Revision, int64, error) {
	offset, err := page(pageNumber, size)
	if err != nil {
		return nil, 0, err
	}
	db := s.db.WithContext(ctx)
	var total int64
	if err := db.Model(&revisionRow{}).Count(&total).Error; err != nil {
		return nil, 0, fmt.Errorf("count revisions: %w", err)
	}
	var rows []revisionRow
	if err := db.Order("number DESC").Offset(offset).Limit(size).Find(&rows).Error; err != nil {
		return nil, 0, fmt.Errorf("list revisions: %w", err)
	}
	all := make([]Revision, len(rows))
	for i, row := range rows {
		if all[i], err = row.revision(); err != nil {
			return nil, 0, err
		}
	}
	return all, total, nil
}

// DocumentAt is the document as revision n published it; 0 is the empty one.
func (s *Store) DocumentAt(ctx context.Context, n uint64) (*spec.Document, error) {
	if n == 0 {
		return new(spec.Document), nil
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
	return st.document(), nil
}
