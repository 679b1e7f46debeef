package store

import (
	"context"
	"database/sql"
	"fmt"
)

// CountBetween tells how many entries there are with seqs above after and below before, in the files that hold an app's ("" for
// all of them), whose ever they are.
func (s *Store) CountBetween(ctx context.Context, app string, after, before uint64) (n int64, err error) {
	err = s.eachFile(app, func(f *file) error {
		return f.read(func(db *sql.DB) error {
			here, err := f.count(ctx, db, int64(after)+1, int64(before))
			n += here
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("count entries: %w", err)
	}
	return n, nil
}

// count is the number of entries from one on, below another. Whole blocks know theirs, so that the payloads of a million
// need not be read past.
func (f *file) count(ctx context.Context, db *sql.DB, from, to int64) (n int64, err error) {
	add := func(query string, a, b int64) error {
		if a >= b || err != nil {
			return err
		}
		var more int64
		err = db.QueryRowContext(ctx, query, a, b).Scan(&more)
		n += more
		return err
	}
	const rows, blocks = "SELECT count(*) FROM realtime_events WHERE seq >= ?1 AND seq < ?2", "SELECT coalesce(sum(rows), 0) FROM blocks WHERE block >= ?1 AND block < ?2"
	first, end := (from+blockSize-1)>>blockBits, to>>blockBits
	if f.schema < 2 || first >= end {
		return n, add(rows, from, to)
	}
	var indexed int64
	if err = db.QueryRowContext(ctx, "SELECT coalesce(max(block) + 1, 0) FROM blocks").Scan(&indexed); err != nil {
		return 0, err
	}
	if end = min(end, indexed); first >= end {
		return n, add(rows, from, to)
	}
	_ = add(rows, from, first<<blockBits) // its error is kept
	_ = add(blocks, first, end)
	return n, add(rows, end<<blockBits, to)
}
