package cli

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/spec"
	"yumen/testenv"
)

// house is a site with the processes of an installation.
type house struct {
	*site
	proxies []string // their HTTP addresses
}

func loopback(t *testing.T) string {
	t.Helper()
	return "127.0.0.1:" + strconv.Itoa(testenv.FreePort(t))
}

// live starts so many proxies, and a dashboard if wanted.
func live(t *testing.T, proxies int, dashboard bool) *house {
	t.Helper()
	h := &house{site: configSite(t)}
	settings, err := os.ReadFile(h.flags[1])
	require.NoError(t, err)
	h.write(t, "yumen.yaml", string(settings)+"listen_ports: 1024-65535\n")
	if dashboard {
		admin := loopback(t)
		testenv.StartWith(t, testenv.Options{Env: []string{"YUMEN_ADMIN_PASSWORD=correct horse battery staple"}},
			"dashboard", "--config", h.flags[1], "--console", loopback(t), "--admin", admin)
		ready(t, admin)
	}
	for n := range proxies {
		address, admin := loopback(t), loopback(t)
		testenv.Start(t, "proxy", "--config", h.flags[1], "--name", fmt.Sprint("proxy-", n), "--http", address, "--https", "", "--admin", admin,
			"--access-log", "none", "--state", filepath.Join(h.dir, fmt.Sprint("proxy-", n)))
		ready(t, admin)
		h.proxies = append(h.proxies, address)
	}
	return h
}

func ready(t *testing.T, admin string) {
	t.Helper()
	require.Eventually(t, func() bool { return status("http://"+admin+"/readyz") == http.StatusOK }, 30*time.Second, 20*time.Millisecond)
}

func status(url string) int {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// everywhere waits until every proxy answers a path with a status.
func (h *house) everywhere(t *testing.T, path string, want int, within time.Duration) {
	t.Helper()
	for _, address := range h.proxies {
		require.Eventually(t, func() bool { return status("http://"+address+path) == want }, within, 20*time.Millisecond, "%s%s", address, path)
	}
}

// backend answers every request.
func backend(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return l.Addr().String()
}

func TestWhatTheCommandLinePublishesIsCarriedWithoutADashboard(t *testing.T) {
	h := live(t, 2, false)
	address := backend(t)
	const soon = 10 * time.Second
	d := &spec.Document{Services: []spec.Service{service("a", address), service("b", address)}}
	h.ok(t, "config", "apply", h.document(t, d))
	h.everywhere(t, "/a", http.StatusTeapot, soon)
	file := filepath.Join(h.dir, "backup.gz")
	h.ok(t, "backup", file)

	d.Services = []spec.Service{service("a", address), service("c", address)}
	h.ok(t, "config", "apply", "--prune", h.document(t, d))
	h.everywhere(t, "/b", http.StatusNotFound, soon)
	h.everywhere(t, "/c", http.StatusTeapot, soon)
	h.ok(t, "config", "rollback", "1", "--yes")
	h.everywhere(t, "/b", http.StatusTeapot, soon)

	h.ok(t, "config", "apply", h.document(t, d))
	h.everywhere(t, "/c", http.StatusTeapot, soon)
	h.ok(t, "restore", "--force", file) // goes back to revision 1
	h.everywhere(t, "/c", http.StatusNotFound, soon)
	h.everywhere(t, "/b", http.StatusTeapot, soon)
}

func TestWhatTheCommandLinePublishesReachesARunningUp(t *testing.T) {
	dir, address := t.TempDir(), loopback(t)
	startUp(t, dir, address)
	s := &site{dir: dir, flags: []string{"--data", filepath.Join(dir, "data")}}
	s.ok(t, "config", "apply", "--listen-ports", "1-65535", s.document(t, &spec.Document{Services: []spec.Service{service("mine", backend(t))}}))
	require.Eventually(t, func() bool { return status("http://"+address+"/mine") == http.StatusTeapot }, 20*time.Second, 50*time.Millisecond)
	require.Contains(t, s.ok(t, "admin", "list"), "admin ")
}

// startUp starts `yumen up` on dir/data.
func startUp(t *testing.T, dir, address string) {
	t.Helper()
	first, admin := testenv.FreePort(t), loopback(t)
	testenv.StartWith(t, testenv.Options{Dir: dir}, "up", "--data", "data", "--http", address, "--https", "", "--console", loopback(t),
		"--admin", admin, "--dashboard-admin", loopback(t), "--listen-ports", fmt.Sprintf("%d-%d", first, min(first+100, 65535)))
	ready(t, admin)
}

// block is a command block of the guide.
type block struct {
	line   int
	status int
	text   string
}

var fence = regexp.MustCompile("(?m)^```(.*)\n((?s:.*?))^```$")

// blocks are those of a page that are to be run.
func blocks(t *testing.T, page string) (all []block) {
	t.Helper()
	for _, at := range fence.FindAllStringSubmatchIndex(page, -1) {
		info := strings.Fields(page[at[2]:at[3]])
		if len(info) == 0 || info[0] != "sh" {
			continue
		}
		b := block{line: strings.Count(page[:at[0]], "\n") + 1, text: page[at[4]:at[5]]}
		for _, word := range info[1:] {
			value, ok := strings.CutPrefix(word, "status=")
			require.True(t, ok, "line %d: %q", b.line, word)
			var err error
			b.status, err = strconv.Atoi(value)
			require.NoError(t, err)
		}
		all = append(all, b)
	}
	return all
}

func TestEveryCommandOfTheOperationsGuideWorksAsWritten(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	h := live(t, 2, true)
	startUp(t, h.dir, loopback(t))
	bin := filepath.Join(h.dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.Symlink(testenv.Binary(t), filepath.Join(bin, "yumen")))

	all := blocks(t, string(page))
	require.Greater(t, len(all), 12)
	for _, b := range all {
		cmd := exec.CommandContext(t.Context(), "bash", "-e", "-u", "-o", "pipefail", "-c", b.text)
		cmd.Dir = h.dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "YUMEN_CONFIG="+h.flags[1])
		out, _ := cmd.CombinedOutput()
		require.Equal(t, b.status, cmd.ProcessState.ExitCode(), "docs/operations.md:%d\n%s\n%s", b.line, b.text, out)
	}
	h.everywhere(t, "/nowhere", http.StatusNotFound, 10*time.Second)
	require.Contains(t, h.ok(t, "config", "history"), "orders and carts")
	require.Contains(t, h.ok(t, "admin", "list"), "alice")
}
