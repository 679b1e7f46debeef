package emulator

import (
	"encoding/json"
	"slices"
	"sync"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// users knows who is signed in, and who watches whom (Pusher docs: User authentication, Watchlist events).
type users struct {
	mu       sync.Mutex // guards everything below and conn.user
	online   map[string][]*conn
	watchers map[string][]*conn
}

// signedIn is the user that a connection is bound to.
type signedIn struct {
	id        string
	info      json.RawMessage
	watchlist []string
}

// memberData is the channel_data of a presence subscription that came without one.
func (u *signedIn) memberData() string {
	info := u.info
	if info == nil {
		info = json.RawMessage("null")
	}
	b, _ := json.Marshal(map[string]any{"user_id": u.id, "user_info": info})
	return string(b)
}

// conns is who is signed in as a user.
func (u *users) conns(id string) []*conn {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.online[id])
}

// signIn is pusher:signin. Reverb does not know it and answers 4200.
func (c *conn) signIn(m pusher.Message) *pusher.Error {
	p := c.hub.srv.profile
	if !p.SignIn {
		return pusher.ErrMessage
	}
	f, err := m.Fields()
	if err != nil {
		return pusher.ErrMessage
	}
	auth, _, err1 := f.Text("auth")
	userData, present, err2 := f.Text("user_data")
	if err1 != nil || err2 != nil || !present {
		return pusher.ErrMessage
	}
	if !c.app.CheckAuth(auth, pusher.UserText(c.id, userData), true) {
		return c.rejectSignIn("Connection not authorized.")
	}
	var data struct {
		ID        json.RawMessage   `json:"id"`
		Info      json.RawMessage   `json:"user_info"`
		Watchlist []json.RawMessage `json:"watchlist"`
	}
	if json.Unmarshal([]byte(userData), &data) != nil {
		return c.rejectSignIn("user_data is not a JSON object.")
	}
	var id string
	if json.Unmarshal(data.ID, &id) != nil || id == "" {
		return c.rejectSignIn("user_data must hold an id that is a non-empty string.")
	}
	if p.Limits.UserID > 0 && len(id) > p.Limits.UserID {
		return c.rejectSignIn("The user id is longer than " + itoa(p.Limits.UserID) + " characters.")
	}
	if c.user != nil && c.user.id != id {
		return c.rejectSignIn("The connection is signed in as another user.")
	}
	user := &signedIn{id: id, info: data.Info}
	tooMany := p.Limits.Watchlist > 0 && len(data.Watchlist) > p.Limits.Watchlist
	for i, raw := range data.Watchlist {
		if tooMany && i == p.Limits.Watchlist {
			break
		}
		var watched string
		if json.Unmarshal(raw, &watched) != nil {
			watched = string(raw)
		}
		if !slices.Contains(user.watchlist, watched) {
			user.watchlist = append(user.watchlist, watched)
		}
	}
	again := c.user != nil
	c.hub.signIn(c, user, pusher.SignedInText(userData))
	if tooMany {
		c.send(textFrame(p.ErrorText(pusher.ErrWatchlist)))
	}
	if !again {
		c.hub.srv.journal.Append(c.entry(journal.SignedIn))
	}
	return nil
}

// rejectSignIn ends the connection: pusher-js does not come back on its own after 4009.
func (c *conn) rejectSignIn(why string) *pusher.Error {
	e := &pusher.Error{Code: 4009, Message: why}
	c.note(e, "pusher:signin", "")
	c.refuse(e)
	return nil
}

// signIn binds a connection to a user, confirms it with text and tells those who watch. Whoever has read the
// confirmation can rely on being signed in: terminate finds it, and others see it online.
func (h *hub) signIn(c *conn, user *signedIn, text []byte) {
	u := &h.users
	u.mu.Lock()
	defer u.mu.Unlock()
	if c.user != nil {
		u.unwatchLocked(c)
	} else {
		if u.online == nil {
			u.online, u.watchers = map[string][]*conn{}, map[string][]*conn{}
		}
		u.online[user.id] = append(u.online[user.id], c)
		if len(u.online[user.id]) == 1 {
			u.tellLocked(user.id, []string{user.id}, nil)
		}
	}
	c.user = user
	c.send(textFrame(text))
	var online, offline []string
	for _, id := range user.watchlist {
		u.watchers[id] = append(u.watchers[id], c)
		if len(u.online[id]) > 0 {
			online = append(online, id)
		} else {
			offline = append(offline, id)
		}
	}
	if len(user.watchlist) > 0 {
		c.send(textFrame(pusher.WatchlistText(online, offline)))
	}
}

// signOut forgets a connection that is ending.
func (h *hub) signOut(c *conn) {
	u := &h.users
	u.mu.Lock()
	defer u.mu.Unlock()
	if c.user == nil {
		return
	}
	u.unwatchLocked(c)
	id := c.user.id
	u.online[id] = without(u.online[id], c)
	if len(u.online[id]) == 0 {
		delete(u.online, id)
		u.tellLocked(id, nil, []string{id})
	}
}

func (u *users) unwatchLocked(c *conn) {
	for _, id := range c.user.watchlist {
		if u.watchers[id] = without(u.watchers[id], c); len(u.watchers[id]) == 0 {
			delete(u.watchers, id)
		}
	}
}

func (u *users) tellLocked(id string, online, offline []string) {
	if len(u.watchers[id]) == 0 {
		return
	}
	f := textFrame(pusher.WatchlistText(online, offline))
	for _, watcher := range u.watchers[id] {
		watcher.send(f)
	}
}

func without(list []*conn, c *conn) []*conn {
	if i := slices.Index(list, c); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
