//go:build unix

package emulator

import (
	"io"
	"syscall"
)

// newReader waits for a TCP connection without holding a buffer: about 1 kB less for a quiet connection than with one
// (BenchmarkConnMemory).
func newReader(c *conn) reader {
	if c.raw == nil {
		return newPlainReader(c.nc)
	}
	r := &rawReader{raw: c.raw}
	r.try = r.read
	return r
}

type rawReader struct {
	raw   syscall.RawConn
	try   func(fd uintptr) bool
	fresh bool
	buf   *[]byte
	n     int
	err   error
}

func (r *rawReader) next(fresh bool) ([]byte, error) {
	r.fresh = fresh
	if err := r.raw.Read(r.try); err != nil {
		return nil, err
	}
	switch {
	case r.err == syscall.EAGAIN:
		return nil, errNothing
	case r.n > 0:
		return (*r.buf)[:r.n], nil
	case r.err != nil:
		return nil, r.err
	}
	return nil, io.EOF
}

// read tries once; false says that nothing has come yet and that it is to be waited for.
func (r *rawReader) read(fd uintptr) bool {
	buf := buffers.Get().(*[]byte)
	for {
		r.n, r.err = syscall.Read(int(fd), *buf)
		if r.err != syscall.EINTR {
			break
		}
	}
	if r.n > 0 {
		r.buf = buf
		return true
	}
	buffers.Put(buf)
	return r.fresh || r.err != syscall.EAGAIN
}

func (r *rawReader) done() {
	buffers.Put(r.buf)
	r.buf = nil
}
