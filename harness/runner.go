package harness

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

// Options is what a run is given besides its plan.
type Options struct {
	// URL is the server's address, App its credentials; TLS whom to trust.
	URL string
	App pusher.App
	TLS *tls.Config
	// Embedded says that the server runs in this process: its CPU is then counted with the generator's.
	Embedded bool
	// ServerPID is the server's process where it runs on this machine, 0 elsewhere.
	ServerPID int
	// MasterKey is that of encrypted channels, 32 bytes; nil: derived from the secret. The scenario's own wins.
	MasterKey []byte
	// Application is the address of http steps; "" is URL.
	Application string
	// Catalogue makes the events of emit; nil: there is none.
	Catalogue Catalogue
	// Backend is the emulated application, for notify and workflow; nil: there is none.
	Backend Backend
	// Progress is told how it goes once a second, and when something fails; it must not block. nil: nobody.
	Progress func(Progress)
	// Version is Echolab's, for the report.
	Version string
	// Heard is told every event that a client received, for --events; nil: nobody.
	Heard func(client, channel, event string, data []byte, at time.Duration)
	// Unchecked has events counted and nothing else: no delivery and no member list is held against anything. It is for
	// measuring what the checks cost; such a run tells nothing about the server.
	Unchecked bool
}

// Catalogue knows the events of the application.
type Catalogue interface {
	// Occurrence draws an event: seed makes it repeatable. An event may mean several requests.
	Occurrence(name string, params, set map[string]any, seed uint64) ([]Emission, error)
}

// Emission is one request that an event of the catalogue comes to.
type Emission struct {
	Event    string
	Channels []string
	Payload  []byte // JSON
}

// run is one run under way.
type run struct {
	plan     *Plan
	scenario *Scenario
	opt      Options
	id       string
	start    time.Time
	registry *Registry
	ledger   *Ledger
	house    *House
	health   *Health
	engine   *echo.Engine
	target   *target
	clients  *echo.Options
	endpoint *echo.Endpoint // nil where the secret authorises

	lag, frames, bytes Series
	connections        atomic.Int64
	users              atomic.Int64
	rec                *Recorder
	intakes            []*Recorder // one for each of the engine's loops, so that none waits for another

	background sync.WaitGroup // slow readers
	settled    atomic.Bool    // nothing is entered any more
	unmarked   atomic.Bool    // a payload was no object, so its deliveries could not be checked

	groups []*groupRun

	mu        sync.Mutex // guards what follows
	errors    map[string]int64
	errorList []string
	warnings  []string // besides, for people
	dead      map[[3]string]*DeadListener
	expected  map[string]*Expectation
	phases    []Phase
	lost      int64 // connections that nobody of the run ended
	trouble   error // the target cannot be reached any more
	aborted   string
	stop      context.CancelFunc
}

// Run plays a plan to its end, or until ctx ends, and returns what came of it: a Result whatever happens, but for an error
// in the options themselves.
func Run(ctx context.Context, p *Plan, opt Options) (*Result, error) {
	if key := p.Scenario.Target.EncryptionKey; key != "" {
		opt.MasterKey, _ = base64.StdEncoding.DecodeString(key) // Parse has tried it
	}
	if opt.Backend == nil {
		if err := needsBackend(p.Scenario, opt.Embedded); err != nil {
			return nil, err
		}
	}
	if place := queued(p.Scenario); place != "" && !opt.Embedded {
		return nil, fmt.Errorf("%s: the row of a queued notification comes after its broadcast, which only the embedded emulator can do under a scenario; leave --url out, or queued", place)
	}
	t, err := newTarget(opt.URL, opt.App, opt.TLS, opt.MasterKey)
	if err != nil {
		return nil, err
	}
	perClient := 1
	if opt.Embedded {
		perClient = 2
	}
	if err := echo.CheckRoom(p.Users(), perClient); err != nil {
		return nil, err
	}
	err = t.reach(ctx)
	if err == nil && !opt.Embedded {
		err = t.greet(ctx, opt.TLS, originOf(p.Scenario.Target.Auth.Endpoint))
	}
	if _, step := lacksBackend(p.Scenario); err == nil && step != "" {
		err = opt.Backend.Reach(ctx)
	}
	if err != nil {
		result := newRun(p, opt, t).result(time.Now())
		result.Verdict, result.Reasons = Unreachable, []string{err.Error()}
		if ctx.Err() != nil {
			result.Verdict, result.Reasons = Interrupted, []string{"interrupted before anything was tested"}
		}
		return result, nil
	}
	return newRun(p, opt, t).play(ctx), nil // its clock begins now: a target that is far away makes nothing late
}

