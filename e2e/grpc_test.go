package e2e

import (
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
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"yumen/demo"
)

// ask gives what metadata the backend received under a key.
func (c *caller) ask(ctx context.Context, key string) (string, error) {
	got := new(wrapperspb.StringValue)
	err := c.Invoke(ctx, "/"+demo.Echo+"/Metadata", wrapperspb.String(key), got)
	return got.Value, err
}

func TestAGRPCBackendSeesNeitherTokenNorClaimedTenant(t *testing.T) {
	i := install(t, 1)
	b := backends(t)
	secrets := map[string]string{}
	for _, id := range []string{"app_a", "app_b"} {
		var made struct {
			Credential struct{ Secret string } `json:"credential"`
		}
		require.Equal(t, http.StatusCreated, i.call("POST", "/tenants", object{"app_id": id}, &made))
		secrets[id] = made.Credential.Secret
	}
	i.create("/services", object{"name": "private", "protocol": "grpc", "routes": prefixed("/" + demo.Echo), "upstream": to(b.GRPC),
		"access": object{"auth": "jwt", "tenants": []string{"app_a"}}})
	i.create("/services", object{"name": "open", "protocol": "grpc", "listen": object{"port": port(t)}, "upstream": to(b.GRPC)})
	i.live(1)
	p := i.proxies[0]
	c := calling(t, newTally(), "", p.http)
	with := func(pairs ...string) context.Context {
		return metadata.NewOutgoingContext(t.Context(), metadata.Pairs(pairs...))
	}

	_, err := c.ask(with(), "authorization")
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	_, err = c.ask(with("x-tenant-id", "app_a"), "x-tenant-id")
	require.Equal(t, codes.Unauthenticated, status.Code(err), "nobody is a tenant by saying so")
	_, err = c.ask(with("authorization", "Bearer "+p.token(t, nil, "app_b", secrets["app_b"])), "x-tenant-id")
	require.Equal(t, codes.PermissionDenied, status.Code(err))

	bearer := "Bearer " + p.token(t, nil, "app_a", secrets["app_a"])
	got, err := c.ask(with("authorization", bearer, "x-tenant-id", "app_b"), "x-tenant-id")
	require.NoError(t, err)
	require.Equal(t, "app_a", got)
	got, err = c.ask(with("authorization", bearer), "authorization")
	require.NoError(t, err)
	require.Empty(t, got)

	var head, trail metadata.MD
	require.NoError(t, c.Invoke(with("authorization", bearer), "/"+demo.Echo+"/Say", wrapperspb.String("hello"), new(wrapperspb.StringValue),
		grpc.Header(&head), grpc.Trailer(&trail)))
	for _, md := range []metadata.MD{head, trail} {
		for key, values := range md {
			require.NotContains(t, strings.Join(values, " "), secrets["app_a"], key)
			require.NotContains(t, strings.Join(values, " "), bearer, key)
		}
	}
	open := calling(t, newTally(), "", p.at(listenPort(i.console, "open")))
	got, err = open.ask(with("x-tenant-id", "app_a"), "x-tenant-id")
	require.NoError(t, err)
	require.Empty(t, got, "no tenant without a token")
}

// counting counts the connections a server accepts.
type counting struct {
	net.Listener
	n atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

func TestEveryGRPCCallChoosesItsNodeAndSharesItsConnection(t *testing.T) {
	var listeners [2]*counting
	var calls [2]atomic.Int64
	var targets []object
	for n := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listeners[n] = &counting{Listener: l}
		s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
			calls[n].Add(1)
			m := new(wrapperspb.StringValue)
			return errors.Join(s.RecvMsg(m), s.SendMsg(m))
		}))
		go s.Serve(listeners[n])
		t.Cleanup(s.Stop)
		targets = append(targets, object{"address": l.Addr().String()})
	}
	i := install(t, 1)
	i.create("/services", object{"name": "calls", "protocol": "grpc", "routes": prefixed("/" + demo.Echo),
		"upstream": object{"targets": targets, "health": object{"active": object{"kind": "none"}}}})
	i.live(1)
	c := calling(t, newTally(), "", i.proxies[0].http)
	for range 100 {
		require.NoError(t, c.say(t.Context(), "hello"))
	}
	for n := range listeners {
		require.EqualValues(t, 50, calls[n].Load())
		require.EqualValues(t, 1, listeners[n].n.Load(), "connections")
	}
}

