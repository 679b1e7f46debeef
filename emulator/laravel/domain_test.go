package laravel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// counter is an application with everything that goes in and out of it: a clock that is moved by hand, a store and the
// events that were sent, in one order.
type counter struct {
	*laravel.Backend
	t     *testing.T
	clock *wallClock

	mu   sync.Mutex
	sent []pusher.Publication
	log  []string // "store notifications", "send BroadcastNotificationCreated"
	rows map[laravel.Table]map[string]json.RawMessage
	// broken makes every write fail.
	broken bool
}

func (d *counter) Rows(_ context.Context, table laravel.Table, each func(string, json.RawMessage) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for key := range d.rows[table] {
		names = append(names, key)
	}
	slices.Sort(names)
	for _, key := range names {
		if err := each(key, d.rows[table][key]); err != nil {
			return err
		}
	}
	return nil
}

func (d *counter) Write(_ context.Context, changes []laravel.Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return fmt.Errorf("the disk is full")
	}
	for _, c := range changes {
		if d.rows[c.Table] == nil {
			d.rows[c.Table] = map[string]json.RawMessage{}
		}
		d.log = append(d.log, "store "+string(c.Table))
		if c.Row == nil {
			delete(d.rows[c.Table], c.Key)
			continue
		}
		text, err := json.Marshal(c.Row)
		if err != nil {
			return err
		}
		d.rows[c.Table][c.Key] = text
	}
	return nil
}

func newCounter(t *testing.T, mode laravel.Mode, app *laravel.Application) *counter {
	t.Helper()
	d := &counter{t: t, clock: &wallClock{now: noon}, rows: map[laravel.Table]map[string]json.RawMessage{}}
	d.open(mode, app)
	return d
}

// open starts the application, again with the rows that it had.
func (d *counter) open(mode laravel.Mode, app *laravel.Application) {
	d.t.Helper()
	b, err := laravel.New(d.t.Context(), laravel.Config{
		Mode: mode, Clock: d.clock, Store: d,
		Publish: func(_ context.Context, p pusher.Publication) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.sent = append(d.sent, p)
			d.log = append(d.log, "send "+short(p.Event))
			return nil
		},
	}, app)
	require.NoError(d.t, err)
	d.Backend = b
}

