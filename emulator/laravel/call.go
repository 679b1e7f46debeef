package laravel

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// call is one request of a user.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	app  *Application // as it was when the request came
	user *User        // nil: a guest

	fields    Object // what input read
	fieldsErr error
	read      bool
}

func newCall(w http.ResponseWriter, r *http.Request, app *Application) *call {
	return &call{w: w, r: r, app: app}
}

// except is the socket that toOthers leaves out: the request's X-Socket-ID, "" for none.
func (c *call) except() string { return c.r.Header.Get("X-Socket-ID") }

// json answers with a value as Laravel's response()->json() does: PHP's json_encode.
func (c *call) json(status int, v any) {
	body, err := encodePHP(v)
	if err != nil {
		c.fail(http.StatusInternalServerError, "Server Error")
		return
	}
	c.write(status, "application/json", body)
}

// invalid answers 422 in the shape of Laravel's validator: the first message, and all by field. errors is field →
// messages; fields are told in alphabetical order.
func (c *call) invalid(errors map[string][]string) {
	names := make([]string, 0, len(errors))
	for name := range errors {
		names = append(names, name)
	}
	slices.Sort(names)
	byField, first, count := Object{}, "The given data was invalid.", 0
	for _, name := range names {
		list := make([]any, len(errors[name]))
		for i, message := range errors[name] {
			if count == 0 {
				first = message
			}
			count++
			list[i] = message
		}
		byField = append(byField, Field{name, list})
	}
	switch {
	case count == 2:
		first += " (and 1 more error)"
	case count > 2:
		first += " (and " + strconv.Itoa(count-1) + " more errors)"
	}
	c.json(http.StatusUnprocessableEntity, Object{{"message", first}, {"errors", byField}})
}

// fail answers with an error as Laravel's handler renders it: a page, or JSON where the caller wants that and under
// /api/. Laravel indents errors, except 401.
func (c *call) fail(status int, message string) {
	if !c.wantsJSON() {
		c.write(status, "text/html; charset=UTF-8", errorPage(status, message))
		return
	}
	body := Object{{"message", message}}
	if status == http.StatusUnauthorized {
		c.json(status, body)
		return
	}
	text, err := encodePretty(body)
	if err != nil { // the message quotes what is not UTF-8
		text, _ = encodePretty(Object{{"message", strings.ToValidUTF8(message, "\uFFFD")}})
	}
	c.write(status, "application/json", text)
}

func (c *call) write(status int, contentType string, body []byte) {
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("X-Content-Type-Options", "nosniff")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // whoever asked may have gone
}

// wantsJSON is Laravel's expectsJson(), and true for the whole of /api/.
func (c *call) wantsJSON() bool {
	return strings.HasPrefix(c.r.URL.Path, "/api/") || expectsJSON(c.r)
}

// expectsJSON: an Ajax call that takes anything, or one whose first choice is JSON (Illuminate\Http
// InteractsWithContentTypes). Accept: */* alone, as pusher-js sends, is not enough.
func expectsJSON(r *http.Request) bool {
	accept := firstAccepted(r.Header.Get("Accept"))
	ajax := r.Header.Get("X-Requested-With") == "XMLHttpRequest" && r.Header.Get("X-PJAX") == ""
	if ajax && (accept == "" || accept == "*/*" || accept == "*") {
		return true
	}
	return strings.Contains(accept, "/json") || strings.Contains(accept, "+json")
}

// firstAccepted is the media type that is wanted most: the highest q, the first of equals.
func firstAccepted(accept string) string {
	best, quality := "", -1.0
	for part := range strings.SplitSeq(accept, ",") {
		media, params, _ := strings.Cut(part, ";")
		q := 1.0
		for param := range strings.SplitSeq(params, ";") {
			if value, found := strings.CutPrefix(strings.TrimSpace(param), "q="); found {
				q = parseFloat(value)
			}
		}
		if media = strings.ToLower(strings.TrimSpace(media)); media != "" && q > quality {
			best, quality = media, q
		}
	}
	return best
}
