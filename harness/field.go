package harness

import (
	"reflect"
	"strings"
)

// field is one key of the file, as a struct's tags describe it:
//
//	yaml      its name; a.b is the key b inside a; ",inline" takes the keys of a struct, or all keys into a map
//	help      one line
//	required  "true": it must be there
//	short     "true": a step with this value alone sets it
//	values    the words that it may be, with commas
//	of        "payloads": a text is the name of one of those
//	section   "true": entries of included files join its own
type field struct {
	name, help              string
	required, short, inline bool
	section                 bool
	values                  []string
	of                      string
	index                   []int
	typ                     reflect.Type
}

// fieldsOf are the keys that a struct takes, in its order.
func fieldsOf(t reflect.Type) (all []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("yaml")
		if !tagged {
			continue
		}
		name, inline := strings.CutSuffix(tag, ",inline")
		if inline && f.Type.Kind() == reflect.Struct {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				all = append(all, inner)
			}
			continue
		}
		row := field{
			name: name, help: f.Tag.Get("help"), required: f.Tag.Get("required") == "true", short: f.Tag.Get("short") == "true",
			section: f.Tag.Get("section") == "true", inline: inline, of: f.Tag.Get("of"), index: []int{i}, typ: f.Type,
		}
		if words := f.Tag.Get("values"); words != "" {
			row.values = strings.Split(words, ",")
		}
		all = append(all, row)
	}
	return all
}

// group is the fields whose name begins with a word and a dot, without it.
func group(fields []field, word string) (inner []field) {
	for _, f := range fields {
		if rest, ok := strings.CutPrefix(f.name, word+"."); ok {
			f.name = rest
			inner = append(inner, f)
		}
	}
	return inner
}

// keys are the names that a mapping may have.
func keys(fields []field) (names []string) {
	seen := make(map[string]bool)
	for _, f := range fields {
		name, _, _ := strings.Cut(f.name, ".")
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}
