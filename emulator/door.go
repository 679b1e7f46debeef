package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Refusal is an event that the signed HTTP API would have refused, sent through one of Echolab's own doors.
type Refusal struct {
	Status int    // that it would have been answered with
	Text   string // the server's words: Payload too large.
	Why    string // for the developer: what is wrong, and what to do; "" where the words say it
}

func (e *Refusal) Error() string {
	text := strings.TrimSuffix(e.Text, ".")
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

// admitted holds an event that comes without a request to what its request would be held to: the size, the fields, the
// profile's limits. A *Refusal is journalled, as that of a request is.
//
// The rule for the size: the request is the one that pusher-http-php 7.2 sends for Laravel (protocol H.6), its body to the
// byte, and its head by estimate.
func (s *Server) admitted(ctx context.Context, app *pusher.App, p *pusher.Publication, source journal.Source) error {
	if no := s.refusal(app, p); no != nil {
		note := itoa(no.Status) + " " + short(no.Text)
		if no.Why != "" {
			note += " (" + no.Why + ")"
		}
		s.admit()
		e := journal.Entry{Kind: journal.Refused, Source: source, App: app.ID, Event: short(p.Event), Socket: short(p.Except), Note: note, Bytes: len(p.Data)}
		if len(p.Channels) > 0 { // the first stands for all: it is one request
			e.Channel = short(p.Channels[0])
		}
		s.journal.Append(e)
		s.say(slog.LevelInfo, "event refused", e.Event+" "+e.Channel, note, "event", e.Event, "channel", e.Channel, "reason", note)
		return no
	}
	return s.journal.Admit(ctx)
}

func (s *Server) refusal(app *pusher.App, p *pusher.Publication) *Refusal {
	size := requestSize(app, p)
	if size > s.cfg.MaxRequestSize {
		return &Refusal{http.StatusRequestEntityTooLarge, "Payload too large.", fmt.Sprintf(
			"the request of event %q would be about %d bytes, and %d are allowed: send less, or raise REVERB_MAX_REQUEST_SIZE", short(p.Event), size, s.cfg.MaxRequestSize)}
	}
	for _, field := range []struct{ name, value string }{{"name", p.Event}, {"data", p.Data}} {
		if pusher.Blank(field.value) {
			return &Refusal{s.profile.InvalidStatus, "The " + field.name + " field is required.", ""}
		}
	}
	tooLarge, err := s.profile.Check(p)
	switch {
	case err == nil:
		return nil
	case tooLarge:
		return &Refusal{http.StatusRequestEntityTooLarge, "Payload too large.", err.Error()}
	}
	return &Refusal{http.StatusBadRequest, strings.ToUpper(err.Error()[:1]) + err.Error()[1:] + ".", ""}
}

// requestSize is about how many bytes the request of an event has: {"name":…,"data":…,"channel":…,"socket_id":…} as PHP
// writes JSON, and a head with the usual headers, as headSize counts it.
func requestSize(app *pusher.App, p *pusher.Publication) int {
	const head = len("POST /apps//events?auth_key=&auth_timestamp=1700000000&auth_version=1.0&body_md5=&auth_signature= HTTP/1.1\r\n") + 32 + 64 +
		len("Host: 127.0.0.1:8080\r\nUser-Agent: GuzzleHttp/7\r\nContent-Type: application/json\r\nX-Pusher-Library: pusher-http-php 7.2.6\r\nContent-Length: 10000\r\n\r\n")
	n := head + len(app.ID) + len(app.Key) + len(`{"name":,"data":,"channel":}`) + phpSize(p.Event) + phpSize(p.Data)
	for _, channel := range p.Channels {
		n += phpSize(channel)
	}
	if len(p.Channels) != 1 {
		n += len(`s[]`) + max(0, len(p.Channels)-1)
	}
	if p.Except != "" {
		n += len(`,"socket_id":`) + phpSize(p.Except)
	}
	return n
}

// phpSize is how many bytes json_encode makes of a text: it escapes the slash and everything beyond ASCII too.
func phpSize(text string) int {
	n := len(`""`)
	for _, r := range text {
		switch {
		case strings.ContainsRune("\"\\/\b\f\n\r\t", r):
			n += 2
		case r < ' ' || r >= utf8.RuneSelf && r <= 0xffff:
			n += len(`\u0000`)
		case r > 0xffff:
			n += len(`\ud800\udc00`)
		default:
			n++
		}
	}
	return n
}

// Publish delivers an event as the HTTP API would, without a signature: for Echolab's own doors. It waits until the
// event is kept and returns the sequence number of its last entry. What the HTTP API would refuse is a *Refusal.
func (s *Server) Publish(ctx context.Context, appID string, p pusher.Publication, source journal.Source) (uint64, error) {
	app, known := s.apps.ByID(appID)
	if !known {
		return 0, errors.New("no app with the id " + strconv.Quote(appID))
	}
	if err := s.admitted(ctx, app, &p, source); err != nil {
		return 0, err
	}
	seq := s.publish(s.hub(app), p, source)
	return seq, s.journal.Settled(ctx, seq)
}
