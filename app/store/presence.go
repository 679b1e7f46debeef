package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Presence is the last known presence of a user in a place.
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
		  WHERE ?1 = '' OR app = ?1 ORDER BY app, user_id, location`, app)
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

// Member is a socket's stay in a channel.
type Member struct {
	Socket string          `json:"socket"`
	User   string          `json:"user"`
	From   uint64          `json:"from_seq"` // the entry that began it
	To     uint64          `json:"to_seq"`   // the entry that ended it; 0 while it lasts
	Info   json.RawMessage `json:"info"`     // member info, as it was given when it began; nil for none
}

// Who lists the sockets that were in a channel just after entry at, in the order in which they came.
func (s *Store) Who(ctx context.Context, app, channel string, at uint64) ([]Member, error) {
	var all []Member
	err := s.read(app, func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, `SELECT s.socket, s.user, s.from_seq, coalesce(s.to_seq, 0), e.payload, e.payload_encoding
		  FROM subscriptions s LEFT JOIN realtime_events e ON e.seq = s.from_seq
		  WHERE s.channel = ?1 AND (?2 = '' OR s.app = ?2) AND s.from_seq <= ?3 AND (s.to_seq IS NULL OR s.to_seq > ?3)
		  ORDER BY s.from_seq`, channel, app, int64(at))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var m Member
			var from, to int64
			var payload, encoding sql.NullString
			if err := rows.Scan(&m.Socket, &m.User, &from, &to, &payload, &encoding); err != nil {
				return err
			}
			m.From, m.To = uint64(from), uint64(to)
			if m.Info, err = decodePayload(payload, encoding); err != nil {
				return err
			}
			all = append(all, m)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read who was in %s: %w", channel, err)
	}
	return all, nil
}
