package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/api"
)

func (l *live) publish(channel, event, data string) api.Published {
	l.t.Helper()
	return given[api.Published](l, "POST", "/api/publish", fmt.Sprintf(`{"channel":%q,"event":%q,"data":%s}`, channel, event, data))
}

func TestPublish_TellsWhoGotIt(t *testing.T) {
	l := start(t)
	ada := l.connect(l.creds).join(l.creds, "presence-room", "7")
	grace := l.connect(l.creds).join(l.creds, "presence-room", "8")
	require.Equal(t, "pusher_internal:member_added", ada.next().Event)
	d := l.publish("presence-room", "Say", `{"a":  1}`).Deliveries
	require.Len(t, d, 1)
	assert.Equal(t, api.Delivery{Channel: "presence-room", Seq: d[0].Seq, Recipients: 2,
		Sockets: []api.Subscriber{{ada.id, "7"}, {grace.id, "8"}}}, d[0])
	assert.Equal(t, frame{"Say", "presence-room", `{"a":1}`}, ada.next())
	require.Equal(t, `{"a":1}`, grace.next().Data)

	l.publish("presence-room", "Say", `"as it is"`)
	assert.Equal(t, "as it is", ada.next().Data)
	got := given[api.Published](l, "POST", "/api/publish", `{"channels":["presence-room","other"],"event":"Say","socket_id":"`+ada.id+`"}`).Deliveries
	require.Len(t, got, 2)
	assert.Equal(t, []api.Subscriber{{grace.id, "8"}}, got[0].Sockets, "the one left out is not among them")
	assert.Equal(t, "Nobody was subscribed to other.", got[1].Note)
	assert.Empty(t, got[1].Sockets)
	e := given[api.Entry](l, "GET", fmt.Sprintf("/api/events/%d", got[0].Seq), "")
	assert.Equal(t, "published server Say {}", fmt.Sprint(e.Kind, " ", e.Source, " ", e.Event, " ", e.Data))
}

func TestPublish_SaysWhatIsWrongAndWhere(t *testing.T) {
	l := start(t)
	for body, words := range map[string][]string{
		``:                                  {"empty"},
		`{"event":"x"`:                      {"byte", "JSON"},
		`{"event":"x"} {}`:                  {"follows"},
		`[]`:                                {"array", "object"},
		`{"event":7,"channel":"c"}`:         {"event", "number", "text"},
		`{"event":"x","chanel":"c"}`:        {`"chanel"`, "did you mean channel?"},
		`{"event":"x"}`:                     {"channel"},
		`{"channel":"c"}`:                   {"event"},
		`{"event":"x","channels":["c",""]}`: {"empty"},
		`{"event":"x","channels":"c"}`:      {"channels", "list"},
	} {
		p := l.refused(http.StatusBadRequest, "POST", "/api/publish", body)
		for _, word := range words {
			assert.Contains(t, p.Message, word, body)
		}
		assert.Equal(t, "bad_request", p.Code, body)
	}
	assert.Equal(t, "not_found", l.refused(http.StatusNotFound, "POST", "/api/publish", `{"app":"nope","event":"x","channel":"c"}`).Code)
	for _, path := range []string{"/api/publish", "/api/apps"} {
		p := l.refused(http.StatusRequestEntityTooLarge, "POST", path, `{"event":"`+strings.Repeat("x", 1<<20)+`"}`)
		assert.Equal(t, "too_large", p.Code)
	}
	p := l.refused(http.StatusBadRequest, "GET", "/api/events?chanel=x", "")
	assert.Contains(t, p.Message, "did you mean channel?")
	p = l.refused(http.StatusBadRequest, "GET", "/api/events?kind=publishd", "")
	assert.Contains(t, p.Message, `"publishd"`)
	l.refused(http.StatusBadRequest, "GET", "/api/events?app=a&app=b", "")
	l.refused(http.StatusBadRequest, "GET", "/api/status?app=a", "")
}

