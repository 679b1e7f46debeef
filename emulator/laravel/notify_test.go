package laravel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

func idsOf(numbers ...int64) (all []laravel.ID) {
	for _, n := range numbers {
		all = append(all, laravel.IntID(n))
	}
	return all
}

var stageChanged = laravel.Notification{Data: laravel.Object{{"title", "Stage Changed"}, {"message", "Client moved to new stage"}}}

// H.7, K.6, N: for each recipient the row, then the broadcast, each with its own id.
func TestK6_RealtimeNotificationService(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	rows, err := d.Notify(t.Context(), idsOf(7, 1), stageChanged)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	assert.NotEqual(t, rows[0].ID, rows[1].ID)
	one := []string{"store notifications", "send BroadcastNotificationCreated", "send NotificationReceived"}
	assert.Equal(t, slices.Concat(one, one), d.log, "stored first, then broadcast")
	first := d.publication("BroadcastNotificationCreated")
	assert.Equal(t, `Illuminate\Notifications\Events\BroadcastNotificationCreated`, first.Event)
	assert.Equal(t, []string{"private-App.Models.User.7"}, first.Channels)
	assert.Equal(t, fmt.Sprintf(`{"title":"Stage Changed","message":"Client moved to new stage","id":"%s","type":"App\\Notifications\\WorkflowNotification"}`, rows[0].ID), first.Data)
	var stored map[string]any
	require.NoError(t, json.Unmarshal(d.rows[laravel.Notifications][rows[0].ID], &stored))
	assert.Equal(t, map[string]any{
		"id": rows[0].ID, "type": `App\Notifications\WorkflowNotification`, "notifiable_type": `App\Models\User`, "notifiable_id": 7.0,
		"data": map[string]any{"title": "Stage Changed", "message": "Client moved to new stage"}, "read_at": nil, "created_at": "2026-03-01T12:00:00Z",
	}, stored)
}

// N: id and type overwrite those of the data, in their place.
func TestNotify_IDAndTypeOverwrite(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	rows, err := d.Notify(t.Context(), idsOf(7), laravel.Notification{
		Type: "workflow.stage", Data: laravel.Object{{"id", int64(42)}, {"type", "invoice"}, {"title", "Grüße / R&D"}, {"zuletzt", nil}},
	})
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf(`{"id":"%s","type":"workflow.stage","title":"Gr\u00fc\u00dfe \/ R&D","zuletzt":null}`, rows[0].ID),
		d.publication("BroadcastNotificationCreated").Data)
}

// The guide's via() has no broadcast; its service broadcasts on its own (K.9), in both modes, where X7 and X8 say.
func TestK9_X9_TheServiceBroadcastsOnItsOwn(t *testing.T) {
	for mode, received := range map[laravel.Mode]string{
		laravel.Fixed: "private-App.Models.User.7", laravel.AsWritten: "private-User.7",
	} {
		d := newCounter(t, mode, portal())
		_, err := d.Notify(t.Context(), idsOf(7), stageChanged)
		require.NoError(t, err)
		assert.Equal(t, []string{"BroadcastNotificationCreated private-App.Models.User.7", "NotificationReceived " + received}, d.events(), mode)
		payload := d.payload("NotificationReceived")
		assert.Equal(t, "Stage Changed", payload["title"])
		assert.Equal(t, d.payload("BroadcastNotificationCreated")["id"], payload["id"])
	}
}

// Somebody else may send: each row is there before its broadcast is handed over, and what cannot be sent ends the rest.
func TestNotify_ThroughSomebodyElse(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	n := stageChanged
	var got []string
	n.Through = func(_ context.Context, p pusher.Publication) error {
		got = append(got, fmt.Sprintf("%s with %d stored", p.Channels[0], len(d.rows[laravel.Notifications])))
		return nil
	}
	_, err := d.Notify(t.Context(), idsOf(7, 1), n)
	require.NoError(t, err)
	const seven, one = "private-App.Models.User.7 with 1 stored", "private-App.Models.User.1 with 2 stored"
	assert.Equal(t, []string{seven, seven, one, one}, got)
	assert.Empty(t, d.sent, "the application itself sends nothing")

	n.Through = func(context.Context, pusher.Publication) error { return errors.New("no line") }
	rows, err := d.Notify(t.Context(), idsOf(7, 1), n)
	require.ErrorContains(t, err, "no line")
	assert.Len(t, rows, 1, "the row stays, the others are not told")
}

