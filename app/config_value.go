package app

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Origin is where a value came from. The zero Origin is a default.
type Origin struct {
	Flag         string // --NAME
	Env          string // the variable's name, from the environment or, with File set, from a .env
	Key          string // the key in echolab.yaml, with File set
	File         string
	Line, Column int    // counted from 1; the column is kept for echolab.yaml only
	Found        string // who keeps it, where nobody wrote it down
}

func (o Origin) String() string {
	switch {
	case o.Flag != "":
		return "flag --" + o.Flag
	case o.File != "" && o.Env != "":
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	case o.File != "":
		return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
	case o.Env != "":
		return "environment " + o.Env
	case o.Found != "":
		return "found: " + o.Found
	}
	return "default"
}

// value is one setting as a source gives it.
type value struct {
	text   string
	list   []string // of a YAML sequence
	places []Origin // of each of list
	isList bool
	null   bool // the word null, in YAML and to Laravel
	word   bool // the word true or false, not in quotes in YAML
	secret bool // keep it out of messages
	from   Origin
	config *Config // takes notes
}

// reverb says that Reverb's own rules hold: seconds without a unit, PHP's idea of truth.
func (v value) reverb() bool { return strings.HasPrefix(v.from.Env, "REVERB_") }

// label names the value and its place at the beginning of a message.
func (v value) label() string {
	shown := v.text
	switch {
	case v.secret:
		shown = "…"
	case v.null:
		shown = "null"
	case v.isList:
		shown = "[" + strings.Join(v.list, ", ") + "]"
	}
	shown = short(shown)
	switch o := v.from; {
	case o.Flag != "":
		return "--" + o.Flag + " " + shown
	case o.File != "" && o.Env != "":
		return fmt.Sprintf("%s:%d: %s=%s", o.File, o.Line, o.Env, shown)
	case o.File != "":
		return fmt.Sprintf("%s:%d:%d: %s: %s", o.File, o.Line, o.Column, o.Key, shown)
	default:
		return fmt.Sprintf("environment: %s=%s", o.Env, shown)
	}
}

// refuse is the error for a value: rule says what it has to be and what to do.
func (v value) refuse(format string, args ...any) error {
	return fmt.Errorf("%s: %s", v.label(), fmt.Sprintf(format, args...))
}

func (v value) note(format string, args ...any) {
	v.config.notes = append(v.config.notes, v.label()+": "+fmt.Sprintf(format, args...))
}

// short makes any text fit into one line of a message.
func short(text string) string {
	if utf8.RuneCountInString(text) > 60 {
		text = string([]rune(text)[:57]) + "…"
	}
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` || text == "" || strings.Contains(text, " ") {
		return quoted
	}
	return text
}

// field reads a value into a T and shows it again. It is made by whole, text, truth and so on below.
type field[T any] struct {
	set    func(*T, value) error
	get    func(*T) any
	schema jsonSchema // of the value in echolab.yaml
}

func whole[T any](at func(*T) *int, least, most int, what string) field[T] {
	return field[T]{
		set: func(t *T, v value) error {
			n, err := strconv.Atoi(v.text)
			if err != nil || v.isList || n < least || n > most {
				return v.refuse("must be a whole number from %d to %d (%s)", least, most, what)
			}
			*at(t) = n
			return nil
		},
		get:    func(t *T) any { return *at(t) },
		schema: jsonSchema{"type": "integer", "minimum": least, "maximum": most},
	}
}

func text[T any](at func(*T) *string, check func(string) string) field[T] {
	return field[T]{
		set: func(t *T, v value) error {
			if v.isList {
				return v.refuse("must be one text, not a list")
			}
			if v.word {
				return v.refuse("is a yes or no and not a text to %s; %s", reader(v), wordAdvice(v))
			}
			if check != nil {
				if rule := check(v.text); rule != "" {
					return v.refuse("%s", rule)
				}
			}
			*at(t) = v.text
			return nil
		},
		get:    func(t *T) any { return *at(t) },
		schema: jsonSchema{"type": []any{"string", "number"}}, // an id such as 123 is a text to us
	}
}

func reader(v value) string {
	if v.from.Key != "" {
		return "YAML"
	}
	return "Laravel"
}

func wordAdvice(v value) string {
	if v.from.Key != "" {
		return "put quotes around it"
	}
	return "choose another, quotes do not help"
}

func oneOf[T any](at func(*T) *string, choices ...string) field[T] {
	return field[T]{
		set: func(t *T, v value) error {
			for _, choice := range choices {
				if !v.isList && v.text == choice {
					*at(t) = choice
					return nil
				}
			}
			meant := ""
			if near := Closest(v.text, choices); near != "" {
				meant = "; did you mean " + near + "?"
			}
			return v.refuse("must be %s%s", strings.Join(choices, " or "), meant)
		},
		get:    func(t *T) any { return *at(t) },
		schema: enumeration(choices),
	}
}

func truth[T any](at func(*T) *bool) field[T] {
	return field[T]{
		set: func(t *T, v value) error {
			on, err := strconv.ParseBool(v.text)
			if err != nil || v.isList || v.from.Key != "" && !v.word {
				return v.refuse("must be true or false")
			}
			*at(t) = on
			return nil
		},
		get:    func(t *T) any { return *at(t) },
		schema: jsonSchema{"type": "boolean"},
	}
}

// enumeration is the schema of a word of several.
func enumeration(words []string) jsonSchema {
	list := make([]any, len(words))
	for i, word := range words {
		list[i] = word
	}
	return jsonSchema{"enum": list}
}

// duration is 500ms, 30s, 2m; under Reverb's names a number of seconds.
func duration[T any](at func(*T) *time.Duration, least, step time.Duration) field[T] {
	return field[T]{
		set: func(t *T, v value) error {
			d, err := time.ParseDuration(v.text)
			if seconds, notWhole := strconv.Atoi(v.text); notWhole == nil && v.text != "0" {
				if !v.reverb() {
					return v.refuse("has no unit; write %ds", seconds)
				}
				d, err = time.Duration(seconds)*time.Second, nil
				if seconds > 1_000_000_000 {
					d = -1
				}
			}
			switch {
			case v.isList || err != nil && v.reverb():
				return v.refuse("must be a whole number of seconds, such as 30")
			case err != nil && durations.MatchString(v.text):
				return v.refuse("must be at most %s", longest)
			case err != nil:
				return v.refuse("must be a duration, such as 500ms, 30s or 2m")
			case d < least:
				return v.refuse("must be at least %s", least)
			case step > 0 && d%step != 0:
				return v.refuse("must be a multiple of %s", step)
			}
			*at(t) = d
			return nil
		},
		get:    func(t *T) any { return at(t).String() },
		schema: jsonSchema{"type": "string", "pattern": durations.String()},
	}
}
