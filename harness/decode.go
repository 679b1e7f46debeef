package harness

import (
	"errors"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"echolab/harness/spelling"
)

// decoder puts trees into structs as their tags say. Whatever is wrong becomes a problem at its place; the value stays zero.
type decoder struct {
	*Problems
	names    *vocabulary // of templates
	static   *vocabulary // of templates in numbers, durations and words, which are evaluated at once
	values   map[string]any
	payloads map[string]Value
	journeys []string
	environ  map[string]string
	steps    int // read so far
	blocks   int // that are open
}

var (
	textType     = reflect.TypeFor[Text]()
	valueType    = reflect.TypeFor[Value]()
	exprType     = reflect.TypeFor[*Expr]()
	waitType     = reflect.TypeFor[Wait]()
	durationType = reflect.TypeFor[time.Duration]()
	stepsType    = reflect.TypeFor[[]Step]()
	treeType     = reflect.TypeFor[tree]()
	executorType = reflect.TypeFor[Executor]()
)

// mapping puts a mapping into a struct.
func (d *decoder) mapping(t tree, what string, fields []field, into reflect.Value) {
	branches, ok := t.value.([]branch)
	if !ok && t.value != nil {
		d.add(t.at, "%s must have keys and values, such as %s: …", what, keys(fields)[0])
		return
	}
	given := make(map[string]bool)
	for i := range branches {
		b := &branches[i]
		f := fieldNamed(fields, b.key)
		inner := group(fields, b.key)
		switch {
		case f != nil && f.name != "":
			given[b.key] = b.value != nil
			d.field(b, f, into.FieldByIndex(f.index))
		case len(inner) > 0:
			d.mapping(b.tree, b.key, inner, into)
		case f != nil: // takes all keys
			d.entry(b, into.FieldByIndex(f.index))
		default:
			d.add(b.at, "%s is no key of %s; %s", short(b.key), what, meant(b.key, keys(fields)))
			if near := spelling.Closest(b.key, keys(fields)); near != "" {
				given[near] = true // it is there, with another name
			}
		}
	}
	for _, f := range fields {
		if f.required && !given[f.name] {
			d.add(t.at, "%s needs %s: %s", what, f.name, f.help)
		}
	}
}

// fieldNamed is the field of a name, or the one that takes all.
func fieldNamed(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name || fields[i].name == "" && fields[i].inline {
			return &fields[i]
		}
	}
	return nil
}

func (d *decoder) field(b *branch, f *field, into reflect.Value) {
	if b.value == nil {
		return
	}
	if f.of != "" {
		if name, ok := b.value.(string); ok && !strings.Contains(name, "{{") {
			switch f.of {
			case "payloads":
				payload, known := d.payloads[name]
				if !known {
					d.add(b.tree.at, "there is no payload %s; %s", short(name), meantOrNone(name, slices.Sorted(maps.Keys(d.payloads)), "payloads: is where they stand, or write an object here"))
					return
				}
				into.Set(reflect.ValueOf(payload))
				return
			case "journeys":
				if !slices.Contains(d.journeys, name) {
					d.add(b.tree.at, "there is no journey %s; %s", short(name), meantOrNone(name, d.journeys, "journeys: is where they stand"))
					return
				}
			}
		}
	}
	d.value(b.tree, b.key, f, into)
	if len(f.values) > 0 {
		if word := into.String(); word != "" && !slices.Contains(f.values, word) {
			d.add(b.tree.at, "%s is %s; it can be %s", b.key, short(word), strings.Join(f.values, " or "))
		}
	}
}

func meantOrNone(word string, known []string, none string) string {
	if len(known) == 0 {
		return none
	}
	return meant(word, known)
}

// entry puts one entry into a map.
func (d *decoder) entry(b *branch, into reflect.Value) {
	if into.IsNil() {
		into.Set(reflect.MakeMap(into.Type()))
	}
	v := reflect.New(into.Type().Elem()).Elem()
	d.value(b.tree, b.key, nil, v)
	into.SetMapIndex(reflect.ValueOf(b.key), v)
}

// value puts a value of the file where it belongs. name is its key.
func (d *decoder) value(t tree, name string, f *field, into reflect.Value) {
	switch into.Type() {
	case treeType:
		into.Set(reflect.ValueOf(t))
	case textType:
		text, _ := d.text(t, name)
		into.Set(reflect.ValueOf(text))
	case valueType:
		if root := d.node(t); root != nil {
			v, err := newValue(root)
			if err != nil {
				d.add(t.at, "%s: %s", name, err)
			}
			into.Set(reflect.ValueOf(v))
		}
	case exprType:
		if x := d.condition(t, name, true); x != nil {
			into.Set(reflect.ValueOf(x))
		}
	case waitType:
		d.wait(t, name, into)
	case durationType:
		if v, ok := d.scalar(t, name); ok {
			if length, ok := d.duration(t, name, v); ok {
				into.SetInt(int64(length))
			}
		}
	case stepsType:
		into.Set(reflect.ValueOf(d.stepList(t, name)))
	default:
		d.plain(t, name, f, into)
	}
}

