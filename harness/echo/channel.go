package echo

import (
	"errors"
	"strings"
	"time"
)

// Channel is a channel of a client: Echo's and pusher-js' in one.
type Channel struct {
	c    *Client
	name string

	subscribed, pending, cancelled bool // by pusher-js' names
	byEcho                         bool // Echo has it in its list
	bound                          []binding
	presence                       *roster
	secret                         *[32]byte // of an encrypted channel
	count                          int       // subscription_count
	sent                           int64     // when the subscribe message went out
}

// ErrNoNaCl is EncryptedPrivate on a page without NaCl.
var ErrNoNaCl = errors.New("tried to subscribe to a private-encrypted- channel but no nacl implementation available")

// ErrEncryptedWhisper is a whisper on an encrypted channel.
var ErrEncryptedWhisper = errors.New("client events are not currently supported for encrypted channels")

// Channel is Echo.channel(name).
func (c *Client) Channel(name string) *Channel { return c.echo(name) }

// Private is Echo.private(name).
func (c *Client) Private(name string) *Channel { return c.echo("private-" + name) }

// EncryptedPrivate is Echo.encryptedPrivate(name); nil with Options.NoNaCl, where pusher-js throws ErrNoNaCl.
func (c *Client) EncryptedPrivate(name string) *Channel { return c.echo("private-encrypted-" + name) }

// Join is Echo.join(name).
func (c *Client) Join(name string) *Channel { return c.echo("presence-" + name) }

func (c *Client) echo(wire string) *Channel {
	if ch := c.Find(wire); ch != nil && ch.byEcho {
		return ch
	}
	ch := c.Subscribe(wire)
	if ch != nil {
		ch.byEcho = true
	}
	return ch
}

// Find is the channel of this wire name, or nil.
func (c *Client) Find(wire string) *Channel {
	for _, ch := range c.channels {
		if ch.name == wire {
			return ch
		}
	}
	return nil
}

// Channels are all of them, in the order in which they were asked for.
func (c *Client) Channels() []*Channel { return append([]*Channel(nil), c.channels...) }

// Subscribe is pusher.subscribe(wire): the channel is asked for as soon as there is a connection, and again on each new one.
// It is nil for what pusher-js refuses: names beginning with #, encrypted ones without NaCl.
func (c *Client) Subscribe(wire string) *Channel {
	ch := c.Find(wire)
	if ch == nil {
		kind := kindOf(wire)
		switch {
		case kind.Encrypted && c.opt.NoNaCl:
			c.uncaught(ErrNoNaCl)
			return nil
		case strings.HasPrefix(wire, "#"):
			c.uncaught(errors.New("cannot create a channel with name \"" + wire + "\""))
			return nil
		}
		ch = &Channel{c: c, name: wire}
		if kind.Presence {
			ch.presence = &roster{}
		}
		c.channels = append(c.channels, ch)
	}
	switch {
	case ch.pending && ch.cancelled:
		ch.cancelled = false
	case !ch.pending && c.state == StateConnected:
		ch.subscribe()
	}
	return ch
}

// Unsubscribe is pusher.unsubscribe(wire). While the server has yet to confirm, it waits for that.
func (c *Client) Unsubscribe(wire string) {
	ch := c.Find(wire)
	if ch == nil {
		return
	}
	if ch.pending {
		ch.cancelled = true
		return
	}
	for i, other := range c.channels {
		if other == ch {
			c.channels = append(c.channels[:i:i], c.channels[i+1:]...)
			break
		}
	}
	if ch.subscribed {
		ch.subscribed = false
		if n := c.tell(NoticeUnsubscribe); n != nil {
			n.Channel = wire
			c.told(n)
		}
		c.sendEvent("pusher:unsubscribe", append(quote([]byte(`{"channel":`), wire), '}'), "")
	}
}

// Leave is Echo.leave(name): the public, private, encrypted and presence channels of that name.
func (c *Client) Leave(name string) {
	for _, prefix := range [...]string{"", "private-", "private-encrypted-", "presence-"} {
		c.LeaveChannel(prefix + name)
	}
}

// LeaveChannel is Echo.leaveChannel(wire); what Echo does not know is left alone.
func (c *Client) LeaveChannel(wire string) {
	if ch := c.Find(wire); ch != nil && ch.byEcho {
		ch.byEcho = false
		c.Unsubscribe(wire)
	}
}

// LeaveAll is Echo.leaveAllChannels().
func (c *Client) LeaveAll() {
	for _, ch := range c.Channels() {
		c.LeaveChannel(ch.name)
	}
}

// sendEvent sends {"event":…,"data":…,"channel":…}; nil data and an empty channel are left out.
func (c *Client) sendEvent(event string, data []byte, channel string) bool {
	b := quote(append(c.loop.frame[:0], `{"event":`...), event)
	if data != nil {
		b = append(append(b, `,"data":`...), data...)
	}
	if channel != "" {
		b = quote(append(b, `,"channel":`...), channel)
	}
	b = append(b, '}')
	c.loop.frame = b
	return c.sendText(b)
}

// Name is the wire name.
func (ch *Channel) Name() string { return ch.name }

// Client is the channel's.
func (ch *Channel) Client() *Client { return ch.c }

