package emulator

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"echolab/emulator/framing"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// upgrader does the handshake. Compression is not offered, as Reverb offers none; what it allocates for reading and
// writing is not used: see framing.Reader and conn.flush.
var upgrader = websocket.Upgrader{
	ReadBufferSize:  256,
	WriteBufferPool: &sync.Pool{},
	CheckOrigin:     func(*http.Request) bool { return true }, // decided after the upgrade, as Reverb does
	Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		refuse(w, status, http.StatusText(status)+": "+strings.TrimPrefix(reason.Error(), "websocket: "))
	},
}

var upgradeHeader = http.Header{"X-Powered-By": {"Laravel Reverb"}}

// connect is GET /app/{key}.
func (s *Server) connect(w http.ResponseWriter, r *http.Request, _ string, params []string) {
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Upgrade", "websocket")
		refuse(w, http.StatusUpgradeRequired, "This is a WebSocket address: connect to it with laravel-echo or pusher-js.")
		return
	}
	s.admit() // a store that is far behind holds newcomers too
	app, known := s.apps.ByKey(params[0])
	ws, err := upgrader.Upgrade(w, r, upgradeHeader)
	if err != nil {
		return
	}
	if !known {
		app = &pusher.App{}
	}
	c := &conn{app: app, nc: plain(ws.NetConn())}
	if _, ok := c.nc.(*net.TCPConn); ok {
		c.raw = rawOf(c.nc)
	}
	c.visit = newVisit(r.Header.Get("Origin"), r.UserAgent())
	c.touch()
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		_ = c.nc.Close()
		return
	}
	s.conns.Add(1)
	s.mu.Unlock()
	if !known {
		c.hub = newHub(s, "")
		go c.turnAway(pusher.ErrNoApp, r, s.whyNot(params[0]))
		return
	}
	c.hub = s.hub(app)
	if e := s.door(c, r); e != nil {
		go c.turnAway(e, r, originNote(e, r))
		return
	}
	c.hub.add(c)
	e := c.entry(journal.Opened)
	e.Note = short(r.Header.Get("Origin"))
	s.journal.Append(e)
	c.established()
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing { // came in while Shutdown looked at who was there
		c.sendAway(pusher.ErrRestart, "the server is shutting down")
	}
	if c.hub.gone.Load() { // came in while Drop looked at who was there
		c.endGone()
	}
	// The handler returns, so that net/http's buffers are freed: 5 kB a connection instead of 17.
	s.open.Add(1)
	go c.serve()
}

// door decides whether a new connection may stay (laravel/reverb Server::open, in its order).
func (s *Server) door(c *conn, r *http.Request) *pusher.Error {
	if s.profile.ChecksProtocol {
		switch version := r.URL.Query().Get("protocol"); {
		case version == "":
			return pusher.ErrNoProtocol
		default:
			if n, err := strconv.Atoi(version); err != nil || n < 5 || n > 7 {
				return pusher.ErrProtocol
			}
		}
	}
	if most := c.app.MaxConnections; most != nil && !c.hub.roomWithin(*most, 50*time.Millisecond) {
		return pusher.ErrQuota
	}
	if !originAllowed(c.app.AllowedOrigins, r.Header.Get("Origin")) {
		return pusher.ErrOrigin
	}
	return nil
}

// whyNot is what there is to say about a key that names no application, as the end of a sentence.
func (s *Server) whyNot(key string) string {
	if explains, ok := s.apps.(KeyExplainer); ok {
		if why := explains.WhyNot(key); why != "" {
			return ": " + why
		}
	}
	return ""
}

// turnAway tells a new connection why it may not stay and ends it. What only the developer is to know is in more.
func (c *conn) turnAway(e *pusher.Error, r *http.Request, more string) {
	s := c.hub.srv
	defer s.conns.Done()
	s.admit()
	s.journal.Append(journal.Entry{Kind: journal.Refused, Source: journal.Client, App: c.hub.appID,
		Event: "connect " + short(r.URL.Path), Note: e.Error() + more})
	path, origin := short(r.URL.Path), short(r.Header.Get("Origin"))
	s.say(slog.LevelInfo, "connection refused", path+" "+origin, e.Error()+more, "path", path, "reason", e.Error()+more, "origin", origin)
	c.send(textFrame(s.profile.ErrorText(e)))
	if e == pusher.ErrNoApp {
		c.sendAway(e, e.Message)
	} else {
		c.end(closeFrame(e.Code, e.Message), e.Message)
	}
	<-c.drained
	c.hangUp()
}

func originNote(e *pusher.Error, r *http.Request) string {
	if e != pusher.ErrOrigin {
		return ""
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		return ": " + short(origin)
	}
	return ": there was no Origin header"
}

// originAllowed compares the host of an Origin with patterns in which * stands for any run of characters
// (laravel/reverb Server::verifyOrigin). Exactly * allows everything, no Origin included.
func originAllowed(allowed []string, origin string) bool {
	for _, pattern := range allowed {
		if pattern == "*" {
			return true
		}
	}
	host := ""
	if u, err := url.Parse(origin); err == nil {
		host = strings.TrimSuffix(u.Host, ":"+u.Port()) // an IPv6 address keeps its brackets, as with PHP's parse_url
	}
	for _, pattern := range allowed {
		if pusher.Wildcard(pattern, host) {
			return true
		}
	}
	return false
}

func (c *conn) established() {
	c.send(textFrame(pusher.EstablishedText(c.id, int(c.app.ActivityTimeout/time.Second))))
}

// Handling a message makes a goroutine's stack grow to 8 kB, and the runtime never makes one smaller than 4 again. So a
// quiet connection goes on in a fresh goroutine, which waits in 2 kB: after each of its first messages, and after one that
// came a second or more after the one before.
const (
	freshFirst = 4
	freshAfter = time.Second
)

// read handles messages until the connection ends and says why it did, or until it is to go on in a fresh goroutine.
func (c *conn) read() (reason string, goOn bool) {
	if c.reader == nil {
		c.reader = newReader(c)
		c.in.Masked, c.in.Limit = true, max(c.app.MaxMessageSize, c.hub.srv.profile.MinMessageSize)
	}
	fresh := false
	for {
		b, err := c.reader.next(fresh)
		if err == errNothing {
			return "", true
		}
		if err != nil {
			return endReason(err), false
		}
		before := c.lastSeen.Load()
		bad := c.in.Feed(b, c.hear)
		c.reader.done()
		if bad != nil {
			c.end(closeOf(bad))
		}
		if bad != nil || c.over() {
			return "", false // the reason is known already
		}
		if fresh = c.lastSeen.Load()-before > int64(freshAfter); c.first < freshFirst {
			c.first++
			fresh = true
		}
	}
}

// hear deals with one message or control frame; false ends the reading.
func (c *conn) hear(op byte, _ bool, payload []byte) bool {
	switch op {
	case framing.Ping:
		c.controls.Store(true)
		c.touch()
		c.send(newFrame(framing.Pong, payload))
	case framing.Pong:
		c.controls.Store(true)
		c.touch()
	case framing.Close:
		code, text, bad := framing.ReadClose(payload)
		if bad != nil {
			c.end(closeOf(bad))
		} else {
			c.end(closeFrame(code, text), "closed by the client with "+itoa(code))
		}
		return false
	default: // text, and binary, which Reverb takes for text
		c.touch()
		c.handle(payload)
		return !c.over()
	}
	return true
}

// endReason puts the end of reading into words.
func endReason(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return "the connection was lost"
	}
	return "the connection was lost: " + err.Error()
}

func itoa(n int) string { return strconv.Itoa(n) }
