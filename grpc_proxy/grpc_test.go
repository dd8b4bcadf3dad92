package grpcproxy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
)

func TestOnlyGRPCsOwnContentTypesAreGRPC(t *testing.T) {
	for _, yes := range []string{"application/grpc", "application/grpc+proto", "application/grpc+json", "application/grpc; charset=utf-8", "Application/GRPC"} {
		require.True(t, IsGRPC(yes), yes)
	}
	for _, no := range []string{"", "application/json", "application/grpc-web", "application/grpc-web+proto", "application/grpcx", "text/application/grpc"} {
		require.False(t, IsGRPC(no), no)
	}
}

func TestACallIsJudgedByItsStatus(t *testing.T) {
	line := func(s string) message.Fields { return message.Fields{{Name: "Grpc-Status", Value: s}} }
	for name, c := range map[string]struct {
		fields, trailers message.Fields
		outcome          message.Outcome
		want             codes.Code
	}{
		"in the trailers":                  {trailers: line("0"), outcome: message.Outcome{Status: 200}, want: codes.OK},
		"an error in the trailers":         {trailers: line("5"), outcome: message.Outcome{Status: 200}, want: codes.NotFound},
		"a trailers-only answer":           {fields: line("16"), outcome: message.Outcome{Status: 200}, want: codes.Unauthenticated},
		"trailers speak last":              {fields: line("0"), trailers: line("13"), outcome: message.Outcome{Status: 200}, want: codes.Internal},
		"an unknown number":                {trailers: line("17"), outcome: message.Outcome{Status: 200}, want: codes.Unknown},
		"no number":                        {trailers: line("OK"), outcome: message.Outcome{Status: 200}, want: codes.Unknown},
		"a number too large":               {trailers: line("99999999999999999999"), outcome: message.Outcome{Status: 200}, want: codes.Unknown},
		"none in a complete answer":        {outcome: message.Outcome{Status: 200}, want: codes.Unknown},
		"none since the client left":       {outcome: message.Outcome{Status: 200, Err: fmt.Errorf("read: %w", context.Canceled)}, want: codes.Canceled},
		"none since the client left early": {outcome: message.Outcome{Err: &message.CarryError{Phase: message.Canceled, Err: errors.New("gone")}}, want: codes.Canceled},
		"none since it took too long":      {outcome: message.Outcome{Err: context.DeadlineExceeded}, want: codes.DeadlineExceeded},
		"none since it broke midway":       {outcome: message.Outcome{Status: 200, Err: errors.New("reset")}, want: codes.Internal},
		"an answer of no gRPC server":      {outcome: message.Outcome{Status: 404}, want: codes.Unimplemented},
		"a proxy's 503":                    {outcome: message.Outcome{Status: 503}, want: codes.Unavailable},
		"a teapot":                         {outcome: message.Outcome{Status: 418}, want: codes.Unknown},
	} {
		o := c.outcome
		Classify(c.fields, c.trailers, &o)
		require.Equal(t, c.want, codes.Code(o.GRPC), name)
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{"", "0", "16", "17", "007", "-1", "1e1", " 0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o := message.Outcome{Status: 200}
		Classify(nil, message.Fields{{Name: "grpc-status", Value: s}}, &o)
		if n, err := strconv.ParseUint(s, 10, 8); err == nil && n <= 16 && len(s) <= 2 {
			require.EqualValues(t, n, o.GRPC)
		} else {
			require.Equal(t, codes.Unknown, codes.Code(o.GRPC), "%q", s)
		}
	})
}

func TestARefusalNamesItsReasonAndNothingOfTheInside(t *testing.T) {
	code, text := Status(&middleware.Denied{Reason: "upstream_failed", Status: 502, Err: errors.New("dial 10.0.0.1:9000: refused")})
	require.Equal(t, codes.Unavailable, codes.Code(code))
	require.Equal(t, "gateway: upstream failed", text)
}

func TestEveryReasonHasAStatus(t *testing.T) {
	for _, r := range flow.Reasons {
		_, ok := reasons[r]
		require.True(t, ok || r == "other", r)
	}
	require.Len(t, reasons, len(flow.Reasons)-1)
}

func TestARefusalTellsHowLongToWait(t *testing.T) {
	f := Trailers(&middleware.Denied{Reason: "client_limit", Status: 429, RetryAfter: 1500*time.Millisecond + time.Nanosecond})
	require.Equal(t, "8", f.Get("grpc-status"))
	require.Equal(t, "1501", f.Get("grpc-retry-pushback-ms"))
}

func TestMessagesAreEscaped(t *testing.T) {
	require.Equal(t, "100%25 %E7%8E%89%0D%0A", escape("100% 玉\r\n"))
}
