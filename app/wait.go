package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"echolab/emulator/journal"
)

// Awaited is what Wait came back with.
type Awaited struct {
	Entry journal.Entry // Seq is 0 when none came in time
	Next  uint64        // where to wait from to get the next one
	Note  string        // what came instead, in words, when none did
}

// Wait returns the first entry after a sequence number that the filter picks: at once when it happened already, be it
// only in the database by now, else when it happens, and without one after the timeout. It fails when ctx ends
// (ctx.Err()), when Echolab stops (journal.ErrClosed) and when the database cannot be read.
func (a *App) Wait(ctx context.Context, f Filter, after uint64, timeout time.Duration) (Awaited, error) {
	if _, known := a.apps.ByID(f.App); f.App != "" && !known {
		return Awaited{}, noApp(f.App)
	}
	others := missed{filter: &f, cleared: &a.cleared, next: after}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	e, err := a.watch.First(waiting, after, others.match, func(_ context.Context, after, before uint64) (journal.Entry, bool, error) {
		// With the caller's context: a timeout is for waiting, not for looking.
		page, err := a.Entries(ctx, EntryQuery{Filter: f, After: after, Before: before, Oldest: true, Limit: 1})
		if err != nil || len(page.Entries) == 0 {
			return journal.Entry{}, false, err
		}
		return page.Entries[0], true, nil
	})
	switch {
	case err == nil:
		return Awaited{Entry: e, Next: e.Seq}, nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		next, note := others.told(timeout)
		return Awaited{Next: next, Note: note}, nil
	}
	return Awaited{}, err
}

// missed counts what came instead of what is waited for, and remembers what came nearest.
type missed struct {
	filter  *Filter
	cleared *cleared

	mu      sync.Mutex // guards what follows
	next    uint64     // everything up to here has been looked at
	others  int        // entries of the wanted kind that did not fit
	nearest string
}

func (m *missed) match(e *journal.Entry) bool {
	if m.filter.Match(e) && !m.cleared.has(e) {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next = e.Seq
	if !m.filter.surrounds(e) {
		return false
	}
	m.others++
	channel, event := fitsOne(m.filter.Channels, e.Channel), fitsOne(m.filter.Events, e.Event)
	if channel || event || m.nearest == "" {
		m.nearest = fmt.Sprintf("%s on %s (entry %d)", named(e.Event, "no event"), named(e.Channel, "no channel"), e.Seq)
	}
	return false
}

func named(name, none string) string {
	if name == "" {
		return none
	}
	return name
}

func (m *missed) told(timeout time.Duration) (next uint64, note string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted := "any event"
	if len(m.filter.Events) > 0 {
		wanted = strings.Join(m.filter.Events, " or ")
	}
	if len(m.filter.Channels) > 0 {
		wanted += " on " + strings.Join(m.filter.Channels, " or ")
	}
	note = fmt.Sprintf("%s did not come within %s; ", wanted, timeout)
	switch m.others {
	case 0:
		note += "nothing else came either"
	case 1:
		note += "this came instead: " + m.nearest
	default:
		note += fmt.Sprintf("%d others came, the nearest: %s", m.others, m.nearest)
	}
	return m.next, note
}

func isPattern(name string) bool { return strings.Contains(name, "*") }
