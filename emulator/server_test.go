package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// apps is a fixed set of applications.
type apps []*pusher.App

func (a apps) ByID(id string) (*pusher.App, bool) {
	for _, app := range a {
		if app.ID == id {
			return app, true
		}
	}
	return nil, false
}

func (a apps) ByKey(key string) (*pusher.App, bool) {
	for _, app := range a {
		if app.Key == key {
			return app, true
		}
	}
	return nil, false
}

// server is a running emulator.
type server struct {
	t       testing.TB
	srv     *emulator.Server
	journal *journal.Journal
	app     *pusher.App
	addr    string
}

// start runs an emulator with one app on a free port; it is shut down at the end of the test.
func start(t testing.TB, cfg emulator.Config, change ...func(*pusher.App)) *server {
	t.Helper()
	app := pusher.DefaultApp()
	for _, f := range change {
		f(&app)
	}
	s := &server{t: t, journal: journal.New(journal.Options{}), app: &app}
	s.serveWith(cfg, apps{&app})
	return s
}

// serve puts a server with other apps in place of the one that start made.
func (s *server) serve(all emulator.Apps) {
	s.t.Helper()
	s.serveWith(emulator.Config{}, all)
}

func (s *server) serveWith(cfg emulator.Config, all emulator.Apps) {
	s.t.Helper()
	srv := emulator.New(cfg, all, s.journal)
	s.srv = srv
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.addr = l.Addr().String()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(s.t, srv.Shutdown(ctx))
		<-served
	})
}

func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(s.t, s.srv.Shutdown(ctx))
}

// socket is a raw WebSocket client.
type socket struct {
	t  testing.TB
	s  *server
	ws *websocket.Conn
	id string
}

// dial connects without reading the first frame.
func (s *server) dial(query string) *socket {
	s.t.Helper()
	ws, response, err := websocket.DefaultDialer.Dial("ws://"+s.addr+"/app/"+s.app.Key+query, nil)
	require.NoError(s.t, err)
	_ = response.Body.Close()
	s.t.Cleanup(func() { _ = ws.Close() })
	return &socket{t: s.t, s: s, ws: ws}
}

// connect connects and reads the handshake frame.
func (s *server) connect() *socket {
	s.t.Helper()
	c := s.dial("?protocol=7&client=js&version=8.6.0&flash=false")
	f := c.next()
	require.Equal(s.t, "pusher:connection_established", f.Event)
	var data struct {
		SocketID string `json:"socket_id"`
	}
	require.NoError(s.t, json.Unmarshal([]byte(f.text()), &data))
	c.id = data.SocketID
	return c
}

// message is a frame's JSON.
type message struct {
	Event   string          `json:"event"`
	Channel string          `json:"channel"`
	Data    json.RawMessage `json:"data"`
	UserID  json.RawMessage `json:"user_id"`
}

// text is data as a string.
func (m message) text() string {
	var s string
	_ = json.Unmarshal(m.Data, &s)
	return s
}

func (c *socket) next() message {
	c.t.Helper()
	m, err := c.read()
	require.NoError(c.t, err)
	return m
}

