package app

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"echolab/emulator/pusher"
)

// credentials are the settings that name an app in the environment.
var credentials = []string{"id", "key", "secret"}

// resolveApps puts the app of the environment first and those of echolab.yaml after it. Without any of them there is
// pusher.DefaultApp. REVERB_APP_* limits go to the app that the environment names; if it names none, to the first.
func (l *loader) resolveApps() {
	docs := slices.Clone(l.file.apps)
	named, ok := l.namedApp()
	if !ok {
		return // said already
	}
	switch {
	case named != nil:
		doc := appDocument{}
		if i := slices.IndexFunc(docs, func(d appDocument) bool { return d.values["id"].text == named["id"].text }); i >= 0 {
			doc = docs[i]
			docs = slices.Delete(docs, i, i+1)
		}
		docs = slices.Insert(docs, 0, doc)
	case len(docs) == 0:
		docs = []appDocument{{}}
	}
	for i, doc := range docs {
		var fromEnv map[string]value
		if i == 0 {
			fromEnv = named
		}
		l.config.Apps = append(l.config.Apps, l.app(i, doc, fromEnv))
	}
	if len(l.problems) == 0 {
		l.checkUnique()
	}
}

// app makes one app of its document and, for the first, what the environment says.
func (l *loader) app(i int, doc appDocument, named map[string]value) pusher.App {
	var app pusher.App
	if named == nil && doc.values == nil {
		app = pusher.DefaultApp()
	}
	prefix := fmt.Sprintf("apps[%d].", i)
	for _, row := range appSettings {
		var candidates []value
		if slices.Contains(credentials, row.Name) {
			if v, ok := named[row.Name]; ok {
				candidates = append(candidates, v)
			}
		} else if i == 0 {
			candidates = l.lookup(row.Env)
		}
		v, ok := doc.values[row.Name]
		if ok {
			candidates = append(candidates, v)
		} else if doc.values != nil && named == nil && slices.Contains(credentials, row.Name) {
			l.problem("%s: this app has no %s; add one", doc.from, row.Name)
		}
		take(l, row, &app, prefix, candidates)
		if row.Name == "keys" {
			l.keyPlaces(prefix, len(app.Keys), candidates)
		}
	}
	for _, hook := range doc.webhooks {
		if made, ok := l.webhook(hook); ok {
			app.Webhooks = append(app.Webhooks, made)
			l.config.origins[fmt.Sprintf("%swebhooks[%d]", prefix, len(app.Webhooks)-1)] = hook.from
		}
	}
	return app.WithDefaults()
}

// namedApp gives the credentials that the environment or .env has: REVERB_APP_*, else PUSHER_APP_*. nil means that it
// names no app, which three empty values also do, as Laravel's .env.example once had them. Some but not all is an
// error, because Laravel cannot publish with them, unless echolab.yaml completes the app with that id.
func (l *loader) namedApp() (map[string]value, bool) {
	for _, prefix := range []string{"REVERB_APP_", "PUSHER_APP_"} {
		found := make(map[string]value)
		var missing []string
		blanks := 0
		for _, name := range credentials {
			candidates := l.lookup(prefix + strings.ToUpper(name))
			if len(candidates) == 0 {
				missing = append(missing, name)
				continue
			}
			found[name] = candidates[0]
			if v := candidates[0]; v.null || v.text == "" {
				blanks++
			}
		}
		if len(found) == 0 {
			continue
		}
		if blanks == len(found) {
			if prefix == "REVERB_APP_" {
				l.warn("%s is empty, so no app is taken from here", l.label(found, prefix))
			}
			continue
		}
		if prefix == "PUSHER_APP_" {
			l.warn("%s: no REVERB_APP_* is set, so the app is taken from PUSHER_APP_*", l.label(found, prefix))
		}
		for _, name := range missing {
			if !l.completes(found["id"], name) {
				l.problem("%s: %s%s is missing beside it, and Laravel cannot publish without it; add it, or remove the others",
					l.label(found, prefix), prefix, strings.ToUpper(name))
			}
		}
		return found, len(l.problems) == 0
	}
	return nil, true
}

// label is the place of the first credential found, without its value.
func (l *loader) label(found map[string]value, prefix string) string {
	for _, name := range credentials {
		if v, ok := found[name]; ok {
			place := "environment"
			if v.from.File != "" {
				place = v.from.String()
			}
			return place + ": " + prefix + strings.ToUpper(name)
		}
	}
	return ""
}

func (l *loader) completes(id value, name string) bool {
	for _, doc := range l.file.apps {
		if _, has := doc.values[name]; has && id.text != "" && doc.values["id"].text == id.text {
			return true
		}
	}
	return false
}

// WebhookEvents are the names that a webhook can be limited to (Pusher docs: Webhooks).
var WebhookEvents = []string{
	"channel_occupied", "channel_vacated", "member_added", "member_removed", "client_event", "cache_miss", "subscription_count",
}

func (l *loader) webhook(doc webhookDocument) (pusher.Webhook, bool) {
	hook := pusher.Webhook{}
	address, ok := doc.values["url"]
	if !ok || address.text == "" {
		l.problem("%s: this webhook has no url; add one, such as url: http://127.0.0.1:8000/webhooks", doc.from)
		return hook, false
	}
	parsed, err := url.Parse(address.text)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		address.secret = true // it may hold a password
		l.problem("%s", address.refuse("must be an address that begins with http:// or https://"))
		return hook, false
	}
	hook.URL = address.text
	if events, ok := doc.values["events"]; ok && !events.null {
		if !events.isList {
			l.problem("%s", events.refuse("must be a list, such as [member_added, member_removed]"))
			return hook, false
		}
		for _, event := range events.list {
			if !slices.Contains(WebhookEvents, event) {
				meant := "the events are " + strings.Join(WebhookEvents, ", ")
				if near := Closest(event, WebhookEvents); near != "" {
					meant = "did you mean " + near + "?"
				}
				l.problem("%s", events.refuse("%s is no webhook event; %s", short(event), meant))
				return hook, false
			}
		}
		hook.Events = events.list
	}
	if batch, ok := doc.values["batch"]; ok && !batch.null {
		at := func(h *pusher.Webhook) *time.Duration { return &h.Batch }
		if err := duration(at, 0, 0).set(&hook, batch); err != nil {
			l.problem("%s", err)
			return hook, false
		}
	}
	return hook, true
}
