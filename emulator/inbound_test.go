package emulator

import (
	"bytes"
	"encoding/binary"
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
func feedAll(in *inbound, b []byte, size int) (all []heard, bad *violation) {
	for len(b) > 0 && bad == nil {
		n := min(size, len(b))
		bad = in.feed(bytes.Clone(b[:n]), func(op byte, payload []byte) bool {
			all = append(all, heard{op, string(payload)})
			return true
		})
		b = b[n:]
	}
	return all, bad
}

func TestInbound_PutsFramesTogetherHoweverTheyCome(t *testing.T) {
	long := strings.Repeat("long ", 100)
	stream := bytes.Join([][]byte{
		masked(0x81, "one"), masked(0x01, "fr"), masked(0x89, "ping"), masked(0x00, "ag"), masked(0x80, "ments"),
		masked(0x81, ""), masked(0x82, long), masked(0x88, "\x03\xe8"),
	}, nil)
	want := []heard{{opText, "one"}, {opPing, "ping"}, {opText, "fragments"}, {opText, ""}, {opBinary, long}, {opClose, "\x03\xe8"}}
	for _, size := range []int{1, 2, 3, 7, 64, len(stream)} {
		in := inbound{limit: 1000}
		got, bad := feedAll(&in, stream, size)
		require.Nil(t, bad, "pieces of %d", size)
		assert.Equal(t, want, got, "pieces of %d", size)
		assert.Nil(t, in.partial, "a quiet connection holds nothing")
		assert.Nil(t, in.message)
	}
}

func TestInbound_RefusesWhatIsTooBigAsSoonAsItIsAnnounced(t *testing.T) {
	exact := inbound{limit: 10}
	got, bad := feedAll(&exact, masked(0x81, "0123456789"), 100)
	require.Nil(t, bad)
	assert.Len(t, got, 1)

	over := inbound{limit: 10}
	_, bad = feedAll(&over, masked(0x81, "0123456789x")[:2], 100)
	require.NotNil(t, bad, "the length alone is enough")
	assert.Equal(t, 1009, bad.code)

	fragments := inbound{limit: 10}
	_, bad = feedAll(&fragments, append(masked(0x01, "012345"), masked(0x80, "6789x")...), 100)
	require.NotNil(t, bad)
	assert.Equal(t, 1009, bad.code)
}

// FuzzInbound: arbitrary bytes never panic, never hold more than a message and a frame, and mean the same in any pieces.
func FuzzInbound(f *testing.F) {
	f.Add(masked(0x81, `{"event":"pusher:ping","data":{}}`), 3)
	f.Add(append(masked(0x01, "a"), masked(0x80, "b")...), 1)
	f.Add([]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 5)
	f.Add(masked(0x88, "\x03\xe8bye"), 2)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		whole, pieces := inbound{limit: 200}, inbound{limit: 200}
		want, badWhole := feedAll(&whole, b, len(b)+1)
		got, badPieces := feedAll(&pieces, b, max(1, size%64))
		assert.Equal(t, want, got)
		assert.Equal(t, badWhole, badPieces)
		assert.LessOrEqual(t, len(pieces.partial), 200+14)
		assert.LessOrEqual(t, len(pieces.message), 200)
		for _, h := range got {
			if h.op == opClose {
				_, _, _ = closing([]byte(h.payload))
			}
		}
	})
}
