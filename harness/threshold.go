package harness

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"echolab/harness/spelling"
)

// Threshold is one condition that a run must meet (k6's syntax: "p(95)<50").
type Threshold struct {
	Metric     *Metric
	Tags       map[string]string // series that count; empty: all
	Expression string
	// AbortOnFail ends the run as soon as it fails, but not before DelayAbort.
	AbortOnFail bool
	DelayAbort  time.Duration
	Place       string // file:line:column; "" for one that holds by default

	method string
	at     float64 // of p(…)
	op     string
	value  float64
}

// methods are the aggregations that each kind of metric has, as in k6.
var methods = map[MetricKind][]string{
	Trend:   {"p(N)", "avg", "min", "med", "max", "count"},
	Counter: {"count", "rate"},
	Gauge:   {"value", "min", "max"},
	Rate:    {"rate", "count"},
}

var (
	selectorForm  = regexp.MustCompile(`^\s*([a-z_0-9]+)\s*(?:\{([^{}]*)\})?\s*$`)
	thresholdForm = regexp.MustCompile(`^\s*(p\(\s*([0-9]+(?:\.[0-9]+)?)\s*\)|[a-z]+)\s*(<=|>=|===|==|!=|<|>)\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|%)?\s*$`)
)

// ParseSelector reads the left side: a metric's name, with {tag:value,…} behind it where only some series count.
func ParseSelector(text string) (*Metric, map[string]string, error) {
	parts := selectorForm.FindStringSubmatch(text)
	if parts == nil {
		return nil, nil, fmt.Errorf("%q is no metric; write a name, or name{tag:value}", text)
	}
	m, known := MetricNamed(parts[1])
	if !known {
		return nil, nil, fmt.Errorf("there is no metric %s; %s", parts[1], meant(parts[1], metricNames()))
	}
	tags := make(map[string]string)
	for pair := range strings.SplitSeq(parts[2], ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, found := strings.Cut(pair, ":")
		key, value = strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"'`)
		if !found || value == "" {
			return nil, nil, fmt.Errorf("%q in %s must be tag:value", strings.TrimSpace(pair), text)
		}
		if !slices.Contains(m.Tags, key) {
			has := "it has none"
			if len(m.Tags) > 0 {
				has = "it has " + strings.Join(m.Tags, ", ")
			}
			if near := spelling.Closest(key, m.Tags); near != "" {
				has = "did you mean " + near + "?"
			}
			return nil, nil, fmt.Errorf("%s has no tag %s; %s", m.Name, key, has)
		}
		tags[key] = value
	}
	return m, tags, nil
}

func metricNames() (names []string) {
	for _, m := range Metrics {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names
}

// ParseThreshold reads one condition on a metric: p(95)<50, avg<=10ms, rate>99%, count==0. Durations are milliseconds
// unless they have a unit; % is a hundredth.
func ParseThreshold(m *Metric, tags map[string]string, expression string) (Threshold, error) {
	t := Threshold{Metric: m, Tags: tags, Expression: strings.TrimSpace(expression)}
	parts := thresholdForm.FindStringSubmatch(expression)
	if parts == nil {
		return t, fmt.Errorf("%q is no threshold; write such as p(95)<50 or count==0", expression)
	}
	t.method, t.op = parts[1], strings.Replace(parts[3], "===", "==", 1)
	if parts[2] != "" {
		t.method = "p(N)"
		t.at, _ = strconv.ParseFloat(parts[2], 64)
		if t.at > 100 {
			return t, fmt.Errorf("p(%s) in %q: a percentile lies between 0 and 100", parts[2], expression)
		}
	}
	if !slices.Contains(methods[m.Kind], t.method) {
		return t, fmt.Errorf("%s is a %s and has no %s; it has %s", m.Name, m.Kind, t.method, strings.Join(methods[m.Kind], ", "))
	}
	t.value, _ = strconv.ParseFloat(parts[4], 64)
	timed := m.Kind == Trend && t.method != "count"
	switch unit := parts[5]; {
	case unit == "%" && m.Kind == Rate && t.method == "rate":
		t.value /= 100
	case unit == "s" && timed:
		t.value *= 1000
	case unit != "" && !(unit == "ms" && timed):
		return t, fmt.Errorf("%q: %s of a %s is not measured in %s", expression, t.method, m.Kind, unit)
	}
	if m.Kind == Rate && t.method == "rate" && t.value > 1 {
		return t, fmt.Errorf("%q: a rate lies between 0 and 1; write 0.99 or 99%%", expression)
	}
	return t, nil
}

// DefaultThresholds are those that hold where a scenario says nothing about their metric.
func DefaultThresholds() (all []Threshold) {
	for _, m := range Metrics {
		if m.Zero {
			t, err := ParseThreshold(m, nil, "count==0")
			if err != nil {
				panic(err) // a row of the table that a test walks
			}
			all = append(all, t)
		}
	}
	return all
}

// Selector is the metric with its tags, as a scenario writes it.
func (t Threshold) Selector() string {
	if len(t.Tags) == 0 {
		return t.Metric.Name
	}
	var pairs []string
	for key, value := range t.Tags {
		pairs = append(pairs, key+":"+value)
	}
	slices.Sort(pairs)
	return t.Metric.Name + "{" + strings.Join(pairs, ",") + "}"
}

// Evaluate holds a result against the threshold. A distribution or a rate of nothing does not pass: what was never
// measured cannot be fast.
func (t Threshold) Evaluate(r *Result) ThresholdResult {
	out := ThresholdResult{Metric: t.Selector(), Expression: t.Expression, Place: t.Place}
	m, measured := r.Total(t.Metric.Name, t.Tags)
	out.Empty = !measured || m.Count == 0 && t.Metric.Kind != Gauge
	switch {
	case t.method == "count":
		out.Value = float64(m.Count)
	case out.Empty:
		out.OK = t.Metric.Kind == Counter && compare(0, t.op, t.value)
		return out
	case t.method == "p(N)":
		out.Value = m.Percentile(t.at)
	case t.method == "med":
		out.Value = m.Percentile(50)
	case t.method == "avg":
		out.Value = m.Mean()
	case t.method == "min":
		out.Value = m.Least
	case t.method == "max":
		out.Value = m.Most
	case t.method == "value":
		out.Value = m.Last
	case t.method == "rate" && t.Metric.Kind == Counter:
		out.Value = m.PerSecond(time.Duration(r.DurationMS * float64(time.Millisecond)))
	default:
		out.Value = m.Share()
	}
	out.OK = compare(out.Value, t.op, t.value)
	return out
}

func compare(a float64, op string, b float64) bool {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "!=":
		return a != b
	}
	return a == b
}
