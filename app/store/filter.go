package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"echolab/emulator/journal"
)

// Filter is one thing that a query can be narrowed by, as a person names and writes it: a flag, or a parameter of an URL.
type Filter struct {
	Name string
	Help string // one line
	set  func(q *Query, value string, now time.Time) error
}

// Filters is the table of them, in the order of the help.
var Filters = []Filter{
	{"app", "application id", text(func(q *Query) *string { return &q.App })},
	{"channel", "channel, or a pattern such as private-client.*", text(func(q *Query) *string { return &q.Channel })},
	{"event", "event, or a pattern such as Invoice*", text(func(q *Query) *string { return &q.Event })},
	{"kind", "kinds, separated by commas: " + strings.Join(kindNames(), ", "), setKinds},
	{"source", "where it came from, separated by commas: server, http, client, replay", setSources},
	{"user", "user id", text(func(q *Query) *string { return &q.User })},
	{"socket", "socket id", text(func(q *Query) *string { return &q.Socket })},
	{"delivered", "yes: events that reached somebody; no: events that reached nobody", setDelivered},
	{"from", "not before: 2026-01-31, 2026-01-31 09:30, 09:30 (today), 15m (ago) or RFC 3339", moment(func(q *Query) *time.Time { return &q.From })},
	{"to", "before, written as from", moment(func(q *Query) *time.Time { return &q.To })},
	{"text", `words or parts of words in the payload, "some words" together`, text(func(q *Query) *string { return &q.Text })},
	{"after", "sequence numbers above this one", seq(func(q *Query) *uint64 { return &q.After })},
	{"before", "sequence numbers below this one", seq(func(q *Query) *uint64 { return &q.Before })},
}

// Set narrows the query by the filter of that name. Times without a zone, and how long ago something was, are taken from
// now. The error says what the value has to be.
func (q *Query) Set(name, value string, now time.Time) error {
	for _, f := range Filters {
		if f.Name == name {
			if err := f.set(q, value, now); err != nil {
				return fmt.Errorf("%s %q: %w", name, value, err)
			}
			return nil
		}
	}
	return fmt.Errorf("there is no filter %q", name)
}

func text(at func(*Query) *string) func(*Query, string, time.Time) error {
	return func(q *Query, value string, _ time.Time) error {
		if strings.ContainsRune(value, 0) { // what is searched has one between its parts
			return errors.New("must not hold the character NUL")
		}
		*at(q) = value
		return nil
	}
}

func seq(at func(*Query) *uint64) func(*Query, string, time.Time) error {
	return func(q *Query, value string, _ time.Time) error {
		n, err := strconv.ParseUint(value, 10, 62)
		if err != nil {
			return errors.New("must be a sequence number")
		}
		*at(q) = n
		return nil
	}
}

func kindNames() []string {
	names := make([]string, len(journal.Kinds))
	for i, row := range journal.Kinds {
		names[i] = row.Name
	}
	return names
}

func setKinds(q *Query, value string, _ time.Time) error {
	var kinds []journal.Kind
	for name := range strings.SplitSeq(value, ",") {
		kind := journal.KindNamed(strings.TrimSpace(name))
		if kind == 0 {
			return fmt.Errorf("must be some of %s, separated by commas", strings.Join(kindNames(), ", "))
		}
		kinds = append(kinds, kind)
	}
	q.Kinds = kinds
	return nil
}

func setSources(q *Query, value string, _ time.Time) error {
	var all []journal.Source
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		var source journal.Source
		_ = source.UnmarshalText([]byte(name)) // an unknown name is Server
		if source.String() != name {
			return errors.New("must be some of server, http, client, replay, separated by commas")
		}
		all = append(all, source)
	}
	q.Sources = all
	return nil
}

func setDelivered(q *Query, value string, _ time.Time) error {
	var delivered bool
	switch strings.ToLower(value) {
	case "yes", "true", "1":
		delivered = true
	case "no", "false", "0":
	default:
		return errors.New("must be yes or no")
	}
	q.Delivered = &delivered
	return nil
}

// zoned are the ways to write a time with its zone, local those without.
var (
	zoned = []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00", "2006-01-02T15:04Z07:00"}
	local = []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"}
	today = []string{"15:04", "15:04:05"}
)

func moment(at func(*Query) *time.Time) func(*Query, string, time.Time) error {
	return func(q *Query, value string, now time.Time) error {
		t, err := ParseTime(strings.TrimSpace(value), now)
		*at(q) = t
		return err
	}
}

// ParseTime reads a moment: a date, a time of today, RFC 3339, or how long ago it was (15m, 7d).
func ParseTime(value string, now time.Time) (time.Time, error) {
	if ago, err := ParseAge(value); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range zoned {
		if t, err := time.Parse(layout, value); err == nil {
			return within(t)
		}
	}
	for _, layout := range local {
		if t, err := time.ParseInLocation(layout, value, now.Location()); err == nil {
			return within(t)
		}
	}
	for _, layout := range today {
		if t, err := time.Parse(layout, value); err == nil {
			y, m, d := now.Date()
			return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), now.Location()), nil
		}
	}
	return time.Time{}, errors.New("must be a time such as 2026-01-31, 2026-01-31 09:30, 09:30 or 2026-01-31T09:30:00Z, or how long ago, such as 15m, 2h or 7d")
}

// within refuses the one time that means no bound.
func within(t time.Time) (time.Time, error) {
	if t.Year() < 1970 {
		return time.Time{}, errors.New("must be after 1970")
	}
	return t, nil
}

// ParseAge reads a length of time: Go's way (90s, 1h30m), or whole days (7d).
func ParseAge(value string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(value, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n > 36500 {
			return 0, errors.New("must be a number of days, such as 7d")
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(value)
}
