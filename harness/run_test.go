package harness_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/harness"
)

// oneApp is a server's only app.
type oneApp struct{ app pusher.App }

func (o oneApp) ByID(id string) (*pusher.App, bool)   { return &o.app, id == o.app.ID }
func (o oneApp) ByKey(key string) (*pusher.App, bool) { return &o.app, key == o.app.Key }

// reverb is a real emulator on a real port.
func reverb(t testing.TB) harness.Options {
	t.Helper()
	app := pusher.DefaultApp()
	server := emulator.New(emulator.Config{AckDelivered: true}, oneApp{app}, journal.New(journal.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		assert.NoError(t, server.Shutdown(ctx))
	})
	return harness.Options{URL: "http://" + l.Addr().String(), App: app}
}

// patient are health limits that a busy machine stays within: what these tests are about is not speed.
const patient = `
health: {scheduleLag: 20s, gcPause: 20s, cpu: 2}
`

// drain is as long as a busy machine may need, unless the scenario says how long.
func drain(yaml string) string {
	if strings.Contains(yaml, "\ndrain:") {
		return ""
	}
	return "drain: 20s\n"
}

func plan(t testing.TB, yaml string) *harness.Plan {
	t.Helper()
	s, err := harness.Parse("test.yaml", []byte(yaml), harness.ParseInput{})
	require.NoError(t, err)
	return harness.NewPlan(s, s.Seed, harness.Segment{})
}

func play(t testing.TB, opt harness.Options, yaml string) *harness.Result {
	t.Helper()
	result, err := harness.Run(t.Context(), plan(t, yaml+patient+drain(yaml)), opt)
	require.NoError(t, err)
	return result
}

func count(t testing.TB, r *harness.Result, name string, tags map[string]string) int64 {
	t.Helper()
	_, ok := harness.MetricNamed(name)
	require.True(t, ok, name)
	m, _ := r.Metric(name, tags)
	return m.Count
}

// office is people who come, whisper, get invoices and leave: a bit of everything.
const office = `
name: office
scenarios:
  staff:
    executor: ramping-vus
    startVUs: 3
    stages: [{duration: 300ms, target: 20}, {duration: 1700ms, target: 20}, {duration: 300ms, target: 10}]
    gracefulRampDown: 100ms
    user: {id: "u{{ vu }}", info: {name: "name of {{ vu }}"}}
    setup:
      - connect
      - join: office
      - private: "client.{{ 1 + vu % 2 }}"
      - channel: portal
    steps:
      - think: 100ms..300ms
      - whisper: {channel: presence-office, event: typing, data: {at: "{{ iteration }}"}}
  invoices:
    executor: constant-arrival-rate
    startTime: 500ms
    rate: 40
    duration: 2s
    preAllocatedVUs: 20
    maxVUs: 100
    steps:
      - publish: {channels: ["private-client.{{ 1 + iteration % 2 }}", portal], event: InvoiceCreated, payload: {id: "{{ iteration }}"}}
`

func TestRun_AGoodServerPasses(t *testing.T) {
	r := play(t, reverb(t), office)
	assert.Equal(t, harness.Passed, r.Verdict, "%q %+v %+v %q", r.Reasons, r.Delivery.Evidence, r.Presence.Evidence, r.Warnings)
	assert.Equal(t, int64(80), r.Delivery.Published)
	assert.Equal(t, int64(80), r.Delivery.Accepted)
	assert.Greater(t, r.Delivery.Expected, int64(500))
	assert.Equal(t, r.Delivery.Expected, r.Delivery.Delivered)
	assert.GreaterOrEqual(t, r.Presence.Joins, int64(20))
	assert.Equal(t, r.Presence.Told, r.Presence.Joins+r.Presence.Leaves)
	for _, name := range []string{"connect_latency", "subscribe_latency", "publish_latency", "delivery_latency", "presence_convergence"} {
		m, ok := r.Metric(name, nil)
		require.True(t, ok, name)
		assert.Positive(t, m.Count, name)
		assert.Positive(t, m.Percentile(99)+1, name)
	}
	assert.Equal(t, int64(80), count(t, r, "iterations", map[string]string{"scenario": "invoices"}))
	assert.Zero(t, count(t, r, "errors", nil))
	users, _ := r.Metric("vus", nil)
	assert.GreaterOrEqual(t, users.Most, 20.0)
}

