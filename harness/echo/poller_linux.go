package echo

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// poller is the waiter that reads and writes its sockets itself: a quiet TCP connection costs a file descriptor and the
// two hundred bytes of its rawLink, neither a goroutine nor a net.Conn. Its epoll descriptor lies in Go's own poller, so
// that a sleeping loop holds no thread.
type poller struct {
	file  *os.File
	raw   syscall.RawConn
	fd    int
	event int // an eventfd, which wakes
	links []*rawLink
	until int64 // on the loop's clock, when Go's poller will end the sleep; 0 for never
	ready [256]syscall.EpollEvent
}

// newWaiter returns a poller, or the portable waiter where there can be none.
func newWaiter() waiter {
	p, err := newPoller()
	if err != nil {
		return newSleeper()
	}
	return p
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	event, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		_ = syscall.Close(fd)
		return nil, errno
	}
	p := &poller{fd: fd, event: int(event), file: os.NewFile(uintptr(fd), "epoll")}
	err = syscall.EpollCtl(fd, syscall.EPOLL_CTL_ADD, p.event, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(p.event)})
	if err == nil {
		p.raw, err = p.file.SyscallConn()
	}
	if err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // fails where Go's poller doesn't take it
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) close() {
	_ = p.file.Close()
	_ = syscall.Close(p.event)
}

func (p *poller) wake() {
	one := [8]byte{1}
	_, _ = syscall.Write(p.event, one[:])
}

func (p *poller) wait(l *loop, d time.Duration) {
	n := 0
	if d == 0 {
		n = p.poll()
	} else {
		until := int64(0)
		if d > 0 {
			until = l.now + int64(d)
		}
		if until != p.until { // mostly the next alarm is still the same one
			p.until = until
			var at time.Time
			if until > 0 {
				at = l.epoch.Add(time.Duration(until))
			}
			_ = p.file.SetReadDeadline(at)
		}
		_ = p.raw.Read(func(uintptr) bool {
			n = p.poll()
			return n > 0
		})
	}
	if n <= 0 {
		return
	}
	l.look()
	for _, e := range p.ready[:n] {
		if int(e.Fd) == p.event {
			var b [8]byte
			_, _ = syscall.Read(p.event, b[:])
			continue
		}
		if int(e.Fd) >= len(p.links) || p.links[e.Fd] == nil {
			continue // closed by an event before
		}
		p.links[e.Fd].happened(e.Events)
		l.settle()
	}
}

// poll and read are system calls that never wait, so Go's scheduler need not hear of them.
func (p *poller) poll() int {
	for {
		n, _, err := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.ready[0])), uintptr(len(p.ready)), 0, 0, 0)
		switch err {
		case 0:
			return int(n)
		case syscall.EINTR:
		default:
			return 0
		}
	}
}

func read(fd int32, b []byte) (n int, err syscall.Errno) {
	r, _, err := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if err != 0 {
		return -1, err
	}
	return int(r), 0
}

// rawLink is a link over a TCP socket that Go's runtime does not know of.
type rawLink struct {
	s    *socket
	p    *poller
	fd   int32
	open bool
	off  bool   // reading is paused
	more bool   // something has come meanwhile
	out  []byte // what the kernel did not take
}

// dialRaw begins to connect; an error is what the system says at once.
func dialRaw(l *loop, s *socket, p *poller, to netip.AddrPort, from netip.Addr) (*rawLink, error) {
	family := syscall.AF_INET
	if to.Addr().Is6() {
		family = syscall.AF_INET6
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT: the port is chosen with the peer in view
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if from.IsValid() {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1)
		if err := syscall.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			_ = syscall.Close(fd)
			return nil, os.NewSyscallError("bind "+from.String(), err)
		}
	}
	err = syscall.Connect(fd, sockaddr(to))
	if err != nil && err != syscall.EINPROGRESS {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	r := &rawLink{s: s, p: p, fd: int32(fd)}
	for len(p.links) <= fd {
		p.links = append(p.links, make([]*rawLink, 256)...)
	}
	p.links[fd] = r
	// Edges: each change is told once, and nothing need be asked for anew.
	const edges = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | 1<<31
	if err := syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: edges, Fd: r.fd}); err != nil {
		r.close(true)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return r, nil
}

