package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"echolab/app/api"
)

// asking is a command that asks a running Echolab for one thing and prints it.
type asking struct {
	cmd   *cobra.Command
	query url.Values
	at    string
}

// askBackend fills a command in: path is asked with the query that prepare made, and what answer points to is printed, as
// JSON with --json.
func askBackend[T any](s *shell, a *asking, path string, prepare func(), show func(w *tabwriter.Writer, answer *T)) *cobra.Command {
	a.query = url.Values{}
	a.cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if prepare != nil {
			prepare()
		}
		for name, values := range a.query {
			if values[0] == "" {
				delete(a.query, name)
			}
		}
		running, err := s.control(a.at)
		if err != nil {
			return err
		}
		var answer T
		if err := running.ask(cmd.Context(), http.MethodGet, path, a.query, nil, &answer); err != nil {
			return unlessStopped(cmd.Context(), err)
		}
		if s.json {
			return s.encode(answer)
		}
		w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		show(w, &answer)
		return w.Flush()
	}
	a.cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(a.cmd, &a.at)
	a.cmd.Flags().SortFlags = false
	return a.cmd
}

// idText is an id as a person writes it.
func idText(id json.RawMessage) string {
	var text string
	if json.Unmarshal(id, &text) == nil {
		return plain(text)
	}
	return plain(string(id))
}

func clockTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func backendOnline(s *shell) *cobra.Command {
	a := &asking{cmd: &cobra.Command{
		Use:   "online",
		Short: "Who is online, by heartbeat",
		Long: `Who is online in the emulated application: whoever made a request within the last two
minutes (presence.ttl in echolab.yaml). It has nothing to do with open sockets.`,
		Example: `  echolab backend online
  echolab backend online --json`,
		Args: noArguments,
	}}
	return askBackend(s, a, "/api/backend/online", nil, func(w *tabwriter.Writer, is *api.Online) {
		if len(is.Users) == 0 {
			fmt.Fprintf(w, "Nobody is online. A request of a user counts for %v, such as: curl -X POST -H 'X-Echolab-User: 1' …/api/sync/heartbeat\n",
				time.Duration(is.TTLSeconds*float64(time.Second)))
			return
		}
		fmt.Fprintf(w, "ID\tNAME\tLOCATION\tLAST SEEN\n")
		for _, u := range is.Users {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", idText(u.ID), plain(u.Name), plain(cmp.Or(u.Location, "-")), clockTime(u.LastSeenAt))
		}
	})
}

func backendActivities(s *shell) *cobra.Command {
	var client, project, since string
	var limit int
	a := &asking{cmd: &cobra.Command{
		Use:   "activities",
		Short: "The activity feed, newest first",
		Example: `  echolab backend activities --limit 10
  echolab backend activities --client 5 --since 15m`,
		Args: noArguments,
	}}
	f := a.cmd.Flags()
	f.IntVar(&limit, "limit", 50, "at most so many")
	f.Var((*word)(&client), "client", "the feed of this client, by its id")
	f.Var((*word)(&project), "project", "the feed of this project, by its id")
	f.Var((*word)(&since), "since", "made later than this: 2026-01-31, 09:30, 15m (ago) or RFC 3339")
	return askBackend(s, a, "/api/backend/activities", func() {
		a.query = url.Values{"limit": {fmt.Sprint(limit)}, "client": {client}, "project": {project}, "since": {since}}
	}, func(w *tabwriter.Writer, is *api.Activities) {
		if len(is.Activities) == 0 {
			fmt.Fprintln(w, "There are no such activities. 'echolab backend activity add' makes one.")
			return
		}
		fmt.Fprintf(w, "ID\tWHEN\tTYPE\tWHO\tWHAT\tSUBJECT\n")
		for _, line := range is.Activities {
			printActivity(w, &line)
		}
	})
}

func printActivity(w *tabwriter.Writer, a *api.Activity) {
	who, subject := "-", "-"
	if a.User != nil {
		who = plain(a.User.Name)
	}
	if a.SubjectType != "" {
		subject = plain(a.SubjectType) + " " + idText(a.SubjectID)
	}
	fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", a.ID, clockTime(a.CreatedAt), plain(a.Type), who, plain(cmp.Or(a.Description, "-")), subject)
}

func backendActivity(s *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "activity",
		Short:   "Add to the activity feed",
		Example: `  echolab backend activity add project.created "created a new project" --user 1 --client 5`,
		Args:    noSuchCommandOf,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(backendActivityAdd(s))
	return cmd
}

