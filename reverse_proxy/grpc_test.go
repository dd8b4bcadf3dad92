package reverseproxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"yumen/demo"
	"yumen/middleware"
)

// calls is a gateway before the demo's gRPC backend.
func calls(t testing.TB, more string) *gateway {
	t.Helper()
	b, err := demo.Start(context.Background())
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return newGatewayf(t, `
services:
- name: echo
  protocol: grpc
  routes: [{path: {prefix: /%s}}]
  upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}%s}
`, demo.Echo, b.GRPC, more)
}

func (g *gateway) dial(secure bool) *grpc.ClientConn {
	g.t.Helper()
	address, creds := g.http, insecure.NewCredentials()
	if secure {
		address, creds = g.https, credentials.NewTLS(clientTLS())
	}
	c, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20), grpc.MaxCallSendMsgSize(16<<20)))
	require.NoError(g.t, err)
	g.t.Cleanup(func() { c.Close() })
	return c
}

func method(name string) string { return "/" + demo.Echo + "/" + name }

func say(ctx context.Context, c *grpc.ClientConn, text string, opts ...grpc.CallOption) (string, error) {
	out := new(wrapperspb.StringValue)
	err := c.Invoke(ctx, method("Say"), wrapperspb.String(text), out, opts...)
	return out.Value, err
}

func TestGRPCCallsPassPlainAndOverTLS(t *testing.T) {
	g := calls(t, "")
	for _, secure := range []bool{false, true} {
		c := g.dial(secure)
		var head metadata.MD
		got, err := say(t.Context(), c, "hello", grpc.Header(&head))
		require.NoError(t, err)
		require.Equal(t, "hello", got)
		require.NotEmpty(t, head.Get("x-request-id"))
		o := g.ended()
		require.Equal(t, []any{200, 0, "echo", int64(12), int64(12)}, []any{o.Status, o.GRPC, o.service, o.BytesIn, o.BytesOut})
		require.NoError(t, o.Err)

		large := strings.Repeat("0123456789abcdef", 3<<20/16)
		got, err = say(t.Context(), c, large)
		require.NoError(t, err)
		require.True(t, got == large, "three MiB both ways")
		g.ended()
	}
}

func TestGRPCErrorsArriveWholeEveryTime(t *testing.T) {
	// Trailers-only: a head that ends the stream. Were it flushed first, a client
	// would at times see a stream without trailers.
	g := calls(t, "")
	c := g.dial(false)
	for i := range 300 {
		code := codes.Code(1 + i%16)
		err := c.Invoke(t.Context(), method("Fail"), wrapperspb.UInt32(uint32(code)), new(wrapperspb.StringValue))
		s := status.Convert(err)
		require.Equal(t, code, s.Code(), "%v", err)
		require.Equal(t, fmt.Sprintf("failed with %d, as asked: 100 %% wrong", code), s.Message())
		require.Len(t, s.Details(), 1)
		o := g.ended()
		require.EqualValues(t, code, o.GRPC)
		require.Equal(t, 200, o.Status)
	}
	err := c.Invoke(t.Context(), method("Nothing"), wrapperspb.String(""), new(wrapperspb.StringValue))
	require.Equal(t, codes.Unimplemented, status.Code(err), "the target's own word")
}

func TestATrailersOnlyAnswerStaysOne(t *testing.T) {
	g := calls(t, "")
	q, err := http.NewRequest("POST", "http://"+g.http+method("Nothing"), strings.NewReader("\x00\x00\x00\x00\x00"))
	require.NoError(t, err)
	q.Header.Set("Content-Type", "application/grpc")
	q.Header.Set("TE", "trailers")
	resp, err := client(t, "h2c").Do(q)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "12", resp.Header.Get("Grpc-Status"), "in the head itself")
	require.EqualValues(t, 0, resp.ContentLength, "which ends the stream")
	require.Empty(t, resp.Header.Values("Content-Length"))
	io.ReadAll(resp.Body)
	require.Empty(t, resp.Trailer)
	require.Equal(t, 12, g.ended().GRPC)
}

func TestGRPCMetadataPassesAndTheGatewaysOwnIsAdded(t *testing.T) {
	g := calls(t, "")
	c := g.dial(false)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-mine", "1", "x-mine", "2", "x-bin", "\x00\xff", "x-tenant-id", "boss")
	for key, want := range map[string]string{"x-mine": "1, 2", "x-bin": "\x00\xff", "x-forwarded-for": "127.0.0.1", "x-tenant-id": "", "te": ""} {
		out := new(wrapperspb.StringValue)
		err := c.Invoke(ctx, method("Metadata"), wrapperspb.String(key), out)
		if key == "x-bin" {
			require.Equal(t, codes.Internal, status.Code(err), "it is no text, but it came")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, out.Value, key)
	}
}

