package report

import (
	"fmt"
	"io"
	"strings"

	"echolab/harness"
)

// changeSigns say what became of a figure.
var changeSigns = map[harness.Change]struct {
	sign string
	ink  ink
}{
	harness.Same: {"same", dim}, harness.Better: {"better", green}, harness.Worse: {"WORSE", red}, harness.Unclear: {"unclear", amber},
	harness.Gone: {"gone", red}, harness.New: {"new", amber},
}

// ComparisonText writes two runs side by side for a person: what became worse first.
func ComparisonText(w io.Writer, c harness.Comparison, opt TextOptions) error {
	p := &page{TextOptions: opt}
	if n := len(c.Regressions); n > 0 {
		fmt.Fprintf(&p.b, "%s  %s\n", p.paint(red, p.paint(bold, "WORSE")), plural(int64(n), "regression"))
	} else {
		fmt.Fprintf(&p.b, "%s  no regression\n", p.paint(green, p.paint(bold, "OK")))
	}
	for _, line := range c.Regressions {
		fmt.Fprintf(&p.b, "  %s %s\n", p.paint(red, "✗"), plain(line))
	}
	p.b.WriteByte('\n')
	for _, run := range []struct {
		label string
		run   harness.ComparedRun
	}{{"Base", c.Base}, {"Other", c.Next}} {
		p.section(run.label, plain(fmt.Sprintf("%s %s, %s, %s, against %s", run.run.ID, run.run.Name, run.run.Started.UTC().Format("2006-01-02 15:04 UTC"), run.run.Verdict, run.run.Target)))
	}
	for _, note := range c.Notes {
		p.section("Note", p.paint(amber, plain(note)))
	}
	wide, rule := 6, 0
	for _, f := range c.Figures {
		wide, rule = max(wide, visible(f.Metric)), max(rule, len(allowed(f)))
	}
	wide = min(wide, 44)
	fmt.Fprintf(&p.b, "\n%s\n", p.paint(dim, fmt.Sprintf("%-*s %-8s %10s %10s %9s  %-*s  %s", wide, "Metric", "", "base", "other", "change", rule, "allowed", "")))
	for _, f := range c.Figures {
		sign := changeSigns[f.Change]
		fmt.Fprintf(&p.b, "%-*s %-8s %10s %10s %9s  %-*s  %s\n", wide, short(plain(f.Metric), wide), f.Method, figureOf(f, f.Base, f.InBase), figureOf(f, f.Next, f.InNext), share(f), rule, allowed(f),
			p.paint(sign.ink, strings.TrimSpace(sign.sign+" "+interval(f))))
	}
	var out strings.Builder
	for line := range strings.Lines(p.b.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// interval says why a change is unclear.
func interval(f harness.FigureDelta) string {
	if f.Change != harness.Unclear {
		return ""
	}
	return fmt.Sprintf("(%s–%s, then %s–%s: may be chance)", ms(f.BaseLow), ms(f.BaseHigh), ms(f.NextLow), ms(f.NextHigh))
}

func allowed(f harness.FigureDelta) string {
	return strings.TrimPrefix(f.Tolerance, f.Metric+" "+f.Method+" ")
}

func figureOf(f harness.FigureDelta, v float64, measured bool) string {
	switch {
	case !measured:
		return "-"
	case f.Kind == harness.Trend && f.Method != "count":
		return ms(v) + " ms"
	case f.Kind == harness.Rate && f.Method == "rate":
		return trim(fmt.Sprintf("%.3f", v*100)) + " %"
	case f.Kind == harness.Counter && f.Method == "rate":
		return number(tenth(v)) + "/s"
	}
	return number(v)
}

func share(f harness.FigureDelta) string {
	switch {
	case !f.InBase || !f.InNext:
		return ""
	case f.Base == f.Next:
		return "="
	case f.Base == 0:
		return "from 0"
	}
	return fmt.Sprintf("%+.1f %%", f.Share*100)
}

// ComparisonMarkdown writes the same for a pull request: only what has a rule, or changed.
func ComparisonMarkdown(w io.Writer, c harness.Comparison) error {
	var b strings.Builder
	if n := len(c.Regressions); n > 0 {
		fmt.Fprintf(&b, "## ❌ %s\n\n", plural(int64(n), "regression"))
	} else {
		b.WriteString("## ✅ No regression\n\n")
	}
	for _, line := range c.Regressions {
		fmt.Fprintf(&b, "- %s\n", md(line))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "> %s\n", md(note))
	}
	b.WriteString("\n| Metric | | base | other | change | allowed | |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n")
	for _, f := range c.Figures {
		if f.Tolerance == "" && f.Base == f.Next {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", md(f.Metric), md(f.Method), figureOf(f, f.Base, f.InBase), figureOf(f, f.Next, f.InNext), share(f), md(allowed(f)),
			md(strings.TrimSpace(changeSigns[f.Change].sign+" "+interval(f))))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