// TestRun_Steps is what each step does against a real server, one scenario each; all must pass, or fail as they say.
func TestRun_Steps(t *testing.T) {
	one := func(setup, steps string) string {
		return "name: one\nscenarios:\n  one:\n    executor: per-vu-iterations\n    vus: 1\n    iterations: 1\n    setup:\n" + setup + "    steps:\n" + steps
	}
	const connect = "      - connect\n"
	for _, c := range []struct {
		name, setup, steps string
		verdict            harness.Verdict
		check              func(t *testing.T, r *harness.Result)
	}{
		{"expect an event", connect + "      - channel: portal\n", "      - publish: {channel: portal, event: News, payload: {id: 7}}\n      - expect: {channel: portal, event: News, where: data.id == 7}\n", harness.Passed, func(t *testing.T, r *harness.Result) {
			require.Len(t, r.Expectations, 1)
			assert.Equal(t, int64(1), r.Expectations[0].Held)
			assert.Contains(t, r.Expectations[0].Place, "test.yaml:")
		}},
		{"expect what came before the first iteration", connect + "      - channel: portal\n      - publish: {channel: portal, event: News}\n      - expect: {channel: portal, event: News}\n", "      - expect: {channel: portal, event: News, within: 50ms}\n", harness.Passed, nil},
		{"expect what does not come", connect + "      - channel: portal\n", "      - expect: {channel: portal, event: News, within: 50ms}\n", harness.Failed, func(t *testing.T, r *harness.Result) {
			assert.Contains(t, r.Reasons[0], "failed 1 of 1 times")
			assert.NotEmpty(t, r.Expectations[0].Evidence)
		}},
		{"expect nothing, but it comes", connect + "      - channel: portal\n", "      - publish: {channel: portal, event: News}\n      - expect: {channel: portal, event: News, nothing: true, within: 2s}\n", harness.Failed, nil},
		{"toOthers leaves the sender out", connect + "      - channel: portal\n", "      - publish: {channel: portal, event: News, toOthers: true}\n      - expect: {channel: portal, event: News, nothing: true, within: 200ms}\n", harness.Passed, nil},
		{"members", connect + "      - join: room\n", "      - expect: {channel: presence-room, members: 1}\n", harness.Passed, nil},
		{"a member who is not there", connect + "      - join: room\n", "      - expect: {channel: presence-room, member: nobody, within: 50ms}\n", harness.Failed, nil},
		{"an encrypted channel", connect + "      - encrypted: vault.9\n", "      - publish: {channel: private-encrypted-vault.9, event: Opened, payload: {id: 1}}\n      - expect: {channel: private-encrypted-vault.9, event: Opened, where: data.id == 1}\n", harness.Passed, func(t *testing.T, r *harness.Result) {
			assert.Equal(t, int64(1), r.Delivery.Delivered)
		}},
		{"an encrypted channel, asked for twice", connect + "      - encrypted: vault.9\n      - encrypted: vault.9\n", "      - disconnect\n      - connect\n      - encrypted: vault.9\n      - publish: {channel: private-encrypted-vault.9, event: Opened, payload: {id: 1}}\n      - expect: {channel: private-encrypted-vault.9, event: Opened}\n", harness.Passed, nil},
		{"back after a lost connection", connect + "      - join: room\n      - private: client.5\n", "      - reconnect\n      - publish: {channel: private-client.5, event: News}\n      - expect: {channel: private-client.5, event: News}\n", harness.Passed, func(t *testing.T, r *harness.Result) {
			m, ok := r.Metric("reconnect_latency", nil)
			require.True(t, ok)
			assert.Equal(t, int64(1), m.Count)
			assert.InDelta(t, 1000, m.Most, 900, "pusher-js waits a second")
			assert.Equal(t, int64(1), count(t, r, "reconnects", nil))
		}},
		{"leave, and nothing comes any more", connect + "      - channel: portal\n", "      - leave: portal\n      - think: 20ms\n      - publish: {channel: portal, event: News}\n", harness.Passed, nil},
		{"disconnect and connect again", connect + "      - channel: portal\n", "      - disconnect\n      - connect\n      - publish: {channel: portal, event: News}\n      - think: 50ms\n", harness.Passed, func(t *testing.T, r *harness.Result) {
			assert.Zero(t, count(t, r, "reconnects", nil), "nobody lost a connection")
			assert.Zero(t, count(t, r, "reconnect_latency", nil))
			assert.Equal(t, int64(2), count(t, r, "connect_latency", nil))
		}},
		{"expect on a channel that nobody joined", connect, "      - expect: {channel: private-client.5, event: News}\n", harness.Failed, func(t *testing.T, r *harness.Result) {
			require.Len(t, r.Expectations, 1)
			assert.Contains(t, r.Expectations[0].Evidence[0], "test.yaml:10:9: the user never subscribed to private-client.5")
		}},
		{"expect nothing after leaving", connect + "      - channel: portal\n", "      - leave: portal\n      - expect: {channel: portal, nothing: true, within: 50ms}\n", harness.Passed, nil},
		{"a listener that cannot fire", connect + "      - private: client.5\n      - listen: {channel: private-client.5, event: InvoiceCreated}\n", "      - publish: {channel: private-client.5, event: InvoiceCreated}\n      - think: 100ms\n", harness.Failed, func(t *testing.T, r *harness.Result) {
			require.Len(t, r.Listeners, 1)
			assert.Equal(t, `App\Events\InvoiceCreated`, r.Listeners[0].Bound)
			assert.Equal(t, ".listen('.InvoiceCreated')", r.Listeners[0].Fix)
			assert.Equal(t, "test.yaml:10:9", r.Listeners[0].Place)
			assert.Equal(t, int64(1), r.Listeners[0].Clients)
		}},
		{"a listener that can", connect + "      - private: client.5\n      - listen: {channel: private-client.5, event: .InvoiceCreated}\n", "      - publish: {channel: private-client.5, event: InvoiceCreated}\n      - think: 100ms\n", harness.Passed, nil},
		{"repeat and set", connect + "      - channel: portal\n", "      - set: {n: 3}\n      - repeat: {times: 3, every: 10ms, steps: [{publish: {channel: portal, event: Tick, payload: {n: \"{{ n }}\"}}}]}\n      - expect: {channel: portal, event: Tick, count: 3, where: data.n == 3}\n", harness.Passed, nil},
		{"before connect", "", "      - join: room\n", harness.Failed, func(t *testing.T, r *harness.Result) {
			assert.Equal(t, int64(1), count(t, r, "errors", map[string]string{"error": "not connected"}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			setup := c.setup
			yaml := one(setup, c.steps)
			if setup == "" {
				yaml = "name: one\nscenarios:\n  one:\n    executor: per-vu-iterations\n    vus: 1\n    iterations: 1\n    steps:\n" + c.steps
			}
			r := play(t, reverb(t), yaml)
			assert.Equal(t, c.verdict, r.Verdict, "%q %+v %q", r.Reasons, r.Delivery.Evidence, r.Warnings)
			if c.check != nil {
				c.check(t, r)
			}
		})
	}
}

// TestRun_ARealApplicationAuthorises: every user logs in, keeps its cookie and asks for each channel with it.
func TestRun_ARealApplicationAuthorises(t *testing.T) {
	opt := reverb(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "laravel_session", Value: "of-" + r.FormValue("user"), Path: "/"})
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /api/user", func(w http.ResponseWriter, r *http.Request) { // http steps are the same user's
		if r.Header.Get("X-Tenant") != "acme" || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer u") || r.Header.Get("Accept") != "application/json" {
			http.Error(w, "who", http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("POST /broadcasting/auth", func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("laravel_session")
		if err != nil || r.Header.Get("X-Tenant") != "acme" {
			http.Error(w, "who", http.StatusUnauthorized)
			return
		}
		user := strings.TrimPrefix(cookie.Value, "of-")
		if name := r.FormValue("channel_name"); name != "private-user."+user {
			http.Error(w, "", http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"auth": opt.App.AuthString(pusher.ChannelText(r.FormValue("socket_id"), r.FormValue("channel_name"), ""))})
	})
	application := httptest.NewServer(mux)
	defer application.Close()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			http.Error(w, "a token that is none of mine", http.StatusBadRequest)
		}
	}))
	defer elsewhere.Close()
	r := play(t, opt, `
name: real
target:
  auth:
    endpoint: `+application.URL+`/broadcasting/auth
    headers: {X-Tenant: acme}
    bearerToken: "u{{ vu }}"
    login: {post: /login, form: {user: "u{{ vu }}"}}
  application: `+application.URL+`
scenarios:
  one:
    executor: per-vu-iterations
    vus: 3
    iterations: 1
    user: {id: "u{{ vu }}"}
    setup: [connect]
    steps:
      - private: "user.u{{ vu }}"
      - private: {channel: user.somebody, refused: true}
      - http: {get: /api/user}
      - http: {get: `+elsewhere.URL+`/}
thresholds: {errors: ["count==0"]}
`)
	assert.Equal(t, harness.Passed, r.Verdict, "%q %q", r.Reasons, r.Warnings)
	assert.Equal(t, int64(3), count(t, r, "auth_latency", map[string]string{"status": "200", "kind": "private"}))
	assert.Equal(t, int64(3), count(t, r, "auth_latency", map[string]string{"status": "403"}))
	assert.Equal(t, int64(3), count(t, r, "login_latency", map[string]string{"status": "204"}))
	assert.Equal(t, int64(6), count(t, r, "auth_latency", nil), "the login is no part of it")
}

