package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/api"
)

func TestEmit_TellsWhoGotIt(t *testing.T) {
	l := start(t)
	ada := l.connect(l.creds).join(l.creds, "private-client.5", "")
	out := given[api.Emitted](l, "POST", "/api/backend/emit", `{"event":"InvoiceCreated","params":{"client":5,"invoice":7},"set":{"total":99.50}}`)
	require.Len(t, out.Sent, 1)
	want := `{"id":7,"invoice_number":"INV-2026-0007","total":"99.50","invoice":{"id":7,"client_id":5,"invoice_number":"INV-2026-0007","total":"99.50","status":"sent"}}`
	assert.Equal(t, want, out.Sent[0].Data, "a number for money is text, with the digits that were written")
	require.Len(t, out.Sent[0].Deliveries, 1)
	assert.Equal(t, []api.Subscriber{{ada.id, ""}}, out.Sent[0].Deliveries[0].Sockets)
	assert.Equal(t, frame{"InvoiceCreated", "private-client.5", want}, ada.next())

	out = given[api.Emitted](l, "POST", "/api/backend/emit", `{"event":"InvoiceCreated","params":{"client":5},"socket_id":"`+ada.id+`"}`)
	assert.Zero(t, out.Sent[0].Deliveries[0].Recipients)
	assert.NotEmpty(t, out.Sent[0].Deliveries[0].Note, "it says why")

	out = given[api.Emitted](l, "POST", "/api/backend/emit", `{"event":"Announcement","payload":{"price":1.50,"meta":{}},"dry_run":true}`)
	assert.Equal(t, []api.EmittedRequest{{Event: `App\Events\Announcement`, Channels: []string{"portal"}, Data: `{"price":1.5,"meta":{}}`, Deliveries: []api.Delivery{}}}, out.Sent)
}

// A person can do with a name of the catalogue whatever the samples show.
func TestCatalogue_EverySampleCanBeSent(t *testing.T) {
	l := start(t)
	c := given[api.Catalogue](l, "GET", "/api/backend/catalogue", "")
	assert.Equal(t, "fixed", c.Mode)
	for _, e := range c.Events {
		assert.True(t, json.Valid([]byte(e.Sample)), e.Name)
		out := given[api.Emitted](l, "POST", "/api/backend/emit", `{"event":"`+e.Name+`","payload":`+e.Sample+`}`)
		assert.Equal(t, e.Sample, out.Sent[0].Data)
	}
}

func TestEmit_SaysWhatIsWrong(t *testing.T) {
	l := start(t)
	for body, want := range map[string]string{
		`{}`:                                                  "The body: event is missing.",
		`{"event":"InvoceCreated"}`:                           "There is no event InvoceCreated; did you mean InvoiceCreated?",
		`{"event":"Announcement","set":[1]}`:                  "The body: set: it must be a JSON object.",
		`{"event":"Announcement","params":5}`:                 "The body: params: it must be a JSON object.",
		`{"event":"Announcement","payload":"x"}`:              "The body: payload: not a JSON object.",
		`{"event":"Announcement","payload":{},"set":{"a":1}}`: "The body: payload is sent as it is, so there is nothing to set; leave one of the two out.",
		`{"event":"Announcement","set":{"title.x":1}}`:        `Event Announcement: title.x cannot be set: "x" is inside of something that is text, not an object.`,
		`{"event":"Announcement","channels":["a b"]}`:         "Event Announcement: Invalid channel name a b.",
		`{"event":"Announcement","socket_id":"1"}`:            "Invalid socket ID 1.",
		`{"event":"Announcement","sets":{}}`:                  `The body: there is no field "sets"; did you mean set?`,
	} {
		status, text := l.ask("POST", "/api/backend/emit", body)
		var problem api.Problem
		require.NoError(t, json.Unmarshal([]byte(text), &problem), text)
		assert.GreaterOrEqual(t, status, 400)
		assert.Less(t, status, 500)
		assert.Equal(t, want, problem.Message, body)
	}
	assert.Empty(t, given[api.Entries](l, "GET", "/api/events?kind=published", "").Entries, "nothing was sent")
}

// What an event's request would be refused for is refused here too, in the server's words.
func TestEmit_AndPublishAreHeldToTheRequestsSize(t *testing.T) {
	l := start(t)
	big := strings.Repeat("x", 12_000)
	for path, body := range map[string]string{
		"/api/publish":      `{"event":"Big","channel":"portal","data":"` + big + `"}`,
		"/api/backend/emit": `{"event":"Announcement","payload":{"body":"` + big + `"}}`,
	} {
		p := l.refused(http.StatusBadRequest, "POST", path, body)
		assert.Contains(t, p.Message, "Payload too large: the request of event", path)
		assert.Contains(t, p.Message, "REVERB_MAX_REQUEST_SIZE", path)
	}
	refusals := given[api.Entries](l, "GET", "/api/events?kind=refused", "").Entries
	require.Len(t, refusals, 2, "the page shows them")
	assert.Contains(t, refusals[0].Note, "413 Payload too large.")

	row := given[api.BackendEntity](l, "POST", "/api/backend/entities/comments", `{"fields":{"project_id":1,"body":"`+big+`"}}`)
	assert.NotEmpty(t, row.ID, "the row is there, as after Laravel's BroadcastException on the queue")
	refusals = given[api.Entries](l, "GET", "/api/events?kind=refused", "").Entries
	require.Len(t, refusals, 3)
	assert.Equal(t, `App\Events\CommentAdded`, refusals[2].Event)
}

func TestPublish_SendsWhatTheApplicationsLibraryWould(t *testing.T) {
	l := start(t)
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprintf("c%d", i))
	}
	channels, err := json.Marshal(many)
	require.NoError(t, err)
	for body, want := range map[string]string{
		`{"event":"E","channels":` + string(channels) + `}`:     "maximum of 100 channels",
		`{"event":"E","channel":"a b"}`:                         `Invalid channel name "a b"`,
		`{"event":"E","channel":"portal","socket_id":"nobody"}`: `Invalid socket ID "nobody"`,
		`{"event":" ","channel":"portal"}`:                      "The name field is required",
		`{"event":"E","channel":"portal","data":""}`:            "The data field is required",
	} {
		assert.Contains(t, l.refused(http.StatusBadRequest, "POST", "/api/publish", body).Message, want, body)
	}
	given[api.Published](l, "POST", "/api/publish", `{"event":"E","channel":"#server-to-user-7","socket_id":"1.2"}`)
}
