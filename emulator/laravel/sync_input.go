package laravel

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// fields reads a request's input as Laravel's validator does, and collects what is wrong in its words
// (lang/en/validation.php). null and what is missing are the same.
type fields struct {
	input Object
	wrong map[string][]string
}

// What may be missing.
const (
	optional = false
	required = true
)

// refuse notes a message. :attribute is the field's name without underscores.
func (f *fields) refuse(name, format string, args ...any) {
	if f.wrong == nil {
		f.wrong = map[string][]string{}
	}
	f.wrong[name] = append(f.wrong[name], strings.ReplaceAll(fmt.Sprintf(format, args...), ":attribute", strings.ReplaceAll(name, "_", " ")))
}

// value is the field's, nil when there is none; that is refused where it is required.
func (f *fields) value(name string, needed bool) any {
	v := f.input.Get(name)
	if v == nil && needed {
		f.refuse(name, "The :attribute field is required.")
	}
	return v
}

// text is string|max:limit, and in: where words are given. nil when there is none or it was refused.
func (f *fields) text(name string, needed bool, limit int, words ...string) *string {
	v := f.value(name, needed)
	if v == nil {
		return nil
	}
	text, ok := v.(string)
	switch {
	case !ok:
		f.refuse(name, "The :attribute field must be a string.")
	case utf8.RuneCountInString(text) > limit:
		f.refuse(name, "The :attribute field must not be greater than %d characters.", limit)
	}
	if len(words) > 0 && !slices.Contains(words, text) {
		f.refuse(name, "The selected :attribute is invalid.")
	}
	if f.wrong[name] != nil {
		return nil
	}
	return &text
}

// integer is integer|min:low|max:high, otherwise where it is missing.
func (f *fields) integer(name string, otherwise, low, high int64) int64 {
	v := f.value(name, optional)
	if v == nil {
		return otherwise
	}
	n, ok := wholeNumber(v)
	switch {
	case !ok:
		f.refuse(name, "The :attribute field must be an integer.")
	case n < low:
		f.refuse(name, "The :attribute field must be at least %d.", low)
	case n > high:
		f.refuse(name, "The :attribute field must not be greater than %d.", high)
	}
	return n
}

// wholeNumber is what PHP's FILTER_VALIDATE_INT takes.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil && (v == strconv.FormatInt(n, 10) || v == "+"+strconv.FormatInt(n, 10) || v == "-0")
	}
	return 0, false
}

// id is a key: a whole number, also where it came as text, or another text such as a UUID.
func (f *fields) id(name string, needed bool) ID {
	v := f.value(name, needed)
	if v == nil {
		return ID{}
	}
	if n, ok := wholeNumber(v); ok {
		return IntID(n)
	}
	text, ok := v.(string)
	switch {
	case !ok:
		f.refuse(name, "The :attribute field must be an integer.")
	case utf8.RuneCountInString(text) > maxName:
		f.refuse(name, "The :attribute field must not be greater than %d characters.", maxName)
	}
	return TextID(text)
}

// moments are the forms that a date may have; without a zone it is UTC.
var moments = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"}

// moment is date.
func (f *fields) moment(name string) time.Time {
	v := f.value(name, optional)
	if v == nil {
		return time.Time{}
	}
	if text, ok := v.(string); ok {
		// A + that was not escaped in an address has become a blank.
		if at := len(text) - len(" 00:00"); at > len("2006-01-02T") && text[at] == ' ' && strings.Contains(text, "T") {
			text = text[:at] + "+" + text[at+1:]
		}
		for _, layout := range moments {
			if t, err := time.Parse(layout, text); err == nil {
				return t
			}
		}
	}
	f.refuse(name, "The :attribute field must be a valid date.")
	return time.Time{}
}
