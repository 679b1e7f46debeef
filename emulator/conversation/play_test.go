package conversation_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/conversation"
)

// play plays steps (JSON, one a line) against the fake.
func play(t *testing.T, f *fake, stop func(), steps ...string) error {
	t.Helper()
	files := fstest.MapFS{"case.json": {Data: []byte(`{"title":"t","server":{},"steps":[` + strings.Join(steps, ",\n") + `]}`)}}
	conversations, err := conversation.Load(files)
	require.NoError(t, err)
	server := httptest.NewServer(f)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return conversation.Play(ctx, conversations[0], conversation.Target{
		BaseURL: server.URL, ID: "client-portal", Key: "local-reverb-key", Secret: "local-reverb-secret", Stop: stop,
	})
}

const (
	connectA   = `{"client":"a","connect":{"path":"/app/{{key}}"}}`
	establishA = `{"client":"a","expect":[{"frame":{"event":"pusher:connection_established","data":"{\"socket_id\":\"{{a.socket_id}}\",\"activity_timeout\":30}"}}]}`
	say        = `{"client":"a","send":"say"}`
	hear       = `{"client":"a","expect":[{"frame":{"event":"E","data":"{\"n\":1,\"list\":[1,2]}","channel":"c"}},{"frame":{"event":"client-x","data":{"on":true},"channel":"c"}}]}`
	one        = `{"event":"E","data":"{\"list\": [1.0,2], \"n\":1}","channel":"c"}`
	two        = `{"channel":"c","event":"client-x","data":{"on":true}}`
)

// Each answer but the first differs in one thing from what the conversation expects.
func TestPlay_TellsFramesApart(t *testing.T) {
	cases := map[string]struct {
		answers []string
		wants   string // in the error; "" for a good performance
	}{
		"as expected, keys in another order":   {[]string{one, two}, ""},
		"a ping between them is answered":      {[]string{one, "ping", two}, ""},
		"another value":                        {[]string{`{"event":"E","data":"{\"n\":2,\"list\":[1,2]}","channel":"c"}`, two}, `data.n: expected 1, got 2`},
		"another list":                         {[]string{`{"event":"E","data":"{\"n\":1,\"list\":[1,2,3]}","channel":"c"}`, two}, `data.list: expected [1,2], got [1,2,3]`},
		"a number as text":                     {[]string{`{"event":"E","data":"{\"n\":\"1\",\"list\":[1,2]}","channel":"c"}`, two}, `data.n: expected 1, got "1"`},
		"an object where a string is expected": {[]string{`{"event":"E","data":{"n":1,"list":[1,2]},"channel":"c"}`, two}, `data: expected "{\"list\":[1,2],\"n\":1}", got {"list":[1,2],"n":1}`},
		"a string where an object is expected": {[]string{one, `{"event":"client-x","data":"{\"on\":true}","channel":"c"}`}, `data: expected {"on":true}`},
		"an empty list for an empty object":    {[]string{one, `{"event":"client-x","data":[],"channel":"c"}`}, `data: expected {"on":true}, got []`},
		"a key too many":                       {[]string{one, `{"event":"client-x","data":{"on":true},"channel":"c","user_id":"7"}`}, `user_id: not expected, got "7"`},
		"a key too few":                        {[]string{one, `{"event":"client-x","data":{"on":true}}`}, `channel: expected "c", got nothing`},
		"missing":                              {[]string{one}, `got nothing within`},
		"extra":                                {[]string{one, two, two}, `expected nothing left over; got the frame ` + two},
		"the wrong order":                      {[]string{two, one}, `expected the frame {"event":"E"`},
		"a binary frame":                       {[]string{"binary", one, two}, `got a binary frame of 5 bytes`},
		"no JSON":                              {[]string{"hello", two}, `got the frame hello`},
		"two values":                           {[]string{one + one, two}, `something follows the JSON value`},
		"a close instead":                      {[]string{one, "close 4100 go"}, `got close 4100 "go"`},
		"a close afterwards":                   {[]string{one, two, "close 4100 go"}, `expected nothing left over; got close 4100 "go"`},
		"a cut instead":                        {[]string{one, "cut"}, `got the end of TCP without a close frame (1006)`},
		"a cut afterwards":                     {[]string{one, two, "cut"}, `expected nothing left over; got the end of TCP`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := play(t, &fake{answers: map[string][]string{"connect": {handshake}, "say": c.answers}}, nil,
				connectA, establishA, say, hear)
			if c.wants == "" {
				assert.NoError(t, err)
				return
			}
			var failure *conversation.Failure
			require.ErrorAs(t, err, &failure)
			assert.ErrorContains(t, err, c.wants)
			assert.ErrorContains(t, err, "case.json, ")
			if failure.Step <= failure.Steps {
				assert.ErrorContains(t, err, "step 4 of 4 (a expect)")
			} else {
				assert.ErrorContains(t, err, "at the end (a)")
			}
		})
	}
}

