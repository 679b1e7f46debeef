package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"echolab/app"
)

// initCommand is not called init, which Go keeps for itself.
func initCommand(s *shell) *cobra.Command {
	var force, stdout bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write an echolab.yaml to start from",
		Long: `Write the emulated Laravel application that is built in as echolab.yaml, with a comment
for each part, to start from. A file that is there stays, unless --force is given.

'echolab serve' in the same folder finds it. Delete the sections that you don't want to
change: the built-in ones of the same name take their place.`,
		Example: `  echolab init
  echolab init --stdout | less
  echolab init scenario typing-room             # a scenario for 'echolab run'
  echolab schema config > echolab.schema.json   # for an editor`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Sprintf("%s takes one FILE, but %q was given too (see '%s --help')", cmd.CommandPath(), args[1], cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if stdout {
				_, err := s.out.Write(app.Seed())
				return err
			}
			name := "echolab.yaml"
			if len(args) == 1 {
				name = args[0]
			}
			return s.init(name, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print it instead")
	cmd.MarkFlagsMutuallyExclusive("force", "stdout")
	cmd.AddCommand(initScenario(s))
	return cmd
}

func (s *shell) init(name string, force bool) error {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.dir, name)
	}
	if force {
		return s.wrote(name, replaceFile(path, name, func(w io.Writer) error { _, err := w.Write(app.Seed()); return err }))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &app.Error{Code: app.Invalid, Err: err, Message: name + " is there already and stays as it is; pass another name, --force to replace it, or --stdout"}
	}
	if err == nil {
		_, err = f.Write(app.Seed())
		err = errors.Join(err, f.Close())
	}
	return s.wrote(name, err)
}

func (s *shell) wrote(name string, err error) error {
	if err != nil {
		return &app.Error{Code: app.Invalid, Err: err, Message: fmt.Sprintf("%s cannot be written: %v", name, err)}
	}
	_, err = fmt.Fprintf(s.out, "%s written; 'echolab serve' here uses it, and takes over what you change\n", name)
	return err
}
