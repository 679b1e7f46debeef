package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// The rows of protocol K.9 that need a server: X13, X14 and X18, and where X17 and X20 are told. The others are in package
// laravel.

var k9Modes = []string{"as-written", "fixed"}

// frame is what a server sends.
type frame struct {
	Event, Channel string
	Data           json.RawMessage
}

// text is data as it is within the frame: JSON in a text, or an object.
func (f frame) text() string {
	var inner string
	if json.Unmarshal(f.Data, &inner) == nil {
		return inner
	}
	return string(f.Data)
}

// player is a raw client.
type player struct {
	t      *testing.T
	ws     *websocket.Conn
	socket string
}

// dialKey connects with a key and returns the first frame.
func dialKey(t *testing.T, a *app.App, key string) (*player, frame) {
	t.Helper()
	ws, response, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(a.URL(), "http")+"/app/"+key+"?protocol=7", nil)
	require.NoError(t, err)
	_ = response.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	p := &player{t: t, ws: ws}
	first := p.next()
	var hello struct {
		SocketID string `json:"socket_id"`
	}
	_ = json.Unmarshal([]byte(first.text()), &hello) // a refusal has none
	p.socket = hello.SocketID
	return p, first
}

func (p *player) next() (f frame) {
	p.t.Helper()
	require.NoError(p.t, p.ws.SetReadDeadline(time.Now().Add(20*time.Second)))
	require.NoError(p.t, p.ws.ReadJSON(&f))
	return f
}

func (p *player) send(event string, data any) {
	p.t.Helper()
	require.NoError(p.t, p.ws.WriteJSON(map[string]any{"event": event, "data": data}))
}

func (p *player) subscribe(channel, data, auth string) frame {
	p.t.Helper()
	p.send("pusher:subscribe", map[string]string{"channel": channel, "channel_data": data, "auth": auth})
	return p.next()
}

func TestK9_X13_AClosedSocketLeavesEveryChannel(t *testing.T) {
	for _, mode := range k9Modes {
		a := runConfigured(t, "", "backend", mode)
		creds := pusher.DefaultApp()
		stays, _ := dialKey(t, a.App, creds.Key)
		goes, _ := dialKey(t, a.App, creds.Key)
		for _, channel := range []string{"presence-a", "presence-b"} {
			for i, p := range []*player{stays, goes} {
				data := []string{`{"user_id":"1","user_info":{}}`, `{"user_id":"2","user_info":{}}`}[i]
				in := p.subscribe(channel, data, creds.AuthString(pusher.ChannelText(p.socket, channel, data)))
				require.Equal(t, "pusher_internal:subscription_succeeded", in.Event, in.text())
			}
			require.Equal(t, "pusher_internal:member_added", stays.next().Event)
		}
		require.NoError(t, goes.ws.Close()) // Echo.disconnect(): no unsubscribe is sent
		var left []string
		for range 2 {
			f := stays.next()
			require.Equal(t, "pusher_internal:member_removed", f.Event, mode)
			assert.JSONEq(t, `{"user_id":"2"}`, f.text())
			left = append(left, f.Channel)
		}
		assert.ElementsMatch(t, []string{"presence-a", "presence-b"}, left, mode)
	}
}

// Reverb never says it, in neither mode; the profile pusher does.
func TestK9_X14_NoCurrentSubscription(t *testing.T) {
	for _, mode := range k9Modes {
		for profile, first := range map[string]string{"reverb": "pusher:pong", "pusher": "pusher:error"} {
			a := runConfigured(t, "", "backend", mode, "profile", profile)
			p, _ := dialKey(t, a.App, pusher.DefaultApp().Key)
			p.send("pusher:unsubscribe", map[string]string{"channel": "nowhere"})
			p.send("pusher:ping", map[string]string{})
			f := p.next()
			assert.Equal(t, first, f.Event, "%s, %s", mode, profile)
			assert.Equal(t, profile == "pusher", strings.Contains(f.text(), "No current subscription"), f.text())
		}
	}
}

// guidesEnv is the guide's .env: production values for the front end, local ones for the server.
const guidesEnv = "REVERB_APP_ID=client-portal\nREVERB_APP_KEY=local-reverb-key\nREVERB_APP_SECRET=local-reverb-secret\n" +
	"VITE_REVERB_APP_KEY=prod-reverb-key-xxx\n"

