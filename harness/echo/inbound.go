package echo

import (
	"encoding/binary"
	"unicode/utf8"
)

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// maxMessage is the longest message taken, after reassembly. Browsers have no such limit; a server that sends more is
// taken for a broken one.
const maxMessage = 64 << 20

// violation is a peer that does not keep to RFC 6455: the close code and why.
type violation struct {
	code   int
	reason string
}

// inbound turns the bytes of a server into messages (RFC 6455, section 5). Whole frames are handed out where they lie;
// only the beginning of one is kept, so that a quiet connection holds nothing.
type inbound struct {
	rsv1     bool   // compressed messages are agreed upon
	op       byte   // of the message whose fragments are coming, 0 for none
	squeezed bool   // that message is compressed
	partial  []byte // the beginning of a frame
	message  []byte // the fragments of a message so far
}

// feed takes the next bytes and hands each whole message and control frame to handle; the payload is only valid during
// the call. handle returns false to stop.
func (in *inbound) feed(b []byte, handle func(op byte, compressed bool, payload []byte) bool) *violation {
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
		op, final, compressed := b[0]&0x0f, b[0]&0x80 != 0, b[0]&0x40 != 0
		payload := frame[head:]
		b = b[len(frame):]
		if op < 8 {
			if op, compressed, payload = in.gather(op, final, compressed, payload); op == 0 {
				continue
			}
			if op == opText && !compressed && !utf8.Valid(payload) {
				in.partial = nil
				return &violation{1007, "text that is not UTF-8"}
			}
		}
		if !handle(op, compressed, payload) {
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
	case b[0]&0x30 != 0, b[0]&0x40 != 0 && (!in.rsv1 || op == opContinuation || op >= opClose):
		return nil, 0, &violation{1002, "reserved bits are set"}
	case op > opBinary && op < opClose || op > opPong:
		return nil, 0, &violation{1002, "unknown opcode"}
	case op >= opClose && !final:
		return nil, 0, &violation{1002, "a fragmented control frame"}
	case op >= opClose && length > 125:
		return nil, 0, &violation{1002, "a control frame of more than 125 bytes"}
	case b[1]&0x80 != 0:
		return nil, 0, &violation{1002, "a masked frame from a server"}
	case op == opContinuation && in.op == 0:
		return nil, 0, &violation{1002, "a continuation of nothing"}
	case (op == opText || op == opBinary) && in.op != 0:
		return nil, 0, &violation{1002, "a new message within another"}
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
	if op < opClose && length > uint64(maxMessage-len(in.message)) {
		return nil, 0, &violation{1009, "a message of more than 64 MiB"}
	}
	if uint64(len(b)) < uint64(head)+length {
		return nil, 0, nil
	}
	return b[:head+int(length)], head, nil
}

// gather puts fragments together; op is 0 until the last one has come.
func (in *inbound) gather(op byte, final, compressed bool, payload []byte) (byte, bool, []byte) {
	if op != opContinuation && final {
		return op, compressed, payload
	}
	if op != opContinuation {
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

// readClose reads the payload of a close frame: 1005 where it has no code.
func readClose(payload []byte) (code int, reason string, bad *violation) {
	switch {
	case len(payload) == 0:
		return 1005, "", nil
	case len(payload) == 1:
		return 0, "", &violation{1002, "a close frame of one byte"}
	}
	code = int(binary.BigEndian.Uint16(payload))
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	default:
		return 0, "", &violation{1002, "a close code that may not be sent"}
	}
	if !utf8.Valid(payload[2:]) {
		return 0, "", &violation{1007, "a close reason that is not UTF-8"}
	}
	return code, string(payload[2:]), nil
}

// appendFrame adds one whole frame, masked, as clients send them.
func appendFrame(out []byte, op byte, payload []byte, mask uint32) []byte {
	return appendFrameFlags(out, 0x80|op, payload, mask)
}

func appendFrameFlags(out []byte, first byte, payload []byte, mask uint32) []byte {
	switch n := len(payload); {
	case n < 126:
		out = append(out, first, 0x80|byte(n))
	case n < 1<<16:
		out = append(out, first, 0x80|126, byte(n>>8), byte(n))
	default:
		out = append(out, first, 0x80|127)
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	out = binary.LittleEndian.AppendUint32(out, mask)
	at := len(out)
	out = append(out, payload...)
	body := out[at:]
	wide := uint64(mask) | uint64(mask)<<32
	for len(body) >= 8 {
		binary.LittleEndian.PutUint64(body, binary.LittleEndian.Uint64(body)^wide)
		body = body[8:]
	}
	for i := range body {
		body[i] ^= byte(mask >> (8 * (i & 3)))
	}
	return out
}
