package pusher

import (
	"strconv"
	"unicode/utf8"
)

func itoa(n int) string { return strconv.Itoa(n) }

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	out = appendEscaped(out, s)
	return append(out, '"')
}

// appendEscaped appends the inside of a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendEscaped[T ~string | ~[]byte](out []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		out = append(out, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		case c >= utf8.RuneSelf:
			out = append(out, "\ufffd"...)
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(out, s[start:]...)
}

// EventText is an event as subscribers get it; data is sent on as the string that it is
// (Pusher docs: Channels protocol, Channel events).
func EventText(event, channel, data string) []byte {
	out := make([]byte, 0, 48+len(event)+len(channel)+len(data)+len(data)/8)
	out = append(out, `{"event":`...)
	out = appendString(out, event)
	out = append(out, `,"data":`...)
	out = appendString(out, data)
	out = append(out, `,"channel":`...)
	out = appendString(out, channel)
	return append(out, '}')
}

// WhisperText is a client event as the other subscribers get it: data as a value, null when there was none; userID,
// the sender's raw id, is left out when nil (laravel/reverb ClientEvent.php).
func WhisperText(event, channel string, data, userID []byte) []byte {
	out := make([]byte, 0, 64+len(event)+len(channel)+len(data)+len(userID))
	out = append(out, `{"event":`...)
	out = appendString(out, event)
	out = append(out, `,"channel":`...)
	out = appendString(out, channel)
	out = append(out, `,"data":`...)
	if len(data) == 0 {
		out = append(out, "null"...)
	} else {
		out = append(out, data...)
	}
	if userID != nil {
		out = append(out, `,"user_id":`...)
		out = append(out, userID...)
	}
	return append(out, '}')
}

// EstablishedText is the handshake frame. activity is in whole seconds.
func EstablishedText(socketID string, activity int) []byte {
	return protocolText("pusher:connection_established", []byte(`{"socket_id":"`+socketID+`","activity_timeout":`+itoa(activity)+`}`), "")
}

// protocolText is a frame of the server's own: data, a JSON text, goes out as a string; an empty channel is left out,
// as Reverb's array_filter leaves it out.
func protocolText(event string, data []byte, channel string) []byte {
	out := make([]byte, 0, 48+len(event)+len(data)+len(data)/4+len(channel))
	out = append(out, `{"event":`...)
	out = appendString(out, event)
	if data != nil {
		out = append(out, `,"data":"`...)
		out = appendEscaped(out, data)
		out = append(out, '"')
	}
	if channel != "" {
		out = append(out, `,"channel":`...)
		out = appendString(out, channel)
	}
	return append(out, '}')
}

// SubscribedText confirms a subscription to anything but a presence channel.
func SubscribedText(channel string) []byte {
	return protocolText("pusher_internal:subscription_succeeded", []byte("{}"), channel)
}

// The pieces of a roster build the confirmation of a presence subscription from pieces that are escaped once per member:
// the list of members is by far the largest frame there is.
var (
	rosterHead = []byte(`{"event":"pusher_internal:subscription_succeeded","data":"{\"presence\":{\"count\":`)
	rosterIDs  = []byte(`,\"ids\":[`)
	rosterHash = []byte(`],\"hash\":{`)
	rosterTail = []byte(`}}}","channel":`)
	rosterNone = []byte(`0,\"ids\":[],\"hash\":[]}}","channel":`)
)

// RosterEntry is a member's share of every roster that it is in, escaped for a string within a string.
type RosterEntry struct{ id, hash []byte }

// Roster prepares the member's share. Info must not be nil.
func (m *Member) Roster() RosterEntry {
	hash := append(appendString(nil, m.ID), ':')
	hash = append(hash, m.Info...)
	return RosterEntry{id: appendEscaped(nil, m.Raw), hash: appendEscaped(nil, hash)}
}

// RosterText confirms a presence subscription; entries yields every member once, in order of joining.
func RosterText(channel string, n int, entries func(yield func(*RosterEntry) bool)) []byte {
	size := len(rosterHead) + len(rosterIDs) + len(rosterHash) + len(rosterTail) + len(channel) + 16
	entries(func(e *RosterEntry) bool {
		size += len(e.id) + len(e.hash) + 2
		return true
	})
	out := append(make([]byte, 0, size), rosterHead...)
	out = strconv.AppendInt(out, int64(n), 10)
	out = append(out, rosterIDs...)
	first := true
	entries(func(e *RosterEntry) bool {
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, e.id...)
		return true
	})
	out = append(out, rosterHash...)
	first = true
	entries(func(e *RosterEntry) bool {
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, e.hash...)
		return true
	})
	out = append(out, rosterTail...)
	return append(appendString(out, channel), '}')
}

