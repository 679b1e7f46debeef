package app

import (
	"fmt"
	"slices"
	"strings"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// The further keys of an app: those of its own setting, and the one that the front end beside the .env was built with
// (protocol K.9, X18: production values in VITE_*, local ones for the server). An app of the guide as it is written has one
// key: its others are refused with 4001, and the log says why.

// keyList is a list of keys in YAML and a comma list in the environment.
func keyList() field[pusher.App] {
	return field[pusher.App]{
		set: func(a *pusher.App, v value) error {
			list := v.list
			if !v.isList {
				if v.word {
					return v.refuse("is a yes or no and no key; %s", wordAdvice(v))
				}
				list = strings.Split(v.text, ",")
			}
			keys := make([]string, 0, len(list))
			for i, key := range list {
				if !v.isList {
					key = strings.TrimSpace(key)
				}
				item := v.item(i)
				switch rule := checkCredential(key); {
				case key == "":
					return item.refuse("must be keys, such as [prod-reverb-key]; a comma list in the environment")
				case rule != "":
					return item.refuse("%s", rule)
				case slices.Contains(keys, key):
					return item.refuse("%s is there twice; remove one", short(key))
				}
				keys = append(keys, key)
			}
			a.Keys = keys
			return nil
		},
		get:    func(a *pusher.App) any { return append([]string{}, a.Keys...) },
		schema: jsonSchema{"type": []any{"array", "string", "number"}, "items": jsonSchema{"type": []any{"string", "number"}, "minLength": 1}, "uniqueItems": true},
	}
}

// item is the i-th value of a list, with its own place where that is known.
func (v value) item(i int) value {
	if i < len(v.places) {
		v.from = v.places[i]
		v.text, v.isList, v.list, v.places = v.list[i], false, nil, nil
	}
	return v
}

// keyPlaces notes where each of an app's further keys stands.
func (l *loader) keyPlaces(prefix string, n int, candidates []value) {
	at := l.config.origins[prefix+"keys"]
	for i := range n {
		place := at
		for _, v := range candidates {
			if v.from == at {
				place = v.item(i).from
			}
		}
		l.config.origins[fmt.Sprintf("%skeys[%d]", prefix, i)] = place
	}
}

// refusedKey is a key that the configuration names and the mode does not let in.
type refusedKey struct{ key, why string }

// frontEndKeys are the variables that Vite gives to laravel-echo (Laravel's .env.example; before Reverb, Pusher's). A
// front end reads the first that is there.
var frontEndKeys = []string{"VITE_REVERB_APP_KEY", "VITE_PUSHER_APP_KEY"}

// resolveKeys gives each app the further keys that the mode lets it have.
func (l *loader) resolveKeys() {
	c := &l.config
	asWritten := c.Backend == string(laravel.AsWritten)
	for i := range c.Apps {
		app := &c.Apps[i]
		if !asWritten || len(app.Keys) == 0 {
			continue
		}
		l.warn("%s: keys: with backend as-written (%s) an app has its key alone, so %s cannot connect (4001); start with --backend fixed",
			c.Origin(fmt.Sprintf("apps[%d].keys", i)), c.Origin("backend"), strings.Join(shorts(app.Keys), ", "))
		for _, key := range app.Keys {
			c.refused = append(c.refused, refusedKey{key, fmt.Sprintf(
				"it is one of the further keys of app %s, and with --backend as-written an app has its key alone (%s)", short(app.ID), short(app.Key))})
		}
		app.Keys = nil
	}
	l.frontEndKey()
}

func shorts(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = short(text)
	}
	return out
}

// frontEndKey takes the key of the front end beside the .env for the first app's where no app has it.
func (l *loader) frontEndKey() {
	c := &l.config
	for _, name := range frontEndKeys {
		v := l.first(name)
		if v == nil || v.null || v.text == "" {
			continue
		}
		key, app := v.text, &c.Apps[0]
		if v.word || checkCredential(key) != "" || strings.Contains(key, "${") || slices.ContainsFunc(c.Apps, func(a pusher.App) bool { return a.HasKey(key) }) {
			return
		}
		ours := fmt.Sprintf("the key of app %s is %s (%s)", short(app.ID), short(app.Key), c.Origin("apps[0].key"))
		label := v.label()
		if c.Backend == string(laravel.Fixed) {
			app.Keys = append(app.Keys, key)
			c.origins[fmt.Sprintf("apps[0].keys[%d]", len(app.Keys)-1)] = v.from
			if len(app.Keys) == 1 {
				c.origins["apps[0].keys"] = v.from
			}
			l.warn("%s: the front end has another key than the server: %s; both are let in, Reverb would refuse the front end (4001)", label, ours)
			return
		}
		if slices.ContainsFunc(c.refused, func(r refusedKey) bool { return r.key == key }) {
			return
		}
		l.warn("%s: the front end has another key than the server: %s; it is refused (4001), as by Reverb; write %s=\"${REVERB_APP_KEY}\"", label, ours, name)
		c.refused = append(c.refused, refusedKey{key, fmt.Sprintf("it is %s (%s), but %s; --backend fixed lets both in", name, v.from, ours)})
		return
	}
}

// nameOf is an id or a key of an app, and where it was written.
type nameOf struct {
	app         int
	what, text  string
	place, word string
}

// checkUnique refuses two apps with one id or key: the second could never be reached. An app's own key among its further
// ones is refused too.
func (l *loader) checkUnique() {
	c := &l.config
	var all []nameOf
	for i, app := range c.Apps {
		at := fmt.Sprintf("apps[%d].", i)
		all = append(all, nameOf{i, "id", app.ID, c.Origin(at + "id"), "id"}, nameOf{i, "key", app.Key, c.Origin(at + "key"), "key"})
		for j, key := range app.Keys {
			all = append(all, nameOf{i, "key", key, c.Origin(fmt.Sprintf("%skeys[%d]", at, j)), "keys"})
		}
	}
	for i, n := range all {
		j := slices.IndexFunc(all[:i], func(before nameOf) bool { return before.what == n.what && before.text == n.text })
		switch {
		case j < 0:
		case all[j].app == n.app:
			l.problem("%s: %s: %s is the app's key already, at %s; remove it here", n.place, n.word, short(n.text), all[j].place)
		default:
			l.problem("%s: %s: %s is also the %s of the app at %s; every app needs its own", n.place, n.word, short(n.text), n.what, all[j].place)
		}
	}
}
