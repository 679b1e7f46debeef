package harness

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Run waits.
func (s *Think) Run(ctx context.Context, u *User) error {
	if u.wait(ctx, u.due.Add(s.For.Draw(u.rng))) != nil {
		return errStopped
	}
	return nil
}

// Run repeats steps. With every, beginnings are due at fixed distances, however long the steps take.
func (s *Repeat) Run(ctx context.Context, u *User) error {
	begin := u.due
	next := begin
	for n := 0; s.Times <= 0 || n < s.Times; n++ {
		if s.For > 0 && next.Sub(begin) >= s.For {
			return nil
		}
		if n > 0 && !s.Every.IsZero() {
			if u.wait(ctx, next) != nil {
				return errStopped
			}
		}
		before := u.due
		if err := u.steps(ctx, s.Steps); errors.Is(err, errStopped) {
			return err
		}
		if s.Every.IsZero() {
			if !u.due.After(before) {
				u.now()
			}
			next = u.due
		} else {
			next = next.Add(s.Every.Draw(u.rng))
		}
		if ctx.Err() != nil || !u.until.IsZero() && time.Now().After(u.until) {
			return errStopped
		}
	}
	return nil
}

// Run sets variables.
func (s *Set) Run(_ context.Context, u *User) error {
	values, err := evalAll(s.Values, u.env())
	if err != nil {
		return err
	}
	if u.vars == nil {
		u.vars = make(map[string]any, len(values))
	}
	for name, value := range values {
		u.vars[name] = value
	}
	return nil
}

// Run waits for what is expected, and enters whether it came.
func (s *Expect) Run(ctx context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	env := u.env()
	channel, err := s.Channel.Eval(env)
	if err != nil {
		return err
	}
	event, err := s.Event.Eval(env)
	if err != nil {
		return err
	}
	member, err := s.Member.Eval(env)
	if err != nil {
		return err
	}
	most := orDefault(s.Within, defaultExpect)
	since := u.began
	if s.Since == "now" {
		since = time.Now()
	}
	var seen int
	var problem error
	fits := func(h heard) bool {
		if event != "" && h.event != event || h.at.Before(since) {
			return false
		}
		if s.Where == nil {
			return true
		}
		holds, err := s.Where.Holds(env, decoded(h.data))
		if err != nil {
			problem = err
		}
		return holds
	}
	came := func(u *User) int {
		a := u.inLocked(channel)
		if a == nil {
			return 0
		}
		n := 0
		for _, h := range a.recent {
			if fits(h) {
				n++
			}
		}
		return n
	}
	name, wanted := s.sentence(channel, event, member)
	u.mu.Lock()
	asked := u.asked[channel]
	u.mu.Unlock()
	switch {
	case !asked:
		u.run.check(u, u.step, name, false, u.step.Place+": the user never subscribed to "+channel+": put join, private, encrypted or channel before expect, and the wire's prefix into its name")
		return &failure{}
	case s.Nothing:
		_, err = u.await(ctx, most, func(u *User) bool { seen = came(u); return seen > 0 })
		if err != nil {
			return errStopped
		}
		u.run.check(u, u.step, name, seen == 0 && problem == nil, fmt.Sprintf("%d came", seen))
		if seen > 0 {
			return &failure{}
		}
	case s.Members != nil || member != "":
		var there int
		var in bool
		ok, err := u.await(ctx, most, func(u *User) bool {
			a := u.inLocked(channel)
			if a == nil || a.stay == nil || !a.ready {
				return false
			}
			there, in = a.stay.Members(member)
			return (s.Members == nil || there == *s.Members) && (member == "" || in)
		})
		if err != nil {
			return errStopped
		}
		u.run.check(u, u.step, name, ok, fmt.Sprintf("after %s there were %d members", most, there))
		if !ok {
			return &failure{}
		}
	default:
		ok, err := u.await(ctx, most, func(u *User) bool { seen = came(u); return seen >= wanted })
		if err != nil {
			return errStopped
		}
		evidence := fmt.Sprintf("%d of %d came within %s", seen, wanted, most)
		if problem != nil {
			evidence = problem.Error()
		}
		u.run.check(u, u.step, name, ok, evidence)
		if !ok {
			return &failure{}
		}
	}
	u.now()
	return nil
}

// sentence names the expectation, and says how many events it wants.
func (s *Expect) sentence(channel, event, member string) (name string, count int) {
	what := event
	if what == "" {
		what = "event"
	}
	kind := "a " + KindOf(channel) // one name for all users, whatever their channel is called
	if KindOf(channel) == "encrypted" {
		kind = "an encrypted"
	}
	count = max(1, s.Count)
	switch {
	case s.Nothing:
		return fmt.Sprintf("no %s on %s channel", what, kind), 0
	case s.Members != nil:
		return fmt.Sprintf("%d members", *s.Members), 0
	case member != "":
		return "a member is there", 0
	case count > 1:
		return fmt.Sprintf("%d × %s on %s channel", count, what, kind), count
	}
	return fmt.Sprintf("%s on %s channel", what, kind), 1
}
