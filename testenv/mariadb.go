package testenv

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// MariaDBServer is one mariadbd with a data folder of its own.
type MariaDBServer struct {
	Addr string // 127.0.0.1:port, the same after Stop and Start

	path, dir string
	process   *Process
	databases atomic.Int64
}

var shared struct {
	sync.Mutex
	server *MariaDBServer
}

// MariaDB gives the DSN (go-sql-driver/mysql) of a fresh, empty database with
// all rights. All tests of a test binary share one server.
func MariaDB(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		dir, err := os.MkdirTemp("", "yumen-mariadb-")
		if err != nil {
			t.Fatal(err)
		}
		s := &MariaDBServer{dir: dir}
		onExit(func() {
			s.Stop()
			os.RemoveAll(dir)
		})
		s.install(t)
		shared.server = s
	}
	return shared.server.Database(t)
}

// NewMariaDB starts a server of its own for this test, which may stop and
// start it again.
func NewMariaDB(t testing.TB) *MariaDBServer {
	t.Helper()
	s := &MariaDBServer{dir: t.TempDir()}
	t.Cleanup(s.Stop)
	s.install(t)
	return s
}

// install makes the data folder and starts the server.
func (s *MariaDBServer) install(t testing.TB) {
	t.Helper()
	s.path = program(t, "mariadbd")
	install := exec.Command(program(t, "mariadb-install-db"), "--no-defaults",
		"--datadir="+filepath.Join(s.dir, "data"), "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", "--user="+unixUser())
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
	s.Start(t)
}

// Start starts the server and waits until it answers.
func (s *MariaDBServer) Start(t testing.TB) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	p, err := start(exec.Command(s.path, "--no-defaults", "--datadir="+filepath.Join(s.dir, "data"),
		"--user="+unixUser(), "--bind-address=127.0.0.1", "--port="+port, "--skip-name-resolve",
		"--socket="+filepath.Join(s.dir, "s"), "--pid-file="+filepath.Join(s.dir, "pid"),
		// Data of tests need not survive a power cut.
		"--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0",
		"--innodb-buffer-pool-size=64M", "--skip-log-bin", "--performance-schema=off"))
	if err != nil {
		t.Fatal(err)
	}
	s.process = p
	db := open(t, s.config(""))
	defer db.Close()
	waitReady(t, p, db.Ping)
}

// Stop ends the server; its data stay.
func (s *MariaDBServer) Stop() {
	if s.process != nil {
		s.process.Stop()
	}
}

// Database gives the DSN of a fresh, empty database with all rights.
func (s *MariaDBServer) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("yumen_%d", s.databases.Add(1))
	db := open(t, s.config(""))
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name + " CHARACTER SET utf8mb4"); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return s.config(name).FormatDSN()
}

func (s *MariaDBServer) config(database string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = "root", "tcp", s.Addr, database
	c.Logger = &mysql.NopLogger{} // refused connections while starting are expected
	return c
}

func open(t testing.TB, c *mysql.Config) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	return sql.OpenDB(connector)
}

// unixUser is who the server runs as: it refuses root unless told.
func unixUser() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return strconv.Itoa(os.Geteuid())
}
