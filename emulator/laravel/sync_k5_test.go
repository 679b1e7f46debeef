package laravel_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

const unauthenticated = `{"message":"Unauthenticated."}`

// exchange is one request and what is answered.
type exchange struct {
	name, user, method, path, body string
	status                         int
	answer                         string
}

func (d *syncRig) play(exchanges []exchange) {
	for _, x := range exchanges {
		d.t.Run(x.name, func(t *testing.T) {
			status, answer := d.ask(x.user, x.method, x.path, x.body)
			assert.Equal(t, x.status, status, answer)
			assert.JSONEq(t, x.answer, answer)
		})
	}
}

// invalid is Laravel's answer of a validator with one message.
func invalid(field, message string) string {
	return fmt.Sprintf(`{"message":%q,"errors":{%q:[%q]}}`, message, field, message)
}

const atNoon = `"2026-03-01T12:00:00.000000Z"`

func TestK5_Heartbeat(t *testing.T) {
	const path = "/api/sync/heartbeat"
	d := openSync(t)
	ok := `{"status":"online","last_seen_at":` + atNoon + `,"ttl":120}`
	d.play([]exchange{
		{"guest", "", "POST", path, `{}`, 401, unauthenticated},
		{"unknown user", "99", "POST", path, `{}`, 401, unauthenticated},
		{"empty", "7", "POST", path, ``, 200, ok},
		{"location", "7", "POST", path, `{"location":"Projects"}`, 200, ok},
		{"location of 255", "7", "POST", path, `{"location":"` + strings.Repeat("é", 255) + `"}`, 200, ok},
		{"null", "7", "POST", path, `{"location":null,"status":null}`, 200, ok},
		{"online", "7", "POST", path, `{"status":"online"}`, 200, ok},
		{"offline", "7", "POST", path, `{"status":"offline"}`, 200, strings.Replace(ok, "online", "offline", 1)},
		{"location no text", "7", "POST", path, `{"location":5}`, 422, invalid("location", "The location field must be a string.")},
		{"location a list", "7", "POST", path, `{"location":["Projects"]}`, 422, invalid("location", "The location field must be a string.")},
		{"location too long", "7", "POST", path, `{"location":"` + strings.Repeat("é", 256) + `"}`, 422,
			invalid("location", "The location field must not be greater than 255 characters.")},
		{"status unknown", "7", "POST", path, `{"status":"asleep"}`, 422, invalid("status", "The selected status is invalid.")},
		{"both", "7", "POST", path, `{"location":5,"status":"asleep"}`, 422,
			`{"message":"The location field must be a string. (and 1 more error)","errors":{"location":["The location field must be a string."],"status":["The selected status is invalid."]}}`},
		{"three", "7", "POST", path, `{"location":5,"status":7}`, 422,
			`{"message":"The location field must be a string. (and 2 more errors)","errors":{"location":["The location field must be a string."],"status":["The status field must be a string.","The selected status is invalid."]}}`},
		{"other method", "7", "GET", path, ``, 405, `{"message":"The GET method is not supported for route api/sync/heartbeat. Supported methods: POST."}`},
		{"broken JSON", "7", "POST", path, `{"location":`, 400, `{"message":"the body is not a JSON object: EOF"}`},
	})
	assert.Equal(t, []string{}, d.online(), "the last one that was taken said offline")
}

func TestK5_OnlineUsers(t *testing.T) {
	const path = "/api/sync/online-users"
	d := openSync(t)
	d.play([]exchange{
		{"guest", "", "GET", path, "", 401, unauthenticated},
		{"asking is a sign of life", "7", "GET", path, "", 200, `{"users":[{"id":7,"name":"Ben","location":"sync.online-users","status":"online","last_seen_at":` + atNoon + `}]}`},
	})
	d.clock.advance(time.Second)
	d.ask("1", "POST", "/api/sync/heartbeat", `{"location":"Projects"}`)
	d.play([]exchange{{"in the order of the cast", "7", "GET", path, "", 200, `{"users":[
	  {"id":1,"name":"Ada","location":"Projects","status":"online","last_seen_at":"2026-03-01T12:00:01.000000Z"},
	  {"id":7,"name":"Ben","location":"sync.online-users","status":"online","last_seen_at":"2026-03-01T12:00:01.000000Z"}]}`}})
}

