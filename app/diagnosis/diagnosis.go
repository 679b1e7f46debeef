package diagnosis

import (
	"slices"
	"strings"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

const (
	// Before is how far back from an event its channel's past matters.
	Before = 10 * time.Minute
	// After is how late a subscription may come and still count as a late one.
	After = time.Minute
)

// Facts is what is known of an event's moment.
type Facts struct {
	Event journal.Entry // published or whispered
	Kind  *pusher.Kind  // of its channel
	// Channels are all of the app's that had a subscriber just then. Unknown says why that is not known; then they are empty.
	Channels  []Channel
	Connected int // sockets of the app
	Unknown   string
	// Past and Later are what happened on the event's channel within Before and After of it, oldest first: of the kinds
	// Around, and Closed of the sockets that left.
	Past, Later []journal.Entry
}

// Around are the kinds of entries that Facts has of the channel.
var Around = []journal.Kind{journal.Subscribed, journal.Unsubscribed, journal.Refused, journal.Published}

// Channel is one with its subscribers, in the order in which they came.
type Channel struct {
	Name        string
	Subscribers []Subscriber
}

// Subscriber is one socket on a channel; User is "" where that is not known.
type Subscriber struct {
	Socket, User string
}

// Diagnosis is the answer about one event.
type Diagnosis struct {
	Event journal.Entry
	// Verdict is a sentence: how many got it, or that nobody did.
	Verdict string
	// Got is who got it, in the order of subscribing, when that is known exactly; a crowd is not listed whole (see MostGot).
	Got []Subscriber
	// Causes are why somebody may not have heard it, the likeliest first.
	Causes []Cause
	// Listen is the line of Echo that hears this event on this channel, where Echo's namespace is the usual App.Events.
	Listen string
}

// MostGot is how many receivers are listed.
const MostGot = 100

// Cause is one reason why a listener did not run.
type Cause struct {
	Name string // stable: the table's
	// Certain: the server knows that it was so, and that it alone kept the event from somebody. Otherwise it depends on
	// something that only the front end knows, and the sentence says if.
	Certain bool
	What    string // what happened
	Do      string // what to try; "" for nothing
	Entry   uint64 // the entry that shows it, 0 for none
}

// check is one row of the table: what is looked for, in which events, and the causes that it finds.
type check struct {
	name string
	when func(f *Facts) bool
	find func(f *Facts) []Cause
}

// Causes is every name that a Cause may have, in the order in which they are told.
func Causes() []string {
	names := make([]string, len(checks))
	for i := range checks {
		names[i] = checks[i].name
	}
	return names
}

// Of is the diagnosis of an event.
func Of(f Facts) Diagnosis {
	d := Diagnosis{Event: f.Event, Verdict: verdict(&f), Listen: Listen(f.Event.Channel, f.Event.Event), Causes: []Cause{}}
	if got := f.receivers(); len(got) == f.Event.Count {
		d.Got = got[:min(len(got), MostGot)]
	}
	for _, row := range checks {
		if !row.when(&f) {
			continue
		}
		for _, c := range row.find(&f) {
			c.Name = row.name
			d.Causes = append(d.Causes, c)
		}
	}
	return d
}

// Listen is the line of Echo, with its usual namespace, that hears an event on a channel.
func Listen(channel, event string) string {
	if strings.HasPrefix(channel, pusher.ServerToUserPrefix) { // Echo has no word for it
		return "Echo.connector.pusher.user.bind(" + echo.Quote(event) + ", console.log);"
	}
	return echo.Call(channel) + "." + hears(event, "console.log") + ";"
}

// hears is the call that hears an event: listen('.InvoiceCreated', callback).
func hears(event, callback string) string {
	method, argument := new(echo.Options).Hearing(event)
	if argument != "" && callback != "" {
		argument += ", "
	}
	return method + "(" + argument + callback + ")"
}

func verdict(f *Facts) string {
	e := &f.Event
	switch {
	case e.Count > 0:
		return many(e.Count, "socket") + " got it."
	case e.Note != "":
		return e.Note
	}
	return "Nobody got it."
}

// on is who was subscribed to the event's channel.
func (f *Facts) on() []Subscriber {
	for _, ch := range f.Channels {
		if ch.Name == f.Event.Channel {
			return ch.Subscribers
		}
	}
	return nil
}

// receivers is on without the socket that is left out.
func (f *Facts) receivers() []Subscriber {
	return slices.DeleteFunc(slices.Clone(f.on()), func(s Subscriber) bool { return s.Socket == f.Event.Socket })
}

func (f *Facts) wasOn(socket string) bool {
	return slices.ContainsFunc(f.on(), func(s Subscriber) bool { return s.Socket == socket })
}
