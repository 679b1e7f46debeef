package echo

import (
	"strconv"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// State is the connection's, by pusher-js' names.
type State uint8

// The states. After a connection is lost the state stays StateConnected until the client connects again, a second later.
const (
	StateInitialized State = iota
	StateConnecting
	StateConnected
	StateUnavailable
	StateFailed
	StateDisconnected
)

var stateNames = [...]string{"initialized", "connecting", "connected", "unavailable", "failed", "disconnected"}

func (s State) String() string { return stateNames[s] }

// Client is one browser tab with one Echo. Its methods, but for Do and Post, are called on its loop: in a callback, in the
// observer, or in a function given to Do or Post, like the lines of a page's script.
type Client struct {
	// Tag is for whoever made the client.
	Tag any
	// Session is the user's, where an Endpoint authorises: set it before Connect to share it among the tabs of a user, or to
	// log in first. The upgrade sends its cookies too.
	Session *Session

	loop  *loop
	opt   *Options
	place int // in loop.clients

	state    State
	usingTLS bool
	again    bool // it has been connected before
	gone     bool // Close has been called
	leaving  bool // the page is ending the connection: what is closed meanwhile is its own doing

	conn     *transport
	socketID string
	runner   runner
	strategy strategy
	line     queue

	retryTimer, unavailableTimer *timer
	activity                     timer
	activityTimeout              time.Duration
	quietSince                   int64 // when the activity timer was last set anew, on the loop's clock
	waiting                      bool  // a pong is awaited
	began                        int64 // when connecting began

	memory [2]remembered
	delays [2]time.Duration

	channels []*Channel
	user     *User
	changes  []change
	heard    []heardAll
}

type change struct {
	id int
	f  func(status string)
}

// Client makes a client; Connect, on its loop, has it connect. `new Echo` does both.
func (e *Engine) Client(o *Options, tag any) *Client {
	c := &Client{Tag: tag, loop: e.nextLoop(), opt: o, usingTLS: o.TLS}
	c.activity.f = c.activityRang
	c.loop.post(func() { c.loop.hold(c) })
	return c
}

// Post has f run on the client's loop, soon; false where the engine has been closed. It can be called from anywhere.
func (c *Client) Post(f func()) bool { return c.loop.post(f) }

// Do is Post that waits until f has run. It must not be called on a loop.
func (c *Client) Do(f func()) bool {
	done := make(chan struct{})
	if !c.loop.post(func() { defer close(done); f() }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-c.loop.done:
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// After has f run on the client's loop once d has passed. stop, on the loop, takes it back.
func (c *Client) After(d time.Duration, f func()) (stop func()) {
	c.loop.look()
	t := c.loop.startFunc(d, f)
	return func() { c.loop.abort(t) }
}

// Options are what the client was made with.
func (c *Client) Options() *Options { return c.opt }

// Now is the time of what is being handled, with a monotonic reading; inside After, Do and Post it is about the present.
func (c *Client) Now() time.Time { return c.loop.at() }

// Loop is which of the engine's loops the client is on, from 0: everything that is called for it is called there.
func (c *Client) Loop() int { return c.loop.number }

// State is pusher-js' connection.state.
func (c *Client) State() State { return c.state }

// SocketID is the present one; it stays after a connection was lost, until the next.
func (c *Client) SocketID() string { return c.socketID }

// Status is Echo's connectionStatus().
func (c *Client) Status() string {
	switch c.state {
	case StateConnected, StateConnecting:
		return c.state.String()
	case StateFailed, StateUnavailable:
		return "failed"
	}
	return "disconnected"
}

// OnConnectionChange is Echo's connector.onConnectionChange: f gets Status(), twice for connected and disconnected.
func (c *Client) OnConnectionChange(f func(status string)) (off func()) {
	id := c.loop.eng.id()
	c.changes = append(c.changes, change{id, f})
	return func() {
		kept := make([]change, 0, len(c.changes))
		for _, other := range c.changes {
			if other.id != id {
				kept = append(kept, other)
			}
		}
		c.changes = kept
	}
}

// Connect is pusher.connect(): it connects unless it is connected or connecting.
func (c *Client) Connect() {
	if c.conn != nil || c.runner != nil || c.gone {
		return
	}
	if !c.opt.enabled(false) {
		c.update(StateFailed)
		return
	}
	c.loop.look()
	c.began = c.loop.now
	c.update(StateConnecting)
	c.startConnecting()
	c.unavailableTimer = c.loop.startFunc(c.opt.unavailableTimeout(), func() { c.update(StateUnavailable) })
}

func (c *Client) startConnecting() {
	if c.strategy == nil {
		c.strategy = c.defaultStrategy()
	}
	var done tried
	done = func(o *outcome) {
		switch {
		case o == nil:
			c.runner = c.strategy.connect(0, done)
		case o.action == actError:
			c.problem(o.problem)
		default:
			c.abortConnecting()
			c.shaken(o)
		}
	}
	c.runner = c.strategy.connect(0, done)
}

func (c *Client) abortConnecting() {
	if c.runner != nil {
		r := c.runner
		c.runner = nil
		r.abort()
	}
	c.strategy = nil
}

// shaken acts on a handshake that came to something.
func (c *Client) shaken(o *outcome) {
	if o.action != actConnected {
		c.act(o.action, o.problem)
		return
	}
	c.activityTimeout = min(c.opt.activityTimeout(), o.timeout)
	if o.t.pingDelay > 0 {
		c.activityTimeout = min(c.activityTimeout, o.t.pingDelay)
	}
	c.loop.abort(c.unavailableTimer)
	c.conn = o.t
	o.t.mine = true
	c.resetActivity()
	c.socketID = o.socket
	if n := c.tell(NoticeConnected); n != nil {
		n.Took, n.Again = time.Duration(c.loop.now-c.began), c.again
		c.told(n)
	}
	c.again = true
	c.update(StateConnected)
}

// act is pusher-js' errorCallbacks.
func (c *Client) act(a action, problem *Problem) {
	if problem != nil {
		c.problem(&Problem{Type: "WebSocketError", Inner: problem})
	}
	switch a {
	case actTLS:
		c.usingTLS = true
		c.strategy = nil
		c.retryIn(0)
	case actRefused:
		c.disconnectInternally()
		c.update(StateDisconnected)
	case actBackoff:
		c.retryIn(time.Second)
	case actRetry:
		c.retryIn(0)
	}
}

func (c *Client) problem(p *Problem) {
	if n := c.tell(NoticeError); n != nil {
		n.Problem = p
		c.told(n)
	}
}

// Disconnect is Echo.disconnect(): the socket is closed without a code and nothing is unsubscribed; Connect brings all
// channels back.
func (c *Client) Disconnect() {
	c.leave()
	c.update(StateDisconnected)
}

// leave is disconnectInternally by the page's own will.
func (c *Client) leave() {
	c.leaving = true
	c.disconnectInternally()
	c.leaving = false
}

func (c *Client) disconnectInternally() {
	c.abortConnecting()
	c.loop.abort(c.retryTimer)
	c.retryTimer = nil
	c.loop.abort(c.unavailableTimer)
	if conn := c.abandon(); conn != nil {
		conn.close()
	}
}

func (c *Client) abandon() *transport {
	if c.conn == nil {
		return nil
	}
	c.stopActivity()
	conn := c.conn
	c.conn = nil
	conn.mine = false
	return conn
}

func (c *Client) retryIn(delay time.Duration) {
	if n := c.tell(NoticeRetry); n != nil {
		n.Delay, n.Seconds = delay, int((delay+time.Second/2)/time.Second)
		c.told(n)
	}
	c.retryTimer = c.loop.startFunc(delay, func() {
		c.disconnectInternally()
		c.Connect()
	})
}

// connectionClosed is the closed event of the connection's socket.
func (c *Client) connectionClosed(_ *transport, e closeEvent) {
	a := actionOf(e.code)
	problem := problemOf(e.code, e.reason)
	if problem != nil {
		c.problem(problem)
	}
	if a != actNone {
		c.act(a, problem)
	}
	c.abandon()
	if c.state == StateConnecting || c.state == StateConnected {
		c.retryIn(time.Second)
	}
}

// update changes the state and does what hangs on it, in the order of pusher-js' listeners.
func (c *Client) update(s State) {
	previous := c.state
	c.state = s
	if previous == s {
		return
	}
	if c.user != nil {
		c.user.stateChanged(previous, s)
	}
	if n := c.tell(NoticeState); n != nil {
		n.Previous, n.State = previous, s
		c.told(n)
	}
	c.changed()
	switch s {
	case StateConnected:
		for _, ch := range append([]*Channel(nil), c.channels...) {
			c.Subscribe(ch.name)
		}
		c.changed()
	case StateConnecting:
		c.forget()
	case StateDisconnected:
		c.forget()
		c.changed()
	}
}

func (c *Client) changed() {
	for _, change := range c.changes {
		change.f(c.Status())
	}
}

// forget is channels.disconnect().
func (c *Client) forget() {
	for _, ch := range c.channels {
		ch.forget()
	}
}

// resetActivity has the client ping after a while of silence. The timer stays where it is and looks again when it rings:
// setting it anew for each message would cost more than the message.
func (c *Client) resetActivity() {
	c.quietSince = c.loop.now
	if c.waiting || !c.activity.set() {
		c.waiting = false
		c.loop.start(&c.activity, c.activityTimeout)
	}
}

func (c *Client) stopActivity() {
	c.loop.abort(&c.activity)
	c.waiting = false
}

func (c *Client) activityRang() {
	if c.waiting {
		c.waiting = false
		c.retryIn(0)
		return
	}
	if left := c.activityTimeout - time.Duration(c.loop.now-c.quietSince); left > 0 {
		c.loop.start(&c.activity, left)
		return
	}
	c.check()
}

// check is sendActivityCheck.
func (c *Client) check() {
	if n := c.tell(NoticePing); n != nil {
		c.told(n)
	}
	c.sendText([]byte(`{"event":"pusher:ping","data":{}}`))
	c.waiting = true
	c.loop.start(&c.activity, c.opt.pongTimeout())
}

// Online is the browser's online event: an attempt at once while there is no connection.
func (c *Client) Online() {
	if c.state == StateConnecting || c.state == StateUnavailable {
		c.retryIn(0)
	}
}

// Offline is the browser's offline event: a ping at once.
func (c *Client) Offline() {
	if c.conn != nil {
		c.check()
	}
}

// sendText sends one message when the present task is over, as pusher-js does; false where there is no connection.
func (c *Client) sendText(text []byte) bool {
	t := c.conn
	if t == nil || !t.opened {
		return false
	}
	t.sock.send(text)
	return true
}

// CloseTab closes the page: close code 1001, and nothing of the client happens any more.
func (c *Client) CloseTab() { c.end(1001) }

// Close disconnects for good, as Disconnect does, and forgets the client.
func (c *Client) Close() { c.end(0) }

func (c *Client) end(code int) {
	if c.gone {
		return
	}
	if conn := c.conn; conn != nil && code != 0 {
		c.abandon()
		conn.own = true
		conn.sock.close(code)
	}
	c.leave()
	c.gone = true
	c.update(StateDisconnected)
	c.loop.release(c)
}

// Cut ends the TCP connection as a broken network does: the server sees a reset, the page 1006, and it comes back after a
// second.
func (c *Client) Cut() {
	if c.conn == nil || c.conn.sock == nil {
		return
	}
	c.conn.own = true
	s := c.conn.sock
	s.out = nil
	s.hangUp(true)
	c.loop.after(s.finish)
}

// Pause stops reading, as a slow or frozen page does: what the server sends piles up on its side. Timers go on.
func (c *Client) Pause(on bool) {
	if c.conn != nil && c.conn.sock != nil && c.conn.sock.link != nil {
		c.conn.sock.link.pause(on)
	}
}