func TestEvents_AreFilteredAndPaged(t *testing.T) {
	l := start(t)
	ada := l.connect(l.creds).join(l.creds, "private-client.5", "")
	for n := range 5 {
		l.publish("private-client.5", "InvoiceCreated", fmt.Sprintf(`{"id":%d}`, n))
	}
	l.publish("private-client.6", "InvoicePaid", `{"note":"Überfällig"}`)
	require.NoError(t, ada.WriteJSON(map[string]any{"event": "client-typing", "channel": "private-client.5", "data": map[string]any{}}))
	require.NotNil(t, given[api.Waited](l, "GET", "/api/events/wait?after=0&event=client-typing", "").Entry)
	for query, want := range map[string]int{
		"kind=published":                          6,
		"kind=published,whispered":                7,
		"channel=private-client.*&kind=published": 6,
		"channel=private-client.6":                1,
		"event=Invoice*":                          6,
		"event=client-*":                          1,
		"delivered=yes":                           5,
		"delivered=no":                            2,
		"source=client&kind=whispered":            1,
		"socket=" + ada.id + "&kind=subscribed":   1,
		"text=überFÄLLIG":                         1,
		"text=%22id%22:3":                         1,
		"kind=published&from=1h":                  6,
		"kind=published&to=1h":                    0,
	} {
		page := given[api.Entries](l, "GET", "/api/events?"+query, "")
		assert.Len(t, page.Entries, want, query)
		assert.False(t, page.More, query)
	}
	newest := given[api.Entries](l, "GET", "/api/events?event=Invoice*&limit=4", "")
	require.Len(t, newest.Entries, 4)
	assert.True(t, newest.More)
	older := given[api.Entries](l, "GET", fmt.Sprintf("/api/events?event=Invoice*&limit=4&before=%d", newest.Entries[0].Seq), "")
	require.Len(t, older.Entries, 2)
	assert.False(t, older.More)
	assert.Equal(t, `{"id":0}`, older.Entries[0].Data)
	oldest := given[api.Entries](l, "GET", "/api/events?event=Invoice*&limit=2&order=oldest", "")
	assert.Equal(t, older.Entries, oldest.Entries)
	assert.True(t, oldest.More)
}

func TestEvents_Clear(t *testing.T) {
	l := start(t)
	made := given[api.MadeApp](l, "POST", "/api/apps", "")
	l.connect(l.creds).join(l.creds, "portal", "")
	first := l.publish("portal", "A", "{}").Deliveries[0].Seq
	given[api.Published](l, "POST", "/api/publish", `{"app":"`+made.ID+`","channel":"c","event":"B"}`)

	assert.EqualValues(t, 1, given[api.Cleared](l, "DELETE", "/api/events?app="+made.ID, "").Entries)
	assert.Len(t, given[api.Entries](l, "GET", "/api/events?kind=published", "").Entries, 1, "the other app's stays")
	assert.Positive(t, given[api.Cleared](l, "DELETE", "/api/events", "").Entries)
	assert.Empty(t, given[api.Entries](l, "GET", "/api/events", "").Entries)
	l.refused(http.StatusNotFound, "GET", fmt.Sprintf("/api/events/%d", first), "")
	assert.Nil(t, given[api.Waited](l, "GET", "/api/events/wait?after=0&timeout=0s", "").Entry, "memory forgets too")
	for _, path := range []string{"/api/feed", "/api/feed?after=0"} {
		feed := given[api.Feed](l, "GET", path, "")
		assert.Empty(t, feed.Entries, "also for a page that is opened now: "+path)
		assert.Equal(t, given[api.Status](l, "GET", "/api/status", "").LastSeq, feed.Next)
	}
	assert.Len(t, given[api.Channels](l, "GET", "/api/channels", "").Channels, 1, "who is there stays")
	assert.Greater(t, l.publish("portal", "A", "{}").Deliveries[0].Seq, first, "numbers go on")
	assert.Len(t, given[api.Entries](l, "GET", "/api/events?kind=published", "").Entries, 1)
}

