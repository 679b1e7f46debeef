package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Run is one run of the harness, as a list shows it.
type Run struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	File     string          `json:"file"`
	Verdict  string          `json:"verdict"`
	Segment  string          `json:"segment"`
	Target   string          `json:"target"`
	Started  time.Time       `json:"started"`
	Duration time.Duration   `json:"-"`
	Summary  json.RawMessage `json:"summary"`
	// Label is why it is kept for good; "": retention may delete it.
	Label string `json:"label"`
	Kept  bool   `json:"kept"`
}

// Runs are the runs of one file. A server may hold the same file for its journal meanwhile: a run is one short
// transaction of its own. Its methods may be called from any goroutine.
type Runs struct {
	path string
	db   *sql.DB
}

// ErrNoRun is what an error is (errors.Is) when there is no run of that id.
var ErrNoRun = errors.New("there is no such run")

// patience is how long another Echolab that makes or migrates the file is waited for.
const patience = 5 * time.Second

// OpenRuns opens the file, and makes or migrates it where need be. An older file that a server of an older Echolab holds
// is ErrInUse.
func OpenRuns(ctx context.Context, path string) (*Runs, error) {
	steps, err := migrationsIn(embedded)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("folder %s cannot be made: %w; pass --db PATH", filepath.Dir(path), err)
	}
	for until := time.Now().Add(patience); ; {
		schema, err := inspect(ctx, path, len(steps))
		if err != nil {
			return nil, err
		}
		if schema == len(steps) {
			break
		}
		f, err := openFile(ctx, path, "", patience, steps)
		if err == nil {
			if err = f.close(); err != nil {
				return nil, err
			}
			break
		}
		if !errors.Is(err, ErrInUse) || time.Now().After(until) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	db, err := sql.Open("sqlite", uri(path, "mode=rw", "_txlock=immediate", pragma("busy_timeout(5000)"), pragma("foreign_keys(ON)"), pragma("synchronous(NORMAL)")))
	if err != nil {
		return nil, fmt.Errorf("open runs %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	return &Runs{path, db}, nil
}

// ReadRuns opens the file for reading alone. A file that is not there, or has no runs yet, is ErrMissing.
func ReadRuns(ctx context.Context, path string) (*Runs, error) {
	steps, err := migrationsIn(embedded)
	if err != nil {
		return nil, err
	}
	schema, err := inspect(ctx, path, len(steps))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || schema < 4 {
		return nil, fmt.Errorf("%w with runs at %s", ErrMissing, path)
	}
	f := &file{path: path}
	if err := f.openToRead(ctx, len(steps)); err != nil {
		return nil, err
	}
	return &Runs{path, f.reader.Load()}, nil
}

// Close lets go of the file.
func (r *Runs) Close() error { return r.db.Close() }

// Path is where they are.
func (r *Runs) Path() string { return r.path }

// Add keeps a run with its result (JSON), in the place of one with the same id, and deletes the oldest beyond keep that
// have no label; 0 deletes none. The one that is added always stays.
func (r *Runs) Add(ctx context.Context, run Run, result []byte, keep int) (deleted int64, err error) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(result); err != nil {
		return 0, err
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, r.cannot("be written", err)
	}
	defer func() { _ = tx.Rollback() }() // says "done" after Commit
	_, err = tx.ExecContext(ctx, `INSERT INTO runs (id, name, file, verdict, segment, target, started_us, duration_us, summary, result)
	  VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, file = excluded.file, verdict = excluded.verdict,
	  segment = excluded.segment, target = excluded.target, started_us = excluded.started_us, duration_us = excluded.duration_us,
	  summary = excluded.summary, result = excluded.result`,
		run.ID, run.Name, run.File, run.Verdict, run.Segment, run.Target, run.Started.UnixMicro(), run.Duration.Microseconds(), string(run.Summary), packed.Bytes())
	if err == nil && keep > 0 {
		var done sql.Result
		done, err = tx.ExecContext(ctx, `DELETE FROM runs WHERE label IS NULL AND id <> ?1 AND id NOT IN (
		  SELECT id FROM runs WHERE label IS NULL AND id <> ?1 ORDER BY started_us DESC, id LIMIT ?2)`, run.ID, keep-1)
		if err == nil {
			deleted, err = done.RowsAffected()
		}
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return 0, r.cannot("be written", err)
	}
	return deleted, nil
}

func (r *Runs) cannot(what string, err error) error {
	why, hint := explain(err)
	return fmt.Errorf("runs in %s cannot %s: %s; %s (%w)", r.path, what, why, hint, err)
}

const runColumns = "id, name, file, verdict, segment, target, started_us, duration_us, summary, label"

func scanRun(row interface{ Scan(...any) error }, more ...any) (run Run, err error) {
	var started, duration int64
	var summary string
	var label sql.NullString
	err = row.Scan(append([]any{&run.ID, &run.Name, &run.File, &run.Verdict, &run.Segment, &run.Target, &started, &duration, &summary, &label}, more...)...)
	run.Started, run.Duration = time.UnixMicro(started).UTC(), time.Duration(duration)*time.Microsecond
	run.Summary, run.Label, run.Kept = json.RawMessage(summary), label.String, label.Valid
	return run, err
}

// List are the newest runs, the newest first; limit 0 is all. name, if not "", is the scenario's.
func (r *Runs) List(ctx context.Context, name string, limit int) ([]Run, error) {
	if limit <= 0 {
		limit = -1
	}
	rows, err := r.db.QueryContext(ctx, "SELECT "+runColumns+" FROM runs WHERE ?1 = '' OR name = ?1 ORDER BY started_us DESC, id LIMIT ?2", name, limit)
	if err != nil {
		return nil, r.cannot("be read", err)
	}
	defer rows.Close()
	all := []Run{}
	for rows.Next() {
		run, err := scanRun(rows)
		if err != nil {
			return nil, r.cannot("be read", err)
		}
		all = append(all, run)
	}
	return all, rows.Err()
}

// Find is the run of an id, or of the beginning of one that no other has; "latest" is the newest. ErrNoRun where there is
// none.
func (r *Runs) Find(ctx context.Context, id string) (Run, error) {
	query, arg := "SELECT "+runColumns+" FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id = ?1 DESC, id LIMIT 2", id
	if id == "latest" {
		query = "SELECT " + runColumns + " FROM runs WHERE ?1 <> '' ORDER BY started_us DESC, id LIMIT 1"
	}
	rows, err := r.db.QueryContext(ctx, query, arg)
	if err != nil {
		return Run{}, r.cannot("be read", err)
	}
	defer rows.Close()
	var found []Run
	for rows.Next() {
		run, err := scanRun(rows)
		if err != nil {
			return Run{}, r.cannot("be read", err)
		}
		found = append(found, run)
	}
	if err := rows.Err(); err != nil {
		return Run{}, r.cannot("be read", err)
	}
	switch {
	case len(found) == 0 || id == "":
		return Run{}, fmt.Errorf("%w: %q in %s; 'echolab runs' lists them", ErrNoRun, id, r.path)
	case len(found) == 2 && found[0].ID != id:
		return Run{}, fmt.Errorf("%w: %q begins several ids (%s, %s …); write more of it", ErrNoRun, id, found[0].ID, found[1].ID)
	}
	return found[0], nil
}

// Result is a run's result, as JSON. It is at most limit bytes long.
func (r *Runs) Result(ctx context.Context, id string, limit int64) ([]byte, error) {
	var packed []byte
	err := r.db.QueryRowContext(ctx, "SELECT result FROM runs WHERE id = ?", id).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: %q in %s", ErrNoRun, id, r.path)
	}
	if err != nil {
		return nil, r.cannot("be read", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("run %s in %s is damaged: %w", id, r.path, err)
	}
	text, err := io.ReadAll(io.LimitReader(z, limit))
	if err != nil {
		return nil, fmt.Errorf("run %s in %s is damaged: %w", id, r.path, err)
	}
	return text, nil
}

// Delete deletes runs by their whole ids, kept ones too.
func (r *Runs) Delete(ctx context.Context, ids ...string) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return r.cannot("be written", err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, "DELETE FROM runs WHERE id = ?", id); err != nil {
			return r.cannot("be written", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return r.cannot("be written", err)
	}
	return nil
}

// Keep keeps a run for good under a label, or gives it up to retention again.
func (r *Runs) Keep(ctx context.Context, id, label string, keep bool) error {
	value := sql.NullString{String: label, Valid: keep}
	if _, err := r.db.ExecContext(ctx, "UPDATE runs SET label = ? WHERE id = ?", value, id); err != nil {
		return r.cannot("be written", err)
	}
	return nil
}
