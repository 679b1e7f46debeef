package report

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"echolab/harness"
)

// summary is k6's end-of-test summary (the data of its handleSummary, grafana.com/docs/k6: "Custom summary"): metrics,
// root_group, options and state mean what they mean there, so that what reads k6's file reads this one. Metrics have
// Echolab's names, and trends p(99) and count besides k6's values. The members behind them are Echolab's own.
type summary struct {
	Metrics   map[string]k6Metric `json:"metrics"`
	RootGroup k6Group             `json:"root_group"`
	Options   k6Options           `json:"options"`
	State     k6State             `json:"state"`

	Verdict       harness.Verdict        `json:"verdict"`
	ExitCode      int                    `json:"exit_code"`
	Reasons       []string               `json:"reasons"`
	Warnings      []string               `json:"warnings"`
	Run           runInfo                `json:"run"`
	Target        harness.TargetInfo     `json:"target"`
	Environment   harness.Environment    `json:"environment"`
	Delivery      harness.DeliveryResult `json:"delivery"`
	Presence      harness.PresenceResult `json:"presence"`
	Health        harness.HealthResult   `json:"health"`
	Expectations  []harness.Expectation  `json:"expectations"`
	DeadListeners []harness.DeadListener `json:"dead_listeners"`
	Errors        map[string]int64       `json:"errors"`      // by kind
	CloseCodes    map[string]int64       `json:"close_codes"` // by code
	Phases        []harness.Phase        `json:"phases"`
	Knee          *harness.Knee          `json:"knee,omitempty"`
}

type k6Metric struct {
	Type       harness.MetricKind     `json:"type"`
	Contains   string                 `json:"contains"` // time, data or default
	Values     map[string]float64     `json:"values"`
	Thresholds map[string]k6Threshold `json:"thresholds,omitempty"`
}

type k6Threshold struct {
	OK bool `json:"ok"`
}

type k6Group struct {
	Name   string    `json:"name"`
	Path   string    `json:"path"`
	ID     string    `json:"id"`
	Groups []k6Group `json:"groups"`
	Checks []k6Check `json:"checks"`
}

type k6Check struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	ID     string `json:"id"`
	Passes int64  `json:"passes"`
	Fails  int64  `json:"fails"`
}

type k6Options struct {
	SummaryTrendStats []string `json:"summaryTrendStats"`
	SummaryTimeUnit   string   `json:"summaryTimeUnit"`
	NoColor           bool     `json:"noColor"`
}

type k6State struct {
	IsStdOutTTY       bool    `json:"isStdOutTTY"`
	IsStdErrTTY       bool    `json:"isStdErrTTY"`
	TestRunDurationMS float64 `json:"testRunDurationMs"`
}

type runInfo struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	File     string    `json:"file"`
	Seed     uint64    `json:"seed"`
	PlanHash string    `json:"plan_hash"`
	Segment  string    `json:"segment"`
	Started  time.Time `json:"started"`
}

// trendStats are the values of a trend.
var trendStats = []string{"avg", "min", "med", "max", "p(90)", "p(95)", "p(99)", "count"}

func writeK6(w io.Writer, r *harness.Result) error {
	s := summary{
		Metrics:   make(map[string]k6Metric),
		RootGroup: k6Group{ID: hash(""), Groups: []k6Group{}, Checks: []k6Check{}},
		Options:   k6Options{SummaryTrendStats: trendStats},
		State:     k6State{TestRunDurationMS: r.DurationMS},
		Verdict:   r.Verdict, ExitCode: r.Verdict.ExitCode(), Reasons: some(r.Reasons), Warnings: some(r.Warnings),
		Run:    runInfo{r.ID, r.Name, r.File, r.Seed, r.PlanHash, r.Segment, r.Started},
		Target: r.Target, Environment: r.Environment, Delivery: r.Delivery, Presence: r.Presence, Health: r.Health,
		Expectations: some(r.Expectations), DeadListeners: some(r.Listeners), Phases: some(r.Phases), Knee: r.Knee,
		Errors: byName(counts(r, harness.Errors, "error")), CloseCodes: byName(counts(r, harness.Closed, "code")),
	}
	s.Delivery.Evidence, s.Presence.Evidence, s.Health.Reasons = some(s.Delivery.Evidence), some(s.Presence.Evidence), some(s.Health.Reasons)
	for _, m := range harness.Metrics {
		if whole, ok := r.Total(m.Name, nil); ok {
			s.Metrics[m.Name] = k6Of(r, whole)
		}
	}
	// As in k6, what a threshold names is a metric of its own, with its tags.
	for _, t := range r.Thresholds {
		metric, there := s.Metrics[t.Metric]
		if !there {
			m, tags, err := harness.ParseSelector(t.Metric)
			if err != nil {
				continue // of another version, whose metrics these are not
			}
			part, ok := r.Total(m.Name, tags)
			if !ok {
				part = harness.MetricResult{Name: m.Name, Kind: m.Kind}
			}
			metric = k6Of(r, part)
		}
		if metric.Thresholds == nil {
			metric.Thresholds = make(map[string]k6Threshold)
		}
		metric.Thresholds[t.Expression] = k6Threshold{t.OK}
		s.Metrics[t.Metric] = metric
	}
	for _, e := range r.Expectations {
		path := "::" + e.Name
		s.RootGroup.Checks = append(s.RootGroup.Checks, k6Check{e.Name, path, hash(path), e.Held, e.Failed})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

// some is a list that is never null in JSON.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func byName(all []tagged) map[string]int64 {
	out := make(map[string]int64, len(all))
	for _, t := range all {
		out[t.Name] = t.Count
	}
	return out
}

// hash is k6's id of a group or a check: the MD5 of its path.
func hash(path string) string {
	sum := md5.Sum([]byte(path))
	return hex.EncodeToString(sum[:])
}

func k6Of(r *harness.Result, m harness.MetricResult) k6Metric {
	out := k6Metric{Type: m.Kind, Contains: "default", Values: make(map[string]float64)}
	switch m.Kind {
	case harness.Trend:
		out.Contains = "time"
		out.Values = map[string]float64{"avg": m.Mean(), "min": m.Least, "med": m.Percentile(50), "max": m.Most, "p(90)": m.Percentile(90),
			"p(95)": m.Percentile(95), "p(99)": m.Percentile(99), "count": float64(m.Count)}
	case harness.Counter:
		out.Values = map[string]float64{"count": float64(m.Count), "rate": m.PerSecond(duration(r))}
	case harness.Gauge:
		out.Values = map[string]float64{"value": m.Last, "min": m.Least, "max": m.Most}
	case harness.Rate:
		out.Values = map[string]float64{"rate": m.Share(), "passes": float64(m.Good), "fails": float64(m.Count - m.Good)}
	}
	if m.Name == harness.BytesReceived.Name {
		out.Contains = "data"
	}
	return out
}
