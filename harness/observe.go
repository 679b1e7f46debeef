package harness

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"echolab/harness/echo"
)

// observe enters everything that happens to a client into the run's books. It is called on the client's loop and does not
// block.
func (r *run) observe(c *echo.Client, n *echo.Notice) {
	u := c.Tag.(*User)
	if r.settled.Load() {
		return // the verdict has been taken; everybody is leaving
	}
	switch n.Kind {
	case echo.NoticeConnected:
		u.connected(c, n)
	case echo.NoticeClosed:
		u.closed(n)
	case echo.NoticeState:
		if n.Previous == echo.StateConnected {
			u.cut(n.At) // the client may let go of a connection long before its WebSocket has closed
		}
	case echo.NoticeSocketError:
		r.socketError(u, n)
	case echo.NoticeError:
		if p := n.Problem; p != nil {
			if p.Inner != nil {
				p = p.Inner
			}
			if p.Type == "MessageParseError" {
				r.fault(u, "bad message", p.Message)
			}
		}
		if p := n.Problem; p != nil && p.Inner != nil && p.Inner.Data != nil { // the server's greeting was a no
			r.fault(u, "server error "+strconv.Itoa(p.Inner.Code), p.Inner.Message+connectionMeaning(p.Inner.Code))
		}
		// A connection that ended is counted by its close code; a slow reader's may end.
		if n.Problem != nil && n.Problem.Type == "PusherError" && n.Problem.Code != 1006 && !u.readsSlowly() {
			r.fault(u, "server error "+strconv.Itoa(n.Problem.Code), n.Problem.Message)
		}
	case echo.NoticeAuthEnd:
		if n.Answer != nil && n.Answer.HasChannelData {
			u.vouched(n.Channel, n.Answer.ChannelData)
		}
		if r.endpoint == nil {
			return // signed here: there is nothing to measure
		}
		status := "200"
		if n.Answer != nil && n.Answer.Problem != nil {
			status = strconv.Itoa(n.Answer.Problem.Code)
		}
		u.rec.Duration(r.registry.Series(AuthLatency, Tag{"scenario", u.group.Name}, Tag{"kind", KindOf(n.Channel)}, Tag{"status", status}), n.Took)
	case echo.NoticeSubscribe:
		u.subscribing(n)
	case echo.NoticeSubscribed:
		u.subscribed(n)
	case echo.NoticeSubscriptionError:
		u.refused(n)
	case echo.NoticeUnsubscribe:
		u.left(n.Channel, n.At)
	case echo.NoticeEvent:
		u.event(n)
	case echo.NoticeUndecryptable:
		r.fault(u, "undecryptable", n.Channel+": "+n.Err.Error())
	case echo.NoticeUncaught:
		r.fault(u, "bad message", n.Err.Error())
	}
}

func (u *User) connected(c *echo.Client, n *echo.Notice) {
	u.book.Socket(c.SocketID())
	u.rec.Duration(u.group.connect, n.Took)
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.online {
		u.online = true
		u.run.connections.Add(1)
	}
	if n.Again && !u.away {
		u.rec.Add(u.group.reconnects, 1)
		u.returnedLocked(n.At)
	} else {
		u.lostAt = time.Time{}
	}
	u.away = false
	u.noticeLocked()
}

// returnedLocked notes how long it took to be back in all channels, once it is.
func (u *User) returnedLocked(at time.Time) {
	if u.lostAt.IsZero() {
		return
	}
	for _, a := range u.channels {
		if !a.ready && a.refused == nil {
			return
		}
	}
	u.rec.Duration(u.group.reconnect, at.Sub(u.lostAt))
	u.lostAt = time.Time{}
}

func (u *User) closed(n *echo.Notice) {
	if !n.Own {
		u.run.mu.Lock()
		u.run.lost++
		u.run.mu.Unlock()
		u.rec.Add(u.run.registry.Series(Closed, Tag{"code", strconv.Itoa(n.Code)}), 1)
	}
	if n.Current { // else there may be another already
		u.cut(n.At)
	}
}

