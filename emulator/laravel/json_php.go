package laravel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// errEncoding is what PHP's json_encode refuses: text that is not UTF-8, a number that is none.
var errEncoding = errors.New("Data encoding error.")

// encodePHP is PHP's json_encode without flags: / is \/, what is beyond ASCII is \uXXXX in lower case, a float is as
// short as it can be and has no .0, an empty array is []. An Object whose keys are 0, 1, 2 … in order is a list, as a PHP
// array is. emptyObject is {}.
func encodePHP(v any) ([]byte, error) { return appendPHP(nil, v) }

// emptyObject is PHP's empty stdClass, which is {} where an empty array is [].
type emptyObject struct{}

func appendPHP(out []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case string:
		return appendPHPText(out, v)
	case int64:
		return strconv.AppendInt(out, v, 10), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case float64:
		return appendPHPFloat(out, v)
	case emptyObject:
		return append(out, "{}"...), nil
	case ID:
		return appendPHP(out, v.Value())
	case Object:
		list := isList(v)
		out = append(out, "{["[btoi(list)])
		for i, f := range v {
			if i > 0 {
				out = append(out, ',')
			}
			if !list {
				if out, err = appendPHPText(out, f.Key); err != nil {
					return nil, err
				}
				out = append(out, ':')
			}
			if out, err = appendPHP(out, f.Value); err != nil {
				return nil, err
			}
		}
		return append(out, "}]"[btoi(list)]), nil
	case []any:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			if out, err = appendPHP(out, item); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	}
	plain, err := plainValue(v)
	if err != nil {
		return nil, err
	}
	return appendPHP(out, plain)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func isList(o Object) bool {
	for i, f := range o {
		if f.Key != strconv.Itoa(i) {
			return false
		}
	}
	return true
}

func appendPHPText(out []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errEncoding
	}
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || r == '/':
			out = append(out, '\\', byte(r))
		case r >= 0x20 && r < 0x80:
			out = append(out, byte(r))
		case r < 0x20 && shortEscape[r] != 0:
			out = append(out, '\\', shortEscape[r])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return append(out, '"'), nil
}

var shortEscape = [0x20]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}

// appendPHPFloat writes a float as PHP does with serialize_precision -1: the shortest digits that read back the same,
// with an exponent below 1e-4 and where the point would stand after more than 17 digits.
func appendPHPFloat(out []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errEncoding
	}
	if f == 0 {
		if math.Signbit(f) {
			return append(out, "-0"...), nil // a test of Laravel 12 says so: broadcast-049
		}
		return append(out, '0'), nil
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	exp, _ := strconv.Atoi(exponent)
	if exp >= -4 && exp < 17 {
		return strconv.AppendFloat(out, f, 'f', -1, 64), nil
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	return fmt.Appendf(out, "%se%+d", mantissa, exp), nil
}

// plainValue makes of any Go value what encoding/json would, in the types of Field.Value.
func plainValue(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		return numberValue(v), nil
	case json.RawMessage:
		return decodeJSON(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errEncoding, err)
	}
	return decodeJSON(text)
}

// numberValue is a number as PHP reads it: an integer within 64 bits, else a float.
func numberValue(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, _ := n.Float64()
	return f
}

// decodeJSON reads one JSON value and keeps the order of objects. Numbers are int64 or float64.
func decodeJSON(text []byte) (any, error) { return decodeValue(text, numberValue) }

// decodeValue is decodeJSON with a rule for what numbers become.
func decodeValue(text []byte, number func(json.Number) any) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decodeNext(d, number)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = fmt.Errorf("something follows the JSON at byte %d", d.InputOffset())
		}
	}
	return v, err
}

func decodeNext(d *json.Decoder, number func(json.Number) any) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		return number(token), nil
	case json.Delim:
		if token == '[' {
			list := []any{}
			for d.More() {
				item, err := decodeNext(d, number)
				if err != nil {
					return nil, err
				}
				list = append(list, item)
			}
			_, err = d.Token()
			return list, err
		}
		object, at := Object{}, map[string]int{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeNext(d, number)
			if err != nil {
				return nil, err
			}
			name := key.(string)
			if i, twice := at[name]; twice {
				object[i].Value = value // the last one counts
				continue
			}
			at[name] = len(object)
			object = append(object, Field{name, value})
		}
		_, err = d.Token()
		return object, err
	}
	return token, nil
}

// UnmarshalJSON reads an object and keeps its order; numbers stay json.Number, so that 99.50 is not 99.5.
func (o *Object) UnmarshalJSON(text []byte) error {
	v, err := decodeValue(text, func(n json.Number) any { return n })
	if err != nil {
		return err
	}
	object, ok := v.(Object)
	if !ok && v != nil {
		return errors.New("it must be a JSON object")
	}
	*o = object
	return nil
}

// sortedObject is a Go map as an Object, its keys in order.
func sortedObject(m map[string]any) Object {
	out := make(Object, 0, len(m))
	for key, value := range m {
		out = append(out, Field{key, value})
	}
	slices.SortFunc(out, func(a, b Field) int { return strings.Compare(a.Key, b.Key) })
	return out
}