func TestWait_ForWhatComesAndForWhatCame(t *testing.T) {
	l := start(t)
	cursor := given[api.Status](l, "GET", "/api/status", "").LastSeq
	l.publish("private-client.5", "InvoiceCreated", `{"id":1}`)
	l.publish("private-client.5", "InvoiceCreated", `{"id":2}`)
	after := cursor
	for id := 1; id <= 2; id++ { // one after the other, by the cursor
		got := given[api.Waited](l, "GET", fmt.Sprintf("/api/events/wait?channel=private-client.*&event=InvoiceCreated&after=%d", after), "")
		require.NotNil(t, got.Entry)
		assert.Equal(t, fmt.Sprintf(`{"id":%d}`, id), got.Entry.Data)
		assert.Empty(t, got.Note)
		after = got.Next
	}
	got := given[api.Waited](l, "GET", fmt.Sprintf("/api/events/wait?event=InvoicePaid&after=%d&timeout=1ms", cursor), "")
	assert.Nil(t, got.Entry)
	assert.Contains(t, got.Note, "InvoicePaid did not come within 1ms")
	assert.Contains(t, got.Note, "2 others came")
	assert.Contains(t, got.Note, "InvoiceCreated on private-client.5")

	// Without after, only what comes from now on; other kinds where they are asked for.
	answer := make(chan api.Waited, 1)
	go func() {
		answer <- given[api.Waited](l, "GET", "/api/events/wait?kind=subscribed&channel=portal&timeout=1m", "")
	}()
	for {
		c := l.connect(l.creds).join(l.creds, "portal", "")
		select {
		case got := <-answer:
			require.NotNil(t, got.Entry)
			assert.Equal(t, "subscribed", got.Entry.Kind)
			assert.NotEmpty(t, got.Entry.Socket)
			return
		case <-time.After(50 * time.Millisecond): // the wait may not have begun yet
			_ = c.Close()
		}
	}
}

func TestWait_ReadsTheStoreWhereTheRingHasForgotten(t *testing.T) {
	l := start(t)
	seq := l.publish("portal", "First", `{}`).Deliveries[0].Seq
	channels := strings.Repeat(`"noise",`, 99) + `"noise"`
	for range 90 { // more than the ring's 8192
		given[api.Published](l, "POST", "/api/publish", `{"channels":[`+channels+`],"event":"Noise"}`)
	}
	_, kept := l.Journal().At(seq)
	require.False(t, kept)
	got := given[api.Waited](l, "GET", "/api/events/wait?after=0&event=First&timeout=0s", "")
	require.NotNil(t, got.Entry)
	assert.Equal(t, seq, got.Entry.Seq)
}

// TestWait_SaysWhatOnlyTheStoreKnows: what came instead, and what had come before the cursor.
func TestWait_SaysWhatOnlyTheStoreKnows(t *testing.T) {
	l := start(t)
	first := l.publish("portal", "Wanted", `{}`).Deliveries[0].Seq
	near := l.publish("portal", "Near", `{}`).Deliveries[0].Seq
	channels := strings.Repeat(`"noise",`, 99) + `"noise"`
	for range 90 { // more than the ring's 8192
		given[api.Published](l, "POST", "/api/publish", `{"channels":[`+channels+`],"event":"Noise"}`)
	}
	_, kept := l.Journal().At(near)
	require.False(t, kept)
	got := given[api.Waited](l, "GET", fmt.Sprintf("/api/events/wait?channel=portal&event=Wanted&after=%d&timeout=0s", first), "")
	require.Nil(t, got.Entry)
	assert.Regexp(t, fmt.Sprintf(`^Wanted on portal did not come within 0s; more than \d+ others came, .*; one came before after=%d: entry %[1]d at \d\d:\d\d:\d\d\.\d{3}$`, first), got.Note)
	assert.Equal(t, l.Journal().Last(), got.Next)

	made := given[api.MadeApp](l, "POST", "/api/apps", "")
	got = given[api.Waited](l, "GET", "/api/events/wait?event=Wanted&timeout=0s&app="+made.ID, "")
	assert.Equal(t, "Wanted did not come within 0s; nothing else came meanwhile", got.Note, "another app's are none")
	for _, app := range []string{made.ID, l.creds.ID} { // in two databases' worth of noise, few of its own
		given[api.Published](l, "POST", "/api/publish", `{"app":"`+app+`","channel":"portal","event":"Other"}`)
	}
	for range 90 {
		given[api.Published](l, "POST", "/api/publish", `{"channels":[`+channels+`],"event":"Noise"}`)
	}
	got = given[api.Waited](l, "GET", "/api/events/wait?event=Wanted&channel=portal&after=0&timeout=0s&app="+made.ID, "")
	assert.Regexp(t, `^Wanted on portal did not come within 0s; this came instead: Other on portal \(entry \d+\)$`, got.Note)
}

