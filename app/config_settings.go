package app

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// Setting is one row of the tables of settings, for help, completion and documents.
type Setting struct {
	Name    string   // in echolab.yaml and in --print-config
	Flag    string   // without dashes; "" if it has none
	Env     string   // in the environment and .env; "" if it has none
	Default string   // as a person would write it
	Help    string   // one line
	Values  []string // the possible values, where there are few
	Switch  bool     // true or false; its flag needs no value
}

// setting is a row with what the loader needs besides.
type setting[T any] struct {
	Setting
	as          field[T]
	secret      bool
	flagOnly    bool  // not in echolab.yaml
	null, empty blank // what the word null and the empty text mean
}

// blank is what an empty value or null means.
type blank int

const (
	refused blank = iota // an error: Laravel passes it on, and Reverb cannot start with it
	unset                // as if the source did not have it
	kept                 // the empty text
)

var backendModes = []string{string(laravel.Fixed), string(laravel.AsWritten), string(laravel.Off)}

var logLevels = []string{"debug", "info", "warn", "error"}

// settings of the whole program. Where a row has one of Reverb's names it follows Laravel's stock config/reverb.php;
// null and empty say what becomes of such a value there.
var settings = []setting[Config]{
	{Setting: Setting{Name: "host", Flag: "host", Env: "REVERB_SERVER_HOST", Default: "127.0.0.1",
		Help: "address the server listens on; 0.0.0.0 is every one of this machine"},
		as: text(func(c *Config) *string { return &c.Host }, checkHost)},
	{Setting: Setting{Name: "port", Flag: "port", Env: "REVERB_SERVER_PORT", Default: "8080",
		Help: "port the server listens on; 0 is any free one"},
		as: whole(func(c *Config) *int { return &c.Port }, 0, 65535, "0 is any free port")},
	{Setting: Setting{Name: "path", Flag: "path", Env: "REVERB_SERVER_PATH",
		Help: "prefix of every route, such as /ws"},
		as: text(func(c *Config) *string { return &c.Path }, checkPath), null: kept, empty: kept},
	{Setting: Setting{Name: "hostname", Flag: "hostname", Env: "REVERB_HOST",
		Help: "name under which clients find the server, for its certificate and the snippets"},
		as: text(func(c *Config) *string { return &c.Hostname }, nil), null: kept, empty: kept},
	{Setting: Setting{Name: "tls", Flag: "tls", Env: "ECHOLAB_TLS", Default: TLSFound, Values: []string{TLSFound, TLSAuto, TLSOff},
		Help: "found: with tls.cert, or Herd's or Valet's certificate of the hostname; auto: with one of Echolab's own; off"},
		as: oneOf(func(c *Config) *string { return &c.TLS }, TLSFound, TLSAuto, TLSOff), null: unset, empty: unset},
	{Setting: Setting{Name: "tls.cert", Flag: "tls-cert", Env: "ECHOLAB_TLS_CERT",
		Help: "certificate and its chain, a PEM file"},
		as: text(func(c *Config) *string { return &c.TLSCert }, nil), null: unset, empty: unset},
	{Setting: Setting{Name: "tls.key", Flag: "tls-key", Env: "ECHOLAB_TLS_KEY",
		Help: "its private key, a PEM file (default: in the certificate's file)"},
		as: text(func(c *Config) *string { return &c.TLSKey }, nil), null: unset, empty: unset},
	{Setting: Setting{Name: "debug", Flag: "debug", Env: "ECHOLAB_DEBUG", Default: "false", Switch: true,
		Help: "print every message"},
		as: truth(func(c *Config) *bool { return &c.Debug }), null: unset, empty: unset},
	{Setting: Setting{Name: "log_format", Flag: "log-format", Env: "ECHOLAB_LOG_FORMAT", Default: LogText, Values: []string{LogText, LogJSON},
		Help: "how the log on standard error is written; json too with --json"},
		as: oneOf(func(c *Config) *string { return &c.LogFormat }, LogText, LogJSON), null: unset, empty: unset},
	{Setting: Setting{Name: "log_level", Flag: "log-level", Env: "ECHOLAB_LOG_LEVEL", Default: "info", Values: logLevels,
		Help: "least important lines of the log: debug, info, warn or error; frames come with --debug alone"},
		as: oneOf(func(c *Config) *string { return &c.LogLevel }, logLevels...), null: unset, empty: unset},
	{Setting: Setting{Name: "ui_host", Flag: "ui-host", Env: "ECHOLAB_UI_HOST", Default: "127.0.0.1",
		Help: "address of the UI and the control API"},
		as: text(func(c *Config) *string { return &c.UIHost }, checkHost), null: unset, empty: unset},
	{Setting: Setting{Name: "ui_port", Flag: "ui-port", Env: "ECHOLAB_UI_PORT", Default: "8089",
		Help: "port of the UI and the control API; 0 is any free one"},
		as: whole(func(c *Config) *int { return &c.UIPort }, 0, 65535, "0 is any free port"), null: unset, empty: unset},
	{Setting: Setting{Name: "ui_token", Env: "ECHOLAB_UI_TOKEN",
		Help: "what the UI asks for when ui_host is not loopback (default: a new one at each start)"},
		as: text(func(c *Config) *string { return &c.UIToken }, checkToken), null: unset, empty: unset, secret: true},
	{Setting: Setting{Name: "env_file", Flag: "env-file", Env: "ECHOLAB_ENV_FILE",
		Help: "the .env to read (default .env, if there)"},
		as: text(func(c *Config) *string { return &c.EnvFile }, nil), null: unset, empty: unset},
	{Setting: Setting{Name: "config", Flag: "config", Env: "ECHOLAB_CONFIG",
		Help: "the configuration file (default echolab.yaml, if there)"},
		as: text(func(c *Config) *string { return &c.ConfigFile }, nil), null: unset, empty: unset, flagOnly: true},
	{Setting: Setting{Name: "backend", Flag: "backend", Env: "ECHOLAB_BACKEND", Default: string(laravel.Fixed), Values: backendModes,
		Help: "the emulated Laravel application: fixed, as-written (with its guide's mistakes) or off"},
		as: oneOf(func(c *Config) *string { return &c.Backend }, backendModes...), null: unset, empty: unset},
	{Setting: Setting{Name: "backend_addr", Flag: "backend-addr", Env: "ECHOLAB_BACKEND_ADDR",
		Help: "where it listens besides the server's port, such as 127.0.0.1:8000 in place of artisan serve"},
		as: address(func(c *Config) *string { return &c.BackendAddr }), null: unset, empty: unset},
	{Setting: Setting{Name: "user", Flag: "user", Env: "ECHOLAB_USER",
		Help: "id of the user who asks when a request names nobody (default: auth.default_user of echolab.yaml)"},
		as: text(func(c *Config) *string { return &c.User }, nil), null: unset, empty: unset, flagOnly: true},
	{Setting: Setting{Name: "db", Flag: "db", Env: "ECHOLAB_DB",
		Help: "SQLite file to keep events in, or :memory: (default: a file in the user's data folder)"},
		as: text(func(c *Config) *string { return &c.DB }, nil), null: unset, empty: unset},
	{Setting: Setting{Name: "retention.rows", Env: "ECHOLAB_RETENTION_ROWS", Default: fmt.Sprint(DefaultRetention.Rows),
		Help: "entries a database keeps, the newest ones; 0 is no limit"},
		as: rows64(func(c *Config) *int64 { return &c.Retention.Rows }), null: unset, empty: unset},
	{Setting: Setting{Name: "retention.age", Env: "ECHOLAB_RETENTION_AGE",
		Help: "how long an entry is kept, such as 12h or 30d (default 0: no limit)"},
		as: age(func(c *Config) *time.Duration { return &c.Retention.Age }), null: unset, empty: unset},
	{Setting: Setting{Name: "retention.bytes", Env: "ECHOLAB_RETENTION_BYTES", Default: "1GiB",
		Help: "size of a database, such as 500MB or 2GiB; 0 is no limit"},
		as: size(func(c *Config) *int64 { return &c.Retention.Bytes }), null: unset, empty: unset},
	{Setting: Setting{Name: "retention.runs", Env: "ECHOLAB_RETENTION_RUNS", Default: fmt.Sprint(DefaultKeepRuns),
		Help: "runs of the harness that are kept, the newest ones and those with a label; 0 is no limit"},
		as: whole(func(c *Config) *int { return &c.KeepRuns }, 0, 1_000_000, "0 is no limit"), null: unset, empty: unset},
	{Setting: Setting{Name: "profile", Flag: "profile", Env: "ECHOLAB_PROFILE", Default: ProfileReverb,
		Values: []string{ProfileReverb, ProfilePusher}, Help: "whose behaviour to show: reverb or pusher"},
		as: oneOf(func(c *Config) *string { return &c.Profile }, ProfileReverb, ProfilePusher), null: unset, empty: unset},
	{Setting: Setting{Name: "ack", Flag: "ack", Env: "ECHOLAB_ACK", Default: AckStored,
		Values: []string{AckStored, AckDelivered}, Help: "answer a publish when the event is stored or delivered"},
		as: oneOf(func(c *Config) *string { return &c.Ack }, AckStored, AckDelivered), null: unset, empty: unset},
	{Setting: Setting{Name: "max_request_size", Env: "REVERB_MAX_REQUEST_SIZE", Default: fmt.Sprint(pusher.DefaultMaxRequestSize),
		Help: "bytes of one HTTP request"},
		as: whole(func(c *Config) *int { return &c.MaxRequestSize }, 1, 1<<30, "bytes"), null: unset},
	{Setting: Setting{Name: "queue_bytes", Env: "ECHOLAB_QUEUE_BYTES", Default: fmt.Sprint(1 << 20),
		Help: "bytes that may wait for one connection before it is closed as too slow"},
		as: whole(func(c *Config) *int { return &c.QueueBytes }, 1, 1<<30, "bytes"), null: unset, empty: unset},
	{Setting: Setting{Name: "write_timeout", Env: "ECHOLAB_WRITE_TIMEOUT", Default: "10s",
		Help: "time for one write to a connection"},
		as: duration(func(c *Config) *time.Duration { return &c.WriteTimeout }, time.Millisecond, 0), null: unset, empty: unset},
	{Setting: Setting{Name: "admit_wait", Env: "ECHOLAB_ADMIT_WAIT", Default: "1s",
		Help: "how long a publisher waits for a store that is behind before it gets 503"},
		as: duration(func(c *Config) *time.Duration { return &c.AdmitWait }, time.Millisecond, 0), null: unset, empty: unset},
	{Setting: Setting{Name: "shutdown_timeout", Env: "ECHOLAB_SHUTDOWN_TIMEOUT", Default: "5s",
		Help: "time for a clean stop"},
		as: duration(func(c *Config) *time.Duration { return &c.ShutdownTimeout }, time.Millisecond, 0), null: unset, empty: unset},
}

