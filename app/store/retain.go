package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Retention says how much is kept; zero is no limit. The oldest entries go first. Never deleted are the newest entry of a
// file and what Keep names, so that a file may be larger than this. So it may while entries arrive without a pause, for
// deleting gives way to writing until there are twice as many rows as should be kept.
type Retention struct {
	Rows  int64         // entries of a file
	Age   time.Duration // since an entry happened
	Bytes int64         // size of a file, without what is free in it and without its log
}

// sliceRows is how many entries are deleted in one transaction at most.
const sliceRows = 1000

// Keep is a range of entries that retention leaves alone, under a name.
type Keep struct {
	Name string `json:"name"` // "recording:…", "run:…"
	From uint64 `json:"from_seq"`
	To   uint64 `json:"to_seq"` // the last one; 0 is no end
}

// Keep protects entries from retention until Unkeep. A name that is there already gets the new range. It holds for
// every file of the store.
func (s *Store) Keep(ctx context.Context, k Keep) error {
	if k.Name == "" || k.To != 0 && k.To < k.From {
		return fmt.Errorf("keep %q: entries %d to %d are no range", k.Name, k.From, k.To)
	}
	to := int64(math.MaxInt64)
	if k.To != 0 {
		to = int64(k.To)
	}
	return s.change(func(f *file) error {
		return f.writer.exec(`INSERT INTO keeps (name, from_seq, to_seq) VALUES (?,?,?)
		  ON CONFLICT DO UPDATE SET from_seq = excluded.from_seq, to_seq = excluded.to_seq`, k.Name, int64(k.From), to)
	})
}

// Unkeep gives a range up to retention. An unknown name is none.
func (s *Store) Unkeep(ctx context.Context, name string) error {
	return s.change(func(f *file) error { return f.writer.exec("DELETE FROM keeps WHERE name = ?", name) })
}

