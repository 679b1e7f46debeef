package harness

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// MetricKind is what a metric is made of, in k6's words.
type MetricKind string

// The kinds.
const (
	Trend   MetricKind = "trend"   // a distribution of durations, in milliseconds where it is shown
	Counter MetricKind = "counter" // a sum
	Gauge   MetricKind = "gauge"   // a value that goes up and down; the last, least and greatest are kept
	Rate    MetricKind = "rate"    // how many of all were true
)

// Metric is one row of the table of metrics.
type Metric struct {
	Name string
	Kind MetricKind
	Help string
	// Tags are the keys that its series may carry, for thresholds such as delivery_latency{event:InvoiceCreated}.
	Tags []string
	// Zero says that the metric must be zero for a run to pass where the scenario says nothing else.
	Zero bool
}

// Metrics is every metric there is: thresholds, reports and the schema are made from it.
var Metrics = []*Metric{
	ConnectLatency, LoginLatency, AuthLatency, SubscribeLatency, PublishLatency, DeliveryLatency, PresenceConvergence, ReconnectLatency, HTTPLatency,
	Published, Accepted, PublishRefused, Whispered, Expected, Delivered, DeliveryRate, Missing, Duplicates, Reordered, Leaked, Altered, Late, Foreign,
	Joins, PresenceGhosts, PresenceMissed, PresenceTwice, PresenceDrift, PresenceAltered,
	Iterations, DroppedIterations, Checks, Errors, Closed, Reconnects, DeadListeners,
	Users, Connections, BytesReceived, FramesReceived,
	ScheduleLag, GeneratorCPU, ServerCPU, ServerMemory,
}

