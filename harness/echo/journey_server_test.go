package echo_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// server plays the servers of a journey: what the script has it do, and its recorded answers to what the client sends, each
// as long after its cause as it was.
type server struct {
	t     *testing.T
	j     *journey
	start time.Time

	mu        sync.Mutex // guards what follows
	mine      []entry
	listening bool
	tcp       int
	conns     map[string]*peer // by the recorded name of the upgraded connection
	open      []net.Conn
	claimed   map[int]bool // recorded entries that the script sends
	cause     map[int]int  // recorded answer → recorded cause
	used      map[int]bool // recorded causes that have happened
	ended     bool
	changed   chan struct{} // something has been recorded
	answers   sync.WaitGroup
}

// peer is the server's end of one connection.
type peer struct {
	nc    net.Conn
	write sync.Mutex
	deaf  bool   // it is about to end the connection: what still comes was never read
	name  string // tcp1 …
	ws    string // ws1 … as recorded
}

func newServer(t *testing.T, j *journey) *server {
	s := &server{t: t, j: j, start: time.Now(), conns: map[string]*peer{}, claimed: map[int]bool{}, cause: map[int]int{}, used: map[int]bool{}, changed: make(chan struct{}, 1)}
	s.listening = slices.ContainsFunc(j.Wire, func(e entry) bool { return e.Kind == "tcp_open" })
	for _, step := range j.Script {
		text := string(step.Server)
		if strings.Contains(text, "stop listening") {
			break
		}
		if strings.Contains(text, "listen again") {
			s.listening = false
		}
	}
	for _, step := range j.Script {
		if step.Server != nil {
			if i := s.scripted(step); i >= 0 {
				s.claimed[i] = true
			}
		}
	}
	tcp := map[string]string{}
	for i, e := range j.Wire {
		if e.WS != "" {
			tcp[e.WS] = e.Conn
		}
		if e.Dir != "s>c" || s.claimed[i] {
			continue
		}
		s.cause[i] = s.causeOf(i, tcp)
	}
	return s
}

var confirmed = regexp.MustCompile(`subscription_succeeded.*"channel":"([^"]*)"`)

// causeOf finds what a recorded answer answers: the subscribe that it confirms, the request, or the last entry before it.
func (s *server) causeOf(i int, tcp map[string]string) int {
	e := s.j.Wire[i]
	on := func(conn string) string {
		if at, ok := tcp[conn]; ok {
			return at
		}
		return conn
	}
	last := -1
	for k := i - 1; k >= 0; k-- {
		c := s.j.Wire[k]
		if c.Dir != "c>s" || on(c.Conn) != on(e.Conn) {
			continue
		}
		if m := confirmed.FindStringSubmatch(e.Text); m != nil && c.Kind == "text" {
			if strings.Contains(c.Text, `pusher:subscribe"`) && strings.Contains(c.Text, `"channel":"`+m[1]+`"`) {
				return k
			}
			continue
		}
		if last < 0 {
			last = k
		}
	}
	return last
}

// scripted finds the recorded entry that a step of the script made; -1 for none.
func (s *server) scripted(step step) int {
	var what string
	var do map[string]json.RawMessage
	_ = json.Unmarshal(step.Server, &what)
	_ = json.Unmarshal(step.Server, &do)
	str := func(key string) string {
		var v string
		_ = json.Unmarshal(do[key], &v)
		return v
	}
	for i, e := range s.j.Wire {
		if e.Dir != "s>c" || s.claimed[i] || e.T < step.T-3 || e.T > step.T+30 {
			continue
		}
		fits := false
		switch {
		case do["send"] != nil:
			fits = e.Kind == "text" && e.Text == str("send")
		case do["close"] != nil:
			fits = e.Kind == "close" && e.Note != "reply"
		case do["binary"] != nil:
			fits = e.Kind == "binary"
		case do["ping_frame"] != nil:
			fits = e.Kind == "ping_frame"
		case do["encrypted_event"] != nil:
			fits = e.Kind == "text" && strings.Contains(e.Text, "ciphertext")
		case strings.HasPrefix(what, "cut"):
			fits = e.Kind == "tcp_end"
		case strings.HasPrefix(what, "confirm "):
			fits = strings.Contains(e.Text, "subscription_succeeded")
		case what == "connection_established":
			fits = strings.Contains(e.Text, what)
		}
		if fits {
			return i
		}
	}
	return -1
}

