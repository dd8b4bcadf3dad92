package grpcproxy

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
	"yumen/wire/std"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refusing is a client of a server that refuses everything with d.
func refusing(t *testing.T, d *middleware.Denied) *grpc.ClientConn {
	t.Helper()
	s := std.NewServer(func(x *message.Exchange) {
		_ = Refuse(x, d, message.Field{Name: "x-request-id", Value: "r1"})
		x.End(&message.Outcome{Status: 200, Reason: d.Reason})
	}, func() std.Limits { return std.Limits{} }, nil, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { s.Close(); require.NoError(t, <-done) })
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestClientsSeeEveryRefusalWithItsCode(t *testing.T) {
	for _, reason := range flow.Reasons {
		conn := refusing(t, &middleware.Denied{Reason: reason, Status: 429, RetryAfter: time.Second})
		var head, trail metadata.MD
		err := conn.Invoke(t.Context(), "/a.B/C", wrapperspb.String("hello"), new(wrapperspb.StringValue), grpc.Header(&head), grpc.Trailer(&trail))
		want, text := Status(&middleware.Denied{Reason: reason})
		require.Equal(t, codes.Code(want), status.Code(err), reason)
		require.Equal(t, text, status.Convert(err).Message())
		require.Empty(t, head, "%s: trailers-only answers have one head, which is the trailers", reason)
		require.Equal(t, []string{"r1"}, trail["x-request-id"], reason)
	}
}

func TestARefusalEndsAStreamWhoseClientStillSends(t *testing.T) {
	conn := refusing(t, &middleware.Denied{Reason: "service_limit", Status: 429})
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/a.B/C")
	require.NoError(t, err)
	for err == nil {
		err = s.SendMsg(wrapperspb.Bytes(make([]byte, 64<<10)))
	}
	require.ErrorIs(t, err, io.EOF) // grpc-go: the status is got by receiving
	require.Equal(t, codes.ResourceExhausted, status.Code(s.RecvMsg(new(wrapperspb.StringValue))))
}
