package api

import "time"

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
}

// ServerStatus is the listener that clients and the application talk to.
type ServerStatus struct {
	// Host is the address listened on, such as 127.0.0.1 or 0.0.0.0.
	Host string `json:"host"`
	Port int    `json:"port"`
	// Path is the prefix before /app and /apps; empty or starting with a slash.
	Path string `json:"path"`
	// Hostname is the name under which clients are to find it (--hostname, REVERB_HOST); empty when none was given.
	Hostname string `json:"hostname"`
	// URL is where a client on this machine reaches it, path included, such as http://127.0.0.1:8080.
	URL string `json:"url"`
	// ReachableFromNetwork tells that other machines can connect.
	ReachableFromNetwork bool `json:"reachable_from_network"`
}

// AppStatus is one application and who is on it now.
type AppStatus struct {
	ID  string `json:"id"`
	Key string `json:"key"`
	// Connections counts open sockets.
	Connections int `json:"connections"`
	// Channels counts channels with a subscriber.
	Channels int `json:"channels"`
	// Subscribed counts sockets that are on at least one channel.
	Subscribed int `json:"subscribed"`
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
	// Truncated tells that Data is only the beginning: GET /api/entries/{seq} has all of it.
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

// Entries is a page of what the store has, oldest first: GET /api/entries?before=SEQ&limit=200&app=ID.
type Entries struct {
	Entries []Entry `json:"entries"`
}

// Secret is an application's secret: GET /api/apps/{id}/secret.
type Secret struct {
	Secret string `json:"secret"`
}

// Problem is the body of every answer that is not a success.
type Problem struct {
	// Code is stable and made for programs: not_found, bad_request, foreign_host, foreign_origin, token_needed …
	Code string `json:"code"`
	// Message is a sentence for a person: what happened and what to do.
	Message string `json:"message"`
}
