package proxyserver

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/testenv"
)

func TestAServiceCannotBePointedAtTheGatewaysOwnListeners(t *testing.T) {
	g := fileGateway(t, Config{}, services(httpService("web", backend(t, "a")))).ready()
	port := strconv.Itoa(testenv.FreePort(t))
	own := net.JoinHostPort("127.0.0.1", port)
	_, http, _ := net.SplitHostPort(g.Addresses()["http"])
	to := func(name, address string) string {
		return "- {name: " + name + ", protocol: http, routes: [{path: {prefix: /" + name + "}}], upstream: {targets: [{address: \"" + address + "\"}], health: {active: {kind: none}}}}\n"
	}
	g.write("services:\n" + to("address", g.Addresses()["http"]) + to("metrics", g.Addresses()["admin"]) + to("name", "localhost:"+http) +
		"- {name: tcp, protocol: tcp, listen: {port: " + port + "}, upstream: {targets: [{address: \"" + own + "\"}], health: {active: {kind: none}}}}\n")
	g.eventually("a name is refused when it is dialled", func() bool { status, _ := g.get("/name"); return status == 502 })
	for _, path := range []string{"/address", "/metrics"} {
		status, _ := g.get(path)
		require.Equal(t, 404, status, "an address is refused when the service is built")
	}
	require.Contains(t, g.logs.String(), "code=denied_address")
	g.eventually("the TCP service closes at once", func() bool {
		c, err := net.Dial("tcp", own)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		n, err := c.Read(make([]byte, 1))
		return n == 0 && err != nil && !strings.Contains(err.Error(), "timeout")
	})
	require.True(t, g.Ready())
}
