package pusher_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
)

func TestFrames_InBothProfiles(t *testing.T) {
	for _, row := range []struct {
		name, want string
		got        []byte
	}{
		{"event", `{"event":"App\\Events\\Paid","data":"{\"a\":\"b\\/c\"}","channel":"portal"}`, pusher.EventText(`App\Events\Paid`, "portal", `{"a":"b\/c"}`)},
		{"whisper", `{"event":"client-a","channel":"c","data":{"on":true},"user_id":"7"}`, pusher.WhisperText("client-a", "c", []byte(`{"on":true}`), []byte(`"7"`))},
		{"whisper without data or user", `{"event":"client-a","channel":"c","data":null}`, pusher.WhisperText("client-a", "c", nil, nil)},
		{"established", `{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\",\"activity_timeout\":30}"}`, pusher.EstablishedText("1.2", 30)},
		{"subscribed", `{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"portal"}`, pusher.SubscribedText("portal")},
		{"subscribed to nothing", `{"event":"pusher_internal:subscription_succeeded","data":"{}"}`, pusher.SubscribedText("")},
		{"empty roster", `{"event":"pusher_internal:subscription_succeeded","data":"{\"presence\":{\"count\":0,\"ids\":[],\"hash\":[]}}","channel":"p"}`, pusher.EmptyRosterText("p")},
		{"left", `{"event":"pusher_internal:member_removed","data":"{\"user_id\":\"7\"}","channel":"p"}`, pusher.LeftText("p", []byte(`"7"`))},
		{"left with a number", `{"event":"pusher_internal:member_removed","data":"{\"user_id\":7}","channel":"p"}`, pusher.LeftText("p", []byte(`7`))},
		{"cache miss", `{"event":"pusher:cache_miss","channel":"cache-x"}`, pusher.CacheMissText("cache-x")},
		{"count", `{"event":"pusher_internal:subscription_count","data":"{\"subscription_count\":3}","channel":"portal"}`, pusher.CountText("portal", 3)},
		{"signed in", `{"event":"pusher:signin_success","data":"{\"user_data\":\"{\\\"id\\\":\\\"7\\\"}\"}"}`, pusher.SignedInText(`{"id":"7"}`)},
		{"watchlist", `{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"online\",\"user_ids\":[\"8\",\"a\\\"b\"]},{\"name\":\"offline\",\"user_ids\":[\"9\"]}]}"}`, pusher.WatchlistText([]string{"8", `a"b`}, []string{"9"})},
		{"watchlist, one offline", `{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"offline\",\"user_ids\":[\"9\"]}]}"}`, pusher.WatchlistText(nil, []string{"9"})},
		{"watchlist, nobody", `{"event":"pusher_internal:watchlist_events","data":"{\"events\":[]}"}`, pusher.WatchlistText(nil, nil)},
		{"ping", `{"event":"pusher:ping"}`, pusher.PingText},
		{"pong, reverb", `{"event":"pusher:pong"}`, pusher.Reverb.PongText()},
		{"pong, pusher", `{"event":"pusher:pong","data":"{}"}`, pusher.Hosted.PongText()},
		{"error, reverb", `{"event":"pusher:error","data":"{\"code\":4009,\"message\":\"Connection is unauthorized\"}"}`, pusher.Reverb.ErrorText(pusher.ErrUnauthorized)},
		{"error, pusher", `{"event":"pusher:error","data":{"code":4009,"message":"Connection is unauthorized"}}`, pusher.Hosted.ErrorText(pusher.ErrUnauthorized)},
		{"error without a code, reverb", `{"event":"pusher:error","data":"{\"code\":null,\"message\":\"a \\\"b\\\"\"}"}`, pusher.Reverb.ErrorText(&pusher.Error{Message: `a "b"`})},
		{"error without a code, pusher", `{"event":"pusher:error","data":{"code":null,"message":"a \"b\""}}`, pusher.Hosted.ErrorText(&pusher.Error{Message: `a "b"`})},
		{"subscription error", `{"event":"pusher:subscription_error","channel":"private-a\"","data":{"type":"AuthError","error":"no","status":401}}`, pusher.SubscriptionErrorText(`private-a"`, "AuthError", "no", 401)},
	} {
		assert.JSONEq(t, row.want, string(row.got), row.name)
	}
}

