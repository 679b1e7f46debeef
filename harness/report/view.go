package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"echolab/harness"
)

// latencyRow is one line of the table of latencies.
type latencyRow struct {
	Name   string
	Inner  bool // a part of the row above
	Metric harness.MetricResult
}

// trends are the metrics of the table of latencies with the tags by which their parts are told apart.
var trends = []struct {
	metric *harness.Metric
	label  string
	by     []string
}{
	{harness.ConnectLatency, "connect", nil},
	{harness.LoginLatency, "login", []string{"status"}},
	{harness.AuthLatency, "auth", []string{"kind", "status"}},
	{harness.SubscribeLatency, "subscribe", []string{"kind"}},
	{harness.PublishLatency, "publish", []string{"event", "status"}},
	{harness.DeliveryLatency, "delivery", []string{"kind", "event", "source"}},
	{harness.PresenceConvergence, "presence convergence", []string{"change"}},
	{harness.ReconnectLatency, "reconnect", nil},
	{harness.HTTPLatency, "http", []string{"name", "status"}},
}

// maxParts is how many parts of a metric are shown; the rest is in the JSON and the CSV.
const maxParts = 12

// latencies are the rows of the table. A part that is all of its metric is left out.
func latencies(r *harness.Result) (rows []latencyRow) {
	for _, t := range trends {
		whole, ok := r.Total(t.metric.Name, nil)
		if !ok || whole.Count == 0 {
			continue
		}
		rows = append(rows, latencyRow{Name: t.label, Metric: whole})
		if len(t.by) == 0 {
			continue
		}
		parts := parts(r, t.metric.Name, t.by)
		if len(parts) < 2 && t.metric != harness.DeliveryLatency {
			continue
		}
		more := 0
		if len(parts) > maxParts {
			more = len(parts) - maxParts
			parts = parts[:maxParts]
		}
		rows = append(rows, parts...)
		if more > 0 {
			rows[len(rows)-1].Name += fmt.Sprintf(" (and %d more)", more)
		}
	}
	return rows
}

