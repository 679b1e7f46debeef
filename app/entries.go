package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// settleWait is how long a reader waits for what has just happened to be in the database.
const settleWait = time.Second

// Entries reads a page of the database, oldest first whatever the query's direction. What happened before the call is in
// it, be it still on its way there (unless the database is stuck: then what it has is the answer). An app that is neither
// served nor has ever left anything in the database is NotFound. It answers soon, for which a page may hold less than there
// is (see store.Page): go on with Query.Following while there is More.
func (a *App) Entries(ctx context.Context, q Query) (Page, error) {
	settled, cancel := context.WithTimeout(ctx, settleWait)
	_ = a.journal.Settled(settled, a.journal.Last())
	cancel()
	page, err := a.store.Page(ctx, q)
	if err != nil {
		return Page{}, a.unread(err)
	}
	if len(page.Entries) == 0 {
		if err := a.unheardOf(ctx, q.App); err != nil {
			return Page{}, err
		}
	}
	if !q.Oldest {
		slices.Reverse(page.Entries)
	}
	return page, nil
}

// unread says that the database could not be read, and why as far as that is known: a file that was deleted or replaced is
// closed until there is one again.
func (a *App) unread(err error) error {
	why := err.Error()
	if state := a.store.State(); errors.Is(err, store.ErrClosed) && state.Error != "" {
		why = state.Error
	}
	return &Error{Code: Away, Message: "the database could not be read: " + why, Err: err}
}

// unheardOf is NoApp for an app that is not served and has nothing in the database: those of earlier runs, and those that
// were removed, have their entries there until they are cleared.
func (a *App) unheardOf(ctx context.Context, appID string) error {
	if appID == "" || a.apps.served(appID) != nil {
		return nil
	}
	left, err := a.store.Entries(ctx, Query{App: appID, Limit: 1})
	if err != nil || len(left) > 0 {
		return nil // what the database cannot say now is no no
	}
	return NoApp(appID)
}

// Entry is one entry, from memory while it is there, else from the database.
func (a *App) Entry(ctx context.Context, seq uint64) (journal.Entry, error) {
	if e, ok := a.journal.At(seq); ok && !a.cleared.has(&e) {
		return e, nil
	}
	page, err := a.Entries(ctx, Query{After: seq - 1, Before: seq + 1, Limit: 1})
	if err == nil && len(page.Entries) == 0 {
		err = &Error{Code: NotFound, Message: fmt.Sprintf("entry %d is not kept any more, or has not happened yet", seq)}
	}
	if err != nil {
		return journal.Entry{}, err
	}
	return page.Entries[0], nil
}

// Cleared tells whether an entry of the journal was cleared: memory may still hold it.
func (a *App) Cleared(e *journal.Entry) bool { return a.cleared.has(e) }

// cleared remembers what was cleared and is still in memory: everything up to some entry.
type cleared struct {
	mu   sync.Mutex        // guards what follows
	upTo map[string]uint64 // by app; "" is every app
}

func (c *cleared) set(appID string, upTo uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.upTo == nil {
		c.upTo = map[string]uint64{}
	}
	c.upTo[appID] = upTo
}

// has tells whether an entry in memory was cleared.
func (c *cleared) has(e *journal.Entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return e.Seq <= max(c.upTo[""], c.upTo[e.App])
}

// ClearEntries takes everything out of the database that has happened in an app so far, or in all of them and in none
// for "", and tells how many entries that were. Who is connected and subscribed stays as it is, and so does what a
// recording or a run needs.
func (a *App) ClearEntries(ctx context.Context, appID string) (int64, error) {
	settled, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	last := a.journal.Last()
	_ = a.journal.Settled(settled, last)
	if err := a.unheardOf(ctx, appID); err != nil {
		return 0, err
	}
	n, err := a.store.Clear(ctx, appID, last)
	if err != nil {
		return n, &Error{Code: Away, Message: fmt.Sprintf("the database could not be cleared: %v", err), Err: err}
	}
	a.cleared.set(appID, last)
	return n, nil
}
