package app

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"echolab/emulator/journal"
)

// Filter picks entries. Its zero value picks all; everything that is set must hold.
type Filter struct {
	App       string           // of this application
	Kinds     []journal.Kind   // one of these
	Sources   []journal.Source // one of these
	Channels  []string         // a channel that fits one of these patterns, see Fits
	Events    []string         // an event that fits one of these patterns
	User      string
	Socket    string
	Delivered *bool     // events that reached somebody, or nobody; leaves everything but events out
	Since     time.Time // at this moment or later
	Until     time.Time // before this moment
	Text      string    // found in channel, event, user, payload or note, in any case of letters
}

// Match tells whether the filter picks the entry.
func (f *Filter) Match(e *journal.Entry) bool {
	return f.surrounds(e) && fitsOne(f.Channels, e.Channel) && fitsOne(f.Events, e.Event)
}

// surrounds is Match without channel and event.
func (f *Filter) surrounds(e *journal.Entry) bool {
	switch {
	case f.App != "" && e.App != f.App,
		len(f.Kinds) > 0 && !slices.Contains(f.Kinds, e.Kind),
		len(f.Sources) > 0 && !slices.Contains(f.Sources, e.Source),
		f.User != "" && e.User != f.User,
		f.Socket != "" && e.Socket != f.Socket,
		f.Delivered != nil && (!isEvent(e) || e.Delivered() != *f.Delivered),
		!f.Since.IsZero() && e.At.Before(f.Since),
		!f.Until.IsZero() && !e.At.Before(f.Until):
		return false
	}
	return f.Text == "" || f.found(e)
}

func isEvent(e *journal.Entry) bool {
	return e.Kind == journal.Published || e.Kind == journal.Whispered
}

func (f *Filter) found(e *journal.Entry) bool {
	text := strings.ToLower(f.Text)
	for _, place := range []string{e.Channel, e.Event, e.User, e.Note} {
		if strings.Contains(strings.ToLower(place), text) {
			return true
		}
	}
	return bytes.Contains(bytes.ToLower(e.Data), []byte(text))
}

func fitsOne(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return Fits(p, name) })
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
