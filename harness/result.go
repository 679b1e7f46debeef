package harness

import (
	"slices"
	"time"
)

// Verdict is how a run ended.
type Verdict string

// The verdicts, with the exit code of `echolab run`.
const (
	Passed       Verdict = "passed"       // 0
	Failed       Verdict = "failed"       // 1: a threshold or an expectation
	Unreachable  Verdict = "unreachable"  // 3: nothing could be asked of the target
	Inconclusive Verdict = "inconclusive" // 4: the generator could not measure what it was to measure
	Interrupted  Verdict = "interrupted"  // 130
)

// ExitCode is the process's exit code for a verdict. A scenario or flags that are wrong (2) never become a Result.
func (v Verdict) ExitCode() int {
	switch v {
	case Passed:
		return 0
	case Unreachable:
		return 3
	case Inconclusive:
		return 4
	case Interrupted:
		return 130
	}
	return 1
}

// ResultVersion is the version of Result's JSON. A reader refuses a newer one.
const ResultVersion = 1

// Result is everything that a run came to: reports are made from it alone, and several can be joined (Merge).
type Result struct {
	Version  int    `json:"version"`
	ID       string `json:"id"`
	Name     string `json:"name"`
	File     string `json:"file"` // the scenario, as it was named
	Seed     uint64 `json:"seed"`
	PlanHash string `json:"plan_hash"` // of the whole plan: the same for every segment
	Segment  string `json:"segment"`   // such as 2/5; "" for all of it
	// Absent are the segments that were not there to be merged; without them there is no verdict.
	Absent  []string  `json:"absent,omitempty"`
	Started time.Time `json:"started"`
	// DurationMS is how long the run took without its drain, in milliseconds.
	DurationMS  float64     `json:"duration_ms"`
	Target      TargetInfo  `json:"target"`
	Environment Environment `json:"environment"`

	Verdict Verdict `json:"verdict"`
	// Reasons are one line each: why the run did not pass, the worst first.
	Reasons []string `json:"reasons"`
	// Warnings are for people and change nothing.
	Warnings []string `json:"warnings"`

	Metrics      []MetricResult    `json:"metrics"`
	Thresholds   []ThresholdResult `json:"thresholds"`
	Expectations []Expectation     `json:"expectations"`
	Delivery     DeliveryResult    `json:"delivery"`
	Presence     PresenceResult    `json:"presence"`
	Health       HealthResult      `json:"health"`
	Listeners    []DeadListener    `json:"dead_listeners"`
	Phases       []Phase           `json:"phases"`
	Plan         []string          `json:"plan"` // as --dry-run prints it
	Knee         *Knee             `json:"knee,omitempty"`
	// Share is what a segment leaves to Merge: what it sent and what came of other segments, packed (share.go).
	Share []byte `json:"share,omitempty"`
}

// TargetInfo is what was tested. Secrets are not part of it.
type TargetInfo struct {
	URL      string `json:"url"`
	AppID    string `json:"app_id"`
	AppKey   string `json:"app_key"`
	Server   string `json:"server"`   // what it says it is, as far as it does
	Embedded bool   `json:"embedded"` // Echolab's own, in the same process
}

// Environment is where a run ran.
type Environment struct {
	Echolab  string `json:"echolab"` // version
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	CPUs     int    `json:"cpus"`
	Hostname string `json:"hostname"`
	CI       string `json:"ci"` // such as "github 1234/2", "" elsewhere
}

// MetricResult is one series at the end. Durations are in milliseconds, other values as they are.
type MetricResult struct {
	Name string            `json:"name"`
	Kind MetricKind        `json:"kind"`
	Tags map[string]string `json:"tags"`

	Count int64   `json:"count"`
	Good  int64   `json:"good,omitempty"`
	Last  float64 `json:"last,omitempty"`
	Least float64 `json:"least,omitempty"`
	Most  float64 `json:"most,omitempty"`
	// SumMS is a trend's, and Least and Most are its shortest and longest duration.
	SumMS float64 `json:"sum_ms,omitempty"`
	// Clipped counts durations beyond the histogram's 60 s.
	Clipped int64 `json:"clipped,omitempty"`
	// Histogram is the whole trend's, as Point.Histogram.
	Histogram string `json:"histogram,omitempty"`

	StepMS float64 `json:"step_ms"`
	Points []Point `json:"points"`

	histogram distribution // decoded once
}

