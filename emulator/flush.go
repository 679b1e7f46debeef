package emulator

import (
	"net"
	"runtime"
	"sync"
	"time"
)

// writeAtOnce is how many bytes one write has Config.WriteTimeout for: whoever reads steadily, but slowly, is not cut off in
// the middle of a large roster.
const writeAtOnce = 128 << 10

// write writes frames of size bytes together.
func (c *conn) write(batch net.Buffers, size int) (err error) {
	patience := func() { _ = c.nc.SetWriteDeadline(time.Now().Add(c.hub.srv.cfg.WriteTimeout)) }
	b := batch[0]
	if len(batch) > 1 {
		if tcp, ok := c.nc.(*net.TCPConn); ok {
			patience()
			_, err = batch.WriteTo(tcp)
			return err
		}
		b = make([]byte, 0, size) // TLS and pipes have no writev
		for _, f := range batch {
			b = append(b, f...)
		}
	}
	for len(b) > 0 && err == nil {
		n := min(len(b), writeAtOnce)
		patience()
		_, err = c.nc.Write(b[:n])
		b = b[n:]
	}
	return err
}

// flush writes all that waits, many frames in one write, until nothing does. There is at most one flush a connection.
func (c *conn) flush() {
	for {
		c.mu.Lock()
		batch := c.queue
		if len(batch) == 0 {
			c.flushing = false
			if c.ending {
				close(c.drained)
			} else {
				_ = c.nc.SetWriteDeadline(time.Time{}) // a past one would keep flushNow from writing
			}
			c.mu.Unlock()
			return
		}
		c.queue, c.writing, c.queued, c.largest = nil, c.queued, 0, 0
		c.mu.Unlock()
		var err error
		for len(batch) > 0 && err == nil {
			n, size := 1, len(batch[0])
			for n < len(batch) && size+len(batch[n]) <= writeAtOnce {
				size += len(batch[n])
				n++
			}
			err = c.write(batch[:n:n], size)
			batch = batch[n:]
		}
		c.mu.Lock()
		if err == nil {
			c.writing = 0
		} else { // what was not written stays counted: it is told when the connection is closed
			c.queue = nil
			reason := "write: " + err.Error()
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				reason = slowReason
			}
			c.endLocked(nil, reason)
		}
		c.mu.Unlock()
	}
}

// crew is how many connections one goroutine writes to in turn before another one is worth starting.
const crew = 256

// flushAll writes for many connections that queueUp found idle. None is waited for: the few whose socket takes no more
// get a goroutine of their own. One goroutine for a broadcast instead of one a subscriber, which halves what a quiet
// broadcast to a thousand costs beside the system calls.
func flushAll(conns []*conn) {
	for n := min(runtime.GOMAXPROCS(0), 1+len(conns)/crew); n > 1; n-- {
		part := len(conns) / n
		go flushEach(conns[:part:part])
		conns = conns[part:]
	}
	go flushEach(conns)
}

func flushEach(conns []*conn) {
	for _, c := range conns {
		if !c.flushNow() {
			go c.flush()
		}
	}
}

// joins hold several frames for one write.
var joins = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

// flushNow writes what waits as far as the socket takes it at once, and tells whether that was everything. If not,
// flush has to go on.
func (c *conn) flushNow() bool {
	if c.raw == nil {
		return false
	}
	for {
		c.mu.Lock()
		batch := c.queue
		if len(batch) == 0 {
			c.flushing = false
			if c.ending {
				close(c.drained)
			}
			c.mu.Unlock()
			return true
		}
		c.queue, c.writing, c.queued, c.largest = nil, c.queued, 0, 0
		c.mu.Unlock()
		b := batch[0]
		if len(batch) > 1 {
			joined := joins.Get().(*[]byte)
			b = (*joined)[:0]
			for _, f := range batch {
				b = append(b, f...)
			}
			if cap(b) <= 256<<10 {
				*joined = b
				defer joins.Put(joined)
			}
		}
		n, err := writeNow(c.raw, b)
		c.mu.Lock()
		c.writing = 0
		if n < len(b) {
			// Back to the front, as one piece of its own: b may be shared, or go back to the pool.
			c.queued += len(b) - n
			c.largest = max(c.largest, len(b)-n)
			rest := append(make(net.Buffers, 0, 1+len(c.queue)), append([]byte(nil), b[n:]...))
			c.queue = append(rest, c.queue...)
			c.mu.Unlock()
			return false
		}
		c.mu.Unlock()
		if err != nil {
			return false // flush meets it again
		}
	}
}