func short(event string) string { return event[strings.LastIndex(event, `\`)+1:] }

// ask is one request; user 0 is a guest. What was sent before is forgotten.
func (d *counter) ask(user int, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	d.mu.Lock()
	d.sent, d.log = nil, nil
	d.mu.Unlock()
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if user != 0 {
		r.Header.Set("X-Echolab-User", fmt.Sprint(user))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

// events are what was sent, as "InvoiceCreated private-client.5", without presence of the application's own.
func (d *counter) events() (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.sent {
		if short(p.Event) != "UserPresenceChanged" {
			all = append(all, short(p.Event)+" "+strings.Join(p.Channels, " "))
		}
	}
	return all
}

// payload is that of the first event of that name.
func (d *counter) payload(event string) map[string]any {
	d.t.Helper()
	return object(d.t, d.publication(event).Data)
}

func (d *counter) publication(event string) pusher.Publication {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.sent, func(p pusher.Publication) bool { return short(p.Event) == event })
	require.GreaterOrEqual(d.t, i, 0, "no %s was sent", event)
	return d.sent[i]
}

// state is every row that the application has, to see that nothing changed.
func (d *counter) state() string {
	var all []laravel.Object
	for _, typ := range d.EntityTypes() {
		rows, _ := d.Entities(typ)
		for _, r := range rows {
			all = append(all, r.Object())
		}
	}
	text, err := json.Marshal(all)
	require.NoError(d.t, err)
	return string(text)
}

func data(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	inner, ok := object(t, w.Body.String())["data"].(map[string]any)
	require.True(t, ok, w.Body.String())
	return inner
}

// wallClock moves when it is told to.
type wallClock struct {
	mu    sync.Mutex
	now   time.Time
	alarm []alarm
}

type alarm struct {
	at   time.Time
	ring chan time.Time
}

func (c *wallClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *wallClock) At(t time.Time) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := alarm{t, make(chan time.Time, 1)}
	if t.After(c.now) {
		c.alarm = append(c.alarm, a)
	} else {
		a.ring <- c.now
	}
	return a.ring, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.alarm = slices.DeleteFunc(c.alarm, func(other alarm) bool { return other.ring == a.ring })
	}
}

func (c *wallClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.alarm = slices.DeleteFunc(c.alarm, func(a alarm) bool {
		if a.at.After(c.now) {
			return false
		}
		a.ring <- c.now
		return true
	})
}

// What follows from each change: the events of protocol K.4, the activity, the version.
func TestConsequences(t *testing.T) {
	const feed, project = "ActivityFeedUpdated private-admin private-client.5", "private-project.1 presence-presence-project.1"
	rows := []struct {
		name               string
		user               int
		method, path, body string
		status             int
		events             []string
		written            []string // as written; nil: the same
		activity           string
		payload            string // of the first event
	}{
		{"invoice created", 7, "POST", "/api/invoices", `{"client_id":5,"total":99.5,"invoice_number":"INV-9"}`, 201,
			[]string{"InvoiceCreated private-client.5", feed}, nil, "invoice.created",
			`{"id":44,"invoice_number":"INV-9","total":"99.50","invoice":{"id":44,"client_id":5,"invoice_number":"INV-9","total":"99.50","status":"draft"},"version":1}`},
		{"invoice status", 1, "PATCH", "/api/invoices/42", `{"status":"paid"}`, 200,
			[]string{"InvoiceStatusChanged private-client.5 private-invoice.42 private-admin", feed},
			[]string{"InvoiceStatusChanged private-invoice.42 private-admin", feed}, "invoice.status_changed",
			`{"invoice":{"id":42,"invoice_number":"INV-0042","status":"paid","client_id":5},"old_status":"sent","new_status":"paid","changed_at":"2026-03-01T12:00:00.000000Z","version":1}`},
		{"invoice otherwise", 1, "PUT", "/api/invoices/42", `{"total":"7"}`, 200, []string{feed}, nil, "invoice.updated", ``},
		{"invoice deleted", 1, "DELETE", "/api/invoices/42", ``, 204, []string{feed}, nil, "invoice.deleted", ``},
		{"project created", 1, "POST", "/api/projects", `{"client_id":5,"name":"Shop"}`, 201, []string{feed}, nil, "project.created", ``},
		{"project updated", 7, "PATCH", "/api/projects/1", `{"status":"completed"}`, 200,
			[]string{"ProjectUpdated private-client.5 " + project, feed}, []string{"ProjectUpdated private-project.1", feed}, "project.updated",
			`{"project":{"id":1,"name":"Website","status":"completed","client_id":5,"updated_at":"2026-03-01T12:00:00.000000Z"},"changes":{"status":["active","completed"]},"version":1}`},
		{"file uploaded", 7, "POST", "/api/files", `{"project_id":"1","name":"a.pdf","size":12,"mime":"application/pdf"}`, 201,
			[]string{"FileUploaded private-client.5 " + project, feed}, []string{"FileUploaded private-project.1", feed}, "file.uploaded",
			`{"file":{"id":4,"name":"a.pdf","size":12,"mime":"application/pdf","project_id":1,"uploaded_by":7},"project_id":1,"version":1}`},
		{"file deleted", 7, "DELETE", "/api/files/3", ``, 204,
			[]string{"FileDeleted " + project, feed}, []string{"FileDeleted private-project.1", feed}, "file.deleted",
			`{"file_id":3,"name":"plan.pdf","project_id":1,"deleted_by":7,"version":1}`},
		{"comment added", 7, "POST", "/api/comments", `{"project_id":1,"body":"Nice"}`, 201,
			[]string{"CommentAdded " + project, feed}, []string{"CommentAdded private-project.1", feed}, "comment.added",
			`{"comment":{"id":1,"body":"Nice","author":{"id":7,"name":"Ben"},"project_id":1,"created_at":"2026-03-01T12:00:00.000000Z"},"version":1}`},
		{"time entry started", 7, "POST", "/api/time_entries", `{"project_id":1}`, 201,
			[]string{"TimeEntryUpdated private-App.Models.User.7 " + project, feed}, []string{"TimeEntryUpdated private-User.7 private-project.1", feed}, "time_entry.started",
			`{"time_entry":{"id":12,"user_id":7,"project_id":1,"started_at":"2026-03-01T12:00:00.000000Z","stopped_at":null,"duration_seconds":null},"action":"started","version":1}`},
		{"time entry stopped", 7, "PATCH", "/api/time_entries/11", `{"started_at":"2026-03-01T11:00:00Z","stopped_at":"2026-03-01 11:30:00"}`, 200,
			[]string{"TimeEntryUpdated private-App.Models.User.7 " + project, feed}, []string{"TimeEntryUpdated private-User.7 private-project.1", feed}, "time_entry.stopped",
			`{"time_entry":{"id":11,"user_id":7,"project_id":1,"started_at":"2026-03-01T11:00:00.000000Z","stopped_at":"2026-03-01T11:30:00.000000Z","duration_seconds":1800},"action":"stopped","version":1}`},
		{"document updated", 7, "PATCH", "/api/documents/9", `{"body":"Hello"}`, 200,
			[]string{"DocumentUpdated presence-presence-document.9", feed}, nil, "document.updated",
			`{"document":{"id":9,"title":"Brief","project_id":1,"updated_at":"2026-03-01T12:00:00.000000Z"},"changes":{"body":"Hello"},"user":{"id":7,"name":"Ben"},"version":1}`},
		{"workflow", 1, "POST", "/api/workflows", `{"client_id":5,"name":"Onboarding","stage":"contract"}`, 201, []string{feed}, nil, "workflow.created", ``},
		{"timesheet", 7, "POST", "/api/timesheets", `{"client_id":5,"hours":"7.5"}`, 201, []string{feed}, nil, "timesheet.created", ``},
		{"client", 1, "PATCH", "/api/clients/5", `{"name":"Acme Ltd"}`, 200, []string{feed}, nil, "client.updated", ``},
	}
	for _, mode := range []laravel.Mode{laravel.Fixed, laravel.AsWritten} {
		for _, row := range rows {
			t.Run(row.name+" "+string(mode), func(t *testing.T) {
				d := newCounter(t, mode, portal())
				w := d.ask(row.user, row.method, row.path, row.body)
				require.Equal(t, row.status, w.Code, w.Body.String())
				want := row.events
				if mode == laravel.AsWritten && row.written != nil {
					want = row.written
				}
				assert.Equal(t, want, d.events())
				activity := d.payload("ActivityFeedUpdated")["activity"].(map[string]any)
				assert.Equal(t, row.activity, activity["type"])
				assert.EqualValues(t, row.user, activity["user"].(map[string]any)["id"])
				assert.EqualValues(t, 5, activity["metadata"].(map[string]any)["client_id"])
				page, err := d.Versions(t.Context(), 0, 0)
				require.NoError(t, err)
				require.Len(t, page.Changes, 1)
				if row.payload != "" {
					payload := row.payload
					if mode == laravel.AsWritten && row.name == "invoice created" { // X2
						payload = `{"id":44,"invoice_number":"INV-9","total":"99.50","version":1}`
					}
					first, _, _ := strings.Cut(want[0], " ")
					assert.JSONEq(t, payload, d.publication(first).Data)
				}
				first := slices.Index(d.log, "store entities")
				sent := slices.IndexFunc(d.log, func(line string) bool {
					return strings.HasPrefix(line, "send ") && line != "send UserPresenceChanged"
				})
				require.GreaterOrEqual(t, first, 0)
				assert.Less(t, first, sent, "stored first, then sent: %v", d.log)
			})
		}
	}
}

// An update that changes nothing has no consequences, as Eloquent sees nothing dirty.
func TestUpdate_NothingDifferent(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	w := d.ask(1, "PATCH", "/api/invoices/42", `{"status":"sent"}`)
	assert.Equal(t, 200, w.Code)
	assert.Empty(t, d.events())
	assert.EqualValues(t, 0, data(t, w)["version"])
}

// toOthers (H.5, N): the caller's socket is left out of the event; a malformed one throws, and nothing is kept.
func TestToOthers(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	require.Equal(t, 200, d.ask(1, "PATCH", "/api/invoices/42", `{"status":"paid"}`, "X-Socket-ID", "1234.5678").Code)
	assert.Equal(t, "1234.5678", d.publication("InvoiceStatusChanged").Except)
	assert.Empty(t, d.publication("ActivityFeedUpdated").Except)

	before := d.state()
	w := d.ask(1, "PATCH", "/api/invoices/42", `{"status":"overdue"}`, "X-Socket-ID", "abc")
	assert.Equal(t, 500, w.Code)
	assert.JSONEq(t, `{"message":"Server Error"}`, w.Body.String())
	assert.Empty(t, d.events())
	assert.Equal(t, before, d.state())
}

// Who sees and changes what (K.2). 1 is an admin, 7 a member of client 5, 8 of client 6.
func TestPermissions(t *testing.T) {
	rows := []struct {
		user               int
		method, path, body string
		status             int
	}{
		{0, "GET", "/api/invoices", "", 401},
		{0, "PATCH", "/api/invoices/42", `{"status":"paid"}`, 401},
		{1, "GET", "/api/invoices/43", "", 200},
		{7, "GET", "/api/invoices/42", "", 200},
		{7, "GET", "/api/invoices/43", "", 403},
		{7, "PATCH", "/api/invoices/43", `{"status":"paid"}`, 403},
		{7, "DELETE", "/api/invoices/43", "", 403},
		{7, "POST", "/api/invoices", `{"client_id":6,"total":1}`, 403},
		{7, "PATCH", "/api/invoices/42", `{"client_id":6}`, 403}, // not away to another client either
		{7, "GET", "/api/clients/5", "", 200},
		{7, "GET", "/api/clients/6", "", 403},
		{7, "POST", "/api/clients", `{"name":"Mine"}`, 403},
		{8, "GET", "/api/documents/9", "", 403},
		{8, "POST", "/api/comments", `{"project_id":1,"body":"x"}`, 403},
		{8, "GET", "/api/time_entries/11", "", 403},
		{7, "PATCH", "/api/time_entries/11", `{"description":"x"}`, 200},
		{9, "PATCH", "/api/time_entries/11", `{"description":"x"}`, 403}, // sees it, but it is not theirs
		{9, "GET", "/api/time_entries/11", "", 200},
		{1, "PATCH", "/api/time_entries/11", `{"description":"x"}`, 200},
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("%d %s %s", row.user, row.method, row.path), func(t *testing.T) {
			app := portal()
			app.Users = append(app.Users, laravel.User{ID: laravel.IntID(9), Name: "Dan", Role: "client", Clients: []laravel.ID{laravel.IntID(5)}})
			d := newCounter(t, laravel.Fixed, app)
			before := d.state()
			w := d.ask(row.user, row.method, row.path, row.body)
			require.Equal(t, row.status, w.Code, w.Body.String())
			switch row.status {
			case 401:
				assert.Equal(t, `{"message":"Unauthenticated."}`, w.Body.String())
			case 403:
				assert.JSONEq(t, `{"message":"This action is unauthorized."}`, w.Body.String())
			}
			if row.status >= 400 {
				assert.Equal(t, before, d.state())
				assert.Empty(t, d.events())
			}
		})
	}
	t.Run("a list has what one sees", func(t *testing.T) {
		d := newCounter(t, laravel.Fixed, portal())
		for user, ids := range map[int][]any{1: {42.0, 43.0}, 7: {42.0}, 8: {43.0}} {
			got := []any{}
			for _, row := range object(t, d.ask(user, "GET", "/api/invoices", "").Body.String())["data"].([]any) {
				got = append(got, row.(map[string]any)["id"])
			}
			assert.Equal(t, ids, got, "user %d", user)
		}
	})
}

// What Laravel answers to bad input; nothing changes.
func TestBadInput(t *testing.T) {
	rows := []struct {
		name, method, path, body string
		status                   int
		answer                   string // "" is anything
	}{
		{"no such row", "GET", "/api/invoices/99", "", 404, `{"message":"No query results for model [App\\Models\\Invoice] 99"}`},
		{"id is no number", "GET", "/api/invoices/abc", "", 404, `{"message":"No query results for model [App\\Models\\Invoice] abc"}`},
		{"id like a number", "PATCH", "/api/time_entries/0x2A", `{}`, 404, `{"message":"No query results for model [App\\Models\\TimeEntry] 0x2A"}`},
		{"no such type", "GET", "/api/unicorns", "", 404, `{"message":"The route api/unicorns could not be found."}`},
		{"no such type to change", "DELETE", "/api/unicorns/1", "", 404, `{"message":"The route api/unicorns/1 could not be found."}`},
		{"method", "DELETE", "/api/invoices", "", 405, ""},
		{"broken JSON", "POST", "/api/invoices", `{"client_id":5,`, 400, `{"message":"the body is not a JSON object: EOF"}`},
		{"broken JSON changes nothing and says so", "PATCH", "/api/invoices/42", `{"status":"paid"`, 400, `{"message":"the body is not a JSON object: EOF"}`},
		{"a list", "PATCH", "/api/projects/1", `[1]`, 400, `{"message":"the body is not a JSON object"}`},
		{"reference", "POST", "/api/invoices", `{"client_id":999,"total":1}`, 422, `{"message":"The selected client id is invalid.","errors":{"client_id":["The selected client id is invalid."]}}`},
		{"reference is text", "POST", "/api/invoices", `{"client_id":"five","total":1}`, 422, `{"message":"The selected client id is invalid.","errors":{"client_id":["The selected client id is invalid."]}}`},
		{"reference is an object", "POST", "/api/invoices", `{"client_id":{"id":5},"total":1}`, 422, `{"message":"The selected client id is invalid.","errors":{"client_id":["The selected client id is invalid."]}}`},
		{"status", "PATCH", "/api/invoices/42", `{"status":"stolen"}`, 422, `{"message":"The selected status is invalid.","errors":{"status":["The selected status is invalid."]}}`},
		{"money", "PATCH", "/api/invoices/42", `{"total":"lots"}`, 422, `{"message":"The total field must be a number.","errors":{"total":["The total field must be a number."]}}`},
		{"money as a fraction", "PATCH", "/api/invoices/42", `{"total":"1/3"}`, 422, ""},
		{"emptied", "PATCH", "/api/projects/1", `{"name":"  "}`, 422, `{"message":"The name field is required.","errors":{"name":["The name field is required."]}}`},
		{"no text", "PATCH", "/api/projects/1", `{"name":["x"]}`, 422, `{"message":"The name field must be a string.","errors":{"name":["The name field must be a string."]}}`},
		{"too long", "PATCH", "/api/projects/1", `{"name":"` + strings.Repeat("ä", 256) + `"}`, 422, `{"message":"The name field must not be greater than 255 characters.","errors":{"name":["The name field must not be greater than 255 characters."]}}`},
		{"no number", "POST", "/api/files", `{"project_id":1,"name":"a","size":"1e3"}`, 422, `{"message":"The size field must be an integer.","errors":{"size":["The size field must be an integer."]}}`},
		{"no date", "PATCH", "/api/time_entries/11", `{"stopped_at":"soon"}`, 422, `{"message":"The stopped at field must be a valid date.","errors":{"stopped_at":["The stopped at field must be a valid date."]}}`},
		{"stopped before it started", "PATCH", "/api/time_entries/11", `{"started_at":"2026-03-01","stopped_at":"2026-02-01"}`, 422, `{"message":"The stopped at field must be a date after or equal to started at.","errors":{"stopped_at":["The stopped at field must be a date after or equal to started at."]}}`},
		{"version is none", "PATCH", "/api/invoices/42", `{"status":"paid","version":"x"}`, 422, `{"message":"The version field must be an integer.","errors":{"version":["The version field must be an integer."]}}`},
		{"too large", "POST", "/api/comments", `{"project_id":1,"body":"` + strings.Repeat("x", 2<<20) + `"}`, 413, `{"message":"The POST data is too large."}`},
		{"unknown fields", "PATCH", "/api/invoices/42", `{"is_admin":true,"id":1,"created_at":"x"}`, 200, ""},
		{"nothing", "PATCH", "/api/invoices/42", ``, 200, ""},
		{"deleted though named", "DELETE", "/api/clients/5", ``, 409, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			d := newCounter(t, laravel.Fixed, portal())
			before := d.state()
			w := d.ask(1, row.method, row.path, row.body)
			require.Equal(t, row.status, w.Code, w.Body.String())
			if row.answer != "" {
				assert.JSONEq(t, row.answer, w.Body.String())
			}
			assert.Equal(t, before, d.state())
			assert.Empty(t, d.events())
		})
	}
}

// A version that is no longer the row's is answered with the current one.
func TestVersion_Stale(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	w := d.ask(1, "PATCH", "/api/projects/1", `{"name":"Site","version":0}`)
	require.Equal(t, 200, w.Code, w.Body.String())
	assert.EqualValues(t, 1, data(t, w)["version"])
	w = d.ask(7, "PATCH", "/api/projects/1", `{"name":"Shop","version":0}`)
	require.Equal(t, http.StatusConflict, w.Code)
	answer := object(t, w.Body.String())
	assert.EqualValues(t, 1, answer["version"])
	assert.Equal(t, "Site", data(t, w)["name"])
	assert.NotEmpty(t, answer["message"])
	assert.Empty(t, d.events())
	require.Equal(t, 409, d.ask(1, "DELETE", "/api/projects/2?version=5", "").Code, "a deletion is held to it too")
}

// Two who save at once: one wins, and the version tells the other.
func TestVersion_Race(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	var won, lost, other int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			r := httptest.NewRequest("PATCH", "http://localhost/api/projects/1", strings.NewReader(fmt.Sprintf(`{"name":"n%d","version":0}`, i)))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Echolab-User", []string{"1", "7"}[i%2])
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			mu.Lock()
			defer mu.Unlock()
			switch w.Code {
			case 200:
				won++
			case 409:
				lost++
			default:
				other++
			}
		})
	}
	all.Wait()
	assert.Equal(t, []int{1, 39, 0}, []int{won, lost, other})
}

// Rows that are made at once get ids of their own.
func TestCreate_Race(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := d.CreateEntity(t.Context(), nil, "comments", laravel.Object{{"project_id", int64(1)}, {"body", "x"}})
			assert.NoError(t, err)
		})
	}
	all.Wait()
	rows, _ := d.Entities("comments")
	require.Len(t, rows, 50)
	assert.Equal(t, laravel.IntID(50), rows[49].ID)
}

// Rows that users touched are theirs; every other row is what the file says. Reset gives all back.
func TestDescription_Changed(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	require.Equal(t, 200, d.ask(1, "PATCH", "/api/projects/1", `{"name":"Theirs"}`).Code)
	require.Equal(t, 204, d.ask(1, "DELETE", "/api/invoices/43", "").Code)
	require.Equal(t, 201, d.ask(1, "POST", "/api/projects", `{"client_id":5,"name":"New"}`).Code)

	next := portal()
	next.Entities["projects"] = []laravel.Object{
		{{"id", int64(1)}, {"client_id", int64(5)}, {"name", "The file's"}, {"status", "active"}},
		{{"id", int64(2)}, {"client_id", int64(6)}, {"name", "Changed"}, {"status", "active"}},
		{{"id", int64(30)}, {"client_id", int64(6)}, {"name", "Added"}, {"status", "active"}},
	}
	names := func() (all []string) {
		rows, _ := d.Entities("projects")
		for _, r := range rows {
			all = append(all, fmt.Sprintf("%s %s", r.ID, r.Data.Get("name")))
		}
		return all
	}
	check := func(t *testing.T) {
		t.Helper()
		assert.Equal(t, []string{"1 Theirs", "2 Changed", "3 New", "30 Added"}, names())
		_, there := d.Entity("invoices", "43")
		assert.False(t, there, "what a user deleted does not come back")
	}
	d.Use(next)
	check(t)
	row, _ := d.Entity("projects", "2")
	assert.Positive(t, row.Version, "who has the old row must not overwrite the new one unseen")

	d.open(laravel.Fixed, next)
	check(t)

	n, err := d.Reset(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, n)
	assert.Equal(t, []string{"1 The file's", "2 Changed", "30 Added"}, names())
	_, there := d.Entity("invoices", "43")
	assert.True(t, there)
	assert.Empty(t, d.rows[laravel.Entities])
	row, err = d.CreateEntity(t.Context(), nil, "projects", laravel.Object{{"client_id", int64(5)}, {"name", "Again"}})
	require.NoError(t, err)
	assert.Equal(t, laravel.IntID(31), row.ID, "an id is not given twice")
}

// What cannot be stored has not happened.
func TestStore_Broken(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	d.ask(1, "GET", "/api/invoices", "") // online by now
	before := d.state()
	d.broken = true
	for _, row := range [][3]string{
		{"POST", "/api/invoices", `{"client_id":5,"total":1}`}, {"PATCH", "/api/invoices/42", `{"status":"paid"}`}, {"DELETE", "/api/invoices/42", ""},
	} {
		assert.Equal(t, 500, d.ask(1, row[0], row[1], row[2]).Code)
		assert.Equal(t, before, d.state())
		assert.Empty(t, d.events())
	}
	d.broken = false
	assert.Equal(t, 200, d.ask(1, "PATCH", "/api/invoices/42", `{"status":"paid"}`).Code)
}

// A caller who goes away does not stop what has begun.
func TestAct_CallerGone(t *testing.T) {
	d := newCounter(t, laravel.Fixed, portal())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := d.UpdateEntity(ctx, nil, "invoices", "42", laravel.Object{{"status", "paid"}})
	require.NoError(t, err)
	assert.Len(t, d.events(), 2)
}

// 7 and "7" are two rows, in the store too.
func TestIDs_IntegerAndText(t *testing.T) {
	app := portal()
	app.Entities["notes"] = []laravel.Object{{{"id", int64(7)}, {"text", "number"}}, {{"id", "7"}, {"text", "text"}}}
	d := newCounter(t, laravel.Fixed, app)
	_, err := d.UpdateEntity(t.Context(), nil, "notes", "7", laravel.Object{{"text", "changed"}})
	require.NoError(t, err)
	require.NoError(t, d.DeleteEntity(t.Context(), nil, "notes", "7"))
	_, err = d.UpdateEntity(t.Context(), nil, "notes", "7", laravel.Object{{"text", "changed too"}})
	require.NoError(t, err, "now it is the text that is found")
	d.open(laravel.Fixed, app)
	rows, _ := d.Entities("notes")
	require.Len(t, rows, 1)
	assert.Equal(t, laravel.TextID("7"), rows[0].ID)
	assert.Equal(t, "changed too", rows[0].Data.Get("text"))
}

// Types that the application was given beyond K.1: any field; everybody sees what belongs to no client, admins change it.
func TestOwnTypes(t *testing.T) {
	app := portal()
	app.Entities["milestones"] = []laravel.Object{{{"id", "a1"}, {"name", "Design"}, {"project_id", int64(1)}}}
	app.Entities["notices"] = []laravel.Object{{{"id", int64(1)}, {"text", "Closed on Friday"}}}
	d := newCounter(t, laravel.Fixed, app)
	w := d.ask(7, "POST", "/api/milestones", `{"name":"Launch","project_id":1,"colour":{"r":1}}`)
	require.Equal(t, 201, w.Code, w.Body.String())
	made := data(t, w)
	assert.Equal(t, map[string]any{"r": 1.0}, made["colour"])
	assert.Len(t, made["id"], 36, "ids are text here")
	assert.Equal(t, "milestone.created", d.payload("ActivityFeedUpdated")["activity"].(map[string]any)["type"])
	assert.Equal(t, 422, d.ask(7, "POST", "/api/milestones", `{"name":"Launch","project_id":99}`).Code)
	assert.Equal(t, 403, d.ask(8, "GET", "/api/milestones/a1", "").Code)
	assert.Equal(t, 200, d.ask(8, "GET", "/api/notices/1", "").Code)
	assert.Equal(t, 403, d.ask(8, "PATCH", "/api/notices/1", `{"text":"x"}`).Code)
	assert.Equal(t, 200, d.ask(1, "PATCH", "/api/notices/1", `{"text":"x"}`).Code)
}

// Rows that refer to each other in a circle belong to nobody, and end.
func TestOwner_Circle(t *testing.T) {
	app := portal()
	app.Entities["projects"] = []laravel.Object{{{"id", int64(1)}, {"name", "A"}, {"project_id", int64(2)}}, {{"id", int64(2)}, {"name", "B"}, {"project_id", int64(1)}}}
	d := newCounter(t, laravel.Fixed, app)
	assert.Equal(t, 403, d.ask(7, "GET", "/api/projects/1", "").Code)
	assert.Equal(t, 200, d.ask(1, "GET", "/api/projects/1", "").Code)
}

// K.6: a row's version never goes back, over a restart neither, and also where the row is the description's and the history
// is too short to tell of its last change.
func TestK6_Versions_OfDescribedRowsOutliveARestart(t *testing.T) {
	app := portal()
	app.History.Versions = 3
	d := newCounter(t, laravel.Fixed, app)
	next := portal()
	next.History.Versions = 3
	next.Entities["projects"][1] = laravel.Object{{"id", int64(2)}, {"client_id", int64(6)}, {"name", "Changed"}, {"status", "active"}}
	d.Use(next)
	require.Equal(t, 200, d.ask(1, "PATCH", "/api/projects/1", `{"name":"Theirs"}`).Code)
	_, err := d.Reset(t.Context()) // the row is the description's again, with a version of its own
	require.NoError(t, err)
	versions := func() (all [3]int64) {
		for i, at := range [][2]string{{"projects", "1"}, {"projects", "2"}, {"clients", "5"}} {
			row, ok := d.Entity(at[0], at[1])
			require.True(t, ok)
			all[i] = row.Version
		}
		return all
	}
	require.Equal(t, [3]int64{3, 1, 0}, versions(), "what nobody touched has none")
	d.open(laravel.Fixed, next)
	assert.Equal(t, [3]int64{3, 1, 0}, versions())
	assert.Equal(t, 409, d.ask(1, "PATCH", "/api/projects/2", `{"name":"X","version":0}`).Code, "who saw the old row does not overwrite the new one")

	for i := range 5 { // beyond the history
		require.Equal(t, 200, d.ask(1, "PATCH", "/api/invoices/42", fmt.Sprintf(`{"total":"%d.00"}`, i)).Code)
	}
	for range 2 {
		d.open(laravel.Fixed, next)
		assert.Equal(t, [3]int64{3, 1, 0}, versions())
		_, err = d.Versions(t.Context(), 1, 0)
		assert.ErrorContains(t, err, "not kept any more: the oldest is 6")
		assert.Len(t, d.rows[laravel.Versions], 5, "three, and the last changes of two rows of the description")
	}

	// What is of no use any more goes at the next start.
	require.Equal(t, 200, d.ask(1, "PATCH", "/api/projects/2", `{"name":"Y","version":1}`).Code)
	d.open(laravel.Fixed, next)
	assert.Len(t, d.rows[laravel.Versions], 4)
	assert.Equal(t, [3]int64{3, 9, 0}, versions())
}
