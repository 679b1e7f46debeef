package laravel

import (
	"net/http"
	"slices"
	"strings"
)

// route is one route of the application, as `php artisan route:list` would show it.
type route struct {
	pattern string // of net/http's ServeMux: POST /api/sync/heartbeat
	name    string // Laravel's route name; also the location that TrackPresence notes. "": a file of public/
	guests  bool   // answered without a user too
	serve   func(b *Backend, c *call)
}

// routes is the whole application; each part of it has its own list.
func routes() []route {
	return slices.Concat(authRoutes, syncRoutes, domainRoutes, documentRoutes)
}

var (
	authRoutes = []route{
		{"GET /avatars/{file}", "", true, (*Backend).avatar},
		{"GET /broadcasting/auth", "broadcasting.auth", true, (*Backend).authorizeChannel},
		{"POST /broadcasting/auth", "broadcasting.auth", true, (*Backend).authorizeChannel},
		{"GET /broadcasting/user-auth", "broadcasting.user-auth", true, (*Backend).authenticateUser},
		{"POST /broadcasting/user-auth", "broadcasting.user-auth", true, (*Backend).authenticateUser},
		{"GET /login", "login", true, (*Backend).showLogin},
		{"POST /login", "login", true, (*Backend).logIn},
		{"POST /logout", "logout", true, (*Backend).logOut},
		{"GET /api/user", "user", false, (*Backend).showUser},
		{"GET /api/users", "users", false, (*Backend).showUsers},
	}
)

// handler is what stands before every route: who asks, foreign pages and names, 401, TrackPresence.
func (b *Backend) handler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := newCall(w, r, b.description.Load())
		if rt.name == "" { // a file of public/, which no middleware sees
			rt.serve(b, c)
			return
		}
		who := b.whoAsks(c.app, r)
		c.user = who.user
		if who.ambient && c.actsForForeignPage() {
			b.log.Warn("a page of a foreign origin is refused", "origin", callerOrigin(r), "path", r.URL.Path,
				"try", "add the origin to auth.origins of echolab.yaml")
			c.fail(http.StatusForbidden, "Requests from "+callerOrigin(r)+" are refused: it is none of the configured origins.")
			return
		}
		if !who.proven && !b.knownHost(c) {
			b.log.Warn("a request for a name that is not this application's is refused", "host", r.Host, "path", r.URL.Path,
				"try", "add http://"+r.Host+" to auth.origins of echolab.yaml, or pass --hostname, or give the user a token")
			c.fail(http.StatusForbidden, "Requests for "+r.Host+" are refused: it is none of the configured names. Add http://"+r.Host+
				" to auth.origins of echolab.yaml if it is meant to reach this application.")
			return
		}
		if c.user == nil && !rt.guests {
			c.fail(http.StatusUnauthorized, "Unauthenticated.")
			return
		}
		if c.user != nil {
			b.touch(r.Context(), c.user, rt.name)
		}
		rt.serve(b, c)
	})
}

// ServeHTTP answers a request to the application.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withoutTrailingSlash(r)
	c := newCall(w, r, b.description.Load())
	w.Header().Set("Cache-Control", "no-cache, private")
	if b.crossOrigin(c) {
		return
	}
	if b.served(r) {
		b.mux.ServeHTTP(w, r)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	methods := b.otherMethods(r)
	switch {
	case len(methods) == 0:
		c.fail(http.StatusNotFound, "The route "+path+" could not be found.")
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", strings.Join(methods, ","))
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	default:
		allowed := strings.Join(methods, ", ")
		w.Header().Set("Allow", allowed)
		c.fail(http.StatusMethodNotAllowed, "The "+r.Method+" method is not supported for route "+path+". Supported methods: "+allowed+".")
	}
}

// Handles tells whether the application has a route for the request's path, whatever the method: 405 is an answer too.
func (b *Backend) Handles(r *http.Request) bool {
	r = withoutTrailingSlash(r)
	return b.routed(r) || len(b.otherMethods(r)) > 0
}

func (b *Backend) routed(r *http.Request) bool {
	_, pattern := b.mux.Handler(r)
	return pattern != ""
}

// served is routed, but for the routes of any type's rows where the path names no type: GET /api/sync/heartbeat has the
// shape of one.
func (b *Backend) served(r *http.Request) bool {
	_, pattern := b.mux.Handler(r)
	if !strings.Contains(pattern, "{type}") {
		return pattern != ""
	}
	typ, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
	return slices.Contains(b.rows.types(), typ)
}

// otherMethods are the methods under which there is a route for the path, in Laravel's order.
func (b *Backend) otherMethods(r *http.Request) (methods []string) {
	other := *r
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		other.Method = method
		if method != r.Method && b.served(&other) {
			methods = append(methods, method)
		}
	}
	return methods
}

// withoutTrailingSlash is the request that Laravel sees: /login/ is /login.
func withoutTrailingSlash(r *http.Request) *http.Request {
	trimmed := strings.TrimRight(r.URL.Path, "/")
	if trimmed == "" || trimmed == r.URL.Path {
		return r
	}
	out, address := *r, *r.URL
	address.Path, address.RawPath = trimmed, strings.TrimRight(address.RawPath, "/")
	out.URL = &address
	return &out
}
