package harness

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// LedgerClient is one virtual client in the ledger.
type LedgerClient struct {
	ledger *Ledger
	name   string

	mu     sync.Mutex
	socket string
	latest []*Subscription         // one for each channel, the last
	said   map[*channelBook]*place // its last whisper on this connection
	lost   []int64                 // when its connections ended
	deaf   []deafness              // when it was told not to read
}

// Client enters a client; name is for people, such as staff/12.
func (l *Ledger) Client(name string) *LedgerClient { return &LedgerClient{ledger: l, name: name} }

// Socket notes the socket id that the client has now.
func (c *LedgerClient) Socket(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.socket = id
}

// Lost says that the client's connection ended: what it whispered just before may never have reached the server.
func (c *LedgerClient) Lost(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = append(c.lost, c.ledger.since(at))
	c.said = nil // servers keep the order of one connection, not of one and the next
}

// connection numbers the client's connections, from 0.
func (c *LedgerClient) connection() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int32(len(c.lost))
}

// lostWithin tells whether a connection of the client ended in a time, in ns since the start.
func (c *LedgerClient) lostWithin(from, to int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.lost, func(at int64) bool { return at >= from && at <= to })
}

// follow links a whisper to the client's one before it in the same channel.
func (c *LedgerClient) follow(at *place, p *Publication) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said == nil {
		c.said = make(map[*channelBook]*place)
	}
	if before := c.said[at.channel]; before != nil {
		before.next.Store(p)
	}
	c.said[at.channel] = at
}

// Subscription is one client's stay in one channel, from asking to leaving; a client that comes again has another.
type Subscription struct {
	client     *LedgerClient
	channel    *channelBook
	connection int32         // which of the client's
	base       int           // of the channel's log: what was there when it asked
	before     *Subscription // the client's last one to the channel, where it was on the same connection

	mu        sync.Mutex
	asked     int64
	confirmed int64 // 0: not yet, or refused
	left      int64 // 0: still there
	cut       bool  // left because the connection ended
	bits      []uint64
	early     map[int]bool     // what came of before base; true once it is counted
	sentMost  int64            // the latest sent of what came
	swept     int              // up to here its deliveries are counted
	missing   map[int]struct{} // counted as missing; they may still come
	order     *siblingOrder    // nil where nothing came of other segments
}

// Subscribing says that the client is about to ask for a channel. kind is public, private, presence, encrypted or such;
// "" is found by the name.
func (c *LedgerClient) Subscribing(channel, kind string, at time.Time) *Subscription {
	if kind == "" {
		kind = KindOf(channel)
	}
	book := c.ledger.channel(channel, kind)
	s := &Subscription{client: c, channel: book, connection: c.connection(), asked: c.ledger.since(at)}
	book.mu.Lock()
	s.base = len(book.log)
	s.swept = s.base
	book.spans = append(book.spans, s)
	book.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.latestLocked(book); i >= 0 {
		if c.latest[i].connection == s.connection {
			s.before = c.latest[i]
		}
		c.latest[i] = s
	} else {
		c.latest = append(c.latest, s)
	}
	return s
}

// latestLocked finds the client's last subscription to a channel; -1 for none.
func (c *LedgerClient) latestLocked(book *channelBook) int {
	return slices.IndexFunc(c.latest, func(s *Subscription) bool { return s.channel == book })
}

// Confirmed says that the server answered pusher_internal:subscription_succeeded.
func (s *Subscription) Confirmed(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed = s.client.ledger.since(at)
	s.client.answered(s.asked, s.confirmed)
}

// Left says that the client sent pusher:unsubscribe, or was refused. A subscription ends once.
func (s *Subscription) Left(at time.Time) { s.end(at, false) }

// Cut says that the connection ended; at is when it was last known to be alive, where the loss was found out later.
func (s *Subscription) Cut(at time.Time) { s.end(at, true) }

func (s *Subscription) end(at time.Time, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		s.left, s.cut = s.client.ledger.since(at), cut
	}
}

