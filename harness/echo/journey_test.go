package echo_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The journeys are what a real Chromium with pusher-js 8.6.0 and laravel-echo 2.5.0 did against a scripted server
// (testdata/clients/journeys/README.md). The virtual client plays the same script, in a bubble of fake time, and has to
// send the same, in the same order, at the same times, and call back the same.

// leftOut are the journeys that are about the page around the client.
var leftOut = map[string]string{
	"http-fallback":                    "the fallback transports over HTTP: Reverb has none, a load test wants none",
	"page-back":                        "the browser's back/forward cache; Pause and Cut show a server the same",
	"page-navigates":                   "the browser's back/forward cache",
	"x-socket-id":                      "the page's own requests through axios: Client.SocketID gives the header's value",
	"x-socket-id-after-reconnect":      "the page's own requests through axios",
	"x-socket-id-without-interceptors": "the page's own requests through axios",
}

// races are connections about which two runs of the browser need not agree.
var races = map[string]string{
	"no-http-answer": "tcp4", // wss comes to its turn in the instant in which ws is connected and ends it
}

type journey struct {
	Title       string
	Options     map[string]any `json:"echo_options"`
	Script      []step
	Wire        []entry
	Callbacks   []callback
	OrderVaries bool `json:"order_varies"`
}

type step struct {
	T       float64 `json:"t_ms"`
	Page    []string
	Server  json.RawMessage
	Browser string
	Wait    float64 `json:"wait_ms"`
	Until   string
	Count   int
}

// entry is one on the wire, recorded or ours.
type entry struct {
	T          float64 `json:"t_ms"`
	Dir, Kind  string
	Conn, WS   string
	Request    string
	Headers    [][2]string
	Body       *string
	Status     int
	Type       string `json:"content_type"`
	Text, Hex  string
	RSV        int
	Code       *int
	Reason     string
	WasClean   bool `json:"was_clean"`
	URL, Note  string
	PayloadLen int `json:"payload_bytes"`
}

type callback struct {
	T    float64 `json:"t_ms"`
	Name string
	Args json.RawMessage
}

const pageAt, socketAt = "127.0.0.1:8000", "127.0.0.1:6001"

func journeys(t *testing.T) map[string]*journey {
	files, err := filepath.Glob("../../testdata/clients/journeys/*.json")
	require.NoError(t, err)
	require.Greater(t, len(files), 100)
	all := map[string]*journey{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		text := strings.NewReplacer("{page}", pageAt, "{ws}", socketAt, "{ws host}", "127.0.0.1").Replace(string(b))
		var j journey
		require.NoError(t, json.Unmarshal([]byte(text), &j), file)
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = &j
	}
	return all
}

func TestJourneys(t *testing.T) {
	all := journeys(t)
	for name := range leftOut {
		assert.Contains(t, all, name)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if leftOut[name] == "" {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { play(t, all[name]) })
			})
		}
	}
}

// stage is one journey being played.
type stage struct {
	*server
	j         *journey
	page      *page
	callbacks []callback
}

func play(t *testing.T, j *journey) {
	st := &stage{j: j}
	st.server = newServer(t, j)
	st.page = newPage(t, st)
	end := sync.OnceFunc(func() {
		st.page.e.Close()
		st.page.endpoint.Close()
		st.server.close()
		synctest.Wait()
	})
	defer end()
	reloaded := 0.0
	for _, s := range j.Script {
		if reloaded > 0 && s.T > 0 {
			time.Sleep(ms(s.T - reloaded)) // the browser loads the page
			reloaded = 0
		}
		switch {
		case s.Page != nil:
			st.page.run(s.Page)
		case s.Server != nil:
			st.server.act(s)
		case s.Browser == "close the tab", s.Browser == "reload":
			c := st.page.c
			c.Do(func() {
				st.page.c = nil
				c.CloseTab()
			})
			if s.Browser == "reload" { // what the first page saw went with it
				reloaded = s.T
				st.forget()
			}
		case s.Browser != "":
			require.FailNow(t, "the script has a browser do something unknown", s.Browser)
		case s.Until != "":
			fits := regexp.MustCompile(s.Until)
			require.True(t, st.until(fits, s.Count), "waited in vain for %q %d times; so far:\n%s", s.Until, s.Count, st.show())
		default:
			time.Sleep(ms(s.Wait))
		}
		synctest.Wait()
	}
	synctest.Wait()
	mine := st.wire()
	st.mu.Lock()
	called := slices.Clone(st.callbacks)
	st.mu.Unlock()
	end()
	compare(t, j, mine, called)
}

