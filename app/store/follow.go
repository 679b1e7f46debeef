package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"echolab/emulator/journal"
)

// batchSize is how many entries go into one transaction at most. More would hardly be faster and make the first of
// them wait longer (BenchmarkStoreFollow).
const batchSize = 1024

// Attach makes the store a must-follower of the journal from now on: what is appended afterwards is settled only when
// it is committed. Call it before the first request is let in; Follow does the writing.
func (s *Store) Attach(j *journal.Journal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attachLocked(j)
}

func (s *Store) attachLocked(j *journal.Journal) {
	if s.journal != nil || s.closed {
		return
	}
	s.journal = j
	for _, f := range s.files {
		f.tail = j.Follow(f.last.Load(), true)
	}
}

// Follow writes the journal to disk until it is closed and everything in it has been written, and then returns nil.
// It attaches itself if Attach was not called. Trouble with a file does not end it, except that a journal closed
// meanwhile gets one last try; the error then says how many entries were not kept. When ctx ends, the batch in hand is
// still written and ctx.Err() returned; entries not read by then are lost.
func (s *Store) Follow(ctx context.Context, j *journal.Journal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	if s.closed || s.stopped != nil {
		s.mu.Unlock()
		return ErrClosed
	}
	s.attachLocked(j)
	s.stop, s.stopped = cancel, make(chan struct{})
	defer close(s.stopped)
	s.mu.Unlock()

	// Each file has a tail of its own, so that one file's trouble is not another's.
	errs := make([]error, len(s.files))
	var wg sync.WaitGroup
	for i, f := range s.files {
		var upkeep sync.WaitGroup
		keepUp, stop := context.WithCancel(ctx)
		upkeep.Go(func() { s.keepUp(keepUp, j, f) })
		wg.Go(func() {
			errs[i] = s.follow(ctx, j, f)
			stop()
			upkeep.Wait()
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// follow keeps one file.
func (s *Store) follow(ctx context.Context, j *journal.Journal, f *file) error {
	defer f.tail.Close()
	var back *outage
	buf := make([]journal.Entry, batchSize)
	for {
		n, lost, err := s.next(ctx, f, buf, back != nil)
		if back != nil || lost > 0 {
			s.recovered(j, f, back, lost)
			back = nil
		}
		switch {
		case errors.Is(err, journal.ErrClosed):
			return nil
		case n == 0 && err == nil:
			continue
		case err != nil:
			return err
		}
		if n < len(buf) {
			// Whoever is about to publish does so first and shares the transaction; on a quiet machine this costs nothing.
			runtime.Gosched()
			n += f.tail.More(buf[n:])
		}
		last := buf[n-1].Seq
		batch := s.ofFile(f, buf[:n])
		began := time.Now()
		if err := f.commit(batch, lost > 0); err == nil {
			s.told(len(batch), time.Since(began))
			if text, since, _ := f.report(); text != "" { // a back end's rows could not be written, and now they are
				f.ok()
				s.recovered(j, f, &outage{since, text}, 0)
			}
		} else {
			if back, err = s.weather(ctx, j, f, batch, lost > 0, err); err != nil {
				return err
			}
		}
		f.last.Store(last)
		f.nudge()
		clear(buf[:n]) // let go of the payloads
		if back != nil {
			f.tail.SetMust(true)
			if j.Last() == last { // nothing came meanwhile, and nothing may come for long: it is a back end that had trouble
				s.recovered(j, f, back, 0)
				back = nil
			}
		}
	}
}

// next is what is to be written next. It waits for it, unless now is asked for.
func (s *Store) next(ctx context.Context, f *file, buf []journal.Entry, now bool) (n int, lost uint64, err error) {
	if !now {
		return f.tail.Next(ctx, buf)
	}
	at, cancel := context.WithCancel(ctx)
	cancel() // what is there is read all the same
	if n, lost, err = f.tail.Next(at, buf); errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = nil
	}
	return n, lost, err
}

// ofFile picks, in place, the entries that belong into f.
func (s *Store) ofFile(f *file, entries []journal.Entry) []journal.Entry {
	if len(s.files) == 1 {
		return entries
	}
	kept := entries[:0]
	for _, e := range entries {
		if s.fileOf(e.App) == f {
			kept = append(kept, e)
		}
	}
	return kept
}

// commit writes a batch in one transaction. gap says that entries before it were lost: what was open then is ended,
// for nobody knows what became of it.
func (f *file) commit(batch []journal.Entry, gap bool) error {
	f.gate.Lock()
	defer f.gate.Unlock()
	if len(batch) == 0 && !gap && len(f.waiting) == 0 {
		return nil
	}
	return f.commitLocked(batch, gap)
}

func (f *file) commitLocked(batch []journal.Entry, gap bool) error {
	if f.broken != nil {
		return f.broken
	}
	w := f.writer
	err := w.transaction(func() error {
		if gap {
			if err := w.endOpen(f.last.Load()+1, "entries were lost"); err != nil {
				return err
			}
		}
		if err := w.append(batch); err != nil {
			return err
		}
		return w.putRows(f.waiting)
	})
	if err == nil {
		f.broken = f.outside()
		err = f.broken
	}
	if err == nil {
		f.waiting = nil
		f.written(len(batch))
	}
	return err
}

// commitAgain is commit for a batch that failed before.
func (f *file) commitAgain(batch []journal.Entry, gap bool) error {
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.writer == nil || f.broken != nil || f.moved() {
		if err := f.reopen(); err != nil {
			return err
		}
	} else if len(batch) > 0 {
		// An error of COMMIT need not mean that nothing was committed.
		last, err := f.writer.number("SELECT max(seq) FROM realtime_events")
		if err != nil {
			return err
		}
		if uint64(last) >= batch[len(batch)-1].Seq {
			f.written(len(batch))
			batch, gap = nil, false // rows may have come to wait since
		}
	}
	return f.commitLocked(batch, gap)
}

// outage is a time in which a file could not be written.
type outage struct {
	since time.Time
	text  string
}

// weather is called with a batch that could not be written, because of cause. It says so, gives up being waited for,
// and tries again until the batch is written.
func (s *Store) weather(ctx context.Context, j *journal.Journal, f *file, batch []journal.Entry, gap bool, cause error) (*outage, error) {
	out := &outage{time.Now(), f.trouble(cause)}
	f.tail.SetMust(false)
	s.announce(j, f, out.text, cause)

	f.patience(min(f.busy, 100*time.Millisecond)) // to notice soon when the program is to stop
	for closing := false; ; {
		select {
		case <-time.After(f.pause(s.retry)):
		case <-j.Closing():
			closing = true
		case <-ctx.Done():
			closing = true
		}
		if cause = f.commitAgain(batch, gap); cause == nil {
			break
		}
		f.failed(f.trouble(cause))
		if closing {
			return nil, fmt.Errorf("%d entries were not kept: %w", j.Last()-f.last.Load(), f.cannotWrite(cause))
		}
	}
	f.patience(f.busy)
	f.ok()
	return out, nil
}

// patience is how long the writer waits for another program's lock.
func (f *file) patience(d time.Duration) {
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.writer != nil {
		_ = f.writer.run(fmt.Sprintf("PRAGMA busy_timeout=%d", d.Milliseconds()))
	}
}

// pause is how long to wait before the next try. It grows, and it is forgotten only when all has been well for a
// minute: a disk that is full again at once is not announced four times a second.
func (f *file) pause(first time.Duration) time.Duration {
	if time.Since(f.lastPause) > time.Minute {
		f.nextPause = first
	}
	d := f.nextPause
	f.lastPause = time.Now().Add(d)
	f.nextPause = min(2*d, 20*first)
	return d
}

// recovered says that a file is written again (after out, if not nil) and what was lost.
func (s *Store) recovered(j *journal.Journal, f *file, out *outage, lost uint64) {
	f.countLost(lost)
	text := fmt.Sprintf("store %s: %s were lost", f.path, entries(lost))
	switch {
	case out != nil && lost == 0:
		text = fmt.Sprintf("store %s is written again; nothing was lost", f.path)
	case out != nil:
		text = fmt.Sprintf("store %s is written again; %s were not kept", f.path, entries(lost))
	}
	f.gate.Lock()
	another := f.another
	f.another = ""
	f.gate.Unlock()
	if out != nil && another != "" {
		text = fmt.Sprintf("store %s is written again: %s; what the one before held is not in it", f.path, another)
		if lost > 0 {
			text += fmt.Sprintf(", and %s were not kept", entries(lost))
		}
	}
	if out != nil {
		why, _, _ := strings.Cut(strings.TrimPrefix(out.text, "store "+f.path+" cannot be written: "), "; ")
		text += fmt.Sprintf(" (since %s: %s)", out.since.Format(time.TimeOnly), why)
	}
	if lost > 0 {
		text += fmt.Sprintf(". They follow entry %d", f.last.Load())
	}
	s.log.Warn(text)
	j.Append(journal.Entry{Kind: journal.Trouble, App: f.app, Count: int(lost), Note: text})
}

func entries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
