package harness_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
	"echolab/harness"
)

// TestHouse_Strangers is every verdict on what clients were told of members who are not of the run.
func TestHouse_Strangers(t *testing.T) {
	type counts struct{ ghosts, missed, twice, drift int64 }
	for _, c := range []struct {
		name string
		run  func(h *home)
		want counts
	}{
		{"there before, in every here", func(h *home) {
			a := h.in("a", 10, "x")
			h.in("b", 2000, "x", "a")
			a.Joining("b", h.at(2003))
		}, counts{}},
		{"comes and goes, all are told", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			a.Joining("x", h.at(5000))
			b.Joining("x", h.at(5200))
			b.Leaving("x", h.at(8000))
			a.Leaving("x", h.at(8300))
		}, counts{}},
		{"comes while another asks: here, or told, both are right", func(h *home) {
			a := h.in("a", 10)
			b := h.enter("b", 5000)
			b.Here([]string{"x", "a", "b"}, 3, h.at(5004))
			a.Joining("b", h.at(5003))
			a.Joining("x", h.at(5010))
			c := h.in("c", 5005, "a", "b")
			a.Joining("c", h.at(5015))
			b.Joining("c", h.at(5015))
			c.Joining("x", h.at(5020))
		}, counts{}},
		{"goes while another asks, whose here does not list it any more", func(h *home) {
			a := h.in("a", 10, "x")
			h.in("b", 5000, "a")
			a.Joining("b", h.at(5003))
			a.Leaving("x", h.at(5100))
		}, counts{}},
		{"comes again and again", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			for i := range 5 {
				for _, s := range []*harness.Stay{a, b} {
					s.Joining("x", h.at(10_000+1000*i))
					s.Leaving("x", h.at(10_500+1000*i))
				}
			}
		}, counts{}},
		{"has a tab here and another elsewhere, so that nobody is told of the one here", func(h *home) {
			a := h.in("a", 10, "tabs")
			t := h.in("tabs", 3000, "a")
			t.Left(h.at(6000))
			again := h.in("tabs", 8000, "a")
			h.in("b", 12_000, "a", "tabs")
			a.Joining("b", h.at(12_003))
			again.Joining("b", h.at(12_003))
		}, counts{}},
		{"has a tab here and another elsewhere, and only one is told when both have gone", func(h *home) {
			a := h.in("a", 10, "tabs")
			b := h.in("b", 500, "a", "tabs")
			a.Joining("b", h.at(503))
			h.in("tabs", 3000, "a", "b").Left(h.at(6000))
			b.Leaving("tabs", h.at(6004))
		}, counts{missed: 1, ghosts: 1}},
		{"just now, and not everybody knows yet", func(h *home) {
			a := h.in("a", 10)
			h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			a.Joining("x", h.at(59_900))
		}, counts{}},
		{"a join that one is not told", func(h *home) {
			a := h.in("a", 10)
			h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			a.Joining("x", h.at(5000))
		}, counts{missed: 1, ghosts: 1}},
		{"a leave that one is not told", func(h *home) {
			a := h.in("a", 10, "x")
			b := h.in("b", 2000, "a", "x")
			c := h.in("c", 4000, "a", "b", "x")
			a.Joining("b", h.at(2003))
			a.Joining("c", h.at(4003))
			b.Joining("c", h.at(4003))
			a.Leaving("x", h.at(7000))
			c.Leaving("x", h.at(7000))
		}, counts{missed: 1, ghosts: 1}},
		{"a join told twice", func(h *home) {
			a := h.in("a", 10)
			a.Joining("x", h.at(5000))
			a.Joining("x", h.at(5001))
		}, counts{twice: 1}},
		{"a leave of one who was not there", func(h *home) {
			h.in("a", 10).Leaving("x", h.at(5000))
		}, counts{twice: 1}},
		{"here invents one", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 5000, "a", "x")
			a.Joining("b", h.at(5003))
			b.Left(h.at(8000))
			a.Leaving("b", h.at(8003))
		}, counts{drift: 1}},
		{"here leaves one out", func(h *home) {
			a := h.in("a", 10, "x")
			h.in("b", 5000, "a")
			a.Joining("b", h.at(5003))
		}, counts{drift: 1, ghosts: 1}}, // at that moment, and at the end: of two who disagree the one who lists somebody is named
		{"one of the run's is still judged as ever", func(h *home) {
			a := h.in("a", 10, "x")
			h.in("b", 2000, "a", "x").Left(h.at(4000))
			a.Joining("b", h.at(2003))
		}, counts{missed: 1, ghosts: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &home{registry: harness.NewRegistry(), start: time.Now()}
			h.House = harness.NewHouse(harness.HouseConfig{Start: h.start, Registry: h.registry, Others: true, Elsewhere: map[string]bool{"tabs": true}})
			c.run(h)
			got := h.Settle(h.at(60_000))
			assert.Equal(t, c.want, counts{got.Ghosts, got.Missed, got.Twice, got.Drift}, "%+v", got.Evidence)
		})
	}
}

// company is people of the run in an office that is not theirs alone.
const company = `
name: company
target: {shared: true}
scenarios:
  staff:
    executor: ramping-vus
    startVUs: 2
    stages: [{duration: 300ms, target: 6}, {duration: 4s, target: 6}]
    user: {id: "u{{ vu }}"}
    setup: [connect, {join: office}]
`

