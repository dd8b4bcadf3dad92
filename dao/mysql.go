package dao

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	driver "github.com/go-sql-driver/mysql"
)

// Error numbers of MySQL and MariaDB.
const (
	mysqlLockWaitTimeout = 1205
	mysqlDeadlock        = 1213
	mysqlRecordChanged   = 1020 // MariaDB with innodb_snapshot_isolation
	mysqlNoSuchTable     = 1146
)

// openMySQL opens the pool of a DSN, with the parameters added that the rest
// of dao counts on. Nothing is dialled yet.
func openMySQL(c Config, log *slog.Logger) (*sql.DB, error) {
	m, err := driver.ParseDSN(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("mysql: the DSN cannot be read: %w", err) // the driver's text does not repeat the DSN
	}
	if m.DBName == "" {
		return nil, fmt.Errorf("mysql: the DSN names no database")
	}
	m.ParseTime, m.Loc, m.ClientFoundRows = true, time.UTC, true
	if err := m.Apply(driver.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, fmt.Errorf("mysql: %w", err)
	}
	if c.TLS != nil {
		m.TLS = c.TLS
	}
	m.Timeout = orElse(m.Timeout, 5*time.Second)
	m.ReadTimeout = orElse(m.ReadTimeout, 30*time.Second)
	m.WriteTimeout = orElse(m.WriteTimeout, 30*time.Second)
	if m.Params == nil {
		m.Params = map[string]string{}
	}
	// Too long a value is an error, never cut; and a lock is given up before
	// the connection is.
	m.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"
	m.Params["innodb_lock_wait_timeout"] = "10"
	m.Logger = driverLog{log}
	connector, err := driver.NewConnector(m)
	if err != nil {
		return nil, fmt.Errorf("mysql: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// driverLog takes what the driver has to say, such as a connection found dead.
type driverLog struct{ log *slog.Logger }

func (l driverLog) Print(v ...any) {
	if l.log != nil {
		l.log.LogAttrs(context.Background(), slog.LevelDebug, "mysql driver", slog.String("message", fmt.Sprint(v...)))
	}
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
