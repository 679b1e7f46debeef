package laravel

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr/vm"
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
	base   map[string]any   // what every expression of the request sees: user and the functions
	tables map[string][]any // rows by type, read once a request
}

type order struct {
	keys []string
	of   map[string]any
}

func (b *Backend) newEvaluation(book *rulebook, user *User) *evaluation {
	run := &evaluation{
		backend: b, book: book, user: user, deadline: time.Now().Add(maxEvaluation),
		orders: map[uintptr]order{}, base: make(map[string]any, 32), tables: map[string][]any{},
	}
	for _, table := range []map[string]ruleFunction{functions, hidden} {
		for name, f := range table {
			run.base[name] = function(func(args ...any) (any, error) { return f(run, args) })
		}
	}
	run.base["user"] = run.userMap()
	return run
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
	env := maps.Clone(run.base)
	for name := range e.names {
		if slices.Contains(baseTypes, name) || run.book.app.Entities[name] != nil {
			env[name] = run.rows(name)
		}
	}
	maps.Copy(env, given)
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
	if rows, read := run.tables[typ]; read {
		return rows
	}
	rows := run.backend.entities(typ)
	out := make([]any, len(rows))
	for i, row := range rows {
		out[i] = run.goMap(row.Data)
	}
	run.tables[typ] = out
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
