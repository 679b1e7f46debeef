package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Value is any JSON value whose texts may hold templates; a text that is one template alone gives the expression's value,
// whatever its type. Objects keep the order of their keys.
type Value struct {
	root *node
	// json is the value as JSON, cut where a template stands. One chunk without a template: the value is always the same.
	json []chunk
}

// node is a value of the file.
type node struct {
	plain any // nil, bool, int, float64, string
	text  *Text
	list  []*node
	keys  []string // of an object, with list as its values
	kind  nodeKind
}

type nodeKind int

const (
	plainNode nodeKind = iota
	textNode
	listNode
	objectNode
)

// chunk is a piece of JSON: literal, then what the template gives.
type chunk struct {
	literal []byte
	text    *Text
}

func newValue(root *node) (Value, error) {
	v := Value{root: root}
	if err := v.write(root); err != nil {
		return Value{}, err
	}
	return v, nil
}

// IsZero tells that the file gives none.
func (v Value) IsZero() bool { return v.root == nil }

// IsLiteral tells that it is the same for everybody.
func (v Value) IsLiteral() bool { return len(v.json) == 0 || len(v.json) == 1 && v.json[0].text == nil }

// IsObject tells that it is a JSON object, whatever its templates give.
func (v Value) IsObject() bool { return v.root != nil && v.root.kind == objectNode }

// Eval is the value: nil, bool, int, float64, string, []any or map[string]any.
func (v Value) Eval(env *Env) (any, error) {
	if v.root == nil {
		return nil, nil
	}
	return v.root.eval(env)
}

func (n *node) eval(env *Env) (any, error) {
	switch n.kind {
	case textNode:
		if p := n.text.alone(); p != nil {
			return p.run(env, nil)
		}
		return n.text.Eval(env)
	case listNode:
		out := make([]any, len(n.list))
		for i, item := range n.list {
			var err error
			if out[i], err = item.eval(env); err != nil {
				return nil, err
			}
		}
		return out, nil
	case objectNode:
		out := make(map[string]any, len(n.keys))
		for i, key := range n.keys {
			var err error
			if out[key], err = n.list[i].eval(env); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return n.plain, nil
}

// JSON is the value as JSON, null where the file gives none. A value without templates is written once and shared: do not
// change it.
func (v Value) JSON(env *Env) ([]byte, error) {
	if len(v.json) == 0 {
		return []byte("null"), nil
	}
	if v.IsLiteral() {
		return slices.Clip(v.json[0].literal), nil
	}
	var out []byte
	for _, c := range v.json {
		out = append(out, c.literal...)
		if c.text == nil {
			continue
		}
		var err error
		if p := c.text.alone(); p != nil {
			var result any
			if result, err = p.run(env, nil); err == nil {
				if out, err = appendJSON(out, result); err != nil {
					err = fmt.Errorf("%s: {{ %s }}: %w", p.place, p.source, err)
				}
			}
		} else {
			var text string
			if text, err = c.text.Eval(env); err == nil {
				out, err = appendJSON(out, text)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// write cuts the value into chunks.
func (v *Value) write(n *node) (err error) {
	if len(v.json) == 0 || v.json[len(v.json)-1].text != nil {
		v.json = append(v.json, chunk{})
	}
	last := &v.json[len(v.json)-1]
	put := func(s string) {
		if end := &v.json[len(v.json)-1]; end.text == nil {
			end.literal = append(end.literal, s...)
		} else {
			v.json = append(v.json, chunk{literal: []byte(s)})
		}
	}
	switch n.kind {
	case textNode:
		last.text = n.text
		return nil
	case plainNode:
		last.literal, err = appendJSON(last.literal, n.plain)
		return err
	}
	brackets := "[]"
	if n.kind == objectNode {
		brackets = "{}"
	}
	put(brackets[:1])
	for i, item := range n.list {
		if i > 0 {
			put(",")
		}
		if n.kind == objectNode {
			key, err := appendJSON(nil, n.keys[i])
			if err != nil {
				return err
			}
			put(string(key) + ":")
		}
		if err := v.write(item); err != nil {
			return err
		}
	}
	put(brackets[1:])
	return nil
}

// source is the value as it is written, with its templates as texts, for the plan's hash. Keys are sorted.
func (n *node) source() any {
	switch n.kind {
	case textNode:
		return n.text.source
	case listNode:
		out := make([]any, len(n.list))
		for i, item := range n.list {
			out[i] = item.source()
		}
		return out
	case objectNode:
		out := make(map[string]any, len(n.keys))
		for i, key := range n.keys {
			out[key] = n.list[i].source()
		}
		return out
	}
	return n.plain
}

// appendText writes a value as it stands in a text.
func appendText(out []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return out, nil
	case string:
		return append(out, v...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.AppendInt(out, int64(v), 10), nil
		}
	}
	return appendJSON(out, v)
}

// appendJSON writes a value as JSON, at most maxMade bytes of it: lists that hold each other can be small and write large.
func appendJSON(out []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	}
	w := bounded{Buffer: bytes.NewBuffer(out), left: maxMade}
	if err := w.check(v, 0); err != nil {
		return nil, err
	}
	enc := json.NewEncoder(w.Buffer)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("this cannot be written as JSON: %w", err)
	}
	return bytes.TrimSuffix(w.Bytes(), []byte("\n")), nil
}

// bounded is a buffer that knows how much may still be written.
type bounded struct {
	*bytes.Buffer
	left int
}

// check walks a value before it is written.
func (w *bounded) check(v any, depth int) error {
	if depth > 100 {
		return fmt.Errorf("values lie more than %d deep within each other", 100)
	}
	w.left--
	switch v := v.(type) {
	case string:
		w.left -= len(v)
	case []any:
		for _, item := range v {
			if err := w.check(item, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, item := range v {
			w.left -= len(key)
			if err := w.check(item, depth+1); err != nil {
				return err
			}
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%v is no number of JSON", v)
		}
	}
	if w.left < 0 {
		return fmt.Errorf("the value has more than %d bytes", maxMade)
	}
	return nil
}
