package echo

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"echolab/emulator/framing"
)

// The states of a socket, as a page sees them in WebSocket.readyState.
const (
	connecting = iota
	opened
	closing
	closed
)

// closeWait is how long a connection is kept whose peer does not answer the close frame. (In the captures Chromium kept
// one for more than 5 s.)
const closeWait = 10 * time.Second

// socket is a page's WebSocket: the upgrade, frames in and out, the closing handshake. What happens is told to a
// transport, always in a task of its own, never within a call of the page.
type socket struct {
	loop  *loop
	t     *transport
	link  link
	state uint8

	queued    bool // in loop.dirty
	place     int  // in loop.sockets
	upgraded  bool
	sentClose bool
	gotClose  bool
	closeCode uint16 // from the peer's frame
	reason    string
	lingering *timer
	in        framing.Reader
	out       []byte
	key       string // Sec-WebSocket-Key until the upgrade has been answered
	deflate   *deflate
}

// newSocket is `new WebSocket(url)`.
func newSocket(t *transport) *socket {
	s := &socket{loop: t.c.loop, t: t, in: framing.Reader{Limit: maxMessage}}
	s.loop.join(s)
	t.c.line.enter(s)
	return s
}

// dial opens the TCP connection, when it is this socket's turn: after the present task, which may yet close it.
func (s *socket) dial() { s.loop.after(s.dialNow) }

func (s *socket) dialNow() {
	if s.state != connecting || s.link != nil {
		return
	}
	o := s.t.c.opt
	address, name := o.address(s.t.tls)
	var err error
	if s.link, err = s.loop.open(s, address, name); err != nil {
		s.loop.after(func() { s.ended(err) })
	}
}

// connected: TCP, and TLS where there is one, are there.
func (s *socket) connected() {
	if s.state != connecting {
		return
	}
	var key [16]byte
	for i := range key {
		key[i] = byte(s.loop.random.Uint32())
	}
	s.key = base64.StdEncoding.EncodeToString(key[:])
	s.out = s.t.c.upgradeRequest(s.out, s.t.tls, s.key)
	s.soon()
}

// accept is what the server has to answer to a key (RFC 6455, section 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// received takes the bytes that came.
func (s *socket) received(b []byte) {
	if s.state == closed {
		return
	}
	if !s.upgraded {
		if s.state != connecting {
			return
		}
		if len(s.in.Partial) > 0 {
			b = append(s.in.Partial, b...)
			s.in.Partial = nil
		}
		answer, rest, err := readUpgrade(b)
		if err == nil && answer == nil {
			s.in.Partial = append([]byte(nil), b...)
			return
		}
		if err == nil {
			err = s.check(answer)
		}
		if err != nil {
			s.hangUp(true)
			s.fail(err)
			return
		}
		s.upgraded, s.key = true, ""
		s.state = opened
		s.t.c.line.leave(s)
		s.t.onOpen()
		b = rest
	}
	if bad := s.in.Feed(b, s.handle); bad != nil && s.state != closed {
		// A browser fails the connection with a close frame that says why, and tells the page 1006.
		s.closeFrame(bad.Code, bad.Reason)
		s.flush()
		s.hangUp(false)
		s.fail(errors.New(bad.Reason))
	}
}

// check compares the answer with what RFC 6455, section 4.1 asks for.
func (s *socket) check(a *upgradeAnswer) error {
	switch {
	case a.status != 101:
		return &HTTPError{Status: a.status}
	case a.accept != accept(s.key):
		return errors.New("the answer to the WebSocket handshake has a wrong Sec-WebSocket-Accept")
	case !a.upgrade:
		return errors.New("the answer to the WebSocket handshake has no Upgrade: websocket")
	}
	if a.extensions != "" {
		d, err := newDeflate(a.extensions)
		if err != nil {
			return err
		}
		s.deflate = d
		s.in.Compressed = true
	}
	return nil
}

// handle takes one message or control frame; false stops reading.
func (s *socket) handle(op byte, compressed bool, payload []byte) bool {
	switch op {
	case framing.Text, framing.Binary:
		if s.state != opened {
			return true // a page hears no messages after it has closed
		}
		if compressed {
			var err error
			if payload, err = s.deflate.inflate(payload); err != nil {
				s.closeFrame(1002, "")
				s.flush()
				s.hangUp(false)
				s.fail(fmt.Errorf("a compressed frame: %w", err))
				return false
			}
		}
		s.t.onMessage(payload, op == framing.Binary)
	case framing.Ping:
		if !s.sentClose {
			s.out = appendFrame(s.out, framing.Pong, payload, s.loop.random.Uint32())
			s.soon()
		}
	case framing.Close:
		code, reason, bad := framing.ReadClose(payload)
		if bad != nil {
			s.closeFrame(1002, "")
			s.flush()
			s.hangUp(false)
			s.fail(errors.New(bad.Reason))
			return false
		}
		s.gotClose = true
		s.closeCode, s.reason = uint16(code), reason
		if !s.sentClose {
			s.out = appendFrame(s.out, framing.Close, payload, s.loop.random.Uint32())
			s.sentClose = true
			s.flush()
		}
		s.finish()
		return false
	}
	return s.state != closed
}

