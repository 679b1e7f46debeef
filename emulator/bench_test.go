package emulator_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// rawSocket connects and subscribes with as little as possible on the client's side, so that a benchmark measures the
// server; it returns when the confirmation has been read.
func rawSocket(tb testing.TB, s *server, channel string) net.Conn {
	tb.Helper()
	nc, err := net.Dial("tcp", s.addr)
	require.NoError(tb, err)
	_, err = nc.Write([]byte(upgradeRequest(s.app.Key)))
	require.NoError(tb, err)
	readUntil(tb, nc, "activity_timeout")
	message := `{"event":"pusher:subscribe","data":{"auth":"","channel":"` + channel + `"}}`
	f := append([]byte{0x81, 0x80 | byte(len(message)), 0, 0, 0, 0}, message...)
	_, err = nc.Write(f)
	require.NoError(tb, err)
	readUntil(tb, nc, "subscription_succeeded")
	return nc
}

func upgradeRequest(key string) string {
	return "GET /app/" + key + "?protocol=7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
}

func readUntil(tb testing.TB, nc net.Conn, mark string) {
	tb.Helper()
	buf := make([]byte, 4096)
	var got strings.Builder
	for !strings.Contains(got.String(), mark) {
		n, err := nc.Read(buf)
		require.NoError(tb, err, got.String())
		got.Write(buf[:n])
	}
}

// BenchmarkFanOut publishes one event after the other to a channel of n subscribers as fast as their queues take it
// and ends when every byte has been read. An op is one delivery.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := start(b, emulator.Config{QueueBytes: 64 << 20})
			var read atomic.Int64
			var readers sync.WaitGroup
			for range n {
				nc := rawSocket(b, s, "portal")
				readers.Add(1)
				go func() {
					defer readers.Done()
					buf := make([]byte, 64<<10)
					for {
						k, err := nc.Read(buf)
						read.Add(int64(k))
						if err != nil {
							return
						}
					}
				}()
			}
			p := pusher.Publication{Event: "Tick", Channels: []string{"portal"}, Data: `{"pad":"` + strings.Repeat("x", 180) + `"}`}
			size := int64(len(pusher.EventText(p.Event, "portal", p.Data)) + 4)
			events := b.N/n + 1
			b.ReportAllocs()
			b.ResetTimer()
			for range events {
				_, err := s.srv.Publish(b.Context(), s.app.ID, p, journal.HTTP)
				require.NoError(b, err)
			}
			for read.Load() < size*int64(events*n) {
				time.Sleep(100 * time.Microsecond)
			}
			b.StopTimer()
			b.ReportMetric(float64(events*n)/b.Elapsed().Seconds(), "deliveries/s")
			s.stop()
			readers.Wait()
		})
	}
}

// BenchmarkConnMemory reports the bytes of heap and stacks that a quiet subscribed connection costs, kernel aside.
func BenchmarkConnMemory(b *testing.B) {
	const n = 2000
	for b.Loop() {
		s := start(b, emulator.Config{})
		before := inUse()
		conns := make([]net.Conn, n)
		for i := range conns {
			conns[i] = rawSocket(b, s, "portal")
		}
		b.ReportMetric(float64(inUse()-before)/n, "B/conn")
		for _, nc := range conns {
			_ = nc.Close()
		}
		s.stop()
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