func TestPlay_TellsEndingsApart(t *testing.T) {
	closes := func(code int, reason string) string {
		return fmt.Sprintf(`{"client":"a","expect_close":{"code":%d,"reason":%q}}`, code, reason)
	}
	cases := map[string]struct {
		says   []string
		expect string
		wants  string
	}{
		"as expected":                    {[]string{"close 4100 busy"}, closes(4100, "busy"), ""},
		"another code":                   {[]string{"close 4200 busy"}, closes(4100, "busy"), `expected close 4100 "busy"; got close 4200 "busy"`},
		"another reason":                 {[]string{"close 4100 idle"}, closes(4100, "busy"), `got close 4100 "idle"`},
		"any reason beside 1002":         {[]string{"close 1002 whatever"}, closes(1002, "mine"), ""},
		"any reason beside 1007":         {[]string{"close 1007 whatever"}, closes(1007, "mine"), ""},
		"a close where TCP should end":   {[]string{"close 4100 busy"}, closes(1006, ""), `expected the end of TCP without a close frame (1006)`},
		"TCP ends as expected":           {[]string{"cut"}, closes(1006, ""), ""},
		"TCP ends where a close belongs": {[]string{"cut"}, closes(1000, ""), `got the end of TCP without a close frame (1006)`},
		"a frame first":                  {[]string{two, "close 4100 busy"}, closes(4100, "busy"), `got the frame ` + two},
		"no end at all":                  {nil, closes(4100, "busy"), `got nothing within`},
		"silence as expected":            {nil, `{"client":"a","expect_none_for_ms":50}`, ""},
		"a frame in the silence":         {[]string{two}, `{"client":"a","expect_none_for_ms":2000}`, `expected nothing for 2s; got the frame`},
		"an end in the silence":          {[]string{"cut"}, `{"client":"a","expect_none_for_ms":2000}`, `expected nothing for 2s; got the end of TCP`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := play(t, &fake{answers: map[string][]string{"connect": {handshake}, "say": c.says}}, nil,
				connectA, establishA, say, c.expect)
			if c.wants == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.wants)
		})
	}
}

func TestPlay_EndAfterAnErrorFrameNeedsNoExpectation(t *testing.T) {
	refusal := `{"event":"pusher:error","data":"{\"code\":4009,\"message\":\"Origin not allowed\"}"}`
	heard := `{"client":"a","expect":[{"frame":` + refusal + `}]}`
	for _, end := range []string{"cut", "close 4009 no"} {
		assert.NoError(t, play(t, &fake{answers: map[string][]string{"connect": {refusal, end}}}, nil, connectA, heard))
	}
	assert.ErrorContains(t, play(t, &fake{answers: map[string][]string{"connect": {refusal, two}}}, nil, connectA, heard),
		"expected nothing left over")
}

func TestPlay_ClosingHandshakePongAndRefusal(t *testing.T) {
	f := &fake{answers: map[string][]string{"connect": {handshake}}}
	assert.NoError(t, play(t, f, nil, connectA, establishA,
		`{"client":"a","ping":"hello"}`, `{"client":"a","expect_pong":"hello"}`,
		`{"client":"a","close":{"code":4100}}`, `{"client":"a","expect_close":{"code":4100,"reason":""}}`,
		`{"client":"b","connect":{"path":"/nope"}}`, `{"client":"b","expect_refused":{"status":404}}`,
		`{"client":"c","connect":{"path":"/app/x"}}`, `{"client":"c","expect":[{"frame":{"event":"pusher:connection_established","data":"{\"socket_id\":\"{{c.socket_id}}\",\"activity_timeout\":30}"}}]}`,
		`{"client":"c","close":{}}`))
	assert.ErrorContains(t, play(t, f, nil, connectA, establishA,
		`{"client":"a","ping":"hello"}`, `{"client":"a","expect_pong":"bye"}`), `expected a pong with payload "bye"; got a pong with payload "hello"`)
	assert.ErrorContains(t, play(t, f, nil, `{"client":"b","connect":{"path":"/nope"}}`, `{"client":"b","expect_refused":{"status":403}}`),
		"expected a refused upgrade with status 403; got a refused upgrade with status 404")
	assert.ErrorContains(t, play(t, f, nil, connectA, `{"client":"a","expect_refused":{"status":404}}`), "got the frame "+handshake)
	assert.ErrorContains(t, play(t, f, nil, `{"client":"b","connect":{"path":"/nope"}}`), "got a refused upgrade with status 404")
}

