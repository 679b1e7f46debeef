package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/api"
)

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

func TestGuard_LetsThePersonInAndOthersOut(t *testing.T) {
	local := api.Options{UI: built}
	named := api.Options{UI: built, Hosts: []string{"Lab.Test", "[fd00::1]"}}
	open := api.Options{UI: built, Hosts: []string{"0.0.0.0"}, Token: "let-me-in"}
	for _, tc := range []struct {
		name    string
		opt     api.Options
		target  string
		headers []string
		code    string // of the refusal; empty is let in
	}{
		{"a program", local, "/api/status", nil, ""},
		{"localhost", local, "/api/status", []string{"Host", "localhost:8089"}, ""},
		{"localhost in capitals", local, "/api/status", []string{"Host", "LOCALHOST:8089"}, ""},
		{"a name below localhost", local, "/api/status", []string{"Host", "echolab.localhost:8089"}, ""},
		{"IPv6 loopback", local, "/api/status", []string{"Host", "[::1]:8089"}, ""},
		{"another loopback address", local, "/api/status", []string{"Host", "127.9.9.9:8089"}, ""},
		{"a rebound name", local, "/api/status", []string{"Host", "evil.example:8089"}, "foreign_host"},
		{"a rebound name asks for the page", local, "/", []string{"Host", "evil.example:8089"}, "foreign_host"},
		{"a name that only begins like ours", local, "/", []string{"Host", "localhost.evil.example"}, "foreign_host"},
		{"a network address", local, "/api/status", []string{"Host", "192.168.1.9:8089"}, "foreign_host"},
		{"no name", local, "/api/status", []string{"Host", ""}, "foreign_host"},
		{"a configured name", named, "/api/status", []string{"Host", "lab.test:8089"}, ""},
		{"a configured address", named, "/api/status", []string{"Host", "[fd00::1]:8089"}, ""},

		{"our page", local, "/api/status", []string{"Sec-Fetch-Site", "same-origin"}, ""},
		{"our page in an older browser", local, "/api/status", []string{"Origin", "http://127.0.0.1:8089"}, ""},
		{"the same address with https, in an older browser", local, "/api/status", []string{"Origin", "https://127.0.0.1:8089"}, "foreign_origin"},
		{"our page behind a proxy that speaks TLS", named, "/api/status",
			[]string{"Host", "lab.test", "Sec-Fetch-Site", "same-origin", "Origin", "https://lab.test"}, ""},
		{"typed into the address bar", local, "/api/status", []string{"Sec-Fetch-Site", "none"}, ""},
		{"another site", local, "/api/status", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, "foreign_origin"},
		{"an image of another site", local, "/api/status", []string{"Sec-Fetch-Site", "cross-site"}, "foreign_origin"},
		{"another port of this machine", local, "/api/feed", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:3000"}, "foreign_origin"},
		{"another port in an older browser", local, "/api/feed", []string{"Origin", "http://127.0.0.1:3000"}, "foreign_origin"},
		{"a sandboxed frame", local, "/api/feed", []string{"Origin", "null"}, "foreign_origin"},
		{"a link to the page from elsewhere", local, "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, ""},
		{"the window's origin over the network", local, "/api/status", []string{"Origin", "wails://wails"}, "foreign_origin"},

		{"no token", open, "/api/status", nil, "token_needed"},
		{"no token for the page", open, "/", nil, "token_needed"},
		{"a wrong token", open, "/api/status", []string{"Authorization", "Bearer let-me-inn"}, "token_needed"},
		{"an empty token", open, "/api/status?token=", nil, "token_needed"},
		{"the token", open, "/api/status", []string{"Authorization", "Bearer let-me-in"}, ""},
		{"the token of a scheme in small letters", open, "/api/status", []string{"Authorization", "bearer let-me-in"}, ""},
		{"the token at a network address", open, "/api/status", []string{"Host", "192.168.1.9:8089", "Authorization", "Bearer let-me-in"}, ""},
		{"the token as a cookie", open, "/", []string{"Cookie", "echolab_token=let-me-in"}, ""},
		{"a wrong cookie", open, "/", []string{"Cookie", "echolab_token=x"}, "token_needed"},
		{"the token under any name", open, "/api/status", []string{"Host", "workstation.lan:8089", "Authorization", "Bearer let-me-in"}, ""},
		{"the cookie under any name", open, "/", []string{"Host", "workstation.lan:8089", "Cookie", "echolab_token=let-me-in"}, ""},
		{"the token without a name", open, "/api/status", []string{"Host", "", "Authorization", "Bearer let-me-in"}, ""},
		{"a rebound name has no token", open, "/api/status", []string{"Host", "evil.example:8089"}, "token_needed"},
		{"a rebound name guesses", open, "/", []string{"Host", "evil.example:8089", "Cookie", "echolab_token=x"}, "token_needed"},
		{"the cookie does not excuse another site", open, "/api/status", []string{"Sec-Fetch-Site", "cross-site", "Cookie", "echolab_token=let-me-in"}, "foreign_origin"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := get(t, api.New(newBackend(), tc.opt), tc.target, tc.headers...)
			text := body(t, res)
			if tc.code == "" {
				assert.Equal(t, http.StatusOK, res.StatusCode, text)
				return
			}
			var problem api.Problem
			require.NoError(t, json.Unmarshal([]byte(text), &problem), text)
			assert.Equal(t, tc.code, problem.Code)
			assert.NotEmpty(t, problem.Message)
			assert.GreaterOrEqual(t, res.StatusCode, 401)
		})
	}
}

func TestGuard_AForeignNameIsToldTheWayIn(t *testing.T) {
	server := httptest.NewServer(api.New(newBackend(), api.Options{UI: built}))
	defer server.Close()
	for _, tc := range []struct{ host, want string }{
		{"Lab.Test:8089", "Echolab does not answer to the name lab.test. Open it as " + server.URL +
			", or start it with --ui-host lab.test if that name is meant to reach it."},
		{"[fd00::1]:8089", "Echolab does not answer to the name fd00::1. Open it as " + server.URL +
			", or start it with --ui-host fd00::1 if that name is meant to reach it."},
		{"a;b$(c)", `Echolab does not answer to the name "a;b$(c)". Open it as ` + server.URL + "."},
		{":8089", "The request does not say which host it is for. Open it as " + server.URL + "."},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		r.Host = tc.host
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		var problem api.Problem
		require.NoError(t, json.NewDecoder(res.Body).Decode(&problem))
		require.NoError(t, res.Body.Close())
		assert.Equal(t, http.StatusForbidden, res.StatusCode, tc.host)
		assert.Equal(t, api.Problem{Code: "foreign_host", Message: tc.want}, problem)
	}
	assert.Contains(t, body(t, get(t, api.New(newBackend(), api.Options{}), "/", "Host", "")), "http://localhost with its port")
}

func TestGuard_ChangesNeedOurOrigin(t *testing.T) {
	h := api.New(newBackend(), api.Options{UI: built})
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		assert.Equal(t, http.StatusForbidden, ask(t, h, http.MethodPost, "/api/anything", headers...).StatusCode, headers)
	}
	assert.Equal(t, http.StatusNotFound, ask(t, h, http.MethodPost, "/api/anything", "Sec-Fetch-Site", "same-origin").StatusCode)
}

