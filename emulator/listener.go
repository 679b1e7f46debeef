package emulator

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"

	"echolab/emulator/journal"
)

// listener wraps what it accepts so that bytes that are not HTTP are answered with Reverb's words: net/http writes
// its own answer straight to the connection, before any handler. It wraps plain connections and TLS alike; with TLS
// the handshake is the first read's.
type listener struct {
	net.Listener
	srv *Server
}

func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if t, ok := nc.(*tls.Conn); ok {
		nc = secureConn{t}
	}
	return &doorConn{Conn: nc, srv: l.srv}, nil
}

// secureConn is a TLS connection whose CloseWrite ends TCP's half too: crypto/tls says good-bye and leaves TCP open.
type secureConn struct{ *tls.Conn }

func (s secureConn) CloseWrite() error {
	if err := s.Conn.CloseWrite(); err != nil {
		return err
	}
	if half, ok := s.NetConn().(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// doorConn is a connection until it has become a WebSocket; plain takes it off.
type doorConn struct {
	net.Conn
	srv   *Server
	heard bool // something was read; net/http reads in one goroutine at a time
}

// Read looks at the first bytes: a client that speaks TLS where there is none, or the reverse, or that does not trust
// the certificate, is told apart, because its developer sees nothing but a failed connection.
func (d *doorConn) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	if d.heard {
		return n, err
	}
	d.heard = true
	var plainText tls.RecordHeaderError
	switch {
	case err == nil && n > 2 && b[0] == 0x16 && b[1] == 3: // a TLS handshake begins so, HTTP cannot
		d.refused("it spoke TLS, the server here speaks http: write REVERB_SCHEME=http and forceTLS: false, or start with --tls auto")
	case errors.As(err, &plainText):
		if plainText.Conn != nil && isHTTP(plainText.RecordHeader[:]) {
			_, _ = io.WriteString(plainText.Conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 40\r\n\r\nThis port speaks TLS: use https and wss.")
		}
		d.refused("it spoke no TLS, the server here speaks https: write REVERB_SCHEME=https and forceTLS: true, or start with --tls off")
	case err != nil && strings.HasPrefix(err.Error(), "remote error: tls: "):
		d.refused("it does not accept the certificate (" + strings.TrimPrefix(err.Error(), "remote error: tls: ") + "): 'echolab tls' says how to trust it")
	case err != nil && strings.HasPrefix(err.Error(), "tls: "):
		d.refused("TLS could not be agreed on: " + strings.TrimPrefix(err.Error(), "tls: "))
	}
	return n, err
}

// isHTTP tells whether bytes begin as a request line does.
func isHTTP(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != ' ' && c != '/' {
			return false
		}
	}
	return true
}

func (d *doorConn) refused(why string) {
	d.srv.journal.Append(journal.Entry{Kind: journal.Refused, Source: journal.Client, Event: "connect", Note: why})
	d.srv.say(slog.LevelInfo, "connection refused", "", why, "from", d.RemoteAddr().String(), "reason", why)
}

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
