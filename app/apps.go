package app

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"echolab/emulator/pusher"
)

// apps is the applications served: those of the configuration, in its order, then those made while Echolab runs. It
// implements emulator.Apps. Looking up takes no lock: a change puts another list in place of the old one.
type apps struct {
	change sync.Mutex // held while the list is replaced
	list   atomic.Pointer[[]*served]
}

// served is one application with what is known of its making.
type served struct {
	pusher.App
	made time.Time // zero for an app of the configuration
}

func newApps(configured []pusher.App) *apps {
	list := make([]*served, len(configured))
	for i, app := range configured {
		list[i] = &served{App: app.WithDefaults()}
	}
	a := new(apps)
	a.list.Store(&list)
	return a
}

func (a *apps) all() []*served { return *a.list.Load() }

// ByID implements emulator.Apps.
func (a *apps) ByID(id string) (*pusher.App, bool) {
	for _, app := range a.all() {
		if app.ID == id {
			return &app.App, true
		}
	}
	return nil, false
}

// ByKey implements emulator.Apps.
func (a *apps) ByKey(key string) (*pusher.App, bool) {
	for _, app := range a.all() {
		if app.Key == key {
			return &app.App, true
		}
	}
	return nil, false
}

// maxMade is how many applications can be made at a time: tests that never remove theirs are told so before anything
// suffers.
const maxMade = 1000

// add takes an app in unless its id or key is another's.
func (a *apps) add(app *served) error {
	a.change.Lock()
	defer a.change.Unlock()
	list := a.all()
	made := 0
	for _, other := range list {
		if !other.made.IsZero() {
			made++
		}
		for _, same := range []struct{ what, is, has string }{{"id", app.ID, other.ID}, {"key", app.Key, other.Key}} {
			if same.is == same.has {
				return &Error{Code: Conflict, Message: fmt.Sprintf(
					"%s %s is that of an application that is served already; choose another, or leave it out for a random one", same.what, short(same.is))}
			}
		}
	}
	if made >= maxMade {
		return &Error{Code: Conflict, Message: fmt.Sprintf("%d applications were made and not removed; remove some with DELETE /api/apps/{id}", made)}
	}
	list = append(slices.Clone(list), app)
	a.list.Store(&list)
	return nil
}

// remove takes an app that was made while Echolab runs out.
func (a *apps) remove(id string) error {
	a.change.Lock()
	defer a.change.Unlock()
	list := a.all()
	i := slices.IndexFunc(list, func(app *served) bool { return app.ID == id })
	switch {
	case i < 0:
		return noApp(id)
	case list[i].made.IsZero():
		return &Error{Code: Conflict, Message: fmt.Sprintf("application %s comes from the configuration; only those made with POST /api/apps can be removed", short(id))}
	}
	list = slices.Delete(slices.Clone(list), i, i+1)
	a.list.Store(&list)
	return nil
}

func noApp(id string) *Error {
	return &Error{Code: NotFound, Message: fmt.Sprintf("there is no application with the id %s", short(id))}
}

// MakeApp serves one more application from now on, until it is removed or Echolab ends: it is not written into any
// configuration. description is a JSON object with the settings of an app as echolab.yaml has them (see AppSettings;
// webhooks too); nil, or one without id, key or secret, gets random ones. What happens in it is kept in the first
// database file. Errors: Invalid names what and where, Conflict says that the id or key is taken.
func (a *App) MakeApp(description []byte) (pusher.App, error) {
	app, err := parseApp(description)
	if err != nil {
		return pusher.App{}, err
	}
	if err := a.apps.add(&served{App: app, made: time.Now()}); err != nil {
		return pusher.App{}, err
	}
	return app, nil
}

// RemoveApp stops serving an application that MakeApp made, disconnects its sockets so that they stay away, and tells
// how many there were. Its entries stay in the database until they are cleared.
func (a *App) RemoveApp(id string) (disconnected int, err error) {
	if err := a.apps.remove(id); err != nil {
		return 0, err
	}
	return a.server.Drop(id), nil
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
	file, err := parseYAML(description)
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
	l := &loader{config: Config{origins: map[string]Origin{}}}
	app := l.app(1, doc, nil) // not the first, whose settings the environment may have
	if len(l.problems) > 0 {
		return pusher.App{}, invalid("%s", strings.Join(l.problems, "\n"))
	}
	return app, nil
}
