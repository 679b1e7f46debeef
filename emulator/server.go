package emulator

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Config sets a server's bounds. The zero value is usable: the reverb profile with Reverb's own limits.
type Config struct {
	Profile        *pusher.Profile // nil: pusher.Reverb
	Path           string          // prefix of all routes, as REVERB_SERVER_PATH
	MaxRequestSize int             // bytes of an HTTP request, head and body; default 10 000, at least what the profile asks for
	QueueBytes     int             // bytes that may wait for one connection; default 1 MiB
	WriteTimeout   time.Duration   // for one write to a connection; default 10 s
	AdmitWait      time.Duration   // how long a publisher waits for a store that is behind, then 503; default 1 s
	SettleWait     time.Duration   // how long a publisher waits for its event to be kept, then 503; default 10 s
	AckDelivered   bool            // answer publishers when the event is delivered, not when it is kept
	Debug          bool            // log every frame whole
	Fallback       Fallback        // asked for what is no route of Reverb's; nil: nobody, all of that is 404
	// Answered, which may be nil, is told how long a publish over HTTP took, once it is done; kept is false when it was
	// turned away because the store is behind.
	Answered func(took time.Duration, kept bool)
	// HookRetried, which may be nil, is told of each request of an app's webhook that failed and is to be tried again.
	HookRetried func(appID string)
	Logger      *slog.Logger // nil: silent
}

// Fallback serves what Reverb has no route for, such as the application's own routes on the same port. Requests that it
// does not handle get Reverb's 404. Its requests are not held to MaxRequestSize: how much it reads is for it to say.
type Fallback interface {
	http.Handler
	// Handles tells whether ServeHTTP has an answer of its own for the request.
	Handles(r *http.Request) bool
}

// fallbackHead is how many bytes a request's head may have where there is a Fallback: browsers send a development
// machine's cookies, which are those of every project on localhost.
const fallbackHead = 64 << 10

// Apps looks applications up. ok is false when there is none; the returned app has its defaults filled in
// (pusher.App.WithDefaults) and is not modified by anyone afterwards. Both may be called at any time from any
// goroutine.
type Apps interface {
	ByID(id string) (app *pusher.App, ok bool)
	ByKey(key string) (app *pusher.App, ok bool)
}

// KeyExplainer is what Apps may be besides: it says why a key that was asked for names no application, in words for the
// log and the journal; "" where there is no more to say.
type KeyExplainer interface{ WhyNot(key string) string }

// Server serves the emulated Reverb. It is an http.Handler; Serve adds what Reverb says to bytes that are not HTTP.
type Server struct {
	cfg     Config
	profile *pusher.Profile
	apps    Apps
	journal *journal.Journal
	log     *slog.Logger
	repeats repeats

	mu      sync.Mutex // guards hubs, https and closing
	hubs    map[string]*hub
	https   []*http.Server
	closing bool

	conns     sync.WaitGroup // connections being served
	open      atomic.Int64   // how many they are
	sweepOnce sync.Once
	stop      chan struct{} // closed by Shutdown: ends the sweep
	sweeping  sync.WaitGroup
}

// New builds a server. It starts nothing.
func New(cfg Config, apps Apps, j *journal.Journal) *Server {
	if cfg.Profile == nil {
		cfg.Profile = pusher.Reverb
	}
	if cfg.MaxRequestSize <= 0 {
		cfg.MaxRequestSize = pusher.DefaultMaxRequestSize
	}
	cfg.MaxRequestSize = max(cfg.MaxRequestSize, cfg.Profile.MinRequestSize)
	if cfg.QueueBytes <= 0 {
		cfg.QueueBytes = 1 << 20
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	if cfg.AdmitWait <= 0 {
		cfg.AdmitWait = time.Second
	}
	if cfg.SettleWait <= 0 {
		cfg.SettleWait = 10 * time.Second
	}
	if cfg.Answered == nil {
		cfg.Answered = func(time.Duration, bool) {}
	}
	if cfg.HookRetried == nil {
		cfg.HookRetried = func(string) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Path = "/" + strings.Trim(cfg.Path, "/"); cfg.Path == "/" {
		cfg.Path = ""
	}
	return &Server{
		cfg: cfg, profile: cfg.Profile, apps: apps, journal: j, log: cfg.Logger,
		hubs: make(map[string]*hub), stop: make(chan struct{}),
	}
}

// Serve accepts connections until Shutdown, then returns http.ErrServerClosed. The listener is closed.
func (s *Server) Serve(l net.Listener) error {
	head := s.cfg.MaxRequestSize
	if s.cfg.Fallback != nil {
		head = max(head, fallbackHead) // Reverb's own routes are held to theirs in ServeHTTP
	}
	hs := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30*time.Second + s.cfg.AdmitWait + s.cfg.SettleWait + s.cfg.WriteTimeout, // counted from the request's head on
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    head,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		_ = l.Close()
		return http.ErrServerClosed
	}
	s.https = append(s.https, hs)
	s.mu.Unlock()
	return hs.Serve(listener{l, s})
}

// ServeHTTP routes one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, inside := strings.CutPrefix(r.URL.Path, s.cfg.Path)
	var rt *route
	var params []string
	allowed := ""
	if segments, ok := split(path); ok && inside {
		rt, params, allowed = find(r.Method, segments)
	}
	taken := rt != nil || allowed != ""
	switch {
	case !taken && s.cfg.Fallback != nil && s.cfg.Fallback.Handles(r):
		s.cfg.Fallback.ServeHTTP(w, r)
	case headSize(r) > s.cfg.MaxRequestSize:
		s.tooLarge(w, r)
	case rt != nil:
		rt.serve(s, w, r, path, params)
	case allowed != "":
		w.Header().Set("Allow", allowed)
		refuse(w, http.StatusMethodNotAllowed, "Method not allowed.")
	default:
		refuse(w, http.StatusNotFound, "Not found.")
	}
}

