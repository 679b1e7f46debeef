package laravel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Bounds of what a request may carry.
const (
	maxBody   = 1 << 20 // bytes
	maxFields = 1000    // PHP's max_input_vars: what is beyond is dropped
	maxKeys   = 64      // PHP's max_input_nesting_level
)

// errLargeBody says that a body is beyond the bound.
var errLargeBody = fmt.Errorf("the body is larger than %d bytes", maxBody)

// errBody says that a body that calls itself JSON is none.
var errBody = errors.New("the body is not a JSON object")

// input is what Laravel's Request::input() gives: the fields of the body (form, multipart or JSON by its content type)
// before those of the query. Text is trimmed and empty text is null, as the middleware TrimStrings and
// ConvertEmptyStringsToNull make it. The error tells of a body that is too big or not what it says; Laravel itself takes
// broken JSON for no fields, which is what the object has then.
func (c *call) input() (Object, error) {
	if !c.read {
		c.read = true
		body, err := c.body()
		c.fieldsErr = err
		c.fields = merged(body, parsePHPQuery(c.r.URL.RawQuery))
	}
	return c.fields, c.fieldsErr
}

func (c *call) body() (Object, error) {
	r := c.r
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Body == nil {
		return nil, nil
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.w, r.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return nil, errLargeBody
		}
		return nil, fmt.Errorf("the body could not be read: %w", err)
	}
	contentType := r.Header.Get("Content-Type")
	media, params := mediaType(contentType)
	switch {
	case strings.Contains(contentType, "/json"), strings.Contains(contentType, "+json"):
		if len(bytes.TrimSpace(text)) == 0 {
			return nil, nil
		}
		v, err := decodeJSON(text)
		object, ok := v.(Object)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBody, err)
		}
		if !ok {
			return nil, errBody
		}
		return trimmedObject(object), nil
	case media == "application/x-www-form-urlencoded":
		return parsePHPQuery(string(text)), nil
	case media == "multipart/form-data" && params["boundary"] != "":
		return multipartFields(text, params["boundary"])
	}
	return nil, nil
}

func multipartFields(text []byte, boundary string) (Object, error) {
	var form phpForm
	for reader := multipart.NewReader(bytes.NewReader(text), boundary); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return form.object(), nil
		}
		if err != nil {
			return form.object(), fmt.Errorf("the multipart body is broken: %w", err)
		}
		if part.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return form.object(), fmt.Errorf("the multipart body is broken: %w", err)
		}
		form.add(part.FormName(), string(value))
	}
}

// parsePHPQuery reads a=1&b[]=2&c[d]=3 as PHP's parse_str does.
func parsePHPQuery(query string) Object {
	var form phpForm
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		form.add(unescapePHP(key), unescapePHP(value))
	}
	return form.object()
}

// unescapePHP is PHP's urldecode: what is no escape stays as it is.
func unescapePHP(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s):
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
			fallthrough
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

// phpForm gathers the fields of a form into PHP's nested arrays.
type phpForm struct {
	root  phpArray
	count int
}

// phpArray is a PHP array in the making; next is the key that [] takes.
type phpArray struct {
	keys   []string
	values map[string]any // string or *phpArray
	next   int
}

func (a *phpArray) set(key string, value any) {
	if a.values == nil {
		a.values = map[string]any{}
	}
	if _, there := a.values[key]; !there {
		a.keys = append(a.keys, key)
	}
	if n, err := strconv.Atoi(key); err == nil && strconv.Itoa(n) == key && n >= a.next && n < 1<<31 {
		a.next = n + 1
	}
	a.values[key] = value
}

// add takes one field: white space before the name is dropped, blanks and dots in it are underscores, an unclosed bracket
// is one too.
func (f *phpForm) add(name, value string) {
	name = strings.TrimLeft(name, " ")
	if i := strings.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	if name == "" || name[0] == '[' || f.count >= maxFields {
		return
	}
	f.count++
	base, rest, bracket := strings.Cut(name, "[")
	base = strings.NewReplacer(".", "_", " ", "_").Replace(base)
	if bracket && !strings.Contains(rest, "]") {
		f.root.set(base+"_"+strings.NewReplacer(".", "_", " ", "_", "[", "_").Replace(rest), value)
		return
	}
	array, key := &f.root, base
	for depth := 0; bracket && depth < maxKeys; depth++ {
		inner, after, closed := strings.Cut(rest, "]")
		if !closed {
			break
		}
		child, ok := array.values[key].(*phpArray)
		if !ok {
			child = &phpArray{}
			array.set(key, child)
		}
		array, key = child, inner
		if key == "" {
			key = strconv.Itoa(array.next)
		}
		rest, bracket = strings.CutPrefix(after, "[")
	}
	array.set(key, value)
}

func (f *phpForm) object() Object { return f.root.object() }

func (a *phpArray) object() Object {
	out := make(Object, len(a.keys))
	for i, key := range a.keys {
		value := a.values[key]
		switch v := value.(type) {
		case *phpArray:
			value = v.value()
		case string:
			value = trimmedText(v)
		}
		out[i] = Field{key, value}
	}
	return out
}

// value is the array as a list where it is one.
func (a *phpArray) value() any {
	object := a.object()
	if !isList(object) {
		return object
	}
	list := make([]any, len(object))
	for i, f := range object {
		list[i] = f.Value
	}
	return list
}

// merged is first with what only second has.
func merged(first, second Object) Object {
	have := make(map[string]bool, len(first))
	for _, f := range first {
		have[f.Key] = true
	}
	for _, f := range second {
		if !have[f.Key] {
			first = append(first, f)
		}
	}
	return first
}

// trimmedText is a text without white space around it, nil when nothing is left.
func trimmedText(s string) any {
	if s = strings.TrimFunc(s, isBlank); s != "" {
		return s
	}
	return nil
}

// isBlank is what Laravel's Str::trim takes off.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || r == 0 || r == '\uFEFF' || r == '\u200B' || r == '\u200E'
}

func trimmedObject(o Object) Object {
	out := make(Object, len(o))
	for i, f := range o {
		out[i] = Field{f.Key, trimmedValue(f.Value)}
	}
	return out
}

func trimmedValue(v any) any {
	switch v := v.(type) {
	case string:
		return trimmedText(v)
	case Object:
		return trimmedObject(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = trimmedValue(item)
		}
		return out
	}
	return v
}

// mediaType is a Content-Type taken apart, its parameters' names in lower case; as lenient as PHP.
func mediaType(contentType string) (media string, params map[string]string) {
	media, rest, _ := strings.Cut(contentType, ";")
	params = map[string]string{}
	for param := range strings.SplitSeq(rest, ";") {
		if name, value, found := strings.Cut(param, "="); found {
			params[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return strings.ToLower(strings.TrimSpace(media)), params
}
