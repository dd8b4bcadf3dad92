package dao

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"yumen/spec"
)

var errTodo = errors.New("not built yet")

// Config says which database, and how to reach it.
type Config struct {
	Driver   string      // sqlite | mysql
	DSN      string      // sqlite: path of the file; mysql: DSN of go-sql-driver/mysql, needed parameters are added
	TLS      *tls.Config // mysql: nil = what the DSN says
	ReadOnly bool        // a proxy's: reads head, revisions and objects, nothing else
}

// SchemaError says that the database does not have the tables this program needs.
type SchemaError struct{ Message string }

func (e *SchemaError) Error() string { return e.Message }

type Store struct{}
type Cache struct{}
type Draft struct{}

func NewCache() *Cache                                                    { return &Cache{} }
func Migrate(ctx context.Context, c Config) (applied []string, err error) { return nil, errTodo }
func Open(ctx context.Context, c Config, r *spec.Keyring, log *slog.Logger) (*Store, error) {
	return nil, errTodo
}
func (s *Store) Close() error                           { return errTodo }
func (s *Store) CheckSchema(ctx context.Context) error  { return errTodo }
func (s *Store) Ping(ctx context.Context) error         { return errTodo }
func (s *Store) Head(ctx context.Context) (Head, error) { return Head{}, errTodo }

// Load reads the document of a head. cache may be nil.
func (s *Store) Load(ctx context.Context, h Head, cache *Cache) (*Snapshot, error) {
	return nil, errTodo
}
func (s *Store) Publish(ctx context.Context, by Principal, message string, change func(*Draft) error) (Revision, error) {
	return Revision{}, errTodo
}
func (d *Draft) Head() Head                                   { return Head{} }
func (d *Draft) Document() *spec.Document                     { return nil }
func (d *Draft) Digest(k spec.Key) string                     { return "" }
func (d *Draft) Get(k spec.Key) (v any, ok bool)              { return nil, false } // *spec.Service, *spec.Tenant without credentials …; do not modify
func (d *Draft) Put(kind spec.Kind, name string, v any) error { return errTodo }
func (d *Draft) Delete(kind spec.Kind, name string) error     { return errTodo } // ErrNotFound; a tenant's credentials go with it
func (s *Store) Revisions(ctx context.Context, page, size int) ([]Revision, int64, error) {
	return nil, 0, errTodo
}
func (s *Store) Revision(ctx context.Context, n uint64) (Revision, error) { return Revision{}, errTodo }
func (s *Store) DocumentAt(ctx context.Context, n uint64) (*spec.Document, error) {
	return nil, errTodo
}
func (s *Store) List(ctx context.Context, kind spec.Kind, q Query) ([]Row, int64, error) {
	return nil, 0, errTodo
}
func (s *Store) Get(ctx context.Context, k spec.Key) (Row, error) { return Row{}, errTodo }

func (s *Store) Admins(ctx context.Context) ([]Admin, error) { return nil, errTodo }
func (s *Store) AdminByAccount(ctx context.Context, account string) (Admin, error) {
	return Admin{}, errTodo
}
func (s *Store) CreateAdmin(ctx context.Context, by Principal, a Admin) (Admin, error) {
	return Admin{}, errTodo
}

// UpdateAdmin sets Role, MustChange and Disabled of the account; disabling ends its sessions.
func (s *Store) UpdateAdmin(ctx context.Context, by Principal, a Admin) error { return errTodo }

// SetPassword ends every session of the account but the one that by is.
func (s *Store) SetPassword(ctx context.Context, by Principal, account, hash string, mustChange bool) error {
	return errTodo
}

// CreateSession also sets the admin's LastLoginAt and writes the audit row "login".
func (s *Store) CreateSession(ctx context.Context, by Principal, n Session) error { return errTodo }

// RenewSession replaces the session oldID by n, without an audit row: a new id after a password change.
func (s *Store) RenewSession(ctx context.Context, oldID string, n Session) error { return errTodo }

// SessionByTokenHash gives ErrNotFound also for one past its ExpiresAt or of a disabled admin; idleness is the caller's to judge.
func (s *Store) SessionByTokenHash(ctx context.Context, hash string) (Session, Admin, error) {
	return Session{}, Admin{}, errTodo
}
func (s *Store) Sessions(ctx context.Context, adminID uint64) ([]Session, error)   { return nil, errTodo }
func (s *Store) TouchSession(ctx context.Context, id string, seen time.Time) error { return errTodo }

// DeleteSession ends a session, with the audit row "logout".
func (s *Store) DeleteSession(ctx context.Context, by Principal, id string) error { return errTodo }

// DeleteSessionsOf ends all sessions of an admin but except ("" = all).
func (s *Store) DeleteSessionsOf(ctx context.Context, by Principal, adminID uint64, except string) error {
	return errTodo
}

func (s *Store) AppendAudit(ctx context.Context, row AuditRow) error { return errTodo }
func (s *Store) Audit(ctx context.Context, q AuditQuery) ([]AuditRow, int64, error) {
	return nil, 0, errTodo
}

func (s *Store) UpsertStats(ctx context.Context, stats []Stat) error { return errTodo }
func (s *Store) Stats(ctx context.Context, step, subject, fromBucket, toBucket string) ([]Stat, error) {
	return nil, errTodo
}
func (s *Store) StatsOfBucket(ctx context.Context, step, bucket string) ([]Stat, error) {
	return nil, errTodo
}
func (s *Store) PruneStats(ctx context.Context, now time.Time) error { return errTodo }
