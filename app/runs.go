package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"echolab/app/store"
	"echolab/harness"
)

// Run is one run of the harness, as a list shows it.
type Run = store.Run

// DefaultKeepRuns is how many runs are kept unless something else is asked for.
const DefaultKeepRuns = 200

// RunSummary is what a list of runs shows besides their names.
type RunSummary struct {
	Expected  int64   `json:"expected"`
	Delivered int64   `json:"delivered"`
	Accepted  int64   `json:"accepted"`
	P95MS     float64 `json:"p95_ms"` // of deliveries; 0: none
	Users     int64   `json:"users"`  // at most
	Reason    string  `json:"reason"` // the worst; "" where it passed
}

// Runs are the kept runs of a configuration.
type Runs struct {
	kept *store.Runs
	keep int
}

// RunsFile is where a configuration keeps its runs: runs.sqlite in the data folder, or in the database that was named; ""
// where that is in memory.
func RunsFile(cfg Config) string {
	switch {
	case cfg.DB == store.Memory:
		return ""
	case cfg.Origin("db") == "default":
		return filepath.Join(filepath.Dir(cfg.DB), "runs.sqlite")
	}
	return cfg.DB
}

// OpenRuns opens them, to add and to change. A server may be using the file. Errors are an *Error.
func OpenRuns(ctx context.Context, cfg Config) (*Runs, error) {
	path := RunsFile(cfg)
	if path == "" {
		return nil, inMemory()
	}
	kept, err := store.OpenRuns(ctx, path)
	if err != nil {
		code := Invalid
		if errors.Is(err, store.ErrInUse) {
			code = Busy
		}
		return nil, &Error{Code: code, Message: err.Error(), Err: err}
	}
	return &Runs{kept, cfg.KeepRuns}, nil
}

// ReadRuns opens them for reading. Where there are none yet it is nil, without an error.
func ReadRuns(ctx context.Context, cfg Config) (*Runs, error) {
	path := RunsFile(cfg)
	if path == "" {
		return nil, inMemory()
	}
	kept, err := store.ReadRuns(ctx, path)
	switch {
	case errors.Is(err, store.ErrMissing):
		return nil, nil
	case err != nil:
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	return &Runs{kept, cfg.KeepRuns}, nil
}

// Close lets go of the file.
func (r *Runs) Close() error { return r.kept.Close() }

// Path is where they are.
func (r *Runs) Path() string { return r.kept.Path() }

// Add keeps a run, and deletes the oldest beyond what is to be kept; those with a label stay.
func (r *Runs) Add(ctx context.Context, result *harness.Result) (deleted int64, err error) {
	var text bytes.Buffer
	if err := harness.WriteResult(&text, result); err != nil {
		return 0, err
	}
	s := RunSummary{Expected: result.Delivery.Expected, Delivered: result.Delivery.Delivered, Accepted: result.Delivery.Accepted}
	if m, ok := result.Total(harness.DeliveryLatency.Name, nil); ok {
		s.P95MS = m.Percentile(95)
	}
	if m, ok := result.Total(harness.Users.Name, nil); ok {
		s.Users = int64(m.Most)
	}
	if len(result.Reasons) > 0 {
		s.Reason = result.Reasons[0]
	}
	summary, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	run := Run{ID: result.ID, Name: result.Name, File: result.File, Verdict: string(result.Verdict), Segment: result.Segment, Target: result.Target.URL,
		Started: result.Started, Duration: time.Duration(result.DurationMS * float64(time.Millisecond)), Summary: summary}
	return r.kept.Add(ctx, run, text.Bytes(), r.keep)
}

// List are the newest, the newest first; limit 0 is all. name, if not "", is the scenario's.
func (r *Runs) List(ctx context.Context, name string, limit int) ([]Run, error) {
	return r.kept.List(ctx, name, limit)
}

// Find is the run of an id or of its beginning; "latest" is the newest.
func (r *Runs) Find(ctx context.Context, id string) (Run, error) {
	run, err := r.kept.Find(ctx, id)
	if errors.Is(err, store.ErrNoRun) {
		err = &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	return run, err
}

// Result is what a run came to.
func (r *Runs) Result(ctx context.Context, id string) (*harness.Result, error) {
	run, err := r.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	text, err := r.kept.Result(ctx, run.ID, harness.MaxResultBytes+1)
	if err != nil {
		return nil, err
	}
	result, err := harness.ReadResult(bytes.NewReader(text))
	if err != nil {
		return nil, &Error{Code: Invalid, Message: "run " + run.ID + " in " + r.Path() + ": " + err.Error(), Err: err}
	}
	return result, nil
}

// Delete deletes runs by id or its beginning; all of them are there, or none is deleted.
func (r *Runs) Delete(ctx context.Context, ids ...string) ([]Run, error) {
	var found []Run
	var whole []string
	for _, id := range ids {
		run, err := r.Find(ctx, id)
		if err != nil {
			return nil, err
		}
		found, whole = append(found, run), append(whole, run.ID)
	}
	return found, r.kept.Delete(ctx, whole...)
}

// Keep keeps a run for good under a label; keep false gives it up to retention.
func (r *Runs) Keep(ctx context.Context, id, label string, keep bool) (Run, error) {
	run, err := r.Find(ctx, id)
	if err != nil {
		return run, err
	}
	if err := r.kept.Keep(ctx, run.ID, label, keep); err != nil {
		return run, err
	}
	return r.kept.Find(ctx, run.ID)
}
