package reverseproxy_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/flow"
	"yumen/message"
	"yumen/message/messagetest"
	"yumen/middleware"
	"yumen/upstream"
	"yumen/wire/rawtest"
	"yumen/wire/std"
)

// The pipeline between two wires is a wire again, and must do what every wire
// does, whichever they are.
func TestThePipelineIsTransparent(t *testing.T) {
	wires := map[string]messagetest.New{"memory": messagetest.Fake, "raw": rawWire, "http1": standard("http"), "h2c": standard("h2c"), "tls": standard("https"), "h2": standard("h2")}
	for _, pair := range [][2]string{{"memory", "memory"}, {"raw", "raw"}, {"http1", "http1"}, {"h2c", "http1"}, {"http1", "h2c"}, {"h2", "h2"}, {"tls", "raw"}, {"raw", "http1"}} {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			messagetest.Conformance(t, through(wires[pair[0]], wires[pair[1]]))
		})
	}
}

func standard(scheme string) messagetest.New {
	return func(t testing.TB, handle func(*message.Exchange)) messagetest.Wire {
		g := &gateway{t: t}
		s := std.NewServer(handle, func() std.Limits { return std.Limits{BodyIdle: time.Minute} }, nil, slog.New(slog.DiscardHandler))
		if scheme == "https" || scheme == "h2" {
			s = std.NewServer(handle, func() std.Limits { return std.Limits{BodyIdle: time.Minute} }, serverTLS(), slog.New(slog.DiscardHandler))
		}
		address := g.run(s)
		back := std.NewTransport(new(net.Dialer).DialContext)
		t.Cleanup(func() { back.CloseIdle(nil) })
		return messagetest.Wire{Back: back, Target: &message.Target{Address: address, Scheme: scheme, TLS: clientTLS(), Digest: "client", MaxIdle: 8}, NoUpgrade: scheme == "h2" || scheme == "h2c", NoExpect: scheme == "h2" || scheme == "h2c"}
	}
}

func rawWire(t testing.TB, handle func(*message.Exchange)) messagetest.Wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s, b := rawtest.Serve(l, handle), new(rawtest.Back)
	t.Cleanup(func() { s.Close(); b.Wait() })
	return messagetest.Wire{Back: b, Target: &message.Target{Address: l.Addr().String(), Scheme: "http"}, Ordered: true}
}

// retarget carries to the target of the wire's own client, whatever the pool
// says.
type retarget struct {
	back message.Back
	to   *message.Target
}

func (r retarget) Carry(ctx context.Context, q *message.Request, _ *message.Target, interim func(int, message.Fields)) (*message.Response, error) {
	return r.back.Carry(ctx, q, r.to, interim)
}

func through(front, back messagetest.New) messagetest.New {
	return func(t testing.TB, handle func(*message.Exchange)) messagetest.Wire {
		origin := back(t, handle)
		g := &gateway{t: t, outcomes: make(chan outcome, 10_000)}
		counters := flow.NewCounters("test", time.Now)
		g.state = middleware.NewState(counters, flow.NewLimiters(), flow.NewQuotas(time.UTC))
		g.nodes = upstream.NewRegistry(upstream.NewDialer(), slog.New(slog.DiscardHandler))
		g.site = g.build(service("all", "/", "127.0.0.1:1", ", scheme: "+origin.Target.Scheme), counters, retarget{origin.Back, origin.Target})
		w := front(t, g.serve)
		w.Proxy, w.NoUpgrade = true, w.NoUpgrade || origin.NoUpgrade
		return w
	}
}
