package laravel_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

// send makes a request with headers given as name, value by turns.
func send(t *testing.T, method, address, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	return answered(t, request)
}

const form = "application/x-www-form-urlencoded"

func TestWho_EachWayToSaySo(t *testing.T) {
	app := office()
	app.Users[1].Token = "secret-of-bob"
	cookieOf := session(t, serve(t, laravel.Fixed, app, nil), "13") // of another run: it survives a restart
	rows := []struct {
		name    string
		headers []string
		status  int
		who     string
	}{
		{"nobody", nil, 401, ""},
		{"bearer, user id", []string{"Authorization", "Bearer 12"}, 200, "Bob"},
		{"bearer, token", []string{"Authorization", "Bearer secret-of-bob"}, 200, "Bob"},
		{"bearer in another case", []string{"Authorization", "bearer 12"}, 200, "Bob"},
		{"bearer, text id", []string{"Authorization", "Bearer u-1"}, 200, "Uma"},
		{"bearer, nobody's", []string{"Authorization", "Bearer 99"}, 401, ""},
		{"basic", []string{"Authorization", "Basic MTI6"}, 401, ""},
		{"header", []string{"X-Echolab-User", "7"}, 200, "Ada"},
		{"header, nobody's", []string{"X-Echolab-User", "012"}, 401, ""},
		{"cookie", []string{"Cookie", cookieOf}, 200, "Zoë"},
		{"cookie, changed", []string{"Cookie", cookieOf + "0"}, 401, ""},
		{"cookie, rubbish", []string{"Cookie", "echolab_session=aaaa"}, 401, ""},
		{"bearer before header before cookie", []string{"Authorization", "Bearer 12", "X-Echolab-User", "7", "Cookie", cookieOf}, 200, "Bob"},
		{"header before cookie", []string{"X-Echolab-User", "7", "Cookie", cookieOf}, 200, "Ada"},
		{"a bearer that is wrong is not made up for", []string{"Authorization", "Bearer 99", "Cookie", cookieOf}, 401, ""},
	}
	base := serve(t, laravel.Fixed, app, nil)
	for _, row := range rows {
		response, body := send(t, "GET", base+"/api/user", "", row.headers...)
		assert.Equal(t, row.status, response.StatusCode, row.name)
		assert.Equal(t, "application/json", response.Header.Get("Content-Type"), row.name)
		if row.who == "" {
			assert.Equal(t, `{"message":"Unauthenticated."}`, body, row.name)
			continue
		}
		var user struct{ Name string }
		decode(t, body, &user)
		assert.Equal(t, row.who, user.Name, row.name)
		assert.NotContains(t, body, "secret-of-bob", row.name)
	}

	app.Auth.DefaultUser = laravel.IntID(13)
	base = serve(t, laravel.Fixed, app, nil)
	_, body := send(t, "GET", base+"/api/user", "")
	assert.JSONEq(t, `{"id":13,"name":"Zoë","avatar":null,"role":"client","clients":[6],"team":{"lead":true}}`, body)
	response, _ := send(t, "GET", base+"/api/user", "", "Authorization", "Bearer 99")
	assert.Equal(t, 401, response.StatusCode, "who says a wrong name is not the default user")
	_, body = send(t, "GET", base+"/api/users", "")
	assert.Equal(t, 4, strings.Count(body, `"role"`))
}

func TestWho_TheLogSaysWhoThereIs(t *testing.T) {
	var log strings.Builder
	base := serve(t, laravel.Fixed, office(), &log)
	send(t, "GET", base+"/api/user", "", "Authorization", "Bearer 99")
	assert.Contains(t, log.String(), `"7 Ada (admin), 12 Bob (client), 13 Zoë (client), u-1 Uma (client)"`)
	assert.Contains(t, log.String(), "name=99")
}

func TestWho_CookieOfSomebodyWhoIsGone(t *testing.T) {
	base := serve(t, laravel.Fixed, office(), nil)
	cookieOf := session(t, base, "13")
	app := office()
	app.Users = app.Users[:2]
	response, _ := send(t, "GET", serve(t, laravel.Fixed, app, nil)+"/api/user", "", "Cookie", cookieOf)
	assert.Equal(t, 401, response.StatusCode)
}

