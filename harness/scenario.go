package harness

import "time"

// Scenario is what a file describes: virtual users, what they do and when, and what must hold. It is not changed once it
// has been read (Parse).
type Scenario struct {
	Name        string
	Description string
	File        string // as it was named
	Seed        uint64
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
	URL    string // ws://, wss://, http:// or https://; "" is the embedded emulator
	AppID  string
	Key    string
	Secret string
	Auth   AuthOptions
	// Namespace is Echo's: "" is App.Events.
	Namespace string
	// App is the address of the application behind http steps; "" is the target's own.
	App string
}

// AuthOptions says who authorises channels: the app's secret where Endpoint is "", else a real application.
type AuthOptions struct {
	Endpoint     string          // such as https://staging.test/broadcasting/auth
	UserEndpoint string          // for signing in; "" is beside Endpoint
	Headers      map[string]Text // sent with each request
	BearerToken  Text            // of each user
	CSRFToken    Text            // of each user; taken from the XSRF-TOKEN cookie where there is one
	Login        *HTTPRequest    // made once by each user before it connects; its cookies are kept
	Cookies      map[string]Text // of each user
	Timeout      time.Duration   // of one request; default 30 s
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
	Executor Executor
	Place    string
	// StartTime is when it begins, since the run's start.
	StartTime time.Duration
	// GracefulStop is how long an iteration may go on at the end before it is ended; default 30 s. GracefulRampDown is the
	// same for a user that a ramp takes away.
	GracefulStop     time.Duration
	GracefulRampDown time.Duration

	VUs         int           // constant-vus, per-vu-iterations
	StartVUs    int           // ramping-vus
	Iterations  int           // per-vu-iterations
	Duration    time.Duration // constant-*
	MaxDuration time.Duration // per-vu-iterations; default 10 min
	Stages      []Stage       // ramping-*
	StartRate   float64       // ramping-arrival-rate, in TimeUnit
	Rate        float64       // constant-arrival-rate, in TimeUnit
	TimeUnit    time.Duration // default 1 s
	// PreAllocatedVUs work from the start; up to MaxVUs are added when all are busy. An iteration that finds none is
	// dropped and counted.
	PreAllocatedVUs int
	MaxVUs          int

	User UserOptions
	// Setup runs once when a virtual user begins, Steps at each iteration (VU executors repeat them until the user is
	// taken away; without any it stays and listens), Teardown once when it ends.
	Setup, Steps, Teardown []Step
}

// UserOptions is who a virtual user is to the application.
type UserOptions struct {
	ID   Text  // the member's user_id; default: the user's number in the run
	Info Value // user_info
}

// Step is one step of a file, read and checked.
type Step struct {
	Kind  *StepKind
	Place string // file:line:column
	Name  string // what the file calls it, "" nothing
	If    *Expr  // run only when it holds; nil: always
	Do    Action // a pointer to the kind's struct with its fields filled in
}
