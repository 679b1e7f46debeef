package echo

import (
	"encoding/binary"

	"echolab/emulator/framing"
)

// maxMessage is the longest message taken, after reassembly. Browsers have no such limit; a server that sends more is
// taken for a broken one.
const maxMessage = 64 << 20

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
	framing.Mask(out[at:], mask)
	return out
}
