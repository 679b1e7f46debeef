package conversation

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// client is one raw WebSocket client. gorilla does the handshake and the reading; frames are written byte by byte,
// because conversations need frames that no library would send.
type client struct {
	conn *websocket.Conn // nil when the upgrade was refused

	heard chan event // in the order of arrival; closed after the event that ends the socket
	done  chan struct{}

	mu     sync.Mutex // guards writing, and closed
	closed bool       // a close frame was sent

	// The player's own, for what is no surprise at the end.
	leaving bool // it started the closing handshake
	gone    bool // it ended TCP itself
}

// event is one thing that reached a client.
type event struct {
	kind   string // text, binary, pong, close, refused, broken
	text   string // of text, binary, pong; what is wrong, of broken
	code   int    // of close; the status, of refused
	reason string // of close
}

func (e event) String() string {
	switch e.kind {
	case "text":
		return "the frame " + shorten(e.text)
	case "binary":
		return fmt.Sprintf("a binary frame of %d bytes", len(e.text))
	case "pong":
		return fmt.Sprintf("a pong with payload %q", e.text)
	case "close":
		if e.code == websocket.CloseAbnormalClosure {
			return "the end of TCP without a close frame (1006)"
		}
		return fmt.Sprintf("close %d %q", e.code, e.reason)
	case "refused":
		return fmt.Sprintf("a refused upgrade with status %d", e.code)
	}
	return "a broken WebSocket: " + e.text
}

const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// backlog bounds the events that wait for an expectation. A client that hears more is read no further.
const backlog = 4096

func dial(ctx context.Context, url string, headers map[string]string) (*client, error) {
	header := http.Header{}
	for key, value := range headers {
		header.Set(key, value)
	}
	c := &client{heard: make(chan event, backlog), done: make(chan struct{})}
	conn, response, err := (&websocket.Dialer{HandshakeTimeout: patience}).DialContext(ctx, url, header)
	switch {
	case errors.Is(err, websocket.ErrBadHandshake) && response != nil:
		_ = response.Body.Close()
		c.heard <- event{kind: "refused", code: response.StatusCode}
		close(c.heard)
		return c, nil
	case err != nil:
		return nil, err
	}
	c.conn = conn
	conn.SetPongHandler(func(payload string) error {
		c.push(event{kind: "pong", text: payload})
		return nil
	})
	conn.SetPingHandler(func(payload string) error {
		// A real client's WebSocket layer answers unseen. If the server is gone, the reader finds out.
		_ = c.write(opPong, []byte(payload), true, true)
		return nil
	})
	conn.SetCloseHandler(func(code int, _ string) error {
		if code == websocket.CloseNoStatusReceived {
			code = 0
		}
		_ = c.writeClose(code)
		return nil
	})
	go c.read()
	return c, nil
}

// read fills the queue until the socket ends, and then ends TCP from this side too.
func (c *client) read() {
	defer close(c.heard)
	defer func() { _ = c.conn.Close() }()
	for {
		kind, payload, err := c.conn.ReadMessage()
		if err != nil {
			c.push(ending(err))
			return
		}
		switch kind {
		case websocket.TextMessage:
			c.push(event{kind: "text", text: string(payload)})
		case websocket.BinaryMessage:
			c.push(event{kind: "binary", text: string(payload)})
		}
	}
}

func ending(err error) event {
	var closing *websocket.CloseError
	if errors.As(err, &closing) {
		reason := closing.Text
		if closing.Code == websocket.CloseAbnormalClosure {
			reason = ""
		}
		return event{kind: "close", code: closing.Code, reason: reason}
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, net.ErrClosed) {
		return event{kind: "close", code: websocket.CloseAbnormalClosure}
	}
	return event{kind: "broken", text: err.Error()}
}

func (c *client) push(e event) {
	select {
	case c.heard <- e:
	case <-c.done:
	}
}

// next waits for the client's next event.
func (c *client) next(ctx context.Context, within time.Duration) (event, bool) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case e, open := <-c.heard:
		if !open {
			return event{}, false
		}
		return e, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return event{}, false
}

// write sends one frame (RFC 6455 section 5.2), whether or not a well-behaved client would.
func (c *client) write(opcode byte, payload []byte, final, mask bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return errors.New("its upgrade was refused")
	}
	_, err := c.conn.NetConn().Write(frame(opcode, payload, final, mask))
	return err
}

// writeClose sends a close frame once; code 0 sends an empty one.
func (c *client) writeClose(code int) error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	if again {
		return nil
	}
	var payload []byte
	if code != 0 {
		payload = binary.BigEndian.AppendUint16(nil, uint16(code))
	}
	return c.write(opClose, payload, true, true)
}

func frame(opcode byte, payload []byte, final, mask bool) []byte {
	first := opcode
	if final {
		first |= 0x80
	}
	var maskBit byte
	if mask {
		maskBit = 0x80
	}
	bytes := []byte{first}
	switch n := len(payload); {
	case n < 126:
		bytes = append(bytes, maskBit|byte(n))
	case n <= 0xffff:
		bytes = binary.BigEndian.AppendUint16(append(bytes, maskBit|126), uint16(n))
	default:
		bytes = binary.BigEndian.AppendUint64(append(bytes, maskBit|127), uint64(n))
	}
	if !mask {
		return append(bytes, payload...)
	}
	var key [4]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	bytes = append(bytes, key[:]...)
	for i, b := range payload {
		bytes = append(bytes, b^key[i%4])
	}
	return bytes
}

// abort ends TCP without a close frame. What had arrived before stays in the queue.
func (c *client) abort() {
	if c.conn == nil || c.gone {
		return
	}
	c.gone = true
	_ = c.conn.NetConn().Close()
	// The reader's own ending is the last event; it is the client's doing and not heard from the server.
	var kept []event
	for e := range c.heard {
		if e.kind != "close" {
			kept = append(kept, e)
		}
	}
	c.heard = make(chan event, backlog)
	for _, e := range kept {
		c.heard <- e
	}
	close(c.heard)
}

// end lets go of the client whatever its state.
func (c *client) end() {
	close(c.done)
	if c.conn != nil {
		_ = c.conn.NetConn().Close()
	}
	for range c.heard {
	}
}

func websocketURL(base, path string) string {
	return "ws" + strings.TrimPrefix(base, "http") + path
}
