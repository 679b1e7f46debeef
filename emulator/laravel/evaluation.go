package laravel

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"
	"github.com/expr-lang/expr/vm/runtime"
)

// Bounds of what one request may make rules cost.
const (
	maxEvaluation = 500 * time.Millisecond
	fewTurns      = 256     // are never cut by the clock: the machine may have been busy elsewhere
	maxTurns      = 200_000 // turns of predicates, comparisons and calls
	maxMade       = 1 << 20 // bytes of text and places of lists that are made
	maxText       = 64 << 10
	maxResult     = 10_000 // values in what a rule returns
	maxAllows     = 64     // rules that a rule asks, one within another
)

// errTooMuch is a rule that does not end, or wants too much memory.
var errTooMuch = errors.New("the rule was stopped")

// evaluation runs the rules of one request.
type evaluation struct {
	backend  *Backend
	book     *rulebook
	user     *User
	deadline time.Time
	turns    int
	made     int
	depth    int
	// orders are the keys of objects in their order, by the map's address; the map is kept so that the address stays its.
	orders map[uintptr]order
	env    map[string]any
}

type order struct {
	keys []string
	of   map[string]any
}

func (b *Backend) newEvaluation(book *rulebook, user *User) *evaluation {
	return &evaluation{backend: b, book: book, user: user, deadline: time.Now().Add(maxEvaluation), orders: map[uintptr]order{}}
}

// channel is what a rule returns for placeholders' texts, or its member where it says yes and has one.
func (run *evaluation) channel(rule *channelRule, values []string) (any, error) {
	given := make(map[string]any, len(values))
	for i, name := range rule.pattern.names {
		value, err := run.parameter(rule, name, values[i])
		if err != nil {
			return nil, err
		}
		given[name] = value
	}
	return run.rule(rule, given)
}

func (run *evaluation) rule(rule *channelRule, given map[string]any) (any, error) {
	result, err := run.value(rule.rule, given)
	if err != nil || !truthy(result) || len(rule.members) == 0 {
		return result, err
	}
	member := make(Object, len(rule.members))
	for i, field := range rule.Member {
		value, err := run.value(rule.members[i], given)
		if err != nil {
			return nil, err
		}
		member[i] = Field{field.Name, value}
	}
	return member, nil
}

// parameter converts a placeholder's text as PHP does for a parameter of that type; a row that is missing is 403
// (Broadcaster::resolveImplicitBindingIfPossible).
func (run *evaluation) parameter(rule *channelRule, name, text string) (value any, err error) {
	ok := true
	switch typ := rule.Params[name]; typ {
	case "", "string":
		return text, nil
	case "bool":
		return truthy(text), nil
	case "int":
		value, ok = phpInt(text)
	case "float":
		value, ok = phpFloat(text)
	default:
		row, found := run.backend.entityAt(typ, text)
		if !found {
			return nil, &refusal{http.StatusForbidden, ""}
		}
		return run.goMap(row.Data), nil
	}
	if !ok {
		return nil, fmt.Errorf("%w: {%s} of %s must be of type %s, %q given", errArgument, name, rule.Pattern, rule.Params[name], text)
	}
	return value, nil
}

// value evaluates an expression; the result has the types of Field.Value.
func (run *evaluation) value(e *expression, given map[string]any) (any, error) {
	env := make(map[string]any, len(given)+len(e.names)+8)
	for name := range e.names {
		if slices.Contains(baseTypes, name) || run.book.app.Entities[name] != nil {
			env[name] = run.rows(name)
		}
	}
	for name, f := range hidden {
		env[name] = function(func(args ...any) (any, error) { return f(run, args) })
	}
	for name, f := range functions {
		env[name] = function(func(args ...any) (any, error) { return f(run, args) })
	}
	env["user"] = run.userMap()
	for name, value := range given {
		env[name] = value
	}
	machine := vm.VM{MemoryBudget: maxMade / 8}
	out, err := machine.Run(e.program, env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.place, err)
	}
	left := maxResult
	return run.result(out, &left, 0)
}

// rows are the rows of a type as expressions see them.
func (run *evaluation) rows(typ string) []any {
	rows := run.backend.entities(typ)
	out := make([]any, len(rows))
	for i, row := range rows {
		out[i] = run.goMap(row.Data)
	}
	return out
}

