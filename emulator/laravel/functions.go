package laravel

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/vm/runtime"
)

// ruleFunction is one function of expressions.
type ruleFunction = func(run *evaluation, args []any) (any, error)

// functions are what rules may call.
var functions map[string]ruleFunction

// hidden are what limiter calls.
var hidden = map[string]ruleFunction{
	"turn!": func(run *evaluation, args []any) (any, error) { return args[0], run.turn() },
	"made!": func(run *evaluation, args []any) (any, error) {
		size := 0
		switch v := reflect.ValueOf(args[0]); v.Kind() {
		case reflect.String:
			size = v.Len()
		case reflect.Slice, reflect.Map:
			size = 16 * v.Len()
		}
		return args[0], errors.Join(run.turn(), run.grow(size))
	},
	"object!": func(run *evaluation, args []any) (any, error) {
		m, keys := make(map[string]any, len(args)/2), make([]string, 0, len(args)/2)
		for i := 0; i+1 < len(args); i += 2 {
			key, ok := phpText(args[i])
			if !ok {
				return nil, fmt.Errorf("a key of an object must be a text, not %T", args[i])
			}
			if _, twice := m[key]; !twice {
				keys = append(keys, key)
			}
			m[key] = args[i+1]
		}
		return run.ordered(m, keys), run.grow(64 + 32*len(args))
	},
	"add!": func(run *evaluation, args []any) (any, error) {
		a, isText := args[0].(string)
		b, too := args[1].(string)
		if !isText || !too {
			return runtime.Add(args[0], args[1]), nil
		}
		if len(a)+len(b) > maxText {
			return nil, fmt.Errorf("%w: a text of more than %d bytes", errTooMuch, maxText)
		}
		return a + b, run.grow(len(a) + len(b))
	},
	"same!": func(run *evaluation, args []any) (any, error) { return run.same(args[0], args[1]) },
	"differ!": func(run *evaluation, args []any) (any, error) {
		same, err := run.same(args[0], args[1])
		return !same, err
	},
	"in!": func(run *evaluation, args []any) (any, error) { return run.in(args[0], args[1]) },
}

func init() {
	functions = map[string]ruleFunction{ // in init: allows leads back here
		"find":       (*evaluation).find,
		"findOrFail": (*evaluation).findOrFail,
		"abort":      (*evaluation).abort,
		"throw": func(_ *evaluation, args []any) (any, error) {
			return nil, errors.New(argumentText(args, 0))
		},
		"allows": (*evaluation).allows,
		"int": func(_ *evaluation, args []any) (any, error) {
			return converted(args, "int", phpInt, func(f float64) (int, bool) { return floatToInt(f) })
		},
		"float": func(_ *evaluation, args []any) (any, error) {
			return converted(args, "float", phpFloat, func(f float64) (float64, bool) { return f, true })
		},
		"string": func(_ *evaluation, args []any) (any, error) {
			if text, ok := phpText(argument(args, 0)); ok {
				return text, nil
			}
			return nil, fmt.Errorf("%w: string() takes no %T", errArgument, argument(args, 0))
		},
		"bool": func(_ *evaluation, args []any) (any, error) {
			switch v := argument(args, 0).(type) {
			case []any:
				return len(v) > 0, nil
			default:
				return truthy(v), nil
			}
		},
	}
}