// appSettings are the settings of one application. Under apps in echolab.yaml each app has its own; in the environment
// and .env they belong to the one app there.
var appSettings = []setting[pusher.App]{
	{Setting: Setting{Name: "id", Env: "REVERB_APP_ID", Help: "application id, in the paths of the HTTP API"},
		as: text(func(a *pusher.App) *string { return &a.ID }, checkCredential)},
	{Setting: Setting{Name: "key", Env: "REVERB_APP_KEY", Help: "application key, public"},
		as: text(func(a *pusher.App) *string { return &a.Key }, checkCredential)},
	{Setting: Setting{Name: "keys", Env: "ECHOLAB_APP_KEYS",
		Help: "further keys that the app answers to, a list; a comma list in the environment (not with backend as-written)"},
		as: keyList(), null: unset, empty: unset},
	{Setting: Setting{Name: "secret", Env: "REVERB_APP_SECRET", Help: "application secret, signs requests"},
		as: text(func(a *pusher.App) *string { return &a.Secret }, nil), secret: true},
	{Setting: Setting{Name: "allowed_origins", Env: "REVERB_ALLOWED_ORIGINS", Default: "*",
		Help: "host names that pages may connect from, * for any run of characters; a comma list in the environment"},
		as: originList()},
	{Setting: Setting{Name: "ping_interval", Env: "REVERB_APP_PING_INTERVAL", Default: "60s",
		Help: "silence after which the server pings"},
		as: duration(func(a *pusher.App) *time.Duration { return &a.PingInterval }, time.Second, 0)},
	{Setting: Setting{Name: "activity_timeout", Env: "REVERB_APP_ACTIVITY_TIMEOUT", Default: "30s",
		Help: "silence after which a client pings, told to it in the handshake"},
		as: duration(func(a *pusher.App) *time.Duration { return &a.ActivityTimeout }, time.Second, time.Second), null: unset},
	{Setting: Setting{Name: "max_connections", Env: "REVERB_APP_MAX_CONNECTIONS", Default: "no limit",
		Help: "subscribed sockets at one time"},
		as: maxConnections(), null: unset},
	{Setting: Setting{Name: "max_message_size", Env: "REVERB_APP_MAX_MESSAGE_SIZE", Default: fmt.Sprint(pusher.DefaultMaxMessageSize),
		Help: "bytes of one message from a client"},
		as: whole(func(a *pusher.App) *int { return &a.MaxMessageSize }, 1, 1<<30, "bytes")},
	{Setting: Setting{Name: "accept_client_events_from", Env: "REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM", Default: pusher.AcceptMembers,
		Values: []string{pusher.AcceptMembers, pusher.AcceptAll, pusher.AcceptNone}, Help: "who may whisper: members, all or none"},
		as: acceptFrom(), null: kept, empty: kept},
	{Setting: Setting{Name: "rate_limiting.enabled", Env: "REVERB_APP_RATE_LIMITING_ENABLED", Default: "false", Switch: true,
		Help: "count the messages of each socket"},
		as: phpTruth(func(a *pusher.App) *bool { return &a.RateLimit.Enabled }, true), null: unset, empty: unset},
	{Setting: Setting{Name: "rate_limiting.max_attempts", Env: "REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS", Default: fmt.Sprint(pusher.DefaultRateAttempts),
		Help: "messages let through in a window"},
		as: whole(func(a *pusher.App) *int { return &a.RateLimit.MaxAttempts }, 1, 1<<30, "messages")},
	{Setting: Setting{Name: "rate_limiting.decay", Env: "REVERB_APP_RATE_LIMIT_DECAY_SECONDS", Default: "60s",
		Help: "length of the window"},
		as: duration(func(a *pusher.App) *time.Duration { return &a.RateLimit.Decay }, time.Millisecond, 0), null: unset},
	{Setting: Setting{Name: "rate_limiting.terminate", Env: "REVERB_APP_RATE_LIMIT_TERMINATE", Default: "false", Switch: true,
		Help: "end the connection instead of answering with an error"},
		as: phpTruth(func(a *pusher.App) *bool { return &a.RateLimit.Terminate }, false), null: unset, empty: unset},
	{Setting: Setting{Name: "subscription_count", Default: "false", Switch: true,
		Help: "send pusher_internal:subscription_count (profile pusher)"},
		as: truth(func(a *pusher.App) *bool { return &a.SubscriptionCount }), null: unset, empty: unset},
}

