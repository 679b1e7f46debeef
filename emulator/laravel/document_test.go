package laravel_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

// shared is the portal with two members of client 5: 7 and 9.
func shared(t *testing.T) *counter {
	app := portal()
	app.Users = append(app.Users, laravel.User{ID: laravel.IntID(9), Name: "Dan", Role: "client", Clients: idsOf(5)})
	return newCounter(t, laravel.Fixed, app)
}

const heldByBen = `{"document_id":9,"field":"body","user":{"id":7,"name":"Ben"},"locked_at":"2026-03-01T12:00:00.000000Z","expires_at":"2026-03-01T12:01:00.000000Z"}`

func TestLock(t *testing.T) {
	d := shared(t)
	w := d.ask(7, "POST", "/api/documents/9/locks", `{"field":"body"}`, "X-Socket-ID", "1.2")
	require.Equal(t, 201, w.Code, w.Body.String())
	assert.JSONEq(t, `{"lock":`+heldByBen+`}`, w.Body.String())
	assert.Equal(t, []string{"DocumentLocked presence-presence-document.9"}, d.events())
	assert.Equal(t, "1.2", d.publication("DocumentLocked").Except)
	assert.Equal(t, []string{"store locks", "send DocumentLocked"}, d.log[len(d.log)-2:], "stored first, then sent")

	w = d.ask(9, "POST", "/api/documents/9/locks", `{"field":"body"}`)
	require.Equal(t, 409, w.Code)
	assert.JSONEq(t, `{"message":"The body is being edited by Ben.","lock":`+heldByBen+`}`, w.Body.String())
	assert.Empty(t, d.events())
	assert.Equal(t, 201, d.ask(9, "POST", "/api/documents/9/locks", `{"field":"title"}`).Code, "another field is free")

	assert.JSONEq(t, `[`+heldByBen+`]`, locksOf(t, d, 9, "body"), "who comes late sees it")

	// Only the holder writes, and only the holder or an admin ends the lock.
	w = d.ask(9, "PATCH", "/api/documents/9", `{"body":"mine","version":0}`)
	require.Equal(t, 409, w.Code)
	answer := object(t, w.Body.String())
	assert.EqualValues(t, 0, answer["version"])
	assert.EqualValues(t, 7, answer["lock"].(map[string]any)["user"].(map[string]any)["id"])
	assert.Equal(t, "Brief", data(t, w)["title"])
	assert.Equal(t, 409, d.ask(9, "DELETE", "/api/documents/9/locks/body", "").Code)
	assert.Equal(t, 200, d.ask(7, "PATCH", "/api/documents/9", `{"body":"Ben's","version":0}`).Code)
	assert.Equal(t, 409, d.ask(9, "PATCH", "/api/documents/9", `{"title":"Late","version":0}`).Code, "a stale version")
	assert.Equal(t, 200, d.ask(9, "PATCH", "/api/documents/9", `{"title":"Good","version":1}`).Code)

	assert.Equal(t, 204, d.ask(7, "DELETE", "/api/documents/9/locks/body", "").Code)
	assert.JSONEq(t, `{"document_id":9,"field":"body","user":{"id":7,"name":"Ben"},"reason":"released"}`, d.publication("DocumentUnlocked").Data)
	assert.Equal(t, 204, d.ask(7, "DELETE", "/api/documents/9/locks/body", "").Code, "once more is no error")
	assert.Empty(t, d.events())
	assert.Equal(t, 204, d.ask(1, "DELETE", "/api/documents/9/locks/title", "").Code, "an admin ends anybody's")
	assert.Equal(t, 201, d.ask(9, "POST", "/api/documents/9/locks", `{"field":"body"}`).Code)
}

// locksOf are the document's locks as a user sees them, those of one field.
func locksOf(t *testing.T, d *counter, user int, field string) string {
	t.Helper()
	all := []string{}
	for _, l := range object(t, d.ask(user, "GET", "/api/documents/9", "").Body.String())["locks"].([]any) {
		lock := l.(map[string]any)
		if field == "" || lock["field"] == field {
			holder := lock["user"].(map[string]any)
			all = append(all, fmt.Sprintf(`{"document_id":%v,"field":%q,"user":{"id":%v,"name":%q},"locked_at":%q,"expires_at":%q}`,
				lock["document_id"], lock["field"], holder["id"], holder["name"], lock["locked_at"], lock["expires_at"]))
		}
	}
	return "[" + strings.Join(all, ",") + "]"
}

