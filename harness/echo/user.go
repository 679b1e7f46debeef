package echo

import (
	"errors"
	"strings"
)

// User is pusher.user: the signed-in user of a connection (Pusher; Reverb has no sign-in).
type User struct {
	c       *Client
	id      string
	channel *Channel // #server-to-user-{id}
	bound   []binding
	watch   []binding
}

// SignIn is Echo's connector.signin(): now, and again on each new connection.
func (c *Client) SignIn() *User {
	u := c.User()
	if !u.asked() {
		u.bound = append(u.bound, binding{event: requested})
		u.signIn()
	}
	return u
}

// requested marks in bound that SignIn was called.
const requested = "\x00signin"

func (u *User) asked() bool {
	for _, b := range u.bound {
		if b.event == requested {
			return true
		}
	}
	return false
}

// User is pusher.user, to bind to before SignIn.
func (c *Client) User() *User {
	if c.user == nil {
		c.user = &User{c: c}
	}
	return c.user
}

// ID is the signed-in user's, "" before.
func (u *User) ID() string { return u.id }

// Bind listens to what the server sends to this user.
func (u *User) Bind(event string, f func(*Event)) *User {
	u.bound = append(u.bound, binding{event: event, call: f})
	return u
}

// OnError gets pusher:signin_error.
func (u *User) OnError(f func(*Problem)) *User {
	u.bound = append(u.bound, binding{event: "pusher:signin_error", call: f})
	return u
}

// Watch is pusher.user.watchlist.bind: name is online or offline, f gets the ids.
func (u *User) Watch(name string, f func(ids []string)) *User {
	u.watch = append(u.watch, binding{event: name, call: f})
	return u
}

func (u *User) signIn() {
	if u.c.state == StateConnected {
		u.c.authorize("", u.authorized)
	}
}

func (u *User) stateChanged(previous, now State) {
	switch {
	case !u.asked():
	case now == StateConnected:
		u.signIn()
	case previous == StateConnected:
		u.clear()
	}
}

func (u *User) clear() { u.id, u.channel = "", nil }

func (u *User) authorized(a *Answer) {
	if p := a.Problem; p != nil {
		for _, b := range u.bound {
			if f, ok := b.call.(func(*Problem)); ok {
				f(p)
			}
		}
		u.clear()
		return
	}
	b := []byte{'{'}
	if a.HasAuth {
		b = append(quote(append(b, `"auth":`...), a.Auth), ',')
	}
	b = append(quote(append(b, `"user_data":`...), a.UserData), '}')
	u.c.sendEvent("pusher:signin", b, "")
}

// succeeded takes pusher:signin_success and subscribes to the user's own channel.
func (u *User) succeeded(e *Event) {
	id := field([]byte(text(field(e.Data(), "user_data"))), "id")
	u.clear()
	if u.id = text(id); u.id == "" {
		u.c.uncaught(errors.New("user_data doesn't contain an id that is a string"))
		return
	}
	u.channel = &Channel{c: u.c, name: "#server-to-user-" + u.id}
	u.channel.subscribe()
}

// take handles what comes on the user's own channel.
func (u *User) take(e *Event) {
	if e.Name == "pusher:signin_success" && u.asked() {
		u.succeeded(e)
	}
	if u.channel == nil || u.channel.name != e.Channel {
		return
	}
	u.channel.handle(e)
	if strings.HasPrefix(e.Name, "pusher_internal:") || strings.HasPrefix(e.Name, "pusher:") {
		return
	}
	for _, b := range u.bound {
		if f, ok := b.call.(func(*Event)); ok && b.event == e.Name {
			f(e)
		}
	}
}

// watched takes pusher_internal:watchlist_events.
func (u *User) watched(e *Event) {
	elements(field(e.Data(), "events"), func(value []byte) {
		name := text(field(value, "name"))
		var ids []string
		elements(field(value, "user_ids"), func(id []byte) { ids = append(ids, scalar(id)) })
		for _, b := range u.watch {
			if b.event == name {
				b.call.(func([]string))(ids)
			}
		}
	})
}

type heardAll struct {
	id int
	f  func(*Event)
}

// BindGlobal is pusher.bind_global: f gets every message but the internal ones, of whatever channel.
func (c *Client) BindGlobal(f func(*Event)) (unbind func()) {
	id := c.loop.eng.id()
	c.heard = append(c.heard, heardAll{id, f})
	return func() {
		kept := make([]heardAll, 0, len(c.heard))
		for _, h := range c.heard {
			if h.id != id {
				kept = append(kept, h)
			}
		}
		c.heard = kept
	}
}

// take hands one message to everybody who wants it, in the order of pusher-js' listeners.
func (c *Client) take(e *Event) {
	var ch *Channel
	if e.Channel != "" {
		ch = c.Find(e.Channel)
	}
	if n := c.tell(NoticeEvent); n != nil {
		n.Channel, n.Event, n.OnChannel = e.Channel, e, ch != nil
		c.told(n)
	}
	if ch != nil {
		user := e.UserID
		ch.handle(e)
		e.UserID = user
	}
	if !strings.HasPrefix(e.Name, "pusher_internal:") {
		for _, h := range c.heard {
			h.f(e)
		}
	}
	if c.user != nil {
		c.user.take(e)
		if e.Name == "pusher_internal:watchlist_events" {
			c.user.watched(e)
		}
	}
}
