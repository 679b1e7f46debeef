package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Moment is who was connected and in which channels just after an entry.
type Moment struct {
	At    uint64      `json:"at"`    // the entry
	Time  time.Time   `json:"time"`  // when it happened; zero where no entry up to At is kept
	First uint64      `json:"first"` // the oldest entry that is kept; before it, little is known
	Last  uint64      `json:"last"`  // the newest one
	Apps  []AppMoment `json:"apps"`  // by id; apps with nobody on them are not listed
}

// AppMoment is a Moment's part about one app.
type AppMoment struct {
	App      string          `json:"app"`
	Sockets  []Session       `json:"sockets"`  // open ones, in the order in which they came
	Channels []ChannelMoment `json:"channels"` // with a subscriber, by name
}

// Session is a socket's life.
type Session struct {
	Socket string    `json:"socket"`
	User   string    `json:"user"`     // who signed in on it, then or later
	From   uint64    `json:"from_seq"` // the entry that began it
	To     uint64    `json:"to_seq"`   // the entry that ended it; 0 while it lasts
	Since  time.Time `json:"since"`
}

// ChannelMoment is who was in a channel.
type ChannelMoment struct {
	Channel string   `json:"channel"`
	Members []Member `json:"members"` // one for each socket, in the order in which they came
}

// Member is a socket's stay in a channel.
type Member struct {
	Socket string          `json:"socket"`
	User   string          `json:"user"`
	From   uint64          `json:"from_seq"` // the entry that began it
	To     uint64          `json:"to_seq"`   // the entry that ended it; 0 while it lasts
	Info   json.RawMessage `json:"info"`     // member info, as it was given when it began; nil for none
}

// Moment tells the state of an app ("" for all) just after entry at; 0 is now.
func (s *Store) Moment(ctx context.Context, app string, at uint64) (Moment, error) {
	m := Moment{At: at, Last: s.LastSeq()}
	if at == 0 || at > m.Last {
		m.At = m.Last
	}
	apps := make(map[string]*AppMoment)
	of := func(app string) *AppMoment {
		if apps[app] == nil {
			apps[app] = &AppMoment{App: app, Sockets: []Session{}, Channels: []ChannelMoment{}}
		}
		return apps[app]
	}
	err := s.eachFile(app, func(f *file) error {
		return f.read(func(db *sql.DB) error {
			if err := m.bounds(ctx, db); err != nil {
				return err
			}
			err := f.sessionsAt(ctx, db, app, m.At, func(app string, one Session) {
				of(app).Sockets = append(of(app).Sockets, one)
			})
			if err != nil {
				return err
			}
			channels := make(map[[2]string]int)
			return f.membersAt(ctx, db, app, "", m.At, func(app, channel string, one Member) {
				a := of(app)
				i, ok := channels[[2]string{app, channel}]
				if !ok {
					i = len(a.Channels)
					channels[[2]string{app, channel}] = i
					a.Channels = append(a.Channels, ChannelMoment{Channel: channel})
				}
				a.Channels[i].Members = append(a.Channels[i].Members, one)
			})
		})
	})
	if err != nil {
		return Moment{}, fmt.Errorf("read the state at entry %d: %w", m.At, err)
	}
	m.Apps = make([]AppMoment, 0, len(apps))
	for _, a := range apps {
		slices.SortFunc(a.Channels, func(x, y ChannelMoment) int { return cmp.Compare(x.Channel, y.Channel) })
		m.Apps = append(m.Apps, *a)
	}
	slices.SortFunc(m.Apps, func(x, y AppMoment) int { return cmp.Compare(x.App, y.App) })
	return m, nil
}

// bounds fills in what a file knows of First and Time.
func (m *Moment) bounds(ctx context.Context, db *sql.DB) error {
	var first sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT min(seq) FROM realtime_events").Scan(&first); err != nil || !first.Valid {
		return err
	}
	if m.First == 0 || uint64(first.Int64) < m.First {
		m.First = uint64(first.Int64)
	}
	var us int64
	err := db.QueryRowContext(ctx, "SELECT at_us FROM realtime_events WHERE seq <= ? ORDER BY seq DESC LIMIT 1", int64(m.At)).Scan(&us)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if t := time.UnixMicro(us).UTC(); t.After(m.Time) {
		m.Time = t
	}
	return err
}

