package laravel

import (
	"encoding/json"
	"fmt"
	"time"
)

// Timestamp is a moment as Laravel's models write one in JSON: 2026-01-05T09:30:00.000000Z.
type Timestamp time.Time

const timestampLayout = "2006-01-02T15:04:05.000000Z"

func (t Timestamp) String() string { return time.Time(t).UTC().Format(timestampLayout) }

// MarshalJSON gives the text.
func (t Timestamp) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// UnmarshalJSON reads any RFC 3339.
func (t *Timestamp) UnmarshalJSON(text []byte) error { return (*time.Time)(t).UnmarshalJSON(text) }

// unreadable is the error for a row that is not what the application writes.
func unreadable(table Table, key string, err error) error {
	return fmt.Errorf("row %s of %s in the store cannot be read: %w", key, table, err)
}
