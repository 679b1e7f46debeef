package laravel_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// portal is a small application of the guide.
func portal() *laravel.Application {
	id := laravel.IntID
	return &laravel.Application{
		Users: []laravel.User{
			{ID: id(1), Name: "Ada", Role: "admin"},
			{ID: id(7), Name: "Ben", Role: "client", Clients: []laravel.ID{id(5)}},
			{ID: id(8), Name: "Cleo", Role: "client", Clients: []laravel.ID{id(6)}},
		},
		Entities: map[string][]laravel.Object{
			"clients":  {{{"id", int64(5)}, {"name", "Acme"}}, {{"id", int64(6)}, {"name", "Umbra"}}},
			"projects": {{{"id", int64(1)}, {"client_id", int64(5)}, {"name", "Website"}, {"status", "active"}}, {{"id", int64(2)}, {"client_id", int64(6)}, {"name", "Move"}, {"status", "planned"}}},
			"invoices": {
				{{"id", int64(42)}, {"client_id", int64(5)}, {"invoice_number", "INV-0042"}, {"total", "1250.00"}, {"status", "sent"}},
				{{"id", int64(43)}, {"client_id", int64(6)}, {"invoice_number", "INV-0043"}, {"total", "80.00"}, {"status", "draft"}},
			},
			"files":        {{{"id", int64(3)}, {"project_id", int64(1)}, {"name", "plan.pdf"}}},
			"documents":    {{{"id", int64(9)}, {"project_id", int64(1)}, {"title", "Brief"}}},
			"time_entries": {{{"id", int64(11)}, {"project_id", int64(1)}, {"user_id", int64(7)}}},
		},
	}
}

// heldClock stands still.
type heldClock struct{ now time.Time }

func (c heldClock) Now() time.Time                        { return c.now }
func (heldClock) At(time.Time) (<-chan time.Time, func()) { return nil, func() {} }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// backend runs an application and collects what it publishes.
func backend(t *testing.T, mode laravel.Mode, app *laravel.Application) (*laravel.Backend, *[]pusher.Publication) {
	t.Helper()
	var sent []pusher.Publication
	b, err := laravel.New(t.Context(), laravel.Config{
		Mode: mode, Clock: heldClock{noon},
		Publish: func(_ context.Context, p pusher.Publication) error { sent = append(sent, p); return nil },
	}, app)
	require.NoError(t, err)
	return b, &sent
}

// occur sends one event and gives what was published.
func occur(t *testing.T, mode laravel.Mode, o laravel.Occurrence) []pusher.Publication {
	t.Helper()
	b, sent := backend(t, mode, portal())
	_, err := b.Occur(t.Context(), o)
	require.NoError(t, err)
	return *sent
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &o), text)
	return o
}

// keys are the members of an object in their order, of those within it as invoice.status.
func keys(t *testing.T, text string) string {
	t.Helper()
	var o laravel.Object
	require.NoError(t, json.Unmarshal([]byte(text), &o))
	var all []string
	var walk func(prefix string, o laravel.Object)
	walk = func(prefix string, o laravel.Object) {
		for _, f := range o {
			all = append(all, prefix+f.Key)
			if inner, ok := f.Value.(laravel.Object); ok {
				walk(prefix+f.Key+".", inner)
			}
		}
	}
	walk("", o)
	return strings.Join(all, " ")
}

// The rows of protocol K.4 in mode fixed.
func TestK4(t *testing.T) {
	rows := []struct{ event, wire, channels, keys string }{
		{"Announcement", `App\Events\Announcement`, "portal", "id title body level published_at"},
		{"InvoiceCreated", "InvoiceCreated", "private-client.5", "id invoice_number total invoice invoice.id invoice.client_id invoice.invoice_number invoice.total invoice.status"},
		{"InvoiceStatusChanged", `App\Events\InvoiceStatusChanged`, "private-client.5 private-invoice.42 private-admin", "invoice invoice.id invoice.invoice_number invoice.status invoice.client_id old_status new_status changed_at"},
		{"ProjectUpdated", `App\Events\ProjectUpdated`, "private-client.5 private-project.1 presence-presence-project.1", "project project.id project.name project.status project.client_id project.updated_at changes changes.status"},
		{"FileUploaded", `App\Events\FileUploaded`, "private-client.5 private-project.1 presence-presence-project.1", "file file.id file.name file.size file.mime file.project_id file.uploaded_by project_id"},
		{"FileDeleted", `App\Events\FileDeleted`, "private-project.1 presence-presence-project.1", "file_id name project_id deleted_by"},
		{"CommentAdded", `App\Events\CommentAdded`, "private-project.1 presence-presence-project.1", "comment comment.id comment.body comment.author comment.author.id comment.author.name comment.project_id comment.created_at"},
		{"NotificationReceived", `App\Events\NotificationReceived`, "private-App.Models.User.7", "id type title message data data.user_id created_at"},
		{"TimeEntryUpdated", `App\Events\TimeEntryUpdated`, "private-App.Models.User.7 private-project.1 presence-presence-project.1", "time_entry time_entry.id time_entry.user_id time_entry.project_id time_entry.started_at time_entry.stopped_at time_entry.duration_seconds action"},
		{"ActivityFeedUpdated", `App\Events\ActivityFeedUpdated`, "private-admin private-client.5", "activity activity.id activity.type activity.description activity.user activity.user.id activity.user.name activity.subject_type activity.subject_id activity.metadata activity.metadata.client_id activity.created_at"},
		{"UserPresenceChanged", `App\Events\UserPresenceChanged`, "presence-online", "user user.id user.name status location last_seen_at"},
		{"BroadcastNotificationCreated", `Illuminate\Notifications\Events\BroadcastNotificationCreated`, "private-App.Models.User.7", "title message id type"},
		{"client-typing", "client-typing", "presence-presence-project.1", "user_id name"},
		{"client-cursor", "client-cursor", "presence-presence-document.9", "x y"},
		{"client-timer", "client-timer", "private-timer.7", "running entry_id"},
	}
	for _, row := range rows {
		t.Run(row.event, func(t *testing.T) {
			sent := occur(t, laravel.Fixed, laravel.Occurrence{Event: row.event, Params: map[string]any{"clientId": 5, "user": "7"}})
			require.NotEmpty(t, sent)
			assert.Equal(t, row.wire, sent[0].Event)
			assert.Equal(t, row.channels, strings.Join(sent[0].Channels, " "))
			assert.Equal(t, row.keys, keys(t, sent[0].Data))
		})
	}
}
