package laravel

// What other files bring; this one goes when they are here.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

func (app *Application) user(id ID) *User {
	for i := range app.Users {
		if app.Users[i].ID == id {
			return &app.Users[i]
		}
	}
	return nil
}

func (c *call) json(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(v)
}

func (c *call) fail(status int, message string) { c.json(status, Object{{"message", message}}) }

func (c *call) invalid(wrong map[string][]string) {
	c.json(http.StatusUnprocessableEntity, Object{{"message", unfit(wrong).Message}, {"errors", wrong}})
}

func (c *call) input() (Object, error) {
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var o Object
	_ = json.Unmarshal(text, &o)
	return o, nil
}

type Activity struct {
	Type, Description string
	User              *User
	SubjectType       string
	SubjectID         ID
	Metadata          Object
}

func (b *Backend) addActivity(ctx context.Context, a Activity) (Activity, error) {
	user := any(nil)
	if a.User != nil {
		user = Object{{"id", a.User.ID}, {"name", a.User.Name}}
	}
	_, err := b.Occur(ctx, Occurrence{Event: "ActivityFeedUpdated", Exact: true, Payload: Object{{"activity", Object{
		{"type", a.Type}, {"description", a.Description}, {"user", user}, {"subject_type", a.SubjectType}, {"subject_id", a.SubjectID}, {"metadata", a.Metadata},
	}}}})
	return a, err
}

func (b *Backend) bumpWith(ctx context.Context, typ string, id ID, action string, with func(version int64) []Change) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.version++
	return b.version, b.cfg.Store.Write(ctx, with(b.version))
}

func tooLarge(err error) bool {
	_, large := errors.AsType[*http.MaxBytesError](err)
	return large
}
