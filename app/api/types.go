package api

import (
	"encoding/json"
	"time"
)

// Status is the state of the server at one moment: GET /api/status.
type Status struct {
	// Version of Echolab, such as "0.1.0".
	Version string `json:"version"`
	// StartedAt is when the server came up.
	StartedAt time.Time `json:"started_at"`
	// Profile is the protocol profile: reverb or pusher.
	Profile string `json:"profile"`
	// Server is the emulator's listener.
	Server ServerStatus `json:"server"`
	// UI is the address of the page in a browser; empty when there is none.
	UI string `json:"ui"`
	// Apps are the applications served, in the order of the configuration.
	Apps []AppStatus `json:"apps"`
	// Store is where the journal is kept.
	Store StoreStatus `json:"store"`
	// Warnings are sentences that a person should read.
	Warnings []string `json:"warnings"`
	// LastSeq is the number of the newest entry: where to wait from for what happens next.
	LastSeq uint64 `json:"last_seq"`
}

// ServerStatus is the listener that clients and the application talk to.
type ServerStatus struct {
	// Host is the address listened on, such as 127.0.0.1 or 0.0.0.0.
	Host string `json:"host"`
	Port int    `json:"port"`
	// Path is the prefix before /app and /apps; empty or starting with a slash.
	Path string `json:"path"`
	// Hostname is the name under which clients are to find it (--hostname, REVERB_HOST); empty when none was given, or
	// one that the certificate is not for.
	Hostname string `json:"hostname"`
	// Scheme is http, or https where TLS is configured.
	Scheme string `json:"scheme"`
	// URL is where a client on this machine reaches it, path included, such as http://127.0.0.1:8080. With TLS its host is
	// one that the certificate is for.
	URL string `json:"url"`
	// ReachableFromNetwork tells that other machines can connect.
	ReachableFromNetwork bool `json:"reachable_from_network"`
}

// AppStatus is one application and who is on it now.
type AppStatus struct {
	ID  string `json:"id"`
	Key string `json:"key"`
	// Keys are further keys that name it as well.
	Keys []string `json:"keys,omitempty"`
	// Connections counts open sockets.
	Connections int `json:"connections"`
	// Channels counts channels with a subscriber.
	Channels int `json:"channels"`
	// Subscribed counts sockets that are on at least one channel.
	Subscribed int `json:"subscribed"`
	// Made tells that it was made while Echolab runs, and can be removed.
	Made bool `json:"made,omitempty"`
}

// StoreState says how the store is.
type StoreState string

const (
	StoreOK      StoreState = "ok"      // entries are being kept
	StoreMemory  StoreState = "memory"  // entries are kept until the server ends, as was asked for with :memory:
	StoreFailing StoreState = "failing" // entries cannot be written; Error says why and what to do
)

// StoreStatus is where entries are kept and whether that works.
type StoreStatus struct {
	State StoreState `json:"state"`
	// Path of the database file, or :memory:.
	Path string `json:"path"`
	// Error is the reason in words while the state is failing.
	Error string `json:"error"`
}

// Entry is one thing that happened, as the journal has it.
type Entry struct {
	// Seq orders entries: 1, 2, 3 …
	Seq uint64 `json:"seq"`
	// ID is the same entry's identity in the store, a UUID ordered by time.
	ID string `json:"id"`
	// At is RFC 3339 in UTC with six decimals.
	At      string `json:"at"`
	Kind    string `json:"kind" ts_type:"Kind"`
	Source  string `json:"source" ts_type:"Source"`
	App     string `json:"app"`
	Socket  string `json:"socket"`
	Channel string `json:"channel"`
	Event   string `json:"event"`
	User    string `json:"user"`
	// Data is the payload as text, usually JSON. In a feed it ends after 8 kB, see Truncated.
	Data string `json:"data"`
	// Count is recipients, subscribers or members, depending on the kind.
	Count int `json:"count"`
	// Bytes is the size of the whole payload on the wire.
	Bytes int `json:"bytes"`
	// Delivered tells that at least one subscriber got the event.
	Delivered bool `json:"delivered"`
	// Note is the reason in words.
	Note string `json:"note"`
	// Truncated tells that Data is only the beginning: GET /api/events/{seq} has all of it.
	Truncated bool `json:"truncated,omitempty"`
}

