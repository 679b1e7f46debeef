package laravel

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"echolab/emulator/pusher"
)

// Event is one event of the catalogue (protocol K.4).
type Event struct {
	// Name is the class without its namespace: InvoiceCreated.
	Name string
	// As is broadcastAs(); "" sends the full class name, App\Events\Name.
	As string
	// Channels are wire names with placeholders: private-client.{clientId}. nil: those of the built-in event of that name.
	Channels []string
	// Payload is what is sent, or a JSON Schema that payloads are drawn from (an object with $schema, $ref, or properties
	// beside type: object); nil: the built-in factory of that name.
	Payload any
	// Now is ShouldBroadcastNow: the queue's delay does not hold it.
	Now bool
	// Place is where it stands in the file, for messages.
	Place string
}

// Occurrence is one event of the catalogue about to be sent.
type Occurrence struct {
	Event string // name in the catalogue, or on the wire
	// Params fill the placeholders of the channels: clientId, client_id or client, projectId, userId, id …; what is not
	// given is drawn from the entities.
	Params map[string]any
	// Payload is set over the drawn payload, by path: total, invoice.status. A json.Number for a field that is text stays
	// text. With Exact it is the payload.
	Payload Object
	Exact   bool
	Except  string // socket id that is left out (toOthers)
	// Channels are used instead of the event's own, as they are on the wire.
	Channels []string
	// Alone sends this event only, and not what the mode Fixed sends besides so that a client hears it.
	Alone bool
	// Plain leaves what goes to an encrypted channel as it is: who sends it encrypts it.
	Plain bool
	// Now passes the queue's delay by, as an event does that implements ShouldBroadcastNow.
	Now bool
	// Seed, where given, makes the payload that of the Ordinal-th draw of that seed, times included; otherwise the
	// application's seed, the backend's count and its clock do.
	Seed    *uint64
	Ordinal uint64
}

// Composed is what an occurrence comes to.
type Composed struct {
	Event        string // name in the catalogue
	Publications []pusher.Publication
	// Notes are sentences about what a person may not expect.
	Notes []string
	// Added are the fields that were set and that the payload did not have.
	Added []AddedField
	// Delay is how long the queue holds it; 0: it is sent at once.
	Delay time.Duration
}

// AddedField is a field that Occurrence.Payload adds.
type AddedField struct {
	Path string   // up to what is new: meta for meta.by.name
	Had  []string // the fields that are beside it, by their paths
	// Open says that the payload is made to the description's own pattern, which may know fields that were not drawn.
	Open bool
}

// channelsPerRequest is how many channels Laravel's Pusher broadcaster puts into one request (protocol H.6).
const channelsPerRequest = 100

// seededAt is the moment of payloads that are drawn from a seed of their own, so that they are the same at any time.
var seededAt = time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)

// counter counts how often each event has been drawn.
type counter struct {
	mu sync.Mutex // guards n
	n  map[string]uint64
}

func (c *counter) next(event string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]uint64{}
	}
	c.n[event]++
	return c.n[event] - 1
}

// Occur sends an event of the catalogue: the payload is drawn, made what the mode makes of it (protocol K.9), and
// published on its channels, in chunks of 100 as Laravel does, or queued where the queue has a delay. It returns what was or
// will be published.
func (b *Backend) Occur(ctx context.Context, o Occurrence) ([]pusher.Publication, error) {
	composed, err := b.Compose(o)
	if err != nil {
		return nil, err
	}
	return b.Send(ctx, composed)
}

// Compose is what Occur would publish, without publishing it. It counts as a draw.
func (b *Backend) Compose(o Occurrence) (Composed, error) {
	app := b.description.Load()
	s, err := findSpec(app, o.Event)
	if err != nil {
		return Composed{}, err
	}
	if o.Seed == nil {
		o.Ordinal = b.drawn.next(s.Name)
	}
	return b.composer(app).compose(s, b.cfg.Clock.Now(), o)
}

// payloadRows are the rows of a type that payloads are drawn from.
func (b *Backend) payloadRows(typ string) []Object {
	rows := b.entities(typ)
	all := make([]Object, len(rows))
	for i, r := range rows {
		all[i] = r.Data
	}
	return all
}

// composer is what occurrences are composed with.
type composer struct {
	app  *Application
	mode Mode
	rows func(typ string) []Object
	key  []byte // master key of encrypted channels, none: empty
}

func (b *Backend) composer(app *Application) composer {
	return composer{app, b.cfg.Mode, b.payloadRows, b.encryptionKey(app)}
}

