package harness_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

// home is a house under test with a clock moved by hand, in milliseconds since the run began.
type home struct {
	*harness.House
	registry *harness.Registry
	start    time.Time
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{registry: harness.NewRegistry(), start: time.Now()}
	h.House = harness.NewHouse(harness.HouseConfig{Start: h.start, Registry: h.registry})
	return h
}

func (h *home) at(ms int) time.Time { return h.start.Add(time.Duration(ms) * time.Millisecond) }

func (h *home) enter(user string, asked int) *harness.Stay {
	return h.Entering("tab of "+user, "1."+user, "presence-room", user, h.at(asked))
}

// in is somebody who came and was told who is there.
func (h *home) in(user string, asked int, here ...string) *harness.Stay {
	s := h.enter(user, asked)
	s.Here(append(here, user), len(here)+1, h.at(asked+5))
	return s
}

// TestHouse is every verdict on what a client was told of others.
func TestHouse(t *testing.T) {
	type counts struct{ ghosts, missed, twice, drift int64 }
	for _, c := range []struct {
		name string
		run  func(h *home)
		want counts
	}{
		{"two come, one goes, all is told", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Left(h.at(5000))
			a.Leaving("b", h.at(5004))
		}, counts{}},
		{"told before the one who came was", func(h *home) {
			a := h.in("a", 10)
			b := h.enter("b", 2000)
			a.Joining("b", h.at(2001))
			b.Here([]string{"a", "b"}, 2, h.at(2002))
		}, counts{}},
		{"a join that nobody tells", func(h *home) {
			h.in("a", 10)
			h.in("b", 2000, "a")
		}, counts{missed: 1, drift: 1}},
		{"a leave that nobody tells", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Left(h.at(5000))
		}, counts{missed: 1, ghosts: 1}},
		{"both a join and the leave after it", func(h *home) {
			h.in("a", 10)
			h.in("b", 2000, "a").Left(h.at(5000))
		}, counts{missed: 2}},
		{"a join told twice", func(h *home) {
			a := h.in("a", 10)
			h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			a.Joining("b", h.at(2004))
		}, counts{twice: 1}},
		{"a leave that did not happen", func(h *home) {
			a := h.in("a", 10)
			h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			a.Leaving("b", h.at(4000))
		}, counts{twice: 1, drift: 1}},
		{"here lists somebody who is not there", func(h *home) {
			h.in("a", 10, "nobody")
		}, counts{drift: 1, ghosts: 1}},
		{"here does not list somebody who is", func(h *home) {
			a := h.in("a", 10)
			h.in("b", 2000)
			a.Joining("b", h.at(2003))
		}, counts{drift: 2}}, // at that moment, and at the end
		{"here's count is not the length of its list", func(h *home) {
			h.enter("a", 10).Here([]string{"a"}, 2, h.at(12))
		}, counts{drift: 1}},
		{"a second tab is told to nobody, and its end neither", func(h *home) {
			a := h.in("a", 10)
			first := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			second := h.in("b", 4000, "a")
			first.Left(h.at(6000))
			second.Left(h.at(8000))
			a.Leaving("b", h.at(8004))
		}, counts{}},
		{"a second tab that is told", func(h *home) {
			a := h.in("a", 10)
			h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			h.in("b", 4000, "a")
			a.Joining("b", h.at(4003))
		}, counts{twice: 1}},
		{"one tab leaves and asks again at once, while the other's leave is still under way: nobody is told", func(h *home) {
			b := h.in("b", 10)
			first := h.in("a", 2000, "b")
			b.Joining("a", h.at(2003))
			second := h.Entering("tab of a", "2.a", "presence-room", "a", h.at(3000))
			second.Here([]string{"a", "b"}, 2, h.at(3080))
			second.Left(h.at(6000))
			first.Left(h.at(6010))
			again := h.enter("a", 6012)
			again.Here([]string{"a", "b"}, 2, h.at(6016))
			again.Left(h.at(9000))
			b.Leaving("a", h.at(9003))
		}, counts{}},
		{"the end of one of two tabs that is told", func(h *home) {
			a := h.in("a", 10)
			first := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			h.in("b", 4000, "a")
			first.Left(h.at(6000))
			a.Leaving("b", h.at(6003))
		}, counts{twice: 1, drift: 1}},
		{"back at once: told or not, both are right", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Cut(h.at(4000))
			h.in("b", 4100, "a")
		}, counts{}},
		{"back at once, and told", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Cut(h.at(4000))
			a.Leaving("b", h.at(4150))
			h.in("b", 4100, "a")
			a.Joining("b", h.at(4153))
		}, counts{}},
		{"back at once, and told of its going only", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Cut(h.at(4000))
			h.in("b", 4100, "a").Left(h.at(9000))
			a.Leaving("b", h.at(4150))
			a.Leaving("b", h.at(9003))
		}, counts{missed: 1}},
		{"back at once, and told of its coming only", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Cut(h.at(4000))
			h.in("b", 4100, "a")
			a.Joining("b", h.at(4153))
		}, counts{missed: 1}},
		{"back at once, after its going was told, which leaves no doubt", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Cut(h.at(4000))
			a.Leaving("b", h.at(4001))
			h.in("b", 4100, "a")
		}, counts{missed: 1, drift: 1}},
		{"left and joined again on one connection, which keeps the order", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Left(h.at(4000))
			h.in("b", 4100, "a")
		}, counts{missed: 2}},
		{"a second tab asks while the first is cut: the server may see that in either order", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			second := h.enter("b", 4000)
			b.Cut(h.at(4001))
			a.Leaving("b", h.at(4002))
			a.Joining("b", h.at(4003))
			second.Here([]string{"a", "b"}, 2, h.at(4004))
		}, counts{}},
		{"told between leaving and being let in again: that was before the server saw it leave", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			a.Left(h.at(4000))
			again := h.enter("a", 4000)
			b.Left(h.at(3990))
			again.Leaving("b", h.at(4001))
			again.Here([]string{"a"}, 1, h.at(4003))
		}, counts{}},
		{"a coming that ended before the client asked again", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 3990, "a")
			a.Left(h.at(4000))
			again := h.enter("a", 4000)
			again.Joining("b", h.at(4001))
			again.Here([]string{"a", "b"}, 2, h.at(4003))
			b.Leaving("a", h.at(4002))
			b.Joining("a", h.at(4003))
		}, counts{}},
		{"told twice over a leave and a return", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 3990, "a")
			a.Joining("b", h.at(3996))
			a.Left(h.at(4000))
			again := h.enter("a", 4000)
			again.Joining("b", h.at(4001))
			again.Here([]string{"a", "b"}, 2, h.at(4003))
			b.Leaving("a", h.at(4002))
			b.Joining("a", h.at(4003))
		}, counts{twice: 1}},
		{"told before it is let in, on another connection", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			a.Cut(h.at(4000))
			again := h.Entering("tab of a", "2.a", "presence-room", "a", h.at(6000))
			again.Joining("b", h.at(6001))
			again.Here([]string{"a", "b"}, 2, h.at(6003))
			b.Leaving("a", h.at(4002))
			b.Joining("a", h.at(6003))
		}, counts{twice: 1}},
		{"told to nobody who reads", func(h *home) {
			a := h.in("a", 10)
			a.Deaf(h.at(20))
			h.in("b", 2000, "a").Left(h.at(5000))
		}, counts{}},
		{"the server gave a slow one up, and tells it long before the slow one knows", func(h *home) {
			a := h.in("a", 10)
			b := h.in("b", 2000, "a")
			a.Joining("b", h.at(2003))
			b.Deaf(h.at(3000))
			a.Leaving("b", h.at(6000))
			c := h.in("c", 8000, "a")
			a.Joining("c", h.at(8001))
			b.Cut(h.at(20_000))
			h.in("b", 21_000, "a", "c")
			a.Joining("b", h.at(21_002))
			c.Joining("b", h.at(21_002))
		}, counts{}},
		{"a join that nobody tells, while another does not read", func(h *home) {
			h.in("a", 10)
			h.in("s", 2000, "a").Deaf(h.at(3000))
			h.in("b", 6000, "a", "s")
		}, counts{missed: 2, drift: 1}},
		{"a slow one that reads again, and was not told", func(h *home) {
			a := h.in("a", 10)
			a.Deaf(h.at(20))
			h.in("b", 2000, "a")
			a.Hears(h.at(3000))
		}, counts{missed: 1, drift: 1}},
		{"a leave just before one left, where the way to the server is long", func(h *home) {
			a := h.enter("a", 10)
			a.Here([]string{"a"}, 1, h.at(1410))
			b := h.in("b", 5000, "a")
			a.Joining("b", h.at(5003))
			b.Left(h.at(10_000))
			a.Left(h.at(11_300))
		}, counts{}},
		{"refused: nobody came", func(h *home) {
			h.in("a", 10)
			h.enter("b", 2000).Refused(h.at(2005))
		}, counts{}},
		{"two at the same moment, each in the other's here or told", func(h *home) {
			a, b := h.enter("a", 10), h.enter("b", 11)
			a.Here([]string{"a"}, 1, h.at(15))
			b.Here([]string{"a", "b"}, 2, h.at(16))
			a.Joining("b", h.at(17))
		}, counts{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			c.run(h)
			got := h.Settle(h.at(60_000))
			assert.Equal(t, c.want, counts{got.Ghosts, got.Missed, got.Twice, got.Drift}, "%+v", got.Evidence)
			for _, e := range got.Evidence {
				assert.NotEmpty(t, e.Why)
				assert.NotEmpty(t, e.Client)
			}
		})
	}
}

