package app_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// running is an Echolab on free ports.
type running struct {
	*app.App
	t     *testing.T
	creds pusher.App
	stop  func() error
}

func run(t *testing.T, flags map[string]string) *running {
	t.Helper()
	return runLogged(t, flags, nil)
}

func runLogged(t *testing.T, flags map[string]string, logger *slog.Logger) *running {
	t.Helper()
	all := map[string]string{"port": "0", "ui-port": "0"}
	for name, value := range flags {
		all[name] = value
	}
	dir := t.TempDir()
	cfg, err := app.Load(app.Sources{Flags: all, Environ: []string{"HOME=" + dir}, Dir: dir})
	require.NoError(t, err)
	a, err := app.Open(t.Context(), cfg, logger)
	require.NoError(t, err)
	a.Mount(http.NotFoundHandler())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	r := &running{App: a, t: t, creds: cfg.Apps[0]}
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { assert.NoError(t, r.stop()) })
	return r
}

// kept reads the database, oldest first, in as many pages as it takes.
func (r *running) kept(q app.Query) (all []journal.Entry) {
	r.t.Helper()
	for q.Limit = cmp.Or(q.Limit, 100); ; {
		page, err := r.Entries(r.t.Context(), q)
		require.NoError(r.t, err)
		if q.Oldest {
			all = append(all, page.Entries...)
		} else {
			all = append(page.Entries, all...)
		}
		if q.Limit -= len(page.Entries); !page.More || q.Limit <= 0 {
			return all
		}
		q = q.Following(page)
	}
}

// publish sends an event over HTTP and returns the status.
func publish(base string, creds *pusher.App, channel, event, data string) (int, error) {
	return publishBut(base, creds, channel, event, data, "")
}

// publishBut leaves a socket out, as toOthers() does.
func publishBut(base string, creds *pusher.App, channel, event, data, except string) (int, error) {
	fields := map[string]string{"name": event, "data": data, "channel": channel}
	if except != "" {
		fields["socket_id"] = except
	}
	body, _ := json.Marshal(fields)
	path := "/apps/" + creds.ID + "/events"
	query := url.Values{}
	for name, value := range creds.SignRequest("POST", path, nil, body, time.Now()) {
		query.Set(name, value)
	}
	response, err := http.Post(base+path+"?"+query.Encode(), "application/json", strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// subscribe connects and enters a channel; the connection is closed at the end of the test.
func (r *running) subscribe(channel, channelData string) *websocket.Conn {
	r.t.Helper()
	ws := r.visit(channel, channelData)
	r.t.Cleanup(func() { _ = ws.Close() })
	return ws
}

// visit is subscribe for a connection that the caller closes.
func (r *running) visit(channel, channelData string) *websocket.Conn {
	r.t.Helper()
	ws, response, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(r.URL(), "http")+"/app/"+r.creds.Key+"?protocol=7", nil)
	require.NoError(r.t, err)
	_ = response.Body.Close()
	var frame struct{ Data string }
	require.NoError(r.t, ws.ReadJSON(&frame))
	var hello struct {
		SocketID string `json:"socket_id"`
	}
	require.NoError(r.t, json.Unmarshal([]byte(frame.Data), &hello))
	require.NoError(r.t, ws.WriteJSON(map[string]any{"event": "pusher:subscribe", "data": map[string]string{
		"channel": channel, "channel_data": channelData, "auth": r.creds.AuthString(pusher.ChannelText(hello.SocketID, channel, channelData)),
	}}))
	require.NoError(r.t, ws.ReadJSON(&frame))
	return ws
}

func TestApp_KeepsEventsAndPresence(t *testing.T) {
	db := filepath.Join(t.TempDir(), "e.sqlite")
	r := run(t, map[string]string{"db": db})
	ada := r.subscribe("presence-online", `{"user_id":"7","user_info":{"name":"Ada"}}`)
	status, err := publish(r.URL(), &r.creds, "presence-online", "InvoiceCreated", `{"id":42,"total":"99.50"}`)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	status, err = publish(r.URL(), &r.creds, "private-client.5", "InvoiceCreated", `{"id":43}`)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	_, frame, err := ada.ReadMessage()
	require.NoError(t, err)
	assert.JSONEq(t, `{"event":"InvoiceCreated","data":"{\"id\":42,\"total\":\"99.50\"}","channel":"presence-online"}`, string(frame))

	entries := r.kept(app.Query{Kinds: []journal.Kind{journal.Published}, Oldest: true})
	require.Len(t, entries, 2, "200 means kept")
	assert.True(t, entries[0].Delivered())
	assert.JSONEq(t, `{"id":42,"total":"99.50"}`, string(entries[0].Data))
	assert.False(t, entries[1].Delivered())
	assert.Equal(t, "Nobody was subscribed to private-client.5.", entries[1].Note)
	before := r.Journal().Last()
	require.NoError(t, r.stop())

	again := run(t, map[string]string{"db": db})
	assert.Greater(t, again.Journal().Last(), before, "sequence numbers go on after a restart")
	count := func() int {
		kept := again.kept(app.Query{Kinds: []journal.Kind{journal.Published}})
		return len(kept)
	}
	assert.Equal(t, 2, count())
}

func TestApp_OneFileAnAppByDefault(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "echolab.yaml")
	require.NoError(t, os.WriteFile(config, []byte("apps:\n  - {id: one, key: k1, secret: s1}\n  - {id: two, key: k2, secret: s2}\n"), 0o600))
	r := run(t, map[string]string{"config": config})
	for _, id := range []string{"one", "two"} {
		creds := pusher.App{ID: id, Key: "k" + map[string]string{"one": "1", "two": "2"}[id], Secret: "s" + map[string]string{"one": "1", "two": "2"}[id]}
		status, err := publish(r.URL(), &creds, "portal", "Announcement", "{}")
		require.NoError(t, err)
		require.Equal(t, 200, status)
	}
	paths := r.Store().Paths
	require.Len(t, paths, 2)
	assert.Equal(t, "one.sqlite", filepath.Base(paths[0]))
	assert.Equal(t, "two.sqlite", filepath.Base(paths[1]))
	for _, id := range []string{"one", "two"} {
		entries := r.kept(app.Query{App: id, Kinds: []journal.Kind{journal.Published}})
		require.Len(t, entries, 1)
		assert.Equal(t, id, entries[0].App)
	}
}