func TestLock_BadInput(t *testing.T) {
	rows := []struct {
		user         int
		method, path string
		body         string
		status       int
	}{
		{0, "POST", "/api/documents/9/locks", `{"field":"body"}`, 401},
		{8, "POST", "/api/documents/9/locks", `{"field":"body"}`, 403},
		{8, "GET", "/api/documents/9/state", ``, 403},
		{7, "POST", "/api/documents/99/locks", `{"field":"body"}`, 404},
		{7, "POST", "/api/documents/x/locks", `{"field":"body"}`, 404},
		{7, "POST", "/api/documents/9/locks", `{}`, 422},
		{7, "POST", "/api/documents/9/locks", `{"field":["body"]}`, 422},
		{7, "POST", "/api/documents/9/locks", `{"field":"colour"}`, 422},
		{7, "POST", "/api/documents/9/locks", `{"field":`, 400},
		{7, "PUT", "/api/documents/9/state", `{}`, 422},
		{7, "PUT", "/api/documents/9/state", `{"state":"` + strings.Repeat("x", 70_000) + `"}`, 422},
		{7, "PUT", "/api/documents/9/state", `{"state":1,"version":"x"}`, 422},
		{7, "PUT", "/api/documents/9/state", `{"state":"` + strings.Repeat("x", 2<<20) + `"}`, 413},
	}
	for _, row := range rows {
		d := shared(t)
		w := d.ask(row.user, row.method, row.path, row.body)
		assert.Equal(t, row.status, w.Code, "%v %s", row.method+row.path, w.Body.String())
		assert.Empty(t, d.events())
		assert.Empty(t, d.rows[laravel.Locks])
	}
	d := shared(t)
	assert.Equal(t, 500, d.ask(7, "POST", "/api/documents/9/locks", `{"field":"body"}`, "X-Socket-ID", "x").Code)
	assert.Empty(t, d.rows[laravel.Locks])
}

