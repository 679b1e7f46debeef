package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/api"
)

func TestEntities_ChangedWithAllThatFollows(t *testing.T) {
	l := start(t)
	admin := l.connect(l.creds).join(l.creds, "private-admin", "")
	row := given[api.BackendEntity](l, "PATCH", "/api/backend/entities/invoices/3", `{"fields":{"status":"paid"},"as":"1"}`)
	assert.EqualValues(t, 1, row.Version)
	assert.Equal(t, `App\Events\InvoiceStatusChanged`, admin.next().Event)
	assert.Equal(t, `App\Events\ActivityFeedUpdated`, admin.next().Event)

	given[api.BackendEntity](l, "PATCH", "/api/backend/entities/invoices/3", `{"fields":{"status":"sent"},"socket_id":"`+admin.id+`"}`)
	assert.Equal(t, `App\Events\ActivityFeedUpdated`, admin.next().Event, "toOthers left this socket out of the other")

	made := given[api.BackendEntity](l, "POST", "/api/backend/entities/projects", `{"fields":{"client_id":2,"name":"Shop"}}`)
	assert.Equal(t, "8", string(made.ID))
	assert.Len(t, given[api.BackendEntities](l, "GET", "/api/backend/entities/projects", "").Rows, 8)
	given[api.BackendEntity](l, "DELETE", "/api/backend/entities/projects/8?as=1", "")
	l.refused(http.StatusNotFound, "GET", "/api/backend/entities/projects/8", "")
	assert.Equal(t, api.BackendReset{Rows: 2}, given[api.BackendReset](l, "POST", "/api/backend/reset", ""))
	again := given[api.BackendEntity](l, "GET", "/api/backend/entities/invoices/3", "")
	assert.Contains(t, string(again.Data), `"overdue"`)
}

func TestEntities_SayWhatIsWrong(t *testing.T) {
	l := start(t)
	rows := []struct {
		method, path, body string
		status             int
		words              string
	}{
		{"GET", "/api/backend/entities/invoice", "", 404, "did you mean invoices?"},
		{"GET", "/api/backend/entities/invoices/x", "", 404, "from 1 to 8"},
		{"PATCH", "/api/backend/entities/invoices/3", `{}`, 400, "fields is missing"},
		{"PATCH", "/api/backend/entities/invoices/3", `{"fields":[1]}`, 400, "not a JSON object"},
		{"PATCH", "/api/backend/entities/invoices/3", `{"felds":{}}`, 400, "did you mean fields?"},
		{"PATCH", "/api/backend/entities/invoices/3", `{"fields":{"status":"x"}}`, 400, "The selected status is invalid."},
		{"PATCH", "/api/backend/entities/invoices/3", `{"fields":{"status":"paid","version":7}}`, 409, "changed since version 7"},
		{"PATCH", "/api/backend/entities/invoices/3", `{"fields":{"status":"paid"},"as":"8"}`, 409, "unauthorized"},
		{"PATCH", "/api/backend/entities/invoices/3", `{"fields":{"status":"paid"},"as":"ghost"}`, 404, "no user ghost"},
		{"POST", "/api/backend/notify", `{"users":[],"message":"x"}`, 400, "needs users"},
		{"POST", "/api/backend/notify", `{"users":[1.5],"message":"x"}`, 400, "an id, a number or a text"},
		{"POST", "/api/backend/notify", `{"users":[99],"message":"x"}`, 404, "no user 99"},
		{"POST", "/api/backend/activities", `{"type":"x","metadata":{"project_id":99}}`, 404, "no project 99"},
		{"PATCH", "/api/backend/entities/invoices/3", `{"fields":{"staus":"paid"}}`, 400, "did you mean status?"},
		{"POST", "/api/backend/notify", `{"users":["7"],"message":"x","lag_ms":-1}`, 400, "lag"},
		{"POST", "/api/backend/notify", `{"users":["7"],"data":[1]}`, 400, "not a JSON object"},
		{"POST", "/api/backend/workflows/nope/run", `{}`, 404, "stage_changed"},
		{"POST", "/api/backend/workflows", `{}`, 400, "workflow is missing"},
		{"POST", "/api/backend/workflows", `{"workflow":{"to":"admin","title":"T"}}`, 400, "message must be a text"},
	}
	before := given[api.BackendEntities](l, "GET", "/api/backend/entities/invoices", "")
	for _, row := range rows {
		p := l.refused(row.status, row.method, row.path, row.body)
		assert.Contains(t, p.Message, row.words, row.method+" "+row.path+" "+row.body)
	}
	assert.Equal(t, before, given[api.BackendEntities](l, "GET", "/api/backend/entities/invoices", ""))
	assert.Empty(t, given[api.BackendNotifications](l, "GET", "/api/backend/notifications", "").Notifications)
}