func TestHouse_ConvergenceIsWhenTheLastOneKnew(t *testing.T) {
	h := newHome(t)
	a := h.in("a", 10)
	b := h.in("b", 2000, "a")
	a.Joining("b", h.at(2003))
	c := h.in("c", 4000, "a", "b")
	a.Joining("c", h.at(4010))
	assert.Equal(t, 1, h.Outstanding())
	b.Joining("c", h.at(4040))
	assert.Zero(t, h.Outstanding())
	c.Left(h.at(6000))
	a.Leaving("c", h.at(6100))
	b.Left(h.at(6200)) // nobody waits for it any more
	a.Leaving("b", h.at(6201))
	assert.Zero(t, h.Outstanding())
	r := harness.Result{Metrics: h.registry.Results()}
	joins, ok := r.Metric("presence_convergence", map[string]string{"change": "join"})
	require.True(t, ok)
	assert.Equal(t, int64(2), joins.Count)
	assert.InDelta(t, 40, joins.Most, 0.1)
	assert.InDelta(t, 3, joins.Least, 0.1)
}

// BenchmarkHouseStorm is a thousand members who come one after the other: what a storm costs grows with what is told, not with its square again.
func BenchmarkHouseStorm(b *testing.B) {
	for range b.N {
		start := time.Now()
		h := harness.NewHouse(harness.HouseConfig{Start: start})
		var stays []*harness.Stay
		var here []string
		for i := range 1000 {
			user := fmt.Sprint(i)
			s := h.Entering(user, "", "presence-room", user, start.Add(time.Duration(i)*time.Millisecond))
			here = append(here, user)
			now := start.Add(time.Duration(i)*time.Millisecond + 500*time.Microsecond)
			s.Here(here, len(here), now)
			for _, other := range stays {
				other.Joining(user, now)
			}
			stays = append(stays, s)
		}
		if got := h.Settle(start.Add(time.Minute)); got.Missed+got.Twice+got.Ghosts+got.Drift > 0 {
			b.Fatalf("%+v", got)
		}
	}
}

