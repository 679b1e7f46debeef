package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
)

func TestLoad_ProblemsAreOneLineWithPlaceAndWayOut(t *testing.T) {
	app1 := "apps:\n  - id: one\n    key: k\n    secret: s\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		env   []string
		flags map[string]string
		want  string
	}{
		{name: "port out of range", flags: map[string]string{"port": "99999"},
			want: "--port 99999: must be a whole number from 0 to 65535 (0 is any free port)"},
		{name: "port no number", env: []string{"REVERB_SERVER_PORT=80 80"},
			want: `environment: REVERB_SERVER_PORT="80 80": must be a whole number from 0 to 65535 (0 is any free port)`},
		{name: "empty port", files: map[string]string{".env": "REVERB_SERVER_PORT=\n"},
			want: `.env:1: REVERB_SERVER_PORT="": Laravel passes the empty value on instead of its default; write 8080 or remove the line`},
		{name: "host with a port", flags: map[string]string{"host": "localhost:8080"},
			want: "--host localhost:8080: must be an address or a host name alone, without scheme and port, such as 127.0.0.1"},
		{name: "profile", flags: map[string]string{"profile": "pushr"},
			want: "--profile pushr: must be reverb or pusher; did you mean pusher?"},
		{name: "ack", files: map[string]string{"echolab.yaml": "ack: maybe"},
			want: "echolab.yaml:1:6: ack: maybe: must be stored or delivered"},
		{name: "path", flags: map[string]string{"path": "/a b"}, want: `--path "/a b": must be the beginning of a path, such as /ws`},
		{name: "unknown key", files: map[string]string{"echolab.yaml": "# x\nprot: 1\n"},
			want: "echolab.yaml:2:1: prot is no key of the file; did you mean port?"},
		{name: "unknown key of an app", files: map[string]string{"echolab.yaml": app1 + "    app_id: x\n"},
			want: "echolab.yaml:5:5: app_id is no key of an app; did you mean id?"},
		{name: "unknown key of a webhook", files: map[string]string{"echolab.yaml": app1 + "    webhooks: [{ulr: x}]\n"},
			want: "echolab.yaml:5:17: ulr is no key of a webhook; did you mean url?"},
		{name: "same key twice", files: map[string]string{"echolab.yaml": "port: 1\nport: 2\n"},
			want: `echolab.yaml:2:1: mapping key "port" already defined at [1:1]`},
		{name: "not YAML", files: map[string]string{"echolab.yaml": "port: [1\n"},
			want: "echolab.yaml:1:7: sequence end token ']' not found"},
		{name: "list for a value", files: map[string]string{"echolab.yaml": "port: [1]\n"},
			want: "echolab.yaml:1:1: port: [1]: must be a whole number from 0 to 65535 (0 is any free port)"},
		{name: "mapping for a value", files: map[string]string{"echolab.yaml": "port: {a: 1}\n"},
			want: "echolab.yaml:1:7: port must be one value"},
		{name: "not a mapping", files: map[string]string{"echolab.yaml": "hello\n"},
			want: "echolab.yaml:1:1: the file must have keys and values, such as key: value"},
		{name: "apps no list", files: map[string]string{"echolab.yaml": "apps: one\n"},
			want: "echolab.yaml:1:7: apps must be a list, each entry beginning with a dash"},
		{name: "two documents", files: map[string]string{"echolab.yaml": "port: 1\n---\nport: 2\n"},
			want: "echolab.yaml:3:1: only one document is read; remove the line ---"},
		{name: "unknown alias", files: map[string]string{"echolab.yaml": "port: *nope\n"},
			want: "echolab.yaml:1:7: *nope is used here, but &nope is nowhere"},
		{name: "no value", files: map[string]string{"echolab.yaml": "port:\n"},
			want: "echolab.yaml:1:7: port: null: has no value; write 8080 or remove the line"},
		{name: "duration without a unit", files: map[string]string{"echolab.yaml": "write_timeout: 10\n"},
			want: "echolab.yaml:1:16: write_timeout: 10: has no unit; write 10s"},
		{name: "duration that is none", env: []string{"ECHOLAB_ADMIT_WAIT=soon"},
			want: "environment: ECHOLAB_ADMIT_WAIT=soon: must be a duration, such as 500ms, 30s or 2m"},
		{name: "duration that is too long", env: []string{"ECHOLAB_ADMIT_WAIT=999999999h"},
			want: "environment: ECHOLAB_ADMIT_WAIT=999999999h: must be at most 2562047h"},
		{name: "negative duration", env: []string{"ECHOLAB_ADMIT_WAIT=-1s"},
			want: "environment: ECHOLAB_ADMIT_WAIT=-1s: must be at least 1ms"},
		{name: "negative limit", env: []string{"ECHOLAB_QUEUE_BYTES=-5"},
			want: "environment: ECHOLAB_QUEUE_BYTES=-5: must be a whole number from 1 to 1073741824 (bytes)"},
		{name: "seconds with a unit", env: []string{"REVERB_APP_PING_INTERVAL=1 minute"},
			want: `environment: REVERB_APP_PING_INTERVAL="1 minute": must be a whole number of seconds, such as 30`},
		{name: "part of a second", files: map[string]string{"echolab.yaml": app1 + "    activity_timeout: 1500ms\n"},
			want: "echolab.yaml:5:23: activity_timeout: 1500ms: must be a multiple of 1s"},
		{name: "nobody gets in", files: map[string]string{"echolab.yaml": app1 + "    allowed_origins: []\n"},
			want: `echolab.yaml:5:5: allowed_origins: []: lets nobody in; write ["*"] for everybody`},
		{name: "empty origins", env: []string{"REVERB_ALLOWED_ORIGINS="},
			want: `environment: REVERB_ALLOWED_ORIGINS="": Laravel passes the empty value on instead of its default; write * or remove the line`},
		{name: "switch", files: map[string]string{"echolab.yaml": "debug: yes\n"}, want: "echolab.yaml:1:8: debug: yes: must be true or false"},
		{name: "accept in the file", files: map[string]string{"echolab.yaml": app1 + "    accept_client_events_from: member\n"},
			want: "echolab.yaml:5:32: accept_client_events_from: member: must be members or all or none; did you mean members?"},
		{name: "id that YAML reads as a word", files: map[string]string{"echolab.yaml": "apps:\n  - {id: true, key: k, secret: s}\n"},
			want: "echolab.yaml:2:10: id: true: is a yes or no and not a text to YAML; put quotes around it"},
		{name: "id with a slash", files: map[string]string{"echolab.yaml": "apps:\n  - {id: a/b, key: k, secret: s}\n"},
			want: "echolab.yaml:2:10: id: a/b: must not contain a slash or a line end: it is a part of a path"},
		{name: "app without a secret", files: map[string]string{"echolab.yaml": "apps:\n  - id: one\n    key: k\n"},
			want: "echolab.yaml:2:5: this app has no secret; add one"},
		{name: "empty secret", files: map[string]string{"echolab.yaml": "apps:\n  - {id: one, key: k, secret: ''}\n"},
			want: "echolab.yaml:2:31: secret: …: has no value; write a value or remove the line"},
		{name: "same id twice", files: map[string]string{"echolab.yaml": app1 + "  - {id: one, key: k2, secret: s}\n"},
			want: "echolab.yaml:5:10: id: one is also the id of the app at echolab.yaml:2:9; every app needs its own"},
		{name: "same key in .env and file", files: map[string]string{"echolab.yaml": app1, ".env": "REVERB_APP_ID=2\nREVERB_APP_KEY=k\nREVERB_APP_SECRET=s\n"},
			want: "echolab.yaml:3:10: key: k is also the key of the app at .env:2; every app needs its own"},
		{name: "part of an app", files: map[string]string{".env": "REVERB_APP_ID=2\nREVERB_APP_KEY=k\n"},
			want: ".env:1: REVERB_APP_ID: REVERB_APP_SECRET is missing beside it, and Laravel cannot publish without it; add it, or remove the others"},
		{name: "webhook without a url", files: map[string]string{"echolab.yaml": app1 + "    webhooks: [{batch: 1s}]\n"},
			want: "echolab.yaml:5:16: this webhook has no url; add one, such as url: http://127.0.0.1:8000/webhooks"},
		{name: "webhook's url", files: map[string]string{"echolab.yaml": app1 + "    webhooks: [{url: localhost}]\n"},
			want: "echolab.yaml:5:22: url: …: must be an address that begins with http:// or https://"},
		{name: "webhook's event", files: map[string]string{"echolab.yaml": app1 + "    webhooks: [{url: 'http://x', events: [member_add]}]\n"},
			want: "echolab.yaml:5:34: events: [member_add]: member_add is no webhook event; did you mean member_added?"},
		{name: "no such .env", flags: map[string]string{"env-file": "none.env"},
			want: "none.env: no such file (named by flag --env-file; give the path of a readable file or leave it out)"},
		{name: "no such configuration", env: []string{"ECHOLAB_CONFIG=none.yaml"},
			want: "none.yaml: no such file (named by environment ECHOLAB_CONFIG; give the path of a readable file or leave it out)"},
		{name: "a .env that Laravel refuses", files: map[string]string{".env": "X=1\nREVERB_APP_SECRET=a b\n"},
			want: ".env:2:21: Failed to parse dotenv file. Encountered unexpected whitespace in REVERB_APP_SECRET. Put double quotes around a value with blanks or quotes in it."},
		{name: "several at once", flags: map[string]string{"port": "x", "ack": "y"},
			want: "--port x: must be a whole number from 0 to 65535 (0 is any free port)\n--ack y: must be stored or delivered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := folder(t, c.files)
			src.Environ = append(src.Environ, c.env...)
			src.Flags = c.flags
			_, err := app.Load(src)
			require.EqualError(t, err, c.want)
			var failure *app.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, app.Invalid, failure.Code)
		})
	}
}

