package laravel

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What a schema may ask for at most, so that a payload stays one.
const (
	maxDrawn     = 10_000  // values
	maxDrawnText = 100_000 // characters in one text
	drawAttempts = 8       // draws until one satisfies the schema
)

// isSchema tells a JSON Schema from an example.
func isSchema(o Object) bool {
	for _, key := range []string{"$schema", "$ref"} {
		if _, ok := o.Get(key).(string); ok {
			return true
		}
	}
	_, properties := o.Get("properties").(Object)
	return properties && o.Get("type") == "object"
}

// schema is a JSON Schema that payloads are drawn from.
type schema struct {
	root     Object
	compiled *jsonschema.Schema
}

// newSchema reads a schema. Its references must lead to places within it and not in a circle.
func newSchema(root Object) (*schema, error) {
	text, err := json.Marshal(root)
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	s := &schema{root: root}
	if err := s.references(root, nil, 0); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	if s.compiled, err = c.Compile(schemaURL); err != nil {
		return nil, fmt.Errorf("the schema is none: %s", schemaWords(err))
	}
	return s, nil
}

// noLoader refuses schemas from elsewhere.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not read; write the schema into the file", url)
}

// references follows every $ref; path are those that lead here.
func (s *schema) references(v any, path []string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("the schema is nested deeper than %d", maxDepth)
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if err := s.references(item, path, depth+1); err != nil {
				return err
			}
		}
	case Object:
		for _, f := range v {
			switch f.Key {
			case "$defs", "definitions", "const", "enum", "default", "examples": // met where they are referred to, or no schemas
				continue
			case "$ref", "$dynamicRef":
				ref, ok := f.Value.(string)
				if !ok || f.Key == "$dynamicRef" {
					continue
				}
				if slices.Contains(path, ref) {
					return fmt.Errorf("$ref %s refers to itself (%s → %s); no payload would ever be complete", ref, strings.Join(path, " → "), ref)
				}
				target, err := s.resolve(ref)
				if err != nil {
					return err
				}
				if err := s.references(target, append(slices.Clone(path), ref), depth+1); err != nil {
					return err
				}
			default:
				if err := s.references(f.Value, path, depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// resolve follows a reference such as #/$defs/invoice.
func (s *schema) resolve(ref string) (any, error) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return nil, fmt.Errorf("$ref %s leads out of the schema; only references such as #/$defs/invoice are followed", ref)
	}
	var at any = s.root
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch v := at.(type) {
		case Object:
			at = v.Get(part)
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v) {
				return nil, fmt.Errorf("$ref %s leads nowhere", ref)
			}
			at = v[i]
		default:
			at = nil
		}
		if at == nil {
			return nil, fmt.Errorf("$ref %s leads nowhere", ref)
		}
	}
	return at, nil
}

// draw makes a payload that satisfies the schema.
func (s *schema) draw(sc *scene) (Object, error) {
	var last error
	for range drawAttempts {
		d := drawing{schema: s, scene: sc}
		v, err := d.value(s.root, "", 0)
		if err != nil {
			return nil, err
		}
		payload, ok := v.(Object)
		if !ok {
			return nil, errors.New("the schema describes " + kindOf(v) + "; a payload is an object")
		}
		if last = s.holds(payload); last == nil {
			return payload, nil
		}
	}
	return nil, fmt.Errorf("no payload was found that satisfies the schema: %w", last)
}

// holds validates an instance.
func (s *schema) holds(payload Object) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	if err := s.compiled.Validate(doc); err != nil {
		return errors.New(schemaWords(err))
	}
	return nil
}
