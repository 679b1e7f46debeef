package app

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// shape is what may stand at one place of the emulated application's sections. Files are held to it (fileReader.hold),
// and the JSON Schema is written from it (shape.schema), so that an editor and Echolab refuse the same.
type shape struct {
	help string
	may  may
	// words are the texts that there are; empty for any. like is what a text must match, which must says in words.
	words []string
	like  *regexp.Regexp
	must  string
	// check is what a text must be besides and the schema cannot say; it returns the rule that is broken.
	check func(string) string
	least *int64 // of a whole number

	entry *shape // of a list

	keys     []keyed // of a mapping, in the order of the documents
	rest     *shape  // what any other key holds; nil: there are no others
	restLike *regexp.Regexp
	restMust string     // what such a key must be, in words
	needs    [][]string // of each group one key must be there
}

// keyed is one key of a mapping.
type keyed struct {
	name string
	*shape
}

// may is a set of kinds of values.
type may int

const (
	mayText may = 1 << iota
	mayWhole
	mayNumber // with a fraction too
	mayTruth
	mayNull
	mayList
	mayMapping
	mayAnything = mayText | mayWhole | mayNumber | mayTruth | mayNull | mayList | mayMapping
)

// kinds is the table of kinds: its name in JSON Schema, and in messages.
var kinds = []struct {
	may          may
	schema, name string
}{
	{mayText, "string", "a text"},
	{mayWhole, "integer", "a whole number"},
	{mayNumber, "number", "a number"},
	{mayTruth, "boolean", "true or false"},
	{mayList, "array", "a list"},
	{mayMapping, "object", "a mapping of keys and values"},
	{mayNull, "null", "nothing"},
}

func (m may) words() string {
	var names []string
	for _, k := range kinds {
		if m&k.may != 0 {
			names = append(names, k.name)
		}
	}
	return strings.Join(names, " or ")
}

func (t tree) is() may {
	switch t.value.(type) {
	case nil:
		return mayNull
	case bool:
		return mayTruth
	case int64:
		return mayWhole | mayNumber
	case float64:
		return mayNumber
	case string:
		return mayText
	case []tree:
		return mayList
	}
	return mayMapping
}

// hold refuses what does not fit. what names the value in messages.
func (r *fileReader) hold(t tree, s *shape, what string) {
	if s.may&t.is() == 0 {
		advice := ""
		if s.may&mayText != 0 && t.is()&(mayWhole|mayNumber|mayTruth) != 0 {
			advice = "; put quotes around it"
		}
		r.refuseAt(t.at, "%s must be %s, not %s%s", what, s.may.words(), t.kind(), advice)
		return
	}
	switch v := t.value.(type) {
	case string:
		r.holdText(t.at, v, s, what)
	case int64:
		if s.least != nil && v < *s.least {
			r.refuseAt(t.at, "%s must be at least %d", what, *s.least)
		}
	case []tree:
		if s.entry == nil {
			return
		}
		for _, item := range v {
			r.hold(item, s.entry, "an entry of "+what)
		}
	case []branch:
		r.holdMapping(t, s, what)
	}
}

func (r *fileReader) holdText(at Origin, text string, s *shape, what string) {
	switch {
	case len(s.words) > 0 && !slices.Contains(s.words, text):
		meant := ""
		if near := Closest(text, s.words); near != "" {
			meant = "; did you mean " + near + "?"
		}
		r.refuseAt(at, "%s: %s must be %s%s", what, short(text), strings.Join(s.words, " or "), meant)
	case s.like != nil && !s.like.MatchString(text):
		r.refuseAt(at, "%s: %s must be %s", what, short(text), s.must)
	case s.check != nil:
		if rule := s.check(text); rule != "" {
			r.refuseAt(at, "%s: %s %s", what, short(text), rule)
		}
	}
}