// cut enters that the connection is gone, with all subscriptions.
func (u *User) cut(at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cutLocked(at)
	u.noticeLocked()
}

func (u *User) cutLocked(at time.Time) {
	if !u.online {
		return
	}
	u.online = false
	u.run.connections.Add(-1)
	if u.lostAt.IsZero() {
		u.lostAt = at
	}
	if u.run.settled.Load() {
		return
	}
	u.book.Lost(at)
	for _, a := range u.channels {
		if a.sub != nil {
			a.sub.Cut(at)
			a.sub = nil
		}
		if a.stay != nil {
			a.stay.Cut(at)
			a.stay = nil
		}
		if a.ready {
			a.ready = false
		}
	}
}

func (u *User) subscribing(n *echo.Notice) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.attendanceLocked(n.Channel)
	a.refused = nil
	a.sub = u.book.Subscribing(n.Channel, a.kind, n.At)
	if a.kind == "presence" {
		a.stay = u.run.house.Entering(u.name, u.client.SocketID(), n.Channel, u.id, n.At)
		a.stay.Said(a.vouchedID, a.vouchedInfo)
		if u.deaf {
			a.stay.Deaf(n.At)
		}
	}
}

// vouched notes as whom the user goes into a presence channel, by what was signed for it.
func (u *User) vouched(channel, data string) {
	var said struct {
		ID   json.RawMessage `json:"user_id"`
		Info json.RawMessage `json:"user_info"`
	}
	if KindOf(channel) != "presence" || json.Unmarshal([]byte(data), &said) != nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.attendanceLocked(channel)
	a.vouchedID, a.vouchedInfo = plainText(said.ID), said.Info
}

func (u *User) subscribed(n *echo.Notice) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.attendanceLocked(n.Channel)
	if a.sub == nil {
		return
	}
	a.sub.Confirmed(n.At)
	u.rec.Duration(u.run.registry.Series(SubscribeLatency, Tag{"scenario", u.group.Name}, Tag{"kind", a.kind}), n.Took)
	if a.stay != nil {
		ids, count, hash := roster(n.Event)
		a.stay.Here(ids, count, n.At)
		a.stay.Listed(hash, n.At)
	}
	a.ready = true
	u.returnedLocked(n.At)
	u.noticeLocked()
}

// roster reads pusher_internal:subscription_succeeded of a presence channel. A server that sends something else shows as
// drift.
func roster(e *echo.Event) (ids []string, count int, hash []byte) {
	var data struct {
		Presence struct {
			Count int               `json:"count"`
			IDs   []json.RawMessage `json:"ids"`
			Hash  json.RawMessage   `json:"hash"`
		} `json:"presence"`
	}
	if e == nil || json.Unmarshal(e.Data(), &data) != nil {
		return nil, 0, nil
	}
	for _, id := range data.Presence.IDs {
		ids = append(ids, plainText(id))
	}
	return ids, data.Presence.Count, data.Presence.Hash
}

// plainText is a JSON string's text, and any other value as it stands.
func plainText(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}

