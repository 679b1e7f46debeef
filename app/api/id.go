package api

import (
	"encoding/json"
	"reflect"
	"regexp"
)

// ID is the id of a user or a row as a caller writes it: a text or a whole number, 7 and "7" name the same.
type ID string

var wholeID = regexp.MustCompile(`\A-?\d{1,19}\z`)

// UnmarshalJSON takes both forms.
func (id *ID) UnmarshalJSON(text []byte) error {
	if wholeID.Match(text) {
		*id = ID(text)
		return nil
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		kind := map[byte]string{'[': "array", '{': "object", 't': "bool", 'f': "bool", 'n': "null"}[text[0]]
		if kind == "" {
			kind = "number " + string(text)
		}
		return &json.UnmarshalTypeError{Value: kind, Type: reflect.TypeFor[ID]()}
	}
	*id = ID(s)
	return nil
}

func texts(ids []ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}
