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

// Query says which entries to read. The zero value asks for the newest hundred.
type Query struct {
	App     string         // of this app alone; "" for all, and for what belongs to none
	After   uint64         // only seqs above it
	Before  uint64         // only seqs below it; 0 for no bound
	Kinds   []journal.Kind // only these; empty for all
	Channel string         // of this channel alone, by its exact name
	Oldest  bool           // from the oldest on, rather than from the newest
	Limit   int            // at most so many (default 100, at most 10,000)
}

const maxLimit = 10_000

const entryColumns = `e.seq, e.at_us, e.kind, e.source, e.app, e.socket, e.channel, e.event_type, e.user, e.payload,
  e.payload_encoding, e.count, e.bytes, e.note`

// Entries reads what the query asks for, in the query's order. Times come back in UTC and whole microseconds.
func (s *Store) Entries(ctx context.Context, q Query) ([]journal.Entry, error) {
	query, args := q.sql()
	var all []journal.Entry
	err := s.read(q.App, func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEntry(rows)
			if err != nil {
				return err
			}
			all = append(all, e)
		}
		return rows.Err()
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

func (q Query) limit() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(q.Limit, maxLimit)
}

// sql writes the query down. A channel is looked for in its blocks, newest (or oldest) first.
func (q Query) sql() (string, []any) {
	order := "DESC"
	if q.Oldest {
		order = "ASC"
	}
	from, by := "realtime_events e", "e.seq "+order
	where, args := []string{"e.seq > ?"}, []any{int64(q.After)}
	if q.Before > 0 {
		where, args = append(where, "e.seq < ?"), append(args, int64(q.Before))
	}
	if q.Channel != "" {
		from = fmt.Sprintf("channel_blocks b CROSS JOIN realtime_events e ON e.seq BETWEEN b.block << %d AND (b.block << %d) + %d",
			blockBits, blockBits, 1<<blockBits-1)
		by = "b.block " + order + ", " + by
		where = append(where, "b.channel = ?", "e.channel = ?", "b.block >= ?")
		args = append(args, q.Channel, q.Channel, int64(q.After>>blockBits))
		if q.Before > 0 {
			where, args = append(where, "b.block <= ?"), append(args, int64(q.Before>>blockBits))
		}
	}
	if q.App != "" {
		where, args = append(where, "e.app = ?"), append(args, q.App)
	}
	if len(q.Kinds) > 0 {
		where = append(where, "e.kind IN (?"+strings.Repeat(",?", len(q.Kinds)-1)+")")
		for _, k := range q.Kinds {
			args = append(args, k.String())
		}
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d",
		entryColumns, from, strings.Join(where, " AND "), by, q.limit()), args
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
