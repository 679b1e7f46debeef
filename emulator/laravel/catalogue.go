package laravel

import (
	"fmt"
	"slices"
	"strings"
)

// spec is one row of the catalogue: an Event and what the application knows of it.
type spec struct {
	Event
	// written are the channels of the guide's text where Channels are what it means (K.9); nil: the same.
	written []string
	// subject is the entity type that {id} stands for.
	subject string
	draw    func(*scene) Object
	// fixed mends the payload in mode Fixed, after everything else.
	fixed func(*scene, Object) Object
	// same are pairs of paths that hold one thing: who sets one sets the other.
	same [][2]string
	// unless tells that a channel is left out for this payload.
	unless func(channel string, payload Object) bool
	// heard is sent besides in mode Fixed, with the payload that it makes of this one.
	heard   string
	heardAs func(Object) Object
	// extension: the guide does not have it.
	extension bool
	// whisper: clients send it to each other.
	whisper bool
}

// The channels of K.3 on the wire.
const (
	onClient   = "private-client.{clientId}"
	onProject  = "private-project.{projectId}"
	onViewers  = "presence-presence-project.{projectId}" // who looks at a project (X3)
	onDocument = "presence-presence-document.{documentId}"
	onUser     = "private-App.Models.User.{userId}"
	onUserText = "private-User.{userId}" // as the guide's tables have it (X7)
)

const broadcastNotification = `Illuminate\Notifications\Events\BroadcastNotificationCreated`

// builtin is the catalogue of protocol K.4, in its order. Channels are those of both tables of the guide (X10), written are
// those of its second. Of that one only FileUploaded is known for certain; InvoiceStatusChanged and ProjectUpdated are
// taken to differ in the same way: the first table addresses the client, the second the subject. Where an event goes to
// project.{id}, who looks at the project gets it too (X4).
var builtin = []spec{
	{Event: Event{Name: "Announcement", Channels: []string{"portal"}}, draw: drawAnnouncement},
	{
		Event: Event{Name: "InvoiceCreated", As: "InvoiceCreated", Channels: []string{onClient}}, subject: "invoices",
		draw: drawInvoiceCreated, fixed: withInvoice,
		same: [][2]string{{"id", "invoice.id"}, {"invoice_number", "invoice.invoice_number"}, {"total", "invoice.total"}},
	},
	{
		Event:   Event{Name: "InvoiceStatusChanged", Channels: []string{onClient, "private-invoice.{invoiceId}", "private-admin"}},
		written: []string{"private-invoice.{invoiceId}", "private-admin"}, subject: "invoices",
		draw: drawInvoiceStatusChanged, same: [][2]string{{"new_status", "invoice.status"}},
	},
	{
		Event:   Event{Name: "ProjectUpdated", Channels: []string{onClient, onProject, onViewers}},
		written: []string{onProject}, subject: "projects", draw: drawProjectUpdated,
	},
	{
		Event:   Event{Name: "FileUploaded", Channels: []string{onClient, onProject, onViewers}},
		written: []string{onProject}, subject: "files", draw: drawFileUploaded,
		same: [][2]string{{"project_id", "file.project_id"}},
	},
	{
		Event:   Event{Name: "FileDeleted", Channels: []string{onProject, onViewers}},
		written: []string{onProject}, subject: "files", draw: drawFileDeleted,
	},
	{
		Event:   Event{Name: "CommentAdded", Channels: []string{onProject, onViewers}},
		written: []string{onProject}, subject: "comments", draw: drawCommentAdded,
	},
	{
		Event:   Event{Name: "NotificationReceived", Channels: []string{onUser}},
		written: []string{onUserText}, subject: "users", draw: drawNotificationReceived,
		heard: "BroadcastNotificationCreated", heardAs: asNotification, // X8
	},
	{
		Event:   Event{Name: "TimeEntryUpdated", Channels: []string{onUser, onProject, onViewers}},
		written: []string{onUserText, onProject}, subject: "time_entries", draw: drawTimeEntryUpdated,
	},
	{
		Event: Event{Name: "ActivityFeedUpdated", Channels: []string{"private-admin", onClient}}, draw: drawActivity,
		unless: func(channel string, payload Object) bool { // K.6: only where metadata says which client
			return channel == onClient && at(payload, "activity", "metadata", "client_id") == nil
		},
	},
	{
		Event:   Event{Name: "UserPresenceChanged", Channels: []string{"presence-online"}},
		written: []string{"private-presence.online"}, subject: "users", draw: drawPresenceChanged, // X5
	},
	{
		Event:   Event{Name: "BroadcastNotificationCreated", As: broadcastNotification, Channels: []string{onUser}},
		subject: "users", draw: drawNotification,
	},
	{Event: Event{Name: "client-typing", As: "client-typing", Channels: []string{onViewers}}, whisper: true, subject: "projects", draw: drawTyping},
	{Event: Event{Name: "client-cursor", As: "client-cursor", Channels: []string{onDocument}}, whisper: true, subject: "documents", draw: drawCursor},
	{Event: Event{Name: "client-timer", As: "client-timer", Channels: []string{"private-timer.{userId}"}}, whisper: true, subject: "users", draw: drawTimer},
	{Event: Event{Name: "DocumentLocked", Channels: []string{onDocument}}, extension: true, subject: "documents", draw: drawDocumentLocked},
	{Event: Event{Name: "DocumentUnlocked", Channels: []string{onDocument}}, extension: true, subject: "documents", draw: drawDocumentUnlocked},
	{Event: Event{Name: "DocumentUpdated", Channels: []string{onDocument}}, extension: true, subject: "documents", draw: drawDocumentUpdated},
	{Event: Event{Name: "DocumentStateChanged", Channels: []string{onDocument}}, extension: true, subject: "documents", draw: drawDocumentState},
}

