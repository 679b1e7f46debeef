package harness

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how much worse one figure of a run may be than the same figure of another.
type Tolerance struct {
	Metric *Metric
	Tags   map[string]string
	// Method is the figure, as in thresholds: p(95), avg, count, rate, …
	Method string
	// Up says that more is worse; otherwise less is.
	Up bool
	// Share is the part of the base's figure that is allowed (0.1 is ten percent), Least the smallest difference that
	// counts at all, in the figure's unit. Both must be exceeded.
	Share, Least float64
	Text         string // as it was written

	at float64 // of p(…)
}

// toleranceForm is METRIC[{tag:value}] FIGURE ±N[%|ms|s] [N[ms|s]].
var toleranceForm = regexp.MustCompile(`^\s*([a-z_0-9]+(?:\{[^{}]*\})?)\s+(p\(\s*[0-9]+(?:\.[0-9]+)?\s*\)|[a-z]+)\s*([+-])\s*([0-9]+(?:\.[0-9]+)?)(%|ms|s)?(?:\s+([0-9]+(?:\.[0-9]+)?)(ms|s)?)?\s*$`)

// ParseTolerance reads such as "delivery_latency p(95) +10%", "delivery_latency p(99) +20% 2ms" (more than a fifth and
// more than 2 ms), "deliveries rate -5%" (less is worse), "errors count +0". Durations are milliseconds without a unit.
func ParseTolerance(text string) (Tolerance, error) {
	parts := toleranceForm.FindStringSubmatch(text)
	if parts == nil {
		return Tolerance{}, fmt.Errorf("%q is no regression; write such as \"delivery_latency p(95) +10%%\" or \"errors count +0\"", text)
	}
	m, tags, err := ParseSelector(parts[1])
	if err != nil {
		return Tolerance{}, err
	}
	figure := strings.ReplaceAll(parts[2], " ", "")
	threshold, err := ParseThreshold(m, tags, figure+"<1")
	if err != nil {
		return Tolerance{}, err
	}
	t := Tolerance{Metric: m, Tags: tags, Method: figure, Up: parts[3] == "+", Text: strings.Join(strings.Fields(text), " "), at: threshold.at}
	timed := m.Kind == Trend && figure != "count"
	number := func(digits, unit string) (float64, error) {
		v, _ := strconv.ParseFloat(digits, 64)
		switch {
		case unit != "" && !timed:
			return 0, fmt.Errorf("%q: %s of a %s is not measured in %s", text, figure, m.Kind, unit)
		case unit == "s":
			v *= 1000
		}
		return v, nil
	}
	if parts[5] == "%" {
		t.Share, _ = strconv.ParseFloat(parts[4], 64)
		t.Share /= 100
		if parts[6] != "" {
			t.Least, err = number(parts[6], parts[7])
		}
		return t, err
	}
	if parts[6] != "" {
		return t, fmt.Errorf("%q: a second number stands only behind a percentage", text)
	}
	t.Least, err = number(parts[4], parts[5])
	return t, err
}

// DefaultToleranceTexts are those of a comparison where nobody says others. The least difference keeps a slower
// millisecond on a busy machine from being news.
var DefaultToleranceTexts = []string{
	"delivery_latency p(50) +25% 2ms", "delivery_latency p(95) +25% 5ms", "delivery_latency p(99) +30% 10ms",
	"connect_latency p(95) +25% 10ms", "auth_latency p(95) +25% 10ms", "subscribe_latency p(95) +25% 10ms",
	"publish_latency p(95) +25% 10ms", "reconnect_latency p(95) +25% 50ms", "presence_convergence p(95) +25% 50ms",
	"http_req_duration p(95) +25% 20ms",
	"deliveries rate -10%", "events_accepted rate -10%", "delivery_rate rate -0",
	"deliveries_missing count +0", "deliveries_duplicate count +0", "deliveries_reordered count +0", "deliveries_leaked count +0", "deliveries_altered count +0",
	"presence_ghosts count +0", "presence_missed count +0", "presence_duplicate count +0", "presence_drift count +0", "presence_altered count +0",
	"dropped_iterations count +0", "dead_listeners count +0", "events_refused count +0", "errors count +0",
}