func TestLoad_AFolderInPlaceOfAFile(t *testing.T) {
	for _, name := range []string{".env", "echolab.yaml"} {
		src := folder(t, nil)
		require.NoError(t, os.Mkdir(filepath.Join(src.Dir, name), 0o700))
		_, err := app.Load(src)
		require.Error(t, err)
		assert.Regexp(t, "^"+name+": cannot be read: .* \\(make it readable, or name another with --(config|env-file)\\)$", err.Error())
	}
}

func TestLoad_Warnings(t *testing.T) {
	laravel := "REVERB_APP_ID=1\nREVERB_APP_KEY=k\nREVERB_APP_SECRET=s\n"
	good := laravel + "BROADCAST_CONNECTION=reverb\nREVERB_HOST=localhost\nREVERB_PORT=8080\nREVERB_SCHEME=http\n"
	for _, c := range []struct {
		name, env string
		want      []string
	}{
		{"as reverb:install writes it", good, nil},
		{"reachable from the network", "REVERB_SERVER_HOST=0.0.0.0\n", []string{"the server can be reached from the network: host is 0.0.0.0 (.env:1)"}},
		{"UI reachable from the network", "ECHOLAB_UI_HOST=192.0.2.1\n", []string{"the UI can be reached from the network: ui_host is 192.0.2.1 (.env:1)"}},
		{"TLS in capitals", laravel + "BROADCAST_CONNECTION=reverb\nREVERB_HOST=localhost\nREVERB_PORT=8080\nREVERB_SCHEME=HTTPS\n", []string{
			".env:7: REVERB_SCHEME=HTTPS is not https to Laravel: only lower case switches TLS on"}},
		{"empty port and scheme", laravel + "BROADCAST_CONNECTION=reverb\nREVERB_HOST=localhost\nREVERB_PORT=\nREVERB_SCHEME=null\n", []string{
			".env:6: REVERB_PORT is empty and does not take its default: Laravel has no port to publish to; write REVERB_PORT=8080",
			".env:7: REVERB_SCHEME is null and does not take its default: write REVERB_SCHEME=http"}},
		{"nothing but an app", laravel, []string{
			"BROADCAST_CONNECTION is not set: Laravel broadcasts nothing; add BROADCAST_CONNECTION=reverb",
			"REVERB_HOST is not set: Laravel has no host to publish to; write REVERB_HOST=localhost",
			"Laravel publishes over https (Laravel's default), the server speaks http: write REVERB_SCHEME=http or start with --tls auto, unless something stands between them"}},
		{"other port", good + "REVERB_SERVER_PORT=9000\n", []string{
			"Laravel publishes to port 8080 (.env:6), the server listens on 9000 (.env:8): write REVERB_PORT=9000, unless something stands between them"}},
		{"any free port", good + "REVERB_SERVER_PORT=0\n", nil},
		{"scaling", "REVERB_SCALING_ENABLED=true\n", []string{
			".env:1: REVERB_SCALING_ENABLED=true: Echolab does not share events with other servers through Redis; what it serves is this one process"}},
		{"no scaling", "REVERB_SCALING_ENABLED=false\n", nil},
		{"old name", "BROADCAST_DRIVER=reverb\n", []string{
			".env:1: BROADCAST_DRIVER=reverb: Laravel 11 and later read BROADCAST_CONNECTION instead, so nothing is broadcast"}},
		{"broadcast to the log", good + "BROADCAST_CONNECTION=log\n", []string{
			".env:8: BROADCAST_CONNECTION is set again: the value of line 4 is lost",
			".env:8: BROADCAST_CONNECTION=log: Laravel does not broadcast to a server; write reverb"}},
		{"rate limit in the environment", good + "REVERB_APP_RATE_LIMITING_ENABLED=true\nREVERB_APP_RATE_LIMIT_DECAY_SECONDS=2\n", []string{
			".env:9: REVERB_APP_RATE_LIMIT_DECAY_SECONDS=2: works here, but breaks Reverb 1.10, which answers every message with 4200 when this is set"}},
		{"PHP's truth", "REVERB_APP_RATE_LIMITING_ENABLED=1\nREVERB_APP_RATE_LIMIT_TERMINATE=off\n", []string{
			".env:1: REVERB_APP_RATE_LIMITING_ENABLED=1: to Reverb only the word true switches this on; it stays off",
			".env:2: REVERB_APP_RATE_LIMIT_TERMINATE=off: to PHP this is true; write true or false"}},
		{"unknown accept", "REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM=nobody\n", []string{
			".env:1: REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM=nobody: Reverb knows members and all; to it this means none"}},
		{"origin with a scheme", "REVERB_ALLOWED_ORIGINS=http://localhost\n", []string{
			".env:1: REVERB_ALLOWED_ORIGINS=http://localhost: http://localhost never matches: Reverb compares the host name alone, without scheme and port"}},
		{"misspelt", "REVERB_APP_KYE=k\nECHOLAB_UIPORT=1\nREVERB_WHATEVER=1\n", []string{
			".env:2: ECHOLAB_UIPORT is read by nobody; did you mean ECHOLAB_UI_PORT?",
			".env:1: REVERB_APP_KYE is read by nobody; did you mean REVERB_APP_KEY?"}},
		{"read by commands that ask a running Echolab", "ECHOLAB_API=http://127.0.0.1:9\n", nil},
		{"lost by Laravel", "A=b#c\n", []string{".env:1: A is cut at '#': 1 character kept, 2 characters lost; put quotes around the value"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, load(t, folder(t, map[string]string{".env": c.env})).Warnings)
		})
	}
}
