package report

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"echolab/harness"
)

// csvColumns: t_ms is when a point began since the run's start, empty in the row of the whole run. Durations are
// milliseconds. value is a gauge's last, good how many of a rate were true. Of a gauge min and max are of the whole run.
var csvColumns = []string{"metric", "kind", "tags", "t_ms", "count", "good", "value", "min", "avg", "p50", "p90", "p95", "p99", "max"}

func writeCSV(w io.Writer, r *harness.Result) error {
	c := csv.NewWriter(w)
	_ = c.Write(csvColumns) // a csv.Writer keeps its first error for Error
	for i := range r.Metrics {
		m := &r.Metrics[i]
		_ = c.Write(csvWhole(m))
		for _, p := range m.Points {
			_ = c.Write(csvPoint(m, p))
		}
	}
	c.Flush()
	return c.Error()
}

// tagText is tag:value pairs in order. It begins with a tag's name, so that no spreadsheet takes a value for a formula.
func tagText(tags map[string]string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		pairs = append(pairs, key+":"+plain(tags[key]))
	}
	return strings.Join(pairs, " ")
}

func cell(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func whole(n int64) string { return strconv.FormatInt(n, 10) }

func csvWhole(m *harness.MetricResult) []string {
	row := []string{m.Name, string(m.Kind), tagText(m.Tags), "", whole(m.Count), "", "", "", "", "", "", "", "", ""}
	switch m.Kind {
	case harness.Trend:
		row[7], row[8], row[13] = cell(m.Least), cell(m.Mean()), cell(m.Most)
		for i, p := range []float64{50, 90, 95, 99} {
			row[9+i] = cell(m.Percentile(p))
		}
	case harness.Gauge:
		row[4], row[6], row[7], row[13] = "", cell(m.Last), cell(m.Least), cell(m.Most)
	case harness.Rate:
		row[5] = whole(m.Good)
	}
	return row
}

func csvPoint(m *harness.MetricResult, p harness.Point) []string {
	row := []string{m.Name, string(m.Kind), tagText(m.Tags), cell(float64(p.N) * m.StepMS), whole(p.Count), "", "", "", "", "", "", "", "", ""}
	switch m.Kind {
	case harness.Trend:
		for i, v := range p.Percentiles(50, 90, 95, 99) {
			row[9+i] = cell(v)
		}
	case harness.Gauge:
		row[4], row[6] = "", cell(p.Value)
	case harness.Rate:
		row[5] = whole(p.Good)
	}
	return row
}
