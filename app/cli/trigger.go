package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/app/api"
	"echolab/app/certificate"
)

// remoteFlags are those of a command that can also talk to a server which is no Echolab.
type remoteFlags struct {
	url, id, key, secret string
	ca                   string
	insecure             bool
}

func (r *remoteFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var((*word)(&r.url), "url", "a Reverb, rather than a running Echolab, such as https://ws.example.com")
	f.Var((*word)(&r.id), "app-id", "its application's id (default: as .env says, like the next two)")
	f.Var((*word)(&r.key), "key", "its application's key")
	f.Var((*word)(&r.secret), "secret", "its application's secret")
	f.Var((*word)(&r.ca), "ca", "PEM file of an authority that its certificate may come from, besides the system's and Echolab's own")
	f.BoolVar(&r.insecure, "insecure", false, "do not look at its certificate")
}

// check refuses what would say nothing, or two things: whom to trust is a matter of --url, and api, the command's --api, is
// for another server than that.
func (r *remoteFlags) check(api string) error {
	switch {
	case r.url != "" && api != "":
		return &usageError{"--url asks a Reverb and --api a running Echolab; leave one of them out"}
	case r.url == "" && (r.ca != "" || r.insecure):
		return &usageError{"--ca and --insecure say whom to trust at --url; give that too, or leave them out"}
	case r.url == "" && (r.id != "" || r.key != "" || r.secret != ""):
		return &usageError{"--app-id, --key and --secret are of the application at --url; give that too, or leave them out"}
	case r.ca != "" && r.insecure:
		return &usageError{"--ca says whom to trust and --insecure says anybody; leave one of them out"}
	}
	return nil
}

// remote is the server that --url names, with the credentials of the flags, else those that serve would use.
func (s *shell) remote(r remoteFlags) (app.Remote, error) {
	out := app.Remote{URL: r.url}
	if err := r.check(""); err != nil {
		return out, err
	}
	var err error
	if out.TLS, err = s.trusted(r); err != nil {
		return out, err
	}
	cfg, err := app.Load(app.Sources{Environ: s.environ, Dir: s.dir})
	switch {
	case err == nil:
		out.App = cfg.Apps[0]
	case r.id == "" || r.key == "" || r.secret == "":
		return out, err
	}
	for _, row := range []struct {
		given string
		into  *string
	}{{r.id, &out.App.ID}, {r.key, &out.App.Key}, {r.secret, &out.App.Secret}} {
		if row.given != "" {
			*row.into = row.given
		}
	}
	return out, nil
}

// trusted is whose certificate is believed at --url: the local CA of --tls auto counts where there is one.
func (s *shell) trusted(r remoteFlags) (*tls.Config, error) {
	if r.insecure {
		fmt.Fprintf(s.err, "%s --insecure: whoever answers at %s is taken for the server\n", s.paint(s.err).amber("warning:"), plain(app.MaskAddress(r.url)))
		return app.Unchecked(), nil
	}
	var files []string
	if data := app.DataDir(s.environ); data != "" {
		if own, there := certificate.LocalCA(filepath.Join(data, "tls")); there {
			files = append(files, own)
		}
	}
	if r.ca != "" {
		file := r.ca
		if !filepath.IsAbs(file) {
			file = filepath.Join(s.dir, file)
		}
		files = append(files, file)
	}
	return app.Trusting(files...)
}

