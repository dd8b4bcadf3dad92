package reverseproxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
	reverseproxy "yumen/reverse_proxy"
	"yumen/route"
	"yumen/spec"
)

func ptr[T any](v T) *T { return &v }

// tokens is an endpoint at /oauth/tokens.
type tokens struct{}

func (tokens) Serve(x *message.Exchange, call *middleware.Call) bool {
	if x.Request.Path != "/oauth/tokens" {
		return false
	}
	x.Answer(&message.Response{Status: 201, Body: message.Bytes([]byte("token for " + call.Client.String()))})
	return true
}

func TestTheTokenEndpointGivesWayToARouteForItsPathOnly(t *testing.T) {
	web := backend(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "service") })
	g := newGateway(t, service("web", "/", web, ""))
	g.site.Token = tokens{}
	resp, body := g.get("/oauth/tokens")
	require.Equal(t, 201, resp.StatusCode)
	require.Equal(t, "token for 127.0.0.1", body)
	require.Equal(t, 201, g.ended().Status)
	_, body = g.get("/other")
	require.Equal(t, "service", body)

	g = newGatewayf(t, `
services:
- {name: own, protocol: http, routes: [{path: {exact: /oauth/tokens}}], upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}}}
`, web)
	g.site.Token = tokens{}
	_, body = g.get("/oauth/tokens")
	require.Equal(t, "service", body)

	g = newGateway(t, service("web", "/oauth", web, "}\nblacklist: [{cidr: 127.0.0.1}]\nsettings: {time_zone: UTC"))
	g.site.Token = tokens{}
	resp, _ = g.get("/oauth/tokens")
	require.Equal(t, 403, resp.StatusCode, "the blacklist comes before everything")
	require.Equal(t, "blacklisted", g.ended().Reason)
}

func TestAServicesOwnPortKnowsItsRoutesAlone(t *testing.T) {
	g := newGateway(t, service("web", "/web", backend(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "own") }), ""))
	address := g.run(g.front)
	_, text, err := net.SplitHostPort(address)
	require.NoError(t, err)
	port, err := net.LookupPort("tcp", text)
	require.NoError(t, err)
	none, err := route.Build[*reverseproxy.Service](nil)
	require.NoError(t, err)
	g.site.Token = tokens{}
	g.site.Ports = map[uint16]*route.Table[*reverseproxy.Service]{uint16(port): g.site.Shared}
	g.site.Shared = none

	for path, want := range map[string]string{"/web": "own", "/oauth/tokens": "no_route"} {
		resp, err := client(t, "http/1.1").Get("http://" + address + path)
		require.NoError(t, err)
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.Equal(t, want, string(b), path)
	}
	_, body := g.get("/web")
	require.Equal(t, "no_route", body)
}

func TestWhatPassesIsCountedOnceAndAsItFlows(t *testing.T) {
	next := make(chan string)
	g := newGateway(t, service("web", "/web", backend(t, func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		w.(http.Flusher).Flush()
		for s := range next {
			io.WriteString(w, s)
			w.(http.Flusher).Flush()
		}
	}), ""))
	g.site.Open = reverseproxy.Open{HTTP: new(atomic.Int64)}
	resp, err := client(t, "http/1.1").Post("http://"+g.http+"/web", "", strings.NewReader("12345"))
	require.NoError(t, err)
	next <- "abc"
	_, err = io.ReadFull(resp.Body, make([]byte, 3))
	require.NoError(t, err)
	require.EqualValues(t, 1, g.site.Open.HTTP.Load())
	totals := func(subject string) flow.Counts {
		g.state.Counters.Flush(time.UTC)
		return g.state.Counters.Totals()[subject]
	}
	require.Eventually(t, func() bool { return totals("total").In == 5 && totals("service:web").Out == 3 }, patience, time.Millisecond, "before the end")
	require.Zero(t, totals("total").Requests)
	next <- "de"
	close(next)
	io.ReadAll(resp.Body)
	resp.Body.Close()
	g.ended()
	g.get("/nowhere")
	g.ended()
	all, web := totals("total"), totals("service:web")
	require.Equal(t, []uint64{2, 1, 1, 5, 5}, []uint64{all.Requests, all.Status[2], all.Refused["no_route"], all.In, all.Out})
	require.Equal(t, []uint64{1, 1, 5, 5}, []uint64{web.Requests, web.Status[2], web.In, web.Out})
	require.Zero(t, g.site.Open.HTTP.Load())
}

func TestARefusedRequestGivesBackWhatItTook(t *testing.T) {
	// The service's limit comes after the client's: what it refuses must not use
	// up the client's.
	g := newGateway(t, service("web", "/", backend(t, echo), "}\n  limits: {client_ip: {rate: 0.001, burst: 3}, service: {rate: 0.001, burst: 1}"))
	resp, _ := g.get("/")
	require.Equal(t, 200, resp.StatusCode)
	for range 5 {
		resp, body := g.get("/")
		require.Equal(t, 429, resp.StatusCode)
		require.Equal(t, "service_limit", body)
	}
}

