package pusher

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep PHP's json_decode reads.
const maxDepth = 512

// scanner checks one JSON text as PHP's json_decode does and notes whether PHP, writing it again, would change what
// it says: an empty object becomes [], an object with the keys "0", "1", … a list, an integer beyond 64 bits a float.
type scanner struct {
	b       []byte
	i       int
	changed bool
}

// scan tells whether b is JSON to PHP and whether PHP would change it on its way. Input need not be UTF-8; if it is
// not, it is not JSON.
func scan(b []byte) (ok, changed bool) {
	s := scanner{b: b}
	if !utf8.Valid(b) {
		return false, false
	}
	s.space()
	if !s.value(0) {
		return false, false
	}
	s.space()
	return s.i == len(b), s.changed
}

// IsJSON tells whether PHP's json_decode would accept b.
func IsJSON(b []byte) bool {
	ok, _ := scan(b)
	return ok
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
	if s.i >= len(s.b) {
		return false
	}
	switch c := s.b[s.i]; c {
	case '{':
		return s.object(depth+1, nil)
	case '[':
		return s.array(depth+1, nil)
	case '"':
		return s.str()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

func (s *scanner) number() bool {
	start := s.i
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	digits := s.digits()
	if digits == 0 || digits > 1 && s.b[s.i-digits] == '0' {
		return false
	}
	whole := true
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		whole = false
		if s.digits() == 0 {
			return false
		}
	}
	if s.i < len(s.b) && (s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
		whole = false
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if s.digits() == 0 {
			return false
		}
	}
	if whole && digits > 18 {
		if _, err := strconv.ParseInt(string(s.b[start:s.i]), 10, 64); err != nil {
			s.changed = true
		}
	}
	return true
}

func (s *scanner) digits() int {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i - start
}

// str reads a string. PHP refuses control characters, unknown escapes and lone surrogates.
func (s *scanner) str() bool {
	s.i++ // the opening quote
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return true
		case c < 0x20:
			return false
		case c == '\\':
			if s.i+1 >= len(s.b) {
				return false
			}
			switch s.b[s.i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				s.i += 2
			case 'u':
				r, ok := s.hex4(s.i + 2)
				if !ok {
					return false
				}
				s.i += 6
				if r >= 0xdc00 && r <= 0xdfff {
					return false
				}
				if r >= 0xd800 && r <= 0xdbff {
					if s.i+1 >= len(s.b) || s.b[s.i] != '\\' || s.b[s.i+1] != 'u' {
						return false
					}
					low, ok := s.hex4(s.i + 2)
					if !ok || low < 0xdc00 || low > 0xdfff {
						return false
					}
					s.i += 6
				}
			default:
				return false
			}
		default:
			s.i++
		}
	}
	return false
}

func (s *scanner) hex4(at int) (r rune, ok bool) {
	if at+4 > len(s.b) {
		return 0, false
	}
	for _, c := range s.b[at : at+4] {
		r <<= 4
		switch {
		case c >= '0' && c <= '9':
			r |= rune(c - '0')
		case c >= 'a' && c <= 'f':
			r |= rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			r |= rune(c-'A') + 10
		default:
			return 0, false
		}
	}
	return r, true
}

// object reads an object; member, when given, is called with each key (with its quotes) and value.
func (s *scanner) object(depth int, member func(key, value []byte)) bool {
	if depth > maxDepth {
		return false
	}
	s.i++
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '}' {
		s.i++
		s.changed = true
		return true
	}
	for first := true; ; first = false {
		if s.i >= len(s.b) || s.b[s.i] != '"' {
			return false
		}
		keyStart := s.i
		if !s.str() {
			return false
		}
		key := s.b[keyStart:s.i]
		if first && len(key) >= 3 && (key[1] == '0' || key[1] == '\\') {
			s.changed = true // may be a list; rewrite decides
		}
		s.space()
		if s.i >= len(s.b) || s.b[s.i] != ':' {
			return false
		}
		s.i++
		s.space()
		valueStart := s.i
		if !s.value(depth) {
			return false
		}
		if member != nil {
			member(key, s.b[valueStart:s.i])
		}
		s.space()
		if s.i >= len(s.b) {
			return false
		}
		switch s.b[s.i] {
		case '}':
			s.i++
			return true
		case ',':
			s.i++
			s.space()
		default:
			return false
		}
	}
}

