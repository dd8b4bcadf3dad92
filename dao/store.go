package dao

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	driver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"modernc.org/sqlite"

	"yumen/spec"
	schema "yumen/sql"
)

// Config says which database, and how to reach it.
type Config struct {
	Driver   string      // sqlite | mysql
	DSN      string      // sqlite: path of the file; mysql: DSN of go-sql-driver/mysql, needed parameters are added
	TLS      *tls.Config // mysql: nil = what the DSN says
	ReadOnly bool        // a proxy's: reads head, revisions and objects, nothing else
}

// SchemaError says that the tables do not fit this program, and what to do.
type SchemaError struct{ Message string }

func (e *SchemaError) Error() string { return e.Message }

// Store is an installation's database. Its methods may be called from any
// goroutine; several Stores, also of other processes, may share a database.
type Store struct {
	config  Config
	keyring *spec.Keyring
	log     *slog.Logger
	pool    *sql.DB
	db      *gorm.DB

	keep retention

	latest  atomic.Pointer[state] // the head as read or written last
	writing chan struct{}         // SQLite has one writer: waiting here is fair, its busy handler is not
}

// Open opens the database. It dials nothing: that the database is there and
// has its tables is said by CheckSchema. keyring may be nil where nothing
// secret is read or written. Close it after use.
func Open(_ context.Context, c Config, keyring *spec.Keyring, log *slog.Logger) (*Store, error) {
	pool, err := openPool(c, log)
	if err != nil {
		return nil, err
	}
	var dialect gorm.Dialector = sqliteDialect{pool: pool}
	if c.Driver == "mysql" {
		dialect = mysql.New(mysql.Config{Conn: pool, SkipInitializeWithVersion: true})
	}
	db, err := gorm.Open(dialect, &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		TranslateError:         true,
		Logger:                 logger.Discard, // errors are returned, and values must reach no log
		NowFunc:                now,
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open %s database: %w", c.Driver, err)
	}
	s := &Store{config: c, keyring: keyring, log: log, pool: pool, db: db, keep: kept}
	if c.Driver == "sqlite" {
		s.writing = make(chan struct{}, 1)
	}
	return s, nil
}

func openPool(c Config, log *slog.Logger) (*sql.DB, error) {
	switch c.Driver {
	case "mysql":
		pool, err := openMySQL(c, log)
		if err != nil {
			return nil, err
		}
		pool.SetMaxOpenConns(20)
		pool.SetMaxIdleConns(5)
		pool.SetConnMaxLifetime(3 * time.Minute)
		return pool, nil
	case "sqlite":
		dsn, err := sqliteDSN(c.DSN, c.ReadOnly)
		if err != nil {
			return nil, err
		}
		if !c.ReadOnly {
			if err := createPrivate(c.DSN); err != nil {
				return nil, fmt.Errorf("sqlite: %w", err)
			}
		}
		pool, err := sql.Open("sqlite", dsn)
		if err != nil {
			return nil, fmt.Errorf("sqlite: %w", err)
		}
		pool.SetMaxOpenConns(8)
		pool.SetMaxIdleConns(8)
		return pool, nil
	default:
		return nil, fmt.Errorf("database driver %q is neither sqlite nor mysql", c.Driver)
	}
}

// Close lets go of the database.
func (s *Store) Close() error { return s.pool.Close() }

// Ping asks the database whether it is there.
func (s *Store) Ping(ctx context.Context) error { return s.pool.PingContext(ctx) }

// CheckSchema gives a *SchemaError when the tables do not fit this program.
func (s *Store) CheckSchema(ctx context.Context) error {
	row, err := readHead(s.db.WithContext(ctx))
	if err != nil {
		return err
	}
	return row.fits()
}

// headRow is the one row of table head.
type headRow struct {
	ID            uint8 `gorm:"primaryKey"`
	Lineage       string
	Number        uint64
	Digest        string
	SchemaVersion int
	SchemaOldest  int
}

func (headRow) TableName() string { return "head" }

func (r headRow) head() Head { return Head{Lineage: r.Lineage, Number: r.Number, Digest: r.Digest} }