func TestEveryKindOfLiveAnswerEndsWhenItsCallerMayNoLongerCall(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		for {
			if _, err := io.WriteString(w, "data: x\n\n"); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}), ""))
	for _, protocol := range []string{"http/1.1", "h2c"} {
		for _, path := range []string{"/events", "/download"} {
			resp, err := client(t, protocol).Get("http://" + g.http + path)
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() { _, err := io.ReadAll(resp.Body); ended <- err }()
			require.Eventually(t, func() bool { return g.site.Enders.Len() == 1 }, patience, time.Millisecond, "a download too, once it lasts")
			g.site.Enders.Sweep(time.Now(), func(middleware.Stream) string { return "blacklisted" })
			require.Error(t, <-ended, "it does not look whole")
			resp.Body.Close()
			o := g.ended()
			require.Equal(t, "blacklisted", o.Reason)
			require.Equal(t, 200, o.Status)
		}
	}
}

func TestAPanicInAGateCostsOneExchange(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, echo), ""))
	g.site.Blacklist = func(*middleware.Call) error { panic("on purpose") }
	resp, _ := g.get("/")
	require.Equal(t, 500, resp.StatusCode)
	require.Error(t, g.ended().Err, "it is counted")
	g.site.Blacklist = func(*middleware.Call) error { return errors.New("no refusal") }
	resp, body := g.get("/")
	require.Equal(t, 500, resp.StatusCode)
	require.Equal(t, "internal", body)
	g.site.Blacklist = nil
	resp, _ = g.get("/")
	require.Equal(t, 200, resp.StatusCode)
	require.EqualValues(t, 1, g.front.Panics())
}

func TestAnApplicationsTenantIsTheGatewaysWord(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, echo), ""))
	admit := g.site.Blacklist
	g.site.Blacklist = func(c *middleware.Call) error {
		c.Tenant = &middleware.Tenant{AppID: "app_a"}
		c.Request.Fields.Add("X-Tenant-ID", "app_a")
		return admit(c)
	}
	_, body := g.get("/", "Connection", "X-Tenant-ID", "X-Tenant-ID", "boss")
	require.Contains(t, body, "X-Tenant-Id: app_a\r\n")
	require.NotContains(t, body, "boss")
}

func TestRulesThatCannotBeMeantAreRefused(t *testing.T) {
	for field, rules := range map[string]*spec.HeaderRules{
		"/headers/request/set/X-A":   {Set: map[string]string{"X-A": "1\r\nX-B: 2"}},
		"/headers/request/add/X~1A":  {Add: map[string]string{"X/A": "\x00"}},
		"/headers/request/set/X-Who": {Set: map[string]string{"X-Who": "${nobody}"}},
	} {
		_, err := reverseproxy.New(reverseproxy.Config{Name: "web", Spec: &spec.Service{Headers: &spec.Headers{Request: rules}}})
		var invalid *spec.Invalid
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, field, invalid.Field)
	}
	_, err := reverseproxy.New(reverseproxy.Config{Name: "web", Spec: &spec.Service{Upstream: &spec.Upstream{Scheme: ptr("tcp")}}})
	require.Error(t, err)
}

func TestAQueryThatIsNoneIsRefused(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) { io.WriteString(w, q.URL.RawQuery) }), ""))
	require.Contains(t, g.raw("GET /?a#b HTTP/1.1\r\nHost: a\r\n\r\n"), " 400 ")
	_, body := g.get("/?a=%00&b=\"<>\"&c=/../")
	require.Equal(t, "a=%00&b=\"<>\"&c=/../", body, "what is legal, or only odd, goes through untouched")
}

func TestAnExchangeUsesTheFormOfItsServiceThatAdmittedIt(t *testing.T) {
	// The site may be swapped while a request runs: it goes on as it began.
	started, goOn := make(chan struct{}), make(chan struct{})
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "one ")
		w.(http.Flusher).Flush()
		close(started)
		<-goOn
		io.WriteString(w, "two")
	}), ""))
	resp, err := client(t, "http/1.1").Get("http://" + g.http)
	require.NoError(t, err)
	<-started
	empty := *g.site
	empty.Shared, err = route.Build[*reverseproxy.Service](nil)
	require.NoError(t, err)
	old := g.site
	g.site = &empty
	close(goOn)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, "one two", string(b))
	g.site = old
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	g := newGateway(t, service("web", "/", backend(t, func(w http.ResponseWriter, q *http.Request) { io.WriteString(w, q.URL.Path) }), ""))
	c, err := net.Dial("tcp", g.http)
	require.NoError(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
	r := bufio.NewReader(c)
	for _, want := range []string{"/1", "/2", "/3"} {
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		b, _ := io.ReadAll(resp.Body)
		require.Equal(t, want, string(b))
	}
}

func TestATimedOutConnectIsA504(t *testing.T) {
	g := newGateway(t, service("web", "/", "192.0.2.1:80", ", timeouts: {connect: 50ms}"))
	g.site.Back = deaf{}
	resp, body := g.get("/")
	require.Equal(t, 504, resp.StatusCode)
	require.Equal(t, "upstream_timeout", body)
}

// deaf is a back wire that cannot connect in time.
type deaf struct{}

func (deaf) Carry(context.Context, *message.Request, *message.Target, func(int, message.Fields)) (*message.Response, error) {
	return nil, &message.CarryError{Phase: message.Connecting, Err: context.DeadlineExceeded}
}

func FuzzMapsBackWithoutHarm(f *testing.F) {
	for _, s := range []string{"/x", "http://a/b", "//a", "a=1; Path=/", "; Path=/;path=/x", "://", "http://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{reverseproxy.MapLocation(s), reverseproxy.MapCookie(s)} {
			if strings.ContainsAny(got, "\r\n") && !strings.ContainsAny(s, "\r\n") || len(got) > len(s)+40 {
				t.Errorf("%q became %q", s, got)
			}
		}
	})
}
