package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"echolab/harness"
)

// chart is a drawing of lines: the lines are SVG that stretches, everything with words is HTML over it, so that letters
// keep their size at any width and nothing needs a script.
type chart struct {
	Title  string
	Help   string
	Unit   string
	Lines  []curve
	Bands  []band // phases, behind the lines
	XTicks []tick
	YTicks []tick
	Stops  []stop // where the pointer shows values
	Log    bool
	Empty  bool // there is nothing to draw
}

// curve is one line. Path is in a box of 1000 by 1000.
type curve struct {
	Name string
	N    int // which colour, from 1
	Path template.HTMLAttr
}

type band struct {
	Name       string
	Left, Wide float64 // percent
	Odd        bool
	Narrow     bool // too narrow for its name, which stands on the left of its end
}

type tick struct {
	At    float64 // percent from the left or the bottom
	Label string
}

type stop struct {
	Left, Wide float64
	Late       bool // on the right half: its words stand on the left of the pointer
	At         string
	Values     []stopValue
}

type stopValue struct {
	N     int
	Name  string
	Value string
}

// plotted is a line's values before they are drawn.
type plotted struct {
	name string
	at   []float64 // x, ascending
	v    []float64
	gap  float64 // a longer distance in x is a gap in the line; 0: never
}

// maxStops bounds the places of a chart where the pointer shows values.
const maxStops = 120

// draw makes the chart of lines between two values of x.
func (c chart) draw(lines []plotted, from, to float64, xLabel func(float64) string, yLabel func(float64) string) chart {
	least, most, any := math.Inf(1), math.Inf(-1), false
	for _, l := range lines {
		for _, v := range l.v {
			if c.Log && v <= 0 {
				continue
			}
			least, most, any = min(least, v), max(most, v), true
		}
	}
	if !any || to <= from {
		c.Empty = true
		return c
	}
	scale, ticks := linear(most)
	if c.Log {
		scale, ticks = logarithmic(least, most)
	}
	for _, v := range ticks {
		c.YTicks = append(c.YTicks, tick{scale(v) * 100, number(v)})
	}
	x := func(at float64) float64 { return (at - from) / (to - from) }
	for n, l := range lines {
		var b strings.Builder
		before := math.Inf(-1)
		for i, at := range l.at {
			if c.Log && l.v[i] <= 0 {
				continue
			}
			command := "L"
			if math.IsInf(before, -1) || l.gap > 0 && at-before > l.gap*1.5 {
				command = "M"
			}
			px, py := x(at)*1000, 1000-scale(l.v[i])*1000
			fmt.Fprintf(&b, "%s%.1f %.1f", command, px, py)
			if command == "M" { // a point that stands alone is seen too
				fmt.Fprintf(&b, "L%.1f %.1f", px, py)
			}
			before = at
		}
		c.Lines = append(c.Lines, curve{Name: l.name, N: n + 1, Path: template.HTMLAttr(`d="` + b.String() + `"`)})
	}
	c.stops(lines, x, xLabel, yLabel)
	return c
}

// stops are the places where the pointer shows values: those of the line with the most of them.
func (c *chart) stops(lines []plotted, x func(float64) float64, xLabel, yLabel func(float64) string) {
	var all []float64
	for _, l := range lines {
		if len(l.at) > len(all) {
			all = l.at
		}
	}
	every := (len(all) + maxStops - 1) / maxStops
	if every == 0 {
		return
	}
	var kept []float64
	for i := 0; i < len(all); i += every {
		kept = append(kept, all[i])
	}
	for i, at := range kept {
		left, right := 0.0, 1.0
		if i > 0 {
			left = (x(kept[i-1]) + x(at)) / 2
		}
		if i < len(kept)-1 {
			right = (x(at) + x(kept[i+1])) / 2
		}
		s := stop{Left: left * 100, Wide: (right - left) * 100, Late: x(at) > 0.5, At: xLabel(at)}
		for n, l := range lines {
			for k, have := range l.at {
				if have == at {
					s.Values = append(s.Values, stopValue{n + 1, l.name, yLabel(l.v[k])})
				}
			}
		}
		c.Stops = append(c.Stops, s)
	}
}

// linear is a scale from 0 with about four ticks at round values.
func linear(most float64) (scale func(float64) float64, ticks []float64) {
	if most <= 0 {
		most = 1
	}
	step := round(most / 4)
	top := math.Ceil(most/step-1e-9) * step
	for v := 0.0; v <= top+step/2; v += step {
		ticks = append(ticks, v)
	}
	return func(v float64) float64 { return max(0, v/top) }, ticks
}

