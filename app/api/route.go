package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"echolab/app"
)

// Route is one row of the API, as its document shows it.
type Route struct {
	Method string
	Path   string // with parameters in braces
	Help   string // a line, without a full stop
	Params []Param
	Body   any // zero value of what the request's JSON body holds; nil for no body
	Answer any // zero value of what a success holds; nil for a document of another's making
}

// Param is one query parameter, or a header.
type Param struct {
	Name   string
	Header bool // a header; the handler looks at it
	Type   ParamType
	Help   string
	Many   bool     // may be given more than once: one of them must hold
	Values []string // the values that there are; empty for any
}

// ParamType is what a parameter's text must be.
type ParamType int

const (
	Text      ParamType = iota
	Number              // a whole number from 0 up
	Count               // a whole number from 1 up
	Duration            // 500ms, 15s, 1m
	Truth               // true or false
	Filtering           // what app.Filters says of it
)

// rule is how a text is tried, and what is said when it is none.
var rules = map[ParamType]struct {
	fits func(string) bool
	must string
}{
	Text:      {func(string) bool { return true }, ""},
	Number:    {func(s string) bool { _, err := strconv.ParseUint(s, 10, 63); return err == nil }, "a whole number from 0 up"},
	Count:     {func(s string) bool { n, err := strconv.ParseUint(s, 10, 31); return err == nil && n > 0 }, "a whole number from 1 up"},
	Duration:  {func(s string) bool { d, err := time.ParseDuration(s); return err == nil && d >= 0 }, "a duration with its unit, such as 500ms or 15s"},
	Truth:     {func(s string) bool { return s == "true" || s == "false" }, "true or false"},
	Filtering: {func(string) bool { return true }, ""}, // filterOf looks at it
}

// route is a row with what serves it.
type route struct {
	Route
	// shown routes need nothing but a Backend.
	shown bool
	// serve returns what is answered with 200, or a *problem, an *app.Error, or errGone. Its parameters have been
	// checked.
	serve func(h *Handler, q query, r *http.Request) (any, error)
}

// fits tells whether an escaped path is one of the route's.
func (rt *route) fits(escaped string) bool {
	want, have := strings.Split(rt.Path, "/"), strings.Split(escaped, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != have[i] && (!strings.HasPrefix(want[i], "{") || have[i] == "") {
			return false
		}
	}
	return true
}

// textLimit is how many bytes a parameter may have: each word of a search, and each * of a pattern, costs time at every
// entry.
const textLimit = 2000

// bodyLimit is how many bytes a request's body may have.
const bodyLimit = 1 << 20

func (h *Handler) handle(rt *route, w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	q, err := readQuery(rt.Params, r.URL)
	var v any
	if err == nil {
		v, err = rt.serve(h, q, r)
	}
	var p *problem
	var failure *app.Error
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		answer(w, http.StatusOK, v)
	case errors.Is(err, errGone):
	case errors.As(err, &p):
		answer(w, p.status, p.Problem)
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("The body is larger than %d bytes.", tooLarge.Limit))
	case errors.As(err, &failure):
		refuse(w, statuses[failure.Code].status, statuses[failure.Code].code, sentence(failure.Message))
	default:
		refuse(w, http.StatusInternalServerError, "failed", sentence(err.Error()))
	}
}

// statuses is what a failure of package app is over HTTP.
var statuses = map[app.Code]struct {
	status int
	code   string
}{
	app.Invalid:  {http.StatusBadRequest, "bad_request"},
	app.Busy:     {http.StatusConflict, "conflict"},
	app.NotFound: {http.StatusNotFound, "not_found"},
	app.Gone:     {http.StatusGone, "gone"},
	app.Conflict: {http.StatusConflict, "conflict"},
	app.Away:     {http.StatusServiceUnavailable, "store"},
	app.Refused:  {http.StatusBadGateway, "refused"},
}

// sentence makes the words of an error a sentence.
func sentence(text string) string {
	if text == "" {
		return text
	}
	text = strings.ToUpper(text[:1]) + strings.TrimRight(text[1:], ".")
	if strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// problem is a refusal with its status.
type problem struct {
	status int
	Problem
}

func (p *problem) Error() string { return p.Message }

func bad(format string, args ...any) error {
	return &problem{http.StatusBadRequest, Problem{Code: "bad_request", Message: sentence(fmt.Sprintf(format, args...))}}
}

var (
	// errGone means that nobody is left to answer.
	errGone  = errors.New("the client has gone")
	stopping = &problem{http.StatusServiceUnavailable, Problem{Code: "stopping", Message: "The server is stopping."}}
)

// query is a request's parameters, checked against those of its route.
type query struct{ values url.Values }

func readQuery(params []Param, u *url.URL) (query, error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return query{}, bad("the query cannot be read: %v", err)
	}
	var known []string
	for _, p := range params {
		if p.Header {
			continue
		}
		known = append(known, p.Name)
		given := values[p.Name]
		if len(given) > 1 && !p.Many {
			return query{}, bad("parameter %s may be given once, not %d times", p.Name, len(given))
		}
		for _, text := range given {
			if text == "" {
				continue
			}
			if len(text) > textLimit {
				return query{}, bad("parameter %s is %d bytes long; it must be at most %d", p.Name, len(text), textLimit)
			}
			if p.Type == Filtering {
				if err := new(app.Query).Set(p.Name, text, time.Now()); err != nil {
					return query{}, bad("parameter %v", err)
				}
			}
			if rule := rules[p.Type]; !rule.fits(text) {
				return query{}, bad("parameter %s is %q; it must be %s", p.Name, text, rule.must)
			}
			if len(p.Values) > 0 && !contains(p.Values, text) {
				return query{}, bad("parameter %s is %q; %s", p.Name, text, instead(text, p.Values))
			}
		}
	}
	for name := range values {
		if name != "token" && !contains(known, name) { // the guard has looked at the token
			if len(known) == 0 {
				return query{}, bad("%s takes no parameters, but %q was given", path.Clean(u.Path), name)
			}
			return query{}, bad("there is no parameter %q here; %s", name, instead(name, known))
		}
	}
	return query{values}, nil
}

func contains(list []string, text string) bool {
	for _, s := range list {
		if s == text {
			return true
		}
	}
	return false
}

// instead says what could have been meant.
func instead(text string, known []string) string {
	if near := app.Closest(text, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "there are " + strings.Join(known, ", ")
}

func (q query) text(name string) string { return q.values.Get(name) }

// list is every value that is not empty.
func (q query) list(name string) (all []string) {
	for _, text := range q.values[name] {
		if text != "" {
			all = append(all, text)
		}
	}
	return all
}

func (q query) number(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(q.text(name), 10, 63); err == nil {
		return n
	}
	return otherwise
}

func (q query) duration(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(q.text(name)); err == nil {
		return d
	}
	return otherwise
}

// truth is nil when nothing was said.
func (q query) truth(name string) *bool {
	if q.text(name) == "" {
		return nil
	}
	yes := q.text(name) == "true"
	return &yes
}

// readBody reads the request's JSON object into v. Fields that v does not have are refused.
func readBody(r *http.Request, v any) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return unread(err)
	}
	return decode(text, v)
}

func unread(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &problem{http.StatusRequestTimeout, Problem{Code: "timeout", Message: "The body did not arrive in time."}}
	}
	return bad("the body could not be read: %v", err)
}