func newRun(p *Plan, opt Options, t *target) *run {
	r := &run{plan: p, scenario: p.Scenario, opt: opt, target: t, registry: NewRegistry(), errors: make(map[string]int64),
		dead: make(map[[3]string]*DeadListener), expected: make(map[string]*Expectation)}
	r.id = fmt.Sprintf("%08x", uint32(time.Now().UnixNano()/1000)^rand.Uint32())
	r.start = time.Now()
	run, family := r.id, ""
	if p.Segment.N > 1 {
		family = p.Hash[:8] + "-"
		run = fmt.Sprintf("%s%d-%s", family, p.Segment.K, r.id)
	}
	r.ledger = NewLedger(LedgerConfig{Run: run, Family: family, Start: r.start, Registry: r.registry, LateAfter: r.scenario.LateAfter, Patience: r.scenario.Drain})
	r.house = NewHouse(HouseConfig{Start: r.start, Registry: r.registry, Others: p.Segment.N > 1 || p.Scenario.Target.Shared, Patience: r.scenario.Drain})
	r.rec = r.registry.Recorder()
	r.lag, r.frames, r.bytes = r.registry.Series(ScheduleLag), r.registry.Series(FramesReceived), r.registry.Series(BytesReceived)
	if len(t.key) == 0 {
		key := sha256.Sum256([]byte("echolab encryption master key:" + opt.App.Secret)) // as the emulated application does
		t.key = key[:]
	}
	return r
}

// play is the run itself.
func (r *run) play(ctx context.Context) *Result {
	work, stop := context.WithCancel(ctx)
	defer stop()
	r.stop = stop
	r.engine = echo.NewEngine(echo.Config{TLS: r.opt.TLS, Seed: r.plan.Seed | 1})
	defer r.engine.Close()
	for range r.engine.Loops() {
		r.intakes = append(r.intakes, r.registry.Recorder())
	}
	defer r.target.http.CloseIdleConnections()
	if err := r.prepare(); err != nil {
		result := r.result(time.Now())
		result.Verdict, result.Reasons = Unreachable, []string{err.Error()}
		return result
	}
	r.house.cfg.Elsewhere = r.elsewhere()
	r.health = NewHealth(r.scenario.Health, r.registry, r.opt.Embedded, time.Now())

	watching, watched := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	watch.Go(func() { r.watch(watching) })

	r.phase("load")
	var groups sync.WaitGroup
	for i := range r.scenario.Groups {
		g := r.newGroup(&r.scenario.Groups[i])
		r.mu.Lock()
		r.groups = append(r.groups, g)
		r.mu.Unlock()
		groups.Go(func() { g.play(work) })
	}
	groups.Wait()
	ended := time.Now()
	r.everyGroup(func(g *groupRun) { g.last(work) })
	r.stillThere(ctx, ended)

	r.phase("drain")
	r.drain(ctx)
	r.witness(ctx)
	r.settled.Store(true)
	presence, delivery := PresenceResult{Evidence: []PresenceEvidence{}}, DeliveryResult{Evidence: []Evidence{}}
	var left []byte
	if now := time.Now(); !r.opt.Unchecked {
		presence, delivery = r.house.Settle(now), r.ledger.Settle(now)
		if r.plan.Segment.N > 1 {
			left = r.ledger.share(now.Add(-r.apart())).pack()
		}
	}

	r.phase("leave")
	r.everyGroup((*groupRun).leave)
	r.background.Wait()
	watched()
	watch.Wait()
	r.phase("")

	r.registry.Tick()
	result := r.result(ended)
	result.Delivery, result.Presence, result.Share = delivery, presence, left
	result.Health = r.health.Result(result, time.Now())
	if g := max(r.ledger.grace.ns(), r.house.grace.ns()); !r.opt.Unchecked && (r.ledger.grace.wider() || r.house.grace.wider()) {
		r.warn("subscribes took up to " + (time.Duration(g) / 2).Round(time.Millisecond).String() + ": what happened less than " + time.Duration(g).Round(time.Millisecond).String() + " before or after a client came or went is not judged")
	}
	if wrong := presence.Ghosts + presence.Drift; wrong > 0 && !r.house.cfg.Others {
		if ids := r.house.unknown(); len(ids) > 0 {
			r.warn("members of presence channels are none of the run's (" + few(ids) + "): if others use the server too, say so with --shared, or shared: true under target")
		}
	}
	r.mu.Lock()
	result.Warnings = append(result.Warnings, r.warnings...)
	switch {
	case ctx.Err() != nil:
		result.Verdict, result.Reasons = Interrupted, []string{"interrupted after " + ended.Sub(r.start).Round(time.Second).String()}
	case r.trouble != nil:
		result.Verdict, result.Reasons = Unreachable, []string{r.trouble.Error()}
	}
	if r.unmarked.Load() {
		result.Warnings = append(result.Warnings, "some payloads are no JSON objects: they cannot be told apart, and their deliveries were not checked; Reverb refuses whispers of texts and numbers with error 4200")
	}
	if r.aborted != "" {
		result.Warnings = append(result.Warnings, "ended early: "+r.aborted)
	}
	r.mu.Unlock()
	result.Judge(r.scenario.Thresholds)
	if r.aborted != "" {
		for i := range result.Thresholds {
			t := &result.Thresholds[i]
			t.Aborted = t.Metric+" "+t.Expression == r.aborted
		}
	}
	return result
}