func TestRun_ATargetThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	r := play(t, harness.Options{URL: "http://" + address, App: pusher.DefaultApp()}, office)
	assert.Equal(t, harness.Unreachable, r.Verdict)
	assert.Contains(t, r.Reasons[0], "does not answer")

	opt := reverb(t)
	opt.App.Secret = "wrong"
	r = play(t, opt, office)
	assert.Equal(t, harness.Unreachable, r.Verdict)
	assert.Contains(t, r.Reasons[0], "refuses the key or the secret")

	opt.App.ID = "nobody"
	r = play(t, opt, office)
	assert.Equal(t, harness.Unreachable, r.Verdict)
	assert.Contains(t, r.Reasons[0], "no app nobody")

	opt = reverb(t)
	opt.App.Key = "not-a-key"
	r = play(t, opt, office)
	assert.Equal(t, harness.Unreachable, r.Verdict)
	assert.Contains(t, r.Reasons[0], "4001 Application does not exist")
	assert.Contains(t, r.Reasons[0], "REVERB_APP_KEY")
	assert.NotContains(t, r.Reasons[0], "not-a-key")
}

// TestRun_AServerThatStopsLettingPeopleIn: what it says instead of a greeting is in the report.
func TestRun_AServerThatStopsLettingPeopleIn(t *testing.T) {
	opt := reverb(t)
	opt.App.Key, opt.Embedded = "not-a-key", true // nobody asks beforehand
	r := play(t, opt, `
scenarios:
  people: {executor: per-vu-iterations, vus: 2, iterations: 1, steps: [{connect: {within: 1s}}]}
`)
	assert.Equal(t, harness.Failed, r.Verdict)
	assert.Equal(t, int64(2), count(t, r, "errors", map[string]string{"error": "server error 4001"}))
	assert.Contains(t, strings.Join(r.Warnings, "\n"), "Application does not exist")
}

