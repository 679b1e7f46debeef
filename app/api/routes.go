package api

import (
	"net/http"
	"slices"

	"echolab/app"
)

var ofApp = Param{Name: "app", Help: "of this application alone, by its id"}

// FilterParams are the parameters by which entries are picked, apart from some.
func FilterParams(without ...string) []Param {
	var all []Param
	for _, f := range app.Filters() {
		if !slices.Contains(without, f.Name) {
			all = append(all, Param{Name: f.Name, Type: Filtering, Help: f.Help})
		}
	}
	return all
}

// Routes is the whole API, in the order of its document.
func Routes() []Route {
	all := make([]Route, len(routes))
	for i, rt := range routes {
		all[i] = rt.Route
	}
	return all
}

// routes is every route. What they answer and read is declared in types.go; build/tsgen writes openapi.json from both.
var routes = []route{
	{Route{http.MethodGet, "/api/status", "the server, its applications and its store", nil, nil, Status{}}, true, (*Handler).status},
	{Route{http.MethodGet, "/api/feed", "what happened after a moment; waits for it", []Param{
		{Name: "after", Type: Number, Help: "entries after this one; left out: the newest, without waiting"},
		{Name: "wait", Type: Duration, Help: "how long to wait for something to happen, at most 15s"},
		{Name: "limit", Type: Count, Help: "at most so many, up to 500"},
	}, nil, Feed{}}, true, (*Handler).feed},

	{Route{http.MethodGet, "/api/events", "a page of what the store has, the newest that fit, oldest first; go on from next while there is more", append(FilterParams(),
		Param{Name: "order", Values: []string{"newest", "oldest"}, Help: "which ones, when more fit than limit: newest, or oldest"},
		Param{Name: "limit", Type: Count, Help: "at most so many, up to 1000; left out: 200"},
	), nil, Entries{}}, true, (*Handler).events},
	{Route{http.MethodDelete, "/api/events", "delete what the store has; connections and channels stay as they are", []Param{ofApp}, nil, Cleared{}},
		false, (*Handler).clearEvents},
	{Route{http.MethodGet, "/api/events/wait", "the first event that fits after a moment; waits for it. Memory is looked through first, so that what retention has deleted from the store may be found still", append(FilterParams("after", "before"),
		Param{Name: "after", Type: Number, Help: "entries after this one, those included that happened already; left out: from now on"},
		Param{Name: "timeout", Type: Duration, Help: "how long to wait, at most 5m; left out: 5s. Then the answer's entry is null"},
	), nil, Waited{}}, false, (*Handler).wait},
	{Route{http.MethodGet, "/api/events/{seq}", "one entry with its whole payload, from memory while it is there, so that what retention has deleted from the store may be found still", nil, nil, Entry{}}, true, (*Handler).event},
	{Route{http.MethodGet, "/api/events/{seq}/diagnosis", "who got an event, by its number or id, and why somebody's listener may not have run", nil, nil, Diagnosis{}}, true, (*Handler).diagnosis},
	{Route{http.MethodPost, "/api/publish", "publish an event as the application would", nil, Publication{}, Published{}}, false, (*Handler).publish},

	{Route{http.MethodGet, "/api/backend/catalogue", "the events of the emulated application, each with a sample", nil, nil, Catalogue{}},
		false, (*Handler).catalogue},
	{Route{http.MethodPost, "/api/backend/emit", "send an event of the catalogue as the emulated application does", nil, Emit{}, Emitted{}},
		false, (*Handler).emit},

	{Route{http.MethodGet, "/api/connections", "the open sockets", []Param{
		ofApp,
		{Name: "channel", Help: "on this channel"},
		{Name: "user", Help: "of this user"},
		{Name: "limit", Type: Count, Help: "at most so many; left out: 1000"},
	}, nil, Connections{}}, false, (*Handler).connections},
	{Route{http.MethodDelete, "/api/connections/{socket}", "disconnect a socket", []Param{
		{Name: "reconnect", Type: Truth, Help: "whether pusher-js comes back: true closes with 4299, false with 4099; left out: true"},
		{Name: "code", Type: Count, Help: "a close code of your own instead; 1006 cuts the connection without one"},
		{Name: "reason", Help: "told to the client, and kept"},
	}, nil, Disconnected{}}, false, (*Handler).disconnect},
	{Route{http.MethodGet, "/api/channels", "the channels and their members", []Param{ofApp}, nil, Channels{}}, false, (*Handler).channels},
	{Route{http.MethodGet, "/api/channels/{name}", "one channel, its members and its sockets", []Param{ofApp}, nil, Channel{}},
		false, (*Handler).channel},
	{Route{http.MethodGet, "/api/state", "who is connected, subscribed and present, now or at a moment", []Param{
		ofApp,
		{Name: "at", Type: Number, Help: "as it was right after this entry; left out: now"},
	}, nil, State{}}, false, (*Handler).state},

	{Route{http.MethodGet, "/api/backend", "the emulated Laravel application: how it is run, and what it consists of", nil, nil, BackendStatus{}},
		false, (*Handler).backendStatus},
	{Route{http.MethodGet, "/api/backend/online", "who is online in the emulated application, by heartbeat", nil, nil, Online{}}, false, (*Handler).online},
	{Route{http.MethodGet, "/api/backend/activities", "its activity feed, newest first", []Param{
		{Name: "limit", Type: Count, Help: "at most so many; left out: 50"},
		{Name: "client", Help: "the feed of this client, by its id"},
		{Name: "project", Help: "the feed of this project, by its id"},
		{Name: "since", Help: "made later than this, such as 2026-01-05T09:30:00Z or 15m for the last 15 minutes"},
	}, nil, Activities{}}, false, (*Handler).activities},
	{Route{http.MethodPost, "/api/backend/activities", "add a line to its activity feed", nil, NewActivity{}, Activity{}}, false, (*Handler).addActivity},
	{Route{http.MethodGet, "/api/backend/versions", "what changed in it after a data version, oldest first", []Param{
		{Name: "since", Type: Number, Help: "changes after this version; left out: all that are kept"},
		{Name: "limit", Type: Count, Help: "at most so many; left out: 1000"},
	}, nil, DataVersions{}}, false, (*Handler).versions},
	{Route{http.MethodGet, "/api/backend/viewers", "who looks at what in it", []Param{
		{Name: "type", Help: "at rows of this type, as the front end names it: project"},
		{Name: "id", Help: "at this one of them"},
	}, nil, Viewers{}}, false, (*Handler).viewers},

	{Route{http.MethodGet, "/api/backend/entities", "the types of rows of the emulated application", nil, nil, BackendTypes{}}, false, (*Handler).entityTypes},
	{Route{http.MethodGet, "/api/backend/entities/{type}", "the rows of a type, as they are now", nil, nil, BackendEntities{}}, false, (*Handler).entities},
	{Route{http.MethodPost, "/api/backend/entities/{type}", "make a row, with the events, the activity and the version that follow", nil, BackendChange{}, BackendEntity{}},
		false, (*Handler).changeEntity},
	{Route{http.MethodGet, "/api/backend/entities/{type}/{id}", "one row", nil, nil, BackendEntity{}}, false, (*Handler).entity},
	{Route{http.MethodPatch, "/api/backend/entities/{type}/{id}", "change fields of a row, with all that follows", nil, BackendChange{}, BackendEntity{}},
		false, (*Handler).changeEntity},
	{Route{http.MethodDelete, "/api/backend/entities/{type}/{id}", "delete a row, with all that follows; the answer is the last of it", []Param{
		{Name: "as", Help: "the user who does it, by id, with what he may; left out: the console"},
		{Name: "socket_id", Help: "a socket that does not get the events"},
	}, nil, BackendEntity{}}, false, (*Handler).deleteEntity},
	{Route{http.MethodGet, "/api/backend/notifications", "what users were told, newest first", []Param{{Name: "user", Help: "this user alone, by id"}}, nil, BackendNotifications{}},
		false, (*Handler).notifications},
	{Route{http.MethodPost, "/api/backend/notify", "notify users: the row is stored, then it is broadcast", nil, BackendNotice{}, BackendNotifications{}},
		false, (*Handler).notify},
	{Route{http.MethodPost, "/api/backend/workflows", "send the notification of a workflow in either of the guide's formats", nil, BackendWorkflow{}, BackendNotifications{}},
		false, (*Handler).sendWorkflow},
	{Route{http.MethodPost, "/api/backend/workflows/{name}/run", "send the notification of a described workflow", nil, BackendRun{}, BackendNotifications{}},
		false, (*Handler).runWorkflow},
	{Route{http.MethodPost, "/api/backend/reset", "give the application back what its description says: rows, notifications, locks, shared states", nil, nil, BackendReset{}},
		false, (*Handler).resetBackend},

	{Route{http.MethodPost, "/api/apps", "make an application of one's own, for a test worker", nil, NewApp{}, MadeApp{}}, false, (*Handler).makeApp},
	{Route{http.MethodDelete, "/api/apps/{id}", "remove an application that was made, and disconnect its sockets", nil, nil, RemovedApp{}},
		false, (*Handler).removeApp},
	{Route{http.MethodGet, "/api/apps/{id}/secret", "an application's secret, for the page's own button", []Param{
		{Name: secretHeader, Header: true, Help: "1; a page of another site cannot send it"},
	}, nil, Secret{}}, true, (*Handler).secret},
	{Route{http.MethodGet, "/api/openapi.json", "this description (OpenAPI 3.1)", nil, nil, nil}, true, (*Handler).document},
}