func (s *scanner) array(depth int, element func(value []byte)) bool {
	if depth > maxDepth {
		return false
	}
	s.i++
	s.space()
	if s.i < len(s.b) && s.b[s.i] == ']' {
		s.i++
		return true
	}
	for {
		valueStart := s.i
		if !s.value(depth) {
			return false
		}
		if element != nil {
			element(s.b[valueStart:s.i])
		}
		s.space()
		if s.i >= len(s.b) {
			return false
		}
		switch s.b[s.i] {
		case ']':
			s.i++
			return true
		case ',':
			s.i++
			s.space()
		default:
			return false
		}
	}
}

// members calls f with the decoded key and the raw value of each member, in order; false when b is not one JSON
// object. Where a key comes twice the later one is the one that counts.
func members(b []byte, f func(key string, value []byte)) bool {
	s := scanner{b: b}
	s.space()
	if s.i >= len(b) || b[s.i] != '{' || !utf8.Valid(b) {
		return false
	}
	if !s.object(1, func(key, value []byte) { f(unquote(key), value) }) {
		return false
	}
	s.space()
	return s.i == len(b)
}

// unquote decodes a JSON string that scanner has accepted.
func unquote(b []byte) string {
	b = b[1 : len(b)-1]
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		switch b[i] {
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
			s := scanner{b: b}
			r, _ := s.hex4(i + 1)
			i += 4
			if r >= 0xd800 && r <= 0xdbff {
				low, _ := s.hex4(i + 3)
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, b[i])
		}
	}
	return string(out)
}

// PHPJSON returns b as PHP would write it after decoding, in meaning if not in bytes. b must be JSON.
func PHPJSON(b []byte) []byte {
	if _, changed := scan(b); !changed {
		return b
	}
	s := scanner{b: b}
	s.space()
	return s.rewrite(make([]byte, 0, len(b)), 0)
}

func (s *scanner) rewrite(out []byte, depth int) []byte {
	start := s.i
	switch s.b[s.i] {
	case '{':
		type pair struct {
			key   string
			raw   []byte
			value []byte
		}
		var pairs []pair
		index := map[string]int{}
		s.object(depth+1, func(key, value []byte) {
			name := unquote(key)
			if at, twice := index[name]; twice {
				pairs[at].value = value
				return
			}
			index[name] = len(pairs)
			pairs = append(pairs, pair{name, key, value})
		})
		list := true
		for i, p := range pairs {
			if p.key != strconv.Itoa(i) {
				list = false
				break
			}
		}
		open, end := byte('{'), byte('}')
		if list {
			open, end = '[', ']'
		}
		out = append(out, open)
		for i, p := range pairs {
			if i > 0 {
				out = append(out, ',')
			}
			if !list {
				out = append(append(out, p.raw...), ':')
			}
			inner := scanner{b: p.value}
			out = inner.rewrite(out, depth+1)
		}
		return append(out, end)
	case '[':
		out = append(out, '[')
		first := true
		s.array(depth+1, func(value []byte) {
			if !first {
				out = append(out, ',')
			}
			first = false
			inner := scanner{b: value}
			out = inner.rewrite(out, depth+1)
		})
		return append(out, ']')
	case '"', 't', 'f', 'n':
		s.value(depth)
		return append(out, s.b[start:s.i]...)
	default:
		s.changed = false
		s.number()
		if s.changed {
			// Beyond a float's range PHP cannot write the number at all; here it stays as it is.
			if f, err := strconv.ParseFloat(string(s.b[start:s.i]), 64); err == nil {
				return strconv.AppendFloat(out, f, 'e', -1, 64)
			}
		}
		return append(out, s.b[start:s.i]...)
	}
}