// Received enters an event that arrived on the subscription's channel, not one of the protocol's own. data is the
// payload, or the whole message; it is not kept.
func (s *Subscription) Received(rec *Recorder, event string, data []byte, at time.Time) {
	l := s.client.ledger
	now := l.since(at)
	p := l.read(rec, s.channel, event, data, now)
	switch {
	case p == nil:
		return
	case p.sibling != nil:
		s.receivedSibling(rec, p, data, now)
		return
	}
	s.mu.Lock()
	before, confirmed := s.before, s.confirmed > 0
	s.mu.Unlock()
	if !confirmed && before != nil && before.onItsWay(p) {
		s = before
	}
	s.received(rec, p, event, data, now)
}

// onItsWay tells whether a publication that comes after the client left may have been under way: it was sent before. The
// server took it before it saw the client leave, and perhaps come again.
func (s *Subscription) onItsWay(p *Publication) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left > 0 && !s.cut && p.sent <= s.left && p.in(s.channel) != nil
}

// received enters a publication of this run.
func (s *Subscription) received(rec *Recorder, p *Publication, event string, data []byte, now int64) {
	l := s.client.ledger
	here := p.in(s.channel)
	switch {
	case here == nil:
		l.wronged("leaked", p, s.channel.name, s.client, now, "it was published on "+p.channels()+" only")
		return
	case p.leavesOut(s.client, s.connection):
		l.wronged("leaked", p, s.channel.name, s.client, now, "its sender is left out")
		return
	case p.accepted.Load() == refusedMark:
		l.wronged("leaked", p, s.channel.name, s.client, now, "the server had refused it")
		return
	case event != p.event:
		l.wronged("leaked", p, s.channel.name, s.client, now, "it came as "+event+", which nobody published")
		return
	}
	if !p.isGenuine(data) {
		l.wronged("altered", p, s.channel.name, s.client, now, "its data is not what was sent")
	}
	took := time.Duration(max(0, now-p.due))
	what := s.take(p, here)
	if what == first {
		rec.delivery(here.latency, took, here.came)
	} else {
		rec.Duration(here.latency, took)
	}
	switch what {
	case again:
		l.wronged("duplicate", p, s.channel.name, s.client, now, "it had come before")
		return
	case afterLater:
		l.wronged("reordered", p, s.channel.name, s.client, now, "one that was sent later came first")
	case tooLate:
		l.counts[countMissing].Add(-1)
		l.registry.addAt(l.wrong["missing"], -1, time.Duration(p.sent))
		l.counts[countDelivered].Add(1)
		l.wronged("late", p, s.channel.name, s.client, now, "it had been given up")
		rec.Add(here.came, 1)
		return
	}
	if most := l.cfg.LateAfter; most > 0 && now-p.due > int64(most) {
		l.wronged("late", p, s.channel.name, s.client, now, fmt.Sprintf("it took %s", time.Duration(now-p.due).Round(time.Millisecond)))
	}
}

// Stray enters an event that arrived for a channel in which the client has no subscription at the moment.
func (c *LedgerClient) Stray(rec *Recorder, channel, event string, data []byte, at time.Time) {
	l := c.ledger
	book, now := l.channel(channel, ""), l.since(at)
	p := l.read(rec, book, event, data, now)
	if p == nil {
		return
	}
	var last *Subscription
	c.mu.Lock()
	if i := c.latestLocked(book); i >= 0 {
		last = c.latest[i]
	}
	c.mu.Unlock()
	if p.sibling != nil {
		l.strayed(p, c, last, now)
		return
	}
	if last != nil && last.connection == c.connection() && last.onItsWay(p) {
		last.received(rec, p, event, data, now)
		return
	}
	if last != nil && p.in(last.channel) != nil && !p.leavesOut(c, c.connection()) {
		last.mu.Lock()
		asked, left := last.asked, last.left
		last.mu.Unlock()
		if left == 0 || p.sent <= left+l.grace.ns() && p.sent >= asked {
			l.counts[countUncertain].Add(1)
			return
		}
	}
	why := "the client was never subscribed to the channel"
	if last != nil {
		why = "the client had left the channel"
	}
	l.wronged("leaked", p, channel, c, now, why)
}

