package harness

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// durationForm is what a number may look like that somebody forgot the unit of.
var durationForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

const maxDuration = 7 * 24 * time.Hour

func (d *decoder) duration(t tree, name string, v any) (time.Duration, bool) {
	text, ok := v.(string)
	if !ok {
		if n, isNumber := asFloat(v); isNumber && n == 0 {
			return 0, true
		}
		if out, err := appendText(nil, v); err == nil {
			text = string(out)
		}
	}
	length, err := parseDuration(text)
	if err != nil {
		d.add(t.at, "%s is %s; %s", name, short(text), err)
	}
	return length, err == nil
}

var lengthForm = regexp.MustCompile(durationPattern)

func parseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if durationForm.MatchString(text) && text != "0" {
		return 0, fmt.Errorf("a duration needs a unit: write %ss or %sms", text, text)
	}
	length, err := time.ParseDuration(text)
	switch {
	case err != nil && lengthForm.MatchString(text): // more than a time.Duration holds
		return 0, errors.New("at most 168h, a week")
	case err != nil:
		return 0, errors.New("this is no duration; write such as 500ms, 10s or 1m30s")
	case length < 0:
		return 0, errors.New("a duration cannot be negative")
	case length > maxDuration:
		return 0, errors.New("at most 168h, a week")
	}
	return length, nil
}

func (d *decoder) wait(t tree, name string, into reflect.Value) {
	v, ok := d.scalar(t, name)
	if !ok {
		return
	}
	text, _ := v.(string)
	left, right, ranged := strings.Cut(text, "..")
	if !ranged {
		if length, ok := d.duration(t, name, v); ok {
			into.Set(reflect.ValueOf(Wait{length, length}))
		}
		return
	}
	least, ok := d.duration(t, name, left)
	if !ok {
		return
	}
	most, ok := d.duration(t, name, right)
	switch {
	case !ok:
	case most < least:
		d.add(t.at, "%s is %s; the lesser duration comes first", name, short(text))
	default:
		into.Set(reflect.ValueOf(Wait{least, most}))
	}
}