// Compose is what an occurrence comes to in an application that nobody runs: its rows are those that it begins with.
// secret is that of the app, from which the key of encrypted channels is derived where the application has none.
func Compose(app *Application, mode Mode, secret string, now time.Time, o Occurrence) (Composed, error) {
	s, err := findSpec(app, o.Event)
	if err != nil {
		return Composed{}, err
	}
	return composer{app, mode, describedRows(app), masterKey(app, secret)}.compose(s, now, o)
}

// describedRows are the rows that an application begins with.
func describedRows(app *Application) func(string) []Object {
	return func(typ string) []Object { return app.Entities[typ] }
}

func (c composer) compose(s *spec, now time.Time, o Occurrence) (Composed, error) {
	seed := c.app.Seed
	if o.Seed != nil {
		seed, now = *o.Seed, seededAt.Add(time.Duration(o.Ordinal%1e6)*time.Minute)
	}
	sc := newScene(c.app, c.rows, now, seed, s.Name, o.Ordinal)
	sc.asks(o.Params, s.subject)
	if o.Except != "" && !socketID.MatchString(o.Except) {
		return Composed{}, fmt.Errorf("Invalid socket ID %s", o.Except)
	}
	payload, added, err := s.payload(sc, c.mode, o)
	if err != nil {
		return Composed{}, fmt.Errorf("event %s: %w", s.Name, err)
	}
	out := Composed{Event: s.Name, Added: added, Delay: c.app.Queue.Delay}
	if o.Now || s.Now {
		out.Delay = 0
	}
	if err := c.add(&out, sc, s, payload, o); err != nil {
		return Composed{}, fmt.Errorf("event %s: %w", s.Name, err)
	}
	if s.heard != "" && c.mode != AsWritten && !o.Alone {
		also, err := findSpec(c.app, s.heard)
		if err == nil {
			err = c.add(&out, sc, also, s.heardAs(payload), o)
		}
		if err != nil {
			return Composed{}, fmt.Errorf("event %s: %w", s.heard, err)
		}
	}
	sc.noteAsked(s.Name)
	out.Notes = sc.notes
	return out, nil
}

// payload draws, sets and mends.
func (s *spec) payload(sc *scene, mode Mode, o Occurrence) (_ Object, added []AddedField, err error) {
	if o.Exact {
		return numbers(o.Payload).(Object), nil, nil
	}
	payload := Object{}
	switch {
	case s.Payload != nil:
		drawn, err := drawOwn(sc, s.Payload)
		if err != nil {
			return nil, nil, err
		}
		payload = drawn
	case s.draw != nil:
		payload = s.draw(sc)
	}
	if s.fixed != nil && mode != AsWritten {
		payload = s.fixed(sc, payload)
	}
	added = addedTo(payload, o.Payload, s.Payload != nil)
	payload, err = setAll(payload, o.Payload, s.same)
	return payload, added, err
}

// addedTo are the settings' fields that a payload does not have, each once. In lists, and in objects that are empty, every
// field is as good as another.
func addedTo(payload, settings Object, open bool) (added []AddedField) {
	for _, f := range settings {
		path, err := splitPath(f.Key)
		if err != nil {
			return nil // setAll says so
		}
		inside := payload
		for i, key := range path {
			if len(inside) == 0 {
				break
			}
			if slices.ContainsFunc(inside, func(f Field) bool { return f.Key == key }) {
				inside, _ = inside.Get(key).(Object)
				continue
			}
			before := strings.Join(append(slices.Clone(path[:i]), ""), ".")
			a := AddedField{Path: before + key, Open: open}
			for _, f := range inside {
				a.Had = append(a.Had, before+f.Key)
			}
			if !slices.ContainsFunc(added, func(other AddedField) bool { return other.Path == a.Path }) {
				added = append(added, a)
			}
			break
		}
	}
	return added
}

// setAll sets every path, and those that hold the same thing where they exist.
func setAll(payload, settings Object, same [][2]string) (Object, error) {
	for _, f := range settings {
		path, err := splitPath(f.Key)
		if err != nil {
			return nil, err
		}
		changed, err := setPath(payload, path, f.Value)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be set: %w", f.Key, err)
		}
		payload = changed.(Object)
	}
	for _, pair := range same {
		for i, from := range pair {
			to := strings.Split(pair[1-i], ".")
			value := at(payload, strings.Split(from, ".")...)
			if !settings.sets(from) || settings.sets(pair[1-i]) || at(payload, to[:len(to)-1]...) == nil {
				continue
			}
			changed, err := setPath(payload, to, value)
			if err != nil {
				return nil, err
			}
			payload = changed.(Object)
		}
	}
	return payload, nil
}

// sets tells whether a path, or what it is within, is among the settings.
func (o Object) sets(path string) bool {
	return slices.ContainsFunc(o, func(f Field) bool { return f.Key == path || strings.HasPrefix(path, f.Key+".") })
}

