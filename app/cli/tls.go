package cli

import (
	"crypto/tls"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echolab/app"
	"echolab/app/certificate"
)

// tlsReport is what --json prints.
type tlsReport struct {
	Scheme      string                    `json:"scheme"` // of a server started with the same settings
	From        string                    `json:"from"`   // own, or where the certificate was named or found
	CA          string                    `json:"ca,omitempty"`
	Fingerprint string                    `json:"fingerprint"` // SHA-256; of the CA if there is one, else of the certificate
	Certificate string                    `json:"certificate"`
	Key         string                    `json:"key"`
	Names       []string                  `json:"names"`
	ValidUntil  time.Time                 `json:"valid_until"`
	Trust       []certificate.Instruction `json:"trust,omitempty"`
	Replaced    string                    `json:"replaced,omitempty"` // why the CA before this one, which was just made, could not be used
}

func tlsCommand(s *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tls",
		Short: "Show the certificate, and how to make clients trust it",
		Long: `Show which certificate the server uses, and how to make browsers, PHP and Node trust it.

Without --tls-cert and without a certificate of Herd's or Valet's for the hostname that is
one of Echolab's own, signed by a CA that exists on this machine alone. Both are made here
if they are not there yet. Nothing is ever installed: that is yours to do, or not.`,
		Example: `  # the certificate of 'echolab serve --tls auto', and how to trust it
  echolab tls

  # its CA, for a script
  echolab tls --json | jq -r .ca`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := app.Load(app.Sources{Flags: given(cmd.Flags()), Environ: s.environ, Dir: s.dir})
			if err != nil {
				return err
			}
			report, err := reportTLS(cfg)
			if err != nil {
				return &app.Error{Code: app.Invalid, Message: err.Error(), Err: err}
			}
			if report.Replaced != "" {
				fmt.Fprintf(s.err, "%s the local CA was made anew, because %s: clients that trusted the one before must trust the new one\n",
					s.paint(s.err).amber("warning:"), report.Replaced)
			}
			if s.json {
				return s.encode(report)
			}
			return s.printTLS(report)
		},
	}
	settingFlags(cmd)
	cmd.Flags().VisitAll(hideUnless("tls", "tls-cert", "tls-key", "hostname", "host", "env-file", "config"))
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	cmd.Flags().SortFlags = false
	return cmd
}

// hideUnless leaves the other settings' flags out of the help: they are known, so that a command line can be reused.
func hideUnless(shown ...string) func(*pflag.Flag) {
	return func(f *pflag.Flag) { f.Hidden = !slices.Contains(shown, f.Name) }
}

// reportTLS looks at the certificate in use, making Echolab's own if that is it.
func reportTLS(cfg app.Config) (tlsReport, error) {
	describe := func(r tlsReport, pair *tls.Certificate) tlsReport {
		r.Scheme, r.Names, r.ValidUntil = cfg.Scheme(), certificate.Names(pair.Leaf), pair.Leaf.NotAfter.UTC()
		if r.Fingerprint == "" {
			r.Fingerprint = certificate.Fingerprint(pair.Leaf)
		}
		return r
	}
	if cfg.TLSCert != "" {
		pair, err := certificate.Load(cfg.TLSCert, cfg.TLSKey)
		if err != nil {
			return tlsReport{}, err
		}
		key := cfg.TLSKey
		if key == "" {
			key = cfg.TLSCert
		}
		return describe(tlsReport{From: cfg.Origin("tls.cert"), Certificate: cfg.TLSCert, Key: key}, pair), nil
	}
	if cfg.TLSDir == "" {
		return tlsReport{}, fmt.Errorf("there is no home folder to keep a certificate in; set ECHOLAB_DATA to a folder")
	}
	own, err := certificate.Local(cfg.TLSDir, cfg.OwnNames())
	if err != nil {
		return tlsReport{}, err
	}
	return describe(tlsReport{From: "own", CA: own.CAPath, Fingerprint: certificate.Fingerprint(own.CA), Certificate: own.ServerPEM, Key: own.ServerPEM,
		Trust: certificate.Trust(own.CAPath, runtime.GOOS), Replaced: own.Replaced}, own.Pair), nil
}

func (s *shell) printTLS(r tlsReport) error {
	p := s.paint(s.out)
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name, value)
		}
	}
	row("Local CA", r.CA)
	row("Certificate", r.Certificate)
	if r.Key != r.Certificate {
		row("Key", r.Key)
	}
	row("Fingerprint", "SHA256 "+r.Fingerprint)
	row("Names", strings.Join(r.Names, ", "))
	row("Valid until", r.ValidUntil.Format(time.DateOnly))
	if r.From != "own" {
		row("From", r.From)
	} else {
		fmt.Fprintln(&b, "\nNothing was installed. Clients trust the certificate once they trust the CA:")
		for _, way := range r.Trust {
			fmt.Fprintf(&b, "\n%s\n", p.bold(way.For))
			for _, line := range way.Lines {
				fmt.Fprintf(&b, "  %s\n", line)
			}
			if way.Note != "" {
				fmt.Fprintf(&b, "  %s\n", p.dim(way.Note))
			}
		}
		if r.Scheme != "https" {
			fmt.Fprintf(&b, "\nThe server uses it with --tls auto, or tls: auto in echolab.yaml. For Laravel: REVERB_SCHEME=https\n")
		}
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}
