package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/api"
	"echolab/app/dotenv"
	"echolab/emulator/pusher"
)

func TestApps_OneOfItsOwnForEachTestWorker(t *testing.T) {
	l := start(t)
	made := given[api.MadeApp](l, "POST", "/api/apps", "")
	assert.True(t, strings.HasPrefix(made.ID, "test-"), made.ID)
	other := given[api.MadeApp](l, "POST", "/api/apps", `{"id":"worker-2","key":"k2","secret":"s2","max_connections":1}`)
	assert.Equal(t, "worker-2 k2 s2", other.ID+" "+other.Key+" "+other.Secret)
	server, err := url.Parse(l.URL())
	require.NoError(t, err)
	assert.Equal(t, "BROADCAST_CONNECTION=reverb\nREVERB_APP_ID=worker-2\nREVERB_APP_KEY=k2\nREVERB_APP_SECRET=s2\nREVERB_HOST=127.0.0.1\nREVERB_PORT="+
		server.Port()+"\nREVERB_SCHEME=http\n", other.Env)
	assert.Contains(t, other.Echo, `key: "k2"`)
	assert.Contains(t, other.Echo, "wsPort: "+server.Port())

	creds := pusher.App{ID: made.ID, Key: made.Key, Secret: made.Secret}
	worker := l.connect(creds).join(creds, "private-x", "")
	mine := l.connect(l.creds).join(l.creds, "private-x", "")
	d := given[api.Published](l, "POST", "/api/publish", `{"app":"`+made.ID+`","channel":"private-x","event":"E"}`).Deliveries[0]
	assert.Equal(t, []api.Subscriber{{worker.id, ""}}, d.Sockets, "apps do not hear each other")
	got := given[api.Waited](l, "GET", "/api/events/wait?after=0&event=E&app="+made.ID, "")
	require.NotNil(t, got.Entry)
	assert.Nil(t, given[api.Waited](l, "GET", "/api/events/wait?after=0&event=E&timeout=0s&app="+l.creds.ID, "").Entry)

	status := given[api.Status](l, "GET", "/api/status", "")
	require.Len(t, status.Apps, 3)
	assert.Equal(t, api.AppStatus{ID: made.ID, Key: made.Key, Connections: 1, Channels: 1, Subscribed: 1, Made: true}, status.Apps[1])
	assert.False(t, status.Apps[0].Made)

	removed := given[api.RemovedApp](l, "DELETE", "/api/apps/"+made.ID, "")
	assert.Equal(t, api.RemovedApp{ID: made.ID, Disconnected: 1}, removed)
	require.Equal(t, "E", worker.next().Event)
	assert.Equal(t, 4001, worker.closed())
	l.refused(http.StatusNotFound, "DELETE", "/api/apps/"+made.ID, "")
	l.refused(http.StatusNotFound, "POST", "/api/publish", `{"app":"`+made.ID+`","channel":"c","event":"E"}`)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(l.URL(), "http")+"/app/"+made.Key, nil)
	require.NoError(t, err)
	defer ws.Close()
	_, text, err := ws.ReadMessage()
	require.NoError(t, err)
	assert.Contains(t, string(text), "4001")
	assert.Len(t, given[api.Status](l, "GET", "/api/status", "").Apps, 2)
	l.publish("private-x", "Still", "{}")
	assert.Equal(t, "Still", mine.next().Event)

	again := given[api.MadeApp](l, "POST", "/api/apps", `{"id":"`+made.ID+`"}`)
	assert.Equal(t, made.ID, again.ID, "its id is free again")
	l.connect(pusher.App{ID: again.ID, Key: again.Key, Secret: again.Secret})
}

// TestApps_TheirEnvLinesAreReadBack: a secret may be anything.
func TestApps_TheirEnvLinesAreReadBack(t *testing.T) {
	l := start(t)
	for _, secret := range []string{`a b#c"d$e\f'g`, "true", "'quoted'", "line\nline"} {
		text, err := json.Marshal(map[string]string{"secret": secret})
		require.NoError(t, err)
		made := given[api.MadeApp](l, "POST", "/api/apps", string(text))
		require.Equal(t, secret, made.Secret)
		file, err := dotenv.Parse(".env", []byte(made.Env))
		require.NoError(t, err, made.Env)
		values := dotenv.Resolve(file, nil)
		for name, want := range map[string]string{"REVERB_APP_ID": made.ID, "REVERB_APP_KEY": made.Key, "REVERB_APP_SECRET": secret, "REVERB_SCHEME": "http"} {
			got, _ := values.Env(name)
			assert.Equal(t, want, got, made.Env)
		}
	}
}

