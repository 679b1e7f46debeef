package app

import (
	"context"
	"time"

	"echolab/app/store"
	"echolab/emulator/pusher"
)

// AppCounts is who is on one application now.
type AppCounts struct {
	App         pusher.App // secret included
	Made        time.Time  // when it was made while Echolab runs; zero for an app of the configuration
	Connections int        // open sockets
	Subscribed  int        // sockets on at least one channel
	Channels    int        // channels with a subscriber
}

// Counts tells who is on each application, in the order of the configuration, then of making.
func (a *App) Counts() []AppCounts {
	list := a.apps.all()
	all := make([]AppCounts, len(list))
	for i, app := range list {
		all[i].App, all[i].Made = app.App, app.made
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

// Presence is everyone who was ever in a presence channel of an app, and where they are.
func (a *App) Presence(ctx context.Context, appID string) ([]store.Presence, error) {
	return a.store.Presence(ctx, appID)
}

// State is who was connected, subscribed and present at a moment.
type State struct {
	Seq         uint64 // of the last entry taken into account
	Connections []Connection
	Channels    []Channel
}

// StateAt is the state of an app, or of all of them for "", right after an entry; 0 is now.
func (a *App) StateAt(_ context.Context, appID string, at uint64) (State, error) {
	state := State{Seq: a.journal.Last()}
	if at != 0 && at != state.Seq {
		return State{}, &Error{Code: Invalid, Message: "only the state now is known"}
	}
	var err error
	if state.Connections, err = a.Connections(appID); err != nil {
		return State{}, err
	}
	state.Channels, err = a.Channels(appID)
	return state, err
}
