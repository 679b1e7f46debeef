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

// Entries reads what the query asks for, in the query's order. Times come back in UTC and whole microseconds. The next
// page is the same query with Before (or, Oldest, with After) set to the last entry's Seq.
func (s *Store) Entries(ctx context.Context, q Query) ([]journal.Entry, error) {
	var all []journal.Entry
	err := s.eachFile(q.App, func(f *file) error {
		found, err := f.search(ctx, q)
		all = append(all, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	// Several files: merge their runs.
	slices.SortFunc(all, func(a, b journal.Entry) int {
		if q.Oldest {
			return cmp.Compare(a.Seq, b.Seq)
		}
		return cmp.Compare(b.Seq, a.Seq)
	})
	return all[:min(len(all), q.limit())], nil
}

// Page is a part of an answer, with where to go on.
type Page struct {
	Entries []journal.Entry
	More    bool   // there is more in this direction
	Next    uint64 // Before, or After with Oldest, of the next page
	// Indexed is the newest entry that the search index knows. What is newer was read row by row: the answer is
	// complete, but takes the longer the more that is.
	Indexed uint64
}

// Page is Entries with where to go on.
func (s *Store) Page(ctx context.Context, q Query) (Page, error) {
	limit := min(q.limit(), maxLimit-1)
	q.Limit = limit + 1
	found, err := s.Entries(ctx, q)
	page := Page{Entries: found, Indexed: s.Indexed()}
	if len(found) > limit {
		page.Entries, page.More = found[:limit], true
	}
	if len(page.Entries) > 0 {
		page.Next = page.Entries[len(page.Entries)-1].Seq
	}
	return page, err
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