// Settings lists the settings of the program, AppSettings those of one application, in the order of the documents.
func Settings() []Setting { return rows(settings) }

// AppSettings lists the settings of one application.
func AppSettings() []Setting { return rows(appSettings) }

func rows[T any](table []setting[T]) []Setting {
	out := make([]Setting, len(table))
	for i, row := range table {
		out[i] = row.Setting
	}
	return out
}

func checkHost(host string) string {
	if net.ParseIP(host) != nil {
		return ""
	}
	if strings.ContainsAny(host, ":/ \t\n") || host == "" {
		return "must be an address or a host name alone, without scheme and port, such as 127.0.0.1"
	}
	return ""
}

// address is host:port; a port alone is one of 127.0.0.1.
func address(at func(*Config) *string) field[Config] {
	return field[Config]{
		set: func(c *Config, v value) error {
			host, port, err := net.SplitHostPort(v.text)
			if _, alone := strconv.Atoi(v.text); alone == nil {
				host, port, err = "", v.text, nil
			}
			n, notNumber := strconv.Atoi(port)
			if host == "" {
				host = "127.0.0.1"
			}
			if v.isList || err != nil || notNumber != nil || n < 0 || n > 65535 || net.ParseIP(host) == nil && checkHost(host) != "" {
				return v.refuse("must be an address and a port, such as 127.0.0.1:8000")
			}
			*at(c) = net.JoinHostPort(host, strconv.Itoa(n))
			return nil
		},
		get:    func(c *Config) any { return *at(c) },
		schema: jsonSchema{"type": []any{"string", "integer"}, "pattern": `^(.*:)?[0-9]{1,5}$`, "minimum": 0, "maximum": 65535},
	}
}

