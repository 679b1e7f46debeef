package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"echolab/harness"
)

// TextOptions says how the summary is written.
type TextOptions struct {
	Colour bool
	// Width is the terminal's; longer lines are wrapped behind their label. 0 wraps nothing.
	Width int
	// Notes are further lines at the end, such as where the reports are.
	Notes []string
}

// ink is what a text is drawn with where there are colours.
type ink string

const (
	bold  ink = "1"
	dim   ink = "2"
	red   ink = "31"
	green ink = "32"
	amber ink = "33"
)

// page collects the lines of a summary.
type page struct {
	TextOptions
	b strings.Builder
}

func (p *page) paint(i ink, text string) string {
	if !p.Colour || text == "" {
		return text
	}
	return "\x1b[" + string(i) + "m" + text + "\x1b[0m"
}

// verdictInk is a verdict's colour.
var verdictInk = map[harness.Verdict]ink{harness.Passed: green, harness.Failed: red, harness.Unreachable: red,
	harness.Inconclusive: amber, harness.Interrupted: amber}

const labelWidth = 12

// section writes a label and lines beside it.
func (p *page) section(label string, lines ...string) {
	for i, line := range lines {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(&p.b, "%s%s\n", p.paint(dim, fmt.Sprintf("%-*s", labelWidth, label)), p.wrap(line, labelWidth))
	}
}

// wrap breaks a line between words where it would be longer than the terminal is wide.
func (p *page) wrap(line string, indent int) string {
	room := p.Width - indent
	if p.Width <= 0 || room < 20 || visible(line) <= room {
		return line
	}
	var b strings.Builder
	have := 0
	for i, word := range strings.Split(line, " ") {
		n := visible(word)
		switch {
		case i == 0:
		case have+1+n > room:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			have = 0
		default:
			b.WriteByte(' ')
			have++
		}
		b.WriteString(word)
		have += n
	}
	return b.String()
}

// visible is how many characters of a text are seen.
func visible(text string) int {
	n := utf8.RuneCountInString(text)
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "\x1b[")
		if !found {
			return n
		}
		code, _, _ := strings.Cut(after, "m")
		n -= len(code) + 3
		rest = after
	}
}

