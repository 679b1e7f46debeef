package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/api"
	"echolab/emulator/pusher"
)

// requireShaped holds an answer to the API's shape: a success in JSON, or a problem with a code and a sentence.
func requireShaped(t *testing.T, what string, status int, text string) {
	t.Helper()
	require.True(t, json.Valid([]byte(text)), "%s: %d %s", what, status, text)
	require.Less(t, status, 500, "%s: %s", what, text)
	if status == http.StatusOK {
		return
	}
	var p api.Problem
	require.NoError(t, json.Unmarshal([]byte(text), &p), what)
	require.NotEmpty(t, p.Code, what)
	require.Regexp(t, `^[^a-z].*[.?]$`, strings.ReplaceAll(p.Message, "\n", " "), "%s: a sentence", what)
}

// TestRoutes_AnswerTheStrangestInTheirShape: every route, with every method, odd parameters and odd bodies.
func TestRoutes_AnswerTheStrangestInTheirShape(t *testing.T) {
	l := start(t)
	odd := []string{"", ".", "..", "%2e%2e", "%2F", "a%2Fb", "%00", "%FF", "%0A", "%25", "*", "'%20OR%201=1--", "-1", "0", "18446744073709551616",
		strings.Repeat("x", 5000), "größe", "%E2%80%AE", "null", "true", "NaN", "1e9", "9223372036854775807", "-9223372036854775808s", "300000h"}
	bodies := []string{"", "{", "[]", "null", "7", `"x"`, "{}{}", `{"a":1}`, `{"event":null,"channel":null}`, `{"event":"x","channel":"\u0000"}`,
		`{"event":"x","channels":[]}`, `{"event":"x","channels":[null]}`, `{"event":"x","channel":"c","data":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		strings.Repeat(`{"a":`, 5000), "\xff\xfe", "- a\n- b", "a: &a [*a]", `{"id":{"a":1}}`, `{"webhooks":{"a":1}}`, `{"id":"x","id":"y"}`, `{"max_connections":1e99}`}
	for _, rt := range api.Routes() {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"} {
			path := strings.NewReplacer("{seq}", "1", "{socket}", "1.1", "{name}", "c", "{id}", "x").Replace(rt.Path)
			status, text := l.ask(method, path, "")
			requireShaped(t, method+" "+path, status, text)
			if status == http.StatusMethodNotAllowed {
				assert.NotEqual(t, method, rt.Method)
			}
		}
		for _, value := range odd {
			if start, rest, ok := strings.Cut(rt.Path, "{"); ok {
				_, after, _ := strings.Cut(rest, "}")
				path := start + value + after
				status, text := l.ask(rt.Method, path, "", "X-Echolab-Page", "1")
				if strings.HasPrefix(text, "<") { // cleaned to a path of the page's
					continue
				}
				requireShaped(t, rt.Method+" "+path, status, text)
			}
			for _, p := range rt.Params {
				if p.Header || rt.Path == "/api/feed" && p.Name == "wait" || p.Name == "timeout" && value == "" {
					continue
				}
				query := "?" + p.Name + "=" + value
				if rt.Path == "/api/events/wait" && p.Name != "timeout" {
					query += "&timeout=0s"
				}
				status, text := l.ask(rt.Method, strings.NewReplacer("{socket}", "1.1", "{name}", "c").Replace(rt.Path)+query, "")
				requireShaped(t, rt.Method+" "+rt.Path+query, status, text)
			}
		}
		if rt.Method == http.MethodPost {
			for _, body := range bodies {
				status, text := l.ask(rt.Method, rt.Path, body)
				requireShaped(t, rt.Path+" "+body[:min(len(body), 60)], status, text)
			}
		}
	}
	assert.NotEmpty(t, l.publish("portal", "Still", "{}").Deliveries, "it still works")
	for _, name := range []string{"text", "channel", "event", "user", "socket"} {
		for _, path := range []string{"/api/events", "/api/events/wait"} {
			p := l.refused(http.StatusBadRequest, "GET", path+"?"+name+"=a%00", "")
			assert.Equal(t, `Parameter `+name+` "a\x00": must not hold the character NUL.`, p.Message)
		}
	}
}

// TestApps_OddCredentialsReachTheirRoutes: what is accepted can be used, asked for and removed.
func TestApps_OddCredentialsReachTheirRoutes(t *testing.T) {
	l := start(t)
	for _, id := range []string{"-", "_", "a..b", "---", "secret", "0", "worker-1.test_2", strings.Repeat("x", 100), "%41", "a%2Fb", "..", "a/b", "ü", " ", "a b", "a\tb", "*", ""} {
		text, err := json.Marshal(map[string]string{"id": id})
		require.NoError(t, err)
		status, answer := l.ask("POST", "/api/apps", string(text))
		requireShaped(t, id, status, answer)
		if status != http.StatusOK {
			continue
		}
		var made api.MadeApp
		require.NoError(t, json.Unmarshal([]byte(answer), &made))
		creds := pusher.App{ID: made.ID, Key: made.Key, Secret: made.Secret}
		l.connect(creds).join(creds, "private-x", "")
		assert.Equal(t, made.Secret, given[api.Secret](l, "GET", "/api/apps/"+url.PathEscape(made.ID)+"/secret", "", "X-Echolab-Page", "1").Secret)
		assert.Equal(t, api.RemovedApp{ID: made.ID, Disconnected: 1}, given[api.RemovedApp](l, "DELETE", "/api/apps/"+url.PathEscape(made.ID), ""))
	}
}

// TestApps_ComeAndGoUnderLoad: makers and removers of the same ids, waiters, publishers, sockets and feeds at once.
// Nobody gets a server's failure, hangs, or hears another app.
func TestApps_ComeAndGoUnderLoad(t *testing.T) {
	l := start(t)
	const ids, rounds = 4, 25
	var busy, others sync.WaitGroup
	var done atomic.Bool
	seen := func(what string, status int, text string, err error) {
		if !assert.NoError(t, err, what) {
			return
		}
		switch status {
		case http.StatusOK, http.StatusNotFound, http.StatusGone, http.StatusConflict, http.StatusBadRequest:
			assert.True(t, json.Valid([]byte(text)), text)
		default:
			assert.Fail(t, what, "%d %s", status, text)
		}
	}
	for n := range ids {
		for range 2 { // two that want the same id
			busy.Go(func() {
				for range rounds {
					status, text, err := l.request("POST", "/api/apps", fmt.Sprintf(`{"id":"w%d","key":"k%[1]d"}`, n))
					seen("make", status, text, err)
					if status != http.StatusOK {
						continue
					}
					status, text, err = l.request("POST", "/api/publish", fmt.Sprintf(`{"app":"w%d","event":"E%[1]d","channel":"c"}`, n))
					seen("publish", status, text, err)
					status, text, err = l.request("DELETE", fmt.Sprintf("/api/apps/w%d", n), "")
					seen("remove", status, text, err)
				}
			})
		}
		others.Go(func() {
			for !done.Load() {
				status, text, err := l.request("GET", fmt.Sprintf("/api/events/wait?app=w%d&timeout=1m&kind=published&event=never", n), "")
				seen("wait", status, text, err)
				assert.NotEqual(t, http.StatusOK, status, "an app that is removed answers those who wait: %s", text)
			}
		})
		for _, path := range []string{"/api/connections", "/api/channels", "/api/state", "/api/events", "/api/channels/c"} {
			others.Go(func() {
				for !done.Load() {
					status, text, err := l.request("GET", fmt.Sprintf("%s?app=w%d", path, n), "")
					seen(path, status, text, err)
				}
			})
		}
	}
	others.Go(func() {
		after := uint64(0)
		for !done.Load() {
			status, text, err := l.request("GET", fmt.Sprintf("/api/feed?after=%d&wait=50ms", after), "")
			seen("feed", status, text, err)
			var feed api.Feed
			if assert.NoError(t, json.Unmarshal([]byte(text), &feed)) {
				for _, e := range feed.Entries {
					if e.Kind == "published" {
						assert.Equal(t, strings.TrimPrefix(e.App, "w"), strings.TrimPrefix(e.Event, "E"))
					}
					after = e.Seq
				}
			}
		}
	})
	others.Go(func() {
		for !done.Load() {
			status, text, err := l.request("GET", "/api/status", "")
			seen("status", status, text, err)
		}
	})
	busy.Wait()
	done.Store(true)
	for n := range ids { // whoever began to wait in between
		_, _, _ = l.request("POST", "/api/apps", fmt.Sprintf(`{"id":"w%d"}`, n))
		status, text, err := l.request("DELETE", fmt.Sprintf("/api/apps/w%d", n), "")
		require.NoError(t, err)
		require.Equal(t, 200, status, text)
	}
	others.Wait()
	assert.Len(t, given[api.Status](l, "GET", "/api/status", "").Apps, 1)
}

// TestBody_ThatNeverEndsIsNotWaitedFor: half a request must not hold a connection for ever, whatever it asks for, and an
// answer that takes its time must not be cut for it.
func TestBody_ThatNeverEndsIsNotWaitedFor(t *testing.T) {
	l := startWith(t, func(cfg *app.Config) { cfg.BodyPatience = 200 * time.Millisecond })
	address, err := url.Parse(l.UIURL())
	require.NoError(t, err)
	for line, status := range map[string]int{
		"POST /api/publish":    http.StatusRequestTimeout,
		"POST /api/nothing":    http.StatusNotFound,
		"DELETE /api/status":   http.StatusMethodNotAllowed,
		"GET /api/status":      http.StatusOK,
		"GET /metrics":         0,
		"POST /":               0, // whatever: an answer
		"POST /api/backend/x?": 0,
	} {
		for _, host := range []string{address.Host, "evil.example"} {
			conn, err := net.Dial("tcp", address.Host)
			require.NoError(t, err)
			require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			_, err = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", line, host)
			require.NoError(t, err)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err, line)
			if status != 0 && host == address.Host {
				assert.Equal(t, status, answer.StatusCode, line)
			}
			_, err = io.Copy(io.Discard, conn) // until the server closes it
			require.NoError(t, err, "%s: the connection is not held", line)
			require.NoError(t, answer.Body.Close())
			require.NoError(t, conn.Close())
		}
	}
	status, waited := l.ask("GET", "/api/events/wait?channel=nobody&timeout=600ms", "{}")
	requireShaped(t, "a wait that outlasts the patience", status, waited)
	assert.Contains(t, waited, "did not come within 600ms", "it ended by itself")
}
