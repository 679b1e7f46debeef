package emulator_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/pusher"
)

// hosted runs an emulator in the pusher profile.
func hosted(t testing.TB, change ...func(*pusher.App)) *server {
	return start(t, emulator.Config{Profile: pusher.Hosted}, change...)
}

func TestHosted_RefusalsAtTheHandshakeCloseWithTheirCode(t *testing.T) {
	one := 1
	for _, row := range []struct {
		name, key, query string
		code             int
		change           func(*pusher.App)
	}{
		{"unknown key", "nobody", "?protocol=7", 4001, nil},
		{"no protocol", "", "", 4008, nil},
		{"protocol too old", "", "?protocol=4", 4007, nil},
		{"protocol too new", "", "?protocol=8", 4007, nil},
		{"protocol that is no number", "", "?protocol=x", 4007, nil},
		{"origin", "", "?protocol=7", 4009, func(app *pusher.App) { app.AllowedOrigins = []string{"example.com"} }},
		{"quota", "", "?protocol=7", 4004, func(app *pusher.App) { app.MaxConnections = &one }},
	} {
		t.Run(row.name, func(t *testing.T) {
			change := row.change
			if change == nil {
				change = func(*pusher.App) {}
			}
			s := hosted(t, change)
			if row.code == 4004 {
				s.connect().join("portal", "")
			}
			key := row.key
			if key == "" {
				key = s.app.Key
			}
			ws, _, err := websocket.DefaultDialer.Dial("ws://"+s.addr+"/app/"+key+row.query, nil)
			require.NoError(t, err)
			t.Cleanup(func() { _ = ws.Close() })
			c := &socket{t: t, s: s, ws: ws}
			m := c.next()
			require.Equal(t, "pusher:error", m.Event)
			assert.True(t, strings.HasPrefix(string(m.Data), "{"), "Pusher sends an object: %s", m.Data)
			assert.Contains(t, string(m.Data), `"code":`+strconv.Itoa(row.code))
			assert.Equal(t, row.code, c.closeCode())
		})
	}
	for _, protocol := range []string{"5", "6", "7"} {
		s := hosted(t)
		assert.Equal(t, "pusher:connection_established", s.dial("?protocol="+protocol).next().Event, protocol)
	}
}

func TestHosted_SubscribesByTheDocumentedRules(t *testing.T) {
	s := hosted(t)
	c := s.connect()
	for _, name := range []string{"", "with space", "a/b", "grüße", strings.Repeat("x", 165), "#portal"} {
		c.subscribe(name, "")
		r := c.turnedAway()
		assert.Equal(t, 400, r.Status, name)
		assert.Equal(t, name, r.Channel)
		assert.Contains(t, r.Error, "channel name", name)
	}
	// Without the hyphen a name is public: no signature is looked at.
	for _, name := range []string{strings.Repeat("x", 164), "presence.online", "privateer", "cached", "a_b-c=d@e,f.g;h"} {
		c.send(map[string]any{"event": "pusher:subscribe", "data": map[string]string{"channel": name, "auth": ""}})
		m := c.next()
		assert.Equal(t, "pusher_internal:subscription_succeeded", m.Event, name)
		assert.Equal(t, "{}", m.text(), name)
	}
	c.join("private-x", "")
	c.join("private-encrypted-x", "")
	c.join("presence-x", member("7"))
	assert.Equal(t, []string{"pusher:cache_miss private-encrypted-cache-x"}, func() []string {
		c.join("private-encrypted-cache-x", "")
		return events(c.frames())
	}())
	assert.Equal(t, "pusher:pong", func() string { c.send(`{"event":"pusher:ping"}`); return c.next().Event }())
}

// turnedAway is the next frame, which refuses a subscription.
func (c *socket) turnedAway() (refused struct {
	Channel     string
	Type, Error string
	Status      int
}) {
	c.t.Helper()
	m := c.next()
	require.Equal(c.t, "pusher:subscription_error", m.Event, string(m.Data))
	require.NoError(c.t, json.Unmarshal(m.Data, &refused))
	refused.Channel = m.Channel
	return refused
}

