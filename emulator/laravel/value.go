package laravel

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
)

// ID identifies a user or a row: Laravel's integer key, or text such as a UUID. It is comparable; the zero ID is none
// (there is no user with the empty text as id). 7 and "7" are different ids, as in PHP's ===.
type ID struct {
	text    string
	integer bool
}

// IntID is an integer id.
func IntID(n int64) ID { return ID{strconv.FormatInt(n, 10), true} }

// TextID is an id that is text.
func TextID(s string) ID { return ID{s, false} }

// String is the id as a channel name or a user_id on the wire has it.
func (id ID) String() string { return id.text }

// IsZero tells whether there is none.
func (id ID) IsZero() bool { return id == ID{} }

// Value is an int64 or a string.
func (id ID) Value() any {
	if id.integer {
		n, _ := strconv.ParseInt(id.text, 10, 64)
		return n
	}
	return id.text
}

// MarshalJSON gives a number or a string; null for none.
func (id ID) MarshalJSON() ([]byte, error) {
	if id.IsZero() {
		return []byte("null"), nil
	}
	if id.integer {
		return []byte(id.text), nil
	}
	return json.Marshal(id.text)
}

// Object is a JSON object that keeps its order, as a PHP array does.
type Object []Field

// Field is one member of an Object. Value is nil, bool, int64, float64, string, ID, Object, []any, json.RawMessage or
// what encoding/json takes.
type Field struct {
	Key   string
	Value any
}

// Get is the value of a key, nil when there is none.
func (o Object) Get(key string) any {
	for _, f := range o {
		if f.Key == key {
			return f.Value
		}
	}
	return nil
}

// With is a copy of the object in which key has that value: in its old place, or at the end.
func (o Object) With(key string, value any) Object {
	out := make(Object, 0, len(o)+1)
	found := false
	for _, f := range o {
		if f.Key == key {
			f.Value, found = value, true
		}
		out = append(out, f)
	}
	if !found {
		out = append(out, Field{key, value})
	}
	return out
}

// MarshalJSON gives the members in their order, with < > & as they are: json.Marshal, which calls it, escapes them still.
func (o Object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, f := range o {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := plainJSON(f.Key)
		if err != nil {
			return nil, err
		}
		value, err := plainJSON(f.Value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

func plainJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// same tells whether two values are the same JSON.
func same(a, b any) bool {
	if x, ok := a.(ID); ok {
		a = x.Value()
	}
	if y, ok := b.(ID); ok {
		b = y.Value()
	}
	return reflect.DeepEqual(a, b)
}
