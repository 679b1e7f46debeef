package echo

import "time"

// transport is pusher-js' TransportConnection with its listeners: one attempt, and the connection that came of it. A
// listener that is nil is not bound.
type transport struct {
	c         *Client
	name      string // ws or wss
	tls       bool
	opened    bool // the transport's state is open
	openedAt  int64
	pingDelay time.Duration // the adaptive one, 0 for none
	sock      *socket
	failed    error // why the socket failed, where it did

	onOpened, onFailed, onGone func() // the strategy's
	shake                      *shake // waits for the first frame
	mine                       bool   // it is the client's connection
	own                        bool   // the page ended it
}

// newTransport begins an attempt.
func (c *Client) newTransport(tls bool) *transport {
	t := &transport{c: c, name: "ws", tls: tls || c.usingTLS, pingDelay: c.pingDelay(tls)}
	if tls {
		t.name = "wss"
	}
	return t
}

func (t *transport) connect() {
	if n := t.c.tell(NoticeConnect); n != nil {
		n.URL = t.c.opt.socketURL(t.tls)
		t.c.told(n)
	}
	t.sock = newSocket(t)
}

func (t *transport) close() {
	t.own = t.own || t.c.leaving
	if t.sock != nil {
		t.sock.close(0)
	}
}

func (t *transport) onOpen() {
	t.opened = true
	t.openedAt = max(1, t.c.loop.now) // 0 is never
	if n := t.c.tell(NoticeOpen); n != nil {
		n.URL = t.c.opt.socketURL(t.tls)
		t.c.told(n)
	}
	if t.onOpened != nil {
		t.onOpened()
	}
}

func (t *transport) onError(err error) {
	if n := t.c.tell(NoticeSocketError); n != nil {
		n.URL, n.Err, n.Own = t.c.opt.socketURL(t.tls), err, t.own
		t.c.told(n)
	}
	if t.onFailed != nil {
		t.onFailed()
	}
}

// onClose tells, in the order of their binding, the strategy, the assistant and the handshake or the connection.
func (t *transport) onClose(e closeEvent) {
	t.opened = false
	if n := t.c.tell(NoticeClosed); n != nil {
		n.URL, n.Code, n.Reason, n.Clean = t.c.opt.socketURL(t.tls), e.code, e.reason, e.clean
		n.Current, n.Own = t.mine, t.own
		t.c.told(n)
	}
	gone, waiting := t.onGone, t.shake
	if gone != nil {
		gone()
	}
	t.c.assist(t, e)
	switch {
	case waiting != nil:
		waiting.closed(e)
	case t.mine:
		t.mine = false
		t.c.connectionClosed(t, e)
	}
	t.sock = nil
}

func (t *transport) onMessage(text []byte, binary bool) {
	switch {
	case t.shake != nil:
		t.shake.message(text, binary)
	case t.mine:
		t.c.message(text, binary)
	}
}

// assist is AssistantToTheTransportManager: a socket that died young makes the next one ping sooner. ws and wss have one
// each.
func (c *Client) assist(t *transport, e closeEvent) {
	longest := c.opt.activityTimeout()
	if t.openedAt == 0 || e.code == 1002 || e.code == 1003 || e.clean {
		return
	}
	if life := time.Duration(c.loop.now - t.openedAt); life < 2*longest {
		*c.delay(t.name == "wss") = max(life/2, 10*time.Second)
	}
}

func (c *Client) delay(wss bool) *time.Duration {
	if wss {
		return &c.delays[1]
	}
	return &c.delays[0]
}

func (c *Client) pingDelay(wss bool) time.Duration { return *c.delay(wss) }

// shake is pusher-js' Handshake: it takes the first frame or the close.
type shake struct {
	t    *transport
	done func(outcome)
}

// outcome is what a handshake came to.
type outcome struct {
	action  action
	t       *transport
	problem *Problem
	socket  string
	timeout time.Duration
}

// action is what is to be done after a close code or the first frame.
type action uint8

const (
	actNone action = iota
	actConnected
	actError // a first frame that is none
	actTLS
	actRefused
	actBackoff
	actRetry
)

// actionOf is Protocol.getCloseAction.
func actionOf(code int) action {
	switch {
	case code < 1002:
		return actNone
	case code <= 1004:
		return actBackoff
	case code < 4000:
		return actNone
	case code == 4000:
		return actTLS
	case code < 4100:
		return actRefused
	case code < 4200:
		return actBackoff
	case code < 4300:
		return actRetry
	}
	return actRefused
}

// problemOf is Protocol.getCloseError.
func problemOf(code int, message string) *Problem {
	if code == 1000 || code == 1001 {
		return nil
	}
	return &Problem{Type: "PusherError", Code: code, HasCode: true, Message: message}
}

func (s *shake) close() {
	s.t.shake = nil
	s.t.close()
}

func (s *shake) closed(e closeEvent) {
	s.t.shake = nil
	act := actionOf(e.code)
	if act == actNone {
		act = actBackoff
	}
	s.done(outcome{action: act, t: s.t, problem: problemOf(e.code, e.reason)})
}

func (s *shake) message(text []byte, binary bool) {
	s.t.shake = nil
	o := s.t.c.greeting(text, binary)
	o.t = s.t
	s.done(o)
	if o.action != actConnected {
		s.t.close()
	}
}
