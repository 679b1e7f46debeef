package emulator

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"echolab/emulator/pusher"
)

func TestParseQuery_ReadsAsPHPDoes(t *testing.T) {
	for raw, want := range map[string]pusher.Query{
		"":                    {},
		"&&":                  {},
		"a=1&b=2":             {"a": "1", "b": "2"},
		"a=1&a=2":             {"a": "2"},
		"a":                   {"a": ""},
		"a=b=c":               {"a": "b=c"},
		"a=+%2B%20":           {"a": " + "},
		"a%3Db=c":             {"a=b": "c"},
		"a=%zz%4":             {"a": "%zz%4"},
		"a=%41%zz+%42%":       {"a": "A%zz B%"},
		"a[]=1&a[]=2":         {"a": "1,2"},
		"a%5B%5D=1&a[x]=2":    {"a": "1,2"},
		"a[]=1&a=2":           {"a": "2"},
		"a=1&a[]=2":           {"a": "2"},
		"a=1&a[]=2&a=3&a[]=4": {"a": "4"},
		"a.b=1&a c=2":         {"a_b": "1", "a_c": "2"},
		"%C3%BC=%C3%9F":       {"ü": "ß"},
	} {
		assert.Equal(t, want, parseQuery(raw), raw)
	}
}

// FuzzParseQuery: what net/url writes is read back, and nothing ends the process.
func FuzzParseQuery(f *testing.F) {
	f.Add("info[]=a&info[]=b&a.b=%zz", "na me", "va+lue&")
	f.Fuzz(func(t *testing.T, raw, name, value string) {
		parseQuery(raw)
		q := parseQuery(raw + "&" + url.QueryEscape("x"+name) + "=" + url.QueryEscape(value))
		found := false
		for _, got := range q {
			found = found || got == value
		}
		if !found && !strings.Contains(name, "[") { // a list has its values joined
			t.Fatalf("%q=%q is not in %v", name, value, q)
		}
	})
}