// round is the next of 1, 2, 2.5 and 5 times a power of ten.
func round(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logarithmic is a scale between powers of ten.
func logarithmic(least, most float64) (scale func(float64) float64, ticks []float64) {
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if high <= low {
		high = low + 1
	}
	steps := []float64{1}
	if high-low <= 2 {
		steps = []float64{1, 2, 5}
	}
	for p := low; p <= high; p++ {
		for _, s := range steps {
			if p < high || s == 1 {
				ticks = append(ticks, s*math.Pow(10, p))
			}
		}
	}
	return func(v float64) float64 { return min(1, max(0, (math.Log10(v)-low)/(high-low))) }, ticks
}

// overTime prepares a chart whose x is the run's time.
type overTime struct {
	r     *harness.Result
	to    float64 // ms
	ticks []tick
	bands []band
}

func newOverTime(r *harness.Result) overTime {
	o := overTime{r: r, to: r.DurationMS}
	for _, p := range r.Phases {
		o.to = max(o.to, p.EndMS)
	}
	for i := range r.Metrics {
		m := &r.Metrics[i]
		if n := len(m.Points); n > 0 {
			o.to = max(o.to, float64(m.Points[n-1].N+1)*m.StepMS)
		}
	}
	if o.to <= 0 {
		return o
	}
	step := timeStep(o.to / 6)
	for at := 0.0; at <= o.to; at += step {
		o.ticks = append(o.ticks, tick{at / o.to * 100, timeLabel(at)})
	}
	for i, p := range r.Phases {
		if p.EndMS > p.StartMS {
			o.bands = append(o.bands, band{plain(p.Name), p.StartMS / o.to * 100, (min(p.EndMS, o.to) - p.StartMS) / o.to * 100, i%2 == 1, false})
		}
	}
	end := 0.0 // of the last name
	for i := range o.bands {
		b := &o.bands[i]
		right := b.Left + b.Wide
		switch b.Narrow = b.Wide < nameWidth; {
		case !b.Narrow:
			end = b.Left + nameWidth
		case right-nameWidth < end: // no room for it
			b.Name = ""
		default:
			end = right
		}
	}
	return o
}

// nameWidth is how much of a chart the name of a phase takes, in percent.
const nameWidth = 14

// timeStep is a distance between ticks that people count in.
func timeStep(least float64) float64 {
	for _, s := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400} {
		if s*1000 >= least {
			return s * 1000
		}
	}
	return math.Ceil(least/86400e3) * 86400e3
}

