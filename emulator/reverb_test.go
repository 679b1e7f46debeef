package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/pusher"
)

// TestReverb_WhispersAreWrittenAgainByPHP compares what a whisper's data turns into on its way.
func TestReverb_WhispersAreWrittenAgainByPHP(t *testing.T) {
	for _, mode := range []string{pusher.AcceptMembers, pusher.AcceptAll} {
		s := start(t, emulator.Config{}, func(app *pusher.App) { app.AcceptClientEventsFrom = mode })
		ada, bo := s.connect(), s.connect()
		ada.join("portal", "")
		bo.join("portal", "")
		for _, row := range []struct{ data, members, all string }{
			{`,"data":{}`, `[]`, `[]`},
			{`,"data":[]`, `[]`, `[]`},
			{`,"data":{"a":{},"b":[{}]}`, `{"a":[],"b":[[]]}`, `{"a":[],"b":[[]]}`},
			{`,"data":{"0":"x","1":"y"}`, `["x","y"]`, `["x","y"]`},
			{`,"data":{"1":"x"}`, `{"1":"x"}`, `{"1":"x"}`},
			{`,"data":"{\"a\":{}}"`, `{"a":[]}`, `{"a":[]}`},
			{`,"data":""`, `""`, `""`},
			{`,"data":null`, `null`, `null`},
			{``, `null`, ``},
			{`,"data":{"n":12345678901234567890}`, `{"n":1.2345678901234567e+19}`, `{"n":1.2345678901234567e+19}`},
			{`,"data":{"s":"\u00e9\/"}`, `{"s":"é/"}`, `{"s":"é/"}`},
		} {
			ada.send(`{"event":"client-a","channel":"portal"` + row.data + `}`)
			m := bo.next()
			want := row.members
			if mode == pusher.AcceptAll {
				want = row.all
			}
			if want == "" {
				assert.Nil(t, m.Data, "%s %s", mode, row.data)
				continue
			}
			assert.JSONEq(t, want, string(m.Data), "%s %s", mode, row.data)
		}
		for _, bad := range []string{`5`, `true`, `"x"`, `"5"`, `"null x"`} {
			ada.send(`{"event":"client-a","channel":"portal","data":` + bad + `}`)
			assert.Equal(t, 4200, ada.code(), "%s %s", mode, bad)
		}
		outsider := s.connect()
		outsider.send(`{"event":"client-a","channel":"portal","data":{},"user_id":"forged","more":1}`)
		if mode == pusher.AcceptMembers {
			assert.Equal(t, 4009, outsider.code())
			assert.Empty(t, bo.frames())
		} else {
			assert.Empty(t, outsider.frames())
			assert.Equal(t, `"forged"`, string(bo.next().UserID), "relayed as it came")
		}
	}
}

func TestReverb_ChannelsThatAreNoStrings(t *testing.T) {
	s := start(t, emulator.Config{})
	c := s.connect()
	for in, name := range map[string]string{`42`: "42", `true`: "1", `"a\u0062"`: "ab"} {
		c.send(`{"event":"pusher:subscribe","data":{"channel":` + in + `}}`)
		assert.Equal(t, name, c.next().Channel, in)
	}
	c.send(`{"event":"pusher:subscribe","data":{"channel":""}}`)
	m := c.next()
	assert.Equal(t, "pusher_internal:subscription_succeeded", m.Event)
	assert.Empty(t, m.Channel)
}

func TestReverb_OriginsAreComparedByHost(t *testing.T) {
	for _, row := range []struct {
		allowed, origin string
		ok              bool
	}{
		{"*", "", true},
		{"example.com", "https://example.com:8443", true},
		{"example.com", "http://EXAMPLE.com", false},
		{"example.com", "https://www.example.com", false},
		{"example.com", "", false},
		{"example.com", "null", false},
		{"*.example.com", "https://a.b.example.com", true},
		{"*.example.com", "https://example.com", false},
		{"a*a", "http://a", false},
		{"[::1]", "http://[::1]:3000", true},
		{"127.0.0.1", "http://127.0.0.1:5173", true},
		{"https://example.com", "https://example.com", false},
		{"", "", true}, // as in Laravel: an empty pattern fits an empty host
	} {
		s := start(t, emulator.Config{}, func(app *pusher.App) { app.AllowedOrigins = []string{row.allowed} })
		head := http.Header{}
		if row.origin != "" {
			head.Set("Origin", row.origin)
		}
		ws, _, err := websocket.DefaultDialer.Dial("ws://"+s.addr+"/app/"+s.app.Key, head)
		require.NoError(t, err)
		c := &socket{t: t, s: s, ws: ws}
		if row.ok {
			assert.Equal(t, "pusher:connection_established", c.next().Event, row)
		} else {
			assert.Equal(t, 4009, c.code(), row)
			assert.Equal(t, 4009, c.closeCode(), row)
		}
		_ = ws.Close()
	}
}