// act does a step of the script.
func (s *server) act(step step) {
	text := string(step.Server)
	s.mu.Lock()
	switch {
	case strings.Contains(text, "stop listening"):
		s.listening = false
	case strings.Contains(text, "listen again"):
		s.listening = true
	case strings.Contains(text, `"set"`):
	default:
		claimed := s.claimed
		s.claimed = map[int]bool{}
		found := -1
		for {
			found = s.scripted(step)
			if found < 0 || claimed[found] && !s.used[found] {
				break
			}
			s.claimed[found] = true
		}
		s.claimed = claimed
		if found >= 0 {
			s.used[found] = true
			e := s.j.Wire[found]
			p := s.conns[e.Conn]
			s.mu.Unlock()
			require.NotNil(s.t, p, "the script does %s on a connection that is not there; so far:\n%s", text, s.show())
			s.send(p, e)
			return
		}
		s.mu.Unlock()
		require.FailNow(s.t, "no entry of the wire belongs to the step "+text)
	}
	s.mu.Unlock()
}

func (s *server) now() float64 { return float64(time.Since(s.start)) / float64(time.Millisecond) }

func (s *server) record(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.T = s.now()
	s.mine = append(s.mine, e)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *server) wire() []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mine)
}

func (s *server) show() string {
	var b strings.Builder
	for _, e := range s.wire() {
		fmt.Fprintf(&b, "%8.1f %s %s %s %s\n", e.T, e.Dir, e.Conn, strings.SplitN(e.say(), "\n", 2)[0], e.Note)
	}
	return b.String()
}

// until waits for the count-th entry that fits.
func (s *server) until(fits *regexp.Regexp, count int) bool {
	limit := time.After(100 * time.Second)
	for {
		n := 0
		for _, e := range s.wire() {
			body := ""
			if e.Body != nil {
				body = *e.Body
			}
			if fits.MatchString(e.Dir + " " + e.Kind + " " + e.Request + " " + e.Text + " " + body) {
				n++
			}
		}
		if n >= count {
			return true
		}
		select {
		case <-s.changed:
		case <-limit:
			return false
		}
	}
}

func (s *server) close() {
	s.mu.Lock()
	s.ended = true
	open := s.open
	s.mu.Unlock()
	for _, nc := range open {
		_ = nc.Close()
	}
	s.answers.Wait()
}

func (s *server) pipe() (client, server net.Conn) {
	client, server = net.Pipe()
	s.open = append(s.open, server)
	return client, server
}

// dial is the WebSocket port.
func (s *server) dial(_ context.Context, address string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if address != socketAt || !s.listening || s.ended {
		return nil, syscall.ECONNREFUSED
	}
	s.tcp++
	client, nc := s.pipe()
	p := &peer{nc: nc, name: "tcp" + strconv.Itoa(s.tcp)}
	s.mine = append(s.mine, entry{T: s.now(), Dir: "c>s", Kind: "tcp_open", Conn: p.name})
	go s.serve(p)
	return client, nil
}

func head(r *bufio.Reader) (request string, headers [][2]string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "":
			return request, headers, nil
		case request == "":
			request = line
		default:
			name, value, _ := strings.Cut(line, ": ")
			headers = append(headers, [2]string{name, value})
		}
	}
}

func (s *server) serve(p *peer) {
	r := bufio.NewReader(p.nc)
	first, err := r.Peek(1)
	if err != nil {
		return
	}
	if first[0] == 0x16 {
		s.record(entry{Dir: "c>s", Kind: "tls_client_hello", Conn: p.name})
		hello := 0.0
		for _, e := range s.j.Wire {
			switch {
			case e.Conn != p.name:
			case e.Kind == "tls_client_hello":
				hello = e.T
			case e.Kind == "tcp_closed" && e.T-hello < 50:
				time.Sleep(20 * time.Millisecond) // what is under way on other connections comes first
				_ = p.nc.Close()
				return
			}
		}
		_, _ = io.Copy(io.Discard, r) // it says nothing
		return
	}
	request, headers, err := head(r)
	if err != nil {
		return
	}
	e := entry{Dir: "c>s", Kind: "upgrade_request", Conn: p.name, Request: request, Headers: headers}
	s.came(p, e)
	for {
		e, err := readFrame(r)
		if err != nil {
			return
		}
		e.Dir, e.Conn = "c>s", p.ws
		s.came(p, e)
	}
}

