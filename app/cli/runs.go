package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/harness"
	"echolab/harness/report"
)

// runs is the command about kept runs, and the commands under it.
func runs(s *shell) *cobra.Command {
	var name string
	limit := 20
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "The runs of scenarios that were kept",
		Long: `The runs that 'echolab run' kept: in runs.sqlite of the data folder, or in the database that
--db, ECHOLAB_DB, .env or echolab.yaml names. The newest 200 stay (ECHOLAB_RETENTION_RUNS),
and those with a label, see 'echolab runs keep'.`,
		Example: `  echolab runs
  echolab runs show latest
  echolab runs show 4f3a --format html > report.html
  echolab runs keep 4f3a --label 'before the upgrade'
  echolab compare 4f3a latest`,
		Args: noSuchCommandOf,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return &usageError{fmt.Sprintf("--limit %d: must be at least 1, or 0 for all", limit)}
			}
			kept, err := s.readRuns(cmd)
			if err != nil {
				return err
			}
			all := []app.Run{}
			if kept != nil {
				defer kept.Close()
				if all, err = kept.List(cmd.Context(), name, limit); err != nil {
					return err
				}
			}
			if s.json {
				return s.encode(map[string]any{"runs": runsJSON(all)})
			}
			return s.printRuns(all)
		},
	}
	databaseFlags(cmd)
	cmd.Flags().Var((*word)(&name), "name", "only those of this scenario")
	cmd.Flags().IntVarP(&limit, "limit", "n", limit, "at most so many, the newest; 0 is all")
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	cmd.AddCommand(runsShow(s), runsDelete(s), runsKeep(s))
	return cmd
}

// readRuns opens the kept runs for reading; nil where there are none yet.
func (s *shell) readRuns(cmd *cobra.Command) (*app.Runs, error) {
	cfg, err := s.load(cmd)
	if err != nil {
		return nil, err
	}
	return app.ReadRuns(cmd.Context(), cfg)
}

// someRuns is readRuns for commands that name a run: without any there is nothing to name.
func (s *shell) someRuns(cmd *cobra.Command) (*app.Runs, error) {
	kept, err := s.readRuns(cmd)
	if err == nil && kept == nil {
		err = &usageError{"no run was kept yet; 'echolab run' keeps one"}
	}
	return kept, err
}

// runJSON is a run as --json prints it.
type runJSON struct {
	app.Run
	DurationMS int64 `json:"duration_ms"`
}

func runsJSON(all []app.Run) []runJSON {
	out := make([]runJSON, len(all))
	for i, run := range all {
		out[i] = runJSON{run, run.Duration.Milliseconds()}
	}
	return out
}

func (s *shell) printRuns(all []app.Run) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(s.out, "No run was kept yet; 'echolab run' keeps one.")
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSTARTED\tSCENARIO\tVERDICT\tTOOK\tDELIVERED\tP95\tNOTE")
	for _, run := range all {
		var sum app.RunSummary
		_ = json.Unmarshal(run.Summary, &sum) // another version's: the columns stay empty
		delivered, p95 := "-", "-"
		if sum.Expected > 0 {
			delivered = fmt.Sprintf("%d/%d", sum.Delivered, sum.Expected)
		}
		if sum.P95MS > 0 {
			p95 = fmt.Sprintf("%.1f ms", sum.P95MS)
		}
		note := sum.Reason
		if run.Kept {
			note = strings.TrimSpace("kept " + run.Label)
		}
		name := run.Name
		if run.Segment != "" {
			name += " " + run.Segment
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", run.ID, run.Started.Local().Format("2006-01-02 15:04"), plain(name), run.Verdict,
			run.Duration.Round(time.Second), delivered, p95, shorten(plain(note), 60))
	}
	return w.Flush()
}

func runsShow(s *shell) *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Print a kept run's report",
		Long: `Print the report of a kept run. RUN is its id, the beginning of it, or latest.

Formats: ` + formatHelp(),
		Example: `  echolab runs show latest
  echolab runs show 4f3a --format html > report.html`,
		Args: oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := report.Named(format)
			if err != nil {
				return &usageError{"--format: " + err.Error()}
			}
			kept, err := s.someRuns(cmd)
			if err != nil {
				return err
			}
			defer kept.Close()
			r, err := kept.Result(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			switch {
			case s.json:
				return harness.WriteResult(s.out, r)
			case f.Name == "text":
				return report.Text(s.out, r, report.TextOptions{Colour: bool(s.paint(s.out))})
			}
			return f.Write(s.out, r)
		},
	}
	databaseFlags(cmd)
	cmd.Flags().StringVar(&format, "format", format, strings.Join(report.Names(), ", "))
	cmd.Flags().BoolVar(&s.json, "json", false, "the same as --format result")
	// The flag was made above, so the only error, "no such flag", cannot come.
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func formatHelp() string {
	var b strings.Builder
	for _, f := range report.Formats {
		fmt.Fprintf(&b, "\n  %-9s %s", f.Name, f.Help)
	}
	return b.String()
}