func TestHosted_ARefusedSubscriptionNamesItsChannel(t *testing.T) {
	s := hosted(t)
	c := s.connect()
	good := s.app.AuthString(pusher.ChannelText(c.id, "private-x", ""))
	_, signature, _ := strings.Cut(good, ":")
	for name, auth := range map[string]string{"wrong signature": s.app.Key + ":00", "wrong key": "other:" + signature, "no key": signature, "none": ""} {
		c.send(map[string]any{"event": "pusher:subscribe", "data": map[string]string{"channel": "private-x", "auth": auth}})
		m := c.next()
		require.Equal(t, "pusher:subscription_error", m.Event, name)
		assert.Equal(t, "private-x", m.Channel, name)
		var data struct {
			Type, Error string
			Status      int
		}
		require.NoError(t, json.Unmarshal(m.Data, &data))
		assert.Equal(t, "AuthError", data.Type)
		assert.Equal(t, 401, data.Status)
		assert.NotContains(t, data.Error, signature)
	}
	assert.Empty(t, s.srv.Snapshot(s.app.ID).Channels, "a refused subscription leaves nothing")
	c.send(map[string]any{"event": "pusher:subscribe", "data": map[string]string{"channel": "private-x", "auth": good}})
	assert.Equal(t, "pusher_internal:subscription_succeeded", c.next().Event)
}

func TestHosted_ASecondSubscriptionAndAStrayUnsubscribeAreErrorsWithoutACode(t *testing.T) {
	c := hosted(t).connect()
	c.join("portal", "")
	c.subscribe("portal", "")
	assert.Equal(t, refusal{nil, "Existing subscription to channel portal"}, c.refused())
	c.send(`{"event":"pusher:unsubscribe","data":{"channel":"other"}}`)
	assert.Equal(t, refusal{nil, "No current subscription to channel other, or subscription in progress"}, c.refused())
	c.send(`{"event":"pusher:unsubscribe","data":{"channel":"portal"}}`)
	c.join("portal", "")
}

func TestHosted_PresenceLimits(t *testing.T) {
	s := hosted(t)
	c := s.connect()
	info := func(n int) string { return `{"user_id":"7","user_info":"` + strings.Repeat("x", n-2) + `"}` }
	for why, data := range map[string]string{
		"must hold a user_id":        `{"user_info":{}}`,
		"user_id is longer than 128": `{"user_id":"` + strings.Repeat("7", 129) + `"}`,
		"user_info is larger":        info(1025),
	} {
		c.subscribe("presence-x", data)
		r := c.turnedAway()
		assert.Equal(t, 400, r.Status)
		assert.Equal(t, "presence-x", r.Channel)
		assert.Contains(t, r.Error, why)
	}
	assert.Empty(t, s.srv.Snapshot(s.app.ID).Channels)
	c.join("presence-x", info(1024))
	c.join("presence-y", `{"user_id":"`+strings.Repeat("7", 128)+`"}`)
	var data struct{ Presence struct{ Hash map[string]any } }
	require.NoError(t, json.Unmarshal([]byte(c.join("presence-z", `{"user_id":"7","user_info":{}}`).text()), &data))
	assert.Equal(t, map[string]any{"7": map[string]any{}}, data.Presence.Hash, "an empty object stays one")

	for i := range 99 {
		s.connect().join("presence-x", member("u"+strconv.Itoa(i)))
	}
	late := s.connect()
	late.subscribe("presence-x", member("late"))
	r := late.turnedAway()
	assert.Equal(t, 403, r.Status)
	assert.Contains(t, r.Error, "at most 100 members")
	late.join("presence-x", member("u5")) // another tab of one who is in
	state := s.srv.Snapshot(s.app.ID)
	for _, ch := range state.Channels {
		if ch.Name == "presence-x" {
			assert.Len(t, ch.Members, 100)
			assert.Equal(t, 101, ch.Subscriptions)
		}
	}
}

// signIn asks to sign in, signed.
func (c *socket) signIn(userData string) {
	c.t.Helper()
	c.send(map[string]any{"event": "pusher:signin", "data": map[string]string{"auth": c.s.app.AuthString(pusher.UserText(c.id, userData)), "user_data": userData}})
}

// signedIn is a new socket of a user.
func (s *server) signedIn(id string) *socket {
	s.t.Helper()
	c := s.connect()
	c.signIn(`{"id":"` + id + `","user_info":{"name":"` + id + `"}}`)
	require.Equal(s.t, "pusher:signin_success", c.next().Event)
	return c
}

