package pusher

import (
	"errors"
	"fmt"
	"regexp"
)

// Publication is one event to publish.
type Publication struct {
	Event    string
	Data     string   // sent on untouched
	Channels []string // one delivery for each occurrence, as Reverb does
	Except   string   // socket id that is left out, "" for nobody
	Info     string   // comma list of what the sender wants to know of the channels
	WantInfo bool     // Info was given, be it empty
}

// ErrBody says that a body is not what the endpoint reads at all (400; Reverb answers 500).
var ErrBody = errors.New("the body is not a JSON object")

// FieldErrors are Laravel's validation messages by field: status 422 in the reverb profile.
type FieldErrors map[string][]string

func (e FieldErrors) Error() string {
	for field, messages := range e {
		return field + ": " + messages[0]
	}
	return "invalid"
}

func (e FieldErrors) add(field, message string) { e[field] = append(e[field], message) }

// body holds the raw members of a JSON object, or nothing for a list.
func readBody(b []byte) (map[string][]byte, error) {
	b = trimSpace(b)
	if !IsJSON(b) || b[0] != '{' && b[0] != '[' {
		return nil, ErrBody
	}
	fields := map[string][]byte{}
	if b[0] == '{' {
		members(b, func(key string, value []byte) { fields[key] = value })
	}
	return fields, nil
}

// missing is Laravel's "required": absent, null, blank or an empty array.
func missing(raw []byte) bool {
	if raw == nil {
		return true
	}
	switch raw[0] {
	case 'n':
		return true
	case '"':
		return Blank(unquote(raw))
	case '[', '{':
		return len(trimSpace(raw[1:len(raw)-1])) == 0
	}
	return false
}

// blank is a string that Laravel's non-implicit rules are not applied to.
func blank(raw []byte) bool { return raw[0] == '"' && Blank(unquote(raw)) }

// ParsePublication reads the body of POST /events (laravel/reverb EventsController.php): ErrBody, FieldErrors, or the
// event.
func ParsePublication(b []byte) (Publication, error) {
	f, err := readBody(b)
	if err != nil {
		return Publication{}, err
	}
	bad := FieldErrors{}
	requireString(bad, f, "name", "name")
	requireString(bad, f, "data", "data")
	if raw, other := f["channels"], f["channel"]; missing(raw) && missing(other) {
		bad.add("channels", "The channels field is required when channel is not present.")
	} else if raw != nil && !blank(raw) && raw[0] != '[' && raw[0] != '{' {
		bad.add("channels", "The channels field must be an array.")
	}
	if raw, other := f["channel"], f["channels"]; missing(raw) && missing(other) {
		bad.add("channel", "The channel field is required when channels is not present.")
	} else if raw != nil && !blank(raw) && raw[0] != '"' {
		bad.add("channel", "The channel field must be a string.")
	}
	optionalString(bad, f, "socket_id", "socket_id", "socket id")
	optionalString(bad, f, "info", "info", "info")
	if len(bad) > 0 {
		return Publication{}, bad
	}
	p := publicationOf(f)
	if raw := f["channels"]; raw != nil && raw[0] != 'n' && raw[0] != '"' {
		p.Channels, err = stringList(raw)
		return p, err
	}
	if raw := f["channel"]; raw != nil && raw[0] == '"' {
		p.Channels = []string{unquote(raw)}
	}
	return p, nil
}

// ParseBatch reads the body of POST /batch_events (laravel/reverb EventsBatchController.php).
func ParseBatch(b []byte) ([]Publication, error) {
	f, err := readBody(b)
	if err != nil {
		return nil, err
	}
	raw := f["batch"]
	if missing(raw) {
		return nil, FieldErrors{"batch": {"The batch field is required."}}
	}
	if raw[0] != '[' && raw[0] != '{' {
		return nil, FieldErrors{"batch": {"The batch field must be an array."}}
	}
	bad := FieldErrors{}
	var batch []Publication
	err = elements(raw, func(key string, item []byte) error {
		g := map[string][]byte{}
		if item[0] == '{' {
			members(item, func(key string, value []byte) { g[key] = value })
		}
		at := "batch." + key + "."
		requireString(bad, g, "name", at+"name")
		requireString(bad, g, "data", at+"data")
		if channel := g["channel"]; missing(channel) && missing(f["channels"]) {
			bad.add(at+"channel", "The "+at+"channel field is required when channels is not present.")
		} else if channel != nil && !blank(channel) && channel[0] != '"' {
			bad.add(at+"channel", "The "+at+"channel field must be a string.")
		}
		optionalString(bad, g, "socket_id", at+"socket_id", at+"socket_id")
		optionalString(bad, g, "info", at+"info", at+"info")
		if len(bad) > 0 {
			return nil
		}
		if missing(g["channel"]) {
			return ErrBody
		}
		p := publicationOf(g)
		p.Channels = []string{unquote(g["channel"])}
		batch = append(batch, p)
		return nil
	})
	if len(bad) > 0 {
		return nil, bad
	}
	return batch, err
}

