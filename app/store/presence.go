package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Presence is the last known presence of a user in a place, as sockets tell it.
type Presence struct {
	App      string    `json:"app"`
	User     string    `json:"user_id"`
	Location string    `json:"location"` // a presence channel; "" for being signed in
	Online   bool      `json:"online"`
	LastSeen time.Time `json:"last_seen_at"`
}

// Presence lists everybody who was ever present in an app ("" for all apps), by user and place.
func (s *Store) Presence(ctx context.Context, app string) ([]Presence, error) {
	var all []Presence
	err := s.read(app, func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, `SELECT app, user_id, location, status, last_seen_at FROM user_presence
		  WHERE (?1 = '' OR app = ?1) AND source = 'socket' ORDER BY app, user_id, location`, app)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var p Presence
			var status, seen string
			if err := rows.Scan(&p.App, &p.User, &p.Location, &status, &seen); err != nil {
				return err
			}
			p.Online = status == "online"
			if p.LastSeen, err = time.Parse(timeLayout, seen); err != nil {
				return err
			}
			all = append(all, p)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read presence: %w", err)
	}
	return all, nil
}
