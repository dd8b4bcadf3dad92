package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"yumen/demo"
	"yumen/testenv"
)

// at is a port on a proxy's own address.
func (p *node) at(port int) string { return fmt.Sprintf("%s:%d", p.bind, port) }

func prefixed(prefix string) []object { return []object{{"path": object{"prefix": prefix}}} }

func to(address string) object { return object{"targets": []object{{"address": address}}} }

func TestWhatClientsCountedIsWhatStatsSay(t *testing.T) {
	i := install(t, 2)
	b := backends(t)
	cache := testenv.Redis(t)
	ports := object{"calls-port": port(t), "echo": port(t), "cache": port(t)}
	strip := object{"strip_prefix": true}
	for _, s := range []object{
		{"name": "orders", "protocol": "http", "routes": prefixed("/orders"), "rewrite": strip, "upstream": to(b.HTTP)},
		{"name": "sockets", "protocol": "http", "routes": prefixed("/sockets"), "upstream": to(b.WebSocket)},
		{"name": "events", "protocol": "http", "routes": prefixed("/events"), "upstream": to(b.Events)},
		{"name": "closed", "protocol": "http", "routes": prefixed("/closed"), "upstream": to(b.HTTP), "access": object{"deny": []string{"127.0.0.0/8"}}},
		{"name": "limited", "protocol": "http", "routes": prefixed("/limited"), "upstream": to(b.HTTP),
			"limits": object{"client_ip": object{"rate": 3, "per": "1h"}}},
		{"name": "down", "protocol": "http", "routes": prefixed("/down"), "upstream": to(loopback(t))},
		{"name": "private", "protocol": "http", "routes": prefixed("/private"), "upstream": to(b.HTTP), "access": object{"auth": "jwt"}},
		{"name": "calls", "protocol": "grpc", "routes": prefixed("/" + demo.Echo), "upstream": to(b.GRPC)},
		{"name": "calls-port", "protocol": "grpc", "listen": object{"port": ports["calls-port"]}, "upstream": to(b.GRPC)},
		{"name": "echo", "protocol": "tcp", "listen": object{"port": ports["echo"]}, "upstream": to(b.TCP)},
		{"name": "cache", "protocol": "tcp", "listen": object{"port": ports["cache"]}, "upstream": to(cache)},
	} {
		i.create("/services", s)
	}
	var tenant struct {
		Credential struct{ ID, Secret string }
	}
	require.Equal(t, http.StatusCreated, i.call("POST", "/tenants", object{"app_id": "app_a", "name": "A"}, &tenant))
	i.live(2)
	begin := time.Now().Add(-time.Minute)

	y := newTally()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, p := range i.proxies {
		sendHTTP(t, y, p)
		h1 := speaking(t, "h1")
		for n := range 3 {
			require.NoError(t, chat(ctx, h1, y, "sockets", "ws://"+p.http+"/sockets", "hello", strings.Repeat("玉", 100*n), strings.Repeat("x", 70<<10)))
		}
		status, events, err := send(h1, y, "events", "GET", "http://"+p.http+"/events?every=5ms&count=4", "")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 4, strings.Count(events, "event: tick"))

		for range 4 {
			status, _, err := send(h1, y, "closed", "GET", "http://"+p.http+"/closed", "")
			require.NoError(t, err)
			require.Equal(t, http.StatusForbidden, status)
		}
		for n := range 5 {
			status, _, err := send(h1, y, "limited", "GET", "http://"+p.http+"/limited", "")
			require.NoError(t, err)
			require.Equal(t, map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[n < 3], status)
		}
		status, _, err = send(h1, y, "down", "GET", "http://"+p.http+"/down", "")
		require.NoError(t, err)
		require.Contains(t, []int{http.StatusBadGateway, http.StatusServiceUnavailable}, status)
		status, _, err = send(h1, y, "", "GET", "http://"+p.http+"/nowhere", "")
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, status)

		sendPrivate(t, y, p, tenant.Credential.Secret)
		sendGRPC(t, ctx, y, p, ports["calls-port"].(int))
		for _, text := range []string{"", "hello", strings.Repeat("0123456789abcdef", 1<<16)} {
			require.NoError(t, echo(y, "echo", p.at(ports["echo"].(int)), text))
		}
		useRedis(t, ctx, y, p.at(ports["cache"].(int)))
	}

	for service, want := range y.of {
		if service == "" {
			continue
		}
		for _, step := range []string{"minute", "hour", "day"} {
			since := begin
			switch step {
			case "hour":
				since = begin.Truncate(time.Hour)
			case "day":
				since = begin.UTC().Truncate(24 * time.Hour)
			}
			// The requests arrive first; their bytes belong to the same flush.
			var got *flow
			soon(t, func() bool {
				got = i.stats("service", service, step, since)
				return got.Requests >= want.Requests
			}, "the requests of %s by %s", service, step)
			assert.Equal(t, want, got, "%s by %s", service, step)
		}
	}
	all := newFlow()
	for _, f := range y.of {
		all.add(f)
	}
	assert.Equal(t, all, i.stats("total", "", "minute", begin), "total")
	nodes := newFlow()
	for _, p := range i.proxies {
		nodes.add(i.stats("node", p.name, "minute", begin))
	}
	assert.Equal(t, all, nodes, "nodes")
	bearer := i.stats("tenant", "app_a", "minute", begin)
	require.EqualValues(t, 2*3, bearer.Requests)
	require.EqualValues(t, 2*3, bearer.Status["2xx"])
}

