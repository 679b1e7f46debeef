//go:build unix

package harness_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

// resting is people who listen for a minute after a setup, and then leave.
const resting = `
name: resting
scenarios:
  staff:
    executor: ramping-vus
    startVUs: 60
    stages: [{duration: 1m, target: 60}, {duration: 1m, target: 0}]
    setup: [connect, {channel: portal}]
`

func TestRun_WhoOnlyListensHoldsNoGoroutine(t *testing.T) {
	opt := elsewhere(t) // whose goroutines are not counted
	before := runtime.NumGoroutine()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	seen := 0
	opt.Progress = func(p harness.Progress) {
		if p.Connections == 60 {
			seen = runtime.NumGoroutine() - before
			stop()
		}
	}
	r, err := harness.Run(ctx, plan(t, resting), opt)
	require.NoError(t, err)
	assert.Equal(t, harness.Interrupted, r.Verdict)
	assert.Positive(t, seen)
	assert.Less(t, seen, 40)
}

func TestRun_WhoOnlyListensLeavesWhenInterrupted(t *testing.T) {
	opt := reverb(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var once sync.Once
	var stopped time.Time
	opt.Progress = func(p harness.Progress) {
		if p.Connections == 60 {
			once.Do(func() { stopped = time.Now(); stop() })
		}
	}
	r, err := harness.Run(ctx, plan(t, resting), opt)
	require.NoError(t, err)
	assert.Equal(t, harness.Interrupted, r.Verdict)
	assert.Less(t, time.Since(stopped), 20*time.Second, "it waited for the users' minute to be over")
}

func TestRun_WhoOnlyListensLeavesInTime(t *testing.T) {
	opt := reverb(t)
	left := int64(-1)
	opt.Progress = func(p harness.Progress) {
		if p.Phase == "drain" && left < 0 {
			left = p.Connections
		}
	}
	r := play(t, opt, `
name: leaving
scenarios:
  staff:
    executor: ramping-vus
    startVUs: 20
    stages: [{duration: 500ms, target: 20}, {duration: 500ms, target: 5}, {duration: 1500ms, target: 5}]
    gracefulRampDown: 100ms
    user: {id: "u{{ vu }}"}
    setup: [connect, {join: office}]
    teardown: [{whisper: {channel: presence-office, event: bye}}]
`)
	assert.Equal(t, harness.Passed, r.Verdict, r.Reasons)
	assert.Equal(t, int64(20), count(t, r, "whispers_sent", nil))
	assert.Equal(t, int64(5), left, "fifteen have left before the end")
}
