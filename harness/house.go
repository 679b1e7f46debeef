package harness

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"time"
)

// House knows who is in which presence channel, by what the virtual users do, and holds it against what each client
// was told: `here` must be the truth of its moment, every join and leave must be told once to everybody who was there
// before and stayed, a member with several connections joins with the first and leaves with the last, and when nothing
// moves any more every client's list is the truth.
//
// Its methods can be called from any goroutine. Lock order: House.mu → room.mu.
type House struct {
	cfg      HouseConfig
	registry *Registry
	rec      *Recorder
	grace    grace

	mu    sync.Mutex
	rooms map[string]*room
	found settling
}

// HouseConfig is what a House is given.
type HouseConfig struct {
	Start    time.Time
	Registry *Registry
	// Others says that members who are not of this run may come and go: other segments, people, see strangers.go.
	Others bool
	// Grace is the uncertainty around a connection that ended: a member who comes back on another within it may, or may not,
	// be told to have left and joined; both or neither. Where the slowest subscribe took more than half of it, it is twice
	// that, up to Patience (grace.go). Default 1 s.
	Grace time.Duration
	// Patience is how long the Grace may become; default 10 s.
	Patience time.Duration
}

// NewHouse makes an empty House.
func NewHouse(cfg HouseConfig) *House {
	if cfg.Grace <= 0 {
		cfg.Grace = time.Second
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 10 * time.Second
	}
	if cfg.Registry == nil {
		cfg.Registry = NewRegistry()
	}
	h := &House{cfg: cfg, registry: cfg.Registry, rec: cfg.Registry.Recorder(), rooms: make(map[string]*room),
		found: settling{counts: make(map[string]int64), evidence: make(map[string][]PresenceEvidence)}}
	h.grace.least, h.grace.most = cfg.Grace, max(cfg.Grace, cfg.Patience)
	return h
}

// room is one presence channel.
type room struct {
	house *House
	name  string

	mu      sync.Mutex
	index   map[string]int // members by user_id
	members []*member
	stays   []*Stay
	here    int       // stays confirmed and not left
	deaf    int       // of those, told not to read
	order   int       // of confirmations and changes, as they are entered here: instants come from several clocks' readers
	open    []*change // not told yet to everybody who was there
	odd     []odd     // here lists that did not agree about a stranger
}

// member is one user_id.
type member struct {
	id       string
	known    bool  // it was ever one of this run
	inside   int   // stays that asked and have not left
	here     int   // of those, confirmed
	deaf     int   // of those, told not to read
	wasDeaf  uint8 // stays that were, ever: the server may have ended them long before they knew
	stays    []*Stay
	changes  []*change
	leftLast int64
	last     *Stay              // that left then
	infos    map[content]string // the user_info that it joined with, as text; "" at the bytes of another spelling
}

// change is a member's coming or going that others have to be told.
type change struct {
	member int
	join   bool
	begin  int64
	end    int64 // of a join: when it was confirmed, 0 not yet
	// unsure: the server may have seen it or not. pair is the other half: it saw both or neither.
	unsure bool
	pair   *change
	first  int64 // when the first client was told
	void   bool  // it did not happen: the subscription was refused
	// stranger: nobody of the run did it; begin is when the first client was told.
	stranger bool

	order int
	told  bitset // by the stay's number
	need  int    // how many have to be told and are still there
	have  int    // how many of them were
	done  bool
}

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

func (h *House) room(name string) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[name]
	if r == nil {
		r = &room{house: h, name: name, index: make(map[string]int)}
		h.rooms[name] = r
	}
	return r
}

func (h *House) since(at time.Time) int64 { return max(1, int64(at.Sub(h.cfg.Start))) }