// N: notifications never leave a socket out, whoever caused them.
func TestNotify_NeverExcepts(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	_, err := d.Notify(t.Context(), idsOf(7, 8), stageChanged)
	require.NoError(t, err)
	for _, p := range d.sent {
		assert.Empty(t, p.Except)
	}
}

// K.6: a queued notification is broadcast before its row is there, so that a client that fetches does not find it.
func TestK6_RealtimeNotificationService_Queued(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	n := stageChanged
	n.Queued, n.Lag = true, 3*time.Second
	done := make(chan error)
	go func() {
		_, err := d.Notify(t.Context(), idsOf(7), n)
		done <- err
	}()
	require.Eventually(t, func() bool { d.clock.mu.Lock(); defer d.clock.mu.Unlock(); return len(d.clock.alarm) == 1 }, 5*time.Second, time.Millisecond)
	assert.Len(t, d.events(), 2, "broadcast")
	assert.Empty(t, d.Notifications(laravel.IntID(7)), "and not there")
	d.clock.move(3 * time.Second)
	require.NoError(t, <-done)
	assert.Len(t, d.Notifications(laravel.IntID(7)), 1)
	assert.Equal(t, []string{"send BroadcastNotificationCreated", "send NotificationReceived", "store notifications"}, d.log)
}

func TestNotify_Refused(t *testing.T) {
	for name, row := range map[string]struct {
		users []laravel.ID
		n     laravel.Notification
		words string
	}{
		"unknown user": {idsOf(7, 99), stageChanged, "There is no user 99."},
		"no data":      {idsOf(7), laravel.Notification{}, "Notification is missing toBroadcast / toArray method."},
		"lag":          {idsOf(7), laravel.Notification{Data: stageChanged.Data, Lag: time.Hour}, "The lag must be"},
	} {
		d := newCounter(t, laravel.Fixed, portal())
		_, err := d.Notify(t.Context(), row.users, row.n)
		assert.ErrorContains(t, err, row.words, name)
		assert.Empty(t, d.log, name)
	}
}

func TestNotificationRoutes(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	var made []string
	for range 3 {
		rows, err := d.Notify(t.Context(), idsOf(7), stageChanged)
		require.NoError(t, err)
		made = append(made, rows[0].ID)
	}
	list := func(query string) (got []string, unread any) {
		answer := object(t, d.ask(7, "GET", "/api/notifications"+query, "").Body.String())
		for _, row := range answer["data"].([]any) {
			got = append(got, row.(map[string]any)["id"].(string))
		}
		return got, answer["unread_count"]
	}
	newest := []string{made[2], made[1], made[0]}
	got, unread := list("")
	assert.Equal(t, newest, got)
	assert.EqualValues(t, 3, unread)

	w := d.ask(8, "POST", "/api/notifications/"+made[1]+"/read", "")
	assert.Equal(t, 404, w.Code, "another's")
	w = d.ask(7, "POST", "/api/notifications/"+made[1]+"/read", "")
	require.Equal(t, 200, w.Code)
	assert.Equal(t, "2026-03-01T12:00:00.000000Z", data(t, w)["read_at"])
	got, unread = list("?unread=1")
	assert.Equal(t, []string{made[2], made[0]}, got)
	assert.EqualValues(t, 2, unread)
	got, _ = list("?limit=1")
	assert.Equal(t, newest[:1], got)
	assert.Equal(t, 422, d.ask(7, "GET", "/api/notifications?limit=x", "").Code)
	assert.Equal(t, 401, d.ask(0, "GET", "/api/notifications", "").Code)

	d.open(laravel.Fixed, portal())
	_, unread = list("")
	assert.EqualValues(t, 2, unread, "after a restart")
	assert.Equal(t, 200, d.ask(7, "POST", "/api/notifications/read", "").Code)
	_, unread = list("")
	assert.EqualValues(t, 0, unread)
}

// The oldest notifications go, in the store too.
func TestNotify_Bounded(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	for range 1002 {
		_, err := d.Notify(t.Context(), idsOf(7), stageChanged)
		require.NoError(t, err)
	}
	assert.Len(t, d.Notifications(laravel.IntID(7)), 1000)
	assert.Len(t, d.rows[laravel.Notifications], 1000)
}

