package store

import (
	"context"
	"fmt"
)

// Clear deletes the entries of an app ("" for all of every app and of none) up to a sequence number, apart from what
// Keep names. Who is still connected stays so, and numbers go on after the highest that was ever given. It tells how many
// entries it deleted, also when ctx ended before all were.
func (s *Store) Clear(ctx context.Context, app string, upTo uint64) (deleted int64, err error) {
	err = s.eachFile(app, func(f *file) error {
		n, err := f.clear(ctx, app, int64(upTo))
		if deleted += n; err != nil {
			return fmt.Errorf("clear store %s: %w", f.path, err)
		}
		return nil
	})
	return deleted, err
}

func (f *file) clear(ctx context.Context, app string, upTo int64) (total int64, err error) {
	for from := int64(1); from > 0 && from <= upTo; {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, next, err := f.clearSlice(app, from, upTo)
		if total += n; err != nil {
			return total, err
		}
		from = next
	}
	return total, f.sweep(upTo)
}

// clearSlice deletes within one block, in a transaction of its own: entries are written in between. next is where to
// go on, 0 when nothing is left.
func (f *file) clearSlice(app string, from, upTo int64) (n, next int64, err error) {
	f.gate.Lock()
	defer f.gate.Unlock()
	w := f.writer
	if w == nil {
		return 0, 0, ErrClosed
	}
	var first, newest, keptTo, keptFrom int64
	for _, ask := range []struct {
		into *int64
		sql  string
	}{
		{&newest, "SELECT max(seq) FROM realtime_events"},
		{&first, fmt.Sprintf("SELECT min(seq) FROM realtime_events WHERE seq >= %d", from)},
		{&keptTo, fmt.Sprintf("SELECT max(to_seq) FROM keeps WHERE from_seq <= %d AND to_seq >= %[1]d", from)},
		{&keptFrom, fmt.Sprintf("SELECT min(from_seq) FROM keeps WHERE from_seq > %d", from)},
	} {
		if *ask.into, err = w.number(ask.sql); err != nil {
			return 0, 0, err
		}
	}
	switch {
	case first == 0:
		return 0, 0, nil
	case keptTo >= upTo:
		return 0, 0, nil
	case keptTo > 0:
		return 0, keptTo + 1, nil
	case keptFrom > 0 && keptFrom <= first:
		return 0, keptFrom, nil
	}
	last := min(first|(blockSize-1), upTo)
	if keptFrom > 0 {
		last = min(last, keptFrom-1)
	}
	if last < first {
		return 0, 0, nil
	}
	err = w.transaction(func() error {
		if app == "" {
			n, err = w.deleteEntries(first, last)
		} else {
			n, err = w.deleteEntriesOf(app, first, last)
		}
		if err == nil && last >= newest {
			err = w.clearedUpTo(newest)
		}
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	f.keeping.rows.Add(-n)
	f.keeping.rest, f.keeping.oldest = true, 0
	return n, last + 1, nil
}

// clearedUpTo remembers the number of the newest entry, which may be deleted.
func (w *writer) clearedUpTo(seq int64) error {
	if err := w.exec("DELETE FROM cleared WHERE up_to < ?", seq); err != nil {
		return err
	}
	return w.exec("INSERT INTO cleared SELECT ? WHERE NOT EXISTS (SELECT 1 FROM cleared)", seq)
}

// lastNumber asks for the highest seq that was given: that of the newest entry, or of what was cleared since.
const lastNumber = "SELECT max(coalesce((SELECT max(seq) FROM realtime_events), 0), coalesce((SELECT max(up_to) FROM cleared), 0))"

// deleteEntriesOf is deleteEntries for one app's. Sessions and subscriptions go when nothing around them is left.
func (w *writer) deleteEntriesOf(app string, from, to int64) (n int64, err error) {
	err = w.exec(`UPDATE subscriptions SET (info, info_encoding) = (SELECT payload, payload_encoding FROM realtime_events WHERE seq = from_seq)
	  WHERE app = ? AND from_seq BETWEEN ? AND ? AND (to_seq IS NULL OR to_seq > ?)`, app, from, to, to+1)
	if err != nil {
		return 0, err
	}
	if err := w.exec(`DELETE FROM realtime_events WHERE app = ? AND seq BETWEEN ? AND ?`, app, from, to); err != nil {
		return 0, err
	}
	if n, err = w.number("SELECT changes()"); err != nil {
		return 0, err
	}
	block := from >> blockBits
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`UPDATE blocks SET rows = rows - ? WHERE block = ?`, []any{n, block}},
		{`DELETE FROM block_sets WHERE block IN (SELECT block FROM blocks WHERE block = ? AND rows <= 0)`, []any{block}},
		{`DELETE FROM blocks WHERE block = ? AND rows <= 0`, []any{block}},
	} {
		if err := w.exec(step.sql, step.args...); err != nil {
			return 0, err
		}
	}
	return n, nil
}
