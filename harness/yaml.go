package harness

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"echolab/harness/yamlfile"
)

// What a scenario's files may take, so that none can hold up whoever reads it.
const (
	maxFile   = 1 << 20 // bytes
	maxFiles  = 20
	maxValues = 100_000 // aliases counted as often as they are used
)

// source is one file.
type source struct {
	name  string
	lines []string
}

// spot is where something stands.
type spot struct {
	file         *source
	line, column int // from 1; columns are characters
}

func (s spot) String() string {
	if s.file == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", s.file.name, s.line, s.column)
}

// tree is a value of a file with its place. value is nil, bool, int, float64, string, []tree or []branch.
type tree struct {
	value any
	text  string // of a scalar, as it stands in the file
	at    spot
}

// branch is one entry of a mapping.
type branch struct {
	key string
	at  spot // of the key
	tree
}

// child is the value under a key; nil where there is none.
func (t tree) child(key string) *tree {
	branches, _ := t.value.([]branch)
	for i := range branches {
		if branches[i].key == key {
			return &branches[i].tree
		}
	}
	return nil
}

// within is where a byte of a text stands: the text is looked for as it is written, so that quotes and the indentation of
// blocks do not matter. A text that is written otherwise (with escapes) is at its beginning.
func (t tree) within(offset int) spot {
	text, _ := t.value.(string)
	if t.at.file == nil || offset > len(text) {
		return t.at
	}
	end := len(text)
	if i := strings.IndexByte(text[offset:], '\n'); i > 0 {
		end = offset + i
	}
	needle := text[offset:end]
	if needle == "" { // the end of the text: behind its last character
		if offset == 0 {
			return t.at
		}
		_, size := utf8.DecodeLastRuneInString(text[:offset])
		s := t.within(offset - size)
		s.column++
		return s
	}
	skip := strings.Count(text[:offset], needle)
	for line := t.at.line; line <= len(t.at.file.lines); line++ {
		raw, from := t.at.file.lines[line-1], 0
		if line == t.at.line {
			from = runeOffset(raw, t.at.column-1)
		}
		for {
			i := strings.Index(raw[from:], needle)
			if i < 0 {
				break
			}
			if skip == 0 {
				return spot{t.at.file, line, utf8.RuneCountInString(raw[:from+i]) + 1}
			}
			skip--
			from += i + len(needle)
		}
	}
	return t.at
}

func runeOffset(s string, runes int) int { return byteOffset(s, runes) }

// reader reads the files of one scenario into trees and collects what is wrong with them.
type reader struct {
	problems *Problems
	values   int
	full     bool

	file    *source // that is being read
	anchors map[string]ast.Node
	open    map[ast.Node]bool // anchored values that are being read
}

