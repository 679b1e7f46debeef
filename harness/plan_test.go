package harness_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

func planOf(t *testing.T, content string, seed uint64, seg harness.Segment) *harness.Plan {
	t.Helper()
	s, err := harness.Parse("s.yaml", []byte(content), harness.ParseInput{})
	require.NoError(t, err)
	return harness.NewPlan(s, seed, seg)
}

func hashOf(t *testing.T, content string, seed uint64) string {
	t.Helper()
	return planOf(t, content, seed, harness.Segment{}).Hash
}

func draws(rng *rand.Rand) (out [8]uint64) {
	for i := range out {
		out[i] = rng.Uint64()
	}
	return out
}

const two = `variables: {clients: 5, companies: 2}
scenarios:
  staff:
    executor: constant-vus
    vus: 3
    duration: 10s
    setup: [connect, join: office]
    steps: [{think: 1s..2s}]
  app: {executor: constant-arrival-rate, rate: 10, duration: 5s, steps: [{publish: {channel: a, event: E, payload: {b: 1, a: "{{ uuid() }}"}}}]}
thresholds:
  errors: count==0
  delivery_latency: ["p(95)<50"]
`

func TestPlan_HashIsOfWhatIsDone(t *testing.T) {
	want := hashOf(t, two, 1)
	assert.Len(t, want, 16)
	same := map[string]string{
		"comments":  "# hello\n" + strings.ReplaceAll(two, "vus: 3", "vus: 3 # three"),
		"key order": "thresholds: {delivery_latency: [\"p(95)<50\"], errors: count==0}\n" + strings.Replace(strings.Split(two, "thresholds")[0], "{clients: 5, companies: 2}", "{companies: 2, clients: 5}", 1),
		"layout":    strings.Replace(two, "[connect, join: office]", "\n      - connect\n      - join: {channel: office}", 1),
		"names":     "name: other\ndescription: other\n" + two,
		"target":    "target: {url: 'wss://staging.test'}\n" + two,
		"payload":   strings.Replace(two, `{b: 1, a: "{{ uuid() }}"}`, `{a: "{{ uuid() }}", b: 1}`, 1),
		"reference": "payloads: {p: {b: 1, a: \"{{ uuid() }}\"}}\n" + strings.Replace(two, `{b: 1, a: "{{ uuid() }}"}`, "p", 1),
		"default":   strings.Replace(two, "duration: 10s", "duration: 10000ms\n    gracefulStop: 30s", 1),
	}
	for name, content := range same {
		assert.Equal(t, want, hashOf(t, content, 1), name)
	}
	s, err := harness.Parse("other/name.yaml", []byte(two), harness.ParseInput{})
	require.NoError(t, err)
	for k := range 5 {
		assert.Equal(t, want, harness.NewPlan(s, 1, harness.Segment{K: k + 1, N: 5}).Hash, "segment")
	}
	for name, content := range map[string]string{
		"users": strings.Replace(two, "vus: 3", "vus: 4", 1), "step": strings.Replace(two, "office", "hall", 1),
		"wait": strings.Replace(two, "1s..2s", "1s..3s", 1), "payload": strings.Replace(two, "b: 1", "b: 2", 1),
		"variable": strings.Replace(two, "clients: 5", "clients: 6", 1), "threshold": strings.Replace(two, "<50", "<51", 1),
		"order of steps":  strings.Replace(two, "[connect, join: office]", "[join: office, connect]", 1),
		"name of a group": strings.Replace(two, "staff:", "people:", 1),
	} {
		assert.NotEqual(t, want, hashOf(t, content, 1), name)
	}
	assert.NotEqual(t, want, hashOf(t, two, 2), "seed")
	given, err := harness.Parse("s.yaml", []byte(two), harness.ParseInput{Variables: map[string]string{"clients": "6"}})
	require.NoError(t, err)
	assert.Equal(t, hashOf(t, strings.Replace(two, "clients: 5", "clients: 6", 1), 1), harness.NewPlan(given, 1, harness.Segment{}).Hash, "-e is as if it stood there")
}

// TestPlan_StreamsAreIndependent: whatever is added to a scenario, everybody else draws what they drew before.
func TestPlan_StreamsAreIndependent(t *testing.T) {
	before := planOf(t, two, 42, harness.Segment{})
	for name, content := range map[string]string{
		"a user":     strings.Replace(two, "vus: 3", "vus: 30", 1),
		"a group":    strings.Replace(two, "  staff:", "  early: {executor: per-vu-iterations, vus: 9, steps: [connect]}\n  staff:", 1),
		"a step":     strings.Replace(two, "[connect, ", "[connect, think: 1s..9s, ", 1),
		"a variable": strings.Replace(two, "clients: 5", "clients: 50", 1),
	} {
		after := planOf(t, content, 42, harness.Segment{K: 2, N: 3})
		for number := range 50 {
			assert.Equal(t, draws(before.Stream("staff", number)), draws(after.Stream("staff", number)), "%s, user %d", name, number)
			assert.Equal(t, draws(before.IterationStream("app", uint64(number))), draws(after.IterationStream("app", uint64(number))), "%s, iteration %d", name, number)
		}
	}
	seen := make(map[[8]uint64]bool)
	add := func(rng *rand.Rand) {
		d := draws(rng)
		assert.False(t, seen[d], "two streams are the same")
		seen[d] = true
	}
	other := planOf(t, two, 43, harness.Segment{})
	for number := range 200 {
		for _, p := range []*harness.Plan{before, other} {
			add(p.Stream("staff", number))
			add(p.Stream("app", number))
			add(p.IterationStream("app", uint64(number)))
		}
	}
}

func TestPlan_SeedIsTheFilesUnlessGiven(t *testing.T) {
	assert.Equal(t, uint64(9), planOf(t, "seed: 9\n"+two, 0, harness.Segment{}).Seed)
	assert.Equal(t, uint64(3), planOf(t, "seed: 9\n"+two, 3, harness.Segment{}).Seed)
	assert.Equal(t, hashOf(t, "seed: 3\n"+two, 0), hashOf(t, two, 3))
}

func TestPlan_LinesSayWhatWillHappen(t *testing.T) {
	p := planOf(t, "name: two\nseed: 42\n"+two+"  deliveries_missing: [{threshold: count<3, abortOnFail: true, delayAbortEval: 5s}]\n", 0, harness.Segment{K: 1, N: 2})
	lines := strings.Join(p.Lines(), "\n")
	for _, want := range []string{
		"two, seed 42", p.Hash, "segment     1/2", "the embedded emulator", "variable    clients = 5",
		"staff: constant-vus, 3 users for 10s", "    join  office", "    think  1s..2s",
		"app: constant-arrival-rate, 10 iterations each 1s for 5s, 10 to 50 users", "iterations  50 in all", "publishes   50 in all, over HTTP",
		`publish  channel a, event E, payload {"a":"{{ uuid() }}","b":1}`,
		"delivery_latency: p(95)<50", "deliveries_missing: count<3, ends the run from 5s on", "dropped_iterations: count==0  (by default)",
	} {
		assert.Contains(t, lines, want)
	}
	assert.Equal(t, 10*time.Second, p.Length())
}
