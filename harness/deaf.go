package harness

import "time"

// A client that was told not to read (the step slow) is deaf for a time: what the server sent it then lies in buffers, or the
// server gave up on it, as servers do with slow consumers. What it never read says nothing about the server, and is not
// judged; what it did read is, and so is what should have come before that.

// forever is later than anything.
const forever = 1<<63 - 1

// deafness is a time without reading, in ns since the start; to is 0 while it lasts.
type deafness struct{ from, to int64 }

// Deaf says that the client reads less than comes from now on, or nothing.
func (c *LedgerClient) Deaf(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.ledger.since(at)
	switch n := len(c.deaf); {
	case n > 0 && c.deaf[n-1].to == 0:
	case n > 0 && now-c.deaf[n-1].to < c.ledger.grace.ns(): // a moment between two steps is too short to read all
		c.deaf[n-1].to = 0
	default:
		c.deaf = append(c.deaf, deafness{from: now})
	}
}

// Hears says that it reads everything again.
func (c *LedgerClient) Hears(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.deaf); n > 0 && c.deaf[n-1].to == 0 {
		c.deaf[n-1].to = c.ledger.since(at)
	}
}

// unread tells whether the client may have had no chance to read what was accepted then: it was deaf when its subscription
// ended (left; 0: still there), from before it can have come. What it read up to, by when that was sent, it had a chance to.
func (c *LedgerClient) unread(accepted, left, readTo, grace int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left == 0 {
		left = forever - grace
	}
	for _, d := range c.deaf {
		if d.from <= accepted+grace && d.from <= left && (d.to == 0 || left < d.to+grace) && accepted >= readTo {
			return true
		}
	}
	return false
}

// judgeable is up to when what was sent can be judged, if it is until for clients that read: what a deaf one did not read
// may still be read.
func (c *LedgerClient) judgeable(until, grace int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.deaf); n > 0 && until != forever {
		if d := c.deaf[n-1]; d.to == 0 || d.to > until {
			return min(until, d.from-grace)
		}
	}
	return until
}

// answered notes how long a subscribe took, unless the client itself kept the answer waiting.
func (c *LedgerClient) answered(asked, confirmed int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.deaf); n > 0 && (c.deaf[n-1].to == 0 || c.deaf[n-1].to > asked) {
		return
	}
	c.ledger.grace.answered(confirmed - asked)
}

// spell is a stay's time without reading: the instants, and what the room had ordered by then.
type spell struct {
	deafness
	after, before int // order; before is 0 while it lasts
}

// Deaf says that the client reads less than comes from now on, or nothing. Nobody waits for it to be told, and what the
// server made of it meanwhile is in doubt.
func (s *Stay) Deaf(at time.Time) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.left > 0 || s.isDeaf() {
		return
	}
	now, who := r.house.since(at), r.members[s.member]
	r.releaseLocked(s, now)
	for _, c := range r.open { // what comes yet is not counted among those who were waited for
		if c.countsLocked(s) {
			c.told.set(s.number)
		}
	}
	if who.wasDeaf < 255 {
		who.wasDeaf++
	}
	if n := len(s.deaf); n > 0 && now-s.deaf[n-1].to < r.house.grace.ns() {
		s.deaf[n-1].to, s.deaf[n-1].before = 0, 0
	} else {
		s.deaf = append(s.deaf, spell{deafness: deafness{from: now}, after: r.order})
	}
	if s.confirmed > 0 {
		r.deaf++
		who.deaf++
	}
}

// Hears says that it reads everything again.
func (s *Stay) Hears(at time.Time) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.left > 0 || !s.isDeaf() {
		return
	}
	last := &s.deaf[len(s.deaf)-1]
	r.order++
	last.to, last.before = r.house.since(at), r.order
	if s.confirmed > 0 {
		r.deaf--
		r.members[s.member].deaf--
	}
}

// isDeaf tells whether the client does not read at the moment, or did not when it left.
func (s *Stay) isDeaf() bool { return len(s.deaf) > 0 && s.deaf[len(s.deaf)-1].to == 0 }

// dubious tells whether the client did not read at some time since from: the server may have ended its connection.
func (s *Stay) dubious(from int64) bool {
	n := len(s.deaf)
	return n > 0 && (s.deaf[n-1].to == 0 || s.deaf[n-1].to > from)
}

// deafTo tells whether a change happened while the client did not read.
func (s *Stay) deafTo(c *change) bool {
	for _, d := range s.deaf {
		if c.order > d.after && (d.before == 0 || c.order < d.before) {
			return true
		}
	}
	return false
}

// unread tells whether the client may have had no chance to read of a change, see LedgerClient.unread.
func (s *Stay) unread(begin, left, grace int64) bool {
	for _, d := range s.deaf {
		if d.from <= begin+grace && d.from <= left && (d.to == 0 || left < d.to+grace) {
			return true
		}
	}
	return false
}
