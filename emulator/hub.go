package emulator

import (
	"hash/maphash"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

const shards = 64

// hub is everything live of one application.
type hub struct {
	srv   *Server
	appID string

	seed       maphash.Seed
	shards     [shards]shard
	order      atomic.Uint64 // counts subscriptions
	subscribed atomic.Int64  // connections with at least one subscription: what Reverb calls connections

	mu    sync.Mutex // guards conns
	conns map[string]*conn

	users users

	gone atomic.Bool // the app is no longer served
}

type shard struct {
	mu       sync.Mutex // guards channels and everything in them
	channels map[string]*channel
}

func newHub(s *Server, appID string) *hub {
	return &hub{srv: s, appID: appID, seed: maphash.MakeSeed(), conns: make(map[string]*conn)}
}

func (h *hub) shard(channel string) *shard {
	return &h.shards[maphash.String(h.seed, channel)%shards]
}

// add registers a connection under a fresh socket id.
func (h *hub) add(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		c.id = newSocketID()
		if _, taken := h.conns[c.id]; !taken {
			h.conns[c.id] = c
			return
		}
	}
}

func (h *hub) find(socketID string) *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns[socketID]
}

// roomWithin tells whether fewer than most connections are subscribed. Those that have just gone may not have been
// noticed yet (Reverb, with its one loop, always has), so a full house is looked at again for a moment.
func (h *hub) roomWithin(most int, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); h.subscribed.Load() >= int64(most); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

// everyConn calls f for a copy of the connections there are.
func (h *hub) everyConn(f func(*conn)) {
	h.mu.Lock()
	all := make([]*conn, 0, len(h.conns))
	for _, c := range h.conns {
		all = append(all, c)
	}
	h.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

// everyShard calls f with each shard locked in turn.
func (h *hub) everyShard(f func(*shard)) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		f(sh)
		sh.mu.Unlock()
	}
}

// tooLong is how the reason of a connection begins that ended because of a message's size (package framing).
const tooLong = "a message of more than "

// remove takes a connection out of its channels and forgets it. Its cost is the connection's own channels.
// Called by the connection's read goroutine when it has stopped reading.
func (h *hub) remove(c *conn, reason string, waiting int) {
	for _, sub := range c.subs.list {
		h.leave(c, sub)
	}
	if len(c.subs.list) > 0 {
		h.subscribed.Add(-1)
	}
	c.subs = subscriptions{}
	h.signOut(c)
	h.mu.Lock()
	delete(h.conns, c.id)
	h.mu.Unlock()
	e := c.entry(journal.Closed)
	e.Note, e.Count = reason, waiting
	h.srv.journal.Append(e)
	if strings.HasPrefix(reason, "slow") {
		h.srv.log.Warn("slow reader closed", "app", h.appID, "socket", c.id, "waiting_bytes", waiting)
	}
	if strings.HasPrefix(reason, tooLong) {
		h.srv.say(slog.LevelWarn, "connection closed with 1009: its message was too large", h.appID, "", "app", h.appID, "socket", c.id,
			"reason", reason+": send less, or raise REVERB_APP_MAX_MESSAGE_SIZE")
	}
	h.srv.log.Debug("closed", "socket", c.id, "reason", reason)
}

// subscribe puts an authorised connection into a channel, tells the others and confirms. err is for the client; the
// channel is as it was then.
func (h *hub) subscribe(c *conn, name string, m pusher.Member) *pusher.Error {
	p := h.srv.profile
	if old := c.subs.find(name); old != nil {
		h.resubscribe(c, old, m)
		return nil
	}
	sh := h.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sub := &subscription{conn: c, order: h.order.Add(1)} // under the lock: joins are announced in this order
	ch := sh.channels[name]
	if ch == nil {
		ch = &channel{name: name, kind: p.KindOf(name)}
		if sh.channels == nil {
			sh.channels = make(map[string]*channel)
		}
		sh.channels[name] = ch
	}
	if limit := p.Limits.PresenceMembers; limit > 0 && ch.kind.Presence && len(ch.members) >= limit && ch.byID[m.ID] == nil {
		return &pusher.Error{Code: 4004, Message: "The presence channel is full: at most " + itoa(limit) + " members"}
	}
	joined := ch.addLocked(sub, &m)
	c.subs.add(sub)
	if len(c.subs.list) == 1 {
		h.subscribed.Add(1)
	}
	h.enteredLocked(c, ch, sub, &m, joined, false)
	return nil
}

// enteredLocked tells the others of a new member, confirms to the newcomer and journals both.
func (h *hub) enteredLocked(c *conn, ch *channel, sub *subscription, m *pusher.Member, joined, again bool) {
	if joined {
		ch.sendLocked(textFrame(pusher.JoinedText(ch.name, m)), c)
	}
	miss := ch.confirmLocked(c)
	e := c.entry(journal.Subscribed)
	e.Channel, e.Count = ch.name, len(ch.subs)
	if m.Has {
		e.User = m.ID
	}
	switch {
	case again:
		e.Note = journal.NoteAgain
	case miss:
		e.Note = journal.NoteCacheMiss
	}
	h.srv.journal.Append(e)
	if joined && sub.member != nil {
		e := c.entry(journal.Joined)
		e.Channel, e.User, e.Count, e.Data = ch.name, m.ID, len(ch.members), slices.Clone(m.Info)
		h.srv.journal.Append(e)
	}
	if p := h.srv.profile; p.SubscriptionCounts && c.app.SubscriptionCount && !ch.kind.Presence {
		ch.countLocked(time.Now())
	}
}

