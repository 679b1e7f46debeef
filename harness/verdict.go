package harness

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Judge evaluates the thresholds and sets the verdict and its reasons. A run that was interrupted, could not reach its
// target or could not be measured keeps that verdict; everything that failed is still among the reasons.
func (r *Result) Judge(thresholds []Threshold) {
	aborted := make(map[string]bool)
	for _, t := range r.Thresholds {
		if t.Aborted {
			aborted[t.Metric+" "+t.Expression] = true
		}
	}
	r.Thresholds = make([]ThresholdResult, 0, len(thresholds))
	for _, t := range thresholds {
		got := t.Evaluate(r)
		got.Aborted = aborted[got.Metric+" "+got.Expression]
		r.Thresholds = append(r.Thresholds, got)
	}
	r.conclude()
}

// conclude sets verdict and reasons from what the result holds.
func (r *Result) conclude() {
	var failed []string
	for _, t := range r.Thresholds {
		if !t.OK {
			failed = append(failed, t.sentence())
		}
	}
	for _, e := range r.Expectations {
		if e.Failed > 0 {
			failed = append(failed, fmt.Sprintf("%s: %s failed %d of %d times", e.Scenario, e.Name, e.Failed, e.Failed+e.Held))
		}
	}
	kept := r.Reasons[:0:0]
	for _, reason := range r.Reasons { // of an interruption, or an unreachable target
		if !slices.Contains(failed, reason) {
			kept = append(kept, reason)
		}
	}
	switch {
	case r.Verdict == Interrupted, r.Verdict == Unreachable:
		r.Reasons = append(kept, failed...)
	case len(r.Absent) > 0:
		r.Verdict = Inconclusive
		r.Reasons = slices.Concat([]string{absence(r.Absent)}, r.Health.Reasons, failed)
	case !r.Health.OK:
		r.Verdict = Inconclusive
		r.Reasons = append(slices.Clone(r.Health.Reasons), failed...)
	case len(failed) > 0:
		r.Verdict, r.Reasons = Failed, failed
	default:
		r.Verdict, r.Reasons = Passed, []string{}
	}
}

// Fail adds reasons why a run fails that no threshold knows, such as what became worse than a baseline; without any it
// changes nothing. It tells whether there were some. A verdict that says more than Failed stays.
func (r *Result) Fail(reasons []string) bool {
	if len(reasons) == 0 {
		return false
	}
	if r.Verdict == Passed {
		r.Verdict = Failed
	}
	r.Reasons = append(r.Reasons, reasons...)
	return true
}

func (t ThresholdResult) sentence() string {
	if t.Empty && !strings.HasPrefix(t.Expression, "count") {
		return fmt.Sprintf("%s %s: nothing was measured", t.Metric, t.Expression)
	}
	return fmt.Sprintf("%s %s: it was %s", t.Metric, t.Expression, figure(t.Value))
}

