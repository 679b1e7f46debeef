package harness

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
	"github.com/expr-lang/expr/vm/runtime"

	"echolab/harness/spelling"
)

// Bounds of one expression and of one evaluation. An expression that is beyond them is an error of its step, never a run that
// hangs or eats the machine.
const (
	maxExpression = 4 << 10 // bytes
	maxNodes      = 500
	maxTemplates  = 10_000  // of one scenario: each takes some 0.1 ms to compile
	maxTurns      = 100_000 // of predicates: map, filter, any …
	maxMade       = 1 << 20 // bytes of text and places of lists that one evaluation makes
)

// builtins are the functions of expr that templates may call, besides ours (Functions). What makes much of little is not among
// them, or is ours and counted.
var builtins = []string{
	"all", "none", "any", "one", "filter", "map", "find", "count", "sortBy", "len", "type", "abs", "ceil", "floor", "round",
	"trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "indexOf", "hasPrefix", "hasSuffix", "first", "last", "get", "take", "keys",
	"values",
}

// program is one compiled expression.
type program struct {
	place   string
	source  string
	code    *vm.Program
	vars    []string          // the variables that it names
	environ map[string]string // env
}

// vocabulary is what expressions at some place may name.
type vocabulary struct {
	vars    map[string]bool
	environ map[string]string // env.NAME
	data    bool              // data is there too
	static  bool              // only what is known before the run: no user, no chance
	count   *int              // templates compiled so far
}

func newVocabulary(vars ...string) *vocabulary {
	v := &vocabulary{vars: make(map[string]bool, len(vars)), count: new(int)}
	for _, name := range vars {
		v.vars[name] = true
	}
	return v
}

// fixedNames are what every expression may name, besides variables and functions.
var fixedNames = []struct{ Name, Help string }{
	{"vu", "the virtual user's number in its scenario, from 1; of an arrival rate without connect, whose turn it is: 1 + iteration % maxVUs"},
	{"iteration", "the number of this iteration, from 0; of the whole scenario where the executor is an arrival rate"},
	{"user", "who it is to the application: user.id, user.info"},
	{"env", "the environment: env.TOKEN; a name that is not set is a mistake"},
	{"data", "in where: the event's payload"},
}

type function = func(args ...any) (any, error)

// types are the names with their types, as the checker wants them.
func (v *vocabulary) types() types.Map {
	f := types.TypeOf(function(nil))
	m := types.Map{"turn!": f, "made!": f, "add!": f}
	for name := range v.vars {
		m[name] = types.Any
	}
	for i := range Functions {
		m[Functions[i].Name] = f
	}
	m["env"] = types.Map{types.Extra: types.String}
	if !v.static {
		m["vu"], m["iteration"] = types.Int, types.Int
		m["user"] = types.Map{"id": types.Any, "info": types.Any}
	}
	if v.data {
		m["data"] = types.Any
	}
	return m
}

// known are the names that a person can write.
func (v *vocabulary) known() []string {
	names := slices.Collect(maps.Keys(v.vars))
	for _, n := range fixedNames {
		if n.Name == "env" || n.Name == "data" && v.data || n.Name != "data" && !v.static {
			names = append(names, n.Name)
		}
	}
	for i := range Functions {
		names = append(names, Functions[i].Name)
	}
	slices.Sort(names)
	return names
}