func sockaddr(a netip.AddrPort) syscall.Sockaddr {
	if a.Addr().Is4() {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (r *rawLink) happened(events uint32) {
	if !r.open {
		code, err := syscall.GetsockoptInt(int(r.fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
		if err == nil && code != 0 {
			err = syscall.Errno(code)
		}
		if err != nil {
			r.close(true)
			r.s.ended(os.NewSyscallError("connect", err))
			return
		}
		if events&(syscall.EPOLLOUT|syscall.EPOLLHUP) == 0 {
			return
		}
		r.open = true
		r.s.connected()
		return
	}
	if events&syscall.EPOLLOUT != 0 && len(r.out) > 0 {
		out := r.out
		r.out = nil
		r.write(out)
		if r.fd < 0 {
			return
		}
	}
	const coming = syscall.EPOLLIN | syscall.EPOLLHUP | syscall.EPOLLERR | syscall.EPOLLRDHUP
	switch {
	case events&coming == 0:
	case r.off:
		r.more = true
	default:
		r.read(events&(coming&^syscall.EPOLLIN) != 0)
	}
}

// read takes all that has come; ending tells that the end has come too.
func (r *rawLink) read(ending bool) {
	l := r.s.loop
	for r.fd >= 0 {
		if r.off {
			r.more = true
			return
		}
		n, err := read(r.fd, l.buf)
		switch {
		case n > 0:
			l.look()
			r.s.received(l.buf[:n])
			l.settle()
			if n < len(l.buf) && !ending {
				return // what comes later is told of by another edge
			}
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return
		case err == 0:
			r.close(false)
			r.s.ended(io.EOF)
		default:
			r.close(true)
			r.s.ended(os.NewSyscallError("read", err))
		}
	}
}

func (r *rawLink) write(b []byte) {
	if r.fd < 0 || !r.open {
		return
	}
	if len(r.out) > 0 {
		r.out = append(r.out, b...)
		return
	}
	for len(b) > 0 {
		n, err := syscall.Write(int(r.fd), b)
		if n > 0 {
			b = b[n:]
		}
		if err == syscall.EAGAIN {
			break
		}
		if err != nil && err != syscall.EINTR {
			b = nil // the end of the connection is read
		}
	}
	if len(b) > 0 {
		r.out = append(r.out, b...)
	}
}

func (r *rawLink) close(reset bool) {
	if r.fd < 0 {
		return
	}
	if reset && r.open {
		_ = syscall.SetsockoptLinger(int(r.fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	}
	r.p.links[r.fd] = nil
	_ = syscall.Close(int(r.fd))
	r.fd = -1
	r.out = nil
}

func (r *rawLink) pause(on bool) {
	if r.off == on || r.fd < 0 {
		return
	}
	r.off = on
	if !on && r.more {
		r.more = false
		r.s.loop.after(func() { r.read(true) })
	}
}

// open connects with the cheapest link that fits.
func (l *loop) open(s *socket, address string, tlsName string) (link, error) {
	p, ok := l.waiter.(*poller)
	if !ok || tlsName != "" || l.eng.cfg.Dial != nil {
		return l.openPlain(s, address, tlsName), nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		host, port, found := l.eng.resolved(address)
		if !found {
			l.eng.resolve(l, address, func(err error) {
				if s.state != connecting {
					return
				}
				if err == nil {
					if s.link, err = l.open(s, address, ""); err == nil {
						return
					}
				}
				s.ended(err)
			})
			return nil, nil
		}
		to = netip.AddrPortFrom(host, port)
	}
	from := l.eng.source(to.Addr())
	link, err := dialRaw(l, s, p, to, from)
	if err != nil {
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			err = fmt.Errorf("%w; raise the limit of open files (ulimit -n)", err)
		}
		return nil, err
	}
	return link, nil
}
