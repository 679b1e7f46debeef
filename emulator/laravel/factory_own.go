package laravel

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// drawOwn makes a payload of what the file gives for an event: an example is sent as it is, a JSON Schema is drawn from.
func drawOwn(s *scene, given any) (Object, error) {
	payload, err := ownPayload(given)
	if err != nil || !isSchema(payload) {
		return payload, err
	}
	schema, err := newSchema(payload)
	if err != nil {
		return nil, err
	}
	return schema.draw(s)
}

// ownPayload is a payload of the file as an Object.
func ownPayload(given any) (Object, error) {
	plain, err := plainValue(given)
	if err != nil {
		return nil, err
	}
	payload, ok := plain.(Object)
	if !ok {
		return nil, errors.New("payload is " + kindOf(plain) + "; write an example object, or a JSON Schema with type: object and properties")
	}
	return payload, nil
}

// checkEvents tells what is wrong with the events of an application, each with its place.
func checkEvents(app *Application, tell func(place, message string)) {
	var seen []string
	for _, e := range app.Events {
		say := func(format string, args ...any) {
			tell(e.Place, "event "+e.Name+": "+fmt.Sprintf(format, args...))
		}
		builtIn := slices.ContainsFunc(builtin, func(s spec) bool { return s.Name == e.Name })
		switch {
		case e.Name == "":
			tell(e.Place, "an event needs a name, such as InvoiceCreated")
			continue
		case slices.Contains(seen, e.Name):
			say("it is described twice")
		case len(e.Channels) == 0 && (!builtIn || e.Channels != nil):
			say("it needs channels, such as private-client.{clientId}")
		}
		seen = append(seen, e.Name)
		bad := false
		for _, channel := range e.Channels {
			if !channelName.MatchString(slot.ReplaceAllString(channel, "0")) {
				say("the channel %q cannot be: Pusher's names have letters, digits and -_=@,.; alone, and placeholders such as {clientId}", channel)
				bad = true
			}
		}
		if e.Payload == nil || bad {
			continue
		}
		payload, err := ownPayload(e.Payload)
		if err == nil && isSchema(payload) {
			_, err = Compose(app, Fixed, time.Time{}, Occurrence{Event: e.Name, Channels: []string{"portal"}})
			if unwrapped := errors.Unwrap(err); unwrapped != nil {
				err = unwrapped
			}
		}
		if err == nil {
			_, err = encodePHP(payload)
		}
		if err != nil {
			say("%v", err)
		}
	}
}