func TestLogin_CookieIsKeptFromScriptsAndOtherSites(t *testing.T) {
	base := serve(t, laravel.Fixed, office(), nil)
	response, body := send(t, "POST", base+"/login", "user=12", "Content-Type", form)
	require.Equal(t, 200, response.StatusCode)
	assert.JSONEq(t, `{"user":{"id":12,"name":"Bob","avatar":"https://cdn.example.test/bob.png","role":"client","clients":[5]}}`, body)
	require.Len(t, response.Cookies(), 1)
	cookie := response.Cookies()[0]
	assert.True(t, cookie.HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	assert.Equal(t, "/", cookie.Path)
	assert.Positive(t, cookie.MaxAge)
	response, _ = send(t, "POST", base+"/logout", "", "Cookie", cookie.Name+"="+cookie.Value)
	assert.Equal(t, 204, response.StatusCode)
	require.Len(t, response.Cookies(), 1)
	assert.Negative(t, response.Cookies()[0].MaxAge)
}

func TestLogin_ABrowserIsLedOn(t *testing.T) {
	app := office(guide()...)
	app.Auth.Origins = []string{"http://portal.example.test:5173"}
	base := serve(t, laravel.Fixed, app, nil)
	for to, leads := range map[string]string{
		"":               "/login",
		"/projects?id=1": "/projects?id=1",
		"http://portal.example.test:5173/projects": "http://portal.example.test:5173/projects",
		base + "/login":                              base + "/login",
		"//evil.example.test/":                       "-",
		"///evil.example.test/":                      "-",
		"/\\evil.example.test/":                      "-",
		"https://evil.example.test/":                 "-",
		"http://portal.example.test/":                "-",
		"http://portal.example.test:5173@evil.test/": "-",
		"http://user@portal.example.test:5173/":      "-",
		"javascript:alert(1)":                        "-",
		"http://portal.example.test:5173.evil.test/": "-",
		"http:evil.test":                             "-",
		"projects":                                   "-",
	} {
		body := url.Values{"user": {"12"}, "to": {to}}.Encode()
		response, page := send(t, "POST", base+"/login", body, "Content-Type", form, "Accept", "text/html,*/*;q=0.8")
		if leads == "-" {
			assert.Equal(t, 422, response.StatusCode, to)
			assert.Empty(t, response.Cookies(), to)
			assert.Contains(t, page, "to must be a path", to)
			continue
		}
		assert.Equal(t, 303, response.StatusCode, to)
		assert.Equal(t, leads, response.Header.Get("Location"), to)
		assert.Len(t, response.Cookies(), 1, to)
	}
}

func TestLogin_BadInput(t *testing.T) {
	base := serve(t, laravel.Fixed, office(), nil)
	rows := []struct {
		name, contentType, body string
		status                  int
		says                    string
	}{
		{"nobody's id", form, "user=99", 422, `{"message":"Nobody has the id 99. There are 7 Ada (admin), 12 Bob (client), 13 Zo\u00eb (client), u-1 Uma (client).","errors":{"user":[`},
		{"no user", form, "", 422, `{"message":"The user field is required.","errors":{"user":["The user field is required."]}}`},
		{"a list", form, "user[]=12", 422, "The user field is required."},
		{"not JSON", "application/json", `{"user":`, 400, "the body is not a JSON object"},
		{"a JSON list", "application/json", `[12]`, 400, "the body is not a JSON object"},
		{"too large", form, "user=12&x=" + strings.Repeat("x", 2<<20), 400, "larger than 1048576 bytes"},
		{"broken multipart", "multipart/form-data; boundary=b", "--b\r\nContent-Dis", 400, "multipart"},
		{"JSON, a number", "application/json", `{"user":12}`, 200, `"name":"Bob"`},
		{"not UTF-8", form, "user=%ff%fe", 422, ""},
	}
	for _, row := range rows {
		response, body := send(t, "POST", base+"/login", row.body, "Content-Type", row.contentType)
		assert.Equal(t, row.status, response.StatusCode, row.name+": "+body)
		assert.Contains(t, body, row.says, row.name)
	}
	response, body := send(t, "GET", base+"/api/user", "", "X-Echolab-User", "7")
	assert.Equal(t, 200, response.StatusCode, body)
}

func TestLogin_PageShowsTheCastAndEscapesIt(t *testing.T) {
	app := office()
	app.Users = append(app.Users, laravel.User{
		ID: laravel.TextID(`"><script>alert(1)</script>`), Name: `<b>Eve</b>`, Role: `<i>`, Avatar: `javascript:alert(1)`,
		Clients: []laravel.ID{laravel.IntID(5), laravel.TextID("<u>")},
	})
	base := serve(t, laravel.Fixed, app, nil)
	response, page := send(t, "GET", base+"/login?to="+url.QueryEscape("/a?b=\"><script>"), "")
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, "text/html; charset=UTF-8", response.Header.Get("Content-Type"))
	assert.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'")
	for _, part := range []string{"Ada", "admin", "Bob", "of Acme", "Zoë", "&lt;b&gt;Eve&lt;/b&gt;", "&lt;i&gt;", "Acme, client &lt;u&gt;", "curl -c cookies.txt -d user=7 " + base + "/login", `value="12"`} {
		assert.Contains(t, page, part)
	}
	for _, part := range []string{"<script", "<b>Eve", "javascript:", "<u>"} {
		assert.NotContains(t, page, part)
	}
}

func TestLogin_OneClickInABrowser(t *testing.T) {
	base := serve(t, laravel.Fixed, office(guide()...), nil)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	request, err := http.NewRequest("POST", base+"/login", strings.NewReader("user=12"))
	require.NoError(t, err)
	request.Header.Set("Content-Type", form)
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Origin", base)
	response, err := browser.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, base+"/login", response.Request.URL.String())
	response, err = browser.PostForm(base+"/broadcasting/auth", url.Values{"socket_id": {"1.2"}, "channel_name": {"private-client.5"}})
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, 200, response.StatusCode)
}
