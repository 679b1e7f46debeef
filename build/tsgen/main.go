// Command tsgen writes what is known of the control API twice over, so that neither can drift away from the JSON that is
// answered: frontend/src/backend/types.ts for the page, and app/api/openapi.json for everyone else. Both come from the
// structs of app/api/types.go and the journal's tables of kinds and sources, the document from the API's routes too.
// With -check it writes nothing and fails when a file is not what it would write.
//
// It reads the Go source rather than types by reflection because the comments come along.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"

	"echolab/emulator/journal"
)

func main() {
	in := flag.String("in", "app/api/types.go", "the Go file with the types")
	script := flag.String("out", "frontend/src/backend/types.ts", "the TypeScript file")
	document := flag.String("document", "app/api/openapi.json", "the OpenAPI document")
	check := flag.Bool("check", false, "only tell whether the files are fresh")
	flag.Parse()
	for _, target := range []struct {
		path string
		text func(in string) ([]byte, error)
	}{{*script, generate}, {*document, describe}} {
		if err := run(*in, target.path, target.text, *check); err != nil {
			fmt.Fprintln(os.Stderr, "tsgen:", err)
			os.Exit(1)
		}
	}
}

func run(in, out string, generate func(in string) ([]byte, error), check bool) error {
	text, err := generate(in)
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(out, text, 0o644)
	}
	have, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, text) {
		return fmt.Errorf("%s is not what %s says; run: go run ./build/tsgen", out, in)
	}
	return nil
}

func generate(in string) ([]byte, error) {
	file, err := parser.ParseFile(token.NewFileSet(), in, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Written by build/tsgen from %s. Do not edit: run \"go run ./build/tsgen\".\n", in)
	var kinds, sources []string
	for _, row := range journal.Kinds {
		kinds = append(kinds, row.Name)
	}
	for s := journal.Server; s <= journal.Replay; s++ {
		sources = append(sources, s.String())
	}
	b.WriteString("\n/** What an entry tells. */\n")
	union(&b, "Kind", kinds)
	b.WriteString("\n/** The door that an entry came through. */\n")
	union(&b, "Source", sources)
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
		}
		for _, spec := range d.Specs {
			t := spec.(*ast.TypeSpec)
			b.WriteString("\n")
			comment(&b, "", d.Doc)
			switch typ := t.Type.(type) {
			case *ast.StructType:
				if err := structure(&b, t.Name.Name, typ); err != nil {
					return nil, err
				}
			case *ast.Ident:
				union(&b, t.Name.Name, values(file, t.Name.Name))
			default:
				return nil, fmt.Errorf("type %s is neither a struct nor a named string", t.Name)
			}
		}
	}
	return b.Bytes(), nil
}

// values are the constants of a named string type, in source order.
func values(file *ast.File, typ string) []string {
	var out []string
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			continue
		}
		for _, spec := range d.Specs {
			v := spec.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != typ {
				continue
			}
			for _, value := range v.Values {
				if lit, ok := value.(*ast.BasicLit); ok {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						out = append(out, s)
					}
				}
			}
		}
	}
	return out
}

func union(b *bytes.Buffer, name string, values []string) {
	fmt.Fprintf(b, "export type %s =", name)
	for _, v := range values {
		fmt.Fprintf(b, "\n  | '%s'", v)
	}
	b.WriteString(";\n")
}

func structure(b *bytes.Buffer, name string, s *ast.StructType) error {
	fmt.Fprintf(b, "export interface %s {\n", name)
	for _, f := range s.Fields.List {
		if len(f.Names) != 1 || f.Tag == nil {
			return fmt.Errorf("%s: every field needs a name and a json tag", name)
		}
		raw, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return err
		}
		tag := reflect.StructTag(raw)
		key, rest, _ := strings.Cut(tag.Get("json"), ",")
		if rest == "omitempty" || rest == "omitzero" {
			key += "?"
		}
		typ := tag.Get("ts_type")
		if typ == "" {
			t := f.Type
			if pointer, ok := t.(*ast.StarExpr); ok && strings.HasSuffix(key, "?") {
				t = pointer.X // left out rather than null
			}
			if typ, err = script(t); err != nil {
				return fmt.Errorf("%s.%s: %w", name, f.Names[0], err)
			}
		}
		comment(b, "  ", f.Doc)
		fmt.Fprintf(b, "  %s: %s;\n", key, typ)
	}
	b.WriteString("}\n")
	return nil
}

// script is a Go type in TypeScript.
func script(t ast.Expr) (string, error) {
	switch t := t.(type) {
	case *ast.Ident:
		switch t.Name {
		case "string", "bool":
			return strings.Replace(t.Name, "bool", "boolean", 1), nil
		case "int", "int64", "uint64", "float64":
			return "number", nil
		case "ID":
			return "(string | number)", nil
		}
		return t.Name, nil
	case *ast.ArrayType:
		item, err := script(t.Elt)
		return item + "[]", err
	case *ast.StarExpr:
		item, err := script(t.X)
		return item + " | null", err
	case *ast.SelectorExpr:
		switch t.Sel.Name {
		case "Time":
			return "string", nil
		case "RawMessage":
			return "unknown", nil
		}
	}
	return "", fmt.Errorf("no TypeScript for %T", t)
}

func comment(b *bytes.Buffer, indent string, doc *ast.CommentGroup) {
	if doc != nil {
		fmt.Fprintf(b, "%s/** %s */\n", indent, strings.ReplaceAll(strings.TrimSpace(doc.Text()), "\n", "\n"+indent+" * "))
	}
}