func (s *Store) change(what func(f *file) error) error {
	for _, f := range s.files {
		if err := f.change(what); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) change(what func(f *file) error) error {
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.writer == nil {
		return ErrClosed
	}
	if err := f.writer.transaction(func() error { return what(f) }); err != nil {
		return f.cannotWrite(err)
	}
	f.keeping.rest, f.keeping.oldest = true, 0
	return nil
}

// Kept lists what is protected, by name.
func (s *Store) Kept(ctx context.Context) ([]Keep, error) {
	all := []Keep{}
	for _, f := range s.files {
		err := f.read(func(db *sql.DB) error {
			found, err := f.keeps(ctx, db)
			for _, k := range found {
				if !slices.Contains(all, k) {
					all = append(all, k)
				}
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read what is kept: %w", err)
		}
	}
	slices.SortFunc(all, func(a, b Keep) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func (f *file) keeps(ctx context.Context, db *sql.DB) ([]Keep, error) {
	if f.schema < 2 {
		return nil, nil
	}
	rows, err := db.QueryContext(ctx, "SELECT name, from_seq, to_seq FROM keeps ORDER BY from_seq")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Keep
	for rows.Next() {
		var k Keep
		var from, to int64
		if err := rows.Scan(&k.Name, &from, &to); err != nil {
			return nil, err
		}
		if k.From = uint64(from); to != math.MaxInt64 {
			k.To = uint64(to)
		}
		all = append(all, k)
	}
	return all, rows.Err()
}

// pruned is what a slice did.
type pruned struct {
	deleted int64
	upTo    int64 // the last seq that it looked at
}

// pruneSlice deletes up to sliceRows entries, the oldest ones that may go, if a limit is passed. While entries arrive
// (exact is false) a little more than the limit is borne.
func (f *file) pruneSlice(limit Retention, now time.Time, exact bool) (pruned, error) {
	f.gate.Lock()
	defer f.gate.Unlock()
	w, k := f.writer, &f.keeping
	if w == nil || limit == (Retention{}) {
		return pruned{}, nil
	}
	excess, err := f.excess(limit, exact)
	if err != nil {
		return pruned{}, err
	}
	cutoff := int64(math.MinInt64)
	if limit.Age > 0 {
		cutoff = now.Add(-limit.Age).UnixMicro()
	}
	if excess == 0 && (limit.Age == 0 || k.oldest > 0 && k.oldest >= cutoff) {
		return pruned{}, nil
	}
	from, to, err := f.prunable()
	if err != nil || to < from {
		return pruned{}, err
	}
	// The last one that goes: as many as are too many, or, if those are more, all that are too old.
	last, err := w.number(fmt.Sprintf("SELECT max(seq) FROM (SELECT seq FROM realtime_events WHERE seq BETWEEN %d AND %d ORDER BY seq LIMIT %d)",
		from, to, min(excess, sliceRows)))
	if err != nil {
		return pruned{}, err
	}
	if limit.Age > 0 {
		bound := fmt.Sprintf("(SELECT seq, at_us FROM realtime_events WHERE seq BETWEEN %d AND %d ORDER BY seq LIMIT %d)", from, to, sliceRows)
		young, err := w.number(fmt.Sprintf("SELECT min(seq) FROM %s WHERE at_us >= %d", bound, cutoff))
		if err != nil {
			return pruned{}, err
		}
		old, err := w.number(fmt.Sprintf("SELECT max(seq) FROM %s WHERE %d = 0 OR seq < %d", bound, young, young))
		if err != nil {
			return pruned{}, err
		}
		last = max(last, old)
	}
	if last == 0 {
		k.oldest, err = w.number(fmt.Sprintf("SELECT at_us FROM realtime_events WHERE seq = %d", from))
		return pruned{}, err
	}
	n := int64(0)
	err = w.transaction(func() error {
		n, err = w.deleteEntries(from, last)
		return err
	})
	if err != nil {
		return pruned{}, err
	}
	k.rows.Add(-n)
	k.rest, k.oldest = true, 0
	return pruned{n, last}, nil
}

// excess is how many entries are too many.
func (f *file) excess(limit Retention, exact bool) (int64, error) {
	rows, over := f.keeping.rows.Load(), int64(0)
	if limit.Rows > 0 {
		over = max(0, rows-limit.Rows)
		if !exact && over <= slack {
			over = 0
		}
	}
	if limit.Bytes > 0 && rows > 0 {
		used, err := f.writer.number("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size")
		if err != nil {
			return 0, err
		}
		if used > limit.Bytes {
			over = max(over, (used-limit.Bytes)*rows/used+1)
		}
	}
	return over, nil
}

// prunable is the oldest run of entries that may be deleted, within one block; to < from when there is none.
func (f *file) prunable() (from, to int64, err error) {
	w := f.writer
	newest, err := w.number("SELECT max(seq) FROM realtime_events")
	if err != nil {
		return 0, -1, err
	}
	for from = 0; from < newest; {
		first, err := w.number(fmt.Sprintf("SELECT min(seq) FROM realtime_events WHERE seq >= %d", from))
		if err != nil {
			return 0, -1, err
		}
		if first == 0 || first >= newest {
			return 0, -1, nil
		}
		keptTo, err := w.number(fmt.Sprintf("SELECT max(to_seq) FROM keeps WHERE from_seq <= %d AND to_seq >= %[1]d", first))
		if err != nil {
			return 0, -1, err
		}
		if keptTo >= newest {
			return 0, -1, nil
		}
		if keptTo > 0 {
			from = keptTo + 1
			continue
		}
		to = min(newest-1, first|(blockSize-1))
		next, err := w.number(fmt.Sprintf("SELECT min(from_seq) FROM keeps WHERE from_seq > %d", first))
		if err != nil {
			return 0, -1, err
		}
		if next > 0 {
			to = min(to, next-1)
		}
		return first, to, nil
	}
	return 0, -1, nil
}

// deleteEntries deletes from ≤ seq ≤ to, which are in one block and not kept, and what is known of them elsewhere. It is
// called inside a transaction.
func (w *writer) deleteEntries(from, to int64) (n int64, err error) {
	if n, err = w.number(fmt.Sprintf("SELECT count(*) FROM realtime_events WHERE seq BETWEEN %d AND %d", from, to)); err != nil {
		return 0, err
	}
	block := from >> blockBits
	for _, step := range []struct {
		sql  string
		args []any
	}{
		// Whoever came before and is still there keeps what was said of them.
		{`UPDATE subscriptions SET (info, info_encoding) = (SELECT payload, payload_encoding FROM realtime_events WHERE seq = from_seq)
		  WHERE from_seq BETWEEN ? AND ? AND (to_seq IS NULL OR to_seq > ?)`, []any{from, to, to + 1}},
		{`DELETE FROM realtime_events WHERE seq BETWEEN ? AND ?`, []any{from, to}},
		{`UPDATE blocks SET rows = rows - ? WHERE block = ?`, []any{n, block}},
		{`DELETE FROM block_sets WHERE block IN (SELECT block FROM blocks WHERE block = ? AND rows <= 0)`, []any{block}},
		{`DELETE FROM blocks WHERE block = ? AND rows <= 0`, []any{block}},
		{fmt.Sprintf(deleteEnded, "subscriptions"), []any{from, to}},
		{fmt.Sprintf(deleteEnded, "sessions"), []any{from, to}},
	} {
		if err := w.exec(step.sql, step.args...); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// deleteEnded deletes the intervals that began among deleted entries and ended there too. What began there and ended
// later goes when that is deleted: see sweep.
const deleteEnded = `DELETE FROM %[1]s WHERE from_seq BETWEEN ?1 AND ?2 AND to_seq <= ?2 + 1`

// sweepEnded deletes what is over and touches nothing that is left.
const sweepEnded = `DELETE FROM %[1]s WHERE from_seq <= ?1 AND to_seq <= ?2
  AND NOT EXISTS (SELECT 1 FROM realtime_events e WHERE e.seq >= %[1]s.from_seq AND e.seq < %[1]s.to_seq)`

// sweep deletes the intervals that touch no entry any more, and users who were last seen before the oldest one.
func (f *file) sweep(upTo int64) error {
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.writer == nil {
		return nil
	}
	w := f.writer
	return w.transaction(func() error {
		// Beyond upTo there may be a gap, of what was deleted earlier.
		next, err := w.number(fmt.Sprintf("SELECT min(seq) FROM realtime_events WHERE seq > %d", upTo))
		if err != nil {
			return err
		}
		for _, table := range []string{"subscriptions", "sessions"} {
			if err := w.exec(fmt.Sprintf(sweepEnded, table), upTo, next); err != nil {
				return err
			}
		}
		oldest, err := w.number("SELECT at_us FROM realtime_events ORDER BY seq LIMIT 1")
		if err != nil {
			return err
		}
		return w.exec("DELETE FROM user_presence WHERE status = 'offline' AND source = 'socket' AND last_seen_at < ?", timestamp(time.UnixMicro(oldest)))
	})
}

// Prune applies a retention now, exactly, and gives the space back. It tells how many entries it deleted.
func (s *Store) Prune(ctx context.Context, limit Retention, progress func(deleted int64)) (int64, error) {
	total := int64(0)
	for _, f := range s.files {
		err := f.prune(ctx, limit, func(n int64) {
			if total += n; progress != nil {
				progress(total)
			}
		})
		if err != nil {
			return total, fmt.Errorf("prune store %s: %w", f.path, err)
		}
	}
	return total, nil
}

func (f *file) prune(ctx context.Context, limit Retention, deleted func(int64)) error {
	if err := f.beginUpkeep(ctx); err != nil {
		return err
	}
	now, upTo := time.Now(), int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, f.sweep(upTo))
		}
		did, err := f.pruneSlice(limit, now, true)
		if err != nil {
			return err
		}
		if did.deleted == 0 {
			break
		}
		upTo = max(upTo, did.upTo)
		deleted(did.deleted)
	}
	if err := f.sweep(upTo); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if more, err := f.vacuumSlice(true); err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// Prunable tells how many entries Prune would delete. For Retention.Bytes that is an estimate. It changes nothing.
func (s *Store) Prunable(ctx context.Context, limit Retention) (int64, error) {
	total := int64(0)
	for _, f := range s.files {
		err := f.read(func(db *sql.DB) error {
			n, err := f.countPrunable(ctx, db, limit)
			total += n
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("read store %s: %w", f.path, err)
		}
	}
	return total, nil
}

func (f *file) countPrunable(ctx context.Context, db *sql.DB, limit Retention) (int64, error) {
	number := func(query string, args ...any) (n int64, err error) {
		err = db.QueryRowContext(ctx, query, args...).Scan(&n)
		return n, err
	}
	rows, err := number("SELECT count(*) FROM realtime_events")
	if err != nil || rows == 0 {
		return 0, err
	}
	// Condition for what may go at all.
	may := "seq < (SELECT max(seq) FROM realtime_events)"
	if f.schema >= 2 {
		may += " AND NOT EXISTS (SELECT 1 FROM keeps k WHERE k.from_seq <= seq AND k.to_seq >= seq)"
	}
	free, err := number("SELECT count(*) FROM realtime_events WHERE " + may)
	if err != nil {
		return 0, err
	}
	over := int64(0)
	if limit.Rows > 0 {
		over = max(over, rows-limit.Rows)
	}
	if limit.Bytes > 0 {
		used, err := number("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size")
		if err != nil {
			return 0, err
		}
		if used > limit.Bytes {
			over = max(over, (used-limit.Bytes)*rows/used+1)
		}
	}
	if limit.Age > 0 {
		cutoff := time.Now().Add(-limit.Age).UnixMicro()
		old, err := number("SELECT count(*) FROM realtime_events WHERE "+may+
			" AND seq < coalesce((SELECT min(seq) FROM realtime_events WHERE at_us >= ? AND "+may+"), 1 << 62)", cutoff)
		if err != nil {
			return 0, err
		}
		over = max(over, old)
	}
	return min(over, free), nil
}
