package dao

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"yumen/spec"
)

// entryRow is a row of table entries: what lists are made of.
type entryRow struct {
	Kind      string `gorm:"primaryKey"`
	Name      string `gorm:"primaryKey"`
	Digest    string
	Origin    uint64
	Revision  uint64
	CreatedAt time.Time `gorm:"autoCreateTime:false"`
	CreatedBy string
	UpdatedAt time.Time `gorm:"autoUpdateTime:false"`
	UpdatedBy string
	Protocol  string
	Enabled   bool
	Port      int
	ExpiresAt *time.Time
	Tags      string
	Search    string
}

func (entryRow) TableName() string { return "entries" }

// replaced are the columns that a change of an object writes anew; who made it
// and when stays.
var replaced = clause.OnConflict{
	Columns: []clause.Column{{Name: "kind"}, {Name: "name"}},
	DoUpdates: clause.AssignmentColumns([]string{"digest", "origin", "revision", "updated_at", "updated_by",
		"protocol", "enabled", "port", "expires_at", "tags", "search"}),
}

// writeEntries brings the list rows of changed objects up to revision r.
func writeEntries(tx *gorm.DB, r Revision, changes []change) error {
	gone := map[spec.Kind][]string{}
	var rows []entryRow
	for _, c := range changes {
		// An object deleted and made again is a new one with a new origin.
		if c.after == nil || c.before != nil && c.before.origin != c.after.origin {
			gone[c.key.Kind] = append(gone[c.key.Kind], c.key.Name)
		}
		if c.after != nil {
			rows = append(rows, entryOf(r, c.key, c.after))
		}
	}
	for kind, names := range gone {
		for part := range slices.Chunk(names, 500) {
			if err := tx.Where("kind = ? AND name IN ?", kind, part).Delete(&entryRow{}).Error; err != nil {
				return fmt.Errorf("write list rows: %w", err)
			}
		}
	}
	for part := range slices.Chunk(rows, 200) {
		if err := tx.Clauses(replaced).Create(part).Error; err != nil {
			return fmt.Errorf("write list rows: %w", err)
		}
	}
	return nil
}

func entryOf(r Revision, k spec.Key, l *leaf) entryRow {
	row := entryRow{Kind: string(k.Kind), Name: k.Name, Digest: l.digest, Origin: l.origin, Revision: r.Number,
		CreatedAt: r.At, CreatedBy: r.Account, UpdatedAt: r.At, UpdatedBy: r.Account, Enabled: true}
	words := []string{k.Name}
	switch v := l.value.(type) {
	case *spec.Service:
		row.Protocol, row.Enabled = v.Protocol, v.IsEnabled()
		if v.Listen != nil {
			row.Port = v.Listen.Port
			words = append(words, strconv.Itoa(v.Listen.Port))
		}
		if len(v.Tags) > 0 {
			row.Tags = "\n" + strings.Join(v.Tags, "\n") + "\n"
		}
		words = append(words, v.Title, v.Description, v.Protocol)
		words = append(words, v.Tags...)
		for _, route := range v.Routes {
			words = append(words, route.Hosts...)
			if route.Path != nil {
				words = append(words, route.Path.Prefix, route.Path.Exact)
			}
		}
		if v.Upstream != nil {
			for _, target := range v.Upstream.Targets {
				words = append(words, target.Address)
			}
		}
	case *spec.Tenant:
		row.Enabled = v.IsEnabled()
		words = append(words, v.Name, v.Description)
	case *spec.Credential:
		row.ExpiresAt = milliOf(v.ExpiresAt)
	case *spec.BlacklistRule:
		row.ExpiresAt = milliOf(v.ExpiresAt)
		words = append(words, v.Reason)
	}
	words = slices.DeleteFunc(words, func(word string) bool { return word == "" })
	row.Search = strings.ToLower(strings.Join(words, "\n"))
	return row
}

func milliOf(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := milli(*t)
	return &at
}

// sorts are the columns each kind may be ordered by. Every order ends with
// the name, which is unique.
var sorts = map[spec.Kind][]string{
	spec.KindService:    {"name", "protocol", "port", "created_at", "updated_at"},
	spec.KindTenant:     {"name", "created_at", "updated_at"},
	spec.KindCredential: {"name", "created_at", "updated_at", "expires_at"},
	spec.KindBlacklist:  {"name", "created_at", "updated_at", "expires_at"},
	spec.KindKey:        {"name", "created_at", "updated_at"},
}

