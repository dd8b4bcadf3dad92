package dao

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	schema "yumen/sql"
)

// NotEmptyError says that a restore would overwrite something.
type NotEmptyError struct {
	Table string
	Rows  int64
}

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("the database is not empty: table %s has %d rows", e.Table, e.Rows)
}

// ReadManifest reads a whole archive and says what it holds; an error when it
// is torn, changed, or none.
func ReadManifest(path string) (Manifest, error) {
	var rows = map[string]int{}
	m, err := readArchive(path, func(h heading, _ []any) error {
		rows[h.Table]++
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	if !maps.Equal(rows, nonZero(m.Rows)) {
		return m, fmt.Errorf("%s: the archive is damaged: it has other rows than its manifest says", path)
	}
	return m, nil
}

func nonZero(all map[string]int) map[string]int {
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(_ string, n int) bool { return n == 0 })
	return all
}

// readArchive calls row for each row, and says in the end whether everything
// read was as it was written.
func readArchive(path string, row func(heading, []any) error) (m Manifest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer f.Close()
	damaged := func(why any) (Manifest, error) { return m, fmt.Errorf("the archive is damaged: %v", why) }
	in := bufio.NewReader(f)
	z, err := gzip.NewReader(in)
	if err != nil {
		return m, fmt.Errorf("this is no archive of `yumen backup`: %w", err)
	}
	z.Multistream(false)
	first, err := io.ReadAll(io.LimitReader(z, 1<<20))
	if err != nil {
		return damaged(err)
	}
	if err := json.Unmarshal(first, &m); err != nil || m.Format == 0 {
		return m, errors.New("this is no archive of `yumen backup`")
	}
	if m.Format != archiveFormat {
		return m, fmt.Errorf("the archive has format %d, this program knows %d: use a newer one", m.Format, archiveFormat)
	}
	if m.Schema != schema.Version {
		return m, fmt.Errorf("the archive has schema %d (yumen %s), this program %d: restore it with that version into an empty database, then run `yumen migrate` with this one",
			m.Schema, m.Version, schema.Version)
	}
	if err := z.Reset(in); err != nil {
		return damaged(err)
	}
	z.Multistream(false)
	sum := sha256.New()
	dec := json.NewDecoder(io.TeeReader(z, sum))
	dec.UseNumber()
	var h heading
	for {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return damaged(err)
		}
		if raw[0] == '{' {
			h = heading{}
			if err := json.Unmarshal(raw, &h); err != nil || len(h.Columns) == 0 || len(h.Columns) != len(h.Types) {
				return damaged("a heading cannot be read")
			}
			continue
		}
		values, err := parseRow(h, raw)
		if err != nil {
			return damaged(err)
		}
		if err := row(h, values); err != nil {
			return m, err
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != m.SHA256 {
		return damaged("it is not what its manifest says")
	}
	return m, nil
}

// parseRow reads a line as values for the database.
func parseRow(h heading, raw []byte) ([]any, error) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var values []any
	if err := dec.Decode(&values); err != nil {
		return nil, err
	}
	if len(values) != len(h.Columns) {
		return nil, fmt.Errorf("a row of %q has %d values", h.Table, len(values))
	}
	for i, v := range values {
		if v == nil {
			continue
		}
		var err error
		switch text, isText := v.(string); {
		case h.Types[i] == "int" || h.Types[i] == "float":
			n, ok := v.(json.Number)
			if !ok {
				err = errors.New("no number")
			}
			values[i] = n.String()
			if h.Types[i] == "int" {
				values[i], err = integer(n)
			}
		case !isText:
			err = errors.New("no text")
		case h.Types[i] == "bytes":
			values[i], err = base64.StdEncoding.DecodeString(text)
		case h.Types[i] == "time":
			values[i], err = time.Parse(time.RFC3339Nano, text)
		}
		if err != nil {
			return nil, fmt.Errorf("table %q, column %q: %w", h.Table, h.Columns[i], err)
		}
	}
	return values, nil
}

// integer keeps what fits no int64 as a text, which a column of whole numbers
// takes as well.
func integer(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	if strings.Trim(n.String(), "0123456789") != "" {
		return nil, fmt.Errorf("%s is no whole number", n)
	}
	return n.String(), nil
}

// Restore fills the database with what an archive holds, all of it in one
// transaction, under a new lineage, so that proxies notice that the past is
// another. Tables are made where there are none. A *NotEmptyError comes
// without force when there is something; with force it is lost, except that
// nothing happens at all when the archive is damaged or of another schema.
func (s *Store) Restore(ctx context.Context, by Principal, path string, force bool) (Manifest, error) {
	m, err := ReadManifest(path)
	if err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	names, err := tables(s.config.Driver)
	if err != nil {
		return m, err
	}
	kept := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(notKept, name) })
	if has := slices.Sorted(maps.Keys(m.Rows)); !slices.Equal(has, kept) {
		return m, fmt.Errorf("restore: the archive has the tables %v, this program %v", has, kept)
	}
	if _, err := readHead(s.db.WithContext(ctx)); isNoTables(err) {
		if _, err := Migrate(ctx, s.config); err != nil {
			return m, err
		}
	}
	if err := s.CheckSchema(ctx); err != nil {
		return m, err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		if _, err := s.lockHead(tx); err != nil {
			return err
		}
		if !force {
			if err := mustBeEmpty(tx, names); err != nil {
				return err
			}
		}
		for _, name := range names {
			if err := tx.Exec("DELETE FROM " + name).Error; err != nil {
				return fmt.Errorf("empty %s: %w", name, err)
			}
		}
		if err := insertArchive(tx, path); err != nil {
			return err
		}
		moved := tx.Exec("UPDATE head SET lineage = ?, schema_version = ?, schema_oldest = ? WHERE id = 1", randomID(), schema.Version, schema.Oldest)
		if moved.Error != nil || moved.RowsAffected != 1 {
			return fmt.Errorf("give the head a new lineage: %w", errors.Join(moved.Error, oneRow(moved.RowsAffected)))
		}
		row := by.audit("restore", "database", filepath.Base(path))
		row.Revision = m.Head.Number
		return insertAudit(tx, []AuditRow{row})
	})
	if err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	s.latest.Store(nil)
	return m, nil
}

