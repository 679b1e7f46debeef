package store

import (
	"sync"
	"time"
)

// State is how the store is doing.
type State struct {
	OK     bool      `json:"ok"`     // what is acknowledged is kept
	Paths  []string  `json:"paths"`  // the files; ":memory:"
	Error  string    `json:"error"`  // what is wrong and what to do, in words; empty when OK
	Since  time.Time `json:"since"`  // since when OK or not
	Behind uint64    `json:"behind"` // entries that are appended and not committed yet
	Lost   uint64    `json:"lost"`   // entries that were not kept, since Open; with several files an upper bound
	Bytes  int64     `json:"bytes"`  // size of the files
	// Indexed is how far the search index has come; what is newer is searched row by row.
	Indexed uint64 `json:"indexed"`
}

// State tells how the store is doing. It asks the file system, so call it once a second rather than once an event.
func (s *Store) State() State {
	s.mu.Lock()
	j, closed := s.journal, s.closed
	s.mu.Unlock()
	st := State{OK: true, Indexed: s.Indexed()}
	for _, f := range s.files {
		text, since, lost := f.report()
		if text != "" {
			if st.OK {
				st.OK, st.Error, st.Since = false, text, since
			} else {
				st.Error += "\n" + text
			}
		}
		if st.OK && since.After(st.Since) {
			st.Since = since
		}
		if j != nil {
			st.Behind = max(st.Behind, j.Last()-min(j.Last(), f.last.Load()))
		}
		st.Lost += lost
		st.Paths = append(st.Paths, f.path)
		st.Bytes += f.size()
	}
	if closed {
		st.OK, st.Error = false, ErrClosed.Error()
	}
	return st
}

// health is how a file is doing.
type health struct {
	mu    sync.Mutex // guards what follows
	text  string     // what is wrong; empty when nothing is
	since time.Time
	lost  uint64
}

// failed notes what is wrong and tells whether that is news.
func (h *health) failed(text string) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.text == "" {
		h.since = time.Now()
	}
	news = h.text != text
	h.text = text
	return news
}

func (h *health) ok() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text, h.since = "", time.Now()
}

func (h *health) countLost(n uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost += n
}

func (h *health) report() (text string, since time.Time, lost uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text, h.since, h.lost
}
