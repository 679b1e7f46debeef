package harness

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// distribution decodes a series' histogram when it is first asked.
type distribution struct{ h *hdrhistogram.Histogram }

func (m *MetricResult) decoded() *hdrhistogram.Histogram {
	if m.histogram.h == nil {
		if m.Histogram == "" {
			m.histogram.h = newHistogram()
		} else {
			m.histogram.h = decodeHistogram(m.Histogram)
		}
	}
	return m.histogram.h
}

// Percentile is the duration in milliseconds that p of a hundred did not exceed; 0 when there is none.
func (m *MetricResult) Percentile(p float64) float64 {
	v := float64(m.decoded().ValueAtQuantile(p)) / 1000
	if m.Most > 0 { // which is exact, while a percentile is the upper end of its bucket
		v = min(v, m.Most)
	}
	return v
}

// Mean is in milliseconds; 0 when there is none. Least and Most of a trend are its exact minimum and maximum.
func (m *MetricResult) Mean() float64 {
	if m.Count == 0 {
		return 0
	}
	return m.SumMS / float64(m.Count)
}

// Share is which part of a rate was true; 0 when nothing was measured.
func (m *MetricResult) Share() float64 {
	if m.Count == 0 {
		return 0
	}
	return float64(m.Good) / float64(m.Count)
}

// PerSecond is how fast a counter grew over a run of that length.
func (m *MetricResult) PerSecond(run time.Duration) float64 {
	if run <= 0 {
		return 0
	}
	return float64(m.Count) / run.Seconds()
}

// Percentile of a point, in milliseconds.
func (p Point) Percentile(q float64) float64 { return p.Percentiles(q)[0] }

// Percentiles are several of a point's, in milliseconds; cheaper than one by one. All are 0 where there is nothing.
func (p Point) Percentiles(qs ...float64) []float64 {
	out := make([]float64, len(qs))
	if p.Histogram == "" {
		return out
	}
	h := decodeHistogram(p.Histogram)
	for i, q := range qs {
		out[i] = float64(h.ValueAtQuantile(q)) / 1000
	}
	return out
}

// join adds another series of the same metric.
func (m *MetricResult) join(other *MetricResult) {
	switch {
	case m.Kind == Gauge: // of several machines, or tags: what they come to together
		m.Last += other.Last
		m.Least = min(m.Least, other.Least)
		m.Most += other.Most
	case m.Count == 0:
		m.Least, m.Most = other.Least, other.Most
	case other.Count > 0:
		m.Least, m.Most = min(m.Least, other.Least), max(m.Most, other.Most)
	}
	m.Count += other.Count
	m.Good += other.Good
	m.SumMS += other.SumMS
	m.Clipped += other.Clipped
	if other.Histogram != "" {
		sum := newHistogram()
		sum.Merge(m.decoded())
		sum.Merge(other.decoded())
		m.Histogram, m.histogram.h = encodeHistogram(sum), sum
	}
	m.Points = mergePoints(m, other)
}

// mergePoints joins points by their time. Where the steps differ, the finer ones are joined first.
func mergePoints(a, b *MetricResult) []Point {
	fine, coarse := a, b
	if fine.StepMS > coarse.StepMS {
		fine, coarse = coarse, fine
	}
	ratio := 1
	if fine.StepMS > 0 && coarse.StepMS > fine.StepMS {
		ratio = int(coarse.StepMS / fine.StepMS)
	}
	a.StepMS = max(a.StepMS, b.StepMS)
	byN := make(map[int]Point)
	most := -1
	add := func(p Point, gauge bool) {
		if old, there := byN[p.N]; there {
			value := old.Value + p.Value
			old = joinPoints(old, p)
			if gauge {
				old.Value = value
			}
			byN[p.N] = old
		} else {
			byN[p.N] = p
		}
		most = max(most, p.N)
	}
	reduced := make(map[int]Point)
	for _, p := range fine.Points {
		p.N /= ratio
		if old, there := reduced[p.N]; there {
			reduced[p.N] = joinPoints(old, p)
		} else {
			reduced[p.N] = p
		}
	}
	for _, p := range reduced {
		add(p, a.Kind == Gauge)
	}
	for _, p := range coarse.Points {
		add(p, a.Kind == Gauge)
	}
	var out []Point
	for n := 0; n <= most; n++ {
		if p, there := byN[n]; there {
			out = append(out, p)
		}
	}
	return out
}
