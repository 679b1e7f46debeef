package app

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"echolab/app/dotenv"
	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
	"echolab/harness/yamlfile"
)

// apps is the applications served: those of the configuration, in its order, then those made while Echolab runs. It
// implements emulator.Apps. Looking up takes no lock: a change puts another list in place of the old one.
type apps struct {
	change sync.Mutex // held while the list is replaced
	list   atomic.Pointer[[]*served]

	refused []refusedKey // keys that the configuration names and the mode does not let in
	oneKey  bool         // backend as-written: an app has no further keys
}

// served is one application with what is known of its making.
type served struct {
	pusher.App
	made time.Time     // zero for an app of the configuration
	gone chan struct{} // closed when it is removed
}

func (s *served) allKeys() []string { return append([]string{s.Key}, s.Keys...) }

func newApps(cfg Config) *apps {
	list := make([]*served, len(cfg.Apps))
	for i, app := range cfg.Apps {
		list[i] = &served{App: app.WithDefaults(), gone: make(chan struct{})}
	}
	a := &apps{refused: cfg.refused, oneKey: cfg.Backend == string(laravel.AsWritten)}
	a.list.Store(&list)
	return a
}

func (a *apps) all() []*served { return *a.list.Load() }

// ByID implements emulator.Apps.
func (a *apps) ByID(id string) (*pusher.App, bool) {
	if app := a.served(id); app != nil {
		return &app.App, true
	}
	return nil, false
}

// served is the application with an id; nil when there is none.
func (a *apps) served(id string) *served {
	for _, app := range a.all() {
		if app.ID == id {
			return app
		}
	}
	return nil
}

// ByKey implements emulator.Apps.
func (a *apps) ByKey(key string) (*pusher.App, bool) {
	for _, app := range a.all() {
		if app.HasKey(key) {
			return &app.App, true
		}
	}
	return nil, false
}

// WhyNot implements emulator.KeyExplainer.
func (a *apps) WhyNot(key string) string {
	for _, r := range a.refused {
		if r.key == key {
			return r.why
		}
	}
	return ""
}

// maxMade is how many applications can be made at a time: tests that never remove theirs are told so before anything
// suffers.
const maxMade = 1000

// add takes an app in unless its id or key is another's. before is called ahead of its first connection.
func (a *apps) add(app *served, before func()) error {
	a.change.Lock()
	defer a.change.Unlock()
	list := a.all()
	made := 0
	for _, other := range list {
		if !other.made.IsZero() {
			made++
		}
		what, taken := "id", app.ID
		if app.ID != other.ID {
			i := slices.IndexFunc(app.allKeys(), other.HasKey)
			if i < 0 {
				continue
			}
			what, taken = "key", app.allKeys()[i]
		}
		return &Error{Code: Conflict, Message: fmt.Sprintf(
			"%s %s is that of an application that is served already; choose another, or leave it out for a random one", what, short(taken))}
	}
	if made >= maxMade {
		return &Error{Code: Conflict, Message: fmt.Sprintf("%d applications were made and not removed; remove some with DELETE /api/apps/{id}", made)}
	}
	before()
	list = append(slices.Clone(list), app)
	a.list.Store(&list)
	return nil
}

// remove takes an app that was made while Echolab runs out. after is called before another can have its id.
func (a *apps) remove(id string, after func()) error {
	a.change.Lock()
	defer a.change.Unlock()
	list := a.all()
	i := slices.IndexFunc(list, func(app *served) bool { return app.ID == id })
	switch {
	case i < 0:
		return NoApp(id)
	case list[i].made.IsZero():
		return &Error{Code: Conflict, Message: fmt.Sprintf("application %s comes from the configuration; only those made with POST /api/apps can be removed", short(id))}
	}
	app := list[i]
	list = slices.Delete(slices.Clone(list), i, i+1)
	a.list.Store(&list)
	close(app.gone)
	after()
	return nil
}

// NoApp is the answer to whoever names an application that is not there.
func NoApp(id string) *Error {
	return &Error{Code: NotFound, Message: fmt.Sprintf("there is no application with the id %s", short(id))}
}

