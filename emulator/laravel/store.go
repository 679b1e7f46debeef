package laravel

import (
	"context"
	"encoding/json"
)

// Table names a kind of row that the application keeps.
type Table string

// The tables. A row is a JSON object; its key is text, unique in the table and, where order matters, ascending.
const (
	Entities      Table = "entities"      // key: type/id; {"type","id","version","data":{…}}
	Activities    Table = "activities"    // key: id, 20 digits
	Notifications Table = "notifications" // key: UUID version 7
	Versions      Table = "versions"      // key: the version, 20 digits; {"version","type","id","action","at"}
	Viewers       Table = "viewers"       // key: type/id/user
	Locks         Table = "locks"         // key: document/field
	// DocumentStates are what users share on a document. Key: document id.
	DocumentStates Table = "documents"
	PresenceRows   Table = "user_presence" // key: user id; {"user_id","location","status","last_seen_at"}
)

// Store keeps the application's rows over a restart.
type Store interface {
	// Rows gives every row of a table in ascending order of its key.
	Rows(ctx context.Context, table Table, each func(key string, row json.RawMessage) error) error
	// Write applies all changes or none, in order.
	Write(ctx context.Context, changes []Change) error
}

// Change is one row written; a nil Row deletes.
type Change struct {
	Table Table
	Key   string
	Row   any // encoding/json makes an object of it
}