// K.7: both formats have one normal form.
func TestK7_ParseWorkflow(t *testing.T) {
	text := func(pairs ...any) (o laravel.Object) {
		o = laravel.Object{{"name", "w"}, {"title", "T"}}
		for i := 0; i < len(pairs); i += 2 {
			o = append(o, laravel.Field{Key: pairs[i].(string), Value: pairs[i+1]})
		}
		return o
	}
	rows := []struct {
		name     string
		in       laravel.Object
		want     laravel.Recipient
		simple   bool
		message  string
		warnings int
		wrong    string
	}{
		{"formal role", text("recipient_type", "role", "recipient_role", "admin", "message", "M"), laravel.Recipient{Role: "admin"}, false, "M", 0, ""},
		{"formal user", text("recipient_type", "user", "recipient_id", int64(7), "message", "M"), laravel.Recipient{User: laravel.IntID(7)}, false, "M", 0, ""},
		{"formal client", text("recipient_type", "client", "recipient_client_id", int64(5), "message", "M"), laravel.Recipient{Client: laravel.IntID(5)}, false, "M", 0, ""},
		{"simple role", text("to", "admin", "body", "B"), laravel.Recipient{Role: "admin"}, true, "B", 0, ""},
		{"simple integer", text("to", int64(7), "body", "B"), laravel.Recipient{User: laravel.IntID(7)}, true, "B", 0, ""},
		{"simple user", text("to", "user:7", "body", "B"), laravel.Recipient{User: laravel.IntID(7)}, true, "B", 0, ""},
		{"simple client", text("to", "client:5", "body", "B"), laravel.Recipient{Client: laravel.IntID(5)}, true, "B", 0, ""},
		{"both: formal wins", text("recipient_type", "role", "recipient_role", "admin", "to", "client", "message", "M", "body", "B"), laravel.Recipient{Role: "admin"}, false, "M", 2, ""},
		{"mixed", text("recipient_type", "role", "recipient_role", "admin", "body", "B"), laravel.Recipient{Role: "admin"}, false, "B", 1, ""},
		{"unknown field", text("to", "admin", "body", "B", "colour", "red"), laravel.Recipient{Role: "admin"}, true, "B", 1, ""},
		{"nobody", text("message", "M"), laravel.Recipient{}, false, "", 0, "recipient_type is missing"},
		{"no role", text("recipient_type", "role", "message", "M"), laravel.Recipient{}, false, "", 0, "recipient_role is missing"},
		{"other type", text("recipient_type", "team", "message", "M"), laravel.Recipient{}, false, "", 0, "recipient_type is team"},
		{"other prefix", text("to", "team:7", "body", "B"), laravel.Recipient{}, false, "", 0, "to is \"team:7\""},
		{"no message", text("to", "admin"), laravel.Recipient{}, false, "", 0, "message must be a text"},
		{"id is a list", text("to", []any{int64(1)}, "body", "B"), laravel.Recipient{}, false, "", 0, "to must be the id of a user"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w, warnings, err := laravel.ParseWorkflow(row.in)
			assert.Len(t, warnings, row.warnings, warnings)
			if row.wrong != "" {
				require.ErrorContains(t, err, row.wrong)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, laravel.Workflow{Name: "w", Recipient: row.want, Title: "T", Message: row.message, Simplified: row.simple}, w)
		})
	}
}

// The rows of K.7: what one format calls so and the other otherwise comes out the same.
func TestK7_Formats(t *testing.T) {
	formal := laravel.Object{{"name", "w"}, {"recipient_type", "role"}, {"recipient_role", "admin"}, {"title", "T"}, {"message", "M {n}"}}
	simplified := laravel.Object{{"name", "w"}, {"to", "admin"}, {"title", "T"}, {"body", "M {n}"}}
	rows := []struct {
		name string
		of   func(laravel.Workflow) any
		want any
	}{
		{"recipient", func(w laravel.Workflow) any { return w.Recipient }, laravel.Recipient{Role: "admin"}},
		{"title", func(w laravel.Workflow) any { return w.Title }, "T"},
		{"message", func(w laravel.Workflow) any { return w.Message }, "M {n}"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for _, format := range []laravel.Object{formal, simplified} {
				w, warnings, err := laravel.ParseWorkflow(format)
				require.NoError(t, err)
				assert.Empty(t, warnings)
				assert.Equal(t, row.want, row.of(w), format)
			}
		})
	}
	// On the wire message is there always, body beside it for the simplified format.
	for want, format := range map[string]laravel.Object{"title message n id type": formal, "title message body n id type": simplified} {
		d := newCounter(t, laravel.Fixed, portal())
		w, _, err := laravel.ParseWorkflow(format)
		require.NoError(t, err)
		_, err = d.SendWorkflow(t.Context(), w, laravel.Object{{"n", int64(3)}}, nil)
		require.NoError(t, err)
		sent := d.publication("BroadcastNotificationCreated")
		assert.Equal(t, []string{"private-App.Models.User.1"}, sent.Channels)
		assert.Equal(t, want, keys(t, sent.Data))
		assert.Equal(t, "M 3", object(t, sent.Data)["message"])
	}
}

