package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/app/api"
)

// listenAsked is the command line of listen.
type listenAsked struct {
	api, event, user, info string
	remote                 remoteFlags
	channels               []string
	after                  int64
	count                  int
	timeout                time.Duration
}

func listen(s *shell) *cobra.Command {
	ask := listenAsked{after: -1}
	cmd := &cobra.Command{
		Use:   "listen CHANNEL...",
		Short: "Print events as they come",
		Long: `Print the events of channels as they come, until Ctrl-C, or until --count or --timeout.
Ctrl-C before --count was reached ends with exit code 130.

A running Echolab is asked: then a channel may be a pattern in which * stands for any run of
characters, and nobody on the channels notices. With --url any Reverb is subscribed to as a
client would, by exact names, signed with the application's secret; --user says who is in
presence channels then.`,
		Example: `  echolab listen 'private-client.*'

  # wait for one event in a script: exit code 1 when it does not come
  echolab listen private-client.5 --event InvoiceCreated --count 1 --timeout 10s --json

  # a real Reverb, with the credentials of this folder's .env
  echolab listen private-client.5 presence-room --user 7 --url http://localhost:8080`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{fmt.Sprintf("%s needs a channel, such as 'private-client.*' (see '%s --help')", cmd.CommandPath(), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.channels = args
			if err := ask.remote.check(ask.api); err != nil {
				return err
			}
			for _, channel := range args {
				if err := app.CheckPattern(channel); err != nil {
					return &usageError{err.Error()}
				}
			}
			if ask.count < 0 || ask.timeout < 0 {
				return &usageError{"--count and --timeout must not be below 0"}
			}
			return s.listen(cmd.Context(), ask)
		},
	}
	f := cmd.Flags()
	f.Var((*word)(&ask.event), "event", "only this event, or a pattern such as 'Invoice*'")
	f.IntVarP(&ask.count, "count", "n", 0, "end after so many (default: never)")
	f.DurationVar(&ask.timeout, "timeout", 0, "end after so long, with exit code 1 where --count was not reached (default: never)")
	f.Int64Var(&ask.after, "after", -1, "begin with what came after this entry's number (default: from now on)")
	f.BoolVar(&s.json, "json", false, "print JSON, one object a line")
	controlFlag(cmd, &ask.api)
	ask.remote.add(cmd)
	f.Var((*word)(&ask.user), "user", "with --url: the user's id in presence channels (default echolab)")
	f.Var((*word)(&ask.info), "user-info", "with --url: the user's info there, as JSON (default {})")
	f.SortFlags = false
	return cmd
}

// listen prints events until there are enough, time is up, or ctx ends.
func (s *shell) listen(ctx context.Context, ask listenAsked) error {
	limited := ctx
	if ask.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, ask.timeout)
		defer cancel()
	}
	seen := 0
	counted := func(print func() error) error {
		if err := print(); err != nil {
			return err
		}
		if seen++; ask.count > 0 && seen >= ask.count {
			return errEnough
		}
		return nil
	}
	from := s.listenHere
	if ask.remote.url != "" {
		from = s.listenRemote
	}
	err := from(limited, ask, counted)
	switch {
	case errors.Is(err, errEnough):
		return nil
	case ctx.Err() != nil && ask.count > 0:
		return &interrupted{fmt.Sprintf("%d of %d events came before it was interrupted", seen, ask.count)}
	case ctx.Err() == nil && limited.Err() != nil && errors.Is(err, limited.Err()):
		if ask.count > 0 {
			return fmt.Errorf("%d of %d events came within %s", seen, ask.count, ask.timeout)
		}
		return nil
	}
	return unlessStopped(ctx, err)
}

// listening tells a person, or a script that waits for it, that events are printed from now on.
func (s *shell) listening(where string, channels []string) {
	if s.json {
		_ = json.NewEncoder(s.err).Encode(map[string]any{"event": "listening", "server": where, "channels": channels})
		return
	}
	fmt.Fprintf(s.err, "listening to %s on %s\n", plain(strings.Join(channels, ", ")), plain(where))
}

// listenHere follows a running Echolab.
func (s *shell) listenHere(ctx context.Context, ask listenAsked, counted func(func() error) error) error {
	running, err := s.control(ask.api)
	if err != nil {
		return err
	}
	after := uint64(max(ask.after, 0))
	if ask.after < 0 {
		if after, err = running.last(ctx); err != nil {
			return err
		}
	}
	var matchers []func(*api.Entry) bool
	for _, channel := range ask.channels {
		filter := url.Values{"channel": {channel}, "kind": {"published,whispered"}}
		if ask.event != "" {
			filter.Set("event", ask.event)
		}
		q, err := api.ReadFilter(filter)
		if err != nil {
			return err
		}
		match := q.Matcher()
		matchers = append(matchers, func(e *api.Entry) bool { entry := e.Journal(); return match(&entry) })
	}
	s.listening(running.shown, ask.channels)
	return running.follow(ctx, after, func(e *api.Entry) error {
		if !slices.ContainsFunc(matchers, func(match func(*api.Entry) bool) bool { return match(e) }) {
			return nil
		}
		return counted(func() error { return s.printEntry(e) })
	}, s.gone)
}

// listenRemote subscribes to a server as a client would.
func (s *shell) listenRemote(ctx context.Context, ask listenAsked, counted func(func() error) error) error {
	remote, err := s.remote(ask.remote)
	if err != nil {
		return err
	}
	for _, channel := range ask.channels {
		if strings.Contains(channel, "*") {
			return &usageError{fmt.Sprintf("%s is a pattern, but a Reverb only knows exact names; leave --url out to listen to a running Echolab", channel)}
		}
	}
	member := map[string]any{"user_id": "echolab", "user_info": map[string]any{}}
	if ask.user != "" {
		member["user_id"] = ask.user
	}
	if ask.info != "" {
		if !json.Valid([]byte(ask.info)) {
			return &usageError{fmt.Sprintf("--user-info %s is not JSON; write it in single quotes, such as '{\"name\": \"Ada\"}'", ask.info)}
		}
		member["user_info"] = json.RawMessage(ask.info)
	}
	data, err := json.Marshal(member)
	if err != nil {
		return err
	}
	return remote.Listen(ctx, ask.channels, string(data), func(string) { s.listening(remote.Address(), ask.channels) }, func(e app.Heard) error {
		if ask.event != "" && !app.Fits(ask.event, e.Event) {
			return nil
		}
		return counted(func() error { return s.printHeard(e) })
	})
}

// printHeard is printEntry for an event that a server sent to a subscriber.
func (s *shell) printHeard(e app.Heard) error {
	at := time.Now()
	if s.json {
		return s.encode(map[string]any{
			"at": at.UTC().Format(time.RFC3339Nano), "channel": e.Channel, "event": e.Event, "data": e.Data, "user": e.User})
	}
	p := s.paint(s.out)
	channel := plain(e.Channel)
	if p {
		channel = glyph(channel) + " " + channel
	}
	line := []string{p.dim(at.Format("15:04:05.000")), channel, p.bold(plain(e.Event))}
	if e.User != "" {
		line = append(line, "user "+plain(e.User))
	}
	_, err := fmt.Fprintln(s.out, strings.Join(append(line, shorten(plain(e.Data), dataShown)), "  "))
	return err
}
