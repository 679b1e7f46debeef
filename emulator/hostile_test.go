package emulator_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/pusher"
)

// frame is a client's WebSocket frame: first is FIN, reserved bits and opcode; the mask is zero.
func frame(first byte, payload string) string {
	head := []byte{first}
	switch n := len(payload); {
	case n < 126:
		head = append(head, 0x80|byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 0xfe), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 0xff), uint64(n))
	}
	return string(head) + "\x00\x00\x00\x00" + payload
}

const (
	text         = 0x81
	askPing      = `{"event":"pusher:ping","data":{}}`
	invalid      = `"{\"code\":4200,\"message\":\"Invalid message format\"}"`
	closedBroken = "\x03\xea" // 1002 in a close frame
)

// hostileFrames are sent after a handshake; the answer holds want.
var hostileFrames = []struct{ name, send, want string }{
	{"unmasked", "\x81\x05hello", closedBroken},
	{"reserved bit 1", frame(0xc1, "{}"), closedBroken},
	{"reserved bit 2", frame(0xa1, "{}"), closedBroken},
	{"reserved bit 3", frame(0x91, "{}"), closedBroken},
	{"reserved opcode", frame(0x83, "{}"), closedBroken},
	{"reserved control opcode", frame(0x8b, "{}"), closedBroken},
	{"continuation of nothing", frame(0x80, "{}"), closedBroken},
	{"a message within a message", frame(0x01, "{") + frame(text, "{}"), closedBroken},
	{"fragmented ping", frame(0x09, "x"), closedBroken},
	{"long ping", frame(0x89, strings.Repeat("x", 126)), closedBroken},
	{"length 2^63", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x03\xf1Maximum message size exceeded"},
	{"length 2^63-1", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00" + strings.Repeat("x", 10_001), "\x03\xf1Maximum message size exceeded"},
	{"one byte too many", frame(text, strings.Repeat("x", 10_001)), "\x03\xf1Maximum message size exceeded"},
	{"too many in fragments", frame(0x01, strings.Repeat("x", 5_000)) + strings.Repeat(frame(0x00, strings.Repeat("x", 1000)), 6), "\x03\xf1Maximum message size exceeded"},
	{"as many as allowed", frame(text, strings.Repeat("x", 10_000)), "4200"},
	{"fragments without end", frame(0x01, "") + strings.Repeat(frame(0x00, ""), 20_000) + frame(0x89, "here"), "\x8a\x04here"},
	{"a message letter by letter", frame(0x01, "") + func() (all string) {
		for _, c := range askPing {
			all += frame(0x00, string(c))
		}
		return all + frame(0x80, "")
	}(), "pusher:pong"},
	{"thousands of pings", strings.Repeat(frame(0x89, ""), 5_000) + frame(text, askPing), "pusher:pong"},
	{"pongs for nothing", strings.Repeat(frame(0x8a, "x"), 100) + frame(text, askPing), "pusher:pong"},
	{"empty close", frame(0x88, ""), "\x88\x00"},
	{"close 1000", frame(0x88, "\x03\xe8bye"), "\x88\x05\x03\xe8bye"},
	{"close 4999", frame(0x88, "\x13\x87"), "\x88\x02\x13\x87"},
	{"close of one byte", frame(0x88, "x"), closedBroken},
	{"close 999", frame(0x88, "\x03\xe7"), closedBroken},
	{"close 1005", frame(0x88, "\x03\xed"), closedBroken},
	{"close 1006", frame(0x88, "\x03\xee"), closedBroken},
	{"close 65535", frame(0x88, "\xff\xff"), closedBroken},
	{"close that is not UTF-8", frame(0x88, "\x03\xe8\xff"), "\x03\xef"},
	{"close, then more", frame(0x88, "\x03\xe8") + frame(text, askPing), "\x88\x02\x03\xe8"},
	{"text that is not UTF-8", frame(text, "{\"event\":\"\xff\"}"), "\x03\xef"},
	{"text cut within a letter", frame(text, "{\"event\":\"\xc3"), "\x03\xef"},
	{"binary", frame(0x82, askPing), "pusher:pong"},
	{"empty", frame(text, ""), invalid},
}

// hostileMessages are answered with 4200, or with nothing, and the socket goes on.
var hostileMessages = []string{
	`{"event":"pusher:subscribe","data":null}`, `{"event":"pusher:subscribe"}`, `{"event":"pusher:subscribe","data":[]}`, `{"event":"pusher:subscribe","data":5}`,
	`{"event":"pusher:subscribe","data":{"channel":null}}`, `{"event":"pusher:subscribe","data":{"channel":[]}}`, `{"event":"pusher:subscribe","data":{"channel":{"a":1}}}`,
	`{"event":"pusher:subscribe","data":{"channel":"presence-x","auth":[]}}`, `{"event":"pusher:subscribe","data":{"channel":"presence-x","channel_data":{}}}`,
	`{"event":"pusher:subscribe","data":"{\"channel\":"}`, `{"event":"pusher:unsubscribe","data":null}`, `{"event":"pusher:unsubscribe","data":{"channel":[]}}`,
	`{"event":"pusher:signin","data":{"auth":"x","user_data":"{}"}}`, `{"event":"pusher:"}`, `{"event":"pusher:error","data":{}}`, `{"event":"pusher_internal:member_added","data":"{}"}`,
	`{"event":null}`, `{"event":{}}`, `null`, `[]`, `5`, `"x"`, `{}`, `{`, `[[[[`, strings.Repeat("[", 9_000), strings.Repeat(`{"a":`, 1_600), `{"event":"client-x"}`,
	`{"event":"client-x","channel":"portal","data":5}`, `{"event":"client-x","channel":5,"data":{}}`, `{"event":"client-x","channel":"","data":{}}`,
	`{"event":"\ud800","data":{}}`, `{"event":"client-x","channel":"portal","data":"\ud800"}`, "{\"event\":\"a\nb\"}", `{"__proto__":{},"constructor":{},"event":"pusher:constructor"}`,
}

// hostileRequests are whole conversations over HTTP; the answer begins with want.
var hostileRequests = []struct{ name, send, want string }{
	{"nothing but zeros", "\x00\x00\x00\x00\r\n\r\n", "HTTP/1.1 400 "},
	{"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "HTTP/1.1 400 "},
	{"no host", "GET /up HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
	{"two hosts", "GET /up HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400 "},
	{"another version", "GET /up HTTP/9.9\r\nHost: x\r\n\r\n", "HTTP/1.1 505 "},
	{"HTTP/1.0", "GET /up HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
	{"HTTP/2 in clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 404 "},
	{"a broken header", "GET /up HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "HTTP/1.1 400 "},
	{"a header name with a blank", "GET /up HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", "HTTP/1.1 400 "},
	{"a broken escape in the path", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
	{"two lengths", "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400 "},
	{"a negative length", "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
	{"a length beyond numbers", "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 400 "},
	{"a length beyond the limit", "POST /apps/client-portal/events HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n", "HTTP/1.1 413 "},
	{"an unknown encoding", "POST /apps/client-portal/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 "},
	{"length and chunks", "POST /apps/client-portal/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 401 "},
	{"broken chunks", "POST /apps/client-portal/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 401 "},
	{"a head of 12 kB", "GET /up HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 12_000) + "\r\n\r\n", "HTTP/1.1 413 "},
	{"a head of 20 kB", "GET /up HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 20_000) + "\r\n\r\n", "HTTP/1.1 413 "},
	{"a head of many lines", "GET /up HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 3_000) + "\r\n", "HTTP/1.1 413 "},
	{"a handshake with 12 kB of cookies", strings.Replace(upgradeRequest("local-reverb-key"), "Host", "Cookie: "+strings.Repeat("c", 12_000)+"\r\nHost", 1), "HTTP/1.1 413 "},
	{"HEAD", "HEAD /up HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
	{"OPTIONS", "OPTIONS /up HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 "},
	{"CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", "HTTP/1.1 404 "},
	{"absolute form", "GET http://elsewhere/up HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
	{"an unknown method", "BREW /up HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "},
	{"up and down", "GET /app/../up HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
	{"a double slash", "GET //up HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
	{"a slash in a name", "GET /apps/client-portal/channels/a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
	{"unsigned", "GET /apps/client-portal/channels HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 401 "},
	{"unknown app", "GET /apps/nobody/channels HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
	{"no upgrade", "GET /app/local-reverb-key HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 "},
	{"half an upgrade", "GET /app/local-reverb-key HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 400 "},
	{"another upgrade", "GET /app/local-reverb-key HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "HTTP/1.1 400 "},
	{"an upgrade without a key", "GET /app/local-reverb-key HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", "HTTP/1.1 400 "},
	{"another WebSocket", strings.Replace(upgradeRequest("local-reverb-key"), "Version: 13", "Version: 8", 1), "HTTP/1.1 400 "},
	{"an upgrade by POST", strings.Replace(upgradeRequest("local-reverb-key"), "GET", "POST", 1), "HTTP/1.1 405 "},
	{"an upgrade elsewhere", strings.Replace(upgradeRequest("x"), "/app/x", "/apps/x", 1), "HTTP/1.1 404 "},
	{"a key with escapes", upgradeRequest("%6cocal-reverb-key"), "HTTP/1.1 101 "},
	{"two at once", "GET /up HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
}

// answerTo writes what is sent and reads until the answer holds want, or ends.
func answerTo(t testing.TB, nc net.Conn, send, want string) string {
	t.Helper()
	go func() { _, _ = io.WriteString(nc, send) }()
	_ = nc.SetReadDeadline(time.Now().Add(5 * time.Second))
	var got strings.Builder
	buf := make([]byte, 32<<10)
	for !strings.Contains(got.String(), want) {
		n, err := nc.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return got.String()
}

// TestHostile_NothingEndsTheProcessOrSlowsOthers goes through the tables while half requests hang about and two healthy
// clients whisper to each other.
func TestHostile_NothingEndsTheProcessOrSlowsOthers(t *testing.T) {
	s := start(t, emulator.Config{})
	for _, half := range []string{"", "G", "GET /up HTTP/1.1\r\n", "POST /apps/client-portal/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc", upgradeRequest(s.app.Key) + "\x81\xfe"} {
		for range 20 {
			nc, err := net.Dial("tcp", s.addr)
			require.NoError(t, err)
			t.Cleanup(func() { _ = nc.Close() })
			_, err = io.WriteString(nc, half)
			require.NoError(t, err)
		}
	}
	ada, bo := s.connect(), s.connect()
	ada.join("private-pair", "")
	bo.join("private-pair", "")
	stop, healthy, slowest, exchanged := make(chan struct{}), make(chan error, 1), time.Duration(0), 0
	go func() {
		for {
			select {
			case <-stop:
				healthy <- nil
				return
			default:
			}
			began := time.Now()
			for from, to := range map[*socket]*socket{ada: bo, bo: ada} {
				if err := from.ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"client-a","channel":"private-pair","data":{}}`)); err != nil {
					healthy <- err
					return
				}
				if m, err := to.read(); err != nil || m.Event != "client-a" {
					healthy <- fmt.Errorf("%v, %w", m, err)
					return
				}
			}
			slowest = max(slowest, time.Since(began))
			exchanged++
		}
	}()
	dial := func(t *testing.T) net.Conn {
		nc, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = nc.Close() })
		return nc
	}
	upgraded := func(t *testing.T) net.Conn {
		nc := dial(t)
		_, err := io.WriteString(nc, upgradeRequest(s.app.Key))
		require.NoError(t, err)
		readUntil(t, nc, "activity_timeout")
		return nc
	}
	for _, row := range hostileFrames {
		t.Run("frame/"+row.name, func(t *testing.T) {
			assert.Contains(t, answerTo(t, upgraded(t), row.send, row.want), row.want)
		})
	}
	t.Run("messages", func(t *testing.T) {
		nc := upgraded(t)
		for _, message := range hostileMessages {
			got := answerTo(t, nc, frame(text, message)+frame(text, askPing), "pusher:pong")
			assert.Contains(t, got, "pusher:pong", "%.80s", message)
			assert.NotContains(t, got, "subscription_succeeded", "%.80s", message)
		}
	})
	for _, row := range hostileRequests {
		t.Run("request/"+row.name, func(t *testing.T) {
			got := answerTo(t, dial(t), row.send, "\r\n\r\n")
			assert.True(t, strings.HasPrefix(got, row.want), "%.200q", got)
		})
	}
	close(stop)
	require.NoError(t, <-healthy, "the healthy pair was disturbed")
	assert.Positive(t, exchanged)
	assert.Less(t, slowest, 5*time.Second)
	ada.send(`{"event":"client-last","channel":"private-pair","data":{}}`)
	assert.Equal(t, "client-last", bo.next().Event)
}

// TestHostile_AHeadHasTenSeconds: a request that never ends is not waited for.
func TestHostile_AHeadHasTenSeconds(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Config{})
	nc, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer func() { _ = nc.Close() }()
	_, err = io.WriteString(nc, "GET /app/x HTTP/1.1\r\nHost:")
	require.NoError(t, err)
	_ = nc.SetReadDeadline(time.Now().Add(15 * time.Second))
	_, err = io.ReadAll(nc)
	var timeout net.Error
	assert.NotErrorAs(t, err, &timeout, "the server ends it")
}

func TestHTTP_ConnectionsAreKeptAlive(t *testing.T) {
	s := start(t, emulator.Config{})
	dials := 0
	client := &http.Client{Transport: &http.Transport{Dial: func(network, addr string) (net.Conn, error) {
		dials++
		return net.Dial(network, addr)
	}}}
	defer client.CloseIdleConnections()
	for i := range 20 {
		target := s.signed("GET", "/apps/"+s.app.ID+"/channels", "", "")
		if i%5 == 4 { // refusals do not end it either
			target += "x"
		}
		response, err := client.Get(target)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	assert.Equal(t, 1, dials)
}

// signed is the URL of a request whose raw query is sent as it stands; pairs is how the query reads when decoded and
// sorted as it is signed: "a=b&c=d", the auth parameters before them in the alphabet left out.
func (s *server) signed(method, path, raw, pairs string) string {
	auth := fmt.Sprintf("auth_key=%s&auth_timestamp=%d&auth_version=1.0", s.app.Key, time.Now().Unix())
	toSign := auth
	if pairs != "" {
		toSign += "&" + pairs
	}
	if raw != "" {
		auth += "&" + raw
	}
	return "http://" + s.addr + path + "?" + auth + "&auth_signature=" + pusher.Sign(s.app.Secret, method+"\n"+path+"\n"+toSign)
}

func TestHTTP_OddNamesAndQueries(t *testing.T) {
	s := start(t, emulator.Config{})
	c := s.connect()
	for _, name := range []string{"a+b", "a b", "grüße", "#x", "a%2Bb", "a&b=c", "a?b", `a\b"`, "presence-a+b"} {
		c.join(name, func() string {
			if strings.HasPrefix(name, "presence-") {
				return member("7")
			}
			return ""
		}())
	}
	app := "/apps/" + s.app.ID
	for _, row := range []struct{ name, path, raw, pairs, want string }{
		{"plus in a path", app + "/channels/a+b", "", "", `{"occupied":true}`},
		{"escaped plus", app + "/channels/a%2Bb", "", "", `{"occupied":true}`},
		{"twice escaped", app + "/channels/a%252Bb", "", "", `{"occupied":true}`},
		{"blank", app + "/channels/a%20b", "", "", `{"occupied":true}`},
		{"umlauts", app + "/channels/gr%C3%BC%C3%9Fe", "", "", `{"occupied":true}`},
		{"hash", app + "/channels/%23x", "", "", `{"occupied":true}`},
		{"question mark", app + "/channels/a%3Fb", "", "", `{"occupied":true}`},
		{"ampersand", app + "/channels/a&b=c", "", "", `{"occupied":true}`},
		{"backslash and quote", app + "/channels/a%5Cb%22", "", "", `{"occupied":true}`},
		{"users", app + "/channels/presence-a%2bb/users", "", "", `{"users":[{"id":"7"}]}`},
		{"plus in a query is a blank", app + "/channels", "filter_by_prefix=a+b", "filter_by_prefix=a b", `{"channels":{"a b":{}}}`},
		{"escaped plus in a query", app + "/channels", "filter_by_prefix=a%2Bb", "filter_by_prefix=a+b", `{"channels":{"a+b":{}}}`},
		{"the last of two counts", app + "/channels", "filter_by_prefix=x&filter_by_prefix=gr%C3%BC", "filter_by_prefix=grü", `{"channels":{"grüße":{}}}`},
		{"a list", app + "/channels/a+b", "info[]=cache&info[]=subscription_count", "info=cache,subscription_count", `{"occupied":true,"subscription_count":1}`},
		{"an escaped list", app + "/channels/a+b", "info%5B%5D=cache&info%5B1%5D=subscription_count", "info=cache,subscription_count", `{"occupied":true,"subscription_count":1}`},
		{"dots become underscores", app + "/channels", "filter.by.prefix=%23", "filter_by_prefix=#", `{"channels":{"#x":{}}}`},
		{"a broken escape", app + "/channels", "filter_by_prefix=%zz", "filter_by_prefix=%zz", `{"channels":[]}`},
		{"an empty part", app + "/channels", "&&filter_by_prefix=grüße&", "filter_by_prefix=grüße", `{"channels":{"grüße":{}}}`},
		{"a name alone", app + "/channels", "filter_by_prefix=%23&info", "filter_by_prefix=#&info=", `{"channels":{"#x":{}}}`},
		{"blanks in info", app + "/channels/a+b", "info=cache,%20subscription_count", "info=cache, subscription_count", `{"occupied":true}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			nc, err := net.Dial("tcp", s.addr)
			require.NoError(t, err)
			defer func() { _ = nc.Close() }()
			target := strings.TrimPrefix(s.signed("GET", row.path, row.raw, row.pairs), "http://"+s.addr)
			_, err = io.WriteString(nc, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			require.NoError(t, err)
			answer, err := io.ReadAll(nc)
			require.NoError(t, err)
			head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
			require.True(t, strings.HasPrefix(head, "HTTP/1.1 200 "), "%s", answer)
			assert.JSONEq(t, row.want, body)
		})
	}
}

// FuzzClientMessage: no message ends the server, or leaves a socket without an answer to its next ping.
func FuzzClientMessage(f *testing.F) {
	for _, message := range hostileMessages {
		f.Add([]byte(message))
	}
	f.Add([]byte(`{"event":"pusher:subscribe","data":{"channel":"cache-x","channel_data":"{\"user_id\":\"7\",\"user_info\":{}}"}}`))
	f.Add([]byte(`{"event":"client-x","channel":"cache-x","data":{"0":{}}}`))
	var servers []*server
	for _, profile := range pusher.Profiles {
		s := start(f, emulator.Config{Profile: profile}, func(app *pusher.App) { app.AcceptClientEventsFrom = pusher.AcceptAll })
		servers = append(servers, s)
	}
	clients := make([]*socket, len(servers))
	f.Fuzz(func(t *testing.T, message []byte) {
		for i, s := range servers {
			if clients[i] == nil {
				ws, _, err := websocket.DefaultDialer.Dial("ws://"+s.addr+"/app/"+s.app.Key+"?protocol=7", nil)
				if err != nil {
					t.Fatal(err)
				}
				clients[i] = &socket{ws: ws}
			}
			c := clients[i]
			_ = c.ws.WriteMessage(websocket.TextMessage, message)
			_ = c.ws.WriteMessage(websocket.TextMessage, []byte(askPing))
			for {
				m, err := c.read()
				if closed, ok := err.(*websocket.CloseError); ok && closed.Code != websocket.CloseAbnormalClosure {
					_ = c.ws.Close()
					clients[i] = nil
					break
				}
				if err != nil {
					t.Fatalf("%s: %q: %v", s.srv.Snapshot(s.app.ID).App, message, err)
				}
				if m.Event == "pusher:pong" {
					break
				}
			}
		}
	})
}
