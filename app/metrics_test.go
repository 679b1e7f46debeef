package app_test

import (
	"net/http/httptest"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestApp_MetricsAreWhatWentOverTheWire: known traffic, then its figures.
func TestApp_MetricsAreWhatWentOverTheWire(t *testing.T) {
	r := run(t, map[string]string{"db": ":memory:"})
	for range 3 {
		r.subscribe("portal", "")
	}
	for range 4 {
		status, err := publish(r.URL(), &r.creds, "portal", "E", "1")
		require.NoError(t, err)
		require.Equal(t, 200, status)
	}
	_, err := publish(r.URL(), &r.creds, "nobody", "E", "1")
	require.NoError(t, err)
	forged := r.creds
	forged.Secret = "wrong"
	status, err := publish(r.URL(), &forged, "portal", "E", "1")
	require.NoError(t, err)
	require.Equal(t, 401, status)

	w := httptest.NewRecorder()
	r.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	value := func(name string, labels ...string) float64 {
		family := families["echolab_"+name]
		if !assert.NotNil(t, family, name) {
			return -1
		}
		for _, m := range family.Metric {
			fits := true
			for i := 0; i < len(labels); i += 2 {
				found := false
				for _, l := range m.Label {
					found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
				}
				fits = fits && found
			}
			if !fits {
				continue
			}
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				return m.Counter.GetValue()
			case dto.MetricType_GAUGE:
				return m.Gauge.GetValue()
			default:
				return float64(m.Histogram.GetSampleCount())
			}
		}
		return 0
	}
	app := r.creds.ID
	assert.Equal(t, 3.0, value("connections", "app", app))
	assert.Equal(t, 3.0, value("subscriptions", "app", app))
	assert.Equal(t, 1.0, value("channels", "app", app))
	assert.Equal(t, 0.0, value("queue_bytes", "app", app))
	assert.Equal(t, 5.0, value("events_accepted_total", "app", app, "source", "http"))
	assert.Equal(t, 12.0, value("deliveries_total", "app", app))
	assert.Equal(t, 1.0, value("undelivered_total", "app", app))
	assert.Equal(t, 1.0, value("refused_total", "app", app, "code", "401"))
	assert.Equal(t, 5.0, value("publish_duration_seconds", "source", "http"))
	assert.Equal(t, 0.0, value("publish_duration_seconds", "source", "server"))
	assert.Equal(t, 1.0, value("store_up"))
	assert.Equal(t, 0.0, value("store_behind_entries"))
	assert.Positive(t, value("store_committed_entries_total"))
	assert.Positive(t, value("store_commit_duration_seconds"))
}