// userMap is user; nil for a guest.
func (run *evaluation) userMap() any {
	u := run.user
	if u == nil {
		return nil
	}
	clients := make([]any, len(u.Clients))
	for i, id := range u.Clients {
		clients[i] = run.goValue(id)
	}
	fields := run.goMap(u.Fields)
	m := map[string]any{"id": run.goValue(u.ID), "name": u.Name, "role": u.Role, "avatar": u.avatar(), "clients": clients, "fields": fields}
	keys := []string{"id", "name", "role", "avatar", "clients"}
	for _, f := range u.Fields {
		if _, taken := m[f.Key]; !taken {
			m[f.Key] = fields[f.Key]
			keys = append(keys, f.Key)
		}
	}
	m["isAdmin"] = u.Role == "admin"
	m["belongsTo"] = function(func(args ...any) (any, error) {
		if len(args) != 1 {
			return nil, errors.New("belongsTo needs the id of a client: user.belongsTo(5)")
		}
		text, ok := phpText(args[0])
		return ok && args[0] != nil && slices.ContainsFunc(u.Clients, func(id ID) bool { return id.String() == text }), nil
	})
	return run.ordered(m, keys)
}

func (run *evaluation) ordered(m map[string]any, keys []string) map[string]any {
	run.orders[reflect.ValueOf(m).Pointer()] = order{keys, m}
	return m
}

func (run *evaluation) goMap(o Object) map[string]any {
	m, keys := make(map[string]any, len(o)), make([]string, len(o))
	for i, f := range o {
		m[f.Key], keys[i] = run.goValue(f.Value), f.Key
	}
	return run.ordered(m, keys)
}

// goValue is a value of Field.Value as expressions take it: whole numbers are int.
func (run *evaluation) goValue(v any) any {
	switch v := v.(type) {
	case nil, bool, int, float64, string:
		return v
	case int64:
		return int(v)
	case ID:
		return run.goValue(v.Value())
	case Object:
		return run.goMap(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = run.goValue(item)
		}
		return out
	}
	if plain, err := plainValue(v); err == nil {
		return run.goValue(plain)
	}
	return nil
}

// result is what an expression returned in the types of Field.Value: objects in their order, {} an empty object.
func (run *evaluation) result(v any, left *int, depth int) (any, error) {
	if *left--; *left < 0 || depth > maxDepth {
		return nil, fmt.Errorf("%w: it returns more than %d values", errTooMuch, maxResult)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64:
		return v, nil
	case int:
		return int64(v), nil
	case string:
		if *left -= len(v) / 64; *left < 0 {
			return nil, fmt.Errorf("%w: it returns too much text", errTooMuch)
		}
		return v, nil
	case map[string]any:
		return run.resultObject(v, left, depth)
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return nil, fmt.Errorf("a rule cannot return a %T", v)
	}
	out := make([]any, 0, min(list.Len(), *left))
	for i := range list.Len() {
		item, err := run.result(list.Index(i).Interface(), left, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

func (run *evaluation) resultObject(m map[string]any, left *int, depth int) (any, error) {
	known, isOurs := run.orders[reflect.ValueOf(m).Pointer()]
	keys := known.keys
	if !isOurs {
		for key := range m {
			keys = append(keys, key)
		}
		slices.Sort(keys)
	}
	if len(keys) == 0 {
		return emptyObject{}, nil
	}
	out := make(Object, 0, len(keys))
	for _, key := range keys {
		value, err := run.result(m[key], left, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, Field{key, value})
	}
	return out, nil
}

// turn counts one turn and stops a rule that does not end.
func (run *evaluation) turn() error {
	if run.turns++; run.turns > maxTurns || run.turns > fewTurns && time.Now().After(run.deadline) {
		return fmt.Errorf("%w: it did not end after %d turns and %s", errTooMuch, run.turns, maxEvaluation)
	}
	return nil
}

// grow counts what was made.
func (run *evaluation) grow(size int) error {
	if run.made += size; run.made > maxMade {
		return fmt.Errorf("%w: it wants more than %d bytes", errTooMuch, maxMade)
	}
	return nil
}

// functions are what rules may call.
var functions map[string]func(run *evaluation, args []any) (any, error)

// hidden are what limiter calls.
var hidden = map[string]func(run *evaluation, args []any) (any, error){
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
	functions = map[string]func(run *evaluation, args []any) (any, error){ // in init: allows leads back here
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
