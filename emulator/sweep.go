package emulator

import (
	"runtime/debug"
	"time"

	"echolab/emulator/framing"
	"echolab/emulator/pusher"
)

// sweep looks after time: once a second it pings connections that have been silent for the app's ping interval, ends
// those that did not answer within another one, tells late subscription counts and forgets cached events. Unlike
// Reverb it does so for connections without a subscription too, and without waiting for a full minute.
func (s *Server) sweep() {
	defer s.sweeping.Done()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var memory thrift
	for {
		select {
		case <-s.stop:
			return
		case now := <-ticker.C:
			for _, h := range s.everyHub() {
				h.everyConn(func(c *conn) { c.check(now) })
				h.everyShard(func(sh *shard) { h.tidyLocked(sh, now) })
			}
			memory.tick(int(s.open.Load()))
			s.sayRepeats(now, false)
		}
	}
}

// check pings or prunes one connection.
func (c *conn) check(now time.Time) {
	interval := int64(c.app.PingInterval)
	if pinged := c.pingedAt.Load(); pinged != 0 {
		if now.UnixNano() >= pinged+interval {
			c.refuse(pusher.ErrPong)
		}
		return
	}
	if now.UnixNano() < c.lastSeen.Load()+interval {
		return
	}
	c.pingedAt.Store(now.UnixNano())
	if c.controls.Load() {
		c.send(newFrame(framing.Ping, nil))
		return
	}
	c.send(textFrame(pusher.PingText))
}

// tidyLocked deals with what a channel owes its subscribers and with what it may forget.
func (h *hub) tidyLocked(sh *shard, now time.Time) {
	for name, ch := range sh.channels {
		if ch.countDue {
			ch.countLocked(now)
		}
		if len(ch.subs) == 0 && ch.goneLocked() {
			delete(sh.channels, name)
		}
	}
}

// thrift gives memory back to the system after many connections have come or gone: what their handshakes used, and the
// stacks that they grew then. Each round makes a stack half as large, so it takes a few; it waits until things are calm.
type thrift struct {
	last   int // connections at the last tick
	tidied int // connections when memory was last given back
	calm   int // ticks without much change
	rounds int // still to do
}

const thriftAfter = 500 // connections

func (t *thrift) tick(open int) {
	change := open - t.last
	t.last = open
	if change > thriftAfter/10 || change < -thriftAfter/10 {
		t.calm = 0
		return
	}
	t.calm++
	if d := open - t.tidied; d >= thriftAfter || d <= -thriftAfter {
		t.tidied, t.rounds = open, 3
	}
	if t.rounds > 0 && t.calm >= 1 {
		t.rounds--
		debug.FreeOSMemory()
	}
}
