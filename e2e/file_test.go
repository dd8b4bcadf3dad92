package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"yumen/testenv"
)

// fromFile starts a proxy on a document file.
func fromFile(t *testing.T, document string) (*node, string) {
	t.Helper()
	path := write(t, filepath.Join(t.TempDir(), "gateway.yaml"), document)
	p := &node{name: "file", bind: "127.0.0.1", http: loopback(t), https: loopback(t), admin: loopback(t)}
	p.Process = testenv.Start(t, "proxy", "--document", path, "--http", p.http, "--https", p.https, "--admin", p.admin,
		"--listen-ports", fmt.Sprintf("%d-%d", firstPort, lastPort), "--access-log", "none")
	return p, path
}

func service(name, target string) string {
	return fmt.Sprintf(`
- name: %[1]s
  protocol: http
  routes: [{path: {prefix: /%[1]s}}]
  upstream: {targets: [{address: %[2]q}]}
`, name, target)
}

func (p *node) status(t *testing.T, path string) int {
	t.Helper()
	status, _, err := send(speaking(t, "h1"), nil, "", "GET", "http://"+p.http+path, "")
	require.NoError(t, err)
	return status
}

func TestAFileIsAllAProxyNeedsAndItsChangesAreLive(t *testing.T) {
	b := backends(t)
	p, path := fromFile(t, "services:"+service("orders", b.HTTP))
	ready(t, p.Process, p.admin)
	require.Equal(t, http.StatusOK, p.status(t, "/orders"))
	require.Equal(t, http.StatusNotFound, p.status(t, "/more"))

	write(t, path, "services:"+service("orders", b.HTTP)+service("more", b.HTTP))
	soon(t, func() bool { return p.status(t, "/more") == http.StatusOK }, "the change is live")
}

func TestAWrongFileKeepsTheLastGoodAndNamesTheField(t *testing.T) {
	b := backends(t)
	p, path := fromFile(t, "services:"+service("orders", b.HTTP))
	ready(t, p.Process, p.admin)
	write(t, path, "services:"+service("orders", b.HTTP)+"  cache: {enabled: true}\n")
	p.WaitFor(t, "/services/0/cache")
	require.Equal(t, http.StatusOK, p.status(t, "/orders"))

	validate := testenv.Start(t, "config", "validate", path)
	require.Equal(t, 1, validate.Wait(t, patience))
	require.Contains(t, validate.Logs(), "/services/0/cache")

	write(t, path, "services:"+service("orders", b.HTTP)+service("more", b.HTTP))
	soon(t, func() bool { return p.status(t, "/more") == http.StatusOK }, "good again")
}

func TestSIGHUPReadsTheFileAgain(t *testing.T) {
	b := backends(t)
	p, path := fromFile(t, "services:"+service("orders", b.HTTP)+service("more", b.HTTP)+service("most", b.HTTP))
	ready(t, p.Process, p.admin)
	// Most services gone at once could be a torn file: that needs a word.
	write(t, path, "services:"+service("orders", b.HTTP))
	p.WaitFor(t, "SIGHUP")
	require.Equal(t, http.StatusOK, p.status(t, "/more"))
	require.NoError(t, p.Signal(syscall.SIGHUP))
	soon(t, func() bool { return p.status(t, "/more") == http.StatusNotFound }, "read again")
	require.Equal(t, http.StatusOK, p.status(t, "/orders"))
}
