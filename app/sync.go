package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"echolab/app/store"
	"echolab/emulator/laravel"
)

// What the emulated application keeps for its sync API.
type (
	OnlineUser  = laravel.OnlineUser
	Activity    = laravel.Activity
	VersionPage = laravel.VersionPage
	Viewer      = laravel.Viewer
)

// ActivityFilter narrows the activity feed; what is empty does not.
type ActivityFilter struct {
	Limit           int // at most this many, 0 is 50
	Client, Project string
	Since           time.Time // made later than this
}

// NewActivity is a line for the activity feed.
type NewActivity struct {
	Type, Description string
	User              string // its id; "" is the system
	SubjectType       string // such as project; "" is none
	SubjectID         string
	// Metadata is a JSON object; client_id and project_id in it say whose feeds it is in.
	Metadata []byte
}

// Online is who is online in the emulated application, by heartbeat: nothing to do with sockets. ttl is how long one counts.
func (a *App) Online(ctx context.Context) (users []OnlineUser, ttl time.Duration, err error) {
	if a.backend == nil {
		return nil, 0, errNoBackend()
	}
	users, err = a.backend.Online(ctx)
	return users, a.backend.TTL(), err
}

// Activities is the feed, newest first.
func (a *App) Activities(ctx context.Context, f ActivityFilter) ([]Activity, error) {
	if a.backend == nil {
		return nil, errNoBackend()
	}
	q := laravel.ActivityQuery{Limit: f.Limit, Since: f.Since}
	if f.Client != "" {
		q.Client = laravel.ParseID(f.Client)
	}
	if f.Project != "" {
		q.Project = laravel.ParseID(f.Project)
	}
	return a.backend.Activities(ctx, q), nil
}

// AddActivity adds a line to the feed; ActivityFeedUpdated is sent.
func (a *App) AddActivity(ctx context.Context, n NewActivity) (Activity, error) {
	if a.backend == nil {
		return Activity{}, errNoBackend()
	}
	line := Activity{Type: n.Type, Description: n.Description, SubjectType: n.SubjectType}
	switch {
	case n.Type == "":
		return Activity{}, &Error{Code: Invalid, Message: "an activity needs a type, such as project.created"}
	case (n.SubjectType == "") != (n.SubjectID == ""):
		return Activity{}, &Error{Code: Invalid, Message: "a subject is a type and an id, such as project and 4; give both or none"}
	case n.SubjectID != "":
		line.SubjectID = laravel.ParseID(n.SubjectID)
	}
	if n.User != "" {
		user := a.backend.Application().UserNamed(n.User)
		if user == nil {
			return Activity{}, &Error{Code: NotFound, Message: fmt.Sprintf("there is no user with the id %s; 'echolab backend users' lists them", short(n.User))}
		}
		line.User = &laravel.Person{ID: user.ID, Name: user.Name}
	}
	if len(n.Metadata) > 0 {
		if err := line.Metadata.UnmarshalJSON(n.Metadata); err != nil {
			return Activity{}, &Error{Code: Invalid, Message: "the metadata must be a JSON object, such as {\"client_id\": 5}: " + err.Error()}
		}
	}
	for _, owner := range []struct{ field, typ string }{{"client_id", "clients"}, {"project_id", "projects"}} {
		v := line.Metadata.Get(owner.field)
		if v == nil {
			continue
		}
		if _, found := a.backend.Entity(owner.typ, fmt.Sprint(v)); !found {
			return Activity{}, &Error{Code: NotFound, Message: fmt.Sprintf("there is no %s %s, whose feed it would be in; 'echolab backend rows %s' lists them",
				strings.TrimSuffix(owner.typ, "s"), short(fmt.Sprint(v)), owner.typ)}
		}
	}
	return a.backend.AddActivity(ctx, line)
}

// Versions is what changed in the emulated application after a version; limit 0 is all.
func (a *App) Versions(ctx context.Context, since int64, limit int) (VersionPage, error) {
	if a.backend == nil {
		return VersionPage{}, errNoBackend()
	}
	page, err := a.backend.Versions(ctx, since, limit)
	var old *laravel.TooOld
	if errors.As(err, &old) {
		err = &Error{Code: Conflict, Message: old.Error(), Err: err}
	}
	return page, err
}

// Viewers is who looks at a row, or with type "" who looks at what.
func (a *App) Viewers(ctx context.Context, typ, id string) ([]Viewer, error) {
	if a.backend == nil {
		return nil, errNoBackend()
	}
	if typ == "" && id != "" {
		return nil, &Error{Code: Invalid, Message: "an id says nothing without its type; give both, such as project and 1, or the type alone"}
	}
	all, err := a.backend.Viewers(ctx, "", laravel.ID{})
	found := []Viewer{}
	for _, v := range all {
		if (typ == "" || v.Type == typ) && (id == "" || v.Row.String() == id) {
			found = append(found, v)
		}
	}
	return found, err
}

// ParseMoment reads a moment as filters have it: a date, a time of today, RFC 3339, or how long ago, such as 15m. "" is none.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := store.ParseTime(text, now)
	if err != nil {
		return t, fmt.Errorf("%s %w", short(text), err)
	}
	return t, nil
}
