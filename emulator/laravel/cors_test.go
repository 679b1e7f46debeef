package laravel_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

func decode(t *testing.T, text string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), into), text)
}

func TestCORS_WhoMayCall(t *testing.T) {
	for _, row := range []struct {
		configured []string
		origin     string
		allowed    bool
	}{
		{nil, "http://localhost:5173", true},
		{nil, "http://localhost", true},
		{nil, "https://localhost:8443", true},
		{nil, "http://127.0.0.1:3000", true},
		{nil, "http://[::1]:3000", true},
		{nil, "http://localhost:5173.evil.test", false},
		{nil, "http://localhost.evil.test:5173", false},
		{nil, "http://evil.test", false},
		{nil, "http://127.0.0.2:3000", false},
		{nil, "null", false},
		{nil, "file://", false},
		{[]string{"https://portal.test"}, "https://portal.test", true},
		{[]string{"https://portal.test/"}, "https://portal.test", true},
		{[]string{"https://Portal.test"}, "https://portal.test", true},
		{[]string{"https://portal.test"}, "http://portal.test", false},
		{[]string{"https://portal.test"}, "https://portal.test:8443", false},
		{[]string{"https://portal.test"}, "http://localhost:5173", false},
		{[]string{}, "http://localhost:5173", false},
		{[]string{"*"}, "https://anything.test", true},
		{[]string{"*"}, "null", false},
	} {
		app := office(guide()...)
		app.Auth.Origins = row.configured
		base := serve(t, laravel.Fixed, app, nil)
		preflight, _ := send(t, "OPTIONS", base+"/api/user", "", "Origin", row.origin, "Access-Control-Request-Method", "GET")
		actual, body := send(t, "GET", base+"/api/user", "", "Origin", row.origin, "X-Echolab-User", "12")
		refusal, _ := send(t, "GET", base+"/nothing", "", "Origin", row.origin)
		assert.Equal(t, 204, preflight.StatusCode)
		assert.Equal(t, 200, actual.StatusCode, body)
		wanted := ""
		if row.allowed {
			wanted = row.origin
			assert.Equal(t, "true", actual.Header.Get("Access-Control-Allow-Credentials"))
			for _, name := range []string{"X-Socket-ID", "Authorization", "X-CSRF-TOKEN", "X-XSRF-TOKEN", "Content-Type", "X-Requested-With", "X-Echolab-User"} {
				assert.Contains(t, strings.Split(preflight.Header.Get("Access-Control-Allow-Headers"), ", "), name)
			}
			for _, name := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				assert.Contains(t, preflight.Header.Get("Access-Control-Allow-Methods"), name)
			}
		} else {
			assert.Empty(t, preflight.Header.Get("Access-Control-Allow-Headers"))
			assert.Empty(t, actual.Header.Get("Access-Control-Allow-Credentials"))
		}
		assert.Equal(t, wanted, preflight.Header.Get("Access-Control-Allow-Origin"), "%v %s", row.configured, row.origin)
		assert.Equal(t, wanted, actual.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, wanted, refusal.Header.Get("Access-Control-Allow-Origin"), "an error too must be readable")
		assert.Contains(t, actual.Header.Values("Vary"), "Origin")
	}
}

// TestCORS_AForeignPageCannotActAsTheUser: what a browser sends by itself (the cookie, or nothing where there is a default
// user) is not enough for a page of another origin.
func TestCORS_AForeignPageCannotActAsTheUser(t *testing.T) {
	app := office(guide()...)
	base := serve(t, laravel.Fixed, app, nil)
	cookieOf := session(t, base, "12")
	withDefault := office(guide()...)
	withDefault.Auth.DefaultUser = laravel.IntID(7)
	defaultBase := serve(t, laravel.Fixed, withDefault, nil)
	const fields = "socket_id=1.2&channel_name=private-client.5"
	for _, row := range []struct {
		name, method, address string
		headers               []string
		status                int
	}{
		{"foreign, cookie", "POST", base + "/broadcasting/auth", []string{"Cookie", cookieOf, "Origin", "https://evil.test"}, 403},
		{"sandboxed, cookie", "POST", base + "/broadcasting/auth", []string{"Cookie", cookieOf, "Origin", "null"}, 403},
		{"foreign form without Origin", "POST", base + "/broadcasting/auth", []string{"Cookie", cookieOf, "Sec-Fetch-Site", "cross-site"}, 403},
		{"foreign, default user", "POST", defaultBase + "/broadcasting/auth", []string{"Origin", "https://evil.test"}, 403},
		{"foreign login", "POST", base + "/login", []string{"Origin", "https://evil.test"}, 403},
		{"foreign logout", "POST", base + "/logout", []string{"Cookie", cookieOf, "Origin", "https://evil.test"}, 403},
		{"foreign script (JSONP)", "GET", base + "/broadcasting/auth?callback=x&" + fields, []string{"Cookie", cookieOf, "Sec-Fetch-Site", "cross-site", "Referer", "https://evil.test/a"}, 403},
		{"own page reached by a foreign name", "POST", defaultBase + "/broadcasting/auth", []string{"Host", "evil.example.com:8000", "Origin", "http://evil.example.com:8000"}, 403},
		{"foreign, bearer", "POST", base + "/broadcasting/auth", []string{"Authorization", "Bearer 12", "Origin", "https://evil.test"}, 200},
		{"configured, cookie", "POST", base + "/broadcasting/auth", []string{"Cookie", cookieOf, "Origin", "http://localhost:5173"}, 200},
		{"configured script (JSONP)", "GET", base + "/broadcasting/auth?callback=x&" + fields, []string{"Cookie", cookieOf, "Sec-Fetch-Site", "cross-site", "Referer", "http://localhost:5173/a"}, 200},
		{"own page", "POST", base + "/broadcasting/auth", []string{"Cookie", cookieOf, "Origin", base}, 200},
		{"own page by a name of this machine", "POST", base + "/broadcasting/auth", []string{"Cookie", cookieOf, "Host", "portal.test:8000", "Origin", "http://portal.test:8000"}, 200},
		{"no page", "POST", base + "/broadcasting/auth", []string{"Cookie", cookieOf}, 200},
		{"default user, no page", "POST", defaultBase + "/broadcasting/auth", nil, 200},
	} {
		response, body := send(t, row.method, row.address, fields, append(row.headers, "Content-Type", form)...)
		assert.Equal(t, row.status, response.StatusCode, row.name+": "+body)
		if row.status == 403 {
			assert.Empty(t, response.Cookies(), row.name)
			assert.Empty(t, response.Header.Get("Access-Control-Allow-Origin"), row.name)
		}
	}
}

