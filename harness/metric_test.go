package harness_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

func TestMetrics_TableIsWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range harness.Metrics {
		assert.False(t, seen[m.Name], m.Name)
		seen[m.Name] = true
		assert.NotEmpty(t, m.Help, m.Name)
		got, ok := harness.MetricNamed(m.Name)
		assert.True(t, ok)
		assert.Same(t, m, got)
	}
	assert.NotEmpty(t, harness.DefaultThresholds())
}

func TestRegistry_CountsFromManyRecorders(t *testing.T) {
	r := harness.NewRegistry()
	trend := r.Series(harness.DeliveryLatency, harness.Tag{"kind", "public"}, harness.Tag{"event", "E"})
	same := r.Series(harness.DeliveryLatency, harness.Tag{"event", "E"}, harness.Tag{"kind", "public"})
	require.Equal(t, trend, same)
	counter, rate := r.Series(harness.Published), r.Series(harness.Checks)
	var wg sync.WaitGroup
	for range 4 {
		rec := r.Recorder()
		wg.Go(func() {
			for i := range 10_000 {
				rec.Duration(trend, time.Duration(i+1)*10*time.Microsecond)
				rec.Add(counter, 2)
				rec.Check(rate, i%4 > 0)
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			r.Tick()
		}
	})
	wg.Wait()
	r.Tick()
	result := harness.Result{Metrics: r.Results(), DurationMS: 1000}
	m, ok := result.Metric("delivery_latency", nil)
	require.True(t, ok)
	assert.Equal(t, int64(40_000), m.Count)
	assert.InDelta(t, 50, m.Percentile(50), 0.1)
	assert.InDelta(t, 99, m.Percentile(99), 0.1)
	assert.LessOrEqual(t, m.Percentile(100), m.Most)
	assert.InDelta(t, 50.005, m.Mean(), 0.001)
	var inPoints int64
	for _, p := range m.Points {
		inPoints += p.Count
	}
	assert.Equal(t, int64(40_000), inPoints, "every value lies in one point")
	m, _ = result.Metric("events_published", nil)
	assert.Equal(t, int64(80_000), m.Count)
	m, _ = result.Metric("checks", nil)
	assert.InDelta(t, 0.75, m.Share(), 1e-9)
}

func TestRegistry_LongRunsKeepFewPoints(t *testing.T) {
	r := harness.NewRegistry()
	rec, trend, gauge := r.Recorder(), r.Series(harness.PublishLatency), r.Series(harness.Users)
	for i := range 1500 {
		rec.Duration(trend, time.Millisecond)
		r.Set(gauge, float64(i))
		r.Tick()
	}
	for _, m := range r.Results() {
		assert.Less(t, len(m.Points), 700)
		assert.Equal(t, float64(4000), m.StepMS)
		var count int64
		for i, p := range m.Points {
			count += p.Count
			if i > 0 {
				assert.Greater(t, p.N, m.Points[i-1].N)
			}
		}
		if m.Kind == harness.Trend {
			assert.Equal(t, int64(1500), count)
		}
	}
}

// TestMetricResult_JoinedIsAsIfMeasuredAtOnce: percentiles of two machines are those of all values, not a mean of both.
func TestMetricResult_JoinedIsAsIfMeasuredAtOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	registries := []*harness.Registry{harness.NewRegistry(), harness.NewRegistry(), harness.NewRegistry()}
	for i := range 20_000 {
		d := time.Duration(rng.ExpFloat64() * float64(20*time.Millisecond))
		for _, r := range []*harness.Registry{registries[i%2], registries[2]} {
			r.Recorder().Duration(r.Series(harness.DeliveryLatency, harness.Tag{"kind", "private"}), d)
		}
		if i%5000 == 0 {
			for _, r := range registries {
				r.Tick()
			}
		}
	}
	parts := harness.Result{Metrics: append(registries[0].Results(), registries[1].Results()...)}
	whole := harness.Result{Metrics: registries[2].Results()}
	text, err := json.Marshal(parts)
	require.NoError(t, err)
	parts = harness.Result{}
	require.NoError(t, json.Unmarshal(text, &parts))
	a, _ := parts.Metric("delivery_latency", nil)
	b, _ := whole.Metric("delivery_latency", nil)
	assert.Equal(t, b.Count, a.Count)
	for _, p := range []float64{1, 50, 90, 95, 99, 99.9, 100} {
		assert.Equal(t, b.Percentile(p), a.Percentile(p), "p%v", p)
	}
	require.Len(t, a.Points, len(b.Points))
	for i := range b.Points {
		assert.Equal(t, b.Points[i].Count, a.Points[i].Count)
		assert.Equal(t, b.Points[i].Percentile(95), a.Points[i].Percentile(95))
	}
}

func TestRegistry_AServerCannotMakeUpEndlessSeries(t *testing.T) {
	r := harness.NewRegistry()
	rec := r.Recorder()
	for i := range 5000 {
		rec.Add(r.Series(harness.Closed, harness.Tag{"code", fmt.Sprint(i)}), 1)
	}
	all := r.Results()
	assert.Less(t, len(all), 300)
	result := harness.Result{Metrics: all}
	m, _ := result.Metric("connections_closed", nil)
	assert.Equal(t, int64(5000), m.Count)
}