func TestTheBytesOfTheGatewaysOwnAnswersAreCounted(t *testing.T) {
	i := install(t, 1)
	b := backends(t)
	i.create("/services", object{"name": "closed", "protocol": "http", "routes": prefixed("/closed"), "upstream": to(b.HTTP), "access": object{"deny": []string{"127.0.0.0/8"}}})
	i.live(1)
	begin := time.Now().Add(-time.Minute)
	status, body, err := send(speaking(t, "h1"), nil, "", "GET", "http://"+i.proxies[0].http+"/closed", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, status)
	var got *flow
	soon(t, func() bool {
		got = i.stats("service", "closed", "minute", begin)
		return got.Requests == 1
	}, "counted")
	require.EqualValues(t, len(body), got.Out)
}

// sendHTTP sends every kind of HTTP request through a proxy.
func sendHTTP(t *testing.T, y *tally, p *node) {
	t.Helper()
	for _, protocol := range []string{"h1", "h2c", "tls h1", "tls h2"} {
		c := speaking(t, protocol)
		base := "http://" + p.http + "/orders"
		if strings.HasPrefix(protocol, "tls") {
			base = "https://" + p.https + "/orders"
		}
		for n := range 10 {
			status, got, err := send(c, y, "orders", "POST", base+"/1?a=b", strings.Repeat("x", n*100))
			require.NoError(t, err, protocol)
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, got, `"path": "/1"`, "the prefix is stripped")

			status, got, err = send(c, y, "orders", "GET", base+fmt.Sprintf("/bytes/%d", n*40_000), "")
			require.NoError(t, err, protocol)
			require.Equal(t, http.StatusOK, status)
			require.Len(t, got, n*40_000)

			_, got, err = send(c, y, "orders", "POST", base+"/stream", strings.Repeat("stream", n*1000))
			require.NoError(t, err, protocol)
			require.Len(t, got, 6*n*1000)
		}
		for _, want := range []int{204, 302, 404, 500, 503} {
			c := *c
			c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			status, _, err := send(&c, y, "orders", "GET", base+fmt.Sprintf("/status/%d", want), "")
			require.NoError(t, err, protocol)
			require.Equal(t, want, status)
		}
	}
}

// token gets a token of the proxy's token endpoint.
func (p *node) token(t *testing.T, y *tally, tenant, secret string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	r, err := http.NewRequest("POST", "http://"+p.http+"/oauth/tokens", strings.NewReader(form))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(tenant, secret)
	resp, err := speaking(t, "h1").Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(answer, &token))
	require.NotEmpty(t, token.AccessToken)
	if y != nil {
		y.count("", resp.StatusCode, -1, "", int64(len(form)), int64(len(answer)))
	}
	return token.AccessToken
}

// sendPrivate sends requests with a token, without and with a wrong one.
func sendPrivate(t *testing.T, y *tally, p *node, secret string) {
	t.Helper()
	c := speaking(t, "h1")
	token := p.token(t, y, "app_a", secret)
	for range 3 {
		status, got, err := send(c, y, "private", "GET", "http://"+p.http+"/private", "", "Authorization", "Bearer "+token)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.NotContains(t, got, token, "the token ends at the gateway")
		require.Contains(t, got, `"app_a"`, "the upstream is told who calls")
	}
	status, _, err := send(c, y, "private", "GET", "http://"+p.http+"/private", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	status, _, err = send(c, y, "private", "GET", "http://"+p.http+"/private", "", "Authorization", "Bearer "+token+"x")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
}

// sendGRPC calls by path on the shared listeners and by a port of its own.
func sendGRPC(t *testing.T, ctx context.Context, y *tally, p *node, port int) {
	t.Helper()
	secure := grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}))
	for _, c := range []*caller{
		calling(t, y, "calls", p.http),
		calling(t, y, "calls", p.https, secure),
		calling(t, y, "calls-port", p.at(port)),
	} {
		for n := range 5 {
			require.NoError(t, c.say(ctx, strings.Repeat("hello", 1000*n)))
		}
		require.NoError(t, c.fail(ctx, 5))
		require.NoError(t, c.fail(ctx, 16))
		require.NoError(t, c.count(ctx, 100))
		require.NoError(t, c.chat(ctx, "a", "b", strings.Repeat("c", 200<<10)))
	}
}

// useRedis has redis-cli and go-redis talk to a Redis through the gateway.
// They are counted by a relay in front of it.
func useRedis(t *testing.T, ctx context.Context, y *tally, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	relayed := make(chan error, 1)
	relay := func() {
		go func() {
			c, err := l.Accept()
			if err != nil {
				relayed <- err
				return
			}
			relayed <- count(y, "cache", c, address)
		}()
	}
	host, number, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)

	relay()
	cli := exec.CommandContext(ctx, "redis-cli", "-h", host, "-p", number)
	cli.Stdin = strings.NewReader("SET greeting hello\nGET greeting\nINCR n\n")
	out, err := cli.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "hello")
	require.NoError(t, <-relayed)

	relay()
	client := redis.NewClient(&redis.Options{Addr: l.Addr().String(), PoolSize: 1, DisableIdentity: true})
	for n := range 20 {
		require.NoError(t, client.Set(ctx, fmt.Sprint("key", n), strings.Repeat("v", n*1000), 0).Err())
		got, err := client.Get(ctx, fmt.Sprint("key", n)).Result()
		require.NoError(t, err)
		require.Len(t, got, n*1000)
	}
	require.NoError(t, client.Close())
	require.NoError(t, <-relayed)
	require.NoError(t, l.Close())
}

// count joins c with a connection to address and counts what passes.
func count(y *tally, service string, c net.Conn, address string) error {
	defer c.Close()
	s, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer s.Close()
	in := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(s, c)
		_ = s.(*net.TCPConn).CloseWrite()
		in <- n
	}()
	out, err := io.Copy(c, s)
	if err != nil {
		return err
	}
	c.Close()
	y.count(service, 0, -1, "", <-in, out)
	return nil
}