// read is a file's tree; ok is false where it has none.
func (r *reader) read(name string, content []byte) (t tree, ok bool) {
	content = bytes.TrimPrefix(content, []byte("\ufeff")) // as Windows' editors write it
	r.file = &source{name: name, lines: strings.Split(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")}
	top := spot{r.file, 1, 1}
	if len(content) > maxFile {
		r.problems.add(top, "the file has %d bytes; at most %d are read", len(content), maxFile)
		return t, false
	}
	if !utf8.Valid(content) {
		r.problems.add(top, "the file is not UTF-8; save it as UTF-8")
		return t, false
	}
	doc, err := yamlfile.Parse(content)
	if err != nil {
		r.syntax(err)
		return t, false
	}
	if len(doc.Docs) > 1 && doc.Docs[1].Body != nil {
		r.problems.add(r.at(doc.Docs[1].Body), "only one document is read; remove the line ---")
		return t, false
	}
	if len(doc.Docs) == 0 || doc.Docs[0].Body == nil {
		r.problems.add(top, "the file is empty; 'echolab init scenario' writes one to start from")
		return t, false
	}
	r.anchors, r.open = yamlfile.Anchors(doc.Docs[0].Body), make(map[ast.Node]bool)
	before := len(r.problems.List)
	t = r.tree(doc.Docs[0].Body, 0)
	return t, len(r.problems.List) == before
}

func (r *reader) syntax(err error) {
	at, message := spot{r.file, 1, 1}, err.Error()
	if deep, ok := errors.AsType[*yamlfile.DepthError](err); ok {
		at = r.spot(deep.Token)
	}
	var known yaml.Error
	if errors.As(err, &known) && known.GetToken() != nil {
		at, message = r.spot(known.GetToken()), known.GetMessage()
	}
	message = strings.Join(strings.Fields(message), " ")
	if at.line <= len(r.file.lines) && strings.Contains(r.file.lines[at.line-1], "{{") {
		message += "; put quotes around texts with {{ }} that begin with it or stand inside {…} or […]"
	}
	r.problems.add(at, "this is not YAML: %s", strings.TrimPrefix(message, "this is not YAML: "))
}

func (r *reader) tree(n ast.Node, depth int) tree {
	t := tree{at: r.at(n)}
	r.values++
	switch {
	case r.full:
		return t
	case r.values > maxValues:
		r.full = true
		r.problems.add(t.at, "more than %d values; aliases count as often as they are used", maxValues)
		return t
	case depth > yamlfile.MaxDepth:
		r.problems.add(t.at, "more than %d values within each other", yamlfile.MaxDepth)
		return t
	}
	target, ok := r.follow(n)
	if !ok {
		return t
	}
	switch target.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		if r.open[target] {
			r.problems.add(t.at, "this alias stands for something that it is itself a part of; write out what it should be")
			return t
		}
		r.open[target] = true
		defer delete(r.open, target)
	}
	if target != n { // an alias: problems are shown where the value stands
		t.at = r.at(target)
	}
	switch v := target.(type) {
	case nil, *ast.NullNode:
		t.text = "null"
	case *ast.MappingNode, *ast.MappingValueNode:
		branches := []branch{}
		for _, pair := range r.pairs(target, 0) {
			if b, ok := r.branch(pair, depth, branches); ok {
				branches = append(branches, b)
			}
		}
		t.value = branches
	case *ast.SequenceNode:
		list := make([]tree, 0, len(v.Values))
		for _, item := range v.Values {
			list = append(list, r.tree(item, depth+1))
		}
		t.value = list
	case *ast.BoolNode:
		t.value, t.text = v.Value, v.GetToken().Value
	case *ast.IntegerNode:
		t.text = v.GetToken().Value
		switch number := v.Value.(type) {
		case int64:
			t.value = int(number)
		case uint64:
			if t.value = int(number); number > math.MaxInt64 {
				t.value = t.text
			}
		}
	case *ast.FloatNode:
		t.value, t.text = v.Value, v.GetToken().Value
	case *ast.StringNode:
		t.value, t.text = v.Value, v.Value
	case *ast.LiteralNode:
		t.value, t.text = v.Value.Value, v.Value.Value
	case *ast.InfinityNode, *ast.NanNode:
		r.problems.add(t.at, "%s is no number that JSON has; write it out", target.GetToken().Value)
	default:
		r.problems.add(t.at, "this kind of YAML (%s) is not read; write it out", strings.ToLower(target.Type().String()))
	}
	return t
}

func (r *reader) branch(pair *ast.MappingValueNode, depth int, before []branch) (b branch, ok bool) {
	at := r.spot(pair.Key.GetToken())
	switch pair.Key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.BoolNode, *ast.FloatNode, *ast.LiteralNode, *ast.NullNode:
	default:
		r.problems.add(at, "this is no key; put quotes around texts that begin with {{")
		return b, false
	}
	name := pair.Key.GetToken().Value
	if s, isText := pair.Key.(*ast.StringNode); isText {
		name = s.Value
	}
	for i := range before {
		if before[i].key == name {
			r.problems.add(at, "%s is there twice; remove one", name)
			return b, false
		}
	}
	return branch{name, at, r.tree(pair.Value, depth+1)}, true
}

// pairs are the entries of a mapping and those that << brings in, of which the mapping's own win.
func (r *reader) pairs(n ast.Node, depth int) (own []*ast.MappingValueNode) {
	if depth > 10 {
		r.problems.add(r.at(n), "<< is nested too deeply")
		return nil
	}
	var all, merged []*ast.MappingValueNode
	target, _ := r.follow(n)
	switch v := target.(type) {
	case *ast.MappingNode:
		all = v.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{v}
	default:
		r.problems.add(r.at(n), "<< needs a mapping")
		return nil
	}
	names := make(map[string]bool)
	for _, pair := range all {
		if pair.Key.IsMergeKey() {
			merged = append(merged, r.pairs(pair.Value, depth+1)...)
			continue
		}
		names[pair.Key.GetToken().Value] = true
		own = append(own, pair)
	}
	for _, pair := range merged {
		if name := pair.Key.GetToken().Value; !names[name] {
			names[name] = true
			own = append(own, pair)
		}
	}
	return own
}

// follow goes through anchors and aliases to what they stand for.
func (r *reader) follow(n ast.Node) (ast.Node, bool) {
	for range 100 {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			target, known := r.anchors[name]
			if !known {
				r.problems.add(r.at(n), "*%s is used here, but &%s is nowhere in the file", name, name)
				return nil, false
			}
			n = target
		default:
			return n, true
		}
	}
	r.problems.add(r.at(n), "this alias stands for itself")
	return nil, false
}

// at is where a person sees the value begin: a mapping at its first key, not at that key's colon.
func (r *reader) at(n ast.Node) spot {
	switch v := n.(type) {
	case nil:
		return spot{r.file, 1, 1}
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return r.spot(v.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return r.spot(v.Key.GetToken())
	}
	return r.spot(n.GetToken())
}

func (r *reader) spot(tk *token.Token) spot {
	s := spot{r.file, 1, 1}
	if tk != nil && tk.Position != nil {
		s.line, s.column = max(1, tk.Position.Line), max(1, tk.Position.Column)
	}
	return s
}

// beside is the path of a file that another one includes.
func beside(including, name string) string {
	if path.IsAbs(name) || including == "" || strings.HasPrefix(name, presetPrefix) {
		return name
	}
	return path.Join(path.Dir(strings.ReplaceAll(including, `\`, "/")), name)
}
