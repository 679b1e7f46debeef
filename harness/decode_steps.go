package harness

import (
	"reflect"
	"slices"
	"strings"
)

// What a scenario may hold of steps.
const (
	maxSteps  = 10_000
	maxBlocks = 10 // steps within steps
)

// stepFields are the keys that each step may have besides its own.
type stepFields struct {
	Name string `yaml:"name" help:"what reports call it"`
	If   *Expr  `yaml:"if" help:"run it only when this holds, such as vu % 2 == 0"`
}

func stepNames() (names []string) {
	for _, k := range Steps {
		names = append(names, k.Name)
	}
	return names
}

func stepNamed(name string) *StepKind {
	i := slices.IndexFunc(Steps, func(k *StepKind) bool { return k.Name == name })
	if i < 0 {
		return nil
	}
	return Steps[i]
}

// stepList reads a list of steps.
func (d *decoder) stepList(t tree, name string) []Step {
	list, ok := t.value.([]tree)
	if !ok {
		if t.value != nil {
			d.add(t.at, "%s must be a list of steps, each beginning with a dash", name)
		}
		return nil
	}
	if d.blocks > maxBlocks {
		d.add(t.at, "more than %d steps within each other", maxBlocks)
		return nil
	}
	steps := make([]Step, 0, len(list))
	for i := range list {
		if d.steps++; d.steps > maxSteps {
			d.add(list[i].at, "more than %d steps", maxSteps)
			return steps
		}
		if s, ok := d.step(list[i]); ok {
			steps = append(steps, s)
		}
	}
	return steps
}

// step reads one: a word, or a mapping of the step's name to its fields or to its one value.
func (d *decoder) step(t tree) (s Step, ok bool) {
	s.Place = t.at.String()
	common := fieldsOf(reflect.TypeFor[stepFields]())
	var at branch
	switch v := t.value.(type) {
	case string:
		at = branch{key: strings.TrimSpace(v), at: t.at, tree: tree{at: t.at}}
	case []branch:
		var extra stepFields
		into := reflect.ValueOf(&extra).Elem()
		for i := range v {
			b := &v[i]
			f := fieldNamed(common, b.key)
			switch {
			case f != nil && b.key == "if" && b.value != nil:
				extra.If = d.condition(b.tree, "if", false)
			case f != nil:
				d.field(b, f, into.FieldByIndex(f.index))
			case at.key != "" && stepNamed(b.key) != nil:
				d.add(b.at, "a step does one thing, and this one is %s already; begin a line with a dash for %s", at.key, b.key)
				return s, false
			case at.key == "" || stepNamed(at.key) == nil && stepNamed(b.key) != nil:
				at = *b
			default:
				d.add(b.at, "%s is no key of a step; its own fields stand inside %s: {…}", short(b.key), at.key)
				return s, false
			}
		}
		s.Name, s.If = extra.Name, extra.If
	default:
		d.add(t.at, "a step is a word such as connect, or a name with its fields such as join: office")
		return s, false
	}
	s.Kind = stepNamed(at.key)
	if s.Kind == nil {
		d.add(at.at, "there is no step %s; %s", short(at.key), meant(at.key, stepNames()))
		return s, false
	}
	s.Do = s.Kind.New()
	before := len(d.List)
	d.action(&at, s.Kind, reflect.ValueOf(s.Do).Elem())
	if len(d.List) > before {
		return s, false
	}
	if c, checked := s.Do.(checkedAction); checked {
		if key, wrong := c.check(); wrong != "" {
			where := at.tree.at
			if child := at.child(key); child != nil {
				where = child.at
			}
			d.add(where, "%s", wrong)
			return s, false
		}
	}
	return s, true
}

// action puts a step's fields, or its one value, into its struct.
func (d *decoder) action(b *branch, kind *StepKind, into reflect.Value) {
	fields := fieldsOf(into.Type())
	if kind.Block {
		d.blocks++
		defer func() { d.blocks-- }()
	}
	if _, isMapping := b.value.([]branch); isMapping {
		if len(fields) == 0 {
			d.add(b.tree.at, "%s takes no fields; write - %s", kind.Name, kind.Name)
			return
		}
		d.mapping(b.tree, kind.Name, fields, into)
		return
	}
	if b.value == nil {
		if slices.ContainsFunc(fields, func(f field) bool { return f.required || f.inline }) {
			d.add(b.at, "%s needs more than its name, such as %s", kind.Name, kind.Example)
		}
		return
	}
	i := slices.IndexFunc(fields, func(f field) bool { return f.short })
	if i < 0 {
		d.add(b.tree.at, "%s takes fields, such as %s", kind.Name, kind.Example)
		return
	}
	for _, f := range fields {
		if f.required && !f.short {
			d.add(b.tree.at, "%s needs %s too, such as %s", kind.Name, f.name, kind.Example)
			return
		}
	}
	d.field(&branch{b.key, b.at, b.tree}, &fields[i], into.FieldByIndex(fields[i].index))
}

// checkedAction is an action whose fields must fit together. check names the field that is wrong, "" the step itself, and says
// what is wrong; "" nothing.
type checkedAction interface {
	check() (field, wrong string)
}

func (p *Publish) check() (field, wrong string) {
	switch {
	case p.Channel.IsZero() && len(p.Channels) == 0:
		return "", "publish needs channel, or channels"
	case !p.Channel.IsZero() && len(p.Channels) > 0:
		return "channels", "publish has channel and channels; write one of them"
	case len(p.Channels) > 100:
		return "channels", "one publish takes at most 100 channels"
	}
	return "", ""
}

func (h *HTTPRequest) check() (field, wrong string) {
	count := 0
	for _, url := range []Text{h.Get, h.Post, h.Put, h.Patch, h.Delete} {
		if !url.IsZero() {
			count++
		}
	}
	switch {
	case count == 0:
		return "", "a request needs one of get, post, put, patch, delete with its path or URL"
	case count > 1:
		return "", "a request has one method; write only one of get, post, put, patch, delete"
	case !h.JSON.IsZero() && len(h.Form) > 0:
		return "form", "a request has one body; write json or form"
	case h.Status != 0 && (h.Status < 100 || h.Status > 599):
		return "status", "a status lies between 100 and 599"
	}
	return "", ""
}

func (e *Expect) check() (field, wrong string) {
	members := e.Members != nil || !e.Member.IsZero()
	switch {
	case e.Event.IsZero() && !members && !e.Nothing:
		return "", "expect needs event, members, member or nothing: true"
	case e.Nothing && (e.Count > 0 || members):
		return "nothing", "nothing: true goes with event and where alone"
	case members && (!e.Event.IsZero() || e.Where != nil || e.Count > 0):
		return "", "members and events are expected by two steps; begin a second one"
	}
	return "", ""
}

func (r *Repeat) check() (field, wrong string) {
	switch {
	case len(r.Steps) == 0:
		return "steps", "repeat needs a step to repeat"
	case r.Times > maxRepeats:
		return "times", "at most 1000000 times"
	}
	return "", ""
}

const maxRepeats = 1_000_000

func (r *Reconnect) check() (field, wrong string) {
	if r.Share.IsZero() || !r.Share.IsLiteral() {
		return "", ""
	}
	if v, err := r.Share.Eval(nil); err == nil {
		if n, ok := asFloat(v); ok && n >= 0 && n <= 1 {
			return "", ""
		}
	}
	return "share", "share is a part of the users, from 0 to 1"
}

func (s *Set) check() (field, wrong string) {
	for name := range s.Values {
		if wrong := wrongName(name); wrong != "" {
			return name, wrong
		}
	}
	return "", ""
}
