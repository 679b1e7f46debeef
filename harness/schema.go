package harness

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// jsonSchema is a piece of a JSON Schema.
type jsonSchema = map[string]any

// ScenarioSchema is the JSON Schema (draft 2020-12) of a scenario, made from the structs and tables that the file is read by.
// What it accepts may still be wrong: names that do not exist, keys of another executor, durations.
func ScenarioSchema() []byte {
	w := &schemaWriter{definitions: jsonSchema{}}
	whole := w.object(fieldsOf(reflect.TypeFor[scenarioFile]()))
	// An included file needs none of its own, and a file may include those it has.
	delete(whole, "required")
	whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	whole["title"] = "Echolab scenario"
	whole["anyOf"] = []any{jsonSchema{"required": []any{"scenarios"}}, jsonSchema{"required": []any{"include"}}}
	whole["$defs"] = w.definitions
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(whole); err != nil {
		panic(err) // maps, lists and texts alone
	}
	return out.Bytes()
}

// Patterns of texts.
const (
	templatePattern = `\{\{`
	durationPattern = `^(0|([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+)$`
	waitPattern     = `^([0-9.]+(ns|us|µs|ms|s|m|h))+(\.\.([0-9.]+(ns|us|µs|ms|s|m|h))+)?$|^0$`
)

type schemaWriter struct{ definitions jsonSchema }

// define writes a definition once, however often it is used; one that holds itself needs that.
func (w *schemaWriter) define(name string, make func() jsonSchema) jsonSchema {
	if _, written := w.definitions[name]; !written {
		w.definitions[name] = jsonSchema{}
		w.definitions[name] = make()
	}
	return jsonSchema{"$ref": "#/$defs/" + name}
}

// object is the schema of a mapping with these keys and no others.
func (w *schemaWriter) object(fields []field) jsonSchema {
	properties, required := jsonSchema{}, []any{}
	out := jsonSchema{"type": "object", "properties": properties, "additionalProperties": false}
	for _, f := range fields {
		name, _, nested := strings.Cut(f.name, ".")
		switch {
		case f.name == "": // takes all keys
			out["additionalProperties"] = w.value(f.typ.Elem(), &field{})
			continue
		case nested:
			if properties[name] == nil {
				properties[name] = w.object(group(fields, name))
			}
			continue
		}
		property := w.value(f.typ, &f)
		property["description"] = sentence(f.help)
		properties[f.name] = property
		if f.required {
			required = append(required, f.name)
		}
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// orTemplate is a value or a text with a template that gives it.
func orTemplate(s jsonSchema) jsonSchema {
	return jsonSchema{"anyOf": []any{s, jsonSchema{"type": "string", "pattern": templatePattern}}}
}

// value is the schema of a type, always one that may be added to.
func (w *schemaWriter) value(t reflect.Type, f *field) jsonSchema {
	switch t {
	case textType:
		return jsonSchema{"type": []any{"string", "number", "boolean"}}
	case valueType:
		return jsonSchema{}
	case treeType:
		return jsonSchema{"type": "object", "propertyNames": jsonSchema{"pattern": nameForm.String()}}
	case exprType:
		return jsonSchema{"type": []any{"string", "boolean"}}
	case waitType:
		return orTemplate(jsonSchema{"type": "string", "pattern": waitPattern})
	case durationType:
		return orTemplate(jsonSchema{"type": "string", "pattern": durationPattern})
	case stepsType:
		return jsonSchema{"type": "array", "items": w.define("step", w.step)}
	case groupType:
		return w.define("scenario", w.scenario)
	case executorType:
		return jsonSchema{"enum": anyList(executorNames())}
	case reflect.TypeFor[threshold]():
		return w.define("threshold", w.threshold)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.value(t.Elem(), f)
	case reflect.Struct:
		return w.object(fieldsOf(t))
	case reflect.Map:
		out := jsonSchema{"type": "object", "additionalProperties": w.value(t.Elem(), &field{})}
		if f.name == "thresholds" {
			out["propertyNames"] = jsonSchema{"pattern": `^\s*(` + strings.Join(metricNames(), "|") + `)\s*(\{[^{}]*\})?\s*$`}
		}
		return out
	case reflect.Slice:
		return jsonSchema{"type": "array", "items": w.value(t.Elem(), &field{})}
	case reflect.Bool:
		return orTemplate(jsonSchema{"type": "boolean"})
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return orTemplate(jsonSchema{"type": "integer", "minimum": 0})
	case reflect.Float64:
		return orTemplate(jsonSchema{"type": "number", "minimum": 0})
	}
	if len(f.values) > 0 {
		return jsonSchema{"enum": anyList(f.values)}
	}
	return jsonSchema{"type": []any{"string", "number", "boolean"}}
}

func anyList(words []string) []any {
	out := make([]any, len(words))
	for i, word := range words {
		out[i] = word
	}
	return out
}

// scenario is one group: its keys depend on its executor.
func (w *schemaWriter) scenario() jsonSchema {
	out := w.object(fieldsOf(groupType))
	var rows []any
	for _, k := range Executors {
		allowed := jsonSchema{}
		for _, key := range slices.Concat(commonKeys, k.Needs, k.Takes) {
			allowed[key] = true
		}
		rows = append(rows, jsonSchema{
			"if":   jsonSchema{"properties": jsonSchema{"executor": jsonSchema{"const": string(k.Name)}}, "required": []any{"executor"}},
			"then": jsonSchema{"required": anyList(k.Needs), "properties": allowed, "additionalProperties": false},
		})
	}
	out["allOf"] = rows
	return out
}

// step is a word, or one kind with its fields or its one value.
func (w *schemaWriter) step() jsonSchema {
	var words []any
	properties := w.object(fieldsOf(reflect.TypeFor[stepFields]()))["properties"].(jsonSchema)
	var kinds []any
	for _, k := range Steps {
		fields := fieldsOf(reflect.TypeOf(k.New()).Elem())
		forms := []any{}
		required, bare := 0, true
		for _, f := range fields {
			if f.required {
				required++
			}
			bare = bare && !f.required && !f.inline
		}
		if bare {
			words = append(words, k.Name)
			forms = append(forms, jsonSchema{"type": "null"})
		}
		if len(fields) > 0 {
			forms = append(forms, w.object(fields))
		}
		for _, f := range fields {
			if f.short && (required == 0 || required == 1 && f.required) {
				forms = append(forms, w.value(f.typ, &f))
			}
		}
		properties[k.Name] = jsonSchema{"description": sentence(k.Help) + " Example: " + k.Example, "anyOf": forms}
		kinds = append(kinds, jsonSchema{"required": []any{k.Name}})
	}
	return jsonSchema{"oneOf": []any{
		jsonSchema{"enum": words},
		jsonSchema{"type": "object", "properties": properties, "additionalProperties": false, "oneOf": kinds},
	}}
}

// threshold is one condition or several; each a text or an object.
func (w *schemaWriter) threshold() jsonSchema {
	one := jsonSchema{"anyOf": []any{jsonSchema{"type": "string", "pattern": thresholdForm.String()}, w.object(fieldsOf(reflect.TypeFor[threshold]()))}}
	return jsonSchema{"anyOf": []any{one, jsonSchema{"type": "array", "items": one}}}
}