func TestK5_Activities(t *testing.T) {
	const path = "/api/sync/activities"
	d := openSync(t)
	line := func(id int, client string) string {
		metadata := "[]"
		if client != "" {
			metadata = `{"client_id":` + client + `}`
		}
		return fmt.Sprintf(`{"id":%d,"type":"project.created","description":"created a new project","user":{"id":1,"name":"Ada"},"subject_type":"project","subject_id":%d,"metadata":%s,"created_at":"2026-03-01T12:0%d:00.000000Z"}`, id, id, metadata, id)
	}
	for n, metadata := range []laravel.Object{{{"client_id", int64(5)}}, {{"client_id", int64(6)}}, nil} {
		d.clock.advance(time.Minute)
		_, err := d.b.AddActivity(t.Context(), laravel.Activity{
			Type: "project.created", Description: "created a new project", User: &laravel.Person{ID: laravel.IntID(1), Name: "Ada"},
			SubjectType: "project", SubjectID: laravel.IntID(int64(n + 1)), Metadata: metadata,
		})
		require.NoError(t, err)
	}
	feed := func(lines ...string) string { return `{"activities":[` + strings.Join(lines, ",") + `]}` }
	forbidden := `{"message":"This action is unauthorized."}`
	d.play([]exchange{
		{"guest", "", "GET", path, "", 401, unauthenticated},
		{"admin, newest first", "1", "GET", path, "", 200, feed(line(3, ""), line(2, "6"), line(1, "5"))},
		{"client sees its own", "7", "GET", path, "", 200, feed(line(1, "5"))},
		{"limit", "1", "GET", path + "?limit=2", "", 200, feed(line(3, ""), line(2, "6"))},
		{"client_id", "1", "GET", path + "?client_id=6", "", 200, feed(line(2, "6"))},
		{"own client_id", "7", "GET", path + "?client_id=5", "", 200, feed(line(1, "5"))},
		{"foreign client_id", "7", "GET", path + "?client_id=6", "", 403, forbidden},
		{"project_id", "1", "GET", path + "?project_id=2", "", 200, feed(line(2, "6"))},
		{"own project_id", "7", "GET", path + "?project_id=1", "", 200, feed(line(1, "5"))},
		{"foreign project_id", "7", "GET", path + "?project_id=2", "", 403, forbidden},
		{"project that is not", "7", "GET", path + "?project_id=3", "", 200, feed()},
		{"since", "1", "GET", path + "?since=2026-03-01T12:02:00Z", "", 200, feed(line(3, ""))},
		{"since with a zone whose + is a blank", "1", "GET", path + "?since=2026-03-01T13:01:30+01:00", "", 200, feed(line(3, ""), line(2, "6"))},
		{"since a day", "1", "GET", path + "?since=2026-03-02", "", 200, feed()},
		{"empty is nothing", "1", "GET", path + "?since=&limit=&client_id=", "", 200, feed(line(3, ""), line(2, "6"), line(1, "5"))},
		{"limit no number", "1", "GET", path + "?limit=all", "", 422, invalid("limit", "The limit field must be an integer.")},
		{"limit zero", "1", "GET", path + "?limit=0", "", 422, invalid("limit", "The limit field must be at least 1.")},
		{"limit too large", "1", "GET", path + "?limit=501", "", 422, invalid("limit", "The limit field must not be greater than 500.")},
		{"since no date", "1", "GET", path + "?since=yesterdayish", "", 422, invalid("since", "The since field must be a valid date.")},
		{"client_id a list", "1", "GET", path + "?client_id[]=5", "", 422, invalid("client_id", "The client id field must be an integer.")},
	})
}

func TestK5_StartViewing(t *testing.T) {
	const path = "/api/sync/start-viewing"
	d := openSync(t)
	ben, ada := `{"id":7,"name":"Ben"}`, `{"id":1,"name":"Ada"}`
	d.play([]exchange{
		{"guest", "", "POST", path, `{"resource_type":"project","resource_id":1}`, 401, unauthenticated},
		{"first", "7", "POST", path, `{"resource_type":"project","resource_id":1}`, 200, `{"viewers":[` + ben + `]}`},
		{"again", "7", "POST", path, `{"resource_type":"project","resource_id":"1"}`, 200, `{"viewers":[` + ben + `]}`},
		{"second", "1", "POST", path, `{"resource_type":"project","resource_id":1}`, 200, `{"viewers":[` + ada + `,` + ben + `]}`},
		{"another row", "7", "POST", path, `{"resource_type":"page","resource_id":1000}`, 200, `{"viewers":[` + ben + `]}`},
		{"a user", "7", "POST", path, `{"resource_type":"user","resource_id":"1"}`, 200, `{"viewers":[` + ben + `]}`},
		{"no row", "7", "POST", path, `{"resource_type":"project","resource_id":77}`, 422, invalid("resource_id", "The selected resource id is invalid.")},
		{"no user", "7", "POST", path, `{"resource_type":"user","resource_id":77}`, 422, invalid("resource_id", "The selected resource id is invalid.")},
		{"no type", "7", "POST", path, `{"resource_type":"banana","resource_id":1}`, 422, invalid("resource_type", "The selected resource type is invalid.")},
		{"a text where ids are numbers", "7", "POST", path, `{"resource_type":"project","resource_id":"abc"}`, 422, invalid("resource_id", "The resource id field must be an integer.")},
		{"a text that is none of the ids", "7", "POST", path, `{"resource_type":"page","resource_id":"abc"}`, 422, invalid("resource_id", "The selected resource id is invalid.")},
		{"a UUID", "7", "POST", path, `{"resource_type":"page","resource_id":"0199-a/b"}`, 200, `{"viewers":[` + ben + `]}`},
		{"foreign", "8", "POST", path, `{"resource_type":"project","resource_id":1}`, 403, `{"message":"This action is unauthorized."}`},
		{"foreign by its class", "8", "POST", path, `{"resource_type":"App\\Models\\Project","resource_id":1}`, 403, `{"message":"This action is unauthorized."}`},
		{"nothing said", "7", "POST", path, `{}`, 422,
			`{"message":"The resource id field is required. (and 1 more error)","errors":{"resource_id":["The resource id field is required."],"resource_type":["The resource type field is required."]}}`},
		{"type empty", "7", "POST", path, `{"resource_type":" ","resource_id":1}`, 422, invalid("resource_type", "The resource type field is required.")},
		{"type no text", "7", "POST", path, `{"resource_type":1,"resource_id":1}`, 422, invalid("resource_type", "The resource type field must be a string.")},
		{"id no key", "7", "POST", path, `{"resource_type":"project","resource_id":{"a":1}}`, 422, invalid("resource_id", "The resource id field must be an integer.")},
		{"id a fraction", "7", "POST", path, `{"resource_type":"project","resource_id":1.5}`, 422, invalid("resource_id", "The resource id field must be an integer.")},
	})
}

