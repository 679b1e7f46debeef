package cli

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"echolab/app"
)

// banner tells a person what is used, where it came from and how to change it. Warnings go to standard error.
func (s *shell) banner(cfg app.Config, at addresses) error {
	p := s.paint(s.out)
	first := cfg.Apps[0]
	secret := app.Mask(first.Secret)
	if cfg.Origin("apps[0].secret") == "default" {
		secret = first.Secret // the same for everybody, and needed for the .env
	}
	rows := [][3]string{
		{"Server", at.server, from(cfg, "port", "host")},
		{"UI", at.ui, from(cfg, "ui_port", "ui_host")},
		{"App", first.ID, cfg.Origin("apps[0].id")},
		{"Key", first.Key, cfg.Origin("apps[0].key")},
	}
	for i, key := range first.Keys {
		rows = append(rows, [3]string{"Also", key, cfg.Origin(fmt.Sprintf("apps[0].keys[%d]", i))})
	}
	rows = append(rows, [3]string{"Secret", secret, cfg.Origin("apps[0].secret")})
	if more := len(cfg.Apps) - 1; more > 0 {
		names := make([]string, more)
		for i, a := range cfg.Apps[1:] {
			names[i] = a.ID
		}
		rows = append(rows, [3]string{"More apps", strings.Join(names, ", "), cfg.ConfigFile})
	}
	rows = append(rows,
		[3]string{"Database", at.db, cfg.Origin("db")},
		[3]string{"Profile", cfg.Profile, cfg.Origin("profile")})
	if at.backend != "" {
		rows = append(rows, [3]string{"Back end", at.backend + " (" + cfg.Backend + ")", from(cfg, "backend", "backend_addr")})
	} else {
		rows = append(rows, [3]string{"Back end", "off", cfg.Origin("backend")})
	}

	width := 0
	for _, row := range rows {
		width = max(width, len([]rune(row[1])))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", p.bold("Echolab "+readVersion().Version))
	for _, row := range rows {
		pad := strings.Repeat(" ", width-len([]rune(row[1])))
		fmt.Fprintf(&b, "  %-10s %s%s  %s\n", row[0], row[1], pad, p.dim(row[2]))
	}
	fmt.Fprintf(&b, "\n  %s\n", p.dim(hint(cfg)))
	if _, err := fmt.Fprintln(s.out, b.String()+"  "+p.dim("Ctrl-C ends it.")); err != nil {
		return err
	}
	p = s.paint(s.err)
	log := s.logger(cfg, false)
	for _, warning := range cfg.Warnings {
		if cfg.LogFormat == app.LogJSON {
			log.Warn(warning)
			continue
		}
		fmt.Fprintf(s.err, "%s %s\n", p.amber("warning:"), warning)
	}
	return nil
}

// from is the origin of the first setting that is not a default.
func from(cfg app.Config, names ...string) string {
	for _, name := range names {
		if origin := cfg.Origin(name); origin != "default" {
			return origin
		}
	}
	return "default"
}

func hint(cfg app.Config) string {
	read := "no .env and no echolab.yaml here"
	switch {
	case cfg.EnvFile != "" && cfg.ConfigFile != "":
		read = "read " + cfg.EnvFile + " and " + cfg.ConfigFile
	case cfg.EnvFile != "" || cfg.ConfigFile != "":
		read = "read " + cfg.EnvFile + cfg.ConfigFile
	}
	return "To change it: flags, REVERB_* in the environment or .env, echolab.yaml (" + read + "); see 'echolab help settings'."
}

// paint colours text for a terminal, and leaves it alone otherwise (https://no-color.org).
type paint bool

func (s *shell) paint(to any) paint {
	file, ok := to.(*os.File)
	if !ok {
		return false
	}
	vars := make(map[string]string)
	for _, pair := range s.environ {
		name, value, _ := strings.Cut(pair, "=")
		vars[name] = value
	}
	if vars["NO_COLOR"] != "" || vars["TERM"] == "dumb" || runtime.GOOS == "windows" && vars["WT_SESSION"] == "" {
		return false
	}
	info, err := file.Stat()
	return paint(err == nil && info.Mode()&os.ModeCharDevice != 0)
}

func (p paint) bold(text string) string  { return p.with("1", text) }
func (p paint) dim(text string) string   { return p.with("2", text) }
func (p paint) red(text string) string   { return p.with("31", text) }
func (p paint) amber(text string) string { return p.with("33", text) }

func (p paint) with(code, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
