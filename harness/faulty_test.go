package harness_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

// faulty is a real server behind something that spoils what it says: the test of the test tool.
type faulty struct {
	upstream *url.URL
	// spoil sees each message of the server for one client, in order, and says what that client gets instead.
	spoil func(f *faulty, c *victim, message []byte) [][]byte

	mu      sync.Mutex
	victims []*victim
	seen    int
}

// victim is one client's connection.
type victim struct {
	mu   sync.Mutex
	down *websocket.Conn
	held [][]byte
	n    int
}

func (v *victim) send(message []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_ = v.down.WriteMessage(websocket.TextMessage, message)
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/app/") {
		httputil.NewSingleHostReverseProxy(f.upstream).ServeHTTP(w, r)
		return
	}
	up, _, err := websocket.DefaultDialer.Dial("ws://"+f.upstream.Host+r.URL.RequestURI(), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer up.Close()
	down, err := (&websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer down.Close()
	v := &victim{down: down}
	f.mu.Lock()
	f.victims = append(f.victims, v)
	f.mu.Unlock()
	defer func() { // who has gone gets nothing any more
		f.mu.Lock()
		f.victims = slices.DeleteFunc(f.victims, func(o *victim) bool { return o == v })
		f.mu.Unlock()
	}()
	go func() {
		for {
			kind, message, err := down.ReadMessage()
			if err != nil || up.WriteMessage(kind, message) != nil {
				_ = up.Close()
				return
			}
		}
	}()
	for {
		_, message, err := up.ReadMessage()
		if err != nil {
			return
		}
		for _, m := range f.spoil(f, v, message) {
			if m == nil { // the connection ends
				return
			}
			v.send(m)
		}
	}
}

// every tells true for each n-th message of the kind, counted over all clients.
func (f *faulty) every(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen++
	return f.seen%n == 0
}

func (f *faulty) other(v *victim) *victim {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.victims {
		if o != v {
			return o
		}
	}
	return nil
}

func is(message []byte, event string) bool {
	return bytes.Contains(message, []byte(`"event":"`+event+`"`))
}

// TestRun_FaultyServers: each fault is caught and named by the right counter, and the right server raises none of them.
func TestRun_FaultyServers(t *testing.T) {
	asItIs := func(m []byte) [][]byte { return [][]byte{m} }
	for _, c := range []struct {
		name  string
		spoil func(f *faulty, v *victim, m []byte) [][]byte
		// counters that must be above zero; every other one of the deliveries and the presence must be zero, but for also.
		counters, also []string
	}{
		{"nothing wrong", func(_ *faulty, _ *victim, m []byte) [][]byte { return asItIs(m) }, nil, nil},
		{"loses one in twenty", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "InvoiceCreated") && f.every(20) {
				return nil
			}
			return asItIs(m)
		}, []string{"deliveries_missing"}, nil},
		{"sends some twice", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "InvoiceCreated") && f.every(20) {
				return [][]byte{m, m}
			}
			return asItIs(m)
		}, []string{"deliveries_duplicate"}, nil},
		{"turns two round", func(_ *faulty, v *victim, m []byte) [][]byte {
			if !is(m, "InvoiceCreated") || !bytes.Contains(m, []byte(`"channel":"portal"`)) {
				return asItIs(m)
			}
			if v.n++; v.n == 5 {
				v.held = [][]byte{m}
				return nil
			}
			if v.n == 20 { // long enough after that it was accepted before this one was sent
				return [][]byte{m, v.held[0]}
			}
			return asItIs(m)
		}, []string{"deliveries_reordered"}, nil},
		{"leaks to another user", func(f *faulty, v *victim, m []byte) [][]byte {
			if is(m, "InvoiceCreated") && bytes.Contains(m, []byte(`"channel":"private-client.1"`)) && f.every(10) {
				if o := f.other(v); o != nil {
					o.send(bytes.Replace(m, []byte("private-client.1"), []byte("private-client.2"), 1))
				}
			}
			return asItIs(m)
		}, []string{"deliveries_leaked"}, nil},
		{"leaks under the channel's own name", func(f *faulty, v *victim, m []byte) [][]byte {
			if is(m, "InvoiceCreated") && bytes.Contains(m, []byte(`"channel":"private-client.1"`)) && f.every(10) {
				for range 1 {
					if o := f.other(v); o != nil {
						o.send(bytes.Replace(m, []byte(`"channel":"private-client.1"`), []byte(`"channel":"private-client.9"`), 1))
					}
				}
			}
			return asItIs(m)
		}, []string{"deliveries_leaked"}, nil},
		{"forgets a leave", func(_ *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:member_removed") {
				return nil
			}
			return asItIs(m)
		}, []string{"presence_missed", "presence_ghosts"}, nil},
		{"forgets a join", func(_ *faulty, v *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:member_added") {
				if v.n++; v.n == 3 {
					return nil
				}
			}
			return asItIs(m)
		}, []string{"presence_missed"}, []string{"presence_drift"}},
		{"tells a join twice", func(_ *faulty, v *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:member_added") {
				if v.n++; v.n == 3 {
					return [][]byte{m, m}
				}
			}
			return asItIs(m)
		}, []string{"presence_duplicate"}, nil},
		{"lies in here", func(_ *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:subscription_succeeded") && bytes.Contains(m, []byte("presence-office")) {
				var outer map[string]any
				if json.Unmarshal(m, &outer) == nil {
					outer["data"] = strings.Replace(outer["data"].(string), `"ids":[`, `"ids":["somebody",`, 1)
					m, _ = json.Marshal(outer)
				}
			}
			return asItIs(m)
		}, []string{"presence_drift", "presence_ghosts"}, nil},
		{"alters a payload", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "InvoiceCreated") && f.every(20) {
				m = bytes.Replace(m, []byte(`\"id\":`), []byte(`\"id\":9`), 1)
			}
			return asItIs(m)
		}, []string{"deliveries_altered"}, nil},
		{"writes payloads anew", func(_ *faulty, _ *victim, m []byte) [][]byte { // as a server does that decodes them
			var outer map[string]any
			var inner map[string]any
			if json.Unmarshal(m, &outer) == nil && is(m, "InvoiceCreated") && json.Unmarshal([]byte(outer["data"].(string)), &inner) == nil {
				outer["data"] = inner
				m, _ = json.MarshalIndent(outer, "", " ")
			}
			return asItIs(m)
		}, nil, nil},
		{"calls an event by another name", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "InvoiceCreated") && f.every(20) {
				m = bytes.Replace(m, []byte("InvoiceCreated"), []byte("InvoiceDeleted"), 1)
			}
			return asItIs(m)
		}, []string{"deliveries_leaked", "deliveries_missing"}, nil},
		{"sends what is no JSON", func(_ *faulty, v *victim, m []byte) [][]byte {
			if v.n++; v.n == 5 {
				return [][]byte{m, []byte("{not json")}
			}
			return asItIs(m)
		}, []string{"errors"}, nil},
		{"answers late", func(f *faulty, v *victim, m []byte) [][]byte {
			if is(m, "InvoiceCreated") && f.every(30) {
				go func() {
					time.Sleep(700 * time.Millisecond)
					v.send(m)
				}()
				return nil
			}
			return asItIs(m)
		}, []string{"deliveries_late"}, []string{"deliveries_reordered"}},
		{"drops connections", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "InvoiceCreated") && f.every(150) {
				return [][]byte{nil}
			}
			return asItIs(m)
		}, []string{"connections_closed", "reconnects"}, []string{"errors"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opt := reverb(t)
			upstream, err := url.Parse(opt.URL)
			require.NoError(t, err)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := &http.Server{Handler: &faulty{upstream: upstream, spoil: c.spoil}}
			go func() { _ = server.Serve(l) }()
			t.Cleanup(func() { _ = server.Close() })
			opt.URL = "http://" + l.Addr().String()
			yaml := office
			switch {
			case c.name == "answers late":
				yaml += "lateAfter: 600ms\n"
			case c.counters != nil:
				yaml += "drain: 6s\n" // something is outstanding for ever
			}
			r := play(t, opt, yaml)
			for _, name := range c.counters {
				assert.Positive(t, count(t, r, name, nil), "%s\n%q\n%+v\n%+v", name, r.Reasons, r.Delivery, r.Presence)
			}
			for _, name := range []string{
				"deliveries_missing", "deliveries_duplicate", "deliveries_reordered", "deliveries_leaked", "deliveries_altered", "deliveries_late",
				"presence_ghosts", "presence_missed", "presence_duplicate", "presence_drift", "connections_closed",
			} {
				if contains(c.counters, name) || contains(c.also, name) {
					continue
				}
				assert.Zero(t, count(t, r, name, nil), "%s\n%q\n%+v\n%+v", name, r.Reasons, r.Delivery.Evidence, r.Presence.Evidence)
			}
			want := harness.Failed
			if c.counters == nil || c.counters[0] == "deliveries_late" && count(t, r, "deliveries_reordered", nil) == 0 || c.counters[0] == "connections_closed" && count(t, r, "errors", nil) == 0 {
				want = harness.Passed // late and closed have no threshold unless the scenario gives one
			}
			assert.Equal(t, want, r.Verdict, "%q", r.Reasons)
		})
	}
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
