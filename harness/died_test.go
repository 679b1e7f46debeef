package harness_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/harness"
)

// TestRun_ATargetThatDies: what did not answer to the end is not passed because nothing was owed any more.
func TestRun_ATargetThatDies(t *testing.T) {
	app := pusher.DefaultApp()
	server := emulator.New(emulator.Config{AckDelivered: true}, oneApp{app}, journal.New(journal.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	opt := harness.Options{URL: "http://" + l.Addr().String(), App: app}
	var once atomic.Bool
	opt.Progress = func(p harness.Progress) {
		if p.Published > 5 && once.CompareAndSwap(false, true) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel() // nobody is waited for
			_ = server.Shutdown(ctx)
		}
	}
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	r := play(t, opt, `
scenarios:
  people: {executor: constant-vus, vus: 3, duration: 3s, setup: [connect, channel: portal]}
  news: {executor: constant-arrival-rate, rate: 20, duration: 3s, preAllocatedVUs: 2, steps: [publish: {channel: portal, event: News}]}
`)
	assert.Equal(t, harness.Unreachable, r.Verdict, "%q", r.Reasons)
	assert.Contains(t, r.Reasons[0], "not at the end")
	assert.Positive(t, r.Delivery.Accepted, "what ran is reported")
}

// TestRun_WhatFailedIsNotLateness: an expectation that waits in vain does not make the publish after it slow.
func TestRun_WhatFailedIsNotLateness(t *testing.T) {
	r := play(t, reverb(t), `
scenarios:
  people:
    executor: constant-vus
    vus: 1
    duration: 2500ms
    setup: [connect, channel: portal]
    steps:
      - publish: {channel: portal, event: News}
      - expect: {channel: portal, event: Never, within: 1s}
`)
	m, ok := r.Metric("publish_latency", nil)
	require.True(t, ok)
	assert.GreaterOrEqual(t, m.Count, int64(3))
	assert.Less(t, m.Most, 900.0)
}

// TestRun_AnEncryptedChannelAmongOthers is refused as pusher-http-php refuses it, instead of being sent in clear.
func TestRun_AnEncryptedChannelAmongOthers(t *testing.T) {
	r := play(t, reverb(t), `
scenarios:
  people:
    executor: per-vu-iterations
    vus: 1
    setup: [connect, encrypted: vault]
    steps: [publish: {channels: [portal, private-encrypted-vault], event: News}]
thresholds: {errors: ["count==0"]}
`)
	assert.Equal(t, harness.Failed, r.Verdict)
	assert.Contains(t, r.Warnings[0], "the only channel of a publish")
	assert.Zero(t, r.Delivery.Published)
}

// TestRun_ATargetThatEchoes: what quotes the request back is not HTTP, and the signature stays out of the report.
func TestRun_ATargetThatEchoes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 4096)
			n, _ := c.Read(b)
			_, _ = c.Write(b[:n])
		}
	}()
	r := play(t, harness.Options{URL: "http://" + l.Addr().String(), App: pusher.DefaultApp()}, office)
	assert.Equal(t, harness.Unreachable, r.Verdict)
	assert.Contains(t, r.Reasons[0], "does not speak HTTP")
	assert.NotContains(t, r.Reasons[0], "auth_signature")
}

// TestRun_ATargetThatIsFarAway: what the first question takes is not the generator's lateness.
func TestRun_ATargetThatIsFarAway(t *testing.T) {
	opt := reverb(t)
	upstream, err := url.Parse(opt.URL)
	require.NoError(t, err)
	proxy := &faulty{upstream: upstream, spoil: func(_ *faulty, _ *victim, m []byte) [][]byte { return [][]byte{m} }}
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/channels") {
			time.Sleep(2 * time.Second)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer far.Close()
	opt.URL = far.URL
	r := play(t, opt, `
scenarios:
  people: {executor: constant-vus, vus: 3, duration: 500ms, setup: [connect, channel: portal]}
`)
	m, ok := r.Metric("schedule_lag", nil)
	require.True(t, ok)
	assert.Less(t, m.Most, 1500.0)
}
