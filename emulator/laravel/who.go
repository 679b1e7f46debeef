package laravel

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"echolab/emulator/pusher"
)

// sessionCookie is the name of the cookie that /login sets.
const sessionCookie = "echolab_session"

// identity is who asks, and how that is known.
type identity struct {
	user *User // nil: a guest
	// ambient: the browser or the configuration says so by itself. A page of another origin could make use of it, while it
	// cannot set a header unasked.
	ambient bool
	// proven: by a token of the configuration, which no page can know. An id is no proof: ids are easily guessed.
	proven bool
}

// whoAsks finds the user of a request: Authorization: Bearer (a token or a user's id), X-Echolab-User (an id), the session
// cookie, the default user; the first that says something counts, and a name that nobody has is nobody.
func (b *Backend) whoAsks(app *Application, r *http.Request) identity {
	if scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		if token = strings.TrimSpace(token); token != "" {
			if user := app.userByToken(token); user != nil {
				return identity{user: user, proven: !slices.Contains(b.cfg.Known, token)}
			}
			return b.known(app, app.userByText(token), false, "Authorization", token)
		}
	}
	if claimed := strings.TrimSpace(r.Header.Get("X-Echolab-User")); claimed != "" {
		return b.known(app, app.userByText(claimed), false, "X-Echolab-User", claimed)
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if id, ok := b.openSession(cookie.Value); ok {
			return b.known(app, app.user(id), true, "the session cookie", id.String())
		}
	}
	if !app.Auth.DefaultUser.IsZero() {
		return b.known(app, app.user(app.Auth.DefaultUser), true, "the default user", app.Auth.DefaultUser.String())
	}
	return identity{ambient: true}
}

// known says in the log who there is when somebody is named who is not.
func (b *Backend) known(app *Application, user *User, ambient bool, how, claimed string) identity {
	if user == nil {
		if len(claimed) > 64 {
			claimed = claimed[:64] + "…"
		}
		b.log.Warn("nobody is called that", "named by", how, "name", claimed, "there are", app.cast())
	}
	return identity{user: user, ambient: ambient}
}

// cast is everyone in one line, for messages: 7 Ada (admin), 12 Bob (client).
func (app *Application) cast() string {
	const most = 20
	var out strings.Builder
	for i := range app.Users {
		if i == most {
			out.WriteString(" and " + strconv.Itoa(len(app.Users)-most) + " more")
			break
		}
		if i > 0 {
			out.WriteString(", ")
		}
		u := &app.Users[i]
		out.WriteString(u.ID.String() + " " + u.Name + " (" + u.Role + ")")
	}
	if out.Len() == 0 {
		return "no users at all"
	}
	return out.String()
}

func (app *Application) user(id ID) *User {
	for i := range app.Users {
		if app.Users[i].ID == id {
			return &app.Users[i]
		}
	}
	return nil
}

// userByText finds a user by an id that came as text: 7 finds the id 7, or else "7".
func (app *Application) userByText(text string) *User {
	if user := app.user(pathID(text)); user != nil {
		return user
	}
	return app.user(TextID(text))
}

func (app *Application) userByToken(token string) *User {
	for i := range app.Users {
		if own := app.Users[i].Token; own != "" && hmac.Equal([]byte(own), []byte(token)) {
			return &app.Users[i]
		}
	}
	return nil
}

// sealSession is the cookie's value for a user: the id and its signature under the app's secret, so that it stays good over
// a restart.
func (b *Backend) sealSession(id ID) (string, bool) {
	app, ok := b.cfg.App()
	if !ok {
		return "", false
	}
	kind := "t"
	if _, integer := id.Value().(int64); integer {
		kind = "i"
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(kind + id.String()))
	return text + "." + sessionSignature(app, text), true
}

func (b *Backend) openSession(value string) (ID, bool) {
	app, ok := b.cfg.App()
	text, signature, found := strings.Cut(value, ".")
	if !ok || !found || !hmac.Equal([]byte(sessionSignature(app, text)), []byte(signature)) {
		return ID{}, false
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(plain) == 0 {
		return ID{}, false
	}
	if plain[0] == 'i' {
		n, err := strconv.ParseInt(string(plain[1:]), 10, 64)
		return IntID(n), err == nil
	}
	return TextID(string(plain[1:])), true
}

func sessionSignature(app *pusher.App, text string) string {
	return pusher.Sign(app.Secret, "echolab session:"+text)
}

// setSession lets the browser be that user; nil logs out.
func (b *Backend) setSession(c *call, user *User) bool {
	cookie := &http.Cookie{Name: sessionCookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.r.TLS != nil, MaxAge: -1}
	if user != nil {
		value, ok := b.sealSession(user.ID)
		if !ok {
			return false
		}
		const year = 365 * 24 * 60 * 60
		cookie.Value, cookie.MaxAge = value, year
	}
	http.SetCookie(c.w, cookie)
	return true
}

// publicObject is the user as the application shows him to anyone: no token.
func (u *User) publicObject() Object {
	clients := make([]any, len(u.Clients))
	for i, id := range u.Clients {
		clients[i] = id
	}
	out := Object{{"id", u.ID}, {"name", u.Name}, {"avatar", u.avatar()}, {"role", u.Role}, {"clients", clients}}
	for _, f := range u.Fields {
		if out.Get(f.Key) == nil {
			out = append(out, f)
		}
	}
	return out
}

// avatar is the URL, nil when there is none.
func (u *User) avatar() any {
	if u.Avatar == "" {
		return nil
	}
	return u.Avatar
}

func (b *Backend) showUser(c *call) { c.json(http.StatusOK, c.user.publicObject()) }

func (b *Backend) showUsers(c *call) {
	users := make([]any, len(c.app.Users))
	for i := range c.app.Users {
		users[i] = c.app.Users[i].publicObject()
	}
	c.json(http.StatusOK, Object{{"users", users}})
}
