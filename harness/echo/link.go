package echo

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"
)

// link carries the bytes of one socket. What comes is handed to the socket on its loop: connected, then received again and
// again, at last ended, once, which is not called after close.
type link interface {
	// write sends b, which may be used again at once. What cannot go at once is kept.
	write(b []byte)
	// close ends the connection, once what is kept has gone where a goroutine writes it; with reset the peer sees an abortion.
	close(reset bool)
	// pause stops reading, or has it go on.
	pause(on bool)
}

// plainLink is a link over any net.Conn: TLS, what Config.Dial gives, and systems without a poller of ours. A goroutine
// reads it, another writes while there is something to write.
type plainLink struct {
	s *socket
	l *loop

	mu      sync.Mutex // guards what follows
	nc      net.Conn
	out     []byte
	writing bool
	closed  bool
	paused  chan struct{} // closed when reading may go on; nil where it may
}

// dialPlain connects in the background.
func dialPlain(l *loop, s *socket, address string, secure *tls.Config) *plainLink {
	p := &plainLink{s: s, l: l}
	go func() {
		nc, err := p.dial(address, secure)
		if err != nil {
			p.post(func() { s.ended(err) })
			return
		}
		p.post(s.connected)
		p.read(nc)
	}()
	return p
}

// dial connects, and does so twice where TLS fails, as a browser does.
func (p *plainLink) dial(address string, secure *tls.Config) (nc net.Conn, err error) {
	for range 2 {
		p.mu.Lock()
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return nil, net.ErrClosed
		}
		if nc, err = p.l.eng.dial(address); err != nil {
			return nil, err
		}
		if !p.hold(nc) {
			return nil, net.ErrClosed
		}
		if secure == nil {
			return nc, nil
		}
		t := tls.Client(nc, secure)
		if err = t.Handshake(); err == nil && p.hold(t) {
			return t, nil
		}
		_ = nc.Close()
	}
	return nil, err
}

// hold keeps nc to be closed, at once where the link has been closed meanwhile.
func (p *plainLink) hold(nc net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = nc.Close()
		return false
	}
	p.nc = nc
	return true
}

// post runs f on the loop unless the link has been closed before.
func (p *plainLink) post(f func()) {
	p.l.post(func() {
		p.mu.Lock()
		closed := p.closed
		p.mu.Unlock()
		if !closed {
			f()
		}
	})
}

func (p *plainLink) read(nc net.Conn) {
	buf := make([]byte, 4096)
	handled := make(chan struct{}, 1)
	for {
		p.mu.Lock()
		paused := p.paused
		p.mu.Unlock()
		if paused != nil {
			<-paused
		}
		n, err := nc.Read(buf)
		if n > 0 {
			ok := p.l.post(func() {
				p.mu.Lock()
				closed := p.closed
				p.mu.Unlock()
				if !closed {
					p.s.received(buf[:n])
				}
				handled <- struct{}{}
			})
			if !ok {
				return
			}
			<-handled
		}
		if err != nil {
			if err != io.EOF {
				err = unwrapped(err)
			}
			p.post(func() { p.s.ended(err) })
			return
		}
	}
}

func (p *plainLink) write(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nc == nil || p.closed {
		return
	}
	p.out = append(p.out, b...)
	if !p.writing {
		p.writing = true
		go p.flush()
	}
}

func (p *plainLink) flush() {
	for {
		p.mu.Lock()
		out := p.out
		p.out = nil
		if len(out) == 0 {
			p.writing = false
			if p.closed {
				_ = p.nc.Close()
			}
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		if _, err := p.nc.Write(out); err != nil {
			p.mu.Lock()
			p.out = nil
			p.mu.Unlock()
		}
	}
}

func (p *plainLink) close(reset bool) {
	p.pause(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	if p.nc == nil {
		return
	}
	if t, ok := p.nc.(*net.TCPConn); ok && reset {
		_ = t.SetLinger(0)
	}
	if !p.writing || reset {
		_ = p.nc.Close()
		return
	}
	_ = p.nc.SetWriteDeadline(time.Now().Add(5 * time.Second))
}

func (p *plainLink) pause(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && p.paused == nil && !p.closed:
		p.paused = make(chan struct{})
	case !on && p.paused != nil:
		close(p.paused)
		p.paused = nil
	}
}

func unwrapped(err error) error {
	if op, ok := err.(*net.OpError); ok {
		return op.Err
	}
	return err
}

// sleeper is the waiter of loops whose sockets have goroutines of their own.
type sleeper struct{ woken chan struct{} }

func newSleeper() *sleeper { return &sleeper{make(chan struct{}, 1)} }

func (s *sleeper) wait(_ *loop, d time.Duration) {
	if d < 0 {
		<-s.woken
		return
	}
	if d == 0 {
		select {
		case <-s.woken:
		default:
		}
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.woken:
	case <-t.C:
	}
}

func (s *sleeper) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

func (s *sleeper) close() {}
