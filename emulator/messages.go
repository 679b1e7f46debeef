package emulator

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// messages is what a client may send, by event name; client-* goes to whisper. The handler's error is for the client
// and leaves the connection open.
var messages = map[string]func(*conn, pusher.Message) *pusher.Error{
	"pusher:subscribe":   (*conn).subscribe,
	"pusher:unsubscribe": (*conn).unsubscribe,
	"pusher:ping":        (*conn).ping,
	"pusher:pong":        (*conn).pong,
	"pusher:signin":      (*conn).signIn,
	// A quirk of Reverb: a client that says so gets the handshake frame again.
	"pusher:connection_established": func(c *conn, m pusher.Message) *pusher.Error {
		if _, err := m.Fields(); err != nil {
			return pusher.ErrMessage
		}
		c.established()
		return nil
	},
}

// handle deals with one message. The bytes are only valid until it returns.
func (c *conn) handle(b []byte) {
	s := c.hub.srv
	if s.cfg.Debug {
		s.log.Debug("received", "socket", c.id, "frame", string(b))
	}
	if limit := c.app.RateLimit; limit.Enabled && !c.rate.hit(time.Now(), limit.MaxAttempts, limit.Decay) {
		c.note(pusher.ErrRateLimit, "message", "")
		if limit.Terminate {
			c.sendAway(pusher.ErrRateLimit.Backoff(), "rate limit exceeded")
			return
		}
		c.send(textFrame(s.profile.ErrorText(pusher.ErrRateLimit)))
		return
	}
	m, err := pusher.ParseMessage(b)
	if err != nil {
		c.complain(pusher.ErrMessage, "message", "")
		return
	}
	// A store that is far behind holds clients here; keeping a connection alive is never held.
	if m.Event != "pusher:ping" && m.Event != "pusher:pong" {
		s.admit()
	}
	if strings.HasPrefix(m.Event, "pusher:") {
		handler := messages[m.Event]
		if handler == nil {
			c.complain(pusher.ErrMessage, m.Event, "")
			return
		}
		if e := handler(c, m); e != nil {
			c.complain(e, m.Event, "")
		}
		return
	}
	if e := c.whisper(m); e != nil {
		c.complain(e, m.Event, m.Channel)
	}
}

// complain sends an error and keeps the connection.
func (c *conn) complain(e *pusher.Error, event, channel string) {
	c.note(e, event, channel)
	c.send(textFrame(c.hub.srv.profile.ErrorText(e)))
}

// admit waits while the store is far behind.
func (s *Server) admit() {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.SettleWait)
	defer cancel()
	_ = s.journal.Admit(ctx)
}

// notedMost is how many refusals of one connection are logged; the journal has them all.
const notedMost = 20

// note journals a refusal. It waits for the store like any message: nonsense must not fill the journal unchecked.
func (c *conn) note(e *pusher.Error, event, channel string) {
	c.hub.srv.admit()
	entry := c.entry(journal.Refused)
	entry.Event, entry.Channel, entry.Note = short(event), short(channel), short(e.Error())
	c.hub.srv.journal.Append(entry)
	args := []any{"socket", c.id, "event", entry.Event, "channel", entry.Channel, "reason", entry.Note}
	switch {
	case e == pusher.ErrRateLimit || e == pusher.ErrClientRate, c.noted == notedMost: // they come in floods
		c.hub.srv.log.Debug("message refused", args...)
	default:
		c.noted++
		c.hub.srv.say(slog.LevelInfo, "message refused", entry.Event+" "+entry.Channel, entry.Note, args...)
	}
}

func (c *conn) ping(m pusher.Message) *pusher.Error {
	if _, err := m.Fields(); err != nil {
		return pusher.ErrMessage
	}
	c.send(textFrame(c.hub.srv.profile.PongText()))
	return nil
}

func (c *conn) pong(m pusher.Message) *pusher.Error {
	if _, err := m.Fields(); err != nil {
		return pusher.ErrMessage
	}
	return nil // touched already
}

// subscribe is pusher:subscribe (laravel/reverb EventHandler::subscribe).
func (c *conn) subscribe(m pusher.Message) *pusher.Error {
	p := c.hub.srv.profile
	f, err := m.Fields()
	if err != nil {
		return pusher.ErrMessage
	}
	name, present, err := f.Text("channel")
	if err != nil || !present {
		return pusher.ErrMessage
	}
	auth, _, err := f.Text("auth")
	if err != nil {
		return pusher.ErrMessage
	}
	data, _, err := f.Text("channel_data")
	if err != nil || strings.TrimSpace(data) != "" && !pusher.IsJSON([]byte(data)) {
		return pusher.ErrMessage
	}
	if data == "0" {
		data = "" // nothing, to PHP
	}
	if err := p.Limits.CheckChannel(name); err != nil {
		return c.refuseSubscription(name, &pusher.Error{Code: 4009, Message: err.Error()}, 400)
	}
	if p.OneSubscription && c.subs.find(name) != nil {
		return &pusher.Error{Message: "Existing subscription to channel " + name}
	}
	kind := p.KindOf(name)
	if kind.User && (c.user == nil || name != pusher.ServerToUserPrefix+c.user.id) {
		return c.unauthorized(name, "Only the user who is signed in may subscribe to "+name)
	}
	fromUser := p.SignIn && kind.Presence && data == "" && c.user != nil
	if kind.Private && !c.app.CheckAuth(auth, pusher.ChannelText(c.id, name, data), p.ChecksKey) {
		return c.unauthorized(name, "The signature of the subscription to "+name+" is wrong")
	}
	if fromUser {
		data = c.user.memberData()
	}
	member, err := pusher.ParseMember(data, p.PHPJSON)
	if err != nil {
		return pusher.ErrMessage
	}
	if e := checkMember(p, kind, &member); e != nil {
		return c.refuseSubscription(name, e, 400)
	}
	if e := c.hub.subscribe(c, name, member); e != nil {
		return c.refuseSubscription(name, e, 403)
	}
	return nil
}

