package laravel_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

// What is asked for and cannot be true, or changes nothing, is sent and said.
func TestOccur_NotesWhatWasAskedFor(t *testing.T) {
	const sent = "; the event is sent as it was asked for"
	rows := []struct {
		event  string
		params map[string]any
		notes  []string
	}{
		{"InvoiceCreated", map[string]any{"client": 5}, nil},
		{"InvoiceCreated", map[string]any{"client": 5, "invoice": 42}, nil},
		{"InvoiceCreated", map[string]any{"clientId": "5", "id": "42"}, nil},
		{"InvoiceCreated", map[string]any{"client": 5, "invoice": 43}, []string{"invoice 43 belongs to client 6, not to client 5" + sent}},
		{"InvoiceStatusChanged", map[string]any{"client": 6, "invoice_id": 42}, []string{"invoice 42 belongs to client 5, not to client 6" + sent}},
		{"CommentAdded", map[string]any{"client": 5}, nil}, // chooses among the projects
		{"CommentAdded", map[string]any{"project": 1, "client": 6}, []string{"project 1 belongs to client 5, not to client 6" + sent}},
		{"CommentAdded", map[string]any{"project": 1, "user": 7}, nil},
		{"CommentAdded", map[string]any{"project": 1, "user": 1}, nil}, // an administrator
		{"CommentAdded", map[string]any{"project": 1, "user": 8}, []string{"user 8 is no member of the client that project 1 belongs to" + sent}},
		{"TimeEntryUpdated", map[string]any{"time_entry": 11, "user": 8}, []string{
			"time entry 11 belongs to user 7, not to user 8" + sent, "user 8 is no member of the client that time entry 11 belongs to" + sent}},
		{"ActivityFeedUpdated", map[string]any{"client": 5, "user": 8}, []string{"user 8 is no member of client 5" + sent}},
		{"Announcement", map[string]any{"client": 5}, []string{"client 5 is not used: nothing of Announcement depends on it"}},
		{"InvoiceCreated", map[string]any{"projectId": 1, "client": 5}, []string{"projectId 1 is not used: nothing of InvoiceCreated depends on it"}},
		{"Moved", map[string]any{"boardId": 3, "client": 5}, nil},
		{"Moved", map[string]any{"boardId": 3, "card": 9}, []string{"card 9 is not used: nothing of Moved depends on it"}},
		{"Drawn", map[string]any{"client": 5}, nil},
	}
	app := portal()
	app.Events = []laravel.Event{
		{Name: "Moved", Channels: []string{"private-board.{boardId}"}, Payload: laravel.Object{{"client_id", int64(1)}, {"list", []any{laravel.Object{{"x", "y"}}}}}},
		{Name: "Drawn", Channels: []string{"portal"}, Payload: laravel.Object{{"type", "object"}, {"properties", laravel.Object{{"client_id", laravel.Object{{"type", "integer"}}}}}}},
	}
	require.Empty(t, laravel.Check(app))
	for _, row := range rows {
		for range 3 { // in whatever order the parameters come
			assert.Equal(t, row.notes, compose(t, app, laravel.Occurrence{Event: row.event, Params: row.params}).Notes, "%s %v", row.event, row.params)
		}
	}

	// With a payload of one's own only the channels are left to depend on anything.
	c := compose(t, app, laravel.Occurrence{Event: "InvoiceCreated", Params: map[string]any{"client": 5, "invoice": 42}, Exact: true, Payload: laravel.Object{{"id", int64(1)}}})
	assert.Equal(t, []string{"invoice 42 is not used: nothing of InvoiceCreated depends on it"}, c.Notes)
}