// parts joins a metric's series by the given tags, those with most values first.
func parts(r *harness.Result, metric string, by []string) (rows []latencyRow) {
	seen := make(map[string]map[string]string)
	for i := range r.Metrics {
		m := &r.Metrics[i]
		if m.Name != metric || m.Count == 0 {
			continue
		}
		tags := make(map[string]string)
		for _, key := range by {
			if value := m.Tags[key]; value != "" {
				tags[key] = value
			}
		}
		seen[partName(tags, by)] = tags
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {

		var sum harness.MetricResult
		sum, ok := r.Total(metric, seen[name])
		if !ok || name == "" {
			continue
		}
		rows = append(rows, latencyRow{Name: name, Inner: true, Metric: sum})
	}
	slices.SortStableFunc(rows, func(a, b latencyRow) int { return cmp.Compare(b.Metric.Count, a.Metric.Count) })
	return rows
}

// partName is how a part is called: its tags' values, but for what goes without saying.
func partName(tags map[string]string, by []string) string {
	var words []string
	for _, key := range by {
		value := tags[key]
		switch {
		case value == "", key == "source" && value == "http":
		case key == "source":
			words = append(words, "("+plain(value)+")")
		default:
			words = append(words, plain(value))
		}
	}
	return strings.Join(words, " ")
}

// tagged is how often something happened, by one tag.
type tagged struct {
	Name  string
	Count int64
}

// counts are a counter's sums by one tag, the greatest first.
func counts(r *harness.Result, metric *harness.Metric, tag string) (all []tagged) {
	sums := make(map[string]int64)
	for i := range r.Metrics {
		if m := &r.Metrics[i]; m.Name == metric.Name && m.Count > 0 {
			name := m.Tags[tag]
			if name == "" {
				name = "other"
			}
			sums[name] += m.Count
		}
	}
	for name, n := range sums {
		all = append(all, tagged{name, n})
	}
	slices.SortFunc(all, func(a, b tagged) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return all
}

func total(r *harness.Result, metric *harness.Metric) int64 {
	m, _ := r.Total(metric.Name, nil)
	return m.Count
}

// closeCodes says what pusher.com's documents and Reverb mean by a code.
var closeCodes = map[string]string{
	"1000": "normal", "1001": "going away", "1005": "no code", "1006": "connection lost", "1009": "message too big", "1011": "server error",
	"4001": "no such app", "4003": "app disabled", "4004": "over quota", "4007": "protocol version", "4009": "not authorised",
	"4100": "over capacity", "4200": "reconnect at once", "4201": "pong not in time", "4202": "closed for inactivity", "4301": "rate of client events",
}

// wrong is one kind of wrong delivery or belief with its count.
type wrong struct {
	What  string
	Count int64
	// Neutral ones do not fail a run by themselves.
	Neutral bool
}

func deliveryWrongs(d harness.DeliveryResult) []wrong {
	return []wrong{{"missing", d.Missing, false}, {"duplicate", d.Duplicate, false}, {"reordered", d.Reordered, false}, {"leaked", d.Leaked, false}, {"altered", d.Altered, false},
		{"late", d.Late, true}}
}

func presenceWrongs(p harness.PresenceResult) []wrong {
	return []wrong{{"ghosts", p.Ghosts, false}, {"missed", p.Missed, false}, {"duplicate", p.Twice, false}, {"drift", p.Drift, false}, {"altered", p.Altered, false}}
}

// sound tells whether nothing was wrong.
func sound(all []wrong) bool {
	return !slices.ContainsFunc(all, func(w wrong) bool { return w.Count > 0 && !w.Neutral })
}

// split parts thresholds into those that failed, those of the scenario that held, and those that hold by default.
func split(all []harness.ThresholdResult) (failed, held, byDefault []harness.ThresholdResult) {
	for _, t := range all {
		switch {
		case !t.OK:
			failed = append(failed, t)
		case t.Place == "":
			byDefault = append(byDefault, t)
		default:
			held = append(held, t)
		}
	}
	return failed, held, byDefault
}

// value is a threshold's measured value with its unit.
func value(t harness.ThresholdResult) string {
	if t.Empty && !strings.HasPrefix(t.Expression, "count") && t.Value == 0 {
		if t.OK {
			return "0"
		}
		return "nothing was measured"
	}
	name, _, _ := strings.Cut(t.Metric, "{")
	m, known := harness.MetricNamed(name)
	timed := known && m.Kind == harness.Trend && !strings.HasPrefix(t.Expression, "count")
	switch {
	case timed:
		return ms(t.Value) + " ms"
	case known && m.Kind == harness.Rate && !strings.HasPrefix(t.Expression, "count"):
		return trim(fmt.Sprintf("%.3f", t.Value*100)) + " %"
	}
	return number(t.Value)
}

// atSecond writes an instant of the run.
func atSecond(v float64) string { return fmt.Sprintf("%.3f s", v/1000) }

// duration is how long the run took.
func duration(r *harness.Result) time.Duration {
	return time.Duration(r.DurationMS * float64(time.Millisecond))
}

// target is what was tested, in one line.
func target(r *harness.Result) string {
	switch {
	case r.Target.Embedded:
		return "the embedded emulator"
	case r.Target.Server != "":
		return plain(r.Target.URL + " (" + r.Target.Server + ")")
	}
	return plain(r.Target.URL)
}

// title is what a run is called.
func title(r *harness.Result) string { return plain(cmp.Or(r.Name, r.File, r.ID)) }

func evidenceLine(e harness.Evidence) string {
	line := fmt.Sprintf("#%d %s on %s → %s", e.N, e.Event, e.Channel, e.Client)
	if e.Socket != "" {
		line += " (" + e.Socket + ")"
	}
	return plain(line + ", sent at " + atSecond(e.SentMS) + ": " + e.Why)
}

func presenceLine(e harness.PresenceEvidence) string {
	if e.Member == "" { // a count is wrong, not somebody
		return plain(fmt.Sprintf("members of %s, seen by %s at %s: %s", e.Channel, e.Client, atSecond(e.AtMS), e.Why))
	}
	return plain(fmt.Sprintf("member %s of %s, seen by %s at %s: %s", e.Member, e.Channel, e.Client, atSecond(e.AtMS), e.Why))
}

func listenerLine(l harness.DeadListener) string {
	return plain(fmt.Sprintf(".listen('%s') on %s waits for %s, but %s came %s (%s)", l.Event, l.Channel, l.Bound, l.Came, times(l.Missed), plural(l.Clients, "client")))
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return count(n) + " times"
}

// healthFigures is the generator in one line.
func healthFigures(h harness.HealthResult) string {
	if h.CPUs == 0 {
		return "nothing was measured"
	}
	parts := []string{
		"schedule lag p99 " + ms(h.ScheduleLagP99MS) + " ms",
		fmt.Sprintf("CPU %.2f of %s (most %.2f)", h.CPU, number(h.CPUs), h.CPUMost),
		"GC pause " + ms(h.GCPauseMS) + " ms",
		"memory " + size(h.MemoryMost),
	}
	if h.SocketErrors > 0 {
		parts = append(parts, plural(h.SocketErrors, "socket")+" not to be had")
	}
	return strings.Join(parts, ", ")
}