func TestGRPCKeepsItsMeaningThroughTheGateway(t *testing.T) {
	i := install(t, 1)
	b := backends(t)
	i.create("/services", object{"name": "calls", "protocol": "grpc", "routes": prefixed("/" + demo.Echo), "upstream": to(b.GRPC)})
	i.create("/services", object{"name": "dead", "protocol": "grpc", "routes": prefixed("/dead.Service"), "upstream": to(loopback(t))})
	i.create("/services", object{"name": "limited", "protocol": "grpc", "listen": object{"port": port(t)}, "upstream": to(b.GRPC),
		"limits": object{"client_ip": object{"rate": 1, "per": "1h"}}})
	i.live(1)
	p := i.proxies[0]
	c := calling(t, newTally(), "", p.http)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	t.Run("statuses, messages and details arrive", func(t *testing.T) {
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			err := c.Invoke(ctx, "/"+demo.Echo+"/Fail", wrapperspb.UInt32(uint32(code)), new(wrapperspb.StringValue))
			s := status.Convert(err)
			require.Equal(t, code, s.Code())
			require.Contains(t, s.Message(), "100 % wrong")
			require.Len(t, s.Details(), 1)
		}
	})
	t.Run("refusals are statuses", func(t *testing.T) {
		out := new(wrapperspb.StringValue)
		require.Equal(t, codes.Unimplemented, status.Code(c.Invoke(ctx, "/no.Service/Method", wrapperspb.String(""), out)))
		require.Equal(t, codes.Unavailable, status.Code(c.Invoke(ctx, "/dead.Service/Method", wrapperspb.String(""), out)))
		limited := calling(t, newTally(), "", p.at(listenPort(i.console, "limited")))
		require.NoError(t, limited.say(ctx, "hello"))
		require.Equal(t, codes.ResourceExhausted, status.Code(limited.say(ctx, "hello")))
	})
	t.Run("large messages pass", func(t *testing.T) {
		big := calling(t, newTally(), "", p.http, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(8<<20)))
		require.NoError(t, big.say(ctx, strings.Repeat("x", 3<<20)))
	})
	t.Run("a client's stream is summed up", func(t *testing.T) {
		s, err := c.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/"+demo.Echo+"/Sum")
		require.NoError(t, err)
		for n := range uint32(100) {
			require.NoError(t, s.SendMsg(wrapperspb.UInt32(n)))
		}
		require.NoError(t, s.CloseSend())
		sum := new(wrapperspb.UInt32Value)
		require.NoError(t, s.RecvMsg(sum))
		require.EqualValues(t, 4950, sum.Value)
	})
	t.Run("a deadline ends the call here and there", func(t *testing.T) {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		s, err := c.NewStream(short, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+demo.Echo+"/Chat")
		require.NoError(t, err)
		require.Equal(t, codes.DeadlineExceeded, status.Code(s.RecvMsg(new(wrapperspb.StringValue))))
	})
	t.Run("a stream that is silent for its stream_idle ends", func(t *testing.T) {
		i.patch("/services/calls", object{"upstream": object{"timeouts": object{"stream_idle": "200ms"}}})
		i.live(1)
		defer i.patch("/services/calls", object{"upstream": object{"timeouts": object{"stream_idle": nil}}})
		for _, words := range []int{0, 1} { // before the answer began, and after
			s, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+demo.Echo+"/Chat")
			require.NoError(t, err)
			for range words {
				require.NoError(t, s.SendMsg(wrapperspb.String("hello")))
				require.NoError(t, s.RecvMsg(new(wrapperspb.StringValue)))
			}
			begin := time.Now()
			require.Error(t, s.RecvMsg(new(wrapperspb.StringValue)))
			require.Less(t, time.Since(begin), 10*time.Second)
		}
	})
	t.Run("a quiet stream stays open and speaks again", func(t *testing.T) {
		// Limits for bodies are not for streams.
		const idle = 300 * time.Millisecond
		i.patch("/settings", object{"client": object{"body_idle": idle.String()}})
		i.patch("/services/calls", object{"upstream": object{"timeouts": object{"body_idle": idle.String()}}})
		i.live(1)
		fresh := calling(t, newTally(), "", p.http) // limits hold for new connections
		s, err := fresh.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+demo.Echo+"/Chat")
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, s.SendMsg(wrapperspb.String("hello")))
			require.NoError(t, s.RecvMsg(new(wrapperspb.StringValue)))
			time.Sleep(3 * idle)
		}
		require.NoError(t, s.CloseSend())
		require.ErrorIs(t, s.RecvMsg(new(wrapperspb.StringValue)), io.EOF)
	})
}
