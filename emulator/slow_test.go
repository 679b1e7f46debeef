package emulator_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// deaf is a subscriber of portal that never reads again. Its receive buffer is small, so that little hides in the kernel.
func (s *server) deaf() net.Conn {
	s.t.Helper()
	nc := rawSocket(s.t, s, "portal")
	s.t.Cleanup(func() { _ = nc.Close() })
	require.NoError(s.t, nc.(*net.TCPConn).SetReadBuffer(4096))
	return nc
}

func TestSlowConsumer_IsClosedAndNobodyWaitsForIt(t *testing.T) {
	s := start(t, emulator.Config{MaxRequestSize: 256 << 20, QueueBytes: 256 << 10, WriteTimeout: 2 * time.Second})
	tail := s.watch()
	closed := make(chan journal.Entry, 5)
	go func() { // at once: events this large push each other out of the journal
		for range 5 {
			closed <- entry(t, tail, journal.Closed)
		}
	}()
	quick := s.connect()
	quick.join("portal", "")
	deaf := make([]net.Conn, 5)
	for i := range deaf {
		deaf[i] = s.deaf()
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	// 40 MB to five that do not read: Reverb keeps 180 MB of it.
	const events, size = 640, 64 << 10
	data := strings.Repeat("x", size)
	var slowest time.Duration
	for range events {
		began := time.Now()
		_, err := s.srv.Publish(t.Context(), s.app.ID, pusher.Publication{Event: "Big", Channels: []string{"portal"}, Data: data}, journal.HTTP)
		require.NoError(t, err)
		slowest = max(slowest, time.Since(began))
		require.Equal(t, "Big", quick.next().Event)
	}
	assert.Less(t, slowest, time.Second, "a publisher waited for a reader")
	for range deaf {
		e := <-closed
		assert.True(t, strings.HasPrefix(e.Note, "slow"), e.Note)
		assert.Greater(t, e.Count, 64<<10, "bytes that were waiting")
		assert.LessOrEqual(t, e.Count, 256<<10+2*size)
	}
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.Less(t, int64(after.HeapInuse)-int64(before.HeapInuse), int64(24<<20), "what waits is bounded; the journal keeps 16 MB at most")
	assert.Empty(t, quick.frames())
	s.state(func(st emulator.State) bool { return st.Connections == 1 && len(st.Channels) == 1 })
}

// TestSlowConsumer_ReadsOnToTheClose: one that wakes up in time gets what was being written, and then the reason.
func TestSlowConsumer_ReadsOnToTheClose(t *testing.T) {
	s := start(t, emulator.Config{MaxRequestSize: 256 << 20, QueueBytes: 64 << 10})
	tail := s.watch()
	c := s.connect()
	c.join("portal", "")
	data := strings.Repeat("x", 32<<10)
	for range 1000 {
		if s.srv.Snapshot(s.app.ID).Connections == 0 {
			break
		}
		_, err := s.srv.Publish(t.Context(), s.app.ID, pusher.Publication{Event: "Big", Channels: []string{"portal"}, Data: data}, journal.HTTP)
		require.NoError(t, err)
	}
	assert.True(t, strings.HasPrefix(entry(t, tail, journal.Closed).Note, "slow"))
	assert.Equal(t, 4100, c.closeCode(), "pusher-js comes back after a second")
}

// TestSlowConsumer_AWriteHasItsTime: little waits, far below the bound, but it does not get through.
func TestSlowConsumer_AWriteHasItsTime(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Config{MaxRequestSize: 256 << 20, QueueBytes: 64 << 20, WriteTimeout: 300 * time.Millisecond})
	tail := s.watch()
	s.deaf()
	_, err := s.srv.Publish(t.Context(), s.app.ID, pusher.Publication{Event: "Big", Channels: []string{"portal"}, Data: strings.Repeat("x", 16<<20)}, journal.HTTP)
	require.NoError(t, err)
	e := entry(t, tail, journal.Closed)
	assert.True(t, strings.HasPrefix(e.Note, "slow"), e.Note)
	assert.Greater(t, e.Count, 1<<20, "it is told what was waiting: all that the kernel did not take")
	assert.LessOrEqual(t, e.Count, 16<<20+1<<10)
	s.state(empty)
}

// pipes is a listener without a kernel in between: what is written waits until it is read.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// TestSlowConsumer_AFloodOfPingsIsBounded: a pong is two bytes, but it costs memory while it waits.
func TestSlowConsumer_AFloodOfPingsIsBounded(t *testing.T) {
	s := start(t, emulator.Config{QueueBytes: 64 << 10, WriteTimeout: time.Minute})
	tail := s.watch()
	l := pipes{make(chan net.Conn), make(chan struct{})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.srv.Serve(l)
	}()
	t.Cleanup(func() { _ = l.Close(); <-served })
	nc := l.dial()
	_, err := nc.Write([]byte(upgradeRequest(s.app.Key)))
	require.NoError(t, err)
	readUntil(t, nc, "activity_timeout")
	pings := 0
	for ; err == nil && pings < 10_000; pings += 100 { // 10 000 pongs are 20 kB, and 320 kB more of memory
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		_, err = nc.Write([]byte(strings.Repeat("\x89\x80\x00\x00\x00\x00", 100)))
	}
	assert.Error(t, err, "it was read on and on")
	_ = nc.Close()
	e := entry(t, tail, journal.Closed)
	assert.True(t, strings.HasPrefix(e.Note, "slow"), e.Note)
}

// TestSlowConsumer_HTTP: one that asks and asks and does not take the answers holds only its own connection.
func TestSlowConsumer_HTTP(t *testing.T) {
	s := start(t, emulator.Config{})
	nc, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.(*net.TCPConn).SetReadBuffer(4096))
	request := []byte(strings.Repeat("GET /up HTTP/1.1\r\nHost: x\r\n\r\n", 1000))
	_ = nc.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	for err == nil { // until the server no longer reads, because it cannot write
		_, err = nc.Write(request)
	}
	c := s.connect()
	c.join("portal", "")
	s.publish("portal", "Tick", "1")
	assert.Equal(t, []string{"Tick portal"}, events(c.frames()))
}

// TestSlowConsumer_ARosterLargerThanTheBoundIsNoLag: what the server itself sends at once does not make its reader slow.
func TestSlowConsumer_ARosterLargerThanTheBoundIsNoLag(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Config{QueueBytes: 64 << 10})
	info := strings.Repeat("x", 9000)
	for i := range 20 {
		s.connect().join("presence-room", fmt.Sprintf(`{"user_id":"%d","user_info":{"pad":"%s"}}`, i, info))
	}
	c := s.connect()
	for range 20 {
		c.subscribe("presence-room", `{"user_id":"me","user_info":{}}`)
		for range 5 {
			c.send(askPing)
		}
		c.until("pusher_internal:subscription_succeeded")
		for range 5 {
			c.until("pusher:pong")
		}
	}
}
