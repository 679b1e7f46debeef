package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// ConfigSchema is the JSON Schema (draft 2020-12) of echolab.yaml, made from the tables that the file is read by.
func ConfigSchema() []byte {
	properties := jsonSchema{
		"apps": jsonSchema{"description": "The applications served, each with an id, a key and a secret.", "type": []any{"array", "null"}, "items": appSchema()},
	}
	for _, row := range settings {
		group, key, grouped := strings.Cut(row.Name, ".")
		switch {
		case row.flagOnly || group == "tls": // below
		case grouped:
			inner, ok := properties[group].(jsonSchema)
			if !ok {
				inner = object(jsonSchema{})
				properties[group] = inner
			}
			inner["properties"].(jsonSchema)[key] = row.property()
		default:
			properties[row.Name] = row.property()
		}
	}
	properties["tls"] = tlsSchema()
	for _, s := range sections {
		schema := s.schema()
		schema["type"] = withNull(schema["type"]) // null is as if it were not there
		properties[s.name] = schema
	}
	whole := object(properties)
	whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	whole["title"] = "echolab.yaml"
	whole["type"] = []any{"object", "null"}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(whole); err != nil {
		panic(err) // maps, lists and texts alone
	}
	return out.Bytes()
}

// object is the schema of a mapping that has these keys and no others.
func object(properties jsonSchema) jsonSchema {
	return jsonSchema{"type": []any{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func withNull(types any) []any {
	if list, ok := types.([]any); ok {
		return append(slices.Clone(list), "null")
	}
	return []any{types, "null"}
}

// property is the schema of one setting.
func (row setting[T]) property() jsonSchema {
	out := jsonSchema{"description": capitalized(row.Help) + "."}
	for key, v := range row.as.schema {
		out[key] = v
	}
	if row.Default != "" && row.Default != "no limit" {
		out["description"] = fmt.Sprintf("%s Default: %s.", out["description"], row.Default)
	}
	if row.null != refused {
		if types, ok := out["type"]; ok {
			out["type"] = withNull(types)
		} else if words, ok := out["enum"].([]any); ok {
			out["enum"] = append(slices.Clone(words), nil)
		}
	}
	return out
}

func capitalized(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// tlsSchema is one word, or a mapping with keys of its own.
func tlsSchema() jsonSchema {
	word := settingNamed("tls")
	keys := jsonSchema{}
	for key, ours := range tlsKeys {
		keys[key] = settingNamed("tls." + ours).property()
	}
	return jsonSchema{"description": capitalized(word.Help) + ".", "anyOf": []any{enumeration(append(slices.Clone(word.Values), "")), object(keys)}}
}

func appSchema() jsonSchema {
	properties := jsonSchema{}
	for _, row := range appSettings {
		group, key, grouped := strings.Cut(row.Name, ".")
		if !grouped {
			properties[row.Name] = row.property()
			continue
		}
		inner, ok := properties[group].(jsonSchema)
		if !ok {
			inner = object(jsonSchema{})
			properties[group] = inner
		}
		inner["properties"].(jsonSchema)[key] = row.property()
	}
	events := make([]any, len(WebhookEvents))
	for i, name := range WebhookEvents {
		events[i] = name
	}
	hook := object(jsonSchema{
		"url":    jsonSchema{"type": "string", "pattern": "^https?://.", "description": "Where to send."},
		"events": jsonSchema{"type": []any{"array", "null"}, "items": jsonSchema{"enum": events}, "description": "These alone."},
		"batch":  jsonSchema{"type": []any{"string", "null"}, "pattern": durations.String(), "description": "Collect for so long, such as 1s."},
	})
	hook["required"] = []any{"url"}
	properties["webhooks"] = jsonSchema{"type": []any{"array", "null"}, "items": hook, "description": "Who is told of channels and members."}
	return object(properties)
}