// What somebody wrote is no template: braces within a value stay, in whatever order the values come.
func TestK7_BracesInData(t *testing.T) {
	app := portal()
	app.Workflows = []laravel.Workflow{{Name: "w", Recipient: laravel.Recipient{User: laravel.IntID(8)}, Title: "T", Message: "{client} moved to {stage}"}}
	for _, data := range []laravel.Object{{{"client", "{stage} & {client}"}, {"stage", "done"}}, {{"stage", "done"}, {"client", "{stage} & {client}"}}} {
		d := newCounter(t, laravel.Fixed, app)
		sent, err := d.RunWorkflow(t.Context(), "w", data, nil)
		require.NoError(t, err)
		require.Len(t, sent, 1)
		assert.Equal(t, "{stage} & {client} moved to done", sent[0].Data.Get("message"))
	}
}

// Who is told, and what: message always, body beside it where the simplified format was used.
func TestK7_RunWorkflow(t *testing.T) {
	app := portal()
	app.Workflows = []laravel.Workflow{
		{Name: "role", Recipient: laravel.Recipient{Role: "client"}, Title: "Stage", Message: "{client} moved to {stage}"},
		{Name: "user", Recipient: laravel.Recipient{User: laravel.IntID(8)}, Title: "T", Message: "B", Simplified: true},
		{Name: "client", Recipient: laravel.Recipient{Client: laravel.IntID(5)}, Title: "T", Message: "M"},
		{Name: "nobody", Recipient: laravel.Recipient{Role: "auditor"}, Title: "T", Message: "M"},
		{Name: "gone", Recipient: laravel.Recipient{User: laravel.IntID(99)}, Title: "T", Message: "M"},
		{Name: "user as text", Recipient: laravel.Recipient{User: laravel.TextID("8")}, Title: "T", Message: "M"},
		{Name: "client as text", Recipient: laravel.Recipient{Client: laravel.TextID("5")}, Title: "T", Message: "M"},
		{Name: "closed", Recipient: laravel.Recipient{Client: laravel.IntID(99)}, Title: "T", Message: "M"},
	}
	rows := []struct{ name, to, data, wrong string }{
		{"role", "7 8", `{"title":"Stage","message":"Acme moved to {stage}","client":"Acme"}`, ""},
		{"user", "8", `{"title":"T","message":"B","body":"B","client":"Acme"}`, ""},
		{"client", "7", `{"title":"T","message":"M","client":"Acme"}`, ""},
		{"user as text", "8", `{"title":"T","message":"M","client":"Acme"}`, ""},
		{"client as text", "7", `{"title":"T","message":"M","client":"Acme"}`, ""},
		{"nobody", "", ``, ""},
		{"gone", "", ``, "There is no user 99."},
		{"closed", "", ``, "There is no client 99."},
		{"other", "", ``, `there is no workflow "other"; there are role, user, client`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			d := newCounter(t, laravel.Fixed, app)
			sent, err := d.RunWorkflow(t.Context(), row.name, laravel.Object{{"client", "Acme"}}, nil)
			if row.wrong != "" {
				require.ErrorContains(t, err, row.wrong)
				assert.Empty(t, d.log)
				return
			}
			require.NoError(t, err)
			var to []string
			for _, n := range sent {
				to = append(to, n.NotifiableID.String())
				text, err := json.Marshal(n.Data)
				require.NoError(t, err)
				assert.Equal(t, row.data, string(text))
			}
			assert.Equal(t, row.to, strings.Join(to, " "))
		})
	}
}