func TestOpen_RefusesABusyPortAndABusyDatabase(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	dir := t.TempDir()
	load := func(flags map[string]string) app.Config {
		cfg, err := app.Load(app.Sources{Flags: flags, Environ: []string{"HOME=" + dir}, Dir: dir})
		require.NoError(t, err)
		return cfg
	}
	_, err = app.Open(t.Context(), load(map[string]string{"port": fmt.Sprint(l.Addr().(*net.TCPAddr).Port), "ui-port": "0"}), nil)
	var e *app.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, app.Busy, e.Code)
	assert.Contains(t, e.Message, "--port")

	db := filepath.Join(dir, "e.sqlite")
	first := run(t, map[string]string{"db": db})
	_, err = app.Open(t.Context(), load(map[string]string{"port": "0", "ui-port": "0", "db": db}), nil)
	require.ErrorAs(t, err, &e)
	assert.Contains(t, e.Message, db)
	assert.Contains(t, e.Message, "--db")
	require.NoError(t, first.stop())
}

// TestApp_SurvivesKill kills a server twenty times under load: whatever was answered with 200 is there afterwards, and
// the database is whole. The server is this test program itself, started again.
func TestApp_SurvivesKill(t *testing.T) {
	if db := os.Getenv("ECHOLAB_TEST_VICTIM"); db != "" {
		victim(db)
		return
	}
	db := filepath.Join(t.TempDir(), "e.sqlite")
	creds := pusher.DefaultApp()
	acknowledged := map[string]bool{}
	for round := range 20 {
		acks := killedUnderLoad(t, db, &creds, round)
		for _, id := range acks {
			acknowledged[id] = true
		}
	}
	require.NotEmpty(t, acknowledged)
	r := run(t, map[string]string{"db": db})
	found := map[string]int{}
	for before := uint64(0); ; {
		entries := r.kept(app.Query{Kinds: []journal.Kind{journal.Published}, Before: before, Limit: 10_000})
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			found[e.Event]++
		}
		before = entries[0].Seq
	}
	for id := range acknowledged {
		assert.Equal(t, 1, found[id], "%s was acknowledged", id)
	}
	t.Logf("%d acknowledged, %d kept", len(acknowledged), len(found))
}

