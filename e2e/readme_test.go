package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"yumen/testenv"
)

// blocks gives the code blocks of a README with that tag, one after the other.
func blocks(t *testing.T, name, tag string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	require.NoError(t, err)
	found := regexp.MustCompile("(?ms)^```"+regexp.QuoteMeta(tag)+"\n(.*?)^```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, found, "%s has no block %q", name, tag)
	var all strings.Builder
	for _, f := range found {
		all.WriteString(f[1])
	}
	return all.String()
}

// folder is where a reader of the README stands: a clone that is built.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	require.NoError(t, os.Symlink(testenv.Binary(t), filepath.Join(dir, "bin", "yumen")))
	return dir
}

// shell runs a script as the README has it, but for ports that are free here.
func shell(t *testing.T, dir, script string, env []string, ports ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.NewReplacer(ports...).Replace(script))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestTheReadmesTourWorksAsWritten(t *testing.T) {
	for _, readme := range []string{"README.md"} {
		t.Run(readme, func(t *testing.T) {
			dir := folder(t)
			s := up(t, "--data", "data") // the later flag wins
			s.Kill()
			s.Process = testenv.StartWith(t, testenv.Options{Dir: dir}, s.args...)
			ready(t, s.Process, s.admin)
			c := at(t, "http://"+s.address)
			soon(t, func() bool {
				status, err := c.try("GET", "/me", nil, nil)
				return err == nil && status == http.StatusUnauthorized
			}, "the console answers")

			out := shell(t, dir, blocks(t, readme, "sh tour"), nil, "127.0.0.1:8080", s.proxy.http, "127.0.0.1:8880", s.address)
			require.Contains(t, out, `"path": "/hello"`)
			require.Contains(t, out, "event: tick")
			require.Contains(t, out, `"unauthenticated"`, "without a token")
			require.Contains(t, out, `"path": "/orders"`, "with a token")
			require.Contains(t, out, `"path": "/42"`, "the new service")
			require.Regexp(t, `(200 )+(429 )+`, out, "its limit")
			require.Contains(t, out, `"points"`)
		})
	}
}

func TestTheReadmesFileWorksAsWritten(t *testing.T) {
	for _, readme := range []string{"README.md"} {
		t.Run(readme, func(t *testing.T) {
			b := backends(t)
			dir := folder(t)
			write(t, filepath.Join(dir, "gateway.yaml"), strings.ReplaceAll(blocks(t, readme, "yaml gateway.yaml"), "127.0.0.1:9000", b.HTTP))
			p := &node{http: loopback(t)}
			env := []string{"YUMEN_PROXY__HTTP=" + p.http, "YUMEN_PROXY__HTTPS=" + loopback(t), "YUMEN_PROXY__ADMIN=" + loopback(t)}
			// The last command runs until it is stopped.
			script := blocks(t, readme, "sh file") + " & last=$!\n" +
				fmt.Sprintf("curl -s --retry 50 --retry-connrefused --retry-delay 1 http://%s/orders/1\nkill $last\nwait $last\n", p.http)
			script = strings.ReplaceAll(script, "gateway.yaml\n &", "gateway.yaml &")
			out := shell(t, dir, script, append(env, "YUMEN_PROXY__DRAIN_DELAY=0s"))
			require.Contains(t, out, ": valid")
			require.Contains(t, out, `"path": "/orders/1"`)
		})
	}
}

func TestTheReadmesPairWorksAsWritten(t *testing.T) {
	db, err := mysql.ParseDSN(testenv.MariaDB(t))
	require.NoError(t, err)
	dir := folder(t)
	console, first, second := loopback(t), loopback(t), loopback(t)
	env := []string{
		"YUMEN_DATABASE__ADDRESS=" + db.Addr, "YUMEN_DATABASE__NAME=" + db.DBName, "YUMEN_DATABASE__USER=" + db.User,
		"YUMEN_REDIS__ADDRESSES=" + testenv.Redis(t), "YUMEN_DASHBOARD__CONSOLE=" + console, "YUMEN_DASHBOARD__ADMIN=" + loopback(t),
		"YUMEN_PROXY__HTTP=" + first, "YUMEN_PROXY__HTTPS=" + loopback(t), "YUMEN_PROXY__ADMIN=" + loopback(t), "YUMEN_PROXY__DRAIN_DELAY=0s",
	}
	script := "trap 'kill $(jobs -p); wait' EXIT\n" + blocks(t, "README.md", "sh pair") + fmt.Sprintf(`
for at in %s %s; do
	n=0 # 503 until it has a configuration
	until test "$(curl -s -o /dev/null -w '%%{http_code}' http://$at/ || true)" = 404; do
		n=$((n+1)); test $n -lt 150; sleep 0.2
	done
	echo "answers at $at"
done
curl -s --retry 50 --retry-connrefused --retry-delay 1 -H 'Content-Type: application/json' \
	-d '{"account":"admin","password":"a long pass phrase"}' http://%s/api/v1/login
`, first, second, console)
	// The test's server knows its user without a password.
	script = strings.ReplaceAll(script, "YUMEN_DATABASE__PASSWORD=secret ", "")
	out := shell(t, dir, script, env, "127.0.0.1:8081", second, "127.0.0.1:8444", loopback(t), "127.0.0.1:8892", loopback(t))
	require.Contains(t, out, "answers at "+second)
	require.Contains(t, out, `"role":"admin"`)
}
