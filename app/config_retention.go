package app

import (
	"math"
	"strconv"
	"strings"
	"time"

	"echolab/app/store"
)

// DefaultRetention is what a database keeps unless something else is asked for.
var DefaultRetention = store.Retention{Rows: 1_000_000, Bytes: 1 << 30}

// rows64 is a number that may be large.
func rows64[T any](at func(*T) *int64) field[T] {
	return field[T]{
		set: func(t *T, v value) error {
			n, err := strconv.ParseInt(v.text, 10, 64)
			if err != nil || v.isList || n < 0 {
				return v.refuse("must be a whole number, 0 for no limit")
			}
			*at(t) = n
			return nil
		},
		get:    func(t *T) any { return *at(t) },
		schema: jsonSchema{"type": "integer", "minimum": 0},
	}
}

// age is 0, 90s, 12h or 30d.
func age[T any](at func(*T) *time.Duration) field[T] {
	return field[T]{
		set: func(t *T, v value) error {
			d, err := ParseAge(v.text)
			if err != nil || v.isList {
				return v.refuse("must be a length of time, such as 12h or 30d, or 0 for no limit")
			}
			*at(t) = d
			return nil
		},
		get: func(t *T) any {
			if *at(t) == 0 {
				return nil
			}
			return showAge(*at(t))
		},
		schema: jsonSchema{"type": []any{"string", "integer"}, "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$|^0$`, "maximum": 0, "minimum": 0},
	}
}

// size is a number of bytes, with or without a unit.
func size[T any](at func(*T) *int64) field[T] {
	return field[T]{
		set: func(t *T, v value) error {
			n, err := ParseSize(v.text)
			if err != nil || v.isList {
				return v.refuse("must be a size, such as 500MB or 2GiB, or 0 for no limit")
			}
			*at(t) = n
			return nil
		},
		get:    func(t *T) any { return ShowSize(*at(t)) },
		schema: jsonSchema{"type": []any{"string", "integer"}, "pattern": `^[0-9]+ *([kKMGT]i?B|B)?$`, "minimum": 0},
	}
}

// ParseAge reads a length of time that is not negative: 90s, 12h, 30d.
func ParseAge(text string) (time.Duration, error) {
	d, err := store.ParseAge(text)
	if err == nil && d < 0 {
		err = strconv.ErrRange
	}
	return d, err
}

func showAge(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// ShowSize writes a number of bytes so that ParseSize reads the same: in the largest unit of which it is a multiple.
func ShowSize(n int64) string {
	shown := strconv.FormatInt(n, 10)
	for _, unit := range units[:4] {
		if n != 0 && n%unit.bytes == 0 {
			shown = strconv.FormatInt(n/unit.bytes, 10) + unit.name
		}
	}
	return shown
}

// units are those of a size. Longer names come first, among them the binary ones from small to large.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// ParseSize reads a number of bytes: 1073741824, 500MB, 2GiB.
func ParseSize(text string) (int64, error) {
	for _, unit := range units {
		number, found := strings.CutSuffix(strings.TrimSpace(text), unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err == nil && (n < 0 || n > math.MaxInt64/unit.bytes) {
			err = strconv.ErrRange
		}
		return n * unit.bytes, err
	}
	return 0, strconv.ErrSyntax
}
