package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/app/api"
)

func backendNotify(s *shell) *cobra.Command {
	var at string
	var n api.BackendNotice
	var set []string
	var lag time.Duration
	cmd := &cobra.Command{
		Use:   "notify USER…",
		Short: "Notify users of the emulated application",
		Long: `Notify users: for each the row is stored in the notifications table, and then broadcast to
private-App.Models.User.{id}, where Echo's .notification() hears it.

--queued shows what goes wrong with a notification that implements ShouldQueue: it is broadcast
first, and whoever fetches the notifications then does not find it.`,
		Example: `  echolab backend notify 7 --title 'Stage changed' --message 'Client moved to new stage'

  # several users, data of your own
  echolab backend notify 7 8 --message 'Invoice paid' --set invoice_id=3

  # the row comes two seconds after the broadcast
  echolab backend notify 7 --message 'Too early' --queued --lag 2s`,
		Args: needs("USER", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case lag != 0 && !n.Queued:
				return &usageError{"--lag is for a notification that is broadcast before its row is stored; add --queued"}
			case n.Title == "" && n.Message == "" && len(set) == 0:
				return &usageError{"there is nothing to say; add --message 'Client moved to new stage', or --title or --set"}
			}
			n.LagMS = lag.Milliseconds()
			for _, user := range args {
				n.Users = append(n.Users, api.ID(user))
			}
			if len(set) > 0 {
				data, err := app.JoinSettings(set)
				if err != nil {
					return &usageError{err.Error()}
				}
				n.Data = data
			}
			return asked(s, cmd, at, http.MethodPost, "/api/backend/notify", nil, n, s.printNotifications)
		},
	}
	f := cmd.Flags()
	f.Var((*word)(&n.Title), "title", "its title")
	f.Var((*word)(&n.Message), "message", "its message, which the guide's client reads")
	f.StringArrayVar(&set, "set", nil, "a further field of its data, such as invoice_id=3; may be repeated")
	f.Var((*word)(&n.Type), "type", `its class (default App\Notifications\WorkflowNotification)`)
	f.BoolVar(&n.Queued, "queued", false, "broadcast it before its row is stored")
	f.DurationVar(&lag, "lag", 0, "how long the row of a queued one takes, such as 2s")
	f.BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &at)
	f.SortFlags = false
	return cmd
}

func backendWorkflow(s *shell) *cobra.Command {
	var at string
	var set []string
	cmd := &cobra.Command{
		Use:   "workflow NAME",
		Short: "Send the notification of a workflow of the emulated application",
		Long: `Send a workflow's notification to everyone whom it is for, as echolab.yaml describes it in
either of the guide's formats. Names in braces in its title and message come from --set.`,
		Example: `  echolab backend workflow stage_changed --set client='Northwind Trading' --set stage=contract`,
		Args:    needs("NAME", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var run api.BackendRun
			if len(set) > 0 {
				data, err := app.JoinSettings(set)
				if err != nil {
					return &usageError{err.Error()}
				}
				run.Data = data
			}
			return asked(s, cmd, at, http.MethodPost, "/api/backend/workflows/"+url.PathEscape(args[0])+"/run", nil, run, s.printNotifications)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&set, "set", nil, "a field of the data that it is run with, such as stage=contract; may be repeated")
	f.BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &at)
	f.SortFlags = false
	return cmd
}

func backendNotifications(s *shell) *cobra.Command {
	var at, user string
	cmd := &cobra.Command{
		Use:   "notifications",
		Short: "What users of the emulated application were told",
		Example: `  echolab backend notifications
  echolab backend notifications --user 7 --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if user != "" {
				query.Set("user", user)
			}
			return asked(s, cmd, at, http.MethodGet, "/api/backend/notifications", query, nil, s.printNotifications)
		},
	}
	f := cmd.Flags()
	f.Var((*word)(&user), "user", "this user alone, by id")
	f.BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &at)
	f.SortFlags = false
	return cmd
}

// printNotifications prints one a line: when, for whom, whether it was read, what it says.
func (s *shell) printNotifications(all api.BackendNotifications) error {
	paint := s.paint(s.out)
	for _, warning := range all.Warnings {
		if _, err := fmt.Fprintf(s.err, "note: %s\n", plain(warning)); err != nil {
			return err
		}
	}
	if len(all.Notifications) == 0 {
		_, err := fmt.Fprintln(s.out, paint.amber("nobody was notified"))
		return err
	}
	for _, n := range all.Notifications {
		var data struct{ Title, Message string }
		_ = json.Unmarshal(n.Data, &data) // other data has neither
		said := strings.Trim(data.Title+": "+data.Message, ": ")
		if said == "" {
			said = string(n.Data)
		}
		read := ""
		if n.ReadAt != nil {
			read = "  (read)"
		}
		_, err := fmt.Fprintf(s.out, "%s  user %s  %s%s  %s\n", n.CreatedAt.Local().Format(time.DateTime), plain(strings.Trim(string(n.User), `"`)), plain(said),
			read, paint.dim(plain(n.ID)))
		if err != nil {
			return err
		}
	}
	return nil
}
