package laravel

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// truthy is PHP's (bool): null, false, 0, 0.0, "", "0" and the empty array are not.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != "" && v != "0"
	case []any:
		return len(v) > 0
	case Object:
		return len(v) > 0
	}
	return true
}

// phpText is a scalar as PHP makes text of it; ok is false for arrays.
func phpText(v any) (text string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case bool:
		if v {
			return "1", true
		}
		return "", true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		out, err := appendPHPFloat(nil, v)
		if err != nil {
			return strings.TrimPrefix(strings.ToUpper(strconv.FormatFloat(v, 'f', -1, 64)), "+"), true // INF, -INF, NAN
		}
		return strings.Replace(string(out), "e", "E", 1), true
	case string:
		return v, true
	case ID:
		return v.String(), true
	}
	return "", false
}

// numeric is a numeric string of PHP 8: white space may stand around it, hexadecimal is none.
var numeric = regexp.MustCompile(`^[ \t\n\r\v\f]*([+-]?(?:[0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?)[ \t\n\r\v\f]*$`)

// phpInt is what an int parameter makes of a text: 007 is 7, 1e3 is 1000; false is a TypeError.
func phpInt(text string) (int, bool) {
	found := numeric.FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	if n, err := strconv.ParseInt(found[1], 10, 64); err == nil {
		return int(n), true
	}
	return floatToInt(parseFloat(found[1]))
}

// floatToInt cuts off the fraction; false beyond 64 bits.
func floatToInt(f float64) (int, bool) {
	if f >= -(1<<63) && f < 1<<63 {
		return int(f), true
	}
	return 0, false
}

// phpFloat is what a float parameter makes of a text.
func phpFloat(text string) (float64, bool) {
	found := numeric.FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	return parseFloat(found[1]), true
}

// parseFloat is the number that a text is, infinite beyond the range, NaN for none.
func parseFloat(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}
