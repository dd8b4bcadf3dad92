package e2e

import (
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"yumen/testenv"
)

// ok sends one request and expects 200, and counts it.
func (p *node) ok(t *testing.T, y *tally, service string) {
	t.Helper()
	status, _, err := send(speaking(t, "h1"), y, service, "GET", "http://"+p.http+"/"+service, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
}

func TestTheGatewayCarriesOnWithoutItsStoresAndLosesNoCount(t *testing.T) {
	i := installAlone(t, 2)
	b := backends(t)
	i.create("/services", object{"name": "orders", "protocol": "http", "routes": prefixed("/orders"), "upstream": to(b.HTTP)})
	i.live(2)
	start := time.Now().Add(-time.Minute)
	y := newTally()
	everywhere := func() {
		for range 5 {
			for _, p := range i.proxies {
				p.ok(t, y, "orders")
			}
		}
	}
	everywhere()
	i.redisOwn.Stop()
	everywhere()
	i.database.Stop()
	everywhere()

	// A proxy that starts now has only what it keeps on disk.
	first := i.proxies[0]
	require.Zero(t, first.Stop())
	first.start(t)
	ready(t, first.Process, first.admin)
	everywhere()

	i.database.Start(t)
	i.redisOwn.Start(t)
	everywhere()
	i.live(2)
	var got *flow
	soon(t, func() bool {
		got = i.stats("service", "orders", "minute", start)
		return got.Requests >= y.of["orders"].Requests
	}, "every count arrives: want %+v, got %+v", y.of["orders"], &got)
	require.Equal(t, y.of["orders"], got)
}

func TestAnEmptiedRedisIsFilledAgain(t *testing.T) {
	i := install(t, 1)
	b := backends(t)
	i.create("/services", object{"name": "orders", "protocol": "http", "routes": prefixed("/orders"), "upstream": to(b.HTTP)})
	i.live(1)
	start := time.Now().Add(-time.Minute)
	y := newTally()
	for range 10 {
		i.proxies[0].ok(t, y, "orders")
	}
	soon(t, func() bool { return i.stats("service", "orders", "minute", start).Requests == 10 }, "counted")
	i.redisOwn.Stop()
	i.redisOwn.Start(t) // empty
	i.proxies[0].ok(t, y, "orders")
	var got *flow
	soon(t, func() bool {
		got = i.stats("service", "orders", "minute", start)
		return got.Requests >= 11
	}, "counted again: %+v", &got)
	require.Equal(t, y.of["orders"], got)
	i.live(1)
}

func TestAKilledProxyLosesAtMostASecondOfCounts(t *testing.T) {
	i := install(t, 1)
	b := backends(t)
	i.create("/services", object{"name": "orders", "protocol": "http", "routes": prefixed("/orders"), "upstream": to(b.HTTP)})
	i.live(1)
	start := time.Now().Add(-time.Minute)
	p := i.proxies[0]
	for range 10 {
		p.ok(t, nil, "orders")
	}
	soon(t, func() bool { return i.stats("service", "orders", "minute", start).Requests == 10 }, "counted")
	p.Kill()
	p.start(t)
	ready(t, p.Process, p.admin)
	p.ok(t, nil, "orders")
	soon(t, func() bool { return i.stats("service", "orders", "minute", start).Requests == 11 }, "two incarnations add up")
}

func TestSIGTERMFinishesWhatRunsThenExitsWithZero(t *testing.T) {
	i := install(t, 1)
	b := backends(t)
	i.create("/services", object{"name": "orders", "protocol": "http", "routes": prefixed("/orders"), "upstream": to(b.HTTP)})
	i.live(1)
	p := i.proxies[0]
	start := time.Now().Add(-time.Minute)

	// A request that is in the middle of its body when the signal comes.
	body, rest := io.Pipe()
	answered := make(chan error, 1)
	var got []byte
	go func() {
		resp, err := speaking(t, "h1").Post("http://"+p.http+"/orders/x", "text/plain", body)
		if err == nil {
			got, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		answered <- err
	}()
	_, err := rest.Write([]byte("half, "))
	require.NoError(t, err)
	require.NoError(t, p.Signal(syscall.SIGTERM))
	soon(t, func() bool { return readiness(p.admin) == http.StatusServiceUnavailable }, "not ready")
	soon(t, func() bool {
		c, err := net.Dial("tcp", p.http)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, "no longer listening")
	_, err = rest.Write([]byte("and the rest"))
	require.NoError(t, err)
	require.NoError(t, rest.Close())
	require.NoError(t, <-answered)
	require.Contains(t, string(got), "half, and the rest")
	require.Zero(t, p.Wait(t, patience))
	soon(t, func() bool { return i.stats("service", "orders", "minute", start).Requests == 1 }, "counted at the end")
}

func TestWithoutMigrationTheProcessesStopAndNameTheCommand(t *testing.T) {
	i := install(t, 0)
	other := *i
	fresh, err := mysql.ParseDSN(testenv.MariaDB(t))
	require.NoError(t, err)
	other.db = fresh
	other.dir = t.TempDir()
	d := testenv.Start(t, "dashboard", "--config", other.settings("d", fresh.User, ""), "--console", loopback(t), "--admin", loopback(t))
	require.Equal(t, 1, d.Wait(t, patience))
	require.Contains(t, d.Logs(), "yumen migrate")
}

func TestAWrongMasterKeyStopsTheDashboardAndNamesTheKey(t *testing.T) {
	i := install(t, 0)
	// Something has to be sealed before a key can be wrong for it.
	require.Equal(t, http.StatusCreated, i.call("POST", "/tenants", object{"app_id": "app_a"}, nil))
	require.Zero(t, i.board.Stop())
	other := *i
	other.key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	d := testenv.Start(t, "dashboard", "--config", other.settings("d", i.db.User, ""), "--console", loopback(t), "--admin", loopback(t))
	require.Equal(t, 1, d.Wait(t, patience))
	require.Contains(t, d.Logs(), "key")
}
