package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"echolab/app"
)

// settingsTopic is a page of help: every setting and its names, from the tables that the loader uses.
func settingsTopic(*shell) *cobra.Command {
	var page strings.Builder
	page.WriteString(`Each setting is taken from the first of these that has it:

  1. a flag
  2. the environment
  3. .env in this folder (or --env-file), read exactly as Laravel reads it
  4. echolab.yaml in this folder (or --config)
  5. the default

The program:

`)
	table(&page, app.Settings(), true)
	page.WriteString("\nEach application, under apps: in echolab.yaml:\n\n")
	table(&page, append(app.AppSettings(), app.Setting{Name: "webhooks", Help: "list of url, events, batch: who is told of channels and members"}), false)
	page.WriteString(`
REVERB_HOST, REVERB_PORT and REVERB_SCHEME say where Laravel publishes, not where the server listens:
that is REVERB_SERVER_HOST and REVERB_SERVER_PORT, as with Reverb. Unlike Reverb, the server listens
on 127.0.0.1 only, until one of these asks for more.

The app that REVERB_APP_ID, _KEY and _SECRET name (or PUSHER_APP_* where none of them is set) is the
first app. If echolab.yaml has an app with the same id, its other settings stay. All three belong
together: what is missing must stand in echolab.yaml. Limits such as REVERB_APP_MAX_CONNECTIONS are
that app's; without a named app they are the first one's. With no app at all there is client-portal
with the key local-reverb-key and the secret local-reverb-secret.

echolab.yaml, with several apps:

  port: 8080
  profile: reverb
  tls: {cert: portal.test.pem, key: portal.test-key.pem}   # or: tls: auto
  shutdown_timeout: 5s
  retention: {rows: 1000000, age: 30d, bytes: 1GiB}
  apps:
    - id: client-portal
      key: local-reverb-key
      keys: [prod-reverb-key]          # further ones, of front ends built with another
      secret: local-reverb-secret
      allowed_origins: [localhost, "*.test"]
      max_connections: 100
      rate_limiting: {enabled: true, max_attempts: 60, decay: 60s, terminate: false}
    - id: shop
      key: shop-key
      secret: shop-secret
      accept_client_events_from: none
      webhooks:
        - url: http://127.0.0.1:8000/webhooks/pusher
          events: [member_added, member_removed]
          batch: 1s

Paths in a file start at that file's folder. Without db, events are kept in the user's data folder
(Linux ~/.local/share/echolab, macOS ~/Library/Application Support/Echolab, Windows
%LocalAppData%\Echolab), in a file for each first app's id.
`)
	page.WriteString(`
Beside the settings, echolab.yaml describes the emulated Laravel application. 'echolab init' writes
these out, with a comment each; while Echolab runs a change of them is taken over, where one of a
setting needs a restart:

`)
	for _, row := range app.Sections() {
		fmt.Fprintf(&page, "  %-9s  %s\n", row.Name, row.Help)
	}
	return &cobra.Command{
		Use:   "settings",
		Short: "Every setting, its names and its default",
		Long:  strings.TrimRight(page.String(), "\n"),
	}
}

func table(page *strings.Builder, rows []app.Setting, flags bool) {
	w := tabwriter.NewWriter(page, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		env, standard := row.Env, ""
		if env == "" {
			env = "-"
		}
		if row.Default != "" {
			standard = " (" + row.Default + ")"
		}
		if !flags {
			fmt.Fprintf(w, "  %s\t%s\t%s%s\n", row.Name, env, row.Help, standard)
			continue
		}
		flag := "-"
		if row.Flag != "" {
			flag = "--" + row.Flag
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s%s\n", row.Name, flag, env, row.Help, standard)
	}
	_ = w.Flush() // a strings.Builder takes everything
}