func (d *decoder) plain(t tree, name string, f *field, into reflect.Value) {
	switch into.Kind() {
	case reflect.Pointer:
		v := reflect.New(into.Type().Elem())
		d.value(t, name, f, v.Elem())
		into.Set(v)
	case reflect.Struct:
		d.mapping(t, name, fieldsOf(into.Type()), into)
	case reflect.Map:
		branches, ok := t.value.([]branch)
		if !ok && t.value != nil {
			d.add(t.at, "%s must have names and values, such as name: value", name)
		}
		for i := range branches {
			d.entry(&branches[i], into)
		}
	case reflect.Slice:
		list, ok := t.value.([]tree)
		if !ok {
			d.add(t.at, "%s must be a list, each entry beginning with a dash", name)
			return
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i := range list {
			d.value(list[i], name, nil, into.Index(i))
		}
	default:
		if v, ok := d.scalar(t, name); ok {
			d.number(t, name, v, into)
		}
	}
}

// number puts a scalar into a text, a truth or a number.
func (d *decoder) number(t tree, name string, v any, into reflect.Value) {
	switch into.Kind() {
	case reflect.String:
		text := t.text
		if s, ok := v.(string); ok {
			text = s
		} else if strings.Contains(t.text, "{{") {
			out, _ := appendText(nil, v)
			text = string(out)
		}
		into.SetString(text)
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			d.add(t.at, "%s is %s; it must be true or false%s", name, short(t.text), unquoted(v))
			return
		}
		into.SetBool(b)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		n, ok := asInt(v)
		if !ok || n < 0 || n > math.MaxInt32 && into.Kind() != reflect.Uint64 {
			d.add(t.at, "%s is %s; it must be a whole number%s", name, short(shown(t, v)), atLeast(v, n)+unquoted(v))
			return
		}
		if into.Kind() == reflect.Uint64 {
			into.SetUint(uint64(n))
		} else {
			into.SetInt(int64(n))
		}
	case reflect.Float64:
		n, ok := asFloat(v)
		if !ok || n < 0 || n > 1e9 || math.IsNaN(n) {
			d.add(t.at, "%s is %s; it must be a number, 0 or more%s", name, short(shown(t, v)), unquoted(v))
			return
		}
		into.SetFloat(n)
	}
}

// unquoted is what to do about a number or a truth that is a text, because it stands in quotes.
func unquoted(v any) string {
	text, ok := v.(string)
	if !ok {
		return ""
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil || text == "true" || text == "false" {
		return ", without quotes"
	}
	return ""
}

func atLeast(v any, n int) string {
	if _, ok := asInt(v); !ok {
		return ""
	}
	if n < 0 {
		return ", 0 or more"
	}
	return " of at most 2147483647"
}

// shown is a scalar as it was written, with what its template gave.
func shown(t tree, v any) string {
	if strings.Contains(t.text, "{{") {
		return t.text + " (" + describe(v) + ")"
	}
	return t.text
}

// scalar is one value; a template in it is evaluated now.
func (d *decoder) scalar(t tree, name string) (any, bool) {
	switch v := t.value.(type) {
	case []branch, []tree:
		d.add(t.at, "%s must be one value", name)
		return nil, false
	case string:
		if !strings.Contains(v, "{{") {
			return v, true
		}
		text, err := compileText(v, d.static, func(at int) string { return t.within(at).String() })
		if err != nil {
			d.template(t, err)
			return nil, false
		}
		var out any
		env := &Env{Vars: d.values}
		if p := text.alone(); p != nil {
			out, err = p.run(env, nil)
		} else {
			out, err = text.Eval(env)
		}
		if err != nil {
			d.add(t.at, "%s", strings.TrimPrefix(err.Error(), t.within(0).String()+": "))
			return nil, false
		}
		if s, ok := out.(string); ok { // "{{ seconds }}s" is a text that says a number
			if n, err := strconv.ParseFloat(s, 64); err == nil {
				return n, true
			}
		}
		return out, true
	}
	return t.value, t.value != nil
}

// template is a problem inside a text.
func (d *decoder) template(t tree, err error) {
	if inside, ok := errors.AsType[*templateError](err); ok {
		d.add(t.within(inside.offset), "%s", inside.text)
		return
	}
	d.add(t.at, "%s", err)
}

func (d *decoder) text(t tree, name string) (Text, bool) {
	switch v := t.value.(type) {
	case []branch, []tree:
		d.add(t.at, "%s must be a text; put quotes around one that begins with {{, and around those with {{ }} inside {…} or […]", name)
		return Text{}, false
	case string:
		text, err := compileText(v, d.names, func(at int) string { return t.within(at).String() })
		if err != nil {
			d.template(t, err)
		}
		return text, err == nil
	case nil:
		return Text{}, true
	}
	return Text{source: t.text}, true
}

// node is a JSON value with templates in it; nil where it cannot be used.
func (d *decoder) node(t tree) *node {
	switch v := t.value.(type) {
	case []branch:
		n := &node{kind: objectNode}
		for i := range v {
			if strings.Contains(v[i].key, "{{") {
				d.add(v[i].at, "a key cannot be a template; write it out")
				continue
			}
			if child := d.node(v[i].tree); child != nil {
				n.keys, n.list = append(n.keys, v[i].key), append(n.list, child)
			}
		}
		return n
	case []tree:
		n := &node{kind: listNode}
		for i := range v {
			if child := d.node(v[i]); child != nil {
				n.list = append(n.list, child)
			}
		}
		return n
	case string:
		text, ok := d.text(t, "this")
		if !ok {
			return nil
		}
		if text.IsLiteral() {
			return &node{plain: v}
		}
		return &node{kind: textNode, text: &text}
	}
	return &node{plain: t.value}
}

// condition is an expression; data tells whether it may use data.
func (d *decoder) condition(t tree, name string, data bool) *Expr {
	text, ok := t.value.(string)
	if !ok {
		if b, isBool := t.value.(bool); isBool {
			text = strconv.FormatBool(b)
		} else {
			d.add(t.at, "%s must be an expression that gives true or false", name)
			return nil
		}
	}
	names := *d.names
	names.data = data
	x, err := compileExpr(text, &names, func(at int) string { return t.within(at).String() })
	if err != nil {
		d.template(t, err)
		return nil
	}
	return x
}

// short is a word of the file for a message.
func short(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return strconv.Quote(s)
}