// came records what the client has sent and begins the answers.
func (s *server) came(p *peer, e entry) {
	s.mu.Lock()
	deaf := p.deaf
	s.mu.Unlock()
	if deaf {
		return
	}
	s.record(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := -1
	for i, c := range s.j.Wire {
		if c.Dir == "c>s" && !s.used[i] && (c.Conn == p.name || c.Conn == p.ws && p.ws != "") && c.say() == e.say() {
			at = i
			break
		}
	}
	if at < 0 {
		return // the comparison will tell
	}
	s.used[at] = true
	s.answers.Add(1)
	go func() {
		defer s.answers.Done()
		s.answer(p, at)
	}()
}

// waits tells whether an entry is recorded before this one on the same connection, or on any of HTTP, is due, and has not
// been sent yet.
func (s *server) waits(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	for k := range i {
		cause, ok := s.cause[k]
		if !ok || !s.used[cause] || s.used[k] {
			continue
		}
		a, b := s.j.Wire[cause], s.j.Wire[s.cause[i]]
		if a.Conn == b.Conn || a.Kind == "http_request" && b.Kind == a.Kind {
			return true
		}
	}
	return false
}

func (s *server) answer(p *peer, cause int) {
	begun := time.Now()
	for i, e := range s.j.Wire {
		s.mu.Lock()
		c, ok := s.cause[i]
		s.mu.Unlock()
		if !ok || c != cause {
			continue
		}
		if delay := e.T - s.j.Wire[cause].T; delay > 5 {
			time.Sleep(time.Until(begun.Add(ms(delay))))
		}
		for s.waits(i) {
			time.Sleep(200 * time.Microsecond)
		}
		s.mu.Lock()
		if i+1 < len(s.j.Wire) && s.j.Wire[i+1].Kind == "tcp_end" && s.j.Wire[i+1].Conn == e.Conn && s.j.Wire[i+1].T-e.T < 1 {
			p.deaf = true
		}
		s.mu.Unlock()
		s.send(p, e)
		if s.j.Wire[cause].Kind == "http_request" {
			time.Sleep(50 * time.Microsecond) // until the client has done what it does
		}
		s.mu.Lock()
		s.used[i] = true
		s.mu.Unlock()
	}
}

// send does one recorded entry.
func (s *server) send(p *peer, e entry) {
	p.write.Lock()
	defer p.write.Unlock()
	frame := func(op byte, payload []byte) {
		b := []byte{0x80 | op}
		if len(payload) < 126 {
			b = append(b, byte(len(payload)))
		} else {
			b = append(b, 126, byte(len(payload)>>8), byte(len(payload)))
		}
		_, _ = p.nc.Write(append(b, payload...))
	}
	sent := e
	sent.Dir = "s>c"
	s.record(sent)
	switch e.Kind {
	case "upgrade_response":
		s.mu.Lock()
		p.ws = e.WS
		s.conns[e.WS] = p
		key := ""
		for _, m := range s.mine {
			if m.Kind == "upgrade_request" && m.Conn == p.name {
				for _, h := range m.Headers {
					if h[0] == "Sec-WebSocket-Key" {
						key = h[1]
					}
				}
			}
		}
		s.mu.Unlock()
		b := "HTTP/1.1 101 Switching Protocols\r\n"
		for _, h := range e.Headers {
			if h[0] == "Sec-WebSocket-Accept" {
				h[1] = acceptKey(key)
			}
			b += h[0] + ": " + h[1] + "\r\n"
		}
		_, _ = io.WriteString(p.nc, b+"\r\n")
	case "http_response":
		body := ""
		if e.Body != nil {
			body = *e.Body
		}
		b := fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n", e.Status, e.Type, len(body))
		if e.Status == 302 {
			b += "Location: /login\r\n"
		}
		_, _ = io.WriteString(p.nc, b+"\r\n"+body)
	case "text":
		frame(1, []byte(e.Text))
	case "binary":
		b, _ := hex.DecodeString(e.Hex)
		frame(2, b)
	case "ping_frame":
		frame(9, []byte(e.Text))
	case "close":
		var payload []byte
		if e.Code != nil {
			payload = append([]byte{byte(*e.Code >> 8), byte(*e.Code)}, e.Reason...)
		}
		frame(8, payload)
	case "tcp_end":
		_ = p.nc.Close()
	default:
		require.FailNow(s.t, "a recorded entry of an unknown kind", e.Kind)
	}
}

func readFrame(r *bufio.Reader) (entry, error) {
	var h [14]byte
	if _, err := io.ReadFull(r, h[:2]); err != nil {
		return entry{}, err
	}
	n := int(h[1] & 0x7f)
	if n == 126 {
		if _, err := io.ReadFull(r, h[2:4]); err != nil {
			return entry{}, err
		}
		n = int(h[2])<<8 | int(h[3])
	}
	var mask [4]byte
	if h[1]&0x80 == 0 {
		return entry{Kind: "unmasked"}, nil
	}
	if _, err := io.ReadFull(r, mask[:]); err != nil {
		return entry{}, err
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return entry{}, err
	}
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	e := entry{RSV: int(h[0]>>4) & 7, PayloadLen: n}
	switch h[0] & 15 {
	case 1:
		e.Kind = "text"
		if e.RSV == 4 {
			z := flate.NewReader(io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff})))
			payload, _ = io.ReadAll(z)
		}
		e.Text = string(payload)
	case 8:
		e.Kind = "close"
		if len(payload) >= 2 {
			code := int(payload[0])<<8 | int(payload[1])
			e.Code, e.Reason = &code, string(payload[2:])
		}
	case 10:
		e.Kind, e.Text = "pong_frame", string(payload)
	default:
		e.Kind = fmt.Sprintf("opcode %d", h[0]&15)
	}
	return e, nil
}