// figure is a number for people: no more than three digits behind the point, none that are zero.
func figure(v float64) string {
	s := fmt.Sprintf("%.3f", v)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Merge joins the results of the segments of one plan: counts are sums, percentiles are those of all values together,
// what one segment sent is held against what came of it in the others (between.go), and the verdict is taken anew. It refuses results of different plans, of the same segment twice, or made by a newer
// Echolab, or of different servers; where segments are absent, it is inconclusive.
func Merge(results []Result) (Result, error) {
	if len(results) == 0 {
		return Result{}, fmt.Errorf("there is nothing to merge")
	}
	slices.SortStableFunc(results, func(a, b Result) int { return strings.Compare(a.Segment, b.Segment) })
	out := results[0]
	seen := map[string]string{}
	of := ""
	for i := range results {
		r := &results[i]
		switch before, twice := seen[r.Segment]; {
		case r.Version > ResultVersion:
			return Result{}, fmt.Errorf("result %s has version %d; this Echolab reads up to %d", r.ID, r.Version, ResultVersion)
		case r.PlanHash != out.PlanHash:
			return Result{}, fmt.Errorf("results %s and %s are of different plans (%s, %s): only segments of one plan can be merged", out.ID, r.ID, out.PlanHash, r.PlanHash)
		case twice:
			return Result{}, fmt.Errorf("results %s and %s are both of segment %s", before, r.ID, segmentName(r.Segment))
		}
		seen[r.Segment] = r.ID
		if _, total, cut := strings.Cut(r.Segment, "/"); cut {
			if of != "" && of != total {
				return Result{}, fmt.Errorf("segment %s does not fit the others, which are parts of %s", r.Segment, of)
			}
			of = total
		} else if len(results) > 1 {
			return Result{}, fmt.Errorf("result %s is of the whole plan: there is nothing to merge it with", r.ID)
		}
	}
	if err := oneServer(results); err != nil {
		return Result{}, err
	}
	out = clone(out)
	for i := range results[1:] {
		out.add(&results[1+i])
	}
	out.Segment = ""
	if of != "" && fmt.Sprint(len(results)) != of {
		out.Segment = fmt.Sprintf("%d of %s", len(results), of)
		out.Absent = absent(seen, of)
	}
	out.Share = nil
	if len(results) > 1 {
		if err := settleBetween(&out, results); err != nil {
			return Result{}, err
		}
	}
	thresholds := make([]Threshold, 0, len(out.Thresholds))
	for _, t := range out.Thresholds {
		m, tags, err := ParseSelector(t.Metric)
		if err != nil {
			return Result{}, fmt.Errorf("result %s: %w", out.ID, err)
		}
		parsed, err := ParseThreshold(m, tags, t.Expression)
		if err != nil {
			return Result{}, fmt.Errorf("result %s: %w", out.ID, err)
		}
		parsed.Place = t.Place
		thresholds = append(thresholds, parsed)
	}
	out.Judge(thresholds)
	return out, nil
}

// oneServer refuses segments that did not share a server: what one sent cannot have come to the others.
func oneServer(results []Result) error {
	for i := range results {
		r, first := &results[i], &results[0]
		switch {
		case len(results) > 1 && r.Target.Embedded:
			return fmt.Errorf("segment %s ran against a server of its own, inside its process: segments share one server; start it with 'echolab serve' and name it to each with --url", segmentName(r.Segment))
		case r.Target.AppID != first.Target.AppID || r.Target.AppKey != first.Target.AppKey:
			return fmt.Errorf("segments %s and %s ran against different apps (%s, %s): segments share one server and app", segmentName(first.Segment), segmentName(r.Segment), app(first.Target), app(r.Target))
		}
	}
	return nil
}

func app(t TargetInfo) string { return t.AppID + " with key " + t.AppKey }

// maxAbsent is how many absent segments are named.
const maxAbsent = 100

// absent are the segments of so many that are not among the seen ones.
func absent(seen map[string]string, of string) (names []string) {
	n, _ := strconv.Atoi(of)
	for k := 1; k <= n && len(names) < maxAbsent; k++ {
		name := fmt.Sprintf("%d/%d", k, n)
		if _, here := seen[name]; !here {
			names = append(names, name)
		}
	}
	return names
}

// absence says which segments are not here.
func absence(names []string) string {
	list, is := "segment "+names[0], " is absent"
	switch n := len(names); {
	case n > 10:
		list, is = fmt.Sprintf("segments %s and others", strings.Join(names[:10], ", ")), " are absent"
	case n > 1:
		list, is = "segments "+strings.Join(names, ", "), " are absent"
	}
	return list + is + ": what happened there is not known, so there is no verdict on the whole; merge the results of all segments"
}

func segmentName(s string) string {
	if s == "" {
		return "1/1"
	}
	return s
}

// clone is a copy whose lists can be added to.
func clone(r Result) Result {
	metrics := make([]MetricResult, len(r.Metrics))
	for i := range r.Metrics {
		metrics[i] = r.Metrics[i].clone()
	}
	r.Metrics = metrics
	r.Expectations = slices.Clone(r.Expectations)
	r.Thresholds = slices.Clone(r.Thresholds)
	r.Warnings = slices.Clone(r.Warnings)
	r.Listeners = slices.Clone(r.Listeners)
	r.Delivery.Evidence = slices.Clone(r.Delivery.Evidence)
	r.Presence.Evidence = slices.Clone(r.Presence.Evidence)
	return r
}

// add adds another segment's figures.
func (r *Result) add(other *Result) {
	r.DurationMS = max(r.DurationMS, other.DurationMS)
	if other.Started.Before(r.Started) {
		r.Started = other.Started
	}
	for i := range other.Metrics {
		m := &other.Metrics[i]
		at := slices.IndexFunc(r.Metrics, func(have MetricResult) bool { return have.Name == m.Name && maps.Equal(have.Tags, m.Tags) })
		if at < 0 {
			r.Metrics = append(r.Metrics, m.clone())
		} else {
			r.Metrics[at].join(m)
		}
	}
	for _, e := range other.Expectations {
		at := slices.IndexFunc(r.Expectations, func(have Expectation) bool {
			return have.Name == e.Name && have.Scenario == e.Scenario && have.Place == e.Place
		})
		if at < 0 {
			r.Expectations = append(r.Expectations, e)
			continue
		}
		have := &r.Expectations[at]
		have.Held += e.Held
		have.Failed += e.Failed
		have.Evidence = append(slices.Clone(have.Evidence), e.Evidence...)
	}
	r.Delivery.add(other.Delivery)
	r.Presence.add(other.Presence)
	r.Health.add(other.Health)
	for _, l := range other.Listeners {
		at := slices.IndexFunc(r.Listeners, func(have DeadListener) bool {
			return have.Channel == l.Channel && have.Bound == l.Bound && have.Came == l.Came
		})
		if at < 0 {
			r.Listeners = append(r.Listeners, l)
			continue
		}
		r.Listeners[at].Clients += l.Clients
		r.Listeners[at].Missed += l.Missed
	}
	for _, w := range other.Warnings {
		if !slices.Contains(r.Warnings, w) {
			r.Warnings = append(r.Warnings, w)
		}
	}
	if worse(other.Verdict) > worse(r.Verdict) {
		r.Verdict, r.Reasons = other.Verdict, other.Reasons
	}
	if r.ID != other.ID {
		r.ID += "+" + other.ID
	}
}

// worse orders the verdicts that a merge keeps.
func worse(v Verdict) int {
	return slices.Index([]Verdict{Passed, Failed, Inconclusive, Unreachable, Interrupted}, v)
}

func (d *DeliveryResult) add(o DeliveryResult) {
	d.Checked = d.Checked || o.Checked
	for _, pair := range [][2]*int64{
		{&d.Published, &o.Published}, {&d.Accepted, &o.Accepted}, {&d.Refused, &o.Refused}, {&d.Unanswered, &o.Unanswered},
		{&d.Whispers, &o.Whispers}, {&d.Expected, &o.Expected}, {&d.Delivered, &o.Delivered}, {&d.Uncertain, &o.Uncertain}, {&d.Unread, &o.Unread},
		{&d.Missing, &o.Missing}, {&d.Duplicate, &o.Duplicate}, {&d.Reordered, &o.Reordered}, {&d.Leaked, &o.Leaked},
		{&d.Altered, &o.Altered}, {&d.Late, &o.Late}, {&d.Foreign, &o.Foreign}, {&d.Siblings, &o.Siblings}, {&d.Unmarked, &o.Unmarked},
	} {
		*pair[0] += *pair[1]
	}
	d.Evidence = append(d.Evidence, o.Evidence...)
}

func (p *PresenceResult) add(o PresenceResult) {
	p.Checked = p.Checked || o.Checked
	p.Joins += o.Joins
	p.Leaves += o.Leaves
	p.Told += o.Told
	p.Unsure += o.Unsure
	p.Unread += o.Unread
	p.Ghosts += o.Ghosts
	p.Missed += o.Missed
	p.Twice += o.Twice
	p.Drift += o.Drift
	p.Altered += o.Altered
	p.Evidence = append(p.Evidence, o.Evidence...)
}

func (h *HealthResult) add(o HealthResult) {
	h.OK = h.OK && o.OK
	h.Reasons = append(slices.Clone(h.Reasons), o.Reasons...)
	h.ScheduleLagP99MS = max(h.ScheduleLagP99MS, o.ScheduleLagP99MS)
	h.CPU += o.CPU
	h.CPUs += o.CPUs
	h.CPUMost += o.CPUMost // as CPU and CPUs: of all machines together
	h.GCPauseMS = max(h.GCPauseMS, o.GCPauseMS)
	h.SocketErrors += o.SocketErrors
	h.MemoryMost = max(h.MemoryMost, o.MemoryMost)
}