// withEnv is an Echolab beside a .env.
func withEnv(t *testing.T, env, file string, flags ...string) *configured {
	t.Helper()
	path := filepath.Join(t.TempDir(), "portal.env")
	require.NoError(t, os.WriteFile(path, []byte(env), 0o600))
	return runConfigured(t, file, append(flags, "env-file", path)...)
}

func TestK9_X18_TheKeyOfTheFrontEnd(t *testing.T) {
	t.Run("fixed", func(t *testing.T) {
		for _, profile := range []string{"reverb", "pusher"} {
			a := withEnv(t, guidesEnv, "", "backend", "fixed", "profile", profile)
			local, first := dialKey(t, a.App, "local-reverb-key")
			require.Equal(t, "pusher:connection_established", first.Event)
			front, first := dialKey(t, a.App, "prod-reverb-key-xxx")
			require.Equal(t, "pusher:connection_established", first.Event, first.text())

			// One application: what /broadcasting/auth signs with its key, or a client with the other one, is good for both.
			creds := a.Config().Apps[0]
			require.Equal(t, []string{"prod-reverb-key-xxx"}, creds.Keys)
			other := creds
			other.Key = creds.Keys[0]
			require.Equal(t, "pusher_internal:subscription_succeeded", local.subscribe("private-x", "", creds.AuthString(pusher.ChannelText(local.socket, "private-x", ""))).Event)
			for _, signing := range []pusher.App{creds, other} {
				name := "private-" + signing.Key
				require.Equal(t, "pusher_internal:subscription_succeeded", front.subscribe(name, "", signing.AuthString(pusher.ChannelText(front.socket, name, ""))).Event, "%s signed by %s", profile, signing.Key)
				status, err := publish(a.URL(), &signing, "private-x", "hello", `{"n":1}`)
				require.NoError(t, err)
				assert.Equal(t, 200, status, "%s signed by %s", profile, signing.Key)
				assert.Equal(t, "hello", local.next().Event)
			}
			assert.Contains(t, strings.Join(a.Config().Warnings, "\n"), ":4: VITE_REVERB_APP_KEY=prod-reverb-key-xxx: the front end has another key than the server: "+
				"the key of app client-portal is local-reverb-key (")
			stranger, first := dialKey(t, a.App, "some-other-key")
			assert.Contains(t, first.text(), "4001")
			_ = stranger
		}
	})
	for _, mode := range []string{"as-written", "off"} {
		t.Run(mode, func(t *testing.T) {
			a := withEnv(t, guidesEnv, "", "backend", mode)
			_, first := dialKey(t, a.App, "local-reverb-key")
			require.Equal(t, "pusher:connection_established", first.Event)
			_, first = dialKey(t, a.App, "prod-reverb-key-xxx")
			assert.Equal(t, "pusher:error", first.Event)
			assert.Contains(t, first.text(), "4001")
			assert.NotContains(t, first.text(), "VITE", "the client is told what Reverb says")
			note := a.next(journal.Refused)
			assert.Contains(t, note, "it is VITE_REVERB_APP_KEY (")
			assert.Contains(t, note, "but the key of app client-portal is local-reverb-key")
			assert.Contains(t, a.log.String(), "it is VITE_REVERB_APP_KEY (")
			assert.Contains(t, strings.Join(a.Config().Warnings, "\n"), "it is refused (4001), as by Reverb")
		})
	}
}

