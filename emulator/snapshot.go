package emulator

import (
	"cmp"
	"net"
	"slices"
	"time"
	"unique"
)

// visit is what a connection's handshake told. The texts are interned: a thousand browsers of one kind cost one.
type visit struct {
	since  int64 // Unix nanoseconds
	origin unique.Handle[string]
	agent  unique.Handle[string]
}

func newVisit(origin, agent string) visit {
	return visit{time.Now().UnixNano(), unique.Make(origin), unique.Make(agent)}
}

// ConnectionState is one open socket at a moment.
type ConnectionState struct {
	App       string
	Socket    string
	Since     time.Time // of the handshake
	Origin    string    // of the page, "" where the client sent none
	UserAgent string
	Remote    string   // address and port of the peer
	User      string   // who signed in, else who it is in its oldest presence channel; "" for nobody known
	Channels  []string // in the order of subscribing
	Queued    int      // bytes that wait to be written
	LastSeen  time.Time
}

// Connections tells of every open socket of an app, the oldest first. Each shard is locked in turn, so a socket that
// subscribes meanwhile may or may not show its newest channel. Its cost grows with all subscriptions of the app: it is
// for people, not for loops.
func (s *Server) Connections(appID string) []ConnectionState {
	h := s.hubOf(appID)
	if h == nil {
		return nil
	}
	type place struct {
		order         uint64
		channel, user string
	}
	places := map[*conn][]place{}
	h.everyShard(func(sh *shard) {
		for _, ch := range sh.channels {
			for _, sub := range ch.subs {
				p := place{order: sub.order, channel: ch.name}
				if sub.member != nil {
					p.user = sub.member.id
				}
				places[sub.conn] = append(places[sub.conn], p)
			}
		}
	})
	var all []ConnectionState
	h.everyConn(func(c *conn) {
		state := c.state()
		subs := places[c]
		slices.SortFunc(subs, func(a, b place) int { return cmp.Compare(a.order, b.order) })
		for _, p := range subs {
			state.Channels = append(state.Channels, p.channel)
			state.User = cmp.Or(state.User, p.user)
		}
		all = append(all, state)
	})
	slices.SortFunc(all, func(a, b ConnectionState) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Socket, b.Socket))
	})
	return all
}

// state is what the connection itself knows.
func (c *conn) state() ConnectionState {
	state := ConnectionState{
		App: c.hub.appID, Socket: c.id, Remote: remote(c.nc),
		Since: time.Unix(0, c.visit.since), LastSeen: time.Unix(0, c.lastSeen.Load()),
	}
	if c.visit != (visit{}) {
		state.Origin, state.UserAgent = c.visit.origin.Value(), c.visit.agent.Value()
	}
	c.mu.Lock()
	state.Queued = c.queued
	c.mu.Unlock()
	c.hub.users.mu.Lock()
	if c.user != nil {
		state.User = c.user.id
	}
	c.hub.users.mu.Unlock()
	return state
}

func remote(nc net.Conn) string {
	if addr := nc.RemoteAddr(); addr != nil {
		return addr.String()
	}
	return ""
}

// Subscriber is one socket on a channel.
type Subscriber struct {
	Socket string
	User   string // as a presence member; "" elsewhere
}

// Subscribers tells which sockets are on a channel, the longest subscribed first.
func (s *Server) Subscribers(appID, channel string) []Subscriber {
	h := s.hubOf(appID)
	if h == nil {
		return nil
	}
	sh := h.shard(channel)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ch := sh.channels[channel]
	if ch == nil {
		return nil
	}
	subs := slices.Clone(ch.subs)
	slices.SortFunc(subs, func(a, b *subscription) int { return cmp.Compare(a.order, b.order) })
	all := make([]Subscriber, len(subs))
	for i, sub := range subs {
		all[i].Socket = sub.conn.id
		if sub.member != nil {
			all[i].User = sub.member.id
		}
	}
	return all
}

// hubOf is the app's hub, nil when nobody has come yet.
func (s *Server) hubOf(appID string) *hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hubs[appID]
}
