package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// console is somebody at the admin API.
type console struct {
	t      *testing.T
	base   string
	client *http.Client
}

// at opens a console without logging in.
func at(t *testing.T, base string) *console {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &console{t, base, &http.Client{Transport: tr, Jar: jar, Timeout: patience}}
}

// object is what the API answers, where a test wants a few fields only.
type object = map[string]any

// call asks the API and gives the status; what came back goes into into.
func (c *console) call(method, path string, body, into any) int {
	c.t.Helper()
	status, err := c.try(method, path, body, into)
	require.NoError(c.t, err)
	return status
}

func (c *console) try(method, path string, body, into any) (int, error) {
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		send = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, c.base+"/api/v1"+path, send)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Origin", c.base)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodPost && method != http.MethodGet {
		r.Header.Set("If-Match", "*")
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && into != nil && len(b) > 0 {
		err = json.Unmarshal(b, into)
	}
	if resp.StatusCode >= 400 {
		c.t.Logf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	return resp.StatusCode, err
}

// login logs in; the session is in the cookie jar then.
func (c *console) login(account, password string) {
	c.t.Helper()
	require.Equal(c.t, http.StatusOK, c.call("POST", "/login", object{"account": account, "password": password}, nil))
}

// create makes an object in a collection such as "/services".
func (c *console) create(collection string, body object) (made object) {
	c.t.Helper()
	require.Equal(c.t, http.StatusCreated, c.call("POST", collection, body, &made))
	return made
}

// patch changes an object.
func (c *console) patch(path string, body object) {
	c.t.Helper()
	require.Equal(c.t, http.StatusOK, c.call("PATCH", path, body, nil))
}

// remove deletes an object.
func (c *console) remove(path string) {
	c.t.Helper()
	require.Equal(c.t, http.StatusNoContent, c.call("DELETE", path, nil, nil))
}

// release is how far the published revision has come.
type release struct {
	Revision uint64 `json:"revision"`
	LiveOn   int    `json:"live_on"`
	Nodes    int    `json:"nodes"`
	State    string `json:"state"`
	Detail   []struct {
		Name     string  `json:"name"`
		State    string  `json:"state"`
		Revision uint64  `json:"revision"`
		Faults   []fault `json:"faults"`
	} `json:"nodes_detail"`
}

// fault is why a node could not take over an object.
type fault struct {
	Node    string `json:"node"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (c *console) release() (r release) {
	c.t.Helper()
	require.Equal(c.t, http.StatusOK, c.call("GET", "/release", nil, &r))
	return r
}

// live waits until what is published is live on n nodes.
func (c *console) live(n int) {
	c.t.Helper()
	soon(c.t, func() bool {
		r := c.release()
		return r.State == "live" && r.LiveOn == n && r.Nodes == n
	}, "live on %d nodes", n)
}

// flow is what happened to one subject, summed up over time.
type flow struct {
	Requests uint64
	Status   map[string]uint64
	GRPC     map[string]uint64
	Refused  map[string]uint64
	In, Out  uint64
}

func newFlow() *flow {
	return &flow{Status: map[string]uint64{}, GRPC: map[string]uint64{}, Refused: map[string]uint64{}}
}

func (f *flow) add(o *flow) {
	f.Requests += o.Requests
	f.In += o.In
	f.Out += o.Out
	for _, m := range [][2]map[string]uint64{{f.Status, o.Status}, {f.GRPC, o.GRPC}, {f.Refused, o.Refused}} {
		for k, n := range m[1] {
			if n > 0 {
				m[0][k] += n
			}
		}
	}
}

// stats asks /stats for everything counted since from.
func (c *console) stats(of, name, step string, from time.Time) *flow {
	c.t.Helper()
	q := url.Values{"of": {of}, "step": {step}, "from": {from.UTC().Format(time.RFC3339)}}
	if name != "" {
		q.Set("name", name)
	}
	var got struct {
		Points []struct {
			Requests uint64            `json:"requests"`
			Status   map[string]uint64 `json:"status"`
			GRPC     map[string]uint64 `json:"grpc"`
			Refused  map[string]uint64 `json:"refused"`
			In       uint64            `json:"bytes_in"`
			Out      uint64            `json:"bytes_out"`
		} `json:"points"`
	}
	require.Equal(c.t, http.StatusOK, c.call("GET", "/stats?"+q.Encode(), nil, &got))
	sum := newFlow()
	for _, p := range got.Points {
		sum.add(&flow{p.Requests, p.Status, p.GRPC, p.Refused, p.In, p.Out})
	}
	return sum
}