func TestThreshold(t *testing.T) {
	r := harness.NewRegistry()
	rec := r.Recorder()
	for i := range 100 {
		rec.Duration(r.Series(harness.DeliveryLatency, harness.Tag{"event", "E"}), time.Duration(i+1)*time.Millisecond)
		rec.Check(r.Series(harness.Checks), i > 0)
	}
	rec.Duration(r.Series(harness.DeliveryLatency, harness.Tag{"event", "F"}), 9*time.Second)
	rec.Add(r.Series(harness.Accepted), 500)
	r.Set(r.Series(harness.Users), 7)
	r.Set(r.Series(harness.Users), 3)
	result := &harness.Result{Metrics: r.Results(), DurationMS: 10_000}
	for _, c := range []struct {
		metric, expression string
		ok                 bool
		value              float64
		empty              bool
	}{
		{"delivery_latency{event:E}", "p(95)<96", true, 95, false},
		{"delivery_latency{event:E}", "p(95)<0.09s", false, 95, false},
		{"delivery_latency", "max>=9s", true, 9000, false},
		{"delivery_latency", "max<1000", false, 9000, false},
		{"delivery_latency{event:E}", "min == 1ms", true, 1, false},
		{"delivery_latency{event:E}", "med<=50.1", true, 50, false},
		{"delivery_latency{event:E}", "count===100", true, 100, false},
		{"delivery_latency{event:G}", "p(95)<1000", false, 0, true}, // nothing is not fast
		{"connect_latency", "avg<1000", false, 0, true},
		{"events_accepted", "count>499", true, 500, false},
		{"events_accepted", "rate==50", true, 50, false},
		{"deliveries_missing", "count==0", true, 0, true},
		{"checks", "rate>98%", true, 0.99, false},
		{"checks", "rate>0.995", false, 0.99, false},
		{"vus", "max<=7", true, 7, false},
		{"vus", "value!=3", false, 3, false},
	} {
		m, tags, err := harness.ParseSelector(c.metric)
		require.NoError(t, err)
		threshold, err := harness.ParseThreshold(m, tags, c.expression)
		require.NoError(t, err, c.expression)
		got := threshold.Evaluate(result)
		assert.Equal(t, c.ok, got.OK, "%s %s", c.metric, c.expression)
		assert.InDelta(t, c.value, got.Value, 0.1, "%s %s", c.metric, c.expression)
		assert.Equal(t, c.empty, got.Empty, "%s %s", c.metric, c.expression)
	}
}

func TestThreshold_WhatIsWrongIsSaid(t *testing.T) {
	for _, c := range []struct{ metric, expression, says string }{
		{"delivery_latencey", "p(95)<1", "there is no metric delivery_latencey"},
		{"delivery_latency{color:red}", "p(95)<1", "has no tag color"},
		{"delivery_latency{event}", "p(95)<1", "must be tag:value"},
		{"delivery latency", "p(95)<1", "is no metric"},
		{"delivery_latency", "p95<1", "is no threshold"},
		{"delivery_latency", "p(101)<1", "between 0 and 100"},
		{"delivery_latency", "p(95)", "is no threshold"},
		{"delivery_latency", "rate<1", "has no rate"},
		{"delivery_latency", "p(95)<5%", "not measured in %"},
		{"deliveries_missing", "p(95)<1", "has no p(N)"},
		{"checks", "rate>99", "between 0 and 1"},
		{"deliveries_missing", "count==0ms", "not measured in ms"},
	} {
		m, tags, err := harness.ParseSelector(c.metric)
		if err == nil {
			_, err = harness.ParseThreshold(m, tags, c.expression)
		}
		require.Error(t, err, "%s: %s", c.metric, c.expression)
		assert.Contains(t, err.Error(), c.says)
	}
}

func FuzzParseThreshold(f *testing.F) {
	f.Add("delivery_latency{event:E}", "p(95)<50")
	f.Fuzz(func(t *testing.T, selector, expression string) {
		m, tags, err := harness.ParseSelector(selector)
		if err != nil {
			return
		}
		if threshold, err := harness.ParseThreshold(m, tags, expression); err == nil {
			threshold.Evaluate(&harness.Result{})
		}
	})
}

// TestLedger_MissingStandsWhereItWasSent: a delivery is given up long after it was due, and counts in the second in which
// it was sent, so that a chart shows when the server lost it.
func TestLedger_MissingStandsWhereItWasSent(t *testing.T) {
	b := newBook(t)
	_, s := b.subscribed("a", "portal", 1, 5)
	_, late := b.publish(t, 1200, 1201, "portal")
	b.publish(t, 3400, 3401, "portal")
	b.publish(t, 15_500, 15_501, "portal")
	for range 15 {
		b.registry.Tick()
	}
	b.Sweep(b.at(15_000))
	points := func() []harness.Point {
		r := harness.Result{Metrics: b.registry.Results()}
		m, _ := r.Metric("deliveries_missing", nil)
		return m.Points
	}
	assert.Equal(t, []harness.Point{{N: 1, Count: 1}, {N: 3, Count: 1}}, points())
	s.Received(b.rec, "E", late, b.at(15_100))
	assert.Equal(t, []harness.Point{{N: 3, Count: 1}}, points(), "it came after all")
	b.Settle(b.at(16_000))
	b.registry.Tick()
	assert.Equal(t, []harness.Point{{N: 3, Count: 1}, {N: 15, Count: 1}}, points())
}
