package harness

import (
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
	// Elsewhere are members of this run who come with connections of others too: they are judged as those others are.
	Elsewhere map[string]bool
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
	if h.cfg.Elsewhere[user] {
		return s // when its first connection comes, and its last one goes, is not known here
	}
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
// its order, if no other one left as well just before, whose leave may still be under way; a leave that somebody was told
// of is over; beyond the grace any is.
func (r *room) inDoubtLocked(leave *change, who *member, s *Stay) bool {
	grace := r.house.grace.ns()
	elsewhere := func(o *Stay) bool { return o != s && o.socket != s.socket && s.asked-o.left < grace }
	switch {
	case s.asked-who.leftLast >= grace:
		return false
	case who.last != nil && !who.last.cut && s.socket != "" && who.last.socket == s.socket && !slices.ContainsFunc(who.stays, elsewhere):
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
