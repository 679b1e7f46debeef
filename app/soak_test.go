//go:build soak

package app_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

var soakFor = flag.Duration("soak.for", 10*time.Minute, "how long to soak")

// TestSoak keeps 2 000 connections busy: listeners that count what they get, presence churn, whispers, publishes.
// Nothing may be lost or doubled, and memory, goroutines, descriptors and channels must be back where they were.
func TestSoak(t *testing.T) {
	const listeners, churners, whisperers = 1600, 300, 100
	// Ten minutes are more entries than retention keeps by default.
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "soak.yaml"), []byte("retention: {rows: 0, bytes: 0}\n"), 0o600))
	r := run(t, map[string]string{"db": filepath.Join(dir, "soak.sqlite"), "config": filepath.Join(dir, "soak.yaml")})
	before := vitals(t)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var published, heard, whispered, overheard, joins atomic.Int64

	perChannel := make([]atomic.Int64, 8)
	counts := make([]atomic.Int64, listeners)
	open := make([]*websocket.Conn, 0, listeners)
	for i := range listeners {
		channel := fmt.Sprintf("soak.%d", i%len(perChannel))
		ws := r.subscribe(channel, "")
		open = append(open, ws)
		clients.Go(func() {
			for {
				_, b, err := ws.ReadMessage()
				if err != nil {
					return
				}
				if strings.Contains(string(b), `"event":"Tick"`) {
					counts[i].Add(1)
					heard.Add(1)
				} else if strings.Contains(string(b), "pusher:ping") {
					_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"pusher:pong","data":{}}`))
				}
			}
		})
	}
	for i := range churners {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(200+random.IntN(1500)) * time.Millisecond):
				}
				ws := r.visit(fmt.Sprintf("presence-room.%d", random.IntN(10)), fmt.Sprintf(`{"user_id":"%d","user_info":{"name":"u"}}`, random.IntN(churners/2)))
				joins.Add(1)
				if random.IntN(2) == 0 {
					_ = ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
				}
				_ = ws.Close()
			}
		})
	}
	pairs := make([]*websocket.Conn, whisperers)
	for i := range pairs {
		ws := r.subscribe(fmt.Sprintf("private-pair.%d", i/2), "")
		pairs[i] = ws
		clients.Go(func() {
			for {
				_, b, err := ws.ReadMessage()
				if err != nil {
					return
				}
				if strings.Contains(string(b), "client-typing") {
					overheard.Add(1)
				}
			}
		})
	}
	var writers sync.WaitGroup
	for i, ws := range pairs {
		writers.Go(func() {
			m, _ := json.Marshal(map[string]any{"event": "client-typing", "channel": fmt.Sprintf("private-pair.%d", i/2), "data": map[string]any{"on": true}})
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
				}
				if ws.WriteMessage(websocket.TextMessage, m) == nil {
					whispered.Add(1)
				}
			}
		})
	}
	for i := range 4 {
		writers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				at := (i + n) % len(perChannel)
				status, err := publish(r.URL(), &r.creds, fmt.Sprintf("soak.%d", at), "Tick", `{"n":1}`)
				if !assert.NoError(t, err) || !assert.Equal(t, 200, status) {
					return
				}
				perChannel[at].Add(1)
				published.Add(1)
			}
		})
	}

	ticker := time.NewTicker(max(*soakFor/20, time.Second))
	defer ticker.Stop()
	var samples []vital
	for end := time.After(*soakFor); end != nil; {
		select {
		case <-ticker.C:
			v := vitals(t)
			samples = append(samples, v)
			t.Logf("%d published, %d heard, %d whispers, %d joins; %.1f MB heap, %d goroutines, %d descriptors",
				published.Load(), heard.Load(), whispered.Load(), joins.Load(), float64(v.heap)/1e6, v.goroutines, v.files)
		case <-end:
			end = nil
		}
	}
	close(stop)
	writers.Wait()
	expected := func() (n int64) {
		for i := range perChannel {
			n += perChannel[i].Load() * int64(listeners/len(perChannel))
		}
		return n
	}
	require.Eventually(t, func() bool { return heard.Load() == expected() && overheard.Load() == whispered.Load() }, 20*time.Second, 50*time.Millisecond,
		"heard %d of %d, overheard %d of %d", heard.Load(), expected(), overheard.Load(), whispered.Load())
	for i := range counts {
		require.Equal(t, perChannel[i%len(perChannel)].Load(), counts[i].Load(), "listener %d", i)
	}
	for _, ws := range append(open, pairs...) {
		_ = ws.Close()
	}
	clients.Wait()
	require.Eventually(t, func() bool {
		c := r.Counts()[0]
		return c.Connections == 0 && c.Channels == 0 && c.Subscribed == 0
	}, 10*time.Second, 20*time.Millisecond, "connections or channels are left")
	require.Eventually(t, func() bool {
		v := vitals(t)
		return v.goroutines <= before.goroutines+8 && v.files <= before.files+8
	}, 10*time.Second, 100*time.Millisecond, "goroutines or descriptors are left: before %+v, after %+v", before, vitals(t))
	half := samples[len(samples)/2]
	assert.Less(t, float64(samples[len(samples)-1].heap), 1.3*float64(half.heap)+8e6, "memory grew in the second half")

	kept := 0
	for last := uint64(0); ; {
		entries := r.kept(app.Query{Kinds: []journal.Kind{journal.Published}, After: last, Oldest: true, Limit: 10_000})
		if len(entries) == 0 {
			break
		}
		kept += len(entries)
		last = entries[len(entries)-1].Seq
	}
	assert.EqualValues(t, published.Load(), kept, "what was answered with 200 is in the database")
	presence, err := r.App.Presence(t.Context(), pusher.DefaultApp().ID)
	require.NoError(t, err)
	for _, p := range presence {
		assert.False(t, p.Online, "user %s is a ghost", p.User)
	}
}

type vital struct {
	heap              uint64
	goroutines, files int
}

func vitals(t *testing.T) vital {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	v := vital{heap: m.HeapInuse + m.StackInuse, goroutines: runtime.NumGoroutine()}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		v.files = len(files)
	}
	return v
}
