//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"echolab/emulator/pusher"
)

// client is one WebSocket connection, as bare as it can be: the figures are to be the server's.
type client struct {
	nc net.Conn
	id string
	// rest is what was read beyond the last frame that was wanted.
	rest []byte
}

const patience = 60 * time.Second

func (s *server) dial() (*client, error) {
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	c := &client{nc: nc}
	_, err = fmt.Fprintf(nc, "GET /app/%s?protocol=7&client=js&version=8.6.0&flash=false HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", s.app.Key, s.addr)
	if err != nil {
		return nil, err
	}
	text, err := c.until(`activity_timeout`)
	if err != nil {
		return nil, err
	}
	_, after, _ := strings.Cut(text, `socket_id\":\"`)
	c.id, _, _ = strings.Cut(after, `\"`)
	return c, nil
}

// until reads until mark has come and returns everything that was read.
func (c *client) until(mark string) (string, error) {
	_ = c.nc.SetReadDeadline(time.Now().Add(patience))
	defer func() { _ = c.nc.SetReadDeadline(time.Time{}) }()
	buf := make([]byte, 4096)
	var got []byte
	for !bytes.Contains(got, []byte(mark)) {
		n, err := c.nc.Read(buf)
		if err != nil {
			return "", fmt.Errorf("waiting for %s: %w (got %.200q)", mark, err, got)
		}
		got = append(got, buf[:n]...)
	}
	return string(got), nil
}

// frame makes a masked text frame (with the mask zero, which leaves the text as it is).
func frame(text string) []byte {
	f := []byte{0x81}
	switch n := len(text); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	default:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	}
	return append(append(f, 0, 0, 0, 0), text...)
}

func (c *client) send(text string) error {
	_, err := c.nc.Write(frame(text))
	return err
}

// subscribe asks for a channel and does not wait.
func (c *client) subscribe(s *server, channel, channelData string) error {
	auth := s.app.AuthString(pusher.ChannelText(c.id, channel, channelData))
	data := ""
	if channelData != "" {
		data = `,"channel_data":` + strconv.Quote(channelData)
	}
	return c.send(`{"event":"pusher:subscribe","data":{"auth":"` + auth + `"` + data + `,"channel":"` + channel + `"}}`)
}

func (c *client) join(s *server, channel, channelData string) error {
	if err := c.subscribe(s, channel, channelData); err != nil {
		return err
	}
	_, err := c.until("subscription_succeeded")
	return err
}

// publisher is a kept HTTP connection with one request that is sent again and again: Reverb looks at no timestamp.
type publisher struct {
	nc      net.Conn
	request []byte
	buf     []byte
}

func (s *server) publisher(path, body string) (*publisher, error) {
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	path = "/apps/" + s.app.ID + path
	query := make([]string, 0, 5)
	for name, value := range s.app.SignRequest("POST", path, nil, []byte(body), time.Now()) {
		query = append(query, name+"="+value)
	}
	request := fmt.Sprintf("POST %s?%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, strings.Join(query, "&"), s.addr, len(body), body)
	return &publisher{nc, []byte(request), make([]byte, 4096)}, nil
}

// publish sends the request and waits for a 200.
func (p *publisher) publish() error {
	if _, err := p.nc.Write(p.request); err != nil {
		return err
	}
	n := 0
	for {
		k, err := p.nc.Read(p.buf[n:])
		if err != nil {
			return err
		}
		n += k
		if head := bytes.Index(p.buf[:n], []byte("\r\n\r\n")); head >= 0 {
			if !bytes.HasPrefix(p.buf, []byte("HTTP/1.1 200")) {
				return fmt.Errorf("refused: %.200q", p.buf[:n])
			}
			at := bytes.Index(p.buf[:n], []byte("Content-Length: "))
			length, _ := strconv.Atoi(string(bytes.SplitN(p.buf[at+16:n], []byte("\r"), 2)[0]))
			if n >= head+4+length {
				return nil
			}
		}
	}
}
