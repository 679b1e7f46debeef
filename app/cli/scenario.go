package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/harness"
)

// scenarioTopic is a page of help: everything that may stand in a scenario.
func scenarioTopic(*shell) *cobra.Command {
	cmd := &cobra.Command{Use: "scenario", Short: "What may stand in a scenario: steps, executors, templates, metrics"}
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = app.ScenarioHelp() // made when it is read: every other command does without
		help(cmd, args)
	})
	return cmd
}

// variableFlag adds -e NAME=value, which may be given several times.
func variableFlag(cmd *cobra.Command) *[]string {
	return cmd.Flags().StringArrayP("env", "e", nil, "`NAME=value`: a variable of the scenario; can be given several times")
}

// scenarioVariables reads what -e was given.
func scenarioVariables(cmd *cobra.Command, given []string) (map[string]string, error) {
	variables := make(map[string]string, len(given))
	for _, row := range given {
		name, value, ok := strings.Cut(row, "=")
		if !ok || name == "" {
			return nil, &usageError{fmt.Sprintf("-e needs NAME=value, not %q (see '%s --help')", row, cmd.CommandPath())}
		}
		variables[name] = value
	}
	return variables, nil
}

func validate(s *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check scenarios without running them",
		Long: `Check scenarios, with all that they include, without running them. Each problem is one line:
file:line:column, what is wrong and what to do. preset:NAME checks one that is built in.

Exit code: 0 when all of them can be run, 2 when one cannot.`,
		Example: `  echolab validate scenario.yaml
  echolab validate -e clients=500 scenarios/*.yaml
  echolab validate --json scenario.yaml | jq .problems`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{fmt.Sprintf("%s needs a FILE (see '%s --help')", cmd.CommandPath(), cmd.CommandPath())}
			}
			return nil
		},
	}
	given := variableFlag(cmd)
	cmd.Flags().BoolVar(&s.json, "json", false, "one line of JSON for each file")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		variables, err := scenarioVariables(cmd, *given)
		if err != nil {
			return err
		}
		return s.validate(args, app.ScenarioSources{Variables: variables, Environ: s.environ, Dir: s.dir})
	}
	return cmd
}

func (s *shell) validate(files []string, from app.ScenarioSources) error {
	var problems []string
	for _, file := range files {
		r := app.CheckScenario(file, from)
		for _, p := range r.Problems {
			problems = append(problems, p.String())
		}
		if len(r.Problems) > 0 {
			s.annotateProblems(&harness.Problems{List: r.Problems})
		}
		if s.json {
			if err := s.encode(r); err != nil {
				return err
			}
			continue
		}
		for _, hint := range r.Hints {
			fmt.Fprintln(s.out, "hint: "+hint)
		}
		if r.Valid {
			length := time.Duration(r.Seconds * float64(time.Second))
			fmt.Fprintf(s.out, "%s is fine: %s, at most %s, %s, plan %s\n", file, many(r.Scenarios, "scenario"), many(r.Users, "user"), length, r.Plan)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &app.Error{Code: app.Invalid, Message: strings.Join(problems, "\n")}
}

func many(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// initScenario is 'init scenario'.
func initScenario(s *shell) *cobra.Command {
	var force, stdout bool
	var names, rows []string
	for _, p := range app.Presets() {
		names = append(names, p.Name)
		rows = append(rows, fmt.Sprintf("  %-18s %s", p.Name, p.Help))
	}
	cmd := &cobra.Command{
		Use:   "scenario [NAME]",
		Short: "Write a scenario to start from",
		Long: `Write a scenario that is built in as NAME.yaml, with its comments, to start from. A file that is
there stays, unless --force is given. Without NAME it is invoice-day.

` + strings.Join(rows, "\n"),
		Example: `  echolab init scenario
  echolab init scenario typing-room --stdout`,
		ValidArgs: names,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Sprintf("%s takes one NAME, but %q was given too (see '%s --help')", cmd.CommandPath(), args[1], cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			preset, err := app.PresetNamed(append(args, "invoice-day")[0])
			if err != nil {
				return err
			}
			if stdout {
				_, err := s.out.Write(preset.Content)
				return err
			}
			return s.writeScenario(preset.Name+".yaml", preset.Content, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print it instead")
	cmd.MarkFlagsMutuallyExclusive("force", "stdout")
	return cmd
}

func (s *shell) writeScenario(name string, content []byte, force bool) error {
	path := filepath.Join(s.dir, name)
	var err error
	if force {
		err = replaceFile(path, name, func(w io.Writer) error { _, err := w.Write(content); return err })
	} else {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err == nil {
			_, err = f.Write(content)
			err = errors.Join(err, f.Close())
		}
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return &app.Error{Code: app.Invalid, Err: err, Message: name + " is there already and stays as it is; pass --force to replace it, or --stdout"}
	case err != nil:
		return &app.Error{Code: app.Invalid, Err: err, Message: fmt.Sprintf("%s cannot be written: %v", name, err)}
	}
	_, err = fmt.Fprintf(s.out, "%s written; 'echolab run %s' plays it\n", name, name)
	return err
}