func checkPath(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("?#{}", r) }) {
		return "must be the beginning of a path, such as /ws"
	}
	return ""
}

func checkCredential(s string) string {
	if strings.ContainsAny(s, "/\n\r") {
		return "must not contain a slash or a line end: it is a part of a path"
	}
	return ""
}

// maxConnections keeps the pointer of pusher.App: nil is no limit.
func maxConnections() field[pusher.App] {
	return field[pusher.App]{
		set: func(a *pusher.App, v value) error {
			var n int
			at := func(*pusher.App) *int { return &n }
			if err := whole(at, 1, 1<<30, "leave it out for no limit").set(a, v); err != nil {
				return err
			}
			a.MaxConnections = &n
			return nil
		},
		get: func(a *pusher.App) any {
			if a.MaxConnections == nil {
				return nil
			}
			return *a.MaxConnections
		},
		schema: jsonSchema{"type": "integer", "minimum": 1, "maximum": 1 << 30},
	}
}

// acceptFrom takes any text from the environment, as Reverb does: what it doesn't know means none, and no value means
// all (laravel/reverb ConfigApplicationProvider.php, ClientEvent.php).
func acceptFrom() field[pusher.App] {
	exact := oneOf(func(a *pusher.App) *string { return &a.AcceptClientEventsFrom }, pusher.AcceptMembers, pusher.AcceptAll, pusher.AcceptNone)
	return field[pusher.App]{
		set: func(a *pusher.App, v value) error {
			err := exact.set(a, v)
			switch {
			case err == nil || !v.reverb():
				return err
			case v.null:
				a.AcceptClientEventsFrom = pusher.AcceptAll
				v.note("to Reverb this means all; write members, all or none")
			default:
				a.AcceptClientEventsFrom = pusher.AcceptNone
				v.note("Reverb knows members and all; to it this means none")
			}
			return nil
		},
		get: exact.get, schema: exact.schema,
	}
}

