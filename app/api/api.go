package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"echolab/app"
	"echolab/emulator/journal"
)

// Backend is what the page shows. Its methods are called from many goroutines at once.
type Backend interface {
	// Status is the state now. It should be cheap: every open page asks for it about once a second.
	Status() Status
	// Secret is an application's secret; false when there is no such application.
	Secret(appID string) (string, bool)
	// Journal is what the feed follows. It is the same for the backend's whole life.
	Journal() *journal.Journal
	// Entries reads the store, as does Entry. An *app.Error says what is wrong with the question or with the store.
	Entries(ctx context.Context, q app.Query) (app.Page, error)
	Entry(ctx context.Context, seq uint64) (journal.Entry, error)
	// Diagnosis tells of an event, by its number or its id, who got it and why others did not.
	Diagnosis(ctx context.Context, event string) (app.Diagnosis, error)
}

// Operator is what a Backend may be besides, see For: then everything else that Echolab can do is served too.
type Operator interface{ Running() *app.App }

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
	app     *app.App // nil when the backend is no Operator
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
	if operator, ok := backend.(Operator); ok {
		h.app = operator.Running()
	}
	if h.metrics == nil {
		h.metrics = http.HandlerFunc(h.unknown)
	}
	h.closing, h.close = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	for i := range routes {
		if rt := &routes[i]; h.app != nil || rt.shown {
			mux.HandleFunc(rt.Method+" "+rt.Path, func(w http.ResponseWriter, r *http.Request) { h.handle(rt, w, r) })
		}
	}
	mux.HandleFunc("/api/", h.unknown)
	mux.Handle("GET /metrics", h.metrics) // for Prometheus
	mux.Handle("/", h.ui)
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

// unknown answers for a path that no route has, or that has another method.
func (h *Handler) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, rt := range routes {
		if rt.fits(r.URL.EscapedPath()) {
			allowed = append(allowed, rt.Method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed",
			fmt.Sprintf("%s takes %s, not %s.", r.URL.Path, strings.Join(allowed, " or "), r.Method))
		return
	}
	refuse(w, http.StatusNotFound, "not_found",
		fmt.Sprintf("There is no %s %s in this version's API; GET /api/openapi.json describes it.", r.Method, r.URL.Path))
}

// answer writes v as JSON. An error of writing means that the client has gone, which needs no answer.
func answer(w http.ResponseWriter, status int, v any) {
	head := w.Header()
	head.Set("Content-Type", "application/json; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // it is JSON for programs, and nosniff is set: < & > stay what they are
	_ = enc.Encode(v)
}

// refuse writes a Problem.
func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, Problem{Code: code, Message: message})
}
