package dotenv

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	reference = regexp.MustCompile(`\A\$\{([a-zA-Z0-9_.]+)\}`)
	fallback  = regexp.MustCompile(`\A\$\{([a-zA-Z0-9_.]+):?[-=?+]`)
	bare      = regexp.MustCompile(`\A\$([a-zA-Z_][a-zA-Z0-9_]*)`)
)

// maxValue bounds a value with its references put in, in bytes. PHP ends at its memory limit instead: 30 lines that
// each name the one above twice would need gigabytes.
const maxValue = 1 << 20

// resolver does what phpdotenv's Loader, Resolver and immutable repository do together.
type resolver struct {
	file     string
	real     map[string]string
	vars     map[string]Variable
	warnings []Warning
}

func (r *resolver) add(e Entry) {
	value := r.substitute(e)
	if _, outside := r.real[e.Name]; outside {
		return
	}
	before, again := r.vars[e.Name]
	if e.Unset {
		delete(r.vars, e.Name)
		lost := ""
		if again {
			lost = fmt.Sprintf(", and the value of line %d is lost", before.Place.Line)
		}
		r.warn(e, e.Place(), "%s has no '=': it is not set%s", e.Name, lost)
		return
	}
	if again {
		r.warn(e, e.Place(), "%s is set again: the value of line %d is lost", e.Name, before.Place.Line)
	}
	r.vars[e.Name] = Variable{Raw: value, Place: Place{File: r.file, Line: e.Line, Column: e.Column}}
	if word := Word(value); e.Quoted && word != value {
		if text, _ := word.(string); text != "" {
			r.warn(e, e.Place(), "%s: Laravel takes off the second pair of quotes too", e.Name)
		} else {
			r.warn(e, e.Place(), "%s: Laravel turns %s into a value although it is in quotes", e.Name, strings.ToLower(value))
		}
	}
}

// substitute goes from the last '$' to the first, as phpdotenv does, so that ${${A}} works from the inside out.
func (r *resolver) substitute(e Entry) string {
	value := e.Value
	for i := len(e.dollars) - 1; i >= 0; i-- {
		at := e.dollars[i]
		head, tail := value[:at.offset], value[at.offset:]
		if m := reference.FindStringSubmatch(tail); m != nil {
			if found, ok := r.vars[m[1]]; ok {
				if len(value)+len(found.Raw) > maxValue {
					r.warn(e, at.place, "%s: with %s put in it is longer than 1 MiB, so it stays as it is", e.Name, m[0])
					continue
				}
				value = head + found.Raw + tail[len(m[0]):]
				continue
			}
			r.warn(e, at.place, "%s: %s is not defined above this line, so it stays as it is, braces and all", e.Name, m[0])
			continue
		}
		if m := fallback.FindStringSubmatch(tail); m != nil {
			r.warn(e, at.place, "%s: Laravel knows no defaults in ${%s…}, so it stays as it is", e.Name, m[1])
			continue
		}
		if m := bare.FindStringSubmatch(tail); m != nil {
			if _, ok := r.vars[m[1]]; ok {
				r.warn(e, at.place, "%s: $%s stays as it is; only ${%s} is replaced", e.Name, m[1], m[1])
			}
		}
	}
	return value
}

func (r *resolver) warn(e Entry, at Place, format string, args ...any) {
	r.warnings = append(r.warnings, Warning{
		File: r.file, Line: at.Line, Column: at.Column, Name: e.Name, Text: fmt.Sprintf(format, args...),
	})
}
