package app

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"echolab/emulator/laravel"
	"echolab/harness/spelling"
)

// DefaultOrigins are the front ends that a browser may call the emulated application from unless auth.origins says
// otherwise: anything on this machine, Vite's 5173 among it.
var DefaultOrigins = []string{"http://localhost", "http://localhost:*", "http://127.0.0.1", "http://127.0.0.1:*", "http://[::1]", "http://[::1]:*",
	"https://localhost", "https://localhost:*", "https://127.0.0.1", "https://127.0.0.1:*", "https://[::1]", "https://[::1]:*"}

// resolveApplication puts the emulated application together: the sections of echolab.yaml, the seed's where the file has
// none of that name.
func (l *loader) resolveApplication() {
	builtIn, problems := readDocument(seedName, seedFile)
	if len(problems) > 0 {
		panic("the seed is broken: " + strings.Join(problems, "\n")) // TestSeed_IsTheDefault
	}
	d := describing{loader: l, sections: builtIn.sections}
	for name, t := range l.file.sections {
		d.sections[name] = t
	}
	d.users()
	d.entities()
	d.channels()
	d.events()
	d.workflows()
	d.settings()
	if len(l.problems) > 0 {
		return
	}
	d.defaultUser()
	d.references()
	d.check()
	if len(l.problems) == 0 {
		l.config.Application = &d.app
		l.config.parts = d.parts()
	}
}

// parts tells of each section what is in it and where it stands.
func (d *describing) parts() (all []Printed) {
	for _, s := range sections {
		t := d.sections[s.name]
		var holds any
		switch t.value.(type) {
		case []tree:
			holds = len(t.list())
		case []branch:
			var keys []string
			for _, b := range t.branches() {
				keys = append(keys, b.key)
			}
			holds = keys
		default:
			holds = t.value
		}
		from := t.at.String()
		if t.at.File == seedName {
			from = "default"
		}
		all = append(all, Printed{Name: s.name, Value: holds, From: from})
	}
	return all
}

// check asks package laravel for what is wrong with rules, at their places. The rules of the seed alone are known to be
// right (TestSeed_IsTheDefault): they are compiled when somebody first asks, and a start does without.
func (d *describing) check() {
	if len(d.problems) > 0 {
		return
	}
	ask := laravel.Check
	if len(d.file.sections) == 0 {
		ask = laravel.CheckUsers
	}
	for _, p := range ask(&d.app) {
		if len(d.problems) < maxProblems {
			d.problem("%s", oneLine(p.Error()))
		}
	}
}

// describing makes a laravel.Application of sections that have their shapes.
type describing struct {
	*loader
	sections map[string]tree
	app      laravel.Application
	warned   int
}

func (d *describing) refuse(at Origin, format string, args ...any) {
	if len(d.problems) < maxProblems {
		d.problem("%s: %s", at, fmt.Sprintf(format, args...))
	}
}

func (d *describing) users() {
	ids, tokens := map[string]Origin{}, map[string]Origin{}
	for _, t := range d.sections["users"].list() {
		user := laravel.User{
			ID: t.get("id").id(), Name: t.get("name").text, Role: t.get("role").text, Token: t.get("token").text,
			BroadcastID: t.get("broadcast_id").id(),
			Fields:      t.object("id", "name", "avatar", "role", "clients", "token", "broadcast_id"),
		}
		if avatar, ok := t.get("avatar").value.(string); ok {
			user.Avatar = avatar
		}
		for _, client := range t.get("clients").list() {
			user.Clients = append(user.Clients, client.id())
		}
		d.nearMisses(t)
		// 7 and "7" are one and the same on the wire.
		if before, twice := ids[user.ID.String()]; twice {
			d.refuse(t.get("id").at, "id: %s is also that of the user at %s; every user needs their own", user.ID, before)
		}
		ids[user.ID.String()] = t.get("id").at
		if before, twice := tokens[user.Token]; twice && user.Token != "" {
			d.refuse(t.get("token").at, "token: is also that of the user at %s; every user needs their own", before)
		}
		tokens[user.Token] = t.get("token").at
		d.app.Users = append(d.app.Users, user)
	}
	for _, t := range d.sections["users"].list() {
		if token := t.get("token"); token.text != "" {
			if other, taken := ids[token.text]; taken && other != t.get("id").at {
				d.refuse(token.at, "token: is the id of the user at %s, who would be taken for this one; choose another", other)
			}
		}
	}
}

