package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"echolab/emulator/journal"
)

const entryColumns = `e.seq, e.at_us, e.kind, e.source, e.app, e.socket, e.channel, e.event_type, e.user, e.payload,
  e.payload_encoding, e.count, e.bytes, e.note`

// Entries reads what the query asks for, in the query's order, however long that takes. Times come back in UTC and whole
// microseconds.
func (s *Store) Entries(ctx context.Context, q Query) ([]journal.Entry, error) {
	all, left := []journal.Entry(nil), q.limit()
	for {
		q.Limit = left
		page, err := s.part(ctx, q)
		all, left = append(all, page.Entries...), left-len(page.Entries)
		if err != nil || !page.More || left <= 0 {
			return all, err
		}
		q = q.Following(page)
	}
}

// Page is a part of an answer, with where to go on: Query.Following. It may hold less than the limit, even nothing, and
// there may be more all the same: then it was work enough for one page (see pageTime and pageLeast).
type Page struct {
	Entries []journal.Entry
	More    bool   // there may be more in this direction
	Next    uint64 // Before, or After with Oldest, of the next page
	// Indexed is the newest entry that the search index knows. What is newer was read row by row: the answer is
	// complete, but takes the longer the more that is.
	Indexed uint64
}

// Following is the query for what comes after its page.
func (q Query) Following(p Page) Query {
	if q.Oldest {
		q.After = p.Next
	} else {
		q.Before = p.Next
	}
	return q
}

// Page reads the next part of what the query asks for, in the query's order, and answers soon.
func (s *Store) Page(ctx context.Context, q Query) (Page, error) {
	limit := min(q.limit(), maxLimit-1)
	q.Limit = limit + 1
	page, err := s.part(ctx, q)
	if len(page.Entries) > limit {
		page.Entries = page.Entries[:limit]
		page.Next = page.Entries[limit-1].Seq
	}
	page.Indexed = s.Indexed()
	return page, err
}

// part is Page, except that More is true also when the limit was just reached.
func (s *Store) part(ctx context.Context, q Query) (Page, error) {
	var page Page
	before := func(a, b uint64) bool { return a != b && a > b != q.Oldest } // in the query's direction
	w := s.newWork()
	err := s.eachFile(q.App, func(f *file) error {
		l, err := f.search(ctx, q, w)
		page.Entries = append(page.Entries, l.found...)
		if l.stopped && (!page.More || before(l.reached, page.Next)) {
			page.More, page.Next = true, l.reached // of several files the one that got least far
		}
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("read entries: %w", err)
	}
	// Several files: merge their runs. What lies beyond Next is for the next page.
	slices.SortFunc(page.Entries, func(a, b journal.Entry) int {
		if q.Oldest {
			return cmp.Compare(a.Seq, b.Seq)
		}
		return cmp.Compare(b.Seq, a.Seq)
	})
	if page.More {
		page.Entries = slices.DeleteFunc(page.Entries, func(e journal.Entry) bool { return before(page.Next, e.Seq) })
	}
	switch n := len(page.Entries); {
	case n > q.limit():
		page.Entries = page.Entries[:q.limit()]
		page.More, page.Next = true, page.Entries[q.limit()-1].Seq
	case page.More:
	case n > 0:
		page.Next = page.Entries[n-1].Seq
	case q.Oldest:
		page.Next = q.After
	default:
		page.Next = q.Before
	}
	return page, nil
}

func scanEntry(rows *sql.Rows) (journal.Entry, error) {
	var (
		e                 journal.Entry
		seq, us           int64
		kind, source      string
		payload, encoding sql.NullString
	)
	err := rows.Scan(&seq, &us, &kind, &source, &e.App, &e.Socket, &e.Channel, &e.Event, &e.User, &payload, &encoding,
		&e.Count, &e.Bytes, &e.Note)
	if err != nil {
		return e, err
	}
	e.Seq, e.At, e.Kind = uint64(seq), time.UnixMicro(us).UTC(), journal.KindNamed(kind)
	_ = e.Source.UnmarshalText([]byte(source))
	if e.Data, err = decodePayload(payload, encoding); err != nil {
		return e, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	return e, nil
}

// ByID finds the entry with an id (journal.Entry.ID, the column event_id). It tells whether there is one.
func (s *Store) ByID(ctx context.Context, id string) (journal.Entry, bool, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(raw) != 16 {
		return journal.Entry{}, false, nil
	}
	// The seq is the last 62 bits, so that no index on event_id is needed.
	var seq uint64
	for _, b := range raw[8:] {
		seq = seq<<8 | uint64(b)
	}
	seq &= 1<<62 - 1
	if seq == 0 {
		return journal.Entry{}, false, nil
	}
	found, err := s.Entries(ctx, Query{After: seq - 1, Before: seq + 1})
	if err != nil || len(found) == 0 || found[0].ID() != strings.ToLower(id) {
		return journal.Entry{}, false, err
	}
	return found[0], true, nil
}

// Count is how many entries of an app are kept ("" for all). It reads the whole table.
func (s *Store) Count(ctx context.Context, app string) (int64, error) {
	var total int64
	err := s.read(app, func(db *sql.DB) error {
		var n int64
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM realtime_events WHERE ?1 = '' OR app = ?1", app).Scan(&n)
		total += n
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count entries: %w", err)
	}
	return total, nil
}
