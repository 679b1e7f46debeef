package harness_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"echolab/harness"
)

// TestRun_DisconnectAndConnectAtOnce: the old connection's end comes after the new one is there, and is not taken for its.
func TestRun_DisconnectAndConnectAtOnce(t *testing.T) {
	r := play(t, reverb(t), `
scenarios:
  people:
    executor: per-vu-iterations
    vus: 20
    iterations: 40
    user: {id: "{{ 1 + vu % 5 }}"}
    steps:
      - connect: {within: 2s}
      - channel: {channel: portal, within: 2s}
      - join: {channel: room, within: 2s}
      - whisper: {channel: presence-room, event: typing}
      - disconnect
`)
	assert.Equal(t, harness.Passed, r.Verdict, "%q %+v %+v %q", r.Reasons, r.Delivery.Evidence, r.Presence.Evidence, r.Warnings)
	assert.Equal(t, int64(800), count(t, r, "connect_latency", nil))
	assert.Equal(t, int64(800), r.Delivery.Whispers)
	assert.Zero(t, count(t, r, "connections_closed", nil), "they ended by the users' own steps")
	assert.Zero(t, count(t, r, "reconnects", nil))
}

// TestRun_LeaveAndJoinAtOnce: what the server tells before it sees a client leave is none of its next stay.
func TestRun_LeaveAndJoinAtOnce(t *testing.T) {
	r := play(t, reverb(t), `
scenarios:
  people:
    executor: per-vu-iterations
    vus: 20
    iterations: 40
    user: {id: "{{ vu }}"}
    setup: [connect]
    steps: [{join: a}, {think: 5ms..20ms}, {leave: a}]
`)
	assert.Equal(t, harness.Passed, r.Verdict, "%q %+v %q", r.Reasons, r.Presence.Evidence, r.Warnings)
	assert.Equal(t, int64(800), r.Presence.Joins)
}

// TestRun_OwnEndsAreNotTheServers: neither reconnect, nor disconnect, nor a connect that is given up counts as a connection that
// the server ended, or as a connection that could not be made.
func TestRun_OwnEndsAreNotTheServers(t *testing.T) {
	r := play(t, reverb(t), `
scenarios:
  lost: {executor: per-vu-iterations, vus: 3, iterations: 1, user: {id: "{{ vu }}"}, setup: [connect, {join: a}], steps: [reconnect]}
  gone: {executor: per-vu-iterations, vus: 3, iterations: 3, steps: [connect, disconnect]}
thresholds: {connections_closed: ["count==0"]}
`)
	assert.Equal(t, harness.Passed, r.Verdict, "%q %q", r.Reasons, r.Warnings)
	assert.Equal(t, int64(3), count(t, r, "reconnects", nil))
}

// TestRun_FailuresBackOff: a user whose iterations fail at once does not ask as fast as the machine can, and one good
// iteration makes it begin anew.
func TestRun_FailuresBackOff(t *testing.T) {
	for _, c := range []struct {
		name        string
		every       int64 // how many requests go well after one that fails, of each user
		least, most int64
	}{
		{"all fail", 0, 3, 4}, // after 0, 100, 300 and 700 ms
		{"every second fails", 1, 6, 15},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked, refused atomic.Int64
			application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if (asked.Add(1)-1)%(c.every+1) == 0 {
					refused.Add(1)
					http.Error(w, "who", http.StatusUnauthorized)
				}
			}))
			defer application.Close()
			r := play(t, reverb(t), `
target: {application: `+application.URL+`}
scenarios:
  staff: {executor: constant-vus, vus: 1, duration: 1450ms, steps: [{http: {get: /api/user}}, {think: 1ms}]}
`)
			assert.Equal(t, harness.Failed, r.Verdict)
			assert.GreaterOrEqual(t, refused.Load(), c.least)
			assert.LessOrEqual(t, refused.Load(), c.most)
		})
	}
}

// TestRun_AWhisperThatIsNoObject: Reverb refuses texts, and what cannot be marked is neither due nor missing.
func TestRun_AWhisperThatIsNoObject(t *testing.T) {
	r := play(t, reverb(t), `
scenarios:
  people:
    executor: per-vu-iterations
    vus: 3
    user: {id: "{{ vu }}"}
    setup: [connect, {join: room}, {expect: {channel: presence-room, members: 3}}, {think: 50ms}]
    steps:
      - whisper: {channel: presence-room, event: text, data: just text}
      - whisper: {channel: presence-room, event: list, data: [1, 2]}
      - whisper: {channel: presence-room, event: object, data: {echolab: mine}}
`)
	assert.Equal(t, harness.Failed, r.Verdict)
	assert.Equal(t, int64(3), count(t, r, "errors", map[string]string{"error": "server error 4200"}), "the texts")
	assert.Equal(t, int64(6), r.Delivery.Unmarked, "the lists came")
	assert.Equal(t, int64(9), r.Delivery.Whispers)
	assert.Zero(t, r.Delivery.Missing, "%+v", r.Delivery.Evidence)
	assert.Positive(t, r.Delivery.Expected, "the objects")
	assert.Equal(t, r.Delivery.Expected, r.Delivery.Delivered)
	assert.Contains(t, strings.Join(r.Warnings, "\n"), "no JSON objects")
}
