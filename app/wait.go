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

const (
	// leastLook is how long the database may be searched for what came already, should the timeout be shorter: with a
	// timeout of nothing a caller asks for just that.
	leastLook = time.Second
	// noteLook is how long it may be searched, after that, for what to say instead; noteEntries how far.
	noteLook    = 250 * time.Millisecond
	noteEntries = 200
)

// errRemoved is why a wait for an app's events ended.
var errRemoved = errors.New("the application was removed")

// Wait returns the first entry after q.After that the query's filters let through: at once when it happened already, be it
// only in the database by now, else when it happens, and without one after the timeout (at the latest a second and a
// quarter after it, where the database is slow). It fails when ctx ends (ctx.Err()), when Echolab stops
// (journal.ErrClosed), when the database cannot be read, and at once with Gone when the app is removed.
func (a *App) Wait(ctx context.Context, q Query, timeout time.Duration) (Awaited, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if q.App != "" {
		app := a.apps.served(q.App)
		if app == nil {
			return Awaited{}, NoApp(q.App)
		}
		go func() {
			select {
			case <-app.gone:
				end(errRemoved)
			case <-ctx.Done():
			}
		}()
	}
	got, err := await(ctx, a.watch, a.Entries, newMissed(q, &a.cleared), timeout)
	if err != nil && errors.Is(context.Cause(ctx), errRemoved) {
		return Awaited{}, &Error{Code: Gone, Err: errRemoved, Message: fmt.Sprintf(
			"the application with the id %s was removed while its events were waited for", short(q.App))}
	}
	return got, err
}

// reading is App.Entries.
type reading func(context.Context, Query) (Page, error)

// await waits for what m is asked for.
func await(ctx context.Context, watch *journal.Watch, read reading, m *missed, timeout time.Duration) (Awaited, error) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	looking, cancelLook := context.WithTimeout(ctx, max(timeout, leastLook))
	defer cancelLook()
	cut := false // the look into the past was
	e, err := watch.First(waiting, m.query.After, m.match, func(_ context.Context, after, before uint64) (journal.Entry, bool, error) {
		past := m.query
		past.After, past.Before, past.Oldest, past.Limit = after, before, true, 1
		e, err := firstOf(looking, read, past)
		cut = err != nil && looking.Err() != nil
		return e, e.Seq != 0, err
	})
	switch {
	case err == nil:
		return Awaited{Entry: e, Next: e.Seq}, nil
	case ctx.Err() != nil:
		return Awaited{}, ctx.Err()
	case cut:
		return Awaited{Next: m.query.After, Note: fmt.Sprintf(
			"the database could not be searched for %s to its end within %s; wait longer, or after a later entry", m.wanted(), max(timeout, leastLook))}, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nothing(ctx, read, m, timeout), nil
	}
	return Awaited{}, err
}

// firstOf is the only entry that a query with a limit of one asks for, in as many pages as it takes; its Seq is 0 when there
// is none.
func firstOf(ctx context.Context, read reading, q Query) (journal.Entry, error) {
	for {
		page, err := read(ctx, q)
		switch {
		case err != nil:
			return journal.Entry{}, err
		case len(page.Entries) > 0:
			return page.Entries[0], nil
		case !page.More:
			return journal.Entry{}, nil
		}
		q = q.Following(page)
	}
}

// nothing is the answer when the timeout is over: what came instead, and what had come before, as far as the database
// tells within noteLook.
func nothing(ctx context.Context, read reading, m *missed, timeout time.Duration) Awaited {
	ctx, cancel := context.WithTimeout(ctx, noteLook)
	defer cancel()
	next, first := m.looked()
	if first > m.query.After+1 { // what memory has forgotten
		q := m.around
		q.Before, q.Limit = first, noteEntries
		if page, err := read(ctx, q); err == nil {
			m.older(page)
		}
	}
	before := journal.Entry{}
	if m.query.After > 0 {
		q := m.query
		q.After, q.Before, q.Limit = 0, m.query.After+1, 1
		if e, err := firstOf(ctx, read, q); err == nil {
			before = e
		}
	}
	return Awaited{Next: next, Note: m.told(timeout, before)}
}

// missed counts what came instead of what is waited for, and remembers what came nearest.
type missed struct {
	query     Query
	around    Query // without channel and event
	fits      func(*journal.Entry) bool
	surrounds func(*journal.Entry) bool
	cleared   *cleared

	mu      sync.Mutex // guards what follows
	first   uint64     // the first that memory had; 0 for none
	next    uint64     // everything up to here has been looked at
	others  int        // entries of the wanted kind that did not fit
	more    bool       // and some that were not counted
	nearest string
	near    bool // nearest has the wanted channel, or the wanted event
}

func newMissed(q Query, c *cleared) *missed {
	around := q
	around.Channel, around.Event = "", ""
	return &missed{query: q, around: around, fits: q.Matcher(), surrounds: around.Matcher(), cleared: c, next: q.After}
}

func (m *missed) match(e *journal.Entry) bool {
	cleared := m.cleared.has(e)
	if m.fits(e) && !cleared {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next = e.Seq
	if m.first == 0 {
		m.first = e.Seq
	}
	if m.surrounds(e) && !cleared {
		m.others++
		m.compareLocked(e)
	}
	return false
}

// compareLocked takes a later entry for the nearest unless the one so far is nearer.
func (m *missed) compareLocked(e *journal.Entry) {
	near := m.query.Channel != "" && pusher.Wildcard(m.query.Channel, e.Channel) || m.query.Event != "" && pusher.Wildcard(m.query.Event, e.Event)
	if near || !m.near {
		m.nearest = fmt.Sprintf("%s on %s (entry %d)", named(e.Event, "no event"), named(e.Channel, "no channel"), e.Seq)
		m.near = near
	}
}

// looked tells up to where entries were looked at, and the first that memory had (next+1 where it had none).
func (m *missed) looked() (next, first uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.first == 0 {
		return m.next, m.next + 1
	}
	return m.next, m.first
}

// older adds what came before what memory had, oldest first.
func (m *missed) older(page Page) {
	m.mu.Lock()
	defer m.mu.Unlock()
	nearest, near := m.nearest, m.near
	m.nearest, m.near = "", false
	for i := range page.Entries {
		m.compareLocked(&page.Entries[i])
	}
	if nearest != "" && (near || !m.near) {
		m.nearest, m.near = nearest, near
	}
	m.others += len(page.Entries)
	m.more = page.More
}

func named(name, none string) string {
	if name == "" {
		return none
	}
	return name
}

// wanted is what is waited for, in words.
func (m *missed) wanted() string {
	wanted := named(m.query.Event, "any event")
	if m.query.Channel != "" {
		wanted += " on " + m.query.Channel
	}
	return wanted
}

// told is the note. before is the last that fits of what was there when the wait began, Seq 0 for none.
func (m *missed) told(timeout time.Duration, before journal.Entry) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	note := fmt.Sprintf("%s did not come within %s; ", m.wanted(), timeout)
	switch {
	case m.others == 0:
		note += "nothing else came meanwhile"
	case m.others == 1 && !m.more:
		note += "this came instead: " + m.nearest
	case m.more:
		note += fmt.Sprintf("more than %d others came, the nearest: %s", m.others, m.nearest)
	default:
		note += fmt.Sprintf("%d others came, the nearest: %s", m.others, m.nearest)
	}
	if before.Seq != 0 {
		note += fmt.Sprintf("; one came before after=%d: entry %d at %s", m.query.After, before.Seq, before.At.Local().Format("15:04:05.000"))
	}
	return note
}
