package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"echolab/app/api"
)

// whyAsked is the command line of why.
type whyAsked struct{ api, db string }

func why(s *shell) *cobra.Command {
	var ask whyAsked
	cmd := &cobra.Command{
		Use:   "why SEQ|EVENT-ID",
		Short: "Say who got an event, and why a listener did not run",
		Long: `Say who got an event, and why somebody's listener may not have run: nobody on the channel,
a channel of nearly the same name, a subscription that was refused, came too late or had ended,
a sender that toOthers() leaves out, an event name that Echo makes another of. The last line is
the Echo code that hears the event.

Echo keeps its listeners in the browser, so what depends on them is said with an "if".

SEQ is the number that 'echolab events' and the page show; an event's id does too. A running
Echolab is asked; where none runs, the database file that 'echolab serve' would use is read.`,
		Example: `  # the newest event that nobody got
  echolab events --undelivered --limit 1
  echolab why 42

  # for scripts
  echolab why 42 --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Sprintf("%s takes one event, its number or its id (see '%[1]s --help')", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := s.diagnosis(cmd.Context(), ask, strings.TrimPrefix(args[0], "#"))
			if err != nil {
				return unlessStopped(cmd.Context(), err)
			}
			if s.json {
				return s.encode(d)
			}
			return s.printDiagnosis(&d)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &ask.api)
	f.Var((*word)(&ask.db), "db", "read this database file, rather than ask a running Echolab")
	f.SortFlags = false
	return cmd
}

func (s *shell) diagnosis(ctx context.Context, ask whyAsked, event string) (d api.Diagnosis, err error) {
	if ask.db != "" {
		return s.storedDiagnosis(ctx, ask.db, event)
	}
	running, err := s.control(ask.api)
	if err != nil {
		return d, err
	}
	err = running.ask(ctx, http.MethodGet, "/api/events/"+url.PathEscape(event)+"/diagnosis", nil, nil, &d)
	if isAway(err) && !running.named {
		if d, err = s.storedDiagnosis(ctx, "", event); err == nil {
			fmt.Fprintln(s.err, "echolab: no Echolab runs here; this is from the database file")
		}
	}
	return d, err
}

// storedDiagnosis reads the database file that serve would use, or the one named.
func (s *shell) storedDiagnosis(ctx context.Context, db, event string) (api.Diagnosis, error) {
	database, err := s.database(ctx, db)
	if err != nil {
		return api.Diagnosis{}, err
	}
	defer func() { _ = database.Close() }()
	d, err := database.Diagnosis(ctx, event)
	return api.ShowDiagnosis(d), err
}

func (s *shell) printDiagnosis(d *api.Diagnosis) error {
	p := s.paint(s.out)
	var b strings.Builder
	channel := plain(d.Channel)
	if p {
		channel = glyph(d.Channel) + " " + channel
	}
	verdict := plain(d.Verdict)
	if d.Recipients == 0 {
		verdict = p.amber(verdict)
	}
	fmt.Fprintf(&b, "%s  %s  %s\n%s\n", p.dim(fmt.Sprintf("#%d", d.Seq)), channel, p.bold(plain(d.Event)), verdict)
	for _, got := range d.Got {
		fmt.Fprintf(&b, "  %s\n", plain(strings.TrimSpace(got.Socket+"  "+named(got.User))))
	}
	if more := d.Recipients - len(d.Got); more > 0 && len(d.Got) > 0 {
		fmt.Fprintf(&b, "  and %d more\n", more)
	}
	if len(d.Causes) > 0 {
		title := "Why somebody may not have heard it"
		if d.Recipients == 0 {
			title = "Why"
		}
		fmt.Fprintf(&b, "\n%s\n", p.bold(title))
	}
	for _, c := range d.Causes {
		entry := ""
		if c.Entry > 0 {
			entry = p.dim(fmt.Sprintf("  #%d", c.Entry))
		}
		fmt.Fprintf(&b, "  - %s%s\n", plain(c.What), entry)
		if c.Do != "" {
			fmt.Fprintf(&b, "    %s\n", plain(c.Do))
		}
	}
	fmt.Fprintf(&b, "\n%s\n  %s\n", p.bold("Hears it"), plain(d.Listen))
	_, err := fmt.Fprint(s.out, b.String())
	return err
}

func named(user string) string {
	if user == "" {
		return ""
	}
	return "user " + user
}
