package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"echolab/emulator/journal"
)

// Backend is what the emulated back end of an app keeps: tables of JSON objects by key. Its methods may be called from
// any goroutine.
type Backend struct {
	store *Store
	app   string
}

// BackendRow is one row as it is to be; a nil Row deletes it.
type BackendRow struct {
	Table string // one of BackendTables
	Key   string // unique in the table
	Row   json.RawMessage
}

// backendTable is how a table is read and written. ?1 is the app, ?2 the key, ?3 the row.
type backendTable struct{ read, put, drop string }

// plain is a table of its own: key and row, and columns that SQLite reads from the row.
func plain(name string) backendTable {
	return backendTable{
		read: "SELECT key, row FROM " + name + " WHERE ?1 IS NOT NULL ORDER BY key",
		put:  "INSERT INTO " + name + " (key, row) VALUES (?2, ?3) ON CONFLICT (key) DO UPDATE SET row = excluded.row WHERE ?1 IS NOT NULL",
		drop: "DELETE FROM " + name + " WHERE key = ?2 AND ?1 IS NOT NULL",
	}
}

// backendTables by the name that the application has for them. All but user_presence belong to the file's one
// application.
var backendTables = map[string]backendTable{
	"entities":      plain("entities"),
	"activities":    plain("activities"),
	"notifications": plain("notifications"),
	"versions":      plain("data_versions"),
	"viewers":       plain("viewers"),
	"locks":         plain("locks"),
	"documents":     plain("documents"),
	"user_presence": {
		read: `SELECT user_id, json_object('user_id', user_id, 'location', location, 'status', status, 'last_seen_at', last_seen_at)
		  FROM user_presence WHERE app = ?1 AND source = 'heartbeat' ORDER BY CAST(user_id AS TEXT)`,
		put: `INSERT INTO user_presence (app, user_id, location, status, last_seen_at, source)
		  SELECT ?1, ?3 ->> '$.user_id', ?3 ->> '$.location', ?3 ->> '$.status', ?3 ->> '$.last_seen_at', 'heartbeat' WHERE ?2 IS NOT NULL
		  ON CONFLICT (app, user_id) WHERE source = 'heartbeat'
		  DO UPDATE SET location = excluded.location, status = excluded.status, last_seen_at = excluded.last_seen_at`,
		drop: `DELETE FROM user_presence WHERE app = ?1 AND source = 'heartbeat' AND CAST(user_id AS TEXT) = ?2`,
	},
}

// BackendTables are the names of the tables.
func BackendTables() []string { return slices.Sorted(maps.Keys(backendTables)) }

// Backend gives the rows of an app's back end. They are in the app's file; a file has those of one app.
func (s *Store) Backend(app string) *Backend { return &Backend{s, app} }

// Rows gives every row of a table in ascending order of its key. each must not write.
func (b *Backend) Rows(ctx context.Context, table string, each func(key string, row json.RawMessage) error) error {
	t, ok := backendTables[table]
	if !ok {
		return fmt.Errorf("there is no table %q", table)
	}
	f := b.store.fileOf(b.app)
	if f.schema < 3 {
		return nil // opened to read, and older than these tables
	}
	err := f.read(func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, t.read, b.app)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var key string
			var row []byte
			if err := rows.Scan(&key, &row); err != nil {
				return err
			}
			if err := each(key, row); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("read %s of %s: %w", table, f.path, err)
	}
	return nil
}

// Write applies all rows or none, in order; they outlive a kill once it has returned nil.
//
// While the file cannot be written (full, read-only, locked, gone) that is said once, as for the journal, and Write
// returns nil all the same: the rows wait in memory and are written before anything newer once the file can be. They
// wait without a bound but for one row a key. ctx is not used: a change is never half made.
func (b *Backend) Write(_ context.Context, rows []BackendRow) error {
	s := b.store
	for _, r := range rows {
		if _, ok := backendTables[r.Table]; !ok {
			return fmt.Errorf("there is no table %q", r.Table)
		}
	}
	s.mu.Lock()
	j, following, closed := s.journal, s.stopped != nil, s.closed
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	f := s.fileOf(b.app)
	if f.lock == nil && !f.inMemory() {
		return ErrClosed // opened to read
	}
	text, cause, err := f.writeRows(b.app, rows, following)
	if text == "" || err != nil {
		return err
	}
	s.announce(j, f, text, cause)
	return nil
}

// announce says that a file cannot be written, unless that has been said.
func (s *Store) announce(j *journal.Journal, f *file, text string, cause error) {
	if !f.failed(text) {
		return
	}
	s.log.Error(text, "error", cause)
	if j != nil {
		j.Append(journal.Entry{Kind: journal.Trouble, App: f.app, Note: text})
	}
}

// writeRows writes rows, after those that wait. If the file cannot be written they wait too, and trouble says why.
// following tells that somebody tries again without being asked (see weather).
func (f *file) writeRows(app string, rows []BackendRow, following bool) (trouble string, cause, err error) {
	f.gate.Lock()
	defer f.gate.Unlock()
	known, _, _ := f.report()
	if known != "" && following || f.writer == nil {
		f.wait(app, rows)
		return known, nil, nil
	}
	err = f.writer.transaction(func() error {
		if err := f.writer.putRows(f.waiting); err != nil {
			return err
		}
		for _, r := range rows {
			if err := f.writer.putRow(app, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && f.moved() {
		err = errMoved
	}
	var se *sqlite.Error
	switch {
	case err == nil:
		f.waiting = nil
		if known != "" {
			f.ok()
		}
		return "", nil, nil
	case errors.As(err, &se) && slices.Contains(mistakes, se.Code()&0xff):
		return "", nil, fmt.Errorf("write rows into %s: %w", f.path, err)
	}
	f.wait(app, rows)
	return f.trouble(err), err, nil
}

// mistakes are errors that trying again does not mend.
var mistakes = []int{sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE}

// waitingRow names a row that waits to be written.
type waitingRow struct{ app, table, key string }

// wait keeps rows for later; the last of a key counts. It is called with the gate held.
func (f *file) wait(app string, rows []BackendRow) {
	if f.waiting == nil {
		f.waiting = make(map[waitingRow]json.RawMessage)
	}
	for _, r := range rows {
		f.waiting[waitingRow{app, r.Table, r.Key}] = r.Row
	}
}

// putRows writes what waits. It is called inside a transaction.
func (w *writer) putRows(waiting map[waitingRow]json.RawMessage) error {
	if len(waiting) == 0 {
		return nil
	}
	order := slices.SortedFunc(maps.Keys(waiting), func(a, b waitingRow) int {
		return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(a.table, b.table), cmp.Compare(a.key, b.key))
	})
	for _, r := range order {
		if err := w.putRow(r.app, BackendRow{r.table, r.key, waiting[r]}); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) putRow(app string, r BackendRow) error {
	t := backendTables[r.Table]
	if r.Row == nil {
		return w.exec(t.drop, app, r.Key)
	}
	return w.exec(t.put, app, r.Key, string(r.Row))
}

// writeWaiting is the last try, before the file is closed.
func (f *file) writeWaiting() error {
	if len(f.waiting) == 0 {
		return nil
	}
	err := f.writer.transaction(func() error { return f.writer.putRows(f.waiting) })
	switch {
	case err == nil:
		f.waiting = nil
	case len(f.waiting) == 1:
		err = fmt.Errorf("1 row of the application was not kept: %w", err)
	default:
		err = fmt.Errorf("%d rows of the application were not kept: %w", len(f.waiting), err)
	}
	return err
}
