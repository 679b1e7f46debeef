package rawjson

import (
	"bytes"
	"unicode/utf8"
)

// Unquote adds what a JSON string, with its quotes, says. The scanner has taken it. A lone surrogate becomes U+FFFD.
func Unquote(out, b []byte) []byte {
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
