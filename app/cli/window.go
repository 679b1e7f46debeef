package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/app/desktop"
)

func window(s *shell) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "desktop",
		Short: "Start the server with the UI in a window of its own",
		Long: `Start the same server as 'echolab serve', with the UI in a window of its own. Closing
the window ends the server. Where there is no screen the server runs without.

The window is built in with 'make desktop'; other builds of Echolab have none.`,
		Example: `  echolab desktop
  echolab desktop --port 6001 --db :memory:`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := app.Load(app.Sources{Flags: given(cmd.Flags()), Environ: s.environ, Dir: s.dir})
			if err != nil {
				return err
			}
			if !desktop.Available {
				return desktop.Run(cmd.Context(), desktop.Options{})
			}
			return s.window(cmd.Context(), cfg, quiet)
		},
	}
	settingFlags(cmd)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing but errors")
	cmd.Flags().SortFlags = false
	return cmd
}

// window runs an App until its window is closed or ctx ends.
func (s *shell) window(ctx context.Context, cfg app.Config, quiet bool) error {
	running, control, err := s.open(ctx, cfg, quiet)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- running.Run(serving)
		stop() // a server that failed takes its window with it
	}()
	select {
	case err := <-ended:
		return unlessStopped(ctx, err)
	case <-running.Ready():
	}
	if !quiet {
		if err := s.banner(cfg, addressesOf(running, control)); err != nil {
			s.report(fmt.Errorf("standard output: %w", err))
		}
	}
	err = desktop.Run(serving, desktop.Options{Title: "Echolab: " + cfg.Apps[0].ID, Handler: control.Window()})
	if errors.Is(err, desktop.ErrNoWindow) {
		s.report(err)
		return unlessStopped(ctx, <-ended)
	}
	stop()
	return errors.Join(err, unlessStopped(serving, <-ended))
}
