package laravel

import (
	"errors"
	"net/http"
	"time"
)

// heartbeatRoute is the one route that TrackPresence leaves alone: it says itself where the user is.
const heartbeatRoute = "sync.heartbeat"

// syncRoutes are the sync API (protocol K.5). versions is none of the guide's: it is marked with extensionHeader.
var syncRoutes = []route{
	{pattern: "POST /api/sync/heartbeat", name: heartbeatRoute, serve: (*Backend).serveHeartbeat},
	{pattern: "GET /api/sync/online-users", name: "sync.online-users", serve: (*Backend).serveOnlineUsers},
	{pattern: "GET /api/sync/activities", name: "sync.activities", serve: (*Backend).serveActivities},
	{pattern: "POST /api/sync/start-viewing", name: "sync.start-viewing", serve: (*Backend).serveStartViewing},
	{pattern: "POST /api/sync/stop-viewing", name: "sync.stop-viewing", serve: (*Backend).serveStopViewing},
	{pattern: "GET /api/sync/versions", name: "sync.versions", serve: (*Backend).serveVersions},
}

// extensionHeader marks answers that a Laravel application of the guide does not have.
const extensionHeader = "X-Echolab-Extension"

// Bounds of the sync API's fields.
const (
	maxName     = 255 // characters of a location or a resource's type, as a string column has
	maxFeed     = 500 // activities in one answer
	maxVersions = 1000
)

// inputOf reads the request's input; nil when the answer has been given.
func (c *call) inputOf() *fields {
	input, err := c.input()
	if err != nil {
		c.fail(http.StatusBadRequest, err.Error())
		return nil
	}
	return &fields{input: input}
}

// refused answers 422 when a field was wrong.
func (f *fields) refused(c *call) bool {
	if f.wrong != nil {
		c.invalid(f.wrong)
	}
	return f.wrong != nil
}

func (b *Backend) serveHeartbeat(c *call) {
	f := c.inputOf()
	if f == nil {
		return
	}
	location := f.text("location", optional, maxName)
	status := f.text("status", optional, maxName, online, offline)
	if f.refused(c) {
		return
	}
	now, err := b.heard(c.r.Context(), c.user, location, status == nil || *status == online)
	if err != nil {
		b.broken(c, err)
		return
	}
	c.json(http.StatusOK, Object{{"status", now.Status}, {"last_seen_at", now.LastSeen.String()},
		{"ttl", int64(c.app.Presence.ttl() / time.Second)}})
}

func (b *Backend) serveOnlineUsers(c *call) {
	users, err := b.Online(c.r.Context())
	if err != nil {
		b.broken(c, err)
		return
	}
	c.json(http.StatusOK, Object{{"users", listOf(users, OnlineUser.Object)}})
}

func (b *Backend) serveActivities(c *call) {
	f := c.inputOf()
	if f == nil {
		return
	}
	limit := f.integer("limit", DefaultFeed, 1, maxFeed)
	q := ActivityQuery{
		Limit:   int(limit),
		Client:  f.id("client_id", optional),
		Project: f.id("project_id", optional),
		Since:   f.moment("since"),
		For:     c.user,
	}
	if f.refused(c) {
		return
	}
	if !q.Client.IsZero() && !c.user.concerned(q.Client) || !q.Project.IsZero() && !b.mayOpen(c.user, "project", q.Project) {
		c.fail(http.StatusForbidden, "This action is unauthorized.")
		return
	}
	c.json(http.StatusOK, Object{{"activities", listOf(b.Activities(c.r.Context(), q), Activity.Object)}})
}

func (b *Backend) serveStartViewing(c *call) { b.serveViewing(c, true) }

func (b *Backend) serveStopViewing(c *call) { b.serveViewing(c, false) }

