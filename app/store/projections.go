package store

import (
	"time"

	"echolab/emulator/journal"
)

// projections says what an entry changes beside its own row: presence, sessions and subscriptions. Each runs in the
// transaction that writes the entry. They keep no state outside the tables, so that a batch rolled back is as if it
// had never been tried.
var projections = map[journal.Kind]func(*writer, *journal.Entry) error{
	journal.Opened:       openSession,
	journal.SignedIn:     signIn,
	journal.Closed:       closeSession,
	journal.Subscribed:   subscribe,
	journal.Unsubscribed: unsubscribe,
	journal.Joined:       func(w *writer, e *journal.Entry) error { return w.present(e, e.Channel, "online") },
	journal.Left:         func(w *writer, e *journal.Entry) error { return w.present(e, e.Channel, "offline") },
	journal.Whispered:    saw,
}

func openSession(w *writer, e *journal.Entry) error {
	return w.exec(`INSERT INTO sessions (from_seq, from_us, app, socket, user, reason) VALUES (?,?,?,?,'','')
	  ON CONFLICT (app, socket) WHERE to_seq IS NULL DO NOTHING`, int64(e.Seq), e.At.UnixMicro(), e.App, e.Socket)
}

func signIn(w *writer, e *journal.Entry) error {
	err := w.exec(`UPDATE sessions SET user = ? WHERE app = ? AND socket = ? AND to_seq IS NULL`, e.User, e.App, e.Socket)
	if err != nil {
		return err
	}
	return w.present(e, "", "online")
}

// closeSession ends a socket. Its channels have been left by then, one entry each; whatever was not is left now, so
// that nobody becomes a ghost.
func closeSession(w *writer, e *journal.Entry) error {
	at := timestamp(e.At)
	// The users who were in a presence channel through this socket alone.
	err := w.exec(`UPDATE user_presence SET status = 'offline', last_seen_at = max(last_seen_at, ?3)
	  WHERE app = ?1 AND source = 'socket' AND status = 'online' AND (user_id, location) IN (
	    SELECT user, channel FROM subscriptions WHERE app = ?1 AND socket = ?2 AND to_seq IS NULL AND user <> '')
	  AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.app = ?1 AND s.channel = location AND s.user = user_id
	    AND s.socket <> ?2 AND s.to_seq IS NULL)`, e.App, e.Socket, at)
	if err != nil {
		return err
	}
	err = w.exec(`UPDATE subscriptions SET to_seq = ?, to_us = ? WHERE app = ? AND socket = ? AND to_seq IS NULL`,
		int64(e.Seq), e.At.UnixMicro(), e.App, e.Socket)
	if err != nil {
		return err
	}
	// The user who was signed in on this socket alone.
	err = w.exec(`UPDATE user_presence SET status = 'offline', last_seen_at = max(last_seen_at, ?3)
	  WHERE app = ?1 AND source = 'socket' AND location = '' AND status = 'online' AND user_id = (
	    SELECT user FROM sessions WHERE app = ?1 AND socket = ?2 AND to_seq IS NULL AND user <> '')
	  AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.app = ?1 AND s.user = user_id AND s.user <> ''
	    AND s.socket <> ?2 AND s.to_seq IS NULL)`, e.App, e.Socket, at)
	if err != nil {
		return err
	}
	return w.exec(`UPDATE sessions SET to_seq = ?, to_us = ?, reason = ? WHERE app = ? AND socket = ? AND to_seq IS NULL`,
		int64(e.Seq), e.At.UnixMicro(), e.Note, e.App, e.Socket)
}

// subscribe begins an interval. Subscribing again does not begin another: the socket is in already.
func subscribe(w *writer, e *journal.Entry) error {
	if err := saw(w, e); err != nil {
		return err
	}
	return w.exec(`INSERT INTO subscriptions (from_seq, from_us, app, socket, channel, user) VALUES (?,?,?,?,?,?)
	  ON CONFLICT (app, socket, channel) WHERE to_seq IS NULL DO UPDATE SET user = excluded.user`,
		int64(e.Seq), e.At.UnixMicro(), e.App, e.Socket, e.Channel, e.User)
}

func unsubscribe(w *writer, e *journal.Entry) error {
	if err := saw(w, e); err != nil {
		return err
	}
	return w.exec(`UPDATE subscriptions SET to_seq = ?, to_us = ?
	  WHERE app = ? AND socket = ? AND channel = ? AND to_seq IS NULL`,
		int64(e.Seq), e.At.UnixMicro(), e.App, e.Socket, e.Channel)
}

// present sets a user's status in a place.
func (w *writer) present(e *journal.Entry, location, status string) error {
	return w.exec(`INSERT INTO user_presence (app, user_id, location, status, last_seen_at, source) VALUES (?,?,?,?,?,'socket')
	  ON CONFLICT DO UPDATE SET status = excluded.status, last_seen_at = max(last_seen_at, excluded.last_seen_at)`,
		e.App, e.User, location, status, timestamp(e.At))
}

// saw remembers that a user did something in a channel, for touchSeen.
func saw(w *writer, e *journal.Entry) error {
	if e.User != "" && e.Channel != "" {
		w.seen[place{e.App, e.User, e.Channel}] = e.At.UnixMicro()
	}
	return nil
}

// touchSeen writes what saw remembered: once a batch and user, however much they typed.
func (w *writer) touchSeen() error {
	for p, at := range w.seen {
		err := w.exec(`UPDATE user_presence SET last_seen_at = max(last_seen_at, ?)
		  WHERE app = ? AND user_id = ? AND location = ? AND source = 'socket'`, timestamp(time.UnixMicro(at)), p.app, p.user, p.location)
		if err != nil {
			return err
		}
	}
	return nil
}

// endOpen ends everything that is still open at seq: nobody saw it end, because the process was killed or because
// entries were lost. Last seen is the last entry that the file holds.
func (w *writer) endOpen(seq uint64, reason string) error {
	lastUs, err := w.number("SELECT at_us FROM realtime_events ORDER BY seq DESC LIMIT 1")
	if err != nil {
		return err
	}
	err = w.exec(`UPDATE user_presence SET status = 'offline', last_seen_at = max(last_seen_at, ?)
	  WHERE status = 'online' AND source = 'socket'`, timestamp(time.UnixMicro(lastUs)))
	if err != nil {
		return err
	}
	err = w.exec(`UPDATE subscriptions SET to_seq = ?, to_us = ? WHERE to_seq IS NULL`, int64(seq), lastUs)
	if err != nil {
		return err
	}
	return w.exec(`UPDATE sessions SET to_seq = ?, to_us = ?, reason = ? WHERE to_seq IS NULL`, int64(seq), lastUs, reason)
}

// timeLayout is how last_seen_at is written: of one length, so that texts sort as times.
const timeLayout = "2006-01-02T15:04:05.000000Z"

func timestamp(t time.Time) string { return t.UTC().Format(timeLayout) }