func TestGRPCStreamsPassMessageByMessage(t *testing.T) {
	g := calls(t, "")
	c := g.dial(false)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	chat, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method("Chat"))
	require.NoError(t, err)
	for i := range 100 {
		want := fmt.Sprint("message ", i)
		require.NoError(t, chat.SendMsg(wrapperspb.String(want)))
		got := new(wrapperspb.StringValue)
		require.NoError(t, chat.RecvMsg(got)) // before the next is sent
		require.Equal(t, want, got.Value)
	}
	require.NoError(t, chat.CloseSend())
	require.Equal(t, io.EOF, chat.RecvMsg(new(wrapperspb.StringValue)))
	require.Equal(t, 0, g.ended().GRPC)

	count, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method("Count"))
	require.NoError(t, err)
	require.NoError(t, count.SendMsg(wrapperspb.UInt32(5000)))
	require.NoError(t, count.CloseSend())
	for i := range 5000 {
		got := new(wrapperspb.UInt32Value)
		require.NoError(t, count.RecvMsg(got))
		require.EqualValues(t, i+1, got.Value)
	}
	require.Equal(t, io.EOF, count.RecvMsg(new(wrapperspb.UInt32Value)))
	require.Equal(t, []string{"5000"}, count.Trailer().Get("demo-count"))

	sum, err := c.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, method("Sum"))
	require.NoError(t, err)
	for i := range 5000 {
		require.NoError(t, sum.SendMsg(wrapperspb.UInt32(uint32(i))))
	}
	require.NoError(t, sum.CloseSend())
	got := new(wrapperspb.UInt32Value)
	require.NoError(t, sum.RecvMsg(got))
	require.EqualValues(t, 5000*4999/2, got.Value)
}

func TestAGRPCDeadlineAndACancelReachTheTarget(t *testing.T) {
	g := calls(t, "")
	c := g.dial(false)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	chat, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method("Chat"))
	require.NoError(t, err)
	require.Equal(t, codes.DeadlineExceeded, status.Code(chat.RecvMsg(new(wrapperspb.StringValue))))
	o := g.ended() // whoever was first, client or target
	require.True(t, o.Err != nil || o.GRPC == int(codes.DeadlineExceeded))

	ctx, cancel = context.WithCancel(t.Context())
	chat, err = c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method("Chat"))
	require.NoError(t, err)
	require.NoError(t, chat.SendMsg(wrapperspb.String("hello")))
	require.NoError(t, chat.RecvMsg(new(wrapperspb.StringValue)))
	cancel()
	o = g.ended()
	require.ErrorIs(t, o.Err, context.Canceled)
	require.EqualValues(t, codes.Canceled, o.GRPC)
}

func TestRefusedCallsEndWithAStatus(t *testing.T) {
	g := newGatewayf(t, `
services:
- {name: down, protocol: grpc, routes: [{path: {prefix: /down}}], upstream: {targets: [{address: "%s"}], health: {active: {kind: none}}}}
- {name: none, protocol: grpc, routes: [{path: {prefix: /none}}], upstream: {targets: [{address: "127.0.0.1:1", state: disabled}], health: {active: {kind: none}}}}
- {name: shut, protocol: grpc, routes: [{path: {prefix: /shut}}], upstream: {targets: [{address: "127.0.0.1:1"}], health: {active: {kind: none}}}, access: {allow: []}}
`, dead(t))
	c := g.dial(false)
	for path, want := range map[string]codes.Code{
		"/down/Call": codes.Unavailable, "/none/Call": codes.Unavailable, "/shut/Call": codes.PermissionDenied, "/nowhere/Call": codes.Unimplemented,
	} {
		for range 20 {
			err := c.Invoke(t.Context(), path, wrapperspb.String("x"), new(wrapperspb.StringValue))
			require.Equal(t, want, status.Code(err), "%s: %v", path, err)
			require.EqualValues(t, want, g.ended().GRPC)
		}
	}
}

func TestLiveCallsEndWithAStatusWhenTheirCallerMayNoLongerCall(t *testing.T) {
	g := calls(t, "")
	c := g.dial(false)
	for reason, want := range map[string]codes.Code{
		"token_expired": codes.Unauthenticated, "token_revoked": codes.Unauthenticated, "blacklisted": codes.PermissionDenied, "draining": codes.Unavailable,
	} {
		for _, started := range []bool{true, false} {
			chat, err := c.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method("Chat"))
			require.NoError(t, err)
			if started {
				require.NoError(t, chat.SendMsg(wrapperspb.String("hello")))
				require.NoError(t, chat.RecvMsg(new(wrapperspb.StringValue)))
			}
			require.Eventually(t, func() bool { return g.site.Enders.Len() == 1 }, patience, time.Millisecond)
			g.site.Enders.Sweep(time.Now(), func(middleware.Stream) string { return reason })
			err = chat.RecvMsg(new(wrapperspb.StringValue))
			require.Equal(t, want, status.Code(err), "%s: %v", reason, err)
			require.Equal(t, reason, g.ended().Reason)
		}
	}
	_, err := say(t.Context(), c, "the connection itself lives")
	require.NoError(t, err)
}

func TestASilentCallIsEndedByItsStreamsLimit(t *testing.T) {
	g := calls(t, ", timeouts: {stream_idle: 100ms, body_idle: 10ms}")
	chat, err := g.dial(false).NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method("Chat"))
	require.NoError(t, err)
	require.NoError(t, chat.SendMsg(wrapperspb.String("hello")))
	require.NoError(t, chat.RecvMsg(new(wrapperspb.StringValue)))
	require.Error(t, chat.RecvMsg(new(wrapperspb.StringValue)))
	require.ErrorIs(t, g.ended().Err, context.DeadlineExceeded)
}

func TestManyCallsShareOneConnection(t *testing.T) {
	g := calls(t, "")
	c := g.dial(false)
	var running sync.WaitGroup
	for i := range 50 {
		running.Go(func() {
			for j := range 20 {
				want := fmt.Sprint(i, "-", j)
				if got, err := say(t.Context(), c, want); err != nil || got != want {
					t.Error(got, err)
				}
			}
		})
	}
	running.Wait()
}