// resubscribe confirms a second subscription of the same socket. When it comes as another user, the old one leaves
// and the new one joins (Reverb leaves a ghost there).
func (h *hub) resubscribe(c *conn, sub *subscription, m pusher.Member) {
	ch := sub.ch
	sh := h.shard(ch.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	joined := false
	if ch.kind.Presence {
		same := sub.member != nil && m.Has && sub.member.id == m.ID
		old := *sub
		left := ch.partLocked(sub)
		joined = ch.joinLocked(sub, &m)
		if same {
			joined = false
		} else if left != nil {
			h.leftLocked(ch, &old, left, c)
		}
	} else if m.Has {
		sub.rawID = m.Raw
	} else {
		sub.rawID = nil
	}
	h.enteredLocked(c, ch, sub, &m, joined, true)
}

// unsubscribe takes a connection out of one channel. Called by its read goroutine.
func (h *hub) unsubscribe(c *conn, sub *subscription) {
	h.leave(c, sub)
	c.subs.remove(sub)
	if len(c.subs.list) == 0 {
		h.subscribed.Add(-1)
	}
}

// leave takes a socket out of a channel and tells the others.
func (h *hub) leave(c *conn, sub *subscription) {
	ch := sub.ch
	sh := h.shard(ch.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	left := ch.removeLocked(sub)
	if ch.goneLocked() {
		delete(sh.channels, ch.name)
	}
	e := c.entry(journal.Unsubscribed)
	e.Channel, e.Count = ch.name, len(ch.subs)
	if left != nil {
		e.User = left.id
	}
	h.srv.journal.Append(e)
	if left != nil {
		h.leftLocked(ch, sub, left, c)
	}
	if p := h.srv.profile; p.SubscriptionCounts && c.app.SubscriptionCount && !ch.kind.Presence && len(ch.subs) > 0 {
		ch.countLocked(time.Now())
	}
}

// publish delivers one event to one channel and journals it. The entry's Kind, Source, Socket, User and Data are the
// caller's; except is left out. It returns the entry's sequence number and the number of recipients.
func (h *hub) publish(e journal.Entry, text []byte, except *conn, keep bool) (seq uint64, recipients int) {
	p := h.srv.profile
	f := textFrame(text)
	sh := h.shard(e.Channel)
	sh.mu.Lock()
	ch := sh.channels[e.Channel]
	if ch == nil {
		if kind := p.KindOf(e.Channel); keep && kind.Cache && p.CacheTTL > 0 {
			ch = &channel{name: e.Channel, kind: kind}
			if sh.channels == nil {
				sh.channels = make(map[string]*channel)
			}
			sh.channels[e.Channel] = ch
		}
	}
	if ch == nil {
		sh.mu.Unlock()
		e.Note = h.whyNobody(e.Channel)
		return h.srv.journal.Append(e), 0
	}
	if keep {
		ch.keepLocked(p, text, string(e.Data))
	}
	e.Count = ch.sendLocked(f, except)
	if e.Count == 0 {
		e.Note = "Nobody was subscribed to " + short(e.Channel) + "."
		if len(ch.subs) == 1 && ch.subs[0].conn == except {
			e.Note = "Only the sender was subscribed, and it is left out."
		} else if len(ch.subs) > 0 {
			e.Note = "Every subscriber was being disconnected."
		}
	}
	seq = h.srv.journal.Append(e)
	sh.mu.Unlock()
	return seq, e.Count
}

// neighbours are the prefixes of the other names that a channel may have been meant to have.
var neighbours = []string{"private-", "presence-", "private-encrypted-", ""}

// whyNobody puts into words why an event reached nobody, with the likely mistake: the same name under another prefix.
func (h *hub) whyNobody(name string) string {
	why := "Nobody was subscribed to " + short(name) + "."
	_, base := pusher.LaravelChannel(name)
	for _, prefix := range neighbours {
		channel := prefix + base
		if channel == name {
			continue
		}
		sh := h.shard(channel)
		sh.mu.Lock()
		n := 0
		if ch := sh.channels[channel]; ch != nil {
			n = len(ch.subs)
		}
		sh.mu.Unlock()
		switch {
		case n == 1:
			why += " 1 socket is on "
		case n > 1:
			why += " " + itoa(n) + " sockets are on "
		default:
			continue
		}
		class, _ := pusher.LaravelChannel(channel)
		return why + short(channel) + ": broadcast on " + class + "('" + short(base) + "')."
	}
	return why
}

// terminate disconnects every socket of a user: those signed in as it where the profile knows sign-in, and those that
// are it in a presence channel (laravel/reverb UsersTerminateController.php, Pusher docs: Terminating user connections).
func (h *hub) terminate(userID string) (n int) {
	doomed := map[*conn]struct{}{}
	h.everyShard(func(sh *shard) {
		for _, ch := range sh.channels {
			if mem := ch.byID[userID]; mem != nil {
				for _, sub := range mem.subs {
					doomed[sub.conn] = struct{}{}
				}
			}
		}
	})
	for _, c := range h.users.conns(userID) {
		doomed[c] = struct{}{}
	}
	for c := range doomed {
		if !h.srv.profile.CutsOnRefusal {
			c.send(textFrame(h.srv.profile.ErrorText(pusher.ErrTerminated)))
		}
		c.sendAway(pusher.ErrTerminated, "terminated by the application")
	}
	return len(doomed)
}
