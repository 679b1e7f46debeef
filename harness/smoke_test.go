package harness

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

type oneApp1 struct{ app pusher.App }

func (o oneApp1) ByID(id string) (*pusher.App, bool)   { return &o.app, id == o.app.ID }
func (o oneApp1) ByKey(key string) (*pusher.App, bool) { return &o.app, key == o.app.Key }

func text(t *testing.T, s string, names ...string) Text {
	x, err := ParseText(s, names...)
	require.NoError(t, err)
	return x
}

func TestSmoke(t *testing.T) {
	app := pusher.DefaultApp()
	server := emulator.New(emulator.Config{AckDelivered: true}, oneApp1{app}, journal.New(journal.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	defer server.Shutdown(context.Background())
	s := &Scenario{Name: "smoke", Drain: 5 * time.Second, Thresholds: DefaultThresholds(), Groups: []Group{
		{Name: "staff", Executor: RampingVUs, Stages: []Stage{{time.Second, 200}, {2 * time.Second, 200}, {time.Second, 50}}, GracefulStop: time.Second, GracefulRampDown: time.Second,
			User:  UserOptions{ID: text(t, "u{{ vu }}")},
			Setup: []Step{{Kind: Steps[0], Do: &Connect{}}, {Kind: Steps[4], Do: &Subscribe{kind: "presence", Channel: text(t, "office")}}, {Kind: Steps[2], Do: &Subscribe{kind: "private", Channel: text(t, "client.{{ 1 + vu % 5 }}")}}},
			Steps: []Step{{Kind: Steps[11], Do: &Think{For: Wait{200 * time.Millisecond, 900 * time.Millisecond}}}, {Kind: Steps[7], Do: &Whisper{Channel: text(t, "presence-office"), Event: text(t, "typing")}}}},
		{Name: "invoices", Executor: ConstantArrivalRate, Rate: 50, Duration: 3 * time.Second, PreAllocatedVUs: 5, MaxVUs: 20, GracefulStop: time.Second,
			Steps: []Step{{Kind: Steps[8], Do: &Publish{Channel: text(t, "private-client.{{ 1 + iteration % 5 }}"), Event: text(t, "InvoiceCreated")}}}},
	}}
	r, err := Run(t.Context(), &Plan{Scenario: s, Seed: 1}, Options{URL: "http://" + l.Addr().String(), App: app, Embedded: true, Progress: func(p Progress) { t.Logf("%+v", p) }})
	require.NoError(t, err)
	t.Logf("%s %q %+v\n%+v\n%+v\n%q", r.Verdict, r.Reasons, r.Delivery, r.Presence, r.Health, r.Warnings)
	for _, m := range r.Metrics {
		t.Logf("%s %v count=%d p50=%.2f p95=%.2f max=%.2f last=%.2f", m.Name, m.Tags, m.Count, m.Percentile(50), m.Percentile(95), m.Most, m.Last)
	}
}
