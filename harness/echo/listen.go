package echo

import "strings"

// binding is one callback. An event of "" stands for all of them.
type binding struct {
	event string
	id    int
	call  any // func(*Event), func(), func([]Member), func(Member), func(*Problem), func(name string, e *Event)
}

// The names by which pusher-js tells of a channel itself.
const (
	succeededEvent = "pusher:subscription_succeeded"
	errorEvent     = "pusher:subscription_error"
	addedEvent     = "pusher:member_added"
	removedEvent   = "pusher:member_removed"
	countEvent     = "pusher:subscription_count"
	notification   = ".Illuminate\\Notifications\\Events\\BroadcastNotificationCreated"
)

// Listen is Echo's listen: event is named as Options.EventName tells.
func (ch *Channel) Listen(event string, f func(*Event)) *Channel {
	ch.bind(ch.c.opt.EventName(event), f)
	return ch
}

// ListenForWhisper is Echo's.
func (ch *Channel) ListenForWhisper(event string, f func(*Event)) *Channel {
	return ch.Listen(".client-"+event, f)
}

// Notification is Echo's: f gets the notification, whose data has id and type.
func (ch *Channel) Notification(f func(*Event)) *Channel { return ch.Listen(notification, f) }

// ListenToAll is Echo's: f gets every event but pusher:*, by its name without the namespace, or else with a leading dot.
func (ch *Channel) ListenToAll(f func(name string, e *Event)) *Channel {
	ch.bind("", f)
	return ch
}

// Bind is pusher-js' channel.bind with the event's name as it is on the wire. The result takes it back.
func (ch *Channel) Bind(event string, f func(*Event)) (unbind func()) {
	id := ch.bind(event, f)
	return func() { ch.drop(func(b *binding) bool { return b.id == id }) }
}

// OnSubscribed is what Echo calls subscribed: f is called at each confirmation, so after each reconnection too.
func (ch *Channel) OnSubscribed(f func()) *Channel {
	ch.bind(succeededEvent, f)
	return ch
}

// OnError is Echo's error: the authorizer has refused, or a server sent pusher:subscription_error.
func (ch *Channel) OnError(f func(*Problem)) *Channel {
	ch.bind(errorEvent, f)
	return ch
}

// Here is Echo's: everybody who is there, at each confirmation.
func (ch *Channel) Here(f func([]Member)) *Channel {
	ch.bind(succeededEvent, f)
	return ch
}

// Joining is Echo's.
func (ch *Channel) Joining(f func(Member)) *Channel {
	ch.bind(addedEvent, f)
	return ch
}

// Leaving is Echo's.
func (ch *Channel) Leaving(f func(Member)) *Channel {
	ch.bind(removedEvent, f)
	return ch
}

// StopListening is Echo's, without a callback: all listeners of the event go.
func (ch *Channel) StopListening(event string) *Channel {
	name := ch.c.opt.EventName(event)
	ch.drop(func(b *binding) bool { return b.event == name })
	return ch
}

// StopListeningForWhisper is Echo's.
func (ch *Channel) StopListeningForWhisper(event string) *Channel {
	return ch.StopListening(".client-" + event)
}

// StopListeningForNotification is Echo's.
func (ch *Channel) StopListeningForNotification() *Channel { return ch.StopListening(notification) }

// StopListeningToAll is Echo's, without a callback (with one it has no effect).
func (ch *Channel) StopListeningToAll() *Channel {
	ch.drop(func(b *binding) bool { return b.event == "" })
	return ch
}

func (ch *Channel) bind(event string, call any) int {
	id := ch.c.loop.eng.id()
	ch.bound = append(ch.bound[:len(ch.bound):len(ch.bound)], binding{event, id, call})
	return id
}

func (ch *Channel) drop(gone func(*binding) bool) {
	kept := make([]binding, 0, len(ch.bound))
	for i := range ch.bound {
		if !gone(&ch.bound[i]) {
			kept = append(kept, ch.bound[i])
		}
	}
	ch.bound = kept
}

// emit calls what is bound to an event, those to all events first.
func (ch *Channel) emit(name string, e *Event, with any) {
	bound := ch.bound
	for i := range bound {
		if f, ok := bound[i].call.(func(string, *Event)); ok {
			if short, wanted := ch.c.opt.shortName(name); wanted {
				f(short, e)
			}
		}
	}
	for i := range bound {
		if bound[i].event != name {
			continue
		}
		switch f := bound[i].call.(type) {
		case func(*Event):
			f(e)
		case func():
			f()
		case func([]Member):
			f(ch.Members())
		case func(Member):
			m, ok := with.(Member)
			if !ok { // a server may send pusher:member_added itself
				m = Member{ID: scalar(field(e.Data(), "id")), Info: clone(field(e.Data(), "info"))}
			}
			f(m)
		case func(*Problem):
			f(asProblem(e, with))
		}
	}
}

// asProblem makes a server's own pusher:subscription_error, as soketi sends it, the same as an authorizer's.
func asProblem(e *Event, with any) *Problem {
	if p, ok := with.(*Problem); ok {
		return p
	}
	p := &Problem{Type: "AuthError"}
	if data := e.Data(); data != nil {
		p.Data = append([]byte(nil), data...)
		p.Type, p.Message = text(field(data, "type")), text(field(data, "error"))
		p.Code, p.HasCode = number(field(data, "status"))
	}
	return p
}

// shortName is the name that listenToAll gives: it takes the namespace and one character off whatever begins with it.
func (o *Options) shortName(name string) (short string, wanted bool) {
	if strings.HasPrefix(name, "pusher:") {
		return "", false
	}
	ns := strings.ReplaceAll(o.namespace(), ".", "\\")
	if o.NoNamespace {
		ns = "false" // String(false)
	}
	if strings.HasPrefix(name, ns) {
		return name[min(len(ns)+1, len(name)):], true
	}
	return "." + name, true
}