func timeLabel(ms float64) string {
	s := ms / 1000
	switch {
	case s < 60:
		return trim(fmt.Sprintf("%.1f", s)) + " s"
	case s < 3600:
		return fmt.Sprintf("%d:%02d", int(s)/60, int(s)%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", int(s)/3600, int(s)/60%60, int(s)%60)
}

// gauge is a value over time; a point stands in the middle of its step.
func (o overTime) gauge(name string, m *harness.Metric) plotted {
	series, _ := o.r.Metric(m.Name, nil)
	out := plotted{name: name}
	for _, p := range series.Points {
		out.at, out.v = append(out.at, (float64(p.N)+0.5)*series.StepMS), append(out.v, p.Value)
	}
	return out
}

// percentiles are three lines of a trend. A step in which nothing was measured is a gap.
func (o overTime) percentiles(m *harness.Metric) []plotted {
	series, _ := o.r.Metric(m.Name, nil)
	out := []plotted{{name: "p50", gap: series.StepMS}, {name: "p95", gap: series.StepMS}, {name: "p99", gap: series.StepMS}}
	for _, p := range series.Points {
		for i, v := range p.Percentiles(50, 95, 99) {
			out[i].at, out[i].v = append(out[i].at, (float64(p.N)+0.5)*series.StepMS), append(out[i].v, v)
		}
	}
	return out
}

// filled puts zeros where a counter has no points, from the start to the end of what was measured.
func (o overTime) filled(name string, m *harness.Metric, perSecond bool) plotted {
	series, ok := o.r.Metric(m.Name, nil)
	out := plotted{name: name}
	if !ok || series.StepMS <= 0 {
		return out
	}
	grew, last := make(map[int]int64), int(o.r.DurationMS/series.StepMS)-1
	for _, p := range series.Points {
		grew[p.N] = p.Count
		last = max(last, p.N)
	}
	if len(grew) == 0 {
		return out
	}
	for n := 0; n <= last; n++ {
		v := float64(grew[n])
		if perSecond {
			v = v / series.StepMS * 1000
		}
		out.at = append(out.at, min((float64(n)+0.5)*series.StepMS, o.to))
		out.v = append(out.v, v)
	}
	return out
}

func (o overTime) chart(title, unit, help string, label func(float64) string, lines ...plotted) chart {
	var some []plotted
	for _, l := range lines {
		if len(l.at) > 0 {
			some = append(some, l)
		}
	}
	c := chart{Title: title, Unit: unit, Help: help, Bands: o.bands, XTicks: o.ticks}
	if title == "Delivery latency" || title == "Publish latency" {
		c.Log = wide(some)
	}
	return c.draw(some, 0, o.to, timeLabel, label)
}

// wide tells whether values lie too far apart for a linear scale.
func wide(lines []plotted) bool {
	least, most := math.Inf(1), 0.0
	for _, l := range lines {
		for _, v := range l.v {
			if v > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	return most > 30*least
}

// charts are those of the page, in its order.
func charts(r *harness.Result) []chart {
	o := newOverTime(r)
	all := []chart{
		o.chart("Delivery latency", "ms", "from the moment an event was due to its arrival at one client", ms, o.percentiles(harness.DeliveryLatency)...),
		distribution(r),
		o.chart("Publish latency", "ms", "from the moment a publish was due to the server's answer", ms, o.percentiles(harness.PublishLatency)...),
		o.chart("Clients", "", "virtual users at work and connections established", number,
			o.gauge("users", harness.Users), o.gauge("connections", harness.Connections)),
		o.chart("Deliveries", "a second", "what came, and was due", number, o.filled("deliveries", harness.Delivered, true)),
		o.chart("Sent", "a second", "accepted publishes and whispers", number, o.filled("accepted", harness.Accepted, true), o.filled("whispers", harness.Whispered, true),
			o.filled("refused", harness.PublishRefused, true)),
		o.chart("What went wrong", "", "in each step of time", number, o.filled("errors", harness.Errors, false), o.filled("connections closed", harness.Closed, false),
			o.filled("missing", harness.Missing, false), o.filled("dropped iterations", harness.DroppedIterations, false)),
		o.chart("Processors used", "", "by the generator, and by the server where it is local", number, o.gauge("generator", harness.GeneratorCPU),
			o.gauge("server", harness.ServerCPU)),
	}
	var out []chart
	for _, c := range all {
		if !c.Empty {
			out = append(out, c)
		}
	}
	return out
}

// quantiles are the labels of the distribution's axis: its x is -log10(1-q), which gives the tail its room.
var quantiles = []struct {
	q     float64
	label string
}{{0, "min"}, {0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}, {0.9999, "p99.99"}, {0.99999, "p99.999"}, {0.999999, "p99.9999"}}

func distribution(r *harness.Result) chart {
	c := chart{Title: "Distribution", Unit: "ms", Help: "which part of all was no slower than that; the tail has most of the room", Log: true}
	var lines []plotted
	most := 1.0
	for _, metric := range []*harness.Metric{harness.DeliveryLatency, harness.PublishLatency, harness.SubscribeLatency, harness.ConnectLatency, harness.AuthLatency} {
		m, ok := r.Total(metric.Name, nil)
		if !ok || m.Count < 2 {
			continue
		}
		l := plotted{name: strings.TrimSuffix(metric.Name, "_latency")}
		end := math.Log10(float64(m.Count))
		most = max(most, end)
		for at := 0.0; at <= end+1e-9; at += end / 40 {
			l.at = append(l.at, at)
			l.v = append(l.v, m.Percentile(100*(1-math.Pow(10, -at))))
		}
		lines = append(lines, l)
	}
	for _, q := range quantiles {
		if at := -math.Log10(1 - q.q); at <= most+1e-9 && (q.q != 0 && (q.q != 0.5 || most < 6)) {
			c.XTicks = append(c.XTicks, tick{at / most * 100, q.label})
		}
	}
	label := func(at float64) string {
		return "p" + trim(fmt.Sprintf("%.*f", int(max(1, at)), 100*(1-math.Pow(10, -at))))
	}
	return c.draw(lines, 0, most, label, ms)
}