// TestRun_TheFirstIterationFindsSomebody: users who were just made are ready before anything is due.
func TestRun_TheFirstIterationFindsSomebody(t *testing.T) {
	for range 5 {
		r := play(t, reverb(t), `
name: few
scenarios:
  news:
    executor: constant-arrival-rate
    rate: 5
    duration: 200ms
    preAllocatedVUs: 1
    maxVUs: 1
    setup: [connect]
    steps: [{publish: {channel: portal, event: News}}]
`)
		require.Equal(t, harness.Passed, r.Verdict, "%q", r.Reasons)
		assert.Equal(t, int64(1), r.Delivery.Accepted)
	}
}

// TestRun_AnIterationIsItsUsers: who an iteration of an arrival rate is, is not up to who was free.
func TestRun_AnIterationIsItsUsers(t *testing.T) {
	const yaml = `
seed: 7
scenarios:
  staff: {executor: constant-vus, vus: 1, duration: 1500ms, user: {id: staff}, setup: [connect, channel: portal]}
  news:
    executor: constant-arrival-rate
    startTime: 300ms
    rate: 100
    duration: 300ms
    preAllocatedVUs: 2
    maxVUs: 5
    user: {id: "u{{ vu }}", info: {name: "{{ fake('name') }}"}}
    steps: [{publish: {channel: portal, event: News, payload: {n: "{{ iteration }}", vu: "{{ vu }}", who: "{{ user.id }}", name: "{{ user.info.name }}"}}}]
`
	runs := make([]map[float64]string, 2)
	for i := range runs {
		runs[i] = make(map[float64]string)
		names := make(map[string]string)
		var mu sync.Mutex
		opt := reverb(t)
		opt.Heard = func(_, _, _ string, data []byte, _ time.Duration) {
			var got struct {
				N, VU     float64
				Who, Name string
			}
			mu.Lock()
			defer mu.Unlock()
			assert.NoError(t, json.Unmarshal(data, &got))
			assert.Equal(t, fmt.Sprintf("u%d", 1+int(got.N)%5), got.Who)
			assert.Equal(t, float64(1+int(got.N)%5), got.VU)
			if names[got.Who] != "" {
				assert.Equal(t, names[got.Who], got.Name, "one user, one name")
			}
			names[got.Who] = got.Name
			runs[i][got.N] = got.Who + got.Name
		}
		r := play(t, opt, yaml)
		require.Equal(t, harness.Passed, r.Verdict, "%q", r.Reasons)
	}
	assert.Len(t, runs[0], 30)
	assert.Equal(t, runs[0], runs[1])
}

