package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/harness"
)

// play is a run acted out on the harness's own registry, ledger and house, with a clock moved by hand and a fixed stream
// of chance: the same result each time.
type play struct {
	clients int
	seconds int
	rate    int // publishes a second
	seed    uint64
	slow    float64 // latency's factor in the middle third
	lose    int     // one delivery in so many; 0: none
	wrongs  bool    // a duplicate, a leak, a ghost, refused authorisations, a dead listener
	segment string
}

// played are the results so far, as files: each test gets a copy of its own.
var played = map[play]string{}

func (p play) run(t *testing.T) *harness.Result {
	t.Helper()
	if played[p] == "" {
		var b strings.Builder
		require.NoError(t, harness.WriteResult(&b, p.act(t)))
		played[p] = b.String()
	}
	r, err := harness.ReadResult(strings.NewReader(played[p]))
	require.NoError(t, err)
	return r
}

func (p play) act(t *testing.T) *harness.Result {
	t.Helper()
	chance := rand.New(rand.NewPCG(p.seed, 1))
	start := time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC)
	at := func(ms float64) time.Time { return start.Add(time.Duration(ms * float64(time.Millisecond))) }
	registry := harness.NewRegistry()
	rec := registry.Recorder()
	ledger := harness.NewLedger(harness.LedgerConfig{Run: "4f3a2b1c", Start: start, Registry: registry, LateAfter: 500 * time.Millisecond})
	house := harness.NewHouse(harness.HouseConfig{Start: start, Registry: registry})
	span := func(median, spread float64) float64 { return median * math.Exp(chance.NormFloat64()*spread) }
	record := func(m *harness.Metric, ms float64, tags ...harness.Tag) {
		rec.Duration(registry.Series(m, tags...), time.Duration(ms*float64(time.Millisecond)))
	}

	type member struct {
		client *harness.LedgerClient
		invoices,
		office *harness.Subscription
		stay *harness.Stay
		name string
		in   bool
	}
	all := make([]*member, p.clients)
	for i := range all {
		name := fmt.Sprintf("staff/%d", i+1)
		all[i] = &member{client: ledger.Client(name), name: name}
		all[i].client.Socket(fmt.Sprintf("%d.%d", 100000+i, 5550+i))
	}
	ramp := max(1, p.seconds/6)
	heard := 0
	publish := func(ms float64, slowed float64) {
		k := chance.IntN(5)
		channel := fmt.Sprintf("private-client.%d", k+1)
		event, slow := "InvoiceCreated", slowed
		due := at(ms)
		sent := ledger.Send(harness.Sending{Event: event, Channels: []string{channel}, Due: due, At: due})
		data, ok := sent.Mark([]byte(`{"id":7,"total":"120.00"}`))
		require.True(t, ok)
		answer := span(1.6, 0.35) * slow
		record(harness.PublishLatency, answer, harness.Tag{Key: "scenario", Value: "invoices"}, harness.Tag{Key: "event", Value: event}, harness.Tag{Key: "status", Value: "200"})
		rec.Add(registry.Series(harness.Published, harness.Tag{Key: "scenario", Value: "invoices"}, harness.Tag{Key: "event", Value: event}), 1)
		rec.Add(registry.Series(harness.Accepted, harness.Tag{Key: "scenario", Value: "invoices"}, harness.Tag{Key: "event", Value: event}), 1)
		sent.Accepted(at(ms + answer))
		for i, m := range all {
			if !m.in || i%5 != k {
				continue
			}
			if heard++; p.lose > 0 && heard%p.lose == 0 {
				continue
			}
			came := at(ms + answer + span(0.7, 0.6)*slow)
			m.invoices.Received(rec, event, data, came)
			if p.wrongs && heard == 200 {
				m.invoices.Received(rec, event, data, came.Add(3*time.Millisecond))
			}
			if p.wrongs && heard == 333 {
				all[(i+1)%len(all)].client.Stray(rec, channel, event, data, came)
			}
		}
	}
	whisper := func(from int, ms float64, slow float64) {
		if !all[from].in {
			return
		}
		due := at(ms)
		sent := ledger.Send(harness.Sending{Event: "client-typing", Channels: []string{"presence-office"}, Due: due, At: due, Sender: all[from].client, Whisper: true})
		data, _ := sent.Mark([]byte(`{"name":"Ada"}`))
		sent.Accepted(due)
		rec.Add(registry.Series(harness.Whispered, harness.Tag{Key: "scenario", Value: "staff"}, harness.Tag{Key: "event", Value: "client-typing"}), 1)
		for i, m := range all {
			if m.in && i != from {
				m.office.Received(rec, "client-typing", data, at(ms+span(0.9, 0.5)*slow))
			}
		}
	}

	in := 0
	for second := range p.seconds {
		slow := 1.0
		if second > p.seconds/3 && second < p.seconds*2/3 {
			slow = max(1, p.slow)
		}
		begin := float64(second * 1000)
		for in < p.clients && in < (second+1)*p.clients/ramp {
			m := all[in]
			ms := begin + float64(in%40)*10
			connect, subscribe := span(1.4, 0.4)*slow, span(0.8, 0.4)*slow
			record(harness.ConnectLatency, connect, harness.Tag{Key: "scenario", Value: "staff"})
			record(harness.SubscribeLatency, subscribe, harness.Tag{Key: "scenario", Value: "staff"}, harness.Tag{Key: "kind", Value: "private"})
			record(harness.SubscribeLatency, subscribe*1.6, harness.Tag{Key: "scenario", Value: "staff"}, harness.Tag{Key: "kind", Value: "presence"})
			m.invoices = m.client.Subscribing(fmt.Sprintf("private-client.%d", in%5+1), "", at(ms+connect))
			m.invoices.Confirmed(at(ms + connect + subscribe))
			m.office = m.client.Subscribing("presence-office", "", at(ms+connect))
			m.office.Confirmed(at(ms + connect + subscribe*1.6))
			m.stay = house.Entering(m.name, "", "presence-office", fmt.Sprint(in+1), at(ms+connect))
			var here []string
			for i := range in + 1 {
				here = append(here, fmt.Sprint(i+1))
			}
			m.stay.Here(here, len(here), at(ms+connect+subscribe*1.6))
			for i := range in {
				if p.wrongs && in == p.clients-1 && i == 2 {
					continue // is never told
				}
				all[i].stay.Joining(fmt.Sprint(in+1), at(ms+connect+subscribe*1.6+span(1, 0.3)))
			}
			m.in = true
			in++
		}
		for i := range p.rate {
			publish(begin+600+float64(i)*400/float64(p.rate), slow) // whoever came in this second is in
			record(harness.ScheduleLag, span(0.15, 0.5))
		}
		for range 3 {
			whisper(chance.IntN(p.clients), begin+600+chance.Float64()*300, slow)
		}
		if p.wrongs && second == p.seconds/2 {
			rec.Add(registry.Series(harness.Errors, harness.Tag{Key: "scenario", Value: "staff"}, harness.Tag{Key: "error", Value: "subscription refused: 403 <b>Forbidden</b>"}), 14)
			rec.Add(registry.Series(harness.Errors, harness.Tag{Key: "scenario", Value: "invoices"}, harness.Tag{Key: "error", Value: "publish: 413"}), 2)
			rec.Add(registry.Series(harness.Closed, harness.Tag{Key: "code", Value: "4201"}), 3)
			rec.Add(registry.Series(harness.Closed, harness.Tag{Key: "code", Value: "1006"}), 1)
			rec.Add(registry.Series(harness.Reconnects, harness.Tag{Key: "scenario", Value: "staff"}), 4)
			record(harness.ReconnectLatency, 1012, harness.Tag{Key: "scenario", Value: "staff"})
			record(harness.ReconnectLatency, 1043, harness.Tag{Key: "scenario", Value: "staff"})
			rec.Add(registry.Series(harness.DeadListeners, harness.Tag{Key: "event", Value: "App\\Events\\InvoiceCreated"}), 1)
		}
		good := registry.Series(harness.Checks, harness.Tag{Key: "scenario", Value: "staff"}, harness.Tag{Key: "check", Value: "everybody is here"})
		rec.Check(good, !(p.wrongs && second%20 == 19))
		registry.Set(registry.Series(harness.Users, harness.Tag{Key: "scenario", Value: "staff"}), float64(in))
		registry.Set(registry.Series(harness.Users, harness.Tag{Key: "scenario", Value: "invoices"}), 2)
		registry.Set(registry.Series(harness.Connections), float64(in))
		registry.Set(registry.Series(harness.GeneratorCPU), 0.2+0.1*chance.Float64()+0.05*slow)
		registry.Set(registry.Series(harness.ServerCPU), 0.15+0.1*chance.Float64()+0.1*slow)
		rec.Add(registry.Series(harness.Iterations, harness.Tag{Key: "scenario", Value: "staff"}), int64(in))
		registry.Tick()
	}
	end := at(float64(p.seconds)*1000 + 11_000)
	r := &harness.Result{Version: harness.ResultVersion, ID: "4f3a2b1c", Name: "invoice-day", File: "testdata/scenarios/invoice-day.yaml", Seed: p.seed,
		PlanHash: "9c1e77a0d2b4", Segment: p.segment, Started: start, DurationMS: float64(p.seconds) * 1000,
		Target:      harness.TargetInfo{URL: "ws://127.0.0.1:8080", AppID: "client-portal", AppKey: "app-key", Server: "Echolab 1.0", Embedded: p.segment == ""},
		Environment: harness.Environment{Echolab: "1.0.0", Go: "go1.26", OS: "linux", Arch: "amd64", CPUs: 2, Hostname: "build-7"},
		Reasons:     []string{}, Warnings: []string{}, Delivery: ledger.Settle(end), Presence: house.Settle(end),
		Phases: []harness.Phase{{Name: "load", StartMS: 0, EndMS: float64(p.seconds) * 1000}, {Name: "drain", StartMS: float64(p.seconds) * 1000, EndMS: float64(p.seconds)*1000 + 600}},
		Plan: []string{fmt.Sprintf("staff      ramping-vus             0 → %d in %d s, then %d s", p.clients, ramp, p.seconds-ramp),
			fmt.Sprintf("invoices   constant-arrival-rate   %d a second for %d s", p.rate, p.seconds)},
		Expectations: []harness.Expectation{{Name: "everybody is here", Scenario: "staff", Place: "testdata/scenarios/invoice-day.yaml:31:9", Held: int64(p.seconds)}},
		Health:       harness.HealthResult{OK: true, Reasons: []string{}, ScheduleLagP99MS: 0.42, CPU: 0.31, CPUMost: 0.55, CPUs: 2, GCPauseMS: 0.2, MemoryMost: 84_000_000},
		Listeners:    []harness.DeadListener{}}
	r.Metrics = registry.Results()
	if p.wrongs {
		e := &r.Expectations[0]
		e.Failed, e.Held = int64(p.seconds/20), e.Held-int64(p.seconds/20)
		e.Evidence = []string{"staff/17 at 19.004 s: 39 members instead of 40"}
		r.Listeners = append(r.Listeners, harness.DeadListener{Channel: "private-client.2", Event: "InvoiceCreated", Bound: "App\\Events\\InvoiceCreated",
			Came: "InvoiceCreated", Fix: "write .listen('.InvoiceCreated'): the dot says that the name stands as it is", Clients: 8, Missed: 96, Place: "testdata/scenarios/invoice-day.yaml:22:9"})
	}
	var thresholds []harness.Threshold
	for i, text := range [][2]string{{"delivery_latency", "p(95)<50"}, {"delivery_latency{event:InvoiceCreated}", "p(99)<100"}, {"publish_latency", "p(95)<20"}, {"delivery_rate", "rate>99.9%"}} {
		m, tags, err := harness.ParseSelector(text[0])
		require.NoError(t, err)
		th, err := harness.ParseThreshold(m, tags, text[1])
		require.NoError(t, err)
		th.Place = fmt.Sprintf("testdata/scenarios/invoice-day.yaml:%d:23", 40+i)
		thresholds = append(thresholds, th)
	}
	r.Judge(append(thresholds, harness.DefaultThresholds()...))
	return r
}

