package api

import (
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// windowOrigins are the desktop window's: the first on Linux and macOS, the second on Windows.
var windowOrigins = []string{"wails://wails", "http://wails.localhost"}

// guard keeps out whoever is not the person at this machine. Three doors, in this order:
//
//   - the Host header must be a loopback name or one of the configured ones. Another web site whose name was made to
//     point at 127.0.0.1 (DNS rebinding) is same-origin for a browser; only this check tells it apart. Where a token is
//     needed, that is the proof, and any name will do.
//   - a request for /api/ that a browser sent on behalf of another origin is refused, reading included.
//   - beyond loopback, every request needs the token.
type guard struct {
	hosts   []string // lower case, without port
	token   string
	anyHost bool     // the desktop window: there is no network in between
	origins []string // trusted besides the request's own
	cross   *http.CrossOriginProtection
}

func newGuard(opt Options) *guard {
	g := &guard{token: opt.Token, cross: http.NewCrossOriginProtection()}
	for _, host := range opt.Hosts {
		g.hosts = append(g.hosts, strings.ToLower(strings.Trim(host, "[]")))
	}
	return g
}

func windowGuard() *guard {
	g := &guard{anyHost: true, origins: windowOrigins, cross: http.NewCrossOriginProtection()}
	for _, origin := range windowOrigins {
		if err := g.cross.AddTrustedOrigin(origin); err != nil {
			panic(err) // a constant of ours
		}
	}
	return g
}

func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !g.anyHost && g.token == "" && !g.knows(r.Host) {
			refuse(w, http.StatusForbidden, "foreign_host", foreignHost(r))
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") && g.foreign(r) {
			refuse(w, http.StatusForbidden, "foreign_origin", fmt.Sprintf(
				"A page of another site (%s) asked for %s. Only Echolab's own page may.", originOf(r), r.URL.Path))
			return
		}
		if g.token != "" && !g.admitted(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows tells whether the server goes by the name in a Host header.
func (g *guard) knows(hostport string) bool {
	host := hostname(hostport)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(g.hosts, host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// plainHost is a name or an address that can stand in a command line as it is.
var plainHost = regexp.MustCompile(`^[a-z0-9][a-z0-9._:-]*$`)

// foreignHost tells whoever came under a name that is not ours how to come in.
func foreignHost(r *http.Request) string {
	open := "Open it as http://localhost with its port"
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		open = "Open it as http://" + addr.String()
	}
	host := hostname(r.Host)
	switch {
	case host == "":
		return "The request does not say which host it is for. " + open + "."
	case !plainHost.MatchString(host):
		return fmt.Sprintf("Echolab does not answer to the name %q. %s.", host, open)
	}
	return fmt.Sprintf("Echolab does not answer to the name %s. %s, or start it with --ui-host %[1]s if that name is meant to reach it.", host, open)
}

// hostname is a Host header in lower case without port and brackets.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// foreign tells whether a browser sent the request for a page of another origin. CrossOriginProtection looks at
// requests that change something; here reading counts too, and so does another port of the same host. Programs that
// are no browser send neither header and pass.
func (g *guard) foreign(r *http.Request) bool {
	if g.cross.Check(r) != nil {
		return true
	}
	origin := r.Header.Get("Origin")
	if slices.Contains(g.origins, origin) {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "": // an older browser, or none
	default:
		return !g.anyHost
	}
	if origin == "" {
		return false
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return !strings.EqualFold(origin, scheme+r.Host)
}

func originOf(r *http.Request) string {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "null" {
		return origin
	}
	return "origin not told"
}

const tokenCookie = "echolab_token"

// admitted looks for the token: a bearer, the cookie, or ?token= in a page's address, which is turned into the
// cookie and taken out of the address. It answers when there is none.
func (g *guard) admitted(w http.ResponseWriter, r *http.Request) bool {
	if scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1
		if g.matches(bearer) {
			return true
		}
	} else if cookie, err := r.Cookie(tokenCookie); err == nil && g.matches(cookie.Value) && !r.URL.Query().Has("token") {
		return true
	}
	if given := r.URL.Query().Get("token"); r.Method == http.MethodGet && g.matches(given) {
		http.SetCookie(w, &http.Cookie{Name: tokenCookie, Value: given, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		if strings.HasPrefix(r.URL.Path, "/api/") {
			return true
		}
		clean := *r.URL
		clean.Scheme, clean.Host = "", ""
		clean.Path = "/" + strings.TrimLeft(clean.Path, "/") // never //elsewhere
		query := clean.Query()
		query.Del("token")
		clean.RawQuery = query.Encode()
		http.Redirect(w, r, clean.String(), http.StatusSeeOther)
		return false
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="echolab"`)
	refuse(w, http.StatusUnauthorized, "token_needed",
		"Echolab listens beyond this machine, so it wants its token: open the address that it printed when it started "+
			"(it ends in ?token=…), or send the header Authorization: Bearer TOKEN.")
	return false
}

func (g *guard) matches(given string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(g.token)) == 1
}
