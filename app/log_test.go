package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/journal"
)

// noted is a log that can be read while it is written.
type noted struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (n *noted) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *noted) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// TestApp_TheLogSaysWhatAPersonNeedsAndNoSecret: everything that can be logged is, at the level that says most.
func TestApp_TheLogSaysWhatAPersonNeedsAndNoSecret(t *testing.T) {
	const secret, token, password = "sEcReT-4711-distinct", "t0ken-of-a-webhook", "passw0rd-of-a-webhook"
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "echolab.yaml"), []byte(`
apps:
  - id: portal
    key: portal-key
    secret: `+secret+`
    webhooks:
      - url: http://user:`+password+`@127.0.0.1:1/hook?token=`+token+`
`), 0o600))
	cfg, err := app.Load(app.Sources{Flags: map[string]string{"port": "0", "ui-port": "0", "db": ":memory:", "debug": "true"}, Environ: []string{"HOME=" + dir}, Dir: dir})
	require.NoError(t, err)
	var log noted
	a, err := app.Open(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	a.Mount(http.NotFoundHandler())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	r := &running{App: a, t: t, creds: cfg.Apps[0]}

	ada := r.visit("presence-online", `{"user_id":"7","user_info":{}}`)
	status, err := publish(r.URL(), &r.creds, "presence-online", "InvoiceCreated", `{"id":42}`)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	_, frame, err := ada.ReadMessage()
	require.NoError(t, err)
	require.Contains(t, string(frame), "InvoiceCreated")
	forged := r.creds
	forged.Secret = "another"
	status, err = publish(r.URL(), &forged, "presence-online", "E", "1")
	require.NoError(t, err)
	require.Equal(t, 401, status)
	response, err := http.Post(r.URL()+"/apps/portal/events?auth_key=portal-key&auth_signature=0123456789abcdef", "application/json", nil)
	require.NoError(t, err)
	_ = response.Body.Close()
	status, err = publish(r.URL(), &r.creds, "", "", "")
	require.NoError(t, err)
	require.Equal(t, 422, status)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+r.URL()[4:]+"/app/no-such-key?auth_signature=0123456789abcdef", nil)
	require.NoError(t, err)
	_, _, err = ws.ReadMessage()
	require.NoError(t, err)
	_ = ws.Close()
	for range 20 { // as a page does that tries again and again
		response, err := http.PostForm(r.URL()+"/broadcasting/auth", url.Values{"socket_id": {"1.2"}, "channel_name": {"private-nobody." + strings.Repeat("x", 5000)}})
		require.NoError(t, err)
		_ = response.Body.Close()
	}
	require.NoError(t, ada.WriteJSON(map[string]any{"event": "pusher:subscribe", "data": map[string]string{"channel": "private-x", "auth": "portal-key:0"}}))
	_, _, err = ada.ReadMessage()
	require.NoError(t, err)
	_ = ada.Close()
	tail := a.Journal().Follow(0, false)
	defer tail.Close()
	for entries := make([]journal.Entry, 1); entries[0].Kind != journal.Closed; {
		_, _, err := tail.Next(t.Context(), entries)
		require.NoError(t, err)
	}
	cancel()
	require.NoError(t, <-ended)

	text := log.String()
	for _, line := range []string{
		`msg=started url=http://127.0.0.1:`, `msg="request refused" request="POST /apps/portal/events" status=401`, `status=422`,
		`msg="connection refused" path=/app/no-such-key`, `msg="webhook events given up" receiver=http://127.0.0.1:1/hook events=`, `msg=stopped`,
		`msg="message refused" socket=`, `channel=private-x reason="4009 `, `InvoiceCreated`, `pusher:subscribe`,
	} {
		assert.Contains(t, text, line)
	}
	const no = `level=INFO msg="a channel is refused: no pattern said yes" channel=private-nobody.x`
	assert.Equal(t, 2, strings.Count(text, no), "the first, and how many more at the end: %s", text)
	assert.Contains(t, text, "held_back=19")
	assert.NotContains(t, text, strings.Repeat("x", 500), "a stranger's name is cut")
	for _, never := range []string{secret, token, password, "auth_signature", "0123456789abcdef"} {
		assert.NotContains(t, text, never)
	}
}
