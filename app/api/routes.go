package api

import (
	"net/http"
	"slices"

	"echolab/emulator/journal"
)

var (
	ofApp    = Param{Name: "app", Help: "of this application alone, by its id"}
	ofKind   = Param{Name: "kind", Many: true, Values: kinds(), Help: "what the entry tells"}
	ofSource = Param{Name: "source", Many: true, Values: sources(), Help: "the door that it came through"}
	ofSocket = Param{Name: "socket", Help: "caused by this socket"}
	// filter is what entries are picked by.
	filter = []Param{
		ofApp, ofKind, ofSource,
		{Name: "channel", Help: "on a channel of this name; * stands for any run of characters"},
		{Name: "event", Help: "an event of this name; * stands for any run of characters"},
		{Name: "user", Help: "by this user, or joining and leaving as it"},
		ofSocket,
		{Name: "delivered", Type: Truth, Help: "events that reached somebody, or with false nobody"},
		{Name: "since", Type: Moment, Help: "at this time or later"},
		{Name: "until", Type: Moment, Help: "before this time"},
		{Name: "text", Help: "found in payload or note; capitals do not count"},
	}
)

func kinds() (names []string) {
	for _, row := range journal.Kinds {
		names = append(names, row.Name)
	}
	return names
}

func sources() (names []string) {
	for s := journal.Server; s <= journal.Replay; s++ {
		names = append(names, s.String())
	}
	return names
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

	{Route{http.MethodGet, "/api/events", "a page of what the store has, the newest that fit, oldest first", append(slices.Clone(filter),
		Param{Name: "before", Type: Number, Help: "entries before this one: the first of the page before"},
		Param{Name: "after", Type: Number, Help: "entries after this one"},
		Param{Name: "order", Values: []string{"newest", "oldest"}, Help: "which ones, when more fit than limit: newest, or oldest"},
		Param{Name: "limit", Type: Count, Help: "at most so many, up to 1000; left out: 200"},
	), nil, Entries{}}, true, (*Handler).events},
	{Route{http.MethodDelete, "/api/events", "delete what the store has; connections and channels stay as they are", []Param{ofApp}, nil, Cleared{}},
		false, (*Handler).clearEvents},
	{Route{http.MethodGet, "/api/events/wait", "the first event that fits after a moment; waits for it", append(slices.Clone(filter),
		Param{Name: "after", Type: Number, Help: "entries after this one, those included that happened already; left out: from now on"},
		Param{Name: "timeout", Type: Duration, Help: "how long to wait, at most 5m; left out: 5s. Then the answer's entry is null"},
	), nil, Waited{}}, false, (*Handler).wait},
	{Route{http.MethodGet, "/api/events/{seq}", "one entry with its whole payload", nil, nil, Entry{}}, true, (*Handler).event},
	{Route{http.MethodPost, "/api/publish", "publish an event as the application would", nil, Publication{}, Published{}}, false, (*Handler).publish},

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

	{Route{http.MethodPost, "/api/apps", "make an application of one's own, for a test worker", nil, NewApp{}, MadeApp{}}, false, (*Handler).makeApp},
	{Route{http.MethodDelete, "/api/apps/{id}", "remove an application that was made, and disconnect its sockets", nil, nil, RemovedApp{}},
		false, (*Handler).removeApp},
	{Route{http.MethodGet, "/api/apps/{id}/secret", "an application's secret, for the page's own button", []Param{
		{Name: secretHeader, Header: true, Help: "1; a page of another site cannot send it"},
	}, nil, Secret{}}, true, (*Handler).secret},
	{Route{http.MethodGet, "/api/openapi.json", "this description (OpenAPI 3.1)", nil, nil, nil}, true, (*Handler).document},
}
