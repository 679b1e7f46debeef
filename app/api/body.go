package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
)

// decode reads one JSON object into v, strictly, and says what is wrong and where.
func decode(text []byte, v any) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return bad("the body is empty; it must be a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			return bad("the body: something follows the JSON object at byte %d", d.InputOffset())
		}
		return nil
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return bad("the body is not JSON at byte %d: %s", syntax.Offset, syntax.Error())
	case errors.As(err, &kind):
		where := "the body"
		if kind.Field != "" {
			where = "the body: " + kind.Field
		}
		if kind.Offset == 0 { // an ID's own, which does not know where it is
			return bad("%s holds a JSON %s where there must be %s", where, kind.Value, words(kind.Type))
		}
		return bad("%s is a JSON %s at byte %d; it must be %s", where, kind.Value, kind.Offset, words(kind.Type))
	case strings.Contains(err.Error(), "unknown field"):
		_, name, _ := strings.Cut(err.Error(), "unknown field ")
		name = strings.Trim(name, `"`)
		return bad("the body: there is no field %q; %s", name, instead(name, fields(v)))
	}
	return bad("the body is not JSON: it ends too early, at byte %d", len(text))
}

// words is a type as a person would say it.
func words(t reflect.Type) string {
	if t == reflect.TypeFor[ID]() {
		return "an id, a number or a text"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.String:
		return "a text"
	}
	return "a number"
}

// fields are the JSON names of what v points to.
func fields(v any) (names []string) {
	t := reflect.TypeOf(v).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
