package metrics

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"echolab/emulator/journal"
)

// Readings is the state at the moment of a scrape.
type Readings struct {
	Apps  []AppReadings
	Store StoreReadings
	Last  uint64 // the journal's newest entry: the counters wait for it
}

// AppReadings is who is on one application, and what waits for them.
type AppReadings struct {
	ID                                   string
	Connections, Subscriptions, Channels int
	QueuedBytes, QueuedMax               int // waiting for all connections; for the one with most
}

// StoreReadings is how the store is doing.
type StoreReadings struct {
	OK            bool
	BehindEntries uint64
	BehindBytes   int64
	Lost          uint64
	Bytes         int64
}

// Metrics is everything that /metrics shows. Make it with New; its methods may be called from any goroutine.
type Metrics struct {
	read     func() Readings
	registry *prometheus.Registry

	accepted, deliveries, undelivered, opened, closed, slow, refused, hooks *prometheus.CounterVec
	missed, committed                                                       prometheus.Counter
	commits                                                                 prometheus.Histogram
	publishes                                                               *prometheus.HistogramVec

	mu       sync.Mutex              // guards what follows
	apps     map[string]*appCounters // by id: those that are served, see Serve
	own      int                     // how many of them have a label of their own
	others   *appCounters            // of those without
	unserved *appCounters            // of those that are not served, or no more
	seen     uint64                  // counted up to here
	ended    bool                    // nothing is counted any more
	progress chan struct{}           // closed and replaced when seen has grown
}

// appCounters is one value of the label app, with what the busiest entries need looked up once.
type appCounters struct {
	label                   string
	accepted                [4]prometheus.Counter // by journal.Source
	deliveries, undelivered prometheus.Counter
}

// New builds the metrics. read is called at each scrape; it may take locks, but not for long.
func New(read func() Readings) *Metrics {
	m := &Metrics{read: read, registry: prometheus.NewRegistry(), apps: make(map[string]*appCounters), progress: make(chan struct{})}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "echolab_" + name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	m.accepted = counters("events_accepted_total", "Events accepted, one for each channel, by the door they came through.", "app", "source")
	m.deliveries = counters("deliveries_total", "Events handed to a subscriber's connection.", "app")
	m.undelivered = counters("undelivered_total", "Accepted events that nobody got.", "app")
	m.opened = counters("connections_opened_total", "WebSocket connections accepted.", "app")
	m.closed = counters("connections_closed_total", "WebSocket connections ended, by reason.", "app", "reason")
	m.slow = counters("slow_consumers_total", "Connections closed because they did not read what was sent to them.", "app")
	m.refused = counters("refused_total", "Connections, requests and messages turned away, by Pusher or HTTP code.", "app", "code")
	m.hooks = counters("webhooks_total", "Webhooks: requests delivered, requests that failed and are to be retried (each time), and events given_up.", "app", "outcome")
	m.missed = prometheus.NewCounter(prometheus.CounterOpts{Name: "echolab_metrics_missed_entries_total",
		Help: "Things that happened faster than they could be counted here."})
	m.committed = prometheus.NewCounter(prometheus.CounterOpts{Name: "echolab_store_committed_entries_total", Help: "Entries written to the store."})
	m.commits = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "echolab_store_commit_duration_seconds",
		Help: "Time for one transaction of the store.", Buckets: buckets})
	m.publishes = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "echolab_publish_duration_seconds",
		Help:    "Time from a publisher's request to its answer, delivery and store included: http is the application's, server the control API's.",
		Buckets: buckets}, []string{"source"})
	for _, source := range []journal.Source{journal.HTTP, journal.Server} {
		m.publishes.WithLabelValues(source.String())
	}
	m.registry.MustRegister(m.missed, m.committed, m.commits, m.publishes, gauges{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// buckets are bounds in seconds.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}

// Committed is told of a transaction of the store.
func (m *Metrics) Committed(entries int, took time.Duration) {
	m.committed.Add(float64(entries))
	m.commits.Observe(took.Seconds())
}

// Answered is told of a publish once it is answered: source is journal.HTTP for the application's, journal.Server for the
// control API's. Without kept it was turned away with 503.
func (m *Metrics) Answered(source journal.Source, took time.Duration, kept bool) {
	if !kept {
		m.refused.WithLabelValues("", "503").Inc()
		return
	}
	m.publishes.WithLabelValues(source.String()).Observe(took.Seconds())
}

// HookRetried is told of each request of a webhook of an application that failed and is to be tried again.
func (m *Metrics) HookRetried(app string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hooks.WithLabelValues(m.appLocked(app).label, hookRetried).Inc()
}

const (
	batch = 256
	// gather is how long Follow lets entries collect, so that a busy journal does not wake it for each. The journal keeps
	// 8192 entries for followers that nobody waits for: enough for this long at 800 000 a second.
	gather = 10 * time.Millisecond
)

// Follow counts what the tail reads until the journal is closed or ctx ends. Call it once.
func (m *Metrics) Follow(ctx context.Context, tail *journal.Tail) {
	defer tail.Close()
	buf := make([]journal.Entry, batch)
	for {
		n, lost, err := tail.Next(ctx, buf)
		m.missed.Add(float64(lost))
		m.mu.Lock()
		for i := range buf[:n] {
			m.countLocked(&buf[i])
		}
		if n > 0 {
			m.seen = buf[n-1].Seq
		}
		m.ended = err != nil
		close(m.progress)
		m.progress = make(chan struct{})
		m.mu.Unlock()
		if err != nil {
			return
		}
		clear(buf[:n]) // let go of the payloads
		if n < batch {
			time.Sleep(gather)
		}
	}
}

// catchUp waits until everything up to seq is counted, a second at most.
func (m *Metrics) catchUp(ctx context.Context, seq uint64) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		m.mu.Lock()
		done, progress := m.seen >= seq || m.ended, m.progress
		m.mu.Unlock()
		if done {
			return
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return
		}
	}
}