// Who lists the sockets that were in a channel just after entry at, in the order in which they came.
func (s *Store) Who(ctx context.Context, app, channel string, at uint64) ([]Member, error) {
	var all []Member
	err := s.eachFile(app, func(f *file) error {
		return f.read(func(db *sql.DB) error {
			return f.membersAt(ctx, db, app, channel, at, func(_, _ string, m Member) { all = append(all, m) })
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read who was in %s: %w", channel, err)
	}
	return all, nil
}

// overlapping is the condition for the intervals that were open just after entry at: among those that the block's index
// lists as open before the block, and those begun since. Its parameters are ?1 at, ?2 the block's first seq and ?3 the
// list. A file without an index has one list, which is empty, and one block, which is everything.
const overlapping = `t.from_seq IN (SELECT value FROM json_each(?3) UNION ALL
  SELECT from_seq FROM %s WHERE from_seq BETWEEN ?2 AND ?1) AND t.from_seq <= ?1 AND (t.to_seq IS NULL OR t.to_seq > ?1)`

// openBefore is the start of the last indexed block that is not after at, and what of a table was open before it.
func (f *file) openBefore(ctx context.Context, db *sql.DB, table string, at uint64) (start int64, open string, err error) {
	if f.schema < 2 {
		return 0, "[]", nil
	}
	var block int64
	var written []byte
	err = db.QueryRowContext(ctx, "SELECT block, "+table+" FROM blocks WHERE block <= ? ORDER BY block DESC LIMIT 1", int64(at>>blockBits)).
		Scan(&block, &written)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "[]", nil
	}
	if err != nil {
		return 0, "", err
	}
	seqs, err := decodeSeqs(written)
	return block << blockBits, jsonList(seqs), err
}

func (f *file) sessionsAt(ctx context.Context, db *sql.DB, app string, at uint64, what func(app string, one Session)) error {
	start, open, err := f.openBefore(ctx, db, "sessions", at)
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, `SELECT t.app, t.socket, t.user, t.from_seq, coalesce(t.to_seq, 0), t.from_us
	  FROM sessions t WHERE `+fmt.Sprintf(overlapping, "sessions")+` AND (?4 = '' OR t.app = ?4) ORDER BY t.from_seq`,
		int64(at), start, open, app)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var one Session
		var of string
		var from, to, us int64
		if err := rows.Scan(&of, &one.Socket, &one.User, &from, &to, &us); err != nil {
			return err
		}
		one.From, one.To, one.Since = uint64(from), uint64(to), time.UnixMicro(us).UTC()
		what(of, one)
	}
	return rows.Err()
}

func (f *file) membersAt(ctx context.Context, db *sql.DB, app, channel string, at uint64, what func(app, channel string, one Member)) error {
	start, open, err := f.openBefore(ctx, db, "subscriptions", at)
	if err != nil {
		return err
	}
	info := "coalesce(t.info, e.payload), CASE WHEN t.info IS NULL THEN e.payload_encoding ELSE t.info_encoding END"
	if f.schema < 2 {
		info = "e.payload, e.payload_encoding"
	}
	rows, err := db.QueryContext(ctx, `SELECT t.app, t.channel, t.socket, t.user, t.from_seq, coalesce(t.to_seq, 0), `+info+`
	  FROM subscriptions t LEFT JOIN realtime_events e ON e.seq = t.from_seq
	  WHERE `+fmt.Sprintf(overlapping, "subscriptions")+` AND (?4 = '' OR t.app = ?4) AND (?5 = '' OR t.channel = ?5) ORDER BY t.from_seq`,
		int64(at), start, open, app, channel)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var one Member
		var of, in string
		var from, to int64
		var payload, encoding sql.NullString
		if err := rows.Scan(&of, &in, &one.Socket, &one.User, &from, &to, &payload, &encoding); err != nil {
			return err
		}
		one.From, one.To = uint64(from), uint64(to)
		if one.Info, err = decodePayload(payload, encoding); err != nil {
			return err
		}
		what(of, in, one)
	}
	return rows.Err()
}
