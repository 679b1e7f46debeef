package emulator

import (
	"encoding/binary"
	"unicode/utf8"
)

// violation is an end that the peer has brought about: the close code and why, for the peer and for the journal.
type violation struct {
	code   int
	reason string // in the close frame
	why    string
}

func badFrame(what string) *violation {
	return &violation{1002, what, "closed with 1002: not a WebSocket frame: " + what}
}

// inbound turns the bytes of a client into messages (RFC 6455, section 5): frames are unmasked where they lie, and only
// what has not wholly come is kept, so that a quiet connection holds nothing. Messages of more than limit bytes are
// refused as soon as their length is known.
type inbound struct {
	limit   int
	partial []byte // the beginning of a frame
	message []byte // the fragments of a message so far
	op      byte   // of the message whose fragments are coming, 0 for none
}

// tooLong is how the reason of a connection begins that ended because of a message's size.
const tooLong = "a message of more than "

const (
	opContinuation = 0x0
	opBinary       = 0x2
)

// feed takes the next bytes, which it may change, and hands each whole message and control frame to handle, as
// (opcode, payload); the payload is only valid during the call. handle returns false to stop.
func (in *inbound) feed(b []byte, handle func(op byte, payload []byte) bool) *violation {
	if len(in.partial) > 0 {
		in.partial = append(in.partial, b...)
		b = in.partial
	}
	for len(b) > 0 {
		frame, head, bad := in.parse(b)
		if bad != nil {
			in.partial = nil
			return bad
		}
		if frame == nil {
			break
		}
		op, final := b[0]&0x0f, b[0]&0x80 != 0
		payload := frame[head:]
		unmask(payload, frame[head-4:head])
		b = b[len(frame):]
		if op < 8 {
			if op, payload = in.gather(op, final, payload); op == 0 {
				continue
			}
			if op == opText && !utf8.Valid(payload) {
				in.partial = nil
				return &violation{1007, "", "text that is not UTF-8"}
			}
		}
		if !handle(op, payload) {
			in.partial = nil
			return nil
		}
	}
	switch {
	case len(b) == 0:
		in.partial = nil
	case len(in.partial) > 0:
		in.partial = in.partial[:copy(in.partial, b)]
	default:
		in.partial = append([]byte(nil), b...)
	}
	return nil
}

// parse finds the first frame and the length of its header; frame is nil when it has not wholly come.
func (in *inbound) parse(b []byte) (frame []byte, head int, bad *violation) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	op, final := b[0]&0x0f, b[0]&0x80 != 0
	length, head := uint64(b[1]&0x7f), 2
	switch {
	case b[0]&0x70 != 0:
		return nil, 0, badFrame("reserved bits are set")
	case op > opBinary && op < opClose || op > opPong:
		return nil, 0, badFrame("unknown opcode")
	case op >= opClose && !final:
		return nil, 0, badFrame("a fragmented control frame")
	case op >= opClose && length > 125:
		return nil, 0, badFrame("a control frame of more than 125 bytes")
	case b[1]&0x80 == 0:
		return nil, 0, badFrame("it is not masked")
	case op == opContinuation && in.op == 0:
		return nil, 0, badFrame("a continuation of nothing")
	case (op == opText || op == opBinary) && in.op != 0:
		return nil, 0, badFrame("a new message within another")
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
	if op < opClose && length > uint64(in.limit-len(in.message)) {
		return nil, 0, &violation{1009, "Maximum message size exceeded", tooLong + itoa(in.limit) + " bytes"}
	}
	head += 4
	if uint64(len(b)) < uint64(head)+length {
		return nil, 0, nil
	}
	return b[:head+int(length)], head, nil
}

// gather puts fragments together; op is 0 until the last one has come.
func (in *inbound) gather(op byte, final bool, payload []byte) (byte, []byte) {
	if op != opContinuation && final {
		return op, payload
	}
	if op != opContinuation {
		in.op = op
	}
	in.message = append(in.message, payload...)
	if !final {
		return 0, nil
	}
	op, payload = in.op, in.message
	in.op, in.message = 0, nil
	return op, payload
}

// unmask applies the four bytes of a mask.
func unmask(payload, mask []byte) {
	word := binary.LittleEndian.Uint32(mask)
	if word == 0 {
		return
	}
	wide := uint64(word) | uint64(word)<<32
	for len(payload) >= 8 {
		binary.LittleEndian.PutUint64(payload, binary.LittleEndian.Uint64(payload)^wide)
		payload = payload[8:]
	}
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
}

// closing reads the payload of a close frame. A code that may not be sent, a single byte or a reason that is not UTF-8
// is a violation.
func closing(payload []byte) (code int, reason string, bad *violation) {
	switch {
	case len(payload) == 0:
		return 1005, "", nil
	case len(payload) == 1:
		return 0, "", badFrame("a close frame of one byte")
	}
	code = int(binary.BigEndian.Uint16(payload))
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	default:
		return 0, "", badFrame("a close code that may not be sent")
	}
	if !utf8.Valid(payload[2:]) {
		return 0, "", &violation{1007, "", "a close reason that is not UTF-8"}
	}
	return code, string(payload[2:]), nil
}