func TestRun_InterruptedIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opt := reverb(t)
	upstream, err := url.Parse(opt.URL)
	require.NoError(t, err)
	slow := httptest.NewServer(&faulty{upstream: upstream, spoil: func(_ *faulty, v *victim, m []byte) [][]byte {
		if !is(m, "InvoiceCreated") {
			return [][]byte{m}
		}
		time.AfterFunc(300*time.Millisecond, func() { v.send(m) }) // something is always under way
		return nil
	}})
	defer slow.Close()
	opt.URL = slow.URL
	opt.Progress = func(p harness.Progress) {
		if p.Published > 5 {
			cancel()
		}
	}
	r, err := harness.Run(ctx, plan(t, office+patient), opt)
	require.NoError(t, err)
	assert.Equal(t, harness.Interrupted, r.Verdict)
	assert.Contains(t, r.Reasons[0], "interrupted after")
	assert.Zero(t, r.Delivery.Missing, "what was under way is waited for")
	assert.Positive(t, r.Delivery.Published)
}

func TestRun_AbortOnFail(t *testing.T) {
	r := play(t, reverb(t), office+"thresholds:\n  events_published: [{threshold: \"count<10\", abortOnFail: true}]\n")
	assert.Equal(t, harness.Failed, r.Verdict)
	assert.Less(t, r.Delivery.Published, int64(80))
	var aborted int
	for _, th := range r.Thresholds {
		if th.Aborted {
			aborted++
		}
	}
	assert.Equal(t, 1, aborted)
}

