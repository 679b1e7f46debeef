package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/app/api"
)

// eventsAsked is the command line of events.
type eventsAsked struct {
	api, db string
	filter  url.Values // as the control API reads it
	text    string     // FILTER
	limit   int
	follow  bool
}

func events(s *shell) *cobra.Command {
	var ask eventsAsked
	var undelivered bool
	var since string
	cmd := &cobra.Command{
		Use:   "events [FILTER]",
		Short: "Show what happened",
		Long: `Show what happened: events, connections, subscriptions, refusals. A running Echolab is
asked; where none runs, the database file that 'echolab serve' would use is read.

FILTER is a text: the name of a channel or an event holds it, or a payload or a note does.
The flags narrow further; * in a channel or an event stands for any run of characters.`,
		Example: `  # the newest fifty
  echolab events

  # what nobody got in the last ten minutes
  echolab events --undelivered --since 10m

  # follow one client's channels
  echolab events --channel 'private-client.*' --follow

  # for scripts: one JSON object a line
  echolab events InvoiceCreated --json --limit 1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Sprintf("%s takes one FILTER, but %q was given too; put quotes around it (see '%s --help')", cmd.CommandPath(), args[1], cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.text = strings.Join(args, "")
			if undelivered {
				if ask.filter.Has("delivered") {
					return &usageError{"--undelivered is --delivered no; give one of them"}
				}
				ask.filter.Set("delivered", "no")
			}
			if since != "" {
				if ask.filter.Has("from") {
					return &usageError{"--since is --from; give one of them"}
				}
				ask.filter.Set("from", since)
				if _, err := api.ReadFilter(ask.filter); err != nil {
					return &usageError{"--since: " + wrong("from", err)}
				}
			}
			if ask.db != "" && ask.api != "" {
				return &usageError{"--db reads a file and --api asks a running Echolab; leave one of them out"}
			}
			if err := ask.followable(); err != nil {
				return err
			}
			if ask.limit < 1 || ask.limit > 1000 {
				return &usageError{fmt.Sprintf("--limit %d must be from 1 to 1000", ask.limit)}
			}
			return s.events(cmd.Context(), ask)
		},
	}
	ask.filter = filterFlags(cmd, "text")
	f := cmd.Flags()
	f.BoolVar(&undelivered, "undelivered", false, "the same as --delivered no")
	f.Var((*word)(&since), "since", "the same as --from")
	f.IntVarP(&ask.limit, "limit", "n", 50, "at most so many, the newest")
	f.BoolVarP(&ask.follow, "follow", "f", false, "go on with what happens, until Ctrl-C")
	f.BoolVar(&s.json, "json", false, "print JSON, one object a line")
	controlFlag(cmd, &ask.api)
	f.Var((*word)(&ask.db), "db", "read this database file, rather than ask a running Echolab")
	f.SortFlags = false
	return cmd
}

// followable refuses to follow what nothing can be added to.
func (ask *eventsAsked) followable() error {
	if !ask.follow {
		return nil
	}
	if ask.db != "" {
		return &usageError{"--follow goes on with what happens in a running Echolab, and --db reads a file; leave one of them out"}
	}
	for _, end := range []string{"to", "before"} {
		if ask.filter.Has(end) {
			return &usageError{fmt.Sprintf("--%s is where the events end, and --follow goes on beyond it; leave one of them out", end)}
		}
	}
	return nil
}

// filterFlags makes a flag of each parameter by which the control API picks entries, apart from some, and returns where
// their values will be.
func filterFlags(cmd *cobra.Command, without ...string) url.Values {
	values := url.Values{}
	for _, p := range api.FilterParams(without...) {
		cmd.Flags().Var(&filterFlag{values, p.Name}, p.Name, p.Help)
	}
	return values
}

// filterFlag puts a flag's text where the control API's reader finds it, which says what is wrong with it.
type filterFlag struct {
	values url.Values
	name   string
}

func (f *filterFlag) String() string { return "" }
func (f *filterFlag) Type() string   { return "value" }
func (f *filterFlag) Set(text string) error {
	f.values.Set(f.name, text)
	if _, err := api.ReadFilter(url.Values{f.name: {text}}); err != nil {
		return errors.New(wrong(f.name, err))
	}
	return nil
}

// wrong is what the control API's reader says of a parameter, without the sentence around it: the flag is named already.
func wrong(name string, err error) string {
	return strings.TrimSuffix(strings.TrimPrefix(err.Error(), "Parameter "+name+" "), ".")
}

func (s *shell) events(ctx context.Context, ask eventsAsked) error {
	running, err := s.control(ask.api)
	if err != nil {
		return err
	}
	read := running.entries
	if ask.db != "" {
		read = s.stored(ask.db)
	}
	from := uint64(0) // following goes on after it
	if ask.follow && ask.db == "" {
		if from, err = running.last(ctx); err != nil {
			return unlessStopped(ctx, err)
		}
	}
	found, err := search(ctx, read, ask)
	if isAway(err) && !running.named && ask.db == "" && !ask.follow {
		if found, err = search(ctx, s.stored(""), ask); err == nil {
			fmt.Fprintln(s.err, "echolab: no Echolab runs here; this is from the database file")
		}
	}
	if err != nil {
		return unlessStopped(ctx, err)
	}
	printed := make(map[uint64]bool) // what came while it was searched for
	for i := range found {
		if err := s.printEntry(&found[i]); err != nil {
			return err
		}
		if found[i].Seq > from {
			printed[found[i].Seq] = true
		}
	}
	if !ask.follow {
		return nil
	}
	q, err := api.ReadFilter(ask.filter)
	if err != nil {
		return err
	}
	match, text := q.Matcher(), app.Query{Text: ask.text}.Matcher()
	return unlessStopped(ctx, running.follow(ctx, from, func(e *api.Entry) error {
		if entry := e.Journal(); printed[e.Seq] || !match(&entry) ||
			!text(&entry) && !strings.Contains(e.Channel, ask.text) && !strings.Contains(e.Event, ask.text) {
			return nil
		}
		return s.printEntry(e)
	}, s.gone))
}

func (s *shell) gone(n uint64) {
	if n == 1 {
		fmt.Fprintln(s.err, "echolab: 1 entry is not kept any more")
		return
	}
	fmt.Fprintf(s.err, "echolab: %d entries are not kept any more\n", n)
}

// reader reads the newest entries that fit, oldest first.
type reader func(ctx context.Context, filter url.Values, limit int) ([]api.Entry, error)

// search asks for a text in each of the places where it counts, and puts the newest together.
func search(ctx context.Context, read reader, ask eventsAsked) ([]api.Entry, error) {
	if ask.text == "" {
		return read(ctx, ask.filter, ask.limit)
	}
	var all []api.Entry
	for place, text := range map[string]string{"text": ask.text, "channel": "*" + ask.text + "*", "event": "*" + ask.text + "*"} {
		if ask.filter.Has(place) {
			continue // a flag asks for the channel or the event already
		}
		part := url.Values{place: {text}}
		for name, values := range ask.filter {
			part[name] = values
		}
		found, err := read(ctx, part, ask.limit)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b api.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	all = slices.CompactFunc(all, func(a, b api.Entry) bool { return a.Seq == b.Seq })
	return all[max(0, len(all)-ask.limit):], nil
}

// entries is a reader that asks the running Echolab.
func (c *control) entries(ctx context.Context, filter url.Values, limit int) ([]api.Entry, error) {
	query := url.Values{"limit": {fmt.Sprint(limit)}}
	for name, values := range filter {
		query[name] = values
	}
	var all []api.Entry
	for {
		var page api.Entries
		if err := c.ask(ctx, http.MethodGet, "/api/events", query, nil, &page); err != nil {
			return nil, err
		}
		for i := range page.Entries {
			if err := c.whole(ctx, &page.Entries[i]); err != nil {
				return nil, err
			}
		}
		all = append(page.Entries, all...)
		if !page.More || len(all) >= limit {
			return all, nil
		}
		query.Set("before", fmt.Sprint(page.Next))
		query.Set("limit", fmt.Sprint(limit-len(all)))
	}
}

// stored is a reader of the database file that serve would use, or of the one named.
func (s *shell) stored(db string) reader {
	return func(ctx context.Context, filter url.Values, limit int) ([]api.Entry, error) {
		q, err := api.ReadFilter(filter)
		if err != nil {
			return nil, err
		}
		q.Limit = limit
		database, err := s.database(ctx, db)
		if err != nil {
			return nil, err
		}
		found, err := database.Entries(ctx, q)
		out := make([]api.Entry, len(found))
		for i := range found {
			out[i] = api.Show(&found[i])
		}
		return out, errors.Join(err, database.Close())
	}
}

// database opens the file that serve would use, or the one named, where no Echolab answered.
func (s *shell) database(ctx context.Context, db string) (*app.Database, error) {
	flags := map[string]string{}
	if db != "" {
		flags["db"] = db
	}
	cfg, err := app.Load(app.Sources{Flags: flags, Environ: s.environ, Dir: s.dir})
	if err != nil {
		return nil, err
	}
	database, err := app.ReadDatabase(ctx, cfg)
	if err != nil && db == "" {
		return nil, &app.Error{Code: app.Away, Err: err, Message: "no Echolab answers at " + defaultControl + "; pass --api with the address of its UI. Its database: " + err.Error()}
	}
	return database, err
}
