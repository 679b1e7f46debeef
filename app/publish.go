package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Published is what became of an event on one channel.
type Published struct {
	Channel string
	Entry   journal.Entry // its Count and Note say who got it
	// Sockets are those that got it, as far as that is certain: nil when somebody came or went at that moment.
	Sockets []Subscriber
	Note    string // what a person may not expect
}

// CheckPattern refuses what can be no channel's name by the rules of Publish. A pattern, with * in it, may be anything.
func CheckPattern(channel string) error {
	if channel == "" {
		return errEmptyName
	}
	if strings.Contains(channel, "*") {
		return nil
	}
	return (&pusher.Publication{Channels: []string{channel}}).CheckTrigger()
}

var errEmptyName = errors.New("a channel's name is empty")

// Publish delivers an event as the application would, without a signature; appID "" is the first app. It returns when
// the event is kept. What the application's library would not send, and what the server would refuse, is Invalid. For an
// encrypted channel the event is encrypted, unless it is already.
func (a *App) Publish(ctx context.Context, appID string, p pusher.Publication) ([]Published, error) {
	if appID == "" {
		appID = a.apps.all()[0].ID
	}
	creds, known := a.apps.ByID(appID)
	if !known {
		return nil, NoApp(appID)
	}
	if p.Event == "" || len(p.Channels) == 0 {
		return nil, &Error{Code: Invalid, Message: "an event needs a name and at least one channel"}
	}
	before := make([][]Subscriber, len(p.Channels))
	for _, channel := range p.Channels {
		if channel == "" {
			return nil, &Error{Code: Invalid, Message: errEmptyName.Error(), Err: errEmptyName}
		}
	}
	if err := p.CheckTrigger(); err != nil {
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	described := a.config.Application
	if a.backend != nil {
		described = a.backend.Application() // as it is read now
	}
	p, note, err := sealed(described, *creds, p)
	if err != nil {
		return nil, err
	}
	if a.backend != nil && appID == a.apps.all()[0].ID {
		note = "" // /broadcasting/auth is ours, and gives the same key
	}
	for i, channel := range p.Channels {
		before[i] = a.server.Subscribers(appID, channel)
	}
	began := time.Now()
	deliveries, err := a.server.Deliver(ctx, appID, p, journal.Server)
	switch {
	case err == nil:
		a.metrics.Answered(journal.Server, time.Since(began), true)
	case ctx.Err() != nil, errors.Is(err, journal.ErrBehind):
		a.metrics.Answered(journal.Server, time.Since(began), false)
		return nil, &Error{Code: Away, Message: fmt.Sprintf("the event could not be kept in time: %v", err), Err: err}
	default:
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	all := make([]Published, len(deliveries))
	for i, d := range deliveries {
		entry, err := a.Entry(ctx, d.Seq)
		if err != nil {
			return nil, err
		}
		all[i] = Published{Channel: d.Channel, Entry: entry, Note: note}
		var got []Subscriber
		for _, sub := range before[i] {
			if sub.Socket != p.Except {
				got = append(got, sub)
			}
		}
		if len(got) == d.Recipients {
			all[i].Sockets = got
		}
	}
	return all, nil
}
