package laravel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxDepth is how deep JSON may be nested: PHP's json_decode gives up beyond it too.
const maxDepth = 512

// UnmarshalJSON reads an object and keeps the order of its members. A key that comes twice has its first place and its
// last value, whole numbers are int64 and all others float64: as in PHP.
func (o *Object) UnmarshalJSON(text []byte) error {
	v, err := decodeJSON(text)
	if err != nil {
		return err
	}
	object, ok := v.(Object)
	if !ok {
		return errors.New("not a JSON object")
	}
	*o = object
	return nil
}

// UnmarshalJSON reads a number or a string; null is the zero ID.
func (id *ID) UnmarshalJSON(text []byte) error {
	v, err := decodeJSON(text)
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*id = ID{}
	case int64:
		*id = IntID(v)
	case string:
		*id = TextID(v)
	default:
		return fmt.Errorf("an id is a whole number or a text, not %s", text)
	}
	return nil
}

// decodeJSON reads one JSON value: nil, bool, int64, float64, string, []any or Object.
func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decodeValue(d, maxDepth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more than one JSON value")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth == 0 {
		return nil, fmt.Errorf("JSON nested deeper than %d", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(token.String(), 10, 64); err == nil {
			return n, nil
		}
		return strconv.ParseFloat(token.String(), 64)
	case json.Delim:
		if token == '[' {
			return decodeList(d, depth)
		}
		return decodeObject(d, depth)
	}
	return token, nil // null, bool, string
}

func decodeList(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := decodeValue(d, depth-1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	object := Object{}
	places := map[string]int{} // a look through the object at each key would be quadratic
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		v, err := decodeValue(d, depth-1)
		if err != nil {
			return nil, err
		}
		if at, twice := places[key]; twice {
			object[at].Value = v
			continue
		}
		places[key] = len(object)
		object = append(object, Field{key, v})
	}
	_, err := d.Token()
	return object, err
}
