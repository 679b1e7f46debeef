package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"echolab/app"
	"echolab/harness"
	"echolab/harness/report"
)

// runFlags are those of run.
type runFlags struct {
	remote      remoteFlags
	preset      string
	variables   *[]string
	seed        uint64
	seeded      bool
	segment     string
	out         string
	formats     []string
	baseline    string
	regressions []string
	application string
	api         string
	auth        string
	pid         int
	shared      bool
	knee        bool
	dry         bool
	quiet       bool
	events      bool
	unkept      bool
	anyway      bool // the baseline may be a run of another plan
}

func runCommand(s *shell) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a scenario of simulated Echo clients, and judge what they got",
		Long: `Run a scenario: virtual users connect as laravel-echo does, subscribe, whisper, publish and
leave; every delivery and every member list is held against what must have been, and the
thresholds decide. FILE is a scenario ('echolab init scenario' writes one, 'echolab help
scenario' says what may stand in it), or preset:NAME, one that is built in.

Without --url an emulator of Echolab's own is started in this process, on a free port. With
it the same file tests a real Reverb, soketi or Pusher. The steps notify and workflow act in
the application that Echolab emulates: with --url they need --api, the UI of that Echolab.

Exit code: 0 passed, 1 a threshold or an expectation failed, 2 the scenario or the flags are
wrong or a report could not be written, 3 the target cannot be reached, 4 inconclusive: the
generator could not measure what it was to measure, 130 interrupted (what was measured until
then is still reported).`,
		Example: `  echolab run scenario.yaml
  echolab run preset:invoice-day -e clients=500 --out results

  # the same against a staging server, with its own auth endpoint
  echolab run scenario.yaml --url wss://ws.staging.test --app-id 1 --key k --secret s \
      --auth-endpoint https://staging.test/broadcasting/auth

  # how much it takes before something breaks
  echolab run preset:fanout-knee --find-knee

  # in CI: fail when it became slower than the last good run
  echolab run scenario.yaml --out results --baseline good/result.json

  # one of five machines
  echolab run scenario.yaml --segment 2/5 --out results-2`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.preset != "" && len(args) > 0:
				return &usageError{fmt.Sprintf("--preset %s and %q are two scenarios; leave one of them out", f.preset, args[0])}
			case f.preset == "" && len(args) != 1:
				return &usageError{fmt.Sprintf("%s takes one FILE, or --preset NAME, but %d were given (see '%s --help')", cmd.CommandPath(), len(args), cmd.CommandPath())}
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.seeded = cmd.Flags().Changed("seed")
			name := "preset:" + f.preset
			if f.preset == "" {
				name = args[0]
			}
			return s.runScenario(cmd, name, &f)
		},
	}
	flags := cmd.Flags()
	flags.Var((*word)(&f.preset), "preset", "a scenario that is built in: "+strings.Join(presetNames(), ", "))
	f.variables = variableFlag(cmd)
	flags.StringVar(&f.out, "out", "", "folder for the reports: result.json, summary.json, junit.xml, report.html …")
	flags.StringSliceVar(&f.formats, "format", nil, "which of them (default "+strings.Join(report.InFolder(), ",")+")")
	flags.BoolVar(&f.events, "events", false, "write every event that a client received to events.ndjson in --out")
	flags.StringVar(&f.baseline, "baseline", "", "a result of before, a file, a folder or a kept run: fail when something became worse")
	flags.BoolVar(&f.anyway, "anyway", false, "compare with --baseline even where that did something else")
	flags.BoolVar(&f.unkept, "no-keep", false, "do not put it among the runs that 'echolab runs' lists")
	databaseFlags(cmd)
	flags.StringArrayVar(&f.regressions, "regression", nil, `what is too much worse, such as "delivery_latency p(95) +10% 2ms"; can be given again (default: see 'echolab compare --help')`)
	flags.Uint64Var(&f.seed, "seed", 0, "another seed than the scenario's")
	flags.StringVar(&f.segment, "segment", "", "this machine's share of the plan, such as 2/5; 'echolab merge' joins the results")
	flags.BoolVar(&f.knee, "find-knee", false, "raise the rates until a threshold breaks, and report the last that held")
	flags.BoolVar(&f.dry, "dry-run", false, "print the plan and end")
	f.remote.add(cmd)
	flags.StringVar(&f.auth, "auth-endpoint", "", "who authorises channels, instead of the secret, such as https://staging.test/broadcasting/auth")
	flags.StringVar(&f.application, "application", "", "the application behind http steps and logins (default: where --auth-endpoint is, else the server)")
	flags.Var((*word)(&f.api), "api", "the UI of the Echolab at --url, for notify and workflow, such as "+defaultControl)
	flags.BoolVar(&f.shared, "shared", false, "others use the server too: they are no ghosts, but all clients must agree about them")
	flags.IntVar(&f.pid, "server-pid", 0, "the server's process on this machine: its CPU and memory are measured too")
	flags.BoolVar(&s.json, "json", false, "print the result as JSON")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no progress, only the summary")
	flags.SortFlags = false
	return cmd
}

