package harness_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
	"echolab/harness"
)

// laravel is an application with Laravel's middleware for sessions and CSRF tokens: a session cookie, the token in the cookie
// XSRF-TOKEN and in the pages, a new session with the login, 419 for a request without the token, 422 for a wrong password.
type laravel struct {
	app pusher.App

	mu       sync.Mutex
	made     int
	sessions map[string]*session
	asked    []string // the user of each authorization
}

type session struct{ id, token, user string }

// begin starts a session, as the first request and a login do.
func (l *laravel) begin(w http.ResponseWriter, user string) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	v := &session{id: fmt.Sprint("s", l.made), token: fmt.Sprintf("t%d+/=", l.made), user: user}
	l.sessions[v.id] = v
	http.SetCookie(w, &http.Cookie{Name: "laravel_session", Value: v.id, Path: "/", HttpOnly: true})
	w.Header().Add("Set-Cookie", "XSRF-TOKEN="+url.QueryEscape(v.token)+"; path=/; samesite=lax")
	return v
}

func (l *laravel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var v *session
	if c, err := r.Cookie("laravel_session"); err == nil {
		l.mu.Lock()
		v = l.sessions[c.Value]
		l.mu.Unlock()
	}
	if v == nil {
		v = l.begin(w, "")
	}
	if r.Method != http.MethodGet { // VerifyCsrfToken: the first of them that is there counts
		token := r.FormValue("_token")
		for _, name := range []string{"X-CSRF-TOKEN", "X-XSRF-TOKEN"} {
			if token == "" {
				token = r.Header.Get(name)
			}
		}
		if token != v.token {
			w.WriteHeader(419)
			_, _ = io.WriteString(w, `{"message":"CSRF token mismatch."}`)
			return
		}
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /sanctum/csrf-cookie":
		w.WriteHeader(http.StatusNoContent)
	case "GET /login":
		_, _ = fmt.Fprintf(w, "<form>\n<input value=\"%s\" type=hidden name=\"_token\">\n<meta content='%s' name='csrf-token'></form>", v.token, v.token)
	case "POST /login":
		email := r.FormValue("email")
		switch {
		case r.FormValue("password") == "secret":
			l.begin(w, strings.TrimSuffix(email, "@x.test"))
			http.Redirect(w, r, "/dashboard", http.StatusFound)
		case strings.Contains(r.Header.Get("Accept"), "json"):
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"message":"These credentials do not match our records."}`)
		default:
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	case "GET /dashboard":
		if v.user == "" {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "hello "+v.user)
	case "GET /portal":
		_, _ = fmt.Fprintf(w, `<html><head><meta name="csrf-token" content="%s"></head>`, v.token)
	case "POST /comments":
		if v.user == "" {
			http.Error(w, "who", http.StatusUnauthorized)
		}
	case "POST /broadcasting/auth":
		name := r.FormValue("channel_name")
		if name != "private-user."+v.user {
			http.Error(w, `{"message":"no"}`, http.StatusForbidden)
			return
		}
		l.mu.Lock()
		l.asked = append(l.asked, v.user)
		l.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]string{"auth": l.app.AuthString(pusher.ChannelText(r.FormValue("socket_id"), name, ""))})
	default:
		http.NotFound(w, r)
	}
}

// staging is a Laravel in front of a server, and a scenario of three users who log in to it somehow.
func staging(t *testing.T, login, setup string) (*laravel, harness.Options, string) {
	t.Helper()
	opt := reverb(t)
	l := &laravel{app: opt.App, sessions: make(map[string]*session)}
	application := httptest.NewServer(l)
	t.Cleanup(application.Close)
	return l, opt, `
name: staging
target:
  auth:
    endpoint: ` + application.URL + `/broadcasting/auth
    ` + login + `
scenarios:
  one:
    executor: per-vu-iterations
    vus: 3
    iterations: 1
    user: {id: "u{{ vu }}"}
    setup:
      ` + setup + `
      - connect
    steps:
      - private: "user.u{{ vu }}"
      - http: {post: /comments, json: {body: hi}}
      - publish: {channel: "private-user.u{{ vu }}", event: News}
`
}

const credentials = `form: {email: "u{{ vu }}@x.test", password: secret}`

func TestLogin_LaravelWithItsCSRFToken(t *testing.T) {
	for name, c := range map[string]struct{ login, setup string }{
		"the form's hidden token":     {"login: {page: /login, post: /login, " + credentials + "}", ""},
		"sanctum's cookie":            {"login: {page: /sanctum/csrf-cookie, post: /login, " + credentials + "}", ""},
		"the token of the page after": {"login: {page: /login, post: /login, after: /portal, " + credentials + "}", ""},
		"http steps": {"timeout: 10s", `- http: {get: /sanctum/csrf-cookie}
      - http: {post: /login, ` + credentials + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			l, opt, yaml := staging(t, c.login, c.setup)
			r := play(t, opt, yaml)
			assert.Equal(t, harness.Passed, r.Verdict, "%q %q", r.Reasons, r.Warnings)
			assert.ElementsMatch(t, []string{"u1", "u2", "u3"}, l.asked, "each with a session of its own")
			assert.Equal(t, int64(3), count(t, r, "auth_latency", nil))
			assert.EqualValues(t, 3, r.Delivery.Delivered)
			if c.setup == "" {
				assert.Equal(t, int64(3), count(t, r, "login_latency", map[string]string{"status": "200"}))
			}
		})
	}
}

func TestLogin_ThatFailsIsNamedAndNobodyConnects(t *testing.T) {
	wrong := strings.Replace(credentials, "secret", "wrong", 1)
	for name, c := range map[string]struct {
		login, kind string
		says        []string
	}{
		"a wrong password":   {"login: {page: /login, post: /login, " + wrong + "}", "login 422", []string{"/login: status 422: ", "These credentials do not match"}},
		"no page, no token":  {"login: {post: /login, " + credentials + "}", "login 419", []string{"status 419", "CSRF token mismatch", "/sanctum/csrf-cookie"}},
		"a page that is not": {"login: {page: /nowhere, post: /login, " + credentials + "}", "login 404", []string{"/nowhere: status 404"}},
		"led back":           {"login: {page: /sanctum/csrf-cookie, post: /login, headers: {Accept: text/html}, " + wrong + "}", "login 200", []string{"led back to the login page"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, opt, yaml := staging(t, c.login, "")
			r := play(t, opt, yaml)
			assert.Equal(t, harness.Failed, r.Verdict)
			assert.Equal(t, int64(3), count(t, r, "errors", map[string]string{"error": c.kind}))
			require.NotEmpty(t, r.Warnings)
			for _, word := range c.says {
				assert.Contains(t, strings.Join(r.Warnings, "\n"), word)
			}
			assert.Zero(t, count(t, r, "connect_latency", nil), "who is not logged in does not connect")
			assert.Empty(t, l.asked)
		})
	}
}

// TestLogin_ATokenGoesNowhereElse: neither the page's token nor its cookie's is for strangers.
func TestLogin_ATokenGoesNowhereElse(t *testing.T) {
	var mu sync.Mutex
	var got []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Header.Get("X-XSRF-TOKEN")+r.Header.Get("X-CSRF-TOKEN")+r.Header.Get("Cookie"))
	}))
	defer elsewhere.Close()
	_, opt, yaml := staging(t, "login: {page: /login, post: /login, after: /portal, "+credentials+"}", "- http: {get: "+elsewhere.URL+"/}")
	r := play(t, opt, yaml)
	assert.Equal(t, harness.Passed, r.Verdict, "%q %q", r.Reasons, r.Warnings)
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"", "", ""}, got)
}
