package laravel

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// Bounds of an expression's text. What evaluating one may cost is bounded in evaluation.go.
const (
	maxExpression = 8 << 10 // bytes
	maxNodes      = 1000
)

// expression is one compiled expression: the language of github.com/expr-lang/expr over
//
//   - user: id, name, role, avatar, clients (a list of ids), isAdmin, belongsTo(clientId), and what else the user has, as
//     user.team or user.fields.team. What no user has is a mistake that Check finds;
//   - the placeholders of the pattern: texts, or what their types make of them; of an entity's type the row;
//   - the entities by their plural (any(projects, .client_id in user.clients)), find("projects", id), nil for none, and
//     findOrFail, 404 for none; fields of nil are an error as in PHP, ?. is null-safe;
//   - allows("client.{clientId}", id): whether another rule would let the user in;
//   - abort(404, "text") and throw("text"); int, float, string and bool convert as PHP does;
//   - == by type and value (7 is not "7"), {a: 1} an object that keeps its order, {} an empty object (true in PHP),
//     [] an empty list (false).
type expression struct {
	place      string
	program    *vm.Program
	names      map[string]bool // identifiers that it mentions
	references []reference
}

// reference is one allows("pattern", value…).
type reference struct {
	pattern   string
	arguments int
	place     string
}

// builtins are the functions of expr that a rule may call. Those that make much of little (repeat, replace, join, concat,
// flatten, toJSON …) or walk nested values without an end in sight (max, sum, uniq …) are not among them.
var builtins = []string{
	"all", "none", "any", "one", "filter", "map", "findIndex", "findLast", "findLastIndex", "count", "groupBy", "sortBy", "reduce",
	"len", "type", "abs", "ceil", "floor", "round", "trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "indexOf", "lastIndexOf",
	"hasPrefix", "hasSuffix", "first", "last", "get", "take", "keys", "values", "reverse",
}

// compiler compiles the expressions of one Application.
type compiler struct {
	app   *Application
	types []string // of entities
	user  types.Map
}

func newCompiler(app *Application) *compiler {
	c := &compiler{app: app, types: slices.Clone(baseTypes)}
	for typ := range app.Entities {
		if !slices.Contains(c.types, typ) {
			c.types = append(c.types, typ)
		}
	}
	slices.Sort(c.types)
	fields := types.Map{types.Extra: types.Any}
	c.user = types.Map{
		"id": types.Any, "name": types.String, "role": types.String, "avatar": types.Any, "clients": types.Array(types.Any),
		"fields": fields, "isAdmin": types.Bool, "belongsTo": types.TypeOf(function(nil)),
	}
	for i := range app.Users {
		for _, f := range app.Users[i].Fields {
			if c.user[f.Key] == nil {
				c.user[f.Key] = types.Any
			}
		}
	}
	return c
}

// function is how expressions call us.
type function = func(args ...any) (any, error)

// reserved are the names that every expression has.
var reserved = []string{"user", "find", "findOrFail", "abort", "throw", "allows", "int", "float", "string", "bool"}

// paramTypes are the types of placeholders and what they are in an expression.
var paramTypes = map[string]types.Type{"": types.String, "string": types.String, "int": types.Int, "float": types.Float64, "bool": types.Bool}

// names are the variables and functions of an expression with those placeholders.
func (c *compiler) names(params map[string]types.Type) types.Map {
	f := types.TypeOf(function(nil))
	names := types.Map{"user": c.user}
	for _, name := range slices.Concat(reserved[1:], slices.Sorted(maps.Keys(hidden))) {
		names[name] = f
	}
	for _, typ := range c.types {
		if names[typ] == nil && placeholderName.MatchString(typ) {
			names[typ] = types.Array(types.Any)
		}
	}
	maps.Copy(names, params)
	return names
}

