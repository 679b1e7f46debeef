package emulator_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
)

// laravelRequest is one HTTP request that a real Laravel 12 sent (testdata/laravel/README.md).
type laravelRequest struct {
	Method   string      `json:"method"`
	Path     string      `json:"path"`
	Query    [][2]string `json:"query"` // in the order of the wire, values as on the wire
	Observed struct {
		Timestamp string `json:"auth_timestamp"`
		Signature string `json:"auth_signature"`
	} `json:"observed"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
}

// laravelEvent is one event of a request's body: of /events the body itself, of /batch_events one in its list.
type laravelEvent struct {
	Name     string   `json:"name"`
	Data     string   `json:"data"`
	Channel  string   `json:"channel"`
	Channels []string `json:"channels"`
}

// wire is the request byte for byte, but for the address. Reverb looks at no timestamp, so the signature that Laravel
// made then still counts.
func (r laravelRequest) wire(addr string) string {
	fill := strings.NewReplacer("{timestamp}", r.Observed.Timestamp, "{signature}", r.Observed.Signature, "{host}:{port}", addr)
	query := make([]string, len(r.Query))
	for i, pair := range r.Query {
		query[i] = pair[0] + "=" + fill.Replace(pair[1])
	}
	text := r.Method + " " + r.Path + "?" + strings.Join(query, "&") + " HTTP/1.1\r\n"
	for _, header := range r.Headers {
		text += header[0] + ": " + fill.Replace(header[1]) + "\r\n"
	}
	return text + "\r\n" + r.Body
}

// deliveries is what a socket that is in every channel has to be told, in order.
func (r laravelRequest) deliveries(t *testing.T) []laravelEvent {
	t.Helper()
	var events []laravelEvent
	switch r.Path {
	case "/apps/client-portal/events":
		events = make([]laravelEvent, 1)
		require.NoError(t, json.Unmarshal([]byte(r.Body), &events[0]))
	case "/apps/client-portal/batch_events":
		var body struct{ Batch []laravelEvent }
		require.NoError(t, json.Unmarshal([]byte(r.Body), &body))
		events = body.Batch
	}
	var each []laravelEvent
	for _, event := range events {
		channels := event.Channels
		if event.Channel != "" {
			channels = []string{event.Channel}
		}
		for _, channel := range channels {
			each = append(each, laravelEvent{Name: event.Name, Data: event.Data, Channel: channel})
		}
	}
	return each
}

func laravelCases(t *testing.T) (cases []struct {
	ID       string
	Name     string
	Requests []laravelRequest
}) {
	t.Helper()
	var file struct {
		Cases []struct {
			ID       string
			Name     string
			Requests []laravelRequest
		}
	}
	text, err := os.ReadFile("../testdata/laravel/broadcasts.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	return file.Cases
}

func sendRaw(t *testing.T, addr, text string) (status int, contentType string, body []byte) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer func() { _ = nc.Close() }()
	require.NoError(t, nc.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = io.WriteString(nc, text)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(nc), nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header.Get("Content-Type"), body
}

// Laravel is content with status 200 and a JSON object, nothing else (protocol N), and the payload reaches a client
// in each of the channels as Laravel wrote it.
func TestLaravel_EveryRequestIsAcceptedAndDelivered(t *testing.T) {
	sent := 0
	for _, c := range laravelCases(t) {
		if len(c.Requests) == 0 {
			continue // Laravel threw instead of sending
		}
		sent += len(c.Requests)
		t.Run(c.ID+" "+c.Name, func(t *testing.T) {
			t.Parallel()
			// One payload is beyond Reverb's default limit: TestLaravel_TooLargeForReverb.
			s := start(t, emulator.Config{MaxRequestSize: 20_000})
			client, member := s.connect(), s.connect()
			member.join("presence-online", `{"user_id":"8","user_info":{"name":"Bo"}}`)
			joined := map[string]bool{}
			for _, r := range c.Requests {
				for _, event := range r.deliveries(t) {
					if !joined[event.Channel] {
						joined[event.Channel] = true
						client.join(event.Channel, `{"user_id":"7","user_info":{"name":"Ada"}}`)
					}
				}
			}
			for _, r := range c.Requests {
				status, contentType, body := sendRaw(t, s.addr, r.wire(s.addr))
				assert.Equal(t, http.StatusOK, status, "%s", body)
				assert.Equal(t, "application/json", contentType)
				var object map[string]any
				assert.NoError(t, json.Unmarshal(body, &object), "%s", body)
				assert.NotNil(t, object)
				for i, want := range r.deliveries(t) {
					got := client.next()
					for strings.HasPrefix(got.Event, "pusher") { // of entering, not of Laravel's events
						got = client.next()
					}
					assert.Equal(t, want, laravelEvent{Name: got.Event, Data: got.text(), Channel: got.Channel}, "delivery %d", i)
				}
			}
		})
	}
	assert.Equal(t, 63, sent)
}

// Reverb takes 10 000 bytes of request, head and body; what Laravel sends beyond that fails there and fails here.
func TestLaravel_TooLargeForReverb(t *testing.T) {
	s := start(t, emulator.Config{})
	refused := 0
	for _, c := range laravelCases(t) {
		for _, r := range c.Requests {
			text := r.wire(s.addr)
			if len(text) <= 10_000 {
				continue
			}
			refused++
			status, _, body := sendRaw(t, s.addr, text)
			assert.Equal(t, "413 Payload too large.", fmt.Sprint(status, " ", string(body)), c.Name)
		}
	}
	assert.Equal(t, 1, refused)
}
