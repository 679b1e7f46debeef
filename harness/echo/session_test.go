package echo_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

// laravel is an application with a login and a guarded auth endpoint.
func laravel(t *testing.T, app pusher.App) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "XSRF-TOKEN", Value: "x%3D"})
		_, _ = io.WriteString(w, `<form><input type="hidden" name="_token" value="t0"></form>`)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("_token") != "t0" || r.Header.Get("X-XSRF-TOKEN") != "x=" || r.FormValue("password") != "secret" {
			http.Error(w, "no", http.StatusUnprocessableEntity)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "laravel_session", Value: "s-" + r.FormValue("email")})
		http.Redirect(w, r, "/home", http.StatusFound)
	})
	mux.HandleFunc("GET /home", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("laravel_session"); err != nil {
			http.Error(w, "guest", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `<meta name="csrf-token" content="page-token">`)
	})
	mux.HandleFunc("POST /api/login", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Email string }
		_ = json.NewDecoder(r.Body).Decode(&q)
		_, _ = io.WriteString(w, `{"data":{"token":"tok-`+q.Email+`"}}`)
	})
	mux.HandleFunc("POST /broadcasting/auth", func(w http.ResponseWriter, r *http.Request) {
		user := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer tok-")
		if c, err := r.Cookie("laravel_session"); err == nil {
			user = strings.TrimPrefix(c.Value, "s-")
			if r.Header.Get("X-CSRF-TOKEN") != "page-token" {
				http.Error(w, "page expired", 419)
				return
			}
		}
		if user == "" {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		channel := r.FormValue("channel_name")
		answer := map[string]string{}
		if strings.HasPrefix(channel, "presence-") {
			answer["channel_data"] = `{"user_id":"` + user + `","user_info":{}}`
		}
		answer["auth"] = app.AuthString(pusher.ChannelText(r.FormValue("socket_id"), channel, answer["channel_data"]))
		_ = json.NewEncoder(w).Encode(answer)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func TestSession_LogsInAndAuthorises(t *testing.T) {
	srv, at := serve(t, pusher.Reverb)
	web := laravel(t, at.App)
	endpoint := &echo.Endpoint{Page: web.URL + "/home"}
	t.Cleanup(endpoint.Close)
	form := echo.Login{Page: "/login", Post: "/login", Form: []echo.Header{{Name: "email", Value: "ada"}, {Name: "password", Value: "secret"}}, After: "/home"}
	token := echo.Login{Post: "/api/login", JSON: []byte(`{"email":"bo"}`), Token: "data.token"}

	wrong := form
	wrong.Form = nil
	_, err := endpoint.Session().Login(t.Context(), wrong)
	require.ErrorContains(t, err, "log in at /login: status 422: no")

	e := engine(t, echo.Config{})
	opt := &echo.Options{Key: at.App.Key, Authorizer: endpoint, Origin: web.URL}
	require.NoError(t, opt.ForURL(at.URL))
	var mu sync.Mutex
	var auths []string
	opt.Observer = func(c *echo.Client, n *echo.Notice) {
		if n.Kind == echo.NoticeAuthEnd {
			mu.Lock()
			defer mu.Unlock()
			assert.Positive(t, n.Took)
			auths = append(auths, c.Tag.(string)+" "+n.Channel)
		}
	}
	for name, l := range map[string]echo.Login{"ada": form, "bo": token} {
		s := endpoint.Session()
		_, err := s.Login(t.Context(), l)
		require.NoError(t, err, name)
		c := e.Client(opt, name)
		c.Session = s
		in := make(chan struct{}, 1)
		c.Do(func() {
			c.Connect()
			c.Join("room").OnSubscribed(func() { in <- struct{}{} })
		})
		await(t, in)
	}
	var there []string
	for _, s := range srv.Subscribers(at.App.ID, "presence-room") {
		there = append(there, s.User)
	}
	assert.ElementsMatch(t, []string{"ada", "bo"}, there)
	mu.Lock()
	assert.ElementsMatch(t, []string{"ada presence-room", "bo presence-room"}, auths)
	mu.Unlock()

	// A guest is sent to the login page, whose HTML pusher-js takes for an answer.
	guest := e.Client(opt, "guest")
	refused := make(chan echo.Problem, 1)
	guest.Do(func() {
		guest.Connect()
		guest.Private("a").OnError(func(p *echo.Problem) { refused <- *p })
	})
	p := await(t, refused)
	assert.Equal(t, 200, p.Code)
	assert.Contains(t, p.Message, "was invalid, yet status code was 200")
}

func TestSession_ReadsWhatAcceptEncodingOffers(t *testing.T) {
	const text = `{"auth":"x"}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "gzip, deflate, br, zstd", r.Header.Get("Accept-Encoding"))
		name := strings.TrimPrefix(r.URL.Path, "/")
		var b bytes.Buffer
		var z io.WriteCloser
		switch name {
		case "gzip":
			z = gzip.NewWriter(&b)
		case "br":
			z = brotli.NewWriter(&b)
		case "zstd":
			z, _ = zstd.NewWriter(&b)
		}
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		w.Header().Set("Content-Encoding", name)
		_, _ = w.Write(b.Bytes())
	}))
	t.Cleanup(srv.Close)
	endpoint := &echo.Endpoint{Page: srv.URL}
	t.Cleanup(endpoint.Close)
	for _, name := range []string{"gzip", "br", "zstd"} {
		res, err := endpoint.Session().Fetch(context.Background(), echo.Request{Method: "GET", URL: "/" + name})
		require.NoError(t, err, name)
		assert.Equal(t, text, string(res.Body), name)
	}
}

// The vector is that of testdata/vectors.
func TestSharedSecret(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	require.NoError(t, err)
	assert.Equal(t, "8b77ab433f326d8fb3505bf0ded8bb001f938989297c393aab0146e2a4543607", hex.EncodeToString(echo.SharedSecret(key, "private-encrypted-vault.9")))
}

func TestSigner_KeepsToItsMembersAndSecrets(t *testing.T) {
	_, at := serve(t, pusher.Reverb)
	e := engine(t, echo.Config{})
	opt := &echo.Options{Key: at.App.Key, Authorizer: &echo.Signer{
		App: at.App, Refuse: func(_ *echo.Client, channel string) bool { return channel == "private-secret" },
		Member: func(*echo.Client, string) (echo.Member, bool) { return echo.Member{}, false },
	}}
	require.NoError(t, opt.ForURL(at.URL))
	c := e.Client(opt, nil)
	refused := make(chan int, 2)
	c.Do(func() {
		c.Connect()
		c.Private("secret").OnError(func(p *echo.Problem) { refused <- p.Code })
		c.Join("room").OnError(func(p *echo.Problem) { refused <- p.Code })
	})
	assert.Equal(t, 403, await(t, refused))
	assert.Equal(t, 403, await(t, refused))
}
