package conversation_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// fake is a scripted server: it says what the test tells it to, whatever it hears.
type fake struct {
	mu      sync.Mutex
	heard   []string            // text messages and HTTP requests, in order
	answers map[string][]string // by message: what is said to it; "close 4100 reason" and "cut" are acts
	sockets []*websocket.Conn
	http    http.HandlerFunc
}

const handshake = `{"event":"pusher:connection_established","data":"{\"socket_id\":\"1234.5678\",\"activity_timeout\":30}"}`

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		body, _ := io.ReadAll(r.Body)
		f.note(r.Method + " " + r.URL.Path + " " + string(body))
		f.http(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/nope") {
		http.NotFound(w, r)
		return
	}
	conn, err := (&websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	f.mu.Lock()
	f.sockets = append(f.sockets, conn)
	f.mu.Unlock()
	if !f.say(conn, "connect") {
		return
	}
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			f.note("ended: " + err.Error())
			return
		}
		f.note(string(message))
		if !f.say(conn, string(message)) {
			return
		}
	}
}

func (f *fake) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = append(f.heard, what)
}

func (f *fake) say(conn *websocket.Conn, to string) bool {
	for _, frame := range f.answers[to] {
		var code int
		var reason string
		switch {
		case frame == "cut":
			return false
		case frame == "ping":
			_ = conn.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second))
		case frame == "binary":
			_ = conn.WriteMessage(websocket.BinaryMessage, []byte("bytes"))
		case strings.HasPrefix(frame, "close "):
			_, _ = fmt.Sscanf(frame, "close %d %s", &code, &reason)
			_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
		default:
			_ = conn.WriteMessage(websocket.TextMessage, []byte(frame))
		}
	}
	return true
}