// Subscribed tells whether the server has confirmed, on the present connection.
func (ch *Channel) Subscribed() bool { return ch.subscribed }

// Pending tells whether an answer of the authorizer or of the server is awaited.
func (ch *Channel) Pending() bool { return ch.pending }

// SubscriptionCount is the last subscription_count of the server, 0 for none.
func (ch *Channel) SubscriptionCount() int { return ch.count }

// Whisper sends client-{event} to the others; data is JSON, nil for none. It is sent before the confirmation too; false
// where there is no connection.
func (ch *Channel) Whisper(event string, data []byte) (bool, error) {
	if kindOf(ch.name).Encrypted {
		return false, ErrEncryptedWhisper
	}
	sent := ch.c.sendEvent("client-"+event, data, ch.name)
	if n := ch.c.tell(NoticeWhisper); n != nil && sent {
		n.Channel, n.Name = ch.name, "client-"+event
		ch.c.told(n)
	}
	return sent, nil
}

// forget is channel.disconnect(): the connection has gone.
func (ch *Channel) forget() {
	if ch.presence != nil {
		*ch.presence = roster{}
	}
	ch.subscribed, ch.pending = false, false
}

func (ch *Channel) subscribe() {
	if ch.subscribed {
		return
	}
	ch.pending, ch.cancelled = true, false
	kind := kindOf(ch.name)
	if !kind.Private && !kind.Presence {
		ch.ask(&Answer{HasAuth: true})
		return
	}
	ch.c.authorize(ch.name, ch.authorized)
}

// authorized goes on once the authorizer has answered, perhaps for a socket that is no more: pusher-js sends the stale
// signature all the same.
func (ch *Channel) authorized(a *Answer) {
	p := a.Problem
	switch kind := kindOf(ch.name); {
	case p != nil:
	case kind.Presence && !a.HasChannelData:
		if u := ch.c.user; u != nil && u.id != "" {
			ch.presence.me = u.id
		} else {
			p = &Problem{Type: "AuthError", Message: ""}
		}
	case kind.Presence:
		if !valid([]byte(a.ChannelData)) {
			ch.c.uncaught(errors.New("SyntaxError: the channel_data of the auth answer is not JSON"))
			return
		}
		ch.presence.me = scalar(field([]byte(a.ChannelData), "user_id"))
	case kind.Encrypted:
		if p = ch.keep(a); p == nil {
			break
		}
	}
	if p != nil {
		ch.pending = false
		if n := ch.c.tell(NoticeSubscriptionError); n != nil {
			n.Channel, n.Problem = ch.name, p
			ch.c.told(n)
		}
		ch.emit(errorEvent, &Event{Name: errorEvent, Channel: ch.name, At: ch.c.loop.at(), loop: ch.c.loop}, p)
		return
	}
	ch.ask(a)
}

// ask sends pusher:subscribe.
func (ch *Channel) ask(a *Answer) {
	b := append([]byte(nil), '{')
	if a.HasAuth {
		b = append(quote(append(b, `"auth":`...), a.Auth), ',')
	}
	if a.HasChannelData {
		b = append(quote(append(b, `"channel_data":`...), a.ChannelData), ',')
	}
	b = append(quote(append(b, `"channel":`...), ch.name), '}')
	ch.sent = ch.c.loop.now
	if !ch.c.sendEvent("pusher:subscribe", b, "") {
		return
	}
	if n := ch.c.tell(NoticeSubscribe); n != nil {
		n.Channel = ch.name
		ch.c.told(n)
	}
}

// handle is channel.handleEvent.
func (ch *Channel) handle(e *Event) {
	internal := strings.HasPrefix(e.Name, "pusher_internal:")
	if ch.secretive() && !internal && !strings.HasPrefix(e.Name, "pusher:") {
		ch.decrypt(e)
		return
	}
	if !internal {
		if ch.presence == nil {
			e.UserID = "" // only presence channels hand it on
		}
		ch.emit(e.Name, e, nil)
		return
	}
	switch e.Name {
	case "pusher_internal:subscription_succeeded":
		ch.succeeded(e)
	case "pusher_internal:subscription_count":
		if n, ok := number(field(e.Data(), "subscription_count")); ok && n != 0 {
			ch.count = n
		}
		ch.emit(countEvent, e, nil)
	case "pusher_internal:member_added":
		if ch.presence != nil {
			ch.added(e)
		}
	case "pusher_internal:member_removed":
		if ch.presence != nil {
			ch.removed(e)
		}
	}
}

func (ch *Channel) succeeded(e *Event) {
	ch.pending, ch.subscribed = false, true
	if n := ch.c.tell(NoticeSubscribed); n != nil {
		n.Channel, n.Event = ch.name, e
		n.Took = time.Duration(ch.c.loop.now - ch.sent)
		ch.c.told(n)
	}
	if ch.cancelled {
		ch.c.Unsubscribe(ch.name)
		return
	}
	if ch.presence != nil && !ch.c.opt.NoMembers {
		if err := ch.presence.fill(ch.c.loop, e.Data()); err != nil {
			ch.c.uncaught(err)
			return
		}
	}
	ch.emit(succeededEvent, e, nil)
}