func presetNames() (names []string) {
	for _, p := range app.Presets() {
		names = append(names, p.Name)
	}
	return names
}

// trial reads everything that a run is made from.
func (s *shell) trial(cmd *cobra.Command, name string, f *runFlags) (app.Trial, error) {
	t := app.Trial{Knee: f.knee, ServerPID: f.pid, Application: f.application, Version: readVersion().Version}
	variables, err := scenarioVariables(cmd, *f.variables)
	if err != nil {
		return t, err
	}
	scenario, err := app.ReadScenario(name, app.ScenarioSources{Variables: variables, Environ: s.environ, Dir: s.dir})
	if err != nil {
		return t, err
	}
	var segment harness.Segment
	if f.segment != "" {
		if segment, err = harness.ParseSegment(f.segment); err != nil {
			return t, &usageError{"--segment: " + err.Error()}
		}
	}
	seed := scenario.Seed
	if f.seeded {
		seed = f.seed
	}
	if f.auth != "" {
		scenario.Target.Auth.Endpoint = f.auth
	}
	scenario.Target.Shared = scenario.Target.Shared || f.shared
	t.Plan = harness.NewPlan(scenario, seed, segment)

	if f.remote.url == "" {
		f.remote.url = scenario.Target.URL
	}
	target := scenario.Target
	for _, row := range []struct {
		flag *string
		file string
	}{{&f.remote.id, target.AppID}, {&f.remote.key, target.Key}, {&f.remote.secret, target.Secret}} {
		if *row.flag == "" && f.remote.url != "" {
			*row.flag = row.file
		}
	}
	if f.remote.url != "" {
		remote, err := s.remote(f.remote)
		if err != nil {
			return t, err
		}
		t.Remote = &remote
		if f.api != "" {
			running, err := s.control(f.api)
			if err != nil {
				return t, err
			}
			t.Backend = actingAt{running}
		}
	} else if f.api != "" {
		return t, &usageError{"--api is the UI of the Echolab at --url, which is missing; the embedded emulator needs neither"}
	} else if err := f.remote.check(""); err != nil {
		return t, err
	} else if segment.N > 1 && !f.dry {
		return t, &usageError{"--segment: segments share one server: name it with --url (each would have one of its own otherwise, and what one sends would never come to the others)"}
	}
	t.Config, err = s.load(cmd)
	switch {
	case err != nil && t.Remote == nil:
		return t, err
	case err != nil && !f.unkept && !f.dry: // the server has its own settings; where runs are kept is not known
		s.warn(fmt.Sprintf("the run will not be among the kept ones: %v", err))
		f.unkept = true
	}
	return t, nil
}

