package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Close codes of Disconnect without one of its own: no meaning in Pusher's lists, so that nobody takes them for one of
// the server's reasons, in the ranges that tell a client what to do (Pusher docs: Channels protocol, Error codes).
const (
	CloseAway  = 4099 // 4000 to 4099: pusher-js stays away until the page connects again
	CloseAgain = 4299 // 4200 to 4299: pusher-js comes back at once
	CloseCut   = 1006 // no close frame: TCP just ends, as when a network is gone; pusher-js comes back
)

// Disconnect ends one socket of an app with a close code and a reason, after everything that is queued for it; code
// CloseCut ends it without a frame. It tells whether the socket was there.
func (s *Server) Disconnect(appID, socket string, code int, reason string) bool {
	h := s.hubOf(appID)
	if h == nil {
		return false
	}
	c := h.find(socket)
	if c == nil {
		return false
	}
	note := "disconnected by hand with " + itoa(code)
	if reason != "" {
		note += ": " + reason
	}
	if code == CloseCut {
		c.end(nil, note)
		return true
	}
	c.end(closeFrame(code, reason), note)
	return true
}

// Drop disconnects everyone of an app that Apps does not know any more and forgets it. Its sockets are closed with
// 4001, on which pusher-js stays away. It returns how many there were, without waiting for their end.
func (s *Server) Drop(appID string) (n int) {
	s.mu.Lock()
	h := s.hubs[appID]
	delete(s.hubs, appID)
	if h != nil {
		h.gone.Store(true)
	}
	s.mu.Unlock()
	if h == nil {
		return 0
	}
	h.everyConn(func(c *conn) {
		c.endGone()
		n++
	})
	return n
}

// endGone ends a connection whose app is no longer served.
func (c *conn) endGone() {
	c.end(closeFrame(pusher.ErrNoApp.Code, pusher.ErrNoApp.Message), "the application was removed")
}

// Delivery is what became of an event on one channel.
type Delivery struct {
	Channel    string
	Seq        uint64 // of its entry
	Recipients int
}

// Deliver is Publish that also tells what became of the event on each channel.
func (s *Server) Deliver(ctx context.Context, appID string, p pusher.Publication, source journal.Source) ([]Delivery, error) {
	app, known := s.apps.ByID(appID)
	if !known {
		return nil, errors.New("no app with the id " + strconv.Quote(appID))
	}
	if err := s.admitted(ctx, app, &p, source); err != nil {
		return nil, err
	}
	h := s.hub(app)
	var except *conn
	if p.Except != "" {
		except = h.find(p.Except)
	}
	e := journal.Entry{Kind: journal.Published, Source: source, App: h.appID, Event: p.Event, Socket: p.Except, Bytes: len(p.Data), Data: json.RawMessage(p.Data)}
	all := make([]Delivery, len(p.Channels))
	for i, channel := range p.Channels {
		e.Channel = channel
		all[i].Channel = channel
		all[i].Seq, all[i].Recipients = h.publish(e, pusher.EventText(p.Event, channel, p.Data), except, true)
	}
	if len(all) == 0 {
		return all, nil
	}
	return all, s.journal.Settled(ctx, all[len(all)-1].Seq)
}
