package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echolab/app"
	"echolab/app/desktop"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2   // usage, configuration, busy port
	exitInterrupted = 130 // a second signal while stopping, or one before what was asked for is done
)

// commands is every command, in the order of the help.
var commands = []func(*shell) *cobra.Command{
	serve, window, events, why, trigger, emit, listen, backend, db, tlsCommand, initCommand,
	runCommand, validate, runs, compare, merge, schema, version, settingsTopic, scenarioTopic, waitTopic,
}

// shell is what a command has around it.
type shell struct {
	out, err io.Writer
	environ  []string
	dir      string // working folder
	json     bool   // --json of the command that runs
	chance   uint64 // what payloads are drawn from that nobody gave a seed for
}

// usageError is a command line that cannot be understood.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// interrupted is a signal that came before what was asked for was done.
type interrupted struct{ message string }

func (e *interrupted) Error() string { return e.message }

// stopped puts an error that only says that ctx ended into a person's words.
func stopped(ctx context.Context, err error) error {
	if said := (*interrupted)(nil); ctx.Err() != nil && errors.Is(err, context.Canceled) && !errors.As(err, &said) {
		return &interrupted{"interrupted"}
	}
	return err
}

// Main runs a command line, without the program's name, and returns the exit code.
func Main(args []string) int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "echolab: working folder:", err)
		return exitFailed
	}
	s := &shell{out: os.Stdout, err: os.Stderr, environ: os.Environ(), dir: dir, chance: rand.Uint64()}
	ctx, stop := interruptible(context.Background())
	defer stop()

	root := newRoot(s)
	root.SetArgs(args)
	if err := stopped(ctx, root.ExecuteContext(ctx)); err != nil {
		if err.Error() != "" { // a verdict has been printed
			s.report(err)
		}
		return exitCode(err)
	}
	return exitOK
}

func newRoot(s *shell) *cobra.Command {
	root := &cobra.Command{
		Use:   "echolab",
		Short: "A Laravel Reverb for developers, with eyes",
		Long: `Echolab emulates Laravel Reverb. Your Laravel application, Laravel Echo and the
Pusher HTTP libraries talk to it as they talk to Reverb, and you see what happens.

'echolab run' is its harness: thousands of simulated Echo clients against Echolab or any
Pusher server, a check of every delivery and every member list, and a verdict for CI.`,
		Example: `  # a server for the Laravel project in this folder, as its .env says
  echolab serve

  # what would be used, and where each value comes from
  echolab serve --print-config

  # a day at the office for 2 000 simulated clients, and whether everything arrived
  echolab run preset:invoice-day --out results`,
		Args:          noSuchCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !desktop.Available {
				return cmd.Help()
			}
			cfg, err := app.Load(app.Sources{Environ: s.environ, Dir: s.dir})
			if err != nil {
				return err
			}
			return s.window(cmd.Context(), cfg, false)
		},
	}
	root.Version = readVersion().String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = false
	for _, command := range commands {
		root.AddCommand(command(s))
	}
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Args = func(_ *cobra.Command, args []string) error { return knownTopic(root, args) }
		}
	}
	return root
}

// knownTopic makes "help sevre" an error; cobra would print the general help and call that a success.
func knownTopic(root *cobra.Command, args []string) error {
	if found, _, err := root.Find(args); err != nil || found == root {
		return noSuchCommand(root, args)
	}
	return nil
}

// noSuchCommand is the root's rule for arguments: there are none, so what stands there was meant as a command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		known = append(known, c.Name())
	}
	return &usageError{fmt.Sprintf("there is no command %q%s (see 'echolab help')", args[0], didYouMean("", args[0], known))}
}

// noArguments is the rule of commands that take only flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Sprintf("%s takes no argument, but %q was given (see '%s --help')", cmd.CommandPath(), args[0], cmd.CommandPath())}
}

func flagError(cmd *cobra.Command, err error) error {
	message := err.Error()
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		message = fmt.Sprintf("%s has no flag --%s%s", cmd.CommandPath(), unknown.GetSpecifiedName(), didYouMean("--", unknown.GetSpecifiedName(), known))
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			message = fmt.Sprintf("%s has no flag -%s", cmd.CommandPath(), short)
		}
	}
	var value *pflag.InvalidValueError
	if number := (*strconv.NumError)(nil); errors.As(err, &value) && errors.As(err, &number) {
		if what := numbers[value.GetFlag().Value.Type()]; what != "" {
			message = fmt.Sprintf("--%s is %q; it must be %s", value.GetFlag().Name, value.GetValue(), what)
		}
	}
	return &usageError{fmt.Sprintf("%s (see '%s --help')", message, cmd.CommandPath())}
}

// numbers says what flags take, by pflag's names of their types.
var numbers = map[string]string{
	"int": "a whole number", "int64": "a whole number", "uint": "a whole number, 0 or more", "uint64": "a whole number, 0 or more",
	"float64": "a number", "bool": "true or false",
}

func didYouMean(prefix, word string, known []string) string {
	if near := app.Closest(word, known); near != "" {
		return "; did you mean " + prefix + near + "?"
	}
	return ""
}

// report prints an error where a person or, with --json, a program looks for it.
func (s *shell) report(err error) {
	message := err.Error()
	var failure *app.Error
	code := "failed"
	if errors.As(err, &failure) {
		message, code = failure.Message, string(failure.Code)
	} else if usage := (*usageError)(nil); errors.As(err, &usage) {
		code = "usage"
	} else if stopped := (*interrupted)(nil); errors.As(err, &stopped) {
		code = "interrupted"
	}
	if s.json {
		enc := json.NewEncoder(s.err)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(map[string]string{"event": "error", "code": code, "message": message})
		return
	}
	for line := range strings.SplitSeq(message, "\n") {
		fmt.Fprintln(s.err, "echolab: "+plain(strings.TrimPrefix(line, "echolab "))) // a command's path begins with it too
	}
}

func exitCode(err error) int {
	if verdict := (*verdictError)(nil); errors.As(err, &verdict) {
		return verdict.code
	}
	if stopped := (*interrupted)(nil); errors.As(err, &stopped) {
		return exitInterrupted
	}
	var failure *app.Error
	var usage *usageError
	if errors.As(err, &usage) || errors.As(err, &failure) && (failure.Code == app.Invalid || failure.Code == app.Busy) {
		return exitUsage
	}
	return exitFailed
}
