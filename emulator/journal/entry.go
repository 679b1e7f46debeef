package journal

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Source says which door an entry came through.
type Source uint8

const (
	Server Source = iota // Echolab itself: connections, sweeps, notifications of the emulated application
	HTTP                 // the signed HTTP API
	Client               // a WebSocket client
	Replay               // playback of a recording
)

var sources = [...]string{"server", "http", "client", "replay"}

// String is the source's stable name: server, http, client or replay.
func (s Source) String() string {
	if int(s) < len(sources) {
		return sources[s]
	}
	return "server"
}

// MarshalText writes the name.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name; an unknown one is Server.
func (s *Source) UnmarshalText(b []byte) error {
	*s = Server
	for i, name := range sources {
		if name == string(b) {
			*s = Source(i)
		}
	}
	return nil
}

// Entry is one thing that happened. It is a value: copied into the ring and out again, never changed afterwards.
// Data is shared between all that hold the entry and must not be modified.
type Entry struct {
	Seq     uint64    // 1, 2, 3 …, set by Append, continued over restarts
	At      time.Time // set by Append when zero; never decreasing within a journal
	Kind    Kind
	Source  Source
	App     string          // app id
	Socket  string          // socket id of whoever caused it, if any
	Channel string          // wire name
	Event   string          // event name; for Refused what was asked
	User    string          // user id, as a string
	Data    json.RawMessage // payload as received (an event's data string is kept decoded to its text), or member info
	Count   int             // recipients, subscribers or members, see Kind
	Bytes   int             // size of the payload on the wire
	Note    string          // reason, in words
}

// Delivered tells whether at least one subscriber's queue accepted the event.
func (e *Entry) Delivered() bool {
	return (e.Kind == Published || e.Kind == Whispered) && e.Count > 0
}

// size is what an entry costs to keep, in bytes.
func (e *Entry) size() int64 {
	return 192 + int64(len(e.Data)+len(e.Note)+len(e.Channel)+len(e.Event)+len(e.User)+len(e.Socket))
}

// ID is the entry's identity outside this process: a UUID (version 7: ordered by time, then by Seq) that is the same
// whenever it is computed from the same entry. Unique within a store, because Seq is.
func (e *Entry) ID() string {
	var b [16]byte
	us := uint64(e.At.UnixMicro())
	ms, frac := us/1000, us%1000
	b[0], b[1], b[2], b[3], b[4], b[5] = byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms)
	binary.BigEndian.PutUint16(b[6:], 0x7000|uint16(frac))
	binary.BigEndian.PutUint64(b[8:], 0x8000000000000000|e.Seq&0x3fffffffffffffff)
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:], b[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// SeqOf is the number of the entry that is named by its number or by its ID; false when the text is neither.
func SeqOf(name string) (seq uint64, ok bool) {
	if len(name) == 36 {
		b, err := hex.DecodeString(strings.ReplaceAll(name, "-", ""))
		if err != nil || len(b) != 16 || b[6]>>4 != 7 {
			return 0, false
		}
		seq = binary.BigEndian.Uint64(b[8:]) & 0x3fffffffffffffff
		return seq, seq > 0
	}
	seq, err := strconv.ParseUint(name, 10, 63)
	return seq, err == nil && seq > 0
}
