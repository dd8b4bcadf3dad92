package dao

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	schema "yumen/sql"
)

// An archive is two gzip members of JSON lines: a Manifest on one line, then,
// for every table, its heading and a line for each row. It is the same
// whatever database it was made from. Secrets are in it as they are in the
// database, sealed; the master key is not.
//
//	{"yumen_backup":1,"schema":8,"head":{…},"master_keys":["89abcdef"],"rows":{"admins":2,…},"sha256":"…"}
//	{"table":"admins","columns":["id","account",…],"types":["int","text",…]}
//	[1,"admin",…]

// archiveFormat is the version of that.
const archiveFormat = 1

// Manifest says what an archive holds.
type Manifest struct {
	Format     int            `json:"yumen_backup"`
	Schema     int            `json:"schema"` // of the tables
	Version    string         `json:"version"`
	Driver     string         `json:"driver"` // it was made from
	At         time.Time      `json:"at"`
	Head       ManifestHead   `json:"head"`
	MasterKeys []string       `json:"master_keys"` // IDs of the keys that sealed what is in it
	Rows       map[string]int `json:"rows"`        // by table
	SHA256     string         `json:"sha256"`      // of the second member, uncompressed
}

// ManifestHead is the head as an archive says it.
type ManifestHead struct {
	Lineage string `json:"lineage"`
	Number  uint64 `json:"number"`
	Digest  string `json:"digest"`
}

// notKept are tables whose rows no archive holds: who had logged in then must
// not be in again after a restore.
var notKept = []string{"sessions"}

// heading begins a table.
type heading struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
	Types   []string `json:"types"` // int | float | text | bytes | time
}

var createTable = regexp.MustCompile(`(?i)CREATE TABLE (\w+)`)

// tables are the names of our tables, as the migrations make them.
func tables(driver string) ([]string, error) {
	files, err := schema.Migrations(driver)
	if err != nil {
		return nil, err
	}
	var names []string
	err = fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		for _, found := range createTable.FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
		return err
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// Backup writes an archive of everything the installation keeps, as it is at
// one moment, to a new file that only its owner reads. Others go on writing
// meanwhile. version is the program's.
func (s *Store) Backup(ctx context.Context, path, version string) (m Manifest, err error) {
	if _, err := os.Lstat(path); err == nil {
		return m, fmt.Errorf("%s is there already: give another name, or remove it", path)
	}
	if err := s.CheckSchema(ctx); err != nil {
		return m, err
	}
	body, err := os.CreateTemp(filepath.Dir(path), ".yumen-backup-*")
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	defer func() {
		body.Close()
		os.Remove(body.Name())
	}()
	m = Manifest{Format: archiveFormat, Schema: schema.Version, Version: version, Driver: s.config.Driver, At: now(), Rows: map[string]int{}}
	if err := s.writeTables(ctx, body, &m); err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	if err := join(path, m, body); err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	return m, nil
}

// join makes the archive of its manifest and the tables. It is there whole or
// not at all.
func join(path string, m Manifest, body io.ReadSeeker) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".yumen-backup-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()
	z := gzip.NewWriter(f)
	if err := json.NewEncoder(z).Encode(m); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(f, body); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	// Unlike a rename, a link overwrites nothing.
	return os.Link(f.Name(), path)
}

// writeTables writes the second member, from one snapshot of the database, and
// completes the manifest.
func (s *Store) writeTables(ctx context.Context, to io.Writer, m *Manifest) error {
	tx, err := s.pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: isolation(s.config.Driver)})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := tx.QueryRowContext(ctx, "SELECT lineage, number, digest FROM head WHERE id = 1").Scan(&m.Head.Lineage, &m.Head.Number, &m.Head.Digest); err != nil {
		return err
	}
	names, err := tables(s.config.Driver)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(to)
	w := &lines{out: bufio.NewWriterSize(z, 1<<16), sum: sha256.New(), keys: map[string]bool{}}
	for _, table := range names {
		if slices.Contains(notKept, table) {
			continue
		}
		if m.Rows[table], err = w.table(ctx, tx, table); err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
	}
	m.SHA256, m.MasterKeys = hex.EncodeToString(w.sum.Sum(nil)), slices.Sorted(maps.Keys(w.keys))
	return errors.Join(w.out.Flush(), z.Close())
}

// isolation is the level at which a transaction sees one moment.
func isolation(driver string) sql.IsolationLevel {
	if driver == "mysql" {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

// lines writes JSON lines and notes what it sees.
type lines struct {
	out  *bufio.Writer
	sum  hash.Hash
	keys map[string]bool // IDs of master keys
}

var sealed = regexp.MustCompile(`enc:v1:([0-9a-f]{8}):`)

func (l *lines) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	l.sum.Write(b)
	_, err = l.out.Write(b)
	return err
}

func (l *lines) table(ctx context.Context, tx *sql.Tx, name string) (n int, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+name) // from the migrations, not from outside
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	h := heading{Table: name}
	columns, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	for _, c := range columns {
		h.Columns = append(h.Columns, c.Name())
		h.Types = append(h.Types, typeOf(c.DatabaseTypeName()))
	}
	if err := l.line(h); err != nil {
		return 0, err
	}
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		for i, v := range row {
			if row[i], err = plain(h.Types[i], v); err != nil {
				return n, fmt.Errorf("column %s: %w", h.Columns[i], err)
			}
			l.note(v)
		}
		if err := l.line(row); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// note finds which master keys sealed what stands in a value.
func (l *lines) note(v any) {
	var text []byte
	switch v := v.(type) {
	case []byte:
		text = v
	case string:
		text = []byte(v)
	}
	if !bytes.Contains(text, []byte("enc:v1:")) {
		return
	}
	for _, found := range sealed.FindAllSubmatch(text, -1) {
		l.keys[string(found[1])] = true
	}
}

// typeOf is what a column holds, by the database's name for its type.
func typeOf(name string) string {
	name = strings.ToUpper(name)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) })
	}
	switch {
	case has("BLOB", "BINARY"):
		return "bytes"
	case has("DATE", "TIMESTAMP"):
		return "time"
	case has("INT", "BOOL"):
		return "int"
	case has("FLOAT", "DOUBLE", "REAL"):
		return "float"
	default:
		return "text"
	}
}

// plain is a value of the database as JSON has it: bytes in base64, times in
// RFC 3339, truth as 1 and 0.
func plain(kind string, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch kind {
	case "bytes":
		switch v := v.(type) {
		case []byte:
			return v, nil
		case string:
			return []byte(v), nil
		}
	case "time":
		if v, ok := v.(time.Time); ok {
			return v.UTC().Format(time.RFC3339Nano), nil
		}
	case "int", "float":
		switch v := v.(type) {
		case int64, uint64, float64, float32:
			return v, nil
		case bool:
			if v {
				return 1, nil
			}
			return 0, nil
		case []byte:
			return json.Number(v), nil
		}
	default:
		text, ok := v.(string)
		if b, raw := v.([]byte); raw {
			text, ok = string(b), true
		}
		if ok && utf8.ValidString(text) {
			return text, nil
		}
	}
	return nil, fmt.Errorf("%T is no %s", v, kind)
}