// dialPage is the application's port.
func (s *server) dialPage(context.Context, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client, nc := s.pipe()
	found := make(chan int, 64)
	go s.application(nc, found)
	return &pageConn{client, s, found}, nil
}

// pageConn records requests as they are written: servers on several connections could not tell their order.
type pageConn struct {
	net.Conn
	s     *server
	found chan int // the recorded request that each is, -1 for none
}

const warmUp = "GET /warm HTTP/1.1" // the load of the page itself, whose connection is kept

func (c *pageConn) Write(b []byte) (int, error) {
	if e, err := readRequest(bufio.NewReader(bytes.NewReader(b))); err == nil && e.Request != warmUp {
		c.s.record(e)
		c.found <- c.s.find(e)
	}
	return c.Conn.Write(b)
}

func readRequest(r *bufio.Reader) (e entry, err error) {
	e = entry{Dir: "c>s", Kind: "http_request"}
	if e.Request, e.Headers, err = head(r); err != nil {
		return e, err
	}
	for _, h := range e.Headers {
		if h[0] == "Content-Length" {
			n, _ := strconv.Atoi(h[1])
			b := make([]byte, n)
			if _, err := io.ReadFull(r, b); err != nil {
				return e, err
			}
			body := string(b)
			e.Body = &body
		}
	}
	return e, nil
}

// find is the recorded request that is the same and has not come yet.
func (s *server) find(e entry) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.j.Wire {
		if c.Kind == "http_request" && !s.used[i] && c.say() == e.say() {
			s.used[i] = true
			return i
		}
	}
	return -1
}

func (s *server) application(nc net.Conn, found <-chan int) {
	requests := make(chan entry, 64)
	go func() {
		defer close(requests)
		r := bufio.NewReader(nc)
		for {
			e, err := readRequest(r)
			if err != nil {
				return
			}
			requests <- e
		}
	}()
	for e := range requests {
		if e.Request == warmUp {
			_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		at := <-found
		if at < 0 {
			_, _ = io.WriteString(nc, "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		s.answer(&peer{nc: nc}, at)
	}
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
