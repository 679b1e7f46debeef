package harness

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// wrongName is why a variable cannot be called that, "" when it can.
func wrongName(name string) string {
	taken := slices.Contains(builtins, name) || functionNamed(name) != nil ||
		slices.Contains([]string{"true", "false", "nil", "in", "and", "or", "not", "let", "if", "else", "matches", "contains", "startsWith", "endsWith"}, name)
	for _, n := range fixedNames {
		taken = taken || n.Name == name
	}
	switch {
	case !nameForm.MatchString(name):
		return fmt.Sprintf("%s cannot be a variable; write letters, digits and _, a letter first", short(name))
	case taken:
		return fmt.Sprintf("%s has a meaning in templates already; call the variable otherwise", name)
	}
	return ""
}

// variables settles what they are: -e, environment, file.
func (p *parsing) variables(d *decoder, t *tree) {
	var rows []branch
	if t != nil {
		rows, _ = t.value.([]branch)
	}
	var known []string
	for i := range rows {
		b := &rows[i]
		if wrong := wrongName(b.key); wrong != "" {
			p.problems.add(b.at, "%s", wrong)
			continue
		}
		known = append(known, b.key)
		value, ok := p.variable(d, b)
		if ok {
			d.values[b.key] = value
		}
		d.static.vars[b.key] = true
	}
	for _, name := range slices.Sorted(maps.Keys(p.in.Variables)) {
		if !slices.Contains(known, name) {
			p.problems.List = append(p.problems.List, Problem{Text: fmt.Sprintf("-e %s: the scenario has no variable %s; %s", name, name, meantOrNone(name, known, "it has none at all; they stand under variables:"))})
		}
	}
}

func (p *parsing) variable(d *decoder, b *branch) (any, bool) {
	text, from, given := "", "", false
	if text, given = p.in.Variables[b.key]; given {
		from = "-e " + b.key
	} else {
		for _, name := range []string{"ECHOLAB_VAR_" + b.key, "ECHOLAB_VAR_" + strings.ToUpper(b.key)} {
			if text, given = d.environ[name]; given {
				from = name
				break
			}
		}
	}
	n, ok := d.constant(b.tree)
	if !ok {
		return nil, false
	}
	if !given {
		if n == nil {
			p.problems.add(b.at, "%s has no value; write one, or pass -e %s=…", b.key, b.key)
		}
		return n, n != nil
	}
	value, err := likewise(text, n)
	if err != nil {
		p.problems.List = append(p.problems.List, Problem{Text: fmt.Sprintf("%s=%s: %s", from, text, err)})
	}
	return value, err == nil
}

// constant is a value of the file with its templates evaluated at once.
func (d *decoder) constant(t tree) (any, bool) {
	switch v := t.value.(type) {
	case []branch:
		out := make(map[string]any, len(v))
		for _, b := range v {
			value, ok := d.constant(b.tree)
			if !ok {
				return nil, false
			}
			out[b.key] = value
		}
		return out, true
	case []tree:
		out := make([]any, len(v))
		for i := range v {
			value, ok := d.constant(v[i])
			if !ok {
				return nil, false
			}
			out[i] = value
		}
		return out, true
	case string:
		if strings.Contains(v, "{{") {
			return d.scalar(t, "the variable")
		}
	}
	return t.value, true
}

// likewise turns a text of the command line into a value of the same kind as the file's.
func likewise(text string, like any) (any, error) {
	switch like.(type) {
	case string:
		return text, nil
	case int:
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			return nil, fmt.Errorf("it must be a whole number, as it is in the file")
		}
		return n, nil
	case float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n != n {
			return nil, fmt.Errorf("it must be a number, as it is in the file")
		}
		return n, nil
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("it must be true or false, as it is in the file")
		}
		return b, nil
	}
	r := &reader{problems: &Problems{}}
	t, ok := r.read("it", []byte(text))
	if !ok {
		return nil, fmt.Errorf("it is no YAML or JSON value")
	}
	d := &decoder{Problems: r.problems, static: newVocabulary()}
	d.static.static = true
	value, ok := d.constant(t)
	if _, isList := like.([]any); isList && ok {
		if _, ok = value.([]any); !ok {
			return nil, fmt.Errorf("it must be a list such as [1, 2], as it is in the file")
		}
	}
	if !ok || len(r.problems.List) > 0 {
		return nil, fmt.Errorf("it is no YAML or JSON value")
	}
	return value, nil
}

// ownVariables finds the names that steps give to users: set, and save of http.
func (p *parsing) ownVariables(d *decoder, t tree) {
	switch v := t.value.(type) {
	case []branch:
		for i := range v {
			p.ownVariables(d, v[i].tree)
		}
	case []tree:
		for i := range v {
			for _, of := range []*tree{v[i].child("set"), saved(v[i])} {
				if of == nil {
					continue
				}
				names, _ := of.value.([]branch)
				for _, b := range names {
					if wrong := wrongName(b.key); wrong != "" {
						p.problems.add(b.at, "%s", wrong)
						continue
					}
					d.names.vars[b.key] = true
				}
			}
			p.ownVariables(d, v[i])
		}
	}
}

func saved(t tree) *tree {
	if h := t.child("http"); h != nil {
		return h.child("save")
	}
	return nil
}