func (st *stage) forget() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.callbacks = nil
	st.mine = slices.DeleteFunc(st.mine, func(e entry) bool { return e.Dir == "page" })
}

// say is an entry without its time and its connection.
func (e entry) say() string {
	switch e.Kind {
	case "upgrade_request", "http_request":
		s := e.Kind + " " + e.Request
		for _, h := range e.Headers {
			if h[0] == "Sec-WebSocket-Key" {
				h[1] = "<16 random bytes, base64>"
			}
			s += "\n\t" + h[0] + ": " + h[1]
		}
		if e.Body != nil {
			s += "\n\t" + *e.Body
		}
		return s
	case "text", "pong_frame":
		return fmt.Sprintf("%s rsv %d %s", e.Kind, e.RSV, e.Text)
	case "close":
		if e.Code == nil {
			return "close without a code"
		}
		return fmt.Sprintf("close %d %s", *e.Code, e.Reason)
	case "websocket_close":
		return fmt.Sprintf("websocket_close %d %s %v %s", *e.Code, e.Reason, e.WasClean, e.URL)
	}
	return e.Kind + " " + e.URL
}

// streams are what is in order for itself: each connection, all HTTP, what the page sees of its sockets.
func streams(j *journey, wire []entry) map[string][]entry {
	out := map[string][]entry{}
	tcp := map[string]string{}
	for _, e := range wire {
		if e.WS != "" {
			tcp[e.WS] = e.Conn
		}
		switch {
		case e.Dir == "page":
			out["page"] = append(out["page"], e)
		case e.Dir != "c>s":
		case e.Kind == "http_request":
			out["http"] = append(out["http"], e)
		default:
			conn := e.Conn
			if at, ok := tcp[conn]; ok {
				conn = at
			}
			out[conn] = append(out[conn], e)
		}
	}
	if j.OrderVaries {
		for _, all := range out {
			slices.SortStableFunc(all, func(a, b entry) int { return strings.Compare(a.say(), b.say()) })
		}
	}
	return out
}

// The times of the captures: a browser on a busy machine is up to 300 ms late with anything (README.md), so the virtual
// client may be that much before it; it may hardly be behind.
const early, late = 330, 120

func compare(t *testing.T, j *journey, mine []entry, called []callback) {
	want, got := streams(j, j.Wire), streams(j, mine)
	for _, conns := range []map[string][]entry{want, got} {
		delete(conns, races[t.Name()[strings.IndexByte(t.Name(), '/')+1:]])
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		var a, b []string
		for _, e := range want[name] {
			a = append(a, e.say())
		}
		for _, e := range got[name] {
			b = append(b, e.say())
		}
		if !assert.Equal(t, a, b, name) || j.OrderVaries {
			continue
		}
		for i := 1; i < len(a); i++ {
			was := want[name][i].T - want[name][i-1].T
			is := got[name][i].T - got[name][i-1].T
			assert.True(t, is >= was-early && is <= was+late, "%s: %.1f ms after the entry before it, the browser %.1f: %s", name, is, was, a[i])
		}
	}
	for name, extra := range got {
		if want[name] == nil {
			assert.Empty(t, extra, name)
		}
	}
	var a, b []string
	for _, c := range j.Callbacks {
		a = append(a, c.say())
	}
	for _, c := range called {
		b = append(b, c.say())
	}
	if j.OrderVaries {
		slices.Sort(a)
		slices.Sort(b)
	}
	if !assert.Equal(t, a, b, "callbacks") || j.OrderVaries {
		return
	}
	for i := range a {
		if i > 0 {
			was, is := j.Callbacks[i].T-j.Callbacks[i-1].T, called[i].T-called[i-1].T
			assert.True(t, is >= was-early && is <= was+late, "callback %s %.1f ms after the one before it, the browser %.1f", a[i], is, was)
		}
	}
}

// say is a callback without its time. Of parse errors only what does not hang on V8's wording.
func (c callback) say() string {
	var args any
	_ = json.Unmarshal(c.Args, &args)
	if list, ok := args.([]any); ok && len(list) > 0 {
		switch first := list[0].(type) {
		case map[string]any:
			if first["type"] == "MessageParseError" {
				return c.Name + " MessageParseError"
			}
		case string:
			if c.Name == "uncaught" || c.Name == "threw" {
				return c.Name + " " + strings.SplitN(first, ":", 2)[0]
			}
		}
	}
	b, _ := json.Marshal(args)
	return c.Name + " " + string(b)
}
