package emulator

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// upgrader does the handshake. Compression is not offered, as Reverb offers none; the read buffer is small because
// most connections are quiet.
var upgrader = websocket.Upgrader{
	ReadBufferSize:  1024,
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
	app, known := s.apps.ByKey(params[0])
	ws, err := upgrader.Upgrade(w, r, upgradeHeader)
	if err != nil {
		return
	}
	if !known {
		app = &pusher.App{}
	}
	c := &conn{app: app, ws: ws, nc: plain(ws.NetConn())}
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
		go c.turnAway(pusher.ErrNoApp, r)
		return
	}
	c.hub = s.hub(app)
	if e := s.door(c, r); e != nil {
		go c.turnAway(e, r)
		return
	}
	c.hub.add(c)
	e := c.entry(journal.Opened)
	e.Note = r.Header.Get("Origin")
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
	go func() {
		defer s.conns.Done()
		c.serve()
	}()
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

// turnAway tells a new connection why it may not stay and ends it.
func (c *conn) turnAway(e *pusher.Error, r *http.Request) {
	s := c.hub.srv
	defer s.conns.Done()
	s.journal.Append(journal.Entry{Kind: journal.Refused, Source: journal.Client, App: c.hub.appID,
		Event: "connect " + r.URL.Path, Note: e.Error() + originNote(e, r)})
	s.log.Info("connection refused", "path", r.URL.Path, "reason", e.Error(), "origin", r.Header.Get("Origin"))
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
		return ": " + origin
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
		if wildcard(pattern, host) {
			return true
		}
	}
	return false
}

// wildcard matches the whole of s, case-sensitively (laravel/framework Str::is).
func wildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, parts[last])
}

func (c *conn) established() {
	c.send(textFrame(pusher.EstablishedText(c.id, int(c.app.ActivityTimeout/time.Second))))
}

// buffers hold inbound messages while they are handled.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

var errTooBig = errors.New("message too big")

// read handles messages until the connection ends and says why it did.
func (c *conn) read() (reason string) {
	c.ws.SetPingHandler(func(payload string) error {
		c.controls.Store(true)
		c.touch()
		c.send(newFrame(opPong, []byte(payload)))
		return nil
	})
	c.ws.SetPongHandler(func(string) error {
		c.controls.Store(true)
		c.touch()
		return nil
	})
	c.ws.SetCloseHandler(func(code int, text string) error {
		c.end(closeFrame(code, text), "closed by the client with "+itoa(code))
		return nil
	})
	for {
		kind, r, err := c.ws.NextReader()
		if errors.Is(err, websocket.ErrReadLimit) { // a length that is no length: its highest bit is set
			c.end(closeFrame(websocket.CloseMessageTooBig, "Maximum message size exceeded"), "a message of more than "+itoa(c.app.MaxMessageSize)+" bytes")
		}
		if err != nil {
			return endReason(err)
		}
		buf := buffers.Get().(*[]byte)
		message, err := readMessage(r, (*buf)[:0], c.app.MaxMessageSize)
		switch {
		case err == nil && kind == websocket.TextMessage && !utf8.Valid(message):
			c.end(closeFrame(websocket.CloseInvalidFramePayloadData, ""), "text that is not UTF-8")
			err = errTooBig
		case errors.Is(err, errTooBig):
			c.end(closeFrame(websocket.CloseMessageTooBig, "Maximum message size exceeded"), "a message of more than "+itoa(c.app.MaxMessageSize)+" bytes")
		case err == nil:
			c.touch()
			c.handle(message)
		}
		if cap(message) <= 64<<10 {
			*buf = message
			buffers.Put(buf)
		}
		if err != nil {
			return endReason(err)
		}
		if c.over() {
			return "" // the reason is known already
		}
	}
}

// readMessage reads one message of at most limit bytes into buf.
func readMessage(r io.Reader, buf []byte, limit int) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), limit+1)])
		buf = buf[:len(buf)+n]
		if len(buf) > limit {
			return buf, errTooBig
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// endReason puts the end of reading into words.
func endReason(err error) string {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		return "closed by the client with " + itoa(closed.Code)
	}
	if closed != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was lost"
	}
	if what, broken := strings.CutPrefix(err.Error(), "websocket: "); broken {
		return "closed with 1002: not a WebSocket frame: " + what
	}
	return "the connection was lost: " + err.Error()
}

func itoa(n int) string { return strconv.Itoa(n) }
