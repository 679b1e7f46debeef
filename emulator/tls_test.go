package emulator_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// secured makes the server speak TLS on another port and returns it, and what clients have to trust.
func secured(t *testing.T, s *server) (addr string, trust *tls.Config) {
	t.Helper()
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.StartTLS() // for its certificate
	borrowed.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.srv.Serve(tls.NewListener(l, &tls.Config{Certificates: borrowed.TLS.Certificates}))
	}()
	t.Cleanup(func() {
		s.stop()
		<-served
	})
	roots := x509.NewCertPool()
	roots.AddCert(borrowed.Certificate())
	return l.Addr().String(), &tls.Config{RootCAs: roots}
}

// dialTLS is connect over TLS.
func dialTLS(t *testing.T, s *server, addr string, trust *tls.Config) *socket {
	t.Helper()
	dialer := websocket.Dialer{TLSClientConfig: trust}
	ws, response, err := dialer.Dial("wss://"+addr+"/app/"+s.app.Key+"?protocol=7", nil)
	require.NoError(t, err)
	_ = response.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	c := &socket{t: t, s: s, ws: ws}
	require.Equal(t, "pusher:connection_established", c.next().Event)
	return c
}

func TestTLS_BurstsArriveWholeAndInOrder(t *testing.T) {
	s := start(t, emulator.Config{MaxRequestSize: 256 << 20})
	addr, trust := secured(t, s)
	c := dialTLS(t, s, addr, trust)
	c.join("portal", "")
	plain := s.connect()
	plain.join("portal", "")
	const events = 300
	big := strings.Repeat("x", 20_000) // more than one TLS record
	for i := range events {
		data := `{"n":` + strconv.Itoa(i) + `}`
		if i%50 == 0 {
			data = big
		}
		_, err := s.srv.Publish(t.Context(), s.app.ID, pusher.Publication{Event: "E" + strconv.Itoa(i), Channels: []string{"portal"}, Data: data}, journal.HTTP)
		require.NoError(t, err)
	}
	for _, reader := range []*socket{c, plain} {
		for i := range events {
			m := reader.next()
			require.Equal(t, "E"+strconv.Itoa(i), m.Event)
			if i%50 == 0 {
				require.Equal(t, big, m.text())
			}
		}
	}
	c.send(`{"event":"pusher:ping","data":{}}`)
	assert.Equal(t, "pusher:pong", c.next().Event)
}

// TestTLS_TheEndIsAnnouncedAndTCPEnds: the last frame comes through, then TLS's good-bye, then the end of TCP, without
// the client having to hang up first.
func TestTLS_TheEndIsAnnouncedAndTCPEnds(t *testing.T) {
	s := start(t, emulator.Config{})
	addr, trust := secured(t, s)
	tcp, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tcp.Close() })
	trust.ServerName = "127.0.0.1"
	nc := tls.Client(tcp, trust)
	_, err = io.WriteString(nc, strings.Replace(upgradeRequest(s.app.Key), "/app/"+s.app.Key, "/app/nobody", 1))
	require.NoError(t, err)
	_ = nc.SetReadDeadline(time.Now().Add(5 * time.Second))
	all, err := io.ReadAll(nc) // an end without good-bye would be io.ErrUnexpectedEOF
	require.NoError(t, err)
	assert.Contains(t, string(all), "4001")
	_ = tcp.SetReadDeadline(time.Now().Add(800 * time.Millisecond)) // the server closes altogether after a second
	_, err = tcp.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err)
}

func TestTLS_BytesThatAreNotHTTPGetReverbsWords(t *testing.T) {
	s := start(t, emulator.Config{})
	addr, trust := secured(t, s)
	nc, err := tls.Dial("tcp", addr, trust)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	assert.Contains(t, answerTo(t, nc, "hello\r\n\r\n", "Bad request."), "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 12\r\n\r\nBad request.")
}

// TestTLS_TheOtherSpeechIsToldApart: the commonest mistakes with TLS look to a client like a server that is not there.
func TestTLS_TheOtherSpeechIsToldApart(t *testing.T) {
	s := start(t, emulator.Config{})
	addr, _ := secured(t, s)
	tail := s.watch()

	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	assert.Contains(t, answerTo(t, nc, "GET /up HTTP/1.1\r\nHost: x\r\n\r\n", "wss."), "This port speaks TLS: use https and wss.")
	assert.Contains(t, entry(t, tail, journal.Refused).Note, "REVERB_SCHEME=https")

	_, err = tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
	require.Error(t, err)
	assert.Contains(t, entry(t, tail, journal.Refused).Note, "REVERB_SCHEME=http ")

	_, err = tls.Dial("tcp", addr, &tls.Config{ServerName: "127.0.0.1"})
	require.Error(t, err)
	note := entry(t, tail, journal.Refused).Note
	assert.Contains(t, note, "does not accept the certificate")
	assert.Contains(t, note, "'echolab tls'")
}

func TestTLS_ASlowReaderIsClosedAndLeavesNothing(t *testing.T) {
	s := start(t, emulator.Config{MaxRequestSize: 256 << 20, QueueBytes: 64 << 10, WriteTimeout: 300 * time.Millisecond})
	addr, trust := secured(t, s)
	tail := s.watch()
	c := dialTLS(t, s, addr, trust)
	c.join("portal", "")
	for range 1000 {
		if s.srv.Snapshot(s.app.ID).Connections == 0 {
			break
		}
		_, err := s.srv.Publish(t.Context(), s.app.ID, pusher.Publication{Event: "Big", Channels: []string{"portal"}, Data: strings.Repeat("x", 32<<10)}, journal.HTTP)
		require.NoError(t, err)
	}
	assert.True(t, strings.HasPrefix(entry(t, tail, journal.Closed).Note, "slow"))
	s.state(empty)
}