// The metrics.
var (
	ConnectLatency      = &Metric{Name: "connect_latency", Kind: Trend, Help: "from dialling to pusher:connection_established", Tags: []string{"scenario"}}
	LoginLatency        = &Metric{Name: "login_latency", Kind: Trend, Help: "a user's login: its page, the credentials and the page after them", Tags: []string{"scenario", "status"}}
	AuthLatency         = &Metric{Name: "auth_latency", Kind: Trend, Help: "a request to the auth endpoint", Tags: []string{"scenario", "kind", "status"}}
	SubscribeLatency    = &Metric{Name: "subscribe_latency", Kind: Trend, Help: "from sending pusher:subscribe to its answer", Tags: []string{"scenario", "kind"}}
	PublishLatency      = &Metric{Name: "publish_latency", Kind: Trend, Help: "from the moment a publish was due to the server's answer over HTTP", Tags: []string{"scenario", "event", "status"}}
	DeliveryLatency     = &Metric{Name: "delivery_latency", Kind: Trend, Help: "from the moment an event was due to its arrival at one client", Tags: []string{"kind", "event", "source"}}
	PresenceConvergence = &Metric{Name: "presence_convergence", Kind: Trend, Help: "from a join or leave until everyone in the channel knew it", Tags: []string{"change"}}
	ReconnectLatency    = &Metric{Name: "reconnect_latency", Kind: Trend, Help: "from losing a connection until all channels are subscribed again", Tags: []string{"scenario"}}
	HTTPLatency         = &Metric{Name: "http_req_duration", Kind: Trend, Help: "a request of an http step", Tags: []string{"scenario", "status", "name"}}

	Published      = &Metric{Name: "events_published", Kind: Counter, Help: "publishes sent over HTTP", Tags: []string{"scenario", "event"}}
	Accepted       = &Metric{Name: "events_accepted", Kind: Counter, Help: "publishes that the server answered with 200", Tags: []string{"scenario", "event"}}
	PublishRefused = &Metric{Name: "events_refused", Kind: Counter, Help: "publishes that the server refused or did not answer", Tags: []string{"scenario", "event", "status"}}
	Whispered      = &Metric{Name: "whispers_sent", Kind: Counter, Help: "client events written to a socket", Tags: []string{"scenario", "event"}}
	Expected       = &Metric{Name: "deliveries_expected", Kind: Counter, Help: "deliveries that accepted events and whispers must cause"}
	Delivered      = &Metric{Name: "deliveries", Kind: Counter, Help: "deliveries that came and were due", Tags: []string{"kind", "event", "source"}}
	DeliveryRate   = &Metric{Name: "delivery_rate", Kind: Rate, Help: "deliveries that came of those that were due"}
	Missing        = &Metric{Name: "deliveries_missing", Kind: Counter, Help: "deliveries that never came", Zero: true}
	Duplicates     = &Metric{Name: "deliveries_duplicate", Kind: Counter, Help: "deliveries that came again", Zero: true}
	Reordered      = &Metric{Name: "deliveries_reordered", Kind: Counter, Help: "deliveries that came after one that was sent later", Zero: true}
	Leaked         = &Metric{Name: "deliveries_leaked", Kind: Counter, Help: "deliveries to somebody who must not get them", Zero: true}
	Altered        = &Metric{Name: "deliveries_altered", Kind: Counter, Help: "deliveries whose data is not what was sent", Zero: true}
	Late           = &Metric{Name: "deliveries_late", Kind: Counter, Help: "deliveries that took longer than the scenario's lateAfter"}
	Foreign        = &Metric{Name: "deliveries_foreign", Kind: Counter, Help: "events that nobody of the run published"}

	Joins           = &Metric{Name: "presence_changes", Kind: Counter, Help: "joins and leaves of members that others had to be told", Tags: []string{"change"}}
	PresenceGhosts  = &Metric{Name: "presence_ghosts", Kind: Counter, Help: "members that a client lists although they are gone", Zero: true}
	PresenceMissed  = &Metric{Name: "presence_missed", Kind: Counter, Help: "joins and leaves that a client was never told", Tags: []string{"change"}, Zero: true}
	PresenceTwice   = &Metric{Name: "presence_duplicate", Kind: Counter, Help: "joins and leaves that a client was told more than once, or that did not happen", Tags: []string{"change"}, Zero: true}
	PresenceDrift   = &Metric{Name: "presence_drift", Kind: Counter, Help: "lists of members whose count or content was not the truth", Zero: true}
	PresenceAltered = &Metric{Name: "presence_altered", Kind: Counter, Help: "members that a client was told of, or listed, with other user_info than they joined with", Zero: true}

	Iterations        = &Metric{Name: "iterations", Kind: Counter, Help: "times a scenario's steps were run through", Tags: []string{"scenario"}}
	DroppedIterations = &Metric{Name: "dropped_iterations", Kind: Counter, Help: "iterations that were due while no virtual user was free", Tags: []string{"scenario"}, Zero: true}
	Checks            = &Metric{Name: "checks", Kind: Rate, Help: "expectations that held", Tags: []string{"scenario", "check"}}
	Errors            = &Metric{Name: "errors", Kind: Counter, Help: "things that went wrong for a user, by kind: a step that failed, a message that makes no sense", Tags: []string{"scenario", "error"}, Zero: true}
	Closed            = &Metric{Name: "connections_closed", Kind: Counter, Help: "connections that the server or the network ended, by close code; those that the user's own steps ended are not counted", Tags: []string{"code"}}
	Reconnects        = &Metric{Name: "reconnects", Kind: Counter, Help: "connections made again after they were lost", Tags: []string{"scenario"}}
	DeadListeners     = &Metric{Name: "dead_listeners", Kind: Counter, Help: "listeners that can never fire, such as .listen('InvoiceCreated') for an event sent with broadcastAs", Tags: []string{"event"}, Zero: true}

	Users          = &Metric{Name: "vus", Kind: Gauge, Help: "virtual users at work", Tags: []string{"scenario"}}
	Connections    = &Metric{Name: "connections", Kind: Gauge, Help: "connections established"}
	BytesReceived  = &Metric{Name: "data_received", Kind: Counter, Help: "bytes of received messages"}
	FramesReceived = &Metric{Name: "messages_received", Kind: Counter, Help: "messages received"}

	ScheduleLag  = &Metric{Name: "schedule_lag", Kind: Trend, Help: "how much later than due the generator began something"}
	GeneratorCPU = &Metric{Name: "generator_cpu", Kind: Gauge, Help: "processors that the generator used"}
	ServerCPU    = &Metric{Name: "server_cpu", Kind: Gauge, Help: "processors that the server used, where it is local"}
	ServerMemory = &Metric{Name: "server_memory", Kind: Gauge, Help: "resident bytes of the server, where it is local"}
)

// MetricNamed is the row of that name; near is the most similar name where there is none.
func MetricNamed(name string) (m *Metric, ok bool) {
	for _, m := range Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return nil, false
}

// Tag is one key and value of a series.
type Tag struct{ Key, Value string }

// Series identifies a metric with its tags inside one Registry; get it once, use it often.
type Series uint32

