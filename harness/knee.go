package harness

import (
	"context"
	"fmt"
	"time"
)

// How --find-knee searches.
const (
	kneeMost  = 1 << 12 // times the scenario's own rate
	kneeClose = 1.1     // it ends when what held and what broke lie this near
)

// FindKnee raises the rates of a plan's arrival-rate executors, twofold and then in smaller steps, until a threshold
// breaks, and returns the result of the last rate that held, with its Knee. When not even the scenario's own rate holds
// it is that result. opt.Progress is told which rate is being tried.
func FindKnee(ctx context.Context, p *Plan, opt Options) (*Result, error) {
	base := p.rate()
	if base == 0 {
		return nil, fmt.Errorf("--find-knee needs a scenario with a constant-arrival-rate or ramping-arrival-rate executor: there is no rate to raise here")
	}
	knee := &Knee{Attempts: []KneeStep{}}
	began, rate := time.Now(), ""
	tell := opt.Progress
	if tell != nil {
		opt.Progress = func(p Progress) { // the time is that of the search, whose end nobody knows
			p.Elapsed, p.Length = time.Since(began), 0
			if p.Phase != "" {
				p.Phase = rate + ": " + p.Phase
			}
			tell(p)
		}
	}
	var held, last *Result
	attempt := func(factor float64) (ok bool, err error) {
		plan := *p
		plan.Rate = factor
		rate = figure(base*factor) + " a second"
		if tell != nil {
			tell(Progress{Elapsed: time.Since(began), Phase: rate, News: "trying " + rate})
		}
		if last, err = Run(ctx, &plan, opt); err != nil {
			return false, err
		}
		ok = last.Verdict == Passed
		step := KneeStep{Rate: base * factor, Held: ok, Reasons: last.Reasons}
		if m, measured := last.Metric(DeliveryLatency.Name, nil); measured {
			step.P95MS = m.Percentile(95)
		}
		knee.Attempts = append(knee.Attempts, step)
		switch {
		case ok:
			knee.Rate, held = step.Rate, last
		case len(last.Reasons) > 0:
			knee.Broke = last.Reasons[0]
		}
		return ok, nil
	}
	over := func() bool { return last.Verdict == Unreachable || last.Verdict == Interrupted }
	low, high := 0.0, 0.0
	for factor := 1.0; factor <= kneeMost && high == 0; factor *= 2 {
		ok, err := attempt(factor)
		if err != nil {
			return nil, err
		}
		if ok {
			low = factor
		} else {
			high = factor
		}
	}
	for low > 0 && high/low > kneeClose && !over() {
		middle := (low + high) / 2
		ok, err := attempt(middle)
		if err != nil {
			return nil, err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	out := held
	if held == nil || over() {
		out = last
	}
	out.Knee = knee
	if held != nil && !over() && high == 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("nothing broke up to %s a second", figure(knee.Rate)))
	}
	return out, nil
}

// rate is how many iterations a second the plan's arrival-rate executors come to at their highest, together.
func (p *Plan) rate() (sum float64) {
	plan := *p
	plan.Rate = 0
	for i := range p.Scenario.Groups {
		if a := plan.arrivals(&p.Scenario.Groups[i]); a != nil {
			most := 0.0
			for _, l := range a.legs {
				most = max(most, l.from, l.to)
			}
			sum += most
		}
	}
	return sum
}
