package laravel

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
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
	// Refused is told of each no of /broadcasting/auth; nil: nobody is. It returns soon.
	Refused func(ctx context.Context, no RefusedChannel)
	// Say logs a line that may come in floods, unless one like it was logged a moment ago, see emulator.Server.Say; nil:
	// each goes to Logger.
	Say func(level slog.Level, msg, about, reason string, args ...any)
	// Hosts are names, without ports, under which the application is reached, beside addresses, names of no registry and
	// the hosts of auth.origins. Under any other name only a user's own token is believed.
	Hosts []string
	// Server is where clients find the WebSocket server, for the policy of the pages; nil: they do not name it.
	Server func() *url.URL
	// Known are tokens that anybody can read somewhere, such as those of a sample: they name a user like an id does.
	Known []string
	// Store keeps the rows; nil: memory.
	Store  Store
	Clock  Clock // nil: the machine's
	Logger *slog.Logger
}

// RefusedChannel is a no of /broadcasting/auth.
type RefusedChannel struct {
	Channel, Socket string // as they were asked for
	User            string // id; "" for a guest
	Why             string // in words, with the status
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

	drawn counter // how often each event of the catalogue has been drawn
	queue queue

	keeper    keeper
	presences presences
	feed      feed
	versions  versions

	rows     entityRows
	turns    turns
	changing sync.Mutex // held while a change of a row is decided and stored; see write

	notifications notificationRows
	documents     documentRows

	compiled atomic.Pointer[rulebook] // of the description that last authorised
}

// New builds a Backend and reads its rows from the store. The description must have been checked (Check).
func New(ctx context.Context, cfg Config, described *Application) (*Backend, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = machineClock{}
	}
	if cfg.Store == nil {
		cfg.Store = newMemoryStore()
	}
	b := &Backend{cfg: cfg, log: cfg.Logger, mux: http.NewServeMux()}
	b.queue.more = make(chan struct{}, 1)
	b.description.Store(described)
	b.keeper.store = cfg.Store
	for _, load := range []func(context.Context) error{b.loadEntities, b.loadNotifications, b.loadDocuments, b.loadPresence, b.loadActivities, b.loadVersions} {
		if err := load(ctx); err != nil {
			return nil, err
		}
	}
	for _, r := range routes() {
		b.mux.Handle(r.pattern, b.handler(r))
	}
	return b, nil
}

// Run does what time brings until ctx ends, and returns once all of that has ended.
func (b *Backend) Run(ctx context.Context) {
	var chores sync.WaitGroup
	for _, chore := range []func(context.Context){b.runPresence, b.runQueue, b.expireLocks} {
		chores.Go(func() { chore(ctx) })
	}
	chores.Wait()
	b.keeper.settle()
}

// Use takes over a changed description: requests that begin now see it. Rows that users changed stay as they are.
func (b *Backend) Use(described *Application) {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.description.Store(described)
	b.redescribe(described)
}

// Application is what is described at the moment. It must not be changed.
func (b *Backend) Application() *Application { return b.description.Load() }

// Mode is how contradictions are treated.
func (b *Backend) Mode() Mode { return b.cfg.Mode }

type machineClock struct{}

func (machineClock) Now() time.Time { return time.Now() }

func (machineClock) At(t time.Time) (<-chan time.Time, func()) {
	timer := time.NewTimer(time.Until(t))
	return timer.C, func() { timer.Stop() }
}
