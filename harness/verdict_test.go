package harness_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

func threshold(t *testing.T, selector, expression string) harness.Threshold {
	t.Helper()
	m, tags, err := harness.ParseSelector(selector)
	require.NoError(t, err)
	th, err := harness.ParseThreshold(m, tags, expression)
	require.NoError(t, err)
	return th
}

// segment is the result of one part of a plan in which each publish took that long.
func segment(t *testing.T, name string, took time.Duration, missing int64) harness.Result {
	t.Helper()
	registry := harness.NewRegistry()
	rec := registry.Recorder()
	for range 100 {
		rec.Duration(registry.Series(harness.PublishLatency), took)
	}
	rec.Add(registry.Series(harness.Missing), missing)
	r := harness.Result{Version: harness.ResultVersion, ID: "run" + name, PlanHash: "abc", Segment: name, Metrics: registry.Results(),
		Delivery:     harness.DeliveryResult{Checked: true, Expected: 100, Delivered: 100 - missing, Missing: missing},
		Expectations: []harness.Expectation{{Name: "here", Scenario: "staff", Place: "s.yaml:3:1", Held: 10}},
		Health:       harness.HealthResult{OK: true, CPUs: 2, MemoryMost: 100}}
	r.Judge([]harness.Threshold{threshold(t, "publish_latency", "p(95)<100"), threshold(t, "deliveries_missing", "count==0")})
	return r
}

func TestMerge_SumsAndJudgesAnew(t *testing.T) {
	a, b := segment(t, "1/2", 10*time.Millisecond, 0), segment(t, "2/2", 50*time.Millisecond, 0)
	assert.Equal(t, harness.Passed, a.Verdict)
	m, err := harness.Merge([]harness.Result{b, a})
	require.NoError(t, err)
	assert.Equal(t, harness.Passed, m.Verdict)
	assert.Empty(t, m.Segment)
	assert.Equal(t, int64(200), m.Delivery.Expected)
	assert.Equal(t, int64(20), m.Expectations[0].Held)
	latency, _ := m.Metric("publish_latency", nil)
	assert.Equal(t, int64(200), latency.Count)
	assert.InDelta(t, 10, latency.Percentile(50), 0.1)
	assert.InDelta(t, 50, latency.Percentile(51), 0.1)
	assert.InDelta(t, 4, m.Health.CPUs, 0)

	m, err = harness.Merge([]harness.Result{a, segment(t, "2/2", 150*time.Millisecond, 3)})
	require.NoError(t, err)
	assert.Equal(t, harness.Failed, m.Verdict)
	assert.Equal(t, 1, m.Verdict.ExitCode())
	assert.Len(t, m.Reasons, 2)
	assert.Equal(t, int64(10), a.Expectations[0].Held, "the parts stay as they were")

	m, err = harness.Merge([]harness.Result{segment(t, "1/3", 1, 0), segment(t, "3/3", 1, 0)})
	require.NoError(t, err)
	assert.Equal(t, "2 of 3", m.Segment)
	assert.Equal(t, []string{"2/3"}, m.Absent)
	assert.Equal(t, harness.Inconclusive, m.Verdict)
	assert.Equal(t, 4, m.Verdict.ExitCode())
	assert.Contains(t, m.Reasons[0], "segment 2/3 is absent")

	m, err = harness.Merge([]harness.Result{segment(t, "1/3", 1, 2)})
	require.NoError(t, err)
	assert.Equal(t, harness.Inconclusive, m.Verdict)
	require.Len(t, m.Reasons, 2, "what failed is said too")
	assert.Contains(t, m.Reasons[0], "segments 2/3, 3/3 are absent")
}

func TestMerge_RefusesWhatDoesNotFit(t *testing.T) {
	other := segment(t, "2/2", 1, 0)
	other.PlanHash = "def"
	alone, elsewhere := segment(t, "2/2", 1, 0), segment(t, "2/2", 1, 0)
	alone.Target.Embedded = true
	elsewhere.Target.AppID = "other"
	newer := segment(t, "2/2", 1, 0)
	newer.Version++
	for says, results := range map[string][]harness.Result{
		"nothing to merge":     {},
		"different plans":      {segment(t, "1/2", 1, 0), other},
		"both of segment 1/2":  {segment(t, "1/2", 1, 0), segment(t, "1/2", 1, 0)},
		"of its own":           {segment(t, "1/2", 1, 0), alone},
		"different apps":       {segment(t, "1/2", 1, 0), elsewhere},
		"this Echolab reads":   {segment(t, "1/2", 1, 0), newer},
		"parts of 2":           {segment(t, "1/2", 1, 0), segment(t, "2/3", 1, 0)},
		"is of the whole plan": {segment(t, "", 1, 0), segment(t, "2/2", 1, 0)},
	} {
		_, err := harness.Merge(results)
		require.Error(t, err, says)
		assert.Contains(t, err.Error(), says)
	}
}

func TestJudge_WhatWasNotMeasuredIsNotBlamedOnTheServer(t *testing.T) {
	registry := harness.NewRegistry()
	rec := registry.Recorder()
	for range 100 {
		rec.Duration(registry.Series(harness.ScheduleLag), 300*time.Millisecond)
		rec.Duration(registry.Series(harness.DeliveryLatency), time.Second)
	}
	r := harness.Result{Metrics: registry.Results()}
	health := harness.NewHealth(harness.HealthLimits{GCPause: time.Hour}, registry, false, time.Now())
	r.Health = health.Result(&r, time.Now())
	r.Judge([]harness.Threshold{threshold(t, "delivery_latency", "p(95)<50")})
	assert.Equal(t, harness.Inconclusive, r.Verdict)
	assert.Equal(t, 4, r.Verdict.ExitCode())
	require.Len(t, r.Reasons, 2)
	assert.Contains(t, r.Reasons[0], "after it was due")
	assert.Contains(t, r.Reasons[1], "delivery_latency p(95)<50: it was 1000")

	health.SocketError()
	got := health.Result(&harness.Result{}, time.Now())
	assert.False(t, got.OK)
	assert.Contains(t, got.Reasons[0], "ulimit -n")
}

func TestVerdict_ExitCodes(t *testing.T) {
	for v, code := range map[harness.Verdict]int{harness.Passed: 0, harness.Failed: 1, harness.Unreachable: 3, harness.Inconclusive: 4, harness.Interrupted: 130} {
		assert.Equal(t, code, v.ExitCode())
	}
	r := harness.Result{Verdict: harness.Interrupted, Reasons: []string{"interrupted after 3 s"}, Health: harness.HealthResult{OK: true}}
	r.Judge([]harness.Threshold{threshold(t, "connect_latency", "p(95)<1")})
	assert.Equal(t, harness.Interrupted, r.Verdict)
	assert.Equal(t, "interrupted after 3 s", r.Reasons[0])
	assert.Contains(t, r.Reasons[1], "nothing was measured")
}
