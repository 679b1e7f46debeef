package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"echolab/app/api"
	"echolab/emulator/journal"
)

// object is a JSON object; its keys are written in alphabetical order, so that the document is the same each time.
type object map[string]any

// describe writes the OpenAPI 3.1 document. Its schemas are JSON Schema, draft 2020-12. Objects are closed: a field that
// types.go does not have makes an answer invalid.
func describe(in string) ([]byte, error) {
	schemas, err := schemasOf(in)
	if err != nil {
		return nil, err
	}
	paths := object{}
	for _, route := range api.Routes() {
		item, ok := paths[route.Path].(object)
		if !ok {
			item = object{}
			paths[route.Path] = item
		}
		item[strings.ToLower(route.Method)] = operation(route)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(object{
		"openapi": "3.1.0",
		"info": object{
			"title":       "Echolab's control API",
			"version":     "1",
			"description": "What the page, tests and tools ask a running Echolab. It answers on the UI's port (8089), to loopback names only; beyond loopback every request needs the token that Echolab printed when it started.",
		},
		"servers":    []any{object{"url": "/"}},
		"security":   []any{object{}, object{"token": []any{}}},
		"paths":      paths,
		"components": object{"schemas": schemas, "securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}}},
	})
	return b.Bytes(), err
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

func operation(route api.Route) object {
	ok := object{"description": "Done."}
	if route.Answer != nil {
		ok["content"] = content(reference(reflect.TypeOf(route.Answer).Name()))
	} else {
		ok["content"] = content(object{"type": "object"})
	}
	op := object{
		"operationId": operationID(route),
		"summary":     route.Help,
		"responses": object{
			strconv.Itoa(http.StatusOK): ok,
			"default":                   object{"description": "It says why not.", "content": content(reference("Problem"))},
		},
	}
	var params []any
	for _, name := range inBraces.FindAllStringSubmatch(route.Path, -1) {
		schema := object{"type": "string"}
		if name[1] == "seq" {
			schema = object{"type": "integer", "minimum": 1}
		}
		params = append(params, object{"name": name[1], "in": "path", "required": true, "schema": schema})
	}
	for _, p := range route.Params {
		params = append(params, parameter(p))
	}
	if params != nil {
		op["parameters"] = params
	}
	if route.Body != nil {
		op["requestBody"] = object{"content": content(reference(reflect.TypeOf(route.Body).Name()))}
	}
	return op
}

func operationID(route api.Route) string {
	id := strings.ToLower(route.Method)
	for _, word := range regexp.MustCompile(`[a-z]+`).FindAllString(strings.TrimPrefix(route.Path, "/api/"), -1) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

func parameter(p api.Param) object {
	schema := map[api.ParamType]object{
		api.Text:      {"type": "string"},
		api.Number:    {"type": "integer", "minimum": 0},
		api.Count:     {"type": "integer", "minimum": 1},
		api.Duration:  {"type": "string", "examples": []string{"500ms", "15s"}},
		api.Truth:     {"type": "boolean"},
		api.Filtering: {"type": "string"},
	}[p.Type]
	if len(p.Values) > 0 {
		schema["enum"] = p.Values
	}
	out := object{"name": p.Name, "in": "query", "description": p.Help, "schema": schema}
	if p.Header {
		out["in"], out["required"] = "header", true
	}
	if p.Many {
		out["schema"] = object{"type": "array", "items": schema}
		out["explode"] = true
	}
	return out
}

func content(schema object) object { return object{"application/json": object{"schema": schema}} }

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// schemasOf turns the types of a Go file into schemas, comments into descriptions.
func schemasOf(in string) (object, error) {
	file, err := parser.ParseFile(token.NewFileSet(), in, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var kinds, sources []string
	for _, row := range journal.Kinds {
		kinds = append(kinds, row.Name)
	}
	for s := journal.Server; s <= journal.Replay; s++ {
		sources = append(sources, s.String())
	}
	all := object{
		"Kind":   object{"type": "string", "enum": kinds, "description": "What an entry tells."},
		"Source": object{"type": "string", "enum": sources, "description": "The door that an entry came through."},
	}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
		}
		for _, spec := range d.Specs {
			t := spec.(*ast.TypeSpec)
			schema := object{"type": "string", "enum": values(file, t.Name.Name)}
			if s, ok := t.Type.(*ast.StructType); ok {
				if schema, err = structSchema(s); err != nil {
					return nil, fmt.Errorf("%s: %w", t.Name, err)
				}
			}
			if d.Doc != nil {
				schema["description"] = prose(d.Doc)
			}
			all[t.Name.Name] = schema
		}
	}
	return all, nil
}

func structSchema(s *ast.StructType) (object, error) {
	properties, required := object{}, []string{}
	for _, f := range s.Fields.List {
		raw, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return nil, err
		}
		tag := reflect.StructTag(raw)
		key, rest, _ := strings.Cut(tag.Get("json"), ",")
		optional := rest == "omitempty" || rest == "omitzero"
		if !optional {
			required = append(required, key)
		}
		var schema object
		if named := tag.Get("ts_type"); named != "" {
			schema = reference(named)
		} else if schema, err = schemaOf(f.Type, optional); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if f.Doc != nil {
			schema["description"] = prose(f.Doc)
		}
		properties[key] = schema
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}, nil
}

// schemaOf is a Go type as JSON carries it.
func schemaOf(t ast.Expr, optional bool) (object, error) {
	switch t := t.(type) {
	case *ast.Ident:
		switch t.Name {
		case "string":
			return object{"type": "string"}, nil
		case "bool":
			return object{"type": "boolean"}, nil
		case "int", "int64":
			return object{"type": "integer"}, nil
		case "uint64":
			return object{"type": "integer", "minimum": 0}, nil
		case "float64":
			return object{"type": "number"}, nil
		case "ID":
			return object{"type": []any{"string", "integer"}}, nil
		}
		return reference(t.Name), nil
	case *ast.ArrayType:
		item, err := schemaOf(t.Elt, false)
		return object{"type": "array", "items": item}, err
	case *ast.StarExpr:
		item, err := schemaOf(t.X, false)
		if optional { // left out rather than null
			return item, err
		}
		return object{"anyOf": []any{item, object{"type": "null"}}}, err
	case *ast.SelectorExpr:
		switch t.Sel.Name {
		case "Time":
			return object{"type": "string", "format": "date-time"}, nil
		case "RawMessage":
			return object{}, nil
		}
	}
	return nil, fmt.Errorf("no schema for %T", t)
}

// prose is a comment in one line.
func prose(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }
