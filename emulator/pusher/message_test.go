package pusher_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
)

func TestParseMessage(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, row := range []struct {
		in   string
		want pusher.Message // Data as text below
		data string
	}{
		{`{"event":"pusher:ping","data":{}}`, pusher.Message{Event: "pusher:ping"}, `{}`},
		{`{"event":"pusher:ping"}`, pusher.Message{Event: "pusher:ping"}, ``},
		{` { "data" : null , "event" : "x" } `, pusher.Message{Event: "x"}, `null`},
		{`{"event":"client-\u0061","channel":"a\/b","data":[1]}`, pusher.Message{Event: "client-a", Channel: "a/b", HasChannel: true}, `[1]`},
		{`{"event":"e","channel":""}`, pusher.Message{Event: "e"}, ``},
		{`{"event":"e","channel":" \t\u0000"}`, pusher.Message{Event: "e", Channel: " \t\x00"}, ``},
		{`{"event":"e","channel":"\u00a0"}`, pusher.Message{Event: "e", Channel: "\u00a0", HasChannel: true}, ``},
		{`{"event":"e","channel":5}`, pusher.Message{Event: "e"}, ``},
		{`{"event":"e","channel":"a","channel":"b"}`, pusher.Message{Event: "e", Channel: "b", HasChannel: true}, ``},
		{`{"event":"e","event":"f"}`, pusher.Message{Event: "f"}, ``},
		// A string that holds JSON is decoded once.
		{`{"event":"e","data":"{\"channel\":\"x\"}"}`, pusher.Message{Event: "e"}, `{"channel":"x"}`},
		{`{"event":"e","data":"\"{}\""}`, pusher.Message{Event: "e"}, `"{}"`},
		{`{"event":"e","data":"5"}`, pusher.Message{Event: "e"}, `5`},
		{`{"event":"e","data":"{"}`, pusher.Message{Event: "e"}, `"{"`},
		{`{"event":"e","data":""}`, pusher.Message{Event: "e"}, `""`},
		{`{"event":"e","data":"` + deep(512) + `"}`, pusher.Message{Event: "e"}, deep(512)},
		{`{"event":"e","data":"` + deep(513) + `"}`, pusher.Message{Event: "e"}, `"` + deep(513) + `"`},
		{`{"event":"e","data":` + deep(511) + `}`, pusher.Message{Event: "e"}, deep(511)},
	} {
		m, err := pusher.ParseMessage([]byte(row.in))
		require.NoError(t, err, "%.80s", row.in)
		assert.Equal(t, row.data, string(m.Data), "%.80s", row.in)
		assert.Equal(t, row.in, string(m.Raw))
		m.Data, m.Sent, m.Raw = nil, nil, nil
		assert.Equal(t, row.want, m, "%.80s", row.in)
	}
	for _, bad := range []string{
		``, ` `, `x`, `5`, `null`, `"pusher:ping"`, `[]`, `["event","pusher:ping"]`, `{}`, `{"data":{}}`, `{"event":5}`, `{"event":null}`, `{"event":{}}`, `{"event":[]}`,
		`{"event":""}`, `{"event":" "}`, `{"event":"\u0000"}`, `{"event":"pusher:ping"`, `{"event":"pusher:ping"} x`, `{"event":"\ud800"}`, "{\"event\":\"\xff\"}",
		`{"event":"e","event":5}`, `{"event":"e","data":` + deep(512) + `}`, `{"Event":"e"}`,
	} {
		_, err := pusher.ParseMessage([]byte(bad))
		assert.Equal(t, pusher.ErrMessage, err, "%.80q", bad)
	}
}

func TestFields(t *testing.T) {
	fields := func(data string) (pusher.Fields, error) {
		m := pusher.Message{Data: []byte(data)}
		return m.Fields()
	}
	for _, empty := range []string{``, ` `, `null`, `false`, `0`, `-0`, `0.0`, `0e9`, `-0.00`, `""`, `"0"`, `[]`, `{}`, `["channel"]`} {
		f, err := fields(empty)
		require.NoError(t, err, "%q", empty)
		assert.Empty(t, f, "%q", empty)
	}
	for _, bad := range []string{`true`, `1`, `-1`, `0.1`, `1e999`, `"a"`, `" "`, `"00"`, `"0.0"`} {
		_, err := fields(bad)
		assert.Equal(t, pusher.ErrMessage, err, "%q", bad)
	}
	f, err := fields(` {"s":"a\u0062","n":42,"f":1.5,"t":true,"no":false,"nil":null,"l":[],"o":{},"s2":"x","s2":"y"} `)
	require.NoError(t, err)
	for _, row := range []struct {
		name, text string
		present    bool
		err        error
	}{
		{"s", "ab", true, nil}, {"n", "42", true, nil}, {"f", "1.5", true, nil}, {"t", "1", true, nil}, {"no", "", true, nil}, {"nil", "", false, nil},
		{"missing", "", false, nil}, {"l", "", false, pusher.ErrMessage}, {"o", "", false, pusher.ErrMessage}, {"s2", "y", true, nil},
	} {
		text, present, err := f.Text(row.name)
		if row.err != nil {
			assert.Equal(t, row.err, err, row.name)
			continue
		}
		assert.NoError(t, err, row.name)
		assert.Equal(t, row.text, text, row.name)
		assert.Equal(t, row.present, present, row.name)
	}
}

