package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/api"
	"echolab/emulator/journal"
)

// backend is a server with one application, a real journal and a store that holds what kept lists.
type backend struct {
	journal *journal.Journal
	kept    []journal.Entry
	broken  error
}

func (b *backend) Status() api.Status {
	return api.Status{
		Version:   "0.0.0-test",
		StartedAt: time.Date(2026, 1, 5, 9, 30, 0, 0, time.FixedZone("", 3600)),
		Profile:   "reverb",
		Server:    api.ServerStatus{Host: "127.0.0.1", Port: 8080, Scheme: "http", URL: "http://127.0.0.1:8080"},
		Store:     api.StoreStatus{State: api.StoreMemory, Path: ":memory:"},
	}
}

func (b *backend) Secret(id string) (string, bool) {
	return "local-reverb-secret", id == "client-portal"
}

func (b *backend) Journal() *journal.Journal { return b.journal }

func (b *backend) Diagnosis(context.Context, string) (app.Diagnosis, error) {
	return app.Diagnosis{}, b.broken
}

func (b *backend) Entries(_ context.Context, q app.Query) (app.Page, error) {
	var out []journal.Entry
	match := q.Matcher()
	for _, e := range b.kept {
		if match(&e) {
			out = append(out, e)
		}
	}
	page := app.Page{Entries: out[max(0, len(out)-q.Limit):], More: len(out) > q.Limit}
	if len(page.Entries) > 0 {
		page.Next = page.Entries[0].Seq
	}
	return page, b.broken
}

func (b *backend) Entry(_ context.Context, seq uint64) (journal.Entry, error) {
	if e, ok := b.journal.At(seq); ok {
		return e, nil
	}
	for _, e := range b.kept {
		if e.Seq == seq {
			return e, nil
		}
	}
	return journal.Entry{}, &app.Error{Code: app.NotFound, Message: "it is not kept"}
}

func newBackend() *backend { return &backend{journal: journal.New(journal.Options{})} }

var built = fstest.MapFS{
	"index.html":            {Data: []byte("<!doctype html><title>Echolab</title>")},
	"assets/index-a1b2.js":  {Data: []byte("export {}")},
	"assets/plex-a1.woff2":  {Data: []byte("wOF2")},
	"assets/index-a1b2.css": {Data: []byte("body{}")},
	"licenses.txt":          {Data: []byte("MIT")},
	".gitkeep":              {},
}

// get asks the handler as a program on this machine would; headers are pairs.
func get(t *testing.T, h http.Handler, target string, headers ...string) *http.Response {
	t.Helper()
	return ask(t, h, http.MethodGet, target, headers...)
}

func ask(t *testing.T, h http.Handler, method, target string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.Host = "127.0.0.1:8089"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(b)
}

func decode[T any](t *testing.T, res *http.Response) T {
	t.Helper()
	raw := body(t, res)
	require.Equal(t, http.StatusOK, res.StatusCode, raw)
	var v T
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&v), raw)
	return v
}

func TestStatus_ListsAreNeverNullAndTimesAreUTC(t *testing.T) {
	res := get(t, api.New(newBackend(), api.Options{}), "/api/status")
	assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	assert.JSONEq(t, `{"version":"0.0.0-test","started_at":"2026-01-05T08:30:00Z","profile":"reverb",
		"server":{"host":"127.0.0.1","port":8080,"path":"","hostname":"","scheme":"http","url":"http://127.0.0.1:8080","reachable_from_network":false},
		"ui":"","apps":[],"store":{"state":"memory","path":":memory:","error":""},"warnings":[],"last_seq":0}`, body(t, res))
}

func TestSecret_OnlyForThePage(t *testing.T) {
	h := api.New(newBackend(), api.Options{})
	res := get(t, h, "/api/apps/client-portal/secret")
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	assert.NotContains(t, body(t, res), "local-reverb-secret")

	got := decode[api.Secret](t, get(t, h, "/api/apps/client-portal/secret", "X-Echolab-Page", "1", "Sec-Fetch-Site", "same-origin"))
	assert.Equal(t, api.Secret{Secret: "local-reverb-secret"}, got)
	assert.Equal(t, http.StatusNotFound, get(t, h, "/api/apps/nope/secret", "X-Echolab-Page", "1").StatusCode)
}

func TestUnknownPath_IsAJSON404(t *testing.T) {
	h := api.New(newBackend(), api.Options{UI: built})
	for _, target := range []string{"/api/", "/api/nope", "/api/events/1/more"} {
		res := get(t, h, target)
		assert.Equal(t, http.StatusNotFound, res.StatusCode, target)
		assert.Equal(t, "application/json; charset=utf-8", res.Header.Get("Content-Type"), target)
	}
	res := ask(t, h, http.MethodPost, "/api/status")
	assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
	assert.Equal(t, "GET", res.Header.Get("Allow"))
}