func TestRelayText_PassesTheWholeFrameOn(t *testing.T) {
	for in, want := range map[string]string{
		`{"event":"client-a","channel":"c","data":{"x":{}},"user_id":"forged","more":[{}]}`: `{"event":"client-a","channel":"c","data":{"x":[]},"user_id":"forged","more":[[]]}`,
		`{"event":"client-a","channel":"c"}`:                                                `{"event":"client-a","channel":"c"}`,
		`{"event":"client-a","channel":"c","data":"{\"x\":1}"}`:                             `{"event":"client-a","channel":"c","data":{"x":1}}`,
		`{"event":"client-a","channel":"c","data":""}`:                                      `{"event":"client-a","channel":"c","data":""}`,
		`{"data":1,"event":"client-a","channel":"c","data":null}`:                           `{"data":null,"event":"client-a","channel":"c"}`,
		`{"event":"client-a","channel":"c","a b\n":"é\u0000","data":null}`:                  `{"event":"client-a","channel":"c","a b\n":"é\u0000","data":null}`,
	} {
		m, err := pusher.ParseMessage([]byte(in))
		require.NoError(t, err, in)
		assert.JSONEq(t, want, string(pusher.RelayText(m)), in)
		assert.Equal(t, 1, strings.Count(string(pusher.RelayText(m)), `"event"`), in)
	}
}

func TestErrors_CodesAreTheDocumentedOnes(t *testing.T) {
	assert.Equal(t, "4009 Origin not allowed", pusher.ErrOrigin.Error())
	assert.Equal(t, "no code", (&pusher.Error{Message: "no code"}).Error())
	for _, e := range []*pusher.Error{pusher.ErrRateLimit, pusher.ErrClientRate, pusher.ErrNoClientEvents} {
		assert.Equal(t, 4301, e.Code)
		assert.Equal(t, &pusher.Error{Code: 4100, Message: e.Message}, e.Backoff(), "a close with 43xx would keep pusher-js away for good")
	}
}

// FuzzFrames: whatever an event, a channel or a member holds, frames are JSON and say the same thing.
func FuzzFrames(f *testing.F) {
	f.Add("App\\Events\\Paid", "portal", `{"a":"b\/c"}`, "7")
	f.Add("\x00\x1f\"\\\n\r\t\x7f", "\u2028é😀", "\xff\xc3(", "\"")
	f.Fuzz(func(t *testing.T, event, channel, data, id string) {
		type frame struct {
			Event, Channel, Data string
			UserID               string `json:"user_id"`
		}
		clean := func(s string) string { // what encoding/json makes of bytes that are not UTF-8
			if utf8.ValidString(s) {
				return s
			}
			b, _ := json.Marshal(s)
			var out string
			_ = json.Unmarshal(b, &out)
			return out
		}
		decode := func(b []byte, into any) {
			t.Helper()
			if !pusher.IsJSON(b) {
				t.Fatalf("not JSON: %q", b)
			}
			if err := json.Unmarshal(b, into); err != nil {
				t.Fatalf("%q: %v", b, err)
			}
		}
		var got frame
		decode(pusher.EventText(event, channel, data), &got)
		if want := (frame{Event: clean(event), Channel: clean(channel), Data: clean(data)}); got != want {
			t.Fatalf("event %+v, not %+v", got, want)
		}
		rawData, _ := json.Marshal(data)
		rawID, _ := json.Marshal(id)
		got = frame{}
		decode(pusher.WhisperText(event, channel, rawData, rawID), &got)
		if want := (frame{Event: clean(event), Channel: clean(channel), Data: clean(data), UserID: clean(id)}); got != want {
			t.Fatalf("whisper %+v, not %+v", got, want)
		}
		members := []pusher.Member{{ID: clean(id), Has: true, Raw: rawID, Info: rawData}, {ID: clean(id) + "2", Has: true, Raw: []byte("2"), Info: []byte(` {"a" : 1}`)}}
		entries := []pusher.RosterEntry{members[0].Roster(), members[1].Roster()}
		decode(pusher.RosterText(channel, 2, func(yield func(*pusher.RosterEntry) bool) {
			for i := range entries {
				if !yield(&entries[i]) {
					return
				}
			}
		}), &got)
		var roster struct {
			Presence struct {
				Count int
				IDs   []any
				Hash  map[string]any
			}
		}
		decode([]byte(got.Data), &roster)
		p := roster.Presence
		if p.Count != 2 || !slices.Equal(p.IDs, []any{clean(id), 2.0}) || len(p.Hash) != 2 || p.Hash[clean(id)] != clean(data) {
			t.Fatalf("roster %+v of %q and %q", p, id, data)
		}
		decode(pusher.SubscriptionErrorText(channel, event, data, 401), &struct{}{})
		for _, profile := range pusher.Profiles {
			decode(profile.ErrorText(&pusher.Error{Code: len(id), Message: data}), &struct{}{})
		}
		decode(pusher.SignedInText(data), &got)
		var signedIn struct {
			UserData string `json:"user_data"`
		}
		decode([]byte(got.Data), &signedIn)
		if signedIn.UserData != clean(data) {
			t.Fatalf("signed in with %q, not %q", signedIn.UserData, data)
		}
		decode(pusher.WatchlistText([]string{id, data}, []string{event}), &got)
		decode([]byte(got.Data), &struct{}{})
	})
}