// X18 without a .env: keys of an app in echolab.yaml.
func TestK9_X18_SeveralKeysAnApp(t *testing.T) {
	const file = "apps:\n  - {id: one, key: k1, secret: s1, keys: [k1-prod, k1-staging]}\n  - {id: two, key: k2, secret: s2, keys: k2-prod}\n"
	all := map[string]string{"k1": "one", "k1-prod": "one", "k1-staging": "one", "k2": "two", "k2-prod": "two"}
	a := runConfigured(t, file, "backend", "fixed")
	for key, id := range all {
		p, first := dialKey(t, a.App, key)
		require.Equal(t, "pusher:connection_established", first.Event, key)
		sockets, err := a.Connections(id)
		require.NoError(t, err)
		var ids []string
		for _, s := range sockets {
			ids = append(ids, s.Socket)
		}
		assert.Contains(t, ids, p.socket, "%s is a key of %s", key, id)
	}
	assert.Empty(t, a.Config().Warnings)

	a = runConfigured(t, file, "backend", "as-written")
	for key := range all {
		_, first := dialKey(t, a.App, key)
		if key == "k1" || key == "k2" {
			assert.Equal(t, "pusher:connection_established", first.Event, key)
			continue
		}
		assert.Contains(t, first.text(), "4001", key)
		assert.Contains(t, a.next(journal.Refused), "one of the further keys of app "+all[key])
	}
	assert.Equal(t, []string{
		"echolab.yaml:2:36: keys: with backend as-written (flag --backend) an app has its key alone, so k1-prod, k1-staging cannot connect (4001); start with --backend fixed",
		"echolab.yaml:3:42: keys: with backend as-written (flag --backend) an app has its key alone, so k2-prod cannot connect (4001); start with --backend fixed",
	}, a.Config().Warnings)
	_, err := a.MakeApp([]byte(`{"keys":["x"]}`))
	assert.ErrorContains(t, err, "keys: with --backend as-written an app has its key alone")
}