func (s *shell) runScenario(cmd *cobra.Command, name string, f *runFlags) error {
	if err := f.checkFlags(cmd); err != nil {
		return err
	}
	t, err := s.trial(cmd, name, f)
	if err != nil {
		s.annotateProblems(err)
		return err
	}
	if f.dry {
		return s.printPlan(t.Plan)
	}
	var base *harness.Result
	if f.baseline != "" {
		if base, err = s.resultOf(cmd, f.baseline); err != nil {
			return err
		}
		if !f.anyway {
			next := harness.ComparedRun{Name: t.Plan.Scenario.Name, PlanHash: t.Plan.Hash}
			if err := comparable("--baseline "+f.baseline, name, harness.ComparedRun{Name: base.Name, PlanHash: base.PlanHash}, next); err != nil {
				return err
			}
		}
	}
	rules, err := tolerances("--regression", f.regressions)
	if err != nil {
		return err
	}
	if err := s.checkOut(f.out); err != nil {
		return err
	}
	if err := s.checkKept(cmd.Context(), cmd, t.Config, f); err != nil {
		return err
	}
	live := report.NewLive(s.err, report.LiveOptions{Terminal: s.terminal(s.err), Colour: bool(s.paint(s.err)), Width: s.width, Quiet: f.quiet})
	t.Progress = live.Show
	t.Config.LogLevel = "error"
	t.Logger = s.logger(t.Config, true)
	stopEvents, err := s.recordEvents(&t, f)
	if err != nil {
		live.Close()
		return err
	}
	result, err := app.Try(cmd.Context(), t)
	live.Close()
	err = errors.Join(err, stopEvents())
	if err != nil {
		return unlessStopped(context.Background(), err)
	}
	result.Plan = t.Plan.Lines()
	if base != nil {
		if c := harness.Compare(base, result, rules); result.Fail(c.Regressions) {
			result.Warnings = append(result.Warnings, "it was compared with "+f.baseline+"; 'echolab compare' shows all figures")
		}
	}
	if !f.unkept {
		if err := s.keepRun(context.WithoutCancel(cmd.Context()), t.Config, result); err != nil {
			s.report(err) // the run itself is worth more
		}
	}
	return s.concluded(result, f)
}

// concluded prints and writes what a run came to; the error holds its exit code.
func (s *shell) concluded(result *harness.Result, f *runFlags) error {
	var notes []string
	var lost error
	if f.out != "" {
		written, err := report.WriteDir(s.folder(f.out), result, f.formats...)
		if err != nil {
			lost = fmt.Errorf("--out %s: not all reports are there: %w", f.out, err)
		}
		for _, file := range written {
			if strings.HasSuffix(file, ".html") {
				notes = append(notes, "report: "+filepath.Join(f.out, filepath.Base(file)))
			}
		}
	}
	if err := report.GitHub(s.err, result, s.env, s.dir); err != nil {
		s.report(err)
	}
	var err error
	if s.json {
		err = harness.WriteResult(s.out, result)
	} else {
		err = report.Text(s.out, result, report.TextOptions{Colour: bool(s.paint(s.out)), Width: s.widthOf(s.out), Notes: notes})
	}
	if err != nil {
		return err
	}
	code := result.Verdict.ExitCode()
	if lost != nil {
		s.report(lost) // last, where it is seen
		if code == 0 {
			code = exitUsage // a job that goes on with the reports would find none
		}
	}
	if code != 0 {
		return &verdictError{code}
	}
	return nil
}

// recordEvents has every event written that a client receives, where that was asked for; the function ends it.
func (s *shell) recordEvents(t *app.Trial, f *runFlags) (func() error, error) {
	if !f.events {
		return func() error { return nil }, nil
	}
	if f.out == "" {
		return nil, &usageError{"--events needs --out: the folder for events.ndjson"}
	}
	file, err := os.Create(filepath.Join(s.folder(f.out), "events.ndjson")) // checkOut has made it
	if err != nil {
		return nil, &usageError{"--events: " + err.Error()}
	}
	events := report.NewEvents(file, t.Plan.Scenario.Name)
	t.Heard = events.Heard
	return func() error { return errors.Join(events.Close(), file.Close()) }, nil
}

// terminal tells whether somebody looks.
func (s *shell) terminal(to io.Writer) bool {
	file, ok := to.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// width is that of the terminal of standard error, 0 where there is none.
func (s *shell) width() int { return s.widthOf(s.err) }

func (s *shell) widthOf(to io.Writer) int {
	file, ok := to.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}
