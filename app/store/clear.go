package store

import (
	"context"
	"fmt"
)

// clearSpan is how many sequence numbers are cleared in one transaction: entries are written in between.
const clearSpan = 4096

// Clear deletes the entries of an app ("" for all of every app and of none) up to a sequence number, and what is over
// of sessions, subscriptions and presence. What still lasts stays. It tells how many entries it deleted, also when ctx
// ended before all were.
func (s *Store) Clear(ctx context.Context, app string, upTo uint64) (int64, error) {
	files := s.files
	if app != "" {
		files = []*file{s.fileOf(app)}
	}
	var total int64
	for _, f := range files {
		n, err := f.clear(ctx, app, int64(upTo))
		total += n
		if err != nil {
			return total, fmt.Errorf("clear store %s: %w", f.path, err)
		}
	}
	return total, nil
}

func (f *file) clear(ctx context.Context, app string, upTo int64) (total int64, err error) {
	const ofApp = ` AND (?2 = '' OR app = ?2)`
	var first int64
	err = f.write(func(w *writer) error {
		first, err = w.number("SELECT min(seq) FROM realtime_events")
		return err
	})
	for from := first; err == nil && from > 0 && from <= upTo; from += clearSpan {
		if err = ctx.Err(); err != nil {
			return total, err
		}
		err = f.write(func(w *writer) error {
			err := w.exec("DELETE FROM realtime_events WHERE seq >= ?1 AND seq <= ?3"+ofApp, from, app, min(from+clearSpan-1, upTo))
			if err != nil {
				return err
			}
			n, err := w.number("SELECT changes()")
			total += n
			return err
		})
	}
	if err != nil {
		return total, err
	}
	return total, f.write(func(w *writer) error {
		for _, statement := range []string{
			"DELETE FROM sessions WHERE to_seq <= ?1" + ofApp,
			"DELETE FROM subscriptions WHERE to_seq <= ?1" + ofApp,
			"DELETE FROM user_presence WHERE ?1 > 0 AND status = 'offline'" + ofApp,
		} {
			if err := w.exec(statement, upTo, app); err != nil {
				return err
			}
		}
		if app != "" {
			return nil // a block may hold other apps' entries; one too many only costs a look
		}
		clear(w.marked)
		return w.exec("DELETE FROM channel_blocks WHERE block < ?", (upTo+1)>>blockBits)
	})
}

// write runs what in a transaction of its own, between the batches.
func (f *file) write(what func(w *writer) error) error {
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.writer == nil {
		return ErrClosed
	}
	return f.writer.transaction(func() error { return what(f.writer) })
}