// DefaultTolerances are DefaultToleranceTexts, read.
func DefaultTolerances() []Tolerance {
	all := make([]Tolerance, 0, len(DefaultToleranceTexts))
	for _, text := range DefaultToleranceTexts {
		t, err := ParseTolerance(text)
		if err != nil {
			panic(err) // a row of the table that a test walks
		}
		all = append(all, t)
	}
	return all
}

// Change is what became of one figure from one run to another.
type Change string

// The changes. Unclear is beyond the tolerance, and may be chance: the intervals in which the two figures lie overlap.
const (
	Same    Change = "same"    // within the tolerance
	Better  Change = "better"  // beyond it, to the good side
	Worse   Change = "worse"   // beyond it: a regression
	Unclear Change = "unclear" // beyond it, and too few values to tell
	Gone    Change = "gone"    // the base measured it, the other did not; a regression where it had a hundred values
	New     Change = "new"     // the other way round
)

// Comparison is two runs side by side.
type Comparison struct {
	Base ComparedRun `json:"base"`
	Next ComparedRun `json:"next"`
	// Notes say why the two may not be comparable; people read them first.
	Notes   []string      `json:"notes"`
	Figures []FigureDelta `json:"figures"`
	// Regressions are those that became worse, one line each; empty: none.
	Regressions []string `json:"regressions"`
}

// ComparedRun names one of the two.
type ComparedRun struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Started  time.Time `json:"started"`
	Verdict  Verdict   `json:"verdict"`
	PlanHash string    `json:"plan_hash"`
	Target   string    `json:"target"`
	Echolab  string    `json:"echolab"`
}

// FigureDelta is one figure of both.
type FigureDelta struct {
	Metric string     `json:"metric"` // with its tags
	Method string     `json:"method"`
	Kind   MetricKind `json:"kind"`
	Base   float64    `json:"base"`
	Next   float64    `json:"next"`
	// InBase and InNext tell whether it was measured at all; a counter that never counted was, and is 0.
	InBase bool `json:"in_base"`
	InNext bool `json:"in_next"`
	// Share is the difference as a part of the base; 0 where the base is 0.
	Share float64 `json:"share"`
	// The intervals in which a percentile lies with 95 % confidence, were the values independent of each other; equal
	// to the figure where there is none to give.
	BaseLow  float64 `json:"base_low"`
	BaseHigh float64 `json:"base_high"`
	NextLow  float64 `json:"next_low"`
	NextHigh float64 `json:"next_high"`
	// Tolerance is the rule that it was held against; "": it is aggregates only.
	Tolerance string `json:"tolerance,omitempty"`
	Change    Change `json:"change,omitempty"`
}

// aggregates are the figures of each kind that are compared side by side without a rule.
var aggregates = map[MetricKind][]string{Trend: {"p(50)", "p(95)", "p(99)"}, Counter: {"count"}, Rate: {"rate"}}