func (b *Backend) serveViewing(c *call, begin bool) {
	f := c.inputOf()
	if f == nil {
		return
	}
	typ := f.text("resource_type", required, maxName)
	id := f.id("resource_id", required)
	if f.wrong == nil {
		id = b.resource(c.app, f, *typ, id, begin)
	}
	if f.refused(c) {
		return
	}
	if !b.mayOpen(c.user, *typ, id) {
		c.fail(http.StatusForbidden, "This action is unauthorized.")
		return
	}
	err := b.view(c.r.Context(), c.user, *typ, id, begin)
	var viewers []Viewer
	if err == nil {
		viewers, err = b.Viewers(c.r.Context(), *typ, id)
	}
	if err != nil {
		b.broken(c, err)
		return
	}
	c.json(http.StatusOK, Object{{"viewers", listOf(viewers, func(v Viewer) Object { return Object{{"id", v.ID}, {"name", v.Name}} })}})
}

func (b *Backend) serveVersions(c *call) {
	c.w.Header().Set(extensionHeader, "data-versions")
	f := c.inputOf()
	if f == nil {
		return
	}
	since := f.integer("since", 0, 0, 1<<62)
	limit := f.integer("limit", maxVersions, 1, maxVersions)
	if f.refused(c) {
		return
	}
	page, err := b.Versions(c.r.Context(), since, int(limit))
	var old *TooOld
	if errors.As(err, &old) {
		c.json(http.StatusGone, Object{{"message", old.Error()}, {"restart", true}, {"since", old.Since}, {"oldest", old.Oldest}, {"version", old.Version}})
		return
	}
	changes := listOf(page.Changes, func(v DataVersion) Object {
		return Object{{"type", v.Type}, {"id", v.ID}, {"version", v.Version}, {"action", v.Action}}
	})
	c.json(http.StatusOK, Object{{"version", page.Version}, {"changes", changes}, {"more", page.More}})
}

// resource is the id of the row that a resource type and id name, as the row has it: 7 finds "7". What they do not name is
// refused as by Rule::in and exists (protocol K.5 gives no bodies; a row that is not there is 422 like any other field that is
// wrong). A row that is gone can still be left: begin false.
func (b *Backend) resource(app *Application, f *fields, named string, id ID, begin bool) ID {
	typ, known := b.resourceType(named)
	if !known {
		f.refuse("resource_type", "The selected :attribute is invalid.")
		return id
	}
	if typ == "users" {
		if u := app.userByText(id.String()); u != nil {
			return u.ID
		}
	} else if row, found := b.entityAt(typ, id.String()); found {
		return row.ID
	}
	_, integer := id.Value().(int64)
	switch {
	case !integer && !b.rows.named(typ):
		f.refuse("resource_id", "The :attribute field must be an integer.")
	case begin:
		f.refuse("resource_id", "The selected :attribute is invalid.")
	}
	return id
}

// resourceType is the type of the application, or users, that a front end writes as project, projects or
// App\Models\Project.
func (b *Backend) resourceType(named string) (typ string, known bool) {
	for _, typ := range append(b.rows.types(), "users") {
		if named == typ || named == singular(typ) || named == model(typ) {
			return typ, true
		}
	}
	return "", false
}

// mayOpen refuses a row that the user may not read, whether its type is written project, projects or App\Models\Project.
// What is not a row of the application belongs to nobody, so there is nothing to refuse.
func (b *Backend) mayOpen(user *User, named string, id ID) bool {
	typ, known := b.resourceType(named)
	if !known {
		return true
	}
	row, found := b.entity(typ, id)
	return !found || b.sees(user, row)
}

// broken answers for what the store would not do.
func (b *Backend) broken(c *call, err error) {
	if c.r.Context().Err() == nil {
		b.log.Error("the application's rows cannot be kept", "path", c.r.URL.Path, "error", err)
	}
	c.fail(http.StatusInternalServerError, "Server Error")
}

// listOf is a list as json answers have it, never null.
func listOf[T any](all []T, object func(T) Object) []any {
	out := make([]any, len(all))
	for i, v := range all {
		out[i] = object(v)
	}
	return out
}
