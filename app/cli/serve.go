package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echolab/app"
	"echolab/app/api"
	"echolab/frontend"
)

func serve(s *shell) *cobra.Command {
	var printConfig, quiet bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Start the server and its UI",
		Long: `Start a server that Laravel, Laravel Echo and the Pusher libraries take for Reverb,
and the UI that shows what happens on it. Both end with Ctrl-C.

Settings come from flags, the environment, .env, echolab.yaml and defaults, in this
order; 'echolab help settings' lists them all.`,
		Example: `  # the Laravel project in this folder: its .env says the app, the key and the port
  echolab serve

  # another port, and nothing kept on disk
  echolab serve --port 6001 --db :memory:

  # Pusher's documented behaviour instead of Reverb's
  echolab serve --profile pusher

  # what would be used, and where each value comes from
  echolab serve --print-config

  # https and wss, with a certificate of Echolab's own; 'echolab tls' says how to trust it
  echolab serve --tls auto

  # for scripts: one line of JSON once connections are answered
  echolab serve --port 0 --ui-port 0 --db :memory: --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := app.Load(app.Sources{Flags: given(cmd.Flags()), Environ: s.environ, Dir: s.dir})
			if err != nil {
				return err
			}
			if printConfig {
				return cfg.Print(s.out, s.json)
			}
			return s.serve(cmd.Context(), cfg, quiet)
		},
	}
	settingFlags(cmd)
	cmd.Flags().BoolVar(&printConfig, "print-config", false, "print every setting and where it came from, and end")
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON, one object a line")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing but errors")
	cmd.Flags().SortFlags = false
	return cmd
}

// settingFlags makes a flag of each setting that has one. All are texts: what a value may be is the setting's to say,
// so that a flag and a line of .env are refused in the same words.
func settingFlags(cmd *cobra.Command) {
	for _, row := range app.Settings() {
		if row.Flag == "" {
			continue
		}
		help := row.Help
		if row.Default != "" && !row.Switch {
			help += " (default " + row.Default + ")"
		}
		if row.Switch {
			cmd.Flags().Bool(row.Flag, false, help)
			continue
		}
		cmd.Flags().Var(new(word), row.Flag, help)
		if len(row.Values) > 0 {
			// The flag was made in the line above, so the only error, "no such flag", cannot come.
			_ = cmd.RegisterFlagCompletionFunc(row.Flag, cobra.FixedCompletions(row.Values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

// word is a flag whose help shows no type.
type word string

func (w *word) String() string     { return string(*w) }
func (w *word) Set(s string) error { *w = word(s); return nil }
func (w *word) Type() string       { return "value" }

// given are the flags on the command line that are settings.
func given(flags *pflag.FlagSet) map[string]string {
	out := make(map[string]string)
	for _, row := range app.Settings() {
		if flag := flags.Lookup(row.Flag); flag != nil && flag.Changed {
			out[row.Flag] = flag.Value.String()
		}
	}
	return out
}

// serve runs an App until ctx ends. The banner comes when connections are answered, not before.
func (s *shell) serve(ctx context.Context, cfg app.Config, quiet bool) error {
	running, control, err := s.open(ctx, cfg, quiet)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- running.Run(ctx) }()
	select {
	case err := <-ended:
		return unlessStopped(ctx, err)
	case <-running.Ready():
	}
	// Reading the settings, the built-in application and its rules leaves more garbage than a server at rest ever
	// makes: without this the process would keep it resident all day.
	debug.FreeOSMemory()
	if !quiet {
		if s.json {
			err = s.readyLine(cfg, addressesOf(running, control))
		} else {
			err = s.banner(cfg, addressesOf(running, control))
		}
		if err != nil {
			s.report(fmt.Errorf("standard output: %w", err)) // a closed pipe is no reason to end
		}
	}
	return unlessStopped(ctx, <-ended)
}

// controls is the control API with the token that it asks for, "" on loopback.
type controls struct {
	*api.Handler
	token string
}

// open makes an App with its control API.
func (s *shell) open(ctx context.Context, cfg app.Config, quiet bool) (*app.App, controls, error) {
	if quiet && cfg.UIToken == "" && !app.Loopback(cfg.UIHost) {
		return nil, controls{}, &usageError{"the UI on " + cfg.UIHost + " wants a token, and with --quiet the one made up for this start would not be printed; set ECHOLAB_UI_TOKEN"}
	}
	running, err := app.Open(ctx, cfg, s.logger(cfg, quiet))
	if err != nil {
		return nil, controls{}, err
	}
	opt := api.Options{Hosts: []string{cfg.UIHost}, UI: frontend.Files(), Metrics: running.Metrics()}
	if !app.Loopback(cfg.UIHost) {
		if opt.Token = cfg.UIToken; opt.Token == "" {
			opt.Token = rand.Text()
		}
	}
	handler := api.New(api.For(running, readVersion().Version), opt)
	running.Mount(handler)
	return running, controls{handler, opt.Token}, nil
}

// unlessStopped leaves out the error that only says that ctx ended: that was asked for.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type addresses struct{ server, ui, db, backend string }

// addressesOf is what to open, the token of the UI included.
func addressesOf(running *app.App, control controls) addresses {
	cfg := running.Config()
	at := addresses{server: address(cfg.Host, running.Addr(), cfg.Path), ui: address(cfg.UIHost, running.UIAddr(), "")}
	if cfg.ServesTLS() {
		at.server = running.URL()
	}
	switch {
	case cfg.UIToken != "" && control.token != "":
		at.ui += "/?token=…" // whoever set it knows it
	case control.token != "":
		at.ui += "/?token=" + url.QueryEscape(control.token)
	}
	at.backend = running.BackendURL()
	at.db = strings.Join(running.Store().Paths, ", ")
	return at
}

// address is what to type into a browser on this machine: the configured host with the port that was really taken.
func address(host string, at net.Addr, path string) string {
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	port := ""
	if tcp, ok := at.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
	}
	return "http://" + net.JoinHostPort(host, port) + path
}

// readyLine is for programs. The secret is not in it.
func (s *shell) readyLine(cfg app.Config, at addresses) error {
	type served struct {
		ID   string   `json:"id"`
		Key  string   `json:"key"`
		Keys []string `json:"keys,omitempty"` // further ones
	}
	apps := make([]served, len(cfg.Apps))
	for i, a := range cfg.Apps {
		apps[i] = served{a.ID, a.Key, a.Keys}
	}
	return s.encode(struct {
		Event    string   `json:"event"`
		Server   string   `json:"server"`
		UI       string   `json:"ui"`
		Apps     []served `json:"apps"`
		DB       string   `json:"db"`
		Profile  string   `json:"profile"`
		Warnings []string `json:"warnings"`
		Backend  string   `json:"backend"` // "" when it is off
	}{"ready", at.server, at.ui, apps, at.db, cfg.Profile, append([]string{}, cfg.Warnings...), at.backend})
}