// Compare holds next against base. A figure that is worse than its tolerance is a regression, unless what was measured is
// too little to tell it from chance; that is said as unclear. It says nothing of how much runs differ from each other by
// themselves: only more runs do.
func Compare(base, next *Result, tolerances []Tolerance) Comparison {
	c := Comparison{Base: compared(base), Next: compared(next), Notes: incomparable(base, next), Figures: []FigureDelta{}, Regressions: []string{}}
	ruled := make(map[string]bool)
	add := func(t Tolerance, ruledBy bool) {
		d, any := t.delta(base, next)
		if !any {
			return
		}
		if ruledBy {
			d.Tolerance, d.Change = t.Text, t.judge(d)
		}
		c.Figures = append(c.Figures, d)
		if d.Change == Worse || d.Change == Gone && t.counted(base) >= telling {
			c.Regressions = append(c.Regressions, d.sentence())
		}
	}
	for _, m := range Metrics {
		var figures []Tolerance
		for _, t := range tolerances {
			if t.Metric == m {
				ruled[t.selector()+" "+t.Method] = true
				figures = append(figures, t)
			}
		}
		for i := range figures {
			add(figures[i], true)
		}
		for _, method := range aggregates[m.Kind] {
			t := Tolerance{Metric: m, Method: method}
			if method[0] == 'p' {
				t.at, _ = strconv.ParseFloat(strings.Trim(method, "p()"), 64)
			}
			if !ruled[m.Name+" "+method] {
				add(t, false)
			}
		}
	}
	order := make(map[string]int)
	for i, m := range Metrics {
		order[m.Name] = i
	}
	slices.SortStableFunc(c.Figures, func(a, b FigureDelta) int {
		nameA, _, _ := strings.Cut(a.Metric, "{")
		nameB, _, _ := strings.Cut(b.Metric, "{")
		if nameA != nameB {
			return order[nameA] - order[nameB]
		}
		if a.Metric != b.Metric {
			return strings.Compare(a.Metric, b.Metric)
		}
		return methodRank(a.Method) - methodRank(b.Method)
	})
	return c
}

func methodRank(method string) int {
	if method[0] == 'p' {
		at, _ := strconv.ParseFloat(strings.Trim(method, "p()"), 64)
		return int(at * 100)
	}
	return slices.Index([]string{"count", "rate", "min", "avg", "med"}, method)
}

func (t Tolerance) selector() string { return Threshold{Metric: t.Metric, Tags: t.Tags}.Selector() }

// telling is how many values the base must have for their absence to be news: a run in which nobody happened to join
// late has no convergence to measure.
const telling = 100

func (t Tolerance) counted(r *Result) int64 {
	m, _ := r.Total(t.Metric.Name, t.Tags)
	return m.Count
}

// delta measures both runs; any is false when neither has the figure.
func (t Tolerance) delta(base, next *Result) (d FigureDelta, any bool) {
	d = FigureDelta{Metric: t.selector(), Method: t.Method, Kind: t.Metric.Kind}
	d.Base, d.BaseLow, d.BaseHigh, d.InBase = t.figure(base)
	d.Next, d.NextLow, d.NextHigh, d.InNext = t.figure(next)
	if !d.InBase && !d.InNext {
		return d, false
	}
	if t.Metric.Kind == Counter {
		d.InBase, d.InNext = true, true
	}
	if d.Base != 0 {
		d.Share = (d.Next - d.Base) / d.Base
	}
	return d, true
}

// figure is the figure of one run with its interval.
func (t Tolerance) figure(r *Result) (v, low, high float64, ok bool) {
	m, ok := r.Total(t.Metric.Name, t.Tags)
	ok = ok && (m.Count > 0 || t.Metric.Kind == Gauge)
	if !ok {
		return 0, 0, 0, false
	}
	eval := Threshold{Metric: t.Metric, Tags: t.Tags, Expression: t.Method, method: t.Method, at: t.at, op: "<"}
	if t.Method[0] == 'p' {
		eval.method = "p(N)"
	}
	v = eval.Evaluate(r).Value
	low, high = v, v
	if at := t.at; t.Metric.Kind == Trend && (at > 0 || t.Method == "med") {
		if t.Method == "med" {
			at = 50
		}
		low, high = m.Interval(at)
	}
	return v, low, high, true
}

