package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Strangers are members of presence channels whom no virtual user of the run ever was: people, on a server that is shared
// with them, or the users of other segments. Unless the run was told that there are any (HouseConfig.Others), each is a
// ghost. Where it was, nobody knows when they come and go, but a server that lies about them does not tell everybody the
// same, so that it is still found out:
//
//   - what one client was told of a stranger, all have to be told who were there a Grace before it: else missed;
//   - a client cannot be told that a stranger came whom it lists, or went whom it does not list: else duplicate;
//   - a `here` has to agree about strangers with the list of somebody who was there before: else drift;
//   - at the end all clients have to agree: else the fewer are wrong, a ghost or drift;
//   - and with what the server says over HTTP of who is there (`--shared` alone, see witness): else a ghost or drift.
//
// A server that invents a member, tells everybody, and stands by it over HTTP cannot be told from one with such a member.

// stranger tells whether a member is none of this run's, and that is all right.
func (h *House) stranger(m *member) bool { return h.cfg.Others && !m.known }

// strangerLocked takes what a client was told of a stranger; false when it cannot have happened, or is known already.
func (r *room) strangerLocked(s *Stay, m int, join, had bool, now int64) bool {
	grace := r.house.grace.ns()
	who := r.members[m]
	if had == join {
		switch {
		case s.confirmed == 0 || now-s.confirmed <= grace || len(s.deaf) > 0: // on its way beside here
		case join:
			r.house.wrongedLocked("duplicate join", r, s, who.id, now, "it was told that a member came whom it lists")
		default:
			r.house.wrongedLocked("duplicate leave", r, s, who.id, now, "it was told that a member went whom it does not list")
		}
		return false
	}
	var c *change
	for _, o := range slices.Backward(who.changes) {
		if o.stranger && o.join == join && !o.told.has(s.number) && o.begin+grace >= s.asked {
			c = o
			break
		}
	}
	if c == nil { // the first to be told
		c = &change{member: m, join: join, begin: now, end: now, stranger: true}
		for _, o := range r.stays {
			if o.left == 0 && c.countsLocked(o) {
				c.need++
			}
		}
		who.changes = append(who.changes, c)
		if c.need > 0 {
			r.open = append(r.open, c)
		}
	}
	c.told.set(s.number)
	if c.countsLocked(s) {
		c.have++
		r.convergedLocked(c, now)
	}
	return true
}

// odd is a here that did not agree with an older client's list about a stranger.
type odd struct {
	stay, with *Stay
	member     int
	at         int64
}

// maxOdd is how many of them a room keeps.
const maxOdd = 1000

// compareLocked holds the strangers in a client's here against the list of somebody who was there before. Whether one was
// just coming or going will be known later.
func (r *room) compareLocked(s *Stay) {
	if !r.house.cfg.Others || len(r.odd) >= maxOdd {
		return
	}
	grace := r.house.grace.ns()
	i := slices.IndexFunc(r.stays, func(o *Stay) bool {
		return o != s && o.left == 0 && o.confirmed > 0 && !o.isDeaf() && o.confirmed+grace < s.asked
	})
	if i < 0 {
		return
	}
	for m, who := range r.members {
		if !who.known && r.stays[i].listed.has(m) != s.listed.has(m) {
			r.odd = append(r.odd, odd{s, r.stays[i], m, s.confirmed})
		}
	}
}

// movedLocked tells whether somebody was told of the member's coming or going in a time.
func (m *member) movedLocked(from, to int64) bool {
	return slices.ContainsFunc(m.changes, func(c *change) bool { return c.begin >= from && c.begin <= to })
}

// agreeLocked holds what clients believe of strangers against each other.
func (r *room) agreeLocked(end int64) {
	if !r.house.cfg.Others {
		return
	}
	grace := r.house.grace.ns()
	for _, o := range r.odd {
		who := r.members[o.member]
		if who.known || who.movedLocked(o.stay.asked-2*grace, o.at+2*grace) {
			continue
		}
		lists := "does not list"
		if o.with.listed.has(o.member) != o.stay.listed.has(o.member) && o.stay.listed.has(o.member) {
			lists = "lists"
		}
		r.house.wrongedLocked("drift", r, o.stay, who.id, o.at, fmt.Sprintf("here %s %s, unlike %s, who was there before", lists, who.id, o.with.client))
	}
	for m, who := range r.members {
		if who.known || who.movedLocked(end-grace, end) {
			continue
		}
		var in, out []*Stay
		for _, s := range r.stays {
			switch {
			case s.left > 0 || s.confirmed == 0 || s.isDeaf() || end-s.confirmed <= grace:
			case s.listed.has(m):
				in = append(in, s)
			default:
				out = append(out, s)
			}
		}
		if len(in) == 0 || len(out) == 0 {
			continue
		}
		if len(in) <= len(out) {
			for _, s := range in {
				r.house.wrongedLocked("ghost", r, s, who.id, end, fmt.Sprintf("it lists a member who is not of the run, and %d others do not", len(out)))
			}
			continue
		}
		for _, s := range out {
			r.house.wrongedLocked("drift", r, s, who.id, end, fmt.Sprintf("it does not list a member who is not of the run, and %d others do", len(in)))
		}
	}
}

