package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"

	"modernc.org/sqlite"

	"echolab/emulator/journal"
)

// writer is the one connection that writes a file. It is used by one goroutine at a time. It speaks to the driver
// without database/sql between: with one connection there is nothing to pool, and a row costs a seventh less.
type writer struct {
	conn  driver.Conn
	stmts map[string]driver.StmtExecContext
	args  []driver.NamedValue

	seen map[place]int64 // when users were last heard in a presence channel, in this batch
}

// place is one row of user_presence.
type place struct{ app, user, location string }

func openWriter(dsn string) (*writer, error) {
	conn, err := new(sqlite.Driver).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &writer{
		conn:  conn,
		stmts: make(map[string]driver.StmtExecContext),
		seen:  make(map[place]int64),
	}, nil
}

func (w *writer) close() error {
	for _, stmt := range w.stmts {
		_ = stmt.(driver.Stmt).Close()
	}
	return w.conn.Close()
}

// run executes a script of any number of statements.
func (w *writer) run(script string) error {
	_, err := w.conn.(driver.ExecerContext).ExecContext(context.Background(), script, nil)
	return err
}

// number asks for a single integer; NULL is 0.
func (w *writer) number(query string) (int64, error) {
	rows, err := w.conn.(driver.QueryerContext).QueryContext(context.Background(), query, nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil && err != io.EOF {
		return 0, err
	}
	n, _ := row[0].(int64)
	return n, nil
}

// exec runs one statement, which is prepared at its first use.
func (w *writer) exec(query string, args ...any) error {
	stmt, ok := w.stmts[query]
	if !ok {
		prepared, err := w.conn.Prepare(query)
		if err != nil {
			return fmt.Errorf("%w in %s", err, query)
		}
		stmt = prepared.(driver.StmtExecContext)
		w.stmts[query] = stmt
	}
	w.args = w.args[:0]
	for i, arg := range args {
		w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	// Never interrupted: a batch is either kept or not, whoever is in a hurry to stop.
	_, err := stmt.ExecContext(context.Background(), w.args)
	return err
}

// transaction runs what in one transaction.
func (w *writer) transaction(what func() error) error {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := what()
	if err == nil {
		err = w.exec("COMMIT")
	}
	if err != nil {
		_ = w.exec("ROLLBACK") // says "no transaction" where SQLite has rolled back by itself
	}
	clear(w.seen)
	return err
}

const insertEntry = `INSERT INTO realtime_events (seq, at_us, kind, source, app, channel, event_type, delivered, count,
  socket, user, bytes, note, payload_encoding, payload) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

// append writes entries and their projections. It is called inside a transaction.
func (w *writer) append(entries []journal.Entry) error {
	for i := range entries {
		e := &entries[i]
		payload, encoding := encodePayload(e.Data)
		delivered := int64(0)
		if e.Delivered() {
			delivered = 1
		}
		err := w.exec(insertEntry, int64(e.Seq), e.At.UnixMicro(), e.Kind.String(), e.Source.String(), e.App, e.Channel,
			e.Event, delivered, int64(e.Count), e.Socket, e.User, int64(e.Bytes), e.Note, encoding, payload)
		if err != nil {
			return err
		}
		if project := projections[e.Kind]; project != nil {
			if err := project(w, e); err != nil {
				return err
			}
		}
	}
	return w.touchSeen()
}