// read finds out which publication a payload is of; nil: none that this run knows.
func (l *Ledger) read(rec *Recorder, book *channelBook, event string, data []byte, now int64) *Publication {
	m, ok := findMark(data)
	if !ok {
		l.counts[countUnmarked].Add(1)
		return nil
	}
	if string(m.run) == l.cfg.Run { // compares without allocating
		if p := l.publication(m.n); p != nil {
			return p
		}
	} else if p := l.sibling(m, book, event, data, now); p != nil {
		return p
	}
	l.counts[countForeign].Add(1)
	rec.Add(l.foreign, 1)
	return nil
}

// arrival is what an event is to the one who got it.
type arrival int

const (
	first arrival = iota
	again
	afterLater
	tooLate
)

func (s *Subscription) take(p *Publication, here *place) arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hasLocked(here.index) {
		return again
	}
	if i := here.index - s.base; i < 0 {
		if s.early == nil {
			s.early = make(map[int]bool)
		}
		s.early[here.index] = false
	} else {
		for i/64 >= len(s.bits) {
			s.bits = append(s.bits, 0)
		}
		s.bits[i/64] |= 1 << (i % 64)
	}
	if _, gone := s.missing[here.index]; gone {
		delete(s.missing, here.index)
		return tooLate
	}
	if p.sibling != nil {
		s.followLocked(p, here.index)
		return first
	}
	if p.whisper {
		if next := here.next.Load(); next != nil && s.hasLocked(next.in(s.channel).index) {
			return afterLater
		}
		return first
	}
	accepted := p.accepted.Load()
	late := accepted > 0 && accepted < s.sentMost
	s.sentMost = max(s.sentMost, p.sent)
	if late {
		return afterLater
	}
	return first
}

func (s *Subscription) hasLocked(index int) bool {
	i := index - s.base
	if i < 0 {
		_, there := s.early[index]
		return there
	}
	return i/64 < len(s.bits) && s.bits[i/64]&(1<<(i%64)) != 0
}

// claim tells whether a publication had to come, could come, or must not have.
type claim int

const (
	may claim = iota
	must
	mustNot
	unread // it had to, and the client was told not to read: if it came all is well, else nobody knows
)

func (s *Subscription) claimLocked(p *Publication, grace int64) (claim, string) {
	accepted, slack := p.accepted.Load(), grace
	if p.whisper { // nobody says when the server took it: it was written, that is all
		slack = max(grace, int64(s.client.ledger.cfg.Patience))
	}
	switch {
	case p.leavesOut(s.client, s.connection):
		return mustNot, "its sender is left out"
	case accepted == refusedMark:
		return mustNot, "the server had refused it"
	case accepted > 0 && accepted+slack < s.asked && !s.channel.cache: // a cache channel sends its last event to who comes
		return mustNot, "it was accepted before the client asked for the channel"
	case s.left > 0 && p.sent > s.left+grace: // what is sent after a leave was seen must not come
		return mustNot, "the client had left the channel"
	case accepted == 0 || s.confirmed == 0 || p.sent < s.confirmed:
		return may, ""
	case p.whisper && p.sender != nil && p.sender.lostWithin(p.sent, p.sent+grace):
		return may, ""
	case s.left == 0, accepted < s.left-grace, !p.whisper && accepted < s.sentMost && s.client.ledger.counts[countReordered].Load() == 0:
		// Nearer to a leave the server may have seen it leave first, or have told it after it was gone; not if it told it
		// of something that was sent later, unless it is a server that keeps no order, which is wrong by itself.
		if s.client.unread(accepted, s.left, s.sentMost, grace) {
			return unread, "the client was told not to read"
		}
		return must, ""
	}
	return may, ""
}

// leavesOut tells whether a client must not get it on one of its connections, because it is the sender's: a server leaves
// out a socket id, so that who is back on another connection may hear itself.
func (p *Publication) leavesOut(c *LedgerClient, connection int32) bool {
	return p.sender == c && p.connection == connection
}

func (p *Publication) channels() string {
	names := make([]string, len(p.places))
	for i := range p.places {
		names[i] = p.places[i].channel.name
	}
	return strings.Join(names, ", ")
}
