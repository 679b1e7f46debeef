package journal

import (
	"context"
	"errors"
	"sync"
)

// Watch waits for single entries on behalf of many: one tail serves all who wait, so that Append costs the same with
// one as with a thousand of them. It follows only while somebody waits. Make it with NewWatch.
type Watch struct {
	j *Journal

	mu      sync.Mutex // guards what follows; taken before the journal's
	waiting map[*watcher]struct{}
	seen    uint64             // every entry up to here has been shown to those who wait
	stop    context.CancelFunc // ends the follower; nil when there is none
}

// watcher is one who waits.
type watcher struct {
	match func(*Entry) bool
	after uint64        // has looked at everything up to here
	found chan Entry    // has room for the one entry
	again chan struct{} // closed, with after brought up to date, when entries were lost or the journal ended
}

// NewWatch makes a watch. It starts nothing.
func NewWatch(j *Journal) *Watch {
	return &Watch{j: j, waiting: map[*watcher]struct{}{}}
}

// First returns the first entry after a sequence number that match accepts, waiting for it until ctx ends (ctx.Err())
// or the journal is closed (ErrClosed). Entries that are no longer in the ring are left to older, which gets the
// bounds, both exclusive, and tells whether it found one; a nil older skips them.
//
// What is in the ring is looked at to its end even when ctx ends meanwhile, or has ended: a timeout of nothing asks for
// what is there.
//
// match is called for each entry in order, at times from another goroutine but never from two at once. It must not
// modify or keep the entry, and be quick: all who wait are asked in turn.
func (w *Watch) First(ctx context.Context, after uint64, match func(*Entry) bool,
	older func(ctx context.Context, after, before uint64) (Entry, bool, error),
) (Entry, error) {
	for {
		e, looked, err := w.past(ctx, after, match, older)
		if err != nil || e.Seq != 0 {
			return e, err
		}
		after = looked
		me := &watcher{match: match, after: after, found: make(chan Entry, 1), again: make(chan struct{})}
		if w.enter(me) > after { // something came in between
			w.leave(me)
			continue
		}
		select {
		case e := <-me.found:
			return e, nil
		case <-me.again:
			after = me.after
		case <-ctx.Done():
			w.leave(me)
			select {
			case e := <-me.found:
				return e, nil
			default:
			}
			return Entry{}, ctx.Err()
		}
		select {
		case <-w.j.Closing():
			e, _, err := w.past(ctx, after, match, older)
			if err == nil && e.Seq == 0 {
				err = ErrClosed
			}
			return e, err
		default:
		}
	}
}

// past looks at what is there already and tells up to where it did.
func (w *Watch) past(ctx context.Context, after uint64, match func(*Entry) bool,
	older func(ctx context.Context, after, before uint64) (Entry, bool, error),
) (Entry, uint64, error) {
	last := w.j.Last()
	if after >= last {
		return Entry{}, after, ctx.Err()
	}
	tail := w.j.Follow(after, false)
	defer tail.Close()
	now, cancel := context.WithCancel(ctx)
	cancel() // what is there is read all the same; what is not is not waited for
	buf := make([]Entry, 256)
	for {
		n, lost, err := tail.Next(now, buf)
		if lost > 0 && older != nil {
			e, found, err := older(ctx, after, after+lost+1)
			if err != nil || found {
				return e, after, err
			}
		}
		after += lost
		for i := range buf[:n] {
			if match(&buf[i]) {
				return buf[i], after, nil
			}
			after = buf[i].Seq
		}
		switch {
		case after >= last && ctx.Err() != nil:
			return Entry{}, after, ctx.Err()
		case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
			return Entry{}, after, nil
		case err != nil:
			return Entry{}, after, err
		}
	}
}

// enter puts one in and starts the follower if need be. It returns up to where entries will not be shown to it.
func (w *Watch) enter(me *watcher) (seen uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[me] = struct{}{}
	if w.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		w.stop, w.seen = cancel, me.after
		go w.follow(ctx, w.j.Follow(me.after, false))
	}
	return w.seen
}

func (w *Watch) leave(me *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaveLocked(me)
}

// leaveLocked takes one out; the last one ends the follower.
func (w *Watch) leaveLocked(me *watcher) {
	delete(w.waiting, me)
	if len(w.waiting) == 0 && w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

// follow shows what happens to those who wait. ctx ends it, always with w.stop set to nil or renewed before.
func (w *Watch) follow(ctx context.Context, tail *Tail) {
	defer tail.Close()
	buf := make([]Entry, 256)
	for {
		n, lost, err := tail.Next(ctx, buf)
		w.mu.Lock()
		if ctx.Err() != nil {
			w.mu.Unlock()
			return
		}
		if lost > 0 || err != nil {
			for me := range w.waiting {
				me.after = max(me.after, w.seen)
				close(me.again)
				w.leaveLocked(me)
			}
			w.mu.Unlock()
			return
		}
		for i := range buf[:n] {
			for me := range w.waiting {
				if buf[i].Seq > me.after && me.match(&buf[i]) {
					me.found <- buf[i]
					w.leaveLocked(me)
				}
			}
			w.seen = buf[i].Seq
		}
		clear(buf[:n])
		w.mu.Unlock()
	}
}
