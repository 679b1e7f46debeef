package cli

import (
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"

	"github.com/lmittmann/tint"

	"echolab/app"
)

// logger writes what needs a person to standard error: coloured lines on a terminal, key=value elsewhere, JSON with
// --json or --log-format json; every frame with --debug, only errors with --quiet.
func (s *shell) logger(cfg app.Config, quiet bool) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		level = slog.LevelInfo // the setting lets nothing else through
	}
	switch {
	case cfg.Debug:
		level = slog.LevelDebug
	case quiet:
		level = slog.LevelError
	}
	return slog.New(logHandler(s.err, level, s.json || cfg.LogFormat == app.LogJSON, bool(s.paint(s.err))))
}

func logHandler(to io.Writer, level slog.Level, json, terminal bool) slog.Handler {
	switch {
	case json:
		return slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level})
	case terminal:
		return tint.NewHandler(to, &tint.Options{Level: level, TimeFormat: "15:04:05", ReplaceAttr: tame})
	}
	return slog.NewTextHandler(to, &slog.HandlerOptions{Level: level})
}

// tame keeps what clients send from painting the terminal: control characters are shown, not obeyed.
func tame(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindString && a.Value.Kind() != slog.KindAny || a.Key == slog.LevelKey {
		return a
	}
	text := a.Value.String()
	if strings.ContainsFunc(text, unicode.IsControl) {
		quoted := strconv.Quote(text)
		a.Value = slog.StringValue(strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`))
	}
	return a
}
