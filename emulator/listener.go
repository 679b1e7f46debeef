package emulator

import (
	"bytes"
	"net"
)

// listener wraps what it accepts so that bytes that are not HTTP are answered with Reverb's words: net/http writes
// its own answer straight to the connection, before any handler.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &doorConn{nc}, nil
}

// doorConn is a connection until it has become a WebSocket; plain takes it off.
type doorConn struct{ net.Conn }

var doorAnswers = []struct{ theirs, ours []byte }{
	{[]byte("HTTP/1.1 400 Bad Request"), []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 12\r\n\r\nBad request.")},
	{[]byte("HTTP/1.1 431 "), []byte("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 18\r\n\r\nPayload too large.")},
}

var doorMark = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n4")

func (d *doorConn) Write(b []byte) (int, error) {
	if len(b) < 300 && bytes.Contains(b, doorMark) {
		for _, answer := range doorAnswers {
			if bytes.HasPrefix(b, answer.theirs) {
				if _, err := d.Conn.Write(answer.ours); err != nil {
					return 0, err
				}
				return len(b), nil
			}
		}
	}
	return d.Conn.Write(b)
}

// CloseWrite ends our half of the connection, where there are halves.
func (d *doorConn) CloseWrite() error {
	if half, ok := d.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func plain(nc net.Conn) net.Conn {
	if d, ok := nc.(*doorConn); ok {
		return d.Conn
	}
	return nc
}