var (
	slot        = regexp.MustCompile(`\{([^{}]+)\}`)
	channelName = regexp.MustCompile(`\A#?[-a-zA-Z0-9_=@,.;]+\z`) // pusher-php-server, Pusher::validate_channel
	socketID    = regexp.MustCompile(`\A\d+\.\d+\z`)              // Pusher::validate_socket_id
)

// add publishes a payload as one event, cut as Laravel cuts it.
func (c composer) add(out *Composed, sc *scene, s *spec, payload Object, o Occurrence) error {
	var channels []string
	if s.draw == nil || s.Payload != nil {
		sc.read(s.channels(c.mode), payload)
	}
	for _, pattern := range s.channels(c.mode) {
		if o.Channels != nil {
			break
		}
		if s.unless != nil && s.unless(pattern, payload) {
			continue
		}
		channel, err := sc.fill(pattern, payload, s.subject)
		if err != nil {
			return err
		}
		channels = append(channels, channel)
	}
	channels = append(channels, o.Channels...)
	for _, channel := range channels {
		if !channelName.MatchString(channel) {
			return fmt.Errorf("Invalid channel name %s", channel)
		}
		if strings.HasPrefix(channel, "presence.") || strings.HasPrefix(channel, "private.") { // K.9 X6
			sc.note("%s is public for Laravel, but Reverb asks who subscribes to it for a signature; write it as %s-%s", channel, channel[:strings.Index(channel, ".")], channel)
		}
	}
	data, err := encodePHP(broadcastable(payload))
	if err != nil {
		return fmt.Errorf("Data encoding error. The payload %w", err)
	}
	if !o.Plain {
		if data, err = c.sealed(channels, data); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(channels, channelsPerRequest) {
		out.Publications = append(out.Publications, pusher.Publication{Event: s.wire(), Data: string(data), Channels: chunk, Except: o.Except})
	}
	return nil
}

// broadcastable is what Laravel's broadcaster makes of a payload: socket is taken out of it, and keys that are numbers
// count anew, as array_merge and Arr::pull have it.
func broadcastable(payload Object) Object {
	out, n := Object{}, 0
	for _, f := range payload {
		switch {
		case f.Key == "socket":
		case integerKey.MatchString(f.Key):
			out = append(out, Field{fmt.Sprint(n), f.Value})
			n++
		default:
			out = append(out, f)
		}
	}
	return out
}

var integerKey = regexp.MustCompile(`\A(0|-?[1-9]\d{0,17})\z`)

// fill puts ids in the place of a channel's placeholders: what was asked for, else what the payload says, else the row that
// it was drawn from, else any row of that type.
func (sc *scene) fill(pattern string, payload Object, subject string) (string, error) {
	var missing error
	out := slot.ReplaceAllStringFunc(pattern, func(found string) string {
		name := found[1 : len(found)-1]
		short := paramName(name)
		if short == "id" && subject != "" {
			short = paramName(singular(subject))
		}
		if id, ok := sc.asked(short); ok {
			return id.String()
		}
		if id := anID(payloadID(payload, short)); !id.IsZero() {
			return id.String()
		}
		typ := sc.typeOf(short)
		for _, c := range sc.chosen {
			if c.typ == typ {
				return anID(c.row.Get("id")).String()
			}
		}
		if typ != "" && len(sc.table(typ)) > 0 {
			return anID(sc.row(typ).Get("id")).String()
		}
		missing = cmp.Or(missing, fmt.Errorf("channel %s needs %s; pass it (--param %s=…)", pattern, name, name))
		return found
	})
	return out, missing
}

// read takes the rows that a payload of one's own names for chosen, so that its other channels belong to them.
func (sc *scene) read(patterns []string, payload Object) {
	for _, pattern := range patterns {
		for _, m := range slot.FindAllStringSubmatch(pattern, -1) {
			short := paramName(m[1])
			typ := sc.typeOf(short)
			if typ == "" {
				continue
			}
			if row, ok := rowOf(sc.table(typ), anID(payloadID(payload, short))); ok {
				sc.chosen = append(sc.chosen, choice{typ, row})
			}
		}
	}
}

// payloadID looks for client_id, client.id or, for {id}, id in a payload, the outermost first.
func payloadID(payload Object, short string) any {
	level := []Object{payload}
	for range 4 {
		var inner []Object
		for _, o := range level {
			for _, f := range o {
				value := f.Value
				object, isObject := value.(Object)
				if paramName(f.Key) == short {
					if isObject {
						value = object.Get("id")
					}
					if !anID(value).IsZero() {
						return value
					}
				}
				if isObject {
					inner = append(inner, object)
				}
			}
		}
		if level = inner; short == "id" {
			break
		}
	}
	return nil
}