func TestNotifications(t *testing.T) {
	l := start(t)
	grace := l.connect(l.creds).join(l.creds, "private-App.Models.User.7", "")
	sent := given[api.BackendNotifications](l, "POST", "/api/backend/notify", `{"users":["7"],"title":"T","message":"M","data":{"n":1}}`).Notifications
	require.Len(t, sent, 1)
	f := grace.next()
	assert.Equal(t, `Illuminate\Notifications\Events\BroadcastNotificationCreated`, f.Event)
	assert.Equal(t, `{"title":"T","message":"M","n":1,"id":"`+sent[0].ID+`","type":"App\\Notifications\\WorkflowNotification"}`, f.Data)
	_, found := l.portal("7", "GET", "/api/notifications", "")
	assert.Contains(t, found, sent[0].ID, "stored first, then broadcast")
	assert.Equal(t, `App\Events\NotificationReceived`, grace.next().Event)

	// The trap: it is broadcast, and whoever fetches does not find it.
	ctx, goAway := context.WithCancel(t.Context())
	defer goAway()
	r, err := http.NewRequestWithContext(ctx, "POST", l.UIURL()+"/api/backend/notify", strings.NewReader(`{"users":["7"],"title":"Too early","queued":true,"lag_ms":60000}`))
	require.NoError(t, err)
	go func() {
		if res, err := http.DefaultClient.Do(r); err == nil {
			_ = res.Body.Close()
		}
	}()
	assert.Contains(t, grace.next().Data, "Too early")
	_, found = l.portal("7", "GET", "/api/notifications", "")
	assert.NotContains(t, found, "Too early")
	assert.Equal(t, `App\Events\NotificationReceived`, grace.next().Event)
	goAway()
	require.Eventually(t, func() bool {
		_, found := l.portal("7", "GET", "/api/notifications", "")
		return strings.Contains(found, "Too early")
	}, 10*time.Second, 10*time.Millisecond, "its row comes also when the caller has gone")

	both := given[api.BackendNotifications](l, "POST", "/api/backend/workflows",
		`{"workflow":{"recipient_type":"user","recipient_id":7,"to":"admin","title":"T","message":"{x}","body":"B"},"data":{"x":"X"}}`)
	require.Len(t, both.Notifications, 1)
	assert.JSONEq(t, `{"title":"T","message":"X","x":"X"}`, string(both.Notifications[0].Data))
	assert.Len(t, both.Warnings, 2)
	unfilled := given[api.BackendNotifications](l, "POST", "/api/backend/workflows/stage_changed/run", `{"data":{"stage":"{client}"}}`)
	require.Len(t, unfilled.Warnings, 1)
	assert.Contains(t, unfilled.Warnings[0], "nothing was given for {client} of workflow stage_changed")
	numbered := given[api.BackendNotifications](l, "POST", "/api/backend/notify", `{"users":[8,"9"],"message":"M"}`).Notifications
	require.Len(t, numbered, 2, "ids are numbers or texts")
	assert.Equal(t, "8", string(numbered[0].User))
	assert.Len(t, given[api.BackendNotifications](l, "GET", "/api/backend/notifications?user=7", "").Notifications, 3)
	assert.Len(t, given[api.BackendNotifications](l, "POST", "/api/backend/workflows/timesheet_submitted/run", `{"data":{"user":"Ada"}}`).Notifications, 1)
}

// portal sends a request to the emulated application as a user.
func (l *live) portal(user, method, path, body string) (int, string) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.BackendURL()+path, strings.NewReader(body))
	require.NoError(l.t, err)
	r.Header.Set("Authorization", "Bearer "+user)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(l.t, err)
	defer res.Body.Close()
	var text json.RawMessage
	if res.StatusCode != http.StatusNoContent {
		require.NoError(l.t, json.NewDecoder(res.Body).Decode(&text))
	}
	return res.StatusCode, string(text)
}

// Whoever leaves a document's presence channel, or is cut off, gives free what he edits there.
func TestLocks_EndWithTheSocket(t *testing.T) {
	const channel, locks = "presence-presence-document.5", "/api/documents/5/locks"
	l := start(t)
	lena := l.connect(l.creds).join(l.creds, channel, "12")
	grace := l.connect(l.creds).join(l.creds, channel, "7")
	second := l.connect(l.creds).join(l.creds, channel, "7")
	until := func(event string) frame {
		for {
			if f := lena.next(); f.Event == event {
				return f
			}
		}
	}
	status, text := l.portal("7", "POST", locks, `{"field":"body"}`)
	require.Equal(t, 201, status, text)
	until(`App\Events\DocumentLocked`)
	status, text = l.portal("12", "PATCH", "/api/documents/5", `{"body":"mine"}`)
	require.Equal(t, 409, status)
	assert.Contains(t, text, "Grace Hopper")

	require.NoError(t, second.Close(), "another tab stays")
	require.NoError(t, grace.Close())
	assert.Contains(t, until(`App\Events\DocumentUnlocked`).Data, `"reason":"left"`)
	status, text = l.portal("12", "POST", locks, `{"field":"body"}`)
	assert.Equal(t, 201, status, text)
}