// stillThere asks the target once more where something went wrong: one that died on the way is no verdict on what it did
// until then.
func (r *run) stillThere(ctx context.Context, ended time.Time) {
	r.mu.Lock()
	suspect := len(r.errors) > 0 || r.lost > 0
	r.mu.Unlock()
	if !suspect || ctx.Err() != nil {
		return
	}
	if err := r.target.reach(ctx); err != nil && ctx.Err() == nil {
		r.mu.Lock()
		r.trouble = fmt.Errorf("the target was there at the beginning and not at the end, after %s: %w", ended.Sub(r.start).Round(time.Second), err)
		r.mu.Unlock()
		r.tell(r.trouble.Error())
	}
}

func (r *run) everyGroup(what func(g *groupRun)) {
	var all sync.WaitGroup
	for _, g := range r.groups {
		all.Go(func() { what(g) })
	}
	all.Wait()
}

// prepare says how clients connect.
func (r *run) prepare() error {
	c := &echo.Options{Key: r.opt.App.Key, NoMembers: true, Observer: r.observe, Namespace: r.scenario.Target.Namespace}
	if err := c.ForURL(r.opt.URL); err != nil {
		return err
	}
	c.Transports = []string{"ws"}
	if c.TLS {
		c.Transports = []string{"wss"}
	}
	c.Authorizer = &echo.Signer{App: r.opt.App, MasterKey: r.target.key, Member: func(c *echo.Client, _ string) (echo.Member, bool) {
		u := c.Tag.(*User)
		return echo.Member{ID: u.id, Info: u.info}, true
	}}
	if auth := r.scenario.Target.Auth; auth.Endpoint != "" {
		var err error
		if r.endpoint, err = r.newEndpoint(auth, c); err != nil {
			return err
		}
		c.Authorizer = r.endpoint
	}
	r.clients = c
	return nil
}

