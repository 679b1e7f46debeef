package echo

import "time"

// timer is one alarm of a loop. It can be set again and again.
type timer struct {
	at int64 // nanoseconds on the loop's clock
	i  int   // place in the heap, from 1; 0 when not set
	f  func()
}

func (t *timer) set() bool { return t != nil && t.i > 0 }

// timers is a heap of all the alarms of a loop: one goroutine and one sleep for thousands of clients.
type timers struct {
	heap []*timer
}

// start sets t to ring d from now.
func (l *loop) start(t *timer, d time.Duration) {
	at := l.now + int64(max(0, d))
	h := &l.timers
	if t.i > 0 {
		t.at = at
		h.up(t.i - 1)
		h.down(t.i - 1)
		return
	}
	t.at = at
	h.heap = append(h.heap, t)
	t.i = len(h.heap)
	h.up(t.i - 1)
}

// startFunc makes a timer for f and sets it.
func (l *loop) startFunc(d time.Duration, f func()) *timer {
	t := &timer{f: f}
	l.start(t, d)
	return t
}

// abort takes t off; nil and what isn't set are fine.
func (l *loop) abort(t *timer) {
	if t == nil || t.i == 0 {
		return
	}
	l.timers.remove(t.i - 1)
}

func (h *timers) next() (at int64, ok bool) {
	if len(h.heap) == 0 {
		return 0, false
	}
	return h.heap[0].at, true
}

// due takes the first alarm off that is due and returns what it is to do; nil for none.
func (h *timers) due(now int64) func() {
	if len(h.heap) == 0 || h.heap[0].at > now {
		return nil
	}
	f := h.heap[0].f
	h.remove(0)
	return f
}

func (h *timers) remove(i int) {
	h.heap[i].i = 0
	last := len(h.heap) - 1
	moved := h.heap[last]
	h.heap[last] = nil
	h.heap = h.heap[:last]
	if i == last {
		return
	}
	h.heap[i] = moved
	moved.i = i + 1
	h.up(i)
	h.down(moved.i - 1)
}

func (h *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h.heap[parent].at <= h.heap[i].at {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *timers) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h.heap); child++ {
			if h.heap[child].at < h.heap[least].at {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

func (h *timers) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].i, h.heap[j].i = i+1, j+1
}
