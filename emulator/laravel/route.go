package laravel

import (
	"net/http"
	"slices"
)

// route is one route of the application, as `php artisan route:list` would show it.
type route struct {
	pattern string // of net/http's ServeMux: POST /api/sync/heartbeat
	name    string // Laravel's route name; also the location that TrackPresence notes
	guests  bool   // answered without a user too
	serve   func(b *Backend, c *call)
}

// routes is the whole application; each part of it has its own list.
func routes() []route {
	return slices.Concat(authRoutes, syncRoutes, domainRoutes, documentRoutes)
}

var (
	authRoutes     []route // auth.go: /broadcasting/auth, /broadcasting/user-auth, /login, /logout
	syncRoutes     []route // sync.go: /api/sync/…
	domainRoutes   []route // domain.go: /api/invoices …, /api/notifications
	documentRoutes []route // document.go: /api/documents/{id}/…
)

// call is one request of a user.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	app  *Application // as it was when the request came
	user *User        // nil: a guest
}

// except is the socket that toOthers leaves out: the request's X-Socket-ID, "" for none.
func (c *call) except() string { return c.r.Header.Get("X-Socket-ID") }

// handler is what stands before every route: CORS, who asks, 401, TrackPresence.
func (b *Backend) handler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rt.serve(b, &call{w: w, r: r, app: b.description.Load()})
	})
}
