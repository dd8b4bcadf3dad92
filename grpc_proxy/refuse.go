package grpcproxy

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"yumen/message"
	"yumen/middleware"
)

// refusals are the reasons whose status does not follow from the HTTP status
// a refusal carries.
var refusals = map[string]codes.Code{
	"no_route": codes.Unimplemented,
	"draining": codes.Unavailable,
}

// statuses say an HTTP status in gRPC. Where the public table, made for
// clients that meet a proxy which knows no gRPC, would say UNAVAILABLE for a
// limit or UNKNOWN for a client's own mistake, this one is exact.
var statuses = map[int]codes.Code{
	400: codes.InvalidArgument,
	401: codes.Unauthenticated,
	403: codes.PermissionDenied,
	404: codes.Unimplemented,
	405: codes.Unimplemented,
	408: codes.DeadlineExceeded,
	413: codes.ResourceExhausted,
	421: codes.FailedPrecondition,
	429: codes.ResourceExhausted,
	431: codes.ResourceExhausted,
	499: codes.Canceled,
	500: codes.Internal,
	501: codes.Unimplemented,
	502: codes.Unavailable,
	503: codes.Unavailable,
	504: codes.DeadlineExceeded,
}

// Status says a refusal in gRPC: a code (google.golang.org/grpc/codes) and a
// message that names the reason, and nothing of the inside.
func Status(d *middleware.Denied) (code int, text string) {
	c, ok := refusals[d.Reason]
	if !ok {
		c, ok = statuses[d.Status]
	}
	if !ok {
		c = codes.Unknown
	}
	return int(c), "gateway: " + strings.ReplaceAll(d.Reason, "_", " ")
}

// Trailers are the lines that end a call with a refusal: grpc-status,
// grpc-message and, where waiting helps, grpc-retry-pushback-ms.
func Trailers(d *middleware.Denied) message.Fields {
	code, text := Status(d)
	f := message.Fields{
		{Name: "grpc-status", Value: strconv.Itoa(code)},
		{Name: "grpc-message", Value: escape(text)},
	}
	if d.RetryAfter > 0 {
		ms := (d.RetryAfter + time.Millisecond - 1) / time.Millisecond
		f.Add("grpc-retry-pushback-ms", strconv.FormatInt(int64(ms), 10))
	}
	return f
}

// Refuse answers x with a trailers-only refusal: the status stands in the one
// head frame, which is what gRPC clients understand at any point of a call.
// more are further fields, such as X-Request-ID.
func Refuse(x *message.Exchange, d *middleware.Denied, more ...message.Field) error {
	fields := message.Fields{{Name: "content-type", Value: contentType}}
	fields = append(fields, Trailers(d)...)
	fields = append(fields, more...)
	return x.Answer(&message.Response{Status: 200, Fields: fields, Body: message.Empty})
}

// implied is the status of a call that ended without one.
func implied(o *message.Outcome) codes.Code {
	switch {
	case errors.Is(o.Err, context.Canceled):
		return codes.Canceled
	case errors.Is(o.Err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case o.Status == 200 && o.Err != nil:
		return codes.Internal // broken midway
	}
	// The public table, since such an answer is not the gateway's.
	switch o.Status {
	case 400:
		return codes.Internal
	case 401:
		return codes.Unauthenticated
	case 403:
		return codes.PermissionDenied
	case 404:
		return codes.Unimplemented
	case 0, 429, 502, 503, 504:
		return codes.Unavailable
	}
	return codes.Unknown
}

// escape is the percent-encoding of grpc-message: everything but printable
// ASCII, and "%" itself
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
