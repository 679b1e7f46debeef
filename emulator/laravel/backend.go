package laravel

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"echolab/emulator/pusher"
)

// Config is what a Backend is given by whoever runs it.
type Config struct {
	Mode Mode // Fixed or AsWritten
	// App signs authorisations; Publish sends an event as a signed HTTP publish would, and returns once it is kept.
	App     SigningApp
	Publish func(ctx context.Context, p pusher.Publication) error
	// Store keeps the rows; nil: memory.
	Store  Store
	Clock  Clock // nil: the machine's
	Logger *slog.Logger
}

// Clock is what time it is and when an instant has come; a fake one moves by hand.
type Clock interface {
	Now() time.Time
	// At returns a channel that receives once the instant has come, and a function that forgets it.
	At(t time.Time) (<-chan time.Time, func())
}

// Backend is one emulated application. Its methods can be called from any goroutine.
type Backend struct {
	cfg Config
	log *slog.Logger

	description atomic.Pointer[Application] // what is described at the moment
	mux         *http.ServeMux

	mu sync.Mutex // guards the rows: everything that requests change. Never held while publishing.
}

// New builds a Backend and reads its rows from the store. The description must have been checked (Check).
func New(ctx context.Context, cfg Config, described *Application) (*Backend, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = machineClock{}
	}
	b := &Backend{cfg: cfg, log: cfg.Logger, mux: http.NewServeMux()}
	b.description.Store(described)
	for _, r := range routes() {
		b.mux.Handle(r.pattern, b.handler(r))
	}
	return b, nil
}

// Use takes over a changed description: requests that begin now see it.
func (b *Backend) Use(described *Application) { b.description.Store(described) }

// ServeHTTP answers a request to the application.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// Handles tells whether the application has a route for the request.
func (b *Backend) Handles(r *http.Request) bool {
	_, pattern := b.mux.Handler(r)
	return pattern != ""
}

type machineClock struct{}

func (machineClock) Now() time.Time { return time.Now() }

func (machineClock) At(t time.Time) (<-chan time.Time, func()) {
	timer := time.NewTimer(time.Until(t))
	return timer.C, func() { timer.Stop() }
}