// TestApps_NobodyWaitsForOneThatIsRemoved: nor do those who wait for another.
func TestApps_NobodyWaitsForOneThatIsRemoved(t *testing.T) {
	l := start(t)
	made := given[api.MadeApp](l, "POST", "/api/apps", `{"id":"worker"}`)
	type answer struct {
		status int
		text   string
	}
	mine, other := make(chan answer, 1), make(chan answer, 1)
	wait := func(app string, to chan answer) {
		status, text, err := l.request("GET", "/api/events/wait?timeout=1m&event=E&app="+app, "")
		assert.NoError(t, err)
		to <- answer{status, text}
	}
	go wait(l.creds.ID, other)
	began := time.Now()
	for delay := 0; ; delay++ {
		go wait("worker", mine)
		for range delay { // until the wait has begun when the app goes
			given[api.Published](l, "POST", "/api/publish", `{"app":"worker","channel":"c","event":"Other"}`)
		}
		given[api.RemovedApp](l, "DELETE", "/api/apps/worker", "")
		got := <-mine
		if got.status == http.StatusGone {
			assert.JSONEq(t, `{"code":"gone","message":"The application with the id worker was removed while its events were waited for."}`, got.text)
			break
		}
		require.Equal(t, http.StatusNotFound, got.status, got.text)
		assert.Contains(t, got.text, "There is no application with the id worker.")
		made = given[api.MadeApp](l, "POST", "/api/apps", `{"id":"worker"}`)
	}
	require.Equal(t, "worker", made.ID)
	require.Less(t, time.Since(began), 50*time.Second)
	for {
		l.publish("portal", "E", "{}")
		select {
		case got := <-other:
			assert.Equal(t, 200, got.status)
			assert.Contains(t, got.text, `"event":"E"`)
			return
		case <-time.After(20 * time.Millisecond): // the wait may not have begun yet
		}
	}
}

// TestApps_UnknownOnesAreUnknownEverywhere: a typing mistake is not an app in which nothing happens.
func TestApps_UnknownOnesAreUnknownEverywhere(t *testing.T) {
	l := start(t)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/api/events?app=zzz", ""},
		{"GET", "/api/events?app=zzz&kind=published", ""},
		{"DELETE", "/api/events?app=zzz", ""},
		{"GET", "/api/events/wait?app=zzz", ""},
		{"POST", "/api/publish", `{"app":"zzz","event":"x","channel":"c"}`},
		{"GET", "/api/connections?app=zzz", ""},
		{"GET", "/api/channels?app=zzz", ""},
		{"GET", "/api/channels/portal?app=zzz", ""},
		{"GET", "/api/state?app=zzz", ""},
		{"GET", "/api/state?app=zzz&at=1", ""},
		{"DELETE", "/api/apps/zzz", ""},
		{"GET", "/api/apps/zzz/secret", ""},
	} {
		p := l.refused(http.StatusNotFound, c.method, c.path, c.body, "X-Echolab-Page", "1")
		assert.Equal(t, api.Problem{Code: "not_found", Message: "There is no application with the id zzz."}, p, c.method+" "+c.path)
	}
	assert.Empty(t, given[api.Entries](l, "GET", "/api/events?app="+l.creds.ID, "").Entries, "nothing happened there yet")
	l.publish("portal", "E", "{}") // entry 1 is over now
	p := l.refused(http.StatusNotFound, "GET", "/api/state?app=zzz&at=1", "")
	assert.Equal(t, "There is no application with the id zzz.", p.Message)
	assert.Empty(t, given[api.State](l, "GET", "/api/state?at=1&app="+l.creds.ID, "").Connections)

	made := given[api.MadeApp](l, "POST", "/api/apps", `{"id":"worker"}`)
	given[api.Published](l, "POST", "/api/publish", `{"app":"worker","event":"x","channel":"c"}`)
	given[api.RemovedApp](l, "DELETE", "/api/apps/"+made.ID, "")
	assert.Len(t, given[api.Entries](l, "GET", "/api/events?app=worker&kind=published", "").Entries, 1, "what a removed one left can be read")
	assert.Empty(t, given[api.Entries](l, "GET", "/api/events?app=worker&event=y", "").Entries)
	published := given[api.Entries](l, "GET", "/api/events?app=worker&kind=published", "").Entries[0].Seq
	for at := published; at <= given[api.Status](l, "GET", "/api/status", "").LastSeq; at++ { // the newest entry's moment is over for it too
		state := given[api.State](l, "GET", fmt.Sprintf("/api/state?app=worker&at=%d", at), "")
		assert.Equal(t, []any{at, []api.Connection{}}, []any{state.Seq, state.Connections})
	}
	assert.Contains(t, l.refused(http.StatusNotFound, "GET", "/api/state?app=worker", "").Message, "no application with the id worker", "now it is not there")
	assert.Positive(t, given[api.Cleared](l, "DELETE", "/api/events?app=worker", "").Entries)
}