// Text writes the summary: verdict and reasons first, then what they rest on.
func Text(w io.Writer, r *harness.Result, opt TextOptions) error {
	p := &page{TextOptions: opt}
	p.head(r)
	if r.Verdict != harness.Unreachable || r.Delivery.Checked {
		p.delivery(r)
	}
	p.presence(r)
	p.listeners(r)
	p.latency(r)
	p.thresholds(r)
	p.trouble(r)
	p.knee(r)
	if len(r.Metrics) > 0 && r.Health.CPUs > 0 { // a run that never began measured nothing of itself
		p.section("Generator", healthLine(p, r.Health))
	}
	for _, warning := range r.Warnings {
		p.section("Note", p.paint(amber, plain(warning)))
	}
	for _, note := range opt.Notes {
		p.section("", note)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// maxReasons is how many reasons stand at the top.
const maxReasons = 12

func (p *page) head(r *harness.Result) {
	about := []string{title(r)}
	if r.Segment != "" {
		about = append(about, "segment "+plain(r.Segment))
	}
	about = append(about, span(duration(r)), "against "+target(r))
	fmt.Fprintf(&p.b, "%s  %s\n", p.paint(verdictInk[r.Verdict], p.paint(bold, strings.ToUpper(string(r.Verdict)))), strings.Join(about, ", "))
	for i, reason := range r.Reasons {
		if i == maxReasons && len(r.Reasons) > maxReasons+1 {
			fmt.Fprintf(&p.b, "  %s\n", p.paint(dim, fmt.Sprintf("and %d more", len(r.Reasons)-maxReasons)))
			break
		}
		fmt.Fprintf(&p.b, "  %s %s\n", p.paint(verdictInk[r.Verdict], "✗"), p.wrap(plain(reason), 4))
	}
	fmt.Fprintf(&p.b, "%s\n\n", p.paint(dim, plain(fmt.Sprintf("  run %s, seed %d, plan %s", orDash(r.ID), r.Seed, orDash(r.PlanHash)))))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// wrongs writes kinds with their counts: quiet at 0, loud above.
func (p *page) wrongs(all []wrong) string {
	var out []string
	for _, w := range all {
		text := count(w.Count) + " " + w.What
		switch {
		case w.Count == 0:
			text = p.paint(dim, text)
		case w.Neutral:
			text = p.paint(amber, text)
		default:
			text = p.paint(red, text)
		}
		out = append(out, text)
	}
	return strings.Join(out, "  ")
}

// maxShown is how many cases of evidence of a kind the summary shows.
const maxShown = 2

func (p *page) delivery(r *harness.Result) {
	d := r.Delivery
	if !d.Checked {
		p.section("Delivery", p.paint(dim, "not checked: nothing was published that could be told apart"))
		return
	}
	share := ""
	if d.Expected > 0 {
		share = fmt.Sprintf(" (%s %%)", percent(d.Delivered, d.Expected))
	}
	p.section("Delivery", fmt.Sprintf("%s of %s due deliveries came%s", count(d.Delivered), count(d.Expected), share), p.wrongs(deliveryWrongs(d)))
	if d.Uncertain > 0 {
		p.section("", p.paint(dim, comingOrGoing(d)))
	}
	if d.Unread > 0 {
		p.section("", p.paint(dim, notRead(d)))
	}
	sent := fmt.Sprintf("%s of %s publishes accepted (%s)", count(d.Accepted), count(d.Published), perSecond(d.Accepted, r.DurationMS))
	if d.Published == 0 {
		sent = "no publishes"
	}
	if d.Refused+d.Unanswered > 0 {
		sent += p.paint(amber, fmt.Sprintf(", %s refused, %s unanswered", count(d.Refused), count(d.Unanswered)))
	}
	if d.Whispers > 0 {
		sent += fmt.Sprintf(", %s (%s)", plural(d.Whispers, "whisper"), perSecond(d.Whispers, r.DurationMS))
	}
	p.section("Sent", sent+" → "+strings.Replace(perSecond(d.Delivered, r.DurationMS), "/s", " deliveries/s", 1))
	if d.Siblings > 0 {
		p.section("", p.paint(dim, count(d.Siblings)+" events of other segments came; 'echolab merge' judges them"))
	}
	shown := make(map[string]int)
	for _, e := range d.Evidence {
		if shown[e.What]++; shown[e.What] <= maxShown {
			p.section("", p.paint(red, e.What)+" "+evidenceLine(e))
		}
	}
}

// comingOrGoing says what came and could not be judged.
func comingOrGoing(d harness.DeliveryResult) string {
	return count(d.Uncertain) + " more came to clients coming or going"
}

// notRead says what was not judged because clients were told not to read.
func notRead(d harness.DeliveryResult) string {
	return count(d.Unread) + " not judged: to clients that were told not to read"
}

// percent is a share that is 100 only when it is all.
func percent(part, all int64) string {
	if part == all {
		return "100"
	}
	share := fmt.Sprintf("%.3f", float64(part)/float64(all)*100)
	if part < all && share == "100.000" {
		return "99.999"
	}
	return trim(share)
}

func (p *page) presence(r *harness.Result) {
	h := r.Presence
	if !h.Checked {
		return
	}
	about := fmt.Sprintf("%s, %s; %s told to everybody", plural(h.Joins, "join"), leaves(h.Leaves), count(h.Told))
	if h.Unsure > 0 {
		about += p.paint(dim, "; "+unsure(h))
	}
	if h.Unread > 0 {
		about += p.paint(dim, "; "+count(h.Unread)+" not judged, to clients that were told not to read")
	}
	p.section("Presence", about, p.wrongs(presenceWrongs(h)))
	shown := make(map[string]int)
	for _, e := range h.Evidence {
		if shown[e.What]++; shown[e.What] <= maxShown {
			p.section("", p.paint(red, e.What)+" "+presenceLine(e))
		}
	}
}

// unsure says what of presence could not be judged, and why.
func unsure(h harness.PresenceResult) string {
	return plural(h.Unsure, "change") + " not judged: gone for a moment and back on another connection, in whichever order the server saw it"
}

func leaves(n int64) string {
	if n == 1 {
		return "1 leave"
	}
	return count(n) + " leaves"
}

func (p *page) listeners(r *harness.Result) {
	for i, l := range r.Listeners {
		label := ""
		if i == 0 {
			label = "Dead"
		}
		p.section(label, p.paint(red, listenerLine(l)))
		if l.Fix != "" {
			p.section("", p.paint(bold, "fix: ")+plain(l.Fix))
		}
	}
}

func (p *page) latency(r *harness.Result) {
	rows := latencies(r)
	if len(rows) == 0 {
		return
	}
	wide := 0
	for _, row := range rows {
		wide = max(wide, visible(row.Name)+2)
	}
	room := 48
	if p.Width > 0 {
		room = max(24, p.Width-58)
	}
	wide = min(wide, room)
	fmt.Fprintf(&p.b, "\n%s\n", p.paint(dim, fmt.Sprintf("%-*s %10s %8s %8s %8s %8s %8s", wide, "Latency, ms", "count", "p50", "p90", "p95", "p99", "max")))
	for _, row := range rows {
		name, m := row.Name, row.Metric
		if row.Inner {
			name = "  " + name
		}
		name = short(name, wide)
		line := fmt.Sprintf("%s%s %10s %8s %8s %8s %8s %8s", name, strings.Repeat(" ", max(0, wide-visible(name))), count(m.Count),
			ms(m.Percentile(50)), ms(m.Percentile(90)), ms(m.Percentile(95)), ms(m.Percentile(99)), ms(m.Most))
		if row.Inner {
			line = p.paint(dim, line)
		}
		p.b.WriteString(line + "\n")
	}
	p.b.WriteByte('\n')
}

func (p *page) thresholds(r *harness.Result) {
	failed, held, byDefault := split(r.Thresholds)
	var lines []string
	line := func(i ink, sign string, t harness.ThresholdResult) {
		text := fmt.Sprintf("%s %s %s: %s", p.paint(i, sign), plain(t.Metric), plain(t.Expression), p.paint(bold, value(t)))
		if t.Aborted {
			text += p.paint(amber, ", which ended the run")
		}
		lines = append(lines, text)
	}
	for _, t := range failed {
		if t.Place != "" { // the others are among the reasons, and shown where they belong
			line(red, "✗", t)
		}
	}
	for _, t := range held {
		line(green, "✓", t)
	}
	if n := len(byDefault); n > 0 {
		lines = append(lines, p.paint(dim, fmt.Sprintf("✓ %s more that hold by default", count(int64(n)))))
	}
	p.section("Thresholds", lines...)
	lines = nil
	for _, e := range r.Expectations {
		sign, say := p.paint(green, "✓"), fmt.Sprintf("held %s", times(e.Held))
		if e.Failed > 0 {
			sign, say = p.paint(red, "✗"), p.paint(red, fmt.Sprintf("failed %s", times(e.Failed)))+fmt.Sprintf(", held %s", times(e.Held))
			if e.Place != "" {
				say += p.paint(dim, " "+plain(e.Place))
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", sign, plain(strings.TrimPrefix(e.Scenario+": "+e.Name, ": ")), say))
		if e.Failed > 0 {
			for i, text := range e.Evidence {
				if i < maxShown {
					lines = append(lines, "  "+plain(text))
				}
			}
		}
	}
	p.section("Expected", lines...)
}

func (p *page) trouble(r *harness.Result) {
	list := func(all []tagged, names map[string]string) string {
		var out []string
		for i, t := range all {
			if i == 6 && len(all) > 7 {
				out = append(out, fmt.Sprintf("and %d other kinds", len(all)-i))
				break
			}
			name := plain(t.Name)
			if means := names[t.Name]; means != "" {
				name += " " + means
			}
			out = append(out, count(t.Count)+" × "+name)
		}
		return strings.Join(out, ", ")
	}
	if all := counts(r, harness.Errors, "error"); len(all) > 0 {
		p.section("Errors", p.paint(amber, list(all, nil)))
	}
	if all := counts(r, harness.Closed, "code"); len(all) > 0 {
		p.section("Closed", list(all, closeCodes))
	}
	if n := total(r, harness.Reconnects); n > 0 {
		p.section("Reconnects", count(n))
	}
}

func (p *page) knee(r *harness.Result) {
	if r.Knee == nil {
		return
	}
	text := "not even the first rate held"
	if r.Knee.Rate > 0 {
		text = p.paint(bold, number(r.Knee.Rate)+" a second") + " was the last rate that held"
	}
	if r.Knee.Broke != "" {
		text += "; then " + plain(r.Knee.Broke)
	}
	lines := []string{text}
	for _, step := range r.Knee.Attempts {
		sign, why := p.paint(green, "✓"), ""
		if !step.Held {
			sign = p.paint(red, "✗")
			if len(step.Reasons) > 0 {
				why = "  " + plain(step.Reasons[0])
			}
		}
		lines = append(lines, fmt.Sprintf("%s %8s/s  p95 %s ms%s", sign, number(step.Rate), ms(step.P95MS), why))
	}
	p.section("Knee", lines...)
}

func healthLine(p *page, h harness.HealthResult) string {
	if h.OK {
		return p.paint(green, "kept up") + ": " + healthFigures(h)
	}
	return p.paint(amber, "did not keep up") + ": " + healthFigures(h)
}
