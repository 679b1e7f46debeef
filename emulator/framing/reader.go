package framing

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Opcodes (section 5.2).
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xa
)

// Violation is a peer that does not keep to RFC 6455, or sends too much: the close code and what it did.
type Violation struct {
	Code   int
	Reason string
}

// Reader turns the bytes of a peer into messages. Whole frames are unmasked and handed out where they lie; only what has
// not wholly come is kept, so that a quiet connection holds nothing. A message of more than Limit bytes is refused as soon
// as its length is known.
type Reader struct {
	Limit      int
	Masked     bool // the peer is a client, which masks; a server does not
	Compressed bool // compressed messages are agreed upon (RFC 7692)

	op       byte   // of the message whose fragments are coming, 0 for none
	squeezed bool   // that message is compressed
	Partial  []byte // the beginning of a frame; until the first, a handshake's beginning may wait here
	message  []byte // the fragments of a message so far
}

// Feed takes the next bytes, which it changes where they are masked, and hands each whole message and control frame to
// handle; the payload is only valid during the call. handle returns false to stop.
func (in *Reader) Feed(b []byte, handle func(op byte, compressed bool, payload []byte) bool) *Violation {
	if len(in.Partial) > 0 {
		in.Partial = append(in.Partial, b...)
		b = in.Partial
	}
	for len(b) > 0 {
		frame, head, bad := in.parse(b)
		if bad != nil {
			in.Partial = nil
			return bad
		}
		if frame == nil {
			break
		}
		op, final, compressed := b[0]&0x0f, b[0]&0x80 != 0, b[0]&0x40 != 0
		payload := frame[head:]
		if in.Masked {
			Mask(payload, binary.LittleEndian.Uint32(frame[head-4:]))
		}
		b = b[len(frame):]
		if op < Close {
			if op, compressed, payload = in.gather(op, final, compressed, payload); op == 0 {
				continue
			}
			if op == Text && !compressed && !utf8.Valid(payload) {
				in.Partial = nil
				return &Violation{1007, "text that is not UTF-8"}
			}
		}
		if !handle(op, compressed, payload) {
			in.Partial = nil
			return nil
		}
	}
	switch {
	case len(b) == 0:
		in.Partial = nil
	case len(in.Partial) > 0:
		in.Partial = in.Partial[:copy(in.Partial, b)]
	default:
		in.Partial = append([]byte(nil), b...)
	}
	return nil
}

// parse finds the first frame and the length of its header, with the mask; frame is nil when it has not wholly come.
func (in *Reader) parse(b []byte) (frame []byte, head int, bad *Violation) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	op, final, masked := b[0]&0x0f, b[0]&0x80 != 0, b[1]&0x80 != 0
	length, head := uint64(b[1]&0x7f), 2
	switch {
	case b[0]&0x30 != 0, b[0]&0x40 != 0 && (!in.Compressed || op == Continuation || op >= Close):
		return nil, 0, &Violation{1002, "reserved bits are set"}
	case op > Binary && op < Close || op > Pong:
		return nil, 0, &Violation{1002, "unknown opcode"}
	case op >= Close && !final:
		return nil, 0, &Violation{1002, "a fragmented control frame"}
	case op >= Close && length > 125:
		return nil, 0, &Violation{1002, "a control frame of more than 125 bytes"}
	case in.Masked && !masked:
		return nil, 0, &Violation{1002, "it is not masked"}
	case !in.Masked && masked:
		return nil, 0, &Violation{1002, "a masked frame from a server"}
	case op == Continuation && in.op == 0:
		return nil, 0, &Violation{1002, "a continuation of nothing"}
	case (op == Text || op == Binary) && in.op != 0:
		return nil, 0, &Violation{1002, "a new message within another"}
	}
	switch length {
	case 126:
		if head = 4; len(b) < head {
			return nil, 0, nil
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return nil, 0, nil
		}
		length = binary.BigEndian.Uint64(b[2:])
	}
	if op < Close && length > uint64(in.Limit-len(in.message)) {
		return nil, 0, &Violation{1009, fmt.Sprintf("a message of more than %d bytes", in.Limit)}
	}
	if masked {
		head += 4
	}
	if uint64(len(b)) < uint64(head)+length {
		return nil, 0, nil
	}
	return b[:head+int(length)], head, nil
}

// gather puts fragments together; op is 0 until the last one has come.
func (in *Reader) gather(op byte, final, compressed bool, payload []byte) (byte, bool, []byte) {
	if op != Continuation && final {
		return op, compressed, payload
	}
	if op != Continuation {
		in.op, in.squeezed = op, compressed
	}
	in.message = append(in.message, payload...)
	if !final {
		return 0, false, nil
	}
	op, compressed, payload = in.op, in.squeezed, in.message
	in.op, in.squeezed, in.message = 0, false, nil
	return op, compressed, payload
}

// Mask applies the mask of a frame, whose four bytes are key's from the lowest on. Applied again it takes the mask off.
func Mask(payload []byte, key uint32) {
	if key == 0 {
		return
	}
	wide := uint64(key) | uint64(key)<<32
	for len(payload) >= 8 {
		binary.LittleEndian.PutUint64(payload, binary.LittleEndian.Uint64(payload)^wide)
		payload = payload[8:]
	}
	for i := range payload {
		payload[i] ^= byte(key >> (8 * (i & 3)))
	}
}

// ReadClose reads the payload of a close frame: 1005 where it has no code. A code that may not be sent, a single byte or a
// reason that is not UTF-8 is a violation.
func ReadClose(payload []byte) (code int, reason string, bad *Violation) {
	switch {
	case len(payload) == 0:
		return 1005, "", nil
	case len(payload) == 1:
		return 0, "", &Violation{1002, "a close frame of one byte"}
	}
	code = int(binary.BigEndian.Uint16(payload))
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	default:
		return 0, "", &Violation{1002, "a close code that may not be sent"}
	}
	if !utf8.Valid(payload[2:]) {
		return 0, "", &Violation{1007, "a close reason that is not UTF-8"}
	}
	return code, string(payload[2:]), nil
}