func TestK5_StopViewing(t *testing.T) {
	const start, path = "/api/sync/start-viewing", "/api/sync/stop-viewing"
	d := openSync(t)
	d.ask("7", "POST", start, `{"resource_type":"project","resource_id":1}`)
	d.ask("1", "POST", start, `{"resource_type":"project","resource_id":1}`)
	d.play([]exchange{
		{"guest", "", "POST", path, `{"resource_type":"project","resource_id":1}`, 401, unauthenticated},
		{"of another row", "7", "POST", path, `{"resource_type":"project","resource_id":11}`, 200, `{"viewers":[]}`},
		{"one leaves", "7", "POST", path, `{"resource_type":"project","resource_id":1}`, 200, `{"viewers":[{"id":1,"name":"Ada"}]}`},
		{"who has left", "7", "POST", path, `{"resource_type":"project","resource_id":1}`, 200, `{"viewers":[{"id":1,"name":"Ada"}]}`},
		{"the last leaves", "1", "POST", path, `{"resource_type":"project","resource_id":1}`, 200, `{"viewers":[]}`},
		{"a row that is gone", "1", "POST", path, `{"resource_type":"project","resource_id":99}`, 200, `{"viewers":[]}`},
		{"no type", "7", "POST", path, `{"resource_type":"banana","resource_id":1}`, 422, invalid("resource_type", "The selected resource type is invalid.")},
		{"nothing said", "7", "POST", path, `{"resource_id":1}`, 422, invalid("resource_type", "The resource type field is required.")},
	})
	assert.Empty(t, d.rows.of(laravel.Viewers))
}

// TestK6_Versions is the endpoint that the guide does not have.
func TestK6_Versions(t *testing.T) {
	const path = "/api/sync/versions"
	d := openSync(t, func(a *laravel.Application) { a.History.Versions = 3 })
	for n := range 3 {
		version, err := d.b.Bump(t.Context(), "projects", laravel.IntID(int64(n+1)), "updated")
		require.NoError(t, err)
		assert.EqualValues(t, n+1, version)
	}
	row := func(n int) string {
		return fmt.Sprintf(`{"type":"projects","id":%d,"version":%[1]d,"action":"updated"}`, n)
	}
	d.play([]exchange{
		{"guest", "", "GET", path, "", 401, unauthenticated},
		{"all", "7", "GET", path, "", 200, `{"version":3,"changes":[` + row(1) + `,` + row(2) + `,` + row(3) + `],"more":false}`},
		{"since", "7", "GET", path + "?since=2", "", 200, `{"version":3,"changes":[` + row(3) + `],"more":false}`},
		{"nothing new", "7", "GET", path + "?since=3", "", 200, `{"version":3,"changes":[],"more":false}`},
		{"a page", "7", "GET", path + "?limit=2", "", 200, `{"version":2,"changes":[` + row(1) + `,` + row(2) + `],"more":true}`},
		{"of another time", "7", "GET", path + "?since=4", "", 410,
			`{"message":"Version 4 has never been: the newest is 3. Fetch everything again and go on from version 3.","restart":true,"since":4,"oldest":1,"version":3}`},
		{"no number", "7", "GET", path + "?since=x", "", 422, invalid("since", "The since field must be an integer.")},
		{"negative", "7", "GET", path + "?since=-1", "", 422, invalid("since", "The since field must be at least 0.")},
	})
	_, err := d.b.Bump(t.Context(), "files", laravel.TextID("a"), "deleted")
	require.NoError(t, err)
	for range 2 { // before and after a kill
		d.play([]exchange{
			{"too old", "7", "GET", path + "?since=0", "", 410,
				`{"message":"The changes since version 0 are not kept any more: the oldest is 2. Fetch everything again and go on from version 4.","restart":true,"since":0,"oldest":2,"version":4}`},
			{"just kept", "7", "GET", path + "?since=1", "", 200, `{"version":4,"changes":[` + row(2) + `,` + row(3) + `,{"type":"files","id":"a","version":4,"action":"deleted"}],"more":false}`},
		})
		assert.Len(t, d.rows.of(laravel.Versions), 3)
		d.kill()
	}
}
