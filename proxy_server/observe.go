package proxyserver

import (
	"math"
	"net"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"yumen/flow"
	"yumen/message"
	"yumen/middleware"
)

// observe sees every exchange at its end: the rate, the access log.
func (s *Server) observe(x *message.Exchange, call *middleware.Call, target string, o *message.Outcome) {
	s.ended.Add(1)
	if s.access == nil {
		return
	}
	r := &x.Request
	e := entry{
		At: x.Start, Protocol: "http", RequestID: call.RequestID, Peer: call.Peer, Client: call.Client, Service: call.Service, Target: target,
		Method: r.Method, Scheme: call.Scheme, Host: r.Authority, Path: r.Path, Version: version(r),
		Status: o.Status, GRPC: o.GRPC, Reason: o.Reason, In: o.BytesIn, Out: o.BytesOut, Duration: o.Duration,
	}
	if o.GRPC >= 0 {
		e.Protocol = "grpc"
	}
	if call.Tenant != nil {
		e.Tenant = call.Tenant.AppID
	}
	if o.Err != nil {
		e.Error = o.Err.Error()
	}
	s.access.append(&e)
}

// observeEarly is for an exchange that no generation saw.
func (s *Server) observeEarly(x *message.Exchange) {
	peer := middleware.Addr(x.Peer.Addr())
	x.OnEnd(func(o *message.Outcome) {
		s.counters.Subject(flow.Total).Count(time.Now(), o.Status, o.Reason, o.Duration)
		s.observe(x, &middleware.Call{Peer: peer, Client: peer, Scheme: x.Request.Scheme}, "", o)
	})
}

func version(r *message.Request) string {
	switch {
	case r.Major == 2:
		return "2"
	case r.Major == 1 && r.Minor == 1:
		return "1.1"
	case r.Major == 1 && r.Minor == 0:
		return "1.0"
	}
	return strconv.Itoa(r.Major)
}

// logTCP sees a TCP connection to its end.
func (s *Server) logTCP(c net.Conn, service string, serve func() message.Outcome) {
	start, peer := time.Now(), peerOf(c)
	o := serve()
	s.ended.Add(1)
	if s.access == nil {
		return
	}
	e := entry{
		At: start, Protocol: "tcp", Peer: peer, Client: peer, Service: service, GRPC: -1,
		Reason: o.Reason, In: o.BytesIn, Out: o.BytesOut, Duration: o.Duration,
	}
	if o.Err != nil {
		e.Error = o.Err.Error()
	}
	s.access.append(&e)
}

// countRefusal counts a connection that was closed at the door.
func (s *Server) countRefusal(reason string) {
	s.counters.Subject(flow.Total).Count(time.Now(), 0, reason, -1)
	s.ended.Add(1)
}

// recovered ends a connection's panic with that connection: deferred.
func (s *Server) recovered(c net.Conn) {
	if v := recover(); v != nil {
		s.panics.Add(1)
		s.log.Error("panic", "connection", c.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
		c.Close()
	}
}

// panicked is how many exchanges and connections ended so.
func (s *Server) panicked() uint64 {
	n := s.panics.Load()
	for _, p := range s.openPorts() {
		n += p.http.Panics()
	}
	return n + s.closedPanics.Load()
}

// troubles is how often accepting failed.
func (s *Server) troubles() uint64 {
	n := s.closedTroubles.Load()
	for _, p := range s.openPorts() {
		n += p.listener.troubles.Load()
	}
	return n
}

// gauge is a number that one writes and many read.
type gauge struct{ bits atomic.Uint64 }

func (g *gauge) store(v float64) { g.bits.Store(math.Float64bits(v)) }
func (g *gauge) load() float64   { return math.Float64frombits(g.bits.Load()) }

// usage is what rates are made from.
type usage struct {
	at    time.Time
	ended uint64
	cpu   time.Duration
}

// measure keeps the rates of late.
func (s *Server) measure(last usage) usage {
	now := usage{at: time.Now(), ended: s.ended.Load(), cpu: cpuTime()}
	if span := now.at.Sub(last.at).Seconds(); span > 0 {
		s.rate.store(float64(now.ended-last.ended) / span)
		s.cpu.store(100 * (now.cpu - last.cpu).Seconds() / span)
	}
	return now
}