func backendActivityAdd(s *shell) *cobra.Command {
	var at, subject, metadata, client, project string
	var line api.NewActivity
	cmd := &cobra.Command{
		Use:   "add TYPE [DESCRIPTION]",
		Short: "Add a line to the activity feed",
		Long: `Add a line to the activity feed as the application's ActivityFeedService does: it is stored,
then ActivityFeedUpdated goes to the admins and, with --client, to that client.`,
		Example: `  echolab backend activity add project.created "created a new project" --user 1 --client 5 --subject project:4
  echolab backend activity add file.uploaded --metadata '{"client_id": 5, "size": 2048}'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return &usageError{fmt.Sprintf("%s takes TYPE DESCRIPTION, but %d arguments were given; put quotes around each (see '%s --help')", cmd.CommandPath(), len(args), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			line.Type, line.Description = args[0], append(args, "")[1]
			if subject != "" {
				typ, id, found := strings.Cut(subject, ":")
				if !found || typ == "" || id == "" {
					return &usageError{fmt.Sprintf("--subject %s is no TYPE:ID; write it as --subject project:4", subject)}
				}
				line.SubjectType, line.SubjectID = typ, api.ID(id)
			}
			var err error
			if line.Metadata, err = activityMetadata(metadata, client, project); err != nil {
				return err
			}
			return s.addActivity(cmd.Context(), at, line)
		},
	}
	f := cmd.Flags()
	f.Var((*word)(&line.User), "user", "who did it, by the user's id (default: the system)")
	f.Var((*word)(&client), "client", "the client whose feed it is in (metadata.client_id)")
	f.Var((*word)(&project), "project", "the project whose feed it is in (metadata.project_id)")
	f.Var((*word)(&subject), "subject", "what it is about, as TYPE:ID, such as project:4")
	f.Var((*word)(&metadata), "metadata", "a JSON object of anything else")
	f.BoolVar(&s.json, "json", false, "print JSON")
	controlFlag(cmd, &at)
	f.SortFlags = false
	return cmd
}

// activityMetadata is the object of --metadata with what --client and --project say.
func activityMetadata(text, client, project string) (json.RawMessage, error) {
	fields := map[string]any{}
	if text != "" {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&fields); err != nil {
			return nil, &usageError{fmt.Sprintf("--metadata is no JSON object (%v); write it as '{\"client_id\": 5}'", err)}
		}
	}
	for name, id := range map[string]string{"client_id": client, "project_id": project} {
		if id == "" {
			continue
		}
		fields[name] = id
		if n := json.Number(id); isWhole(n) {
			fields[name] = n
		}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return json.Marshal(fields)
}

// isWhole tells whether a text is a whole number as JSON writes it.
func isWhole(n json.Number) bool {
	whole, err := n.Int64()
	return err == nil && fmt.Sprint(whole) == n.String()
}

func (s *shell) addActivity(ctx context.Context, at string, line api.NewActivity) error {
	running, err := s.control(at)
	if err != nil {
		return err
	}
	var added api.Activity
	if err := running.ask(ctx, http.MethodPost, "/api/backend/activities", nil, line, &added); err != nil {
		return unlessStopped(ctx, err)
	}
	if s.json {
		return s.encode(added)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	printActivity(w, &added)
	return w.Flush()
}

func backendVersions(s *shell) *cobra.Command {
	var since uint64
	var limit int
	a := &asking{cmd: &cobra.Command{
		Use:   "versions",
		Short: "What changed since a data version",
		Long: `The changes of the application's rows, oldest first, each with its data version: what a front
end that was offline asks for at /api/sync/versions. The guide names the service and no such
endpoint: it is an extension.`,
		Example: `  echolab backend versions --since 120`,
		Args:    noArguments,
	}}
	f := a.cmd.Flags()
	f.Uint64Var(&since, "since", 0, "changes after this version (default: all that are kept)")
	f.IntVar(&limit, "limit", 1000, "at most so many")
	return askBackend(s, a, "/api/backend/versions", func() {
		a.query = url.Values{"limit": {fmt.Sprint(limit)}, "since": {fmt.Sprint(since)}}
	}, func(w *tabwriter.Writer, is *api.DataVersions) {
		if len(is.Changes) == 0 {
			fmt.Fprintf(w, "Nothing changed since then; the data version is %d.\n", is.Version)
			return
		}
		fmt.Fprintf(w, "VERSION\tWHEN\tTYPE\tID\tACTION\n")
		for _, c := range is.Changes {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", c.Version, clockTime(c.At), plain(c.Type), idText(c.ID), plain(c.Action))
		}
		if is.More {
			fmt.Fprintf(w, "There are more: --since %d\n", is.Version)
		}
	})
}

func backendViewers(s *shell) *cobra.Command {
	var typ, id string
	a := &asking{cmd: &cobra.Command{
		Use:   "viewers",
		Short: "Who looks at what",
		Example: `  echolab backend viewers
  echolab backend viewers --type project --id 1`,
		Args: noArguments,
	}}
	f := a.cmd.Flags()
	f.Var((*word)(&typ), "type", "at rows of this type, as the front end names it: project")
	f.Var((*word)(&id), "id", "at this one of them")
	return askBackend(s, a, "/api/backend/viewers", func() {
		a.query = url.Values{"type": {typ}, "id": {id}}
	}, func(w *tabwriter.Writer, is *api.Viewers) {
		if len(is.Viewers) == 0 {
			fmt.Fprintln(w, "Nobody looks at anything.")
			return
		}
		fmt.Fprintf(w, "TYPE\tID\tWHO\tSINCE\n")
		for _, v := range is.Viewers {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", plain(v.Type), idText(v.ID), plain(v.User.Name), clockTime(v.Since))
		}
	})
}