// TestWait_WithoutTimeLooksAtAllOfMemory: not at its first entries only.
func TestWait_WithoutTimeLooksAtAllOfMemory(t *testing.T) {
	l := start(t)
	channels := strings.Repeat(`"noise",`, 99) + `"noise"`
	for range 9 {
		given[api.Published](l, "POST", "/api/publish", `{"channels":[`+channels+`],"event":"Noise"}`)
	}
	seq := l.publish("portal", "Wanted", `{}`).Deliveries[0].Seq
	got := given[api.Waited](l, "GET", "/api/events/wait?event=Wanted&after=0&timeout=0s", "")
	require.NotNil(t, got.Entry)
	assert.Equal(t, seq, got.Entry.Seq)
}

func TestWait_HundredsAtOnceAndNoneLeftAtTheEnd(t *testing.T) {
	l := start(t)
	cursor := given[api.Status](l, "GET", "/api/status", "").LastSeq
	const many = 200
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			status, text, err := l.request("GET", fmt.Sprintf("/api/events/wait?after=%d&event=E%d&timeout=1m", cursor, n), "")
			assert.NoError(t, err)
			assert.Equal(t, 200, status)
			assert.Contains(t, text, fmt.Sprintf(`"event":"E%d"`, n))
		})
	}
	for n := range many {
		l.publish("portal", fmt.Sprintf("E%d", n), "{}")
	}
	all.Wait()
}

func TestWait_EndsWhenTheServerStops(t *testing.T) {
	l := start(t)
	h := api.New(api.For(l.App, ""), api.Options{})
	status := make(chan int, 1)
	go func() { status <- get(t, h, "/api/events/wait?timeout=1m").StatusCode }()
	h.Close()
	assert.Equal(t, http.StatusServiceUnavailable, <-status)
}

func TestWait_SaysWhatIsWrongWithTheQuestion(t *testing.T) {
	l := start(t)
	for query, word := range map[string]string{
		"timeout=5": "unit", "timeout=10m": "at most 5m", "timeout=-1s": "timeout", "after=99999": "another run", "after=x": "after",
	} {
		assert.Contains(t, l.refused(http.StatusBadRequest, "GET", "/api/events/wait?"+query, "").Message, word)
	}
	assert.Contains(t, l.refused(http.StatusNotFound, "GET", "/api/events/wait?app=nope", "").Message, "nope")
}

func TestConnections_AndChannels(t *testing.T) {
	l := start(t)
	ada := l.connect(l.creds).join(l.creds, "presence-room", "7").join(l.creds, "private-x", "")
	l.connect(l.creds).join(l.creds, "presence-room", "7")
	lone := l.connect(l.creds)

	got := given[api.Connections](l, "GET", "/api/connections", "")
	require.Equal(t, 3, got.Total)
	c := got.Connections[0]
	assert.WithinDuration(t, time.Now(), c.Since, time.Minute)
	assert.WithinDuration(t, time.Now(), c.LastSeen, time.Minute)
	assert.True(t, strings.HasPrefix(c.Remote, "127.0.0.1:"), c.Remote)
	c.Since, c.LastSeen, c.Remote = time.Time{}, time.Time{}, ""
	assert.Equal(t, api.Connection{App: l.creds.ID, Socket: ada.id, Origin: "http://portal.test", UserAgent: "tester", User: "7",
		Channels: []string{"presence-room", "private-x"}}, c)
	assert.Equal(t, lone.id, got.Connections[2].Socket)
	for query, total := range map[string]int{"channel=presence-room": 2, "user=7": 2, "channel=private-x&user=7": 1, "limit=1": 3} {
		assert.Equal(t, total, given[api.Connections](l, "GET", "/api/connections?"+query, "").Total, query)
	}
	assert.Len(t, given[api.Connections](l, "GET", "/api/connections?limit=1", "").Connections, 1)
	l.refused(http.StatusNotFound, "GET", "/api/connections?app=nope", "")

	room := given[api.Channel](l, "GET", "/api/channels/presence-room", "")
	assert.Equal(t, []api.Member{{"7", 2}}, room.Members)
	require.Len(t, room.Sockets, 2)
	assert.Equal(t, api.Subscriber{ada.id, "7"}, room.Sockets[0])
	room.Sockets = nil
	all := given[api.Channels](l, "GET", "/api/channels", "").Channels
	assert.Equal(t, []api.Channel{room, {App: l.creds.ID, Name: "private-x", Kind: "private", Subscriptions: 1, Members: []api.Member{}}}, all)
	state := given[api.State](l, "GET", "/api/state", "")
	assert.Equal(t, all, state.Channels)
	assert.Len(t, state.Connections, 3)
}