// Handler serves the metrics: what happened before the request is in them.
func (m *Metrics) Handler() http.Handler {
	serve := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.catchUp(r.Context(), m.read().Last)
		serve.ServeHTTP(w, r)
	})
}

// gauges are read at the scrape.
type gauges struct{ m *Metrics }

type gauge struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*Readings) float64
}

func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("echolab_"+name, help, labels, nil)
}

var appGauges = []struct {
	desc  *prometheus.Desc
	value func(*AppReadings) int
}{
	{described("connections", "Open WebSocket connections.", "app"), func(a *AppReadings) int { return a.Connections }},
	{described("subscriptions", "Subscriptions: sockets on channels.", "app"), func(a *AppReadings) int { return a.Subscriptions }},
	{described("channels", "Occupied channels.", "app"), func(a *AppReadings) int { return a.Channels }},
	{described("queue_bytes", "Bytes waiting to be written to all connections.", "app"), func(a *AppReadings) int { return a.QueuedBytes }},
	{described("queue_max_bytes", "Bytes waiting for the connection with most of them.", "app"),
		func(a *AppReadings) int { return a.QueuedMax }},
}

var storeGauges = []gauge{
	{described("store_up", "1 while what is acknowledged is kept, 0 while the store cannot be written."), prometheus.GaugeValue, func(r *Readings) float64 {
		if r.Store.OK {
			return 1
		}
		return 0
	}},
	{described("store_behind_entries", "Entries that happened and are not committed yet."), prometheus.GaugeValue,
		func(r *Readings) float64 { return float64(r.Store.BehindEntries) }},
	{described("store_behind_bytes", "Bytes of the entries that happened and are not committed yet; from 32 MiB on publishers are made to wait."), prometheus.GaugeValue,
		func(r *Readings) float64 { return float64(r.Store.BehindBytes) }},
	{described("store_lost_entries_total", "Entries that were not kept."), prometheus.CounterValue,
		func(r *Readings) float64 { return float64(r.Store.Lost) }},
	{described("store_size_bytes", "Size of the store's files."), prometheus.GaugeValue,
		func(r *Readings) float64 { return float64(r.Store.Bytes) }},
}

// Describe implements prometheus.Collector.
func (g gauges) Describe(to chan<- *prometheus.Desc) {
	for _, row := range appGauges {
		to <- row.desc
	}
	for _, row := range storeGauges {
		to <- row.desc
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	r := g.m.read()
	labels := g.m.labels(r.Apps)
	for _, row := range appGauges {
		others, some := 0.0, false // applications without a label of their own
		for i := range r.Apps {
			value := float64(row.value(&r.Apps[i]))
			if labels[i] == otherApps {
				others, some = others+value, true
				continue
			}
			to <- prometheus.MustNewConstMetric(row.desc, prometheus.GaugeValue, value, labels[i])
		}
		if some {
			to <- prometheus.MustNewConstMetric(row.desc, prometheus.GaugeValue, others, otherApps)
		}
	}
	for _, row := range storeGauges {
		to <- prometheus.MustNewConstMetric(row.desc, row.kind, row.value(&r))
	}
}