// Feed is what happened after a moment: GET /api/feed?after=SEQ&wait=15s&limit=500.
type Feed struct {
	Entries []Entry `json:"entries"`
	// Next is the value of after for the next request.
	Next uint64 `json:"next"`
	// Lost counts entries between after and the first of Entries that are no longer in the journal's ring.
	Lost uint64 `json:"lost"`
	// Epoch names this run of the server. Another value than before: sequence numbers may have started again.
	Epoch string `json:"epoch"`
	// Now is the server's clock, so that a page on another machine draws the same seconds.
	Now time.Time `json:"now"`
}

// Entries is a page of what the store has, oldest first: GET /api/events.
type Entries struct {
	Entries []Entry `json:"entries"`
	// More tells that others may fit too: before the first entry, or after the last one where order=oldest was asked for. A
	// search that takes long ends early, so a page may hold less than limit, even nothing, and More be true all the same.
	More bool `json:"more"`
	// Next is the value of before for the following page, or of after where order=oldest was asked for.
	Next uint64 `json:"next"`
}

// Waited is what came of waiting: GET /api/events/wait. It has the same shape whether something came or not.
type Waited struct {
	// Entry is the first one that fits; null when none came in time.
	Entry *Entry `json:"entry"`
	// Next is the value of after with which the next one is waited for.
	Next uint64 `json:"next"`
	// Note says what came instead, when none came in time; otherwise it is empty.
	Note string `json:"note"`
}

// Diagnosis is who got an event, and why somebody's listener may not have run: GET /api/events/{seq}/diagnosis.
type Diagnosis struct {
	Seq uint64 `json:"seq"`
	// ID is the event's identity in the store.
	ID      string `json:"id"`
	App     string `json:"app"`
	Channel string `json:"channel"`
	Event   string `json:"event"`
	// Verdict is a sentence: how many got it, or why nobody did.
	Verdict string `json:"verdict"`
	// Recipients counts the sockets that got it.
	Recipients int `json:"recipients"`
	// Got are those sockets, a hundred at most, in the order of subscribing; empty when that is not known exactly.
	Got []Subscriber `json:"got"`
	// Causes are why a listener may not have run, what is certain first.
	Causes []Cause `json:"causes"`
	// Listen is the line of laravel-echo that hears this event on this channel, with Echo's usual namespace App.Events.
	Listen string `json:"listen"`
}

// Cause is one reason why a listener did not run.
type Cause struct {
	// Name is stable, such as nobody_subscribed, near_name, late or event_name.
	Name string `json:"name"`
	// Certain: the server knows that it was so. Otherwise it depends on the front end, and What says if.
	Certain bool `json:"certain"`
	// What happened, in words.
	What string `json:"what"`
	// Do is what to try; empty for nothing.
	Do string `json:"do"`
	// Entry is the number of the entry that shows it; 0 for none.
	Entry uint64 `json:"entry"`
}

// Cleared tells what was deleted: DELETE /api/events.
type Cleared struct {
	// Entries counts the entries that were deleted.
	Entries int64 `json:"entries"`
}

