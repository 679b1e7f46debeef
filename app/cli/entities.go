package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/app/api"
)

const entitiesPath = "/api/backend/entities"

// rowPath is a row's address: invoices/3.
func rowPath(cmd *cobra.Command, name string) (string, error) {
	typ, id, found := strings.Cut(name, "/")
	if !found || typ == "" || id == "" {
		return "", &usageError{fmt.Sprintf("%s is no row; write it as invoices/3 (see '%s --help')", shorten(plain(name), 60), cmd.CommandPath())}
	}
	return entitiesPath + "/" + url.PathEscape(typ) + "/" + url.PathEscape(id), nil
}

// needs is the rule of a command that takes at least so many arguments, and at most most (-1: any).
func needs(what string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		return &usageError{fmt.Sprintf("%s takes %s, but %d arguments were given (see '%s --help')", cmd.CommandPath(), what, len(args), cmd.CommandPath())}
	}
}

// asked is one request of a command about the emulated application. The answer is printed as JSON with --json, else by
// print.
func asked[T any](s *shell, cmd *cobra.Command, at, method, path string, query url.Values, body any, print func(T) error) error {
	running, err := s.control(at)
	if err != nil {
		return err
	}
	var answer T
	if err := running.ask(cmd.Context(), method, path, query, body, &answer); err != nil {
		return unlessStopped(cmd.Context(), err)
	}
	if s.json {
		return s.encode(answer)
	}
	return print(answer)
}

func backendRows(s *shell) *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "rows [TYPE | TYPE/ID]",
		Short: "The rows of the emulated application, as they are now",
		Example: `  # the types
  echolab backend rows

  echolab backend rows invoices
  echolab backend rows invoices/3 --json`,
		Args: needs("TYPE or TYPE/ID", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return asked(s, cmd, at, http.MethodGet, entitiesPath, nil, nil, s.printTypes)
			case strings.Contains(args[0], "/"):
				path, err := rowPath(cmd, args[0])
				if err != nil {
					return err
				}
				return asked(s, cmd, at, http.MethodGet, path, nil, nil, s.printRow)
			}
			return asked(s, cmd, at, http.MethodGet, entitiesPath+"/"+url.PathEscape(args[0]), nil, nil, func(all api.BackendEntities) error {
				if len(all.Rows) == 0 {
					_, err := fmt.Fprintf(s.out, "There are no %s. 'echolab backend add %s …' makes one.\n", plain(args[0]), plain(args[0]))
					return err
				}
				for _, row := range all.Rows {
					if err := s.printRow(row); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &at)
	return cmd
}

func (s *shell) printTypes(all api.BackendTypes) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, t := range all.Types {
		fmt.Fprintf(w, "%s\t%d\n", plain(t.Type), t.Rows)
	}
	return w.Flush()
}

// printRow prints a row on one line: invoices/3 version 2 {…}.
func (s *shell) printRow(row api.BackendEntity) error {
	_, err := fmt.Fprintf(s.out, "%s/%s  version %d  %s\n", plain(row.Type), plain(strings.Trim(string(row.ID), `"`)), row.Version, plain(string(row.Data)))
	return err
}

// isAre is 1 row is, 2 rows are.
func isAre(n int) string {
	if n == 1 {
		return "1 row is"
	}
	return fmt.Sprintf("%d rows are", n)
}

// changeFlags are those of a command that changes a row.
type changeFlags struct{ at, as, except string }

func (c *changeFlags) add(s *shell, cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var((*word)(&c.as), "as", "the user who does it, by id, with what he may (default the console, which may do anything)")
	f.Var((*word)(&c.except), "socket-id", "a socket that does not get the events, as toOthers leaves it out")
	f.BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &c.at)
	f.SortFlags = false
}

// fields are arguments such as status=paid.
func (c *changeFlags) change(args []string) (api.BackendChange, error) {
	for _, arg := range args {
		if name, _, ok := strings.Cut(arg, "="); !ok || name == "" {
			return api.BackendChange{}, &usageError{fmt.Sprintf("%s is no FIELD=VALUE; write it as status=paid", shorten(plain(arg), 60))}
		}
	}
	fields, err := app.JoinSettings(args)
	if err != nil {
		return api.BackendChange{}, &usageError{err.Error()}
	}
	return api.BackendChange{Fields: json.RawMessage(fields), As: api.ID(c.as), SocketID: c.except}, nil
}

func backendSet(s *shell) *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:   "set TYPE/ID FIELD=VALUE…",
		Short: "Change a row of the emulated application, with all that follows",
		Long: `Change fields of a row as somebody does in the application: the row is stored, its event
is sent, the activity feed gets an entry and the data version grows.

Fields are checked as the application checks them. With version=N the change is refused when
the row has another version by now.`,
		Example: `  # InvoiceStatusChanged on its three channels
  echolab backend set invoices/3 status=paid

  # as a user may, and not to his own browser
  echolab backend set projects/1 status=completed --as 8 --socket-id 123.456`,
		Args: needs("TYPE/ID FIELD=VALUE", 2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := rowPath(cmd, args[0])
			if err != nil {
				return err
			}
			change, err := c.change(args[1:])
			if err != nil {
				return err
			}
			return asked(s, cmd, c.at, http.MethodPatch, path, nil, change, s.printRow)
		},
	}
	c.add(s, cmd)
	return cmd
}

func backendAdd(s *shell) *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:   "add TYPE FIELD=VALUE…",
		Short: "Make a row in the emulated application, with all that follows",
		Example: `  echolab backend add invoices client_id=5 total=99.50
  echolab backend add comments project_id=1 body='Looks good' --as 8`,
		Args: needs("TYPE FIELD=VALUE", 2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := c.change(args[1:])
			if err != nil {
				return err
			}
			return asked(s, cmd, c.at, http.MethodPost, entitiesPath+"/"+url.PathEscape(args[0]), nil, change, s.printRow)
		},
	}
	c.add(s, cmd)
	return cmd
}

func backendDelete(s *shell) *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:     "delete TYPE/ID",
		Short:   "Delete a row of the emulated application, with all that follows",
		Example: `  echolab backend delete files/3 --as 8`,
		Args:    needs("TYPE/ID", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := rowPath(cmd, args[0])
			if err != nil {
				return err
			}
			query := url.Values{}
			for name, value := range map[string]string{"as": c.as, "socket_id": c.except} {
				if value != "" {
					query.Set(name, value)
				}
			}
			return asked(s, cmd, c.at, http.MethodDelete, path, query, nil, s.printRow)
		},
	}
	c.add(s, cmd)
	return cmd
}

func backendReset(s *shell) *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Give the emulated application back what its description says",
		Long: `Forget what users did: rows that they made, changed or deleted, their notifications, the
locks and the shared states of documents. The activity feed and the data versions stay, and
tell of it.

Until then a row that was made, changed or deleted through the application stays as it is,
whatever echolab.yaml says of it; every other row is what the file says at the moment.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return asked(s, cmd, at, http.MethodPost, "/api/backend/reset", nil, nil, func(is api.BackendReset) error {
				_, err := io.WriteString(s.out, fmt.Sprintf("%s as the description has them again.\n", isAre(is.Rows)))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &at)
	return cmd
}
