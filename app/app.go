package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"echolab/app/certificate"
	"echolab/app/metrics"
	"echolab/app/store"
	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// App is one Echolab: a journal, the store that follows it, the emulator that fills it, and two listeners. Every use
// case is a method.
type App struct {
	config  Config
	log     *slog.Logger
	started time.Time
	apps    *apps
	profile *pusher.Profile
	journal *journal.Journal
	watch   *journal.Watch
	cleared cleared
	store   *store.Store
	server  *emulator.Server
	metrics *metrics.Metrics
	tls     *certificate.Source // nil where the server speaks http
	backend *backend            // nil where it is off
	unkept  string              // why events are not kept on disk, "" when they are

	reloading sync.Mutex // guards what follows it
	problem   string     // why the changed configuration is not used, "" when it is
	read      string     // the configuration file that was read last, "" for none
	warned    []string   // warnings that were told
	waiting   []string   // settings that differ and need a restart

	listener net.Listener // the emulator's
	ui       net.Listener // the control API's and the page's
	control  http.Handler
	ready    chan struct{}
	closed   sync.Once
}

// Open takes the ports and the database and starts nothing yet. Errors that a person can end are an *Error: Busy when
// an address or the database is in use, Invalid for the rest. logger may be nil. Run, or Close, lets go of everything.
func Open(ctx context.Context, cfg Config, logger *slog.Logger) (_ *App, err error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	profile, err := pusher.ProfileNamed(cfg.Profile)
	if err != nil {
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	a := &App{config: cfg, log: logger, started: time.Now(), apps: newApps(cfg), profile: profile, ready: make(chan struct{}),
		read: cfg.ConfigFile, warned: cfg.Warnings}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.listener, err = listen(ctx, cfg.Host, cfg.Port, "--port "); err != nil {
		return nil, err
	}
	if a.ui, err = listen(ctx, cfg.UIHost, cfg.UIPort, "--ui-port "); err != nil {
		if cfg.UIPort == cfg.Port && cfg.Port != 0 {
			return nil, &Error{Code: Invalid, Err: err, Message: fmt.Sprintf(
				"port %d is asked for twice, by the server and by the UI; pass another --ui-port, or 0 for any free one", cfg.Port)}
		}
		return nil, err
	}
	if a.tls, err = a.identity(); err != nil {
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	a.metrics = metrics.New(a.readings)
	for _, app := range a.apps.all() {
		a.metrics.Serve(app.ID)
	}
	options := storeOptions(cfg, logger)
	options.Committed = a.metrics.Committed
	a.store, err = store.Open(options)
	if errors.Is(err, store.ErrUnwritable) {
		// The server is worth more than its memory: serve, keep events for as long as it runs, and say so.
		a.unkept = strings.ReplaceAll(err.Error(), "\n", "; ") + "; events are kept in memory until Echolab is started again"
		logger.Error(a.unkept)
		a.store, err = store.Open(store.Options{Memory: true, Logger: logger, Retention: cfg.Retention})
	}
	if err != nil {
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	a.journal = journal.New(journal.Options{After: a.store.LastSeq()})
	a.watch = journal.NewWatch(a.journal)
	a.store.Attach(a.journal)
	if a.backend, err = a.openBackend(ctx); err != nil {
		return nil, err
	}
	var fallback emulator.Fallback
	if a.backend != nil {
		fallback = a.backend
	}
	a.server = emulator.New(emulator.Config{
		Fallback:       fallback,
		Profile:        profile,
		Path:           cfg.Path,
		MaxRequestSize: cfg.MaxRequestSize,
		QueueBytes:     cfg.QueueBytes,
		WriteTimeout:   cfg.WriteTimeout,
		AdmitWait:      cfg.AdmitWait,
		AckDelivered:   cfg.Ack == AckDelivered,
		Debug:          cfg.Debug,
		Logger:         logger,
		Answered:       func(took time.Duration, kept bool) { a.metrics.Answered(journal.HTTP, took, kept) },
		HookRetried:    func(appID string) { a.metrics.HookRetried(appID) },
	}, a.apps, a.journal)
	return a, nil
}

// Mount sets what the control listener serves. Call it before Run.
func (a *App) Mount(control http.Handler) { a.control = control }

// Addr is where the emulator listens, with the port that was found for 0.
func (a *App) Addr() net.Addr { return a.listener.Addr() }

// UIAddr is where the page and the control API listen.
func (a *App) UIAddr() net.Addr { return a.ui.Addr() }

// Ready is closed once connections are answered.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Config is what the App was opened with.
func (a *App) Config() Config { return a.config }

// StartedAt is when the App was opened.
func (a *App) StartedAt() time.Time { return a.started }

// Journal is what happens, as it happens.
func (a *App) Journal() *journal.Journal { return a.journal }

// Run serves until ctx ends, then stops within the configured ShutdownTimeout: no new connections, clients sent away so
// that they come back, the store written to its end. It returns nil after a clean stop.
func (a *App) Run(ctx context.Context) error {
	background := context.WithoutCancel(ctx)
	kept := make(chan error, 1)
	go func() { kept <- a.store.Follow(background, a.journal) }()
	hooks := make(chan struct{})
	hooksCtx, endHooks := context.WithCancel(background)
	defer endHooks()
	now := a.journal.Last()
	go func() {
		defer close(hooks)
		a.server.RunWebhooks(hooksCtx, now)
	}()

	counting := make(chan struct{})
	tail := a.journal.Follow(a.journal.Last(), false)
	go func() {
		defer close(counting)
		a.metrics.Follow(background, tail)
	}()

	telling := make(chan struct{})
	tellingCtx, endTelling := context.WithCancel(background)
	defer endTelling()
	events := a.journal.Follow(a.journal.Last(), false).Gather(5 * time.Millisecond)
	go func() {
		defer close(telling)
		a.tellWhy(tellingCtx, events)
	}()

	endBackend := a.runBackend(background)

	control := &http.Server{Handler: patient(a.control, cmp.Or(a.config.BodyPatience, BodyPatience)), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)}
	failed := make(chan error, 3)
	go func() { failed <- a.server.Serve(a.secured(a.listener)) }()
	go func() { failed <- control.Serve(a.ui) }()
	if a.backend != nil && a.backend.listener != nil {
		go func() { failed <- a.backend.http.Serve(a.backend.listener) }()
	}
	a.journal.Append(journal.Entry{Kind: journal.Started, Note: a.Addr().String()})
	if a.unkept != "" {
		a.journal.Append(journal.Entry{Kind: journal.Trouble, Note: a.unkept})
	}
	a.log.Info("started", "url", a.URL(), "ui", a.UIURL(), "db", strings.Join(a.store.State().Paths, ", "))
	close(a.ready)

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	}

	a.log.Debug("stopping")
	stop, cancel := context.WithTimeout(background, a.config.ShutdownTimeout)
	defer cancel()
	away, cancelAway := context.WithTimeout(stop, a.config.ShutdownTimeout/2)
	defer cancelAway()
	if closer, ok := a.control.(interface{ Close() }); ok {
		closer.Close() // ends waiting feeds
	}
	go func() { _ = control.Shutdown(away) }()
	if e := a.server.Shutdown(away); e != nil {
		a.log.Warn("some clients did not leave in time", "error", e)
	}
	endBackend(stop)
	endTelling()
	<-telling
	endHooks() // they tell how it went, so before the journal ends
	select {
	case <-hooks:
	case <-stop.Done():
	}
	a.journal.Append(journal.Entry{Kind: journal.Stopped})
	a.journal.Close()
	select {
	case e := <-kept:
		err = errors.Join(err, e)
	case <-stop.Done():
		err = errors.Join(err, errors.New("the database was not written to its end within "+a.config.ShutdownTimeout.String()))
	}
	<-counting // ended with the journal
	_ = control.Close()
	a.Close()
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// Close lets go of the ports and the database. Run does it too; it can be called twice.
func (a *App) Close() {
	a.closed.Do(func() {
		for _, l := range []net.Listener{a.listener, a.ui} {
			if l != nil {
				_ = l.Close()
			}
		}
		if a.backend != nil && a.backend.listener != nil {
			_ = a.backend.listener.Close()
		}
		if a.store != nil {
			if err := a.store.Close(); err != nil {
				a.log.Error("closing the database", "error", err)
			}
		}
	})
}

// UIURL is where a browser on this machine finds the page.
func (a *App) UIURL() string { return "http://" + reachable(a.UIAddr()) }

// reachable turns an address that is listened on into one that can be connected to.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

// ReachableFromNetwork tells whether other machines can connect to the emulator.
func (a *App) ReachableFromNetwork() bool {
	tcp, ok := a.Addr().(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}