// nearMisses warns of a user's own field that looks like a misspelt one of ours.
func (d *describing) nearMisses(t tree) {
	known := make([]string, 0, len(sections[0].entry.keys))
	for _, k := range sections[0].entry.keys {
		known = append(known, k.name)
	}
	for _, b := range t.branches() {
		near := Closest(b.key, known)
		if near != "" && near != b.key && spelling.Edits(b.key, near) == 1 && t.get(near).value == nil {
			d.warn("%s: %s is taken for a field of your own; did you mean %s?", b.at, short(b.key), near)
		}
	}
}

func (d *describing) entities() {
	d.app.Entities = make(map[string][]laravel.Object)
	for _, b := range d.sections["entities"].branches() {
		ids := map[string]Origin{}
		rows := make([]laravel.Object, 0, len(b.list()))
		for _, t := range b.list() {
			id := t.get("id")
			if before, twice := ids[id.id().String()]; twice {
				d.refuse(id.at, "id: %s is also that of the row at %s; every one of the %s needs its own", id.text, before, b.key)
			}
			ids[id.id().String()] = id.at
			rows = append(rows, t.object())
		}
		d.app.Entities[b.key] = rows
	}
}

func (d *describing) channels() {
	places := map[string]Origin{}
	for _, t := range d.sections["channels"].list() {
		d.expectations(t.get("pattern"), places)
		rule := t.get("rule")
		channel := laravel.Channel{Pattern: t.get("pattern").text, Rule: rule.words(), Place: rule.place()}
		if params := t.get("params").branches(); len(params) > 0 {
			channel.Params = make(map[string]string)
			for _, b := range params {
				channel.Params[b.key] = b.text
			}
		}
		for _, b := range t.get("member").branches() {
			channel.Member = append(channel.Member, laravel.MemberField{Name: b.key, Expression: b.words(), Place: b.place()})
		}
		d.app.Channels = append(d.app.Channels, channel)
	}
}

// expectations warns of patterns that do what Laravel does, and not what one expects. places are those of the patterns
// before.
func (d *describing) expectations(pattern tree, places map[string]Origin) {
	if before, twice := places[pattern.text]; twice {
		d.warn("%s: pattern %s is also at %s: as in Laravel this rule takes the other's place, which is never asked", pattern.at, short(pattern.text), before)
	}
	places[pattern.text] = pattern.at
	if rest, prefixed := strings.CutPrefix(pattern.text, "private-"); prefixed {
		d.warn("%s: pattern %s fits private-%s only: Laravel takes the prefix off before it compares; write %s",
			pattern.at, short(pattern.text), short(pattern.text), short(strings.TrimPrefix(rest, "encrypted-")))
	}
}

func (d *describing) events() {
	for _, b := range d.sections["events"].branches() {
		event := laravel.Event{Name: b.key, Payload: b.get("payload").plainValue(), Place: b.at.String()}
		if as, ok := b.get("as").value.(string); ok {
			event.As = as
		}
		for _, channel := range b.get("channels").list() {
			event.Channels = append(event.Channels, channel.text)
		}
		event.Now = b.get("now").value == true
		d.app.Events = append(d.app.Events, event)
	}
}

// workflows brings both formats of the guide into one form.
func (d *describing) workflows() {
	for _, b := range d.sections["workflows"].branches() {
		w, warnings, err := laravel.ParseWorkflow(b.object().With("name", b.key))
		at := func(field string) Origin {
			for _, place := range []Origin{b.get(field).at, b.get("recipient_type").at} {
				if place != (Origin{}) {
					return place
				}
			}
			return b.at
		}
		for _, warning := range warnings {
			d.warn("%s: %s: %s", at(warning.Field), short(b.key), warning.Error())
		}
		var wrong *laravel.FieldError
		if errors.As(err, &wrong) {
			d.refuse(at(wrong.Field), "%s: %s", short(b.key), wrong)
		}
		d.app.Workflows = append(d.app.Workflows, w)
	}
}