// NewApp describes an application to make; everything may be left out. The names and rules are those of echolab.yaml.
type NewApp struct {
	// ID, Key and Secret are random when they are left out. ID and Key have 1 to 100 letters, digits, '.', '_' and '-', and
	// do not begin with a dot.
	ID     string `json:"id,omitempty"`
	Key    string `json:"key,omitempty"`
	Secret string `json:"secret,omitempty"`
	// Keys are further keys that clients may connect with, for a front end that was built with another one.
	Keys []string `json:"keys,omitempty"`
	// AllowedOrigins are host names that pages may connect from, with * for any run of characters.
	AllowedOrigins []string `json:"allowed_origins,omitempty"`
	// PingInterval is the silence after which the server pings, such as 60s.
	PingInterval string `json:"ping_interval,omitempty"`
	// ActivityTimeout is the silence after which a client pings, in whole seconds, such as 30s.
	ActivityTimeout string `json:"activity_timeout,omitempty"`
	// MaxConnections limits subscribed sockets.
	MaxConnections int `json:"max_connections,omitempty"`
	// MaxMessageSize is the bytes of one message from a client.
	MaxMessageSize int `json:"max_message_size,omitempty"`
	// AcceptClientEventsFrom says who may whisper: members, all or none.
	AcceptClientEventsFrom string        `json:"accept_client_events_from,omitempty"`
	RateLimiting           *RateLimiting `json:"rate_limiting,omitempty"`
	// SubscriptionCount sends subscription counts (profile pusher).
	SubscriptionCount bool      `json:"subscription_count,omitempty"`
	Webhooks          []Webhook `json:"webhooks,omitempty"`
}

// RateLimiting counts the messages of each socket.
type RateLimiting struct {
	Enabled bool `json:"enabled,omitempty"`
	// MaxAttempts is the messages let through in a window.
	MaxAttempts int `json:"max_attempts,omitempty"`
	// Decay is the length of the window, such as 60s.
	Decay string `json:"decay,omitempty"`
	// Terminate ends the connection instead of answering with an error.
	Terminate bool `json:"terminate,omitempty"`
}

// Webhook is one receiver of webhook events.
type Webhook struct {
	URL string `json:"url"`
	// Events limits the receiver to these names; none means all.
	Events []string `json:"events,omitempty"`
	// Batch collects events for so long, such as 1s.
	Batch string `json:"batch,omitempty"`
}

// MadeApp is an application of one's own, for a test worker: POST /api/apps. It is served until it is removed or
// Echolab ends, and is written into no configuration.
type MadeApp struct {
	ID  string `json:"id"`
	Key string `json:"key"`
	// Keys are the further keys that were asked for.
	Keys   []string `json:"keys,omitempty"`
	Secret string   `json:"secret"`
	// Server is where clients and the application reach it.
	Server string `json:"server"`
	// LastSeq is the number of the newest entry: where to wait from for what happens in the application.
	LastSeq uint64 `json:"last_seq"`
	// Env is the lines for a Laravel application's .env.
	Env string `json:"env"`
	// Echo is the same for laravel-echo.
	Echo string `json:"echo"`
}

// RemovedApp tells what became of an application that was removed: DELETE /api/apps/{id}.
type RemovedApp struct {
	ID string `json:"id"`
	// Disconnected counts the sockets that were on it.
	Disconnected int `json:"disconnected"`
}

