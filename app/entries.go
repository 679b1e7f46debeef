package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// EntryPage is a page, in the order in which things happened.
type EntryPage struct {
	Entries []journal.Entry
	More    bool // others fit too: before the first when the newest were asked for, else after the last
}

// settleWait is how long a reader waits for what has just happened to be in the database.
const settleWait = time.Second

// Entries reads the database. What happened before the call is in the answer, be it still on its way there (unless the
// database is stuck: then what it has is the answer).
func (a *App) Entries(ctx context.Context, q EntryQuery) (EntryPage, error) {
	settled, cancel := context.WithTimeout(ctx, settleWait)
	_ = a.journal.Settled(settled, a.journal.Last())
	cancel()
	page, err := stored(ctx, a.store, q)
	if err != nil {
		return EntryPage{}, &Error{Code: Away, Message: fmt.Sprintf("the database could not be read: %v", err), Err: err}
	}
	return page, nil
}

// Entry is one entry, from memory while it is there, else from the database.
func (a *App) Entry(ctx context.Context, seq uint64) (journal.Entry, error) {
	if e, ok := a.journal.At(seq); ok && !a.cleared.has(&e) {
		return e, nil
	}
	page, err := a.Entries(ctx, EntryQuery{After: seq - 1, Before: seq + 1, Limit: 1})
	if err == nil && len(page.Entries) == 0 {
		err = &Error{Code: NotFound, Message: fmt.Sprintf("entry %d is not kept any more, or has not happened yet", seq)}
	}
	if err != nil {
		return journal.Entry{}, err
	}
	return page.Entries[0], nil
}

// stored reads pages from the store until enough entries fit.
func stored(ctx context.Context, s *store.Store, q EntryQuery) (EntryPage, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	ask := store.Query{App: q.App, After: q.After, Before: q.Before, Kinds: q.Kinds, Oldest: q.Oldest, Limit: min(max(q.Limit+1, 1000), 10_000)}
	if !isPattern(q.Channel) {
		ask.Channel = q.Channel
	}
	match := q.Matcher()
	var page EntryPage
	for {
		batch, err := s.Entries(ctx, ask)
		if err != nil {
			return EntryPage{}, err
		}
		for i := range batch {
			if !match(&batch[i]) {
				continue
			}
			if len(page.Entries) == q.Limit {
				page.More = true
				break
			}
			page.Entries = append(page.Entries, batch[i])
		}
		if page.More || len(batch) < ask.Limit {
			break
		}
		if last := batch[len(batch)-1].Seq; q.Oldest {
			ask.After = last
		} else {
			ask.Before = last
		}
	}
	if !q.Oldest {
		slices.Reverse(page.Entries)
	}
	return page, nil
}

// cleared remembers up to where entries were cleared, for those that memory still has.
type cleared struct {
	mu   sync.Mutex        // guards upTo
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

// has tells whether an entry was cleared.
func (c *cleared) has(e *journal.Entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return e.Seq <= max(c.upTo[""], c.upTo[e.App])
}

// ClearEntries takes everything out of the database that has happened in an app so far, or in all of them and in none
// for "", and tells how many entries that were. Who is connected and subscribed stays as it is.
func (a *App) ClearEntries(ctx context.Context, appID string) (int64, error) {
	settled, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	last := a.journal.Last()
	_ = a.journal.Settled(settled, last)
	n, err := a.store.Clear(ctx, appID, last)
	if err != nil {
		return n, &Error{Code: Away, Message: fmt.Sprintf("the database could not be cleared: %v", err), Err: err}
	}
	a.cleared.set(appID, last)
	return n, nil
}