func (d *describing) settings() {
	auth, presence := d.sections["auth"], d.sections["presence"]
	d.app.Auth = laravel.Auth{Origins: slices.Clone(DefaultOrigins)}
	d.app.Auth.DefaultUser = auth.get("default_user").id()
	d.app.Auth.RedirectGuests, _ = auth.get("redirect_guests").value.(bool)
	if origins := auth.get("origins"); origins.value != nil {
		d.app.Auth.Origins = nil
		for _, t := range origins.list() {
			if rule := checkFrontEnd(t.text); rule != "" {
				d.refuse(t.at, "origins: %s %s", short(t.text), rule)
			}
			d.app.Auth.Origins = append(d.app.Auth.Origins, t.text)
		}
	}
	switch key := auth.get("encryption_key"); key.value.(type) {
	case bool:
		if key.value == true {
			d.refuse(key.at, "encryption_key must be base64 of 32 bytes, or false for none")
		}
		d.app.Auth.EncryptionKey = []byte{}
	case string:
		d.app.Auth.EncryptionKey, _ = keyBytes(key.text) // the shape has tried it
	}
	switch signIn := auth.get("sign_in"); signIn.value.(type) {
	case bool:
		d.app.Auth.SignIn.Off = signIn.value == false
	case string:
		d.app.Auth.SignIn.Resolver, d.app.Auth.SignIn.Place = signIn.text, signIn.place()
	}
	d.app.Presence = laravel.Presence{TTL: 120 * time.Second, Sweep: 15 * time.Second}
	for name, into := range map[string]*time.Duration{"ttl": &d.app.Presence.TTL, "sweep": &d.app.Presence.Sweep} {
		if t := presence.get(name); t.value != nil {
			*into, _ = time.ParseDuration(t.text) // the shape has tried it
		}
	}
	d.app.History = laravel.History{Activities: laravel.DefaultActivities, Versions: laravel.DefaultVersions}
	for name, into := range map[string]*int{"activities": &d.app.History.Activities, "versions": &d.app.History.Versions} {
		if n, ok := d.sections["history"].get(name).value.(int64); ok {
			*into = int(n)
		}
	}
	d.app.Documents = laravel.Documents{LockTTL: laravel.DefaultLockTTL, StateLimit: laravel.DefaultStateLimit}
	if t := d.sections["documents"].get("lock_ttl"); t.value != nil {
		d.app.Documents.LockTTL, _ = time.ParseDuration(t.text) // the shape has tried it
	}
	if n, ok := d.sections["documents"].get("state_limit").value.(int64); ok {
		d.app.Documents.StateLimit = int(n)
	}
	if t := d.sections["queue"].get("delay"); t.value != nil {
		d.app.Queue.Delay, _ = time.ParseDuration(t.text) // the shape has tried it
	}
	if seed, ok := d.sections["seed"].value.(int64); ok {
		d.app.Seed = uint64(seed)
	}
}

func checkFrontEnd(origin string) string {
	scheme, rest, found := strings.Cut(origin, "://")
	if !found || scheme != "http" && scheme != "https" || rest == "" || strings.ContainsAny(rest, "/ ?#") {
		return "must be an origin as a browser sends it, such as http://localhost:5173, without a path"
	}
	return ""
}

// defaultUser refuses one that nobody is. --user goes before the file.
func (d *describing) defaultUser() {
	at, key := d.sections["auth"].get("default_user").at.String(), "default_user"
	if d.config.User != "" {
		d.app.Auth.DefaultUser = laravel.ID{}
		for _, user := range d.app.Users {
			if user.ID.String() == d.config.User {
				d.app.Auth.DefaultUser = user.ID
				return
			}
		}
		at, key = d.config.Origin("user"), short(d.config.User)
		d.problem("%s: there is no user with the id %s; there are %s", at, key, d.userIDs())
		return
	}
	if id := d.app.Auth.DefaultUser; !id.IsZero() && !slices.ContainsFunc(d.app.Users, func(u laravel.User) bool { return u.ID == id }) {
		d.problem("%s: %s: there is no user with the id %s; there are %s", at, key, show(id), d.userIDs())
	}
}

// show is an id as YAML has it: 7 and "7" are two.
func show(id laravel.ID) string {
	if text, ok := id.Value().(string); ok {
		return strconv.Quote(text)
	}
	return id.String()
}

func (d *describing) userIDs() string {
	var ids []string
	for i, user := range d.app.Users {
		if i == 20 {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, show(user.ID))
	}
	if len(ids) == 0 {
		return "none"
	}
	return strings.Join(ids, ", ")
}
