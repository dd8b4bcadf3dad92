package dao

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"yumen/spec"
)

// auditRow is a row of table audit.
type auditRow struct {
	ID            uint64
	At            time.Time
	PrincipalKind string
	Account       string
	Address       string
	RequestID     string
	Action        string
	ObjectKind    string
	ObjectName    string
	Revision      uint64
	Diff          string
	Result        string
}

func (auditRow) TableName() string { return "audit" }

// maxDiff bounds what one row says of its change; above it only the fact is
// kept, the revisions have the rest.
const maxDiff = 64 << 10

// audit begins a row of what a principal does.
func (by Principal) audit(action, kind, name string) AuditRow {
	return AuditRow{PrincipalKind: by.Kind, Account: by.Account, Address: by.Address, RequestID: by.RequestID,
		Action: action, ObjectKind: kind, ObjectName: name, Result: "ok"}
}

// AppendAudit writes a row by itself, such as a login that failed. Texts too
// long for their columns are cut.
func (s *Store) AppendAudit(ctx context.Context, row AuditRow) error {
	return s.write(ctx, func(tx *gorm.DB) error { return insertAudit(tx, []AuditRow{row}) })
}

func insertAudit(tx *gorm.DB, rows []AuditRow) error {
	lines := make([]auditRow, len(rows))
	for i, row := range rows {
		diff, err := diffText(row.Diff)
		if err != nil {
			return fmt.Errorf("write audit: %w", err)
		}
		if row.At.IsZero() {
			row.At = time.Now()
		}
		lines[i] = auditRow{At: milli(row.At), PrincipalKind: clip(row.PrincipalKind, 16), Account: clip(row.Account, 128),
			Address: clip(row.Address, 64), RequestID: clip(row.RequestID, 64), Action: clip(row.Action, 64),
			ObjectKind: clip(row.ObjectKind, 16), ObjectName: clip(row.ObjectName, 300), Revision: row.Revision,
			Diff: diff, Result: clip(row.Result, 255)}
	}
	for part := range slices.Chunk(lines, 200) {
		if err := tx.Create(part).Error; err != nil {
			return fmt.Errorf("write audit: %w", err)
		}
	}
	return nil
}

func diffText(changes []spec.Change) (string, error) {
	if len(changes) == 0 {
		return "", nil
	}
	b, err := json.Marshal(changes)
	if err != nil {
		return "", err
	}
	if len(b) <= maxDiff {
		return string(b), nil
	}
	bare := make([]spec.Change, 0, len(changes))
	for _, c := range changes[:min(len(changes), 100)] {
		c.Fields = nil
		bare = append(bare, c)
	}
	b, err = json.Marshal(bare)
	return string(b), err
}

// Audit gives a page of the trail, the newest first, and how many lines there
// are on all pages.
func (s *Store) Audit(ctx context.Context, q AuditQuery) ([]AuditRow, int64, error) {
	offset, err := page(q.Page, q.Size)
	if err != nil {
		return nil, 0, err
	}
	for name, value := range map[string]string{"account": q.Account, "action": q.Action, "object": q.Object} {
		if !utf8.ValidString(value) {
			return nil, 0, &BadQuery{Param: name}
		}
	}
	db := auditSelected(s.db.WithContext(ctx), q)
	var total int64
	if err := db.Session(&gorm.Session{}).Model(&auditRow{}).Count(&total).Error; err != nil {
		return nil, 0, fmt.Errorf("count audit: %w", err)
	}
	var lines []auditRow
	if err := db.Order("id DESC").Offset(offset).Limit(q.Size).Find(&lines).Error; err != nil {
		return nil, 0, fmt.Errorf("list audit: %w", err)
	}
	rows := make([]AuditRow, len(lines))
	for i, l := range lines {
		rows[i] = AuditRow{ID: l.ID, At: l.At, PrincipalKind: l.PrincipalKind, Account: l.Account, Address: l.Address,
			RequestID: l.RequestID, Action: l.Action, ObjectKind: l.ObjectKind, ObjectName: l.ObjectName, Revision: l.Revision, Result: l.Result}
		if l.Diff != "" {
			if err := json.Unmarshal([]byte(l.Diff), &rows[i].Diff); err != nil {
				return nil, 0, fmt.Errorf("audit line %d: %w", l.ID, err)
			}
		}
	}
	return rows, total, nil
}

// objectKinds are what an audit line may be about.
var objectKinds = []string{string(spec.KindService), string(spec.KindTenant), string(spec.KindCredential),
	string(spec.KindBlacklist), string(spec.KindSettings), string(spec.KindKey), objectAdmin}

func auditSelected(db *gorm.DB, q AuditQuery) *gorm.DB {
	if q.Account != "" {
		db = exactly(db, "account", q.Account)
	}
	if q.Action != "" {
		db = exactly(db, "action", q.Action)
	}
	name := q.Object
	if kind, rest, ok := strings.Cut(q.Object, "/"); ok && slices.Contains(objectKinds, kind) {
		db = db.Where("object_kind = ?", kind)
		name = rest
	}
	if name != "" {
		db = exactly(db, "object_name", name)
	}
	if !q.From.IsZero() {
		db = db.Where("at >= ?", milli(q.From))
	}
	if !q.To.IsZero() {
		db = db.Where("at < ?", milli(q.To))
	}
	return db
}
