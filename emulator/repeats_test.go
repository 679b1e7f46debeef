package emulator_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// TestLog_HoldsBackWhatRepeats: one line at once, and then how many like it there were.
func TestLog_HoldsBackWhatRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := pusher.DefaultApp()
		var log told
		srv := emulator.New(emulator.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, apps{&app}, journal.New(journal.Options{}))
		l := pipes{make(chan net.Conn), make(chan struct{})}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = srv.Serve(l)
		}()
		forged := app
		forged.Secret = "another"
		publish := func(path string, at time.Time) {
			query := url.Values{}
			for name, value := range forged.SignRequest("POST", path, nil, []byte("{}"), at) {
				query.Set(name, value)
			}
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, httptest.NewRequest("POST", path+"?"+query.Encode(), strings.NewReader("{}")))
			require.GreaterOrEqual(t, w.Code, 400)
		}
		large := func() {
			ws, _, err := websocket.NewClient(l.dial(), &url.URL{Scheme: "ws", Host: "x", Path: "/app/" + app.Key}, http.Header{}, 1024, 32<<10)
			require.NoError(t, err)
			_, _, err = ws.ReadMessage()
			require.NoError(t, err)
			closed := make(chan error)
			go func() {
				_, _, err := ws.ReadMessage()
				closed <- err
			}()
			_ = ws.WriteMessage(websocket.TextMessage, []byte(strings.Repeat("x", 10_001))) // refused before it is all sent
			err = <-closed
			require.True(t, websocket.IsCloseError(err, 1009), "%v", err)
			_ = ws.Close()
			synctest.Wait()
		}
		for range 200 {
			publish("/apps/"+app.ID+"/events", time.Now())
		}
		for i := range 3 {
			publish("/apps/other/events", time.Now().Add(-time.Duration(i)*time.Second))
			// The server hangs up at once, so that the client may not come to read why.
			if ws, _, err := websocket.NewClient(l.dial(), &url.URL{Scheme: "ws", Host: "x", Path: "/app/nobody"}, http.Header{}, 1024, 1024); err == nil {
				_ = ws.Close()
			}
			synctest.Wait()
			large()
		}
		const refused = `level=INFO msg="request refused" request="POST /apps/client-portal/events" status=401 reason="401 Authentication signature invalid. \(signed with another secret[^"]*"`
		lines := []string{
			refused,
			`level=INFO msg="request refused" request="POST /apps/other/events" status=404 reason="404 No matching application for ID \[other\]\."`,
			`level=INFO msg="connection refused" path=/app/nobody reason="4001 Application does not exist" origin=""`,
			`level=WARN msg="connection closed with 1009: its message was too large" app=client-portal socket=\S+ reason="a message of more than 10000 bytes: send less, or raise REVERB_APP_MAX_MESSAGE_SIZE"`,
		}
		count := func(pattern string) int { return len(regexp.MustCompile(pattern+`\n`).FindAllString(log.text(), -1)) }
		for _, line := range lines {
			assert.Equal(t, 1, count(line), "%s in\n%s", line, log.text())
		}
		time.Sleep(12 * time.Second) // of a false clock
		synctest.Wait()
		assert.Equal(t, 1, count(lines[0]+" held_back=199"), log.text())
		for _, line := range lines[1:] {
			assert.Equal(t, 1, count(line+" held_back=2"), "%s in\n%s", line, log.text())
		}
		publish("/apps/"+app.ID+"/events", time.Now()) // it goes on: still held back
		time.Sleep(12 * time.Second)
		assert.Equal(t, 1, count(lines[0]+" held_back=1"), log.text())
		time.Sleep(12 * time.Second) // it ended: the next is a line of its own, and what follows is said at the end
		publish("/apps/"+app.ID+"/events", time.Now())
		publish("/apps/"+app.ID+"/events", time.Now())
		assert.Equal(t, 2, count(lines[0]), log.text())
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, srv.Shutdown(ctx))
		<-served
		assert.Equal(t, 2, count(lines[0]+" held_back=1"), log.text())
	})
}
