package store

import "time"

// One page looks through a bounded part of the file, so that it answers in time whatever it is asked for, and says where
// to go on (Page.More, Page.Next). Nearly all searches on a million entries end before that; those that do not are for a
// text that the index cannot tell from others, or come while much is not indexed yet.
const (
	// pageTime is when a page has looked long enough.
	pageTime = 25 * time.Millisecond
	// pageLeast is looked through however long it takes, so that a small file is always answered whole: so many entries
	// one by one, or what costs the same of the index.
	pageLeast = 4096
	// lookupCost is a look at the index of one block, in entries looked at: 35 µs and 5 µs.
	lookupCost = 8
	// workSlice is how many entries are looked at between two looks at the clock.
	workSlice = 256
)

// work is what one page has looked through.
type work struct {
	time  time.Duration // when it is enough, if least was done
	least int
	began time.Time // zero until a reader is free
	done  int       // in entries
	asked int       // what was done when due last looked at the clock
}

func (s *Store) newWork() *work {
	w := &work{time: pageTime, least: pageLeast}
	if s.pageTime > 0 {
		w.time, w.least = s.pageTime, s.pageLeast
	}
	return w
}

// begin starts the clock: waiting for a reader is no work.
func (w *work) begin() {
	if w.began.IsZero() {
		w.began = time.Now()
	}
}

func (w *work) did(entries int) { w.done += entries }

// due is enough, for calling after each entry: it looks at the clock now and then.
func (w *work) due() bool {
	if w.done-w.asked < workSlice {
		return false
	}
	w.asked = w.done
	return w.enough()
}

func (w *work) enough() bool { return w.done >= w.least && time.Since(w.began) >= w.time }