// Bounds of a histogram: 1 µs to 60 s, three digits. What is longer counts as 60 s, in the last bucket, and as clipped.
const (
	histogramMax    = int64(60 * time.Second / time.Microsecond)
	histogramDigits = 3
	// maxPoints is how many points of time a series keeps; beyond it two neighbours become one.
	maxPoints = 600
	// maxSeries bounds the series of one metric, for values that a server makes up (close codes, statuses); the rest is
	// counted under the tag value "other".
	maxSeries = 200
	// bufferSize is how many durations a Recorder collects before it puts them into a histogram.
	bufferSize = 4096
)

// Registry keeps every metric of a run. Its methods can be called from any goroutine.
type Registry struct {
	mu        sync.Mutex
	keys      map[string]Series
	series    []*seriesData
	perMetric map[*Metric]int
	recorders []*Recorder
	step      time.Duration // length of a point
	points    int           // closed ones
	ticks     int           // seconds since the last one
}

type seriesData struct {
	metric     *Metric
	tags       []Tag
	total      *hdrhistogram.Histogram // trends
	now        *hdrhistogram.Histogram // trends: since the last point
	sum        float64                 // trends: exact, in µs
	count      int64                   // counters, rates (all)
	good       int64                   // rates
	last       float64                 // gauges
	least      float64
	most       float64
	set        bool
	clipped    int64
	before     int64 // count at the last point
	goodBefore int64
	points     []Point
}

// NewRegistry makes an empty Registry.
func NewRegistry() *Registry {
	return &Registry{keys: make(map[string]Series), perMetric: make(map[*Metric]int), step: time.Second}
}

// Series returns the series of a metric with these tags, made on first use. The same tags in another order are the
// same series.
func (r *Registry) Series(m *Metric, tags ...Tag) Series {
	tags = slices.Clone(tags)
	slices.SortFunc(tags, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	r.mu.Lock()
	defer r.mu.Unlock()
	s, known := r.keys[seriesKey(m, tags)]
	if known {
		return s
	}
	if r.perMetric[m] >= maxSeries && len(tags) > 0 {
		for i := range tags {
			tags[i].Value = "other"
		}
		if s, known = r.keys[seriesKey(m, tags)]; known {
			return s
		}
	}
	s = Series(len(r.series))
	r.series = append(r.series, &seriesData{metric: m, tags: tags})
	r.keys[seriesKey(m, tags)] = s
	r.perMetric[m]++
	return s
}

func seriesKey(m *Metric, tags []Tag) string {
	var b strings.Builder
	b.WriteString(m.Name)
	for _, t := range tags {
		b.WriteString("\x00" + t.Key + "\x01" + t.Value)
	}
	return b.String()
}

// Recorder takes measurements of one goroutine, or of a few that seldom meet. Its methods can be called from any.
type Recorder struct {
	r      *Registry
	mu     sync.Mutex
	trends [][]int32 // by Series: µs not yet in a histogram
	counts []int64   // by Series
	goods  []int64
}

// Recorder makes one more recorder.
func (r *Registry) Recorder() *Recorder {
	rec := &Recorder{r: r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recorders = append(r.recorders, rec)
	return rec
}

// Duration records one value of a trend; a negative one, which only a clock of another machine makes, counts as 0.
func (rec *Recorder) Duration(s Series, d time.Duration) {
	rec.mu.Lock()
	rec.durationLocked(s, d)
}

// delivery records how long a delivery took and adds it to the counter came.
func (rec *Recorder) delivery(latency Series, d time.Duration, came Series) {
	rec.mu.Lock()
	for int(came) >= len(rec.counts) {
		rec.counts = append(rec.counts, 0)
	}
	rec.counts[came]++
	rec.durationLocked(latency, d)
}

// durationLocked unlocks: a full buffer is put away without the lock.
func (rec *Recorder) durationLocked(s Series, d time.Duration) {
	us := max(0, min(int64(d/time.Microsecond), 1<<31-1))
	for int(s) >= len(rec.trends) {
		rec.trends = append(rec.trends, nil)
	}
	buffer := append(rec.trends[s], int32(us))
	rec.trends[s] = buffer
	full := len(buffer) >= bufferSize
	if full {
		rec.trends[s] = make([]int32, 0, bufferSize)
	}
	rec.mu.Unlock()
	if full {
		rec.r.take(s, buffer)
	}
}

// Add adds to a counter.
func (rec *Recorder) Add(s Series, n int64) {
	rec.mu.Lock()
	for int(s) >= len(rec.counts) {
		rec.counts = append(rec.counts, 0)
	}
	rec.counts[s] += n
	rec.mu.Unlock()
}

// frame adds one to the counter frames and n to the counter bytes.
func (rec *Recorder) frame(frames, bytes Series, n int64) {
	rec.mu.Lock()
	for int(max(frames, bytes)) >= len(rec.counts) {
		rec.counts = append(rec.counts, 0)
	}
	rec.counts[frames]++
	rec.counts[bytes] += n
	rec.mu.Unlock()
}

// Check records one value of a rate.
func (rec *Recorder) Check(s Series, good bool) {
	rec.mu.Lock()
	for int(s) >= len(rec.counts) {
		rec.counts = append(rec.counts, 0)
	}
	for int(s) >= len(rec.goods) {
		rec.goods = append(rec.goods, 0)
	}
	rec.counts[s]++
	if good {
		rec.goods[s]++
	}
	rec.mu.Unlock()
}

// count is what a counter has come to.
func (r *Registry) count(s Series) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gatherLocked()
	return r.series[s].count
}

// Set sets a gauge.
func (r *Registry) Set(s Series, value float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.series[s].gauge(value)
}

func (d *seriesData) gauge(value float64) {
	if !d.set {
		d.least, d.most, d.set = value, value, true
	}
	d.last, d.least, d.most = value, min(d.least, value), max(d.most, value)
}

func (r *Registry) take(s Series, us []int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.series[s].durations(us)
}

func (d *seriesData) durations(us []int32) {
	if d.total == nil {
		d.total = newHistogram()
		d.now = newHistogram()
	}
	for _, v := range us {
		value := max(1, int64(v))
		if value > histogramMax {
			value = histogramMax
			d.clipped++
		}
		_ = d.now.RecordValue(value)
		d.sum += float64(v)
		d.gauge(float64(v) / 1000)
	}
	d.count += int64(len(us))
}

// Gather takes what the recorders have.
func (r *Registry) Gather() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gatherLocked()
}

