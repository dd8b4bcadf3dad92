package dao

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/pressly/goose/v3"

	schema "yumen/sql"
)

// Migrate brings the tables up to this program's version and gives the
// migrations it applied. A SQLite file with something in it is copied first,
// beside itself. On MySQL a second Migrate waits for the first.
func Migrate(ctx context.Context, c Config) (applied []string, err error) {
	if c.ReadOnly {
		return nil, errors.New("migrate: the database is configured for reading only")
	}
	pool, err := openPool(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if c.Driver == "mysql" {
		unlock, err := lockMigration(ctx, pool)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	files, err := schema.Migrations(c.Driver)
	if err != nil {
		return nil, err
	}
	dialect := goose.DialectSQLite3
	if c.Driver == "mysql" {
		dialect = goose.DialectMySQL
	}
	provider, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	current, _, err := provider.GetVersions(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	if current > schema.Version {
		return nil, &SchemaError{fmt.Sprintf("the database has schema %d already, this program knows %d", current, schema.Version)}
	}
	if c.Driver == "sqlite" && current > 0 && current < schema.Version {
		if err := copyFile(ctx, pool, c.DSN, current); err != nil {
			return nil, err
		}
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		applied = append(applied, r.Source.Path)
	}
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, stampHead(ctx, pool)
}

// stampHead makes the head of a new installation and writes down which
// programs the tables fit.
func stampHead(ctx context.Context, pool *sql.DB) error {
	var rows int
	if err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM head").Scan(&rows); err != nil {
		return fmt.Errorf("migrate: read head: %w", err)
	}
	if rows == 0 {
		_, err := pool.ExecContext(ctx, "INSERT INTO head (id, lineage, number, digest, schema_version, schema_oldest) VALUES (1, ?, 0, '', ?, ?)",
			randomID(), schema.Version, schema.Oldest)
		if err != nil {
			return fmt.Errorf("migrate: make head: %w", err)
		}
		return nil
	}
	if _, err := pool.ExecContext(ctx, "UPDATE head SET schema_version = ?, schema_oldest = ? WHERE id = 1", schema.Version, schema.Oldest); err != nil {
		return fmt.Errorf("migrate: stamp head: %w", err)
	}
	return nil
}

// lockMigration keeps other programs from migrating the same database. The
// lock is its connection's, so a program that dies lets go of it.
func lockMigration(ctx context.Context, pool *sql.DB) (unlock func(), err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	var database, lock string
	var got sql.NullInt64
	if err = conn.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database); err == nil {
		sum := sha256.Sum256([]byte(database)) // names of locks hold for the server, and are short
		lock = "yumen.migrate." + hex.EncodeToString(sum[:8])
		// The wait must stay under the connection's read timeout.
		err = conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 20)", lock).Scan(&got)
	}
	if err == nil && got.Int64 != 1 {
		err = errors.New("another program is migrating this database")
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("migrate: lock: %w", err)
	}
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(?)", lock)
		conn.Close()
	}, nil
}

// copyFile copies the database at path beside it, whole whatever its side
// files hold.
func copyFile(ctx context.Context, pool *sql.DB, path string, version int64) error {
	to := fmt.Sprintf("%s.schema-%d.%s.bak", path, version, time.Now().UTC().Format("20060102T150405.000"))
	if err := createPrivate(to); err != nil {
		return fmt.Errorf("migrate: copy the database first: %w", err)
	}
	if _, err := pool.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		os.Remove(to)
		return fmt.Errorf("migrate: copy the database first: %w", err)
	}
	return nil
}

// randomID is 128 bits, as 32 hex digits.
func randomID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}
