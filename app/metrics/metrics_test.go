package metrics_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/metrics"
	"echolab/emulator/journal"
)

// scraped is one answer of /metrics: counters and gauges by name and labels, histograms by their count.
func scraped(t *testing.T, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	return parsed(t, w.Body)
}

func parsed(t *testing.T, text io.Reader) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(text)
	require.NoError(t, err)
	out := make(map[string]float64)
	for name, family := range families {
		assert.NotEmpty(t, family.GetHelp(), name)
		for _, one := range family.Metric {
			key := name
			for _, label := range one.Label {
				key += fmt.Sprintf(" %s=%s", label.GetName(), label.GetValue())
			}
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				out[key] = one.Counter.GetValue()
			case dto.MetricType_GAUGE:
				out[key] = one.Gauge.GetValue()
			case dto.MetricType_HISTOGRAM:
				out[key] = float64(one.Histogram.GetSampleCount())
			}
		}
	}
	return out
}

// following is metrics that count a journal, which they are handed.
func following(t *testing.T) (*metrics.Metrics, *journal.Journal) {
	t.Helper()
	j := journal.New(journal.Options{})
	m := metrics.New(func() metrics.Readings {
		return metrics.Readings{
			Last:  j.Last(),
			Apps:  []metrics.AppReadings{{ID: "portal", Connections: 3, Subscriptions: 5, Channels: 2, QueuedBytes: 700, QueuedMax: 600}},
			Store: metrics.StoreReadings{OK: true, BehindEntries: 4, BehindBytes: 900, Lost: 1, Bytes: 4096},
		}
	})
	m.Serve("portal")
	ended := make(chan struct{})
	ready := j.Follow(0, false)
	go func() {
		defer close(ended)
		m.Follow(context.Background(), ready)
	}()
	t.Cleanup(func() {
		j.Close()
		<-ended
	})
	return m, j
}

func TestMetrics_CountWhatTheJournalTells(t *testing.T) {
	m, j := following(t)
	for _, e := range []journal.Entry{
		{Kind: journal.Opened}, {Kind: journal.Opened}, {Kind: journal.Opened},
		{Kind: journal.Published, Source: journal.HTTP, Count: 3},
		{Kind: journal.Published, Source: journal.HTTP, Count: 0},
		{Kind: journal.Published, Source: journal.Server, Count: 1},
		{Kind: journal.Whispered, Source: journal.Client, Count: 2},
		{Kind: journal.Closed, Note: "slow: it did not read what was sent to it", Count: 1 << 20},
		{Kind: journal.Closed, Note: "closed by the client with 1001"},
		{Kind: journal.Closed, Note: "the connection was lost"},
		{Kind: journal.Closed, Note: "4201 Pong reply not received in time"},
		{Kind: journal.Closed, Note: "something new"},
		{Kind: journal.Closed, Note: "disconnected by hand with 4299"},
		{Kind: journal.Refused, Source: journal.HTTP, Note: "401 Authentication signature invalid. (why)"},
		{Kind: journal.Refused, Source: journal.HTTP, Note: "401 Authentication signature invalid."},
		{Kind: journal.Refused, Source: journal.Client, Note: "4009 Connection is unauthorized"},
		{Kind: journal.Refused, Source: journal.Client, Note: "it spoke TLS"},
		{Kind: journal.Hook, Event: "channel_occupied", Note: "delivered to http://127.0.0.1/hook: 200 OK", Count: 3},
		{Kind: journal.Hook, Event: "given up", Note: "9 events given up for http://127.0.0.1/hook: 500", Count: 9},
	} {
		e.App = "portal"
		j.Append(e)
	}
	m.Committed(12, 3*time.Millisecond)
	m.Answered(journal.HTTP, time.Millisecond, true)
	m.Answered(journal.Server, time.Millisecond, true)
	m.Answered(journal.HTTP, time.Second, false)
	m.HookRetried("portal")
	m.HookRetried("portal")

	got := scraped(t, m)
	for name, want := range map[string]float64{
		"echolab_connections app=portal":                                  3,
		"echolab_subscriptions app=portal":                                5,
		"echolab_channels app=portal":                                     2,
		"echolab_queue_bytes app=portal":                                  700,
		"echolab_queue_max_bytes app=portal":                              600,
		"echolab_connections_opened_total app=portal":                     3,
		"echolab_events_accepted_total app=portal source=http":            2,
		"echolab_events_accepted_total app=portal source=server":          1,
		"echolab_events_accepted_total app=portal source=client":          1,
		"echolab_events_accepted_total app=portal source=replay":          0,
		"echolab_deliveries_total app=portal":                             6,
		"echolab_undelivered_total app=portal":                            1,
		"echolab_connections_closed_total app=portal reason=slow":         1,
		"echolab_connections_closed_total app=portal reason=client":       1,
		"echolab_connections_closed_total app=portal reason=lost":         1,
		"echolab_connections_closed_total app=portal reason=ping_timeout": 1,
		"echolab_connections_closed_total app=portal reason=other":        1,
		"echolab_connections_closed_total app=portal reason=by_hand":      1,
		"echolab_slow_consumers_total app=portal":                         1,
		"echolab_refused_total app=portal code=401":                       2,
		"echolab_refused_total app=portal code=4009":                      1,
		"echolab_refused_total app=portal code=none":                      1,
		"echolab_refused_total app= code=503":                             1,
		"echolab_webhooks_total app=portal outcome=delivered":             1,
		"echolab_webhooks_total app=portal outcome=given_up":              9,
		"echolab_webhooks_total app=portal outcome=retried":               2,
		"echolab_store_up":                               1,
		"echolab_store_behind_entries":                   4,
		"echolab_store_behind_bytes":                     900,
		"echolab_store_lost_entries_total":               1,
		"echolab_store_size_bytes":                       4096,
		"echolab_store_committed_entries_total":          12,
		"echolab_store_commit_duration_seconds":          1,
		"echolab_publish_duration_seconds source=http":   1,
		"echolab_publish_duration_seconds source=server": 1,
		"echolab_metrics_missed_entries_total":           0,
	} {
		value, there := got[name]
		assert.True(t, there, "no %s", name)
		assert.Equal(t, want, value, name)
	}
	assert.Contains(t, got, "go_goroutines")
}

