package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/app/api"
)

// emitFlags are those of emit.
type emitFlags struct {
	at       string
	remote   remoteFlags
	list     bool
	set      []string
	params   []string
	ids      [8]string // by emitIDs
	payload  string
	channels []string
	except   string
	count    int
	every    time.Duration
	seed     uint64
	now, dry bool
}

// emitIDs are the placeholders that have a flag of their own.
var emitIDs = [8]string{"client", "project", "invoice", "user", "document", "file", "comment", "workflow"}

func emit(s *shell) *cobra.Command {
	var e emitFlags
	cmd := &cobra.Command{
		Use:   "emit EVENT",
		Short: "Send an event of the emulated application",
		Long: `Send an event of the catalogue as the emulated Laravel application does, and print who got it.
Its payload is drawn from the application's rows; flags say which row, and --set what is to
be different. --list shows the catalogue.

A running Echolab is asked. With --url it goes to any Reverb, over its signed HTTP API; then
echolab.yaml of this folder, or else the guide's application, says what there is, as it does
for --list and --dry-run where no Echolab runs.`,
		Example: `  echolab emit --list
  echolab emit InvoiceCreated --client 5 --set total=99.50

  # a comment every second, the same ten each time
  echolab emit CommentAdded --project 1 --count 10 --every 1s --seed 7

  # what would be sent, and where to
  echolab emit InvoiceStatusChanged --set new_status=paid --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case e.list && len(args) > 0:
				return &usageError{fmt.Sprintf("--list shows every event; leave %q out", args[0])}
			case !e.list && len(args) != 1:
				return &usageError{fmt.Sprintf("%s takes one EVENT, such as InvoiceCreated, but %s given (see '%s --list')", cmd.CommandPath(), arguments(args), cmd.CommandPath())}
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			c, err := s.catalogue(cmd.Context(), &e)
			var names []string
			for _, event := range c.Events {
				names = append(names, event.Name)
			}
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := e.remote.check(e.at); err != nil {
				return err
			}
			if e.list {
				return s.listCatalogue(cmd.Context(), &e)
			}
			given, err := e.occurrence(args[0], cmd.Flags().Changed("seed"), cmd.Flags().Changed("count"))
			if err != nil {
				return err
			}
			return s.emit(cmd.Context(), &e, given)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&e.list, "list", false, "show the events: names, channels, what hears them, a payload")
	f.StringArrayVar(&e.set, "set", nil, "path=value in the payload, such as total=99.50 or invoice.status=paid; JSON, else text")
	f.StringVar(&e.payload, "payload", "", "JSON that is sent in the place of a drawn payload")
	for i, name := range emitIDs {
		f.Var((*word)(&e.ids[i]), name, "the "+name+" that it is about, by its id")
	}
	f.StringArrayVar(&e.params, "param", nil, "name=value for any other placeholder, such as boardId=3")
	f.StringArrayVar(&e.channels, "channel", nil, "send it there instead, by the name on the wire; can be given again")
	f.Var((*word)(&e.except), "except", "a socket that does not get it (toOthers)")
	f.IntVar(&e.count, "count", 1, "how often to send it")
	f.DurationVar(&e.every, "every", 0, "how long from one to the next")
	f.Uint64Var(&e.seed, "seed", 0, "draw the same payloads each time, their times included")
	f.BoolVar(&e.now, "now", false, "pass the queue's delay by (ShouldBroadcastNow)")
	f.BoolVar(&e.dry, "dry-run", false, "print what would be sent")
	f.BoolVar(&s.json, "json", false, "print JSON, an object a line")
	controlFlag(cmd, &e.at)
	e.remote.add(cmd)
	f.SortFlags = false
	return cmd
}

// occurrence is what the flags ask for.
func (e *emitFlags) occurrence(event string, seeded, counted bool) (api.Emit, error) {
	out := api.Emit{Event: event, Channels: e.channels, SocketID: e.except, Now: e.now, DryRun: e.dry}
	if seeded {
		out.Seed = &e.seed
	}
	params := map[string]string{}
	for i, id := range e.ids {
		if id != "" {
			params[emitIDs[i]] = id
		}
	}
	for _, pair := range e.params {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || value == "" {
			return out, &usageError{fmt.Sprintf("--param %s is no name=value; write it as --param boardId=3", pair)}
		}
		if other, twice := params[name]; twice && other != value {
			return out, &usageError{fmt.Sprintf("%s is given twice, as %s and as %s; leave one of them out", name, other, value)}
		}
		params[name] = value
	}
	var err error
	if out.Params, err = json.Marshal(params); err != nil {
		return out, err
	}
	if e.payload != "" {
		data, err := eventData("--payload", e.payload)
		if err != nil {
			return out, err
		}
		if data[0] != '{' {
			return out, &usageError{"--payload must be a JSON object, such as '{\"id\": 42}'"}
		}
		if out.Payload = data; len(e.set) > 0 {
			return out, &usageError{"--payload is sent as it is, so --set has nothing to set; leave one of the two out"}
		}
	}
	if len(e.set) > 0 {
		if out.Set, err = app.JoinSettings(e.set); err != nil {
			return out, &usageError{"--set: " + err.Error()}
		}
	}
	switch {
	case e.count < 1:
		return out, &usageError{fmt.Sprintf("--count %d: send it at least once", e.count)}
	case e.every < 0:
		return out, &usageError{fmt.Sprintf("--every %v: it must not be negative", e.every)}
	case e.every > 0 && !counted:
		return out, &usageError{fmt.Sprintf("--every %v is from one to the next, and it is sent once; say how often with --count", e.every)}
	}
	return out, nil
}

// described is the application that this folder's configuration describes.
func (s *shell) described() (app.Described, error) {
	cfg, err := app.Load(app.Sources{Environ: s.environ, Dir: s.dir})
	if err != nil {
		return app.Described{}, err
	}
	return app.DescribedBy(cfg), nil
}

// catalogue asks the running Echolab, and where none runs, or it is for another server, this folder's configuration.
func (s *shell) catalogue(ctx context.Context, e *emitFlags) (api.Catalogue, error) {
	var c api.Catalogue
	if e.remote.url == "" {
		running, err := s.control(e.at)
		if err != nil {
			return c, err
		}
		err = running.ask(ctx, http.MethodGet, "/api/backend/catalogue", nil, nil, &c)
		if err == nil || running.named || !isAway(err) {
			return c, err
		}
	}
	d, err := s.described()
	if err != nil {
		return c, err
	}
	return api.CatalogueOf(d.Catalogue(), d.Mode), nil
}

func (s *shell) listCatalogue(ctx context.Context, e *emitFlags) error {
	c, err := s.catalogue(ctx, e)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	if s.json {
		return s.encode(c)
	}
	paint := s.paint(s.out)
	for _, event := range c.Events {
		about := ""
		switch {
		case event.Own:
			about = "  (echolab.yaml)"
		case event.Extension:
			about = "  (not in the guide)"
		case event.Whisper:
			about = "  (clients whisper it)"
		}
		sample := event.Sample
		if event.Problem != "" {
			sample = paint.amber(plain(event.Problem))
		} else {
			sample = paint.dim(plain(sample))
		}
		_, err := fmt.Fprintf(s.out, "%s%s\n  on the wire  %s\n  heard by     %s\n  channels     %s\n  payload      %s\n",
			paint.bold(plain(event.Name)), about, plain(event.Wire), plain(event.Hear), plain(strings.Join(event.Channels, ", ")), sample)
		if err != nil {
			return err
		}
	}
	return nil
}

// encode prints JSON on a line of its own, with < > & as they are.
func (s *shell) encode(v any) error {
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// emit sends it as often as was asked for. Each is drawn anew.
func (s *shell) emit(ctx context.Context, e *emitFlags, given api.Emit) error {
	send, err := s.emitter(e)
	if err != nil {
		return err
	}
	var tick <-chan time.Time
	if e.every > 0 && e.count > 1 {
		ticker := time.NewTicker(e.every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for i := range e.count {
		if i > 0 && tick != nil {
			select {
			case <-tick:
			case <-ctx.Done():
				return unlessStopped(ctx, ctx.Err())
			}
		}
		given.Ordinal = uint64(i)
		emitted, answers, err := send(ctx, given)
		if err != nil {
			return unlessStopped(ctx, err)
		}
		if err := s.emitted(emitted, e, answers); err != nil {
			return err
		}
	}
	return nil
}

// emitter is who sends: the running Echolab, another server, or with --dry-run where no Echolab runs, nobody.
func (s *shell) emitter(e *emitFlags) (send func(context.Context, api.Emit) (api.Emitted, []string, error), err error) {
	away := func() (func(context.Context, api.Emit) (api.Emitted, []string, error), error) {
		d, err := s.described()
		if err != nil {
			return nil, err
		}
		var to *app.Remote
		if e.remote.url != "" && !e.dry {
			remote, err := s.remote(e.remote)
			if err != nil {
				return nil, err
			}
			to = &remote
		}
		return func(ctx context.Context, given api.Emit) (api.Emitted, []string, error) {
			o, err := given.Occurrence()
			if err != nil {
				return api.Emitted{}, nil, err
			}
			emitted, err := d.Seeded(s.chance).Emit(ctx, to, o)
			var answers []string
			for _, sent := range emitted.Sent {
				answers = append(answers, sent.Answer)
			}
			return api.EmittedOf(emitted), answers, err
		}, nil
	}
	if e.remote.url != "" {
		return away()
	}
	running, err := s.control(e.at)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, given api.Emit) (out api.Emitted, answers []string, err error) {
		err = running.ask(ctx, http.MethodPost, "/api/backend/emit", nil, given, &out)
		if e.dry && isAway(err) && !running.named {
			offline, err := away()
			if err != nil {
				return out, nil, err
			}
			return offline(ctx, given)
		}
		return out, nil, err
	}, nil
}

// emitted prints what was sent and who got it.
func (s *shell) emitted(out api.Emitted, e *emitFlags, answers []string) error {
	if s.json {
		return s.encode(out)
	}
	paint := s.paint(s.out)
	for i, sent := range out.Sent {
		where := strings.Join(sent.Channels, ", ")
		switch {
		case e.dry:
			if err := s.wouldSend(sent); err != nil {
				return err
			}
		case e.remote.url != "" && i < len(answers):
			if _, err := fmt.Fprintf(s.out, "%s on %s: %s took it\n", paint.bold(plain(sent.Event)), plain(where), plain(app.MaskAddress(e.remote.url))); err != nil {
				return err
			}
		case out.DelayMS > 0:
			if _, err := fmt.Fprintf(s.out, "%s on %s: queued for %v\n", paint.bold(plain(sent.Event)), plain(where), time.Duration(out.DelayMS)*time.Millisecond); err != nil {
				return err
			}
		default:
			if err := s.delivered(sent.Event, sent.Deliveries); err != nil {
				return err
			}
		}
	}
	if len(out.Sent) == 0 {
		if _, err := fmt.Fprintf(s.out, "%s: nothing was sent, it has no channel\n", paint.bold(plain(out.Event))); err != nil {
			return err
		}
	}
	for _, note := range out.Notes {
		if _, err := fmt.Fprintf(s.err, "note: %s\n", plain(note)); err != nil {
			return err
		}
	}
	return nil
}

// wouldSend prints a request that is not sent.
func (s *shell) wouldSend(sent api.EmittedRequest) error {
	paint := s.paint(s.out)
	rows := [][2]string{{"channels", strings.Join(sent.Channels, ", ")}}
	if sent.SocketID != "" {
		rows = append(rows, [2]string{"except", sent.SocketID})
	}
	rows = append(rows, [2]string{"data", sent.Data})
	if _, err := fmt.Fprintf(s.out, "%s would be sent\n", paint.bold(plain(sent.Event))); err != nil {
		return err
	}
	return printRows(s.out, rows)
}

func printRows(w io.Writer, rows [][2]string) error {
	width := len(slices.MaxFunc(rows, func(a, b [2]string) int { return len(a[0]) - len(b[0]) })[0])
	for _, row := range rows {
		if _, err := fmt.Fprintf(w, "  %-*s  %s\n", width, row[0], plain(row[1])); err != nil {
			return err
		}
	}
	return nil
}
