package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"echolab/app/store"
	"echolab/emulator"
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

// State is who was connected, subscribed and present at a moment. Of a moment that is over, a connection's Origin,
// UserAgent, Remote, Queued and LastSeen are not known.
type State struct {
	Seq         uint64    // of the last entry taken into account
	At          time.Time // when that was
	Connections []Connection
	Channels    []Channel
}

// StateAt is the state of an app, or of all of them for "", just after an entry; 0 is now.
func (a *App) StateAt(ctx context.Context, appID string, at uint64) (state State, err error) {
	last := a.journal.Last()
	if at == 0 || at == last && (appID == "" || a.apps.served(appID) != nil) { // of an app that was removed, the database knows
		state = State{Seq: last, At: time.Now()}
		if state.Connections, err = a.Connections(appID); err == nil {
			state.Channels, err = a.Channels(appID)
		}
		return state, err
	}
	if at > last {
		return State{}, &Error{Code: NotFound, Message: fmt.Sprintf("entry %d has not happened yet; the newest is %d", at, last)}
	}
	settled, cancel := context.WithTimeout(ctx, settleWait)
	_ = a.journal.Settled(settled, at)
	cancel()
	moment, err := a.store.Moment(ctx, appID, at)
	if err != nil {
		return State{}, a.unread(err)
	}
	if len(moment.Apps) == 0 {
		if err := a.unheardOf(ctx, appID); err != nil {
			return State{}, err
		}
	}
	switch {
	case moment.First == 0:
		return State{}, &Error{Code: NotFound, Message: fmt.Sprintf("entry %d is not kept any more; nothing is", at)}
	case at < moment.First:
		return State{}, &Error{Code: NotFound, Message: fmt.Sprintf("entry %d is not kept any more; the oldest is %d", at, moment.First)}
	}
	state = State{Seq: at, At: moment.Time}
	for _, app := range moment.Apps {
		a.addMoment(&state, app)
	}
	return state, nil
}

// addMoment adds what the database knows of one app.
func (a *App) addMoment(state *State, app store.AppMoment) {
	on := map[string][]store.Member{} // by socket, Info unused
	channels := map[uint64]string{}   // by the entry that began a stay in one
	for _, ch := range app.Channels {
		kind := a.profile.KindOf(ch.Channel)
		out := Channel{App: app.App, ChannelState: emulator.ChannelState{Name: ch.Channel, Kind: kind.Name, Subscriptions: len(ch.Members)}}
		for _, m := range ch.Members {
			on[m.Socket] = append(on[m.Socket], m)
			channels[m.From] = ch.Channel
			if !kind.Presence {
				continue
			}
			i := slices.IndexFunc(out.Members, func(known emulator.MemberState) bool { return known.ID == m.User })
			if i < 0 {
				i = len(out.Members)
				out.Members = append(out.Members, emulator.MemberState{ID: m.User})
			}
			out.Members[i].Sockets++
		}
		state.Channels = append(state.Channels, out)
	}
	for _, s := range app.Sockets {
		c := Connection{App: app.App, Socket: s.Socket, User: s.User, Since: s.Since}
		stays := on[s.Socket]
		slices.SortFunc(stays, func(x, y store.Member) int { return cmp.Compare(x.From, y.From) })
		for _, m := range stays {
			c.Channels = append(c.Channels, channels[m.From])
			c.User = cmp.Or(c.User, m.User)
		}
		state.Connections = append(state.Connections, c)
	}
}
