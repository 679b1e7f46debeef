package laravel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// splitPath takes invoice.status apart at its dots; a dot after a backslash belongs to the name.
func splitPath(path string) ([]string, error) {
	var parts []string
	part := strings.Builder{}
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path) && (path[i+1] == '.' || path[i+1] == '\\'):
			i++
			part.WriteByte(path[i])
		case path[i] == '.':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(path[i])
		}
	}
	parts = append(parts, part.String())
	for _, p := range parts {
		if p == "" {
			return nil, fmt.Errorf("the path %q has an empty part; write it as total or invoice.status", path)
		}
	}
	if len(parts) > 64 {
		return nil, fmt.Errorf("the path %.40q… has %d parts; 64 are the most", path, len(parts))
	}
	return parts, nil
}

// setPath gives a copy of v in which the value at the path is another. Objects on the way are made; a number in the path
// is a place in a list, its length appends.
func setPath(v any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return typed(v, value), nil
	}
	key := path[0]
	switch v := v.(type) {
	case nil, emptyObject:
		inner, err := setPath(nil, path[1:], value)
		return Object{{key, inner}}, err
	case Object:
		inner, err := setPath(v.Get(key), path[1:], value)
		return v.With(key, inner), err
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i > len(v) {
			return nil, fmt.Errorf("%q is no place in a list of %d; write a number from 0 to %d", key, len(v), len(v))
		}
		list := append(make([]any, 0, len(v)+1), v...)
		if i == len(v) {
			list = append(list, nil)
		}
		list[i], err = setPath(list[i], path[1:], value)
		return list, err
	}
	plain, err := plainValue(v)
	if err != nil {
		return nil, err
	}
	switch plain.(type) {
	case Object, []any:
		return setPath(plain, path, value)
	}
	return nil, fmt.Errorf("%q is inside of something that is %s, not an object", key, kindOf(plain))
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "text"
	case Object, emptyObject:
		return "an object"
	case []any:
		return "a list"
	}
	return "a number"
}

var decimal = regexp.MustCompile(`^-?\d+\.\d\d$`)

// typed is a value as the field wants it: a number that was written for a field of text stays text as it was written, and
// money keeps two decimals.
func typed(old, value any) any {
	n, ok := value.(json.Number)
	if !ok {
		return numbers(value)
	}
	was, text := old.(string)
	if !text {
		return numberValue(n)
	}
	if len(n) < 64 && decimal.MatchString(was) && !strings.ContainsAny(n.String(), "eE") {
		if r, ok := new(big.Rat).SetString(n.String()); ok {
			cents := new(big.Rat).Mul(r, big.NewRat(100, 1))
			if cents.IsInt() {
				return r.FloatString(2)
			}
		}
	}
	return n.String()
}

// numbers makes plain numbers of those within objects and lists.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return numberValue(v)
	case Object:
		out := make(Object, len(v))
		for i, f := range v {
			out[i] = Field{f.Key, numbers(f.Value)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = numbers(item)
		}
		return out
	}
	return v
}

// numberValue is a number as PHP reads it: an integer within 64 bits, else a float.
func numberValue(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, _ := n.Float64()
	return f
}

// ParseSetting reads one path=value: the value is JSON where it parses as JSON, else text. A number keeps its digits until
// it is known what the field is.
func ParseSetting(text string) (Field, error) {
	path, value, ok := strings.Cut(text, "=")
	if !ok || path == "" {
		return Field{}, fmt.Errorf("%q is no setting; write it as total=99.50 or invoice.status=paid", text)
	}
	if _, err := splitPath(path); err != nil {
		return Field{}, err
	}
	v, err := settingValue([]byte(value))
	if err != nil {
		return Field{path, value}, nil
	}
	return Field{path, v}, nil
}

// ParseSettings reads an object whose keys are paths, as Occurrence.Payload takes it. nothing and null are no settings.
func ParseSettings(text []byte) (Object, error) {
	if len(bytes.TrimSpace(text)) == 0 || string(bytes.TrimSpace(text)) == "null" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("it must be a JSON object")
	}
	settings := Object{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		path, _ := key.(string)
		value, err := settingValue(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		settings = append(settings, Field{path, value})
	}
	_, err := d.Token()
	return settings, err
}

// settingValue is a JSON value; a number alone stays as it was written.
func settingValue(text []byte) (any, error) {
	v, err := decodeJSON(text)
	switch v.(type) {
	case int64, float64:
		return json.Number(bytes.TrimSpace(text)), err
	}
	if o, ok := v.(Object); ok && len(o) == 0 {
		return emptyObject{}, err
	}
	return asJSON(v), err
}