// TestHouse_ToldByOrder: instants are read by several loops, so that one who was confirmed before a change may have the
// later of the two. Whoever is waited for is also whoever is counted when told.
func TestHouse_ToldByOrder(t *testing.T) {
	h := newHome(t)
	a := h.enter("a", 10)
	a.Here([]string{"a"}, 1, h.at(101))
	b := h.enter("b", 100) // entered after, with an earlier instant
	a.Joining("b", h.at(103))
	b.Here([]string{"a", "b"}, 2, h.at(104))
	assert.Zero(t, h.Outstanding())
	r := h.Settle(h.at(3000))
	assert.Equal(t, r.Joins+r.Leaves, r.Told)
}

// TestHouse_UserInfo: what a client is told of a member is held against what the member joined with, however it is written.
func TestHouse_UserInfo(t *testing.T) {
	const joined = `{"name":"Zoë","roles":[],"age":41}`
	for _, c := range []struct {
		name, said string
		wrong      int64
	}{
		{"the same", joined, 0},
		{"written anew, as PHP does", `{"age":41.0,"roles":{},"name":"Zo\u00eb"}`, 0},
		{"another name", `{"nome":"Zoë","roles":[],"age":41}`, 1},
		{"nothing", ``, 1},
		{"somebody else's", `{"name":"Jim","roles":[],"age":41}`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			a := h.in("a", 10)
			a.Said("a", nil)
			b := h.in("b", 2000, "a")
			b.Said("b", []byte(joined))
			a.Joining("b", h.at(2003))
			a.Introduced("b", []byte(c.said), h.at(2003))
			late := h.in("c", 4000, "a", "b")
			a.Joining("c", h.at(4003))
			b.Joining("c", h.at(4003))
			a.Introduced("c", []byte(`{"of":"whom nothing is known"}`), h.at(4003))
			said := c.said
			if said == "" {
				said = "null"
			}
			late.Listed([]byte(`{"a":[],"b":`+said+`,"c":{}}`), h.at(4005))
			got := h.Settle(h.at(60_000))
			assert.Equal(t, 2*c.wrong, got.Altered, "%+v", got.Evidence)
			assert.Zero(t, got.Missed+got.Twice+got.Drift+got.Ghosts, "%+v", got.Evidence)
			if c.wrong > 0 {
				assert.Equal(t, "b", got.Evidence[0].Member)
				assert.Contains(t, got.Evidence[0].Why, "who joined with "+joined)
			}
		})
	}
}
