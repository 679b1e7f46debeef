package harness

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Plan is a scenario that is about to be run: with its seed, and the share of it that this process takes.
type Plan struct {
	Scenario *Scenario
	Seed     uint64
	// Hash is the same for the same file, variables and seed, whatever the segment.
	Hash    string
	Segment Segment
	// Rate multiplies the rates of arrival-rate executors; 0 is 1. --find-knee raises it.
	Rate float64
}

// Segment is the K-th of N equal shares of a plan, K from 1; the zero value is all of it. Users and iterations are dealt out
// in turn, so that no coordinator is needed.
type Segment struct{ K, N int }

// ParseSegment reads such as 2/5.
func ParseSegment(s string) (Segment, error) {
	left, right, cut := strings.Cut(s, "/")
	k, err1 := strconv.Atoi(left)
	n, err2 := strconv.Atoi(right)
	if !cut || err1 != nil || err2 != nil || k < 1 || n < 1 || k > n {
		return Segment{}, fmt.Errorf("%q is no segment; write the second of five as 2/5", s)
	}
	return Segment{k, n}, nil
}

func (s Segment) String() string {
	if s.N <= 1 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.K, s.N)
}

// Takes tells whether the i-th of something, from 0, is this segment's.
func (s Segment) Takes(i uint64) bool { return s.N <= 1 || i%uint64(s.N) == uint64(s.K-1) }

// arrivals are when the group's iterations are due; nil for executors of virtual users.
func (p *Plan) arrivals(g *Group) *Arrivals {
	unit := g.TimeUnit.Seconds()
	if unit <= 0 {
		unit = 1
	}
	factor := 1 / unit
	if p.Rate > 0 {
		factor *= p.Rate
	}
	switch g.Executor {
	case ConstantArrivalRate:
		return NewArrivals(g.Rate*factor, []Stage{{g.Duration, g.Rate * factor}})
	case RampingArrivalRate:
		stages := make([]Stage, len(g.Stages))
		for i, s := range g.Stages {
			stages[i] = Stage{s.Duration, s.Target * factor}
		}
		return NewArrivals(g.StartRate*factor, stages)
	}
	return nil
}

// shifts are when the group's virtual users work.
func (g *Group) shifts() []Shift {
	switch g.Executor {
	case ConstantVUs:
		return Shifts(g.VUs, []Stage{{g.Duration, float64(g.VUs)}})
	case RampingVUs:
		return Shifts(g.StartVUs, g.Stages)
	case PerVUIterations:
		return Shifts(g.VUs, []Stage{{g.MaxDuration, float64(g.VUs)}})
	}
	return nil
}

// length is how long the group works, without its graceful stop; per-vu-iterations may end earlier.
func (p *Plan) length(g *Group) time.Duration {
	if a := p.arrivals(g); a != nil {
		return a.Length()
	}
	var end time.Duration
	for _, s := range g.shifts() {
		end = max(end, s.End)
	}
	return end
}

// Length is when the last group ends, by the plan, since the run's start.
func (p *Plan) Length() (end time.Duration) {
	for i := range p.Scenario.Groups {
		g := &p.Scenario.Groups[i]
		length := p.length(g)
		if g.Executor == RampingVUs { // a last stage without users counts too
			length = 0
			for _, s := range g.Stages {
				length += s.Duration
			}
		}
		end = max(end, g.StartTime+length)
	}
	return end
}

// crew is how many virtual users a group has in all segments.
func (g *Group) crew() (n int) {
	if g.Executor.Arrival() {
		return max(g.PreAllocatedVUs, g.MaxVUs)
	}
	for _, s := range g.shifts() {
		n = max(n, s.User+1)
	}
	return n
}

// Users is how many virtual users work at the same time at most, in this segment.
func (p *Plan) Users() (most int) {
	for i := range p.Scenario.Groups {
		g := &p.Scenario.Groups[i]
		for user := range g.crew() {
			if p.Segment.Takes(uint64(user)) {
				most++
			}
		}
	}
	return most
}