// TestCORS_AForeignNameSeesNothing: a page whose name was pointed at this machine is of the same origin for its browser, so
// that it may read any answer and send any header. However it names a user, it is refused, unless it knows that user's token.
func TestCORS_AForeignNameSeesNothing(t *testing.T) {
	app := office(guide()...)
	app.Users[1].Token = "secret-of-bob"
	app.Auth.Origins = []string{"https://portal.example.com", "http://localhost:*"}
	base := serve(t, laravel.Fixed, app, nil)
	cookieOf := session(t, base, "12")
	withDefault := office(guide()...)
	withDefault.Auth.DefaultUser, withDefault.Auth.Origins = laravel.IntID(7), app.Auth.Origins
	defaultBase := serve(t, laravel.Fixed, withDefault, nil)
	for _, way := range []struct {
		name, base string
		headers    []string
		foreign    int // the status under a foreign name
	}{
		{"default user", defaultBase, nil, 403},
		{"cookie", base, []string{"Cookie", cookieOf}, 403},
		{"header", base, []string{"X-Echolab-User", "12"}, 403},
		{"bearer id", base, []string{"Authorization", "Bearer 12"}, 403},
		{"bearer that nobody has", base, []string{"Authorization", "Bearer guessed"}, 403},
		{"token", base, []string{"Authorization", "Bearer secret-of-bob"}, 200},
	} {
		for _, host := range []string{"evil.example.com:8000", "evil.example.com", "evil.example.com.", "127.0.0.1.nip.io"} {
			response, body := send(t, "GET", way.base+"/api/user", "", append(way.headers, "Host", host)...)
			assert.Equal(t, way.foreign, response.StatusCode, way.name+" at "+host+": "+body)
			if way.foreign == 403 {
				assert.Contains(t, body, "none of the configured names", host)
			}
		}
		if way.name == "bearer that nobody has" {
			continue
		}
		for _, host := range []string{"portal.example.com", "localhost:8000", "localhost.", "127.0.0.1", "[::1]:8000", "portal.test", "laravel", "192.168.1.5:8000"} {
			response, body := send(t, "GET", way.base+"/api/user", "", append(way.headers, "Host", host)...)
			assert.Equal(t, 200, response.StatusCode, way.name+" at "+host+": "+body)
		}
	}
	response, body := send(t, "GET", base+"/login", "", "Host", "evil.example.com")
	assert.Equal(t, 403, response.StatusCode, "nor who there is")
	assert.NotContains(t, body, "Bob")
}

// TestCORS_AConfiguredNameReachesThePhone: where the application is served to a network under a name, that name is known.
func TestCORS_AConfiguredNameReachesThePhone(t *testing.T) {
	b, err := laravel.New(t.Context(), laravel.Config{Hosts: []string{"portal.example.com", ""},
		Publish: func(context.Context, pusher.Publication) error { return nil }}, office(guide()...))
	require.NoError(t, err)
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	for host, status := range map[string]int{"Portal.example.com:8080": 200, "192.168.1.5:8080": 200, "other.example.com:8080": 403} {
		response, body := send(t, "GET", server.URL+"/api/user", "", "Host", host, "X-Echolab-User", "12")
		assert.Equal(t, status, response.StatusCode, host+": "+body)
	}
}

func TestRoutes_AnswersOfNoRoute(t *testing.T) {
	base := serve(t, laravel.Fixed, office(), nil)
	for _, row := range []struct {
		method, path, accept string
		status               int
		contentType, body    string
	}{
		{"GET", "/nothing", "application/json", 404, "application/json", "{\n    \"message\": \"The route nothing could not be found.\"\n}"},
		{"GET", "/nothing", "*/*", 404, "text/html; charset=UTF-8", "Not Found"},
		{"GET", "/api/no/such/route/here", "*/*", 404, "application/json", "The route api/no/such/route/here could not be found."},
		{"DELETE", "/login/", "application/json", 405, "application/json", "The DELETE method is not supported for route login. Supported methods: GET, HEAD, POST."},
		{"OPTIONS", "/broadcasting/auth", "*/*", 200, "text/html; charset=UTF-8", ""},
		{"HEAD", "/login", "*/*", 200, "text/html; charset=UTF-8", ""},
	} {
		response, body := send(t, row.method, base+row.path, "", "Accept", row.accept)
		assert.Equal(t, row.status, response.StatusCode, row.path)
		assert.Equal(t, row.contentType, response.Header.Get("Content-Type"), row.path)
		assert.Contains(t, body, row.body)
		if row.method == "OPTIONS" {
			assert.Equal(t, "GET,HEAD,POST", response.Header.Get("Allow"))
		}
	}
}