// ThresholdResult is what became of one threshold.
type ThresholdResult struct {
	Metric     string  `json:"metric"` // with its tags, as in the scenario
	Expression string  `json:"expression"`
	OK         bool    `json:"ok"`
	Value      float64 `json:"value"`
	// Empty says that nothing was measured, which no threshold but count and value passes.
	Empty   bool   `json:"empty"`
	Aborted bool   `json:"aborted"` // abortOnFail ended the run
	Place   string `json:"place"`   // file:line:column
}

// Expectation is one expect step, over all virtual users.
type Expectation struct {
	Name     string   `json:"name"`
	Scenario string   `json:"scenario"`
	Place    string   `json:"place"`
	Held     int64    `json:"held"`
	Failed   int64    `json:"failed"`
	Evidence []string `json:"evidence"` // some of the failures, one line each
}

// DeadListener is a listener that could not fire, with what would.
type DeadListener struct {
	Channel string `json:"channel"`
	Event   string `json:"event"` // as .listen was given it
	Bound   string `json:"bound"` // what Echo made of it
	Came    string `json:"came"`  // the event that was there instead
	Fix     string `json:"fix"`
	Place   string `json:"place"` // file:line:column of the listen step
	Clients int64  `json:"clients"`
	Missed  int64  `json:"missed"` // events that came by
}

// Phase is a part of the run: a scenario's stage, the drain.
type Phase struct {
	Name    string  `json:"name"`
	StartMS float64 `json:"start_ms"`
	EndMS   float64 `json:"end_ms"`
}

// Knee is what --find-knee found.
type Knee struct {
	Rate     float64    `json:"rate"` // the last that held, a second; 0: not even the first
	Broke    string     `json:"broke"`
	Attempts []KneeStep `json:"attempts"`
}

// KneeStep is one rate that was tried.
type KneeStep struct {
	Rate    float64  `json:"rate"`
	Held    bool     `json:"held"`
	Reasons []string `json:"reasons"`
	P95MS   float64  `json:"p95_ms"`
}

// Metric is the series of that name whose tags include the given ones, joined into one; ok is false where nothing was
// measured.
func (r *Result) Metric(name string, tags map[string]string) (m MetricResult, ok bool) {
	for i := range r.Metrics {
		s := &r.Metrics[i]
		if s.Name != name || !s.has(tags) {
			continue
		}
		if !ok {
			m, ok = s.clone(), true
			m.Tags = tags
			continue
		}
		m.join(s)
	}
	return m, ok
}

// Total is Metric without its points of time: much cheaper where there are many.
func (r *Result) Total(name string, tags map[string]string) (m MetricResult, ok bool) {
	for i := range r.Metrics {
		if r.Metrics[i].Name != name || !r.Metrics[i].has(tags) {
			continue
		}
		part := r.Metrics[i]
		part.Points = nil
		if ok {
			m.join(&part)
			continue
		}
		m, ok = part, true
		m.Tags = tags
	}
	return m, ok
}

func (m *MetricResult) has(tags map[string]string) bool {
	for key, value := range tags {
		if m.Tags[key] != value {
			return false
		}
	}
	return true
}

func (m *MetricResult) clone() MetricResult {
	c := *m
	c.Points = slices.Clone(m.Points)
	return c
}

// Results are all series as they stand. It can be asked for at any time.
func (r *Registry) Results() []MetricResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gatherLocked()
	out := make([]MetricResult, 0, len(r.series))
	for _, d := range r.series {
		m := MetricResult{Name: d.metric.Name, Kind: d.metric.Kind, Tags: make(map[string]string, len(d.tags)),
			Count: d.count, Good: d.good, Last: d.last, Least: d.least, Most: d.most, SumMS: d.sum / 1000, Clipped: d.clipped,
			StepMS: float64(r.step / time.Millisecond), Points: slices.Clone(d.points)}
		for _, t := range d.tags {
			m.Tags[t.Key] = t.Value
		}
		if d.total != nil {
			whole := newHistogram()
			whole.Merge(d.total)
			whole.Merge(d.now)
			m.Histogram = encodeHistogram(whole)
		}
		if d.metric.Kind == Trend {
			m.Last = 0
		}
		out = append(out, m)
	}
	return out
}
