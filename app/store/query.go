package store

import (
	"slices"
	"strings"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Query says which entries to read: those that every filter lets through. The zero value asks for the newest hundred.
type Query struct {
	App       string           // of this app alone; "" for all, and for what belongs to none
	Channel   string           // a channel's name, or a pattern: * stands for any run of characters
	Event     string           // an event's name, or a pattern
	Kinds     []journal.Kind   // only these; empty for all
	Sources   []journal.Source // only through these doors; empty for all
	User      string           // of this user id alone
	Socket    string           // of this socket id alone
	Delivered *bool            // only events that reached somebody, or only events that reached nobody
	From, To  time.Time        // not before From, and before To; zero for no bound
	Text      string           // the payload or the note holds all of these words, or parts of words (see words)
	After     uint64           // only seqs above it
	Before    uint64           // only seqs below it; 0 for no bound
	Oldest    bool             // from the oldest on, rather than from the newest
	Limit     int              // at most so many (default 100, at most 10,000)
}

const maxLimit = 10_000

func (q Query) limit() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(q.Limit, maxLimit)
}

// Matcher returns the query's filters as a function, for entries that are not read from a store: what it lets through
// is what Entries would return, apart from Limit. It is for one goroutine at a time.
func (q Query) Matcher() func(*journal.Entry) bool {
	words := words(q.Text)
	var folded []byte
	return func(e *journal.Entry) bool {
		switch {
		case e.Seq <= q.After, q.Before > 0 && e.Seq >= q.Before,
			q.App != "" && e.App != q.App,
			q.User != "" && e.User != q.User,
			q.Socket != "" && e.Socket != q.Socket,
			q.Channel != "" && !pusher.Wildcard(q.Channel, e.Channel),
			q.Event != "" && !pusher.Wildcard(q.Event, e.Event),
			len(q.Kinds) > 0 && !slices.Contains(q.Kinds, e.Kind),
			len(q.Sources) > 0 && !slices.Contains(q.Sources, e.Source),
			q.Delivered != nil && (!isEvent(e) || e.Delivered() != *q.Delivered),
			!q.From.IsZero() && e.At.Before(q.From),
			!q.To.IsZero() && !e.At.Before(q.To):
			return false
		}
		if len(words) == 0 {
			return true
		}
		folded = foldEntry(folded[:0], e)
		return containsAll(folded, words)
	}
}

func isEvent(e *journal.Entry) bool {
	return e.Kind == journal.Published || e.Kind == journal.Whispered
}

func isPattern(s string) bool { return strings.Contains(s, "*") }

// where writes down what SQLite can decide at a row, cheaper than Matcher; Matcher decides the rest.
func (q Query) where() (string, []any) {
	var b strings.Builder
	var args []any
	add := func(condition string, values ...any) {
		b.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	for _, f := range []struct{ column, value string }{
		{"app", q.App}, {"channel", q.Channel}, {"event_type", q.Event}, {"user", q.User}, {"socket", q.Socket},
	} {
		if f.value != "" && !isPattern(f.value) {
			add("e."+f.column+" = ?", f.value)
		}
	}
	if len(q.Kinds) > 0 {
		add("e.kind IN (?"+strings.Repeat(",?", len(q.Kinds)-1)+")", texts(q.Kinds)...)
	}
	if len(q.Sources) > 0 {
		add("e.source IN (?"+strings.Repeat(",?", len(q.Sources)-1)+")", texts(q.Sources)...)
	}
	if q.Delivered != nil {
		add("e.delivered = ? AND e.kind IN ('published', 'whispered')", *q.Delivered)
	}
	if !q.From.IsZero() {
		add("e.at_us >= ?", ceilMicro(q.From))
	}
	if !q.To.IsZero() {
		add("e.at_us < ?", ceilMicro(q.To))
	}
	return b.String(), args
}

func texts[T interface{ String() string }](all []T) []any {
	out := make([]any, len(all))
	for i, v := range all {
		out[i] = v.String()
	}
	return out
}

// ceilMicro is the first whole microsecond that is not before t: entries are kept in whole ones.
func ceilMicro(t time.Time) int64 {
	us := t.UnixMicro()
	if time.UnixMicro(us).Before(t) {
		us++
	}
	return us
}