// phpTruth is PHP's idea of truth under Reverb's names. exact: compared with === true, so that only the word true
// counts (laravel/reverb Application.php usesRateLimiting), otherwise all but "", "0" and the word false.
func phpTruth(at func(*pusher.App) *bool, exact bool) field[pusher.App] {
	strict := truth(at)
	return field[pusher.App]{
		set: func(a *pusher.App, v value) error {
			if !v.reverb() || v.word {
				return strict.set(a, v)
			}
			*at(a) = !exact && v.text != "0"
			switch {
			case exact && v.text != "0":
				v.note("to Reverb only the word true switches this on; it stays off")
			case !exact && v.text != "0" && v.text != "1":
				v.note("to PHP this is true; write true or false")
			}
			return nil
		},
		get: strict.get, schema: strict.schema,
	}
}

// originList is a list in YAML and a comma list in the environment.
func originList() field[pusher.App] {
	return field[pusher.App]{
		set: func(a *pusher.App, v value) error {
			list := v.list
			if !v.isList {
				list = strings.Split(v.text, ",")
			}
			origins := make([]string, 0, len(list))
			for _, origin := range list {
				origin = strings.TrimSpace(origin)
				if origin == "" {
					return v.refuse("must be host names or *, separated by commas")
				}
				if bare := strings.TrimSuffix(strings.TrimPrefix(origin, "["), "]"); strings.ContainsAny(origin, ":/") && (bare == origin || net.ParseIP(bare) == nil) {
					v.note("%s never matches: Reverb compares the host name alone, without scheme and port", origin)
				}
				origins = append(origins, origin)
			}
			if len(origins) == 0 {
				return v.refuse(`lets nobody in; write ["*"] for everybody`)
			}
			a.AllowedOrigins = origins
			return nil
		},
		get:    func(a *pusher.App) any { return a.AllowedOrigins },
		schema: jsonSchema{"type": []any{"array", "string"}, "items": jsonSchema{"type": "string"}, "minItems": 1},
	}
}
