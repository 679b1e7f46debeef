package emulator_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// application handles /login alone, and says how much it was sent.
type application struct{}

func (application) Handles(r *http.Request) bool {
	return r.URL.Path == "/login" || r.URL.Path == "/up"
}

func (application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = io.WriteString(w, "the application: "+r.Method+" "+strconv.Itoa(len(body)))
}

func TestFallback_TakesOnlyWhatIsNoRouteOfReverbs(t *testing.T) {
	app := pusher.DefaultApp()
	srv := emulator.New(emulator.Config{Fallback: application{}}, apps{&app}, journal.New(journal.Options{}))
	server := httptest.NewServer(srv)
	defer server.Close()
	manyCookies := map[string]string{"Cookie": "a=" + strings.Repeat("x", 20_000)}
	for _, row := range []struct {
		name, method, path string
		body               string
		header             map[string]string
		status             int
		text               string
	}{
		{"its own route", "GET", "/login", "", nil, 200, "the application: GET 0"},
		{"beyond Reverb's request size", "POST", "/login", strings.Repeat("x", 50_000), nil, 200, "the application: POST 50000"},
		{"a head beyond Reverb's", "GET", "/login", "", manyCookies, 200, "the application: GET 0"},
		{"Reverb's comes first", "GET", "/up", "", nil, 200, `{"health":"OK"}`},
		{"another method of Reverb's route", "POST", "/up", "", nil, 405, "Method not allowed."},
		{"nobody's", "GET", "/nowhere", "", nil, 404, "Not found."},
		{"nobody's, with a head beyond Reverb's", "GET", "/nowhere", "", manyCookies, 413, "Payload too large."},
		{"Reverb's, with a head beyond Reverb's", "GET", "/up", "", manyCookies, 413, "Payload too large."},
	} {
		t.Run(row.name, func(t *testing.T) {
			req, err := http.NewRequest(row.method, server.URL+row.path, strings.NewReader(row.body))
			require.NoError(t, err)
			for name, value := range row.header {
				req.Header.Set(name, value)
			}
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, row.text, string(text))
			assert.Equal(t, row.status, res.StatusCode)
		})
	}
}

func TestFallback_HasRoomForTheCookiesOfLocalhost(t *testing.T) {
	app := pusher.DefaultApp()
	srv := emulator.New(emulator.Config{Fallback: application{}}, apps{&app}, journal.New(journal.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { assert.NoError(t, srv.Shutdown(context.Background())) })
	for path, status := range map[string]int{"/login": 200, "/up": 413} {
		req, err := http.NewRequest("GET", "http://"+l.Addr().String()+path, nil)
		require.NoError(t, err)
		req.Header.Set("Cookie", "a="+strings.Repeat("x", 30_000))
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		_ = res.Body.Close()
		assert.Equal(t, status, res.StatusCode, path)
	}
}
