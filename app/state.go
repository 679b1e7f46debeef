package app

import (
	"context"

	"echolab/app/store"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// AppCounts is who is on one application now.
type AppCounts struct {
	App         pusher.App // secret included
	Connections int        // open sockets
	Subscribed  int        // sockets on at least one channel
	Channels    int        // channels with a subscriber
}

// Counts tells who is on each application, in the order of the configuration.
func (a *App) Counts() []AppCounts {
	all := make([]AppCounts, len(a.apps))
	for i, app := range a.apps {
		all[i].App = *app
		all[i].Connections, all[i].Subscribed, all[i].Channels = a.server.Counts(app.ID)
	}
	return all
}

// Store tells how the database is doing. Where it could not be written at the start, events are in memory only, and
// that is not OK.
func (a *App) Store() store.State {
	state := a.store.State()
	if a.unkept != "" {
		state.OK, state.Error = false, a.unkept
	}
	return state
}

// Entries reads the database.
func (a *App) Entries(ctx context.Context, q store.Query) ([]journal.Entry, error) {
	return a.store.Entries(ctx, q)
}

// Presence is everyone who was ever in a presence channel of an app, and where they are.
func (a *App) Presence(ctx context.Context, appID string) ([]store.Presence, error) {
	return a.store.Presence(ctx, appID)
}

// StateAt tells the state of every app, or of one, just after an entry; 0 is now.
func (a *App) StateAt(ctx context.Context, appID string, at uint64) (store.Moment, error) {
	return a.store.Moment(ctx, appID, at)
}

// Page reads a part of the database, with where to go on.
func (a *App) Page(ctx context.Context, q store.Query) (store.Page, error) {
	return a.store.Page(ctx, q)
}
