package rawjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"echolab/emulator/rawjson"
)

// The two readers, as emulator/pusher and harness/echo ask for them, are each held against a model of their own there.

func TestScanner_DepthAndPairsAreTheReaders(t *testing.T) {
	for _, c := range []struct {
		text  string
		depth int
		pairs bool
		want  bool
	}{
		{`[[1]]`, 2, false, true},
		{`[[[]]]`, 2, false, false},
		{`{"a":{"b":1}}`, 1, false, false},
		{`1`, 0, false, true},
		{`"\ud83d"`, 1, false, true},
		{`"\ud83d"`, 1, true, false},
		{`"\ud83d\ude00"`, 1, true, true},
		{`"\ude00\ud83d"`, 1, true, false},
	} {
		s := rawjson.Scanner{Text: []byte(c.text), Depth: c.depth, Pairs: c.pairs}
		assert.Equal(t, c.want, s.Whole(), "%s, depth %d, pairs %t", c.text, c.depth, c.pairs)
	}
}

func TestScanner_SaysWhatPHPWouldChange(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: true, `[{"a":{}}]`: true, `{"0":1}`: true, `{"\u0030":1}`: true, `9223372036854775808`: true,
		`[]`: false, `{"a":"{}"}`: false, `{"1":1}`: false, `9223372036854775807`: false, `99999999999999999999.5`: false,
	} {
		s := rawjson.Scanner{Text: []byte(text), Depth: 10}
		assert.True(t, s.Whole(), text)
		assert.Equal(t, want, s.Changed, text)
	}
}

// FuzzScanner: what lone surrogates aside encoding/json accepts is accepted, and each string says the same.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\u00e9\n",true,null]}`, `"` + strings.Repeat("x", 20) + `\"é"`, `-0.5e+3`, `01`, "\"0123456\x01\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !utf8.Valid(b) {
			return
		}
		s := rawjson.Scanner{Text: b, Depth: 1000}
		if ok := s.Whole(); ok != json.Valid(b) && strings.Count(string(b), "[")+strings.Count(string(b), "{") <= 1000 {
			t.Fatalf("scanner %t, encoding/json %t: %q", ok, !ok, b)
		}
		var text string
		if json.Unmarshal(b, &text) == nil && len(b) > 0 && b[0] == '"' && b[len(b)-1] == '"' {
			assert.Equal(t, text, string(rawjson.Unquote(nil, b)), "%q", b)
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	text := []byte(`{"event":"App\\Events\\InvoiceCreated","data":"{\"invoice\":{\"id\":42,\"number\":\"2026-000042\",\"total\":1999.5,` +
		`\"client\":\"Jürgen Müller\"},\"note\":\"` + strings.Repeat("as agreed by telephone ", 20) + `\"}","channel":"private-client.5"}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s := rawjson.Scanner{Text: text, Depth: 512, Pairs: true}
		if !s.Whole() {
			b.Fatal("not JSON")
		}
	}
}