func TestPlay_SocketIDIsFixedByTheFirstHandshake(t *testing.T) {
	again := strings.Replace(handshake, "1234.5678", "56.78", 1)
	f := &fake{answers: map[string][]string{"connect": {handshake}, "say": {again}}}
	assert.ErrorContains(t, play(t, f, nil, connectA, establishA, say, establishA),
		`data.socket_id: expected "1234.5678", got "56.78"`)
	f = &fake{answers: map[string][]string{"connect": {strings.Replace(handshake, "1234.5678", "abc", 1)}}}
	assert.ErrorContains(t, play(t, f, nil, connectA, establishA), `data.socket_id: expected "{{a.socket_id}}", got "abc"`)
}

// What goes over the wire is the file's own bytes. The signatures are those of testdata/vectors, for this socket id.
func TestPlay_SendsWhatTheFileSays(t *testing.T) {
	f := &fake{answers: map[string][]string{"connect": {handshake}}}
	require.NoError(t, play(t, f, nil, connectA, establishA,
		`{"client":"a","send":{"z":1, "auth":"{{sign:private:a:private-client.5}}"}}`,
		`{"client":"a","send":{"data":{"auth":"{{sign:presence:a:presence-presence-project.1:CHANNEL_DATA}}","channel_data":"{\"user_id\":\"7\",\"user_info\":{\"id\":7,\"name\":\"Ada\",\"avatar\":null}}"}}}`,
		`{"client":"a","send":"{{sig:private:a:private-encrypted-vault.9}} {{repeat:xy:3}} {{id}} {{a.socket_id}}"}`,
		`{"client":"a","send_fragments":["one ","two ","{{key}}"]}`,
		`{"client":"a","send":"bytes","binary":true}`,
		`{"client":"a","ping":"x"}`, `{"client":"a","expect_pong":"x"}`))
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Equal(t, []string{
		`{"z":1,"auth":"local-reverb-key:88cc3fecb6f5b97c76de6857ff9f7173eb713db2b6de36f4dcb5c1bbb925c308"}`,
		`{"data":{"auth":"local-reverb-key:85eb05cd4d3029f0943d3c0bb289300b10204b273d484eb679e80001b8e82e5d","channel_data":"{\"user_id\":\"7\",\"user_info\":{\"id\":7,\"name\":\"Ada\",\"avatar\":null}}"}}`,
		`52e01b4463375d8c0673363aa3d16ea071ebf80630bcfafc79c3e629f04d1b21 xyxyxy client-portal 1234.5678`,
		"one two local-reverb-key",
		"bytes",
	}, slices.DeleteFunc(f.heard, func(heard string) bool { return strings.HasPrefix(heard, "ended: ") })) // the end comes when it comes
}

