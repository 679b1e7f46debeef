package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"echolab/emulator/journal"
)

// upkeep is what is done to a file beside writing entries: indexing full blocks, retention, giving space back. It works in
// slices of a few milliseconds between batches, with pauses while entries arrive, so that the writer hardly notices.
type upkeep struct {
	wake    chan struct{} // has room for one
	rows    atomic.Int64  // entries in the file; -1 until counted
	indexed atomic.Uint64 // every entry up to here is in the index
	// The rest belongs to whoever does the work: the upkeep goroutine, or Prune. Guarded by the file's gate.
	begun  bool
	before *indexed // the last block that was indexed, for what was open
	next   int64    // block to index next
	swept  int64    // deleted up to here, and not swept yet; 0 when all is
	ix     *indexer // while there is something to index; it is large
	rest   bool     // there may be something to delete or to give back, though nothing arrives
	oldest int64    // µs, of the oldest entry that may be deleted; 0 when not known
}

// written counts entries that were committed. It is called with the gate held.
func (f *file) written(n int) {
	if f.keeping.begun {
		f.keeping.rows.Add(int64(n))
	}
}

// patient is how many blocks may wait for the index while entries flood in. A text search looks through them one by one,
// over several pages; indexing them at once would take a publisher 15 % of the processor.
const patient = 32

// nudge tells upkeep that there is work which cannot wait for the next tick. It is called after each batch and costs next
// to nothing.
func (f *file) nudge() {
	if f.unindexed() < patient && !f.over() {
		return
	}
	select {
	case f.keeping.wake <- struct{}{}:
	default:
	}
}

// unindexed is how many full blocks wait for the index.
func (f *file) unindexed() uint64 {
	return (f.last.Load()+1)>>blockBits - (f.keeping.indexed.Load()+1)>>blockBits
}

// slack is how many rows too many are borne while entries arrive, so that each slice has something to do.
const slack = 1000

func (f *file) over() bool {
	return f.retention.Rows > 0 && f.keeping.rows.Load() > f.retention.Rows+slack
}

// farOver is when deleting may hold the writer up: there is twice as much as should be kept.
func (f *file) farOver() bool {
	return f.retention.Rows > 0 && f.keeping.rows.Load() > 2*f.retention.Rows+slack
}

