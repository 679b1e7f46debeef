package harness

import (
	"fmt"
	"math/bits"
	"time"
)

// Stay is one client's time in a presence channel.
type Stay struct {
	room   *room
	client string
	socket string
	number int
	member int
	before *Stay // the client's last one on the same connection; nil where this is the first

	asked, confirmed, left int64
	heard                  int64   // when it was last told something after it had left
	cut                    bool    // left because the connection ended
	order                  int     // of its confirmation
	deaf                   []spell // when it was told not to read
	listed                 bitset  // members it believes to be there
	joins, leaves          []uint8
}

// Refused says that the server did not let the client in.
func (s *Stay) Refused(at time.Time) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.left > 0 {
		return
	}
	s.left = s.room.house.since(at)
	who := s.room.members[s.member]
	if !who.known { // its comings are not entered, see HouseConfig.Elsewhere
		return
	}
	if who.inside--; who.inside == 0 && len(who.changes) > 0 {
		last := who.changes[len(who.changes)-1]
		last.void = true
		s.room.closeLocked(last)
	}
}

// Here is pusher_internal:subscription_succeeded: the ids of the members and the count beside them.
func (s *Stay) Here(users []string, count int, at time.Time) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	s.confirmed = r.house.since(at)
	r.order++
	s.order = r.order
	r.here++
	who := r.members[s.member]
	who.here++
	if s.isDeaf() {
		r.deaf++
		who.deaf++
	}
	if len(s.deaf) == 0 { // else it kept the answer waiting itself
		r.house.grace.answered(s.confirmed - s.asked)
	}
	for i := len(who.changes) - 1; i >= 0; i-- {
		if c := who.changes[i]; c.join {
			if c.end == 0 {
				c.end = s.confirmed
			}
			break
		}
	}
	if count != len(users) {
		r.house.wrongedLocked("drift", r, s, "", s.confirmed, fmt.Sprintf("here says count %d and lists %d", count, len(users)))
	}
	for _, id := range users {
		s.listed.set(r.memberLocked(id))
	}
	var ghosts, absent []string
	for i, who := range r.members {
		if r.house.stranger(who) {
			continue
		}
		switch must, may := r.insideLocked(i, s.asked, s.confirmed); {
		case s.listed.has(i) && !may:
			ghosts = append(ghosts, who.id)
		case !s.listed.has(i) && must:
			absent = append(absent, who.id)
		}
	}
	r.compareLocked(s)
	if len(ghosts)+len(absent) > 0 {
		why := ""
		if len(ghosts) > 0 {
			why = "here lists " + few(ghosts) + ", who are not there"
		}
		if len(absent) > 0 {
			if why != "" {
				why += "; "
			}
			why += "here does not list " + few(absent) + ", who are there"
		}
		r.house.wrongedLocked("drift", r, s, append(ghosts, absent...)[0], s.confirmed, why)
	}
}

// insideLocked tells whether a member was certainly, or possibly, there in a moment between from and to.
func (r *room) insideLocked(m int, from, to int64) (must, may bool) {
	grace := r.house.grace.ns()
	for _, s := range r.members[m].stays {
		if s.confirmed > 0 && s.confirmed < from && (s.left == 0 || s.left > to) && !s.dubious(from-grace) {
			must = true
		}
		if s.asked <= to && (s.left == 0 || s.left+grace > from) {
			may = true
		}
	}
	return must, may || must
}

// Joining is pusher_internal:member_added.
func (s *Stay) Joining(user string, at time.Time) { s.told(user, true, at) }

// Leaving is pusher_internal:member_removed.
func (s *Stay) Leaving(user string, at time.Time) { s.told(user, false, at) }