// Interval is where a percentile lies with 95 % confidence, in milliseconds, if the values are independent of each other
// (those of one run are not quite): the order statistics at rank np ± 1.96·√(np(1−p)).
func (m *MetricResult) Interval(p float64) (low, high float64) {
	n, q := float64(m.Count), p/100
	if n == 0 {
		return 0, 0
	}
	half := 1.96 * math.Sqrt(n*q*(1-q)) / n * 100
	low = m.Percentile(max(0, p-half))
	if p+half < 100 {
		return low, m.Percentile(p + half)
	}
	return low, 2*m.Most - low // too few values to know where it ends: as far again as the longest is away
}

// judge holds a difference against the tolerance.
func (t Tolerance) judge(d FigureDelta) Change {
	switch {
	case !d.InNext:
		return Gone
	case !d.InBase:
		return New
	}
	up := d.Next - d.Base
	worse := up
	if !t.Up {
		worse = -up
	}
	limit := max(t.Share*math.Abs(d.Base), t.Least)
	const rounding = 1e-9
	switch overlap := d.BaseLow <= d.NextHigh && d.NextLow <= d.BaseHigh; {
	case math.Abs(worse) <= limit+rounding:
		return Same
	case overlap && d.BaseLow != d.BaseHigh: // only percentiles have an interval
		return Unclear
	case worse > 0:
		return Worse
	}
	return Better
}

func (d FigureDelta) sentence() string {
	if d.Change == Gone {
		return fmt.Sprintf("%s %s: it was %s, and nothing was measured now", d.Metric, d.Method, d.written(d.Base))
	}
	by := ""
	if math.Abs(d.Share) >= 0.005 {
		by = fmt.Sprintf(" (%+.0f %%)", d.Share*100)
	}
	return fmt.Sprintf("%s %s: from %s to %s%s, allowed %s", d.Metric, d.Method, d.written(d.Base), d.written(d.Next), by,
		strings.TrimPrefix(d.Tolerance, d.Metric+" "+d.Method+" "))
}

// written is a value of the figure with its unit.
func (d FigureDelta) written(v float64) string {
	switch {
	case d.Kind == Trend && d.Method != "count":
		return figure(v) + " ms"
	case d.Kind == Rate && d.Method == "rate":
		return figure(v*100) + " %"
	case d.Kind == Counter && d.Method == "rate":
		return figure(v) + " a second"
	}
	return figure(v)
}

func compared(r *Result) ComparedRun {
	return ComparedRun{ID: r.ID, Name: r.Name, Started: r.Started, Verdict: r.Verdict, PlanHash: r.PlanHash, Target: r.Target.URL, Echolab: r.Environment.Echolab}
}

// incomparable says what differs between two runs besides what is compared.
func incomparable(a, b *Result) []string {
	notes := []string{}
	differ := func(what, x, y string) {
		if x != y {
			notes = append(notes, fmt.Sprintf("%s differs: %s, then %s", what, orNone(x), orNone(y)))
		}
	}
	differ("the scenario", a.Name, b.Name)
	if a.Name == b.Name && a.PlanHash != b.PlanHash {
		notes = append(notes, fmt.Sprintf("the plan differs (%s, then %s): the scenario, its variables or its seed were changed", orNone(a.PlanHash), orNone(b.PlanHash)))
	}
	differ("the segment", a.Segment, b.Segment)
	differ("the machine", a.Environment.machine(), b.Environment.machine())
	for i, r := range []*Result{a, b} {
		which := []string{"base", "other"}[i]
		switch r.Verdict {
		case Inconclusive:
			notes = append(notes, "the "+which+" run was inconclusive: its figures are partly the generator's own slowness")
		case Interrupted, Unreachable:
			notes = append(notes, "the "+which+" run was "+string(r.Verdict)+": it is not whole")
		}
	}
	return notes
}

func (e Environment) machine() string {
	if e.CI != "" { // each job has a machine of its own, of the same make
		return fmt.Sprintf("a CI runner, %s/%s, %d processors", e.OS, e.Arch, e.CPUs)
	}
	return fmt.Sprintf("%s, %s/%s, %d processors", orNone(e.Hostname), e.OS, e.Arch, e.CPUs)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
