package echo

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestValid_AnyByteAnywhere puts every byte at every place of strings of every length around the eight bytes that are
// looked at together.
func TestValid_AnyByteAnywhere(t *testing.T) {
	for length := 1; length <= 20; length++ {
		for at := range length {
			for c := range 0x80 { // input is UTF-8
				text := []byte(`"` + strings.Repeat("x", length) + `"`)
				text[1+at] = byte(c)
				require.Equal(t, json.Valid(text), valid(text), "%q", text)
			}
		}
	}
	for _, text := range []string{`"ééééééééé"`, `"1234567é\"1234567"`, `"1234567é` + "\x1f" + `1234567"`, `"\u00e9\\\\\\\\12345678\n"`, `"12345678\"`} {
		require.Equal(t, json.Valid([]byte(text)), valid([]byte(text)), "%q", text)
	}
}