func TestParseMember(t *testing.T) {
	for _, row := range []struct {
		in        string
		php       bool
		id        string
		has       bool
		raw, info string
		data      string
	}{
		{``, true, "", false, "", "", `{}`},
		{`0`, true, "", false, "", "", `{}`},
		{`{}`, true, "", false, "", "", `{}`},
		{`[]`, true, "", false, "", "", `{}`},
		{`["a","b"]`, true, "", false, "", "", `{"0":"a","1":"b"}`},
		{`{"user_id":"7","user_info":{"name":"Ada"}}`, true, "7", true, `"7"`, `{"name":"Ada"}`, `{"user_id":"7","user_info":{"name":"Ada"}}`},
		{`{"user_id":7}`, true, "7", true, `7`, "", `{"user_id":7}`},
		{`{"user_id":null,"user_info":1}`, true, "", false, "", "1", `{"user_id":null,"user_info":1}`},
		{`{"user_id":true}`, true, "1", true, `"1"`, "", `{"user_id":true}`},
		{`{"user_id":""}`, true, "", true, `""`, "", `{"user_id":""}`},
		{`{"user_id":"0"}`, true, "0", true, `"0"`, "", `{"user_id":"0"}`},
		{`{"user_id":"\u0037"}`, true, "7", true, `"\u0037"`, "", `{"user_id":"\u0037"}`},
		{`{"user_id":"a","user_id":"b"}`, true, "b", true, `"b"`, "", `{"user_id":"b"}`},
		{` {"user_id":"7","x":{}} `, true, "7", true, `"7"`, "", `{"user_id":"7","x":[]}`},
		{`{"user_id":"7","user_info":{}}`, true, "7", true, `"7"`, `[]`, `{"user_id":"7","user_info":[]}`},
		{`{"user_id":"7","user_info":{}}`, false, "7", true, `"7"`, `{}`, `{"user_id":"7","user_info":{}}`},
		{`{"user_id":"7","user_info":{"0":"a"}}`, true, "7", true, `"7"`, `["a"]`, `{"user_id":"7","user_info":["a"]}`},
		{`{"0":{}}`, true, "", false, "", "", `{"0":{}}`}, // an object at the top stays one
	} {
		m, err := pusher.ParseMember(row.in, row.php)
		require.NoError(t, err, row.in)
		assert.Equal(t, row.id, m.ID, row.in)
		assert.Equal(t, row.has, m.Has, row.in)
		assert.Equal(t, row.raw, string(m.Raw), row.in)
		assert.Equal(t, row.info, string(m.Info), row.in)
		assert.JSONEq(t, row.data, string(m.Data), row.in)
	}
	for _, bad := range []string{` `, `x`, `5`, `null`, `false`, `"a"`, `{`, `{"user_id":[]}`, `{"user_id":{}}`, `{"user_id":"7"`, "\xff"} {
		_, err := pusher.ParseMember(bad, true)
		assert.Equal(t, pusher.ErrMessage, err, "%q", bad)
	}
}

// FuzzParseMessage: no input makes the decoder or what is built from its result anything but JSON.
func FuzzParseMessage(f *testing.F) {
	for _, seed := range []string{
		`{"event":"pusher:subscribe","data":null}`, `{"event":"pusher:subscribe","data":{"channel":"presence-x","channel_data":"{\"user_id\":\"7\",\"user_info\":{}}","auth":"k:s"}}`,
		`{"event":"client-x","channel":"private-a","data":"{\"0\":{}}","extra":{"a":[{}]}}`, `{"event":"e","data":"\ud83d\ude00"}`, `{"event":"client-","channel":"c","user_id":12345678901234567890}`,
		`{"event":"e","data":{"channel":42,"channel_data":"[1,2]"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := pusher.ParseMessage(b)
		if err != nil {
			if err != pusher.ErrMessage {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		if m.Event == "" || !utf8.ValidString(m.Event) || !utf8.ValidString(m.Channel) || m.HasChannel && m.Channel == "" {
			t.Fatalf("%q: %+v", b, m)
		}
		if m.Data != nil && !pusher.IsJSON(m.Data) {
			t.Fatalf("%q: data %q", b, m.Data)
		}
		if relayed := pusher.RelayText(m); !pusher.IsJSON(relayed) {
			t.Fatalf("%q is passed on as %q", b, relayed)
		}
		fields, err := m.Fields()
		if err != nil {
			return
		}
		for name := range fields {
			text, _, err := fields.Text(name)
			if err != nil {
				continue
			}
			for _, php := range []bool{true, false} {
				member, err := pusher.ParseMember(text, php)
				if err != nil {
					continue
				}
				checkMember(t, text, &member)
			}
		}
	})
}

// checkMember builds every frame that a member is in.
func checkMember(t *testing.T, text string, m *pusher.Member) {
	var data map[string]json.RawMessage
	if err := json.Unmarshal(m.Data, &data); err != nil {
		t.Fatalf("%q: data %q: %v", text, m.Data, err)
	}
	inner(t, pusher.JoinedText("presence-x", m))
	if m.Has {
		var id any
		if err := json.Unmarshal(inner(t, pusher.LeftText("presence-x", m.Raw)), &struct {
			ID *any `json:"user_id"`
		}{&id}); err != nil || id == nil {
			t.Fatalf("%q: left with id %v: %v", text, id, err)
		}
	}
	if m.Has && m.Info != nil {
		entry := m.Roster()
		inner(t, pusher.RosterText("presence-x", 1, func(yield func(*pusher.RosterEntry) bool) { yield(&entry) }))
	}
}

// inner is the JSON text that a frame's data holds as a string.
func inner(t *testing.T, frame []byte) []byte {
	t.Helper()
	var f struct{ Data string }
	if err := json.Unmarshal(frame, &f); err != nil {
		t.Fatalf("%q: %v", frame, err)
	}
	if !pusher.IsJSON([]byte(f.Data)) {
		t.Fatalf("%q: its data is no JSON", frame)
	}
	return []byte(f.Data)
}