// drain waits until everything that is under way has arrived, at most as long as the scenario says.
func (r *run) drain(ctx context.Context) {
	end := time.Now().Add(r.scenario.Drain)
	if ctx.Err() != nil { // what was sent a moment before an interruption is not lost because nobody waited for it
		end = time.Now().Add(min(r.scenario.Drain, time.Second))
		ctx = context.WithoutCancel(ctx)
	}
	if r.opt.Unchecked {
		r.quiet(ctx, end)
		return
	}
	began := r.ledger.since(time.Now())
	for ctx.Err() == nil && time.Now().Before(end) {
		if most := int64(r.apart()); most > 0 && r.ledger.since(time.Now()) < max(began, r.ledger.heardSibling.Load())+most {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		if !r.ledger.Waiting() && r.house.Outstanding() == 0 {
			// What nobody is owed may still come, to somebody who must not get it.
			if !pause(ctx, min(100*time.Millisecond, time.Until(end))) || !r.ledger.Waiting() && r.house.Outstanding() == 0 {
				return
			}
		}
		if !pause(ctx, 20*time.Millisecond) {
			return
		}
	}
}

// apart is for how long nothing of another segment must have come before a segment ends: nobody tells it what is still
// under way.
func (r *run) apart() time.Duration {
	if r.plan.Segment.N <= 1 {
		return 0
	}
	return min(2*time.Second, r.scenario.Drain/2)
}

// quiet waits until nothing has come for half a second.
func (r *run) quiet(ctx context.Context, end time.Time) {
	for before := int64(-1); time.Now().Before(end); {
		now := r.registry.count(r.frames)
		if now == before || !pause(ctx, 500*time.Millisecond) {
			return
		}
		before = now
	}
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(0, d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// result is what there is, without verdicts.
func (r *run) result(ended time.Time) *Result {
	host, _ := os.Hostname()
	out := &Result{Version: ResultVersion, ID: r.id, Name: r.scenario.Name, File: r.scenario.File, Seed: r.plan.Seed, PlanHash: r.plan.Hash,
		Segment: r.plan.Segment.String(), Started: r.start.UTC().Round(0), DurationMS: float64(ended.Sub(r.start)) / 1e6,
		Target: TargetInfo{URL: r.target.base.Redacted(), AppID: r.opt.App.ID, AppKey: r.opt.App.Key, Embedded: r.opt.Embedded},
		Environment: Environment{Echolab: r.opt.Version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
			CPUs: runtime.GOMAXPROCS(0), Hostname: host, CI: ci()},
		Reasons: []string{}, Warnings: slices.Clone(r.scenario.Hints), Metrics: r.registry.Results(), Health: HealthResult{OK: true, Reasons: []string{}},
		Thresholds: []ThresholdResult{}, Expectations: []Expectation{}, Listeners: []DeadListener{}, Plan: []string{},
		Delivery: DeliveryResult{Evidence: []Evidence{}}, Presence: PresenceResult{Evidence: []PresenceEvidence{}}}
	r.mu.Lock()
	defer r.mu.Unlock()
	out.Phases = slices.Clone(r.phases)
	out.Warnings = append(out.Warnings, r.errorList...)
	for _, e := range r.expected {
		out.Expectations = append(out.Expectations, *e)
	}
	slices.SortFunc(out.Expectations, func(a, b Expectation) int {
		return strings.Compare(a.Scenario+a.Place+a.Name, b.Scenario+b.Place+b.Name)
	})
	for _, d := range r.dead {
		out.Listeners = append(out.Listeners, *d)
	}
	slices.SortFunc(out.Listeners, func(a, b DeadListener) int { return strings.Compare(a.Channel+a.Bound, b.Channel+b.Bound) })
	return out
}

// ci names the job that runs this, "" outside of one.
func ci() string {
	switch {
	case os.Getenv("GITHUB_ACTIONS") == "true":
		return "github " + os.Getenv("GITHUB_RUN_ID") + "/" + os.Getenv("GITHUB_RUN_ATTEMPT")
	case os.Getenv("GITLAB_CI") == "true":
		return "gitlab " + os.Getenv("CI_PIPELINE_ID")
	case os.Getenv("CI") != "":
		return "ci"
	}
	return ""
}

var errStopped = errors.New("the user is to stop")