func (u *User) refused(n *echo.Notice) {
	code := 0
	message := ""
	if n.Problem != nil {
		code, message = n.Problem.Code, n.Problem.Message
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.attendanceLocked(n.Channel)
	problem := echo.Problem{Code: code, Message: message}
	if n.Problem != nil {
		problem = *n.Problem
	}
	a.refused = &problem
	if a.sub != nil {
		a.sub.Left(n.At)
		a.sub = nil
	}
	if a.stay != nil {
		a.stay.Refused(n.At)
		a.stay = nil
	}
	u.noticeLocked()
}

func (u *User) left(channel string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.inLocked(channel)
	if a == nil {
		return
	}
	if a.sub != nil {
		a.sub.Left(at)
	}
	if a.stay != nil {
		a.stay.Left(at)
	}
	u.channels = slices.DeleteFunc(u.channels, func(other *attendance) bool { return other == a })
	u.noticeLocked()
}

var internal = []byte("pusher")

// event takes one message of the server. This is the hot path: it allocates nothing unless somebody waits for the event.
func (u *User) event(n *echo.Notice) {
	e := n.Event
	u.intake.frame(u.run.frames, u.run.bytes, int64(len(e.Raw)))
	u.taken.Add(int64(len(e.Raw)))
	if u.run.opt.Unchecked {
		return
	}
	name := e.Name
	if strings.HasPrefix(name, "pusher") && (strings.HasPrefix(name, "pusher:") || strings.HasPrefix(name, "pusher_internal:")) {
		if e.Channel != "" {
			u.told(e)
		}
		return
	}
	u.mu.Lock()
	a := u.inLocked(e.Channel)
	if a == nil || a.sub == nil {
		u.mu.Unlock()
		if u.book != nil && e.Channel != "" {
			u.book.Stray(u.intake, e.Channel, name, e.Raw, e.At)
		}
		return
	}
	if a.kind == "encrypted" {
		u.mu.Unlock()
		return // it comes again, in clear, through decrypted
	}
	sub := a.sub
	u.passedLocked(a, name)
	u.mu.Unlock()
	sub.Received(u.intake, name, e.Raw, e.At)
	if tell := u.run.opt.Heard; tell != nil {
		tell(u.name, e.Channel, name, e.Data(), e.At.Sub(u.run.start))
	}
	if u.group.expects {
		u.keep(e.Channel, name, e.Data(), e.At)
	}
}

// passedLocked holds an event against the channel's listeners.
func (u *User) passedLocked(a *attendance, event string) {
	if len(a.bound) > 0 && !a.hears(event) {
		u.run.unheard(a.channel, event, a)
	}
}

// decrypted takes an event of an encrypted channel, as a listener gets it.
func (u *User) decrypted(channel string, e *echo.Event) {
	if u.run.opt.Unchecked {
		return
	}
	u.mu.Lock()
	a := u.inLocked(channel)
	var sub *Subscription
	if a != nil && a.sub != nil {
		sub = a.sub
		u.passedLocked(a, e.Name)
	}
	u.mu.Unlock()
	if sub == nil {
		return
	}
	sub.Received(u.intake, e.Name, e.Data(), e.At)
	if tell := u.run.opt.Heard; tell != nil {
		tell(u.name, channel, e.Name, e.Data(), e.At.Sub(u.run.start))
	}
	if u.group.expects {
		u.keep(channel, e.Name, e.Data(), e.At)
	}
}

// recentEvents is how many events of a channel a user keeps for expect; older ones are forgotten.
const recentEvents = 200

// keep shows an event to the steps that wait.
func (u *User) keep(channel, event string, data []byte, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.inLocked(channel)
	if a == nil {
		return
	}
	if len(a.recent) >= recentEvents {
		a.recent = append(a.recent[:0], a.recent[recentEvents/2:]...)
	}
	a.recent = append(a.recent, heard{event, bytes.Clone(data), at})
	u.noticeLocked()
}

// told takes the protocol's own events of a channel: members come and go.
func (u *User) told(e *echo.Event) {
	joining := e.Name == "pusher_internal:member_added"
	if !joining && e.Name != "pusher_internal:member_removed" {
		return
	}
	var member struct {
		ID   json.RawMessage `json:"user_id"`
		Info json.RawMessage `json:"user_info"`
	}
	if json.Unmarshal(e.Data(), &member) != nil || member.ID == nil {
		u.run.fault(u, "bad message", e.Name+" without a user_id")
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.inLocked(e.Channel)
	if a == nil || a.stay == nil {
		return
	}
	if id := plainText(member.ID); joining {
		a.stay.Joining(id, e.At)
		a.stay.Introduced(id, member.Info, e.At)
	} else {
		a.stay.Leaving(id, e.At)
	}
	u.noticeLocked()
}
