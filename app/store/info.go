package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"echolab/emulator/journal"
)

// Info is what a file holds.
type Info struct {
	Path      string      `json:"path"`
	App       string      `json:"app"`        // whose it is; "" when it is everybody's
	Schema    int         `json:"schema"`     // version of its tables
	Bytes     int64       `json:"bytes"`      // on disk, with its log
	LogBytes  int64       `json:"log_bytes"`  // of that, the write-ahead log, which retention does not count and which is emptied when nothing arrives
	FreeBytes int64       `json:"free_bytes"` // of that, free for new entries
	Rows      int64       `json:"rows"`
	Kinds     []KindCount `json:"kinds"` // those that occur, in the order of journal.Kinds
	First     *Mark       `json:"first"` // nil where there is nothing
	Last      *Mark       `json:"last"`
	// Indexed is how many of the entries the search index knows.
	Indexed int64  `json:"indexed"`
	Keeps   []Keep `json:"keeps"` // what retention leaves alone
}

// KindCount is how many entries of a kind there are.
type KindCount struct {
	Kind string `json:"kind"`
	Rows int64  `json:"rows"`
}

// Mark is an entry's place.
type Mark struct {
	Seq uint64    `json:"seq"`
	At  time.Time `json:"at"`
}

// Info tells what each file holds. What the index does not know is counted row by row.
func (s *Store) Info(ctx context.Context) ([]Info, error) {
	all := make([]Info, 0, len(s.files))
	for _, f := range s.files {
		info := Info{Path: f.path, App: f.app, Schema: f.schema, Bytes: f.size(), LogBytes: f.logBytes()}
		if err := f.read(func(db *sql.DB) error { return f.inform(ctx, db, &info) }); err != nil {
			return nil, fmt.Errorf("read store %s: %w", f.path, err)
		}
		all = append(all, info)
	}
	return all, nil
}

func (f *file) inform(ctx context.Context, db *sql.DB, info *Info) error {
	err := db.QueryRowContext(ctx, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size").Scan(&info.FreeBytes)
	if err != nil {
		return err
	}
	counts := make(map[string]int64)
	spans, err := Query{Oldest: true}.spans(ctx, db, f)
	if err != nil {
		return err
	}
	for _, span := range spans {
		n, err := f.countKinds(ctx, db, span, counts)
		if err != nil {
			return err
		}
		if info.Rows += n; span.indexed {
			info.Indexed += n
		}
	}
	info.Kinds = []KindCount{}
	for _, kind := range journal.Kinds {
		if n := counts[kind.Name]; n > 0 {
			info.Kinds = append(info.Kinds, KindCount{kind.Name, n})
		}
	}
	for _, end := range []struct {
		order string
		into  **Mark
	}{{"ASC", &info.First}, {"DESC", &info.Last}} {
		var seq, us int64
		err := db.QueryRowContext(ctx, "SELECT seq, at_us FROM realtime_events ORDER BY seq "+end.order+" LIMIT 1").Scan(&seq, &us)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return err
		}
		*end.into = &Mark{uint64(seq), time.UnixMicro(us).UTC()}
	}
	keeps, err := f.keeps(ctx, db)
	info.Keeps = append([]Keep{}, keeps...)
	return err
}

// countKinds adds a span's entries to counts and tells how many they are. The index is asked only where the block is
// whole, for its sets name deleted entries too.
func (f *file) countKinds(ctx context.Context, db *sql.DB, span span, counts map[string]int64) (total int64, err error) {
	if span.indexed {
		var rows int64
		var sets []byte
		block := int64(span.from >> blockBits)
		err := db.QueryRowContext(ctx, `SELECT rows, sets FROM blocks JOIN block_sets USING (block)
		  WHERE block = ? AND field = ? AND shard = 0`, block, byKind.number).Scan(&rows, &sets)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, err
		}
		found := make(map[string]int64)
		err = eachNamed(sets, func(value, written []byte) error {
			var s set
			err := s.orFrom(written)
			found[string(value)] = int64(s.count())
			total += found[string(value)]
			return err
		})
		if err != nil {
			return 0, err
		}
		if total == rows {
			for kind, n := range found {
				counts[kind] += n
			}
			return total, nil
		}
		total = 0
	}
	rows, err := db.QueryContext(ctx, "SELECT kind, count(*) FROM realtime_events WHERE seq >= ? AND seq < ? GROUP BY kind", int64(span.from), int64(span.to))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var n int64
		if err := rows.Scan(&kind, &n); err != nil {
			return 0, err
		}
		counts[kind] += n
		total += n
	}
	return total, rows.Err()
}
