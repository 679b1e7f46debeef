package app

import (
	"context"
	"encoding/json"
	"fmt"

	"echolab/app/store"
	"echolab/emulator/laravel"
)

// backendRows is the database as the emulated application wants it.
type backendRows struct{ *store.Backend }

// Rows implements laravel.Store.
func (r backendRows) Rows(ctx context.Context, table laravel.Table, each func(key string, row json.RawMessage) error) error {
	return r.Backend.Rows(ctx, string(table), each)
}

// Write implements laravel.Store.
func (r backendRows) Write(ctx context.Context, changes []laravel.Change) error {
	rows := make([]store.BackendRow, len(changes))
	for i, c := range changes {
		rows[i] = store.BackendRow{Table: string(c.Table), Key: c.Key}
		if c.Row == nil {
			continue
		}
		text, err := json.Marshal(c.Row)
		if err != nil {
			return fmt.Errorf("row %s of %s: %w", c.Key, c.Table, err)
		}
		rows[i].Row = text
	}
	return r.Backend.Write(ctx, rows)
}