func TestApp_ServesOnWhenTheDatabaseCannotBeWritten(t *testing.T) {
	db := filepath.Join(t.TempDir(), "e.sqlite")
	first := run(t, map[string]string{"db": db})
	require.NoError(t, first.stop())
	other, err := sql.Open("sqlite", "file:"+db+"?_txlock=exclusive&_pragma=busy_timeout(0)")
	require.NoError(t, err)
	defer func() { _ = other.Close() }()
	tx, err := other.Begin() // another program holds it
	require.NoError(t, err)

	r := run(t, map[string]string{"db": db})
	status, err := publish(r.URL(), &r.creds, "portal", "Announcement", "{}")
	require.NoError(t, err)
	assert.Equal(t, 200, status)
	state := r.Store()
	assert.False(t, state.OK)
	assert.Contains(t, state.Error, db)
	assert.Contains(t, state.Error, "locked")
	trouble := r.kept(app.Query{Kinds: []journal.Kind{journal.Trouble}})
	require.Len(t, trouble, 1, "said once, where the page shows it")
	assert.Equal(t, state.Error, trouble[0].Note)
	require.NoError(t, tx.Rollback())
}

func TestMakeApp_IsKeptInTheFirstFileAndForgotten(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "echolab.yaml")
	require.NoError(t, os.WriteFile(config, []byte("apps:\n  - {id: one, key: k1, secret: s1}\n  - {id: two, key: k2, secret: s2}\n"), 0o600))
	r := run(t, map[string]string{"config": config})
	made, err := r.MakeApp([]byte(`{"id":"worker"}`))
	require.NoError(t, err)
	status, err := publish(r.URL(), &made, "portal", "Announcement", "{}")
	require.NoError(t, err)
	require.Equal(t, 200, status)
	assert.Len(t, r.kept(app.Query{App: "worker"}), 1)
	paths := r.Store().Paths
	require.NoError(t, r.stop())
	db, err := sql.Open("sqlite", "file:"+paths[0])
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	var n int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM realtime_events WHERE app = 'worker'").Scan(&n))
	assert.Equal(t, 1, n, filepath.Base(paths[0]))
	assert.Equal(t, "one.sqlite", filepath.Base(paths[0]))
}

// Workers make and remove their apps while everyone else is served.
func TestMakeApp_WhileOthersAreServed(t *testing.T) {
	r := run(t, map[string]string{"db": ":memory:"})
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range 20 {
				made, err := r.MakeApp(nil)
				if !assert.NoError(t, err) {
					return
				}
				for _, creds := range []*pusher.App{&made, &r.creds} {
					status, err := publish(r.URL(), creds, "portal", "Announcement", "{}")
					assert.NoError(t, err)
					assert.Equal(t, 200, status)
				}
				_, err = r.RemoveApp(made.ID)
				assert.NoError(t, err)
				status, err := publish(r.URL(), &made, "portal", "Announcement", "{}")
				assert.NoError(t, err)
				assert.Equal(t, 404, status)
			}
		})
	}
	workers.Wait()
	assert.Len(t, r.Counts(), 1)
}

// An app made anew by the same id signs its webhooks with its own key.
func TestMakeApp_WebhooksAreItsOwn(t *testing.T) {
	r := run(t, map[string]string{"db": ":memory:"})
	keys := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { keys <- q.Header.Get("X-Pusher-Key") }))
	defer hook.Close()
	for _, key := range []string{"first", "second"} {
		made, err := r.MakeApp([]byte(`{"id":"worker","key":"` + key + `","webhooks":[{"url":"` + hook.URL + `","events":["channel_occupied"]}]}`))
		require.NoError(t, err)
		r.creds = made
		ws := r.visit("private-"+key, "")
		assert.Equal(t, key, <-keys)
		_, err = r.RemoveApp("worker")
		require.NoError(t, err)
		_ = ws.Close()
	}
}
