package laravel

import (
	"context"
	"sync"
)

// keeper writes rows to the store in the order in which they were handed over, those of many callers in one
// transaction: a thousand requests at once share a few commits.
type keeper struct {
	store Store

	mu   sync.Mutex // guards what follows; taken inside the lock that guards the rows
	next *writing   // collects; nil while nothing waits
	last *writing   // the newest that was begun; nil before the first
	busy bool       // a goroutine writes; it ends once nothing waits
}

// writing is a group of changes on their way into the store.
type writing struct {
	changes []Change
	done    chan struct{}
	err     error // once done is closed
}

// keep takes changes over. Call it under the lock that guards the rows, so that the store gets them in the same order,
// and wait for what it returns without that lock. A Row must not be changed any more.
func (k *keeper) keep(changes ...Change) *writing {
	if len(changes) == 0 {
		return nothing
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next == nil {
		k.next = &writing{done: make(chan struct{})}
		k.last = k.next
	}
	k.next.changes = append(k.next.changes, changes...)
	if !k.busy {
		k.busy = true
		go k.write()
	}
	return k.next
}

// nothing is written already.
var nothing = func() *writing {
	w := &writing{done: make(chan struct{})}
	close(w.done)
	return w
}()

// write runs until nothing waits.
func (k *keeper) write() {
	for {
		k.mu.Lock()
		w := k.next
		k.next = nil
		if w == nil {
			k.busy = false
			k.mu.Unlock()
			return
		}
		k.mu.Unlock()
		w.err = k.store.Write(context.Background(), w.changes) // never half: whoever is in a hurry only stops waiting
		close(w.done)
	}
}

// settle waits until everything that was handed over before has been written.
func (k *keeper) settle() {
	k.mu.Lock()
	last := k.last
	k.mu.Unlock()
	if last != nil {
		<-last.done
	}
}

// wait returns once the changes are kept, or were refused. They are kept also if ctx ends before.
func (w *writing) wait(ctx context.Context) error {
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// line runs what is put into it one after the other, in that order: events about the same thing are sent in the order
// in which it happened.
type line struct {
	mu      sync.Mutex // guards what follows
	waiting []func()
	busy    bool // a goroutine runs them; it ends once nothing waits
}

// put adds what to the line; done is closed once it has run. Call it under the lock that decides the order.
func (l *line) put(what func()) (done <-chan struct{}) {
	ran := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, func() { defer close(ran); what() })
	if !l.busy {
		l.busy = true
		go l.run()
	}
	return ran
}

func (l *line) run() {
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		what := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		what()
	}
}
