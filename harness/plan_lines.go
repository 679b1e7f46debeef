package harness

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Lines is the plan in words, for --dry-run: who does what and when, how much is expected of it, and what must hold.
func (p *Plan) Lines() []string {
	s := p.Scenario
	lines := []string{fmt.Sprintf("plan        %s  %s, seed %d", p.Hash, s.Name, p.Seed)}
	add := func(name, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%-11s %s", name, fmt.Sprintf(format, args...)))
	}
	if seg := p.Segment.String(); seg != "" {
		add("segment", "%s", seg)
	}
	if s.Target.URL != "" {
		shown := s.Target.URL
		if u, err := url.Parse(shown); err == nil {
			shown = u.Redacted()
		}
		add("target", "%s", shown)
	} else {
		add("target", "the embedded emulator, unless a flag says otherwise")
	}
	add("users", "%d at most", p.Users())
	add("length", "%s, and up to %s for what is under way", p.Length(), s.Drain)
	for _, name := range slices.Sorted(maps.Keys(s.Variables)) {
		text, _ := appendText(nil, s.Variables[name])
		add("variable", "%s = %s", name, text)
	}
	for i := range s.Groups {
		lines = append(lines, p.groupLines(&s.Groups[i])...)
	}
	lines = append(lines, "", "thresholds")
	for _, t := range s.Thresholds {
		line := "  " + t.Selector() + ": " + t.Expression
		if t.AbortOnFail {
			line += ", ends the run at once"
			if t.DelayAbort > 0 {
				line = strings.Replace(line, "at once", "from "+t.DelayAbort.String()+" on", 1)
			}
		}
		if t.Place == "" {
			line += "  (by default)"
		}
		lines = append(lines, line)
	}
	return lines
}

func (p *Plan) groupLines(g *Group) []string {
	begin := ""
	if g.StartTime > 0 {
		begin = ", from " + g.StartTime.String()
	}
	lines := []string{"", fmt.Sprintf("%s: %s, %s%s", g.Name, g.Executor, g, begin)}
	if a := p.arrivals(g); a != nil {
		lines = append(lines, fmt.Sprintf("  iterations  %d in all", a.Count()))
		if n := publishes(g.Steps); n > 0 {
			lines = append(lines, fmt.Sprintf("  publishes   %d in all, over HTTP", n*int(a.Count())))
		}
	} else if g.Executor == PerVUIterations {
		lines = append(lines, fmt.Sprintf("  iterations  %d in all", g.VUs*g.Iterations))
	}
	for _, part := range []struct {
		name  string
		steps []Step
	}{{"setup", g.Setup}, {"steps", g.Steps}, {"teardown", g.Teardown}} {
		if len(part.steps) > 0 {
			lines = append(lines, "  "+part.name)
			lines = append(lines, stepLines(part.steps, "    ")...)
		}
	}
	return lines
}

// publishes is how many events one iteration sends over HTTP, as far as that is known before.
func publishes(steps []Step) (n int) {
	for i := range steps {
		if steps[i].If != nil {
			continue
		}
		switch do := steps[i].Do.(type) {
		case *Publish, *Emit:
			n++
		case *Repeat:
			n += do.Times * publishes(do.Steps)
		}
	}
	return n
}

func stepLines(steps []Step, indent string) (lines []string) {
	for i := range steps {
		s := &steps[i]
		v := reflect.ValueOf(s.Do).Elem()
		var words []string
		var inner []Step
		for _, f := range fieldsOf(v.Type()) {
			field := v.FieldByIndex(f.index)
			if field.IsZero() {
				continue
			}
			if within, ok := field.Interface().([]Step); ok {
				inner = within
				continue
			}
			text := shortly(normal(field))
			if d, ok := field.Interface().(time.Duration); ok {
				text = d.String()
			}
			if !f.short && f.name != "" {
				text = f.name + " " + text
			}
			words = append(words, text)
		}
		line := indent + s.Kind.Name
		if len(words) > 0 {
			line += "  " + strings.Join(words, ", ")
		}
		if s.If != nil {
			line += "  if " + s.If.source
		}
		lines = append(lines, line)
		lines = append(lines, stepLines(inner, indent+"  ")...)
	}
	return lines
}

func shortly(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // what normal gives
	text := strings.TrimSpace(b.String())
	if len(text) > 100 {
		text = strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}
