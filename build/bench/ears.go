//go:build linux

package main

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
)

// ears read the sockets of a crowd with one goroutine and one epoll descriptor, so that a thousand readers cost the
// load's core as little as they can: what is measured is the server, not Go waking a goroutine for each socket.
type ears struct {
	epoll, stop int
	fds         []int
	ended       sync.WaitGroup
	err         error
}

// listen takes the connections over from their clients and tells heard, from one goroutine, how many bytes came to which
// client. Close ends it.
func listen(all []*client, heard func(client, bytes int)) (*ears, error) {
	e := &ears{epoll: -1, stop: -1}
	var err error
	if e.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	var pipe [2]int
	if err = syscall.Pipe2(pipe[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, errors.Join(os.NewSyscallError("pipe2", err), syscall.Close(e.epoll))
	}
	e.fds, e.stop = append(e.fds, pipe[0]), pipe[1]
	for _, c := range all {
		fd, err := c.release()
		if err != nil {
			e.close()
			return nil, err
		}
		e.fds = append(e.fds, fd)
	}
	for i, fd := range e.fds { // Fd says which client: 0 is the end
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}
		if err = syscall.EpollCtl(e.epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
			e.close()
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	e.ended.Go(func() { e.err = e.read(heard) })
	return e, nil
}

// release gives the socket itself away: the client must not be used any more.
func (c *client) release() (fd int, err error) {
	raw, err := c.nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		return -1, err
	}
	var failed error
	err = raw.Control(func(was uintptr) { fd, failed = syscall.Dup(int(was)) })
	if err = errors.Join(err, failed); err != nil {
		return -1, err
	}
	return fd, errors.Join(syscall.SetNonblock(fd, true), c.nc.Close())
}

func (e *ears) read(heard func(client, bytes int)) error {
	ready := make([]syscall.EpollEvent, 512)
	buf := make([]byte, 256<<10)
	for {
		n, err := syscall.EpollWait(e.epoll, ready, -1)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, event := range ready[:n] {
			if event.Fd == 0 {
				return nil
			}
			got, err := syscall.Read(e.fds[event.Fd], buf)
			switch {
			case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
			case err != nil:
				return os.NewSyscallError("read", err)
			case got == 0:
				return errors.New("the server closed a connection")
			default:
				heard(int(event.Fd)-1, got)
			}
		}
	}
}

// Close hangs up and tells what ended the reading before.
func (e *ears) Close() error {
	_, _ = syscall.Write(e.stop, []byte{0}) // wakes the reader; a pipe that is closed or full has done so
	e.ended.Wait()
	e.close()
	return e.err
}

func (e *ears) close() {
	for _, fd := range append(e.fds, e.stop, e.epoll) {
		_ = syscall.Close(fd)
	}
}
