package app

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"echolab/emulator/journal"
)

// EntryQuery says which entries are meant: those that every filter lets through. The zero value is the newest hundred.
type EntryQuery struct {
	App       string           // of this app alone; "" for all, and for what belongs to none
	Channel   string           // a channel's name, or a pattern: * stands for any run of characters
	Event     string           // an event's name, or a pattern
	Kinds     []journal.Kind   // only these; empty for all
	Sources   []journal.Source // only through these doors; empty for all
	User      string           // of this user id alone
	Socket    string           // of this socket id alone
	Delivered *bool            // only events that reached somebody, or only events that reached nobody
	From, To  time.Time        // not before From, and before To; zero for no bound
	Text      string           // found in payload or note, in any case of letters
	After     uint64           // only seqs above it
	Before    uint64           // only seqs below it; 0 for no bound
	Oldest    bool             // from the oldest on, rather than from the newest
	Limit     int              // at most so many (default 100)
}

// Matcher returns the filters as a function. It is for one goroutine at a time.
func (q EntryQuery) Matcher() func(*journal.Entry) bool {
	text := []byte(strings.ToLower(q.Text))
	return func(e *journal.Entry) bool {
		switch {
		case e.Seq <= q.After, q.Before > 0 && e.Seq >= q.Before,
			q.App != "" && e.App != q.App,
			q.User != "" && e.User != q.User,
			q.Socket != "" && e.Socket != q.Socket,
			q.Channel != "" && !Fits(q.Channel, e.Channel),
			q.Event != "" && !Fits(q.Event, e.Event),
			len(q.Kinds) > 0 && !slices.Contains(q.Kinds, e.Kind),
			len(q.Sources) > 0 && !slices.Contains(q.Sources, e.Source),
			q.Delivered != nil && (!isEvent(e) || e.Delivered() != *q.Delivered),
			!q.From.IsZero() && e.At.Before(q.From),
			!q.To.IsZero() && !e.At.Before(q.To):
			return false
		}
		return len(text) == 0 || bytes.Contains(bytes.ToLower(e.Data), text) || bytes.Contains(bytes.ToLower([]byte(e.Note)), text)
	}
}

func isEvent(e *journal.Entry) bool {
	return e.Kind == journal.Published || e.Kind == journal.Whispered
}

// Fits tells whether a name is what a pattern says: * stands for any run of characters, none included; everything
// else for itself.
func Fits(pattern, name string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], next
	}
}