// TestMetrics_TheLabelAppIsBounded: tests make an app each, and Prometheus keeps a series for each label for ever.
func TestMetrics_TheLabelAppIsBounded(t *testing.T) {
	m, j := following(t)
	for i := range 500 {
		m.Serve(fmt.Sprintf("worker-%d", i))
	}
	for i := range 500 {
		j.Append(journal.Entry{Kind: journal.Published, Source: journal.HTTP, App: fmt.Sprintf("worker-%d", i), Count: 1})
	}
	var series int
	var sum float64
	for name, value := range scraped(t, m) {
		if len(name) > 24 && name[:24] == "echolab_deliveries_total" {
			series++
			sum += value
		}
	}
	assert.Equal(t, 500.0, sum, "none is left out")
	assert.LessOrEqual(t, series, 101)
}

// TestMetrics_AnAppsSeriesComeAndGoWithIt: a rate can be computed from the first event on, and nothing stays behind.
func TestMetrics_AnAppsSeriesComeAndGoWithIt(t *testing.T) {
	m, j := following(t)
	m.Serve("worker")
	series := []string{
		"events_accepted_total app=worker source=http", "deliveries_total app=worker", "undelivered_total app=worker",
		"connections_opened_total app=worker", "connections_closed_total app=worker reason=app_removed",
		"connections_closed_total app=worker reason=client", "slow_consumers_total app=worker", "webhooks_total app=worker outcome=given_up",
		"webhooks_total app=worker outcome=retried",
	}
	got := scraped(t, m)
	for _, name := range series {
		value, there := got["echolab_"+name]
		assert.True(t, there, name)
		assert.Zero(t, value, name)
	}
	assert.Contains(t, got, "echolab_publish_duration_seconds source=server")
	j.Append(journal.Entry{Kind: journal.Opened, App: "worker"})
	j.Append(journal.Entry{Kind: journal.Refused, App: "worker", Note: "4009 no"})
	assert.Equal(t, 1.0, scraped(t, m)["echolab_connections_opened_total app=worker"])

	m.Drop("worker")
	j.Append(journal.Entry{Kind: journal.Closed, App: "worker", Note: "the application was removed"})
	j.Append(journal.Entry{Kind: journal.Refused, App: "never there", Note: "404 no"})
	got = scraped(t, m)
	for name := range got {
		assert.NotContains(t, name, "app=worker")
		assert.NotContains(t, name, "never there")
	}
	assert.Equal(t, 1.0, got["echolab_connections_closed_total app=(not served) reason=app_removed"])
	assert.Equal(t, 1.0, got["echolab_refused_total app=(not served) code=404"])
	m.Drop("worker")

	m.Serve("worker")
	assert.Zero(t, scraped(t, m)["echolab_connections_opened_total app=worker"], "another one with its id begins anew")
}

// TestMetrics_LabelsAreFreedAgain: after a thousand workers the next one is still counted by its name.
func TestMetrics_LabelsAreFreedAgain(t *testing.T) {
	m, j := following(t)
	for i := range 1000 {
		m.Serve(fmt.Sprint("worker-", i))
		m.Drop(fmt.Sprint("worker-", i))
	}
	m.Serve("last")
	j.Append(journal.Entry{Kind: journal.Opened, App: "last"})
	assert.Equal(t, 1.0, scraped(t, m)["echolab_connections_opened_total app=last"])
}

func TestMetrics_AScrapeHoldsAllThatHappenedBefore(t *testing.T) {
	m, j := following(t)
	for n := range 20 {
		for range 1000 {
			j.Append(journal.Entry{Kind: journal.Whispered, Source: journal.Client, App: "portal", Count: 1})
		}
		require.Equal(t, float64((n+1)*1000), scraped(t, m)["echolab_deliveries_total app=portal"])
	}
}
