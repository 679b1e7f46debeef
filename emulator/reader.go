package emulator

import (
	"errors"
	"io"
	"net"
	"sync"
)

// buffers hold what is read, while it is handled.
var buffers = sync.Pool{New: func() any { b := make([]byte, 8<<10); return &b }}

// reader waits for what a client says and hands it out in a buffer that goes back with done. With fresh, next returns
// errNothing instead of waiting: the caller goes on in a fresh goroutine.
type reader interface {
	next(fresh bool) (b []byte, err error)
	done()
}

var errNothing = errors.New("nothing has come yet")

// plainReader reads what has no file descriptor of its own, such as TLS. It holds a small buffer while it waits.
type plainReader struct {
	nc  net.Conn
	buf []byte
}

func newPlainReader(nc net.Conn) reader { return &plainReader{nc, make([]byte, 1024)} }

func (r *plainReader) next(bool) ([]byte, error) {
	n, err := r.nc.Read(r.buf)
	if n > 0 {
		return r.buf[:n], nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return nil, err
}

func (r *plainReader) done() {}
