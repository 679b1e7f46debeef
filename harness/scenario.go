package harness

import "time"

// Scenario is what a file describes: virtual users, what they do and when, and what must hold. It is not changed once it
// has been read (Parse).
type Scenario struct {
	Name        string
	Description string
	File        string // as it was named
	Seed        uint64 // 0: the file gives none
	// Variables are the names that templates may use, with their values after -e, environment and file.
	Variables map[string]any
	Target    TargetOptions
	Payloads  map[string]Value
	Groups    []Group // in the order of the file
	// Thresholds are the file's, and those that hold by default for metrics that it does not name.
	Thresholds []Threshold
	// LateAfter is when a delivery counts as late; 0: never. Drain is how long the end waits for what is under way.
	LateAfter time.Duration
	Drain     time.Duration
	Health    HealthLimits
	// Hints are remarks on what is allowed and probably not meant, each with its place.
	Hints []string
}

// TargetOptions is what to test and how to be let in; flags win over it.
type TargetOptions struct {
	URL    string `yaml:"url" help:"ws://, wss://, http:// or https://; without one it is the embedded emulator"`
	AppID  string `yaml:"app.id" help:"the app's id"`
	Key    string `yaml:"app.key" help:"the app's key"`
	Secret string `yaml:"app.secret" help:"the app's secret, such as {{ env.PUSHER_APP_SECRET }}"`

	Auth AuthOptions `yaml:"auth" help:"who authorises channels: the app's secret where no endpoint is named"`
	// Namespace is Echo's: "" is App.Events.
	Namespace string `yaml:"namespace" help:"Echo's namespace of events (default App.Events)"`
	// EncryptionKey is the master key of encrypted channels, base64 of 32 bytes; "": as the emulated application derives it
	// from the secret.
	EncryptionKey string `yaml:"encryptionKey" help:"the master key of encrypted channels, base64 of 32 bytes, such as {{ env.ENCRYPTION_KEY }}"`
	// Shared says that others use the server too: members who are none of the run's are judged by strangers.go.
	Shared bool `yaml:"shared" help:"true: others use the server too, and are no ghosts; clients must agree about them"`
	// App is the address of the application behind http steps; "" is the target's own.
	App string `yaml:"application" help:"the address of the application for http steps and the login (default: auth.endpoint's, else the target's)"`
}

// AuthOptions says who authorises channels: the app's secret where Endpoint is "", else a real application.
type AuthOptions struct {
	Endpoint     string          `yaml:"endpoint" help:"such as https://staging.test/broadcasting/auth"`
	UserEndpoint string          `yaml:"userEndpoint" help:"for signing in (default: beside endpoint)"`
	Headers      map[string]Text `yaml:"headers" help:"sent with each request"`
	BearerToken  Text            `yaml:"bearerToken" help:"of each user"`
	CSRFToken    Text            `yaml:"csrfToken" help:"of each user, sent as X-CSRF-TOKEN; without one that of login's pages, else the cookie XSRF-TOKEN as X-XSRF-TOKEN"`
	Login        *Login          `yaml:"login" help:"how each user logs in, once, before it connects: a request as of the step http, with page and after; its cookies are kept"`
	Cookies      map[string]Text `yaml:"cookies" help:"of each user"`
	Timeout      time.Duration   `yaml:"timeout" help:"of one request (default 30s)"`
}

// Login is how a user gets into the application: a page for its cookies and CSRF token, the credentials, and the page on
// which Echo runs. The first and the last may be missing.
type Login struct {
	Page Text `yaml:"page" help:"fetched first, for its cookies and its CSRF token: the login form, such as /login, or /sanctum/csrf-cookie"`

	HTTPRequest `yaml:",inline"`

	After Text `yaml:"after" help:"fetched at last: the page on which Echo runs, for its CSRF token, such as /dashboard"`
}

// Executor names how a group's virtual users come and what makes an iteration due (k6's names).
type Executor string

// The executors.
const (
	ConstantVUs         Executor = "constant-vus"
	RampingVUs          Executor = "ramping-vus"
	PerVUIterations     Executor = "per-vu-iterations"
	ConstantArrivalRate Executor = "constant-arrival-rate"
	RampingArrivalRate  Executor = "ramping-arrival-rate"
)

// Group is one entry of a file's scenarios: virtual users who do the same.
type Group struct {
	Name     string
	Place    string
	Executor Executor `yaml:"executor" required:"true" help:"how users come and what makes an iteration due"`
	// StartTime is when it begins, since the run's start.
	StartTime time.Duration `yaml:"startTime" help:"when it begins, since the run's start"`
	// GracefulStop is how long an iteration may go on at the end before it is ended; default 30 s. GracefulRampDown is the
	// same for a user that a ramp takes away.
	GracefulStop     time.Duration `yaml:"gracefulStop" help:"how long an iteration may go on at the end before it is ended (default 30s)"`
	GracefulRampDown time.Duration `yaml:"gracefulRampDown" help:"the same for a user whom a ramp takes away (default 30s)"`

	VUs         int           `yaml:"vus" help:"how many virtual users"`
	StartVUs    int           `yaml:"startVUs" help:"how many users it begins with (default 0)"`
	Iterations  int           `yaml:"iterations" help:"how many each user makes (default 1)"`
	Duration    time.Duration `yaml:"duration" help:"for how long"`
	MaxDuration time.Duration `yaml:"maxDuration" help:"how long all iterations may take (default 10m)"`
	Stages      []Stage       `yaml:"stages" help:"the legs of the ramp"`
	StartRate   float64       `yaml:"startRate" help:"iterations each timeUnit at the beginning (default 0)"`
	Rate        float64       `yaml:"rate" help:"iterations each timeUnit"`
	TimeUnit    time.Duration `yaml:"timeUnit" help:"what rates count by (default 1s)"`
	// PreAllocatedVUs work from the start; up to MaxVUs are added when all are busy. An iteration that finds none is
	// dropped and counted.
	PreAllocatedVUs int `yaml:"preAllocatedVUs" help:"users who work from the start (default: the rate a second, at most 100)"`
	MaxVUs          int `yaml:"maxVUs" help:"users at most; they are added when all are busy (default: five times the rate a second, at most 1000)"`

	User UserOptions `yaml:"user" help:"who a virtual user is to the application"`
	// Journey is where Setup, Steps and Teardown come from that the group does not have itself.
	Journey string `yaml:"journey" of:"journeys" help:"the journey that setup, steps and teardown are taken from where they are not here"`
	// Setup runs once when a virtual user begins, Steps at each iteration (VU executors repeat them until the user is
	// taken away; without any it stays and listens), Teardown once when it ends.
	Setup    []Step `yaml:"setup" help:"done once when a virtual user begins"`
	Steps    []Step `yaml:"steps" help:"an iteration; without any the user stays and listens"`
	Teardown []Step `yaml:"teardown" help:"done once when a virtual user ends"`
}

// UserOptions is who a virtual user is to the application.
type UserOptions struct {
	ID   Text  `yaml:"id" help:"the member's user_id (default: the user's number in the run)"`
	Info Value `yaml:"info" help:"user_info, an object"`
}

// Step is one step of a file, read and checked.
type Step struct {
	Kind  *StepKind
	Place string // file:line:column
	Name  string // what the file calls it, "" nothing
	If    *Expr  // run only when it holds; nil: always
	Do    Action // a pointer to the kind's struct with its fields filled in
}