func TestReverb_TheRateLimitsWindowBeginsAnew(t *testing.T) {
	const window = 500 * time.Millisecond
	s := start(t, emulator.Config{}, func(app *pusher.App) {
		app.RateLimit = pusher.RateLimit{Enabled: true, MaxAttempts: 3, Decay: window}
	})
	c, other := s.connect(), s.connect()
	began := time.Now()
	for range 3 {
		c.send(askPing)
		assert.Equal(t, "pusher:pong", c.next().Event)
	}
	for _, message := range []string{askPing, `malformed`, `{"event":"pusher:pong"}`, `{"event":"client-a","channel":"x"}`} {
		c.send(message)
		r := c.refused()
		assert.Equal(t, 4301, *r.Code, message)
		assert.Equal(t, "Rate limit exceeded", r.Message)
	}
	other.send(askPing)
	assert.Equal(t, "pusher:pong", other.next().Event, "each socket has its own window")
	answered := time.Time{}
	for answered.IsZero() { // refused messages do not make the window longer
		c.send(askPing)
		if c.next().Event == "pusher:pong" {
			answered = time.Now()
		}
	}
	assert.GreaterOrEqual(t, answered.Sub(began), window)
	for range 2 {
		c.send(askPing)
		assert.Equal(t, "pusher:pong", c.next().Event, "the new window has three again")
	}
	c.send(askPing)
	assert.Equal(t, 4301, c.code())
}

func TestReverb_PingsByMessageOrControlFrame(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Config{}, func(app *pusher.App) { app.PingInterval = time.Second })
	began := time.Now()
	plain, control, silent := s.connect(), s.connect(), s.connect() // none is subscribed to anything
	pinged := make(chan struct{}, 10)
	control.ws.SetPingHandler(func(payload string) error {
		pinged <- struct{}{}
		return control.ws.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(time.Second))
	})
	require.NoError(t, control.ws.WriteControl(websocket.PingMessage, []byte("hi"), time.Now().Add(time.Second)))
	read := make(chan string, 10)
	go func() {
		for {
			m, err := control.read()
			if err != nil {
				return
			}
			read <- m.Event
		}
	}()
	assert.Equal(t, "pusher:ping", plain.next().Event)
	assert.GreaterOrEqual(t, time.Since(began), 900*time.Millisecond)
	plain.send(`{"event":"pusher:pong","data":{}}`)
	assert.Equal(t, "pusher:ping", plain.next().Event)
	plain.send(`{"event":"pusher:pong","data":{}}`)
	<-pinged
	<-pinged
	assert.Empty(t, read, "who pings with control frames is pinged with them")
	assert.Equal(t, "pusher:ping", silent.next().Event)
	assert.Equal(t, 4201, silent.code())
	assert.Equal(t, 4201, silent.closeCode())
	s.state(func(st emulator.State) bool { return st.Connections == 2 })
}

func TestReverb_HTTPAnswersAreReverbs(t *testing.T) {
	s := start(t, emulator.Config{Path: "/sub/path/"})
	response, err := http.Get("http://" + s.addr + "/sub/path/up")
	require.NoError(t, err)
	b, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	assert.JSONEq(t, `{"health":"OK"}`, string(b))
	for _, outside := range []string{"/up", "/subpath/up", "/sub/pathup", "/sub/path/up/"} {
		response, err := http.Get("http://" + s.addr + outside)
		require.NoError(t, err)
		_ = response.Body.Close()
		assert.Equal(t, 404, response.StatusCode, outside)
	}
	// What is signed is the path without the prefix.
	query := s.signed("GET", "/apps/"+s.app.ID+"/connections", "", "")
	response, err = http.Get("http://" + s.addr + "/sub/path" + query[len("http://"+s.addr):])
	require.NoError(t, err)
	var answer struct{ Connections *int }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	_ = response.Body.Close()
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, 0, *answer.Connections)
	ws, upgrade, err := websocket.DefaultDialer.Dial("ws://"+s.addr+"/sub/path/app/"+s.app.Key, nil)
	require.NoError(t, err)
	defer func() { _ = ws.Close() }()
	assert.Equal(t, "Laravel Reverb", upgrade.Header.Get("X-Powered-By"))
	assert.Empty(t, upgrade.Header.Get("Sec-WebSocket-Extensions"))
}

// TestReverb_AfterTheEndNothingCounts: what a connection sent right behind the message that ended it is not handled.
func TestReverb_AfterTheEndNothingCounts(t *testing.T) {
	s := start(t, emulator.Config{}, func(app *pusher.App) {
		app.RateLimit = pusher.RateLimit{Enabled: true, MaxAttempts: 1, Decay: time.Minute, Terminate: true}
	})
	tail := s.watch()
	c := s.connect()
	_, err := io.WriteString(c.ws.NetConn(), frame(text, askPing)+frame(text, askPing)+frame(text, askPing)+frame(text, askPing))
	require.NoError(t, err)
	assert.Equal(t, 1006, c.closeCode())
	refusals := 0
	for {
		e := next(t, tail)
		if e.Kind.String() == "closed" {
			assert.Equal(t, "rate limit exceeded", e.Note)
			break
		}
		if e.Kind.String() == "refused" {
			refusals++
		}
	}
	assert.Equal(t, 1, refusals)
}
