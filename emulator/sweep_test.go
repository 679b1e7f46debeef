package emulator_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
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

// TestSweep_PingsAfterTheIntervalAndGivesUpAfterAnother tells the minutes by a false clock: Reverb's first ping of an
// idle socket was seen after 62.8 s, the drop after 122.8.
func TestSweep_PingsAfterTheIntervalAndGivesUpAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := pusher.DefaultApp()
		srv := emulator.New(emulator.Config{}, apps{&app}, journal.New(journal.Options{}))
		l := pipes{make(chan net.Conn), make(chan struct{})}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = srv.Serve(l)
		}()
		ws, _, err := websocket.NewClient(l.dial(), &url.URL{Scheme: "ws", Host: "x", Path: "/app/" + app.Key}, http.Header{}, 1024, 1024)
		require.NoError(t, err)
		read := func() string {
			var m message
			require.NoError(t, ws.ReadJSON(&m))
			return m.Event + m.text()
		}
		began := time.Now()
		require.Contains(t, read(), "pusher:connection_established")
		require.Equal(t, "pusher:ping", read())
		assert.InDelta(t, 60, time.Since(began).Seconds(), 1.1)
		require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"pusher:pong","data":{}}`)))
		answered := time.Now()
		require.Equal(t, "pusher:ping", read())
		assert.InDelta(t, 60, time.Since(answered).Seconds(), 1.1, "a pong is a sign of life")
		assert.Contains(t, read(), "4201")
		assert.InDelta(t, 120, time.Since(answered).Seconds(), 2.1)
		_, _, err = ws.ReadMessage()
		assert.True(t, websocket.IsCloseError(err, 4201), "%v", err)
		_ = ws.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, srv.Shutdown(ctx))
		<-served
	})
}
