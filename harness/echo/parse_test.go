package echo

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/rawjson"
)

// The scanner has a truth of its own, encoding/json, so it is tested from inside.

var jsonSeeds = []string{
	`{}`, `[]`, `null`, `"a\u00e4\ud83d\ude00\ud800x\n\/"`, `-0.5e+3`, `01`, `1.`, `{"a":[1,{"b":null}],"a":2}`, ` [ true , false ] `,
	`{"event":"E","data":"{\"n\":1}","channel":"portal"}`, `{"\u0065vent":"x"}`, `{"a"}`, `[1,]`, "\"\x01\"", `tru`, ``,
}

func FuzzScanner(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !utf8.Valid(b) {
			return // text frames are UTF-8
		}
		ok := valid(b)
		require.Equal(t, json.Valid(b), ok, "%q", b)
		if !ok {
			return
		}
		var text string
		trimmed := bytes.TrimSpace(b)
		if trimmed[0] == '"' {
			require.NoError(t, json.Unmarshal(trimmed, &text))
			require.Equal(t, text, string(rawjson.Unquote(nil, trimmed)))
			require.Equal(t, text, stringOf(t, quote(nil, text)))
		}
		if trimmed[0] == '{' {
			var want map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(trimmed, &want))
			for key, value := range want {
				require.Equal(t, string(value), string(bytes.TrimSpace(field(trimmed, key))), "%q of %q", key, b)
			}
		}
	})
}

func stringOf(t *testing.T, b []byte) (s string) {
	require.NoError(t, json.Unmarshal(b, &s))
	return s
}

func TestScanner_DeepNestingIsRefusedNotFollowed(t *testing.T) {
	deep := bytes.Repeat([]byte("["), 1_000_000)
	assert.False(t, valid(deep))
}

func FuzzUpgradeAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nrest"))
	f.Add([]byte("HTTP/1.1 503 no\r\n\r\n"))
	f.Add([]byte("HTTP/1.1\r\n\r\n"))
	f.Add([]byte("SSH-2.0-OpenSSH"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, rest, err := readUpgrade(b)
		if a == nil || err != nil {
			return
		}
		require.True(t, bytes.HasSuffix(b, rest))
		// What has come is read the same once more has.
		again, _, err := readUpgrade(append(bytes.Clone(b), "more"...))
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}

// FuzzMessage has an established client take any text: nothing a server says may end the program.
func FuzzMessage(f *testing.F) {
	for _, s := range append(jsonSeeds,
		`{"event":"pusher:error","data":{"code":4200}}`,
		`{"event":"pusher_internal:subscription_succeeded","channel":"presence-a","data":"{\"presence\":{\"count\":1,\"hash\":{\"7\":{\"n\":1}}}}"}`,
		`{"event":"pusher_internal:subscription_succeeded","channel":"presence-a","data":"{\"presence\":{\"count\":-9,\"hash\":[1,2]}}"}`,
		`{"event":"pusher_internal:member_added","channel":"presence-a","data":"{\"user_id\":\"8\"}"}`,
		`{"event":"pusher_internal:member_removed","channel":"presence-a","data":"{\"user_id\":8}"}`,
		`{"event":"x","channel":"private-encrypted-a","data":"{\"nonce\":\"\",\"ciphertext\":\"AAAA\"}"}`,
		`{"event":"pusher:signin_success","data":"{\"user_data\":\"{\\\"id\\\":\\\"7\\\"}\"}"}`,
		`{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"online\",\"user_ids\":[\"8\",9]}]}"}`,
		`{"event":"pusher_internal:subscription_count","channel":"a","data":{"subscription_count":3}}`,
		`{"event":"pusher:member_added","channel":"a"}`,
		`{"event":"pusher:subscription_error","channel":"a","data":{"status":401}}`,
	) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newLoop(&Engine{}, newSleeper(), 1)
		c := &Client{loop: l, opt: &Options{Observer: func(_ *Client, n *Notice) {
			if n.Event != nil {
				_ = n.Event.Data()
			}
			if n.Problem != nil {
				_ = n.Problem.Error()
			}
		}}, state: StateConnected}
		c.activity.f = c.activityRang
		c.conn = &transport{c: c, mine: true, sock: &socket{loop: l}}
		c.conn.sock.t = c.conn
		ignore := func(*Event) {}
		for _, name := range []string{"a", "presence-a", "private-encrypted-a"} {
			ch := c.Subscribe(name).Bind("x", ignore)
			_ = ch
			c.Find(name).ListenToAll(func(string, *Event) {}).Here(func([]Member) {}).Joining(func(Member) {}).Leaving(func(Member) {}).OnError(func(*Problem) {})
		}
		c.Find("private-encrypted-a").secret = &[32]byte{}
		c.SignIn().Watch("online", func([]string) {})
		_ = c.greeting(b, false)
		c.message(b, false)
		c.message(b, false)
	})
}

func FuzzInflate(f *testing.F) {
	d := &deflate{}
	f.Add(d.append(nil, []byte("hello hello hello"), 0)[6:])
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = (&deflate{}).inflate(b)
	})
}

func TestDeflate_ReadsWhatRefersToEarlierMessages(t *testing.T) {
	d, err := newDeflate("permessage-deflate; client_no_context_takeover")
	require.NoError(t, err)
	for _, text := range []string{"the same text", "the same text", "another"} {
		frame := d.append(nil, []byte(text), 0)
		got, err := d.inflate(frame[6:])
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
	for _, header := range []string{"x-webkit-deflate-frame", "permessage-deflate; surprise=1"} {
		_, err := newDeflate(header)
		assert.Error(t, err, header)
	}
}