func (r *Registry) gatherLocked() {
	for _, rec := range r.recorders {
		rec.mu.Lock()
		for s, us := range rec.trends {
			if len(us) > 0 {
				r.series[s].durations(us)
				rec.trends[s] = us[:0]
			}
		}
		for s, n := range rec.counts {
			if n != 0 {
				r.series[s].count += n
				rec.counts[s] = 0
			}
		}
		for s, n := range rec.goods {
			if n != 0 {
				r.series[s].good += n
				rec.goods[s] = 0
			}
		}
		rec.mu.Unlock()
	}
}

// addAt adds to a counter at a moment of the run that may have its point already.
func (r *Registry) addAt(s Series, n int64, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.series[s]
	d.count += n
	step := int(at / r.step)
	if step >= r.points {
		return // the point is still to come
	}
	d.before += n
	d.points = growPoints(d.points, step, n)
}

// growPoints adds to the point of a step, which is made where there is none, and goes where nothing is left of it.
func growPoints(points []Point, step int, n int64) []Point {
	i, there := slices.BinarySearchFunc(points, step, func(p Point, step int) int { return p.N - step })
	if !there {
		points = slices.Insert(points, i, Point{N: step})
	}
	if points[i].Count += n; points[i].Count == 0 {
		points = slices.Delete(points, i, i+1)
	}
	return points
}

// Tick gathers and, when a point of time is over, begins the next. The runner calls it once a second.
func (r *Registry) Tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gatherLocked()
	if r.ticks++; time.Duration(r.ticks)*time.Second < r.step {
		return
	}
	r.ticks = 0
	for _, d := range r.series {
		d.point(r.points)
	}
	if r.points++; r.points >= maxPoints {
		r.points = (r.points + 1) / 2
		for _, d := range r.series {
			d.halve()
		}
		r.step *= 2
	}
}

// checks records many values of a rate.
func (rec *Recorder) checks(s Series, all, good int64) {
	if all == 0 {
		return
	}
	rec.Add(s, all)
	rec.mu.Lock()
	for int(s) >= len(rec.goods) {
		rec.goods = append(rec.goods, 0)
	}
	rec.goods[s] += good
	rec.mu.Unlock()
}

// deliveries is how many deliveries came so far, and the 95th percentile of their latency, for whoever watches.
func (r *Registry) deliveries() (n int64, p95 time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := newHistogram()
	for _, d := range r.series {
		switch d.metric {
		case Delivered:
			n += d.count
		case DeliveryLatency:
			if d.total != nil {
				all.Merge(d.total)
				all.Merge(d.now)
			}
		}
	}
	return n, time.Duration(all.ValueAtQuantile(95)) * time.Microsecond
}