func oneRun(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return &usageError{fmt.Sprintf("%s takes one RUN, but %d were given (see '%s --help')", cmd.CommandPath(), len(args), cmd.CommandPath())}
}

func runsDelete(s *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete RUN...",
		Short:   "Delete kept runs, those with a label too",
		Example: `  echolab runs delete 4f3a 77e0`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{fmt.Sprintf("%s takes at least one RUN (see '%s --help')", cmd.CommandPath(), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.changeRuns(cmd, func(ctx context.Context, kept *app.Runs) ([]app.Run, string, error) {
				found, err := kept.Delete(ctx, args...)
				return found, "deleted", err
			})
		},
	}
	databaseFlags(cmd)
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return cmd
}

func runsKeep(s *shell) *cobra.Command {
	var label string
	var off bool
	cmd := &cobra.Command{
		Use:   "keep RUN",
		Short: "Keep a run for good",
		Example: `  echolab runs keep latest --label 'before the upgrade'
  echolab runs keep 4f3a --off`,
		Args: oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.changeRuns(cmd, func(ctx context.Context, kept *app.Runs) ([]app.Run, string, error) {
				run, err := kept.Keep(ctx, args[0], label, !off)
				if off {
					return []app.Run{run}, "no longer kept for good", err
				}
				return []app.Run{run}, "kept for good", err
			})
		},
	}
	databaseFlags(cmd)
	cmd.Flags().Var((*word)(&label), "label", "why, for the list")
	cmd.Flags().BoolVar(&off, "off", false, "give it up to retention again")
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return cmd
}

// changeRuns opens the kept runs to change some, and prints which.
func (s *shell) changeRuns(cmd *cobra.Command, what func(context.Context, *app.Runs) ([]app.Run, string, error)) error {
	read, err := s.someRuns(cmd) // what is not there is not to be made
	if err != nil {
		return err
	}
	if err := read.Close(); err != nil {
		return err
	}
	cfg, err := s.load(cmd)
	if err != nil {
		return err
	}
	kept, err := app.OpenRuns(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	changed, done, err := what(cmd.Context(), kept)
	if err = errors.Join(err, kept.Close()); err != nil {
		return err
	}
	if s.json {
		return s.encode(map[string]any{"runs": runsJSON(changed)})
	}
	for _, run := range changed {
		if _, err := fmt.Fprintf(s.out, "%s %s: %s\n", run.ID, plain(run.Name), done); err != nil {
			return err
		}
	}
	return nil
}

// keepRun puts a run among the kept ones, as the configuration of the folder says. In memory none is kept.
func (s *shell) keepRun(ctx context.Context, cfg app.Config, r *harness.Result) error {
	if app.RunsFile(cfg) == "" {
		return nil
	}
	kept, err := app.OpenRuns(ctx, cfg)
	if err != nil {
		return fmt.Errorf("the run is not among the kept ones: %w", err)
	}
	_, err = kept.Add(ctx, r)
	return errors.Join(err, kept.Close())
}

// resultOf finds a result: a file, a folder with a result.json, or else a kept run.
func (s *shell) resultOf(cmd *cobra.Command, name string) (*harness.Result, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.dir, path)
	}
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			path, name = filepath.Join(path, "result.json"), filepath.Join(name, "result.json")
		}
		return readResultFile(path, name)
	} else if looksLikeFile := strings.ContainsAny(name, `/\.`); looksLikeFile || !errors.Is(err, fs.ErrNotExist) {
		return nil, &usageError{fmt.Sprintf("%s: there is no such file or folder", name)}
	}
	kept, err := s.readRuns(cmd)
	if err != nil {
		return nil, err
	}
	if kept == nil {
		return nil, &usageError{fmt.Sprintf("%s is no file or folder, and no run was kept yet", name)}
	}
	defer kept.Close()
	return kept.Result(cmd.Context(), name)
}

// readResultFile reads a result.json; its errors name the file as the person did.
func readResultFile(path, name string) (*harness.Result, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &usageError{fmt.Sprintf("%s: there is no such file", name)}
	}
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	defer f.Close()
	r, err := harness.ReadResult(io.Reader(f))
	if err != nil {
		return nil, &usageError{name + ": " + err.Error()}
	}
	return r, nil
}

// tolerances are the given ones, or else the default ones.
func tolerances(flag string, texts []string) ([]harness.Tolerance, error) {
	if len(texts) == 0 {
		return harness.DefaultTolerances(), nil
	}
	var all []harness.Tolerance
	for _, text := range texts {
		t, err := harness.ParseTolerance(text)
		if err != nil {
			return nil, &usageError{flag + ": " + err.Error()}
		}
		all = append(all, t)
	}
	return slices.Clip(all), nil
}
