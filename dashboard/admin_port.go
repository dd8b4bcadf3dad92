package dashboard

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the dashboard's own; traffic is told by the proxies.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration prometheus.Histogram
	logins   *prometheus.CounterVec
	panics   prometheus.Counter
	rollups  *prometheus.CounterVec
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_dashboard_requests_total", Help: "Requests to the admin API and the console."}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "gateway_dashboard_request_duration_seconds", Help: "How long they took.", Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5}}),
		logins:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_dashboard_logins_total", Help: "Attempts to log in, by result: right, wrong, slowed."}, []string{"result"}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "gateway_dashboard_panics_total", Help: "Requests that ended in a panic."}),
		rollups:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_dashboard_rollups_total", Help: "Roll-ups of counters into the database, by result: done, failed."}, []string{"result"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "gateway_dashboard_info", Help: "The version.", ConstLabels: prometheus.Labels{"version": version}})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.logins, m.panics, m.rollups, info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watch adds what is read when asked for.
func (m *metrics) watch(s *Server) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("gateway_dashboard_streams", "Open streams of GET /live.", func() float64 { return float64(s.streams.open.Load()) })
	gauge("gateway_dashboard_revision", "The published revision.", func() float64 {
		if snap := s.document.known(); snap != nil {
			return float64(snap.Head.Number)
		}
		return 0
	})
	gauge("gateway_dashboard_redis_up", "Whether Redis answers.", func() float64 {
		if s.away.since() == nil {
			return 1
		}
		return 0
	})
}

// adminRouter is what machines ask: it has no session and shows no secret.
func (s *Server) adminRouter() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, map[string]any{"status": "ok"}) })
	mux.HandleFunc("GET /readyz", s.readyz)
	scrape := promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !s.mayScrape(r) {
			say(w, http.StatusForbidden, map[string]any{"status": "forbidden"})
			return
		}
		scrape.ServeHTTP(w, r)
	})
	return mux
}

// readyz is about the database alone: without Redis the console still works.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.store.CheckSchema(ctx); err != nil {
		s.log.Debug("not ready", "error", err)
		say(w, http.StatusServiceUnavailable, map[string]any{"status": "waiting", "for": "database"})
		return
	}
	say(w, http.StatusOK, map[string]any{"status": "ready", "redis": s.away.since() == nil})
}

func (s *Server) mayScrape(r *http.Request) bool {
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && s.cfg.MetricsToken != "" {
		return subtle.ConstantTimeCompare([]byte(given), []byte(s.cfg.MetricsToken)) == 1
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	peer, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	peer = peer.Unmap().WithZone("")
	for _, p := range s.cfg.MetricsAllow {
		if p.Contains(peer) {
			return true
		}
	}
	return peer.IsLoopback()
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
