package harness_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	// far is how long a message of a WebSocket takes, each way; HTTP goes at once.
	far time.Duration
	// later is how long after its answer a publish is told to anybody.
	later time.Duration

	mu      sync.Mutex
	victims []*victim
	seen    int

	once  sync.Once
	queue *way // of publishes
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
	if f.later > 0 && strings.HasSuffix(r.URL.Path, "/events") {
		f.publishLater(w, r)
		return
	}
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
	away, home := newWay(f.far), newWay(f.far)
	defer home.end()
	defer func() { // who has gone gets nothing any more
		f.mu.Lock()
		f.victims = slices.DeleteFunc(f.victims, func(o *victim) bool { return o == v })
		f.mu.Unlock()
	}()
	go func() {
		defer away.end()
		for {
			kind, message, err := down.ReadMessage()
			away.post(func() {
				if err != nil || up.WriteMessage(kind, message) != nil {
					_ = up.Close()
				}
			})
			if err != nil {
				return
			}
		}
	}()
	for {
		_, message, err := up.ReadMessage()
		if err != nil {
			return
		}
		home.post(func() {
			for _, m := range f.spoil(f, v, message) {
				if m == nil { // the connection ends
					_ = up.Close()
					return
				}
				v.send(m)
			}
		})
	}
}

// way is a long line: what is posted happens after its delay, in order.
type way struct {
	delay time.Duration
	tasks chan sent
	done  chan struct{}
}

type sent struct {
	at time.Time
	do func()
}

func newWay(delay time.Duration) *way {
	w := &way{delay: delay, tasks: make(chan sent, 10_000), done: make(chan struct{})}
	if delay > 0 {
		go func() {
			defer close(w.done)
			for t := range w.tasks {
				time.Sleep(time.Until(t.at))
				t.do()
			}
		}()
	}
	return w
}

func (w *way) post(do func()) {
	if w.delay == 0 {
		do()
		return
	}
	w.tasks <- sent{time.Now().Add(w.delay), do}
}

// end returns when all that was posted has happened.
func (w *way) end() {
	close(w.tasks)
	if w.delay > 0 {
		<-w.done
	}
}

// publishLater answers first, as a server does whose API hands events to a queue.
func (f *faulty) publishLater(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	again, _ := http.NewRequest(r.Method, f.upstream.String()+r.URL.RequestURI(), bytes.NewReader(body))
	again.Header = r.Header.Clone()
	f.once.Do(func() { f.queue = newWay(f.later) })
	f.queue.post(func() {
		if res, err := http.DefaultClient.Do(again); err == nil {
			_ = res.Body.Close()
		}
	})
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
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
		{"calls a member by another name", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:member_added") && f.every(10) {
				m = bytes.Replace(m, []byte(`\"name\":`), []byte(`\"nome\":`), 1)
			}
			return asItIs(m)
		}, []string{"presence_altered"}, nil},
		{"lists a member under another name", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:subscription_succeeded") && bytes.Contains(m, []byte("presence-office")) && f.every(5) {
				m = bytes.Replace(m, []byte(`\"name of `), []byte(`\"nome of `), 1)
			}
			return asItIs(m)
		}, []string{"presence_altered"}, nil},
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
				"presence_ghosts", "presence_missed", "presence_duplicate", "presence_drift", "presence_altered", "connections_closed",
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

// readers come to a page, go on after a moment, and see who else is there.
const readers = `
name: readers
scenarios:
  readers:
    executor: constant-vus
    vus: 20
    duration: 4s
    user: {id: "u{{ vu }}", info: {name: "name of {{ vu }}"}}
    setup: [connect]
    steps:
      - private: "page.{{ vu % 2 }}"
      - join: "page.{{ vu % 2 }}"
      - think: 300ms..1500ms
      - leave: "page.{{ vu % 2 }}"
      - think: 2s
  changes:
    executor: constant-arrival-rate
    startTime: 500ms
    rate: 50
    duration: 3s
    preAllocatedVUs: 20
    steps:
      - publish: {channel: "private-page.{{ iteration % 2 }}", event: PageChanged, payload: {a: 1}}
`

// TestRun_ServersThatTakeTheirTime: a long way, or an answer before everybody was told, is no fault of a server.
func TestRun_ServersThatTakeTheirTime(t *testing.T) {
	for _, c := range []struct {
		name       string
		far, later time.Duration
		lose       bool
	}{
		{name: "far by WebSocket, near by HTTP", far: 30 * time.Millisecond},
		{name: "answers before it tells anybody", later: 30 * time.Millisecond},
		{name: "a round trip of more than a second", far: 600 * time.Millisecond},
		{name: "far, and loses some", far: 30 * time.Millisecond, lose: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opt := reverb(t)
			upstream, err := url.Parse(opt.URL)
			require.NoError(t, err)
			proxy := httptest.NewServer(&faulty{upstream: upstream, far: c.far, later: c.later, spoil: func(f *faulty, _ *victim, m []byte) [][]byte {
				if c.lose && is(m, "PageChanged") && f.every(5) {
					return nil
				}
				return [][]byte{m}
			}})
			t.Cleanup(proxy.Close)
			opt.URL = proxy.URL
			yaml := readers
			if c.lose {
				yaml = strings.Replace(yaml, "300ms..1500ms", "2s", 1) + "drain: 6s\n"
			}
			r := play(t, opt, yaml)
			assert.Positive(t, r.Delivery.Uncertain+r.Delivery.Expected)
			if c.lose {
				assert.Equal(t, harness.Failed, r.Verdict)
				assert.Positive(t, r.Delivery.Missing, "the grace hides nothing but what is near a leave")
				return
			}
			assert.Equal(t, harness.Passed, r.Verdict, "%q\n%+v\n%+v", r.Reasons, r.Delivery, r.Presence)
		})
	}
}

// TestRun_WhatAClientWasToldNotToReadIsNotJudged: a server is right whatever becomes of it; what it owes the others it owes.
func TestRun_WhatAClientWasToldNotToReadIsNotJudged(t *testing.T) {
	const yaml = `
name: slow
scenarios:
  deaf:
    executor: constant-vus
    vus: 2
    duration: 3s
    user: {id: "deaf{{ vu }}"}
    setup: [connect, channel: news, join: room]
    steps: [{slow: {bytesPerSecond: 0}}, {think: 20s}]
  readers:
    executor: constant-vus
    vus: 3
    duration: 3s
    startTime: 200ms
    user: {id: "reader{{ vu }}"}
    setup: [connect, channel: news, join: room]
    steps: [{think: 20s}]
  news:
    executor: constant-arrival-rate
    startTime: 1700ms
    rate: 50
    duration: 1s
    preAllocatedVUs: 10
    steps: [{publish: {channel: news, event: News, payload: {id: "{{ iteration }}"}}}]
`
	r := play(t, reverb(t), yaml)
	assert.Equal(t, harness.Passed, r.Verdict, "%q\n%+v\n%+v", r.Reasons, r.Delivery, r.Presence)
	assert.Equal(t, int64(50*3), r.Delivery.Delivered)
	assert.Equal(t, int64(50*2), r.Delivery.Unread)
}