func TestGuard_TheTokenLeavesTheAddressBar(t *testing.T) {
	h := api.New(newBackend(), api.Options{UI: built, Token: "let-me-in"})
	res := get(t, h, "/live?token=let-me-in&entry=3")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	assert.Equal(t, "/live?entry=3", res.Header.Get("Location"))
	cookie := res.Cookies()[0]
	assert.True(t, cookie.HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	assert.Equal(t, http.StatusOK, get(t, h, "/live?entry=3", "Cookie", cookie.Name+"="+cookie.Value).StatusCode)

	res = get(t, h, "//evil.example/?token=let-me-in")
	assert.NotContains(t, res.Header.Get("Location"), "//", "never away from here")
}

func TestGuard_TheWindow(t *testing.T) {
	window := api.New(newBackend(), api.Options{UI: built, Token: "let-me-in"}).Window()
	for _, host := range []string{"wails", "wails.localhost", ""} {
		for _, origin := range []string{"wails://wails", "http://wails.localhost"} {
			assert.Equal(t, http.StatusOK, get(t, window, "/api/status", "Host", host, "Origin", origin).StatusCode, host+" "+origin)
			assert.Equal(t, http.StatusNotFound, ask(t, window, http.MethodPost, "/api/x", "Host", host, "Origin", origin).StatusCode)
		}
		assert.Equal(t, http.StatusOK, get(t, window, "/api/status", "Host", host).StatusCode, host)
	}
	assert.Equal(t, http.StatusForbidden, get(t, window, "/api/status", "Host", "wails", "Origin", "https://evil.example").StatusCode)
}

// Every route, reading or changing, is tried as another site would try it.
func TestGuard_NoRouteIsOpenToOthers(t *testing.T) {
	l := start(t)
	local := api.New(api.For(l.App, ""), api.Options{UI: built})
	beyond := api.New(api.For(l.App, ""), api.Options{UI: built, Token: "let-me-in"})
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	before := l.Journal().Last()
	for _, route := range api.Routes() {
		target := strings.NewReplacer("{seq}", "1", "{id}", l.creds.ID, "{socket}", "1.1", "{name}", "portal").Replace(route.Path)
		for _, tc := range []struct {
			name    string
			handler http.Handler
			headers []string
			code    string
		}{
			{"a name made to point here", local, []string{"Host", "evil.example:8089", "X-Echolab-Page", "1"}, "foreign_host"},
			{"that name, and its own origin", local, []string{"Host", "evil.example:8089", "Origin", "http://evil.example:8089"}, "foreign_host"},
			{"another site", local, []string{"Origin", "https://evil.example"}, "foreign_origin"},
			{"another site in a newer browser", local, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, "foreign_origin"},
			{"another port of this machine", local, []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:3000"}, "foreign_origin"},
			{"a WebSocket of another site", local, append([]string{"Origin", "https://evil.example"}, upgrade...), "foreign_origin"},
			{"a WebSocket in a newer browser", local, append([]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "websocket"}, upgrade...), "foreign_origin"},
			{"a WebSocket of a rebound name", local, append([]string{"Host", "evil.example"}, upgrade...), "foreign_host"},
			{"no token beyond loopback", beyond, []string{"X-Echolab-Page", "1"}, "token_needed"},
			{"a wrong token", beyond, []string{"Authorization", "Bearer x"}, "token_needed"},
			{"another site with the token", beyond, []string{"Authorization", "Bearer let-me-in", "Origin", "https://evil.example"}, "foreign_origin"},
		} {
			res := ask(t, tc.handler, route.Method, target, tc.headers...)
			text := body(t, res)
			var problem api.Problem
			require.NoError(t, json.Unmarshal([]byte(text), &problem), text)
			assert.Equal(t, tc.code, problem.Code, "%s %s: %s", route.Method, target, tc.name)
			assert.NotContains(t, text, l.creds.Secret)
		}
	}
	assert.Equal(t, before, l.Journal().Last(), "nothing was done")
}

// Only two answers hold a secret: to the page's own button, and to who made an app, for that app.
func TestGuard_SecretsStayInside(t *testing.T) {
	l := start(t)
	l.connect(l.creds).join(l.creds, "presence-room", "7")
	l.publish("presence-room", "E", "{}")
	made := given[api.MadeApp](l, "POST", "/api/apps", "")
	for _, target := range []string{
		"/api/status", "/api/feed?after=0", "/api/events", "/api/events/1", "/api/events/wait?after=0", "/api/connections", "/api/channels",
		"/api/channels/presence-room", "/api/state", "/api/openapi.json", "/api/apps/" + l.creds.ID + "/secret", "/api/apps/" + made.ID + "/secret",
	} {
		_, text := l.ask(http.MethodGet, target, "")
		assert.NotContains(t, text, l.creds.Secret, target)
		assert.NotContains(t, text, made.Secret, target)
	}
	_, text := l.ask(http.MethodPost, "/api/apps", `{"id":"`+l.creds.ID+`"}`)
	assert.NotContains(t, text, l.creds.Secret)
}

func TestMetrics_AreBehindTheSameDoors(t *testing.T) {
	figures := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "echolab_connections 3\n") })
	h := api.New(newBackend(), api.Options{Metrics: figures, Token: "s3same"})
	ask := func(host, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "http://"+host+"/metrics", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	assert.Equal(t, "echolab_connections 3\n", ask("127.0.0.1:8089", "s3same").Body.String())
	assert.Equal(t, http.StatusUnauthorized, ask("127.0.0.1:8089", "").Code)
	assert.Equal(t, http.StatusUnauthorized, ask("rebound.example", "").Code)
	assert.Equal(t, http.StatusOK, ask("workstation.lan", "s3same").Code, "the token is the proof")

	h = api.New(newBackend(), api.Options{Metrics: figures})
	assert.Equal(t, http.StatusForbidden, ask("rebound.example", "").Code)
	h = api.New(newBackend(), api.Options{})
	assert.Equal(t, http.StatusNotFound, ask("127.0.0.1:8089", "").Code)
}