// TestApps_MetricsKnowThemWhileTheyAreServed is the whole way from POST to DELETE.
func TestApps_MetricsKnowThemWhileTheyAreServed(t *testing.T) {
	l := start(t)
	scrape := func() string {
		w := httptest.NewRecorder()
		l.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	assert.Contains(t, scrape(), fmt.Sprintf(`echolab_deliveries_total{app="%s"} 0`, l.creds.ID))
	made := given[api.MadeApp](l, "POST", "/api/apps", `{"id":"worker"}`)
	assert.Contains(t, scrape(), `echolab_events_accepted_total{app="worker",source="server"} 0`)
	l.connect(pusher.App{ID: made.ID, Key: made.Key, Secret: made.Secret})
	given[api.Published](l, "POST", "/api/publish", `{"app":"worker","event":"x","channel":"c"}`)
	text := scrape()
	for _, line := range []string{
		`echolab_events_accepted_total{app="worker",source="server"} 1`, `echolab_connections_opened_total{app="worker"} 1`,
		`echolab_publish_duration_seconds_count{source="server"} 1`, `echolab_publish_duration_seconds_count{source="http"} 0`,
	} {
		assert.Contains(t, text, line)
	}
	given[api.RemovedApp](l, "DELETE", "/api/apps/worker", "")
	require.NotNil(t, given[api.Waited](l, "GET", "/api/events/wait?after=0&kind=closed", "").Entry)
	text = scrape()
	assert.NotContains(t, text, `app="worker"`)
	assert.Contains(t, text, `echolab_connections_closed_total{app="(not served)",reason="app_removed"} 1`)
}

func TestApps_SayWhatIsWrongAndWhere(t *testing.T) {
	l := start(t)
	for body, words := range map[string][]string{
		`{"max_connections":-1}`: {"1:20", "max_connections", "whole number"},
		`{"max_conections":1}`:   {"did you mean max_connections?"},
		`{"ping_interval":60}`:   {"ping_interval", "write 60s"},
		`{"id":"a/b"}`:           {"1:7", "id: a/b: must be 1 to 100 letters, digits"},
		`{"id":".."}`:            {"not begin with a dot"},
		`{"id":"."}`:             {"not begin with a dot"},
		`{"id":"two words"}`:     {"letters, digits"},
		`{"id":"a#b"}`:           {"letters, digits"},
		`{"id":"a\nb"}`:          {"letters, digits"},
		`{"id":"größe"}`:         {"letters, digits"},
		`{"key":"a$b"}`:          {"key: a$b: must be 1 to 100"},
		`{"key":"` + strings.Repeat("x", 101) + `"}`: {"must be 1 to 100"},
		`{"accept_client_events_from":"x"}`:          {"members or all or none"},
		`{"webhooks":[{"events":[]}]}`:               {"url"},
		`[]`:                                         {"object"},
		`id: yaml`:                                   {"JSON object"},
	} {
		p := l.refused(http.StatusBadRequest, "POST", "/api/apps", body)
		for _, word := range words {
			assert.Contains(t, p.Message, word, body)
		}
	}
	for _, body := range []string{`{"id":"` + l.creds.ID + `"}`, `{"key":"` + l.creds.Key + `"}`} {
		assert.Contains(t, l.refused(http.StatusConflict, "POST", "/api/apps", body).Message, "served already")
	}
	assert.Contains(t, l.refused(http.StatusConflict, "DELETE", "/api/apps/"+l.creds.ID, "").Message, "configuration")
}
