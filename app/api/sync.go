package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"echolab/app"
)

// versionsUsual is how many changes are told at once unless something else is asked for.
const versionsUsual = 1000

func (h *Handler) online(_ query, r *http.Request) (any, error) {
	users, ttl, err := h.app.Online(r.Context())
	if err != nil {
		return nil, err
	}
	out := Online{Users: []OnlineUser{}, TTLSeconds: ttl.Seconds()}
	for _, u := range users {
		user := OnlineUser{ID: jsonOf(u.ID), Name: u.Name, LastSeenAt: time.Time(u.LastSeen).UTC()}
		if u.Location != nil {
			user.Location = *u.Location
		}
		out.Users = append(out.Users, user)
	}
	return out, nil
}

func (h *Handler) activities(q query, r *http.Request) (any, error) {
	since, err := app.ParseMoment(q.text("since"), time.Now())
	if err != nil {
		return nil, bad("parameter since: %v", err)
	}
	all, err := h.app.Activities(r.Context(), app.ActivityFilter{
		Limit: int(q.number("limit", 0)), Client: q.text("client"), Project: q.text("project"), Since: since,
	})
	if err != nil {
		return nil, err
	}
	out := Activities{Activities: []Activity{}}
	for _, a := range all {
		out.Activities = append(out.Activities, activity(a))
	}
	return out, nil
}

func (h *Handler) addActivity(_ query, r *http.Request) (any, error) {
	var n NewActivity
	if err := readBody(r, &n); err != nil {
		return nil, err
	}
	added, err := h.app.AddActivity(r.Context(), app.NewActivity{
		Type: n.Type, Description: n.Description, User: string(n.User), SubjectType: n.SubjectType, SubjectID: string(n.SubjectID), Metadata: n.Metadata,
	})
	if err != nil {
		return nil, err
	}
	return activity(added), nil
}

func activity(a app.Activity) Activity {
	out := Activity{ID: a.ID, Type: a.Type, Description: a.Description, SubjectType: a.SubjectType, SubjectID: jsonOf(a.SubjectID),
		Metadata: json.RawMessage("{}"), CreatedAt: time.Time(a.CreatedAt).UTC()}
	if a.User != nil {
		out.User = &Person{jsonOf(a.User.ID), a.User.Name}
	}
	if len(a.Metadata) > 0 {
		out.Metadata = jsonOf(a.Metadata)
	}
	return out
}

func (h *Handler) versions(q query, r *http.Request) (any, error) {
	page, err := h.app.Versions(r.Context(), int64(q.number("since", 0)), int(q.number("limit", versionsUsual)))
	if err != nil {
		return nil, err
	}
	out := DataVersions{Version: page.Version, Changes: []DataVersion{}, More: page.More}
	for _, c := range page.Changes {
		out.Changes = append(out.Changes, DataVersion{c.Version, c.Type, jsonOf(c.ID), c.Action, time.Time(c.At).UTC()})
	}
	return out, nil
}

func (h *Handler) viewers(q query, r *http.Request) (any, error) {
	all, err := h.app.Viewers(r.Context(), q.text("type"), q.text("id"))
	if err != nil {
		return nil, err
	}
	out := Viewers{Viewers: []Viewer{}}
	for _, v := range all {
		out.Viewers = append(out.Viewers, Viewer{v.Type, jsonOf(v.Row), Person{jsonOf(v.ID), v.Name}, time.Time(v.Since).UTC()})
	}
	return out, nil
}

// plainJSON is v as JSON with < & > as they are.
func plainJSON(v any) (json.RawMessage, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// jsonOf is a value of which encoding/json knows what to make: an id, an object.
func jsonOf(v json.Marshaler) json.RawMessage {
	text, err := v.MarshalJSON()
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}
