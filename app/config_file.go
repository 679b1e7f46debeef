package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"echolab/harness/yamlfile"
)

// document is echolab.yaml with the place of every value, not yet checked against the rules of each.
type document struct {
	values   map[string]value
	apps     []appDocument
	sections map[string]tree // of the emulated application
}

type appDocument struct {
	values   map[string]value // nested keys joined by a dot: rate_limiting.enabled
	webhooks []webhookDocument
	from     Origin
}

type webhookDocument struct {
	values map[string]value
	from   Origin
}

// webhookKeys are the keys of one webhook (see pusher.Webhook).
var webhookKeys = []string{"url", "events", "batch"}

// tlsKeys are the keys of tls: ours, and those of Reverb's options.tls (PHP's SSL context).
var tlsKeys = map[string]string{"cert": "cert", "key": "key", "local_cert": "cert", "local_pk": "key"}

// otherNames are words that people bring along from Reverb's config/reverb.php.
var otherNames = map[string]string{
	"app_id": "id", "decay_seconds": "decay", "terminate_on_limit": "terminate", "server_host": "host", "server_port": "port",
	"rate_limit": "rate_limiting", "database": "db",
}

// fileReader walks the tree that goccy/go-yaml parsed. It takes nothing that the tables do not name, so that a misspelt
// key is never silently without effect, and collects problems instead of ending at the first.
type fileReader struct {
	name     string
	anchors  map[string]ast.Node
	problems []string
}

// readDocument reads echolab.yaml. Every problem is one line with file:line:column.
func readDocument(name string, content []byte) (doc document, problems []string) {
	r := &fileReader{name: name}
	file, err := yamlfile.Parse(content)
	if err != nil {
		return document{}, []string{r.syntax(err)}
	}
	if len(file.Docs) > 1 && file.Docs[1].Body != nil {
		r.refuse(file.Docs[1].Body, "only one document is read; remove the line ---")
		return document{}, r.problems
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return document{}, nil
	}
	r.anchors = yamlfile.Anchors(file.Docs[0].Body)
	doc.values = make(map[string]value)
	doc.sections = make(map[string]tree)
	known := []string{"apps"}
	groups := make(map[string][]string) // retention: rows, age, bytes
	for _, row := range settings {
		group, key, grouped := strings.Cut(row.Name, ".")
		if group == "tls" { // one word, or a mapping with keys of its own
			grouped = false
		}
		if grouped {
			groups[group] = append(groups[group], key)
		}
		if !row.flagOnly && !slices.Contains(known, group) {
			known = append(known, group)
		}
	}
	for _, section := range sections {
		known = append(known, section.name)
	}
	r.mapping(file.Docs[0].Body, "the file", known, func(key string, at *token.Token, node ast.Node) {
		if section, ok := sectionNamed(key); ok {
			if t, ok := r.tree(key, node); ok && t.value != nil { // no value: as if it were not there
				r.hold(t, section.shape, key)
				doc.sections[key] = t
			}
			return
		}
		if inner, grouped := groups[key]; grouped {
			r.mapping(node, key, inner, func(name string, at *token.Token, leaf ast.Node) {
				r.scalar(doc.values, key+"."+name, name, at, leaf)
			})
			return
		}
		if key == "tls" && r.isMapping(node) { // or one word
			r.mapping(node, key, slices.Sorted(maps.Keys(tlsKeys)), func(inner string, at *token.Token, leaf ast.Node) {
				r.scalar(doc.values, "tls."+tlsKeys[inner], inner, at, leaf)
			})
			return
		}
		if key != "apps" {
			r.scalar(doc.values, key, key, at, node)
			return
		}
		for _, item := range r.list(node, "apps") {
			doc.apps = append(doc.apps, r.app(item))
		}
	})
	if len(r.problems) > 0 {
		return document{}, r.problems
	}
	return doc, nil
}

