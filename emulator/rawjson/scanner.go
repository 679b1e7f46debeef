package rawjson

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
)

// Scanner reads one JSON text by the grammar that JSON.parse and PHP's json_decode share. Its input is UTF-8, which the
// caller makes sure of. Its methods tell whether what they read is right, and leave Pos behind it; after a false the scanner
// is of no more use.
type Scanner struct {
	Text  []byte
	Pos   int
	Depth int  // how many objects and arrays may lie within each other
	Pairs bool // surrogates must come in pairs, as PHP wants it; JavaScript takes lone ones

	// Changed tells that PHP, writing what was read, may change what it says: an empty object becomes [], an object with the
	// keys "0", "1", … a list, an integer beyond 64 bits a float.
	Changed bool
}

// Whole reads the text as one value with nothing but space around it.
func (s *Scanner) Whole() bool {
	s.Space()
	if !s.Value(0) {
		return false
	}
	s.Space()
	return s.Pos == len(s.Text)
}

// Space passes over what may stand between tokens.
func (s *Scanner) Space() {
	for s.Pos < len(s.Text) {
		switch s.Text[s.Pos] {
		case ' ', '\t', '\n', '\r':
			s.Pos++
		default:
			return
		}
	}
}

// Value reads a value that lies within depth others.
func (s *Scanner) Value(depth int) bool {
	if s.Pos >= len(s.Text) {
		return false
	}
	switch s.Text[s.Pos] {
	case '{':
		return s.Object(depth, nil)
	case '[':
		return s.Array(depth, nil)
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

func (s *Scanner) word(w string) bool {
	if len(s.Text)-s.Pos < len(w) || string(s.Text[s.Pos:s.Pos+len(w)]) != w {
		return false
	}
	s.Pos += len(w)
	return true
}

func (s *Scanner) number() bool {
	start := s.Pos
	if s.Pos < len(s.Text) && s.Text[s.Pos] == '-' {
		s.Pos++
	}
	digits := s.digits()
	if digits == 0 || digits > 1 && s.Text[s.Pos-digits] == '0' {
		return false
	}
	whole := true
	if s.Pos < len(s.Text) && s.Text[s.Pos] == '.' {
		s.Pos++
		whole = false
		if s.digits() == 0 {
			return false
		}
	}
	if s.Pos < len(s.Text) && s.Text[s.Pos]|0x20 == 'e' {
		s.Pos++
		whole = false
		if s.Pos < len(s.Text) && (s.Text[s.Pos] == '+' || s.Text[s.Pos] == '-') {
			s.Pos++
		}
		if s.digits() == 0 {
			return false
		}
	}
	if whole && digits > 18 {
		if _, err := strconv.ParseInt(string(s.Text[start:s.Pos]), 10, 64); err != nil {
			s.Changed = true
		}
	}
	return true
}

func (s *Scanner) digits() int {
	start := s.Pos
	for s.Pos < len(s.Text) && s.Text[s.Pos]-'0' <= 9 {
		s.Pos++
	}
	return s.Pos - start
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

// str reads a string: no control characters, no unknown escapes.
func (s *Scanner) str() bool {
	b := s.Text
	i := s.Pos + 1
	for i += plain(b[i:]); i < len(b); {
		c := b[i]
		switch {
		case c == '"':
			s.Pos = i + 1
			return true
		case c < 0x20:
			return false
		case c != '\\':
			i++
			i += plain(b[i:])
		case i+1 >= len(b):
			return false
		case b[i+1] == 'u':
			r, ok := hex4(b, i+2)
			if !ok {
				return false
			}
			i += 6
			if !s.Pairs || r < 0xd800 || r > 0xdfff {
				continue
			}
			if r >= 0xdc00 || i+1 >= len(b) || b[i] != '\\' || b[i+1] != 'u' {
				return false
			}
			if low, ok := hex4(b, i+2); !ok || low < 0xdc00 || low > 0xdfff {
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

// Object reads an object, whose { is next and which lies within depth others; member, when given, gets each key, with its
// quotes, and value.
func (s *Scanner) Object(depth int, member func(key, value []byte)) bool {
	if depth >= s.Depth {
		return false
	}
	s.Pos++
	s.Space()
	if s.Pos < len(s.Text) && s.Text[s.Pos] == '}' {
		s.Pos++
		s.Changed = true
		return true
	}
	for first := true; ; first = false {
		if s.Pos >= len(s.Text) || s.Text[s.Pos] != '"' {
			return false
		}
		start := s.Pos
		if !s.str() {
			return false
		}
		key := s.Text[start:s.Pos]
		if first && len(key) >= 3 && (key[1] == '0' || key[1] == '\\') {
			s.Changed = true // may be a list
		}
		s.Space()
		if s.Pos >= len(s.Text) || s.Text[s.Pos] != ':' {
			return false
		}
		s.Pos++
		s.Space()
		start = s.Pos
		if !s.Value(depth + 1) {
			return false
		}
		if member != nil {
			member(key, s.Text[start:s.Pos])
		}
		s.Space()
		if s.Pos >= len(s.Text) {
			return false
		}
		s.Pos++
		switch s.Text[s.Pos-1] {
		case '}':
			return true
		case ',':
			s.Space()
		default:
			return false
		}
	}
}

// Array is Object for an array.
func (s *Scanner) Array(depth int, element func(value []byte)) bool {
	if depth >= s.Depth {
		return false
	}
	s.Pos++
	s.Space()
	if s.Pos < len(s.Text) && s.Text[s.Pos] == ']' {
		s.Pos++
		return true
	}
	for {
		start := s.Pos
		if !s.Value(depth + 1) {
			return false
		}
		if element != nil {
			element(s.Text[start:s.Pos])
		}
		s.Space()
		if s.Pos >= len(s.Text) {
			return false
		}
		s.Pos++
		switch s.Text[s.Pos-1] {
		case ']':
			return true
		case ',':
			s.Space()
		default:
			return false
		}
	}
}