// enter lets somebody who is not of the run into the same office.
func enter(opt harness.Options, id string) (*websocket.Conn, error) {
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(opt.URL, "http")+"/app/"+opt.App.Key+"?protocol=7", nil)
	if err != nil {
		return nil, err
	}
	var hello struct{ Data string }
	var data struct {
		Socket string `json:"socket_id"`
	}
	if err := errors.Join(c.ReadJSON(&hello), json.Unmarshal([]byte(hello.Data), &data)); err != nil {
		return c, err
	}
	member := `{"user_id":"` + id + `","user_info":{}}`
	err = c.WriteJSON(map[string]any{"event": "pusher:subscribe", "data": map[string]string{"channel": "presence-office",
		"auth": opt.App.Key + ":" + pusher.Sign(opt.App.Secret, data.Socket+":presence-office:"+member), "channel_data": member}})
	_, answer, wrong := c.ReadMessage()
	if err = errors.Join(err, wrong); err == nil && !bytes.Contains(answer, []byte("subscription_succeeded")) {
		err = errors.New(string(answer))
	}
	return c, err
}

func visitor(t *testing.T, opt harness.Options) {
	t.Helper()
	c, err := enter(opt, "visitor")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
}

// TestRun_Shared: people on the same server are no ghosts, and a server that lies about them is found out all the same.
func TestRun_Shared(t *testing.T) {
	asItIs := func(m []byte) [][]byte { return [][]byte{m} }
	invented := func(m []byte) []byte {
		var outer map[string]any
		if json.Unmarshal(m, &outer) == nil {
			outer["data"] = strings.Replace(outer["data"].(string), `"ids":[`, `"ids":["somebody",`, 1)
			outer["data"] = strings.Replace(outer["data"].(string), `"hash":{`, `"hash":{"somebody":null,`, 1)
			m, _ = json.Marshal(outer)
		}
		return m
	}
	for _, c := range []struct {
		name     string
		spoil    func(f *faulty, v *victim, m []byte) [][]byte
		counters []string
	}{
		{"nothing wrong", func(_ *faulty, _ *victim, m []byte) [][]byte { return asItIs(m) }, nil},
		{"invents a member in every here", func(_ *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:subscription_succeeded") {
				m = invented(m)
			}
			return asItIs(m)
		}, []string{"presence_ghosts"}},
		{"tells one of a stranger's coming twice", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:member_added") && bytes.Contains(m, []byte("later")) && f.every(3) {
				return [][]byte{m, m}
			}
			return asItIs(m)
		}, []string{"presence_duplicate"}},
		{"does not tell one of a stranger's coming", func(f *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:member_added") && bytes.Contains(m, []byte("later")) && f.every(3) {
				return nil
			}
			return asItIs(m)
		}, []string{"presence_missed"}},
		{"leaves the stranger out of every here", func(_ *faulty, _ *victim, m []byte) [][]byte {
			if is(m, "pusher_internal:subscription_succeeded") {
				m = bytes.Replace(m, []byte(`[\"visitor\",`), []byte(`[`), 1)
			}
			return asItIs(m)
		}, []string{"presence_drift"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opt := reverb(t)
			upstream, err := url.Parse(opt.URL)
			require.NoError(t, err)
			visitor(t, opt)
			direct := opt
			came := make(chan error, 1)
			time.AfterFunc(2500*time.Millisecond, func() { // one more, when everybody has been there for more than a Grace
				_, err := enter(direct, "later")
				came <- err
			})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := &http.Server{Handler: &faulty{upstream: upstream, spoil: c.spoil}}
			go func() { _ = server.Serve(l) }()
			t.Cleanup(func() { _ = server.Close() })
			opt.URL = "http://" + l.Addr().String()
			yaml := company
			if c.counters != nil {
				yaml += "drain: 3s\n"
			}
			r := play(t, opt, yaml)
			require.NoError(t, <-came)
			for _, name := range c.counters {
				assert.Positive(t, count(t, r, name, nil), "%s\n%q\n%+v", name, r.Reasons, r.Presence)
			}
			want := harness.Failed
			if c.counters == nil {
				want = harness.Passed
			}
			assert.Equal(t, want, r.Verdict, "%q %+v %q", r.Reasons, r.Presence, r.Warnings)
			assert.Equal(t, int64(6), r.Presence.Joins)
		})
	}
}

func TestRun_StrangersAreGhostsUnlessTheRunIsTold(t *testing.T) {
	t.Parallel()
	opt := reverb(t)
	visitor(t, opt)
	r := play(t, opt, strings.Replace(company, "{shared: true}", "{}", 1))
	assert.Equal(t, harness.Failed, r.Verdict)
	assert.Equal(t, int64(6), r.Presence.Ghosts)
	assert.Contains(t, strings.Join(r.Warnings, "\n"), "visitor): if others use the server too, say so with --shared")
}

func TestRun_SharedWithAServerThatDoesNotSayWhoIsThere(t *testing.T) {
	t.Parallel()
	opt := reverb(t)
	visitor(t, opt)
	upstream, err := url.Parse(opt.URL)
	require.NoError(t, err)
	mute := &faulty{upstream: upstream, spoil: func(_ *faulty, _ *victim, m []byte) [][]byte { return [][]byte{m} }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/users") {
			http.NotFound(w, r)
			return
		}
		mute.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	opt.URL = server.URL
	r := play(t, opt, company)
	assert.Equal(t, harness.Passed, r.Verdict, "%q", r.Reasons)
	assert.Contains(t, strings.Join(r.Warnings, "\n"), "does not say who is in presence-office (status 404")
}

func TestParse_EncryptionKeyMustBeOne(t *testing.T) {
	for key, ok := range map[string]bool{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=": true, "AAECAw==": false, "not base64": false} {
		_, err := harness.Parse("test.yaml", []byte("target: {encryptionKey: \""+key+"\"}\nscenarios: {a: {executor: constant-vus, vus: 1, duration: 1s, setup: [connect]}}\n"), harness.ParseInput{})
		if ok {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, "test.yaml:1:25: encryptionKey must be base64 of 32 bytes")
		assert.NotContains(t, err.Error(), key)
	}
}