func argument(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

func argumentText(args []any, i int) string {
	text, _ := phpText(argument(args, i))
	return text
}

// converted is int(…) and float(…): a text that is no number is the TypeError of a typed parameter.
func converted[T int | float64](args []any, typ string, text func(string) (T, bool), number func(float64) (T, bool)) (any, error) {
	ok := false
	var out T
	switch v := argument(args, 0).(type) {
	case bool:
		if v {
			out = 1
		}
		ok = true
	case int:
		out, ok = T(v), true
	case float64:
		out, ok = number(v)
	case string:
		out, ok = text(v)
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s() takes no %#v", errArgument, typ, argument(args, 0))
	}
	return out, nil
}

// find is the row of a type with that id, nil for none: Project::find($id).
func (run *evaluation) find(args []any) (any, error) {
	id, ok := phpText(argument(args, 1))
	if !ok || argument(args, 1) == nil {
		return nil, nil
	}
	row, found := run.backend.entityAt(argumentText(args, 0), id)
	if !found {
		return nil, run.turn()
	}
	return run.goMap(row.Data), errors.Join(run.turn(), run.grow(64*len(row.Data)))
}

// findOrFail answers 404 where find is nil.
func (run *evaluation) findOrFail(args []any) (any, error) {
	row, err := run.find(args)
	if row == nil && err == nil {
		typ := argumentText(args, 0)
		return nil, &refusal{http.StatusNotFound, "No query results for model [App\\Models\\" + modelName(typ) + "] " + argumentText(args, 1)}
	}
	return row, err
}

// abort answers with that status and message: abort(404, "No such thing").
func (run *evaluation) abort(args []any) (any, error) {
	status, ok := argument(args, 0).(int)
	if !ok || status < 400 || status > 599 {
		return nil, fmt.Errorf("abort needs a status between 400 and 599: abort(404), not %v", argument(args, 0))
	}
	return nil, &refusal{status, argumentText(args, 1)}
}

// allows asks another rule whether the user may: allows("client.{clientId}", project.client_id). It is true when that rule
// alone would let him in.
func (run *evaluation) allows(args []any) (any, error) {
	rule := run.book.channel(argumentText(args, 0))
	if rule == nil {
		return nil, fmt.Errorf("allows(%q): there is no such pattern", argumentText(args, 0))
	}
	if run.depth++; run.depth > maxAllows {
		return nil, fmt.Errorf("%w: rules ask each other more than %d deep", errTooMuch, maxAllows)
	}
	defer func() { run.depth-- }()
	values := make([]string, len(args)-1)
	for i := range values {
		text, ok := phpText(args[i+1])
		if !ok || args[i+1] == nil {
			return false, nil
		}
		values[i] = text
	}
	if len(values) != len(rule.pattern.names) {
		return nil, errors.New("allows(" + strconv.Quote(rule.Pattern) + "): it needs a value for each placeholder")
	}
	if err := run.turn(); err != nil {
		return nil, err
	}
	result, err := run.channel(rule, values)
	if r, ok := errors.AsType[*refusal](err); ok && r.status == http.StatusForbidden {
		return false, nil
	}
	return truthy(result), err
}

// in tells whether a list has a value or an object a key.
func (run *evaluation) in(needle, within any) (bool, error) {
	switch within := within.(type) {
	case nil:
		return false, nil
	case map[string]any:
		key, ok := needle.(string)
		_, has := within[key]
		return ok && has, nil
	}
	list := reflect.ValueOf(within)
	if list.Kind() != reflect.Slice {
		return false, fmt.Errorf("in needs a list or an object on its right, not %T", within)
	}
	for i := range list.Len() {
		if same, err := run.same(needle, list.Index(i).Interface()); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// same is ==: numbers by value, everything else by type and value. 7 is not "7".
func (run *evaluation) same(a, b any) (bool, error) {
	if err := run.turn(); err != nil {
		return false, err
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y, nil
	}
	switch a := a.(type) {
	case nil:
		return runtime.IsNil(b), nil
	case bool:
		return any(a) == b, nil
	case string:
		other, ok := b.(string)
		return ok && a == other, nil
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(a) != len(other) {
			return false, nil
		}
		for key, value := range a {
			theirs, has := other[key]
			if !has {
				return false, nil
			}
			if same, err := run.same(value, theirs); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.Kind() != reflect.Slice || y.Kind() != reflect.Slice || x.Len() != y.Len() {
		return false, nil
	}
	for i := range x.Len() {
		if same, err := run.same(x.Index(i).Interface(), y.Index(i).Interface()); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// number is a number's value. Integers beyond 2^53 are compared as floats only with floats.
func number(v any) (any, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case float64:
		if v == float64(int(v)) && v > -(1<<53) && v < 1<<53 {
			return int(v), true
		}
		return v, true
	}
	return nil, false
}

// modelName is the class of a type's rows: TimeEntry of time_entries.
func modelName(typ string) string {
	if stem, found := strings.CutSuffix(typ, "ies"); found {
		typ = stem + "y"
	} else {
		typ = strings.TrimSuffix(typ, "s")
	}
	name := ""
	for word := range strings.SplitSeq(typ, "_") {
		if word != "" {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return name
}
