package app

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/laravel"
)

// lookEvery is how often the files of the configuration are looked at. Looking works wherever files do (network drives,
// containers, editors that put a new file in the old one's place), and costs two stats.
const lookEvery = 500 * time.Millisecond

// watchFiles takes over what changes in echolab.yaml until ctx ends. A file is read once it has stayed the same for one
// look, so that one that is being written is not taken for a broken one.
func (a *App) watchFiles(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	taken := a.config.stamp // of what Load has read
	last := taken
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := stampOf(a.config.watched)
		if now == last && now != taken {
			taken = now
			a.reload()
		}
		last = now
	}
}

// stampOf tells versions of files apart.
func stampOf(paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			fmt.Fprintf(&b, "%s: none\n", path)
			continue
		}
		fmt.Fprintf(&b, "%s: %d %d\n", path, info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}

// reload reads the configuration again. What describes the emulated application is taken over; a setting that differs is
// named, for it needs a restart. A configuration with a mistake changes nothing and is told once.
func (a *App) reload() {
	fresh, err := Load(a.config.sources)
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if err == nil && fresh.ConfigFile == "" && a.read != "" {
		err = fmt.Errorf("%s is gone", a.read)
	}
	if err != nil {
		if told := err.Error(); told != a.problem {
			a.problem = told
			note := strings.ReplaceAll(told, "\n", "; ") + "; everything stays as it was"
			a.log.Error("the changed configuration is not used", "reason", note)
			a.journal.Append(journal.Entry{Kind: journal.Trouble, App: a.config.Apps[0].ID, Note: "The changed configuration is not used: " + note})
		}
		return
	}
	mended := a.problem != ""
	a.problem, a.read = "", fresh.ConfigFile
	for _, warning := range fresh.Warnings {
		if !slices.Contains(a.warned, warning) {
			a.log.Warn(warning)
		}
	}
	a.warned = fresh.Warnings
	var did []string
	if a.backend != nil {
		if parts := differing(a.backend.Application(), fresh.Application); len(parts) > 0 {
			a.backend.Use(fresh.Application)
			did = append(did, "taken over: "+strings.Join(parts, ", "))
		}
	}
	if names := a.config.differsFrom(fresh); !slices.Equal(names, a.waiting) {
		if a.waiting = names; len(names) > 0 {
			did = append(did, "after a restart only: "+strings.Join(names, ", "))
		}
	}
	switch {
	case len(did) == 0 && !mended:
		return
	case len(did) == 0:
		did = []string{"it is as before the mistake"}
	}
	note := fresh.ConfigFile
	if note == "" {
		note = fresh.EnvFile
	}
	note += " was read again; " + strings.Join(did, "; ")
	a.log.Info("configuration", "note", note)
	a.journal.Append(journal.Entry{Kind: journal.Configured, App: a.config.Apps[0].ID, Note: note})
}

// differing names the sections in which two descriptions differ.
func differing(old, fresh *laravel.Application) (names []string) {
	for _, part := range []struct {
		name       string
		old, fresh any
	}{
		{"users", old.Users, fresh.Users},
		{"entities", old.Entities, fresh.Entities},
		{"channels", withoutPlaces(old), withoutPlaces(fresh)},
		{"events", eventsWithoutPlaces(old), eventsWithoutPlaces(fresh)},
		{"workflows", old.Workflows, fresh.Workflows},
		{"auth", authWithoutPlace(old), authWithoutPlace(fresh)},
		{"presence", old.Presence, fresh.Presence},
		{"documents", old.Documents, fresh.Documents},
		{"history", old.History, fresh.History},
		{"queue", old.Queue, fresh.Queue},
		{"seed", old.Seed, fresh.Seed},
	} {
		if !reflect.DeepEqual(part.old, part.fresh) {
			names = append(names, part.name)
		}
	}
	return names
}

// withoutPlaces is the channels as far as they decide something.
func withoutPlaces(app *laravel.Application) []laravel.Channel {
	channels := slices.Clone(app.Channels)
	for i := range channels {
		channels[i].Place = ""
		channels[i].Member = slices.Clone(channels[i].Member)
		for j := range channels[i].Member {
			channels[i].Member[j].Place = ""
		}
	}
	return channels
}

func eventsWithoutPlaces(app *laravel.Application) []laravel.Event {
	events := slices.Clone(app.Events)
	for i := range events {
		events[i].Place = ""
	}
	return events
}

func authWithoutPlace(app *laravel.Application) laravel.Auth {
	auth := app.Auth
	auth.SignIn.Place = ""
	return auth
}

// differsFrom names the settings that another configuration has another value of, apps among them.
func (c Config) differsFrom(other Config) (names []string) {
	for _, row := range settings {
		if row.Name == "config" || row.Name == "env_file" || row.Name == "user" { // user is taken over
			continue
		}
		if !reflect.DeepEqual(row.as.get(&c), row.as.get(&other)) {
			names = append(names, fmt.Sprintf("%s (%s)", row.Name, other.Origin(row.Name)))
		}
	}
	if !reflect.DeepEqual(c.Apps, other.Apps) {
		names = append(names, "apps")
	}
	return names
}