// send is WebSocket.send at the end of the task, which is when pusher-js calls it: nothing happens unless the socket is
// open then.
func (s *socket) send(text []byte) {
	if s.state != opened {
		return
	}
	if s.deflate != nil {
		s.out = s.deflate.append(s.out, text, s.loop.random.Uint32())
	} else {
		s.out = appendFrame(s.out, framing.Text, text, s.loop.random.Uint32())
	}
	s.soon()
}

// close is WebSocket.close(); code is 0 for a frame without one, as pusher-js closes.
func (s *socket) close(code int) {
	switch s.state {
	case connecting:
		s.state = closing
		s.hangUp(true)
		s.loop.after(func() { s.fail(errors.New("WebSocket is closed before the connection is established")) })
	case opened:
		s.state = closing
		s.out = s.out[:0] // what this task has sent: too late
		s.closeFrame(code, "")
		s.lingering = s.loop.startFunc(closeWait, func() {
			s.hangUp(false)
			s.finish()
		})
	}
}

func (s *socket) closeFrame(code int, reason string) {
	if s.sentClose {
		return
	}
	s.sentClose = true
	var payload []byte
	if code != 0 {
		payload = append([]byte{byte(code >> 8), byte(code)}, reason...)
	}
	s.out = appendFrame(s.out, framing.Close, payload, s.loop.random.Uint32())
	s.soon()
}

// soon has what is in out written at the end of the task.
func (s *socket) soon() {
	if !s.queued {
		s.queued = true
		s.loop.dirty = append(s.loop.dirty, s)
	}
}

func (s *socket) flush() {
	s.queued = false
	if len(s.out) == 0 {
		return
	}
	out := s.out
	s.out = nil
	if s.link != nil {
		s.link.write(out)
	}
}

// ended: there is nothing more to come from the peer, by the link's own account.
func (s *socket) ended(err error) {
	if s.state == closed {
		return
	}
	s.hangUp(false)
	if s.state == connecting {
		if err == io.EOF {
			err = errors.New("the connection ended before the WebSocket handshake was answered")
		}
		s.fail(err)
		return
	}
	s.finish()
}

// hangUp lets go of the TCP connection.
func (s *socket) hangUp(reset bool) {
	if s.link != nil {
		s.link.close(reset)
		s.link = nil
	}
}

// fail ends a socket with an error event before its close event.
func (s *socket) fail(err error) {
	if s.state == closed {
		return
	}
	s.closeCode, s.reason, s.gotClose = 0, "", false
	s.t.failed = err
	s.t.onError(err)
	s.finish()
}

// finish is the close event: 1006 unless both sides have said goodbye.
func (s *socket) finish() {
	if s.state == closed {
		return
	}
	s.flush()
	s.state = closed
	s.loop.abort(s.lingering)
	s.hangUp(false)
	s.loop.part(s)
	s.t.c.line.leave(s)
	e := closeEvent{code: 1006}
	if s.gotClose && s.sentClose {
		e = closeEvent{code: int(s.closeCode), reason: s.reason, clean: true}
	}
	s.in = framing.Reader{}
	s.t.onClose(e)
}

// closeEvent is what WebSocket.onclose gets.
type closeEvent struct {
	code   int
	reason string
	clean  bool
}

// queue lets one socket at a time connect to the same host and port, as browsers do (RFC 6455, section 4.1): with the
// same port for ws and wss, Laravel's default, the one waits for the other.
type queue struct {
	sockets []*socket
}

func (q *queue) enter(s *socket) {
	q.sockets = append(q.sockets, s)
	if q.first(s) {
		s.dial()
	}
}

func (q *queue) first(s *socket) bool {
	address, _ := s.t.c.opt.address(s.t.tls)
	for _, other := range q.sockets {
		if other == s {
			return true
		}
		if a, _ := s.t.c.opt.address(other.t.tls); a == address {
			return false
		}
	}
	return false
}

func (q *queue) leave(s *socket) {
	for i, other := range q.sockets {
		if other != s {
			continue
		}
		address, _ := s.t.c.opt.address(s.t.tls)
		q.sockets = append(q.sockets[:i], q.sockets[i+1:]...)
		if len(q.sockets) == 0 {
			q.sockets = nil
		}
		for _, next := range q.sockets {
			if a, _ := s.t.c.opt.address(next.t.tls); a == address {
				if next.link == nil {
					next.dial()
				}
				return
			}
		}
		return
	}
}