func (r *fileReader) holdMapping(t tree, s *shape, what string) {
	if len(s.keys) == 0 && s.rest == nil && s.restLike == nil {
		return // anything goes
	}
	known := make([]string, len(s.keys))
	for i, k := range s.keys {
		known[i] = k.name
	}
	for _, b := range t.branches() {
		i := slices.Index(known, b.key)
		switch {
		case i >= 0:
			r.hold(b.tree, s.keys[i].shape, b.key)
		case s.rest == nil:
			r.unknown(b.at, b.key, what, known)
		case s.restLike != nil && !s.restLike.MatchString(b.key):
			r.refuseAt(b.at, "%s: %s must be %s", what, short(b.key), s.restMust)
		default:
			r.hold(b.tree, s.rest, b.key)
		}
	}
	for _, group := range s.needs {
		if !slices.ContainsFunc(group, func(name string) bool {
			return slices.ContainsFunc(t.branches(), func(b branch) bool { return b.key == name })
		}) {
			r.refuseAt(t.at, "%s needs %s", what, strings.Join(group, " or "))
		}
	}
}

// jsonSchema is a JSON Schema, or a part of one.
type jsonSchema = map[string]any

// schema is the same in JSON Schema (draft 2020-12).
func (s *shape) schema() jsonSchema {
	out := jsonSchema{}
	if s.help != "" {
		out["description"] = s.help
	}
	if s.may != mayAnything {
		var types []any
		for _, k := range kinds {
			if s.may&k.may != 0 {
				types = append(types, k.schema)
			}
		}
		out["type"] = types
		if len(types) == 1 {
			out["type"] = types[0]
		}
	}
	if len(s.words) > 0 {
		words := make([]any, len(s.words))
		for i, word := range s.words {
			words[i] = word
		}
		out["enum"] = words
	}
	if s.like != nil {
		out["pattern"] = s.like.String()
	}
	if s.least != nil {
		out["minimum"] = *s.least
	}
	if s.entry != nil {
		out["items"] = s.entry.schema()
	}
	if len(s.keys) > 0 {
		properties := jsonSchema{}
		for _, k := range s.keys {
			properties[k.name] = k.schema()
		}
		out["properties"] = properties
	}
	switch {
	case s.rest != nil:
		if len(s.keys) == 0 || s.rest.may != mayAnything {
			out["additionalProperties"] = s.rest.schema()
		}
	case len(s.keys) > 0:
		out["additionalProperties"] = false
	}
	if s.restLike != nil {
		out["propertyNames"] = jsonSchema{"pattern": s.restLike.String()}
	}
	var required []any
	var choices []any
	for _, group := range s.needs {
		if len(group) == 1 {
			required = append(required, group[0])
			continue
		}
		var any1 []any
		for _, name := range group {
			any1 = append(any1, jsonSchema{"required": []any{name}})
		}
		choices = append(choices, jsonSchema{"anyOf": any1})
	}
	if len(required) > 0 {
		out["required"] = required
	}
	if len(choices) > 0 {
		out["allOf"] = choices
	}
	return out
}

// The shapes that occur more than once.

func aText(help string) *shape { return &shape{help: help, may: mayText} }

func anID(help string) *shape {
	return &shape{help: help, may: mayText | mayWhole, like: regexp.MustCompile(`.`), must: "a number or a text that is not empty"}
}

func aTruth(help string) *shape { return &shape{help: help, may: mayTruth} }

func aList(help string, entry *shape) *shape {
	return &shape{help: help, may: mayList, entry: entry}
}

func anything(help string) *shape { return &shape{help: help, may: mayAnything} }

// orNone also lets null stand.
func orNone(s *shape) *shape { s.may |= mayNull; return s }

// durations is what time.ParseDuration reads and is not negative.
var durations = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`)

func aDuration(help string, least time.Duration) *shape {
	return &shape{help: help, may: mayText, like: durations, must: "a duration with its unit, such as 500ms, 30s or 2m", check: func(text string) string {
		switch d, err := time.ParseDuration(text); {
		case err != nil: // by its form it is one
			return "must be at most " + longest
		case d < least:
			return fmt.Sprintf("must be at least %s", least)
		}
		return ""
	}}
}

// longest is what a time.Duration holds, in whole hours.
const longest = "2562047h"

// aKey is base64 of 32 bytes, as `php artisan key:generate` writes it too, or false.
func aKey(help string) *shape {
	return &shape{help: help, may: mayText | mayTruth, check: func(text string) string {
		if _, err := keyBytes(text); err != nil {
			return "must be base64 of 32 bytes"
		}
		return ""
	}}
}

func keyBytes(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "base64:"))
	if err == nil && len(key) != 32 {
		err = fmt.Errorf("%d bytes", len(key))
	}
	return key, err
}