// Connection is one socket at a moment.
type Connection struct {
	App    string `json:"app"`
	Socket string `json:"socket"`
	// Since is when it connected.
	Since time.Time `json:"since"`
	// Origin is that of the page; empty where the client sent none.
	Origin    string `json:"origin"`
	UserAgent string `json:"user_agent"`
	// Remote is the peer's address and port.
	Remote string `json:"remote"`
	// User is who signed in, else who it is in its oldest presence channel.
	User string `json:"user"`
	// Channels are in the order of subscribing.
	Channels []string `json:"channels"`
	// QueuedBytes wait to be written to it.
	QueuedBytes int `json:"queued_bytes"`
	// LastSeen is when it was last heard.
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// Connections are the open sockets, the oldest first within an application: GET /api/connections.
type Connections struct {
	Connections []Connection `json:"connections"`
	// Total counts all that fit, be they listed or not.
	Total int `json:"total"`
}

// Disconnected is a socket that was ended: DELETE /api/connections/{socket}.
type Disconnected struct {
	Socket string `json:"socket"`
	// Code is the close code that it was sent; 1006 is none, the connection was just cut.
	Code int `json:"code"`
}

// Channel is one channel at a moment.
type Channel struct {
	App  string `json:"app"`
	Name string `json:"name"`
	// Kind is public, private, presence, encrypted and so on.
	Kind string `json:"kind"`
	// Subscriptions counts sockets.
	Subscriptions int `json:"subscriptions"`
	// Cached tells that it keeps an event for newcomers.
	Cached bool `json:"cached"`
	// Members are the users of a presence channel, in the order of joining.
	Members []Member `json:"members"`
	// Sockets are those that are subscribed; only one channel asked for by name has them.
	Sockets []Subscriber `json:"sockets,omitempty"`
}

// Member is one user of a presence channel.
type Member struct {
	ID string `json:"id"`
	// Sockets counts the user's sockets there.
	Sockets int `json:"sockets"`
}

// Subscriber is one socket on a channel.
type Subscriber struct {
	Socket string `json:"socket"`
	// User is who it is in a presence channel; empty elsewhere.
	User string `json:"user"`
}

// Channels are those that have a subscriber or keep an event, by application and name: GET /api/channels.
type Channels struct {
	Channels []Channel `json:"channels"`
}

// State is who was connected, subscribed and present at a moment: GET /api/state. Of a moment that is over, a
// connection's origin, user_agent, remote, queued_bytes and last_seen are not known.
type State struct {
	// Seq is the number of the last entry that is taken into account.
	Seq uint64 `json:"seq"`
	// At is when that was.
	At          time.Time    `json:"at"`
	Connections []Connection `json:"connections"`
	Channels    []Channel    `json:"channels"`
}

// Publication is an event to publish: POST /api/publish.
type Publication struct {
	// App is an application's id; the first one is taken when it is left out.
	App string `json:"app,omitempty"`
	// Channel is where to; Channels are several.
	Channel  string   `json:"channel,omitempty"`
	Channels []string `json:"channels,omitempty"`
	Event    string   `json:"event"`
	// Data is any JSON value, {} when it is left out. A text is sent as it is; anything else as its JSON.
	Data json.RawMessage `json:"data,omitempty"`
	// SocketID is left out of those who get it.
	SocketID string `json:"socket_id,omitempty"`
}

// Published tells who got an event: the answer to POST /api/publish.
type Published struct {
	Deliveries []Delivery `json:"deliveries"`
}

// Delivery is what became of an event on one channel.
type Delivery struct {
	Channel string `json:"channel"`
	// Seq is the number of its entry.
	Seq uint64 `json:"seq"`
	// Recipients counts the sockets that got it.
	Recipients int `json:"recipients"`
	// Sockets are those that got it; empty when nobody did, or when somebody came or went at that moment.
	Sockets []Subscriber `json:"sockets"`
	// Note says why nobody got it.
	Note string `json:"note"`
}

// CatalogueEvent is one event that the emulated application can send.
type CatalogueEvent struct {
	Name string `json:"name"`
	// Wire is its name on the wire: App\\Events\\Name, or what broadcastAs gives.
	Wire string `json:"wire"`
	// Hear is the call of laravel-echo that hears it, such as .listen('.InvoiceCreated', …).
	Hear string `json:"hear"`
	// Channels are where it goes, with placeholders such as {clientId}.
	Channels []string `json:"channels"`
	// Params are the placeholders.
	Params []string `json:"params"`
	// Sample is a payload as it goes over the wire; Problem says why there is none.
	Sample  string `json:"sample"`
	Problem string `json:"problem,omitempty"`
	// Now tells that the queue does not hold it (ShouldBroadcastNow).
	Now bool `json:"now,omitempty"`
	// Own tells that echolab.yaml has it or changes it.
	Own bool `json:"own,omitempty"`
	// Extension tells that the guide does not have it.
	Extension bool `json:"extension,omitempty"`
	// Whisper tells that clients send it to each other.
	Whisper bool `json:"whisper,omitempty"`
}

// Catalogue is every event of the emulated application: GET /api/backend/catalogue.
type Catalogue struct {
	// Mode is fixed or as-written: it changes channels and payloads.
	Mode   string           `json:"mode"`
	Events []CatalogueEvent `json:"events"`
}

// Emit is an event of the catalogue to send: POST /api/backend/emit.
type Emit struct {
	// Event is its name in the catalogue, or on the wire.
	Event string `json:"event"`
	// Params is an object of ids for the placeholders and the payload: {"client": 5}. What is left out is drawn.
	Params json.RawMessage `json:"params,omitempty"`
	// Set changes the drawn payload; its keys are paths: {"total": "99.50", "invoice.status": "paid"}.
	Set json.RawMessage `json:"set,omitempty"`
	// Payload is sent in the place of a drawn one.
	Payload json.RawMessage `json:"payload,omitempty"`
	// Channels are used instead of its own, as they are on the wire.
	Channels []string `json:"channels,omitempty"`
	// SocketID is left out of those who get it.
	SocketID string `json:"socket_id,omitempty"`
	// Seed and Ordinal draw the same payload each time, its times included.
	Seed    *uint64 `json:"seed,omitempty"`
	Ordinal uint64  `json:"ordinal,omitempty"`
	// Now passes the queue's delay by.
	Now bool `json:"now,omitempty"`
	// DryRun tells what would be sent, and sends nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// EmittedRequest is one publish: an event on at most 100 channels.
type EmittedRequest struct {
	// Event is its name on the wire.
	Event    string   `json:"event"`
	Channels []string `json:"channels"`
	// Data is the payload as text, byte for byte.
	Data     string `json:"data"`
	SocketID string `json:"socket_id,omitempty"`
	// Deliveries tell who got it; there are none when it was not sent, or lies in the queue.
	Deliveries []Delivery `json:"deliveries"`
}

// Emitted tells what was sent and who got it: the answer to POST /api/backend/emit.
type Emitted struct {
	// Event is its name in the catalogue.
	Event string           `json:"event"`
	Sent  []EmittedRequest `json:"sent"`
	// DelayMS is how long it lies in the queue before it is sent.
	DelayMS int64 `json:"delay_ms,omitempty"`
	// Notes say what a person may not expect.
	Notes []string `json:"notes,omitempty"`
}

// BackendStatus is the emulated Laravel application: GET /api/backend.
type BackendStatus struct {
	// Mode is fixed, as-written or off. All that follows is empty when it is off.
	Mode string `json:"mode"`
	// URL is where a client on this machine reaches it.
	URL string `json:"url"`
	// App is the application whose events it sends and whose channels it authorises, by its id.
	App string `json:"app"`
	// File is the echolab.yaml that describes it; empty when it is the built-in one.
	File string `json:"file"`
	// Problem says why a changed file is not used; empty when it is.
	Problem string `json:"problem"`
	// NeedsRestart names the settings that were changed and take effect at the next start.
	NeedsRestart []string `json:"needs_restart"`
	// DefaultUser is the id of who asks when a request names nobody; empty for a guest.
	DefaultUser string           `json:"default_user"`
	Users       []BackendUser    `json:"users"`
	Channels    []BackendChannel `json:"channels"`
	// Entities counts the described rows of each type, by its name.
	Entities []BackendRows `json:"entities"`
	// Events are the names of those that the file adds to the catalogue or puts in another's place.
	Events []string `json:"events"`
	// Workflows are the names of the notifications that workflows send.
	Workflows []string `json:"workflows"`
	// Policy is what a page's Content-Security-Policy needs so that it can connect to the server; empty as-written, where a
	// note says what the guide's own does.
	Policy string `json:"content_security_policy"`
	// Notes are about what never reaches the server: policies and proxies.
	Notes []string `json:"notes"`
}

// BackendRows counts the rows of a type of entity.
type BackendRows struct {
	Type string `json:"type"`
	Rows int    `json:"rows"`
}

// BackendUser is one of the emulated application's users.
type BackendUser struct {
	// ID is a number or a text.
	ID     json.RawMessage `json:"id"`
	Name   string          `json:"name"`
	Avatar string          `json:"avatar"`
	Role   string          `json:"role"`
	// Clients are the ids of the clients that the user belongs to.
	Clients []string `json:"clients"`
}

// BackendChannel is one rule of the emulated routes/channels.php, in the order in which they are tried.
type BackendChannel struct {
	Pattern string `json:"pattern"`
	Rule    string `json:"rule"`
	// Member are the names of the fields that a presence channel shows of a member.
	Member []string `json:"member"`
}

// OnlineUser is one user of the emulated application whose heartbeat still counts.
type OnlineUser struct {
	// ID is a number or a text.
	ID   json.RawMessage `json:"id"`
	Name string          `json:"name"`
	// Location is where the user is, such as a page or a route; empty when that was never said.
	Location   string    `json:"location"`
	LastSeenAt time.Time `json:"last_seen_at"`
}

// Online is who is online in the emulated application, by heartbeat and not by socket: GET /api/backend/online.
type Online struct {
	Users []OnlineUser `json:"users"`
	// TTLSeconds is how long a heartbeat counts.
	TTLSeconds float64 `json:"ttl_seconds"`
}

// Person is a user of the emulated application.
type Person struct {
	// ID is a number or a text.
	ID   json.RawMessage `json:"id"`
	Name string          `json:"name"`
}

// Activity is one line of the emulated application's activity feed.
type Activity struct {
	ID          int64  `json:"id"`
	Type        string `json:"type"`
	Description string `json:"description"`
	// User is who did it; null for the system.
	User *Person `json:"user"`
	// SubjectType is such as project; empty when it is about nothing.
	SubjectType string `json:"subject_type"`
	// SubjectID is a number, a text or null.
	SubjectID json.RawMessage `json:"subject_id"`
	// Metadata is an object; client_id and project_id in it say whose feeds the line is in.
	Metadata  json.RawMessage `json:"metadata"`
	CreatedAt time.Time       `json:"created_at"`
}

// Activities is the activity feed, newest first: GET /api/backend/activities.
type Activities struct {
	Activities []Activity `json:"activities"`
}

// NewActivity is a line to add: POST /api/backend/activities.
type NewActivity struct {
	// Type is such as project.created.
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
	// User is the id of who did it; left out: the system.
	User        ID     `json:"user,omitempty"`
	SubjectType string `json:"subject_type,omitempty"`
	SubjectID   ID     `json:"subject_id,omitempty"`
	// Metadata is an object; client_id and project_id in it say whose feeds the line is in.
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// DataVersion is one change of a row of the emulated application.
type DataVersion struct {
	Version int64  `json:"version"`
	Type    string `json:"type"`
	// ID is a number or a text.
	ID json.RawMessage `json:"id"`
	// Action is created, updated or deleted.
	Action string    `json:"action"`
	At     time.Time `json:"at"`
}

// DataVersions is what changed after a version, oldest first: GET /api/backend/versions.
type DataVersions struct {
	// Version is what to ask with next.
	Version int64         `json:"version"`
	Changes []DataVersion `json:"changes"`
	// More tells that there are more changes: ask again at once.
	More bool `json:"more"`
}

// Viewer is a user of the emulated application who looks at a row.
type Viewer struct {
	// Type and ID name the row, as the front end did. ID is a number or a text.
	Type  string          `json:"type"`
	ID    json.RawMessage `json:"id"`
	User  Person          `json:"user"`
	Since time.Time       `json:"since"`
}

// Viewers is who looks at what: GET /api/backend/viewers.
type Viewers struct {
	Viewers []Viewer `json:"viewers"`
}

// BackendTypes are the types of rows that the emulated application has: GET /api/backend/entities.
type BackendTypes struct {
	Types []BackendRows `json:"types"`
}

// BackendEntity is one row of the emulated application.
type BackendEntity struct {
	Type string `json:"type"`
	// ID is a number or a text.
	ID json.RawMessage `json:"id"`
	// Version grows with every change; 0 is the row as it was described.
	Version int64 `json:"version"`
	// Data is every field.
	Data json.RawMessage `json:"data"`
}

// BackendEntities are the rows of a type in the order of their ids: GET /api/backend/entities/{type}.
type BackendEntities struct {
	Rows []BackendEntity `json:"rows"`
}

// BackendChange is what becomes of a row: POST and PATCH /api/backend/entities/…
type BackendChange struct {
	// Fields are those to set. version may be among them: the change is refused when the row has another one by now.
	Fields json.RawMessage `json:"fields"`
	// As is the user who does it, by id, with what he may; without it the console does, which may do anything.
	As ID `json:"as,omitempty"`
	// SocketID is a socket that does not get the events.
	SocketID string `json:"socket_id,omitempty"`
}

// BackendNotice is what users are told: POST /api/backend/notify.
type BackendNotice struct {
	// Users are ids.
	Users   []ID   `json:"users"`
	Title   string `json:"title,omitempty"`
	Message string `json:"message,omitempty"`
	// Data is an object, laid over title and message.
	Data json.RawMessage `json:"data,omitempty"`
	// Type is the notification's class; left out: App\Notifications\WorkflowNotification.
	Type string `json:"type,omitempty"`
	// Queued broadcasts before the row is stored, as a notification does that implements ShouldQueue.
	Queued bool `json:"queued,omitempty"`
	// LagMS is how long the row of a queued one takes.
	LagMS int64 `json:"lag_ms,omitempty"`
	// Held stores the rows and broadcasts nothing: the answer's broadcasts are for the caller to send. A queued one cannot be.
	Held bool `json:"held,omitempty"`
}

// BackendNotification is a notification as it is kept for one user.
type BackendNotification struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// User is the id of whom it is for: a number or a text.
	User json.RawMessage `json:"user"`
	Data json.RawMessage `json:"data"`
	// ReadAt is null until it has been read.
	ReadAt    *time.Time `json:"read_at"`
	CreatedAt time.Time  `json:"created_at"`
}

// BackendNotifications are notifications: what there is, newest first, or what has been sent.
type BackendNotifications struct {
	Notifications []BackendNotification `json:"notifications"`
	// Warnings are about a workflow that was given.
	Warnings []string `json:"warnings,omitempty"`
	// Broadcasts are those that were held, in the order in which they are to be sent.
	Broadcasts []HeldBroadcast `json:"broadcasts,omitempty"`
}

// HeldBroadcast is a broadcast that the caller is to send.
type HeldBroadcast struct {
	Event    string   `json:"event"`
	Channels []string `json:"channels"`
	// Data is JSON, as it goes over the wire.
	Data string `json:"data"`
}

// BackendRun is what a described workflow is run with: POST /api/backend/workflows/{name}/run.
type BackendRun struct {
	// Data fills what stands in braces, and goes along.
	Data json.RawMessage `json:"data,omitempty"`
	// Held is as in a notice.
	Held bool `json:"held,omitempty"`
}

// BackendWorkflow is a workflow notification that is not described: POST /api/backend/workflows.
type BackendWorkflow struct {
	// Workflow has recipient_type, recipient_role (recipient_id, recipient_client_id), title and message, or to, title and
	// body.
	Workflow json.RawMessage `json:"workflow"`
	// Data fills what stands in braces, and goes along.
	Data json.RawMessage `json:"data,omitempty"`
	// Held is as in a notice.
	Held bool `json:"held,omitempty"`
}

// BackendReset tells what a reset gave back: POST /api/backend/reset.
type BackendReset struct {
	// Rows is how many rows users had made, changed or deleted.
	Rows int `json:"rows"`
}

// Secret is an application's secret: GET /api/apps/{id}/secret.
type Secret struct {
	Secret string `json:"secret"`
}

// Problem is the body of every answer that is not a success.
type Problem struct {
	// Code is stable and made for programs: not_found, bad_request, conflict, too_large, foreign_host,
	// foreign_origin, token_needed …
	Code string `json:"code"`
	// Message is a sentence for a person: what happened and what to do.
	Message string `json:"message"`
}
