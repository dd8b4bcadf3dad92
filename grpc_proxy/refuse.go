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

// reasons says every refusal in gRPC. Where the public table, made for clients
// that meet a proxy which knows no gRPC, would say UNAVAILABLE for a limit or
// UNKNOWN for a client's own mistake, this one is exact.
var reasons = map[string]codes.Code{
	"bad_request":      codes.InvalidArgument,
	"bad_path":         codes.InvalidArgument,
	"no_route":         codes.Unimplemented,
	"method":           codes.Unimplemented,
	"misdirected":      codes.Unimplemented,
	"too_large":        codes.ResourceExhausted,
	"header_too_large": codes.ResourceExhausted,
	"request_timeout":  codes.DeadlineExceeded,
	"blacklisted":      codes.PermissionDenied,
	"denied":           codes.PermissionDenied,
	"unauthenticated":  codes.Unauthenticated,
	"token_invalid":    codes.Unauthenticated,
	"token_expired":    codes.Unauthenticated,
	"token_revoked":    codes.Unauthenticated,
	"tenant_disabled":  codes.PermissionDenied,
	"scope":            codes.PermissionDenied,
	"tenant_address":   codes.PermissionDenied,
	"client_limit":     codes.ResourceExhausted,
	"tenant_limit":     codes.ResourceExhausted,
	"service_limit":    codes.ResourceExhausted,
	"quota":            codes.ResourceExhausted,
	"no_target":        codes.Unavailable,
	"upstream_failed":  codes.Unavailable,
	"upstream_timeout": codes.DeadlineExceeded,
	"draining":         codes.Unavailable,
	"service_gone":     codes.Unavailable,
	"connections":      codes.Unavailable,
	"client_gone":      codes.Canceled,
	"internal":         codes.Internal,
}

// Status says a refusal in gRPC: a code (google.golang.org/grpc/codes) and a
// message that names the reason, and nothing of the inside.
func Status(d *middleware.Denied) (code int, text string) {
	c, ok := reasons[d.Reason]
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
	var carry *message.CarryError
	switch {
	case errors.Is(o.Err, context.Canceled), errors.As(o.Err, &carry) && carry.Phase == message.Canceled:
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
