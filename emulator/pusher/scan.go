package pusher

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"echolab/emulator/rawjson"
)

// maxDepth is how deep PHP's json_decode reads.
const maxDepth = 512

// scanner is a scanner of what PHP's json_decode would read.
func scanner(b []byte) rawjson.Scanner { return rawjson.Scanner{Text: b, Depth: maxDepth, Pairs: true} }

// scan tells whether b is JSON to PHP and whether PHP would change it on its way. Input need not be UTF-8; if it is
// not, it is not JSON.
func scan(b []byte) (ok, changed bool) {
	if !utf8.Valid(b) {
		return false, false
	}
	s := scanner(b)
	ok = s.Whole()
	return ok, s.Changed
}

// IsJSON tells whether PHP's json_decode would accept b.
func IsJSON(b []byte) bool {
	ok, _ := scan(b)
	return ok
}

// members calls f with the decoded key and the raw value of each member, in order; false when b is not one JSON
// object. Where a key comes twice the later one is the one that counts.
func members(b []byte, f func(key string, value []byte)) bool {
	s := scanner(b)
	s.Space()
	if s.Pos >= len(b) || b[s.Pos] != '{' || !utf8.Valid(b) {
		return false
	}
	if !s.Object(0, func(key, value []byte) { f(unquote(key), value) }) {
		return false
	}
	s.Space()
	return s.Pos == len(b)
}

// unquote decodes a JSON string that the scanner has taken.
func unquote(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1])
	}
	return string(rawjson.Unquote(make([]byte, 0, len(b)), b))
}

// PHPJSON returns b as PHP would write it after decoding, in meaning if not in bytes. b must be JSON.
func PHPJSON(b []byte) []byte {
	if _, changed := scan(b); !changed {
		return b
	}
	s := scanner(b)
	s.Space()
	return rewrite(&s, make([]byte, 0, len(b)), 0)
}

func rewrite(s *rawjson.Scanner, out []byte, depth int) []byte {
	start := s.Pos
	switch s.Text[s.Pos] {
	case '{':
		type pair struct {
			key   string
			raw   []byte
			value []byte
		}
		var pairs []pair
		index := map[string]int{}
		s.Object(depth, func(key, value []byte) {
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
			inner := scanner(p.value)
			out = rewrite(&inner, out, depth+1)
		}
		return append(out, end)
	case '[':
		out = append(out, '[')
		first := true
		s.Array(depth, func(value []byte) {
			if !first {
				out = append(out, ',')
			}
			first = false
			inner := scanner(value)
			out = rewrite(&inner, out, depth+1)
		})
		return append(out, ']')
	case '"', 't', 'f', 'n':
		s.Value(depth)
		return append(out, s.Text[start:s.Pos]...)
	default:
		s.Changed = false
		s.Value(depth)
		if s.Changed {
			// Beyond a float's range PHP cannot write the number at all; here it stays as it is.
			if f, err := strconv.ParseFloat(string(s.Text[start:s.Pos]), 64); err == nil {
				return strconv.AppendFloat(out, f, 'e', -1, 64)
			}
		}
		return append(out, s.Text[start:s.Pos]...)
	}
}