func (r *fileReader) syntax(err error) string {
	if deep, ok := errors.AsType[*yamlfile.DepthError](err); ok {
		return fmt.Sprintf("%s: %s", r.at(deep.Token, ""), deep)
	}
	var known yaml.Error
	if errors.As(err, &known) && known.GetToken() != nil {
		return fmt.Sprintf("%s: %s", r.at(known.GetToken(), ""), oneLine(known.GetMessage()))
	}
	return fmt.Sprintf("%s: %s", r.name, oneLine(err.Error()))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (r *fileReader) app(node ast.Node) appDocument {
	doc := appDocument{values: make(map[string]value), from: r.at(begin(node), "apps")}
	known := []string{"webhooks"}
	var nested []string
	for _, row := range appSettings {
		if group, key, grouped := strings.Cut(row.Name, "."); grouped {
			nested = append(nested, key)
			if !slices.Contains(known, group) {
				known = append(known, group)
			}
		} else {
			known = append(known, row.Name)
		}
	}
	r.mapping(node, "an app", known, func(key string, at *token.Token, child ast.Node) {
		switch key {
		case "rate_limiting":
			r.mapping(child, key, nested, func(inner string, at *token.Token, leaf ast.Node) {
				r.scalar(doc.values, key+"."+inner, inner, at, leaf)
			})
		case "webhooks":
			for _, item := range r.list(child, key) {
				hook := webhookDocument{values: make(map[string]value), from: r.at(begin(item), key)}
				r.mapping(item, "a webhook", webhookKeys, func(inner string, at *token.Token, leaf ast.Node) {
					r.scalar(hook.values, inner, inner, at, leaf)
				})
				doc.webhooks = append(doc.webhooks, hook)
			}
		default:
			r.scalar(doc.values, key, key, at, child)
		}
	})
	return doc
}

// mapping calls each for every known key of node and refuses the others.
func (r *fileReader) mapping(node ast.Node, what string, known []string, each func(key string, at *token.Token, child ast.Node)) {
	for _, pair := range r.pairs(node, what, 0) {
		key := keyText(pair.Key)
		if !slices.Contains(known, key) {
			r.unknown(r.at(pair.Key.GetToken(), ""), key, what, known)
			continue
		}
		each(key, pair.Key.GetToken(), pair.Value)
	}
}

// unknown refuses a key that is in no table.
func (r *fileReader) unknown(at Origin, key, what string, known []string) {
	meant := "known are " + strings.Join(known, ", ")
	if other, ok := otherNames[key]; ok && slices.Contains(known, other) {
		meant = "did you mean " + other + "?"
	} else if near := Closest(key, known); near != "" {
		meant = "did you mean " + near + "?"
	}
	r.refuseAt(at, "%s is no key of %s; %s", short(key), what, meant)
}

// pairs are the entries of a mapping and those that << brings in, of which the mapping's own win.
func (r *fileReader) pairs(node ast.Node, what string, depth int) []*ast.MappingValueNode {
	var own, merged []*ast.MappingValueNode
	switch n := r.follow(node).(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingValueNode:
		own = []*ast.MappingValueNode{n}
	case *ast.MappingNode:
		own = n.Values
	default:
		r.refuse(node, "%s must have keys and values, such as key: value", what)
		return nil
	}
	if depth > 10 {
		r.refuse(node, "<< is nested too deeply")
		return nil
	}
	var out []*ast.MappingValueNode
	for _, pair := range own {
		if pair.Key.IsMergeKey() {
			merged = append(merged, r.pairs(pair.Value, "<<", depth+1)...)
		} else {
			out = append(out, pair)
		}
	}
	merged = slices.DeleteFunc(merged, func(brought *ast.MappingValueNode) bool {
		return slices.ContainsFunc(out, func(o *ast.MappingValueNode) bool { return keyText(o.Key) == keyText(brought.Key) })
	})
	return append(merged, out...)
}

func (r *fileReader) isMapping(node ast.Node) bool {
	switch r.follow(node).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

func (r *fileReader) list(node ast.Node, what string) []ast.Node {
	switch n := r.follow(node).(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		return n.Values
	}
	r.refuse(node, "%s must be a list, each entry beginning with a dash", what)
	return nil
}

// scalar puts one value, or a list of them, where the loader finds it.
func (r *fileReader) scalar(into map[string]value, name, key string, at *token.Token, node ast.Node) {
	v := value{from: r.at(at, key)}
	node = r.follow(node)
	if node != nil {
		v.from = r.at(begin(node), key)
	}
	if sequence, ok := node.(*ast.SequenceNode); ok {
		v.isList, v.from = true, r.at(at, key)
		for _, item := range sequence.Values {
			text, _, _, ok := plain(r.follow(item))
			if !ok {
				r.refuse(item, "%s must be a list of texts", key)
				return
			}
			v.list = append(v.list, text)
			v.places = append(v.places, r.at(begin(item), key))
		}
	} else if text, word, null, ok := plain(node); ok {
		v.text, v.word, v.null = text, word, null
	} else {
		r.refuse(node, "%s must be one value", key)
		return
	}
	into[name] = v
}

// plain is a scalar's text as it stands in the file, so that an id such as 0123 keeps its zero.
func plain(node ast.Node) (text string, word, null, ok bool) {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return "", false, true, true
	case *ast.BoolNode:
		return strings.ToLower(n.GetToken().Value), true, false, true
	case *ast.StringNode:
		return n.Value, false, false, true
	case *ast.LiteralNode:
		return n.Value.Value, false, false, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, false, false, true
	}
	return "", false, false, false
}

// follow goes through anchors and aliases to what they stand for; nil where that is nothing or a circle.
func (r *fileReader) follow(node ast.Node) ast.Node {
	for range 100 {
		switch n := node.(type) {
		case *ast.AnchorNode:
			node = n.Value
		case *ast.AliasNode:
			target, ok := r.anchors[n.Value.GetToken().Value]
			if !ok {
				r.refuse(n, "*%s is used here, but &%s is nowhere", n.Value.GetToken().Value, n.Value.GetToken().Value)
				return nil
			}
			node = target
		default:
			return node
		}
	}
	r.refuse(node, "this alias stands for itself")
	return nil
}

func keyText(key ast.MapKeyNode) string {
	if text, _, _, ok := plain(key); ok && text != "" {
		return text
	}
	return key.GetToken().Value
}

func (r *fileReader) at(tk *token.Token, key string) Origin {
	o := Origin{File: r.name, Key: key, Line: 1, Column: 1}
	if tk != nil && tk.Position != nil {
		o.Line, o.Column = max(1, tk.Position.Line), max(1, tk.Position.Column)
	}
	return o
}

func (r *fileReader) refuse(node ast.Node, format string, args ...any) {
	r.refuseAt(r.at(begin(node), ""), format, args...)
}

// maxProblems is how many are told at once.
const maxProblems = 50

func (r *fileReader) refuseAt(at Origin, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, fmt.Sprintf("%s: %s", at, fmt.Sprintf(format, args...)))
	}
}

// begin is where a person sees the node begin: a mapping at its first key, not at that key's colon.
func begin(node ast.Node) *token.Token {
	switch n := node.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return node.GetToken()
}
