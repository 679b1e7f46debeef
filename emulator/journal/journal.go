package journal

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Options sets a journal's bounds. The zero value is usable.
type Options struct {
	// After is the sequence number that the first entry follows (the store's last one).
	After uint64
	// Keep is how many entries stay readable for followers that nobody waits for (default 8192).
	Keep int
	// KeepBytes bounds the same in bytes (default 16 MiB).
	KeepBytes int64
	// MaxLag is how far, in bytes, a must-follower may be behind before Admit holds new work (default 32 MiB).
	MaxLag int64
}

// ErrClosed is returned by a journal or a tail that has been closed.
var ErrClosed = errors.New("journal: closed")

// ErrBehind is returned by Admit when a must-follower did not catch up in time.
var ErrBehind = errors.New("journal: the store is too far behind")

// Journal is the ring. Its methods may be called from any goroutine.
type Journal struct {
	opt Options

	mu      sync.Mutex // guards everything below; last in the lock order
	ring    []Entry    // length is a power of two; entry seq lies at seq & mask
	first   uint64     // oldest readable seq
	next    uint64     // seq of the next entry
	bytes   int64      // size of the readable entries
	total   int64      // size of everything ever appended
	lastAt  time.Time
	tails   map[*Tail]struct{}
	settled uint64 // every must-follower is done up to here
	waiters []waiter
	admit   chan struct{} // closed and replaced when a lagging must-follower has caught up
	closed  bool
	closing chan struct{} // closed with the journal

	lagging atomic.Bool // a must-follower is more than MaxLag behind
	musts   atomic.Int32
}

type waiter struct {
	seq uint64
	ch  chan struct{}
}

// New returns an empty journal.
func New(opt Options) *Journal {
	if opt.Keep <= 0 {
		opt.Keep = 8192
	}
	if opt.KeepBytes <= 0 {
		opt.KeepBytes = 16 << 20
	}
	if opt.MaxLag <= 0 {
		opt.MaxLag = 32 << 20
	}
	return &Journal{
		opt:     opt,
		ring:    make([]Entry, 256),
		first:   opt.After + 1,
		next:    opt.After + 1,
		settled: opt.After,
		tails:   make(map[*Tail]struct{}),
		admit:   make(chan struct{}),
		closing: make(chan struct{}),
	}
}

// Append adds an entry and returns its sequence number. It never blocks and does no I/O, so it may be called while
// holding any of the emulator's locks.
func (j *Journal) Append(e Entry) uint64 {
	j.mu.Lock()
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if e.At.Before(j.lastAt) {
		e.At = j.lastAt
	}
	j.lastAt = e.At
	e.Seq = j.next
	size := e.size()
	j.makeRoomLocked(size)
	j.ring[e.Seq&uint64(len(j.ring)-1)] = e
	j.next++
	j.bytes += size
	j.total += size
	if len(j.tails) > 0 {
		for t := range j.tails {
			if t.waiting {
				t.waiting = false
				t.wake <- struct{}{} // has room: waiting is set only after the channel was drained
			}
			if t.must && j.total-t.doneBytes > j.opt.MaxLag {
				j.lagging.Store(true)
			}
		}
	}
	j.mu.Unlock()
	return e.Seq
}

// makeRoomLocked drops what nobody needs until one entry more fits, and grows the ring when a must-follower still
// needs its oldest entry or when Keep is not reached yet.
func (j *Journal) makeRoomLocked(size int64) {
	need := j.next // oldest seq that a must-follower has still to read
	for t := range j.tails {
		if t.must && t.cursor < need {
			need = t.cursor
		}
	}
	for j.first < need && (j.next-j.first >= uint64(j.opt.Keep) || j.bytes+size > j.opt.KeepBytes) {
		slot := &j.ring[j.first&uint64(len(j.ring)-1)]
		j.bytes -= slot.size()
		*slot = Entry{}
		j.first++
	}
	if j.next-j.first == uint64(len(j.ring)) {
		bigger := make([]Entry, 2*len(j.ring))
		for seq := j.first; seq < j.next; seq++ {
			bigger[seq&uint64(len(bigger)-1)] = j.ring[seq&uint64(len(j.ring)-1)]
		}
		j.ring = bigger
	}
}