func publicationOf(f map[string][]byte) Publication {
	p := Publication{Event: unquote(f["name"]), Data: unquote(f["data"])}
	if raw := f["socket_id"]; raw != nil && raw[0] == '"' {
		p.Except = unquote(raw)
	}
	if raw := f["info"]; raw != nil && raw[0] == '"' {
		p.Info, p.WantInfo = unquote(raw), true
	}
	return p
}

func requireString(bad FieldErrors, f map[string][]byte, field, label string) {
	switch raw := f[field]; {
	case missing(raw):
		bad.add(label, "The "+label+" field is required.")
	case raw[0] != '"':
		bad.add(label, "The "+label+" field must be a string.")
	}
}

func optionalString(bad FieldErrors, f map[string][]byte, field, key, label string) {
	if raw := f[field]; raw != nil && raw[0] != '"' {
		bad.add(key, "The "+label+" field must be a string.")
	}
}

// stringList reads the values of an array or object as strings, the way PHP passes them on.
func stringList(raw []byte) (list []string, err error) {
	err = elements(raw, func(_ string, value []byte) error {
		text, present, err := phpString(value)
		if err != nil || !present {
			return ErrBody
		}
		list = append(list, text)
		return nil
	})
	return list, err
}

// elements walks an array, or an object's values, in order.
func elements(raw []byte, f func(key string, value []byte) error) (err error) {
	n := 0
	visit := func(key string, value []byte) {
		if err == nil {
			err = f(key, value)
		}
		n++
	}
	if raw[0] == '{' {
		members(raw, visit)
		return err
	}
	s := scanner(raw)
	s.Array(0, func(value []byte) { visit(itoa(n), value) })
	return err
}

// Check holds a publication to the profile's limits. tooLarge tells a payload that is too big (413) from a bad request (400).
func (p *Profile) Check(e *Publication) (tooLarge bool, err error) {
	if p.Limits.EventData > 0 && len(e.Data) > p.Limits.EventData {
		return true, fmt.Errorf("the data of event %q is %d bytes long; at most %d are allowed", e.Event, len(e.Data), p.Limits.EventData)
	}
	if err := p.Limits.CheckEvent(e.Event); err != nil {
		return false, err
	}
	if p.Limits.Channels > 0 && len(e.Channels) > p.Limits.Channels {
		return false, fmt.Errorf("%d channels; at most %d are allowed", len(e.Channels), p.Limits.Channels)
	}
	for _, channel := range e.Channels {
		if err := p.Limits.CheckChannel(channel); err != nil {
			return false, err
		}
	}
	return false, nil
}

// maxTriggered is how many channels a library of Pusher's puts into one request.
const maxTriggered = 100

var (
	triggeredChannel = regexp.MustCompile(`\A#?[-a-zA-Z0-9_=@,.;]+\z`)
	triggeredSocket  = regexp.MustCompile(`\A\d+\.\d+\z`)
)

// CheckTrigger is what Pusher's libraries look at before they send an event (pusher-http-php Pusher::trigger,
// validate_channel, validate_socket_id): no server that is asked through them ever sees anything else.
func (e *Publication) CheckTrigger() error {
	if len(e.Channels) > maxTriggered {
		return fmt.Errorf("%d channels: an event can be triggered on a maximum of %d channels in a single call", len(e.Channels), maxTriggered)
	}
	for _, channel := range e.Channels {
		if !triggeredChannel.MatchString(channel) {
			return fmt.Errorf("Invalid channel name %q: only letters, digits and _-=@,.; are allowed", channel)
		}
	}
	if e.Except != "" && !triggeredSocket.MatchString(e.Except) {
		return fmt.Errorf("Invalid socket ID %q: it has the form 1234.5678", e.Except)
	}
	return nil
}
