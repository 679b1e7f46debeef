package harness_test

import (
	"bytes"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

// segmented plays a plan in two segments at the same time, the second behind something that spoils what it is told, and
// joins what they came to.
func segmented(t *testing.T, yaml string, spoil func(f *faulty, v *victim, m []byte) [][]byte) (parts []harness.Result, merged harness.Result) {
	t.Helper()
	s, err := harness.Parse("test.yaml", []byte(yaml+patient), harness.ParseInput{})
	require.NoError(t, err)
	opt := reverb(t)
	upstream, err := url.Parse(opt.URL)
	require.NoError(t, err)
	proxy := httptest.NewServer(&faulty{upstream: upstream, spoil: spoil})
	t.Cleanup(proxy.Close)
	parts = make([]harness.Result, 2)
	done := make(chan error, 2)
	for i, at := range []string{opt.URL, proxy.URL} {
		opt := opt
		opt.URL = at
		go func() {
			r, err := harness.Run(t.Context(), harness.NewPlan(s, 1, harness.Segment{K: i + 1, N: 2}), opt)
			if err == nil {
				parts[i] = *r
			}
			done <- err
		}()
	}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	merged, err = harness.Merge(parts)
	require.NoError(t, err)
	return parts, merged
}

// shared is people in two processes who whisper, and get news from both.
const shared = `
name: shared
drain: 6s
scenarios:
  staff:
    executor: constant-vus
    vus: 6
    duration: 2500ms
    user: {id: "u{{ vu }}"}
    setup: [connect, channel: portal, private: room, private: "own.{{ vu }}"]
    steps:
      - think: 900ms
      - whisper: {channel: private-room, event: typing, data: {none: {}}}
  news:
    executor: constant-arrival-rate
    startTime: 900ms
    rate: 40
    duration: 1s
    preAllocatedVUs: 6
    steps: [{publish: {channel: portal, event: News, payload: {id: "{{ iteration }}"}}}]
`

// TestMerge_FaultsBetweenSegments: what goes wrong with events that another segment published is found, and by the right
// counter.
func TestMerge_FaultsBetweenSegments(t *testing.T) {
	asItIs := func(m []byte) [][]byte { return [][]byte{m} }
	foreign := func(m []byte) bool { // of the first segment: what the second sent itself, it judges alone
		return is(m, "News") && bytes.Contains(m, []byte("-1-"))
	}
	for _, c := range []struct {
		name, counter string
		spoil         func(f *faulty, v *victim, m []byte) [][]byte
	}{
		{"nothing wrong", "", func(_ *faulty, _ *victim, m []byte) [][]byte { return asItIs(m) }},
		{"loses one in ten", "deliveries_missing", func(f *faulty, _ *victim, m []byte) [][]byte {
			if foreign(m) && f.every(10) {
				return nil
			}
			return asItIs(m)
		}},
		{"sends some twice", "deliveries_duplicate", func(f *faulty, _ *victim, m []byte) [][]byte {
			if foreign(m) && f.every(10) {
				return [][]byte{m, m}
			}
			return asItIs(m)
		}},
		{"turns two round", "deliveries_reordered", func(_ *faulty, v *victim, m []byte) [][]byte {
			if !foreign(m) {
				return asItIs(m)
			}
			if v.n++; v.n == 2 {
				v.held = [][]byte{m}
				return nil
			}
			if v.n == 12 {
				return [][]byte{m, v.held[0]}
			}
			return asItIs(m)
		}},
		{"leaks", "deliveries_leaked", func(f *faulty, _ *victim, m []byte) [][]byte {
			if foreign(m) && f.every(10) {
				return [][]byte{m, bytes.Replace(m, []byte(`"channel":"portal"`), []byte(`"channel":"private-room"`), 1)}
			}
			return asItIs(m)
		}},
		{"leaks to who never asked", "deliveries_leaked", func(f *faulty, _ *victim, m []byte) [][]byte {
			if foreign(m) && f.every(10) {
				return [][]byte{m, bytes.Replace(m, []byte(`"channel":"portal"`), []byte(`"channel":"private-own.99"`), 1)}
			}
			return asItIs(m)
		}},
		{"alters payloads", "deliveries_altered", func(f *faulty, _ *victim, m []byte) [][]byte {
			if foreign(m) && f.every(10) {
				return asItIs(bytes.Replace(m, []byte(`\"id\":`), []byte(`\"id\":9`), 1))
			}
			return asItIs(m)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			parts, merged := segmented(t, shared, c.spoil)
			whole := func(name string) int64 { return count(t, &merged, name, nil) }
			for _, name := range []string{"deliveries_missing", "deliveries_duplicate", "deliveries_reordered", "deliveries_leaked", "deliveries_altered", "deliveries_foreign"} {
				if name == c.counter {
					assert.Positive(t, whole(name), "%s %+v", name, merged.Delivery)
					continue
				}
				assert.Zero(t, whole(name), "%s %+v", name, merged.Delivery)
			}
			assert.Equal(t, int64(40), merged.Delivery.Accepted)
			assert.Equal(t, merged.Delivery.Expected, merged.Delivery.Delivered+merged.Delivery.Missing)
			assert.Equal(t, merged.Delivery.Expected, whole("deliveries_expected"))
			assert.GreaterOrEqual(t, merged.Delivery.Expected, int64(40*6+2*6*5-6), "%+v", merged.Delivery) // a last whisper may be under way when its sender goes
			if c.counter == "" {
				assert.Equal(t, harness.Passed, merged.Verdict, "%q", merged.Reasons)
				return
			}
			assert.Equal(t, harness.Failed, merged.Verdict)
			require.NotEmpty(t, merged.Delivery.Evidence)
			if c.counter != "deliveries_duplicate" { // a duplicate needs no other end
				assert.Equal(t, harness.Passed, parts[1].Verdict, "alone, the segment cannot know: %q", parts[1].Reasons)
				assert.Contains(t, merged.Delivery.Evidence[0].Why, "segment 1/2 sent it, segment 2/2 received")
			}
		})
	}
}

// TestMerge_APartWithoutItsShare: a result of an older Echolab, or one that somebody cut, is told from a good one.
func TestMerge_APartWithoutItsShare(t *testing.T) {
	parts, _ := segmented(t, shared, func(_ *faulty, _ *victim, m []byte) [][]byte { return [][]byte{m} })
	older := []harness.Result{parts[0], parts[1]}
	older[0].Share = nil
	m, err := harness.Merge(older)
	require.NoError(t, err)
	assert.Contains(t, m.Warnings, "segment 1/2 does not tell what it sent: deliveries between it and the others were not checked")
	older[0].Share = parts[0].Share[:len(parts[0].Share)/2]
	_, err = harness.Merge(older)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "segment 1/2 tells of deliveries cannot be read")
}
