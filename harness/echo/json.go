package echo

import (
	"bytes"

	"echolab/emulator/rawjson"
)

// maxDepth bounds the nesting: V8 has no bound of its own, but a stack.
const maxDepth = 5000

// scan is a scanner of what JSON.parse would read.
func scan(b []byte) rawjson.Scanner { return rawjson.Scanner{Text: b, Depth: maxDepth} }

// valid tells whether b is one JSON text.
func valid(b []byte) bool {
	s := scan(b)
	return s.Whole()
}

// members calls f with each key, with its quotes, and value of the object that b, which is JSON, holds; false where it is
// another kind of value.
func members(b []byte, f func(key, value []byte)) bool {
	s := scan(b)
	s.Space()
	return s.Pos < len(b) && b[s.Pos] == '{' && s.Object(0, f)
}

// elements is members for an array.
func elements(b []byte, f func(value []byte)) bool {
	s := scan(b)
	s.Space()
	return s.Pos < len(b) && b[s.Pos] == '[' && s.Array(0, f)
}

// field finds one member of an object; the last one where it comes more than once, nil where it doesn't.
func field(b []byte, name string) (found []byte) {
	members(b, func(key, value []byte) {
		if is(key, name) {
			found = value
		}
	})
	return found
}

// is tells whether a key, with its quotes, says name.
func is(key []byte, name string) bool {
	if len(key) == len(name)+2 {
		return string(key[1:len(key)-1]) == name
	}
	return bytes.IndexByte(key, '\\') >= 0 && string(rawjson.Unquote(nil, key)) == name
}

// text is what a JSON string says, "" for any other value.
func text(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	return string(rawjson.Unquote(nil, value))
}

// quote adds s as JSON.stringify writes it.
func quote(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= 0x20:
			out = append(out, c)
		case c == '\b':
			out = append(out, `\b`...)
		case c == '\f':
			out = append(out, `\f`...)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\r':
			out = append(out, `\r`...)
		case c == '\t':
			out = append(out, `\t`...)
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(out, '"')
}

// truthy is JavaScript's if (value) for a JSON value; nil stands for undefined.
func truthy(value []byte) bool {
	switch {
	case len(value) == 0, string(value) == "null", string(value) == "false", string(value) == `""`:
		return false
	case value[0] == '-' || value[0]-'0' <= 9:
		for _, c := range value {
			switch {
			case c >= '1' && c <= '9':
				return true
			case c|0x20 == 'e':
				return false
			}
		}
		return false
	}
	return true
}
