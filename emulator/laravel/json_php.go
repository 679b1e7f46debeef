package laravel

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// errEncoding is what PHP's json_encode refuses: text that is not UTF-8, a number that is none, too deep a nesting.
var errEncoding = errors.New("cannot be encoded as JSON")

// emptyObject is PHP's empty stdClass, which is {} where an empty array is [].
type emptyObject struct{}

// encodePHP is PHP's json_encode without flags: / is \/, what is beyond ASCII is \uXXXX in lower case, a float is as
// short as it can be and has no .0, an empty array is []. An Object whose keys are 0, 1, 2 … in order is a list, as a PHP
// array is. emptyObject is {}.
func encodePHP(v any) ([]byte, error) { return phpEncoder{}.append(nil, v, 0) }

// encodePretty is json_encode as Laravel uses it for errors: indented by four, slashes left alone.
func encodePretty(v any) ([]byte, error) { return phpEncoder{pretty: true}.append(nil, v, 0) }

// phpEncoder is json_encode under its flags: JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES, or none.
type phpEncoder struct{ pretty bool }

func (e phpEncoder) append(out []byte, v any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", errEncoding, maxDepth)
	}
	switch v := v.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case string:
		return e.text(out, v)
	case int64:
		return strconv.AppendInt(out, v, 10), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case float64:
		return appendPHPFloat(out, v)
	case emptyObject:
		return append(out, "{}"...), nil
	case ID:
		return e.append(out, v.Value(), depth)
	case []any:
		return e.members(out, "[]", len(v), depth, func(int) string { return "" }, func(i int) any { return v[i] })
	case Object:
		brackets := "{}"
		if isList(v) {
			brackets = "[]"
		}
		return e.members(out, brackets, len(v), depth, func(i int) string { return v[i].Key }, func(i int) any { return v[i].Value })
	}
	plain, err := plainValue(v)
	if err != nil {
		return nil, err
	}
	return e.append(out, plain, depth)
}

func (e phpEncoder) members(out []byte, brackets string, n, depth int, key func(int) string, value func(int) any) (_ []byte, err error) {
	out = append(out, brackets[0])
	for i := range n {
		if i > 0 {
			out = append(out, ',')
		}
		out = e.line(out, depth+1)
		if brackets == "{}" {
			if out, err = e.text(out, key(i)); err != nil {
				return nil, err
			}
			out = append(out, ':')
			if e.pretty {
				out = append(out, ' ')
			}
		}
		if out, err = e.append(out, value(i), depth+1); err != nil {
			return nil, err
		}
	}
	if n > 0 {
		out = e.line(out, depth)
	}
	return append(out, brackets[1]), nil
}

func (e phpEncoder) line(out []byte, depth int) []byte {
	if !e.pretty {
		return out
	}
	return append(append(out, '\n'), strings.Repeat("    ", depth)...)
}

func (e phpEncoder) text(out []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: malformed UTF-8 in %q", errEncoding, s)
	}
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '/' && e.pretty:
			out = append(out, '/')
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

// isList tells whether PHP would hold the object as a list. The empty one is an empty array.
func isList(o Object) bool {
	for i, f := range o {
		if f.Key != strconv.Itoa(i) {
			return false
		}
	}
	return true
}

// appendPHPFloat writes a float as PHP does with serialize_precision -1: the shortest digits that read back the same,
// with an exponent below 1e-4 and where more than 17 digits would precede the point.
func appendPHPFloat(out []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%w: %v is not a number of JSON", errEncoding, f)
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
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEncoding, err)
	}
	return decodeJSON(text)
}