// Signed requests are recomputed here from what arrived; each departure shows up as that one thing.
func TestPlay_SignsRequests(t *testing.T) {
	const secret = "local-reverb-secret"
	signature := func(secret, method, path string, q url.Values) string {
		var pairs []string
		for name := range q {
			if name != "auth_signature" {
				pairs = append(pairs, name+"="+q.Get(name))
			}
		}
		sort.Strings(pairs)
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = io.WriteString(mac, method+"\n"+path+"\n"+strings.Join(pairs, "&"))
		return hex.EncodeToString(mac.Sum(nil))
	}
	age := func(q url.Values) time.Duration {
		var seconds int64
		_, _ = fmt.Sscan(q.Get("auth_timestamp"), &seconds)
		return time.Since(time.Unix(seconds, 0))
	}
	cases := map[string]struct {
		sign  string
		check func(t *testing.T, path string, q url.Values)
	}{
		"true": {`true`, func(t *testing.T, path string, q url.Values) {
			assert.Equal(t, "99914b932bd37a50b983c5e7c90ae93b", q.Get("body_md5"))
			assert.Equal(t, "local-reverb-key", q.Get("auth_key"))
			assert.Equal(t, "1.0", q.Get("auth_version"))
			assert.Less(t, age(q).Abs(), time.Minute)
			assert.Equal(t, signature(secret, "POST", path, q), q.Get("auth_signature"))
		}},
		"false": {`false`, func(t *testing.T, _ string, q url.Values) {
			assert.Equal(t, url.Values{"info": {"a,b"}}, q)
		}},
		"wrong": {`"wrong"`, func(t *testing.T, path string, q url.Values) {
			assert.NotEqual(t, signature(secret, "POST", path, q), q.Get("auth_signature"))
		}},
		"offset": {`{"timestamp_offset":-86400}`, func(t *testing.T, path string, q url.Values) {
			assert.InDelta(t, 24*time.Hour, age(q), float64(time.Minute))
			assert.Equal(t, signature(secret, "POST", path, q), q.Get("auth_signature"))
		}},
		"key and version": {`{"auth_key":"k","auth_version":"9"}`, func(t *testing.T, path string, q url.Values) {
			assert.Equal(t, []string{"k", "9"}, []string{q.Get("auth_key"), q.Get("auth_version")})
			assert.Equal(t, signature(secret, "POST", path, q), q.Get("auth_signature"))
		}},
		"omit": {`{"omit":["auth_key","body_md5"]}`, func(t *testing.T, path string, q url.Values) {
			assert.False(t, q.Has("auth_key") || q.Has("body_md5"))
			assert.Equal(t, signature(secret, "POST", path, q), q.Get("auth_signature"))
		}},
		"path": {`{"path":"/apps/{{id}}/other"}`, func(t *testing.T, _ string, q url.Values) {
			assert.Equal(t, signature(secret, "POST", "/apps/client-portal/other", q), q.Get("auth_signature"))
		}},
		"body": {`{"body":"x"}`, func(t *testing.T, path string, q url.Values) {
			assert.Equal(t, "9dd4e461268c8034f5c8564e155c67a6", q.Get("body_md5"))
			assert.Equal(t, signature(secret, "POST", path, q), q.Get("auth_signature"))
		}},
		"then_query": {`{"then_query":{"info":"c"}}`, func(t *testing.T, path string, q url.Values) {
			assert.Equal(t, "c", q.Get("info"))
			q.Set("info", "a,b")
			assert.Equal(t, signature(secret, "POST", path, q), q.Get("auth_signature"))
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var path string
			var query url.Values
			f := &fake{http: func(_ http.ResponseWriter, r *http.Request) { path, query = r.URL.Path, r.URL.Query() }}
			require.NoError(t, play(t, f, nil,
				`{"http":{"method":"POST","path":"/apps/{{id}}/events","query":{"info":"a,b"},"body":{},"sign":`+c.sign+`},"expect_http":{"status":200}}`))
			assert.Equal(t, []string{"POST /apps/client-portal/events {}"}, f.heard)
			c.check(t, path, query)
		})
	}
}

func TestPlay_BreaksTheWebSocketProtocolWhenAsked(t *testing.T) {
	cases := map[string]struct{ send, ended string }{
		"unmasked":  {`{"client":"a","send":"x","mask":false}`, "bad MASK"},
		"not UTF-8": {`{"client":"a","send_base64":"/w=="}`, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := &fake{answers: map[string][]string{"connect": {handshake}, "\xff": {"close 1007 bad"}}}
			expected := `{"client":"a","expect_close":{"code":1002,"reason":"any"}}`
			if c.ended == "" {
				expected = `{"client":"a","expect_close":{"code":1007,"reason":"any"}}`
			}
			require.NoError(t, play(t, f, nil, connectA, establishA, c.send, expected))
			assert.Eventually(t, func() bool { // the server hears of it on a goroutine of its own
				f.mu.Lock()
				defer f.mu.Unlock()
				return len(f.heard) > 0 && strings.Contains(f.heard[0], c.ended)
			}, 10*time.Second, time.Millisecond)
		})
	}
}

