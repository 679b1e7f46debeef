package echo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"echolab/emulator/rawjson"
)

// Event is one message of the server. It and what it points to are only valid during the call that gets it.
type Event struct {
	// Name is the event's on the wire, such as App\Events\InvoiceCreated.
	Name string
	// Channel is the wire name, "" for none.
	Channel string
	// Raw is data as it came: one JSON value, mostly a string that holds JSON; nil where there is none.
	Raw []byte
	// UserID is the sender of a whisper on a presence channel, where the server tells it.
	UserID string
	// At is when it was read from the socket, with a monotonic reading.
	At time.Time

	loop *loop
	data []byte // the decoded one, once asked for
}

// Data is what a listener gets, as JSON: what the string holds where it holds JSON, else Raw; nil where there is none.
func (e *Event) Data() []byte {
	if e.data != nil || len(e.Raw) == 0 || e.Raw[0] != '"' {
		if e.data != nil {
			return e.data
		}
		return e.Raw
	}
	e.loop.text = rawjson.Unquote(e.loop.text[:0], e.Raw)
	if valid(e.loop.text) {
		e.data = e.loop.text
	} else {
		e.data = e.Raw
	}
	return e.data
}

// Decode reads Data into v, as json.Unmarshal does.
func (e *Event) Decode(v any) error {
	data := e.Data()
	if data == nil {
		return fmt.Errorf("event %s has no data", e.Name)
	}
	return json.Unmarshal(data, v)
}

// envelope is the outside of a message: its members as they came, nil for absent ones.
type envelope struct {
	event, channel, data, user []byte
}

// open reads a message: object tells whether it is a JSON object, ok whether it is JSON that has members at all (null
// has none).
func (e *envelope) open(b []byte) (object, ok bool) {
	s := scan(b)
	s.Space()
	if s.Pos >= len(b) {
		return false, false
	}
	if b[s.Pos] != '{' {
		return false, valid(b) && b[s.Pos] != 'n'
	}
	good := s.Object(0, func(key, value []byte) {
		switch len(key) - 2 {
		case 4:
			if is(key, "data") {
				e.data = value
				return
			}
		case 5:
			if is(key, "event") {
				e.event = value
				return
			}
		case 7:
			switch {
			case is(key, "channel"):
				e.channel = value
				return
			case is(key, "user_id"):
				e.user = value
				return
			}
		}
		if len(key) > 9 { // perhaps written with escapes
			switch string(rawjson.Unquote(nil, key)) {
			case "data":
				e.data = value
			case "event":
				e.event = value
			case "channel":
				e.channel = value
			case "user_id":
				e.user = value
			}
		}
	})
	s.Space()
	return true, good && s.Pos == len(b)
}

// parseError is what pusher-js tells of a message that is not JSON.
func parseError(b []byte) *Problem {
	return &Problem{Type: "MessageParseError", Message: "the message is not JSON", Data: append([]byte(nil), b...)}
}

var (
	errNoEvent = errors.New("TypeError: the message has no event (it is no object, or event is no string)")
	errNoData  = errors.New("TypeError: the message has no usable data")
)

// greeting reads the first frame (Protocol.processHandshake).
func (c *Client) greeting(b []byte, binary bool) outcome {
	bad := func(message string) outcome {
		return outcome{action: actError, problem: &Problem{Type: "HandshakeError", Message: message}}
	}
	var env envelope
	_, ok := env.open(b)
	if !ok || binary {
		return bad("MessageParseError")
	}
	e := Event{Raw: env.data, loop: c.loop}
	data := e.Data()
	switch text(env.event) {
	case "pusher:connection_established":
		timeout := field(data, "activity_timeout")
		if !truthy(timeout) {
			return bad("No activity timeout specified in handshake")
		}
		seconds, err := strconv.ParseFloat(string(timeout), 64)
		if err != nil {
			if seconds, err = strconv.ParseFloat(text(timeout), 64); err != nil {
				seconds = 0 // NaN: a timer of no time
			}
		}
		seconds = min(max(seconds, 0), 1e9)
		return outcome{action: actConnected, socket: scalar(field(data, "socket_id")), timeout: time.Duration(seconds * float64(time.Second))}
	case "pusher:error":
		p := serverProblem(data)
		if !p.HasCode {
			return outcome{action: actRefused, problem: p}
		}
		o := outcome{action: actionOf(p.Code), problem: problemOf(p.Code, p.Message)}
		if o.action == actNone {
			return bad("Invalid handshake") // pusher-js has no way on from here either
		}
		if o.problem != nil {
			o.problem.Data = p.Data
		}
		return o
	}
	return bad("Invalid handshake")
}

// serverProblem reads the data of a pusher:error message.
func serverProblem(data []byte) *Problem {
	p := &Problem{Type: "PusherError", Data: append([]byte(nil), data...), Message: text(field(data, "message"))}
	if code, err := strconv.Atoi(string(field(data, "code"))); err == nil {
		p.Code, p.HasCode = code, true
	}
	return p
}

// scalar is a JSON string or number as text.
func scalar(value []byte) string {
	switch {
	case len(value) == 0 || string(value) == "null":
		return ""
	case value[0] == '"':
		return text(value)
	}
	return string(value)
}

// message takes one message of an established connection.
func (c *Client) message(b []byte, binary bool) {
	var env envelope
	object, ok := env.open(b)
	if !ok || binary {
		c.problem(parseError(b))
		return
	}
	l := c.loop
	e := &l.event
	*e = Event{Raw: env.data, At: l.at(), loop: l}
	named := object && len(env.event) > 0 && env.event[0] == '"'
	if named {
		e.Name = l.string(env.event, &l.last[0])
	}
	switch e.Name {
	case "pusher:error":
		c.problem(serverProblem(e.Data()))
	case "pusher:ping":
		if n := c.tell(NoticePong); n != nil {
			c.told(n)
		}
		c.sendText([]byte(`{"event":"pusher:pong","data":{}}`))
	}
	if c.conn == nil {
		return // a callback has disconnected
	}
	c.resetActivity()
	if !named {
		c.uncaught(errNoEvent)
		return
	}
	if truthy(env.channel) {
		if env.channel[0] == '"' {
			e.Channel = l.string(env.channel, &l.last[1])
		} else {
			e.Channel = string(env.channel)
		}
	}
	if truthy(env.user) {
		e.UserID = scalar(env.user)
	}
	c.take(e)
}

// string is what a JSON string says, without a new string where it came before; last is what came last in this place.
func (l *loop) string(value []byte, last *string) string {
	text := value[1 : len(value)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		l.text = rawjson.Unquote(l.text[:0], value)
		text = l.text
	}
	if *last != string(text) {
		*last = l.names.of(text)
	}
	return *last
}

func (c *Client) uncaught(err error) {
	if n := c.tell(NoticeUncaught); n != nil {
		n.Err = err
		c.told(n)
	}
}
