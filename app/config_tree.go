package app

import (
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"echolab/emulator/laravel"
	"echolab/harness/yamlfile"
)

// What a configuration file may take, so that no file can hold Echolab up: a broken one may turn up while it runs.
const (
	maxConfigFile = 4 << 20 // bytes
	maxValues     = 500_000 // aliases counted as often as they are used
)

// tree is a value of the file with its place. value is nil, bool, int64, float64, string, []tree or []branch.
type tree struct {
	value any
	at    Origin
	text  string // of a scalar, as it stands in the file
	first Origin // where a text's first character stands: behind a quote, or on the line after | and >
}

// branch is one entry of a mapping.
type branch struct {
	key string
	at  Origin // of the key
	tree
}

// treeReader turns nodes into trees: aliases become what they stand for, and circles are refused.
type treeReader struct {
	*fileReader
	within map[ast.Node]bool // anchored values that are being read
	values int
	full   bool
}

func (r *fileReader) tree(key string, node ast.Node) (tree, bool) {
	reader := treeReader{fileReader: r, within: make(map[ast.Node]bool)}
	before := len(r.problems)
	t := reader.read(key, node, 0)
	return t, len(r.problems) == before
}

func (r *treeReader) read(key string, node ast.Node, depth int) tree {
	at := r.at(begin(node), key)
	t := tree{at: at, first: at}
	r.values++
	switch {
	case r.full:
		return t
	case r.values > maxValues:
		r.full = true
		r.refuse(node, "more than %d values; aliases count as often as they are used", maxValues)
		return t
	case depth > yamlfile.MaxDepth:
		r.refuse(node, "more than %d values within each other", yamlfile.MaxDepth)
		return t
	}
	if alias, ok := node.(*ast.AliasNode); ok && r.anchors[alias.Value.GetToken().Value] == nil {
		r.follow(node) // refuses it
		return t
	}
	target := r.follow(node)
	switch target.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		if r.within[target] {
			r.refuse(node, "this alias stands for something that it is itself a part of")
			return t
		}
		r.within[target] = true
		defer delete(r.within, target)
	}
	switch n := target.(type) {
	case nil, *ast.NullNode:
		t.text = "null"
	case *ast.MappingNode, *ast.MappingValueNode:
		branches := []branch{}
		for _, pair := range r.pairs(n, key, 0) {
			name := keyText(pair.Key)
			branches = append(branches, branch{name, r.at(pair.Key.GetToken(), name), r.read(name, pair.Value, depth+1)})
		}
		t.value = branches
	case *ast.SequenceNode:
		list := make([]tree, 0, len(n.Values))
		for _, item := range n.Values {
			list = append(list, r.read(key, item, depth+1))
		}
		t.value = list
	case *ast.BoolNode:
		t.value, t.text = n.Value, n.GetToken().Value
	case *ast.IntegerNode:
		t.text = n.GetToken().Value
		switch number := n.Value.(type) {
		case int64:
			t.value = number
		case uint64:
			if number > math.MaxInt64 {
				r.refuse(node, "%s is beyond 64 bits; put quotes around it", short(t.text))
			}
			t.value = int64(number)
		default:
			r.refuse(node, "%s is no number that can be read; put quotes around it", short(t.text))
		}
	case *ast.FloatNode:
		t.value, t.text = n.Value, n.GetToken().Value
	case *ast.StringNode:
		t.value, t.text = n.Value, n.Value
		t.first = r.at(n.GetToken(), key)
		if n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType {
			t.first.Column++
		}
	case *ast.LiteralNode:
		t.value, t.text = n.Value.Value, n.Value.Value
		t.first = r.at(n.Start, key)
		lines := strings.TrimLeft(n.Value.Token.Origin, "\r\n")
		t.first.Line, t.first.Column = t.first.Line+1, len(lines)-len(strings.TrimLeft(lines, " "))+1
	default:
		r.refuse(node, "%s is not read here; write a plain value", short(oneLine(node.String())))
	}
	return t
}

// kind names what a tree holds, for messages.
func (t tree) kind() string {
	switch t.value.(type) {
	case nil:
		return "nothing"
	case bool:
		return "yes or no"
	case int64, float64:
		return "a number"
	case string:
		return "a text"
	case []tree:
		return "a list"
	}
	return "a mapping"
}

// get is the value of a key; a tree with the value nil where there is none.
func (t tree) get(key string) tree {
	branches, _ := t.value.([]branch)
	for _, b := range branches {
		if b.key == key {
			return b.tree
		}
	}
	return tree{}
}

func (t tree) branches() []branch { b, _ := t.value.([]branch); return b }

func (t tree) list() []tree { l, _ := t.value.([]tree); return l }

// id is an integer or a text; the zero ID for anything else.
func (t tree) id() laravel.ID {
	switch v := t.value.(type) {
	case int64:
		return laravel.IntID(v)
	case string:
		return laravel.TextID(v)
	}
	return laravel.ID{}
}

// plainValue is the value as laravel.Object holds it.
func (t tree) plainValue() any {
	switch v := t.value.(type) {
	case []branch:
		return t.object()
	case []tree:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = item.plainValue()
		}
		return out
	default:
		return v
	}
}

func (t tree) object(without ...string) laravel.Object {
	branches := t.branches()
	out := make(laravel.Object, 0, len(branches))
next:
	for _, b := range branches {
		for _, name := range without {
			if b.key == name {
				continue next
			}
		}
		out = append(out, laravel.Field{Key: b.key, Value: b.plainValue()})
	}
	return out
}

// place is where an expression begins, for package laravel, which counts on from there.
func (t tree) place() string { return t.first.String() }

// words is a scalar as an expression has it: true, 5 or the text itself.
func (t tree) words() string {
	if n, ok := t.value.(int64); ok {
		return strconv.FormatInt(n, 10)
	}
	return t.text
}
