package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"echolab/harness"
	"echolab/harness/report"
)

func compare(s *shell) *cobra.Command {
	var regressions []string
	var markdown, anyway bool
	cmd := &cobra.Command{
		Use:   "compare BASE OTHER",
		Short: "Hold one run against another",
		Long: `Print two runs side by side and say what became worse. BASE and OTHER are kept runs (an id,
the beginning of one, or latest), result.json files, or folders with one.

A figure became worse when it exceeds its rule. A rule is METRIC FIGURE +N% [LEAST]: more than
N percent worse, and by more than LEAST; with - less is worse; without % N is the difference
itself. A percentile whose difference may be chance, because few values were measured, is
unclear rather than worse: its intervals (95 %, of the order statistics) overlap. They know
nothing of how much runs differ by themselves; several runs of the same do.

Without --regression these rules hold:
  ` + strings.Join(harness.DefaultToleranceTexts, "\n  ") + `

Runs of different plans, of another scenario or with other variables, are refused, unless
--anyway is given.

Exit code: 0 nothing became worse, 1 something did, 2 a run or a rule is wrong, or the two
runs did different things.`,
		Example: `  echolab compare 4f3a latest
  echolab compare good/result.json results
  echolab compare good results --regression 'delivery_latency p(95) +10% 1ms'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &usageError{fmt.Sprintf("%s takes two runs, but %d were given (see '%s --help')", cmd.CommandPath(), len(args), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := tolerances("--regression", regressions)
			if err != nil {
				return err
			}
			var two [2]*harness.Result
			for i, name := range args {
				if two[i], err = s.resultOf(cmd, name); err != nil {
					return err
				}
			}
			c := harness.Compare(two[0], two[1], rules)
			if !anyway {
				if err := comparable(args[0], args[1], c.Base, c.Next); err != nil {
					return err
				}
			}
			switch {
			case s.json:
				err = s.encode(c)
			case markdown:
				err = report.ComparisonMarkdown(s.out, c)
			default:
				err = report.ComparisonText(s.out, c, report.TextOptions{Colour: bool(s.paint(s.out))})
			}
			if err == nil && len(c.Regressions) > 0 {
				err = &verdictError{exitFailed}
			}
			return err
		},
	}
	databaseFlags(cmd)
	cmd.Flags().StringArrayVar(&regressions, "regression", nil, `what is too much worse, such as "delivery_latency p(95) +10% 2ms"; can be given again`)
	cmd.Flags().BoolVar(&anyway, "anyway", false, "compare runs that did different things too")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print a table for a pull request")
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return cmd
}

func merge(s *shell) *cobra.Command {
	var out string
	var formats []string
	var keep bool
	cmd := &cobra.Command{
		Use:   "merge RESULT...",
		Short: "Join the results of a plan's segments",
		Long: `Join what the machines of one plan measured ('echolab run --segment 1/5' …) into the result
that one machine would have had: counts add up, percentiles are those of all values together,
and the thresholds are held against the whole. RESULT is a result.json, a folder with one, or
a kept run. Results of other plans, of other servers, or of the same segment twice, are refused.
Where a segment is absent the whole is inconclusive.

Let the segments begin at the same time. What users of one got of another's events is judged
here, where both ends are known: a lost event between two machines shows in the joined result
alone. Clocks of different machines may differ by a second; who came or went so near to an
event is neither owed it nor wrong to get it.

Exit code: that of the verdict, as of 'echolab run'; 2 when the results do not fit together.`,
		Example: `  echolab merge results-1 results-2 --out results
  echolab merge results/*/result.json --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{fmt.Sprintf("%s takes at least one RESULT (see '%s --help')", cmd.CommandPath(), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range formats {
				if f, err := report.Named(name); err != nil {
					return &usageError{"--format: " + err.Error()}
				} else if f.File == "" {
					return &usageError{"--format " + name + ": it is for a stream and has no file"}
				}
			}
			var parts []harness.Result
			for _, name := range args {
				r, err := s.resultOf(cmd, name)
				if err != nil {
					return err
				}
				parts = append(parts, *r)
			}
			merged, err := harness.Merge(parts)
			if err != nil {
				return &usageError{err.Error()}
			}
			return s.merged(cmd, &merged, out, formats, keep)
		},
	}
	databaseFlags(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "folder for the reports: result.json, summary.json, junit.xml, report.html …")
	cmd.Flags().StringSliceVar(&formats, "format", nil, "which of them (default "+strings.Join(report.InFolder(), ",")+")")
	cmd.Flags().BoolVar(&keep, "keep", false, "put the joined run among the kept ones")
	cmd.Flags().BoolVar(&s.json, "json", false, "print the result as JSON")
	return cmd
}

func (s *shell) merged(cmd *cobra.Command, r *harness.Result, out string, formats []string, keep bool) error {
	var notes []string
	if out != "" {
		dir := out
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(s.dir, dir)
		}
		written, err := report.WriteDir(dir, r, formats...)
		if err != nil {
			return err
		}
		for _, file := range written {
			if strings.HasSuffix(file, ".html") {
				notes = append(notes, "report: "+filepath.Join(out, filepath.Base(file)))
			}
		}
	}
	if keep {
		cfg, err := s.load(cmd)
		if err != nil {
			return err
		}
		if err := s.keepRun(cmd.Context(), cfg, r); err != nil {
			return err
		}
	}
	if err := report.GitHub(s.err, r, s.env, s.dir); err != nil {
		return err
	}
	var err error
	if s.json {
		err = harness.WriteResult(s.out, r)
	} else {
		err = report.Text(s.out, r, report.TextOptions{Colour: bool(s.paint(s.out)), Notes: notes})
	}
	if code := r.Verdict.ExitCode(); err == nil && code != 0 {
		err = &verdictError{code}
	}
	return err
}