func (c *socket) read() (m message, err error) {
	_ = c.ws.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, b, err := c.ws.ReadMessage()
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

// until reads on to the next frame with this event.
func (c *socket) until(event string) message {
	c.t.Helper()
	for {
		if m := c.next(); m.Event == event {
			return m
		}
	}
}

func (c *socket) send(v any) {
	c.t.Helper()
	b, ok := v.(string)
	if !ok {
		encoded, err := json.Marshal(v)
		require.NoError(c.t, err)
		b = string(encoded)
	}
	require.NoError(c.t, c.ws.WriteMessage(websocket.TextMessage, []byte(b)))
}

// subscribe asks for a channel, signed, and does not wait for the answer.
func (c *socket) subscribe(channel, channelData string) {
	c.t.Helper()
	data := map[string]string{"channel": channel, "auth": c.s.app.AuthString(pusher.ChannelText(c.id, channel, channelData))}
	if channelData != "" {
		data["channel_data"] = channelData
	}
	c.send(map[string]any{"event": "pusher:subscribe", "data": data})
}

// join enters a channel and returns the confirmation.
func (c *socket) join(channel, channelData string) message {
	c.t.Helper()
	c.subscribe(channel, channelData)
	return c.until("pusher_internal:subscription_succeeded")
}

// closeCode reads on until the connection is closed: 1006 when it ended without a close frame.
func (c *socket) closeCode() int {
	c.t.Helper()
	for {
		if _, err := c.read(); err != nil {
			closed, ok := err.(*websocket.CloseError)
			require.True(c.t, ok, "%v", err)
			return closed.Code
		}
	}
}

// call makes a signed request.
func (s *server) call(method, path string, query pusher.Query, body string) (status int, answer string) {
	s.t.Helper()
	signed := url.Values{}
	for name, value := range s.app.SignRequest(method, path, query, []byte(body), time.Now()) {
		signed.Set(name, value)
	}
	r, err := http.NewRequest(method, "http://"+s.addr+path+"?"+signed.Encode(), bytes.NewReader([]byte(body)))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response.StatusCode, string(b)
}

// publish sends an event over HTTP.
func (s *server) publish(channel, event, data string) {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"name": event, "data": data, "channels": []string{channel}})
	require.NoError(s.t, err)
	status, answer := s.call("POST", "/apps/"+s.app.ID+"/events", nil, string(body))
	require.Equal(s.t, 200, status, answer)
}

// frames returns what came before the answer to a ping that is sent now: all that had been queued for this socket.
func (c *socket) frames() (all []message) {
	c.t.Helper()
	c.send(`{"event":"pusher:ping","data":{}}`)
	for {
		m := c.next()
		if m.Event == "pusher:pong" {
			return all
		}
		all = append(all, m)
	}
}

// events names the frames in short: event and channel.
func events(all []message) []string {
	names := []string{}
	for _, m := range all {
		names = append(names, strings.TrimSpace(m.Event+" "+m.Channel))
	}
	return names
}

// refusal is what a pusher:error frame says; Code is nil for null.
type refusal struct {
	Code    *int
	Message string
}

// refused reads the next frame, which must be a pusher:error, data being a string or an object.
func (c *socket) refused() refusal {
	c.t.Helper()
	m := c.next()
	require.Equal(c.t, "pusher:error", m.Event, string(m.Data))
	text := m.text()
	if text == "" {
		text = string(m.Data)
	}
	var r refusal
	require.NoError(c.t, json.Unmarshal([]byte(text), &r))
	return r
}

// code is what refused says in one number, 0 for null.
func (c *socket) code() int {
	c.t.Helper()
	if r := c.refused(); r.Code != nil {
		return *r.Code
	}
	return 0
}

// abort ends TCP without a close frame.
func (c *socket) abort() { _ = c.ws.NetConn().Close() }

// member is channel_data of a user.
func member(id string) string { return `{"user_id":"` + id + `","user_info":{"name":"` + id + `"}}` }

// state waits until a snapshot of the app is as wanted.
func (s *server) state(wanted func(emulator.State) bool) {
	s.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !wanted(s.srv.Snapshot(s.app.ID)) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never so: %+v", s.srv.Snapshot(s.app.ID))
		}
		time.Sleep(time.Millisecond)
	}
}

func empty(state emulator.State) bool { return state.Connections == 0 && len(state.Channels) == 0 }

// watch follows the journal from here on.
func (s *server) watch() *journal.Tail {
	tail := s.journal.Follow(s.journal.Last(), false)
	s.t.Cleanup(tail.Close)
	return tail
}

// next is the next entry.
func next(t testing.TB, tail *journal.Tail) journal.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	one := make([]journal.Entry, 1)
	for {
		n, _, err := tail.Next(ctx, one)
		require.NoError(t, err)
		if n == 1 {
			return one[0]
		}
	}
}

// entry reads on to the next entry of a kind.
func entry(t testing.TB, tail *journal.Tail, kind journal.Kind) journal.Entry {
	t.Helper()
	for {
		if e := next(t, tail); e.Kind == kind {
			return e
		}
	}
}