func trigger(s *shell) *cobra.Command {
	var at, id, socket string
	var remote remoteFlags
	cmd := &cobra.Command{
		Use:   "trigger CHANNEL EVENT [JSON]",
		Short: "Publish an event",
		Long: `Publish an event as a Laravel application would, and print who got it. JSON is its data,
{} when it is left out; - reads it from standard input.

A running Echolab is asked, or with --url any Reverb, over its signed HTTP API. What the
server refuses is printed in its words, and the exit code is 1.`,
		Example: `  echolab trigger private-client.5 InvoiceCreated '{"id": 42}'

  # to everyone but one socket, data from a file
  echolab trigger presence-room Say - --socket-id 123.456 < say.json

  # through a real Reverb, with the credentials of this folder's .env
  echolab trigger private-client.5 InvoiceCreated '{"id": 42}' --url http://localhost:8080

  # one whose certificate comes from an authority of the company's own
  echolab trigger private-client.5 InvoiceCreated --url https://ws.example.com --ca company.pem`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > 3 {
				return &usageError{fmt.Sprintf("%s takes CHANNEL EVENT JSON, but %s given; put quotes around each (see '%s --help')", cmd.CommandPath(), arguments(args), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := remote.check(at); err != nil {
				return err
			}
			if socket != "" && !socketID.MatchString(socket) {
				return &usageError{fmt.Sprintf("--socket-id is %q; a socket's id is two numbers, such as 123.456", socket)}
			}
			data, err := eventData("JSON", append(args, "{}")[2])
			if err != nil {
				return err
			}
			if remote.url != "" {
				return s.triggerRemote(cmd.Context(), remote, args[0], args[1], string(data), socket)
			}
			return s.trigger(cmd.Context(), at, api.Publication{App: id, Channel: args[0], Event: args[1], Data: data, SocketID: socket})
		},
	}
	f := cmd.Flags()
	f.Var((*word)(&socket), "socket-id", "a socket that does not get it")
	f.Var((*word)(&id), "app", "the application, by its id (default the first)")
	f.BoolVar(&s.json, "json", false, "print the server's answer")
	controlFlag(cmd, &at)
	remote.add(cmd)
	f.SortFlags = false
	return cmd
}

// socketID is what the protocol's ids look like (Pusher docs: HTTP API, socket_id).
var socketID = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// eventData is the JSON argument without blanks; - is standard input.
func eventData(what, text string) ([]byte, error) {
	advice := `; write it in single quotes, such as '{"id": 42}'`
	if text == "-" {
		what, advice = "standard input", ""
		read, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		if text = string(read); strings.TrimSpace(text) == "" {
			return nil, &usageError{"standard input is empty; it must be JSON, such as {}"}
		}
	}
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		return nil, &usageError{fmt.Sprintf("%s is %s, which is not JSON (%v)%s", what, shorten(plain(text), 60), err, advice)}
	}
	return out.Bytes(), nil
}

func (s *shell) trigger(ctx context.Context, at string, p api.Publication) error {
	running, err := s.control(at)
	if err != nil {
		return err
	}
	var published api.Published
	if err := running.ask(ctx, http.MethodPost, "/api/publish", nil, p, &published); err != nil {
		return unlessStopped(ctx, err)
	}
	if s.json {
		return s.encode(published)
	}
	return s.delivered(p.Event, published.Deliveries)
}

// delivered prints who got an event.
func (s *shell) delivered(event string, deliveries []api.Delivery) error {
	paint := s.paint(s.out)
	for _, d := range deliveries {
		got := fmt.Sprintf("%d sockets got it", d.Recipients)
		switch d.Recipients {
		case 0:
			got = paint.amber("nobody got it")
		case 1:
			got = "1 socket got it"
		}
		if _, err := fmt.Fprintf(s.out, "%s on %s: %s  %s\n", paint.bold(plain(event)), plain(d.Channel), got, paint.dim(fmt.Sprintf("#%d", d.Seq))); err != nil {
			return err
		}
		if d.Note != "" {
			if _, err := fmt.Fprintf(s.out, "  %s\n", plain(d.Note)); err != nil {
				return err
			}
		}
		for _, to := range d.Sockets {
			user := ""
			if to.User != "" {
				user = "  user " + plain(to.User)
			}
			if _, err := fmt.Fprintf(s.out, "  %s%s\n", to.Socket, user); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shell) triggerRemote(ctx context.Context, flags remoteFlags, channel, event, data, socket string) error {
	remote, err := s.remote(flags)
	if err != nil {
		return err
	}
	answer, err := remote.Trigger(ctx, channel, event, data, socket)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	switch {
	case !s.json:
		_, err = fmt.Fprintf(s.out, "%s on %s: %s took it\n", plain(event), plain(channel), plain(remote.Address()))
	case json.Valid([]byte(answer)):
		_, err = fmt.Fprintln(s.out, strings.TrimSpace(answer))
	default:
		err = s.encode(answer)
	}
	return err
}

// arguments says how many there are: "1 argument was".
func arguments(args []string) string {
	if len(args) == 1 {
		return "1 argument was"
	}
	return fmt.Sprintf("%d arguments were", len(args))
}
