package emulator

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"echolab/emulator/framing"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// conn is one WebSocket connection. Its read goroutine (serve) owns everything that is not under mu or atomic.
type conn struct {
	hub *hub
	app *pusher.App
	id  string
	nc  net.Conn
	raw syscall.RawConn // of nc, for reading and writing without waiting; nil where there is none

	visit visit

	lastSeen atomic.Int64 // Unix nanoseconds of the last thing heard
	pingedAt atomic.Int64 // when the server asked for a sign of life, 0 when it does not wait for one
	controls atomic.Bool  // uses control frames for pings

	reader reader
	in     framing.Reader
	first  uint8         // messages so far, up to freshFirst
	noted  uint8         // refusals that were logged, up to notedMost
	subs   subscriptions // owned by the read goroutine
	rate   window        // messages, when the app limits them
	client window        // client events, where the profile limits them
	user   *signedIn     // nil until pusher:signin; written under hub.users.mu

	mu       sync.Mutex // guards what follows
	queue    net.Buffers
	queued   int  // bytes in queue
	largest  int  // bytes of the largest frame in it
	writing  int  // bytes of the write under way, or of the one that failed
	flushing bool // a goroutine is writing
	ending   bool // nothing more is queued; the connection ends after what is
	reason   string
	drained  chan struct{} // closed when ending and everything has been written or given up; made by endLocked
}

// newSocketID makes an id of Reverb's shape: two integers from 1 to 1 000 000 000 joined by a dot
// (laravel/reverb GeneratesIdentifiers.php).
func newSocketID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	left := binary.BigEndian.Uint64(b[:8])%1_000_000_000 + 1
	right := binary.BigEndian.Uint64(b[8:])%1_000_000_000 + 1
	id := make([]byte, 0, 21)
	id = strconv.AppendUint(id, left, 10)
	id = append(id, '.')
	return string(strconv.AppendUint(id, right, 10))
}

// touch notes a sign of life.
func (c *conn) touch() {
	c.lastSeen.Store(time.Now().UnixNano())
	c.pingedAt.Store(0)
}

// send queues one frame and tells whether it was taken. It never blocks. A connection with too much waiting is
// closed instead.
func (c *conn) send(f frame) bool {
	taken, idle := c.queueUp(f)
	if idle {
		go c.flush()
	}
	return taken
}

// queueUp is send without starting to write: idle tells that nobody is writing for this connection yet, and that the
// caller has to see to it, by flush or flushAll.
func (c *conn) queueUp(f frame) (taken, idle bool) {
	if c.hub.srv.cfg.Debug {
		c.hub.srv.log.Debug("sent", "socket", c.id, "frame", string(f.payload()))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending {
		return false, false
	}
	// What is being written does not count, and the largest frame comes on top of the bound: whoever is sent a roster of
	// 2 MiB is not behind for that.
	c.largest = max(c.largest, len(f))
	if c.queued+len(f)+len(c.queue)*frameOverhead > c.hub.srv.cfg.QueueBytes+c.largest {
		c.queue = nil
		c.endLocked(closeFrame(pusher.ErrOverCapacity.Code, pusher.ErrOverCapacity.Message), slowReason)
		return false, false
	}
	c.queue = append(c.queue, f)
	c.queued += len(f)
	idle = !c.flushing
	c.flushing = true
	return true, idle
}

const slowReason = "slow: it did not read what was sent to it"

// frameOverhead is what a waiting frame costs beside its bytes: without it a flood of pings, answered with pongs of two
// bytes, would hold sixteen times QueueBytes.
const frameOverhead = 32

// endLocked lets the connection end once what is queued, and then last (which may be nil), has been written. The
// first reason stands. The read goroutine is woken and does the rest.
func (c *conn) endLocked(last frame, reason string) {
	if c.ending {
		return
	}
	c.ending = true
	c.reason = reason
	c.drained = make(chan struct{})
	if last != nil {
		c.queue = append(c.queue, last)
		c.queued += len(last)
	}
	_ = c.nc.SetReadDeadline(time.Now())
	switch {
	case c.flushing:
	case len(c.queue) > 0:
		c.flushing = true
		go c.flush()
	default:
		close(c.drained)
	}
}

// end lets the connection end, see endLocked.
func (c *conn) end(last frame, reason string) {
	c.mu.Lock()
	c.endLocked(last, reason)
	c.mu.Unlock()
}

// over tells whether the connection is ending: what it still says does not count.
func (c *conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// refuse sends an error frame and closes with its code.
func (c *conn) refuse(e *pusher.Error) {
	c.send(textFrame(c.hub.srv.profile.ErrorText(e)))
	c.end(closeFrame(e.Code, e.Message), e.Error())
}

// sendAway ends the connection as the profile does: Reverb ends TCP, Pusher sends the code.
func (c *conn) sendAway(e *pusher.Error, reason string) {
	if c.hub.srv.profile.CutsOnRefusal {
		c.end(nil, reason)
		return
	}
	c.end(closeFrame(e.Code, e.Message), reason)
}

// serve reads until the connection ends, then takes it out of everything and hangs up.
func (c *conn) serve() {
	reason, goOn := c.read()
	if goOn {
		go c.serve()
		return
	}
	c.finish(reason)
}

// finish is the end of a connection.
func (c *conn) finish(reason string) {
	defer c.hub.srv.conns.Done()
	defer c.hub.srv.open.Add(-1)
	c.end(nil, reason)
	c.mu.Lock()
	reason, waiting := c.reason, c.queued+c.writing
	c.mu.Unlock()
	c.hub.remove(c, reason, waiting)
	<-c.drained
	c.hangUp()
}

// hangUp ends TCP. What the peer still sends is read away first, for a moment: closing a socket with unread input
// resets it, and the peer might lose our last frames.
func (c *conn) hangUp() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		_ = c.nc.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.Copy(io.Discard, c.nc)
	}
	_ = c.nc.Close()
}

// window counts in fixed windows that begin with their first event (laravel/framework RateLimiter).
type window struct {
	until time.Time
	n     int
}

// hit counts one event and tells whether it is within max.
func (w *window) hit(now time.Time, max int, length time.Duration) bool {
	if !now.Before(w.until) {
		w.until, w.n = now.Add(length), 0
	}
	if w.n >= max {
		return false
	}
	w.n++
	return true
}

// entry begins a journal entry about this connection.
func (c *conn) entry(kind journal.Kind) journal.Entry {
	e := journal.Entry{Kind: kind, Source: journal.Client, App: c.hub.appID, Socket: c.id}
	if c.user != nil {
		e.User = c.user.id
	}
	return e
}
