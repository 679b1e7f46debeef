package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"echolab/app"
)

// db is the command about the database, and the commands under it.
func db(s *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Look into the database, shorten it, write it out",
		Long: `What 'echolab serve' keeps, without a server or beside one. The database is found as
serve finds it: --db, ECHOLAB_DB, .env, echolab.yaml, else the data folder.`,
		Args: func(cmd *cobra.Command, args []string) error { return noSuchCommand(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(dbInfo(s), dbPrune(s), dbExport(s))
	return cmd
}

// databaseFlags are the settings that say where the database is.
func databaseFlags(cmd *cobra.Command) {
	for _, row := range app.Settings() {
		switch row.Flag {
		case "db", "env-file", "config":
			cmd.Flags().Var(new(word), row.Flag, row.Help)
		}
	}
	cmd.Flags().SortFlags = false
}

func (s *shell) load(cmd *cobra.Command) (app.Config, error) {
	return app.Load(app.Sources{Flags: given(cmd.Flags()), Environ: s.environ, Dir: s.dir})
}

func dbInfo(s *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Say what the database holds",
		Example: `  echolab db info
  echolab db info --db portal.sqlite --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := s.load(cmd)
			if err != nil {
				return err
			}
			d, err := app.ReadDatabase(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer d.Close()
			infos, err := d.Info(cmd.Context())
			if err != nil {
				return err
			}
			if s.json {
				return s.encode(map[string]any{"databases": infos, "retention": retentionJSON(cfg.Retention)})
			}
			return printInfo(s.out, infos, cfg.Retention)
		},
	}
	databaseFlags(cmd)
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return cmd
}

func retentionJSON(r app.Retention) map[string]int64 {
	return map[string]int64{"rows": r.Rows, "age_us": r.Age.Microseconds(), "bytes": r.Bytes}
}

func printInfo(out io.Writer, infos []app.DatabaseInfo, keep app.Retention) error {
	var text strings.Builder
	for _, info := range infos {
		w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "Database\t%s\n", info.Path)
		fmt.Fprintf(w, "Schema\t%d\n", info.Schema)
		fmt.Fprintf(w, "Size\t%s, %s of it free, %s the write-ahead log\n", megabytes(info.Bytes), megabytes(info.FreeBytes), megabytes(info.LogBytes))
		fmt.Fprintf(w, "Entries\t%d\n", info.Rows)
		for _, kind := range info.Kinds {
			fmt.Fprintf(w, "  %s\t%d\n", kind.Kind, kind.Rows)
		}
		if info.First != nil {
			fmt.Fprintf(w, "First\t%s, entry %d\n", info.First.At.Local().Format(time.DateTime), info.First.Seq)
			fmt.Fprintf(w, "Last\t%s, entry %d\n", info.Last.At.Local().Format(time.DateTime), info.Last.Seq)
			fmt.Fprintf(w, "Search index\t%d of %d entries; the others are searched one by one\n", info.Indexed, info.Rows)
		}
		for _, k := range info.Keeps {
			to := "on"
			if k.To > 0 {
				to = fmt.Sprint("to ", k.To)
			}
			fmt.Fprintf(w, "Protected\t%s: entries from %d %s\n", k.Name, k.From, to)
		}
		_ = w.Flush() // a strings.Builder takes everything
		text.WriteByte('\n')
	}
	fmt.Fprintf(&text, "Retention, of each: %s\n", describe(keep))
	_, err := io.WriteString(out, text.String())
	return err
}

// describe says a retention in words.
func describe(r app.Retention) string {
	var limits []string
	if r.Rows > 0 {
		limits = append(limits, entries(r.Rows))
	}
	if r.Age > 0 {
		limits = append(limits, r.Age.String())
	}
	if r.Bytes > 0 {
		limits = append(limits, app.ShowSize(r.Bytes))
	}
	if len(limits) == 0 {
		return "no limit"
	}
	return strings.Join(limits, ", ")
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func dbPrune(s *shell) *cobra.Command {
	var older, size string
	var rows int64
	var dry bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete the oldest entries",
		Long: `Delete the oldest entries now and give the space back. Without a limit the configured
retention holds. The newest entry, and what a recording or a run needs, always stay.

A running server deletes by itself; stop it first, or set its retention.`,
		Example: `  echolab db prune --keep-rows 10000
  echolab db prune --older-than 30d --max-bytes 200MB --dry-run`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			limit, err := limits(cmd, older, size, rows)
			if err != nil {
				return err
			}
			cfg, err := s.load(cmd)
			if err != nil {
				return err
			}
			if limit == (app.Retention{}) {
				limit = cfg.Retention
			}
			return s.prune(cmd, cfg, limit, dry)
		},
	}
	databaseFlags(cmd)
	cmd.Flags().Var(textFlag(&older), "older-than", "delete entries older than this, such as 12h or 30d")
	cmd.Flags().Int64Var(&rows, "keep-rows", 0, "keep at most so many entries")
	cmd.Flags().Var(textFlag(&size), "max-bytes", "delete until a database is no larger than this, such as 200MB")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say how many entries would be deleted")
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return cmd
}

func textFlag(at *string) *word { return (*word)(at) }

func limits(cmd *cobra.Command, older, size string, rows int64) (limit app.Retention, err error) {
	wrong := func(flag, value, rule string) error {
		return &usageError{fmt.Sprintf("--%s %s: must be %s (see '%s --help')", flag, value, rule, cmd.CommandPath())}
	}
	if cmd.Flags().Changed("older-than") {
		if limit.Age, err = app.ParseAge(older); err != nil || limit.Age == 0 {
			return limit, wrong("older-than", older, "a length of time, such as 12h or 30d")
		}
	}
	if cmd.Flags().Changed("max-bytes") {
		if limit.Bytes, err = app.ParseSize(size); err != nil || limit.Bytes == 0 {
			return limit, wrong("max-bytes", size, "a size, such as 200MB or 1GiB")
		}
	}
	if cmd.Flags().Changed("keep-rows") {
		if limit.Rows = rows; rows < 1 {
			return limit, wrong("keep-rows", fmt.Sprint(rows), "at least 1")
		}
	}
	return limit, nil
}

func (s *shell) prune(cmd *cobra.Command, cfg app.Config, limit app.Retention, dry bool) error {
	if dry {
		d, err := app.ReadDatabase(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer d.Close()
		n, err := d.Prunable(cmd.Context(), limit)
		if err != nil {
			return err
		}
		if s.json {
			return s.encode(map[string]any{"deleted": 0, "would_delete": n})
		}
		about := ""
		if limit.Bytes > 0 {
			about = "about "
		}
		_, err = fmt.Fprintf(s.out, "%s%s would be deleted to keep %s\n", about, entries(n), describe(limit))
		return err
	}
	p := s.progress("deleted")
	n, err := app.PruneDatabase(cmd.Context(), cfg, limit, p.show)
	p.end()
	if err != nil {
		return err
	}
	if s.json {
		return s.encode(map[string]int64{"deleted": n})
	}
	_, err = fmt.Fprintf(s.out, "%s deleted\n", entries(n))
	return err
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func dbExport(s *shell) *cobra.Command {
	var format, out string
	var limit int
	var q app.Query
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write entries as NDJSON or CSV",
		Long: `Write the entries that pass all filters, oldest first, to standard output or a file. It
works beside a running server.

NDJSON has one JSON object a line, the payload in it as it was received; where it is no JSON,
or has line ends in it, data is a string, and encoding says text or base64. CSV is for
spreadsheets: a text that one would take for a formula (it begins with = + - or @) gets an
apostrophe before it, and such a payload is in base64, as its column encoding says.`,
		Example: `  echolab db export --channel 'private-client.*' --from 1h
  echolab db export --text 'ACME 2026-0042' --delivered no
  echolab db export --format csv --out events.csv`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			for _, f := range app.Filters() {
				if flag := cmd.Flags().Lookup(f.Name); flag.Changed {
					if err := q.Set(f.Name, flag.Value.String(), now); err != nil {
						return &usageError{fmt.Sprintf("--%v (see '%s --help')", err, cmd.CommandPath())}
					}
				}
			}
			if cmd.Flags().Changed("limit") && limit < 1 {
				return &usageError{fmt.Sprintf("--limit %d: must be at least 1 (see '%s --help')", limit, cmd.CommandPath())}
			}
			q.Limit = limit
			return s.export(cmd, q, format, out)
		},
	}
	databaseFlags(cmd)
	for _, f := range app.Filters() {
		cmd.Flags().Var(new(word), f.Name, f.Help)
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many entries")
	cmd.Flags().StringVar(&format, "format", app.ExportFormats()[0], strings.Join(app.ExportFormats(), " or "))
	cmd.Flags().StringVarP(&out, "out", "o", "", "write to this file instead; it is replaced when all is written")
	// The flags were made above, so the only error, "no such flag", cannot come.
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(app.ExportFormats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (s *shell) export(cmd *cobra.Command, q app.Query, format, out string) error {
	file := out != "" && out != "-"
	if file {
		if err := s.replaceable(out); err != nil {
			return err
		}
	}
	cfg, err := s.load(cmd)
	if err != nil {
		return err
	}
	d, err := app.ReadDatabase(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	p := s.progress("written")
	write := func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		done, err := d.Export(cmd.Context(), buffered, format, q, func(n int64, _ uint64) { p.show(n) })
		p.end()
		err = errors.Join(err, buffered.Flush())
		switch {
		case cmd.Context().Err() != nil && err != nil && file:
			return &interrupted{fmt.Sprintf("interrupted after %s; %s was not written", entries(done.Written), out)}
		case cmd.Context().Err() != nil && err != nil:
			return &interrupted{fmt.Sprintf("interrupted after %s", entries(done.Written))}
		case err == nil && done.Gone > 0:
			fmt.Fprintf(s.err, "%s deleted before the export came to them, and so not in it: %s\n", s.paint(s.err).amber("warning:"), entries(done.Gone))
		}
		return err
	}
	if !file {
		return write(s.out)
	}
	return replaceFile(filepath.Join(s.dir, out), out, write)
}

// replaceable refuses at once what could not be replaced at the end.
func (s *shell) replaceable(named string) error {
	path := named
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.dir, path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil: // not there, or whoever writes says why
		return nil
	case info.IsDir():
		return &usageError{fmt.Sprintf("--out %s is a folder; name a file in it, such as %s", named, filepath.Join(named, "events.ndjson"))}
	case info.Mode().IsRegular() && isDatabase(path):
		return &usageError{fmt.Sprintf("--out %s is a database, which would be lost; name another file", named)}
	}
	return nil
}

// isDatabase tells whether a file begins as SQLite's do (sqlite.org/fileformat.html, 1.3).
func isDatabase(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == magic
}

// replaceFile writes a file beside path and then puts it there, so that one cut short is not taken for a whole one. What
// is no file, such as a named pipe, is written to; a link stays one.
func replaceFile(path, named string, write func(io.Writer) error) error {
	if filepath.IsAbs(named) {
		path = named
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("--out %s cannot be written: %w", named, err)
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("--out %s cannot be written: %w", named, err)
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// progress is a line on standard error that counts, on a terminal only.
type progress struct {
	w    io.Writer // nil where there is nobody to see it
	what string
	last time.Time
}

func (s *shell) progress(what string) *progress {
	p := &progress{what: what}
	if f, ok := s.err.(*os.File); ok && !s.json {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Mode()&os.ModeDevice != 0 && f.Name() != os.DevNull {
			p.w = f
		}
	}
	return p
}

func (p *progress) show(n int64) {
	if p.w == nil || time.Since(p.last) < 100*time.Millisecond {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.w, "\r%s %s", entries(n), p.what)
}

func (p *progress) end() {
	if p.w != nil && !p.last.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