// Entering says that a client is about to ask for a presence channel as the member user; client is for people, socket the
// id of its connection.
func (h *House) Entering(client, socket, channel, user string, at time.Time) *Stay {
	r := h.room(channel)
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.memberLocked(user)
	s := &Stay{room: r, client: client, socket: socket, number: len(r.stays), member: m, asked: h.since(at)}
	r.stays = append(r.stays, s)
	who := r.members[m]
	who.known = true
	for _, other := range slices.Backward(who.stays) {
		if socket != "" && other.socket == socket && other.client == client && other.left > 0 {
			s.before = other
			break
		}
	}
	who.stays = append(who.recentLocked(s.asked), s)
	if who.inside++; who.inside == 1 {
		before := who.lastLeaveLocked()
		c := r.changeLocked(m, true, s.asked)
		if before != nil && r.inDoubtLocked(before, who, s) {
			r.unsureLocked(before, c)
		}
	}
	return s
}

// inDoubtLocked tells whether the server may see the member come before it sees it go. What one connection sends keeps
// its order; a leave that somebody was told of is over; beyond the grace any is.
func (r *room) inDoubtLocked(leave *change, who *member, s *Stay) bool {
	switch {
	case s.asked-who.leftLast >= r.house.grace.ns():
		return false
	case who.last != nil && !who.last.cut && s.socket != "" && who.last.socket == s.socket:
		return false
	}
	return leave.first == 0 || leave.first >= s.asked
}

// unsureLocked marks a going and a coming, of which the server sees both or neither. Nobody waits for them.
func (r *room) unsureLocked(leave, join *change) {
	leave.unsure = true
	if join != nil { // nil: the leave stands alone
		join.unsure, leave.pair, join.pair = true, join, leave
	}
	for _, c := range []*change{leave, join} {
		if i := slices.Index(r.open, c); i >= 0 {
			r.open = slices.Delete(r.open, i, i+1)
		}
	}
}

// lastLeaveLocked is the member's last change where that was a leave of this run.
func (m *member) lastLeaveLocked() *change {
	if n := len(m.changes); n > 0 && !m.changes[n-1].join && !m.changes[n-1].void && !m.changes[n-1].stranger {
		return m.changes[n-1]
	}
	return nil
}

func (r *room) memberLocked(id string) int {
	m, known := r.index[id]
	if !known {
		m = len(r.members)
		r.index[id] = m
		r.members = append(r.members, &member{id: id})
	}
	return m
}

func (r *room) changeLocked(m int, join bool, at int64) *change {
	r.order++
	c := &change{member: m, join: join, begin: at, order: r.order, need: r.here - r.deaf - r.members[m].here + r.members[m].deaf}
	r.members[m].changes = append(r.members[m].changes, c)
	if c.need > 0 {
		r.open = append(r.open, c)
	}
	return c
}

// countsLocked tells whether a stay is one of those that have to be told: confirmed before, and somebody else's.
func (c *change) countsLocked(s *Stay) bool {
	if c.stranger {
		return c.owedLocked(s)
	}
	return s.confirmed > 0 && s.order < c.order && s.member != c.member && !s.deafTo(c)
}

// endLocked is until when the server may have seen to it.
func (c *change) endLocked(grace int64) int64 {
	switch {
	case !c.join:
		return c.begin + grace
	case c.end == 0:
		return 1<<63 - 1
	}
	return c.end
}

// memory is how long a stay that ended can still matter to who comes later, in ns.
const memory = int64(time.Minute)

// recentLocked are the member's stays without those that ended long ago.
func (m *member) recentLocked(now int64) []*Stay {
	kept := m.stays[:0]
	for _, s := range m.stays {
		if s.left == 0 || now-s.left < memory {
			kept = append(kept, s)
		}
	}
	return kept
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

// Outstanding is how many changes somebody who must know has not been told yet.
func (h *House) Outstanding() (n int) {
	h.each(func(r *room) { n += len(r.open) })
	return n
}

func (h *House) each(what func(r *room)) {
	h.mu.Lock()
	rooms := make([]*room, 0, len(h.rooms))
	for _, r := range h.rooms {
		rooms = append(rooms, r)
	}
	h.mu.Unlock()
	for _, r := range rooms {
		r.mu.Lock()
		what(r)
		r.mu.Unlock()
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