// find gives the route for a method and a path; where only the method is wrong, the method that is allowed.
func find(method string, segments []string) (rt *route, params []string, allowed string) {
	for i := range routes {
		params, fits := routes[i].match(segments)
		if !fits {
			continue
		}
		if routes[i].method == method || routes[i].method == http.MethodGet && method == http.MethodHead {
			return &routes[i], params, ""
		}
		allowed = routes[i].method
	}
	return nil, nil, allowed
}

// routes is every route of the server (laravel/reverb Factory::pusherRoutes). A segment in braces is a parameter;
// parameters are handed over in order.
var routes = []route{
	{http.MethodGet, []string{"app", "{}"}, (*Server).connect},
	{http.MethodPost, []string{"apps", "{}", "events"}, signed((*call).postEvents)},
	{http.MethodPost, []string{"apps", "{}", "batch_events"}, signed((*call).postBatch)},
	{http.MethodGet, []string{"apps", "{}", "connections"}, signed((*call).getConnections)},
	{http.MethodGet, []string{"apps", "{}", "channels"}, signed((*call).getChannels)},
	{http.MethodGet, []string{"apps", "{}", "channels", "{}"}, signed((*call).getChannel)},
	{http.MethodGet, []string{"apps", "{}", "channels", "{}", "users"}, signed((*call).getUsers)},
	{http.MethodPost, []string{"apps", "{}", "users", "{}", "terminate_connections"}, signed((*call).postTerminate)},
	{http.MethodGet, []string{"up"}, (*Server).up},
}

type route struct {
	method  string
	pattern []string
	serve   func(s *Server, w http.ResponseWriter, r *http.Request, path string, params []string)
}

func (rt *route) match(segments []string) (params []string, ok bool) {
	if len(segments) != len(rt.pattern) {
		return nil, false
	}
	for i, want := range rt.pattern {
		if want == "{}" {
			params = append(params, segments[i])
		} else if want != segments[i] {
			return nil, false
		}
	}
	return params, true
}

// split takes a path apart; empty segments (a trailing slash, a double one) fit no route.
func split(path string) ([]string, bool) {
	if len(path) < 2 || path[0] != '/' {
		return nil, false
	}
	segments := strings.Split(path[1:], "/")
	for _, segment := range segments {
		if segment == "" {
			return nil, false
		}
	}
	return segments, true
}

// hub returns the app's hub, made on first use; with the first one begins the sweep.
func (s *Server) hub(app *pusher.App) *hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hubs[app.ID]
	if h == nil {
		h = newHub(s, app.ID)
		if _, known := s.apps.ByID(app.ID); !known { // removed since it was looked up
			h.gone.Store(true)
			return h
		}
		s.hubs[app.ID] = h
	}
	s.sweepLocked()
	return h
}

// sweepLocked starts the sweep with the first thing that it has to look after.
func (s *Server) sweepLocked() {
	if s.closing {
		return
	}
	s.sweepOnce.Do(func() {
		s.sweeping.Add(1)
		go s.sweep()
	})
}

// everyHub is a copy of the hubs there are.
func (s *Server) everyHub() []*hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*hub, 0, len(s.hubs))
	for _, h := range s.hubs {
		all = append(all, h)
	}
	return all
}

// requestGrace is how long requests under way have at shutdown.
const requestGrace = time.Second

// Shutdown stops accepting, sends every client away in a way that makes it come back, and waits for all that the
// server started, at most until ctx ends. It can be called twice.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	https := s.https
	s.mu.Unlock()
	if first {
		close(s.stop)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var requests sync.WaitGroup
		for _, hs := range https {
			requests.Go(func() {
				// Requests under way are answered. A connection that has not asked for anything yet (browsers open some
				// in advance) would be waited for by net/http for five seconds.
				wait, cancel := context.WithTimeout(ctx, requestGrace)
				defer cancel()
				if hs.Shutdown(wait) != nil {
					_ = hs.Close()
				}
			})
		}
		for _, h := range s.everyHub() {
			h.everyConn(func(c *conn) { c.sendAway(pusher.ErrRestart, "the server is shutting down") })
		}
		requests.Wait()
		s.conns.Wait()
		s.sweeping.Wait()
		s.sayRepeats(time.Now(), true)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		for _, h := range s.everyHub() {
			h.everyConn(func(c *conn) { _ = c.nc.Close() })
		}
		return ctx.Err()
	}
}