func oneRow(n int64) error {
	if n == 1 {
		return nil
	}
	return fmt.Errorf("%d rows instead of one", n)
}

// isNoTables tells that the database has none of ours.
func isNoTables(err error) bool {
	var wrong *SchemaError
	return errors.As(err, &wrong)
}

// mustBeEmpty finds what a restore would overwrite. The head of a new
// installation is nothing.
func mustBeEmpty(tx *gorm.DB, names []string) error {
	for _, name := range names {
		query := "SELECT COUNT(*) FROM " + name
		if name == "head" {
			query += " WHERE number > 0"
		}
		var n int64
		if err := tx.Raw(query).Scan(&n).Error; err != nil {
			return fmt.Errorf("count %s: %w", name, err)
		}
		if n > 0 {
			return &NotEmptyError{Table: name, Rows: n}
		}
	}
	return nil
}

// insertArchive inserts every row, some hundred at a time.
func insertArchive(tx *gorm.DB, path string) error {
	const most, bytes = 200, 4 << 20
	var now heading
	var batch []any
	rows, size := 0, 0
	flush := func() error {
		if rows == 0 {
			return nil
		}
		one := "(" + strings.Repeat("?,", len(now.Columns)-1) + "?)"
		query := "INSERT INTO " + now.Table + " (" + strings.Join(now.Columns, ",") + ") VALUES " + strings.Repeat(one+",", rows-1) + one
		// Not by GORM, which reads a meaning into values that are slices.
		_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, query, batch...)
		batch, rows, size = batch[:0], 0, 0
		if err != nil {
			return fmt.Errorf("insert into %s: %w", now.Table, err)
		}
		return nil
	}
	_, err := readArchive(path, func(h heading, values []any) error {
		if h.Table != now.Table {
			if err := flush(); err != nil {
				return err
			}
			if err := fits(tx, h); err != nil {
				return err
			}
			now = h
		}
		batch = append(batch, values...)
		rows++
		for _, v := range values {
			switch v := v.(type) {
			case string:
				size += len(v)
			case []byte:
				size += len(v)
			}
		}
		if rows == most || size > bytes {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// fits refuses tables and columns that are not ours: their names become part
// of a statement.
func fits(tx *gorm.DB, h heading) error {
	names, err := tables(tx.Name())
	if err != nil {
		return err
	}
	if !slices.Contains(names, h.Table) || slices.Contains(notKept, h.Table) {
		return fmt.Errorf("the archive has a table %q", h.Table)
	}
	columns, err := tx.Raw("SELECT * FROM " + h.Table + " WHERE 1 = 0").Rows()
	if err != nil {
		return err
	}
	defer columns.Close()
	have, err := columns.Columns()
	if err != nil {
		return err
	}
	slices.Sort(have)
	if want := slices.Sorted(slices.Values(h.Columns)); !slices.Equal(have, want) {
		return fmt.Errorf("table %s of the archive has the columns %v, the database %v", h.Table, want, have)
	}
	return nil
}