// doubt is a client's belief in a stranger that the server does not share.
type doubt struct {
	stay   *Stay
	member int
	ghost  bool // it lists somebody, else it does not
}

// Occupied are the channels in which clients are.
func (h *House) Occupied() (channels []string) {
	h.each(func(r *room) {
		if r.here > 0 {
			channels = append(channels, r.name)
		}
	})
	slices.Sort(channels)
	return channels
}

// doubts holds the clients' lists against the users whom the server says to be in a channel.
func (h *House) doubts(channel string, users []string, at time.Time) (found []doubt) {
	r, now, grace := h.room(channel), h.since(at), h.grace.ns()
	r.mu.Lock()
	defer r.mu.Unlock()
	var there bitset
	for _, id := range users {
		there.set(r.memberLocked(id))
	}
	for m, who := range r.members {
		if who.known || who.movedLocked(now-grace, now) {
			continue
		}
		for _, s := range r.stays {
			if s.left == 0 && s.confirmed > 0 && !s.isDeaf() && now-s.confirmed > grace && s.listed.has(m) != there.has(m) {
				found = append(found, doubt{s, m, s.listed.has(m)})
			}
		}
	}
	return found
}

// doubted enters a doubt that stayed.
func (h *House) doubted(d doubt, at time.Time) {
	r := d.stay.room
	r.mu.Lock()
	defer r.mu.Unlock()
	what, why := "drift", "it does not list a member whom the server names over HTTP"
	if d.ghost {
		what, why = "ghost", "it lists a member who is not of the run, and whom the server does not name over HTTP"
	}
	h.wrongedLocked(what, r, d.stay, r.members[d.member].id, h.since(at), why)
}

// unknown are the members whom nobody of the run was, for people; at most five.
func (h *House) unknown() (ids []string) {
	h.each(func(r *room) {
		for _, who := range r.members {
			if !who.known && len(ids) < 5 && !slices.Contains(ids, who.id) {
				ids = append(ids, who.id)
			}
		}
	})
	return ids
}

// users asks who is in a presence channel.
func (t *target) users(ctx context.Context, channel string) (ids []string, err error) {
	status, answer, err := t.call(ctx, http.MethodGet, "/channels/"+channel+"/users", nil)
	if err != nil {
		return nil, bare(err)
	}
	var body struct {
		Users []struct {
			ID json.RawMessage `json:"id"`
		} `json:"users"`
	}
	if status != http.StatusOK || json.Unmarshal(answer, &body) != nil {
		return nil, fmt.Errorf("status %d: %s", status, few1(answer))
	}
	for _, user := range body.Users {
		ids = append(ids, plainText(user.ID))
	}
	return ids, nil
}

// witness asks a shared server over HTTP who is there. What clients believe of strangers otherwise must stay so for
// longer than it can take to tell them.
func (r *run) witness(ctx context.Context) {
	if !r.scenario.Target.Shared {
		return
	}
	ask := func(channels []string) (found []doubt) {
		for _, channel := range channels {
			users, err := r.target.users(ctx, channel)
			if err != nil {
				if ctx.Err() == nil {
					r.warn("the server does not say who is in " + channel + " (" + err.Error() + "): of members who are not of the run, only that all clients agree was checked")
				}
				return nil
			}
			found = append(found, r.house.doubts(channel, users, time.Now())...)
		}
		return found
	}
	before := ask(r.house.Occupied())
	if len(before) == 0 || !pause(ctx, time.Duration(3*r.house.grace.ns()/2)) {
		return
	}
	channels := []string{}
	for _, d := range before {
		if !slices.Contains(channels, d.stay.room.name) {
			channels = append(channels, d.stay.room.name)
		}
	}
	for _, d := range ask(channels) {
		if slices.Contains(before, d) {
			r.house.doubted(d, time.Now())
		}
	}
}
