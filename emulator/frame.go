package emulator

import "encoding/binary"

// WebSocket opcodes (RFC 6455, section 5.2).
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xa
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

func textFrame(payload []byte) frame { return newFrame(opText, payload) }

// closeFrame carries a code and a reason of at most 123 bytes; code 1005 (nothing given) is an empty frame.
func closeFrame(code int, reason string) frame {
	if code == 1005 {
		return newFrame(opClose, nil)
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	return newFrame(opClose, append(payload, reason[:min(len(reason), 123)]...))
}
