package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/api"
	"echolab/emulator/pusher"
)

// live is an Echolab that serves its API on a port of its own, with everything in memory.
type live struct {
	*app.App
	t     *testing.T
	creds pusher.App
}

func start(t *testing.T) *live { return startWith(t, func(*app.Config) {}) }

func startWith(t *testing.T, change func(*app.Config)) *live {
	t.Helper()
	dir := t.TempDir()
	cfg, err := app.Load(app.Sources{Flags: map[string]string{"port": "0", "ui-port": "0", "db": ":memory:"}, Environ: []string{"HOME=" + dir}, Dir: dir})
	require.NoError(t, err)
	change(&cfg)
	a, err := app.Open(t.Context(), cfg, nil)
	require.NoError(t, err)
	a.Mount(api.New(api.For(a, "0.0.0-test"), api.Options{}))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	return &live{App: a, t: t, creds: cfg.Apps[0]}
}

// ask sends a request as a test tool would and returns the status and the whole answer.
func (l *live) ask(method, target, body string, headers ...string) (int, string) {
	l.t.Helper()
	status, text, err := l.request(method, target, body, headers...)
	require.NoError(l.t, err)
	return status, text
}

// request is ask for other goroutines.
func (l *live) request(method, target, body string, headers ...string) (int, string, error) {
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.UIURL()+target, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// given asks and reads what must be a success.
func given[T any](l *live, method, target, body string, headers ...string) (v T) {
	l.t.Helper()
	status, text := l.ask(method, target, body, headers...)
	require.Equal(l.t, http.StatusOK, status, text)
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	require.NoError(l.t, d.Decode(&v), text)
	return v
}

// refused asks and reads what must be a problem.
func (l *live) refused(status int, method, target, body string, headers ...string) api.Problem {
	l.t.Helper()
	got, text := l.ask(method, target, body, headers...)
	require.Equal(l.t, status, got, text)
	var p api.Problem
	require.NoError(l.t, json.Unmarshal([]byte(text), &p), text)
	return p
}

// client is one socket.
type client struct {
	*websocket.Conn
	t  *testing.T
	id string
}

type frame struct{ Event, Channel, Data string }

func (l *live) connect(app pusher.App) *client {
	l.t.Helper()
	ws, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(l.URL(), "http")+"/app/"+app.Key+"?protocol=7",
		http.Header{"Origin": {"http://portal.test"}, "User-Agent": {"tester"}})
	require.NoError(l.t, err)
	_ = res.Body.Close()
	l.t.Cleanup(func() { _ = ws.Close() })
	c := &client{Conn: ws, t: l.t}
	var hello struct {
		SocketID string `json:"socket_id"`
	}
	require.NoError(l.t, json.Unmarshal([]byte(c.next().Data), &hello))
	c.id = hello.SocketID
	return c
}

func (c *client) next() (f frame) {
	c.t.Helper()
	require.NoError(c.t, c.ReadJSON(&f))
	return f
}

func (c *client) join(app pusher.App, channel, user string) *client {
	c.t.Helper()
	data := ""
	if user != "" {
		data = `{"user_id":"` + user + `","user_info":{}}`
	}
	require.NoError(c.t, c.WriteJSON(map[string]any{"event": "pusher:subscribe", "data": map[string]string{
		"channel": channel, "channel_data": data, "auth": app.AuthString(pusher.ChannelText(c.id, channel, data)),
	}}))
	require.Equal(c.t, "pusher_internal:subscription_succeeded", c.next().Event)
	return c
}

// closed is the code that ends the connection.
func (c *client) closed() int {
	c.t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if closing := (*websocket.CloseError)(nil); err != nil {
			require.ErrorAs(c.t, err, &closing)
			return closing.Code
		}
	}
}
