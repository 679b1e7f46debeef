package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// Occurrence is an event of the catalogue about to be sent.
type Occurrence = laravel.Occurrence

// Listed is an event of the catalogue.
type Listed = laravel.Listed

// Mode is how the emulated application treats the contradictions of its guide.
type Mode = laravel.Mode

// ParseSettings reads an object of paths, as Occurrence.Payload takes it.
func ParseSettings(text []byte) (laravel.Object, error) { return laravel.ParseSettings(text) }

// JoinSettings makes one object of settings such as total=99.50. A path that comes twice is set twice, in order.
func JoinSettings(all []string) (json.RawMessage, error) {
	var joined laravel.Object
	for _, text := range all {
		field, err := laravel.ParseSetting(text)
		if err != nil {
			return nil, err
		}
		joined = append(joined, field)
	}
	return joined.MarshalJSON()
}

// ParsePayload reads an object that is sent as it is.
func ParsePayload(text []byte) (laravel.Object, error) { return laravel.ParsePayload(text) }

// Emitted is what became of an event of the catalogue.
type Emitted struct {
	Event string // its name in the catalogue
	Sent  []Sent
	Notes []string // what a person may not expect
	// Delay is how long it lies in the queue; then nobody can say yet who gets it.
	Delay time.Duration
}

// Sent is one request to the server: an event on at most 100 channels.
type Sent struct {
	pusher.Publication
	// Published says who got it; nil when it was not sent, or not yet.
	Published []Published
	// Answer is that of a Remote.
	Answer string
}

// errNoBackend says that there is no emulated application.
func errNoBackend() error {
	return &Error{Code: Conflict, Message: "the emulated application is off; start with --backend fixed or --backend as-written"}
}

// Catalogue lists the events of the emulated application.
func (a *App) Catalogue() ([]Listed, Mode, error) {
	if a.backend == nil {
		return nil, "", errNoBackend()
	}
	return a.backend.Catalogue(), a.backend.Mode(), nil
}

// Emit sends an event of the catalogue as the emulated application does. With dry nothing is sent.
func (a *App) Emit(ctx context.Context, o Occurrence, dry bool) (Emitted, error) {
	if a.backend == nil {
		return Emitted{}, errNoBackend()
	}
	composed, err := a.backend.Compose(o)
	if err != nil {
		return Emitted{}, emitError(err)
	}
	out := emittedOf(composed)
	switch {
	case dry:
		return out, nil
	case composed.Delay > 0:
		_, err := a.backend.Send(ctx, composed)
		return out, err
	}
	for i := range out.Sent {
		if out.Sent[i].Published, err = a.Publish(ctx, "", out.Sent[i].Publication); err != nil {
			return out, err
		}
	}
	return out, nil
}

func emittedOf(c laravel.Composed) Emitted {
	out := Emitted{Event: c.Event, Notes: notesOf(c), Delay: c.Delay, Sent: make([]Sent, len(c.Publications))}
	for i, p := range c.Publications {
		out.Sent[i].Publication = p
	}
	return out
}

// notesOf is what a person may not expect of an event, the fields among it that were set and that it does not have.
func notesOf(c laravel.Composed) []string {
	notes := slices.Clone(c.Notes)
	for _, added := range c.Added {
		near := Closest(added.Path, added.Had)
		switch {
		case near != "":
			notes = append(notes, fmt.Sprintf("%s has no field %s, so it was added; did you mean %s?", c.Event, added.Path, near))
		case !added.Open:
			notes = append(notes, fmt.Sprintf("%s has no field %s, so it was added; it has %s", c.Event, added.Path, strings.Join(added.Had, ", ")))
		}
	}
	return notes
}

// emitError makes an *Error of what the emulated application says.
func emitError(err error) error {
	var unknown *laravel.UnknownEvent
	if !errors.As(err, &unknown) {
		return &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	hint := "echolab emit --list shows them all"
	if near := Closest(unknown.Name, unknown.Known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &Error{Code: NotFound, Message: fmt.Sprintf("there is no event %s; %s", unknown.Name, hint), Err: err}
}

// Described is an emulated application that nobody runs: what a configuration says.
type Described struct {
	Application *laravel.Application
	Mode        Mode
}

// DescribedBy is the application that a configuration describes, in its mode; where that is off, fixed.
func DescribedBy(cfg Config) Described {
	d := Described{cfg.Application, Mode(cfg.Backend)}
	if d.Mode == laravel.Off || d.Mode == "" {
		d.Mode = laravel.Fixed
	}
	if d.Application == nil {
		d.Application = new(laravel.Application)
	}
	return d
}

// Seeded is the same application, its payloads drawn from another seed.
func (d Described) Seeded(seed uint64) Described {
	other := *d.Application
	other.Seed = seed
	return Described{&other, d.Mode}
}

// Catalogue lists its events.
func (d Described) Catalogue() []Listed { return laravel.Catalogue(d.Application, d.Mode) }

// Emit composes an event and sends it to a server that is no Echolab, or to nobody (nil).
func (d Described) Emit(ctx context.Context, to *Remote, o Occurrence) (Emitted, error) {
	secret := ""
	if to != nil {
		secret = to.App.Secret
	}
	composed, err := laravel.Compose(d.Application, d.Mode, secret, time.Now(), o)
	if err != nil {
		return Emitted{}, emitError(err)
	}
	composed.Delay = 0 // a queue is something of a running application
	out := emittedOf(composed)
	if to == nil {
		return out, nil
	}
	if d.Application.Auth.EncryptionKey == nil && slices.ContainsFunc(out.Sent, func(s Sent) bool { return strings.HasPrefix(s.Channels[0], "private-encrypted-") }) {
		out.Notes = append(out.Notes, "encrypted with the key that Echolab derives from the app's secret; for an application with a master key of its own, set auth.encryption_key in echolab.yaml")
	}
	for i := range out.Sent {
		if out.Sent[i].Answer, err = to.Publish(ctx, out.Sent[i].Publication); err != nil {
			return out, err
		}
		out.Sent[i].Answer = strings.TrimSpace(out.Sent[i].Answer)
	}
	return out, nil
}
