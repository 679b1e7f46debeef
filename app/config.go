package app

import (
	"slices"
	"strings"
	"time"

	"echolab/app/store"
	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// Config is everything that Echolab can be told. Load makes one; its zero value is not usable.
type Config struct {
	// Host and Port are where the server listens, as REVERB_SERVER_HOST and REVERB_SERVER_PORT say for Reverb; Port
	// 0 is any free one. Unlike Reverb, Host is 127.0.0.1 unless something asks for more.
	Host string
	Port int
	// Path is put before every route: "" or "/" and the rest, without a slash at the end.
	Path string
	// Hostname is the name under which clients find the server: for the snippets, and its certificate is looked for.
	Hostname string

	// TLS is TLSFound, TLSAuto or TLSOff. TLSCert and TLSKey are absolute paths of PEM files, given or found; with
	// TLSAuto the certificate is Echolab's own, in TLSDir. TLSKey is "" when the key is in TLSCert.
	TLS     string
	TLSCert string
	TLSKey  string
	TLSDir  string

	Debug     bool   // print every message
	LogFormat string // LogText or LogJSON
	LogLevel  string // debug, info, warn or error

	// UIHost and UIPort are where the UI and the control API listen; UIPort 0 is any free one.
	UIHost string
	UIPort int
	// BodyPatience is how long a request's body may take there; 0 is the constant of that name.
	BodyPatience time.Duration
	// UIToken is what the UI asks for when UIHost is not loopback; "" is a new one at each start.
	UIToken string

	// EnvFile and ConfigFile are the files that were read, as they were named; "" where there was none.
	EnvFile    string
	ConfigFile string

	// DB is the SQLite file, an absolute path, or ":memory:". The default is a file for each first app's id in the
	// user's data folder (see DataDir).
	DB string

	// Retention is how much each database keeps.
	Retention store.Retention
	// KeepRuns is how many runs of the harness are kept besides those with a label; 0: all.
	KeepRuns int

	Profile string // ProfileReverb or ProfilePusher
	Ack     string // AckStored or AckDelivered

	MaxRequestSize  int           // bytes of one HTTP request; beyond it 413
	QueueBytes      int           // bytes that may wait for one connection; beyond it the connection is closed
	WriteTimeout    time.Duration // for one write to a connection
	AdmitWait       time.Duration // how long a publisher waits for a store that is behind before it gets 503
	ShutdownTimeout time.Duration // for a clean stop

	// Backend is laravel.Fixed, AsWritten or Off. BackendAddr is where the emulated application listens besides, host:port,
	// "" for nowhere. User is who asks when a request names nobody, an id; "" leaves that to Application.
	Backend     string
	BackendAddr string
	User        string
	// Application is what the emulated application consists of: the sections of echolab.yaml, the seed's where there
	// are none.
	Application *laravel.Application

	// Apps are the applications served, at least one. The app that the environment or .env names is the first and
	// overrides the app of echolab.yaml with the same id, setting by setting.
	Apps []pusher.App

	// PublishesTo is where the Laravel application beside the .env sends its events; zero where no .env names an app.
	PublishesTo Endpoint

	// Warnings are one line each, for people: what Laravel loses in the .env, what will not fit together.
	Warnings []string

	origins map[string]Origin
	refused []refusedKey // keys that are named here and not let in
	notes   []string     // remarks on single values, collected while they are read
	parts   []Printed    // sections of the emulated application: how much is in each, and where it stands
	sources Sources      // what it was loaded from
	watched []string     // the absolute paths of echolab.yaml and .env, be they there or not
	stamp   string       // how they were when they were read
}

// Values of Config.Profile, Config.TLS, Config.LogFormat and Config.Ack.
const (
	ProfileReverb = "reverb" // what works here works on Reverb, and what fails there fails here
	ProfilePusher = "pusher" // the documented behaviour of Pusher

	TLSFound = "found" // TLS with the files given, or with those of Laravel Herd or Valet for Hostname; else none
	TLSAuto  = "auto"  // TLS with a certificate of Echolab's own
	TLSOff   = "off"   // no TLS

	LogText = "text" // for people
	LogJSON = "json" // one object a line

	AckStored    = "stored"    // 200 means that the event is in the store
	AckDelivered = "delivered" // 200 means that it was given to the subscribers
)

// Endpoint is an address as Laravel's config/broadcasting.php has it: text, possibly empty.
type Endpoint struct{ Scheme, Host, Port string }

// URL is how a person would write the address; "" for the zero Endpoint.
func (e Endpoint) URL() string {
	if e == (Endpoint{}) {
		return ""
	}
	return e.Scheme + "://" + e.Host + ":" + e.Port
}

// Origin says where a value came from: "flag --port", "environment REVERB_SERVER_PORT", ".env:7",
// "echolab.yaml:3:7" or "default". name is a row of Settings, or such as "apps[0].key".
func (c Config) Origin(name string) string { return c.origins[name].String() }

// Sources is everything a configuration is made from, so that Load depends on nothing else but the files.
type Sources struct {
	Flags   map[string]string // only flags that were given, by name without dashes; true and false for switches
	Environ []string          // NAME=value, as os.Environ gives it
	Dir     string            // the working folder: .env and echolab.yaml are looked for here
}

// Load makes a Config. A flag wins over the environment, that over .env, that over echolab.yaml, that over the
// default, for each setting by itself. All errors are an *Error of code Invalid whose message has a line for each
// problem, with its place and the way out.
func Load(src Sources) (Config, error) {
	l := loader{src: src, config: Config{origins: make(map[string]Origin), sources: src}}
	l.readConfigFile()
	l.readEnvFile()
	if len(l.problems) == 0 {
		l.resolveSettings()
		l.resolveApps()
	}
	if len(l.problems) == 0 {
		l.resolveDB()
		l.resolveTLS()
		l.resolveApplication()
		l.resolveKeys()
		l.checkTogether()
	}
	l.config.Warnings = append(l.config.Warnings, l.config.notes...)
	if len(l.problems) > 0 {
		// What was lost in the .env may be why something is missing now.
		l.problems = append(slices.Clone(l.lost), l.problems...)
		return Config{}, &Error{Code: Invalid, Message: strings.Join(l.problems, "\n")}
	}
	return l.config, nil
}