func (s *Stay) told(user string, join bool, at time.Time) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.memberLocked(user)
	if s.confirmed == 0 && s.before != nil && !r.house.stranger(r.members[m]) {
		// A server takes what one connection sends in turn: it told this before it saw the client leave and come again.
		s = s.before
		s.heard = r.house.since(at)
	}
	count := &s.joins
	if !join {
		count = &s.leaves
	}
	for m >= len(*count) {
		*count = append(*count, 0)
	}
	if (*count)[m] < 255 {
		(*count)[m]++
	}
	had := s.listed.has(m)
	s.listed.put(m, join)
	who := r.members[m]
	if r.house.stranger(who) {
		if !r.strangerLocked(s, m, join, had, r.house.since(at)) {
			(*count)[m]--
		}
		return
	}
	for i := len(who.changes) - 1; i >= 0; i-- {
		c := who.changes[i]
		if c.done || c.void || c.join != join || c.told.has(s.number) {
			continue
		}
		c.told.set(s.number)
		if c.first == 0 {
			c.first = r.house.since(at)
		}
		if s.left == 0 && c.countsLocked(s) { // nobody waits for who has left
			c.have++
			r.convergedLocked(c, r.house.since(at))
		}
		return
	}
}

// owedLocked tells whether the client was there before by the clock, so that it had to be told.
func (c *change) owedLocked(s *Stay) bool {
	begin := c.begin
	if c.stranger { // it began before, nobody knows when
		begin -= s.room.house.grace.ns()
	}
	return s.confirmed > 0 && s.confirmed < begin
}

// convergedLocked notes how long it took until everybody knew, once everybody does.
func (r *room) convergedLocked(c *change, now int64) {
	if c.done || c.unsure || c.have < c.need {
		return
	}
	what := "leave"
	if c.join {
		what = "join"
	}
	if !c.stranger { // when it began is known
		r.house.rec.Duration(r.house.registry.Series(PresenceConvergence, Tag{"change", what}), time.Duration(now-c.begin))
	}
	r.closeLocked(c)
}

func (r *room) closeLocked(c *change) {
	c.done = true
	for i, o := range r.open {
		if o == c {
			r.open = append(r.open[:i], r.open[i+1:]...)
			return
		}
	}
}

// Left says that the client sent pusher:unsubscribe. A stay ends once.
func (s *Stay) Left(at time.Time) { s.end(at, false) }

// Cut says that its connection ended; at is when it was last known to be alive, where that was found out later.
func (s *Stay) Cut(at time.Time) { s.end(at, true) }

func (s *Stay) end(at time.Time, cut bool) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.left > 0 {
		return
	}
	s.left, s.cut = r.house.since(at), cut
	who := r.members[s.member]
	if s.confirmed > 0 {
		r.here--
		who.here--
		if s.isDeaf() {
			r.deaf--
			who.deaf--
		}
	}
	r.releaseLocked(s, s.left)
	if !who.known {
		return
	}
	if who.inside--; who.inside > 0 {
		if who.here == 0 && s.confirmed > 0 { // another of its connections has asked: the server may see that later than this
			r.unsureLocked(r.changeLocked(s.member, false, s.left), r.changeLocked(s.member, true, s.left))
		}
		return
	}
	who.leftLast, who.last = s.left, s
	var join *change
	if n := len(who.changes); n > 0 && who.changes[n-1].join {
		join = who.changes[n-1]
	}
	c := r.changeLocked(s.member, false, s.left)
	switch {
	case len(s.deaf) > 0: // the server may have ended it long before
		r.unsureLocked(c, nil)
	case s.confirmed == 0 && join != nil: // it was never told whether it is in
		r.unsureLocked(c, join)
	}
}

// releaseLocked has nobody wait for the client to be told of what is open.
func (r *room) releaseLocked(s *Stay, now int64) {
	for _, c := range append([]*change(nil), r.open...) {
		if c.countsLocked(s) && !c.told.has(s.number) {
			c.need-- // nobody waits for it any more
			if c.need == 0 {
				r.closeLocked(c) // and nobody was left to be told
			} else {
				r.convergedLocked(c, now)
			}
		}
	}
}

// bitset is a set of small numbers.
type bitset []uint64

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0 }

func (b *bitset) set(i int) { b.put(i, true) }

func (b *bitset) put(i int, in bool) {
	for i/64 >= len(*b) {
		if !in {
			return
		}
		*b = append(*b, 0)
	}
	if in {
		(*b)[i/64] |= 1 << (i % 64)
	} else {
		(*b)[i/64] &^= 1 << (i % 64)
	}
}

// Members is how many members the client lists, and whether user is among them.
func (s *Stay) Members(user string) (count int, in bool) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	for _, word := range s.listed {
		count += bits.OnesCount64(word)
	}
	i, known := s.room.index[user]
	return count, known && s.listed.has(i)
}
