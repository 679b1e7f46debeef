package laravel

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// iso writes a moment as Laravel does in JSON.
func iso(t time.Time) string { return t.UTC().Format(isoTime) }

// faults are what Laravel's validator says, by field.
type faults map[string][]string

func (f faults) add(field, format string, args ...any) {
	f[field] = append(f[field], fmt.Sprintf(format, args...))
}

// label is a field's name in Laravel's messages: client id.
func label(field string) string { return strings.ReplaceAll(field, "_", " ") }

// valid is what an input sets of a row, in the order of the columns; fields that the type does not have are left out, as
// validated() leaves them out. With whole, what is missing gets its first value, and must not be missing where it is
// required.
func (b *Backend) valid(app *Application, t *entityType, input Object, whole bool) (Object, faults) {
	out, wrong := Object{}, faults{}
	for _, c := range t.columns {
		given := slices.ContainsFunc(input, func(f Field) bool { return f.Key == c.name })
		v := tidy(input.Get(c.name))
		switch {
		case !given && !whole:
			continue
		case v == nil && c.required:
			wrong.add(c.name, "The %s field is required.", label(c.name))
			continue
		case !given:
			v = c.initially
		}
		if v != nil {
			v = b.fit(app, &c, v, wrong)
		}
		out = append(out, Field{c.name, v})
	}
	if t.open {
		for _, f := range input {
			if !slices.Contains(kept, f.Key) && !slices.ContainsFunc(t.columns, func(c column) bool { return c.name == f.Key }) {
				out = append(out, Field{f.Key, tidy(f.Value)})
			}
		}
	}
	return out, wrong
}

// tidy is what Laravel's middleware makes of a text: trimmed, and null where nothing is left.
func tidy(v any) any {
	if text, ok := v.(string); ok {
		if text = strings.TrimSpace(text); text == "" {
			return nil
		}
		return text
	}
	return v
}

// fit makes a value one of the column's kind, or says what is wrong with it.
func (b *Backend) fit(app *Application, c *column, v any, wrong faults) any {
	switch c.kind {
	case textColumn:
		return b.fitText(app, c, v, wrong)
	case integerColumn:
		return b.fitInteger(app, c, v, wrong)
	case moneyColumn:
		if text, ok := money(v); ok {
			return text
		}
		wrong.add(c.name, "The %s field must be a number.", label(c.name))
	case momentColumn:
		if text, ok := v.(string); ok {
			for _, layout := range moments {
				if at, err := time.Parse(layout, text); err == nil {
					return iso(at)
				}
			}
		}
		wrong.add(c.name, "The %s field must be a valid date.", label(c.name))
	case anyColumn:
		return v
	}
	return nil
}

func (b *Backend) fitText(_ *Application, c *column, v any, wrong faults) any {
	text, ok := v.(string)
	limit := c.max
	if limit == 0 {
		limit = 255
	}
	switch {
	case !ok:
		wrong.add(c.name, "The %s field must be a string.", label(c.name))
	case utf8.RuneCountInString(text) > limit:
		wrong.add(c.name, "The %s field must not be greater than %d characters.", label(c.name), limit)
	case c.among != nil && !slices.Contains(c.among, text):
		wrong.add(c.name, "The selected %s is invalid.", label(c.name))
	}
	return text
}

func (b *Backend) fitInteger(app *Application, c *column, v any, wrong faults) any {
	if c.refers != "" {
		if id, ok := b.reference(app, c.refers, v); ok {
			return id.Value()
		}
		wrong.add(c.name, "The selected %s is invalid.", label(c.name))
		return nil
	}
	if n, ok := wholeNumber(v); ok {
		return n
	}
	wrong.add(c.name, "The %s field must be an integer.", label(c.name))
	return nil
}

// reference is the row of a type that a value names.
func (b *Backend) reference(app *Application, typ string, v any) (ID, bool) {
	id, ok := idOf(v)
	if !ok {
		return ID{}, false
	}
	for _, id := range []ID{id, pathID(id.String()), TextID(id.String())} {
		if typ == "users" {
			if app.user(id) != nil {
				return id, true
			}
		} else if _, there := b.entity(typ, id); there {
			return id, true
		}
	}
	return ID{}, false
}

// money writes an amount with two decimals. Amounts are below 10^12.
func money(v any) (string, bool) {
	var text string
	switch v := v.(type) {
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		text = v
	}
	if text == "" || len(text) > 32 || strings.Trim(text, "-.0123456789") != "" {
		return "", false
	}
	amount, ok := new(big.Rat).SetString(text)
	if !ok || amount.Cmp(big.NewRat(1e12, 1)) >= 0 || amount.Cmp(big.NewRat(-1e12, 1)) <= 0 {
		return "", false
	}
	return amount.FloatString(2), true
}
