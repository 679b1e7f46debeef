package harness

import (
	"reflect"
	"slices"
	"strings"
)

// thresholds reads what must hold, and adds what must be 0 where the file does not speak of it.
func (p *parsing) thresholds(d *decoder, s *Scenario, t *tree, defaults bool) {
	named := make(map[*Metric]bool)
	var rows []branch
	if t != nil {
		rows, _ = t.value.([]branch)
	}
	for i := range rows {
		b := &rows[i]
		m, tags, err := ParseSelector(b.key)
		if err != nil {
			p.problems.add(b.at, "%s", err)
			continue
		}
		named[m] = true
		if scenario, ok := tags["scenario"]; ok {
			var groups []string
			for _, g := range s.Groups {
				groups = append(groups, g.Name)
			}
			if !slices.Contains(groups, scenario) {
				p.problems.add(b.at, "there is no scenario %s; %s", short(scenario), meantOrNone(scenario, groups, "it is named under scenarios:"))
			}
		}
		conditions, isList := b.value.([]tree)
		if !isList {
			conditions = []tree{b.tree}
		}
		for _, c := range conditions {
			p.threshold(d, s, m, tags, c)
		}
	}
	if !defaults {
		return
	}
	for _, t := range DefaultThresholds() {
		if !named[t.Metric] {
			s.Thresholds = append(s.Thresholds, t)
		}
	}
}

func (p *parsing) threshold(d *decoder, s *Scenario, m *Metric, tags map[string]string, t tree) {
	var row threshold
	place := t.at
	switch t.value.(type) {
	case []branch:
		before := len(p.problems.List)
		d.mapping(t, "a threshold", fieldsOf(reflect.TypeFor[threshold]()), reflect.ValueOf(&row).Elem())
		if len(p.problems.List) > before {
			return
		}
		place = t.child("threshold").at
	default:
		if t.value == nil {
			p.problems.add(t.at, "a threshold is missing; write such as p(95)<50 or count==0")
			return
		}
		v, ok := d.scalar(t, "a threshold")
		if !ok {
			return
		}
		text, isText := v.(string)
		if row.Threshold = text; !isText {
			row.Threshold = t.text
		}
	}
	condition, err := ParseThreshold(m, tags, row.Threshold)
	if err != nil {
		p.problems.add(place, "%s", err)
		return
	}
	condition.AbortOnFail, condition.DelayAbort, condition.Place = row.AbortOnFail, row.DelayAbortEval, place.String()
	s.Thresholds = append(s.Thresholds, condition)
}

// remarks are what is allowed and probably not meant.
func (p *parsing) remarks(s *Scenario) {
	if place, step := lacksBackend(s); place != "" && s.Target.URL != "" {
		p.remark(place + ": " + step + " acts in an application that Echolab emulates; if target.url is an Echolab, run it with --api and the address of its UI, else it cannot be run")
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		repeats := g.Executor != ConstantArrivalRate && g.Executor != RampingArrivalRate && (g.Executor != PerVUIterations || g.Iterations > 1)
		connects, waits := false, false
		walk(slices.Concat(g.Setup, g.Steps), func(step *Step) {
			at := step.Place + ": "
			switch do := step.Do.(type) {
			case *Connect:
				connects = true
			case *Subscribe, *Listen, *OnNotification, *Expect:
				if sub, is := do.(*Subscribe); is && sub.kind == "presence" && strings.HasPrefix(wire("presence", sub.Channel.source), "presence-cache-") {
					p.remark(at + "Reverb sends the last event of a presence-cache channel to who enters it, an old coming or going among them: the lists of members drift by its own doing; join a presence channel without cache-, or allow presence_drift, presence_missed, presence_duplicate and presence_ghosts under thresholds")
				}
				if !connects {
					p.remark(at + step.Kind.Name + " comes before any connect; begin setup with - connect")
					connects = true
				}
			case *Whisper:
				name, literal := do.Channel.source, do.Channel.IsLiteral()
				switch {
				case literal && strings.HasPrefix(name, "private-encrypted-"):
					p.remark(at + "whispers are not sent on encrypted channels")
				case literal && !strings.HasPrefix(name, "private-") && !strings.HasPrefix(name, "presence-"):
					p.remark(at + "whispers are only allowed on private- and presence- channels; " + name + " is public")
				}
				if !connects {
					p.remark(at + "whisper comes before any connect; begin setup with - connect")
					connects = true
				}
			case *Publish:
				if do.ToOthers && !connects {
					p.remark(at + "toOthers leaves out this user's own socket, and it has none without - connect")
				}
			}
		})
		walk(g.Steps, func(step *Step) {
			switch do := step.Do.(type) {
			case *Connect:
				if repeats {
					p.remark(step.Place + ": connect stands in steps, which " + string(g.Executor) + " repeats: every iteration connects; put it into setup to connect once")
				}
			case *Think, *Expect, *HTTPStep, *Publish, *Emit, *Notify, *SendWorkflow, *Subscribe, *Reconnect:
				waits = true
			case *Repeat:
				waits = waits || !do.Every.IsZero()
			}
		})
		if repeats && g.Executor != PerVUIterations && len(g.Steps) > 0 && !waits {
			p.remark(g.Place + ": the steps of " + g.Name + " never wait, so that users repeat them as fast as they can; add - think: 1s..3s")
		}
	}
}

func (p *parsing) remark(text string) {
	if !slices.Contains(p.hints, text) {
		p.hints = append(p.hints, text)
	}
}

// walk visits steps and those within them.
func walk(steps []Step, visit func(*Step)) {
	for i := range steps {
		visit(&steps[i])
		if r, ok := steps[i].Do.(*Repeat); ok {
			walk(r.Steps, visit)
		}
	}
}
