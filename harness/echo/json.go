package echo

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// scanner checks one JSON text by the grammar of JSON.parse, without building anything. Input is UTF-8.
type scanner struct {
	b []byte
	i int
}

// maxDepth bounds the nesting: V8 has no bound of its own, but a stack.
const maxDepth = 5000

// valid tells whether b is one JSON text.
func valid(b []byte) bool {
	s := scanner{b: b}
	s.space()
	if !s.value(0) {
		return false
	}
	s.space()
	return s.i == len(b)
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) value(depth int) bool {
	if s.i >= len(s.b) || depth > maxDepth {
		return false
	}
	switch s.b[s.i] {
	case '{':
		return s.object(depth, nil)
	case '[':
		return s.array(depth, nil)
	case '"':
		return s.str()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

func (s *scanner) number() bool {
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	zero := s.i < len(s.b) && s.b[s.i] == '0'
	if n := s.digits(); n == 0 || n > 1 && zero {
		return false
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if s.digits() == 0 {
			return false
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		return s.digits() > 0
	}
	return true
}

func (s *scanner) digits() int {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i - start
}

// plain is how many bytes of b stand for themselves in a string, at least: eight at a time, as most of a message is text.
func plain(b []byte) (n int) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= n+8; n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		quote, escape := w^ones*'"', w^ones*'\\'
		// The top bit of a byte of x-ones&^x is set where that byte of x is 0, of w-ones*0x20&^w where w's is below 0x20; a
		// borrow sets it above the first such byte at most, which is the one that is looked for.
		if special := ((quote-ones)&^quote | (escape-ones)&^escape | (w-ones*0x20)&^w) & tops; special != 0 {
			return n + bits.TrailingZeros64(special)/8
		}
	}
	return n
}

func (s *scanner) str() bool {
	b := s.b
	i := s.i + 1
	for i += plain(b[i:]); i < len(b); {
		c := b[i]
		switch {
		case c == '"':
			s.i = i + 1
			return true
		case c < 0x20:
			return false
		case c != '\\':
			i++
			i += plain(b[i:])
		case i+1 >= len(b):
			return false
		case b[i+1] == 'u':
			if _, ok := hex4(b, i+2); !ok {
				return false
			}
			i += 6
		case strings.IndexByte(`"\/bfnrt`, b[i+1]) < 0:
			return false
		default:
			i += 2
			i += plain(b[i:])
		}
	}
	return false
}

func hex4(b []byte, at int) (r rune, ok bool) {
	if at+4 > len(b) {
		return 0, false
	}
	for _, c := range b[at : at+4] {
		r <<= 4
		switch {
		case c-'0' <= 9:
			r |= rune(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r |= rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	return r, true
}

// object reads an object; member, when given, gets each key, with its quotes, and value.
func (s *scanner) object(depth int, member func(key, value []byte)) bool {
	s.i++
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '}' {
		s.i++
		return true
	}
	for {
		if s.i >= len(s.b) || s.b[s.i] != '"' {
			return false
		}
		start := s.i
		if !s.str() {
			return false
		}
		key := s.b[start:s.i]
		s.space()
		if s.i >= len(s.b) || s.b[s.i] != ':' {
			return false
		}
		s.i++
		s.space()
		start = s.i
		if !s.value(depth + 1) {
			return false
		}
		if member != nil {
			member(key, s.b[start:s.i])
		}
		s.space()
		if s.i >= len(s.b) {
			return false
		}
		s.i++
		switch s.b[s.i-1] {
		case '}':
			return true
		case ',':
			s.space()
		default:
			return false
		}
	}
}

func (s *scanner) array(depth int, element func(value []byte)) bool {
	s.i++
	s.space()
	if s.i < len(s.b) && s.b[s.i] == ']' {
		s.i++
		return true
	}
	for {
		start := s.i
		if !s.value(depth + 1) {
			return false
		}
		if element != nil {
			element(s.b[start:s.i])
		}
		s.space()
		if s.i >= len(s.b) {
			return false
		}
		s.i++
		switch s.b[s.i-1] {
		case ']':
			return true
		case ',':
			s.space()
		default:
			return false
		}
	}
}

// members calls f with each key, with its quotes, and value of the object that b, which is JSON, holds; false where it is
// another kind of value.
func members(b []byte, f func(key, value []byte)) bool {
	s := scanner{b: b}
	s.space()
	return s.i < len(b) && b[s.i] == '{' && s.object(0, f)
}

// elements is members for an array.
func elements(b []byte, f func(value []byte)) bool {
	s := scanner{b: b}
	s.space()
	return s.i < len(b) && b[s.i] == '[' && s.array(0, f)
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
	return bytes.IndexByte(key, '\\') >= 0 && string(unquote(nil, key)) == name
}

// unquote adds what a JSON string, with its quotes, says. A lone surrogate becomes U+FFFD.
func unquote(out, b []byte) []byte {
	b = b[1 : len(b)-1]
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return append(out, b...)
		}
		out = append(out, b[:i]...)
		c := b[i+1]
		b = b[i+2:]
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(b, 0)
			b = b[4:]
			if r >= 0xd800 && r < 0xdc00 && len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
				if low, _ := hex4(b, 2); low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
					b = b[6:]
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
}

// text is what a JSON string says, "" for any other value.
func text(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	return string(unquote(nil, value))
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