// fits says whether this program can work on tables of that version.
func (r headRow) fits() error {
	switch {
	case r.SchemaVersion < schema.Version:
		return &SchemaError{fmt.Sprintf("the database has schema %d, this program needs %d: run `yumen migrate` with the same settings", r.SchemaVersion, schema.Version)}
	case r.SchemaOldest > schema.Version:
		return &SchemaError{fmt.Sprintf("the database has schema %d, which this program (schema %d) is too old for: install a newer one", r.SchemaVersion, schema.Version)}
	default:
		return nil
	}
}

// Head is what is published now.
func (s *Store) Head(ctx context.Context) (Head, error) {
	row, err := readHead(s.db.WithContext(ctx))
	return row.head(), err
}

func readHead(db *gorm.DB) (headRow, error) {
	var row headRow
	err := db.Where("id = 1").Take(&row).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound), isNoSuchTable(err):
		return row, &SchemaError{"the database has no tables yet: run `yumen migrate` with the same settings"}
	case err != nil:
		return row, fmt.Errorf("read head: %w", err)
	}
	return row, nil
}

// lockHead reads head and keeps every other writer waiting until tx ends.
func (s *Store) lockHead(tx *gorm.DB) (Head, error) {
	if s.config.Driver == "mysql" { // on SQLite the transaction itself is the lock
		if err := tx.Exec("SELECT id FROM head WHERE id = 1 FOR UPDATE").Error; err != nil {
			return Head{}, fmt.Errorf("lock head: %w", err)
		}
	}
	row, err := readHead(tx)
	return row.head(), err
}

// write runs change in one transaction, again when the database gave another
// writer the way. change must not keep what it computed in a run that failed.
func (s *Store) write(ctx context.Context, change func(tx *gorm.DB) error) error {
	if s.config.ReadOnly {
		return errors.New("this database is open for reading only")
	}
	var options *sql.TxOptions
	if s.writing != nil {
		select {
		case s.writing <- struct{}{}:
			defer func() { <-s.writing }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	} else {
		options = &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	const attempts = 20
	for attempt := 1; ; attempt++ {
		err := s.db.WithContext(ctx).Transaction(change, options)
		if err == nil || attempt == attempts || !isContention(err) {
			return err
		}
		wait := time.Duration(attempt)*5*time.Millisecond + rand.N(20*time.Millisecond)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// isContention says that the database undid a transaction for the sake of
// another, so that the same again may pass.
func isContention(err error) bool {
	var inMySQL *driver.MySQLError
	if errors.As(err, &inMySQL) {
		return inMySQL.Number == mysqlDeadlock || inMySQL.Number == mysqlLockWaitTimeout || inMySQL.Number == mysqlRecordChanged
	}
	var inSQLite *sqlite.Error
	if errors.As(err, &inSQLite) {
		code := inSQLite.Code() & sqlitePrimaryCodeMask
		return code == sqliteBusy || code == sqliteLocked
	}
	return false
}

func isNoSuchTable(err error) bool {
	var inMySQL *driver.MySQLError
	if errors.As(err, &inMySQL) {
		return inMySQL.Number == mysqlNoSuchTable
	}
	var inSQLite *sqlite.Error
	return errors.As(err, &inSQLite) && strings.Contains(inSQLite.Error(), sqliteNoSuchTableWords)
}

// exactly compares a text column with what somebody gave. MySQL takes "a" and
// "a " for equal, SQLite does not; here they differ on both.
func exactly(db *gorm.DB, column, value string) *gorm.DB {
	if !utf8.ValidString(value) {
		return db.Where("1 = 0") // never stored, and MySQL would call it an error
	}
	return db.Where(column+" = ? AND octet_length("+column+") = ?", value, len(value))
}

// now is the time as both databases keep it.
func now() time.Time { return milli(time.Now()) }

func milli(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// clip makes s fit a column of n characters: what comes from outside must not
// make the row fail that tells of it.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// found names a missing row ErrNotFound, with what was looked for.
func found(err error, what string, args ...any) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return fmt.Errorf(what+": %w", append(args, ErrNotFound)...)
	}
	if err != nil {
		return fmt.Errorf(what+": %w", append(args, err)...)
	}
	return nil
}

// page checks a page's number and size and gives its offset.
func page(number, size int) (offset int, err error) {
	switch {
	case number < 1 || number > 1_000_000:
		return 0, &BadQuery{Param: "page"}
	case size < 1 || size > 200:
		return 0, &BadQuery{Param: "size"}
	}
	return (number - 1) * size, nil
}