// checkMember holds a presence member to the profile's limits.
func checkMember(p *pusher.Profile, kind *pusher.Kind, m *pusher.Member) *pusher.Error {
	if !kind.Presence || p.PHPJSON {
		return nil
	}
	switch {
	case !m.Has || m.ID == "":
		return &pusher.Error{Code: 4009, Message: "channel_data of a presence channel must hold a user_id"}
	case p.Limits.UserID > 0 && len(m.ID) > p.Limits.UserID:
		return &pusher.Error{Code: 4009, Message: "user_id is longer than " + itoa(p.Limits.UserID) + " characters"}
	case p.Limits.UserInfo > 0 && len(m.Info) > p.Limits.UserInfo:
		return &pusher.Error{Code: 4009, Message: "user_info is larger than " + itoa(p.Limits.UserInfo) + " bytes"}
	}
	if m.Info == nil {
		m.Info = []byte("null")
	}
	return nil
}

// unauthorized refuses a subscription whose signature, or whose user, is not the right one.
func (c *conn) unauthorized(channel, why string) *pusher.Error {
	if c.hub.srv.profile.SubscriptionErrors {
		return c.refuseSubscription(channel, &pusher.Error{Code: 4009, Message: why}, 401)
	}
	c.note(&pusher.Error{Code: 4009, Message: why}, "pusher:subscribe", channel)
	c.send(textFrame(c.hub.srv.profile.ErrorText(pusher.ErrUnauthorized)))
	return nil
}

// refuseSubscription refuses as the profile does: Reverb with an error that names no channel, the pusher profile with
// pusher:subscription_error, which reaches Echo's error(). status is the HTTP status that says the same.
func (c *conn) refuseSubscription(channel string, e *pusher.Error, status int) *pusher.Error {
	if !c.hub.srv.profile.SubscriptionErrors {
		return e
	}
	c.note(e, "pusher:subscribe", channel)
	kind := "SubscriptionError"
	if status == 401 {
		kind = "AuthError"
	}
	c.send(textFrame(pusher.SubscriptionErrorText(channel, kind, e.Message, status)))
	return nil
}

func (c *conn) unsubscribe(m pusher.Message) *pusher.Error {
	f, err := m.Fields()
	if err != nil {
		return pusher.ErrMessage
	}
	name, present, err := f.Text("channel")
	if err != nil || !present {
		return pusher.ErrMessage
	}
	sub := c.subs.find(name)
	if sub == nil {
		if c.hub.srv.profile.OneSubscription {
			return &pusher.Error{Message: "No current subscription to channel " + name + ", or subscription in progress"}
		}
		return nil
	}
	c.hub.unsubscribe(c, sub)
	return nil
}

// whisper relays a client event (laravel/reverb ClientEvent.php; Pusher docs: Client events).
func (c *conn) whisper(m pusher.Message) *pusher.Error {
	p := c.hub.srv.profile
	if !m.HasChannel {
		return pusher.ErrMessage
	}
	d := bytes.TrimSpace(m.Data)
	if !p.PHPJSON {
		d = bytes.TrimSpace(m.Sent) // any value is passed on as it came
	} else if len(d) > 0 && d[0] != '{' && d[0] != '[' && d[0] != 'n' && string(d) != `""` {
		return pusher.ErrMessage
	}
	if !m.IsClientEvent() {
		return nil // silently ignored, as Reverb does
	}
	if c.app.AcceptClientEventsFrom != pusher.AcceptAll && c.app.AcceptClientEventsFrom != pusher.AcceptMembers {
		return pusher.ErrNoClientEvents
	}
	kind := p.KindOf(m.Channel)
	if !p.ClientEventsOnPublic {
		if kind.Encrypted {
			return pusher.ErrClientEncrypted
		}
		if !kind.Private {
			return pusher.ErrClientPublic
		}
	}
	if p.ClientEventRate > 0 && !c.client.hit(time.Now(), p.ClientEventRate, time.Second) {
		return pusher.ErrClientRate
	}
	if err := p.Limits.CheckEvent(m.Event); err != nil {
		return &pusher.Error{Code: 4301, Message: "Client event rejected: " + err.Error()}
	}
	if p.Limits.EventData > 0 && len(d) > p.Limits.EventData {
		return &pusher.Error{Code: 4301, Message: "Client event rejected: its data is larger than " + itoa(p.Limits.EventData) + " bytes"}
	}
	sub := c.subs.find(m.Channel)
	e := c.entry(journal.Whispered)
	e.Channel, e.Event, e.Bytes = m.Channel, m.Event, len(d)
	var text []byte
	if c.app.AcceptClientEventsFrom == pusher.AcceptAll && p.PHPJSON {
		text = pusher.RelayText(m)
		e.Data = bytes.Clone(d)
	} else {
		if sub == nil {
			return pusher.ErrNotMember
		}
		var userID []byte
		if sub.rawID != nil && (kind.Presence || p.PHPJSON) && !phpFalsy(sub.rawID) {
			userID = sub.rawID
		}
		if p.PHPJSON && len(d) > 0 {
			d = pusher.PHPJSON(d)
		}
		text = pusher.WhisperText(m.Event, m.Channel, d, userID)
		e.Data = bytes.Clone(d)
	}
	if sub != nil && sub.member != nil {
		e.User = sub.member.id
	}
	c.hub.publish(e, text, c, p.ClientEventsCached)
	return nil
}

func phpFalsy(id []byte) bool {
	switch string(id) {
	case `""`, `"0"`, "0", "false":
		return true
	}
	return false
}
