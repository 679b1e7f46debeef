package pusher

import (
	"bytes"
	"strconv"
	"strings"
)

// Message is one message of a client, decoded as Reverb decodes it (laravel/reverb Server::message).
type Message struct {
	Event string
	// Channel is the top-level channel of a client event; HasChannel tells whether it was a non-empty string.
	Channel    string
	HasChannel bool
	// Data is the JSON value of data. A string that holds JSON has been decoded once; nil when there was none.
	Data []byte
	// Sent is data as it came.
	Sent []byte
	// Raw is the whole message.
	Raw []byte
}

// ParseMessage reads a client's message, or returns ErrMessage. The result refers to b.
func ParseMessage(b []byte) (Message, error) {
	m := Message{Raw: b}
	var event, data []byte
	if !members(b, func(key string, value []byte) {
		switch key {
		case "event":
			event = value
		case "data":
			data = value
		case "channel":
			m.HasChannel = false
			if value[0] == '"' {
				m.Channel = unquote(value)
				m.HasChannel = !Blank(m.Channel)
			}
		}
	}) {
		return Message{}, ErrMessage
	}
	if len(event) == 0 || event[0] != '"' {
		return Message{}, ErrMessage
	}
	m.Event = unquote(event)
	if Blank(m.Event) {
		return Message{}, ErrMessage
	}
	m.Data, m.Sent = data, data
	if len(data) > 0 && data[0] == '"' {
		if inner := []byte(unquote(data)); IsJSON(inner) {
			m.Data = inner
		}
	}
	return m, nil
}

// Fields are the members of a pusher:* message's data, read with PHP's habits: a scalar where a string belongs is
// turned into one, a list or an object is not.
type Fields map[string][]byte

// Fields takes Data apart. What PHP calls empty ("", "0", 0, false, null, [], {} and nothing) has no fields; any other
// scalar is ErrMessage.
func (m *Message) Fields() (Fields, error) {
	d := trimSpace(m.Data)
	if len(d) == 0 {
		return nil, nil
	}
	switch d[0] {
	case '{':
		fields := make(Fields, 3)
		members(d, func(key string, value []byte) { fields[key] = value })
		return fields, nil
	case '[':
		return nil, nil // a list has no named fields
	}
	switch string(d) {
	case `""`, `"0"`, "false", "null":
		return nil, nil
	}
	if n, err := strconv.ParseFloat(string(d), 64); err == nil && n == 0 {
		return nil, nil
	}
	return nil, ErrMessage
}

// Text is the field as a string. present is false when it is missing or null; err is ErrMessage when it is a list
// or an object.
func (f Fields) Text(name string) (text string, present bool, err error) {
	raw, ok := f[name]
	if !ok {
		return "", false, nil
	}
	return phpString(raw)
}

// phpString converts a JSON value as PHP converts an argument of type ?string.
func phpString(raw []byte) (text string, present bool, err error) {
	switch raw[0] {
	case '"':
		return unquote(raw), true, nil
	case 'n':
		return "", false, nil
	case 't':
		return "1", true, nil
	case 'f':
		return "", true, nil
	case '[', '{':
		return "", false, ErrMessage
	}
	return string(raw), true, nil
}

// Blank tells whether PHP's trim leaves nothing of s: what Laravel's validator takes for missing. Unlike
// strings.TrimSpace it knows no Unicode and does know the NUL byte.
func Blank(s string) bool { return strings.Trim(s, " \t\n\r\v\x00") == "" }

// trimSpace removes JSON's white space.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t' || b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// IsClientEvent tells whether the message is a whisper.
func (m *Message) IsClientEvent() bool { return strings.HasPrefix(m.Event, "client-") }

// Member is what channel_data says of a subscriber.
type Member struct {
	ID   string // user id as a string, "" when there is none
	Has  bool   // there is a user id that is not null
	Raw  []byte // user id as it came: a JSON string or number
	Info []byte // user_info; nil when it is missing
	Data []byte // the whole channel_data as an object, for member_added
}

// ParseMember reads channel_data (already verified). php applies what PHP does to JSON that it relays.
func ParseMember(channelData string, php bool) (Member, error) {
	if channelData == "" || channelData == "0" {
		return Member{Data: []byte("{}")}, nil
	}
	b := trimSpace([]byte(channelData))
	m := Member{Data: b}
	switch {
	case !IsJSON(b):
		return Member{}, ErrMessage
	case b[0] == '[':
		m.Data = listAsObject(b)
		return m, nil
	case b[0] != '{':
		return Member{}, ErrMessage
	}
	var id []byte
	empty := true
	members(b, func(key string, value []byte) {
		empty = false
		switch key {
		case "user_id":
			id = value
		case "user_info":
			m.Info = value
		}
	})
	if php && !empty {
		if rewritten := PHPJSON(b); rewritten[0] == '{' {
			m.Data = rewritten
		}
		if m.Info != nil {
			m.Info = PHPJSON(m.Info)
		}
	}
	if id == nil || id[0] == 'n' {
		return m, nil
	}
	text, _, err := phpString(id)
	if err != nil {
		return Member{}, err
	}
	m.ID, m.Has, m.Raw = text, true, bytes.Clone(id)
	if id[0] == 't' || id[0] == 'f' {
		m.Raw = appendString(nil, text)
	}
	return m, nil
}

// listAsObject writes a list as the object that PHP's (object) cast makes of it: {"0":…,"1":…}.
func listAsObject(b []byte) []byte {
	out := []byte{'{'}
	n := 0
	s := scanner(b)
	s.Array(0, func(value []byte) {
		if n > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, itoa(n)), ':')
		out = append(out, value...)
		n++
	})
	return append(out, '}')
}
