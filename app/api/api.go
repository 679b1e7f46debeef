package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"

	"echolab/emulator/journal"
)

// Backend is what the API shows. Its methods are called from many goroutines at once.
type Backend interface {
	// Status is the state now. It should be cheap: every open page asks for it about once a second.
	Status() Status
	// Secret is an application's secret; false when there is no such application.
	Secret(appID string) (string, bool)
	// Journal is what the feed follows. It is the same for the backend's whole life.
	Journal() *journal.Journal
	// Entries reads the store. Without a store it returns no entries and no error.
	Entries(ctx context.Context, q Query) ([]journal.Entry, error)
}

// Query asks the store for entries, oldest first: the Limit newest ones before a sequence number.
type Query struct {
	Before uint64 // only entries with a smaller Seq; 0 is no bound
	Limit  int    // 1 to 1000
	App    string // only this application's entries and those of none; empty is all
}

// Options sets who may talk to the API. The zero value serves loopback names without a token.
type Options struct {
	// Hosts are names besides the loopback ones under which the API is reached, without port, such as the --host
	// that it listens on.
	Hosts []string
	// Token, when not empty, is needed in every request: set it whenever the listener is not on loopback.
	Token string
	// UI is the built page; nil serves the API alone. See package frontend.
	UI fs.FS
	// Metrics serves /metrics; nil is 404.
	Metrics http.Handler
}

// Handler is the control API and the page. Make it with New and end it with Close.
type Handler struct {
	backend Backend
	ui      http.Handler
	metrics http.Handler
	epoch   string
	served  http.Handler
	window  http.Handler

	closing context.Context // ends with Close; not a request's
	close   context.CancelFunc
}

// New builds the handler. It starts nothing.
func New(backend Backend, opt Options) *Handler {
	h := &Handler{backend: backend, ui: page(opt.UI), metrics: opt.Metrics, epoch: rand.Text()}
	if h.metrics == nil {
		h.metrics = http.HandlerFunc(h.unknown)
	}
	h.closing, h.close = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	for _, r := range h.routes() {
		mux.HandleFunc(r.pattern, r.serve)
	}
	h.served = newGuard(opt).wrap(mux)
	h.window = windowGuard().wrap(mux)
	return h
}

// ServeHTTP serves the listener for browsers and tools.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.served.ServeHTTP(w, r) }

// Window is the same for the desktop window, whose requests come from within the process: no token, and the window's
// own origins instead of a host name. Never put it behind a listener.
func (h *Handler) Window() http.Handler { return h.window }

// Close ends every waiting feed request, so that http.Server.Shutdown does not have to wait for them. It can be
// called twice.
func (h *Handler) Close() { h.close() }

type route struct {
	pattern string
	help    string
	serve   http.HandlerFunc
}

// routes is the whole surface.
func (h *Handler) routes() []route {
	return []route{
		{"GET /api/status", "the server, its applications and its store", h.status},
		{"GET /api/feed", "what happened after a moment; waits for it", h.feed},
		{"GET /api/entries", "a page of what the store has", h.entries},
		{"GET /api/entries/{seq}", "one entry with its whole payload", h.entry},
		{"GET /api/apps/{id}/secret", "an application's secret, for the page's own button", h.secret},
		{"GET /metrics", "for Prometheus", h.metrics.ServeHTTP},
		{"/api/", "anything else is a JSON 404", h.unknown},
		{"/", "the page", h.ui.ServeHTTP},
	}
}

func (h *Handler) status(w http.ResponseWriter, _ *http.Request) {
	s := h.backend.Status()
	s.StartedAt = s.StartedAt.UTC()
	if s.Apps == nil {
		s.Apps = []AppStatus{}
	}
	if s.Warnings == nil {
		s.Warnings = []string{}
	}
	answer(w, http.StatusOK, s)
}

// secretHeader has to be sent with a request for a secret. A page of another origin cannot set it without asking
// first (CORS preflight), and nothing here ever says yes to that.
const secretHeader = "X-Echolab-Page"

func (h *Handler) secret(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(secretHeader) == "" {
		refuse(w, http.StatusForbidden, "foreign_origin",
			"A secret is only given to Echolab's own page. Use the button there, or send the header "+secretHeader+": 1.")
		return
	}
	id := r.PathValue("id")
	secret, ok := h.backend.Secret(id)
	if !ok {
		refuse(w, http.StatusNotFound, "not_found", fmt.Sprintf("There is no application with the id %q.", id))
		return
	}
	answer(w, http.StatusOK, Secret{Secret: secret})
}

func (h *Handler) unknown(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, "not_found",
		fmt.Sprintf("There is no %s %s in this version's API.", r.Method, r.URL.Path))
}

// answer writes v as JSON. An error of writing means that the client has gone, which needs no answer.
func answer(w http.ResponseWriter, status int, v any) {
	head := w.Header()
	head.Set("Content-Type", "application/json; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// refuse writes a Problem.
func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, Problem{Code: code, Message: message})
}

// number reads a whole number from the query: otherwise when it is missing, an error in words when it is none.
func number(r *http.Request, name string, otherwise uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%s is %q; it must be a whole number from 0 up", name, text)
	}
	return n, nil
}
