package app

import (
	"cmp"
	"fmt"
	"slices"

	"echolab/emulator"
)

// Connection is one open socket at a moment, Subscriber one on a channel.
type (
	Connection = emulator.ConnectionState
	Subscriber = emulator.Subscriber
)

// Connections tells of every open socket, app after app, the oldest first; appID "" is all of them.
func (a *App) Connections(appID string) ([]Connection, error) {
	ids, err := a.appIDs(appID)
	var all []Connection
	for _, id := range ids {
		all = append(all, a.server.Connections(id)...)
	}
	return all, err
}

// Disconnect ends a socket. code 0 is emulator.CloseAgain. The reason goes to the client and into the journal.
func (a *App) Disconnect(socket string, code int, reason string) error {
	code = cmp.Or(code, emulator.CloseAgain)
	if err := checkClose(code, reason); err != nil {
		return err
	}
	for _, app := range a.apps.all() {
		if a.server.Disconnect(app.ID, socket, code, reason) {
			return nil
		}
	}
	return &Error{Code: NotFound, Message: fmt.Sprintf("there is no open connection with the socket id %s", short(socket))}
}

// checkClose holds a close code to what may be sent (RFC 6455, 7.4) and a reason to what fits into a control frame.
func checkClose(code int, reason string) error {
	switch {
	case code == emulator.CloseCut:
	case code < 1000 || code > 4999, code >= 1004 && code <= 1006, code >= 1015 && code < 3000:
		return &Error{Code: Invalid, Message: fmt.Sprintf(
			"code is %d; it must be a close code that may be sent, such as 1000 or 4000 to 4999, or %d to end without one", code, emulator.CloseCut)}
	}
	if len(reason) > 123 {
		return &Error{Code: Invalid, Message: fmt.Sprintf("reason is %d bytes long; a close frame has room for 123", len(reason))}
	}
	return nil
}

// Channel is one channel at a moment, with the app that it belongs to.
type Channel struct {
	App string
	emulator.ChannelState
}

// Channels tells of every channel that has a subscriber or keeps an event, by app and name; appID "" is all apps.
func (a *App) Channels(appID string) ([]Channel, error) {
	ids, err := a.appIDs(appID)
	var all []Channel
	for _, id := range ids {
		from := len(all)
		for _, ch := range a.server.Snapshot(id).Channels {
			all = append(all, Channel{id, ch})
		}
		slices.SortFunc(all[from:], func(x, y Channel) int { return cmp.Compare(x.Name, y.Name) })
	}
	return all, err
}

// Channel is one channel and who is on it; appID "" is the first app that has such a channel.
func (a *App) Channel(appID, name string) (Channel, []Subscriber, error) {
	channels, err := a.Channels(appID)
	if err != nil {
		return Channel{}, nil, err
	}
	for _, ch := range channels {
		if ch.Name == name {
			return ch, a.server.Subscribers(ch.App, name), nil
		}
	}
	return Channel{}, nil, &Error{Code: NotFound, Message: fmt.Sprintf("nobody is on a channel %s now", short(name))}
}

// appIDs is the app that was named, or all of them.
func (a *App) appIDs(id string) ([]string, error) {
	if id != "" {
		if _, known := a.apps.ByID(id); !known {
			return nil, NoApp(id)
		}
		return []string{id}, nil
	}
	var ids []string
	for _, app := range a.apps.all() {
		ids = append(ids, app.ID)
	}
	return ids, nil
}
