package diagnosis

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"echolab/emulator/journal"
	"echolab/harness/echo"
)

// eventName is the mistake that goes with the event's name: the listener that looks right and waits for another one.
func eventName(f *Facts) []Cause {
	event := f.Event.Event
	method, _ := new(echo.Options).Hearing(event)
	short := event[strings.LastIndexByte(event, '\\')+1:]
	wrong := ".listen(" + echo.Quote(short) + ")"
	waits := new(echo.Options).EventName(short)
	why := "Echo puts its namespace before a name without a leading dot"
	switch {
	case method == "notification":
		wrong, waits, why = ".listen(…) with the notification's class", "an event of that class", "every notification is sent under the one name "+event
	case method == "listenForWhisper":
		short = strings.TrimPrefix(event, "client-")
		wrong, waits, why = ".listen("+echo.Quote(short)+")", new(echo.Options).EventName(short), "a whisper is sent as "+event
	case waits == event || short == "": // in Echo's own namespace: the dot is what is wrong
		wrong, waits, why = ".listen("+echo.Quote("."+short)+")", short, "after a leading dot a name is taken as it is, and without broadcastAs() an event is sent under its class"
	case short != event:
		why = "Echo looks in App\\Events unless the name begins with a backslash"
	}
	return []Cause{{What: "If your listener says " + wrong + ", it waits for " + waits + ": " + why + ".", Do: "Write ." + hears(event, "") + "."}}
}

// notNotification: notification() hears one event alone, and a user's channel has others.
func notNotification(f *Facts) []Cause {
	method, _ := new(echo.Options).Hearing(f.Event.Event)
	if method != "listen" || user(f.Event.Channel) == "" {
		return nil
	}
	return []Cause{{What: "If your listener is .notification(), it hears Laravel's notifications alone, not " + f.Event.Event + ".",
		Do: "Send a notification whose via() has broadcast, or write ." + hears(f.Event.Event, "") + "."}}
}

var firstWord = regexp.MustCompile(`^[A-Z][a-z]+`)

// payload is what the listener gets, where that is easily something else than it reads.
func payload(f *Facts) []Cause {
	text := f.Event.Data
	var fields map[string]json.RawMessage
	if len(text) == 0 {
		return []Cause{{What: "If your listener reads a field of e, it fails: this event has no payload."}}
	}
	if json.Unmarshal(text, &fields) != nil {
		if json.Valid(text) && text[0] != '"' || f.Event.Kind == journal.Whispered {
			return nil // a list or a number is what somebody wanted
		}
		return []Cause{{What: "If your listener reads a field of e, it gets undefined: the payload is a text, not an object.",
			Do: "Let broadcastWith() return an array; encode it once."}}
	}
	event := f.Event.Event[strings.LastIndexByte(f.Event.Event, '\\')+1:]
	noun := strings.ToLower(firstWord.FindString(event))
	if _, nested := fields[noun]; noun == "" || nested || fields["id"] == nil || noun == "broadcast" {
		return nil
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, "e."+name)
	}
	slices.Sort(names)
	more := ""
	if len(names) > 3 {
		names, more = names[:3], " …"
	}
	return []Cause{{What: "If your listener reads e." + noun + ", it gets undefined: the fields are on e itself, " + strings.Join(names, ", ") + more + ".",
		Do: "Read e." + "id" + ", or let broadcastWith() return ['" + noun + "' => …]."}}
}