// compile compiles an expression that stands at offset of its text. It is compiled as it is written, for what can be said
// about it, and then with the changes that bound it.
func compile(source string, offset int, names *vocabulary, place func(int) string) (*program, error) {
	begin := offset + len(source) - len(strings.TrimLeft(source, " \t\r\n"))
	trimmed := strings.TrimSpace(source)
	if trimmed == "" {
		return nil, &templateError{offset, "an expression is missing between {{ and }}"}
	}
	if len(source) > maxExpression {
		return nil, &templateError{begin, fmt.Sprintf("the expression has %d bytes; at most %d are read", len(source), maxExpression)}
	}
	if *names.count++; *names.count > maxTemplates {
		return nil, &templateError{begin, fmt.Sprintf("more than %d templates in one scenario", maxTemplates)}
	}
	options := []expr.Option{expr.Env(names.types()), expr.Optimize(false), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins()}
	for _, name := range builtins {
		options = append(options, expr.EnableBuiltin(name))
	}
	written, err := safeCompile(trimmed, options)
	if err != nil {
		return nil, names.explain(err, trimmed, begin)
	}
	p := &program{place: place(begin), source: trimmed, environ: names.environ}
	if err := names.look(p, written.Node(), begin); err != nil {
		return nil, err
	}
	if p.code, err = safeCompile(trimmed, append(options, expr.Patch(limiter{}))); err != nil {
		return nil, names.explain(err, trimmed, begin)
	}
	return p, nil
}

// safeCompile turns a panic of the library into an error.
func safeCompile(source string, options []expr.Option) (p *vm.Program, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("this is no expression: %v", caught)
		}
	}()
	return expr.Compile(source, options...)
}

// explain says where in the text expr found what.
func (v *vocabulary) explain(err error, source string, begin int) error {
	fault, ok := errors.AsType[*file.Error](err)
	if !ok {
		return &templateError{begin, err.Error()}
	}
	at := begin + byteOffset(source, fault.From)
	message := fault.Message
	if name, found := strings.CutPrefix(message, "unknown name "); found {
		name, _, _ = strings.Cut(name, " ")
		message = "there is no variable or function " + name
		if near := spelling.Closest(name, append(v.known(), builtins...)); near != "" {
			message += "; did you mean " + near + "?"
		} else if v.static {
			message += " here; before the run there are " + strings.Join(v.known(), ", ")
		} else {
			message += "; there are " + strings.Join(v.known(), ", ")
		}
	}
	if strings.HasPrefix(message, "unexpected token EOF") {
		message = "the expression ends too early; something is missing before its end"
	}
	return &templateError{at, message}
}

// byteOffset turns expr's offset, in runes, into bytes.
func byteOffset(s string, runes int) int {
	at := 0
	for range runes {
		_, size := utf8.DecodeRuneInString(s[at:])
		if size == 0 {
			break
		}
		at += size
	}
	return at
}

// look gathers the variables of an expression and finds mistakes that its types do not show.
func (v *vocabulary) look(p *program, root ast.Node, begin int) error {
	var first error
	refuse := func(node ast.Node, format string, args ...any) {
		if first == nil {
			first = &templateError{begin + byteOffset(p.source, node.Location().From), fmt.Sprintf(format, args...)}
		}
	}
	ast.Walk(&root, visitor(func(node *ast.Node) {
		switch n := (*node).(type) {
		case *ast.IdentifierNode:
			if n.Value == "$env" {
				refuse(n, "$env is not there; name what you need")
			}
			if v.vars[n.Value] && !slices.Contains(p.vars, n.Value) {
				p.vars = append(p.vars, n.Value)
			}
		case *ast.MemberNode:
			of, isName := n.Node.(*ast.IdentifierNode)
			property, isText := n.Property.(*ast.StringNode)
			if !isName || !isText || of.Value != "env" {
				return
			}
			if _, set := v.environ[property.Value]; !set {
				refuse(n, "%s is not set in the environment", property.Value)
			}
		case *ast.CallNode:
			callee, ok := n.Callee.(*ast.IdentifierNode)
			if !ok {
				return
			}
			f := functionNamed(callee.Value)
			if f == nil {
				return
			}
			switch count := len(n.Arguments); {
			case v.static && f.Draws && !(f.Name == "int" && count == 1): // int(value) only converts
				refuse(n, "%s() differs from user to user; before the run only variables are known", f.Name)
			case count < f.least || f.most >= 0 && count > f.most:
				refuse(n, "%s was given %d arguments; write %s", f.Name, count, f.Form)
			case f.Name == "fake":
				if kind, literal := n.Arguments[0].(*ast.StringNode); literal && fakes[kind.Value] == nil {
					refuse(n.Arguments[0], "fake(%q): there is no such kind; %s", kind.Value, meant(kind.Value, FakeKinds()))
				}
			}
		}
	}))
	return first
}

