package laravel_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// signer is the app of the captured application.
var signer = pusher.App{ID: "client-portal", Key: "local-reverb-key", Secret: "local-reverb-secret"}

// serve runs an application over HTTP until the test ends.
func serve(t *testing.T, mode laravel.Mode, app *laravel.Application, log io.Writer) string {
	t.Helper()
	server := httptest.NewServer(standIn(t, mode, app, log))
	t.Cleanup(server.Close)
	return server.URL
}

// standIn is an application that publishes nowhere; a nil log is none.
func standIn(t testing.TB, mode laravel.Mode, app *laravel.Application, log io.Writer) *laravel.Backend {
	t.Helper()
	if log == nil {
		log = io.Discard
	}
	b, err := laravel.New(t.Context(), laravel.Config{
		Mode:    mode,
		App:     func() (*pusher.App, bool) { return &signer, true },
		Publish: func(context.Context, pusher.Publication) error { return nil },
		Logger:  slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, app)
	require.NoError(t, err)
	return b
}

// captured is one case of auth.json (testdata/laravel/README.md).
type captured struct {
	ID, Name, Setup string
	Request         struct {
		Method, Path, Body string
		Headers            map[string]string
	}
	Response struct {
		Status      int
		ContentType string `json:"content_type"`
		Location    string
		Allow       string
		Title       string
		Text        *string
	}
}

// read decodes a file of testdata/laravel.
func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "laravel", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

// authLeftOut are the cases that no configuration expresses, and why.
var authLeftOut = map[string]string{
	"auth-100": "a closure with more parameters than the pattern has placeholders: Check refuses such a configuration",
	"auth-110": "a model parameter named like no placeholder: Check refuses such a configuration",
	"auth-113": "a second guard: Echolab has one way to know a user",
	"auth-114": "a second guard",
	"auth-126": "an application without a route named login: Echolab's has one",
	"auth-131": "APP_DEBUG=true shows PHP's stack trace",
	"auth-194": "the session middleware left out: protocol K.9 X15 has cookies work in both modes",
}

// TestAuth_CapturedAnswers replays what a real Laravel 12 answered: status, content type, and every byte of what is no page.
func TestAuth_CapturedAnswers(t *testing.T) {
	var file struct{ Cases []captured }
	read(t, "auth.json", &file)
	require.NotEmpty(t, file.Cases)
	setups := map[string]string{}
	for _, setup := range []string{"default", "seed", "seed-bare", "session-web-auth"} {
		app := capturedApplication(t)
		switch setup {
		case "seed":
			app.Auth.RedirectGuests, app.Auth.EncryptionKey, app.Auth.SignIn.Off = true, []byte{}, true
		case "seed-bare":
			app.Auth.RedirectGuests, app.Auth.EncryptionKey = true, []byte{}
			app.Auth.SignIn.Resolver = "nil"
		case "session-web-auth":
			app.Auth.RedirectGuests = true
		}
		require.Empty(t, laravel.Check(app))
		setups[setup] = serve(t, laravel.AsWritten, app, nil)
	}
	played := 0
	for _, c := range file.Cases {
		if authLeftOut[c.ID] != "" {
			continue
		}
		played++
		t.Run(c.ID+" "+c.Name, func(t *testing.T) {
			base := setups[c.Setup]
			require.NotEmpty(t, base, "set-up %s", c.Setup)
			request, err := http.NewRequest(c.Request.Method, base+c.Request.Path, strings.NewReader(c.Request.Body))
			require.NoError(t, err)
			for name, value := range c.Request.Headers {
				if name == "Cookie" {
					value = session(t, base, "12")
				}
				request.Header.Set(name, value)
			}
			response, body := answered(t, request)
			assert.Equal(t, c.Response.Status, response.StatusCode, body)
			assert.Equal(t, c.Response.ContentType, response.Header.Get("Content-Type"))
			assert.Equal(t, c.Response.Allow, response.Header.Get("Allow"))
			assert.Equal(t, strings.ReplaceAll(c.Response.Location, "{origin}", base), response.Header.Get("Location"))
			assert.Equal(t, "no-cache, private", response.Header.Get("Cache-Control"))
			if c.Response.Text != nil {
				assert.Equal(t, *c.Response.Text, body)
			}
			if c.Response.Title != "" {
				assert.Contains(t, body, "<title>"+strings.ReplaceAll(c.Response.Title, "{origin}", base)+"</title>")
			}
		})
	}
	assert.Equal(t, len(file.Cases), played+len(authLeftOut), "authLeftOut names a case that the file does not have")
}

// answered sends a request and follows no redirect.
func answered(t *testing.T, request *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

// session logs in and gives the Cookie header.
func session(t *testing.T, base, user string) string {
	t.Helper()
	response, err := http.Post(base+"/login", "application/x-www-form-urlencoded", strings.NewReader("user="+user))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Len(t, response.Cookies(), 1)
	return response.Cookies()[0].Name + "=" + response.Cookies()[0].Value
}

// capturedApplication is the application of app.json, its PHP rules as expressions.
func capturedApplication(t *testing.T) *laravel.Application {
	t.Helper()
	var file struct {
		Setups map[string]struct {
			Key *string `json:"encryption_master_key_base64"`
		}
		Users []struct {
			Token       string
			BroadcastID any `json:"broadcast_id"`
			Attributes  struct {
				ID        laravel.ID
				Name      string
				Role      string
				ClientIDs []laravel.ID `json:"client_ids"`
				AvatarURL *string      `json:"avatar_url"`
			}
		}
		Projects []laravel.Object
	}
	read(t, "app.json", &file)
	app := &laravel.Application{Entities: map[string][]laravel.Object{"projects": file.Projects}}
	for _, u := range file.Users {
		a := u.Attributes
		user := laravel.User{ID: a.ID, Name: a.Name, Role: a.Role, Clients: a.ClientIDs, Token: u.Token}
		user.Fields = laravel.Object{{Key: "avatar_url", Value: nil}}
		if a.AvatarURL != nil {
			user.Avatar, user.Fields[0].Value = *a.AvatarURL, *a.AvatarURL
		}
		if id, ok := u.BroadcastID.(string); ok && id != a.ID.String() {
			user.BroadcastID = laravel.TextID(id)
		}
		app.Users = append(app.Users, user)
	}
	key, err := base64.StdEncoding.DecodeString(*file.Setups["default"].Key)
	require.NoError(t, err)
	app.Auth.EncryptionKey = key
	app.Auth.SignIn.Resolver = `user == nil ? nil : {
		"7": {id: string(user.id), user_info: {name: user.name}},
		"12": {id: user.id, user_info: {name: user.name, avatar: user.avatar}},
		"13": {id: "13", user_info: {name: user.name}, watchlist: ["7", "12"]},
		"14": [],
		"0": {id: "0"},
		"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d": {id: user.id},
		"team/ü 1": {user_info: {name: user.name}},
		"21": {id: ""},
	}[string(user.id)]`
	typed := func(name, typ string) laravel.Channel {
		named := map[string]string{"int": "integer", "float": "double", "bool": "boolean"}[typ]
		if named == "" {
			named = "string"
		}
		return laravel.Channel{Pattern: name + ".{v}", Params: map[string]string{"v": typ}, Rule: "true", Member: member("given", "v", "type", `"`+named+`"`)}
	}
	idAndName := member("id", "user.id", "name", "user.name")
	app.Channels = []laravel.Channel{
		{Pattern: "client.{clientId}", Params: map[string]string{"clientId": "int"}, Rule: "user.isAdmin() or user.belongsTo(clientId)"},
		{Pattern: "App.Models.User.{id}", Params: map[string]string{"id": "int"}, Rule: "user.id == id"},
		{
			Pattern: "presence-project.{projectId}", Params: map[string]string{"projectId": "int"},
			Rule:   `user.isAdmin or user.belongsTo(find("projects", projectId).client_id)`,
			Member: member("id", "user.id", "name", "user.name", "avatar", "user.avatar_url"),
		},
		{Pattern: "online", Rule: "true", Member: idAndName},
		{Pattern: "cache-online", Rule: "true", Member: idAndName},
		{Pattern: "cache-stats.{id}", Rule: "true"},
		{Pattern: "returns-true", Rule: "true"},
		{Pattern: "returns-false", Rule: "false"},
		{Pattern: "returns-null", Rule: "nil"},
		{Pattern: "returns-zero", Rule: "0"},
		{Pattern: "returns-one", Rule: "1"},
		{Pattern: "returns-float", Rule: "1.0"},
		{Pattern: "returns-string", Rule: `"yes/ja"`},
		{Pattern: "returns-empty-string", Rule: `""`},
		{Pattern: "returns-zero-string", Rule: `"0"`},
		{Pattern: "returns-false-string", Rule: `"false"`},
		{Pattern: "returns-empty-array", Rule: "[]"},
		{Pattern: "returns-list", Rule: `["a", "b"]`},
		{Pattern: "returns-empty-object", Rule: "{}"},
		{Pattern: "returns-nested", Rule: `{id: 1, n: {x: [], y: {}, z: nil, t: true, f: 1.50, g: 2.0}}`},
		{Pattern: "returns-user-id", Rule: `{user_id: "other", user_info: "other"}`},
		{Pattern: "overlap.{id}", Rule: `id == "1" ? {rule: "first"} : id == "3" ? false : id == "4" ? [] : nil`},
		{Pattern: "overlap.{key}", Rule: `key == "5" ? nil : {rule: "second"}`},
		{Pattern: "twice.{id}", Rule: `{rule: "first"}`},
		{Pattern: "twice.{name}", Rule: `{rule: "between"}`},
		{Pattern: "twice.{id}", Rule: `{rule: "last"}`},
		typed("untyped", ""), typed("int", "int"), typed("float", "float"), typed("bool", "bool"), typed("string", "string"),
		{Pattern: "org.{org}.team.{team}", Rule: `{"first argument": org, "second argument": team}`},
		{Pattern: "fewer.{a}.{b}", Rule: `{a: a}`},
		{Pattern: "file.{name}", Rule: `{name: name}`},
		{Pattern: "docs.v1.{name}", Rule: `{name: name}`},
		{Pattern: "part-{a}-{b}", Rule: `{a: a, b: b}`},
		{Pattern: "wild.*", Rule: `{wild: true}`},
		{Pattern: "any[0-9]+", Rule: `{regex: true}`},
		{Pattern: "bound.{project}", Params: map[string]string{"project": "projects"}, Rule: "true", Member: member("project", "project.name")},
		{Pattern: "order.{order}", Params: map[string]string{"order": "string"}, Rule: `order == "1"`, Member: member("id", "user.id", "order", "order")},
		{Pattern: "vault.{id}", Rule: "true"},
		{Pattern: "privatefoo", Rule: "true"},
		{Pattern: "presencefoo", Rule: "{id: user.id}"},
		{Pattern: "private-twofold", Rule: "true"},
		{Pattern: "guest-ok", Rule: "{guest: user == nil}"},
		{Pattern: "throws", Rule: `throw("rule failed")`},
		{Pattern: "aborts-404", Rule: `abort(404, "No such thing")`},
		{Pattern: "aborts-401", Rule: `abort(401)`},
		{Pattern: "denies", Rule: `abort(403, "Not yours")`},
		{Pattern: "find-or-fail.{id}", Rule: `findOrFail("projects", id) != nil`},
	}
	return app
}

// member is a mapping of a presence rule, name and expression by turns.
func member(pairs ...string) (m []laravel.MemberField) {
	for i := 0; i < len(pairs); i += 2 {
		m = append(m, laravel.MemberField{Name: pairs[i], Expression: pairs[i+1]})
	}
	return m
}