// EmptyRosterText is what Reverb says as soon as one member has no user_id: nobody is here
// (laravel/reverb InteractsWithPresenceChannels::data).
func EmptyRosterText(channel string) []byte {
	out := append([]byte{}, rosterHead...)
	out = append(out, rosterNone...)
	return append(appendString(out, channel), '}')
}

// JoinedText tells the others of a new member.
func JoinedText(channel string, m *Member) []byte {
	return protocolText("pusher_internal:member_added", m.Data, channel)
}

// LeftText tells the others that a member is gone; id is the raw id of its last socket.
func LeftText(channel string, id []byte) []byte {
	data := append([]byte(`{"user_id":`), id...)
	return protocolText("pusher_internal:member_removed", append(data, '}'), channel)
}

// CacheMissText tells a newcomer that a cache channel holds nothing.
func CacheMissText(channel string) []byte { return protocolText("pusher:cache_miss", nil, channel) }

// CountText tells subscribers how many they are (Pusher docs: Subscription count events).
func CountText(channel string, n int) []byte {
	return protocolText("pusher_internal:subscription_count", []byte(`{"subscription_count":`+itoa(n)+`}`), channel)
}

// SignedInText confirms pusher:signin (Pusher docs: User authentication).
func SignedInText(userData string) []byte {
	data := append([]byte(`{"user_data":`), appendString(nil, userData)...)
	return protocolText("pusher:signin_success", append(data, '}'), "")
}

// WatchlistText tells which watched users went online and offline (Pusher docs: Watchlist events).
func WatchlistText(online, offline []string) []byte {
	data := []byte(`{"events":[`)
	for _, part := range []struct {
		name string
		ids  []string
	}{{"online", online}, {"offline", offline}} {
		if len(part.ids) == 0 {
			continue
		}
		if data[len(data)-1] == '}' {
			data = append(data, ',')
		}
		data = append(data, `{"name":"`+part.name+`","user_ids":[`...)
		for i, id := range part.ids {
			if i > 0 {
				data = append(data, ',')
			}
			data = appendString(data, id)
		}
		data = append(data, "]}"...)
	}
	return protocolText("pusher_internal:watchlist_events", append(data, "]}"...), "")
}

// PingText asks a silent client whether it is there.
var PingText = []byte(`{"event":"pusher:ping"}`)

// PongText answers a client's ping.
func (p *Profile) PongText() []byte {
	if p.PongData {
		return []byte(`{"event":"pusher:pong","data":"{}"}`)
	}
	return []byte(`{"event":"pusher:pong"}`)
}

// ErrorText is the error as a frame. Reverb sends data as a string, Pusher as an object; code 0 is null.
func (p *Profile) ErrorText(e *Error) []byte {
	code := "null"
	if e.Code != 0 {
		code = itoa(e.Code)
	}
	data := append([]byte(`{"code":`+code+`,"message":`), appendString(nil, e.Message)...)
	data = append(data, '}')
	if !p.ErrorAsObject {
		return protocolText("pusher:error", data, "")
	}
	return append(append([]byte(`{"event":"pusher:error","data":`), data...), '}')
}

// SubscriptionErrorText tells a client which subscription was refused and why; it reaches Echo's error().
func SubscriptionErrorText(channel, kind, message string, status int) []byte {
	out := []byte(`{"event":"pusher:subscription_error","channel":`)
	out = appendString(out, channel)
	out = append(out, `,"data":{"type":`...)
	out = appendString(out, kind)
	out = append(out, `,"error":`...)
	out = appendString(out, message)
	out = append(out, `,"status":`+itoa(status)...)
	return append(out, "}}"...)
}

// RelayText is a client event as accept_client_events_from=all passes it on: the frame as it came, data decoded once
// if it was a string that holds JSON (laravel/reverb ClientEvent.php).
func RelayText(m Message) []byte {
	out := []byte{'{'}
	last := map[string][]byte{}
	var keys []string
	members(m.Raw, func(key string, value []byte) {
		if _, twice := last[key]; !twice {
			keys = append(keys, key)
		}
		last[key] = value
	})
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		value := last[key]
		if key == "data" {
			value = trimSpace(m.Data)
		}
		out = append(appendString(out, key), ':')
		out = append(out, PHPJSON(value)...)
	}
	return append(out, '}')
}

// DataText is an event's data as webhooks carry it: a string as it was sent, any other value as JSON text.
func DataText(data []byte) string {
	if len(data) > 1 && data[0] == '"' && IsJSON(data) {
		return unquote(data)
	}
	return string(data)
}
