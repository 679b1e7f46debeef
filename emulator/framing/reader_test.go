package framing

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// masked is a client's frame.
func masked(first byte, payload string) []byte {
	f := []byte{first}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	mask := []byte{1, 2, 3, 4}
	f = append(f, mask...)
	for i := range len(payload) {
		f = append(f, payload[i]^mask[i&3])
	}
	return f
}

type heard struct {
	op      byte
	payload string
}

// feedAll feeds b in pieces of at most size bytes.
func feedAll(in *Reader, b []byte, size int) (all []heard, bad *Violation) {
	for len(b) > 0 && bad == nil {
		n := min(size, len(b))
		bad = in.Feed(bytes.Clone(b[:n]), func(op byte, _ bool, payload []byte) bool {
			all = append(all, heard{op, string(payload)})
			return true
		})
		b = b[n:]
	}
	return all, bad
}

func TestReader_PutsFramesTogetherHoweverTheyCome(t *testing.T) {
	long := strings.Repeat("long ", 100)
	stream := bytes.Join([][]byte{
		masked(0x81, "one"), masked(0x01, "fr"), masked(0x89, "ping"), masked(0x00, "ag"), masked(0x80, "ments"),
		masked(0x81, ""), masked(0x82, long), masked(0x88, "\x03\xe8"),
	}, nil)
	want := []heard{{Text, "one"}, {Ping, "ping"}, {Text, "fragments"}, {Text, ""}, {Binary, long}, {Close, "\x03\xe8"}}
	for _, size := range []int{1, 2, 3, 7, 64, len(stream)} {
		in := Reader{Limit: 1000, Masked: true}
		got, bad := feedAll(&in, stream, size)
		require.Nil(t, bad, "pieces of %d", size)
		assert.Equal(t, want, got, "pieces of %d", size)
		assert.Nil(t, in.Partial, "a quiet connection holds nothing")
		assert.Nil(t, in.message)
	}
}

func TestReader_RefusesWhatIsTooBigAsSoonAsItIsAnnounced(t *testing.T) {
	exact := Reader{Limit: 10, Masked: true}
	got, bad := feedAll(&exact, masked(0x81, "0123456789"), 100)
	require.Nil(t, bad)
	assert.Len(t, got, 1)

	over := Reader{Limit: 10, Masked: true}
	_, bad = feedAll(&over, masked(0x81, "0123456789x")[:2], 100)
	require.NotNil(t, bad, "the length alone is enough")
	assert.Equal(t, 1009, bad.Code)

	fragments := Reader{Limit: 10, Masked: true}
	_, bad = feedAll(&fragments, append(masked(0x01, "012345"), masked(0x80, "6789x")...), 100)
	require.NotNil(t, bad)
	assert.Equal(t, 1009, bad.Code)
}

// FuzzReader_OfAClient: arbitrary bytes never panic, never hold more than a message and a frame, and mean the same in any pieces.
func FuzzReader_OfAClient(f *testing.F) {
	f.Add(masked(0x81, `{"event":"pusher:ping","data":{}}`), 3)
	f.Add(append(masked(0x01, "a"), masked(0x80, "b")...), 1)
	f.Add([]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 5)
	f.Add(masked(0x88, "\x03\xe8bye"), 2)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		whole, pieces := Reader{Limit: 200, Masked: true}, Reader{Limit: 200, Masked: true}
		want, badWhole := feedAll(&whole, b, len(b)+1)
		got, badPieces := feedAll(&pieces, b, max(1, size%64))
		assert.Equal(t, want, got)
		assert.Equal(t, badWhole, badPieces)
		assert.LessOrEqual(t, len(pieces.Partial), 200+14)
		assert.LessOrEqual(t, len(pieces.message), 200)
		for _, h := range got {
			if h.op == Close {
				_, _, _ = ReadClose([]byte(h.payload))
			}
		}
	})
}

// serverFrame is one frame without a mask.
func serverFrame(op byte, final bool, payload []byte) []byte {
	b := []byte{op}
	if final {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	default:
		b = append(b, 126, byte(n>>8), byte(n))
	}
	return append(b, payload...)
}

func FuzzReader_OfAServer(f *testing.F) {
	whole := append(serverFrame(Text, false, []byte("Hel")), serverFrame(Ping, true, []byte("p"))...)
	whole = append(whole, serverFrame(Continuation, true, []byte("lo"))...)
	f.Add(whole, uint8(1))
	f.Add(serverFrame(Text, true, bytes.Repeat([]byte("x"), 300)), uint8(7))
	f.Add(serverFrame(Close, true, []byte{0x03, 0xe8, 'b'}), uint8(2))
	f.Add([]byte{0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		read := func(chunk int) (got []string, bad *Violation) {
			in := Reader{Limit: 64 << 20}
			for rest := b; len(rest) > 0 && bad == nil; {
				n := min(chunk, len(rest))
				bad = in.Feed(bytes.Clone(rest[:n]), func(op byte, _ bool, payload []byte) bool {
					got = append(got, fmt.Sprintf("%d %q", op, payload))
					if op == Close {
						_, _, _ = ReadClose(payload)
					}
					return true
				})
				rest = rest[n:]
			}
			return got, bad
		}
		once, badOnce := read(len(b) + 1)
		parts, badParts := read(int(step) + 1)
		require.Equal(t, once, parts)
		require.Equal(t, badOnce, badParts)
	})
}

func TestReader_RefusesWhatServersMayNotSend(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked":               {0x81, 0x80, 1, 2, 3, 4},
		"reserved bit":         {0xa1, 0},
		"compressed, unasked":  {0xc1, 0},
		"unknown opcode":       {0x83, 0},
		"fragmented ping":      {0x09, 0},
		"long ping":            {0x89, 126, 0, 126},
		"stray continuation":   {0x80, 0},
		"message in a message": {0x01, 0, 0x81, 0},
		"endless message":      {0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0},
		"no UTF-8":             {0x81, 1, 0xff},
	} {
		in := Reader{Limit: 64 << 20}
		assert.NotNil(t, in.Feed(b, func(byte, bool, []byte) bool { return true }), name)
	}
}