func TestDisconnect_WithTheCodeThatWasAskedFor(t *testing.T) {
	l := start(t)
	for query, code := range map[string]int{
		"": 4299, "?reconnect=true": 4299, "?reconnect=false": 4099, "?code=4100&reason=maintenance": 4100,
		"?code=1006": websocket.CloseAbnormalClosure,
	} {
		c := l.connect(l.creds)
		got := given[api.Disconnected](l, "DELETE", "/api/connections/"+c.id+query, "")
		assert.Equal(t, api.Disconnected{Socket: c.id, Code: code}, got)
		assert.Equal(t, code, c.closed(), query)
		closed := given[api.Waited](l, "GET", "/api/events/wait?kind=closed&after=0&socket="+c.id, "")
		require.NotNil(t, closed.Entry)
		assert.Contains(t, closed.Entry.Note, fmt.Sprint("disconnected by hand with ", code))
		l.refused(http.StatusNotFound, "DELETE", "/api/connections/"+c.id, "")
	}
	c := l.connect(l.creds)
	for query, word := range map[string]string{"?code=1005": "1005", "?code=5000": "5000", "?code=x": "code", "?reason=" + strings.Repeat("x", 124): "123"} {
		assert.Contains(t, l.refused(http.StatusBadRequest, "DELETE", "/api/connections/"+c.id+query, "").Message, word)
	}
}

func TestState_AtAMoment(t *testing.T) {
	l := start(t)
	ada := l.connect(l.creds).join(l.creds, "presence-room", "7").join(l.creds, "a-room", "")
	then := given[api.State](l, "GET", "/api/state", "")
	require.NoError(t, ada.Close())
	gone := given[api.Waited](l, "GET", fmt.Sprintf("/api/events/wait?kind=closed&after=%d", then.Seq), "")
	require.NotNil(t, gone.Entry)
	l.connect(l.creds).join(l.creds, "portal", "")

	past := given[api.State](l, "GET", fmt.Sprintf("/api/state?at=%d", then.Seq), "")
	assert.Equal(t, then.Seq, past.Seq)
	assert.WithinDuration(t, then.At, past.At, time.Minute)
	assert.Equal(t, then.Channels, past.Channels)
	require.Len(t, past.Connections, 1)
	assert.Equal(t, ada.id, past.Connections[0].Socket)
	assert.Equal(t, []string{"presence-room", "a-room"}, past.Connections[0].Channels, "in the order of subscribing, as now")
	assert.Equal(t, then.Connections[0].User, past.Connections[0].User, "by a presence channel, as now")
	now := given[api.State](l, "GET", "/api/state?app="+l.creds.ID, "")
	require.Len(t, now.Channels, 1)
	assert.Equal(t, "portal", now.Channels[0].Name)
	assert.Empty(t, given[api.State](l, "GET", "/api/state?at=1", "").Channels)

	l.refused(http.StatusNotFound, "GET", "/api/state?at=99999", "")
	l.refused(http.StatusNotFound, "GET", "/api/state?app=nope", "")
	given[api.Cleared](l, "DELETE", "/api/events", "")
	assert.Contains(t, l.refused(http.StatusNotFound, "GET", "/api/state?at=1", "").Message, "not kept any more")
}