func passed(t *testing.T) *harness.Result {
	return play{clients: 40, seconds: 75, rate: 25, seed: 42}.run(t)
}

func failed(t *testing.T) *harness.Result {
	return play{clients: 40, seconds: 75, rate: 25, seed: 42, slow: 60, lose: 2500, wrongs: true}.run(t)
}

func inconclusive(t *testing.T) *harness.Result {
	r := play{clients: 10, seconds: 30, rate: 10, seed: 7, slow: 20}.run(t)
	r.Health.OK, r.Health.ScheduleLagP99MS, r.Health.CPUMost = false, 212, 2
	r.Health.Reasons = []string{"one action in a hundred began 212 ms or more after it was due (limit 50 ms): use fewer virtual users, a lower rate, or --segment on more machines"}
	r.Judge(nil)
	return r
}

func unreachable() *harness.Result {
	return &harness.Result{Version: harness.ResultVersion, ID: "0badc0de", Name: "invoice-day", File: "invoice-day.yaml", Seed: 1, PlanHash: "9c1e77a0d2b4",
		Started: time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC), Target: harness.TargetInfo{URL: "ws://127.0.0.1:6001"}, Verdict: harness.Unreachable,
		Reasons: []string{"ws://127.0.0.1:6001 cannot be reached: connection refused; is the server started?"}, Health: harness.HealthResult{OK: true, CPUs: 2}}
}

func interrupted(t *testing.T) *harness.Result {
	r := play{clients: 10, seconds: 12, rate: 10, seed: 7}.run(t)
	r.Verdict, r.Reasons = harness.Interrupted, []string{"interrupted after 12 s"}
	r.Judge(nil)
	return r
}

// results are the examples by name.
func results(t *testing.T) map[string]*harness.Result {
	return map[string]*harness.Result{"passed": passed(t), "failed": failed(t), "inconclusive": inconclusive(t), "unreachable": unreachable(), "interrupted": interrupted(t)}
}
