package conversation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// encoded is a string under the key data that holds a JSON object or list, decoded once more. It is a type of its
// own so that {"data":"{}"} and {"data":{}} stay different: server events carry a string, whispers an object.
type encoded struct{ value any }

// decode reads exactly one JSON value. Numbers keep their digits.
func decode(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the JSON value")
	}
	return unfold(value), nil
}

// unfold decodes the data strings anywhere inside a value.
func unfold(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if text, is := inner.(string); is && key == "data" {
				value[key] = unfoldData(text)
			} else {
				value[key] = unfold(inner)
			}
		}
	case []any:
		for i, inner := range value {
			value[i] = unfold(inner)
		}
	}
	return value
}

func unfoldData(text string) any {
	if trimmed := strings.TrimLeft(text, " \t\r\n"); !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return text
	}
	inner, err := decode([]byte(text))
	if err != nil {
		return text
	}
	return encoded{inner}
}

// An unknown socket id in an expectation fits anything that looks like one.
var (
	unknownSocket = regexp.MustCompile(`^\{\{(\w+)\.socket_id\}\}$`)
	socketID      = regexp.MustCompile(`^\d+\.\d+$`)
)

// difference compares two decoded values as JSON, key order aside. It names the first place where they differ and
// what stands there, or returns "". Socket ids that want does not know yet are put into sockets by client.
func difference(place string, want, got any, sockets map[string]string) string {
	differ := func() string {
		return fmt.Sprintf("%s: expected %s, got %s", orWhole(place), show(want), show(got))
	}
	switch want := want.(type) {
	case encoded:
		got, is := got.(encoded)
		if !is {
			return differ()
		}
		return difference(place, want.value, got.value, sockets)
	case map[string]any:
		got, is := got.(map[string]any)
		if !is {
			return differ()
		}
		for _, key := range keys(want, got) {
			w, wanted := want[key]
			g, there := got[key]
			if !wanted {
				return fmt.Sprintf("%s: not expected, got %s", join(place, key), show(g))
			}
			if !there {
				return fmt.Sprintf("%s: expected %s, got nothing", join(place, key), show(w))
			}
			if d := difference(join(place, key), w, g, sockets); d != "" {
				return d
			}
		}
		return ""
	case []any:
		got, is := got.([]any)
		if !is || len(got) != len(want) {
			return differ()
		}
		for i := range want {
			if d := difference(join(place, strconv.Itoa(i)), want[i], got[i], sockets); d != "" {
				return d
			}
		}
		return ""
	case json.Number:
		if got, is := got.(json.Number); is && sameNumber(want.String(), got.String()) {
			return ""
		}
		return differ()
	case string:
		got, is := got.(string)
		if !is {
			return differ()
		}
		if m := unknownSocket.FindStringSubmatch(want); m != nil && socketID.MatchString(got) {
			sockets[m[1]] = got
			return ""
		}
		if want != got {
			return differ()
		}
		return ""
	default: // nil and bool
		if want != got {
			return differ()
		}
		return ""
	}
}

// sameNumber compares by value, so 1 is 1.0; a number too large to write out is compared by its digits.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if len(exponent(a)) > 4 || len(exponent(b)) > 4 {
		return false
	}
	x, ok := new(big.Rat).SetString(a)
	if !ok {
		return false
	}
	y, ok := new(big.Rat).SetString(b)
	return ok && x.Cmp(y) == 0
}

func exponent(number string) string {
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		return number[i+1:]
	}
	return ""
}

// show writes a decoded value as JSON again; data strings appear as the strings they are.
func show(value any) string {
	text, err := marshal(fold(value))
	if err != nil {
		return fmt.Sprint(value)
	}
	return shorten(string(text))
}

func fold(value any) any {
	switch value := value.(type) {
	case encoded:
		text, err := marshal(fold(value.value))
		if err != nil {
			return fmt.Sprint(value.value)
		}
		return string(text)
	case map[string]any:
		folded := make(map[string]any, len(value))
		for key, inner := range value {
			folded[key] = fold(inner)
		}
		return folded
	case []any:
		folded := make([]any, len(value))
		for i, inner := range value {
			folded[i] = fold(inner)
		}
		return folded
	}
	return value
}

func marshal(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimRight(text.Bytes(), "\n"), err
}

// shorten keeps long padding out of error messages.
func shorten(text string) string {
	const most = 600
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:most], len(text))
}

func keys(maps ...map[string]any) []string {
	seen := map[string]bool{}
	var all []string
	for _, m := range maps {
		for key := range m {
			if !seen[key] {
				seen[key] = true
				all = append(all, key)
			}
		}
	}
	sort.Strings(all)
	return all
}

func join(place, key string) string {
	if place == "" {
		return key
	}
	return place + "." + key
}

func orWhole(place string) string {
	if place == "" {
		return "the whole"
	}
	return place
}
