package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"echolab/app/api"
)

// glyphs are the shapes of channel kinds; a cache channel has a small square besides. First fitting prefix wins.
var glyphs = []struct{ prefix, shape string }{
	{"private-encrypted-", "◆"}, {"private", "◐"}, {"presence", "●"}, {"", "○"},
}

func glyph(channel string) string {
	for _, row := range glyphs {
		if strings.HasPrefix(channel, row.prefix) {
			if strings.HasPrefix(strings.TrimPrefix(channel, row.prefix), "cache-") || strings.Contains(channel, "-cache-") {
				return row.shape + "▪"
			}
			return row.shape
		}
	}
	return ""
}

// dataShown is how many characters of a payload a line shows.
const dataShown = 160

// printEntry writes one line, or with --json one object.
func (s *shell) printEntry(e *api.Entry) error {
	if s.json {
		return s.encode(e)
	}
	p := s.paint(s.out)
	at := e.Journal().At.Local().Format("15:04:05.000")
	event := e.Kind == "published" || e.Kind == "whispered"
	what := e.Event
	if !event {
		what = strings.TrimSpace(e.Kind + " " + e.Event)
	}
	channel := plain(e.Channel)
	if p && channel != "" {
		channel = glyph(channel) + " " + channel
	}
	parts := []string{p.dim(at), fmt.Sprintf("#%d", e.Seq), channel, p.bold(plain(what))}
	if event {
		count := fmt.Sprintf("→%d", e.Count)
		if !e.Delivered {
			count = p.amber(count)
		}
		parts = append(parts, count)
	}
	if e.User != "" {
		parts = append(parts, "user "+plain(e.User))
	} else if e.Socket != "" {
		parts = append(parts, "socket "+plain(e.Socket))
	}
	if e.Data != "" {
		parts = append(parts, shorten(plain(e.Data), dataShown))
	}
	if e.Note != "" {
		note := p.amber(plain(e.Note))
		if e.Kind == "refused" {
			note = p.red(plain(e.Note))
		}
		parts = append(parts, note)
	}
	kept := parts[:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	_, err := fmt.Fprintln(s.out, strings.Join(kept, "  "))
	return err
}

// plain takes out what would move a terminal's cursor or colour it: payloads come from strangers.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
