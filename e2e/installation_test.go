package e2e

import (
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"yumen/testenv"
)

const password = "correct horse battery staple"

// installation is dashboard and proxies as processes, on one database and one
// Redis.
type installation struct {
	*console // logged in

	t         *testing.T
	dir       string
	key       string
	db        *mysql.Config
	redis     string
	board     *testenv.Process
	address   string // of the console
	proxies   []*node
	database  *testenv.MariaDBServer // nil when shared with other tests
	redisOwn  *testenv.RedisServer
	adminPort string
}

// node is one proxy process.
type node struct {
	*testenv.Process
	name, http, https, admin, bind string
	config                         string
}

// install makes the tables and starts a dashboard and so many proxies.
func install(t *testing.T, proxies int) *installation {
	t.Helper()
	db, err := mysql.ParseDSN(testenv.MariaDB(t))
	require.NoError(t, err)
	i := &installation{t: t, db: db, redisOwn: testenv.NewRedis(t)}
	i.begin(proxies)
	return i
}

// installAlone is install on a database server of its own, which the test may
// stop.
func installAlone(t *testing.T, proxies int) *installation {
	t.Helper()
	server := testenv.NewMariaDB(t)
	db, err := mysql.ParseDSN(server.Database(t))
	require.NoError(t, err)
	i := &installation{t: t, db: db, database: server, redisOwn: testenv.NewRedis(t)}
	i.begin(proxies)
	return i
}

func (i *installation) begin(proxies int) {
	t := i.t
	t.Helper()
	i.redis = i.redisOwn.Addr
	i.dir = t.TempDir()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	i.key = base64.StdEncoding.EncodeToString(key)
	i.address, i.adminPort = loopback(t), loopback(t)

	migrate := testenv.Start(t, "migrate", "--config", i.settings("migrate", i.db.User, ""))
	require.Zero(t, migrate.Wait(t, 2*patience), "migrate")
	i.readOnlyUser()

	i.startDashboard()
	i.console = at(t, "http://"+i.address)
	i.login("admin", password)
	for n := range proxies {
		i.startProxy(n + 1)
	}
	if proxies > 0 {
		i.live(proxies)
	}
}

// readOnlyUser makes the database user of the proxies: it may read what is
// published and nothing else.
func (i *installation) readOnlyUser() {
	t := i.t
	t.Helper()
	db, err := sql.Open("mysql", i.db.FormatDSN())
	require.NoError(t, err)
	defer db.Close()
	user := i.proxyUser()
	_, err = db.Exec("CREATE USER '" + user + "'@'%'")
	require.NoError(t, err)
	for _, table := range []string{"head", "revisions", "objects"} {
		_, err = db.Exec("GRANT SELECT ON " + i.db.DBName + "." + table + " TO '" + user + "'@'%'")
		require.NoError(t, err)
	}
}

func (i *installation) proxyUser() string { return "proxy_" + i.db.DBName }

// settings writes a settings file; more is further YAML.
func (i *installation) settings(name, user, more string) string {
	return write(i.t, filepath.Join(i.dir, name+".yaml"), fmt.Sprintf(`
master_key: %s
listen_ports: %d-%d
database: {driver: mysql, address: %q, name: %s, user: %s}
redis: {addresses: [%q]}
log: {access: none}
%s`, i.key, firstPort, lastPort, i.db.Addr, i.db.DBName, user, i.redis, more))
}

func (i *installation) startDashboard() {
	i.t.Helper()
	config := i.settings("dashboard", i.db.User, fmt.Sprintf("dashboard: {console: %q, admin: %q}\n", i.address, i.adminPort))
	i.board = testenv.StartWith(i.t, testenv.Options{Env: []string{"YUMEN_ADMIN_PASSWORD=" + password}}, "dashboard", "--config", config)
	ready(i.t, i.board, i.adminPort)
}

// startProxy starts the n-th proxy; each has a loopback address of its own for
// services' ports.
func (i *installation) startProxy(n int) *node {
	i.t.Helper()
	p := &node{
		name: fmt.Sprintf("proxy-%d", n), bind: fmt.Sprintf("127.0.0.%d", n),
		http: loopback(i.t), https: loopback(i.t), admin: loopback(i.t),
	}
	p.config = i.settings(p.name, i.proxyUser(), fmt.Sprintf(
		"name: %s\nproxy: {http: %q, https: %q, admin: %q, bind: %s, state: %q, drain_delay: 200ms}\n",
		p.name, p.http, p.https, p.admin, p.bind, filepath.Join(i.dir, p.name)))
	i.proxies = append(i.proxies, p)
	p.start(i.t)
	ready(i.t, p.Process, p.admin)
	return p
}

// start runs the proxy (again).
func (p *node) start(t *testing.T) {
	t.Helper()
	p.Process = testenv.Start(t, "proxy", "--config", p.config)
}

// ready waits until the process says so on its admin address.
func ready(t *testing.T, p *testenv.Process, admin string) {
	t.Helper()
	soon(t, func() bool {
		return readiness(admin) == http.StatusOK || p.Signal(syscall.Signal(0)) != nil
	}, "%s is ready", admin)
	require.NoError(t, p.Signal(syscall.Signal(0)), "the process ended")
}

// readiness is the status of /readyz, 0 when nobody answers.
func readiness(admin string) int {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + admin + "/readyz")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