func TestK9_X18_AnAppThatIsMade(t *testing.T) {
	a := runConfigured(t, "apps: [{id: one, key: k1, secret: s1, keys: [k1-prod]}]", "backend", "fixed")
	made, err := a.MakeApp([]byte(`{"id":"m","key":"m1","keys":["m2","m3"]}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"m2", "m3"}, made.Keys)
	for _, key := range []string{"m1", "m2", "m3"} {
		_, first := dialKey(t, a.App, key)
		assert.Equal(t, "pusher:connection_established", first.Event, key)
	}
	for text, want := range map[string]string{
		`{"key":"k1-prod"}`:              "key k1-prod is that of an application that is served already",
		`{"keys":["k1"]}`:                "key k1 is that of an application that is served already",
		`{"keys":["z","m3"]}`:            "key m3 is that of an application that is served already",
		`{"key":"z","keys":["z"]}`:       "is the app's key already; remove it here",
		`{"keys":["a/b"]}`:               "must not contain a slash",
		`{"keys":["a b"]}`:               "must be 1 to 100 letters",
		`{"keys":["a","a"]}`:             "a is there twice; remove one",
		`{"keys":[""]}`:                  "must be keys, such as",
		`{"keys":{"a":1}}`:               "keys must be one value",
		`{"keys":[["a"]]}`:               "keys must be a list of texts",
		`{"id":"m","key":"z","keys":[]}`: "id m is that of an application",
	} {
		_, err := a.MakeApp([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
	_, err = a.RemoveApp("m")
	require.NoError(t, err)
	_, first := dialKey(t, a.App, "m2")
	assert.Contains(t, first.text(), "4001")
}

func TestK9_X18_WhereKeysAreWritten(t *testing.T) {
	load := func(env, file string) (app.Config, error) {
		files := map[string]string{}
		if env != "" {
			files[".env"] = env
		}
		if file != "" {
			files["echolab.yaml"] = file
		}
		return app.Load(folder(t, files))
	}
	const creds = "BROADCAST_CONNECTION=reverb\nREVERB_HOST=localhost\nREVERB_PORT=8080\nREVERB_SCHEME=http\nREVERB_APP_ID=one\nREVERB_APP_KEY=k\nREVERB_APP_SECRET=s\n"
	for _, row := range []struct {
		name, env, file string
		keys            []string
		origin          string // of the last key
		warned          string
	}{
		{name: "a list", env: creds + "ECHOLAB_APP_KEYS=\"a, b\"\n", keys: []string{"a", "b"}, origin: ".env:8"},
		{name: "the environment's before the file's", env: creds + "ECHOLAB_APP_KEYS=a\n", file: "apps: [{id: one, keys: [z]}]", keys: []string{"a"}, origin: ".env:8"},
		{name: "of the file", env: creds, file: "apps: [{id: one, keys: [y, z]}]", keys: []string{"y", "z"}, origin: "echolab.yaml:1:28"},
		{name: "Vite's is the same", env: creds + "VITE_REVERB_APP_KEY=\"${REVERB_APP_KEY}\"\n"},
		{name: "Vite's is another", env: creds + "VITE_REVERB_APP_KEY=prod\n", keys: []string{"prod"}, origin: ".env:8", warned: "both are let in"},
		{name: "Pusher's name", env: creds + "VITE_PUSHER_APP_KEY=prod\n", keys: []string{"prod"}, origin: ".env:8", warned: "both are let in"},
		{name: "Reverb's name is read first", env: creds + "VITE_PUSHER_APP_KEY=old\nVITE_REVERB_APP_KEY=k\n"},
		{name: "empty", env: creds + "VITE_REVERB_APP_KEY=\nECHOLAB_APP_KEYS=\n"},
		{name: "not filled in", env: creds + "VITE_REVERB_APP_KEY=\"${NOWHERE}\"\n", warned: "it stays as it is"},
		{name: "listed already", env: creds + "VITE_REVERB_APP_KEY=prod\n", file: "apps: [{id: one, keys: [prod]}]", keys: []string{"prod"}, origin: "echolab.yaml:1:25"},
		{name: "beside others", env: creds + "VITE_REVERB_APP_KEY=prod\n", file: "apps: [{id: one, keys: [z]}]", keys: []string{"z", "prod"}, origin: ".env:8", warned: "both are let in"},
		{name: "of another app", env: creds + "VITE_REVERB_APP_KEY=k2\n", file: "apps: [{id: two, key: k2, secret: s}]"},
	} {
		cfg, err := load(row.env, row.file)
		require.NoError(t, err, row.name)
		assert.Equal(t, row.keys, cfg.Apps[0].Keys, row.name)
		if n := len(row.keys); n > 0 {
			assert.Equal(t, row.origin, cfg.Origin("apps[0].keys["+string(rune('0'+n-1))+"]"), row.name)
		}
		warned := strings.Join(cfg.Warnings, "\n")
		assert.Equal(t, row.warned == "", warned == "", "%s: %s", row.name, warned)
		assert.Contains(t, warned, row.warned, row.name)
	}
	for file, want := range map[string]string{
		"apps:\n  - {id: a, key: k, secret: s}\n  - {id: b, key: l, secret: s, keys: [m, k]}":                       "echolab.yaml:3:42: keys: k is also the key of the app at echolab.yaml:2:18; every app needs its own",
		"apps:\n  - {id: a, key: k, secret: s, keys: [x]}\n  - {id: b, key: x, secret: s}":                          "echolab.yaml:3:18: key: x is also the key of the app at echolab.yaml:2:39; every app needs its own",
		"apps:\n  - {id: a, key: k, secret: s, keys: [x]}\n  - {id: b, key: l, secret: s, keys:\n    - y\n    - x}": "echolab.yaml:5:7: keys: x is also the key of the app at echolab.yaml:2:39; every app needs its own",
		"apps:\n  - {id: a, key: k, secret: s, keys: [k]}":                                                          "echolab.yaml:2:39: keys: k is the app's key already, at echolab.yaml:2:18; remove it here",
		"apps:\n  - {id: a, key: k, secret: s, keys: [x, x]}":                                                       "echolab.yaml:2:42: keys: x: x is there twice; remove one",
		"apps:\n  - {id: a, key: k, secret: s, keys: [x, y/z]}":                                                     "echolab.yaml:2:42: keys: y/z: must not contain a slash or a line end: it is a part of a path",
	} {
		_, err := load("", file)
		require.Error(t, err, file)
		assert.Contains(t, err.Error(), want)
	}
}

// X17 and X20 are told where a developer looks: with the application's status.
func TestK9_X17_X20_AreToldWithTheStatus(t *testing.T) {
	a := runConfigured(t, "hostname: portal.test", "backend", "fixed")
	host := strings.TrimPrefix(a.URL(), "http://127.0.0.1")
	is := a.BackendStatus()
	assert.Equal(t, "connect-src 'self' ws://portal.test"+host+" http://portal.test"+host, is.Policy)
	require.Len(t, is.Notes, 1)
	assert.Contains(t, is.Notes[0], "REVERB_HOST=127.0.0.1 and REVERB_PORT="+host[1:])

	a = runConfigured(t, "hostname: portal.test", "backend", "as-written")
	is = a.BackendStatus()
	assert.Empty(t, is.Policy)
	require.Len(t, is.Notes, 2)
	assert.Contains(t, is.Notes[1], "blocks ws://portal.test:")

	is = runConfigured(t, "", "backend", "off").BackendStatus()
	assert.Empty(t, is.Policy)
	assert.Empty(t, is.Notes)
}
