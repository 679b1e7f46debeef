package harness

import (
	"math"
	"slices"
	"time"
)

// Stage is one leg of a ramp: linear from where it begins to Target.
type Stage struct {
	Duration time.Duration `yaml:"duration" required:"true" help:"how long it takes; 0s is a jump"`
	// Target is virtual users, or iterations each timeUnit.
	Target float64 `yaml:"target" required:"true" help:"users, or iterations each timeUnit, at its end"`
}

// Arrivals says when iterations are due, whatever became of the ones before (an open model: a slow server is not waited
// for, so its slowness is measured whole). It is pure: the same stages give the same instants.
type Arrivals struct{ legs []leg }

// leg is a time in which the rate goes from one value to another in a line.
type leg struct {
	start    time.Duration
	length   time.Duration
	from, to float64 // a second
	before   float64 // how many are due before it
}

// NewArrivals makes arrivals from a rate a second that goes through stages. A stage without a duration is a jump.
func NewArrivals(from float64, stages []Stage) *Arrivals {
	a := &Arrivals{}
	var at time.Duration
	total, rate := 0.0, from
	for _, s := range stages {
		if s.Duration > 0 {
			a.legs = append(a.legs, leg{at, s.Duration, rate, s.Target, total})
			total += (rate + s.Target) / 2 * s.Duration.Seconds()
			at += s.Duration
		}
		rate = s.Target
	}
	return a
}

// Due is when the n-th iteration is due, n from 0; ok is false when there is none. The first of a constant rate is due at
// once, so that n is due at n/rate.
func (a *Arrivals) Due(n uint64) (at time.Duration, ok bool) {
	i := slices.IndexFunc(a.legs, func(l leg) bool { return float64(n) < l.before+l.count() })
	if i < 0 {
		return 0, false
	}
	l := a.legs[i]
	left := float64(n) - l.before
	slope := (l.to - l.from) / l.length.Seconds()
	var seconds float64
	if math.Abs(slope) < 1e-12 {
		seconds = left / l.from
	} else {
		// left = from·t + slope·t²/2, solved so that neither sign of the slope loses digits.
		seconds = 2 * left / (l.from + math.Sqrt(max(0, l.from*l.from+2*slope*left)))
		if left == 0 {
			seconds = 0
		}
	}
	return min(l.start+time.Duration(seconds*float64(time.Second)), l.start+l.length), true
}

func (l leg) count() float64 { return (l.from + l.to) / 2 * l.length.Seconds() }

// Count is how many iterations there are.
func (a *Arrivals) Count() uint64 {
	if len(a.legs) == 0 {
		return 0
	}
	last := a.legs[len(a.legs)-1]
	total := last.before + last.count()
	return uint64(math.Ceil(total - 1e-9))
}

// Length is how long all stages take.
func (a *Arrivals) Length() time.Duration {
	if len(a.legs) == 0 {
		return 0
	}
	last := a.legs[len(a.legs)-1]
	return last.start + last.length
}

// Shift is one virtual user's time at work: from Start until it is told to end at End.
type Shift struct {
	User       int // number in its scenario, from 0
	Start, End time.Duration
}

// Shifts says when which virtual user works, for a number of users that goes through stages. Users are taken away in the
// reverse order in which they came, as k6 does, and one that comes again has the same number.
func Shifts(from int, stages []Stage) (all []Shift) {
	var working []int // indexes into all
	var at time.Duration
	count := from
	begin := func(t time.Duration) {
		working = append(working, len(all))
		all = append(all, Shift{User: len(working) - 1, Start: t})
	}
	end := func(t time.Duration) {
		last := len(working) - 1
		all[working[last]].End = t
		working = working[:last]
	}
	for range from {
		begin(0)
	}
	for _, s := range stages {
		target := max(0, int(s.Target))
		change := target - count
		for i := 1; i <= max(change, -change); i++ {
			t := at
			if s.Duration > 0 {
				// The i-th of n changes comes when the line has passed it by half, so that they are spread evenly.
				t += time.Duration((float64(i) - 0.5) / math.Abs(float64(change)) * float64(s.Duration))
			}
			if change > 0 {
				begin(t)
			} else {
				end(t)
			}
		}
		count = target
		at += s.Duration
	}
	for len(working) > 0 {
		end(at)
	}
	return all
}
