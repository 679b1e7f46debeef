package emulator_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// settle waits until there are at most n goroutines and prints them if that does not happen.
func settle(t testing.TB, n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, there were %d:\n%s", runtime.NumGoroutine(), n, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestShutdown_SendsClientsAwayAndLeavesNothing(t *testing.T) {
	for _, row := range []struct {
		profile *pusher.Profile
		code    int
	}{{pusher.Reverb, websocket.CloseAbnormalClosure}, {pusher.Hosted, 4100}} {
		t.Run(row.profile.Name, func(t *testing.T) {
			http.DefaultClient.CloseIdleConnections()
			before := runtime.NumGoroutine()
			app := pusher.DefaultApp()
			s := &server{t: t, journal: journal.New(journal.Options{}), app: &app}
			s.srv = emulator.New(emulator.Config{Profile: row.profile}, apps{&app}, s.journal)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			s.addr = l.Addr().String()
			served := make(chan error, 1)
			go func() { served <- s.srv.Serve(l) }()
			sockets := make([]*socket, 20)
			for i := range sockets {
				sockets[i] = s.connect()
				sockets[i].join("portal", "")
			}
			bare := s.connect() // not subscribed: sent away, too
			s.publish("portal", "Last", "1")
			silent, err := net.Dial("tcp", s.addr) // a browser's connection in advance
			require.NoError(t, err)
			began := time.Now()
			s.stop()
			assert.Less(t, time.Since(began), 3*time.Second, "nobody is waited for")
			assert.ErrorIs(t, <-served, http.ErrServerClosed)
			for _, c := range sockets {
				assert.Equal(t, "Last", c.next().Event, "what was accepted still arrives")
				assert.Equal(t, row.code, c.closeCode())
				_ = c.ws.Close()
			}
			assert.Equal(t, row.code, bare.closeCode())
			_ = bare.ws.Close()
			_ = silent.Close()
			s.stop() // again
			assert.ErrorIs(t, s.srv.Serve(l), http.ErrServerClosed)
			_, err = net.Dial("tcp", s.addr)
			assert.Error(t, err, "it no longer listens")
			assert.True(t, empty(s.srv.Snapshot(app.ID)))
			http.DefaultClient.CloseIdleConnections()
			settle(t, before)
		})
	}
}

func TestShutdown_EndsWithItsContext(t *testing.T) {
	s := start(t, emulator.Config{MaxRequestSize: 256 << 20, QueueBytes: 64 << 20, WriteTimeout: time.Minute})
	nc := s.deaf()
	_, err := s.srv.Publish(t.Context(), s.app.ID, pusher.Publication{Event: "Big", Channels: []string{"portal"}, Data: strings.Repeat("x", 16<<20)}, journal.HTTP)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, s.srv.Shutdown(ctx), context.DeadlineExceeded, "one that reads nothing is not waited for longer")
	_ = nc.Close()
	s.stop() // and now everything has ended
	assert.True(t, empty(s.srv.Snapshot(s.app.ID)))
}

func TestShutdown_WhileClientsCome(t *testing.T) {
	s := start(t, emulator.Config{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				ws, response, err := websocket.DefaultDialer.Dial("ws://"+s.addr+"/app/"+s.app.Key, nil)
				if response != nil && response.Body != nil {
					_ = response.Body.Close()
				}
				if err != nil {
					return // it no longer listens
				}
				_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
				for err == nil {
					_, _, err = ws.ReadMessage()
				}
				_ = ws.Close()
				if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
					t.Error("a client was forgotten")
					return
				}
			}
		})
	}
	s.state(func(st emulator.State) bool { return st.Connections == 8 })
	s.stop()
	clients.Wait()
	assert.True(t, empty(s.srv.Snapshot(s.app.ID)))
}

// descriptors counts the process's open files; -1 where that is not known.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

// TestTenThousandConnections opens, subscribes and closes 10 000 connections, in waves because both ends live in this
// process and its open files are limited, and looks for what is left.
func TestTenThousandConnections(t *testing.T) {
	const waves, wave, dialers = 4, 2500, 16
	s := start(t, emulator.Config{})
	s.connect().ws.Close() // what is made once is made
	s.state(empty)
	settled := runtime.NumGoroutine()
	files := descriptors()
	for w := range waves {
		conns := make([]net.Conn, wave)
		var wg sync.WaitGroup
		for d := range dialers {
			wg.Go(func() {
				for i := d; i < wave; i += dialers {
					conns[i] = rawSocket(t, s, "room-"+strconv.Itoa(i%250))
				}
			})
		}
		wg.Wait()
		connections, subscribed, channels := s.srv.Counts(s.app.ID)
		assert.Equal(t, []int{wave, wave, 250}, []int{connections, subscribed, channels}, "wave %d", w)
		for i, nc := range conns {
			if i%2 == 0 {
				_, _ = nc.Write([]byte(frame(0x88, "\x03\xe8")))
			}
			_ = nc.Close()
		}
		s.state(empty)
	}
	settle(t, settled)
	if files >= 0 {
		assert.Eventually(t, func() bool { return descriptors() <= files }, 5*time.Second, 10*time.Millisecond, "descriptors are left")
	}
	status, answer := s.call("GET", "/apps/"+s.app.ID+"/connections", nil, "")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"connections":0}`, answer)
}
