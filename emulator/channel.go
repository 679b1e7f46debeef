package emulator

import (
	"slices"
	"sort"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// channel is one occupied channel, or an unoccupied one that still caches an event. Its shard's lock guards it.
type channel struct {
	name string
	kind *pusher.Kind
	subs []*subscription // in no particular order

	// Presence channels only.
	members   []*member // in the order in which their oldest socket came
	byID      map[string]*member
	anonymous int // sockets without a user_id: as long as there is one, Reverb shows an empty roster

	cached  []byte    // last event as subscribers got it; cache channels only
	cachedD string    // its data
	expires time.Time // when cached is forgotten; zero: with the last subscriber

	countDue  bool      // subscribers have not been told the current count yet
	countSent time.Time // when they last were
}

// subscription is one socket in one channel.
type subscription struct {
	ch     *channel
	conn   *conn
	at     int    // place in ch.subs
	order  uint64 // of subscribing, in the hub
	member *member
	rawID  []byte // user id as this socket gave it, nil for none
	roster pusher.RosterEntry
	info   bool
}

// member is one user of a presence channel: all of that user's sockets in it.
type member struct {
	id   string
	subs []*subscription // oldest first
}

func (m *member) order() uint64 { return m.subs[0].order }

// subscriptions is what one connection is subscribed to: a short list, and a map beside it when it grows long.
type subscriptions struct {
	list  []*subscription
	index map[string]*subscription
}

const subscriptionsIndexed = 16

func (s *subscriptions) find(name string) *subscription {
	if s.index != nil {
		return s.index[name]
	}
	for _, sub := range s.list {
		if sub.ch.name == name {
			return sub
		}
	}
	return nil
}

func (s *subscriptions) add(sub *subscription) {
	s.list = append(s.list, sub)
	if s.index != nil {
		s.index[sub.ch.name] = sub
	} else if len(s.list) > subscriptionsIndexed {
		s.index = make(map[string]*subscription, 2*subscriptionsIndexed)
		for _, sub := range s.list {
			s.index[sub.ch.name] = sub
		}
	}
}

func (s *subscriptions) remove(sub *subscription) {
	if i := slices.Index(s.list, sub); i >= 0 {
		s.list = slices.Delete(s.list, i, i+1) // in order: a connection leaves its channels in the order of joining
	}
	delete(s.index, sub.ch.name)
}

// addLocked puts a socket in. For presence channels it returns the member that the socket belongs to (nil for an
// anonymous one) and whether the user is new to the channel.
func (ch *channel) addLocked(sub *subscription, m *pusher.Member) (joined bool) {
	sub.ch, sub.at = ch, len(ch.subs)
	ch.subs = append(ch.subs, sub)
	return ch.joinLocked(sub, m)
}

// joinLocked makes sub one of the member's sockets.
func (ch *channel) joinLocked(sub *subscription, m *pusher.Member) (joined bool) {
	if m.Has {
		sub.rawID = m.Raw
	}
	if !ch.kind.Presence {
		return false
	}
	if !m.Has {
		ch.anonymous++
		return true
	}
	if sub.info = m.Info != nil; sub.info {
		sub.roster = m.Roster()
	}
	mem := ch.byID[m.ID]
	if mem == nil {
		mem = &member{id: m.ID}
		if ch.byID == nil {
			ch.byID = make(map[string]*member)
		}
		ch.byID[m.ID] = mem
		joined = true
	}
	sub.member = mem
	at := sort.Search(len(mem.subs), func(i int) bool { return mem.subs[i].order > sub.order })
	if at == 0 && !joined {
		ch.pullLocked(mem) // its oldest socket is another one now
	}
	mem.subs = slices.Insert(mem.subs, at, sub)
	if at == 0 {
		ch.insertLocked(mem)
	}
	return joined
}

// insertLocked puts a member at its place: by its oldest socket.
func (ch *channel) insertLocked(mem *member) {
	at := sort.Search(len(ch.members), func(i int) bool { return ch.members[i].order() > mem.order() })
	ch.members = slices.Insert(ch.members, at, mem)
}

// pullLocked takes a member out of its place. It must still have the order that it was inserted with.
func (ch *channel) pullLocked(mem *member) {
	at := sort.Search(len(ch.members), func(i int) bool { return ch.members[i].order() >= mem.order() })
	ch.members = slices.Delete(ch.members, at, at+1)
}

// removeLocked takes a socket out. left tells that its user has no other socket here.
func (ch *channel) removeLocked(sub *subscription) (left *member) {
	last := len(ch.subs) - 1
	ch.subs[sub.at] = ch.subs[last]
	ch.subs[sub.at].at = sub.at
	ch.subs[last] = nil
	ch.subs = ch.subs[:last]
	if cap(ch.subs) > 64 && len(ch.subs) < cap(ch.subs)/4 {
		ch.subs = slices.Clone(ch.subs)
	}
	return ch.partLocked(sub)
}

// partLocked undoes joinLocked.
func (ch *channel) partLocked(sub *subscription) (left *member) {
	if !ch.kind.Presence {
		return nil
	}
	mem := sub.member
	if mem == nil {
		ch.anonymous--
		return nil
	}
	sub.member = nil
	oldest := mem.subs[0] == sub
	if oldest {
		ch.pullLocked(mem)
	}
	i := slices.Index(mem.subs, sub)
	mem.subs = slices.Delete(mem.subs, i, i+1)
	if len(mem.subs) == 0 {
		delete(ch.byID, mem.id)
		return mem
	}
	if oldest {
		ch.insertLocked(mem)
	}
	return nil
}

// sendLocked queues a frame for every subscriber but except and returns how many took it.
func (ch *channel) sendLocked(f frame, except *conn) (n int) {
	var idle []*conn
	for _, sub := range ch.subs {
		if sub.conn == except {
			continue
		}
		taken, start := sub.conn.queueUp(f)
		if taken {
			n++
		}
		if start {
			if idle == nil {
				idle = make([]*conn, 0, len(ch.subs))
			}
			idle = append(idle, sub.conn)
		}
	}
	if len(idle) > 0 {
		flushAll(idle)
	}
	return n
}

// keepLocked remembers an event for newcomers.
func (ch *channel) keepLocked(p *pusher.Profile, text []byte, data string) {
	if !ch.kind.Cache {
		return
	}
	ch.cached, ch.cachedD = text, data
	if p.CacheTTL > 0 {
		ch.expires = time.Now().Add(p.CacheTTL)
	}
}

// cachedLocked is the event for a newcomer, nil when there is none or it is too old.
func (ch *channel) cachedLocked() []byte {
	if ch.cached != nil && !ch.expires.IsZero() && !time.Now().Before(ch.expires) {
		ch.cached = nil
	}
	return ch.cached
}

// confirmLocked sends a newcomer what it is told of the channel: the confirmation, with the members of a presence
// channel, and the cached event of a cache channel. It tells whether a cache had nothing.
func (ch *channel) confirmLocked(c *conn) (cacheMiss bool) {
	switch {
	case !ch.kind.Presence:
		c.send(textFrame(pusher.SubscribedText(ch.name)))
	case ch.anonymous > 0:
		c.send(textFrame(pusher.EmptyRosterText(ch.name)))
	case slices.ContainsFunc(ch.members, func(mem *member) bool { return !mem.subs[0].info }):
		// As long as a member has no user_info, Reverb trips over it when it lists the members for a newcomer.
		c.send(textFrame(c.hub.srv.profile.ErrorText(pusher.ErrMessage)))
		return false
	default:
		c.send(textFrame(pusher.RosterText(ch.name, len(ch.members), func(yield func(*pusher.RosterEntry) bool) {
			for _, mem := range ch.members {
				if !yield(&mem.subs[0].roster) {
					return
				}
			}
		})))
	}
	if !ch.kind.Cache {
		return false
	}
	if text := ch.cachedLocked(); text != nil {
		c.send(textFrame(text))
		return false
	}
	c.send(textFrame(pusher.CacheMissText(ch.name)))
	return true
}

// goneLocked tells whether nothing holds the channel any more.
func (ch *channel) goneLocked() bool {
	return len(ch.subs) == 0 && (ch.expires.IsZero() || ch.cachedLocked() == nil)
}

// countLocked tells subscribers how many they are, where the app wants that: on every change, above 100 subscribers
// at most every 5 seconds (Pusher docs: Subscription count events).
func (ch *channel) countLocked(now time.Time) {
	if len(ch.subs) > 100 && now.Sub(ch.countSent) < 5*time.Second {
		ch.countDue = true
		return
	}
	ch.countDue, ch.countSent = false, now
	ch.sendLocked(textFrame(pusher.CountText(ch.name, len(ch.subs))), nil)
}

// ChannelState is one channel at a moment.
type ChannelState struct {
	Name          string        `json:"name"`
	Kind          string        `json:"kind"`
	Subscriptions int           `json:"subscriptions"`
	Members       []MemberState `json:"members,omitempty"`
	Cached        bool          `json:"cached,omitempty"`
}

// MemberState is one user of a presence channel.
type MemberState struct {
	ID      string `json:"id"`
	Sockets int    `json:"sockets"`
}

func (ch *channel) stateLocked() ChannelState {
	state := ChannelState{Name: ch.name, Kind: ch.kind.Name, Subscriptions: len(ch.subs), Cached: ch.cachedLocked() != nil}
	for _, mem := range ch.members {
		state.Members = append(state.Members, MemberState{mem.id, len(mem.subs)})
	}
	return state
}

// left journals and announces that a user is gone.
func (h *hub) leftLocked(ch *channel, sub *subscription, mem *member, c *conn) {
	text := pusher.LeftText(ch.name, sub.rawID)
	if h.srv.profile.MembershipFramesCache {
		ch.keepLocked(h.srv.profile, text, "")
	}
	ch.sendLocked(textFrame(text), c)
	e := c.entry(journal.Left)
	e.Channel, e.User, e.Count = ch.name, mem.id, len(ch.members)
	h.srv.journal.Append(e)
}
