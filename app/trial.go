package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
	"echolab/harness"
)

// Trial is a scenario about to be run.
type Trial struct {
	Plan *harness.Plan
	// Remote is the server under test; nil: an emulator of our own, in this process, on a free port and a database that is
	// gone afterwards.
	Remote *Remote
	// Config is that of the folder: the embedded emulator is made of it, and the catalogue of events for emit.
	Config Config
	// Knee raises the rates until something breaks.
	Knee bool
	// ServerPID is the server's process, where it runs on this machine; 0: not known.
	ServerPID int
	// Backend is the emulated application of a Remote that is an Echolab, for notify and workflow; nil: there is none.
	Backend harness.Backend
	// Application is the address behind http steps; "": the server's.
	Application string
	Version     string
	Progress    func(harness.Progress)
	Heard       func(client, channel, event string, data []byte, at time.Duration)
	Logger      *slog.Logger
}

// Try runs a scenario and returns what came of it, whatever that is. Errors are of what was asked for, an *Error.
func Try(ctx context.Context, t Trial) (*harness.Result, error) {
	opt := harness.Options{ServerPID: t.ServerPID, Application: t.Application, Version: t.Version, Progress: t.Progress, Heard: t.Heard,
		Catalogue: &catalogue{Described: DescribedBy(t.Config)}}
	if key := DescribedBy(t.Config).Application.Auth.EncryptionKey; len(key) == 32 {
		opt.MasterKey = key
	}
	if t.Remote != nil {
		opt.URL, opt.App, opt.TLS, opt.Backend = t.Remote.URL, t.Remote.App, t.Remote.TLS, t.Backend
		return t.run(ctx, opt)
	}
	dir, err := os.MkdirTemp("", "echolab-run-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cfg := t.Config
	cfg.Host, cfg.Port, cfg.UIHost, cfg.UIPort, cfg.BackendAddr = "127.0.0.1", 0, "127.0.0.1", 0, ""
	cfg.TLS, cfg.TLSCert, cfg.TLSKey = TLSOff, "", ""
	cfg.DB, cfg.Ack = filepath.Join(dir, "run.sqlite"), AckDelivered
	cfg.ConfigFile = "" // nothing is to change under a run
	embedded, err := Open(ctx, cfg, t.Logger)
	if err != nil {
		return nil, err
	}
	embedded.Mount(http.NotFoundHandler())
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- embedded.Run(serving) }()
	defer func() {
		stop()
		<-ended
	}()
	select {
	case <-embedded.Ready():
	case err := <-ended:
		ended <- nil
		return nil, fmt.Errorf("the embedded emulator ended: %w", err)
	}
	opt.URL, opt.App, opt.Embedded = embedded.URL(), cfg.Apps[0], true
	if embedded.backend != nil {
		opt.Backend = acting{embedded}
	}
	return t.run(ctx, opt)
}

func (t Trial) run(ctx context.Context, opt harness.Options) (*harness.Result, error) {
	play := harness.Run
	if t.Knee {
		play = harness.FindKnee
	}
	result, err := play(ctx, t.Plan, opt)
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			return nil, err
		}
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	if c, ok := opt.Catalogue.(*catalogue); ok {
		c.mu.Lock()
		result.Warnings = append(result.Warnings, c.notes...)
		c.mu.Unlock()
	}
	return result, nil
}

// catalogue draws events for the harness.
type catalogue struct {
	Described
	mu    sync.Mutex // guards notes
	notes []string   // what a person may not expect of the events drawn so far, each once
}

// maxNotes is how many a result has room for.
const maxNotes = 10

func (c *catalogue) note(event string, notes []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, note := range notes {
		if note = "emit " + event + ": " + note; len(c.notes) < maxNotes && !slices.Contains(c.notes, note) {
			c.notes = append(c.notes, note)
		}
	}
}

// Occurrence implements harness.Catalogue.
func (c *catalogue) Occurrence(name string, params, set map[string]any, seed uint64) ([]harness.Emission, error) {
	o := Occurrence{Event: name, Params: make(map[string]any, len(params)), Seed: &seed, Plain: true} // the harness encrypts, once it has marked it
	for key, value := range params {
		o.Params[key] = settled(value)
	}
	for path, value := range set {
		o.Payload = append(o.Payload, laravel.Field{Key: path, Value: settled(value)})
	}
	composed, err := laravel.Compose(c.Application, c.Mode, "", time.Now(), o)
	if err != nil {
		return nil, emitError(err)
	}
	c.note(name, notesOf(composed))
	out := make([]harness.Emission, len(composed.Publications))
	for i, p := range composed.Publications {
		out[i] = harness.Emission{Event: p.Event, Channels: p.Channels, Payload: []byte(p.Data)}
	}
	return out, nil
}

// acting has the harness act in the emulated application.
type acting struct{ app *App }

// Reach implements harness.Backend.
func (acting) Reach(context.Context) error { return nil }

// Notify implements harness.Backend.
func (a acting) Notify(ctx context.Context, n harness.Notice, send func(harness.Emission) error) ([]string, error) {
	_, err := a.app.Notify(ctx, Notice{Users: n.Users, Title: n.Title, Message: n.Message, Data: n.Data, Type: n.Type,
		Queued: n.Queued, Lag: n.Lag, Through: through(send)})
	return nil, err
}

// Workflow implements harness.Backend.
func (a acting) Workflow(ctx context.Context, w harness.WorkflowNotice, send func(harness.Emission) error) (notes []string, err error) {
	var rows []Notification
	if w.Name != "" {
		rows, notes, err = a.app.RunWorkflow(ctx, w.Name, w.Data, through(send))
	} else {
		rows, notes, err = a.app.SendWorkflow(ctx, w.Workflow, w.Data, through(send))
	}
	if err == nil && len(rows) == 0 {
		notes = append(notes, "nobody is the recipient, so nothing was sent")
	}
	return notes, err
}

func through(send func(harness.Emission) error) Sender {
	return func(_ context.Context, p pusher.Publication) error {
		return send(harness.Emission{Event: p.Event, Channels: p.Channels, Payload: []byte(p.Data)})
	}
}

// settled is a value as the catalogue takes it from a file.
func settled(v any) any {
	switch n := v.(type) {
	case int:
		return int64(n)
	case uint64:
		if n < 1<<63 {
			return int64(n)
		}
		return strconv.FormatUint(n, 10)
	}
	return v
}
