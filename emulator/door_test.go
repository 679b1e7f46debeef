package emulator_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// sentByLaravel sends an event as pusher-http-php does and returns the answer's status.
func sentByLaravel(t *testing.T, s *server, p pusher.Publication) int {
	body, err := json.Marshal(map[string]any{"name": p.Event, "data": p.Data, "channel": p.Channels[0]})
	require.NoError(t, err)
	body = bytes.ReplaceAll(body, []byte("/"), []byte(`\/`))
	r, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/apps/"+s.app.ID+"/events", bytes.NewReader(body))
	require.NoError(t, err)
	q := r.URL.Query()
	for name, value := range s.app.SignRequest(http.MethodPost, r.URL.Path, nil, body, time.Now()) {
		q.Set(name, value)
	}
	r.URL.RawQuery = q.Encode()
	r.Host = "127.0.0.1:8080"
	for name, value := range map[string]string{"User-Agent": "GuzzleHttp/7", "Content-Type": "application/json", "X-Pusher-Library": "pusher-http-php 7.2.6"} {
		r.Header.Set(name, value)
	}
	r.Header["Accept-Encoding"] = nil // Go's own
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

// What is too large for a request is too large for Echolab's own doors, within the few bytes by which a head differs.
func TestPublish_IsHeldToTheRequestsSize(t *testing.T) {
	s := start(t, emulator.Config{})
	taken, refused := 0, 0
	for data := 8000; data <= 10_000; data += 50 {
		// A slash is two bytes in PHP's JSON.
		p := pusher.Publication{Event: "E", Channels: []string{"portal"}, Data: strings.Repeat("/", 500) + strings.Repeat("x", data-1000)}
		want := sentByLaravel(t, s, p)
		_, err := s.srv.Publish(t.Context(), s.app.ID, p, journal.Server)
		_, alike := s.srv.Deliver(t.Context(), s.app.ID, p, journal.Server)
		if want == http.StatusOK {
			taken = data
			assert.NoError(t, err, data)
			assert.NoError(t, alike, data)
			continue
		}
		refused++
		require.Equal(t, http.StatusRequestEntityTooLarge, want)
		var no *emulator.Refusal
		require.ErrorAs(t, err, &no, data)
		require.ErrorAs(t, alike, &no, data)
		assert.Equal(t, http.StatusRequestEntityTooLarge, no.Status)
		assert.Contains(t, no.Error(), "Payload too large: the request of event \"E\" would be about")
		assert.Contains(t, no.Error(), "raise REVERB_MAX_REQUEST_SIZE")
	}
	assert.NotZero(t, taken)
	assert.NotZero(t, refused)
}

func TestPublish_RefusalsAreJournalled(t *testing.T) {
	for _, row := range []struct {
		profile *pusher.Profile
		p       pusher.Publication
		note    string
	}{
		{pusher.Reverb, pusher.Publication{Event: "E", Channels: []string{"portal"}, Data: strings.Repeat("é", 2000)}, "413 Payload too large."},
		{pusher.Reverb, pusher.Publication{Event: " ", Channels: []string{"portal"}, Data: "{}"}, "422 The name field is required."},
		{pusher.Reverb, pusher.Publication{Event: "E", Channels: []string{"portal"}}, "422 The data field is required."},
		{pusher.Hosted, pusher.Publication{Event: "E", Channels: []string{"a b"}, Data: "{}"}, "400 Channel name"},
		{pusher.Hosted, pusher.Publication{Event: "E", Channels: []string{"portal"}, Data: strings.Repeat("x", 10_300)}, "413 Payload too large."},
	} {
		s := start(t, emulator.Config{Profile: row.profile})
		tail := s.watch()
		_, err := s.srv.Publish(t.Context(), s.app.ID, row.p, journal.Server)
		assert.Error(t, err, row.note)
		e := entry(t, tail, journal.Refused)
		assert.Contains(t, e.Note, row.note)
		assert.Equal(t, row.p.Channels[0], e.Channel)
		assert.Equal(t, journal.Server, e.Source)
	}
}
