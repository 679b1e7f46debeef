package harness_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

func TestArrivals(t *testing.T) {
	type at struct {
		n  uint64
		ms float64
	}
	for _, c := range []struct {
		name   string
		from   float64
		stages []harness.Stage
		count  uint64
		due    []at
	}{
		{"constant", 50, []harness.Stage{{Duration: 2 * time.Second, Target: 50}}, 100, []at{{0, 0}, {1, 20}, {99, 1980}}},
		{"from nothing", 0, []harness.Stage{{Duration: 10 * time.Second, Target: 20}}, 100, []at{{0, 0}, {1, 1000}, {4, 2000}, {25, 5000}, {99, 9949.874}}},
		{"to nothing", 20, []harness.Stage{{Duration: 10 * time.Second, Target: 0}}, 100, []at{{0, 0}, {75, 5000}, {99, 9000}}},
		{"a jump", 10, []harness.Stage{{Duration: time.Second, Target: 10}, {Target: 100}, {Duration: time.Second, Target: 100}}, 110, []at{{9, 900}, {10, 1000}, {11, 1010}, {109, 1990}}},
		{"a pause", 10, []harness.Stage{{Duration: time.Second, Target: 10}, {Target: 0}, {Duration: time.Second, Target: 0}, {Target: 10}, {Duration: time.Second, Target: 10}}, 20, []at{{9, 900}, {10, 2000}}},
		{"nothing at all", 0, []harness.Stage{{Duration: time.Second, Target: 0}}, 0, nil},
		{"less than one a second", 0.5, []harness.Stage{{Duration: 10 * time.Second, Target: 0.5}}, 5, []at{{0, 0}, {1, 2000}, {4, 8000}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := harness.NewArrivals(c.from, c.stages)
			assert.Equal(t, c.count, a.Count())
			for _, d := range c.due {
				got, ok := a.Due(d.n)
				require.True(t, ok, "n=%d", d.n)
				assert.InDelta(t, d.ms, got.Seconds()*1000, 0.01, "n=%d", d.n)
			}
			_, more := a.Due(c.count)
			assert.False(t, more, "the one after the last")
			var before time.Duration
			for n := range c.count {
				got, ok := a.Due(n)
				require.True(t, ok)
				require.GreaterOrEqual(t, got, before)
				require.LessOrEqual(t, got, a.Length())
				before = got
			}
		})
	}
}

func TestShifts(t *testing.T) {
	s := time.Second
	assert.Equal(t, []harness.Shift{
		{User: 0, Start: 0, End: 8 * s},
		{User: 1, Start: 500 * time.Millisecond, End: 7500 * time.Millisecond},
		{User: 2, Start: 1500 * time.Millisecond, End: 6500 * time.Millisecond},
	}, harness.Shifts(1, []harness.Stage{{Duration: 2 * s, Target: 3}, {Duration: 4 * s, Target: 3}, {Duration: 2 * s, Target: 1}}))
	assert.Equal(t, []harness.Shift{{User: 0, Start: 0, End: 3 * s}, {User: 1, Start: 0, End: s}, {User: 1, Start: 2 * s, End: 3 * s}},
		harness.Shifts(0, []harness.Stage{{Target: 2}, {Duration: s, Target: 2}, {Target: 1}, {Duration: s, Target: 1}, {Target: 2}, {Duration: s, Target: 2}}))
}
