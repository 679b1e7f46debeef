package laravel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// drawOwn makes a payload of what the file gives for an event: an example is sent as it is, a JSON Schema is drawn from.
func drawOwn(s *scene, given any) (Object, error) {
	payload, err := ownPayload(given)
	if err != nil {
		return nil, err
	}
	if !isSchema(payload) {
		return s.withGiven(asJSON(payload)).(Object), nil
	}
	schema, err := newSchema(payload)
	if err != nil {
		return nil, err
	}
	return schema.draw(s)
}

// withGiven puts the ids that were asked for into an example: client_id is 5 where client 5 was.
func (s *scene) withGiven(v any) any {
	switch v := v.(type) {
	case Object:
		out := make(Object, len(v))
		for i, f := range v {
			short := paramName(f.Key)
			if _, isID := idOf(f.Value); isID && !strings.EqualFold(strings.ReplaceAll(f.Key, "_", ""), short) {
				if id, ok := s.asked(short); ok {
					f.Value = id.Value()
				}
			}
			out[i] = Field{f.Key, s.withGiven(f.Value)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = s.withGiven(item)
		}
		return out
	}
	return v
}

// asJSON keeps the empty objects within a value that a person wrote as JSON or YAML: they stay {}, where PHP would make of
// an empty array []. The payload itself is an array for Laravel, be it empty or not.
func asJSON(v any) any {
	switch v := v.(type) {
	case Object:
		out := make(Object, len(v))
		for i, f := range v {
			if inner, ok := f.Value.(Object); ok && len(inner) == 0 {
				f.Value = emptyObject{}
			}
			out[i] = Field{f.Key, asJSON(f.Value)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			if inner, ok := item.(Object); ok && len(inner) == 0 {
				item = emptyObject{}
			}
			out[i] = asJSON(item)
		}
		return out
	}
	return v
}

// ParsePayload reads an object that is sent as it is.
func ParsePayload(text []byte) (Object, error) {
	var o Object
	if err := o.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	return asJSON(o).(Object), nil
}

// ownPayload is a payload of the file as an Object.
func ownPayload(given any) (Object, error) {
	if _, ours := given.(Object); !ours {
		plain, err := plainValue(given)
		if err != nil {
			return nil, err
		}
		given = plain
	}
	payload, ok := given.(Object)
	if !ok {
		return nil, errors.New("payload is " + kindOf(given) + "; write an example object, or a JSON Schema with type: object and properties")
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
			_, err = Compose(app, Fixed, "", seededAt, Occurrence{Event: e.Name, Channels: []string{"portal"}})
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
