package harness_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

func written(t *testing.T, r *harness.Result) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, harness.WriteResult(&b, r))
	return b.String()
}

func TestReadResult_GivesBackWhatWasWritten(t *testing.T) {
	want := segment(t, "1/2", 10*time.Millisecond, 2)
	got, err := harness.ReadResult(strings.NewReader(written(t, &want)))
	require.NoError(t, err)
	assert.Equal(t, written(t, &want), written(t, got))
	latency, _ := got.Metric("publish_latency", nil)
	assert.InDelta(t, 10, latency.Percentile(95), 0.1)
	other := segment(t, "2/2", 50*time.Millisecond, 0)
	merged, err := harness.Merge([]harness.Result{*got, other})
	require.NoError(t, err)
	assert.Equal(t, int64(2), merged.Delivery.Missing)
}

func TestReadResult_RefusesWhatIsNone(t *testing.T) {
	r := segment(t, "1/2", 10*time.Millisecond, 0)
	good := written(t, &r)
	var histogram string
	for _, m := range r.Metrics {
		if m.Histogram != "" {
			histogram = m.Histogram
		}
	}
	require.NotEmpty(t, histogram)
	for name, c := range map[string]struct{ text, says string }{
		"nothing":             {"", "no result of a run"},
		"no JSON":             {"{\n\"version\": 1,\n oops}", "line 3"},
		"another file":        {`{"metrics": {}}`, "summary.json is another file"},
		"newer":               {strings.Replace(good, `"version": 1`, `"version": 2`, 1), "newer Echolab (version 2, this one reads up to 1)"},
		"another type":        {strings.Replace(good, `"seed": 0`, `"seed": "x"`, 1), "line "},
		"a damaged histogram": {strings.ReplaceAll(good, histogram, histogram[:20]), "histogram cannot be read"},
		"no histogram":        {strings.ReplaceAll(good, histogram, ""), "no histogram"},
		"another count":       {strings.Replace(good, `"count": 100,`, `"count": 99,`, 1), "its histogram holds 100 values, its count says 99"},
	} {
		_, err := harness.ReadResult(strings.NewReader(c.text))
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), c.says, name)
		}
	}
}

func FuzzReadResult(f *testing.F) {
	f.Add([]byte(`{"version":1,"metrics":[{"name":"publish_latency","kind":"trend","count":1,"histogram":"HISTFAAAABh42pJpmSzMwMDEQAFgBAQAAP//CmQBPA=="}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := harness.ReadResult(bytes.NewReader(text))
		if err == nil {
			_, _ = r.Metric("publish_latency", nil)
		}
	})
}