// meant is the end of a sentence about an unknown word.
func meant(word string, known []string) string {
	if near := spelling.Closest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "there are " + strings.Join(known, ", ")
}

type visitor func(*ast.Node)

// Visit implements ast.Visitor.
func (v visitor) Visit(node *ast.Node) { v(node) }

// limiter makes an expression count its turns and what it makes.
type limiter struct{}

// Visit implements ast.Visitor.
func (limiter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		n.Node = counted("turn!", n.Node)
	case *ast.BuiltinNode:
		ast.Patch(node, counted("made!", n))
	case *ast.BinaryNode:
		if n.Operator == "+" {
			ast.Patch(node, counted("add!", n.Left, n.Right))
		}
	}
}

// counted calls a function whose name cannot be written in an expression.
func counted(name string, args ...ast.Node) ast.Node {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// scope is one evaluation under way. Scopes are kept for the next one: making their functions anew costs more than most
// expressions.
type scope struct {
	env   *Env
	names map[string]any
	vm    vm.VM
	turns int
	made  int
}

var scopes = sync.Pool{New: func() any {
	s := &scope{names: make(map[string]any, len(Functions)+16)}
	for i := range Functions {
		f := &Functions[i]
		s.names[f.Name] = function(func(args ...any) (any, error) { return f.call(s, args) })
	}
	s.names["turn!"] = function(func(args ...any) (any, error) { return args[0], s.turn() })
	s.names["made!"] = function(func(args ...any) (any, error) { return args[0], s.grow(sizeOf(args[0])) })
	s.names["add!"] = function(func(args ...any) (any, error) {
		a, isText := args[0].(string)
		b, too := args[1].(string)
		if !isText || !too {
			return runtime.Add(args[0], args[1]), nil
		}
		if err := s.grow(len(a) + len(b)); err != nil {
			return nil, err
		}
		return a + b, nil
	})
	return s
}}

// run evaluates. Whole numbers are int, others float64.
func (p *program) run(env *Env, data any) (any, error) {
	s := scopes.Get().(*scope)
	s.env, s.turns, s.made = env, 0, 0
	s.names["data"] = data
	if env != nil {
		s.names["vu"], s.names["iteration"], s.names["user"] = env.VU, int(env.Iteration), env.User
		for _, name := range p.vars {
			s.names[name] = env.Vars[name]
		}
	}
	s.names["env"] = p.environ
	s.vm.MemoryBudget = maxMade / 8
	v, err := s.vm.Run(p.code, s.names)
	for _, name := range p.vars {
		delete(s.names, name)
	}
	s.names["data"], s.names["user"], s.names["env"], s.env = nil, nil, nil, nil
	scopes.Put(s)
	if err == nil {
		return v, nil
	}
	message := err.Error()
	if fault, ok := errors.AsType[*file.Error](err); ok {
		message = fault.Message
	}
	return nil, fmt.Errorf("%s: {{ %s }}: %s%s", p.place, p.source, message, p.unset(env))
}

// unset names the variables of a failed expression that have no value yet.
func (p *program) unset(env *Env) string {
	if env == nil {
		return ""
	}
	for _, name := range p.vars {
		if env.Vars[name] == nil {
			return " (" + name + " has no value yet)"
		}
	}
	return ""
}

func (s *scope) turn() error {
	if s.turns++; s.turns > maxTurns {
		return fmt.Errorf("it was stopped after %d turns", maxTurns)
	}
	return nil
}

func (s *scope) grow(size int) error {
	if s.made += size; s.made > maxMade {
		return fmt.Errorf("it was stopped: it makes more than %d bytes", maxMade)
	}
	return nil
}
