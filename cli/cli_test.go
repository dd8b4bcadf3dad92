package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/spec"
	"yumen/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// site is an installation that commands work on.
type site struct {
	dir   string
	flags []string // that say which it is
	redis *testenv.RedisServer
	dc    dao.Config
	key   string
}

// onEach runs test on the folder of an up, and on the stores of a settings
// file.
func onEach(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	t.Run("data", func(t *testing.T) { test(t, upSite(t)) })
	t.Run("config", func(t *testing.T) { test(t, configSite(t)) })
}

// upSite is what a first `yumen up` leaves, without demo services.
func upSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), key: spec.GenerateMasterKey()}
	data := filepath.Join(s.dir, "data")
	require.NoError(t, os.Mkdir(data, 0o700))
	s.write(t, "data/master.key", s.key+"\n")
	s.flags = []string{"--data", data}
	s.dc = dao.Config{Driver: "sqlite", DSN: filepath.Join(data, "yumen.db")}
	_, err := dao.Migrate(t.Context(), s.dc)
	require.NoError(t, err)
	return s
}

func configSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), key: spec.GenerateMasterKey(), redis: testenv.NewRedis(t)}
	s.dc = dao.Config{Driver: "mysql", DSN: testenv.MariaDB(t)}
	m, err := mysql.ParseDSN(s.dc.DSN)
	require.NoError(t, err)
	s.flags = []string{"--config", s.write(t, "yumen.yaml", fmt.Sprintf(
		"master_key: %s\ndatabase: {address: %q, name: %s, user: %s}\nredis: {addresses: [%q]}\n", s.key, m.Addr, m.DBName, m.User, s.redis.Addr))}
	require.Zero(t, run(t, "", "migrate", "--config", s.flags[1]).status)
	return s
}

func (s *site) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// document writes a document and gives its path.
func (s *site) document(t *testing.T, d *spec.Document) string {
	t.Helper()
	text, err := spec.MarshalYAML(d)
	require.NoError(t, err)
	return s.write(t, "document.yaml", string(text))
}

// store opens the database, as a dashboard would.
func (s *site) store(t *testing.T) *dao.Store {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s.key)
	require.NoError(t, err)
	ring, err := spec.NewKeyring(spec.KeyID(b), map[string][]byte{spec.KeyID(b): b})
	require.NoError(t, err)
	db, err := dao.Open(t.Context(), s.dc, ring, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func (s *site) head(t *testing.T) dao.Head {
	t.Helper()
	h, err := s.store(t).Head(t.Context())
	require.NoError(t, err)
	return h
}

// result is what a command came to.
type result struct {
	status   int
	out, err string
}

// run runs a command line.
func run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	return result{execute(t.Context(), root), out.String(), errs.String()}
}

// run runs a command on the site.
func (s *site) run(t *testing.T, args ...string) result {
	t.Helper()
	return run(t, "", append(args, s.flags...)...)
}

// ok runs a command that must succeed and gives its output.
func (s *site) ok(t *testing.T, args ...string) string {
	t.Helper()
	r := s.run(t, args...)
	require.Zero(t, r.status, "%v: %s%s", args, r.out, r.err)
	require.Empty(t, r.err, "%v", args)
	return r.out
}

// fails runs a command that must fail, and gives what it says of that.
func (s *site) fails(t *testing.T, args ...string) string {
	t.Helper()
	r := s.run(t, args...)
	require.Equal(t, 1, r.status, "%v: %s%s", args, r.out, r.err)
	return r.err
}

func unmarshal[T any](t *testing.T, text string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

func ptr[T any](v T) *T { return &v }

func service(name string, targets ...string) spec.Service {
	s := spec.Service{Name: name, Protocol: "http", Routes: []spec.Route{{Path: &spec.PathMatch{Prefix: "/" + name}}}, Upstream: &spec.Upstream{}}
	for _, address := range append(targets, "10.0.0.1:9000")[:max(1, len(targets))] {
		s.Upstream.Targets = append(s.Upstream.Targets, spec.Target{Address: address})
	}
	return s
}

func services(names ...string) *spec.Document {
	d := new(spec.Document)
	for _, name := range names {
		d.Services = append(d.Services, service(name))
	}
	return d
}

func TestEveryCommandOfDayTwoHasExamplesAndSaysWhatItIsFor(t *testing.T) {
	seen := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		path := strings.TrimPrefix(cmd.CommandPath(), "yumen ")
		for _, group := range []string{"config ", "admin ", "backup", "restore"} {
			if strings.HasPrefix(path, group) && path != "config validate" {
				seen++
				require.NotEmpty(t, cmd.Short, path)
				require.Contains(t, cmd.Example, "yumen "+path, path)
				require.NotNil(t, cmd.Flag("data"), path)
				require.NotNil(t, cmd.Flag("output"), path)
				help := run(t, "", append(strings.Fields(path), "--help")...)
				require.Zero(t, help.status)
				require.Contains(t, help.out, cmd.Example)
			}
		}
	}
	walk(rootCommand())
	require.Equal(t, 15, seen)
}
