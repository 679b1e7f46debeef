package harness

import (
	"github.com/HdrHistogram/hdrhistogram-go"
)

// Point is what a series was during one step of time (MetricResult.StepMS).
type Point struct {
	// N is the number of the step since the run began, from 0. Steps without anything have no point.
	N int `json:"n"`
	// Count is how many durations, or how much a counter or a rate grew.
	Count int64 `json:"count"`
	// Good is how many of a rate were true.
	Good int64 `json:"good,omitempty"`
	// Value is a gauge's last value.
	Value float64 `json:"value,omitempty"`
	// Histogram is a trend's, in HDR's compressed form (V2, base64), µs: so that points of several machines can be joined.
	Histogram string `json:"histogram,omitempty"`
}

// point ends the step n.
func (d *seriesData) point(n int) {
	p := Point{N: n, Count: d.count - d.before}
	switch d.metric.Kind {
	case Trend:
		if d.now == nil || d.now.TotalCount() == 0 {
			return
		}
		p.Histogram = encodeHistogram(d.now)
		d.total.Merge(d.now)
		d.now.Reset()
	case Gauge:
		if !d.set {
			return
		}
		p.Count, p.Value = 0, d.last
	default:
		p.Good = d.good - d.goodBefore
		if p.Count == 0 {
			return
		}
	}
	d.before, d.goodBefore = d.count, d.good
	d.points = append(d.points, p)
}

// halve joins each two neighbouring points.
func (d *seriesData) halve() {
	var out []Point
	for _, p := range d.points {
		p.N /= 2
		if last := len(out) - 1; last >= 0 && out[last].N == p.N {
			out[last] = joinPoints(out[last], p)
		} else {
			out = append(out, p)
		}
	}
	d.points = out
}

// joinPoints makes one of two that lie at the same time, or beside each other. Of a gauge the later value stays.
func joinPoints(a, b Point) Point {
	a.Count += b.Count
	a.Good += b.Good
	a.Value = b.Value
	if a.Histogram == "" || b.Histogram == "" {
		a.Histogram += b.Histogram
		return a
	}
	sum := decodeHistogram(a.Histogram)
	sum.Merge(decodeHistogram(b.Histogram))
	a.Histogram = encodeHistogram(sum)
	return a
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, histogramMax, histogramDigits)
}

func encodeHistogram(h *hdrhistogram.Histogram) string {
	b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return ""
	}
	return string(b)
}

// decodeHistogram reads what encodeHistogram wrote; anything else is an empty one (Result.Check refuses such files).
func decodeHistogram(s string) *hdrhistogram.Histogram {
	h, err := hdrhistogram.Decode([]byte(s))
	if err != nil || h == nil {
		return newHistogram()
	}
	return h
}
