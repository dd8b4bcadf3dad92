package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/testenv"
)

// single is `yumen up`.
type single struct {
	*testenv.Process
	args                 []string
	data, address, admin string
	proxy                *node
}

func up(t *testing.T, args ...string) *single {
	t.Helper()
	s := &single{data: filepath.Join(t.TempDir(), "data"), address: loopback(t), admin: loopback(t)}
	s.proxy = &node{name: "up", bind: "127.0.0.1", http: loopback(t), https: loopback(t), admin: s.admin}
	board := loopback(t)
	first := port(t)
	lastGiven.Add(100) // the services' own
	s.args = append([]string{
		"up", "--data", s.data, "--console", s.address, "--admin", s.admin, "--dashboard-admin", board,
		"--http", s.proxy.http, "--https", s.proxy.https, "--listen-ports", strconv.Itoa(first) + "-" + strconv.Itoa(first+100),
	}, args...)
	s.start(t)
	return s
}

func (s *single) start(t *testing.T) {
	t.Helper()
	s.Process = testenv.Start(t, s.args...)
	ready(t, s.Process, s.admin)
	soon(t, func() bool {
		resp, err := http.Get("http://" + s.address + "/api/v1/me")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusUnauthorized
	}, "the console answers")
}

func TestUpCarriesTrafficFromTheFirstCommandAndRemembersItAfterARestart(t *testing.T) {
	s := up(t)
	password, err := os.ReadFile(filepath.Join(s.data, "admin-password"))
	require.NoError(t, err)
	s.WaitFor(t, strings.TrimSpace(string(password)))
	c := at(t, "http://"+s.address)
	c.login("admin", strings.TrimSpace(string(password)))
	c.live(1)

	start := time.Now().Add(-time.Minute)
	y := newTally()
	for range 7 {
		status, _, err := send(speaking(t, "h1"), y, "demo-http", "GET", "http://"+s.proxy.http+"/demo/", "")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	require.NoError(t, chat(t.Context(), speaking(t, "h1"), y, "demo-websocket", "ws://"+s.proxy.http+"/demo/websocket", "hello"))
	require.NoError(t, echo(y, "demo-tcp", s.proxy.at(listenPort(c, "demo-tcp")), "hello"))
	require.NoError(t, calling(t, y, "demo-grpc", s.proxy.at(listenPort(c, "demo-grpc"))).say(t.Context(), "hello"))
	c.patch("/tenants/demo", object{"limits": object{"qpd": 1000}})
	c.live(1)
	same := func() {
		t.Helper()
		for name, want := range y.of {
			var got *flow
			soon(t, func() bool {
				got = c.stats("service", name, "day", start.UTC().Truncate(24*time.Hour))
				return got.Requests >= want.Requests
			}, "%s: want %+v, got %+v", name, want, &got)
			require.Equal(t, want, got, name)
		}
	}
	same()

	require.Zero(t, s.Stop())
	s.start(t)
	require.Equal(t, http.StatusOK, c.call("GET", "/me", nil, nil), "still logged in")
	c.live(1)
	same()
	status, _, err := send(speaking(t, "h1"), y, "demo-http", "GET", "http://"+s.proxy.http+"/demo/", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	same()
}

func listenPort(c *console, service string) int {
	c.t.Helper()
	var s struct {
		Listen struct {
			Port int `json:"port"`
		} `json:"listen"`
	}
	require.Equal(c.t, http.StatusOK, c.call("GET", "/services/"+service, nil, &s))
	require.NotZero(c.t, s.Listen.Port)
	return s.Listen.Port
}

func TestNoDemoMakesAnEmptyGateway(t *testing.T) {
	s := up(t, "--no-demo")
	password, err := os.ReadFile(filepath.Join(s.data, "admin-password"))
	require.NoError(t, err)
	c := at(t, "http://"+s.address)
	c.login("admin", strings.TrimSpace(string(password)))
	var list struct {
		Total int `json:"total"`
	}
	require.Equal(t, http.StatusOK, c.call("GET", "/services", nil, &list))
	require.Zero(t, list.Total)
}

func TestOneDataFolderHasOneProcess(t *testing.T) {
	s := up(t, "--no-demo")
	second := testenv.Start(t, s.args...)
	require.Equal(t, 1, second.Wait(t, patience))
	require.Contains(t, second.Logs(), s.data)
}
