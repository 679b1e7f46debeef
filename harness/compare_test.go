package harness_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

// measured is a run of a minute in which n deliveries took from..from+n*step, and some counts were made.
func measured(t *testing.T, n int, from, step time.Duration, counts map[*harness.Metric]int64) *harness.Result {
	t.Helper()
	registry := harness.NewRegistry()
	rec := registry.Recorder()
	for i := range n {
		rec.Duration(registry.Series(harness.DeliveryLatency), from+time.Duration(i)*step)
	}
	for m, n := range counts {
		rec.Add(registry.Series(m), n)
	}
	return &harness.Result{Version: harness.ResultVersion, ID: "r", Name: "s", PlanHash: "p", Verdict: harness.Passed, DurationMS: 60_000, Metrics: registry.Results()}
}

func rule(t *testing.T, text string) []harness.Tolerance {
	t.Helper()
	r, err := harness.ParseTolerance(text)
	require.NoError(t, err)
	return []harness.Tolerance{r}
}

// changeOf is what a comparison says of the figure that the rule is about.
func changeOf(c harness.Comparison) harness.Change {
	for _, f := range c.Figures {
		if f.Tolerance != "" {
			return f.Change
		}
	}
	return ""
}

func TestCompare_JudgesEachFigureByItsRule(t *testing.T) {
	const us = time.Microsecond
	many := func(from time.Duration) *harness.Result {
		return measured(t, 10_000, from, us, map[*harness.Metric]int64{harness.Delivered: 10_000})
	}
	few := func(from time.Duration) *harness.Result { return measured(t, 20, from, time.Millisecond, nil) }
	lost := measured(t, 10, us, us, map[*harness.Metric]int64{harness.Missing: 1})
	for _, c := range []struct {
		name, rule string
		base, next *harness.Result
		want       harness.Change
	}{
		{"within", "delivery_latency p(95) +25%", many(10 * time.Millisecond), many(12 * time.Millisecond), harness.Same},
		{"beyond", "delivery_latency p(95) +10%", many(10 * time.Millisecond), many(14 * time.Millisecond), harness.Worse},
		{"beyond, but less than the least", "delivery_latency p(95) +10% 5ms", many(10 * time.Millisecond), many(14 * time.Millisecond), harness.Same},
		{"beyond the other way", "delivery_latency p(95) +10%", many(14 * time.Millisecond), many(10 * time.Millisecond), harness.Better},
		{"too few to tell", "delivery_latency p(95) +10%", few(10 * time.Millisecond), few(13 * time.Millisecond), harness.Unclear},
		{"few, and far apart", "delivery_latency p(95) +10%", few(10 * time.Millisecond), few(90 * time.Millisecond), harness.Worse},
		{"an absolute difference", "delivery_latency avg +3ms", many(10 * time.Millisecond), many(14 * time.Millisecond), harness.Worse},
		{"a count that must not grow", "deliveries_missing count +0", many(us), lost, harness.Worse},
		{"a count that shrank", "deliveries_missing count +0", lost, many(us), harness.Better},
		{"less is worse", "deliveries rate -10%", many(us), measured(t, 1, us, us, map[*harness.Metric]int64{harness.Delivered: 5_000}), harness.Worse},
		{"nothing any more", "delivery_latency p(95) +10%", many(us), measured(t, 0, 0, 0, nil), harness.Gone},
		{"nothing before", "delivery_latency p(95) +10%", measured(t, 0, 0, 0, nil), many(us), harness.New},
	} {
		got := harness.Compare(c.base, c.next, rule(t, c.rule))
		assert.Equal(t, c.want, changeOf(got), c.name)
		assert.Equal(t, c.want == harness.Worse || c.want == harness.Gone, len(got.Regressions) > 0, c.name)
	}
	assert.Empty(t, harness.Compare(few(us), measured(t, 0, 0, 0, nil), rule(t, "delivery_latency p(95) +10%")).Regressions, "a few that did not happen again")
	got := harness.Compare(many(10*time.Millisecond), many(14*time.Millisecond), rule(t, "delivery_latency p(95) +10%"))
	assert.Equal(t, []string{"delivery_latency p(95): from 19.503 ms to 23.503 ms (+21 %), allowed +10%"}, got.Regressions)
}

func TestCompare_ShowsTheOtherFiguresTooAndDefaultRulesAreWhole(t *testing.T) {
	a := measured(t, 1000, time.Millisecond, time.Microsecond, map[*harness.Metric]int64{harness.Errors: 1})
	c := harness.Compare(a, a, harness.DefaultTolerances())
	assert.Empty(t, c.Regressions)
	assert.Empty(t, c.Notes)
	var names []string
	for _, f := range c.Figures {
		names = append(names, f.Metric+" "+f.Method)
	}
	assert.Equal(t, []string{"delivery_latency p(50)", "delivery_latency p(95)", "delivery_latency p(99)", "errors count"}, names)
	for _, m := range harness.Metrics {
		if m.Zero {
			assert.Contains(t, harness.DefaultToleranceTexts, m.Name+" count +0")
		}
	}
}

func TestCompare_SaysWhatDiffersBesides(t *testing.T) {
	a, b := measured(t, 1, 1, 1, nil), measured(t, 1, 1, 1, nil)
	b.PlanHash, b.Environment.CPUs, b.Verdict = "q", 8, harness.Inconclusive
	notes := harness.Compare(a, b, nil).Notes
	require.Len(t, notes, 3)
	assert.Contains(t, notes[0], "the plan differs (p, then q)")
	assert.Contains(t, notes[1], "8 processors")
	assert.Contains(t, notes[2], "the other run was inconclusive")
}

func TestParseTolerance_RefusesWhatItCannotMean(t *testing.T) {
	for text, says := range map[string]string{
		"":                                    "is no regression; write such as",
		"delivery_latency +10%":               "is no regression",
		"delivery_latencies p(95) +10%":       "there is no metric delivery_latencies",
		"errors p(95) +10%":                   "has no p(N)",
		"errors count +1ms":                   "is not measured in ms",
		"delivery_latency{colour:red} avg +1": "has no tag colour",
		"delivery_latency avg +1 2":           "behind a percentage",
	} {
		_, err := harness.ParseTolerance(text)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), says, text)
		}
	}
	r, err := harness.ParseTolerance(" delivery_latency{kind:private}  p(99.9) +10%  1s")
	require.NoError(t, err)
	assert.Equal(t, 1000.0, r.Least)
	assert.InDelta(t, 0.1, r.Share, 1e-9)
	assert.Equal(t, "delivery_latency{kind:private} p(99.9) +10% 1s", r.Text)
}

func TestInterval_NarrowsWithMoreValues(t *testing.T) {
	few, _ := measured(t, 100, time.Millisecond, time.Millisecond, nil).Metric("delivery_latency", nil)
	many, _ := measured(t, 10_000, time.Millisecond, 10*time.Microsecond, nil).Metric("delivery_latency", nil)
	low, high := few.Interval(50)
	assert.InDelta(t, 40, low, 1.5)
	assert.InDelta(t, 60, high, 1.5)
	low, high = many.Interval(50)
	assert.InDelta(t, 50, low, 1.5)
	assert.InDelta(t, 52, high, 1.5)
}
