package emulator

import (
	"encoding/binary"

	"echolab/emulator/framing"
)

// frame is one unmasked WebSocket frame, header and payload, built once and shared by every queue that it is in.
// It is never modified.
type frame []byte

func newFrame(op byte, payload []byte) frame {
	var head [10]byte
	head[0] = 0x80 | op
	n := 2
	switch {
	case len(payload) < 126:
		head[1] = byte(len(payload))
	case len(payload) < 1<<16:
		head[1] = 126
		binary.BigEndian.PutUint16(head[2:], uint16(len(payload)))
		n = 4
	default:
		head[1] = 127
		binary.BigEndian.PutUint64(head[2:], uint64(len(payload)))
		n = 10
	}
	f := make(frame, 0, n+len(payload))
	f = append(f, head[:n]...)
	return append(f, payload...)
}

// payload is the frame without its header.
func (f frame) payload() []byte {
	switch f[1] {
	case 126:
		return f[4:]
	case 127:
		return f[10:]
	}
	return f[2:]
}

func textFrame(payload []byte) frame { return newFrame(framing.Text, payload) }

// closeFrame carries a code and a reason of at most 123 bytes; code 1005 (nothing given) is an empty frame.
func closeFrame(code int, reason string) frame {
	if code == 1005 {
		return newFrame(framing.Close, nil)
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	return newFrame(framing.Close, append(payload, reason[:min(len(reason), 123)]...))
}

// closeOf is what a client that breaks WebSocket's rules is told, and why, for the journal.
func closeOf(bad *framing.Violation) (f frame, why string) {
	switch bad.Code {
	case 1002:
		return closeFrame(1002, bad.Reason), "closed with 1002: not a WebSocket frame: " + bad.Reason
	case 1009:
		return closeFrame(1009, "Maximum message size exceeded"), bad.Reason
	}
	return closeFrame(bad.Code, ""), bad.Reason
}
