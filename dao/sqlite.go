package dao

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"modernc.org/sqlite"
)

// sqliteDialect is GORM's view of SQLite over modernc.org/sqlite, as far as
// dao needs it. gorm.io/driver/sqlite would bring mattn's C in wherever cgo is
// on.
type sqliteDialect struct{ pool gorm.ConnPool }

// Result codes of SQLite, extended ones included.
const (
	sqliteBusy             = 5
	sqliteLocked           = 6
	sqliteForeignKey       = 787
	sqlitePrimaryKey       = 1555
	sqliteUnique           = 2067
	sqlitePrimaryCodeMask  = 0xff
	sqliteNoSuchTableWords = "no such table"
)

// sqliteDSN is the driver's DSN for the file at path, which must be there.
// Transactions take the write lock when they begin, so that what they read is
// what they change.
func sqliteDSN(path string, readOnly bool) (string, error) {
	if path == "" || path == ":memory:" {
		return "", fmt.Errorf("sqlite: %q is not the path of a file", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	q := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"},
		"mode":    {"rw"}, "_txlock": {"immediate"}, "_time_format": {"sqlite"}, "_timezone": {"UTC"},
	}
	if readOnly {
		q["_pragma"] = []string{"busy_timeout(5000)", "query_only(1)"}
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: q.Encode()}).String(), nil
}

// createPrivate makes the file, readable by its owner only, unless it is
// there; SQLite gives its side files the same mode.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (d sqliteDialect) Name() string { return "sqlite" }

func (d sqliteDialect) Initialize(db *gorm.DB) error {
	db.ConnPool = d.pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{LastInsertIDReversed: true})
	return nil
}

func (d sqliteDialect) Migrator(db *gorm.DB) gorm.Migrator {
	return migrator.Migrator{Config: migrator.Config{DB: db, Dialector: d}}
}

// DataTypeOf is for AutoMigrate, which is never used.
func (d sqliteDialect) DataTypeOf(*schema.Field) string { return "" }

func (d sqliteDialect) DefaultValueOf(*schema.Field) clause.Expression {
	return clause.Expr{SQL: "NULL"}
}

func (d sqliteDialect) BindVarTo(w clause.Writer, _ *gorm.Statement, _ any) { w.WriteByte('?') }

func (d sqliteDialect) QuoteTo(w clause.Writer, name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			w.WriteByte('.')
		}
		w.WriteString(`"` + strings.ReplaceAll(part, `"`, `""`) + `"`)
	}
}

func (d sqliteDialect) Explain(sql string, vars ...any) string {
	return logger.ExplainSQL(sql, nil, `'`, vars...)
}

// Translate gives violated keys the names GORM has for them.
func (d sqliteDialect) Translate(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case sqliteUnique, sqlitePrimaryKey:
			return gorm.ErrDuplicatedKey
		case sqliteForeignKey:
			return gorm.ErrForeignKeyViolated
		}
	}
	return err
}
