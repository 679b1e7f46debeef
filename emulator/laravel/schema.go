package laravel

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

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
	if err := c.AddResource("payload.json", doc); err != nil {
		return nil, err
	}
	if s.compiled, err = c.Compile("payload.json"); err != nil {
		return nil, fmt.Errorf("the schema is none: %w", err)
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
	return s.compiled.Validate(doc)
}

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
	for _, row := range schemaTypes {
		if row.name == typ {
			return row.draw(d, o, name, depth)
		}
	}
	return nil, fmt.Errorf("%s is of type %q, which JSON Schema does not have", name, typ)
}

// schemaTypes are the types of JSON Schema.
var schemaTypes []struct {
	name string
	draw func(d *drawing, o Object, name string, depth int) (any, error)
}

func init() { // the rows call value, which reads the table
	schemaTypes = []struct {
		name string
		draw func(d *drawing, o Object, name string, depth int) (any, error)
	}{
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

// limits are minimum and maximum of a number, those that are missing near the others.
func limits(o Object, step float64) (low, high float64) {
	low, high = math.NaN(), math.NaN()
	for _, row := range []struct {
		keyword string
		into    *float64
		off     float64
		wider   func(a, b float64) float64
	}{{"minimum", &low, 0, math.Max}, {"exclusiveMinimum", &low, step, math.Max}, {"maximum", &high, 0, math.Min}, {"exclusiveMaximum", &high, -step, math.Min}} {
		var n float64
		switch v := o.Get(row.keyword).(type) {
		case int64:
			n = float64(v)
		case float64:
			n = v
		default:
			continue
		}
		if n += row.off; math.IsNaN(*row.into) {
			*row.into = n
		} else {
			*row.into = row.wider(*row.into, n)
		}
	}
	switch noLow, noHigh := math.IsNaN(low), math.IsNaN(high); {
	case noLow && noHigh:
		return 1, 1000
	case noLow:
		low = math.Min(high-1000, math.Max(0, high-1000))
	case noHigh:
		high = low + 1000
	}
	return low, high
}

func (d *drawing) integer(o Object, name string, _ int) (any, error) {
	if id, ok := d.id(o, name); ok {
		return id, nil
	}
	low, high := limits(o, 1)
	low, high = math.Max(math.Ceil(low), math.MinInt64), math.Min(math.Floor(high), 1<<63-1024)
	step, ok := wholeOf(o.Get("multipleOf"))
	if !ok || step < 1 {
		step = 1
	}
	from, to := int64(math.Ceil(low/float64(step))), int64(math.Floor(high/float64(step)))
	if from > to {
		return nil, fmt.Errorf("%s: there is no whole number from %v to %v", name, low, high)
	}
	span := uint64(to) - uint64(from)
	if span < math.MaxInt64 {
		from += d.scene.chance.Int64N(int64(span) + 1)
	} else {
		from += int64(d.scene.chance.Uint64N(span))
	}
	return from * step, nil
}

// id gives client_id the id of a client, where nothing else is asked of it.
func (d *drawing) id(o Object, name string) (any, bool) {
	if len(o) > 1 && slices.ContainsFunc(o, func(f Field) bool { return f.Key != "type" && f.Key != "title" && f.Key != "description" }) {
		return nil, false
	}
	short := paramName(name)
	if strings.EqualFold(short, strings.ReplaceAll(name, "_", "")) {
		return nil, false
	}
	if asked, ok := d.scene.given[short]; ok {
		id := askedID(asked).Value()
		_, whole := id.(int64)
		return id, whole
	}
	typ := d.scene.typeOf(short)
	if typ == "" {
		return nil, false
	}
	id, whole := d.scene.id(typ).(int64)
	return id, whole
}

func (d *drawing) number(o Object, name string, depth int) (any, error) {
	if o.Get("multipleOf") != nil {
		if _, whole := wholeOf(o.Get("multipleOf")); whole {
			return d.integer(o, name, depth)
		}
	}
	low, high := limits(o, 1e-9)
	if low > high || math.IsInf(high-low, 0) {
		return nil, fmt.Errorf("%s: there is no number from %v to %v", name, low, high)
	}
	n := low + d.scene.fake.Float64()*(high-low)
	if step, ok := o.Get("multipleOf").(float64); ok && step > 0 {
		return math.Round(n/step) * step, nil
	}
	if cents := math.Round(n*100) / 100; cents >= low && cents <= high {
		return cents, nil
	}
	return n, nil
}

// textFormats draw what format names.
var textFormats = map[string]func(*scene) string{
	"date-time": func(s *scene) string { return s.ago(30 * 24 * time.Hour).Format(isoTime) },
	"date":      func(s *scene) string { return s.ago(30 * 24 * time.Hour).Format(time.DateOnly) },
	"time":      func(s *scene) string { return s.ago(24*time.Hour).Format(time.TimeOnly) + "Z" },
	"duration":  func(s *scene) string { return fmt.Sprintf("PT%dM", 1+s.fake.IntN(240)) },
	"email":     func(s *scene) string { return s.fake.Email() },
	"hostname":  func(s *scene) string { return s.fake.DomainName() },
	"uri":       func(s *scene) string { return "https://" + s.fake.DomainName() + "/" + s.fake.Word() },
	"url":       func(s *scene) string { return "https://" + s.fake.DomainName() + "/" + s.fake.Word() },
	"uuid":      func(s *scene) string { return s.fake.UUID() },
	"ipv4":      func(s *scene) string { return s.fake.IPv4Address() },
	"ipv6":      func(s *scene) string { return s.fake.IPv6Address() },
}

// textNames draw what a property's name suggests.
var textNames = map[string]func(*scene) string{
	"name": func(s *scene) string { return s.fake.Name() }, "firstname": func(s *scene) string { return s.fake.FirstName() },
	"lastname": func(s *scene) string { return s.fake.LastName() }, "email": func(s *scene) string { return s.fake.Email() },
	"title": func(s *scene) string { return s.pick(notices...) }, "message": func(s *scene) string { return s.pick(messages...) },
	"body": func(s *scene) string { return s.pick(remarks...) }, "description": func(s *scene) string { return s.pick(messages...) },
	"total": (*scene).money, "amount": (*scene).money, "price": (*scene).money, "balance": (*scene).money,
	"company": func(s *scene) string { return s.fake.Company() }, "city": func(s *scene) string { return s.fake.City() },
	"country": func(s *scene) string { return s.fake.Country() }, "phone": func(s *scene) string { return s.fake.Phone() },
	"color": func(s *scene) string { return s.fake.Color() }, "url": func(s *scene) string { return textFormats["uri"](s) },
	"createdat": (*scene).now, "updatedat": (*scene).now,
}

func (d *drawing) text(o Object, name string, _ int) (any, error) {
	least, _ := wholeOf(o.Get("minLength"))
	most, bounded := wholeOf(o.Get("maxLength"))
	if least > maxDrawnText {
		return nil, fmt.Errorf("%s asks for %d characters; %d are the most", name, least, maxDrawnText)
	}
	if pattern, ok := o.Get("pattern").(string); ok {
		text := d.scene.fake.Regex(pattern)
		if len(text) > maxDrawnText {
			return nil, fmt.Errorf("%s: pattern %.40q draws texts of %d characters; %d are the most", name, pattern, len(text), maxDrawnText)
		}
		return text, nil
	}
	draw := func(s *scene) string { return s.fake.Word() }
	if format, ok := o.Get("format").(string); ok && textFormats[format] != nil {
		draw = textFormats[format]
	} else if named := textNames[strings.ToLower(strings.ReplaceAll(name, "_", ""))]; named != nil {
		draw = named
	}
	text := []rune(draw(d.scene))
	for int64(len(text)) < least {
		text = append(append(text, ' '), []rune(d.scene.fake.Word())...)
		if bounded && int64(len(text)) > most {
			break
		}
	}
	if bounded && most >= 0 && int64(len(text)) > most {
		text = text[:most]
	}
	return string(text), nil
}
