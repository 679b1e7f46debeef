package pusher

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestScan_AcceptsWhatPHPAccepts(t *testing.T) {
	for _, good := range []string{
		`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `-1.5e+10`, `1E5`, `""`, `" "`, " \t\r\n1 ", `{"a":[1,{"b":null}]}`,
		`"\u00e9\/\"\\\b\f\n\r\t"`, `"\ud83d\ude00"`, `"` + "\u2028é😀\x7f" + `"`, `{"a":1,"a":2}`, `{"":1}`, `[1,[2]]`, `1e999`,
		strings.Repeat("[", 512) + strings.Repeat("]", 512),
		strings.Repeat(`{"a":`, 512) + "1" + strings.Repeat("}", 512),
	} {
		assert.True(t, IsJSON([]byte(good)), "%.60s", good)
	}
	for _, bad := range []string{
		``, ` `, `{`, `}`, `[`, `]`, `[1,]`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{'a':1}`, `{1:1}`, `01`, `-`, `+1`, `.5`, `1.`, `1e`, `1e+`, `--1`,
		`tru`, `True`, `nul`, `NaN`, `Infinity`, `"`, `"\"`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\x00\"", `1 2`, `{} {}`, `[]]`, `"a" "b"`, "\ufeff1", "\v1", "1\x00",
		`"\ud83d"`, `"\ude00"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `{"\ud83d":1}`, // lone surrogates
		"\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", // not UTF-8
		strings.Repeat("[", 513) + strings.Repeat("]", 513),
		strings.Repeat(`{"a":`, 513) + "1" + strings.Repeat("}", 513),
		strings.Repeat("[", 100_000),
	} {
		assert.False(t, IsJSON([]byte(bad)), "%.60q", bad)
	}
}

func TestPHPJSON(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{`{}`, `[]`},
		{`{ }`, `[]`},
		{`[]`, `[]`},
		{`null`, `null`},
		{`"{}"`, `"{}"`},
		{`{"a":{}}`, `{"a":[]}`},
		{`[{},{"a":{}}]`, `[[],{"a":[]}]`},
		{`{"0":1}`, `[1]`},
		{`{"0":1,"1":{"0":2}}`, `[1,[2]]`},
		{`{"1":1,"0":2}`, `{"1":1,"0":2}`},
		{`{"0":1,"2":2}`, `{"0":1,"2":2}`},
		{`{"00":1}`, `{"00":1}`},
		{`{"-0":1}`, `{"-0":1}`},
		{`{"\u0030":1}`, `[1]`},
		{`{"a":1,"a":2}`, `{"a":1,"a":2}`}, // left alone: every reader takes the last
		{`{"0":1,"0":2}`, `[2]`},
		{`{"a":9223372036854775807}`, `{"a":9223372036854775807}`},
		{`{"a":9223372036854775808}`, `{"a":9.223372036854775808e+18}`},
		{`-9223372036854775809`, `-9.223372036854775808e+18`},
		{`[12345678901234567890,1.0,{}]`, `[1.2345678901234567e+19,1.0,[]]`},
		{`{"ä/é":{}}`, `{"ä/é":[]}`},
	} {
		assert.JSONEq(t, row.want, string(PHPJSON([]byte(row.in))), "%.60s", row.in)
		got := PHPJSON([]byte(row.in))
		assert.Equal(t, got[0] == '[', row.want[0] == '[', "%.60s: %.60s", row.in, got)
	}
	huge := `{"a":` + strings.Repeat("9", 400) + `}`
	assert.Equal(t, huge, string(PHPJSON([]byte(huge))), "beyond a float there is nothing to write instead")
}

// FuzzScan compares scan with encoding/json and PHPJSON with a slow model of PHP.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"0":{},"1":[]}`, `{"a":12345678901234567890}`, `"\ud83d\ude00"`, `"\ud83d"`, `[1e5,-0,0.1]`, `{"0":1,"0":2}`, `{"\u0030":1}`,
		strings.Repeat("[", 513) + strings.Repeat("]", 513), "\"\xff\"", ` [ { "a" : [ ] } ] `, strings.Repeat("9", 400),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		ok, _ := scan(b)
		if want := phpAccepts(b); ok != want {
			t.Fatalf("scan says %v, PHP %v: %q", ok, want, b)
		}
		if !ok {
			return
		}
		out := PHPJSON(b)
		if !bytes.Equal(before, b) {
			t.Fatalf("PHPJSON changed its input %q to %q", before, b)
		}
		if !IsJSON(out) {
			t.Fatalf("PHPJSON(%q) is no JSON: %q", b, out)
		}
		if again := PHPJSON(out); !bytes.Equal(again, out) {
			t.Fatalf("PHPJSON(%q) is %q, and once more %q", b, out, again)
		}
		if got, want := plainOf(t, out), phpOf(t, b); !reflect.DeepEqual(got, want) {
			t.Fatalf("PHPJSON(%q) is %q: %v instead of %v", b, out, got, want)
		}
	})
}

// phpAccepts is json.Valid less what PHP refuses.
func phpAccepts(b []byte) bool {
	if !json.Valid(b) || !utf8.Valid(b) {
		return false
	}
	depth, inside := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inside && c == '"':
			inside = false
		case inside && c == '\\' && b[i+1] == 'u':
			high, _ := strconv.ParseUint(string(b[i+2:i+6]), 16, 16)
			i += 5
			if high >= 0xdc00 && high <= 0xdfff {
				return false
			}
			if high >= 0xd800 && high <= 0xdbff {
				if i+6 >= len(b) || b[i+1] != '\\' || b[i+2] != 'u' {
					return false
				}
				if low, err := strconv.ParseUint(string(b[i+3:i+7]), 16, 16); err != nil || low < 0xdc00 || low > 0xdfff {
					return false
				}
				i += 6
			}
		case inside && c == '\\':
			i++
		case inside:
		case c == '"':
			inside = true
		case c == '{' || c == '[':
			if depth++; depth > 512 {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

// object is a JSON object to the model: pairs in order of first appearance.
type object []string

// phpOf is what PHP makes of a text: lists as []any, objects as text of their pairs in order.
func phpOf(t *testing.T, b []byte) any { return read(t, b, true) }

// plainOf is the same without PHP's changes.
func plainOf(t *testing.T, b []byte) any { return read(t, b, false) }

func read(t *testing.T, b []byte, php bool) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return readValue(t, d, php)
}

func readValue(t *testing.T, d *json.Decoder, php bool) any {
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			list := []any{}
			for d.More() {
				list = append(list, readValue(t, d, php))
			}
			_, _ = d.Token()
			return list
		}
		var keys []string
		values := map[string]any{}
		for d.More() {
			key, _ := d.Token()
			if _, twice := values[key.(string)]; !twice {
				keys = append(keys, key.(string))
			}
			values[key.(string)] = readValue(t, d, php)
		}
		_, _ = d.Token()
		list, isList := []any{}, true
		var pairs object
		for i, key := range keys {
			isList = isList && key == strconv.Itoa(i)
			list = append(list, values[key])
			pairs = append(pairs, fmt.Sprintf("%q %#v", key, values[key]))
		}
		if php && isList {
			return list
		}
		return pairs
	case json.Number:
		if n, isInt := new(big.Int).SetString(v.String(), 10); isInt && n.IsInt64() {
			return v.String()
		}
		n, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return v.String()
		}
		return n
	}
	return token
}