func TestHosted_SignIn(t *testing.T) {
	s := hosted(t)
	c := s.connect()
	const userData = `{"id":"7","user_info":{"name":"Ada"}}`
	c.signIn(userData)
	m := c.next()
	assert.Equal(t, "pusher:signin_success", m.Event)
	var data struct {
		UserData string `json:"user_data"`
	}
	require.NoError(t, json.Unmarshal([]byte(m.text()), &data))
	assert.Equal(t, userData, data.UserData)
	c.signIn(userData)
	assert.Equal(t, "pusher:signin_success", c.next().Event, "the same user again")

	for name, bad := range map[string]func(*socket){
		"another user": func(c *socket) { c.signIn(`{"id":"7"}`); c.next(); c.signIn(`{"id":"8"}`) },
		"wrong signature": func(c *socket) {
			c.send(`{"event":"pusher:signin","data":{"auth":"` + s.app.Key + `:00","user_data":"{\"id\":\"7\"}"}}`)
		},
		"another's socket": func(c *socket) { id := c.id; c.id = "1.2"; c.signIn(`{"id":"7"}`); c.id = id },
		"a number":         func(c *socket) { c.signIn(`{"id":7}`) },
		"an empty id":      func(c *socket) { c.signIn(`{"id":""}`) },
		"no id":            func(c *socket) { c.signIn(`{}`) },
		"null":             func(c *socket) { c.signIn(`null`) },
		"not JSON":         func(c *socket) { c.signIn(`x`) },
		"a long id":        func(c *socket) { c.signIn(`{"id":"` + strings.Repeat("7", 129) + `"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			c := s.connect()
			c.t = t
			bad(c)
			assert.Equal(t, 4009, c.code())
			assert.Equal(t, 4009, c.closeCode())
		})
	}
	for _, malformed := range []string{`{"event":"pusher:signin"}`, `{"event":"pusher:signin","data":{"user_data":{}}}`, `{"event":"pusher:signin","data":{"auth":[],"user_data":"{}"}}`} {
		c.send(malformed)
		assert.Equal(t, 4200, c.code(), malformed)
	}
	// In the reverb profile there is no sign-in.
	r := start(t, emulator.Config{}).connect()
	r.signIn(userData)
	assert.Equal(t, 4200, r.code())
}

func TestHosted_OnlyTheSignedInUserHearsServerToUser(t *testing.T) {
	s := hosted(t)
	ada, bo, guest := s.signedIn("7"), s.signedIn("8"), s.connect()
	ask := `{"event":"pusher:subscribe","data":{"auth":"","channel":"#server-to-user-7"}}`
	for _, c := range []*socket{bo, guest} {
		c.send(ask)
		m := c.next()
		assert.Equal(t, "pusher:subscription_error", m.Event)
		assert.Equal(t, "#server-to-user-7", m.Channel)
		c.subscribe("#server-to-user-7", "") // a signature does not help
		assert.Equal(t, "pusher:subscription_error", c.next().Event)
	}
	ada.send(ask)
	assert.Equal(t, "pusher_internal:subscription_succeeded", ada.next().Event)
	s.publish("#server-to-user-7", "Invoice", `{"id":1}`)
	assert.Equal(t, []string{"Invoice #server-to-user-7"}, events(ada.frames()))
	assert.Empty(t, bo.frames())
	assert.Empty(t, guest.frames())
	guest.send(`{"event":"client-x","channel":"#server-to-user-7","data":{}}`)
	assert.Equal(t, 4301, guest.code())
	assert.Empty(t, ada.frames())
}

func TestHosted_ASignedInUserJoinsPresenceWithoutChannelData(t *testing.T) {
	s := hosted(t)
	c := s.signedIn("7")
	assert.JSONEq(t, `{"presence":{"count":1,"ids":["7"],"hash":{"7":{"name":"7"}}}}`, c.join("presence-x", "").text())
	guest := s.connect()
	guest.subscribe("presence-x", "")
	assert.Contains(t, guest.turnedAway().Error, "user_id")
}

func TestHosted_Watchlists(t *testing.T) {
	s := hosted(t)
	bo := s.signedIn("8")
	ada := s.connect()
	ada.signIn(`{"id":"7","watchlist":["8","9","8"]}`)
	require.Equal(t, "pusher:signin_success", ada.next().Event)
	online := func(m message) string {
		t.Helper()
		require.Equal(t, "pusher_internal:watchlist_events", m.Event)
		assert.Empty(t, m.Channel)
		return m.text()
	}
	assert.JSONEq(t, `{"events":[{"name":"online","user_ids":["8"]},{"name":"offline","user_ids":["9"]}]}`, online(ada.next()))
	bo2 := s.signedIn("8")
	assert.Empty(t, ada.frames(), "a second connection changes nothing")
	bo.abort()
	s.state(func(st emulator.State) bool { return st.Connections == 2 })
	assert.Empty(t, ada.frames(), "one connection is left")
	bo2.abort()
	assert.JSONEq(t, `{"events":[{"name":"offline","user_ids":["8"]}]}`, online(ada.next()))
	cy := s.signedIn("9")
	assert.JSONEq(t, `{"events":[{"name":"online","user_ids":["9"]}]}`, online(ada.next()))
	ada.signIn(`{"id":"7","watchlist":["10"]}`) // the new list takes the place of the old
	require.Equal(t, "pusher:signin_success", ada.next().Event)
	assert.JSONEq(t, `{"events":[{"name":"offline","user_ids":["10"]}]}`, online(ada.next()))
	cy.abort()
	s.state(func(st emulator.State) bool { return st.Connections == 1 })
	assert.Empty(t, ada.frames())

	ids := make([]string, 101)
	for i := range ids {
		ids[i] = fmt.Sprintf(`"w%d"`, i)
	}
	many := s.connect()
	many.signIn(`{"id":"m","watchlist":[` + strings.Join(ids, ",") + `]}`)
	require.Equal(t, "pusher:signin_success", many.next().Event)
	told := online(many.next())
	assert.Contains(t, told, `"w99"`)
	assert.NotContains(t, told, `"w100"`)
	assert.Equal(t, 4302, many.code())
	assert.Empty(t, many.frames(), "the connection stays")
}

func TestHosted_TerminateEndsSignedInUsersAndPresenceMembers(t *testing.T) {
	s := hosted(t)
	signedIn, present, both, other := s.signedIn("7"), s.connect(), s.signedIn("7"), s.signedIn("8")
	present.join("portal", "")
	present.join("presence-x", member("7"))
	both.join("presence-x", member("7"))
	other.join("presence-x", member("8"))
	status, answer := s.call("POST", "/apps/"+s.app.ID+"/users/7/terminate_connections", nil, "{}")
	assert.Equal(t, 200, status)
	assert.Equal(t, "{}", answer)
	for _, c := range []*socket{signedIn, present, both} {
		c.until("pusher:error")
		assert.Equal(t, 4009, c.closeCode())
	}
	assert.Equal(t, []string{"pusher_internal:member_removed presence-x"}, func() []string {
		s.state(func(st emulator.State) bool { return st.Connections == 1 })
		return events(other.frames())
	}())
	status, _ = s.call("POST", "/apps/"+s.app.ID+"/users/nobody/terminate_connections", nil, "")
	assert.Equal(t, 200, status)
}

func TestHosted_SubscriptionCounts(t *testing.T) {
	t.Parallel()
	s := hosted(t, func(app *pusher.App) { app.SubscriptionCount = true })
	first := s.connect()
	first.join("portal", "")
	counts := func(m message) string {
		t.Helper()
		require.Equal(t, "pusher_internal:subscription_count", m.Event)
		assert.Equal(t, "portal", m.Channel)
		return m.text()
	}
	assert.JSONEq(t, `{"subscription_count":1}`, counts(first.next()))
	others := make([]*socket, 103)
	var at time.Time
	for i := range others {
		others[i] = s.connect()
		others[i].join("portal", "")
		if i < 99 {
			assert.JSONEq(t, fmt.Sprintf(`{"subscription_count":%d}`, i+2), counts(first.next()))
			at = time.Now()
		}
	}
	assert.Empty(t, first.frames(), "above 100 not every change is told")
	_ = first.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	var m message
	require.NoError(t, first.ws.ReadJSON(&m))
	assert.JSONEq(t, `{"subscription_count":104}`, counts(m))
	assert.GreaterOrEqual(t, time.Since(at), 4900*time.Millisecond)

	others[0].join("presence-x", member("7"))
	assert.Empty(t, others[0].frames(), "presence channels have no counts")
	// The reverb profile has none, whatever the app says.
	r := start(t, emulator.Config{}, func(app *pusher.App) { app.SubscriptionCount = true }).connect()
	r.join("portal", "")
	assert.Empty(t, r.frames())
}

func TestHosted_ACacheOutlivesItsSubscribers(t *testing.T) {
	s := hosted(t)
	s.publish("cache-rates", "Rate", `{"eur":1}`) // nobody is there
	s.publish("portal", "Rate", `{"eur":1}`)      // no cache channel
	c := s.connect()
	c.join("cache-rates", "")
	m := c.next()
	assert.Equal(t, message{Event: "Rate", Channel: "cache-rates", Data: m.Data}, m)
	assert.Equal(t, `{"eur":1}`, m.text())
	c.send(`{"event":"pusher:unsubscribe","data":{"channel":"cache-rates"}}`)
	assert.Empty(t, c.frames())
	c.join("cache-rates", "")
	assert.Equal(t, "Rate", c.next().Event)
	status, answer := s.call("GET", "/apps/"+s.app.ID+"/channels/cache-rates", pusher.Query{"info": "cache"}, "")
	assert.Equal(t, 200, status)
	var info struct {
		Occupied bool
		Cache    struct {
			Data string
			TTL  int
		}
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &info))
	assert.True(t, info.Occupied)
	assert.Equal(t, `{"eur":1}`, info.Cache.Data)
	assert.InDelta(t, 1800, info.Cache.TTL, 5)

	// Client events and members' comings and goings are not kept.
	ada, bo := s.connect(), s.connect()
	ada.join("presence-cache-room", member("7"))
	bo.join("presence-cache-room", member("8"))
	ada.send(`{"event":"client-typing","channel":"presence-cache-room","data":{}}`)
	bo.until("client-typing")
	bo.abort()
	ada.until("pusher_internal:member_removed")
	late := s.connect()
	late.join("presence-cache-room", member("9"))
	assert.Equal(t, "pusher:cache_miss", late.next().Event)
}

func TestHosted_ACacheIsForgottenAfterItsTime(t *testing.T) {
	t.Parallel()
	p := *pusher.Hosted
	p.CacheTTL = 300 * time.Millisecond
	s := start(t, emulator.Config{Profile: &p})
	s.publish("cache-rates", "Rate", `{"eur":1}`)
	assert.Len(t, s.srv.Snapshot(s.app.ID).Channels, 1)
	s.state(empty) // though no client ever came
}

func TestHosted_ClientEvents(t *testing.T) {
	s := hosted(t)
	ada, bo := s.connect(), s.connect()
	for _, c := range []*socket{ada, bo} {
		c.join("portal", "")
		c.join("private-x", `{"user_id":"9"}`)
		c.join("private-encrypted-x", "")
	}
	ada.join("presence-x", member("7"))
	bo.join("presence-x", member("8"))
	ada.frames()
	whisper := func(channel, data string) {
		ada.send(`{"event":"client-typing","channel":"` + channel + `","data":` + data + `}`)
	}
	for channel, code := range map[string]int{"portal": 4301, "private-encrypted-x": 4301, "private-other": 4009} {
		whisper(channel, `{}`)
		assert.Equal(t, code, ada.code(), channel)
	}
	whisper("private-x", `{"deep":{}}`)
	m := bo.next()
	assert.Equal(t, message{Event: "client-typing", Channel: "private-x", Data: json.RawMessage(`{"deep":{}}`)}, m, "data is not PHP's, no user id on private channels")
	whisper("presence-x", `{}`)
	assert.Equal(t, `"7"`, string(bo.next().UserID))
	for _, data := range []string{`"text"`, `"{\"a\":1}"`, `5`, `true`} {
		whisper("private-x", data)
		assert.Equal(t, data, string(bo.next().Data), "any value is passed on as it came")
	}
	ada.send(`{"event":"client-` + strings.Repeat("x", 200) + `","channel":"private-x","data":{}}`)
	assert.Contains(t, ada.refused().Message, "longer than 200")
	padded := func(n int) string { return `{"x":"` + strings.Repeat("x", n-8) + `"}` }
	whisper("private-x", padded(10*1024))
	assert.Len(t, bo.next().Data, 10*1024)
	whisper("private-x", padded(10*1024+1))
	assert.Contains(t, ada.refused().Message, "larger than 10240 bytes")
	assert.Empty(t, bo.frames())
	assert.Empty(t, ada.frames(), "never echoed")

	off := hosted(t, func(app *pusher.App) { app.AcceptClientEventsFrom = pusher.AcceptNone }).connect()
	off.join("private-x", "")
	off.send(`{"event":"client-a","channel":"private-x","data":{}}`)
	assert.Equal(t, 4301, off.code())
}

func TestHosted_TenClientEventsASecond(t *testing.T) {
	s := hosted(t)
	ada, bo := s.connect(), s.connect()
	ada.join("private-x", "")
	bo.join("private-x", "")
	for range 11 {
		ada.send(`{"event":"client-a","channel":"private-x","data":{}}`)
	}
	assert.Equal(t, 4301, ada.code())
	assert.Len(t, bo.frames(), 10)
	assert.Eventually(t, func() bool {
		ada.send(`{"event":"client-a","channel":"private-x","data":{}}`)
		ada.frames()
		return len(bo.frames()) == 1
	}, 3*time.Second, 50*time.Millisecond, "the next second has its own ten")
}
