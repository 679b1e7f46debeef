package diagnosis

import (
	"slices"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

func always(*Facts) bool   { return true }
func nobody(f *Facts) bool { return f.Event.Count == 0 }

// heard: what it is called matters to those alone who got it, and whose library did not drop it.
func heard(f *Facts) bool { return f.Event.Count > 0 && !unreadable(f) }

// NotAuthorised is the name of a cause that is a guess, where nothing better is known.
const NotAuthorised = "not_authorised"

// checks is every cause, in the order in which they are told: what the server knows for certain, then what is likely, then
// what only the front end knows.
var checks = []check{
	{"unknown", func(f *Facts) bool { return f.Unknown != "" }, func(f *Facts) []Cause {
		return []Cause{{What: "Who was subscribed then is not known any more: " + f.Unknown + "."}}
	}},
	{"sender_left_out", always, senderLeftOut},
	{"nobody_connected", func(f *Facts) bool { return nobody(f) && f.Unknown == "" && f.Connected == 0 }, func(f *Facts) []Cause {
		return []Cause{{Certain: true, What: "No client was connected to the application " + f.Event.App + ".",
			Do: "Open the page; if it is open, compare its key, host and port with the .env lines of this server."}}
	}},
	{"nobody_subscribed", func(f *Facts) bool {
		return nobody(f) && f.Unknown == "" && f.Connected > 0 && len(f.on()) == 0
	}, func(f *Facts) []Cause {
		return []Cause{{Certain: true, What: "Nobody was subscribed to " + f.Event.Channel + " at that moment; " + many(f.Connected, "socket") + " " + were(f.Connected) + " connected."}}
	}},
	{"unencrypted", unreadable, unencrypted},
	{"near_name", func(f *Facts) bool { return !unreadable(f) }, nearNames},
	{"refused", always, refused},
	{"late", always, late},
	{"left", always, left},
	{NotAuthorised, func(f *Facts) bool { return nobody(f) && f.Unknown == "" && f.Connected > 0 && f.Kind.Private }, notAuthorised},
	{"event_name", heard, eventName},
	{"notification", heard, notNotification},
	{"payload", heard, payload},
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func senderLeftOut(f *Facts) []Cause {
	e := &f.Event
	at := slices.IndexFunc(f.on(), func(s Subscriber) bool { return s.Socket == e.Socket })
	if at < 0 || e.Socket == "" {
		return nil
	}
	sender := who(e.Socket, f.on()[at].User)
	if e.Kind == journal.Whispered {
		if e.Count > 0 {
			return nil // that a whisper does not come back surprises nobody
		}
		return []Cause{{Certain: true, What: sender + " sent it, and was alone there: a whisper goes to the others.", Do: "Open a second page on this channel."}}
	}
	return []Cause{{Certain: true,
		What: sender + " was subscribed, and was left out: toOthers() and the request's X-Socket-ID say that it is the one who caused the event.",
		Do:   "Take toOthers() away, or let that page use the answer to its own request."}}
}

// when is how long before or after the event something was.
func (f *Facts) when(e *journal.Entry) string {
	if e.Seq > f.Event.Seq {
		return ago(e.At.Sub(f.Event.At)) + " later"
	}
	return ago(f.Event.At.Sub(e.At)) + " before"
}

// late is the first who subscribed after the event.
func late(f *Facts) []Cause {
	replaced := false // what a cache channel keeps
	for i := range f.Later {
		e := &f.Later[i]
		if e.Kind == journal.Published {
			replaced = true
		}
		if e.Kind != journal.Subscribed || e.Note == journal.NoteAgain || f.wasOn(e.Socket) {
			continue
		}
		what := who(e.Socket, e.User) + " subscribed " + ago(e.At.Sub(f.Event.At)) + " later"
		switch {
		case f.Kind.Cache && f.Event.Kind == journal.Published && !replaced && e.Note != journal.NoteCacheMiss:
			return []Cause{{Entry: e.Seq, What: what + ", and got it then: a cache channel keeps the last event for newcomers."}}
		case nobody(f):
			what += ": too late for this event."
		default:
			what += ", when the others had got it already."
		}
		return []Cause{{Certain: true, Entry: e.Seq, What: what,
			Do: "Subscribe before what causes the event, wait for .subscribed(), or load the state once subscribed. A cache channel (private-cache-…) keeps the last event for newcomers."}}
	}
	return nil
}

// unreadable: sockets got what their libraries cannot decrypt.
func unreadable(f *Facts) bool {
	return f.Event.Count > 0 && f.Event.Kind == journal.Published && pusher.Encrypted(f.Event.Channel) && !pusher.Sealed(f.Event.Data)
}

// unencrypted: pusher-js hands only what has a nonce and a ciphertext to the listeners of an encrypted channel.
func unencrypted(f *Facts) []Cause {
	return []Cause{{Certain: true,
		What: "The event was not encrypted: its data has no nonce and ciphertext, and on " + f.Event.Channel + " pusher-js drops such an event before any listener.",
		Do:   "Send it with a library that has the master key (encryption_master_key_base64 in Laravel's connection), or with echolab trigger or emit, which encrypt it."}}
}

// left is the last who was subscribed before the event and was not any more.
func left(f *Facts) []Cause {
	for _, e := range backwards(f.Past) {
		if e.Kind != journal.Unsubscribed || f.wasOn(e.Socket) {
			continue
		}
		what := who(e.Socket, e.User) + " was subscribed until " + ago(f.Event.At.Sub(e.At)) + " before: "
		closed := slices.IndexFunc(f.Past, func(c journal.Entry) bool { return c.Kind == journal.Closed && c.Socket == e.Socket && c.Seq > e.Seq })
		if closed < 0 {
			return []Cause{{Certain: true, Entry: e.Seq, What: what + "then the page left the channel.",
				Do: "Look for Echo.leave() or an unmounted component; events are not kept for those who come back."}}
		}
		how := "then its connection ended"
		if note := f.Past[closed].Note; note != "" {
			how += " (" + note + ")"
		}
		return []Cause{{Certain: true, Entry: e.Seq, What: what + how + ".",
			Do: "Events are not kept for those who come back: load the state again once subscribed."}}
	}
	return nil
}

// notAuthorised is what may be when nobody even tried.
func notAuthorised(f *Facts) []Cause {
	tried := func(e journal.Entry) bool { return e.Kind != journal.Published && e.Kind != journal.Closed }
	if len(f.on()) > 0 || slices.ContainsFunc(f.Past, tried) || slices.ContainsFunc(f.Later, tried) || len(nearNames(f)) > 0 {
		return nil
	}
	return []Cause{{What: "Nobody asked for " + f.Event.Channel + " in the " + ago(Before) + " before. If a page does, its POST /broadcasting/auth was not answered with 200, and this server never heard of it.",
		Do: "Look at that request in the browser's network tab."}}
}

// backwards is the newest entry first, of lists that follow upon each other, the later list first.
func backwards(lists ...[]journal.Entry) (all []*journal.Entry) {
	for _, list := range lists {
		for i := len(list) - 1; i >= 0; i-- {
			all = append(all, &list[i])
		}
	}
	return all
}