// Of many who want a field at once one gets it.
func TestLock_Race(t *testing.T) {
	app := portal()
	for i := range 200 {
		app.Users = append(app.Users, laravel.User{ID: laravel.IntID(int64(100 + i)), Name: "U", Role: "client", Clients: idsOf(5)})
	}
	d := newCounter(t, laravel.Fixed, app)
	var won, lost atomic.Int32
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			r := httptest.NewRequest("POST", "http://localhost/api/documents/9/locks", strings.NewReader(`{"field":"body"}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Echolab-User", fmt.Sprint(100+i))
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			switch w.Code {
			case 201:
				won.Add(1)
			case 409:
				lost.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, won.Load())
	assert.EqualValues(t, 199, lost.Load())
	assert.Len(t, d.rows[laravel.Locks], 1)
}

// Every way in which a lock ends, with what the others are told.
func TestLock_Ends(t *testing.T) {
	ways := map[string]struct {
		reason string
		end    func(*counter)
	}{
		"leaving the presence channel": {"left", func(d *counter) { d.Left(d.t.Context(), "presence-presence-document.9", "7") }},
		"by its other name":            {"left", func(d *counter) { d.Left(d.t.Context(), "presence-document.9", "7") }},
		"logging out":                  {"logout", func(d *counter) { require.Equal(d.t, 204, d.ask(7, "POST", "/logout", "").Code) }},
		"the document is deleted":      {"deleted", func(d *counter) { require.Equal(d.t, 204, d.ask(1, "DELETE", "/api/documents/9", "").Code) }},
		"reset": {"reset", func(d *counter) {
			_, err := d.Reset(d.t.Context())
			require.NoError(d.t, err)
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			d := shared(t)
			require.Equal(t, 201, d.ask(7, "POST", "/api/documents/9/locks", `{"field":"body"}`).Code)
			way.end(d)
			assert.Equal(t, way.reason, d.payload("DocumentUnlocked")["reason"])
			assert.Empty(t, d.rows[laravel.Locks])
		})
	}
	t.Run("somebody else left, or left something else", func(t *testing.T) {
		d := shared(t)
		require.Equal(t, 201, d.ask(7, "POST", "/api/documents/9/locks", `{"field":"body"}`).Code)
		for _, left := range [][2]string{{"presence-presence-document.9", "9"}, {"presence-presence-document.1", "7"}, {"presence-presence-project.9", "7"}, {"private-document.9", "7"}} {
			d.Left(t.Context(), left[0], left[1])
		}
		assert.Len(t, d.rows[laravel.Locks], 1)
	})
}

// A lock lasts its time to the moment, by the clock; locking again prolongs it.
func TestLock_Expires(t *testing.T) {
	d := shared(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	defer running.Wait()
	defer cancel()

	lock := func(user int) int { return d.ask(user, "POST", "/api/documents/9/locks", `{"field":"body"}`).Code }
	require.Equal(t, 201, lock(7))
	d.clock.move(50 * time.Second)
	require.Equal(t, 201, lock(7))
	d.clock.move(59 * time.Second)
	require.Equal(t, 409, lock(9))
	d.mu.Lock()
	d.sent = nil
	d.mu.Unlock()
	d.clock.move(time.Second)
	require.Eventually(t, func() bool { return len(d.events()) > 0 }, 5*time.Second, time.Millisecond, "the others are told by itself")
	assert.Equal(t, "expired", d.payload("DocumentUnlocked")["reason"])
	assert.Equal(t, 201, lock(9))
}

// Also where nobody looks at the time: an expired lock is none.
func TestLock_ExpiredIsNone(t *testing.T) {
	d := shared(t)
	require.Equal(t, 201, d.ask(7, "POST", "/api/documents/9/locks", `{"field":"body"}`).Code)
	d.clock.move(time.Minute)
	assert.Equal(t, "[]", locksOf(t, d, 9, ""))
	assert.Equal(t, 200, d.ask(9, "PATCH", "/api/documents/9", `{"body":"x"}`).Code)
	require.Equal(t, 201, d.ask(9, "POST", "/api/documents/9/locks", `{"field":"body"}`).Code)
	assert.Equal(t, []string{"DocumentUnlocked presence-presence-document.9", "DocumentLocked presence-presence-document.9"}, d.events())
}

// Locks and states outlive a restart; the locks by their time.
func TestLock_Restart(t *testing.T) {
	d := shared(t)
	require.Equal(t, 201, d.ask(7, "POST", "/api/documents/9/locks", `{"field":"body"}`).Code)
	require.Equal(t, 200, d.ask(7, "PUT", "/api/documents/9/state", `{"state":{"page":2}}`).Code)
	app := d.Application()
	d.open(laravel.Fixed, app)
	assert.JSONEq(t, `[`+heldByBen+`]`, locksOf(t, d, 9, ""))
	assert.JSONEq(t, `{"state":{"page":2},"version":1}`, d.ask(9, "GET", "/api/documents/9/state", "").Body.String())
}

func TestState(t *testing.T) {
	d := shared(t)
	assert.JSONEq(t, `{"state":null,"version":0}`, d.ask(9, "GET", "/api/documents/9/state", "").Body.String())
	w := d.ask(7, "PUT", "/api/documents/9/state", `{"state":{"page":2,"open":["a"]},"version":0}`, "X-Socket-ID", "1.2")
	require.Equal(t, 200, w.Code, w.Body.String())
	assert.JSONEq(t, `{"state":{"page":2,"open":["a"]},"version":1}`, w.Body.String())
	assert.JSONEq(t, `{"document_id":9,"state":{"page":2,"open":["a"]},"version":1,"user":{"id":7,"name":"Ben"}}`, d.publication("DocumentStateChanged").Data)
	assert.Equal(t, "1.2", d.publication("DocumentStateChanged").Except)

	w = d.ask(9, "PUT", "/api/documents/9/state", `{"state":{"page":3},"version":0}`)
	require.Equal(t, 409, w.Code)
	assert.JSONEq(t, `{"message":"The state has been changed meanwhile.","version":1,"state":{"page":2,"open":["a"]}}`, w.Body.String())
	assert.Equal(t, 200, d.ask(9, "PUT", "/api/documents/9/state", `{"state":{"page":3},"version":1}`).Code)
	assert.JSONEq(t, `{"state":{"page":3},"version":2}`, d.ask(7, "GET", "/api/documents/9/state", "").Body.String())
	assert.Equal(t, 422, d.ask(9, "PUT", "/api/documents/9/state", `{}`).Code)
	assert.Equal(t, 200, d.ask(9, "PUT", "/api/documents/9/state", `{"state":null}`).Code, "null clears it")
	assert.JSONEq(t, `{"state":null,"version":3}`, d.ask(7, "GET", "/api/documents/9/state", "").Body.String())
	assert.Equal(t, 200, d.ask(9, "PUT", "/api/documents/9/state", `{"state":{"page":3}}`).Code)
	assert.JSONEq(t, `{"page":3}`, fmt.Sprintf(`{"page":%v}`, object(t, d.ask(7, "GET", "/api/documents/9", "").Body.String())["state"].(map[string]any)["state"].(map[string]any)["page"]))
}

// What is too much for an event is named, to be fetched.
func TestDocument_LargeChange(t *testing.T) {
	d := shared(t)
	large := strings.Repeat("x", 15_000)
	require.Equal(t, 200, d.ask(7, "PATCH", "/api/documents/9", `{"title":"New","body":"`+large+`"}`).Code)
	payload := d.payload("DocumentUpdated")
	assert.Equal(t, map[string]any{"title": "New"}, payload["changes"])
	assert.Equal(t, []any{"body"}, payload["omitted"])
	require.Equal(t, 200, d.ask(7, "PUT", "/api/documents/9/state", `{"state":"`+large+`"}`).Code)
	payload = d.payload("DocumentStateChanged")
	assert.Nil(t, payload["state"])
	assert.Equal(t, []any{"state"}, payload["omitted"])
}
