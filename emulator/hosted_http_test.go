package emulator_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/pusher"
)

func TestHosted_HTTPLimitsAndStatus(t *testing.T) {
	s := hosted(t)
	events := "/apps/" + s.app.ID + "/events"
	body := func(name string, data int, channels int) string {
		list := make([]string, channels)
		for i := range list {
			list[i] = "c" + strconv.Itoa(i)
		}
		b, _ := json.Marshal(map[string]any{"name": name, "data": strings.Repeat("x", data), "channels": list})
		return string(b)
	}
	batch := func(n int) string {
		return `{"batch":[` + strings.TrimSuffix(strings.Repeat(`{"name":"a","data":"b","channel":"c"},`, n), ",") + `]}`
	}
	for _, row := range []struct {
		name, path, body string
		status           int
		answer           string
	}{
		{"10 kB of data", events, body("a", 10*1024, 1), 200, "{}"},
		{"one byte more", events, body("a", 10*1024+1, 1), 413, "Payload too large."},
		{"100 channels", events, body("a", 1, 100), 200, "{}"},
		{"101 channels", events, body("a", 1, 101), 400, "101 channels; at most 100 are allowed."},
		{"a long name", events, body(strings.Repeat("n", 201), 1, 1), 400, "Event name is longer than 200 characters."},
		{"a bad channel", events, `{"name":"a","data":"b","channel":"a b"}`, 400, "only letters"},
		{"no name", events, `{"data":"b","channel":"a"}`, 400, "The name field is required."},
		{"no JSON", events, `x`, 400, "Invalid request body."},
		{"ten in a batch", "/apps/" + s.app.ID + "/batch_events", batch(10), 200, `{}`},
		{"eleven in a batch", "/apps/" + s.app.ID + "/batch_events", batch(11), 400, "A batch holds at most 10 events."},
		{"users counted on a public channel", "/apps/" + s.app.ID + "/events", `{"name":"e","data":"{}","channel":"portal","info":"user_count"}`, 400, "does not go with the channel portal"},
		{"users counted without a prefix", "", "", 400, "filter_by_prefix=presence-"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var status int
			var answer string
			if row.path == "" {
				status, answer = s.call("GET", "/apps/"+s.app.ID+"/channels", pusher.Query{"info": "user_count"}, "")
			} else {
				status, answer = s.call("POST", row.path, nil, row.body)
			}
			assert.Equal(t, row.status, status, answer)
			assert.Contains(t, answer, row.answer)
		})
	}
}

func TestHosted_HTTPSignatureIsCheckedWhole(t *testing.T) {
	s := hosted(t)
	path := "/apps/" + s.app.ID + "/channels"
	ask := func(at time.Time, change pusher.Query) int {
		query := s.app.SignRequest("GET", path, nil, nil, at)
		for name, value := range change {
			query[name] = value
		}
		query["auth_signature"] = pusher.Sign(s.app.Secret, pusher.RequestText("GET", path, query))
		target := "http://" + s.addr + path + "?"
		for name, value := range query {
			target += name + "=" + value + "&"
		}
		response, err := http.Get(target)
		require.NoError(t, err)
		_ = response.Body.Close()
		return response.StatusCode
	}
	assert.Equal(t, 200, ask(time.Now(), nil))
	assert.Equal(t, 200, ask(time.Now().Add(-590*time.Second), nil))
	assert.Equal(t, 401, ask(time.Now().Add(-610*time.Second), nil))
	assert.Equal(t, 401, ask(time.Now().Add(610*time.Second), nil))
	assert.Equal(t, 401, ask(time.Now(), pusher.Query{"auth_key": "other"}))
	assert.Equal(t, 401, ask(time.Now(), pusher.Query{"auth_version": "2.0"}))
	r := start(t, emulator.Config{})
	s = r
	assert.Equal(t, 200, ask(time.Now().AddDate(-1, 0, 0), pusher.Query{"auth_key": "other"}), "Reverb looks at neither")
}

func TestHosted_WhereTheDocumentsAreSilentItIsReverb(t *testing.T) {
	s := hosted(t)
	c := s.connect()
	c.send(`not json`)
	assert.Equal(t, 4200, c.code())
	c.send(`{"event":"pusher:nothing","data":{}}`)
	assert.Equal(t, 4200, c.code())
	c.send(`{"event":"hello","channel":"portal"}`)
	assert.Empty(t, c.frames(), "neither pusher: nor client-")
	status, answer := s.call("GET", "/apps/"+s.app.ID+"/channels/nobody", nil, "")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"occupied":false}`, answer)
	status, answer = s.call("GET", "/apps/"+s.app.ID+"/channels/presence-nobody/users", nil, "")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"users":[]}`, answer)
	status, _ = s.call("GET", "/apps/"+s.app.ID+"/channels/portal/users", nil, "")
	assert.Equal(t, 400, status)
}
