package report

import (
	"fmt"
	"io"
	"strings"

	"echolab/harness"
)

// md is a text within Markdown: nothing in it is markup, a mention or a link.
func md(text string) string {
	var b strings.Builder
	for _, r := range plain(text) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@':
			b.WriteString("&#64;")
		case strings.ContainsRune("\\`*_{}[]()#!|~", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == ':': // keeps http:// from becoming a link
			b.WriteString("&#58;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var verdictSigns = map[harness.Verdict]string{harness.Passed: "✅", harness.Failed: "❌", harness.Unreachable: "❌", harness.Inconclusive: "⚠️", harness.Interrupted: "⚠️"}

func writeMarkdown(w io.Writer, r *harness.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s %s: %s\n\n", verdictSigns[r.Verdict], md(title(r)), r.Verdict)
	for _, reason := range r.Reasons {
		fmt.Fprintf(&b, "- %s\n", md(reason))
	}
	if len(r.Reasons) > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s against %s, seed %d, plan %s%s\n\n", span(duration(r)), md(target(r)), r.Seed, md(orDash(r.PlanHash)), segmentText(r))
	d := r.Delivery
	if d.Checked {
		fmt.Fprintf(&b, "**Delivery:** %s of %s due deliveries came, %s. ", count(d.Delivered), count(d.Expected), inWords(deliveryWrongs(d)))
		fmt.Fprintf(&b, "%s of %s publishes accepted, %s.\n\n", count(d.Accepted), count(d.Published), plural(d.Whispers, "whisper"))
	}
	if r.Presence.Checked {
		fmt.Fprintf(&b, "**Presence:** %s, %s, %s.\n\n", plural(r.Presence.Joins, "join"), leaves(r.Presence.Leaves), inWords(presenceWrongs(r.Presence)))
	}
	for _, l := range r.Listeners {
		fmt.Fprintf(&b, "**Dead listener:** %s. Fix: %s\n\n", md(listenerLine(l)), md(l.Fix))
	}
	if len(d.Evidence)+len(r.Presence.Evidence) > 0 {
		b.WriteString("<details><summary>Evidence</summary>\n\n")
		for i, e := range d.Evidence {
			if i < 10 {
				fmt.Fprintf(&b, "- %s: %s\n", md(e.What), md(evidenceLine(e)))
			}
		}
		for i, e := range r.Presence.Evidence {
			if i < 10 {
				fmt.Fprintf(&b, "- %s: %s\n", md(e.What), md(presenceLine(e)))
			}
		}
		b.WriteString("\n</details>\n\n")
	}
	if rows := latencies(r); len(rows) > 0 {
		b.WriteString("| Latency, ms | count | p50 | p90 | p95 | p99 | max |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
		for _, row := range rows {
			name, m := md(row.Name), row.Metric
			if row.Inner {
				name = "&nbsp;&nbsp;" + name
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", name, count(m.Count), ms(m.Percentile(50)), ms(m.Percentile(90)), ms(m.Percentile(95)),
				ms(m.Percentile(99)), ms(m.Most))
		}
		b.WriteByte('\n')
	}
	failed, held, byDefault := split(r.Thresholds)
	if len(r.Thresholds) > 0 {
		b.WriteString("| | Threshold | Measured |\n| --- | --- | ---: |\n")
		for _, t := range append(failed, held...) {
			sign := "✅"
			if !t.OK {
				sign = "❌"
			}
			fmt.Fprintf(&b, "| %s | %s %s | %s |\n", sign, md(t.Metric), md(t.Expression), md(value(t)))
		}
		if n := len(byDefault); n > 0 {
			fmt.Fprintf(&b, "| ✅ | %d more that hold by default | |\n", n)
		}
		b.WriteByte('\n')
	}
	for _, e := range r.Expectations {
		sign := "✅"
		if e.Failed > 0 {
			sign = "❌"
		}
		fmt.Fprintf(&b, "- %s %s: held %s, failed %s\n", sign, md(strings.TrimPrefix(e.Scenario+": "+e.Name, ": ")), times(e.Held), times(e.Failed))
	}
	if len(r.Expectations) > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "Generator: %s.\n", md(healthFigures(r.Health)))
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "\n> %s\n", md(warning))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func segmentText(r *harness.Result) string {
	if r.Segment == "" {
		return ""
	}
	return ", segment " + md(r.Segment)
}

func inWords(all []wrong) string {
	var out []string
	for _, w := range all {
		text := count(w.Count) + " " + w.What
		if w.Count > 0 && !w.Neutral {
			text = "**" + text + "**"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}
