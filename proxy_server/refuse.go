package proxyserver

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	grpcproxy "yumen/grpc_proxy"
	"yumen/message"
	"yumen/middleware"
)

// problem is what a refusal says over HTTP (RFC 9457). It names the reason and
// nothing of the inside.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	RequestID string `json:"request_id,omitempty"`
}

// refuse answers x with d in the dialect of the request and ends it.
func refuse(x *message.Exchange, d *middleware.Denied) {
	start := time.Now()
	if !x.Start.IsZero() {
		start = x.Start
	}
	o := message.Outcome{Status: d.Status, GRPC: -1, Reason: d.Reason, Err: d.Err}
	id := x.Request.Fields.Get("X-Request-Id")
	var err error
	if grpcproxy.IsGRPC(x.Request.Fields.Get("Content-Type")) {
		o.GRPC, _ = grpcproxy.Status(d)
		o.Status = http.StatusOK
		var more message.Fields
		if id != "" {
			more.Add("x-request-id", id)
		}
		err = grpcproxy.Refuse(x, d, more...)
	} else {
		body := problemJSON(d, id)
		o.BytesOut = int64(len(body))
		if x.Request.Method == http.MethodHead {
			o.BytesOut = 0
		}
		err = x.Answer(&message.Response{Status: d.Status, Fields: fields(d, id, len(body)), Body: message.Bytes(body)})
	}
	if err != nil && o.Err == nil {
		o.Err = err
	}
	o.Duration = time.Since(start)
	x.End(&o)
}

func problemJSON(d *middleware.Denied, id string) []byte {
	title := http.StatusText(d.Status)
	if title == "" {
		title = "Status " + strconv.Itoa(d.Status)
	}
	b, err := json.Marshal(problem{Type: "about:blank", Title: title, Status: d.Status, Code: d.Reason, RequestID: id})
	if err != nil { // strings and a number
		return []byte("{}")
	}
	return append(b, '\n')
}

func fields(d *middleware.Denied, id string, length int) message.Fields {
	f := message.Fields{
		{Name: "Content-Type", Value: "application/problem+json"},
		{Name: "Content-Length", Value: strconv.Itoa(length)},
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "X-Content-Type-Options", Value: "nosniff"},
	}
	if id != "" {
		f.Add("X-Request-Id", id)
	}
	if d.Challenge != "" {
		f.Add("Www-Authenticate", d.Challenge)
	}
	if len(d.Allow) > 0 {
		f.Add("Allow", strings.Join(d.Allow, ", "))
	}
	if d.RetryAfter > 0 {
		f.Add("Retry-After", strconv.FormatInt(int64((d.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if d.Limit != nil {
		f.Add("RateLimit-Policy", d.Limit.Policy())
		f.Add("RateLimit", d.Limit.State(d.RetryAfter))
	}
	return f
}