// at is a value within objects, nil when there is none.
func at(v any, path ...string) any {
	for _, key := range path {
		o, ok := v.(Object)
		if !ok {
			if v == nil {
				return nil
			}
			plain, err := plainValue(v)
			if o, ok = plain.(Object); err != nil || !ok {
				return nil
			}
		}
		v = o.Get(key)
	}
	return v
}

// specs is the catalogue of an application: the built-in rows with what the file says of them, then its own.
func specs(app *Application) []spec {
	all := slices.Clone(builtin)
	for _, e := range app.Events {
		i := slices.IndexFunc(all, func(s spec) bool { return s.Name == e.Name })
		if i < 0 {
			all = append(all, spec{Event: e})
			continue
		}
		s := &all[i]
		s.Place, s.Now = e.Place, e.Now
		if e.As != "" {
			s.As = e.As
		}
		if e.Channels != nil {
			s.Channels, s.written, s.unless = e.Channels, nil, nil
		}
		if e.Payload != nil { // it is what the file says: nothing is mended
			s.Payload, s.fixed, s.same, s.heard = e.Payload, nil, nil, ""
		}
	}
	return all
}

// wire is the name on the wire: broadcastAs, else the class.
func (e Event) wire() string {
	switch {
	case e.As != "":
		return e.As
	case strings.Contains(e.Name, `\`):
		return strings.TrimPrefix(e.Name, `\`)
	}
	return `App\Events\` + e.Name
}

// channels are where the event goes in a mode.
func (s *spec) channels(mode Mode) []string {
	if mode == AsWritten && s.written != nil {
		return s.written
	}
	return s.Channels
}

// UnknownEvent says that the catalogue has no event of that name.
type UnknownEvent struct {
	Name  string
	Known []string
}

func (e *UnknownEvent) Error() string { return fmt.Sprintf("there is no event %q", e.Name) }

// findSpec looks an event up by its name or its name on the wire.
func findSpec(app *Application, name string) (*spec, error) {
	all := specs(app)
	for _, same := range []func(*spec) bool{
		func(s *spec) bool { return s.Name == name },
		func(s *spec) bool { return s.wire() == strings.TrimPrefix(name, ".") },
	} {
		for i := range all {
			if same(&all[i]) {
				return &all[i], nil
			}
		}
	}
	unknown := &UnknownEvent{Name: name}
	for _, s := range all {
		unknown.Known = append(unknown.Known, s.Name)
	}
	return nil, unknown
}

// Listed is an event as the catalogue shows it.
type Listed struct {
	Name string
	// Wire is its name on the wire.
	Wire string
	// Listen is what Echo's listen() is given to hear it (K.9 X1); "" for notifications, which .notification() hears, and
	// whispers, which .listenForWhisper() does.
	Listen string
	// Hear is the call of laravel-echo that hears it.
	Hear     string
	Channels []string
	// Params are the placeholders of the channels, as Occurrence.Params takes them.
	Params []string
	// Sample is a payload, as JSON; "" where Problem says why none could be drawn.
	Sample, Problem string
	// Now: it is not queued (ShouldBroadcastNow).
	Now bool
	// Own: the application's file has it or changes it. Extension: the guide does not have it.
	Own, Extension, Whisper bool
}

func (s *spec) listed(mode Mode) Listed {
	l := Listed{
		Name: s.Name, Wire: s.wire(), Channels: slices.Clone(s.channels(mode)), Now: s.Now, Own: s.Place != "" || s.draw == nil,
		Extension: s.extension, Whisper: s.whisper, Params: []string{},
	}
	for _, channel := range l.Channels {
		for _, m := range slot.FindAllStringSubmatch(channel, -1) {
			if !slices.Contains(l.Params, m[1]) {
				l.Params = append(l.Params, m[1])
			}
		}
	}
	short, inEvents := strings.CutPrefix(l.Wire, `App\Events\`)
	switch {
	case l.Wire == broadcastNotification:
		l.Hear = ".notification(…)"
	case s.whisper:
		l.Hear = ".listenForWhisper('" + strings.TrimPrefix(l.Wire, "client-") + "', …)"
	case inEvents:
		l.Listen = short
	default:
		l.Listen = "." + l.Wire
	}
	if l.Listen != "" {
		l.Hear = ".listen('" + strings.ReplaceAll(l.Listen, `\`, `\\`) + "', …)"
	}
	return l
}

// Catalogue lists the events that an application has, the guide's first.
func Catalogue(app *Application, mode Mode) []Listed {
	return composer{app: app, mode: mode, rows: describedRows(app)}.list()
}

// Catalogue lists the events that the application has, the guide's first.
func (b *Backend) Catalogue() []Listed { return b.composer(b.description.Load()).list() }

func (c composer) list() []Listed {
	var all []Listed
	for _, s := range specs(c.app) {
		l := s.listed(c.mode)
		seed := c.app.Seed
		// The sample is the first draw. A placeholder that only a flag can fill does not matter to it.
		sample, err := c.compose(&s, seededAt, Occurrence{Seed: &seed, Channels: []string{"sample"}})
		if err == nil {
			l.Sample = sample.Publications[0].Data
		} else {
			l.Problem = err.Error()
		}
		all = append(all, l)
	}
	return all
}