// Last is the sequence number of the newest entry.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next - 1
}

// At reads one entry; ok is false when it is no longer in the ring, or not there yet.
func (j *Journal) At(seq uint64) (e Entry, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if seq < j.first || seq >= j.next {
		return Entry{}, false
	}
	return j.ring[seq&uint64(len(j.ring)-1)], true
}

// Admit lets new work in. It returns at once unless a must-follower lags by more than MaxLag; then it waits until
// that follower caught up. Called at the doors only (an HTTP publish, a whisper), never with a lock held.
// It returns ErrBehind when ctx ends first.
func (j *Journal) Admit(ctx context.Context) error {
	for j.Lagging() {
		j.mu.Lock()
		ch := j.admit
		lagging := j.lagging.Load()
		j.mu.Unlock()
		if !lagging {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return ErrBehind
		}
	}
	return nil
}

// Lagging tells whether Admit would wait, so that a door that has nothing to wait for needs no timer.
func (j *Journal) Lagging() bool { return j.lagging.Load() }

// Settled waits until every must-follower is done with seq and all before it. With no must-follower it returns at
// once: there is nobody to wait for.
func (j *Journal) Settled(ctx context.Context, seq uint64) error {
	return j.settle(ctx, nil, seq)
}

// SettledWithin is Settled that waits no longer than most, then returns context.DeadlineExceeded. A context with that
// deadline says the same and costs more.
func (j *Journal) SettledWithin(ctx context.Context, most time.Duration, seq uint64) error {
	if j.musts.Load() == 0 {
		return nil
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	return j.settle(ctx, timer.C, seq)
}

func (j *Journal) settle(ctx context.Context, late <-chan time.Time, seq uint64) (err error) {
	if j.musts.Load() == 0 {
		return nil
	}
	j.mu.Lock()
	if j.settled >= seq || j.musts.Load() == 0 {
		j.mu.Unlock()
		return nil
	}
	w := waiter{seq, make(chan struct{})}
	j.waiters = append(j.waiters, w)
	j.mu.Unlock()
	select {
	case <-w.ch:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-late:
		err = context.DeadlineExceeded
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.waiters {
		if j.waiters[i].ch == w.ch {
			j.waiters = append(j.waiters[:i], j.waiters[i+1:]...)
			break
		}
	}
	return err
}

// settleLocked recomputes what is settled and whether the doors may open, and wakes whoever waited for that.
func (j *Journal) settleLocked() {
	done, lagging, musts := j.next-1, false, int32(0)
	for t := range j.tails {
		if !t.must {
			continue
		}
		musts++
		done = min(done, t.done)
		lagging = lagging || j.total-t.doneBytes > j.opt.MaxLag
	}
	j.musts.Store(musts)
	j.settled = max(j.settled, done)
	kept := j.waiters[:0]
	for _, w := range j.waiters {
		if musts == 0 || w.seq <= j.settled {
			close(w.ch)
		} else {
			kept = append(kept, w)
		}
	}
	clear(j.waiters[len(kept):])
	j.waiters = kept
	if j.lagging.Load() && !lagging {
		j.lagging.Store(false)
		close(j.admit)
		j.admit = make(chan struct{})
	}
}

// Follow starts a tail that reads everything after seq that is still there. A must-follower is waited for by Settled
// and Admit and is never overtaken from now on; its tail must be read until it is closed.
func (j *Journal) Follow(after uint64, must bool) *Tail {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := &Tail{j: j, must: must, cursor: after + 1, done: after, wake: make(chan struct{}, 1)}
	if t.cursor > j.next {
		t.cursor, t.done = j.next, j.next-1
	}
	t.doneBytes, t.readBytes = j.total, j.total
	for seq := max(t.cursor, j.first); seq < j.next; seq++ {
		size := j.ring[seq&uint64(len(j.ring)-1)].size()
		t.doneBytes -= size
		t.readBytes -= size
	}
	if j.closed {
		t.closed = true
		return t
	}
	j.tails[t] = struct{}{}
	j.settleLocked()
	return t
}

// Close ends the journal: tails read what is left and then get ErrClosed. Append still works (and is then lost to
// everyone but a later reader of the ring), so that late goroutines need no check.
func (j *Journal) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	j.closed = true
	close(j.closing)
	for t := range j.tails {
		if t.waiting {
			t.waiting = false
			t.wake <- struct{}{}
		}
	}
}

// Closing is closed when the journal is, for a follower that is waiting for something else than entries (to be able
// to write again) and has to make an end.
func (j *Journal) Closing() <-chan struct{} { return j.closing }

// Tail is one follower's place in the journal. It is used by one goroutine at a time, except Close and SetMust.
type Tail struct {
	j         *Journal
	must      bool
	cursor    uint64 // next seq to read
	done      uint64 // the follower is finished with everything up to here
	readBytes int64  // size of everything handed out
	doneBytes int64  // size of everything finished with
	waiting   bool
	closed    bool
	wake      chan struct{}
	gather    time.Duration
	busy      bool // the last Next gave all there was
}

// Gather has Next wait that long after each batch, before it looks for another: a busy journal then does not wake the
// follower for each entry, which costs whoever appends more than the entry itself. For followers that nobody waits for;
// the journal must keep what comes meanwhile (Options.Keep).
func (t *Tail) Gather(d time.Duration) *Tail {
	t.gather = d
	return t
}

// Next copies the next entries into buf and returns how many, waiting for at least one. lost counts entries that
// were overwritten before this follower came to them (never for a must-follower). Calling Next says that the
// previous batch is done: for a must-follower, committed.
//
// It returns ErrClosed when the journal was closed and everything has been read, or the tail was closed, and
// ctx.Err() when ctx ended.
func (t *Tail) Next(ctx context.Context, buf []Entry) (n int, lost uint64, err error) {
	j := t.j
	if t.gather > 0 && t.busy {
		t.busy = false
		timer := time.NewTimer(t.gather)
		select {
		case <-timer.C:
		case <-j.closing:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	j.mu.Lock()
	if t.cursor-1 != t.done {
		t.done, t.doneBytes = t.cursor-1, t.readBytes
		if t.must {
			j.settleLocked()
		}
	}
	for {
		if t.closed {
			j.mu.Unlock()
			return 0, 0, ErrClosed
		}
		if t.cursor < j.first {
			lost += j.first - t.cursor
			t.cursor = j.first
			t.readBytes = j.total - j.bytes
		}
		for n < len(buf) && t.cursor < j.next {
			buf[n] = j.ring[t.cursor&uint64(len(j.ring)-1)]
			t.readBytes += buf[n].size()
			t.cursor++
			n++
		}
		if n > 0 {
			t.busy = n < len(buf)
			j.mu.Unlock()
			return n, lost, nil
		}
		if j.closed {
			j.mu.Unlock()
			return 0, lost, ErrClosed
		}
		t.waiting = true
		j.mu.Unlock()
		select {
		case <-t.wake:
		case <-ctx.Done():
			j.mu.Lock()
			if !t.waiting { // woken at the same moment: take the token back out
				<-t.wake
			}
			t.waiting = false
			j.mu.Unlock()
			return 0, lost, ctx.Err()
		}
		j.mu.Lock()
	}
}

// More copies into buf what came since Next, without waiting: it becomes part of the same batch.
func (t *Tail) More(buf []Entry) (n int) {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	for n < len(buf) && t.cursor >= j.first && t.cursor < j.next && !t.closed {
		buf[n] = j.ring[t.cursor&uint64(len(j.ring)-1)]
		t.readBytes += buf[n].size()
		t.cursor++
		n++
	}
	return n
}

// Done says that the last batch is finished without asking for another.
func (t *Tail) Done() {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.cursor-1 != t.done {
		t.done, t.doneBytes = t.cursor-1, t.readBytes
		if t.must {
			j.settleLocked()
		}
	}
}

// SetMust makes the follower one that is waited for, or no longer. A store that cannot write gives the duty up so
// that the server goes on; it takes it again when it has recovered.
func (t *Tail) SetMust(must bool) {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.closed || t.must == must {
		return
	}
	t.must = must
	j.settleLocked()
}

// Close ends the tail. Nobody waits for it any more. It can be called twice.
func (t *Tail) Close() {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	delete(j.tails, t)
	if t.waiting {
		t.waiting = false
		t.wake <- struct{}{}
	}
	j.settleLocked()
}
