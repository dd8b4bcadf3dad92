// Package grpcproxy is what gRPC adds to an exchange: how a refusal is said,
// and how an answer is judged by its grpc-status. The way through is the
// pipeline of HTTP; a gRPC call is an exchange with a streaming body and
// trailers.
package grpcproxy

import (
	"strings"

	"google.golang.org/grpc/codes"

	"yumen/message"
)

// contentType is the prefix of every gRPC content type: application/grpc,
// application/grpc+proto, application/grpc;charset=…
const contentType = "application/grpc"

// IsGRPC tells whether a content type is gRPC's own. gRPC-Web, which is
// another protocol, is not.
func IsGRPC(t string) bool {
	if len(t) < len(contentType) || !strings.EqualFold(t[:len(contentType)], contentType) {
		return false
	}
	rest := t[len(contentType):]
	return rest == "" || rest[0] == '+' || rest[0] == ';' || rest[0] == ' ' || rest[0] == '\t'
}

// Classify sets o.GRPC to how the call ended: the grpc-status of the trailers,
// or of the fields when the answer was trailers-only. trailers may be nil. A
// call that ended without a status gets the one a client would see
// (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
func Classify(fields, trailers message.Fields, o *message.Outcome) {
	if s, ok := statusOf(trailers); ok {
		o.GRPC = s
		return
	}
	if s, ok := statusOf(fields); ok {
		o.GRPC = s
		return
	}
	o.GRPC = int(implied(o))
}

// statusOf reads grpc-status; what is there and no known code is UNKNOWN, as
// for every client.
func statusOf(f message.Fields) (int, bool) {
	v := f.Get("grpc-status")
	if v == "" {
		return int(codes.Unknown), f.Has("grpc-status")
	}
	n := 0
	for _, c := range []byte(v) {
		if c < '0' || c > '9' || len(v) > 2 {
			return int(codes.Unknown), true
		}
		n = n*10 + int(c-'0')
	}
	if n > int(codes.Unauthenticated) {
		return int(codes.Unknown), true
	}
	return n, true
}
