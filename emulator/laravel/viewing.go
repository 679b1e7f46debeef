package laravel

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"
)

// Viewer is one user who looks at a row.
type Viewer struct {
	Person
	Type  string    `json:"type"` // as the front end said it: project
	Row   ID        `json:"resource_id"`
	Since Timestamp `json:"since"`
}

// view is something that a user looks at.
type view struct {
	typ   string
	id    ID
	since time.Time
}

func (w view) is(typ string, id ID) bool { return w.typ == typ && w.id == id }

func (w view) key(user ID) string {
	return url.PathEscape(w.typ) + "/" + url.PathEscape(w.id.String()) + "/" + url.PathEscape(user.String())
}

// maxViewing is how many rows one user looks at at most; beyond that the oldest is forgotten.
const maxViewing = 100

// viewerRow is a row of viewers.
type viewerRow struct {
	Type  string `json:"type"`
	ID    ID     `json:"id"`
	User  ID     `json:"user_id"`
	Since string `json:"since"`
}

func (v *presentUser) viewChange(w view) Change {
	return Change{Viewers, w.key(v.ID), viewerRow{w.typ, w.id, v.ID, w.since.Format(presenceTime)}}
}

// view begins or ends looking at a row. Looking at something is a sign of life too, so whoever begins is online.
func (b *Backend) view(ctx context.Context, user *User, typ string, id ID, begin bool) error {
	if _, err := b.heard(ctx, user, nil, true); err != nil {
		return err
	}
	p := &b.presences
	p.mu.Lock()
	v := p.of[user.ID]
	at := slices.IndexFunc(v.viewing, func(w view) bool { return w.is(typ, id) })
	var changes []Change
	switch {
	case begin && at < 0 && v.online:
		w := view{typ, id, b.now()}
		v.viewing = append(v.viewing, w)
		changes = append(changes, v.viewChange(w))
		if len(v.viewing) > maxViewing {
			changes = append(changes, Change{Viewers, v.viewing[0].key(v.ID), nil})
			v.viewing = slices.Delete(v.viewing, 0, 1)
		}
	case !begin && at >= 0:
		changes = append(changes, Change{Viewers, v.viewing[at].key(v.ID), nil})
		v.viewing = slices.Delete(v.viewing, at, at+1)
	}
	w := b.keeper.keep(changes...)
	p.mu.Unlock()
	return w.wait(ctx)
}

// Viewers is who looks at a row, or with type "" who looks at what; whoever began first comes first.
func (b *Backend) Viewers(ctx context.Context, typ string, id ID) ([]Viewer, error) {
	if err := b.expire(ctx); err != nil {
		return nil, err
	}
	p := &b.presences
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []Viewer{}
	for _, v := range p.of {
		for _, w := range v.viewing {
			if typ == "" || w.is(typ, id) {
				all = append(all, Viewer{v.Person, w.typ, w.id, Timestamp(w.since)})
			}
		}
	}
	slices.SortFunc(all, func(a, b Viewer) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Row.text, b.Row.text),
			time.Time(a.Since).Compare(time.Time(b.Since)), cmp.Compare(a.ID.text, b.ID.text))
	})
	return all, nil
}

// loadViewers reads who looked at what. Whoever is not online any more looks at nothing.
func (b *Backend) loadViewers(ctx context.Context) error {
	return b.cfg.Store.Rows(ctx, Viewers, func(key string, text json.RawMessage) error {
		var row viewerRow
		if err := json.Unmarshal(text, &row); err != nil {
			return unreadable(Viewers, key, err)
		}
		since, err := time.Parse(time.RFC3339, row.Since)
		if err != nil {
			return unreadable(Viewers, key, err)
		}
		if v := b.presences.of[row.User]; v != nil && v.online {
			v.viewing = append(v.viewing, view{row.Type, row.ID, since})
			slices.SortStableFunc(v.viewing, func(a, b view) int { return a.since.Compare(b.since) })
		}
		return nil
	})
}