// PlainID is what the ids and keys of applications that are made must be, in words: they go into paths, .env files,
// scripts and command lines. Those of a configuration may be whatever Laravel has.
const PlainID = "1 to 100 letters, digits, '.', '_' and '-', and not begin with a dot"

var plainID = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)

// EnvValue is a value as a line of a .env file has it, quoted where Laravel would read something else.
func EnvValue(value string) string { return dotenv.Quote(value) }

// MakeApp serves one more application from now on, until it is removed or Echolab ends: it is not written into any
// configuration. description is a JSON object with the settings of an app as echolab.yaml has them (see AppSettings;
// webhooks too); nil, or one without id, key or secret, gets random ones. What happens in it is kept in the first
// database file. Errors: Invalid names what and where, Conflict says that the id or key is taken.
func (a *App) MakeApp(description []byte) (pusher.App, error) {
	app, err := parseApp(description)
	if err != nil {
		return pusher.App{}, err
	}
	if a.apps.oneKey && len(app.Keys) > 0 {
		return pusher.App{}, &Error{Code: Invalid, Message: "keys: with --backend as-written an app has its key alone; leave keys out, or start with --backend fixed"}
	}
	made := &served{App: app, made: time.Now(), gone: make(chan struct{})}
	if err := a.apps.add(made, func() { a.metrics.Serve(app.ID) }); err != nil {
		return pusher.App{}, err
	}
	return app, nil
}

// RemoveApp stops serving an application that MakeApp made, disconnects its sockets so that they stay away, and tells
// how many there were. Who waits for its events is told (see Wait). Its entries stay in the database until they are
// cleared.
func (a *App) RemoveApp(id string) (disconnected int, err error) {
	err = a.apps.remove(id, func() {
		a.metrics.Drop(id)
		disconnected = a.server.Drop(id)
	})
	return disconnected, err
}

// parseApp reads the description of an app with the rules, and the words, of echolab.yaml: JSON is YAML.
func parseApp(description []byte) (pusher.App, error) {
	if len(description) == 0 {
		description = []byte("{}")
	}
	invalid := func(format string, args ...any) error {
		return &Error{Code: Invalid, Message: fmt.Sprintf(format, args...)}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(description, &object); err != nil || object == nil {
		return pusher.App{}, invalid("the body must be a JSON object, such as {\"max_connections\": 100}")
	}
	file, err := yamlfile.Parse(description)
	if err != nil || len(file.Docs) == 0 {
		return pusher.App{}, invalid("the body cannot be read")
	}
	const name = "the body"
	r := &fileReader{name: name}
	doc := r.app(file.Docs[0].Body)
	if len(r.problems) > 0 {
		return pusher.App{}, invalid("%s", strings.Join(r.problems, "\n"))
	}
	for field, random := range map[string]func() string{
		"id":     func() string { return "test-" + strings.ToLower(rand.Text()[:12]) },
		"key":    func() string { return strings.ToLower(rand.Text()) },
		"secret": func() string { return strings.ToLower(rand.Text()) },
	} {
		if v, given := doc.values[field]; !given || v.null || v.text == "" && !v.isList {
			doc.values[field] = value{text: random(), from: Origin{File: name, Key: field}}
		}
	}
	for _, field := range []string{"id", "key"} {
		if v := doc.values[field]; !plainID.MatchString(v.text) {
			return pusher.App{}, invalid("%s", v.refuse("must be "+PlainID))
		}
	}
	l := &loader{config: Config{origins: map[string]Origin{}}}
	app := l.app(1, doc, nil) // not the first, whose settings the environment may have
	for i, key := range app.Keys {
		if v := doc.values["keys"].item(i); !plainID.MatchString(key) {
			l.problem("%s", v.refuse("must be "+PlainID))
		} else if key == app.Key {
			l.problem("%s", v.refuse("is the app's key already; remove it here"))
		}
	}
	if len(l.problems) > 0 {
		return pusher.App{}, invalid("%s", strings.Join(l.problems, "\n"))
	}
	return app, nil
}
