package echo

import (
	"math/rand/v2"
	"sync"
	"time"
)

// loop is to some of an engine's clients what the event loop is to a page: one goroutine on which all of their code
// runs, one task after the other, so that nothing of a client needs a lock and a quiet client needs no goroutine. After
// each task come the things put off until then, as setTimeout(f, 0) puts them off, and last everything written goes out,
// one write a socket.
type loop struct {
	eng    *Engine
	number int // among the engine's loops
	epoch  time.Time
	now    int64 // nanoseconds since epoch, at the last look

	timers  timers
	later   []func()
	dirty   []*socket
	buf     []byte // what is read, while it is handled
	text    []byte // a decoded JSON string, while it is handled
	frame   []byte // a frame being built
	event   Event
	notice  Notice
	names   names
	last    [2]string // the event name and the channel that came last: mostly they come again
	people  people
	random  *rand.Rand
	waiter  waiter
	clients []*Client // all of them, for Close
	sockets []*socket // those that are not closed

	mu    sync.Mutex // guards tasks and ended
	tasks []func()
	ended bool

	spare []func()
	done  chan struct{}
	stop  bool

	settling bool
}

// waiter lets a loop sleep until something has come for one of its sockets, which it handles, or until it is woken.
type waiter interface {
	// wait sleeps for at most d, forever where d is negative.
	wait(l *loop, d time.Duration)
	// wake ends a wait, the next one where none is under way. It is called from any goroutine.
	wake()
	close()
}

func newLoop(e *Engine, w waiter, seed uint64) *loop {
	return &loop{
		eng: e, epoch: e.epoch, waiter: w, buf: make([]byte, 64<<10), random: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)),
		names: names{}, done: make(chan struct{}),
	}
}

// post has f run on the loop; false where the loop has ended.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return false
	}
	first := len(l.tasks) == 0
	l.tasks = append(l.tasks, f)
	l.mu.Unlock()
	if first {
		l.waiter.wake()
	}
	return true
}

func (l *loop) run() {
	defer close(l.done)
	for {
		l.look()
		l.mu.Lock()
		tasks := l.tasks
		l.tasks, l.spare = l.spare[:0], nil
		l.mu.Unlock()
		for i, f := range tasks {
			tasks[i] = nil
			f()
			l.settle()
		}
		l.spare = tasks
		if cap(l.spare) > 4096 {
			l.spare = nil
		}
		for {
			f := l.timers.due(l.now)
			if f == nil {
				break
			}
			f()
			l.settle()
		}
		if l.stop {
			l.end()
			return
		}
		d := time.Duration(-1)
		if at, ok := l.timers.next(); ok {
			l.look()
			d = max(0, time.Duration(at-l.now))
		}
		l.waiter.wait(l, d)
	}
}

// end refuses further tasks and runs those that had come.
func (l *loop) end() {
	l.mu.Lock()
	l.ended = true
	tasks := l.tasks
	l.tasks = nil
	l.mu.Unlock()
	for _, f := range tasks {
		f()
		l.settle()
	}
	for len(l.sockets) > 0 {
		s := l.sockets[0]
		s.hangUp(false)
		s.finish()
		l.settle()
	}
	l.waiter.close()
}

// join and part keep the list of sockets.
func (l *loop) join(s *socket) {
	s.place = len(l.sockets)
	l.sockets = append(l.sockets, s)
}

func (l *loop) part(s *socket) {
	last := len(l.sockets) - 1
	l.sockets[s.place] = l.sockets[last]
	l.sockets[s.place].place = s.place
	l.sockets[last] = nil
	l.sockets = l.sockets[:last]
}

// hold and release keep the list of clients.
func (l *loop) hold(c *Client) {
	c.place = len(l.clients)
	l.clients = append(l.clients, c)
}

func (l *loop) release(c *Client) {
	last := len(l.clients) - 1
	l.clients[c.place] = l.clients[last]
	l.clients[c.place].place = c.place
	l.clients[last] = nil
	l.clients = l.clients[:last]
}

// look reads the clock.
func (l *loop) look() { l.now = int64(time.Since(l.epoch)) }

// at is the time of now, with its monotonic reading.
func (l *loop) at() time.Time { return l.epoch.Add(time.Duration(l.now)) }

// settle ends a task. Within itself it does nothing: what is put off then comes after the rest.
func (l *loop) settle() {
	if l.settling || len(l.later)+len(l.dirty) == 0 {
		return
	}
	l.settling = true
	defer func() { l.settling = false }()
	for len(l.later) > 0 || len(l.dirty) > 0 {
		for i := 0; i < len(l.later); i++ {
			f := l.later[i]
			l.later[i] = nil
			f()
		}
		l.later = l.later[:0]
		for i := 0; i < len(l.dirty); i++ {
			s := l.dirty[i]
			l.dirty[i] = nil
			s.flush()
		}
		l.dirty = l.dirty[:0]
	}
}

// after puts f off until the present task has ended.
func (l *loop) after(f func()) { l.later = append(l.later, f) }

// names keeps one string for each event name and so on that comes again and again.
type names map[string]string

func (n names) of(b []byte) string {
	if s, ok := n[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(n) < 4096 && len(b) < 256 {
		n[s] = s
	}
	return s
}
