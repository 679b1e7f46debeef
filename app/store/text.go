package store

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"echolab/emulator/journal"
)

// Text is searched as a person reads it: JSON's escapes are undone (PHP writes Jürgen as J\u00fcrgen and / as \/) and
// capitals do not count. What is looked for may begin and end anywhere: 0042 finds 2026-0042.

// words splits what is looked for at spaces. A word in double quotes may hold spaces.
func words(text string) []string {
	var all []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		word, rest, _ := strings.Cut(text, " ")
		if text[0] == '"' {
			if end := closingQuote(text); end > 1 {
				word, rest = text[1:end], text[end+1:]
			}
		}
		if folded := fold(nil, []byte(word), false); len(folded) > 0 {
			all = append(all, string(folded))
		}
		text = rest
	}
	return all
}

// closingQuote finds the first quote after the first that is followed by a space or by nothing; -1 where there is none.
func closingQuote(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == '"' && (i == len(text)-1 || text[i+1] == ' ') {
			return i
		}
	}
	return -1
}

func containsAll(text []byte, words []string) bool {
	for _, w := range words {
		if !bytes.Contains(text, []byte(w)) {
			return false
		}
	}
	return true
}

// foldEntry appends to dst what is searched of an entry.
func foldEntry(dst []byte, e *journal.Entry) []byte {
	dst = fold(dst, e.Data, true)
	if e.Note != "" {
		dst = append(dst, 0)
		dst = fold(dst, []byte(e.Note), false)
	}
	return dst
}

// fold appends text to dst in small letters. escaped says that all of JSON's escapes are undone; otherwise \u alone is,
// so that App\notes, which a person types, does not get a line end.
func fold(dst, text []byte, escaped bool) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			r, n := unescape(text[i:], escaped)
			if n == 0 {
				dst, i = append(dst, c), i+1
				continue
			}
			dst, i = utf8.AppendRune(dst, unicode.ToLower(r)), i+n
		case c < utf8.RuneSelf:
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst, i = append(dst, c), i+1
		default:
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 { // not UTF-8: as it is
				dst, i = append(dst, c), i+1
				continue
			}
			dst, i = utf8.AppendRune(dst, unicode.ToLower(r)), i+n
		}
	}
	return dst
}

// unescape reads JSON's escape at the beginning of text and tells its length, 0 where it is none.
func unescape(text []byte, all bool) (rune, int) {
	if text[1] == 'u' {
		r, ok := hex4(text)
		if !ok {
			return 0, 0
		}
		if utf16.IsSurrogate(r) && len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
			if low, ok := hex4(text[6:]); ok {
				if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
					return both, 12
				}
			}
		}
		return r, 6
	}
	if !all {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'n', 'r', 't', 'b', 'f':
		return ' ', 2
	}
	return 0, 0
}

// hex4 reads the four digits after \u.
func hex4(text []byte) (rune, bool) {
	if len(text) < 6 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}

// Grams are runs of three bytes of folded text, each byte reduced to one of 64 classes: 262,144 there are, few enough for
// a table. Text is padded, so that a gram begins at each of its bytes.
const (
	classes = 64
	padding = "\x00\x00"
)

// classOf says in which class a byte is: letters and digits in one of their own, other bytes share some. What stands in
// almost every JSON text is kept apart from what is rare, so that a search for a percent sign need not look everywhere.
var classOf = func() (table [256]byte) {
	const shared = `":,-_./{[@`
	for i := range table {
		c := byte(i)
		switch c { // these go with their likes
		case '}':
			c = '{'
		case ']':
			c = '['
		case '\\':
			c = '/'
		}
		switch {
		case 'a' <= c && c <= 'z':
			table[i] = c - 'a'
		case '0' <= c && c <= '9':
			table[i] = 26 + c - '0'
		case c <= ' ':
			table[i] = 36
		case strings.IndexByte(shared, c) >= 0:
			table[i] = 37 + byte(strings.IndexByte(shared, c))
		case c < utf8.RuneSelf:
			table[i] = 47
		default:
			table[i] = 48 + c&15
		}
	}
	return table
}()