// TestRun_TwoSegmentsAreOneRun: dealt out to two processes, a plan has the same hash and comes to the same counts.
func TestRun_TwoSegmentsAreOneRun(t *testing.T) {
	const yaml = `
name: shared
scenarios:
  staff:
    executor: constant-vus
    vus: 7
    duration: 1500ms
    user: {id: "u{{ vu }}"}
    setup: [connect, channel: portal]
  news:
    executor: constant-arrival-rate
    startTime: 700ms
    rate: 50
    duration: 500ms
    preAllocatedVUs: 4
    steps: [{publish: {channel: portal, event: News}}]
` + patient
	s, err := harness.Parse("test.yaml", []byte(yaml), harness.ParseInput{})
	require.NoError(t, err)
	opt := reverb(t)
	whole, err := harness.Run(t.Context(), harness.NewPlan(s, 1, harness.Segment{}), opt)
	require.NoError(t, err)
	results := make([]harness.Result, 2)
	done := make(chan error, 2)
	for i := range results {
		go func() {
			r, err := harness.Run(t.Context(), harness.NewPlan(s, 1, harness.Segment{K: i + 1, N: 2}), opt)
			if err == nil {
				results[i] = *r
			}
			done <- err
		}()
	}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	merged, err := harness.Merge(results)
	require.NoError(t, err)
	assert.Equal(t, harness.Passed, merged.Verdict, "%q", merged.Reasons)
	assert.Equal(t, whole.PlanHash, merged.PlanHash)
	assert.Equal(t, whole.Delivery.Published, merged.Delivery.Published)
	assert.Equal(t, int64(25), merged.Delivery.Published)
	assert.Equal(t, count(t, whole, "iterations", nil), count(t, &merged, "iterations", nil))
	assert.Equal(t, whole.Delivery.Expected, merged.Delivery.Expected)
	assert.Equal(t, int64(7*25), merged.Delivery.Delivered, "each gets what the other sent, too")
	assert.Zero(t, merged.Delivery.Missing+merged.Delivery.Foreign+merged.Delivery.Siblings)
	assert.Positive(t, results[0].Delivery.Siblings)
	assert.Empty(t, merged.Share)
	for _, name := range []string{"deliveries", "deliveries_expected", "delivery_rate", "events_accepted"} {
		assert.Equal(t, count(t, whole, name, nil), count(t, &merged, name, nil), name)
	}
	for _, f := range harness.Compare(whole, &merged, harness.DefaultTolerances()).Figures {
		if f.Kind != harness.Trend { // how long it took is the machine's business
			assert.NotEqual(t, harness.Worse, f.Change, "%s %s: %v, then %v", f.Metric, f.Method, f.Base, f.Next)
		}
	}
}

func TestFindKnee(t *testing.T) {
	opt := reverb(t)
	var last harness.Progress
	var mu sync.Mutex
	opt.Progress = func(p harness.Progress) {
		mu.Lock()
		defer mu.Unlock()
		assert.Zero(t, p.Length, "nobody knows how long it takes")
		last = p
	}
	r, err := harness.FindKnee(t.Context(), plan(t, `
name: knee
scenarios:
  news:
    executor: constant-arrival-rate
    rate: 20
    duration: 200ms
    preAllocatedVUs: 4
    steps: [{publish: {channel: portal, event: News}}]
thresholds:
  events_published: ["count<30"]
`+patient), opt)
	require.NoError(t, err)
	require.NotNil(t, r.Knee)
	assert.Equal(t, harness.Passed, r.Verdict)
	assert.InDelta(t, 140, r.Knee.Rate, 15)
	assert.Contains(t, r.Knee.Broke, "events_published")
	assert.Greater(t, len(r.Knee.Attempts), 4)
	assert.Greater(t, last.Elapsed, 4*200*time.Millisecond, "the time is that of the whole search")
}

func TestRun_LeaveLeaves(t *testing.T) {
	r := play(t, reverb(t), `
scenarios:
  browsers:
    executor: per-vu-iterations
    vus: 2
    iterations: 3
    user: {id: "u{{ vu }}"}
    setup: [connect]
    steps:
      - private: client.5
      - join: office
      - leave: client.5
      - leave: presence-office
`)
	assert.Equal(t, harness.Passed, r.Verdict, "%q %+v", r.Reasons, r.Presence)
	assert.Equal(t, int64(2*3*2), count(t, r, "subscribe_latency", nil))
}

// TestRun_TheMarksNameElsewhere: channels and users may be called as the mark is.
func TestRun_TheMarksNameElsewhere(t *testing.T) {
	r := play(t, reverb(t), `
scenarios:
  people: {executor: constant-vus, vus: 2, duration: 1500ms, user: {id: "echolab.{{ vu }}.1"}, setup: [connect, join: echolab.1.2, private: echolab], steps: [think: 400ms, whisper: {channel: presence-echolab.1.2, event: echolab, data: {echolab: 1}}]}
  news: {executor: constant-arrival-rate, rate: 10, startTime: 500ms, duration: 500ms, preAllocatedVUs: 2, steps: [publish: {channels: [private-echolab, presence-echolab.1.2], event: echolab, payload: {text: echolab.1.2}}]}
`)
	assert.Equal(t, harness.Passed, r.Verdict, "%q", r.Reasons)
	assert.Equal(t, int64(20), r.Delivery.Expected-r.Delivery.Whispers)
	assert.Zero(t, r.Delivery.Unmarked)
}
