//go:build unix

package emulator

import "syscall"

// writeNow writes as much of b as the socket takes without waiting.
func writeNow(raw syscall.RawConn, b []byte) (n int, err error) {
	failed := raw.Write(func(fd uintptr) bool {
		for n < len(b) {
			var k int
			k, err = syscall.Write(int(fd), b[n:])
			if k > 0 {
				n += k
			}
			if err == syscall.EINTR {
				continue
			}
			if err != nil {
				break
			}
		}
		return true
	})
	if err == syscall.EAGAIN {
		err = nil
	}
	if failed != nil {
		err = failed
	}
	return n, err
}

// rawOf is the descriptor of a TCP connection; nil for anything else.
func rawOf(nc any) syscall.RawConn {
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}