func TestEntries_ArePagesFromTheStore(t *testing.T) {
	b := newBackend()
	for seq := range uint64(10) {
		b.kept = append(b.kept, journal.Entry{Seq: seq + 1, At: time.UnixMicro(1_700_000_000_000_000), Kind: journal.Opened, App: "a"})
	}
	h := api.New(b, api.Options{})
	page := decode[api.Entries](t, get(t, h, "/api/events?before=8&limit=3&app=a"))
	var seqs []uint64
	for _, e := range page.Entries {
		seqs = append(seqs, e.Seq)
	}
	assert.Equal(t, []uint64{5, 6, 7}, seqs)
	assert.True(t, page.More)
	assert.EqualValues(t, 5, page.Next, "the value of before for what precedes")
	assert.JSONEq(t, `{"entries":[],"more":false,"next":0}`, body(t, get(t, h, "/api/events?app=other")))
	for _, bad := range []string{"before=x", "limit=0", "limit=-1", "before=-1"} {
		assert.Equal(t, http.StatusBadRequest, get(t, h, "/api/events?"+bad).StatusCode, bad)
	}

	b.broken = &app.Error{Code: app.Away, Message: "the database could not be read: database is locked"}
	res := get(t, h, "/api/events")
	assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	assert.Contains(t, body(t, res), "database is locked")
}

func TestEntry_HasTheWholePayloadFromRingOrStore(t *testing.T) {
	b := newBackend()
	long := bytes.Repeat([]byte("é"), 20_000)
	b.kept = []journal.Entry{{Seq: 3, Kind: journal.Published, Data: long}}
	b.journal = journal.New(journal.Options{After: 6})
	b.journal.Append(journal.Entry{Kind: journal.Published, Data: long, App: "ring"})
	h := api.New(b, api.Options{})

	for target, app := range map[string]string{"/api/events/7": "ring", "/api/events/3": ""} {
		e := decode[api.Entry](t, get(t, h, target))
		assert.Equal(t, string(long), e.Data, target)
		assert.False(t, e.Truncated, target)
		assert.Equal(t, app, e.App, target)
	}
	for target, status := range map[string]int{"/api/events/4": 404, "/api/events/8": 404, "/api/events/0": 400, "/api/events/3x": 400} {
		assert.Equal(t, status, get(t, h, target).StatusCode, target)
	}
}

func TestPage_FilesAndAddresses(t *testing.T) {
	h := api.New(newBackend(), api.Options{UI: built})
	for _, tc := range []struct {
		target, kind, cache string
		status              int
	}{
		{"/", "text/html; charset=utf-8", "no-cache", 200},
		{"/?entry=12", "text/html; charset=utf-8", "no-cache", 200},
		{"/channels/private-client.5", "text/html; charset=utf-8", "no-cache", 200},
		{"/assets/index-a1b2.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", 200},
		{"/assets/index-a1b2.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable", 200},
		{"/assets/plex-a1.woff2", "font/woff2", "public, max-age=31536000, immutable", 200},
		{"/licenses.txt", "text/plain; charset=utf-8", "no-cache", 200},
		{"/channels/presence-project.orders", "text/html; charset=utf-8", "no-cache", 200},
		{"/assets/index-old.js", "application/json; charset=utf-8", "no-store", 404},
		{"/assets/plex-a1", "application/json; charset=utf-8", "no-store", 404},
		{"/assets/", "application/json; charset=utf-8", "no-store", 404},
		{"/assets", "application/json; charset=utf-8", "no-store", 404},
		{"/foo.map", "application/json; charset=utf-8", "no-store", 404},
		{"/.gitkeep", "application/json; charset=utf-8", "no-store", 404},
		{"/.env", "application/json; charset=utf-8", "no-store", 404},
		{"/favicon.ico", "application/json; charset=utf-8", "no-store", 404},
		{"/assets/../../go.mod", "application/json; charset=utf-8", "no-store", 200},
	} {
		res := get(t, h, tc.target)
		if tc.target == "/assets/../../go.mod" { // cleaned by the router
			assert.NotContains(t, body(t, res), "module")
			continue
		}
		assert.Equal(t, tc.status, res.StatusCode, tc.target)
		assert.Equal(t, tc.kind, res.Header.Get("Content-Type"), tc.target)
		assert.Equal(t, tc.cache, res.Header.Get("Cache-Control"), tc.target)
		assert.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"), tc.target)
		assert.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"), tc.target)
	}
	policy := get(t, h, "/").Header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'self'")
	assert.NotContains(t, policy, "unsafe")
	assert.Equal(t, http.StatusMethodNotAllowed, ask(t, h, http.MethodPost, "/").StatusCode)
	assert.Equal(t, http.StatusNotFound, get(t, api.New(newBackend(), api.Options{}), "/").StatusCode)
}

func TestPage_HEADSaysHowLongItIs(t *testing.T) {
	server := httptest.NewServer(api.New(newBackend(), api.Options{UI: built}))
	defer server.Close()
	for _, target := range []string{"/", "/assets/index-a1b2.js"} {
		read, err := http.Get(server.URL + target)
		require.NoError(t, err)
		require.NoError(t, read.Body.Close())
		head, err := http.Head(server.URL + target)
		require.NoError(t, err)
		require.NoError(t, head.Body.Close())
		assert.Equal(t, http.StatusOK, head.StatusCode, target)
		assert.Positive(t, head.ContentLength, target)
		assert.Equal(t, read.ContentLength, head.ContentLength, target)
	}
}
