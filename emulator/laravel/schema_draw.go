package laravel

import (
	"fmt"
	"math"
	"slices"
)

// drawing is one instance on its way.
type drawing struct {
	*schema
	scene *scene
	drawn int
}

// value draws one value. name is the property that it is for.
func (d *drawing) value(given any, name string, depth int) (any, error) {
	if d.drawn++; d.drawn > maxDrawn {
		return nil, fmt.Errorf("the schema asks for more than %d values", maxDrawn)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("the schema is nested deeper than %d", maxDepth)
	}
	if yes, ok := given.(bool); ok {
		if yes {
			return d.scene.fake.Word(), nil
		}
		return nil, fmt.Errorf("%s can have no value: its schema is false", name)
	}
	o, ok := given.(Object)
	if !ok {
		return nil, fmt.Errorf("%s is %s where a schema must be", name, kindOf(given))
	}
	o, err := d.merged(o, depth)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(o, func(f Field) bool { return f.Key == "const" }); i >= 0 {
		return o[i].Value, nil
	}
	if choices, ok := o.Get("enum").([]any); ok && len(choices) > 0 {
		return choices[d.scene.fake.IntN(len(choices))], nil
	}
	typ := d.typeOf(o)
	for _, row := range schemaTypes() {
		if row.name == typ {
			return row.draw(d, o, name, depth)
		}
	}
	return nil, fmt.Errorf("%s is of type %q, which JSON Schema does not have", name, typ)
}

// schemaType is a type of JSON Schema.
type schemaType struct {
	name string
	draw func(d *drawing, o Object, name string, depth int) (any, error)
}

// schemaTypes are all of them. It is a function because its rows lead back to value.
func schemaTypes() []schemaType {
	return []schemaType{
		{"object", (*drawing).object},
		{"array", (*drawing).array},
		{"string", (*drawing).text},
		{"integer", (*drawing).integer},
		{"number", (*drawing).number},
		{"boolean", func(d *drawing, _ Object, _ string, _ int) (any, error) { return d.scene.fake.Bool(), nil }},
		{"null", func(*drawing, Object, string, int) (any, error) { return nil, nil }},
	}
}

// merged is a schema with what $ref, allOf and one branch of oneOf and anyOf say in its place.
func (d *drawing) merged(o Object, depth int) (Object, error) {
	out := Object{}
	var parts []any
	for _, f := range o {
		switch f.Key {
		case "$ref":
			ref, _ := f.Value.(string)
			target, err := d.resolve(ref)
			if err != nil {
				return nil, err
			}
			parts = append(parts, target)
		case "allOf":
			all, _ := f.Value.([]any)
			parts = append(parts, all...)
		case "oneOf", "anyOf":
			if some, _ := f.Value.([]any); len(some) > 0 {
				parts = append(parts, some[d.scene.fake.IntN(len(some))])
			}
		default:
			out = append(out, f)
		}
	}
	if len(parts) > 0 && depth > maxDepth {
		return nil, fmt.Errorf("the schema is nested deeper than %d", maxDepth)
	}
	for _, part := range parts {
		inner, ok := part.(Object)
		if !ok {
			continue // true; false is found when the instance is validated
		}
		inner, err := d.merged(inner, depth+1)
		if err != nil {
			return nil, err
		}
		for _, f := range inner {
			out = out.With(f.Key, joined(out.Get(f.Key), f.Value))
		}
	}
	return out, nil
}

// joined is what two schemas say under one keyword: properties and required together, else the second.
func joined(a, b any) any {
	switch x := a.(type) {
	case Object:
		if y, ok := b.(Object); ok {
			for _, f := range y {
				x = x.With(f.Key, f.Value)
			}
			return x
		}
	case []any:
		if y, ok := b.([]any); ok {
			return slices.Concat(x, y)
		}
	}
	return b
}

// typeOf is the type to draw: the first that is not null where there are several, else what the keywords are for.
func (d *drawing) typeOf(o Object) string {
	switch t := o.Get("type").(type) {
	case string:
		return t
	case []any:
		var names []string
		for _, name := range t {
			if text, ok := name.(string); ok {
				names = append(names, text)
			}
		}
		if len(names) > 0 {
			return names[d.scene.fake.IntN(len(names))]
		}
	}
	for _, row := range []struct{ keyword, typ string }{
		{"properties", "object"}, {"required", "object"}, {"items", "array"}, {"minItems", "array"}, {"minimum", "number"},
		{"maximum", "number"}, {"multipleOf", "number"},
	} {
		if o.Get(row.keyword) != nil {
			return row.typ
		}
	}
	return "string"
}

// object draws every property, be it required or not: a front end wants to see them all.
func (d *drawing) object(o Object, _ string, depth int) (any, error) {
	out := Object{}
	properties, _ := o.Get("properties").(Object)
	for _, f := range properties {
		if f.Value == false {
			continue
		}
		v, err := d.value(f.Value, f.Key, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, Field{f.Key, v})
	}
	required, _ := o.Get("required").([]any)
	for _, name := range required {
		key, _ := name.(string)
		if slices.ContainsFunc(out, func(f Field) bool { return f.Key == key }) {
			continue
		}
		var inner any = true
		if more := o.Get("additionalProperties"); more != nil {
			inner = more
		}
		v, err := d.value(inner, key, depth+1)
		if err != nil {
			return nil, err
		}
		out = out.With(key, v)
	}
	return out, nil
}

func (d *drawing) array(o Object, name string, depth int) (any, error) {
	out := []any{}
	prefix, _ := o.Get("prefixItems").([]any)
	for _, item := range prefix {
		v, err := d.value(item, name, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	least, ok := wholeOf(o.Get("minItems"))
	if !ok {
		least = int64(len(prefix)) + 1
	}
	most, ok := wholeOf(o.Get("maxItems"))
	if !ok {
		most = least + 2
	}
	items := o.Get("items")
	if items == nil {
		items = true
	}
	if items == false {
		return out, nil
	}
	if least > maxDrawn {
		return nil, fmt.Errorf("%s asks for %d items; %d values are the most", name, least, maxDrawn)
	}
	want := least + d.scene.chance.Int64N(max(0, min(most, least+10)-least)+1)
	for int64(len(out)) < min(want, most) {
		v, err := d.value(items, singular(name), depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// wholeOf reads a whole number, such as a limit.
func wholeOf(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	}
	return 0, false
}
