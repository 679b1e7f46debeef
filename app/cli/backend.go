package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"echolab/app/api"
)

// backendCommands is the group's commands, in the order of the help.
var backendCommands = []func(*shell) *cobra.Command{
	backendUsers, backendOnline, backendViewers, backendActivities, backendActivity, backendVersions,
	backendRows, backendSet, backendAdd, backendDelete, backendNotify, backendWorkflow, backendNotifications, backendReset,
}

func backend(s *shell) *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "backend",
		Short: "The emulated Laravel application of a running Echolab",
		Long: `What the emulated Laravel application of a running Echolab consists of: it authorises
channels, knows users and rows, and sends the events that follow from what users do.

echolab.yaml describes it; 'echolab init' writes one to start from, with the built-in
application in it. A change of the file is taken over while Echolab runs.`,
		Example: `  # how it is run, and what is in it
  echolab backend

  # the cast
  echolab backend users

  # for scripts
  echolab backend --json`,
		Args: noSuchCommandOf,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := s.backendStatus(cmd, at)
			if err != nil {
				return unlessStopped(cmd.Context(), err)
			}
			if s.json {
				return s.encode(status)
			}
			return printBackend(s.out, status)
		},
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &at)
	for _, command := range backendCommands {
		cmd.AddCommand(command(s))
	}
	return cmd
}

// noSuchCommandOf is the rule of a command that has others and takes no argument itself.
func noSuchCommandOf(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		known = append(known, c.Name())
	}
	return &usageError{fmt.Sprintf("%s has no command %q%s (see '%s --help')", cmd.CommandPath(), args[0], didYouMean("", args[0], known), cmd.CommandPath())}
}

func (s *shell) backendStatus(cmd *cobra.Command, at string) (api.BackendStatus, error) {
	var status api.BackendStatus
	running, err := s.control(at)
	if err != nil {
		return status, err
	}
	return status, running.ask(cmd.Context(), http.MethodGet, "/api/backend", nil, nil, &status)
}

func printBackend(out io.Writer, is api.BackendStatus) error {
	if is.URL == "" {
		_, err := fmt.Fprintln(out, "The back end is off; start Echolab with --backend fixed.")
		return err
	}
	file := is.File
	if file == "" {
		file = "the built-in application; 'echolab init' writes it out"
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, plain(value))
		}
	}
	row("Address", is.URL)
	row("Mode", is.Mode)
	row("App", is.App)
	row("Described by", file)
	row("Log in", is.URL+"/login")
	row("Asks by default", is.DefaultUser)
	row("Users", fmt.Sprint(len(is.Users)))
	var rows []string
	for _, e := range is.Entities {
		rows = append(rows, fmt.Sprintf("%d %s", e.Rows, e.Type))
	}
	row("Rows", strings.Join(rows, ", "))
	row("Own events", strings.Join(is.Events, ", "))
	row("Workflows", strings.Join(is.Workflows, ", "))
	row("Page policy", is.Policy)
	row("Needs a restart", strings.Join(is.NeedsRestart, ", "))
	_ = w.Flush() // a strings.Builder takes everything
	if is.Problem != "" {
		fmt.Fprintf(&text, "\nThe changed configuration is not used:\n")
		for line := range strings.SplitSeq(is.Problem, "\n") {
			fmt.Fprintf(&text, "  %s\n", plain(line))
		}
	}
	fmt.Fprintf(&text, "\nChannels, in the order in which they are tried:\n")
	for _, c := range is.Channels {
		fmt.Fprintf(w, "  %s\t%s\n", plain(c.Pattern), plain(c.Rule))
	}
	_ = w.Flush()
	for _, note := range is.Notes {
		fmt.Fprintf(&text, "\nnote: %s\n", plain(note))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func backendUsers(s *shell) *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "users",
		Short: "The users of the emulated application",
		Example: `  echolab backend users
  echolab backend users --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := s.backendStatus(cmd, at)
			if err != nil {
				return unlessStopped(cmd.Context(), err)
			}
			if s.json {
				return s.encode(status.Users)
			}
			if status.URL == "" {
				return printBackend(s.out, status)
			}
			w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "ID\tNAME\tROLE\tCLIENTS\n")
			for _, u := range status.Users {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", plain(strings.Trim(string(u.ID), `"`)), plain(u.Name), plain(u.Role), plain(strings.Join(u.Clients, ", ")))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &at)
	return cmd
}