// keepUp does the upkeep until ctx ends. quiet is how long nothing must have arrived before everything is tidied up.
func (s *Store) keepUp(ctx context.Context, j *journal.Journal, f *file) {
	tick := time.NewTicker(s.quiet)
	defer tick.Stop()
	var seen uint64
	for {
		idle := false
		select {
		case <-ctx.Done():
			return
		case <-f.keeping.wake:
		case <-tick.C:
			s.lookOutside(j, f)
			last := f.last.Load()
			idle = last == seen
			flood := last-seen > 1<<blockBits
			seen = last
			if flood && f.unindexed() < patient && !f.over() {
				continue
			}
			if idle {
				f.keeping.ix = nil
			}
		}
		for ctx.Err() == nil {
			began, last := time.Now(), f.last.Load()
			more, err := f.upkeepSlice(ctx, idle)
			if err != nil {
				if ctx.Err() == nil {
					s.log.Debug("upkeep of the store", "path", f.path, "error", err)
				}
				break // the file's own trouble is told by the writer; the next tick tries again
			}
			if !more {
				break
			}
			if f.last.Load() != last && !f.farOver() { // entries arrive: leave them most of the time
				pause(ctx, 3*time.Since(began))
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// upkeepSlice does a little work and tells whether there is more.
func (f *file) upkeepSlice(ctx context.Context, idle bool) (more bool, err error) {
	if err := f.beginUpkeep(ctx); err != nil {
		return false, err
	}
	did, err := f.indexSlice(ctx)
	if err != nil {
		return false, err
	}
	pruned, err := f.pruneSlice(f.retention, time.Now(), idle)
	if err != nil {
		return false, err
	}
	k := &f.keeping
	if pruned.deleted > 0 {
		k.swept = max(k.swept, pruned.upTo)
	}
	if k.swept > 0 && (pruned.deleted == 0 && idle || pruned.upTo&(blockSize-1) == blockSize-1) {
		if err := f.sweep(k.swept); err != nil {
			return false, err
		}
		k.swept = 0
	}
	if did || pruned.deleted > 0 {
		return true, nil
	}
	return f.vacuumSlice(idle)
}

// beginUpkeep finds out where the last run of the program left off.
func (f *file) beginUpkeep(ctx context.Context) error {
	f.gate.Lock()
	done := f.keeping.begun
	f.gate.Unlock()
	if done {
		return nil
	}
	var before *indexed
	var next, rows int64
	last := int64(f.last.Load())
	err := f.read(func(db *sql.DB) error {
		var err error
		before, next, rows, err = whereIndexed(ctx, db)
		if err != nil {
			return err
		}
		// What arrives while this counts is counted below.
		var tail int64
		err = db.QueryRowContext(ctx, "SELECT count(*) FROM realtime_events WHERE seq >= ? AND seq <= ?", next<<blockBits, last).Scan(&tail)
		rows += tail
		return err
	})
	if err != nil {
		return err
	}
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.writer == nil {
		return ErrClosed
	}
	arrived, err := f.writer.number("SELECT count(*) FROM realtime_events WHERE seq > " + fmt.Sprint(last))
	if err != nil {
		return err
	}
	k := &f.keeping
	k.before, k.next, k.begun, k.rest = before, next, true, true
	k.rows.Store(rows + arrived)
	k.indexed.Store(indexedUpTo(next))
	return nil
}

func indexedUpTo(next int64) uint64 {
	if next == 0 {
		return 0
	}
	return uint64(next<<blockBits - 1)
}

// whereIndexed reads the last indexed block, the one to index next, and how many entries the indexed ones have left.
func whereIndexed(ctx context.Context, db *sql.DB) (before *indexed, next, rows int64, err error) {
	if err = db.QueryRowContext(ctx, "SELECT coalesce(sum(rows), 0) FROM blocks").Scan(&rows); err != nil {
		return nil, 0, 0, err
	}
	var sessions, subscriptions []byte
	before = &indexed{}
	err = db.QueryRowContext(ctx, "SELECT block, sessions, subscriptions FROM blocks ORDER BY block DESC LIMIT 1").
		Scan(&before.block, &sessions, &subscriptions)
	if errors.Is(err, sql.ErrNoRows) {
		var first sql.NullInt64
		err = db.QueryRowContext(ctx, "SELECT min(seq) FROM realtime_events").Scan(&first)
		return nil, first.Int64 >> blockBits, rows, err
	}
	if err == nil {
		before.sessions, err = decodeSeqs(sessions)
	}
	if err == nil {
		before.subscriptions, err = decodeSeqs(subscriptions)
	}
	return before, before.block + 1, rows, err
}

// indexSlice indexes the next block if it is full.
func (f *file) indexSlice(ctx context.Context) (bool, error) {
	k := &f.keeping
	f.gate.Lock()
	block, before, generation := k.next, k.before, f.generation
	f.gate.Unlock()
	if f.last.Load() < uint64(block+1)<<blockBits-1 {
		return false, nil
	}
	if k.ix == nil {
		k.ix = newIndexer()
	}
	made, err := k.ix.read(ctx, f, block, before)
	if err != nil {
		return false, err
	}
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.writer == nil || f.generation != generation {
		return false, nil
	}
	if made == nil { // nothing of this file in it: go where the next entry is
		n, err := f.writer.number("SELECT min(seq) FROM realtime_events WHERE seq >= " + fmt.Sprint((block+1)<<blockBits))
		if err != nil {
			return false, err
		}
		k.next = max(block+1, n>>blockBits)
		if n == 0 {
			k.next = max(block+1, int64(f.last.Load()>>blockBits))
		}
		k.indexed.Store(indexedUpTo(k.next))
		return true, nil
	}
	err = f.writer.transaction(func() error {
		// Rows may have been deleted since they were read.
		n, err := f.writer.number("SELECT count(*) FROM realtime_events WHERE seq BETWEEN " +
			fmt.Sprint(block<<blockBits) + " AND " + fmt.Sprint((block+1)<<blockBits-1))
		if err != nil {
			return err
		}
		if made.rows = n; n == 0 {
			return nil
		}
		return f.writer.putIndex(made)
	})
	if err != nil {
		return false, err
	}
	k.before, k.next = &indexed{block: block, sessions: made.sessions, subscriptions: made.subscriptions}, block+1
	k.indexed.Store(indexedUpTo(k.next))
	return true, nil
}

// vacuumPages is how many pages are given back at a time.
const vacuumPages = 256

// vacuumSlice gives space back, when nothing arrives: what arrives would take it again.
func (f *file) vacuumSlice(idle bool) (more bool, err error) {
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.writer == nil || !idle {
		return false, nil
	}
	if !f.keeping.rest {
		return false, f.shortenLog()
	}
	free, err := f.writer.number("PRAGMA freelist_count")
	if err != nil {
		return false, err
	}
	if free == 0 {
		f.keeping.rest = false
		if f.inMemory() {
			return false, nil
		}
		return false, f.checkpoint() // so that the file gets as short as it can be
	}
	if err := f.writer.run("PRAGMA incremental_vacuum(" + fmt.Sprint(vacuumPages) + ")"); err != nil {
		return false, err
	}
	left, err := f.writer.number("PRAGMA freelist_count")
	if left >= free { // auto_vacuum is off in this file: nothing can be given back
		f.keeping.rest = false
		return false, err
	}
	return true, err
}

// longLog is how long a write-ahead log may stay while nothing arrives. SQLite writes it anew from its beginning, and never
// shortens it by itself: after a flood it would be 16 MB of disk for ever, which no retention counts.
const longLog = 256 << 10

// shortenLog empties a log that a flood has left. It is called with the gate held.
func (f *file) shortenLog() error {
	if f.inMemory() || f.logBytes() <= longLog {
		return nil
	}
	return f.checkpoint()
}

// checkpoint writes the log back into the file and empties it. Whoever reads is not waited for: then the log stays until
// the next time. It is called with the gate held.
func (f *file) checkpoint() error {
	if f.witness != nil { // or what has been overwritten would be mixed with ours
		if err := f.witness.check(f.path); err != nil {
			return err
		}
	}
	err := f.writer.run("PRAGMA busy_timeout=0; PRAGMA wal_checkpoint(TRUNCATE)")
	err = errors.Join(err, f.writer.run(fmt.Sprintf("PRAGMA busy_timeout=%d", f.busy.Milliseconds())))
	if err != nil {
		return err
	}
	return f.outside() // what is wrong with it now, the next tick says
}

// logBytes is how long the write-ahead log is on disk.
func (f *file) logBytes() int64 {
	if info, err := os.Stat(f.path + "-wal"); err == nil {
		return info.Size()
	}
	return 0
}
