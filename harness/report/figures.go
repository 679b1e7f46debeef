package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// count writes a whole number with groups of three: 1,234,567.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// ms writes milliseconds with about three digits that mean something.
func ms(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a < 10:
		return fmt.Sprintf("%.2f", v)
	case a < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return count(int64(math.Round(v)))
}

// number writes a figure of any kind: no more digits than it needs.
func number(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e15:
		return count(int64(v))
	case a < 10:
		return trim(fmt.Sprintf("%.3f", v))
	case a < 1000:
		return trim(fmt.Sprintf("%.1f", v))
	}
	return count(int64(math.Round(v)))
}

func trim(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }

// perSecond writes a rate.
func perSecond(n int64, durationMS float64) string {
	if durationMS <= 0 {
		return ""
	}
	return number(math.Round(float64(n)/durationMS*1e4)/10) + "/s"
}

// span writes how long something took, to the second where that is enough.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return trim(fmt.Sprintf("%.1f", d.Seconds())) + "s"
	}
	return strings.TrimSuffix(strings.Replace(d.Round(time.Second).String(), "m0s", "m", 1), "h0m")
}

func spanMS(v float64) string { return span(time.Duration(v * float64(time.Millisecond))) }

// size writes a number of bytes.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return trim(fmt.Sprintf("%.1f", float64(n)/1e9)) + " GB"
	case n >= 1e6:
		return trim(fmt.Sprintf("%.0f", float64(n)/1e6)+".") + " MB"
	}
	return count((n+999)/1000) + " kB"
}

// plural is "1 thing", "2 things".
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "sh") {
		one += "e"
	}
	return count(n) + " " + one + "s"
}

// plain shows what a server or a scenario said on one line: control characters, line ends and what turns text round are
// written out, not obeyed.
func plain(text string) string {
	if strings.IndexFunc(text, unruly) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unruly(r) {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plainLines is plain for a text of several lines.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	return strings.Join(lines, "\n")
}

func unruly(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// short is at most n characters of a text.
func short(text string, n int) string {
	runes := []rune(text)
	if n < 2 || len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}
