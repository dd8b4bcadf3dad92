package proxyserver

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"yumen/flow"
	"yumen/generation"
)

// collector makes /metrics from the counters, when it is asked. Tenants are
// never a label, and services at most maxServices: the rest is "other".
type collector struct{ *Server }

const (
	maxServices   = 1000
	otherServices = "other"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descInfo     = desc("gateway_build_info", "1, with the version.", "version", "node")
	descReady    = desc("gateway_ready", "1 while traffic should come here.", "node")
	descRequests = desc("gateway_requests_total", "Requests and TCP connections that ended, by class of status (none: TCP, or no answer).", "service", "protocol", "status", "node")
	descErrors   = desc("gateway_request_errors_total", "Of those, the ones that ended with a 5xx or without the answer they should have had.", "service", "protocol", "node")
	descRefusals = desc("gateway_refusals_total", "Requests the gateway refused itself, by reason.", "reason", "node")
	descDuration = desc("gateway_request_duration_seconds", "How long requests took.", "service", "protocol", "node")
	descIn       = desc("gateway_request_size_bytes_total", "Body bytes from clients.", "service", "protocol", "node")
	descOut      = desc("gateway_response_size_bytes_total", "Body bytes to clients.", "service", "protocol", "node")
	descOpen     = desc("gateway_connections", "Open exchanges, tunnels and connections.", "protocol", "node")
	descConns    = desc("gateway_client_connections", "HTTP connections now open, idle ones too, by listener.", "listener", "node")
	descTurned   = desc("gateway_client_connections_refused_total", "HTTP connections closed at once for a limit on connections, by listener.", "listener", "node")
	descServices = desc("gateway_services", "Services that run.", "protocol", "node")
	descTargets  = desc("gateway_targets", "Targets of services.", "service", "node")
	descHealthy  = desc("gateway_healthy_nodes", "Targets of services that take new requests.", "service", "node")
	descRevision = desc("gateway_config_revision", "The revision that runs.", "node")
	descAge      = desc("gateway_config_age_seconds", "How long ago the running configuration was last known to be the wanted one.", "node")
	descFaults   = desc("gateway_config_faults", "Objects that could not be taken over.", "node")
	descQPS      = desc("gateway_qps", "Requests in a second, lately.", "node")
	descCPU      = desc("gateway_cpu_seconds_total", "Processor time used.", "node")
	descMemory   = desc("gateway_memory_bytes", "Resident memory.", "node")
	descDropped  = desc("gateway_access_log_dropped_total", "Lines the access log had no room for.", "node")
	descPanics   = desc("gateway_panics_total", "Exchanges and connections that ended by a panic.", "node")
	descTroubles = desc("gateway_accept_errors_total", "Times that accepting a connection failed.", "node")
)

// Describe names nothing: what there is depends on the configuration.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect gives everything as it is now.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	node := c.conf.Name
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append(labels, node)...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append(labels, node)...)
	}
	gauge(descInfo, 1, c.conf.Version)
	gauge(descReady, one(c.Ready()))
	for _, kind := range liveKinds {
		gauge(descOpen, float64(c.counters.Live(kind).Load()), kind)
	}
	gauge(descQPS, c.rate.load())
	out <- prometheus.MustNewConstMetric(descCPU, prometheus.CounterValue, cpuTime().Seconds(), node)
	gauge(descMemory, float64(residentBytes()))
	count(descPanics, c.panicked())
	count(descTroubles, c.troubles())
	if c.access != nil {
		count(descDropped, c.access.dropped.Load())
	}
	for _, p := range c.openPorts() {
		stats := p.http.Stats()
		gauge(descConns, float64(stats.Open), p.name)
		count(descTurned, stats.Refused, p.name)
	}
	totals := c.counters.Totals()
	total := totals[flow.Total]
	for _, reason := range slices.Sorted(maps.Keys(total.Refused)) {
		count(descRefusals, total.Refused[reason], reason)
	}
	g := c.gen.Load()
	if g == nil {
		return
	}
	gauge(descRevision, float64(g.Head.Number))
	gauge(descFaults, float64(len(g.Faults)))
	c.mu.Lock()
	known := c.knownAt
	c.mu.Unlock()
	if !known.IsZero() {
		gauge(descAge, max(0, c.clock.Now().Sub(known).Seconds()))
	}
	c.services(g, totals, count, gauge, out)
}

func (c *collector) services(g *generation.Generation, totals map[string]flow.Counts,
	count func(*prometheus.Desc, uint64, ...string), gauge func(*prometheus.Desc, float64, ...string), out chan<- prometheus.Metric) {
	protocols := map[string]int{"http": 0, "tcp": 0, "grpc": 0}
	others := map[string]*flow.Counts{} // by protocol
	for i, name := range slices.Sorted(maps.Keys(g.Services)) {
		s := g.Services[name]
		protocols[s.Protocol]++
		counts := totals[flow.ServiceID(name, s.Origin)]
		if i >= maxServices {
			if others[s.Protocol] == nil {
				others[s.Protocol] = new(flow.Counts)
			}
			others[s.Protocol].Add(&counts)
			continue
		}
		c.counts(name, s.Protocol, &counts, count, out)
		gauge(descTargets, float64(len(s.Pool.Health())), name)
		gauge(descHealthy, float64(s.Pool.Alive()), name)
	}
	for protocol, n := range protocols {
		gauge(descServices, float64(n), protocol)
	}
	for protocol, counts := range others {
		c.counts(otherServices, protocol, counts, count, out)
	}
}

func (c *collector) counts(service, protocol string, n *flow.Counts, count func(*prometheus.Desc, uint64, ...string), out chan<- prometheus.Metric) {
	for class, v := range n.Status {
		status := "none"
		if class > 0 {
			status = strconv.Itoa(class) + "xx"
		}
		if v > 0 {
			count(descRequests, v, service, protocol, status)
		}
	}
	failed := n.Status[5]
	if protocol != "tcp" {
		failed += n.Status[0]
	}
	count(descErrors, failed, service, protocol)
	count(descIn, n.In, service, protocol)
	count(descOut, n.Out, service, protocol)

	buckets := make(map[float64]uint64, len(flow.Bounds))
	var sum uint64
	var seconds float64
	for i, v := range n.Hist {
		sum += v
		seconds += float64(v) * middle(i).Seconds()
		if i < len(flow.Bounds) {
			buckets[flow.Bounds[i].Seconds()] = sum
		}
	}
	out <- prometheus.MustNewConstHistogram(descDuration, sum, seconds, buckets, service, protocol, c.conf.Name)
}

// middle stands for every duration of a bucket: sums are not kept.
func middle(i int) time.Duration {
	switch {
	case i == 0:
		return flow.Bounds[0] / 2
	case i < len(flow.Bounds):
		return (flow.Bounds[i-1] + flow.Bounds[i]) / 2
	}
	return flow.Bounds[len(flow.Bounds)-1]
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
