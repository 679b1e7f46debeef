package harness

import (
	"bytes"
	"strconv"
	"time"
)

// The mark is the member that a run puts last into the payloads it publishes, so that a delivery can be told apart from
// every other: "echolab":"{run}.{n}.{due}", the run's id, the publication's number and when it was due in µs since the
// run began. It is one string, so that an application which decodes and encodes the payload keeps it.
var markName = []byte("echolab")

// mark is what a payload says about itself; run is a slice of the payload.
type mark struct {
	run []byte
	n   uint64
	due time.Duration
}

// withMark adds the mark to a JSON object; ok is false for any other payload, which is left alone.
func withMark(payload []byte, run string, n uint64, due time.Duration) (marked []byte, ok bool) {
	payload = bytes.TrimSpace(payload)
	if len(payload) < 2 || payload[0] != '{' || payload[len(payload)-1] != '}' {
		return payload, false
	}
	inner := bytes.TrimSpace(payload[1 : len(payload)-1])
	marked = make([]byte, 0, len(payload)+len(run)+48)
	marked = append(marked, '{')
	marked = append(marked, inner...)
	if len(inner) > 0 {
		marked = append(marked, ',')
	}
	marked = append(marked, `"echolab":"`...)
	marked = append(marked, run...)
	marked = append(marked, '.')
	marked = strconv.AppendUint(marked, n, 10)
	marked = append(marked, '.')
	marked = strconv.AppendInt(marked, due.Microseconds(), 10)
	return append(marked, `"}`...), true
}

// findMark looks for the mark in a payload, or in the frame around it: escaped once more or not. It allocates nothing.
// The name may stand behind the mark too: of the channel, or of the user, in a frame that has them after the data.
func findMark(data []byte) (m mark, ok bool) {
	for end := len(data); ; {
		i := bytes.LastIndex(data[:end], markName)
		if i < 0 {
			return mark{}, false
		}
		if m, ok = markAt(data[i+len(markName):]); ok {
			return m, true
		}
		end = i
	}
}

// markAt reads the mark whose name ends just before.
func markAt(rest []byte) (m mark, ok bool) {
	for len(rest) > 0 && (rest[0] == '\\' || rest[0] == '"' || rest[0] == ':' || rest[0] == ' ') {
		rest = rest[1:]
	}
	dot := bytes.IndexByte(rest, '.')
	if dot <= 0 || dot > 64 {
		return mark{}, false
	}
	m.run, rest = rest[:dot], rest[dot+1:]
	var due uint64
	if m.n, rest, ok = digits(rest); !ok || len(rest) == 0 || rest[0] != '.' {
		return mark{}, false
	}
	if due, _, ok = digits(rest[1:]); !ok {
		return mark{}, false
	}
	m.due = time.Duration(due) * time.Microsecond
	return m, true
}

// digits reads a number of at most 18 digits.
func digits(b []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && i < 18 && b[i] >= '0' && b[i] <= '9'; i++ {
		n = n*10 + uint64(b[i]-'0')
	}
	return n, b[i:], i > 0
}
