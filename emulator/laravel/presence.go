package laravel

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Person is a user as payloads and answers name one.
type Person struct {
	ID   ID     `json:"id"`
	Name string `json:"name"`
}

// The statuses of user_presence (protocol K.8).
const (
	online  = "online"
	offline = "offline"
)

// OnlineUser is one user whose heartbeat still counts.
type OnlineUser struct {
	Person
	Location *string   `json:"location"` // nil: never said
	Status   string    `json:"status"`
	LastSeen Timestamp `json:"last_seen_at"`
}

// Object is the user as answers have one.
func (u OnlineUser) Object() Object {
	var location any // null where it was never said
	if u.Location != nil {
		location = *u.Location
	}
	return Object{{"id", u.ID}, {"name", u.Name}, {"location", location}, {"status", u.Status}, {"last_seen_at", u.LastSeen.String()}}
}

// presenceRow is a row of user_presence. Its time has nine digits: a restart must not move the moment at which it ends.
type presenceRow struct {
	User     ID      `json:"user_id"`
	Location *string `json:"location"`
	Status   string  `json:"status"`
	LastSeen string  `json:"last_seen_at"`
}

const presenceTime = "2006-01-02T15:04:05.000000000Z"

// presences is who has been heard lately, and what they look at (viewing.go). It knows nothing of sockets.
//
// A user is online while now < seen + TTL. Whoever looks first after that makes the transition: the sweep, a question,
// or the user's next heartbeat, so no answer depends on when the sweep comes round.
type presences struct {
	mu   sync.Mutex // guards what follows; never held while writing or publishing
	of   map[ID]*presentUser
	news line // UserPresenceChanged, in the order of the transitions
}

// presentUser is one user's presence.
type presentUser struct {
	Person
	location *string
	online   bool
	seen     time.Time // last heartbeat, without monotonic reading: it is compared with what a store has
	written  time.Time // seen as the store has it
	viewing  []view    // in the order in which it began
}

func (v *presentUser) change() Change {
	status := offline
	if v.online {
		status = online
	}
	return Change{PresenceRows, v.ID.String(), presenceRow{v.ID, v.location, status, v.seen.Format(presenceTime)}}
}

// now is the wall clock's time.
func (b *Backend) now() time.Time { return b.cfg.Clock.Now().Round(0).UTC() }

// touch is a heartbeat of a user at a location; "" keeps the one that is known. It is what the TrackPresence middleware
// does with each request's route name.
func (b *Backend) touch(ctx context.Context, user *User, location string) {
	if location == heartbeatRoute {
		return // the heartbeat itself is about to say where
	}
	var at *string
	if location != "" {
		at = &location
	}
	if _, err := b.heard(ctx, user, at, true); err != nil && ctx.Err() == nil {
		b.log.Error("presence cannot be kept", "user", user.ID.String(), "error", err)
	}
}

// heard notes a heartbeat, or with here false a farewell. It returns once that is kept as far as it has to be, and, if
// the user came or went, told.
func (b *Backend) heard(ctx context.Context, user *User, location *string, here bool) (OnlineUser, error) {
	p, timing := &b.presences, b.description.Load().Presence
	var changes []Change
	var told []Occurrence
	now := b.now()
	p.mu.Lock()
	v := p.of[user.ID]
	if v == nil {
		v = &presentUser{}
		p.of[user.ID] = v
	}
	v.Person = Person{user.ID, user.Name}
	if v.online && !now.Before(v.seen.Add(timing.ttl())) { // nobody had looked
		changes, told = p.leaveLocked(v)
	}
	moved := location != nil && (v.location == nil || *v.location != *location)
	if moved {
		v.location = location
	}
	came, went := here && !v.online, !here && v.online
	v.seen = now
	switch {
	case came:
		v.online = true
		told = append(told, v.occurrence())
	case went:
		gone, farewell := p.leaveLocked(v)
		changes, told = append(changes, gone...), append(told, farewell...)
	}
	if age := now.Sub(v.written); came || moved || age >= timing.stale() || age < 0 {
		v.written = now
		changes = append(changes, v.change())
	}
	answer := v.answer()
	w := b.keeper.keep(changes...)
	news := b.tellLocked(w, told)
	p.mu.Unlock()
	return answer, settled(ctx, w, news)
}

