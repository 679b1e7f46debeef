package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/harness"
	"echolab/harness/report"
)

// What run looks at before it begins: a mistake in a flag is not to be found out after an hour.

// checkFlags refuses flags that name what is not there.
func (f *runFlags) checkFlags(cmd *cobra.Command) error {
	for _, row := range []struct{ flag, address, example string }{
		{"--auth-endpoint", f.auth, "https://staging.test/broadcasting/auth"},
		{"--application", f.application, "https://staging.test"},
	} {
		if row.address == "" {
			continue
		}
		if u, err := url.Parse(row.address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return &usageError{fmt.Sprintf("%s: %q is no address; write it as %s", row.flag, row.address, row.example)}
		}
	}
	for _, format := range f.formats {
		if row, err := report.Named(format); err != nil {
			return &usageError{"--format: " + err.Error()}
		} else if row.File == "" {
			return &usageError{"--format " + format + ": it is for a stream and has no file"}
		}
	}
	if !cmd.Flags().Changed("server-pid") {
		return nil
	}
	switch _, there := harness.ProcessUsage(f.pid); {
	case f.pid <= 0:
		return &usageError{fmt.Sprintf("--server-pid is %d; it must be a process of this machine, 1 or more", f.pid)}
	case !there && runtime.GOOS != "linux":
		return &usageError{"--server-pid: what another process uses is told on Linux alone; leave it out"}
	case !there:
		return &usageError{fmt.Sprintf("--server-pid %d: there is no such process on this machine", f.pid)}
	}
	return nil
}

// folder is where --out is, "" for nowhere.
func (s *shell) folder(out string) string {
	if out == "" || filepath.IsAbs(out) {
		return out
	}
	return filepath.Join(s.dir, out)
}

// checkOut makes the folder of the reports and writes a byte into it, so that a run is not measured for nothing.
func (s *shell) checkOut(out string) error {
	if out == "" {
		return nil
	}
	dir := s.folder(out)
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = probe(dir)
	}
	if err != nil {
		return &usageError{fmt.Sprintf("--out %s: reports cannot be written there: %v", out, err)}
	}
	return nil
}

func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".echolab.*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// checkKept tells whether the run can be put among the kept ones. A database that was asked for must be able to; without
// the usual one the run goes on, and is not kept.
func (s *shell) checkKept(ctx context.Context, cmd *cobra.Command, cfg app.Config, f *runFlags) error {
	if f.unkept || app.RunsFile(cfg) == "" {
		return nil
	}
	kept, err := app.OpenRuns(ctx, cfg)
	if err == nil {
		err = kept.Close()
	}
	switch {
	case err == nil:
		return nil
	case cmd.Flags().Changed("db"):
		return &usageError{fmt.Sprintf("--db: the run could not be kept: %v; or pass --no-keep", err)}
	}
	s.warn(fmt.Sprintf("the run will not be among the kept ones: %v", err))
	f.unkept = true
	return nil
}

// warn tells what does not end a command.
func (s *shell) warn(text string) {
	if s.json {
		s.report(errors.New(text))
		return
	}
	fmt.Fprintf(s.err, "%s %s\n", s.paint(s.err).amber("warning:"), plain(text))
}

// comparable refuses to hold runs against each other that did different things.
func comparable(base, next string, a, b harness.ComparedRun) error {
	if a.PlanHash == b.PlanHash || a.PlanHash == "" || b.PlanHash == "" {
		return nil
	}
	return &usageError{fmt.Sprintf("%s is a run of %s with the plan %s, %s of %s with the plan %s: they did different things "+
		"(another scenario, variable, seed or threshold), and their figures say nothing about each other; pass --anyway to compare them all the same",
		base, a.Name, a.PlanHash, next, b.Name, b.PlanHash)}
}

// annotateProblems tells a job of GitHub Actions where a scenario is wrong.
func (s *shell) annotateProblems(err error) {
	if problems, ok := errors.AsType[*harness.Problems](err); ok {
		if err := report.GitHubProblems(s.err, problems.List, s.env, s.dir); err != nil {
			s.report(err)
		}
	}
}

// dryPlan is --dry-run for programs.
type dryPlan struct {
	Name    string   `json:"name"`
	File    string   `json:"file"`
	Plan    string   `json:"plan"` // the plan's hash
	Seed    uint64   `json:"seed"`
	Segment string   `json:"segment,omitempty"`
	Users   int      `json:"users"`
	Seconds float64  `json:"seconds"`
	Lines   []string `json:"lines"` // as for people
}

// printPlan prints what would be done.
func (s *shell) printPlan(p *harness.Plan) error {
	if s.json {
		return s.encode(dryPlan{p.Scenario.Name, p.Scenario.File, p.Hash, p.Seed, p.Segment.String(), p.Users(), p.Length().Seconds(), p.Lines()})
	}
	for _, line := range p.Lines() {
		if _, err := fmt.Fprintln(s.out, line); err != nil {
			return err
		}
	}
	return nil
}
