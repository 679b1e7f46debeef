package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"echolab/harness"
)

//go:embed report.gohtml
var pageText string

// pageTemplate escapes whatever comes from a scenario or a server (html/template). Only the charts' paths are written
// as they are, and those are numbers.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Funcs(template.FuncMap{
		"count": count, "ms": ms, "number": number, "plain": plain, "at": atSecond, "value": value, "span": spanMS, "size": size, "plural": plural, "unsure": unsure, "comingOrGoing": comingOrGoing, "notRead": notRead,
		"times": times, "upper": strings.ToUpper, "closeCode": func(code string) string { return closeCodes[code] },
		"p":    func(m harness.MetricResult, q float64) string { return ms(m.Percentile(q)) },
		"mean": func(m harness.MetricResult) string { return ms(m.Mean()) },
		"length": func(from, to float64) string {
			if to <= from {
				return ""
			}
			return spanMS(to - from)
		},
		"fixed": func(v float64) string { return fmt.Sprintf("%.2f", v) },
	}).Parse(pageText))
})

// maxRows bounds each table of evidence on the page.
const maxRows = 200

// htmlPage is what the template sees.
type htmlPage struct {
	*harness.Result
	Title, Against, Length, When string

	Cards     []card
	Charts    []chart
	Latencies []latencyRow

	Failed, Held, ByDefault []harness.ThresholdResult
	DeliveryWrongs          []wrong
	PresenceWrongs          []wrong
	DeliveryEvidence        []harness.Evidence
	PresenceEvidence        []harness.PresenceEvidence
	DeliveryMore            int
	PresenceMore            int
	Errors, Codes           []tagged
	HealthText              string
	Reconnects              int64
}

// card is one of the figures at the top.
type card struct {
	Label, Figure, Note string
	Mood                string // good, bad, odd or ""
}

func writeHTML(w io.Writer, r *harness.Result) error {
	p := htmlPage{Result: r, Title: title(r), Against: target(r), Length: span(duration(r)), When: r.Started.UTC().Format("2 January 2006, 15:04:05 UTC"),
		Charts: charts(r), Latencies: latencies(r), DeliveryWrongs: deliveryWrongs(r.Delivery), PresenceWrongs: presenceWrongs(r.Presence),
		DeliveryEvidence: r.Delivery.Evidence, PresenceEvidence: r.Presence.Evidence, Errors: counts(r, harness.Errors, "error"),
		Codes: counts(r, harness.Closed, "code"), HealthText: healthFigures(r.Health), Reconnects: total(r, harness.Reconnects)}
	if r.Started.IsZero() {
		p.When = ""
	}
	p.Failed, p.Held, p.ByDefault = split(r.Thresholds)
	if n := len(p.DeliveryEvidence); n > maxRows {
		p.DeliveryEvidence, p.DeliveryMore = p.DeliveryEvidence[:maxRows], n-maxRows
	}
	if n := len(p.PresenceEvidence); n > maxRows {
		p.PresenceEvidence, p.PresenceMore = p.PresenceEvidence[:maxRows], n-maxRows
	}
	p.Cards = cards(r, p)
	return pageTemplate().Execute(w, p)
}

func cards(r *harness.Result, p htmlPage) (all []card) {
	d, h := r.Delivery, r.Presence
	if d.Checked {
		c := card{"Delivered", "none due", "", "good"}
		if d.Expected > 0 {
			c.Figure, c.Note = percent(d.Delivered, d.Expected)+" %", count(d.Delivered)+" of "+count(d.Expected)
		}
		if !sound(p.DeliveryWrongs) {
			c.Mood, c.Note = "bad", wrongWords(p.DeliveryWrongs)
		}
		all = append(all, c)
	}
	if h.Checked {
		c := card{"Presence", "as it was", plural(h.Joins, "join") + ", " + leaves(h.Leaves), "good"}
		if !sound(p.PresenceWrongs) {
			c.Figure, c.Mood, c.Note = "wrong", "bad", wrongWords(p.PresenceWrongs)
		}
		all = append(all, c)
	}
	if m, ok := r.Total(harness.DeliveryLatency.Name, nil); ok && m.Count > 0 {
		all = append(all, card{"Delivery p95", ms(m.Percentile(95)) + " ms", "p50 " + ms(m.Percentile(50)) + ", p99 " + ms(m.Percentile(99)) + " ms", ""})
	}
	if d.Published > 0 {
		c := card{"Publishes accepted", perSecond(d.Accepted, r.DurationMS), count(d.Accepted) + " of " + count(d.Published), ""}
		if d.Accepted < d.Published {
			c.Mood = "odd"
		}
		all = append(all, c)
	}
	if d.Delivered > 0 {
		all = append(all, card{"Deliveries came", perSecond(d.Delivered, r.DurationMS), "of " + plural(d.Accepted, "publish") + " and " + plural(d.Whispers, "whisper"), ""})
	}
	if m, ok := r.Total(harness.Connections.Name, nil); ok {
		all = append(all, card{"Connections", count(int64(m.Most)), "at most, " + count(p.Reconnects) + " reconnects", ""})
	}
	return all
}

// wrongWords names the kinds that occurred.
func wrongWords(all []wrong) string {
	var out []string
	for _, w := range all {
		if w.Count > 0 {
			out = append(out, count(w.Count)+" "+w.What)
		}
	}
	return strings.Join(out, ", ")
}