func TestPlay_TellsHTTPAnswersApart(t *testing.T) {
	type reply struct {
		status  int
		headers map[string]string
		body    string
	}
	asJSON := map[string]string{"Content-Type": "application/json; charset=utf-8"}
	cases := map[string]struct {
		reply  reply
		expect string
		wants  string
	}{
		"as expected":          {reply{200, asJSON, `{"a": 1, "cache":{"data":"{\"n\": 1}"}}`}, `{"status":200,"content_type":"application/json","json":{"cache":{"data":"{\"n\":1}"},"a":1}}`, ""},
		"another status":       {reply{201, asJSON, `{}`}, `{"status":200,"json":{}}`, `expected status 200; got 201`},
		"another content type": {reply{200, map[string]string{"Content-Type": "text/plain"}, `{}`}, `{"status":200,"content_type":"application/json","json":{}}`, `expected content type application/json`},
		"another value":        {reply{200, asJSON, `{"a":2}`}, `{"status":200,"json":{"a":1}}`, `a: expected 1, got 2`},
		"a list":               {reply{200, asJSON, `[]`}, `{"status":200,"json":{}}`, `the whole: expected {}, got []`},
		"no JSON":              {reply{200, asJSON, `ok`}, `{"status":200,"json":{}}`, `expected JSON like {}`},
		"text":                 {reply{404, nil, "Not found."}, `{"status":404,"text":"Not found."}`, ""},
		"a line end too many":  {reply{404, nil, "Not found.\n"}, `{"status":404,"text":"Not found."}`, `expected the body "Not found."`},
		"allow, other order":   {reply{405, map[string]string{"Allow": "POST,GET"}, ""}, `{"status":405,"allow":"GET, POST"}`, ""},
		"allow, one too many":  {reply{405, map[string]string{"Allow": "GET, POST, PUT"}, ""}, `{"status":405,"allow":"GET, POST"}`, `expected Allow: GET, POST`},
		"a redirect":           {reply{302, map[string]string{"Location": "/"}, ""}, `{"status":200,"text":""}`, `got 302`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := &fake{http: func(w http.ResponseWriter, _ *http.Request) {
				for key, value := range c.reply.headers {
					w.Header().Set(key, value)
				}
				w.WriteHeader(c.reply.status)
				_, _ = io.WriteString(w, c.reply.body)
			}}
			err := play(t, f, nil, `{"http":{"method":"GET","path":"/x","sign":false},"expect_http":`+c.expect+`}`)
			if c.wants == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.wants)
		})
	}
}

func TestPlay_RawRequest(t *testing.T) {
	f := &fake{}
	assert.NoError(t, play(t, f, nil, `{"http":{"raw":"GET\r\n\r\n"},"expect_http":{"status":400}}`))
	assert.ErrorContains(t, play(t, f, nil, `{"http":{"raw":"GET\r\n\r\n"},"expect_http":{"status":400,"text":"Bad request."}}`),
		`expected the body "Bad request."`)
}

func TestPlay_ServerStopIsWaitedFor(t *testing.T) {
	f := &fake{answers: map[string][]string{"connect": {handshake}}}
	stopped := false
	stop := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, conn := range f.sockets {
			_ = conn.Close()
		}
		stopped = true
	}
	require.NoError(t, play(t, f, stop, connectA, establishA, `{"server":"stop"}`,
		`{"client":"a","expect_close":{"code":1006,"reason":""},"within_ms":10000}`))
	assert.True(t, stopped)
	assert.ErrorContains(t, play(t, f, nil, `{"server":"stop"}`), "can't be stopped from here")
}

func TestPlay_AbortEndsTCPWithoutACloseFrame(t *testing.T) {
	ended := make(chan struct{})
	f := &fake{answers: map[string][]string{"connect": {handshake}}}
	require.NoError(t, play(t, f, func() {
		defer close(ended)
		require.Eventually(t, func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.heard) > 0
		}, 5*time.Second, time.Millisecond)
	}, connectA, establishA, `{"client":"a","abort":true}`, `{"server":"stop"}`))
	<-ended
	assert.Contains(t, f.heard[0], "1006")
	assert.ErrorContains(t, play(t, &fake{answers: map[string][]string{"connect": {handshake}}}, nil,
		connectA, `{"client":"a","expect_none_for_ms":1}`, `{"client":"a","abort":true}`), handshake)
}

func TestLoad_RefusesWhatItWouldPassOver(t *testing.T) {
	cases := map[string]struct{ text, wants string }{
		"an unknown key":         {`{"steps":[{"client":"a","jump":1}]}`, "jump"},
		"an unknown sign key":    {`{"steps":[{"http":{"sign":{"nope":1}}}]}`, "nope"},
		"two things in one step": {`{"steps":[{"client":"a","ping":"","abort":true}]}`, "step 1 says 2 things (ping, abort)"},
		"nothing":                {`{"steps":[{"client":"a"}]}`, "step 1 says 0 things"},
		"an unknown setting":     {`{"server":{"REVERB_APP_NOPE":"1"},"steps":[]}`, "REVERB_APP_NOPE is not a setting of an application"},
		"a bad setting":          {`{"server":{"REVERB_APP_PING_INTERVAL":"soon"},"steps":[]}`, "REVERB_APP_PING_INTERVAL"},
		"no JSON":                {`{`, "bad.json"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := conversation.Load(fstest.MapFS{"bad.json": {Data: []byte(c.text)}})
			assert.ErrorContains(t, err, c.wants)
		})
	}
}

func TestFailure_IsReadable(t *testing.T) {
	f := &conversation.Failure{Conversation: "presence", Step: 3, Steps: 9, Doing: "a expect", Expected: "x", Got: "y"}
	assert.Equal(t, "presence.json, step 3 of 9 (a expect): expected x; got y", f.Error())
}