// filters are what each kind may be selected by.
var filters = map[spec.Kind][]string{
	spec.KindService: {"protocol", "enabled", "port", "tag"},
	spec.KindTenant:  {"enabled"},
}

// maxSearch is the longest text to search for, in characters.
const maxSearch = 128

// List gives a page of the published objects of a kind and how many there are
// on all pages. A *BadQuery names the parameter that cannot be used.
func (s *Store) List(ctx context.Context, kind spec.Kind, q Query) ([]Row, int64, error) {
	offset, err := page(q.Page, q.Size)
	if err != nil {
		return nil, 0, err
	}
	order, err := orderOf(kind, q.Sort)
	if err != nil {
		return nil, 0, err
	}
	rows, err := selected(s.db.WithContext(ctx), kind, q)
	if err != nil {
		return nil, 0, err
	}
	var total int64
	if err := rows.Session(&gorm.Session{}).Model(&entryRow{}).Count(&total).Error; err != nil {
		return nil, 0, fmt.Errorf("count %s: %w", kind, err)
	}
	var entries []entryRow
	if err := rows.Order(order).Offset(offset).Limit(q.Size).Find(&entries).Error; err != nil {
		return nil, 0, fmt.Errorf("list %s: %w", kind, err)
	}
	all, err := s.rowsOf(ctx, entries)
	return all, total, err
}

// Get gives one published object; ErrNotFound is behind the error when there
// is none.
func (s *Store) Get(ctx context.Context, k spec.Key) (Row, error) {
	var entry entryRow
	db := exactly(s.db.WithContext(ctx), "name", k.Name).Where("kind = ?", k.Kind)
	if err := found(db.Take(&entry).Error, "%s", k); err != nil {
		return Row{}, err
	}
	rows, err := s.rowsOf(ctx, []entryRow{entry})
	if err != nil {
		return Row{}, err
	}
	return rows[0], nil
}

// orderOf is the ORDER BY of a sort.
func orderOf(kind spec.Kind, sort string) (string, error) {
	column, descending := strings.CutPrefix(sort, "-")
	if sort == "" {
		column = "name"
	}
	if !slices.Contains(sorts[kind], column) {
		return "", &BadQuery{Param: "sort"}
	}
	direction := ""
	if descending {
		direction = " DESC"
	}
	if column == "name" {
		return "name" + direction, nil
	}
	return column + direction + ", name" + direction, nil
}

// selected are the rows that a query is about.
func selected(db *gorm.DB, kind spec.Kind, q Query) (*gorm.DB, error) {
	db = db.Where("kind = ?", kind)
	if q.Q != "" {
		if !utf8.ValidString(q.Q) || utf8.RuneCountInString(q.Q) > maxSearch {
			return nil, &BadQuery{Param: "q"}
		}
		// Unlike LIKE, instr knows no special characters and means the same on
		// both databases.
		db = db.Where("instr(search, ?) > 0", strings.ToLower(q.Q))
	}
	for name, value := range q.Filter {
		if !slices.Contains(filters[kind], name) || !utf8.ValidString(value) {
			return nil, &BadQuery{Param: name}
		}
		switch name {
		case "protocol":
			db = exactly(db, "protocol", value)
		case "enabled":
			if value != "true" && value != "false" {
				return nil, &BadQuery{Param: name}
			}
			db = db.Where("enabled = ?", value == "true")
		case "port":
			port, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return nil, &BadQuery{Param: name}
			}
			db = db.Where("port = ?", port)
		case "tag":
			if strings.ContainsRune(value, '\n') {
				return nil, &BadQuery{Param: name}
			}
			db = db.Where("instr(tags, ?) > 0", "\n"+value+"\n")
		}
	}
	return db, nil
}

// rowsOf adds the objects' bytes.
func (s *Store) rowsOf(ctx context.Context, entries []entryRow) ([]Row, error) {
	digests := make([]string, len(entries))
	for i, e := range entries {
		digests[i] = e.Digest
	}
	texts, err := fetch(s.db.WithContext(ctx), digests)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(entries))
	for i, e := range entries {
		rows[i] = Row{Key: spec.Key{Kind: spec.Kind(e.Kind), Name: e.Name}, Digest: e.Digest, Origin: e.Origin, Revision: e.Revision,
			CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, CreatedBy: e.CreatedBy, UpdatedBy: e.UpdatedBy, Bytes: texts[e.Digest]}
	}
	return rows, nil
}
