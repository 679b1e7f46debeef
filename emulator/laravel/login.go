package laravel

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

//go:embed login.html
var pagesSource string

// pages are the application's own pages: login, error, redirect.
var pages = sync.OnceValue(func() *template.Template { return template.Must(template.New("pages").Parse(pagesSource)) })

// loginPage is what the page of the cast shows.
type loginPage struct {
	Cast    []castMember
	Current *User
	Origin  string // http://127.0.0.1:8000
	To      string
	Problem string
	Example string // what curl is told of the first user: -d user=7
}

type castMember struct {
	ID, Name, Role string
	Initials       string // stand for the picture, which would have to be fetched from somewhere else
	Clients        []string
	Current        bool
}

func (b *Backend) showLogin(c *call) { b.login(c, http.StatusOK, "") }

func (b *Backend) login(c *call, status int, problem string) {
	page := loginPage{Current: c.user, Origin: origin(c.r), Problem: problem}
	if to := c.r.FormValue("to"); b.mayReturn(c, to) {
		page.To = to
	}
	for i := range c.app.Users {
		u := &c.app.Users[i]
		m := castMember{ID: u.ID.String(), Name: u.Name, Role: u.Role, Initials: initials(u.Name), Current: c.user != nil && c.user.ID == u.ID}
		for _, id := range u.Clients {
			name := "client " + id.String()
			if row, ok := b.entityAt("clients", id.String()); ok {
				if text, ok := row.Data.Get("name").(string); ok && text != "" {
					name = text
				}
			}
			m.Clients = append(m.Clients, name)
		}
		if i == 0 {
			page.Example = curlUser(m.ID)
		}
		page.Cast = append(page.Cast, m)
	}
	b.page(c, status, "login", page)
}

// curlUser is the argument of curl that names a user, whatever his id is made of.
func curlUser(id string) string {
	if strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == "" {
		return "-d user=" + id
	}
	return "--data-urlencode 'user=" + strings.ReplaceAll(id, "'", `'\''`) + "'"
}

// initials are the first letters of two names at most.
func initials(name string) string {
	var out []rune
	for _, word := range strings.Fields(name) {
		if len(out) < 2 {
			out = append(out, []rune(strings.ToUpper(word))[0])
		}
	}
	return string(out)
}

// logIn makes the caller a user of the cast: user is the id, to where a browser goes then.
func (b *Backend) logIn(c *call) {
	fields, err := c.input()
	if err != nil {
		b.refuseLogin(c, http.StatusBadRequest, err.Error())
		return
	}
	claimed, ok := phpText(fields.Get("user"))
	if !ok || claimed == "" {
		b.refuseLogin(c, http.StatusUnprocessableEntity, "The user field is required.")
		return
	}
	user := c.app.userByText(claimed)
	if user == nil {
		b.refuseLogin(c, http.StatusUnprocessableEntity, "Nobody has the id "+strings.ToValidUTF8(claimed, "\uFFFD")+". There are "+c.app.cast()+".")
		return
	}
	to, _ := fields.Get("to").(string)
	if to != "" && !b.mayReturn(c, to) {
		b.refuseLogin(c, http.StatusUnprocessableEntity, "to must be a path, or an address of a configured origin.")
		return
	}
	if !b.setSession(c, user) {
		b.refuseLogin(c, http.StatusServiceUnavailable, "There is no app whose secret could sign the session.")
		return
	}
	c.user = user
	if c.wantsJSON() || !wantsPage(c.r) {
		c.json(http.StatusOK, Object{{"user", user.publicObject()}})
		return
	}
	if to == "" {
		to = "/login"
	}
	c.redirect(to)
}

func (b *Backend) refuseLogin(c *call, status int, problem string) {
	switch {
	case wantsPage(c.r) && !c.wantsJSON():
		b.login(c, status, problem)
	case status == http.StatusUnprocessableEntity:
		field := "user"
		if strings.HasPrefix(problem, "to ") {
			field = "to"
		}
		c.invalid(map[string][]string{field: {problem}})
	default:
		c.fail(status, problem)
	}
}

func (b *Backend) logOut(c *call) {
	b.setSession(c, nil)
	if c.user != nil {
		b.loggedOut(c.r.Context(), c.user)
	}
	if c.wantsJSON() || !wantsPage(c.r) {
		c.w.WriteHeader(http.StatusNoContent)
		return
	}
	c.redirect("/login")
}

// wantsPage tells a browser that goes somewhere from curl and scripts.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// mayReturn tells whether a login may lead there: a path of ours, or an address of a front end that is configured.
func (b *Backend) mayReturn(c *call, to string) bool {
	if to == "" || strings.ContainsAny(to, "\\\r\n\t\x00") {
		return false
	}
	address, err := url.Parse(to)
	if err != nil || address.User != nil {
		return false
	}
	if address.Scheme == "" && address.Host == "" {
		return strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//")
	}
	if address.Scheme != "http" && address.Scheme != "https" || address.Host == "" {
		return false
	}
	from := address.Scheme + "://" + address.Host
	return from == origin(c.r) && isLocalHost(address.Hostname()) || c.app.allowsOrigin(from)
}

// origin is the application's own address as the caller knows it.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (c *call) redirect(to string) {
	c.w.Header().Set("Location", to)
	c.write(http.StatusSeeOther, "text/html; charset=utf-8", redirectPage(to))
}

// pagePolicy is that of pages which run nothing and load nothing.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

// page answers with one of the pages. connect-src is there as the guide's helper puts it into every page (K.9, X20).
func (b *Backend) page(c *call, status int, name string, data any) {
	policy := pagePolicy
	if b.cfg.Server != nil {
		policy += "; " + PagePolicy(b.cfg.Mode, b.cfg.Server())
	}
	c.w.Header().Set("Content-Security-Policy", policy)
	c.w.Header().Set("Referrer-Policy", "same-origin")
	c.write(status, "text/html; charset=UTF-8", rendered(name, data))
}

func rendered(name string, data any) []byte {
	var out bytes.Buffer
	if err := pages().ExecuteTemplate(&out, name, data); err != nil {
		return []byte(template.HTMLEscapeString(err.Error())) // a page of ours that does not fit its data: a test shows it
	}
	return out.Bytes()
}

// errorTitles are those of Laravel's error pages.
var errorTitles = map[int]string{
	401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 419: "Page Expired", 429: "Too Many Requests",
	500: "Server Error", 503: "Service Unavailable",
}

func errorPage(status int, message string) []byte {
	title := errorTitles[status]
	if title == "" {
		title = http.StatusText(status)
	}
	if message == "" {
		message = title
	}
	return rendered("error", struct {
		Status         int
		Title, Message string
	}{status, title, message})
}

func redirectPage(to string) []byte { return rendered("redirect", to) }