// channel compiles one rule; nil where it cannot be used.
func (c *compiler) channel(described Channel) (*channelRule, []Problem) {
	compiled, err := compilePattern(described.Pattern)
	if err != nil {
		return nil, []Problem{{described.Place, err.Error()}}
	}
	var problems []Problem
	wrong := func(format string, args ...any) {
		problems = append(problems, Problem{described.Place, described.Pattern + ": " + fmt.Sprintf(format, args...)})
	}
	params := map[string]types.Type{}
	for _, name := range compiled.names {
		if slices.Contains(reserved, name) {
			wrong("placeholder {%s}: the name is taken; call it {%sId}", name, name)
			continue
		}
		typ := described.Params[name]
		params[name] = paramTypes[typ]
		if params[name] == nil {
			params[name] = types.Any // an entity's row
			if !slices.Contains(c.types, typ) {
				wrong("parameter %s: %q is no type; there are int, float, bool, string, %s", name, typ, strings.Join(c.types, ", "))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(described.Params)) {
		if !slices.Contains(compiled.names, name) {
			wrong("parameter %s: the pattern has no placeholder {%s}", name, name)
		}
	}
	rule := &channelRule{Channel: described, pattern: compiled}
	var more []Problem
	rule.rule, more = c.expression(described.Rule, described.Place, params)
	problems = append(problems, more...)
	for _, field := range described.Member {
		place := field.Place
		if place == "" {
			place = described.Place
		}
		member, more := c.expression(field.Expression, place, params)
		problems = append(problems, more...)
		rule.members = append(rule.members, member)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return rule, nil
}

// expression compiles one expression twice: as it is written, for what can be said about its types, and with the changes
// that bound it (limiter), to be run.
func (c *compiler) expression(text, place string, params map[string]types.Type) (*expression, []Problem) {
	if strings.TrimSpace(text) == "" {
		return nil, []Problem{{place, "an expression is missing"}}
	}
	if len(text) > maxExpression {
		return nil, []Problem{{place, fmt.Sprintf("the expression has %d bytes; at most %d are read", len(text), maxExpression)}}
	}
	names := c.names(params)
	options := []expr.Option{expr.Env(names), expr.Optimize(false), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins(), expr.Patch(calls{})}
	for _, name := range builtins {
		options = append(options, expr.EnableBuiltin(name))
	}
	written, err := expr.Compile(text, options...)
	if err != nil {
		return nil, []Problem{c.explain(err, place, params)}
	}
	e := &expression{place: place, names: map[string]bool{}}
	problems := c.look(e, written.Node(), text)
	if len(problems) > 0 {
		return nil, problems
	}
	if e.program, err = expr.Compile(text, append(options, expr.Patch(limiter{}))...); err != nil {
		return nil, []Problem{c.explain(err, place, params)}
	}
	return e, nil
}

// explain is a Problem of expr's error, at its place in the file.
func (c *compiler) explain(err error, place string, params map[string]types.Type) Problem {
	fault, ok := errors.AsType[*file.Error](err)
	if !ok {
		return Problem{place, err.Error()}
	}
	message := fault.Message
	if strings.Contains(message, "unknown name") {
		known := append(slices.Sorted(maps.Keys(params)), reserved...)
		message += "; there are " + strings.Join(append(known, c.types...), ", ")
	}
	return Problem{within(place, fault.Line, fault.Column), message}
}

// look gathers the names and references of an expression and finds what its types do not show.
func (c *compiler) look(e *expression, root ast.Node, text string) (problems []Problem) {
	ast.Walk(&root, nodeVisitor(func(node *ast.Node) {
		at := func() string {
			fault := (&file.Error{Location: (*node).Location()}).Bind(file.NewSource(text))
			return within(e.place, fault.Line, fault.Column)
		}
		switch n := (*node).(type) {
		case *ast.IdentifierNode:
			e.names[n.Value] = true
			if n.Value == "$env" {
				problems = append(problems, Problem{at(), "$env is not there; name what you need"})
			}
		case *ast.CallNode:
			callee, ok := n.Callee.(*ast.IdentifierNode)
			if !ok {
				return
			}
			var literal *ast.StringNode
			if len(n.Arguments) > 0 {
				literal, _ = n.Arguments[0].(*ast.StringNode)
			}
			switch {
			case callee.Value == "allows" && literal == nil:
				problems = append(problems, Problem{at(), `allows needs a pattern as it is registered: allows("client.{clientId}", 5)`})
			case callee.Value == "allows":
				e.references = append(e.references, reference{literal.Value, len(n.Arguments) - 1, at()})
			case (callee.Value == "find" || callee.Value == "findOrFail") && len(n.Arguments) != 2:
				problems = append(problems, Problem{at(), callee.Value + ` needs a type and an id: find("projects", id)`})
			case (callee.Value == "find" || callee.Value == "findOrFail") && literal != nil && !slices.Contains(c.types, literal.Value):
				problems = append(problems, Problem{at(), fmt.Sprintf("%s(%q): there is no such type; there are %s", callee.Value, literal.Value, strings.Join(c.types, ", "))})
			}
		}
	}))
	return problems
}

type nodeVisitor func(*ast.Node)

func (v nodeVisitor) Visit(node *ast.Node) { v(node) }

// within is a place in a file moved to a line and a column (from 0) of the text that stands there.
func within(place string, line, column int) string {
	parts := strings.Split(place, ":")
	if len(parts) >= 3 {
		startLine, err1 := strconv.Atoi(parts[len(parts)-2])
		startColumn, err2 := strconv.Atoi(parts[len(parts)-1])
		if err1 == nil && err2 == nil {
			// Lines after the first are those of a block, which are all indented alike.
			line, column = max(line, 1), column+startColumn
			return strings.Join(parts[:len(parts)-2], ":") + ":" + strconv.Itoa(startLine+line-1) + ":" + strconv.Itoa(column)
		}
	}
	if place == "" {
		place = "the expression"
	}
	return fmt.Sprintf("%s:%d:%d", place, max(line, 1), column+1)
}

// calls lets user.isAdmin() be written as in PHP.
type calls struct{}

// Visit implements ast.Visitor.
func (calls) Visit(node *ast.Node) {
	call, ok := (*node).(*ast.CallNode)
	if !ok || len(call.Arguments) > 0 {
		return
	}
	callee := call.Callee
	if chain, ok := callee.(*ast.ChainNode); ok {
		callee = chain.Node
	}
	if member, ok := callee.(*ast.MemberNode); ok {
		if name, ok := member.Property.(*ast.StringNode); ok && name.Value == "isAdmin" {
			ast.Patch(node, call.Callee)
		}
	}
}

// limiter makes an expression count what it does: each turn of a predicate, each comparison of lists, each text and list
// that is made. expr bounds the bytes of ranges and literals alone. Objects get their order.
type limiter struct{}

// Visit implements ast.Visitor.
func (limiter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		n.Node = invoke("turn!", n.Node)
	case *ast.BuiltinNode:
		ast.Patch(node, invoke("made!", n))
	case *ast.MapNode:
		args := make([]ast.Node, 0, 2*len(n.Pairs))
		for _, p := range n.Pairs {
			pair := p.(*ast.PairNode)
			args = append(args, pair.Key, pair.Value)
		}
		ast.Patch(node, invoke("object!", args...))
	case *ast.BinaryNode:
		switch n.Operator {
		case "+":
			ast.Patch(node, invoke("add!", n.Left, n.Right))
		case "==":
			ast.Patch(node, invoke("same!", n.Left, n.Right))
		case "!=":
			ast.Patch(node, invoke("differ!", n.Left, n.Right))
		case "in":
			ast.Patch(node, invoke("in!", n.Left, n.Right))
		}
	}
}

// invoke calls one of the hidden functions. Their names cannot be written in an expression.
func invoke(name string, args ...ast.Node) ast.Node {
	n := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
	n.SetType(reflect.TypeFor[any]())
	return n
}
