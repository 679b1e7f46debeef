package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Awaited is what Wait came back with.
type Awaited struct {
	Entry journal.Entry // Seq is 0 when none came in time
	Next  uint64        // where to wait from to get the next one
	Note  string        // what came instead, in words, when none did
}

// Wait returns the first entry after q.After that the query's filters let through: at once when it happened already, be it
// only in the database by now, else when it happens, and without one after the timeout. It fails when ctx ends
// (ctx.Err()), when Echolab stops (journal.ErrClosed) and when the database cannot be read.
func (a *App) Wait(ctx context.Context, q Query, timeout time.Duration) (Awaited, error) {
	if _, known := a.apps.ByID(q.App); q.App != "" && !known {
		return Awaited{}, noApp(q.App)
	}
	around := q
	around.Channel, around.Event = "", ""
	others := missed{query: q, fits: q.Matcher(), surrounds: around.Matcher(), cleared: &a.cleared, next: q.After}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	e, err := a.watch.First(waiting, q.After, others.match, func(_ context.Context, after, before uint64) (journal.Entry, bool, error) {
		// With the caller's context: a timeout is for waiting, not for looking.
		past := q
		past.After, past.Before, past.Oldest, past.Limit = after, before, true, 1
		for {
			page, err := a.Entries(ctx, past)
			switch {
			case err != nil:
				return journal.Entry{}, false, err
			case len(page.Entries) > 0:
				return page.Entries[0], true, nil
			case !page.More:
				return journal.Entry{}, false, nil
			}
			past = past.Following(page)
		}
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
	query     Query
	fits      func(*journal.Entry) bool
	surrounds func(*journal.Entry) bool // fits without channel and event
	cleared   *cleared

	mu      sync.Mutex // guards what follows
	next    uint64     // everything up to here has been looked at
	others  int        // entries of the wanted kind that did not fit
	nearest string
}

func (m *missed) match(e *journal.Entry) bool {
	if m.fits(e) && !m.cleared.has(e) {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next = e.Seq
	if !m.surrounds(e) {
		return false
	}
	m.others++
	if pusher.Wildcard(m.query.Channel, e.Channel) || pusher.Wildcard(m.query.Event, e.Event) || m.nearest == "" {
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
	wanted := named(m.query.Event, "any event")
	if m.query.Channel != "" {
		wanted += " on " + m.query.Channel
	}
	note = fmt.Sprintf("%s did not come within %s; ", wanted, timeout)
	switch m.others {
	case 0:
		note += "nothing else came meanwhile"
	case 1:
		note += "this came instead: " + m.nearest
	default:
		note += fmt.Sprintf("%d others came, the nearest: %s", m.others, m.nearest)
	}
	return m.next, note
}
