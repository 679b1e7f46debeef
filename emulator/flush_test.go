//go:build unix

package emulator

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
)

// TestFlushNow_WorksAfterAQuietTime: the deadline of an earlier write must not keep a broadcast from writing at once.
func TestFlushNow_WorksAfterAQuietTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	nc, err := l.Accept()
	require.NoError(t, err)
	defer func() { _ = nc.Close() }()

	srv := &Server{cfg: Config{WriteTimeout: 10 * time.Millisecond, QueueBytes: 1 << 20}, log: slog.New(slog.DiscardHandler), profile: pusher.Reverb}
	c := &conn{hub: &hub{srv: srv}, nc: nc, raw: rawOf(nc)}
	_, idle := c.queueUp(textFrame([]byte("one")))
	require.True(t, idle)
	c.flush()
	<-time.After(30 * time.Millisecond) // until the deadline of that write has passed
	_, idle = c.queueUp(textFrame([]byte("two")))
	require.True(t, idle)
	assert.True(t, c.flushNow())
	got := make([]byte, 10)
	_, err = io.ReadFull(client, got)
	require.NoError(t, err)
	assert.Equal(t, "\x81\x03one\x81\x03two", string(got))
}