// settled waits until changes are kept and the last of the news is out.
func settled(ctx context.Context, w *writing, news <-chan struct{}) error {
	if err := w.wait(ctx); err != nil || news == nil {
		return err
	}
	select {
	case <-news:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leaveLocked makes a user offline, who then looks at nothing any more.
func (p *presences) leaveLocked(v *presentUser) ([]Change, []Occurrence) {
	v.online = false
	v.written = v.seen
	changes := []Change{v.change()}
	for _, w := range v.viewing {
		changes = append(changes, Change{Viewers, w.key(v.ID), nil})
	}
	v.viewing = nil
	return changes, []Occurrence{v.occurrence()}
}

func (v *presentUser) answer() OnlineUser {
	a := OnlineUser{v.Person, v.location, offline, Timestamp(v.seen)}
	if v.online {
		a.Status = online
	}
	return a
}

// occurrence is UserPresenceChanged (protocol K.4).
func (v *presentUser) occurrence() Occurrence {
	now := v.answer().Object()
	return Occurrence{Event: "UserPresenceChanged", Exact: true, Payload: Object{
		{"user", Object{{"id", v.ID}, {"name", v.Name}}},
		{"status", now.Get("status")},
		{"location", now.Get("location")},
		{"last_seen_at", now.Get("last_seen_at")},
	}}
}

// tellLocked sends events once the changes are kept; done is nil when there is nothing to tell. It is called under the
// lock of what they tell of.
func (b *Backend) tellLocked(w *writing, told []Occurrence) (done <-chan struct{}) {
	for _, o := range told {
		done = b.presences.news.put(func() { b.send(w, o) })
	}
	return done
}

// send sends an event once what it tells of is kept. A user who is gone is gone though nobody could be told: that is
// said in the log and goes no further, as a failed job of Laravel's queue does not fail the request.
func (b *Backend) send(w *writing, o Occurrence) {
	<-w.done
	if _, err := b.Occur(context.Background(), o); err != nil {
		b.log.Warn("event not sent", "event", o.Event, "error", err)
	}
}

// expire makes everyone offline whose TTL is over.
func (b *Backend) expire(ctx context.Context) error {
	p, ttl := &b.presences, b.description.Load().Presence.ttl()
	now := b.now()
	var changes []Change
	var told []Occurrence
	p.mu.Lock()
	var over []*presentUser
	for _, v := range p.of {
		if !v.online {
			continue
		}
		if v.seen.After(now) { // the clock was set back: nobody stays for longer than a TTL from now
			v.seen = now
		}
		if !now.Before(v.seen.Add(ttl)) {
			over = append(over, v)
		}
	}
	inOrder(over)
	for _, v := range over {
		gone, farewell := p.leaveLocked(v)
		changes, told = append(changes, gone...), append(told, farewell...)
	}
	w := b.keeper.keep(changes...)
	news := b.tellLocked(w, told)
	p.mu.Unlock()
	return settled(ctx, w, news)
}

// inOrder puts whoever was heard first first.
func inOrder(all []*presentUser) {
	slices.SortFunc(all, func(a, b *presentUser) int {
		return cmp.Or(a.seen.Compare(b.seen), cmp.Compare(a.ID.text, b.ID.text))
	})
}

// Online is who is online, in the order of the cast. Who is not of the cast any more is left out.
func (b *Backend) Online(ctx context.Context) ([]OnlineUser, error) {
	if err := b.expire(ctx); err != nil {
		return nil, err
	}
	p := &b.presences
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []OnlineUser{}
	for _, u := range b.description.Load().Users {
		if v := p.of[u.ID]; v != nil && v.online {
			v.Name = u.Name
			all = append(all, v.answer())
		}
	}
	return all, nil
}

// runPresence looks for who is gone until ctx ends, and then writes when everybody was last seen.
func (b *Backend) runPresence(ctx context.Context) {
	for {
		came, forget := b.cfg.Clock.At(b.cfg.Clock.Now().Add(b.description.Load().Presence.sweep()))
		select {
		case <-came:
			if err := b.expire(ctx); err != nil && ctx.Err() == nil {
				b.log.Error("presence cannot be kept", "error", err)
			}
			continue
		case <-ctx.Done():
		}
		forget()
		var changes []Change
		b.presences.mu.Lock()
		for _, v := range b.presences.of {
			if !v.written.Equal(v.seen) {
				v.written = v.seen
				changes = append(changes, v.change())
			}
		}
		w := b.keeper.keep(changes...)
		b.presences.mu.Unlock()
		if <-w.done; w.err != nil {
			b.log.Error("presence cannot be kept", "error", w.err)
		}
		return
	}
}

// loadPresence reads who was online and what they looked at.
func (b *Backend) loadPresence(ctx context.Context) error {
	p := &b.presences
	p.of = make(map[ID]*presentUser)
	err := b.cfg.Store.Rows(ctx, PresenceRows, func(key string, text json.RawMessage) error {
		var row presenceRow
		err := json.Unmarshal(text, &row)
		if err != nil {
			return unreadable(PresenceRows, key, err)
		}
		v := &presentUser{Person: Person{ID: row.User}, location: row.Location, online: row.Status == online}
		if u := b.description.Load().user(row.User); u != nil {
			v.Name = u.Name
		}
		if v.seen, err = time.Parse(time.RFC3339, row.LastSeen); err != nil {
			return unreadable(PresenceRows, key, err)
		}
		v.written = v.seen
		p.of[v.ID] = v
		return nil
	})
	if err != nil {
		return err
	}
	return b.loadViewers(ctx)
}

// TTL is how long a heartbeat counts.
func (b *Backend) TTL() time.Duration { return b.description.Load().Presence.ttl() }
